"""Stop a PostgreSQL server when the process that started it has ended: `python postgres_guard.py FOLDER`.

The parent keeps the write end of this program's standard input open. The kernel closes it when the parent ends, also
by SIGKILL. Nothing else could stop the server then: it is a daemon.
"""

import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types; PostgreSQL comes with it

PATIENCE = 30.0
"""Seconds that an immediate shutdown may take before the server is killed."""


def find_server(folder: Path) -> psutil.Process | None:
    """Return the server that runs on the data folder, None without one."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(pid)
        return process if str(folder) in process.cmdline() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def stop_server(folder: Path) -> None:
    """Stop the server on the data folder at once, without a checkpoint."""
    server = find_server(folder)
    if server is None:
        return
    family = [server, *server.children(recursive=True)]
    server.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown
    end = time.monotonic() + PATIENCE
    while any(is_alive(process) for process in family):
        if time.monotonic() > end:
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            return
        time.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs. One that has ended may stay a zombie until the system's first process reaps it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def main(folder: Path) -> None:
    """Wait for the end of standard input, then stop the server and remove its folder."""
    sys.stdin.buffer.read()
    stop_server(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
