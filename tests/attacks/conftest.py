"""Each attack has a copy of one prepared log: a database and the files of its host."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.sealing.keys import Keyring
from service.settings import Settings
from service.verify.pinned import Pinned
from tests.attacks.levels import Levels
from tests.attacks.prepared import Prepared, prepare
from tests.attacks.site import Site, site_on
from tests.postgres import Server


@pytest.fixture(scope="module")
def prepared(
    cluster: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """Have the log that is copied."""
    made = prepare(cluster, template, tmp_path_factory.mktemp("log"))
    yield made
    cluster.drop(made.database)
    cluster.drop(made.earlier)


@pytest.fixture(scope="module")
def pinned(prepared: Prepared) -> Pinned:
    """Have the key that a client has pinned."""
    origin = prepared.held.split("\n")[0]
    return Pinned(Keyring(Settings(data_dir=prepared.data_dir)).verifiers(origin))


@pytest.fixture
def copied(cluster: Server, prepared: Prepared) -> Iterator[str]:
    """Have a copy of the database; its name."""
    name = cluster.clone(prepared.database)
    yield name
    cluster.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def site(
    cluster: Server, copied: str, prepared: Prepared, tmp_path: Path
) -> AsyncIterator[Site]:
    """Have the copy with sessions and files of its own."""
    shutil.copytree(prepared.data_dir, tmp_path / "data")
    async with site_on(cluster, copied, tmp_path / "data") as found:
        yield found


@pytest.fixture(scope="module")
def copied_for_all(cluster: Server, prepared: Prepared) -> Iterator[str]:
    """Have a copy of the database that nobody changes for good; its name."""
    name = cluster.clone(prepared.database)
    yield name
    cluster.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site_of_all(
    cluster: Server, copied_for_all: str, prepared: Prepared
) -> AsyncIterator[Site]:
    """Have that copy with sessions."""
    async with site_on(cluster, copied_for_all, prepared.data_dir) as found:
        yield found


@pytest.fixture
def levels(site: Site, prepared: Prepared, pinned: Pinned, tmp_path: Path) -> Levels:
    """Have what can be asked."""
    return Levels(site, prepared, pinned, tmp_path)


@pytest.fixture
def older(cluster: Server, prepared: Prepared) -> Iterator[str]:
    """Have a copy of the database as it was earlier; its name."""
    name = cluster.clone(prepared.earlier)
    yield name
    cluster.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def restored(
    cluster: Server, older: str, prepared: Prepared, tmp_path: Path
) -> AsyncIterator[Site]:
    """Have an old back-up of the database beside the files of the host, which are of today."""
    shutil.copytree(prepared.data_dir, tmp_path / "today")
    async with site_on(cluster, older, tmp_path / "today") as found:
        yield found
