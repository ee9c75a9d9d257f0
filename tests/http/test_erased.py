"""The past of an entity whose content was erased: that it was there, and no more."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

from service.repository.base import Repository
from tests.api import Answer, Api
from tests.erasing import entry_of, erase, erased
from tests.factories import ActorWith
from tests.http.test_history import asked, at, text

MICROSECOND = timedelta(microseconds=1)


class Life(Struct, frozen=True):
    """A skill in review, the answers that its versions were written with, and where it is."""

    answers: list[Answer]

    @property
    def path(self) -> str:
        """Give its path."""
        return at("skill", self.answers[0].json["id"])

    def time(self, version: int) -> str:
        """Give the time of a version."""
        moment: str = self.answers[version - 1].json["updated_at"]
        return moment


@pytest_asyncio.fixture(loop_scope="module")
async def life(api: Api, superuser: asyncpg.Connection) -> Life:
    """Have a skill of four versions, of which the third, seen by all of the tenant, is erased."""
    first = await api.create("skill")
    path = at("skill", first.json["id"])
    second = await api.patch(path, {"tags": ["x"]}, first.etag)
    third = await api.step(path, "under_review", second.etag)
    fourth = await api.patch(path, {"tags": ["y"]}, third.etag)
    await erase(superuser, entry_of(third))
    return Life([first, second, third, fourth])


@pytest.mark.parametrize("asked_by", ["author", "certifier"])
async def test_a_version_that_was_erased_is_gone(api: Api, life: Life, asked_by: str) -> None:
    """By number and by time it is 410, until the next version begins."""
    who = api.by(getattr(api.tenant, asked_by))
    upto = text(datetime.fromisoformat(life.time(4)) - MICROSECOND)
    for moment, words in (
        ({"version": 3}, "version 3"),
        ({"as_of": life.time(3)}, f"version of {life.time(3)}"),
        ({"as_of": upto}, f"version of {upto}"),
    ):
        answer = await who.get(asked(life.path, **moment))
        assert (410, "erased") == (answer.status, answer.problem)
        assert f"The content of this skill's {words} was erased." == answer.json["detail"]
        assert "no-store" == answer.headers["Cache-Control"]

    later = await who.get(asked(life.path, version=4))
    assert (200, life.answers[3].body) == (later.status, later.body)


async def test_the_versions_beside_it_stay(api: Api, life: Life) -> None:
    """What came before and after is served as ever, and so is the entity."""
    for version in (1, 2, 4):
        answer = await api.get(asked(life.path, version=version))
        assert (200, life.answers[version - 1].body) == (answer.status, answer.body)

    assert life.answers[3].body == (await api.get(life.path)).body


async def test_it_is_listed_without_its_state(api: Api, life: Life) -> None:
    """Who made it, when and how is still said; the state was part of the document."""
    listed = (await api.get(f"{life.path}/versions")).json["items"]
    audit = str(entry_of(life.answers[2]))

    assert [4, 3, 2, 1] == [one["version"] for one in listed]
    assert ["under_review", None, "draft", "draft"] == [one["status"] for one in listed]
    assert ("submit", audit) == (listed[1]["operation"], listed[1]["audit_id"])


@pytest.mark.parametrize("before,after", [(3, 4), (2, 3), (3, 3)])
async def test_it_cannot_be_compared(api: Api, life: Life, before: int, after: int) -> None:
    """A difference with it is 410; one past it is as ever."""
    ends: dict[str, Any] = {"from": before, "to": after}
    answer = await api.get(asked(f"{life.path}/diff", **ends))
    beside = await api.get(asked(f"{life.path}/diff", **{"from": 2, "to": 4}))

    assert (410, "erased") == (answer.status, answer.problem)
    assert "The content of this skill's version 3 was erased." == answer.json["detail"]
    assert 200 == beside.status


async def test_lists_of_its_time_leave_it_out(api: Api, life: Life) -> None:
    """No older version stands in for it, and the pages around it lose nothing."""
    older = await api.create("skill")
    for query in ({}, {"status": "under_review"}, {"limit": 1}):
        then = await api.get(asked("/v1/skills", as_of=life.time(3), **query))
        assert ([], None) == (then.json["items"], then.json["next_cursor"])
    last = await api.get(asked("/v1/skills", as_of=older.json["updated_at"], limit=1))
    ids = [one["id"] for one in last.json["items"]]

    assert [older.json["id"]] == ids
    assert last.json["next_cursor"] is not None


async def test_a_draft_that_was_erased_stays_hidden(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """To others it is the 404 that it was; its author is told."""
    made = await api.create("skill")
    await erase(superuser, entry_of(made))
    path = asked(at("skill", made.json["id"]), version=1)

    assert 410 == (await api.get(path)).status
    assert 404 == (await api.by(api.tenant.certifier).get(path)).status


class TestErasure:
    """What the API says of an entity after `plant audit erase`."""

    async def test_its_past_is_gone_and_it_is_there(self, api: Api, repository: Repository) -> None:
        """410 for each earlier version and for what differs from one; the present one is served."""
        life = [await api.create("skill", tags=["a"])]
        path = at("skill", life[0].json["id"])
        life.append(await api.patch(path, {"tags": ["b"]}, life[0].etag))
        life.append(await api.step(path, "under_review", life[1].etag))
        done = await erased(repository, api.tenant.author, "skill", life[0].json["id"])
        later = await api.patch(path, {"tags": ["c"]}, f'"{done.etag}"')
        answers = [await api.get(asked(path, version=version)) for version in range(1, 6)]
        moments = [await api.get(asked(path, as_of=one.json["updated_at"])) for one in life]
        differences = [
            await api.get(asked(f"{path}/diff", **{"from": version, "to": version + 1}))
            for version in (3, 4)
        ]

        assert [410, 410, 410, 200, 200] == [one.status for one in answers]
        assert [410, 410, 410] == [one.status for one in moments]
        assert [410, 200] == [one.status for one in differences]
        assert f'"{done.etag}"' == answers[3].etag
        own = {"version": 4, "updated_at": answers[3].json["updated_at"]}
        assert life[2].json | own == answers[3].json
        assert later.body == answers[4].body == (await api.get(path)).body

    async def test_the_list_of_versions_says_who_and_when(
        self, api: Api, repository: Repository, actor_with: ActorWith
    ) -> None:
        """The erasure stands in it like any other change."""
        made = await api.create("skill")
        eraser = await actor_with("admin", name="eraser")
        path = at("skill", made.json["id"])
        await api.step(path, "under_review", made.etag)
        done = await erased(repository, eraser, "skill", made.json["id"])
        items = (await api.get(f"{path}/versions")).json["items"]

        assert ["erase", "submit", "create"] == [one["operation"] for one in items]
        assert ["under_review", None, None] == [one["status"] for one in items]
        assert (str(done.audit_id), done.entry_hash.hex()) == (
            items[0]["audit_id"],
            items[0]["entry_hash"],
        )
        assert (eraser.context.governance_agent_id, eraser.context.key_id) == (
            items[0]["governance_agent_id"],
            items[0]["key_id"],
        )

    async def test_what_was_archived_is_blank_wherever_it_is_shown(
        self, api: Api, repository: Repository
    ) -> None:
        """By id, in lists and in exports; its name and external id are free again."""
        fields = {"name": "Kim", "external_id": "staff/kim", "tags": ["kim"]}
        made = await api.create("skill", **fields)
        path = at("skill", made.json["id"])
        await api.step(path, "archived", made.etag)
        await erased(repository, api.tenant.author, "skill", made.json["id"])
        shown = await api.get(path)
        again = await api.create("skill", **fields)
        listed = {
            query: (await api.get(f"/v1/skills?{query}")).json["items"]
            for query in ("status=archived", "name=erased", "tag=kim", "external_id=staff/kim")
        }

        assert ("erased", None, []) == tuple(
            shown.json[name] for name in ("name", "external_id", "tags")
        )
        assert 201 == again.status
        assert [[shown.json], [shown.json], [again.json], [again.json]] == [*listed.values()]
        exported = (await api.get("/v1/exports")).body.splitlines()
        assert shown.body in exported

    async def test_an_amendment_that_was_closed_is_no_more_in_the_way(
        self, api: Api, repository: Repository
    ) -> None:
        """Another is opened on what the entity is now."""
        skill = await api.made("skill", "active")
        path = f"{at('skill', skill['id'])}/amendment"
        first = await api.send("PATCH", path, {"description": "One."}, headers={"If-Match": "*"})
        await api.send("DELETE", path, headers={"If-Match": first.etag})
        done = await erased(repository, api.tenant.author, "skill", skill["id"])
        second = await api.send(
            "PATCH", path, {"description": "Two."}, headers={"If-Match": f'"{done.etag}"'}
        )

        assert 1 == done.amendments
        assert (201, done.version) == (second.status, second.json["base_version"])
