"""Idempotency-Key: what is repeated is answered again and done once."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from msgspec import Struct

from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.keys import create_key
from tests.api import PATHS, Answer, Api, serving
from tests.bench import Bench
from tests.counts import rows
from tests.erasing import entry_of, erase
from tests.factories import Actor, ActorWith, Tenant, skill_body, unique
from tests.postgres import Server
from tests.sockets import answers, exchange

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
KEPT = "SELECT count(*) FROM app.idempotency WHERE tenant_id = $1"
AGE = "UPDATE app.idempotency SET created_at = now() - $2::interval WHERE tenant_id = $1"
FIRST = ("ETag", "Audit-Entry", "Location", "Entity-ETag", "Cache-Control", "Content-Type")
"""Headers of the first answer that every later one repeats."""


class Sent(Struct, frozen=True):
    """A request that can be sent again and again."""

    method: str
    path: str
    body: Any
    etag: str | None = None

    async def by(self, api: Api, key: str | None, **other: str | None) -> Answer:
        """Send it under a key; keyword arguments are headers with _ for -."""
        headers = {"If-Match": self.etag, "Idempotency-Key": key}
        headers |= {name.replace("_", "-"): value for name, value in other.items()}
        return await self.send(api, headers)

    async def send(self, api: Api, headers: dict[str, str | None]) -> Answer:
        """Send it with these headers."""
        return await api.send(self.method, self.path, self.body, headers=headers)


def at(document: dict[str, Any]) -> str:
    """Give the path of an entity."""
    return f"{PATHS[document['entity_type']]}/{document['id']}"


def creating(**fields: Any) -> Sent:
    """Create a skill."""
    return Sent("POST", "/v1/skills", skill_body(**fields))


def changing(made: Answer, **fields: Any) -> Sent:
    """Patch the entity of an answer, as it was then."""
    return Sent("PATCH", at(made.json), fields or {"tags": ["a"]}, made.etag)


def stepping(made: Answer, to: str) -> Sent:
    """Take the entity of an answer a step on."""
    return Sent("POST", f"{at(made.json)}/status", {"to": to, "reason": "r"}, made.etag)


def replayed(first: Answer, again: Answer) -> None:
    """Make sure that an answer repeats the first one, byte for byte, and says so."""
    assert (first.status, first.body) == (again.status, again.body)
    assert [first.headers.get(name) for name in FIRST] == [
        again.headers.get(name) for name in FIRST
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert "true" == again.headers["Idempotency-Replayed"]


def new(answer: Answer, status: int) -> None:
    """Make sure that an answer is that of something done just now."""
    assert status == answer.status, answer.body
    assert "Idempotency-Replayed" not in answer.headers


class TestReplayed:
    """The same request again."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_each_write_of_each_kind(
        self, api: Api, superuser: asyncpg.Connection, kind: str
    ) -> None:
        """Create, patch and step answer with the first answer, however often, and are done once."""
        create = Sent("POST", PATHS[kind], await api.body(kind))
        before = await rows(superuser, api.tenant.id)
        made = await create.by(api, "k")
        patch = changing(made, governance_notes="n")
        patched = await patch.by(api, "k")
        step = stepping(patched, "under_review")
        stepped = await step.by(api, "k")
        for answer, status in ((made, 201), (patched, 200), (stepped, 200)):
            new(answer, status)
        for _ in range(2):
            for request, first in ((create, made), (patch, patched), (step, stepped)):
                replayed(first, await request.by(api, "k"))
        after = await rows(superuser, api.tenant.id)

        assert (1, 3) == (after.entities - before.entities, after.entries - before.entries)
        assert 3 == await superuser.fetchval(KEPT, api.tenant.id)
        assert f"{PATHS[kind]}/{made.json['id']}" == made.headers["Location"]
        assert stepped.body == (await api.get(at(made.json))).body

    async def test_whatever_the_order_of_members(self, api: Api) -> None:
        """The same meaning in other bytes is the same request."""
        body = skill_body(custom_attributes={"a": 1, "b": [2]})
        turned = {**dict(reversed(body.items())), "custom_attributes": {"b": [2], "a": 1}}
        first = await Sent("POST", "/v1/skills", body).by(api, "k")
        raw = json.dumps(turned, indent=2).encode()
        again = await api.send("POST", "/v1/skills", raw=raw, headers={"Idempotency-Key": "k"})

        replayed(first, again)

    async def test_quoted_and_bare_are_one_key(self, api: Api) -> None:
        """The form of the header does not tell keys apart; their case does."""
        request = creating()
        first = await request.by(api, "Key-1")
        replayed(first, await request.by(api, '"Key-1"'))
        other = await request.by(api, "key-1")

        assert (409, "name-taken") == (other.status, other.problem)

    async def test_before_if_match_is_looked_at(self, api: Api) -> None:
        """A tag that is stale by now, another one, or none: the change was made already."""
        made = await api.create("skill")
        patch = changing(made)
        first = await patch.by(api, "k")
        step = stepping(first, "under_review")
        stepped = await step.by(api, "k")
        for request, answer in ((patch, first), (step, stepped)):
            for tag in (made.etag, '"1-0"', "*", f"W/{made.etag}", None):
                replayed(answer, await request.by(api, "k", If_Match=tag))

        without = await patch.by(api, "other", If_Match=None)
        assert (428, "precondition-required") == (without.status, without.problem)
        odd = await patch.by(api, "k", If_Match="1-0")
        assert (400, "malformed-request") == (odd.status, odd.problem)

    async def test_a_new_key_without_if_match_changes_nothing(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """428 as without a key, 404 where there is nothing; and the key is still free."""
        made = await api.create("skill")
        before = await rows(superuser, api.tenant.id)
        for request in (changing(made), stepping(made, "under_review")):
            answer = await request.by(api, "k", If_Match=None)
            assert (428, "precondition-required") == (answer.status, answer.problem)
            assert "current_etag" not in answer.json
        absent = await Sent("PATCH", f"/v1/skills/{NEVER}", {}).by(api, "k")

        assert (404, "not-found") == (absent.status, absent.problem)
        assert before == await rows(superuser, api.tenant.id)
        new(await changing(made).by(api, "k"), 200)

    async def test_when_the_entity_has_gone_on(self, api: Api) -> None:
        """The first answer is what was, not what is."""
        create = creating()
        made = await create.by(api, "k")
        changed = await api.patch(at(made.json), {"tags": ["later"]}, made.etag)
        await api.step(at(made.json), "archived", changed.etag)

        replayed(made, await create.by(api, "k"))

    async def test_to_a_certifier_who_rejected(self, api: Api) -> None:
        """The draft is hidden from them again; the answer to their own step stays theirs."""
        made = await api.create("skill", description="Hush.")
        submitted = await stepping(made, "under_review").by(api, None)
        certifier = api.by(api.tenant.certifier)
        reject = stepping(submitted, "draft")
        first = await reject.by(certifier, "k")
        await changing(first, description="Hush, too.").by(api, None)

        assert "Hush." == first.json["description"]
        assert 404 == (await certifier.get(at(made.json))).status
        replayed(first, await reject.by(certifier, "k"))
        other = await reject.by(certifier, "other")
        assert (404, "not-found") == (other.status, other.problem)

    async def test_to_another_key_of_the_same_agent(self, api: Api, actor_with: ActorWith) -> None:
        """A key that was rotated meanwhile takes over; one without the scope does not."""
        request = creating()
        first = await request.by(api, "k")

        replayed(first, await request.by(api.by(await actor_with("write", name="author")), "k"))
        reader = await request.by(api.by(await actor_with("read", name="author")), "k")
        assert (403, "scope-missing") == (reader.status, reader.problem)

    async def test_to_a_key_that_could_have_done_it(self, api: Api, actor_with: ActorWith) -> None:
        """A step to review is not answered to a key that only certifies, nor the other way."""
        writing = await actor_with("write", name="both")
        judge = api.by(await actor_with("certify", name="both"))
        made = await api.by(writing).create("skill")
        body = {"to": "under_review", "reason": "r"}
        path = f"{at(made.json)}/status"
        headers = {"If-Match": "*", "Idempotency-Key": "k"}
        first = await api.by(writing).send("POST", path, body, headers=headers)
        again = await judge.send("POST", path, body, headers=headers)

        assert 200 == first.status
        assert (403, "scope-missing") == (again.status, again.problem)
        assert "write" == again.json["required_scope"]
        assert first.body == (await api.by(writing).send("POST", path, body, headers=headers)).body

    async def test_the_case_of_ids_makes_no_other_path(self, api: Api) -> None:
        """An id in capitals names the same entity, so the key names the same request."""
        made = await api.create("skill")
        patch = changing(made)
        first = await patch.by(api, "k")
        loud = Sent("PATCH", f"/v1/skills/{made.json['id'].upper()}", patch.body, made.etag)

        replayed(first, await loud.by(api, "k"))


class TestAmendments:
    """Writes of the amendment of an entity in force."""

    async def test_each_write_on_the_way_to_certification(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """Opened once, changed once, certified once with the entity's new tag; each replayed."""
        skill = await api.raised(await api.create("skill"), "active")
        path = f"{at(skill.json)}/amendment"
        certifier = api.by(api.tenant.certifier)
        before = await rows(superuser, api.tenant.id)
        done: list[tuple[Api, Sent, Answer]] = []
        answer = skill
        for who, method, where, body, status in (
            (api, "PATCH", path, {"description": "New."}, 201),
            (api, "PATCH", path, {"aliases": ["n"]}, 200),
            (api, "POST", f"{path}/status", {"to": "under_review", "reason": "r"}, 200),
            (certifier, "POST", f"{path}/status", {"to": "certified", "reason": "r"}, 200),
        ):
            request = Sent(method, where, body, answer.etag)
            answer = await request.by(who, f"k{len(done)}")
            new(answer, status)
            done.append((who, request, answer))
            for number, (by, earlier, first) in enumerate(done):
                replayed(first, await earlier.by(by, f"k{number}"))
        after = await rows(superuser, api.tenant.id)

        assert path == done[0][2].headers["Location"]
        assert (await api.get(at(skill.json))).etag == answer.headers["Entity-ETag"]
        # Four of the amendment, and one of the entity that was certified with it.
        assert (0, 5) == (after.entities - before.entities, after.entries - before.entries)

    async def test_a_rejection(self, api: Api) -> None:
        """The resource has no open amendment any more, and the rejection is still answered."""
        skill = await api.raised(await api.create("skill"), "active")
        path = f"{at(skill.json)}/amendment"
        opened = await Sent("PATCH", path, {"name": unique("n")}, skill.etag).by(api, None)
        submit = Sent("POST", f"{path}/status", {"to": "under_review", "reason": "r"}, opened.etag)
        submitted = await submit.by(api, None)
        certifier = api.by(api.tenant.certifier)
        reject = Sent("POST", f"{path}/status", {"to": "rejected", "reason": "r"}, submitted.etag)
        first = await reject.by(certifier, "k")
        new(first, 200)

        assert "Entity-ETag" not in first.headers
        replayed(first, await reject.by(certifier, "k"))
        assert 404 == (await certifier.get(path)).status

    async def test_a_withdrawal_takes_no_key(self, api: Api) -> None:
        """DELETE ends in the same state however often: the header is not looked at."""
        skill = await api.raised(await api.create("skill"), "active")
        path = f"{at(skill.json)}/amendment"
        opened = await Sent("PATCH", path, {"name": unique("n")}, skill.etag).by(api, None)
        withdraw = Sent("DELETE", path, None, opened.etag)

        assert [204, 404] == [(await withdraw.by(api, '"')).status for _ in range(2)]


class TestIndependent:
    """One key in several hands."""

    async def test_each_path_has_its_own(self, api: Api) -> None:
        """The same key on other paths is another request, also with the same body."""
        one, two = await api.create("skill"), await api.create("skill")
        industry = {"name": unique("n"), "description": "d"}
        for request, status in (
            (changing(one), 200),
            (changing(two), 200),
            (stepping(one, "under_review"), 412),
            (creating(), 201),
            (Sent("POST", "/v1/industries", industry), 201),
        ):
            new(await request.by(api, "k"), status)

    async def test_each_agent_and_each_tenant_has_its_own(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """Nobody is answered with what somebody else did, or kept from doing their own."""
        request = creating()
        first = await request.by(api, "k")
        certifier = await request.by(api.by(api.tenant.certifier), "k")
        stranger = await request.by(api.of(other_tenant), "k")

        # The name is taken by a draft that the certifier may not see.
        assert (409, "name-taken") == (certifier.status, certifier.problem)
        assert "existing_id" not in certifier.json
        new(stranger, 201)
        assert first.json["id"] != stranger.json["id"]
        new(await creating().by(api.by(api.tenant.certifier), "k"), 201)

    async def test_without_a_key_nothing_is_remembered(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """Each request is done for itself."""
        made = await api.create("skill")
        again = await api.post("/v1/skills", {name: made.json[name] for name in skill_body()})

        assert (409, "name-taken") == (again.status, again.problem)
        assert 0 == await superuser.fetchval(KEPT, api.tenant.id)


class TestRefused:
    """What is no repetition, and what is not remembered."""

    async def test_another_body_under_the_key(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """422, whatever else may be wrong with it; the first answer is still there."""
        request = creating()
        first = await request.by(api, "k")
        before = await rows(superuser, api.tenant.id)
        for other in (creating(), creating(name=request.body["name"], description="Other.")):
            answer = await other.by(api, "k")
            assert (422, "idempotency-key-reused") == (answer.status, answer.problem)
        patch = changing(first)
        await patch.by(api, "k")
        answer = await changing(first, tags=["b"]).by(api, "k")
        assert (422, "idempotency-key-reused") == (answer.status, answer.problem)

        assert 1 == (await rows(superuser, api.tenant.id)).entries - before.entries
        replayed(first, await request.by(api, "k"))

    async def test_a_refusal_is_not_remembered(self, api: Api) -> None:
        """Once what was in the way is gone the same request under the same key is done."""
        holder = await api.create("skill")
        request = creating(name=holder.json["name"])
        taken = await request.by(api, "k")
        assert (409, "name-taken") == (taken.status, taken.problem)
        await api.step(at(holder.json), "archived", holder.etag)
        first = await request.by(api, "k")
        new(first, 201)

        changed = await changing(first, tags=["x"]).by(api, None)
        stale = await changing(first).by(api, "k")
        assert (412, "precondition-failed") == (stale.status, stale.problem)
        new(await changing(changed).by(api, "k"), 200)

        early = await stepping(first, "active").by(api, "k", If_Match="*")
        assert (409, "step-not-allowed") == (early.status, early.problem)
        invalid = await changing(first, name=" ").by(api, "odd")
        assert (422, "invalid-body") == (invalid.status, invalid.problem)
        new(await changing(first).by(api, "odd", If_Match="*"), 200)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            '""',
            '"',
            "a b",
            '"a b"',
            '"a',
            '"a"b',
            "é",
            "k" * 256,
            '"' + "k" * 256 + '"',
        ],
    )
    async def test_a_key_that_cannot_be_read(
        self, api: Api, superuser: asyncpg.Connection, value: str
    ) -> None:
        """400 that says what a key looks like, on every write, and nothing is done."""
        made = await api.create("skill")
        before = await rows(superuser, api.tenant.id)
        for request in (creating(), changing(made), stepping(made, "under_review")):
            answer = await request.by(api, value)
            assert (400, "malformed-request") == (answer.status, answer.problem)
            assert "1 to 255 visible ASCII characters" in answer.json["detail"]

        assert before == await rows(superuser, api.tenant.id)

    @pytest.mark.parametrize("value", ["k" * 255, '"' + "k" * 255 + '"', "!", r'"\"\\"', "~,;"])
    async def test_a_key_that_just_can(self, api: Api, value: str) -> None:
        """The longest, the shortest and the oddest."""
        request = creating()
        replayed(await request.by(api, value), await request.by(api, value))

    async def test_two_keys_at_once(self, api: Api) -> None:
        """The header may stand once."""
        data = (
            f"POST /v1/skills HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.actor.key}\r\n"
            "Idempotency-Key: a\r\nidempotency-key: a\r\nConnection: close\r\n\r\n"
        )
        (answer,) = answers(await exchange(api.url, data.encode()))

        assert (400, "malformed-request") == (answer.status, answer.problem)
        assert "idempotency-key" in answer.json["detail"]

    async def test_where_nothing_is_remembered_the_header_is_ignored(self, api: Api) -> None:
        """Reads and imports repeat without harm: they do not even look at its form."""
        made = await api.create("skill")
        line = json.dumps({"kind": "skill", "external_id": "e", **skill_body()}).encode()
        for _ in range(2):
            found = await api.get(at(made.json), Idempotency_Key='"')
            listed = await api.get("/v1/skills", Idempotency_Key="k")
            assert (200, 200) == (found.status, listed.status)
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": '"'}
        imports = [
            await api.send("POST", "/v1/imports", raw=line, headers=headers) for _ in range(2)
        ]

        assert [b"created", b"unchanged"] == [
            re.findall(rb'"outcome":"(\w+)"', one.body)[0] for one in imports
        ]

    async def test_a_key_revoked_or_expired_is_answered_nothing(
        self, api: Api, owner: Repository, superuser: asyncpg.Connection
    ) -> None:
        """401 at once, as for every write: not the first answer, and not that there is one."""
        for name, change in (("a", "revoked_at = now()"), ("b", "expires_at = now()")):
            key = await create_key(owner, api.tenant.name, "author", ["read", "write"])
            caller = api.by(Actor("author", key.key, api.tenant.author.context))
            request = creating()
            new(await request.by(caller, name), 201)
            # Behind the service's back, which remembers keys for seconds.
            await superuser.execute(f"UPDATE app.api_key SET {change} WHERE id = $1", key.key_id)
            for sent in (request, creating()):
                answer = await sent.by(caller, name)
                assert (401, "unauthenticated") == (answer.status, answer.problem)
                assert "Idempotency-Replayed" not in answer.headers

    async def test_what_was_erased_is_not_made_again(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """Without its bytes there is no first answer, and no second effect either."""
        request = creating()
        made = await request.by(api, "k")
        await erase(superuser, entry_of(made))
        before = await rows(superuser, api.tenant.id)
        answer = await request.by(api, "k")

        assert (404, "not-found") == (answer.status, answer.problem)
        assert "erased" in answer.json["detail"]
        assert before == await rows(superuser, api.tenant.id)


class TestForgotten:
    """What is older than 24 hours."""

    async def test_is_done_anew_and_remembered_anew(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """The row that is still there is written over, for another request too."""
        first = creating()
        made = await first.by(api, "k")
        await superuser.execute(AGE, api.tenant.id, timedelta(hours=23, minutes=59))
        replayed(made, await first.by(api, "k"))
        await superuser.execute(AGE, api.tenant.id, timedelta(hours=24))
        taken = await first.by(api, "k")
        assert (409, "name-taken") == (taken.status, taken.problem)
        second = creating()
        made = await second.by(api, "k")

        new(made, 201)
        replayed(made, await second.by(api, "k"))
        assert 1 == await superuser.fetchval(KEPT, api.tenant.id)
        answer = await first.by(api, "k")
        assert (422, "idempotency-key-reused") == (answer.status, answer.problem)
        kept = await superuser.fetchval(
            "SELECT created_at FROM app.idempotency WHERE tenant_id = $1", api.tenant.id
        )
        assert timedelta(minutes=5) > datetime.now(UTC) - kept


class TestAtOnce:
    """Several with one key at the same time."""

    async def test_while_one_runs_others_are_told_to_come_again(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """409 with Retry-After at once, also for another body; afterwards the first answer."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            patch = changing(made)
            async with bench.locked(made.json["id"]) as session:
                writer = asyncio.create_task(patch.by(bench.api, "k"))
                await bench.waiting_backends(session, 1)
                for other in (patch, changing(made, tags=["b"])):
                    answer = await other.by(bench.api, "k")
                    assert (409, "idempotency-in-progress") == (answer.status, answer.problem)
                    assert "1" == answer.headers["Retry-After"]
            first = await writer
            new(first, 200)
            replayed(first, await patch.by(bench.api, "k"))

    async def test_when_the_one_that_ran_fails_the_next_does_it(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Nothing of a request that was ended holds its key."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            patch = changing(made)
            async with bench.locked(made.json["id"]) as session:
                writer = asyncio.create_task(patch.by(bench.api, "k"))
                (pid,) = await bench.waiting_backends(session, 1)
                await session.execute("SELECT pg_terminate_backend($1, 5000)", pid)
                lost = await writer
            assert (504, "outcome-unknown") == (lost.status, lost.problem)
            assert "same Idempotency-Key" in lost.json["detail"]
            new(await patch.by(bench.api, "k"), 200)

    @pytest.mark.parametrize("what", ["create", "patch", "step"])
    async def test_fifty_clients(
        self,
        cluster: Server,
        database: str,
        tenant: Tenant,
        settings: Settings,
        superuser: asyncpg.Connection,
        what: str,
    ) -> None:
        """One effect and one entry; everybody gets the first answer or is told to come again."""
        patient = Settings(
            data_dir=settings.data_dir, pool_min=18, pool_max=18, acquire_timeout_ms=30_000,
            request_timeout_ms=60_000,
        )  # fmt: skip
        async with (
            serving(patient, cluster.url("app", database)) as url,
            Api.open(url, tenant) as api,
        ):
            made = await api.create("skill")
            request = {
                "create": creating(),
                "patch": changing(made),
                "step": stepping(made, "under_review"),
            }[what]
            before = await rows(superuser, tenant.id)
            given = await asyncio.gather(*(request.by(api, "k") for _ in range(50)))
            settled = await asyncio.gather(*(request.by(api, "k") for _ in range(50)))
        after = await rows(superuser, tenant.id)
        (first,) = [
            one for one in given if one.status < 400 and "Idempotency-Replayed" not in one.headers
        ]

        assert 1 == after.entries - before.entries
        assert (what == "create") == after.entities - before.entities
        for one in given:
            if one.status == 409:
                assert "idempotency-in-progress" == one.problem
            elif one is not first:
                replayed(first, one)
        for one in settled:
            replayed(first, one)
