"""A disk that is full: writes are refused, reads go on, nothing acknowledged is lost."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.database.embedded import EmbeddedServer, embedded_server
from service.settings import Settings
from tests.bench import unavailable
from tests.factories import Tenant
from tests.faults.aftermath import scene
from tests.postgres import Server
from tests.servers import room

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")

SIZE = "200m"
NEAR = 128 * 1024
"""Bytes that are left on a disk that is as good as full."""

WRITES_MAX = 100
"""More than fit there."""


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """Have a small disk."""
    with room() as directory:
        where = ["-o", f"size={SIZE},mode=755", "plant", str(directory)]
        subprocess.run(["mount", "-t", "tmpfs", *where], check=True)
        try:
            yield directory
        finally:
            subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.fixture(scope="module")
def process(disk: Path) -> Iterator[EmbeddedServer]:
    """Have a server on it."""
    with embedded_server(Settings(data_dir=disk / "data")) as server:
        yield server


async def test_a_full_disk(disk: Path, cluster: Server, database: str, tenant: Tenant) -> None:
    """A write is 503 and leaves nothing, reads go on, and with room everything works."""
    async with scene(cluster, database, tenant) as found:
        kept = await found.create()
        with filled(disk):
            answer, writes = kept, 0
            while answer.status == 201 and writes < WRITES_MAX:
                answer = await found.create(description=secrets.token_hex(4_900))
                writes += 1
            unavailable(answer)
            assert "capacity" in answer.json["detail"]
            there = await found.api.get(f"/v1/skills/{kept.json['id']}")
            assert (200, kept.body) == (there.status, there.body)
        await found.whole()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave hardly any room on a disk."""
    ballast = disk / "ballast"
    state = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - NEAR)
    try:
        yield
    finally:
        ballast.unlink()
