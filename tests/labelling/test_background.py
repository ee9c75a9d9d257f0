"""What runs beside a service: everybody's labels, soon after each change, by turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.http.label_metrics import LabelCollector
from service.labelling.background import Labelling
from service.labelling.standing import LabelStanding
from service.repository.base import Repository
from service.settings import Settings
from tests.bench import until
from tests.factories import Tenant, create, skill_body
from tests.labelling.ground import Counted, Worker, worker
from tests.placed import place_all
from tests.postgres import Server
from tests.sessions import Connection

COUNT = "SELECT count(*) FROM app.entity_label WHERE tenant_id = $1"


class Beside:
    """The background work of one process."""

    def __init__(self, worker: Worker, vectors: Counted) -> None:
        self.standing = LabelStanding()
        self.labelling = Labelling(worker.repository, worker.lone, vectors, self.standing)


@asynccontextmanager
async def running(labelling: Labelling) -> AsyncIterator[None]:
    """Have it run until the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(labelling.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


def labels_of(superuser: Connection, tenant: Tenant) -> Callable[[], Awaitable[int]]:
    """Count the labels of a tenant, as a condition that is waited for."""

    async def count() -> int:
        return int(await superuser.fetchval(COUNT, tenant.id))

    return count


def shown(standing: LabelStanding) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Ask what is shown, as a condition that is waited for."""

    async def ask() -> dict[str, Any]:
        return standing.shown()

    return ask


async def test_everybody_s_changes_are_embedded(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
    labeller: Worker,
) -> None:
    """Whatever has a place is embedded, of each tenant, and what comes later too."""
    beside = Beside(labeller, Counted())
    for one in (tenant, other_tenant):
        await create(repository, one.author, "skill", skill_body())
    await place_all(superuser)
    async with running(beside.labelling):
        await until(labels_of(superuser, tenant), lambda n: n == 2)
        await until(labels_of(superuser, other_tenant), lambda n: n == 2)
        await create(repository, tenant.author, "skill", skill_body())
        await place_all(superuser)
        await until(labels_of(superuser, tenant), lambda n: n == 4)
        await until(shown(beside.standing), lambda found: found["behind"] == 0)

    assert beside.standing.written >= 6
    assert "meaning/1" == beside.standing.shown()["model"]


async def test_a_lost_connection_is_made_again(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """The server ends the session; the work goes on in another one, and nothing is lost."""
    beside = Beside(labeller, Counted())
    async with running(beside.labelling):
        await until(shown(beside.standing), lambda found: found["behind"] is not None)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'plant labels' AND datname = current_database()"
        )
        await create(repository, tenant.author, "skill", skill_body())
        await place_all(superuser)
        await until(labels_of(superuser, tenant), lambda n: n == 2)


class Failing(Counted):
    """Cannot compute until it is mended."""

    mended = False

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute, or not."""
        if not self.mended:
            raise MemoryError
        return await super().of_model(texts)


async def test_an_embedder_that_fails_is_told_and_tried_again(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    labeller: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failure is said once and stands in what is shown; the cursor has not passed anything."""
    monkeypatch.setattr("service.labelling.background.REST_S", 0.1)
    vectors = Failing()
    beside = Beside(labeller, vectors)
    await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    async with running(beside.labelling):
        await until(shown(beside.standing), lambda found: found["failing"] is not None)
        before = await superuser.fetchval(COUNT, tenant.id)
        vectors.mended = True
        await until(labels_of(superuser, tenant), lambda n: n == 2)
        await until(shown(beside.standing), lambda found: found["failing"] is None)

    assert 0 == before


async def test_what_another_process_is_at_is_left_to_it(
    cluster: Server,
    database: str,
    settings: Settings,
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    labeller: Worker,
) -> None:
    """A tenant whose turn somebody has is passed over, and taken when it is free."""
    await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    async with worker(cluster, database, settings) as other:
        theirs = other.labels(tenant, Counted())
        assert await theirs.taken()
        beside = Beside(labeller, Counted())
        async with running(beside.labelling):
            await until(shown(beside.standing), lambda found: found["behind"] == 1)
            before = await superuser.fetchval(COUNT, tenant.id)
            await theirs.left()
            await until(labels_of(superuser, tenant), lambda n: n == 2)

    assert 0 == before


def test_metrics_tell_how_far_it_is() -> None:
    """Entries that wait, what fails, what was written."""
    standing = LabelStanding("meaning/1")
    standing.behind, standing.written, standing.failing = 7, 3, "timeout"
    found = {metric.name: metric.samples[0].value for metric in LabelCollector(standing).collect()}

    assert {
        "plant_labels_behind": 7,
        "plant_labels_failing": 1,
        "plant_labels_written": 3,
    } == found


class Poisoned(Counted):
    """Fails for one text, and for no other."""

    poison = "poison"

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute, or fail."""
        if self.poison in texts:
            raise MemoryError
        return await super().of_model(texts)


async def test_a_text_that_cannot_be_embedded_keeps_nobody_else_waiting(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
    labeller: Worker,
) -> None:
    """Its tenant is left alone for a while, which is told; the others go on."""
    beside = Beside(labeller, Poisoned())
    await create(repository, tenant.author, "skill", skill_body(name="poison"))
    await create(repository, other_tenant.author, "skill", skill_body())
    await place_all(superuser)
    async with running(beside.labelling):
        await until(labels_of(superuser, other_tenant), lambda n: n == 2)
        await until(shown(beside.standing), lambda found: found["failing"] is not None)
        await create(repository, other_tenant.author, "skill", skill_body())
        await place_all(superuser)
        await until(labels_of(superuser, other_tenant), lambda n: n == 4)

    assert 0 == await superuser.fetchval(COUNT, tenant.id)


async def test_what_failed_fails_no_more_when_somebody_else_has_done_it(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
    labeller: Worker,
) -> None:
    """A tenant that another process has embedded is not left alone for ever, and not told of."""
    vectors = Poisoned()
    vectors.poison = "hemlock"
    beside = Beside(labeller, vectors)
    await create(repository, tenant.author, "skill", skill_body(name="hemlock"))
    await place_all(superuser)
    await beside.labelling.turn()
    failing = beside.standing.failing
    await labeller.embedded(tenant, Counted())
    await create(repository, other_tenant.author, "skill", skill_body())
    await place_all(superuser)
    await beside.labelling.turn()

    assert failing
    assert beside.standing.failing is None
