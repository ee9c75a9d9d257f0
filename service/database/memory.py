"""How much memory there is for the embedded server, which shares a machine or a container."""

import os
import resource
from pathlib import Path, PurePosixPath
from typing import Final

MIB: Final = 1024 * 1024
GROUPS: Final = Path("/sys/fs/cgroup")
OWN_GROUP: Final = Path("/proc/self/cgroup")

BUFFERS_PART: Final = 8
"""Of the memory that there is, a server that has the machine for itself is given a quarter; beside
the service, its model and whatever else runs there it is half of that."""
BUFFERS_MIN: Final = 128 * MIB
BUFFERS_MAX: Final = 8192 * MIB
CACHE_PART: Final = 2
"""Of that memory, what the planner counts on to be cached here or by the system."""


def memory() -> int:
    """Give the bytes of this machine, or of the container that this process may use at most."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    own = [] if addresses == resource.RLIM_INFINITY else [addresses]
    return min([machine, *own, *limits(GROUPS, OWN_GROUP)])


def limits(groups: Path, own: Path) -> list[int]:
    """List what the control groups of a process allow, its own and those above; in bytes.

    `groups` is where they are mounted, `own` says which are the process's, in either version.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, mark, name = rest.partition(":")
        if not mark:
            continue
        if "memory" in controllers.split(","):
            mounted, file = groups / "memory", "memory.limit_in_bytes"
        elif not controllers:
            mounted, file = groups, "memory.max"
        else:
            continue
        group = PurePosixPath(name.lstrip("/"))
        found += [_limit(mounted / above / file) for above in (group, *group.parents)]
    return [limit for limit in found if limit is not None]


def _limit(file: Path) -> int | None:
    """Read a limit; None where there is none, or no such group is seen from here."""
    try:
        said = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return None
    return int(said) if said.isdecimal() else None


def shared_buffers(bytes_there: int) -> int:
    """Give how much the server caches itself, in MiB."""
    return min(BUFFERS_MAX, max(BUFFERS_MIN, bytes_there // BUFFERS_PART)) // MIB


def effective_cache_size(bytes_there: int) -> int:
    """Give how much the planner takes for cached, in MiB."""
    return max(shared_buffers(bytes_there), bytes_there // CACHE_PART // MIB)
