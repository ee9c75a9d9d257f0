"""Servers that may be killed: each module of faults has one of its own."""

from collections.abc import Iterator

import pytest

from service.database.embedded import EmbeddedServer, embedded_server
from service.migrate.runner import apply
from tests.postgres import Server
from tests.servers import settings_with_room


@pytest.fixture(scope="module")
def process() -> Iterator[EmbeddedServer]:
    """Have a running server that is nobody else's."""
    with settings_with_room() as settings, embedded_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(process: EmbeddedServer) -> Server:
    """Have the module's own server in the place of the worker's."""
    return Server(process.url("postgres"))


@pytest.fixture(scope="module")
def database(cluster: Server) -> str:
    """Have a migrated database on it; its name."""
    name = cluster.create("faults")
    apply(cluster.url("owner", name))
    cluster.let_in(name)
    return name
