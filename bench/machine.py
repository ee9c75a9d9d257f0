"""What the numbers were measured on: without it they say little."""

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from msgspec import Struct

DOCUMENT: Final = bytes(600)
GIB: Final = 1 << 30
QUIET: Final = 0.7
"""The load of a machine that is free to be measured, of the last minute."""
HASHES: Final = 200_000


class Machine(Struct, frozen=True):
    """A machine at a moment.

    Units: `memory_gib`; `load` of the last minute, in processes that ran or wanted to, before the
    run began; `hashes_s` are sha256 of 600 bytes a second, one by one from Python.
    """

    made_at: str
    commit: str
    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    postgres: str
    load: float
    hashes_s: float


def machine(postgres: str, load: float) -> Machine:
    """Look at this one; the version of PostgreSQL is given, and the load before the run."""
    return Machine(
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        commit=_commit(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores(),
        processor=_processor(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_version()}, asyncpg {version('asyncpg')}",
        postgres=postgres,
        load=round(load, 2),
        hashes_s=round(_hashes_s()),
    )


def _cores() -> int:
    return os.cpu_count() or 1


def _commit() -> str:
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _hashes_s() -> float:
    begun = time.perf_counter()
    for _ in range(HASHES):
        sha256(DOCUMENT).digest()
    return HASHES / (time.perf_counter() - begun)
