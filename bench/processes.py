"""Start, measure and stop the processes of the benchmark."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 15.0
TICK = os.sysconf("SC_CLK_TCK")
CPU_CLOCK = 2
"""The id of a process's CPU clock, as measured by the scheduler: clock_getcpuclockid(3)."""
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """CPU and memory of a process and its children so far."""

    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running process that listens on `port`."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.port}"

    def usage(self) -> ProcessUsage:
        """Return the usage so far."""
        return read_usage(self.pid)


@contextlib.contextmanager
def run_process(
    name: str, module: str, *arguments: str, folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Run `python -m module arguments` until the end of the block, and wait until it listens on `port`.

    It runs in `folder` and logs to `{name}.log` there. It does not get the caller's BRIDGE_ settings.
    """
    log = folder / f"{name}.log"
    with log.open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603  this interpreter, this project
            [sys.executable, "-m", module, *arguments],
            cwd=folder,  # a developer's .env must not apply
            env=clean_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    try:
        _wait_until_listening(process, port, log)
        yield ServerProcess(name, process.pid, port)
    finally:
        stop_process(process)


def clean_environment() -> dict[str, str]:
    """Return the environment without BRIDGE_ settings, with the project on Python's path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    paths_before = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [str(ROOT), *(str(Path(path).resolve()) for path in paths_before)]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Terminate `process`; kill it after a timeout."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_usage(pid: int) -> ProcessUsage:
    """Return the CPU time and memory of process `pid` and its descendants."""
    family = _find_family(pid)
    cpu = sum(_cpu_seconds(each, fields) for each, fields in family.items())
    return ProcessUsage(cpu, sum(_read_memory(each, "VmRSS:") for each in family))


def peak_bytes(pid: int) -> int:
    """Return the peak memory of process `pid`, without its children."""
    return _read_memory(pid, "VmHWM:")


def machine_seconds() -> float:
    """Return the busy CPU seconds of all cores, including time stolen by the host."""
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / TICK


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server accepts connections. It does so only when it is ready."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    log_end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"{log.stem} did not start:\n{log_end}")


def _find_family(pid: int) -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat, after the process name, for `pid` and its descendants."""
    fields_by_pid: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process may have ended
            fields_by_pid[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    family = {pid}
    while children := {each for each, fields in fields_by_pid.items() if int(fields[1]) in family} - family:
        family |= children
    return {each: fields_by_pid[each] for each in family if each in fields_by_pid}


def _cpu_seconds(pid: int, fields: list[str]) -> float:
    """Return the CPU seconds of process `pid` and its ended children, by the kernel's CPU clock.

    /proc counts user and system time in ticks of 10 ms. For 1,500 repeated deliveries, that is an error of 6 %.
    """
    user, system, *ended = map(int, fields[11:15])
    try:
        own = time.clock_gettime(~pid << 3 | CPU_CLOCK)
    except OSError:  # the process has just ended
        own = (user + system) / TICK
    return own + sum(ended) / TICK


def _read_memory(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
