"""Large bodies are read in a thread, in turns per tenant, while others are served."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from service.http import bodies
from service.model.decode import decode
from service.settings import Settings
from service.usecases import large, lines
from service.usecases.large import SMALL_BYTES, Large
from service.usecases.lines import batches
from tests.api import Answer, Api
from tests.bench import unavailable, until
from tests.edge import Served, served
from tests.factories import Tenant, skill_body
from tests.imports import fed
from tests.postgres import Server

WIDE = {"governance_notes": "x" * 9_000, "description": "y" * 9_000}
"""What makes a body a large one."""

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Served]:
    """Have a service, and what it holds."""
    async with served(settings, cluster.url("app", database)) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(service: Served) -> str:
    """Have its address."""
    return service.url


class Readings:
    """The bodies and lines that were read, by whom; each waits until it may be read."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.begun: list[str] = []
        self.may = threading.Semaphore(1_000)

    def noting(self, read: Callable[..., Any], text: int) -> Callable[..., Any]:
        """Note what is read by a function that has the text in this place."""

        def noted(*given: Any, **named: Any) -> Any:
            self.threads.append(threading.get_ident())
            self.begun.append("other" if b"other" in given[text] else "own")
            if threading.get_ident() != threading.main_thread().ident:
                assert self.may.acquire(timeout=15)
            return read(*given, **named)

        return noted

    async def begin(self) -> int:
        """Count those that were begun."""
        return len(self.begun)

    def close(self) -> None:
        """Let none of those be read that come, until they may."""
        self.may = threading.Semaphore(0)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readings]:
    """Note what is read."""
    found = Readings()
    monkeypatch.setattr(bodies, "decode", found.noting(decode, 0))
    monkeypatch.setattr(lines, "_checked", found.noting(lines._checked, 1))  # noqa: SLF001
    yield found
    found.may.release(1_000)


async def waiting(turns: Large, count: int) -> None:
    """Wait until so many wait for their turn."""

    async def found() -> int:
        return turns.waiting

    await until(found, lambda waits: waits == count)


def creating(api: Api, **more: Any) -> asyncio.Task[Answer]:
    """Begin to create a skill by a large body."""
    return asyncio.create_task(api.post("/v1/skills", skill_body(**WIDE, **more)))


@pytest.mark.parametrize("wide", [False, True])
async def test_only_large_bodies_are_read_beside_the_loop(
    api: Api,
    readings: Readings,
    wide: bool,  # noqa: FBT001 - pytest's way
) -> None:
    """To hand a small one over would take as long as to read it."""
    answer = await api.post("/v1/skills", skill_body(**(WIDE if wide else {})))

    assert 201 == answer.status, answer.body
    assert [wide] == [one != threading.get_ident() for one in readings.threads]


@pytest.mark.parametrize("wide", [False, True])
async def test_so_are_lines_of_imports(
    api: Api,
    readings: Readings,
    wide: bool,  # noqa: FBT001 - pytest's way
) -> None:
    """Each by itself, however many there are in a body."""
    notes = b'"' + b"x" * (SMALL_BYTES * wide) + b'"'
    answer = await api.send("POST", "/v1/imports", raw=b"{}\n" + notes + b"\n{}", headers=NDJSON)

    assert 200 == answer.status, answer.body
    assert [False, wide, False] == [one != threading.get_ident() for one in readings.threads]


async def test_others_are_answered_while_a_large_body_is_read(
    api: Api, service: Served, readings: Readings
) -> None:
    """Small bodies, too; and it is not counted at the door among those who wait."""
    readings.close()
    read = creating(api)
    await until(readings.begin, lambda count: count == 1)
    inside = service.repository.pool.entrance.waiting

    assert 200 == (await api.get("/v1/skills")).status
    assert 201 == (await api.create("skill")).status
    assert 0 == inside
    assert not read.done()
    readings.may.release()
    assert 201 == (await read).status


async def test_another_tenant_has_a_turn_in_between(
    api: Api, service: Served, other_tenant: Tenant, readings: Readings
) -> None:
    """However many of the first wait before it."""
    turns = service.app[bodies.LARGE]
    readings.close()
    there = [creating(api) for _ in range(4)]
    await waiting(turns, 3)
    there.append(creating(api.of(other_tenant), tags=["other"]))
    await waiting(turns, 4)
    readings.may.release(5)
    answers = await asyncio.gather(*there)

    assert [201] * 5 == [one.status for one in answers]
    # Whose queue has stood there for longest has the first turn, and then stands behind.
    assert ["own", "own", "other", "own", "own"] == readings.begun


async def test_one_tenant_leaves_places_to_others(
    api: Api, other_tenant: Tenant, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter is one tenant's: one more is to come again."""
    monkeypatch.setattr(large, "PLACES", 4)
    readings.close()
    read = creating(api)
    await until(readings.begin, lambda count: count == 1)
    unavailable(await creating(api))
    other = creating(api.of(other_tenant))
    readings.may.release(2)

    assert [201, 201] == [(await one).status for one in (read, other)]


async def test_who_gives_up_has_the_turn_until_the_thread_has_ended() -> None:
    """So that no more threads work than may."""
    begun, may = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        begun.set()
        assert may.wait(15)
        done.append("first")

    turns = Large()
    first = asyncio.create_task(turns.read(SMALL_BYTES + 1, work, "a"))
    await asyncio.to_thread(begun.wait)
    first.cancel()
    second = asyncio.create_task(turns.read(SMALL_BYTES + 1, lambda: done.append("second"), "b"))
    await waiting(turns, 1)
    may.set()
    await asyncio.wait({first, second})

    assert first.cancelled()
    assert ["first", "second"] == done


async def test_others_have_turns_among_many_small_lines() -> None:
    """They may all have come in one piece."""
    turns, counts = 0, list[int]()
    gone_on = asyncio.Event()

    async def other() -> None:
        nonlocal turns
        while not gone_on.is_set():
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    async for batch in batches(fed([b"{}"] * 3_000)):
        counts.append(batch.lines)
    gone_on.set()
    await beside

    assert [1000] * 3 == counts
    assert turns > 3_000 * lines.LINE_BYTES_LEAST // SMALL_BYTES - 1
