"""The chaos run notices: each promise is broken once before its eyes."""

import json
import random
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from service.repository.base import Context
from tests.chaos.calls import Answer, Calls
from tests.chaos.report import page
from tests.chaos.run import Result
from tests.chaos.verdict import compared
from tests.chaos.work import Known, Worker
from tests.factories import Actor, Tenant

AGENT = str(uuid4())
ROW = {
    "id": "1", "name": "t skill", "status": "draft", "version": 2,
    "entries": 2, "payloads": 2, "kinds": 1,
}  # fmt: skip


class Scripted(Calls):
    """Calls that are answered from a list: a status, or 0 for a connection that ended."""

    def __init__(self, *statuses: int, body: Any = None) -> None:
        super().__init__(None, "", random.Random(1))  # type: ignore[arg-type]
        self._statuses = list(statuses)
        self._said = json.dumps(body or {}).encode()
        self.keys: list[str | None] = []

    async def _sent(
        self, actor: Actor, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        self.keys.append(headers.get("Idempotency-Key"))
        status = self._statuses.pop(0)
        if not status:
            raise aiohttp.ServerDisconnectedError
        return Answer(status, {"ETag": '"2-a"'}, self._said)


def actor(name: str) -> Actor:
    """Make an identity without a database."""
    context = Context(tenant_id="t", governance_agent_id=AGENT, key_id="k", request_id="r")
    return Actor(name, "key", context)


def tenant() -> Tenant:
    """Make a tenant without a database."""
    return Tenant("t", uuid4(), actor("author"), actor("certifier"), actor("reader"))


def known(**fields: Any) -> Known:
    """Know an entity of two versions."""
    given = {"kind": "skill", "path": "/v1/skills/1", "id": "1", "name": "t skill"}
    state = {"status": "draft", "version": 2, "etag": '"2-a"', "body": b"{}"}
    return Known(**{**given, **state, **fields})


class TestCalls:
    """Repetition, and answers that must not be."""

    @pytest.mark.parametrize("unknown", [0, 504])
    async def test_what_may_have_been_done_keeps_its_key(self, unknown: int) -> None:
        """Whatever comes between, it is asked for under one key until its outcome is known."""
        calls = Scripted(unknown, *[503] * 20, 201)
        answer = await calls.settled(actor("author"), "POST", "/v1/skills", {})

        assert (201, 1) == (answer.status, len(set(calls.keys)))

    async def test_what_was_not_done_is_asked_for_under_another_key(self) -> None:
        """A service that says 503 of what it has done is found out."""
        calls = Scripted(*[503] * 20, 201)
        await calls.settled(actor("author"), "POST", "/v1/skills", {})

        assert len(set(calls.keys)) > 1
        assert [] == calls.broken

    @pytest.mark.parametrize("status", [500, 501, 502])
    async def test_a_defect_is_a_broken_promise(self, status: int) -> None:
        """Of answers from 500 on only 503 and 504 are the fault's."""
        calls = Scripted(status)
        await calls.settled(actor("author"), "GET", "/v1/skills/1")

        assert 1 == len(calls.broken)

    async def test_what_is_under_way_is_counted(self) -> None:
        """A fault has cut short what it met and what ended badly, and nothing else."""
        calls = Scripted(503, 200)
        struck = calls.strike()
        await calls.settled(actor("author"), "GET", "/v1/skills/1")

        assert (set(), 0) == (struck.under_way, struck.cut_short)


class TestVerdict:
    """Rows at the end."""

    def test_a_row_as_it_is_known_is_whole(self) -> None:
        """Nothing is said of what is as it should be."""
        assert [] == compared(ROW, known())

    def test_a_row_that_nobody_knows_was_done_twice(self) -> None:
        """Whoever made it would know it."""
        assert 1 == len(compared(ROW, None))

    @pytest.mark.parametrize(
        "column,value",
        [("status", "active"), ("version", 3), ("entries", 1), ("payloads", 1), ("kinds", 0)],
    )
    def test_a_row_that_differs_is_named(self, column: str, value: object) -> None:
        """A change too many or too few, or half of one."""
        (said,) = compared({**ROW, column: value}, known())

        assert column in said


class TestWorker:
    """What a client sees."""

    @pytest.mark.parametrize(
        "item",
        [
            {"name": "u skill", "governance_agent_id": AGENT},
            {"name": "t skill", "governance_agent_id": str(uuid4())},
        ],
    )
    async def test_a_foreign_row_is_noticed(self, item: dict[str, str]) -> None:
        """A name or an agent that is not the tenant's."""
        calls = Scripted(200, body={"items": [item]})
        await Worker(calls, tenant(), [], 0, random.Random(1)).page()

        assert 1 == len(calls.broken)

    async def test_a_change_that_is_gone_is_noticed(self) -> None:
        """A document that is not the one acknowledged last."""
        calls = Scripted(200, body={"older": True})
        await Worker(calls, tenant(), [], 0, random.Random(1)).read(known())

        assert 1 == len(calls.broken)

    async def test_a_change_that_skips_a_version_is_noticed(self) -> None:
        """A change done twice shows in the version of its answer."""
        item = {"name": "t skill", "governance_agent_id": AGENT, "status": "draft", "version": 4}
        calls = Scripted(200, body=item)
        worker = Worker(calls, tenant(), [], 0, random.Random(1))
        worker.known.append(known())
        await worker.change()

        assert 1 == len(calls.broken)

    async def test_a_door_that_is_open_is_noticed(self) -> None:
        """Whatever another tenant has must be 404."""
        calls = Scripted(200)
        other = Worker(calls, tenant(), [], 0, random.Random(1))
        other.known.append(known())
        await Worker(calls, tenant(), [other], 0, random.Random(1)).foreign()

        assert 1 == len(calls.broken)


def test_the_page_says_what_ran() -> None:
    """The commit, the time and the options stand at its head: else nobody could repeat it."""
    result = Result(
        seed=7, seconds=61.2, tenants=20, workers=2, faults=[], operations={"create": 3},
        outcomes={200: 3}, repeated=0, replayed=0, entities=1, changes=1, restored_s=0.1, broken=[],
    )  # fmt: skip
    written = page(result, None, "tox -e chaos -- --faults 80", "Commit `abc`, today.")

    assert "\nCommit `abc`, today.\n`tox -e chaos -- --faults 80`, where seconds" in written
    assert "`--seed 7`" in written
