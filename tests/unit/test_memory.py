"""The embedded server takes its part of the memory that there is, not of what others may use."""

from pathlib import Path

import pytest

import service.database.memory as place
from service.database.memory import effective_cache_size, limits, memory, shared_buffers

GIB = 1024**3


def grouped(root: Path, own: str, **files: str) -> tuple[Path, Path]:
    """Lay out control groups, as the kernel shows them to a process."""
    for name, said in files.items():
        file = root / "groups" / name.replace("__", "/").replace("_max", ".max")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{said}\n", encoding="ascii")
    (root / "own").write_text(own, encoding="ascii")
    return root / "groups", root / "own"


@pytest.mark.parametrize(
    "there, buffers, cache",
    [
        (GIB // 2, 128, 256),
        (8 * GIB, 1024, 4096),
        (24 * GIB, 3072, 12288),
        (512 * GIB, 8192, 262144),
        (GIB // 8, 128, 128),
    ],
)
def test_the_server_caches_an_eighth_within_bounds(there: int, buffers: int, cache: int) -> None:
    """Buffers are an eighth of the memory, from 128 MB to 8 GB; the planner counts more."""
    assert (shared_buffers(there), effective_cache_size(there)) == (buffers, cache)


def test_a_container_counts_with_what_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group of the process and those above it limit it; "max" is no limit."""
    groups, own = grouped(
        tmp_path,
        "0::/pod/box\n",
        memory_max="max",
        pod__memory_max=str(2 * GIB),
        pod__box__memory_max=str(GIB),
    )
    assert sorted(limits(groups, own)) == [GIB, 2 * GIB]

    machine = memory()
    monkeypatch.setattr(place, "GROUPS", groups)
    monkeypatch.setattr(place, "OWN_GROUP", own)
    assert (memory(), machine > GIB) == (GIB, True)


def test_a_container_that_sees_only_itself_is_limited(tmp_path: Path) -> None:
    """Where groups above are not to be seen, the file at the root is the process's own."""
    groups, own = grouped(tmp_path, "0::/\n", memory_max=str(3 * GIB))
    assert set(limits(groups, own)) == {3 * GIB}


def test_older_control_groups_limit_too(tmp_path: Path) -> None:
    """In version 1 memory has a tree of its own; other controllers are none of it."""
    groups, own = grouped(tmp_path, "9:pids:/box\n4:cpu,memory:/box\n0::/\n")
    file = groups / "memory" / "box" / "memory.limit_in_bytes"
    file.parent.mkdir(parents=True)
    file.write_text(f"{5 * GIB}\n", encoding="ascii")
    assert limits(groups, own) == [5 * GIB]


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    """Where no group is named, as on other systems, nothing is limited."""
    assert limits(tmp_path, tmp_path / "own") == []
