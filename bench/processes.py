"""Processes of the benchmark: started one by one, waited for, measured, and ended by their own id."""

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
"""Of a process's clocks the one of the CPU time that the scheduler gave it: clock_getcpuclockid(3)."""
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What a process and those that it has started have used until now."""

    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process that runs; it listens on `port`."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def usage(self) -> ProcessUsage:
        """Return what it has used until now."""
        return read_usage(self.pid)


@contextlib.contextmanager
def run_process(
    name: str, module: str, *arguments: str, folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Run `python -m module arguments` until the end of the block; entered once it listens on `port`.

    It runs in `folder`, with what it writes in `{name}.log` there. No setting of the caller's reaches it.
    """
    log = folder / f"{name}.log"
    with log.open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603  this interpreter, a module of ours
            [sys.executable, "-m", module, *arguments],
            cwd=folder,  # a .env of the developer's is none of its business
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
    """Return the environment without settings of the bridge's, with both packages on Python's path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    paths_before = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [str(ROOT), *(str(Path(path).resolve()) for path in paths_before)]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """End `process`: as it likes at first, then at once."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_usage(pid: int) -> ProcessUsage:
    """Return the CPU time and memory of process `pid`, of its children, and of theirs."""
    family = _find_family(pid)
    cpu = sum(_cpu_seconds(each, fields) for each, fields in family.items())
    return ProcessUsage(cpu, sum(_read_memory(each, "VmRSS:") for each in family))


def peak_bytes(pid: int) -> int:
    """Return the most memory that process `pid` has had until now, without those that it has started."""
    return _read_memory(pid, "VmHWM:")


def machine_seconds() -> float:
    """Return the CPU seconds that all cores have been busy for, with what the host took away."""
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / TICK


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the server takes connections: it does so only when it can work."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    log_end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"{log.stem} did not start:\n{log_end}")


def _find_family(pid: int) -> dict[int, list[str]]:
    """Return /proc's words on `pid` and its descendants, without the number and the name, which may hold blanks."""
    fields_by_pid: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may just have ended
            fields_by_pid[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    family = {pid}
    while children := {each for each, fields in fields_by_pid.items() if int(fields[1]) in family} - family:
        family |= children
    return {each: fields_by_pid[each] for each in family if each in fields_by_pid}


def _cpu_seconds(pid: int, fields: list[str]) -> float:
    """Return what process `pid` and its ended children have used, by the clock that the kernel keeps of it.

    /proc counts in ticks of 10 ms, user's and system's apart: 6 % of what 1,500 repeated deliveries take.
    """
    user, system, *ended = map(int, fields[11:15])
    try:
        own = time.clock_gettime(~pid << 3 | CPU_CLOCK)
    except OSError:  # it has just ended
        own = (user + system) / TICK
    return own + sum(ended) / TICK


def _read_memory(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
