"""No PostgreSQL server outlives the tests, even if the process that started it is killed."""

import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types; PostgreSQL comes with it

from tests.support.files import ROOT
from tests.support.postgres import guarded_folder
from tests.support.postgres_guard import find_server, is_alive

START = """
import sys
from pathlib import Path
from tests.support.postgres import run_server

with run_server(Path(sys.argv[1])) as uri:
    print(uri, flush=True)
    sys.stdin.read()
"""
PATIENCE = 60


def start(runtime: Path) -> tuple["subprocess.Popen[str]", psutil.Process]:
    """Start a process that runs a server, as a pytest worker does; return both."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(runtime)], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    guard = next(each for each in psutil.Process(process.pid).children() if "postgres_guard.py" in str(each.cmdline()))
    server = find_server(Path(guard.cmdline()[-1]))
    assert server is not None
    return process, server


def folder_of(server: psutil.Process) -> Path:
    return Path(server.cmdline()[server.cmdline().index("-D") + 1])


def wait_until_gone(server: psutil.Process, folder: Path) -> None:
    """Wait until the server has ended and its folder is removed."""
    end = time.monotonic() + PATIENCE
    while folder.exists() or is_alive(server):
        assert time.monotonic() < end, f"the server still runs, or {folder} is still there"
        time.sleep(0.05)


def test_a_server_ends_with_its_process(tmp_path: Path) -> None:
    process, server = start(tmp_path)
    folder = folder_of(server)
    with process:
        process.kill()
    wait_until_gone(server, folder)


def test_the_folder_goes_with_its_context() -> None:
    with guarded_folder("bridge-test-") as folder:
        assert folder.is_dir()
    assert not folder.exists()
