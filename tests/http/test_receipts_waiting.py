"""Waiting for a receipt: as long as was asked, on no connection, and for nobody who has left."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import Struct, structs

from service.http.receipts import RECEIPTS
from service.settings import Settings
from service.usecases import waiting as rooms
from tests.api import Answer, Api
from tests.bench import SMALL, pool_metrics, until
from tests.edge import Served, Wire, served
from tests.factories import Tenant
from tests.leader import Sealer
from tests.postgres import Server

pytestmark = pytest.mark.database


class Place(Struct, frozen=True):
    """A service with a small pool, its author's client, and how many wait there."""

    api: Api
    service: Served

    async def waiting(self) -> int:
        """Count those who wait."""
        return self.service.app[RECEIPTS].waiting

    async def until_waiting(self, count: int) -> None:
        """Return once so many wait."""
        await until(self.waiting, lambda waiting: waiting == count)


@asynccontextmanager
async def at_work(
    cluster: Server, database: str, tenant: Tenant, settings: Settings = SMALL
) -> AsyncIterator[Place]:
    """Serve with two connections for reads."""
    async with (
        served(settings, cluster.url("app", database)) as service,
        Api.open(service.url, tenant) as api,
    ):
        yield Place(api, service)


def receipt(made: Answer, wait_s: int, more: str = "") -> str:
    """Give the path of a receipt for which one waits."""
    return f"/v1/skills/{made.json['id']}/receipt?wait={wait_s}{more}"


def waiting(answer: Answer, position: int | None = None) -> None:
    """Make sure that an answer says: not yet, and when to come back."""
    assert 202 == answer.status, answer.body
    assert "1" == answer.headers["Retry-After"]
    assert "application/json" == answer.headers["Content-Type"]
    assert "no-store" == answer.headers["Cache-Control"]
    assert ["audit_id", "sealed", "position", "retry_after_s"] == list(answer.json)
    assert (False, position, 1) == tuple(answer.json.values())[1:]


async def test_who_does_not_wait_is_told_at_once(api: Api, sealer: Sealer) -> None:
    """202 before it has a place, and with one before it is sealed; in JSON whatever is taken."""
    made = await api.create("skill")
    waiting(await api.get(receipt(made, 0)))
    await sealer.place()
    waiting(await api.get(receipt(made, 0)), 1)
    waiting(await api.get(receipt(made, 0), Accept="text/plain"), 1)
    await sealer.seal()

    assert 200 == (await api.get(receipt(made, 0))).status


async def test_who_waits_is_answered_when_it_is_sealed(
    cluster: Server, database: str, tenant: Tenant, sealer: Sealer
) -> None:
    """Long before the time is up, whether it had a place before or not."""
    async with at_work(cluster, database, tenant) as place:
        for placed in (False, True):
            made = await place.api.create("skill")
            if placed:
                await sealer.place()
            asked = asyncio.create_task(place.api.get(receipt(made, 30)))
            await place.until_waiting(1)
            await sealer.seal()
            async with asyncio.timeout(5):
                answer = await asked
            assert (200, made.body.decode()) == (answer.status, answer.json["document"])
        assert 0 == await place.waiting()


async def test_who_has_waited_long_enough_is_told(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """After the time that was asked for, which may be longer than a request otherwise takes."""
    short = structs.replace(
        SMALL,
        lock_timeout_ms=200,
        statement_timeout_ms=500,
        command_timeout_ms=500,
        request_timeout_ms=500,
    )
    async with at_work(cluster, database, tenant, short) as place:
        made = await place.api.create("skill")
        begun = time.monotonic()
        waiting(await place.api.get(receipt(made, 1)))

        assert 1 <= time.monotonic() - begun < 3


async def test_nobody_who_waits_keeps_a_connection(
    cluster: Server, database: str, tenant: Tenant, sealer: Sealer
) -> None:
    """Twenty wait where two connections are: reads go on, and all twenty are answered."""
    patient = structs.replace(SMALL, waiting_max=64, acquire_timeout_ms=5_000)
    async with at_work(cluster, database, tenant, patient) as place:
        made = [await place.api.create("skill") for _ in range(20)]
        asked = [asyncio.create_task(place.api.get(receipt(one, 30))) for one in made]
        await place.until_waiting(20)
        await until(lambda: pool_metrics(place.api, "read"), lambda pool: pool["in_use"] == 0)
        for one in made:
            assert 200 == (await place.api.get(f"/v1/skills/{one.json['id']}")).status
        await sealer.seal()
        answers = await asyncio.gather(*asked)

        assert {200} == {answer.status for answer in answers}
        assert 0 == (await pool_metrics(place.api, "read"))["plant_pool_refused_total"]


async def test_who_has_left_waits_no_longer(cluster: Server, database: str, tenant: Tenant) -> None:
    """A client that hangs up is forgotten, and with the last one nobody asks any more."""
    async with at_work(cluster, database, tenant) as place:
        made = await place.api.create("skill")
        async with Wire.open(place.service.url) as wire:
            await wire.ask(tenant.author, receipt(made, 30))
            await place.until_waiting(1)
            wire.reset()
            await place.until_waiting(0)
        await place.service.free()


async def test_the_end_of_the_service_ends_the_wait(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Whoever waits is told to come back: to whichever service is there then."""
    async with at_work(cluster, database, tenant) as place:
        made = await place.api.create("skill")
        asked = asyncio.create_task(place.api.get(receipt(made, 30)))
        await place.until_waiting(1)
        ending = asyncio.create_task(place.service.end())
        async with asyncio.timeout(5):
            waiting(await asked)
        await ending


async def test_no_more_may_wait_than_there_is_room_for(
    cluster: Server, database: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is told at once what it would be told in the end."""
    monkeypatch.setattr(rooms, "WAITING_MAX", 1)
    async with at_work(cluster, database, tenant) as place:
        made = await place.api.create("skill")
        first = asyncio.create_task(place.api.get(receipt(made, 30)))
        await place.until_waiting(1)
        async with asyncio.timeout(5):
            waiting(await place.api.get(receipt(made, 30)))
        first.cancel()
        await place.until_waiting(0)


async def test_what_was_asked_for_is_what_is_answered(
    cluster: Server, database: str, tenant: Tenant, sealer: Sealer
) -> None:
    """The present version is that of the moment of asking, whatever is written meanwhile."""
    async with at_work(cluster, database, tenant) as place:
        made = await place.api.create("skill")
        asked = asyncio.create_task(place.api.get(receipt(made, 30)))
        await place.until_waiting(1)
        await place.api.patch(f"/v1/skills/{made.json['id']}", {"tags": ["x"]}, made.etag)
        await sealer.seal()

        assert made.body.decode() == (await asked).json["document"]
