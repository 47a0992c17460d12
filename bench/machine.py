"""Describe the machine and the measured versions."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.databases import POSTGRESQL, SQLITE, BenchDatabases
from bench.processes import ROOT

PACKAGES = ("uvicorn", "fastapi", "httpx", "sqlalchemy", "asyncpg", "uvloop", "httptools", "pydantic", "structlog")


def describe_machine(databases: BenchDatabases) -> dict[str, Any]:
    """Return the machine, the versions, the date and the commit."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _read_commit(),
        "cpu": _read_cpu_name(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "databases": {SQLITE: databases.version(SQLITE), POSTGRESQL: databases.version(POSTGRESQL)},
        "packages": {name: version(name) for name in PACKAGES},
    }


def _read_cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _read_commit() -> str:
    """Return the commit, marked if there are local changes; empty outside a repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    words = ["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    completed = subprocess.run([git, "-C", str(ROOT), *words], capture_output=True, text=True, check=False)  # noqa: S603
    return completed.stdout.strip()
