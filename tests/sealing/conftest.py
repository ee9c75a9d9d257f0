"""Each test has a database of its own: a log that was damaged is of no use to the next."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgres import Server
from tests.sealing.ground import Ground, ground_on


@pytest.fixture
def fresh(cluster: Server, template: str) -> Iterator[str]:
    """Have a database that no other test has; its name."""
    name = cluster.clone(template)
    yield name
    cluster.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def ground(cluster: Server, fresh: str, tmp_path: Path) -> AsyncIterator[Ground]:
    """Have sessions on it."""
    async with ground_on(cluster, fresh, tmp_path) as found:
        yield found
