"""Prefer: tx=rollback: everything is checked, answered as it would be, and undone."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from service.model.kinds import BY_NAME
from tests.api import PATHS, Answer, Api
from tests.bench import Bench, unavailable
from tests.counts import Rows, rows
from tests.factories import ActorWith, Tenant, job_role_body, skill_body, unique
from tests.planted import AT_COMMIT, NOTHING_PLANTED
from tests.postgres import Server

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
DRY = {"Prefer": "tx=rollback"}
KEPT = "SELECT count(*) FROM app.idempotency WHERE tenant_id = $1"


def at(document: dict[str, Any]) -> str:
    """Give the path of an entity."""
    return f"{PATHS[document['entity_type']]}/{document['id']}"


def step(to: str) -> dict[str, str]:
    """Make the body of a step."""
    return {"to": to, "reason": "r"}


async def dry(api: Api, method: str, path: str, body: Any, **headers: str | None) -> Answer:
    """Send a request as a dry run; keyword arguments are headers with _ for -."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.send(method, path, body, headers=DRY | given)


async def stored(superuser: asyncpg.Connection, tenant: Tenant) -> tuple[Rows, int]:
    """Count all that a write leaves behind, remembered answers too."""
    return await rows(superuser, tenant.id), await superuser.fetchval(KEPT, tenant.id)


def rehearsed(answer: Answer) -> None:
    """Make sure that an answer says that nothing was done."""
    assert 200 == answer.status, answer.body
    assert "tx=rollback" == answer.headers["Preference-Applied"]
    assert {"Location", "Audit-Entry", "Idempotency-Replayed"}.isdisjoint(answer.headers)


class TestAnswer:
    """What is answered."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_the_document_as_it_would_be(
        self, api: Api, superuser: asyncpg.Connection, kind: str
    ) -> None:
        """Create, patch and step: version, state and tag of what would be; nothing is written."""
        body = await api.body(kind, tags=["a"])
        before = await stored(superuser, api.tenant)
        would = await dry(api, "POST", PATHS[kind], body)
        rehearsed(would)
        assert before == await stored(superuser, api.tenant)
        made = await api.post(PATHS[kind], body)
        assert 201 == made.status
        own = {"id", "created_at", "updated_at"}
        assert {name for name in made.json if made.json[name] != would.json[name]} == own

        before = await stored(superuser, api.tenant)
        patch = {"tags": ["b"], "custom_attributes": {"c": 1}}
        patched = await dry(api, "PATCH", at(made.json), patch, If_Match=made.etag)
        stepped = await dry(
            api, "POST", f"{at(made.json)}/status", step("under_review"), If_Match=made.etag
        )
        for answer in (patched, stepped):
            rehearsed(answer)
            assert 2 == answer.json["version"]
            assert re.fullmatch(r'"2-[0-9a-f]{16}"', answer.etag)
            assert "private, no-cache" == answer.headers["Cache-Control"]
        assert (["b"], {"c": 1}) == (patched.json["tags"], patched.json["custom_attributes"])
        assert ("draft", "under_review") == (patched.json["status"], stepped.json["status"])
        assert before == await stored(superuser, api.tenant)
        found = await api.get(at(made.json))
        assert (made.body, made.etag) == (found.body, found.etag)

    async def test_a_reject_shows_what_is_hidden_by_it(self, api: Api) -> None:
        """The certifier sees the draft that it would be, and it stays under review."""
        submitted = await api.raised(await api.create("skill"), "under_review")
        certifier = api.by(api.tenant.certifier)
        path = f"{at(submitted.json)}/status"
        answer = await dry(certifier, "POST", path, step("draft"), If_Match=submitted.etag)

        rehearsed(answer)
        assert "draft" == answer.json["status"]
        assert submitted.body == (await certifier.get(at(submitted.json))).body

    @pytest.mark.parametrize(
        "value",
        [
            "tx=rollback",
            "TX=Rollback",
            'tx="rollback"',
            "respond-async, tx=rollback;x=y",
            ", tx=rollback",
        ],
    )
    async def test_however_it_is_written(self, api: Api, value: str) -> None:
        """Names and case as RFC 7240 has them, beside preferences that mean nothing here."""
        rehearsed(await dry(api, "POST", "/v1/skills", skill_body(), Prefer=value))

    @pytest.mark.parametrize(
        "value", ["", "tx=commit", "tx", "tx=rollbak", "return=minimal", 'a="tx=rollback"', "é,,="]
    )
    async def test_another_preference_is_ignored(self, api: Api, value: str) -> None:
        """Then it is no dry run, and the answer does not say that it was one."""
        answer = await dry(api, "POST", "/v1/skills", skill_body(), Prefer=value)

        assert 201 == answer.status
        assert "Preference-Applied" not in answer.headers

    async def test_where_nothing_is_written_it_is_ignored(self, api: Api) -> None:
        """Reads have nothing to undo."""
        made = await api.create("skill")
        found = await dry(api, "GET", at(made.json), None)

        assert 200 == found.status
        assert "Preference-Applied" not in found.headers

    async def test_an_import_is_not_taken_for_a_trial(self, api: Api) -> None:
        """It cannot be tried: refused as a whole, where it would be done for good."""
        external_id = unique("e")
        line = {"kind": "skill", **skill_body(external_id=external_id)}
        ndjson = {"Content-Type": "application/x-ndjson"}
        refused = await api.send(
            "POST", "/v1/imports", raw=json.dumps(line).encode(), headers=DRY | ndjson
        )
        found = await api.get(f"/v1/skills?external_id={quote(external_id)}")
        other = await api.send(
            "POST", "/v1/imports", raw=json.dumps(line).encode(),
            headers={"Prefer": "return=minimal"} | ndjson,
        )  # fmt: skip

        assert (400, "malformed-request") == (refused.status, refused.problem)
        assert "cannot be tried" in refused.json["detail"]
        assert [] == found.json["items"]
        assert b'"created":1' in other.body


class TestAmendments:
    """Amendments of an entity in force."""

    async def test_none_is_opened_changed_certified_or_withdrawn(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """Each write is tried before it is done: the answer is nearly the same, nothing is left."""
        skill = await api.raised(await api.create("skill"), "active")
        path = f"{at(skill.json)}/amendment"
        certifier = api.by(api.tenant.certifier)
        answer = skill
        for who, method, where, body in (
            (api, "PATCH", path, {"description": "New."}),
            (api, "PATCH", path, {"aliases": ["n"]}),
            (api, "POST", f"{path}/status", step("under_review")),
            (certifier, "POST", f"{path}/status", step("certified")),
        ):
            before = await stored(superuser, api.tenant)
            trial = await dry(who, method, where, body, If_Match=answer.etag)
            rehearsed(trial)
            assert before == await stored(superuser, api.tenant)
            answer = await who.send(method, where, body, headers={"If-Match": answer.etag})
            assert answer.status < 300, answer.body
            same = {"description", "aliases", "status", "version", "base_version"}
            assert {trial.json[one] == answer.json[one] for one in same} == {True}
            assert ("Entity-ETag" in trial.headers) == ("Entity-ETag" in answer.headers)

        opened = await api.patch(path, {"aliases": []}, answer.headers["Entity-ETag"])
        trial = await dry(api, "DELETE", path, None, If_Match=opened.etag, Idempotency_Key='"')
        rehearsed(trial)
        assert "withdrawn" == trial.json["status"]
        assert opened.body == (await api.get(path)).body


class TestRefused:
    """What the real request would be refused with."""

    async def test_as_the_real_request(
        self, api: Api, superuser: asyncpg.Connection, tenant: Tenant
    ) -> None:
        """The same status and problem, member by member; and neither leaves anything."""
        draft = await api.create("skill", external_id=unique("e"))
        path = at(draft.json)
        active = await api.raised(await api.create("skill"), "active")
        role = await api.create("job_role", required_skills=[{"id": draft.json["id"]}])
        role = await api.raised(role, "under_review")
        taken = skill_body(name=draft.json["name"])
        held = skill_body(external_id=draft.json["external_id"])
        nowhere = skill_body(parent_ids=[NEVER])
        certifier = api.by(tenant.certifier)
        cases: list[tuple[Api, str, str, Any, str | None, int, str]] = [
            (api, "POST", "/v1/skills", taken, None, 409, "name-taken"),
            (api, "POST", "/v1/skills", held, None, 409, "external-id-taken"),
            (api, "POST", "/v1/skills", nowhere, None, 409, "reference-not-found"),
            (api, "POST", "/v1/skills", {"name": " "}, None, 422, "invalid-body"),
            (api.by(tenant.reader), "POST", "/v1/skills", skill_body(), None, 403, "scope-missing"),
            (api, "PATCH", path, {"tags": []}, None, 428, "precondition-required"),
            (api, "PATCH", path, {"tags": []}, '"1-00"', 412, "precondition-failed"),
            (api, "PATCH", path, {"parent_ids": [draft.json["id"]]}, "*", 409, "parent-cycle"),
            (api, "PATCH", f"/v1/skills/{NEVER}", {}, "*", 404, "not-found"),
            (api, "PATCH", at(active.json), {"name": "x"}, "*", 409, "certified-is-immutable"),
            (api, "POST", f"{path}/status", step("active"), "*", 409, "step-not-allowed"),
            (certifier, "POST", f"{path}/status", step("archived"), "*", 404, "not-found"),
            (certifier, "POST", f"{at(role.json)}/status", step("certified"), "*", 409,
             "rule-violated"),
        ]  # fmt: skip
        before = await stored(superuser, tenant)
        for who, method, where, body, etag, status, problem in cases:
            headers = {"If-Match": etag, "Request-Id": "same"}
            real = await who.send(method, where, body, headers=headers)
            trial = await who.send(method, where, body, headers=headers | DRY)
            assert (status, problem) == (real.status, real.problem), real.body
            assert (status, real.body) == (trial.status, trial.body)
            assert real.headers.get("ETag") == trial.headers.get("ETag")
            assert "Preference-Applied" not in trial.headers

        assert before == await stored(superuser, tenant)

    async def test_who_may_not_read_may_not_try(self, api: Api, actor_with: ActorWith) -> None:
        """It would be a read that leaves no entry: of writes and certifications alike."""
        made = await api.raised(await api.create("skill"), "under_review")
        blind = [(await actor_with(scope, name=scope), scope) for scope in ("write", "certify")]
        for who, scope in blind:
            asked: list[tuple[str, str, Any]] = [
                ("POST", f"{at(made.json)}/status", step("certified")),
                ("PATCH", at(made.json), {}),
            ]
            for method, path, body in asked if scope == "write" else asked[:1]:
                trial = await dry(api.by(who), method, path, body, If_Match="*")
                assert (403, "scope-missing") == (trial.status, trial.problem)
                assert "read" == trial.json["required_scope"]

    async def test_what_commit_would_refuse(self, api: Api, superuser: asyncpg.Connection) -> None:
        """Constraints that wait for COMMIT are asked too."""
        await superuser.execute(AT_COMMIT.format(code="23503", times=1000))
        try:
            body = skill_body(name="planted")
            real = await api.post("/v1/skills", body, Request_Id="same")
            trial = await dry(api, "POST", "/v1/skills", body, Request_Id="same")
        finally:
            await superuser.execute(NOTHING_PLANTED)

        assert (409, "reference-not-found") == (real.status, real.problem)
        assert (real.status, real.body) == (trial.status, trial.body)

    async def test_what_may_be_repeated_is(
        self, cluster: Server, database: str, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Deadlocks and serialization failures are tried again, as with a real request."""
        async with Bench.open(cluster, database, tenant) as bench:
            for code in ("40001", "40P01"):
                await superuser.execute(AT_COMMIT.format(code=code, times=2))
                try:
                    body = skill_body(name="planted")
                    answer = await dry(bench.api, "POST", "/v1/skills", body)
                finally:
                    await superuser.execute(NOTHING_PLANTED)
                rehearsed(answer)
            counted = (await bench.api.get("/metrics")).body

        for kind in (b"serialization_failure", b"deadlock"):
            assert b'plant_transaction_retries_total{kind="%b"} 2.0' % kind in counted

    async def test_a_lost_backend_leaves_no_doubt(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """503, not 504: whatever became of it, nothing was done."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            async with bench.locked(made.json["id"]) as session:
                trial = asyncio.create_task(
                    dry(bench.api, "PATCH", at(made.json), {"tags": ["a"]}, If_Match=made.etag)
                )
                (pid,) = await bench.waiting_backends(session, 1)
                await session.execute("SELECT pg_terminate_backend($1, 5000)", pid)
                unavailable(await trial)
            rehearsed(
                await dry(bench.api, "PATCH", at(made.json), {"tags": ["a"]}, If_Match=made.etag)
            )
            assert 0 == (await bench.metrics())["in_use"]


class TestKey:
    """An Idempotency-Key that is sent along."""

    async def test_is_not_used_up(self, api: Api, superuser: asyncpg.Connection) -> None:
        """The real request under the same key is done, and then repeated."""
        body = skill_body()
        rehearsed(await dry(api, "POST", "/v1/skills", body, Idempotency_Key="k"))
        assert 0 == await superuser.fetchval(KEPT, api.tenant.id)
        made = await api.post("/v1/skills", body, Idempotency_Key="k")
        again = await api.post("/v1/skills", body, Idempotency_Key="k")

        assert [201, 201] == [made.status, again.status]
        assert ("Idempotency-Replayed" in made.headers, made.body) == (False, again.body)

    async def test_is_not_looked_up(self, api: Api) -> None:
        """A dry run says what would happen without it, not what did happen under it."""
        body = skill_body()
        made = await api.post("/v1/skills", body, Idempotency_Key="k")
        same = await dry(api, "POST", "/v1/skills", body, Idempotency_Key="k")
        other = await dry(api, "POST", "/v1/skills", skill_body(), Idempotency_Key="k")
        patch = await dry(api, "PATCH", at(made.json), {}, Idempotency_Key="k")

        assert (409, "name-taken") == (same.status, same.problem)
        rehearsed(other)
        assert (428, "precondition-required") == (patch.status, patch.problem)

    async def test_must_be_one(self, api: Api) -> None:
        """Its form is checked as ever."""
        answer = await dry(api, "POST", "/v1/skills", skill_body(), Idempotency_Key="a b")

        assert (400, "malformed-request") == (answer.status, answer.problem)

    async def test_does_not_wait_for_one_that_runs(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Nor does a dry run stand in the way of the real request under its key."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            async with bench.locked(made.json["id"]) as session:
                held = asyncio.create_task(
                    dry(bench.api, "PATCH", at(made.json), {}, If_Match="*", Idempotency_Key="k")
                )
                await bench.waiting_backends(session, 1)
                real = asyncio.create_task(
                    bench.api.send(
                        "PATCH", at(made.json), {},
                        headers={"If-Match": "*", "Idempotency-Key": "k"},
                    )
                )  # fmt: skip
                await bench.waiting_backends(session, 2)
            rehearsed(await held)
            assert 200 == (await real).status


async def test_a_rehearsal_of_a_whole_walk_leaves_nothing(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """What hangs on an entity, links, tags and labels, is undone with it."""
    skill = (await api.made("skill"))["id"]
    before = await stored(superuser, api.tenant)
    body = job_role_body([skill], tags=["a"], external_id="e")
    for _ in range(3):
        rehearsed(await dry(api, "POST", "/v1/job-roles", body))

    assert before == await stored(superuser, api.tenant)
