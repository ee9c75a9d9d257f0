"""What processes have used, as Linux counts it: processor time and memory."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
KIB: Final = 1024


def cpu_us(pid: int) -> float:
    """Give the microseconds that all threads of a process have run; 0 where it has gone.

    A thread that has ended is no longer counted: a pool keeps its threads.
    """
    total = 0
    for task in (PROC / str(pid) / "task").glob("*/schedstat"):
        try:
            total += int(task.read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1000


def each_cpu_us(pids: Iterable[int]) -> dict[int, float]:
    """Give the same of several."""
    return {pid: cpu_us(pid) for pid in pids}


def risen(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Sum how much each has used in between; who is new has used what it has."""
    return sum(max(0.0, used - before.get(pid, 0.0)) for pid, used in after.items())


def pss_mb(pid: int) -> float:
    """Give the memory of a process, of what it shares its share, in MB."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB / 1e6
    raise ValueError(pid)
