"""Batches over HTTP: all or nothing, references between operations, each checked as if alone."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from service.http.batch import BODY_MAX, MOVED
from service.model.kinds import BY_NAME
from service.model.operations import OPERATIONS_MAX
from tests.api import PATHS, Answer, Api
from tests.factories import ActorWith, Tenant, industry_body, skill_body, unique

NEVER = "01900000-0000-7000-8000-000000000000"
STEP = {"op": "status", "kind": "skill", "if_match": "*", "reason": "for the test"}


def creating(body: dict[str, Any], kind: str = "skill", **more: Any) -> dict[str, Any]:
    """Make an operation that creates."""
    return {"op": "create", "kind": kind, "body": body, **more}


def amending(identity: str, patch: dict[str, Any], tag: str = "*") -> dict[str, Any]:
    """Make an operation that changes a skill."""
    return {"op": "amend", "kind": "skill", "id": identity, "if_match": tag, "patch": patch}


async def run(api: Api, *operations: Any, **headers: str) -> Answer:
    """Send a batch."""
    return await api.post("/v1/batch", {"operations": list(operations)}, **headers)


async def count(api: Api) -> int:
    """Count the skills."""
    return len((await api.get("/v1/skills?limit=200")).json["items"])


def refused(answer: Answer) -> tuple[int, str, list[tuple[str, str]]]:
    """Give status, problem, and pointer and rule of each fault."""
    faults = [(one["pointer"], one["rule"]) for one in answer.json["errors"]]
    return answer.status, answer.problem, faults


class TestDone:
    """What a batch does."""

    async def test_each_operation_is_answered_in_its_order(self, api: Api) -> None:
        """Id, version, tag and entry are those that a request for it alone would have."""
        made = await api.create("skill")
        answer = await run(
            api,
            creating(skill_body(name=unique("new")), ref="new"),
            amending(made.json["id"], {"tags": ["t"]}, made.etag),
            {**STEP, "id": made.json["id"], "to": "under_review"},
        )

        assert 200 == answer.status, answer.body
        created, amended, stepped = answer.json["results"]
        assert [("new", 201), (None, 200), (None, 200)] == [
            (one["ref"], one["status"]) for one in answer.json["results"]
        ]
        new, found = [await api.get(f"/v1/skills/{one['id']}") for one in (created, stepped)]
        assert (created["etag"], 1) == (new.etag, created["version"])
        assert (stepped["etag"], 3) == (found.etag, stepped["version"])
        assert ("under_review", ["t"]) == (found.json["status"], found.json["tags"])
        assert 2 == amended["version"]
        versions = (await api.get(f"/v1/skills/{made.json['id']}/versions")).json["items"]
        assert [f"id={one['audit_id']}, hash={one['entry_hash']}" for one in versions[:2]] == [
            stepped["audit_entry"],
            amended["audit_entry"],
        ]

    async def test_later_operations_refer_to_earlier_ones(self, api: Api) -> None:
        """A whole world in one request: every field that holds an id takes $ref."""
        shared = {"job_role_id": "$ref:role", "industry_id": "$ref:trade"}
        text = {"description": "What it is."}
        answer = await run(
            api,
            creating(industry_body(), "industry", ref="trade"),
            creating(skill_body(), ref="parent"),
            creating(skill_body(parent_ids=["$ref:parent"]), ref="skill"),
            creating(
                {
                    "name": unique("role"),
                    **text,
                    "industry_id": "$ref:trade",
                    "required_skills": [{"id": "$ref:skill", "relation": "optional"}],
                },
                "job_role",
                ref="role",
            ),
            creating({"name": unique("team"), **text, **shared}, "team", ref="team"),
            creating(
                {
                    "name": unique("agent"),
                    **text,
                    **shared,
                    "team_id": "$ref:team",
                    "skill_ids": ["$ref:skill", "$ref:parent"],
                },
                "agent",
                ref="agent",
            ),
            amending("$ref:parent", {"aliases": ["first"]}),
            {**STEP, "id": "$ref:parent", "to": "under_review"},
        )

        assert 200 == answer.status, answer.body
        ids = {one["ref"]: one["id"] for one in answer.json["results"] if one["ref"]}
        skill = (await api.get(f"/v1/skills/{ids['skill']}")).json
        role = (await api.get(f"/v1/job-roles/{ids['role']}")).json
        agent = (await api.get(f"/v1/agents/{ids['agent']}")).json
        parent = (await api.get(f"/v1/skills/{ids['parent']}")).json
        assert [ids["parent"]] == skill["parent_ids"]
        assert ids["trade"] == role["industry_id"]
        assert [{"id": ids["skill"], "relation": "optional"}] == role["required_skills"]
        wanted = {"job_role_id": ids["role"], "industry_id": ids["trade"], "team_id": ids["team"]}
        assert wanted == {name: agent[name] for name in wanted}
        assert sorted([ids["skill"], ids["parent"]]) == agent["skill_ids"]
        assert (["first"], "under_review", 3) == (
            parent["aliases"], parent["status"], parent["version"],
        )  # fmt: skip

    async def test_a_successor_may_come_with_it(self, api: Api) -> None:
        """Deprecating something in favour of what the same request has certified."""
        old = (await api.world())["skill"]
        new = await api.made("skill", "certified")
        both = {**STEP, "id": new["id"], "to": "active"}
        answer = await run(
            api,
            both,
            {**STEP, "id": old["id"], "to": "deprecated", "successor_id": new["id"]},
        )

        assert 200 == answer.status, answer.body
        assert "deprecated" == (await api.get(f"/v1/skills/{old['id']}")).json["status"]

    async def test_only_ids_are_references(self, api: Api) -> None:
        """What looks like one in a text or in custom_attributes stays what it is."""
        attributes = {"schema": {"$ref": "#/a", "value": "$ref:a", "$ref:a": 1.50}}
        answer = await run(
            api,
            creating(skill_body(), ref="a"),
            creating(
                skill_body(
                    name="$ref:a", aliases=["$ref:a"], custom_attributes=attributes,
                    external_id="$ref:a",
                ),
            ),
        )  # fmt: skip

        assert 200 == answer.status, answer.body
        found = (await api.get(f"/v1/skills/{answer.json['results'][1]['id']}")).json
        assert ("$ref:a", ["$ref:a"], attributes, "$ref:a") == (
            found["name"], found["aliases"], found["custom_attributes"], found["external_id"],
        )  # fmt: skip

    async def test_the_most_there_may_be(self, api: Api) -> None:
        """500 are done, 501 are refused before anything is."""
        bodies = [creating(skill_body(), ref=f"s{n}") for n in range(OPERATIONS_MAX)]
        bodies[-1]["body"]["parent_ids"] = ["$ref:s0", "$ref:s498"]
        answer = await run(api, *bodies)
        assert 200 == answer.status, answer.body
        ids = [one["id"] for one in answer.json["results"]]
        assert OPERATIONS_MAX == len(set(ids))
        last = (await api.get(f"/v1/skills/{ids[-1]}")).json
        assert sorted([ids[0], ids[498]]) == last["parent_ids"]
        more = await run(api, *(creating(skill_body()) for _ in range(OPERATIONS_MAX + 1)))

        assert (422, "invalid-body", [("/operations", "max-length")]) == refused(more)

    async def test_each_kind_is_created_amended_and_stepped(self, api: Api) -> None:
        """The kind says which body is taken."""
        for kind in BY_NAME:
            answer = await run(
                api,
                creating(await api.body(kind), kind, ref="x"),
                {**amending("$ref:x", {"governance_notes": "n"}), "kind": kind},
                {**STEP, "id": "$ref:x", "kind": kind, "to": "archived"},
            )
            assert 200 == answer.status, answer.body
            found = (await api.get(f"{PATHS[kind]}/{answer.json['results'][0]['id']}")).json

            assert ("n", "archived", 3) == (
                found["governance_notes"], found["status"], found["version"],
            )  # fmt: skip


class TestRefused:
    """What a batch is refused for: nothing of it is done, and it is said where."""

    @pytest.mark.parametrize(
        "operation,pointer,rule",
        [
            ({}, "/op", "required"),
            ({"op": "delete"}, "/op", "one-of"),
            ({"op": 1}, "/op", "one-of"),
            ({"op": "create", "kind": "thing", "body": {}}, "/kind", "one-of"),
            ({"op": "create", "kind": "skill"}, "/body", "required"),
            (creating({}), "/body/name", "required"),
            (creating(skill_body(nonsense=1)), "/body/nonsense", "unknown-field"),
            (creating(skill_body(name=" a")), "/body/name", "trimmed"),
            (creating(skill_body(), ref="no space"), "/ref", "ref"),
            (creating(skill_body(), ref="taken"), "/ref", "duplicate"),
            (creating(skill_body(parent_ids=["$ref:none"])), "/body/parent_ids/0", "ref"),
            (creating(skill_body(parent_ids=["x"])), "/body/parent_ids/0", "uuid"),
            (creating(skill_body(), extra=1), "/extra", "unknown-field"),
            (creating(skill_body(parent_ids=[["$"]])), "/body/parent_ids/0", "type"),
            (creating(skill_body(description="x" * 2**20)), "", "size"),
            ({**STEP, "id": NEVER, "to": "archived", "successor_id": ""}, "/successor_id", "uuid"),
            (amending("x", {}), "/id", "uuid"),
            (amending("$ref:none", {}), "/id", "ref"),
            (amending(NEVER, {}, "x"), "/if_match", "etag"),
            (amending(NEVER, {"name": None}), "/patch/name", "type"),
            ({**STEP, "id": NEVER, "to": "gone"}, "/to", "one-of"),
            ({**STEP, "id": NEVER, "to": "active", "reason": " "}, "/reason", "blank"),
            (
                {**STEP, "id": NEVER, "to": "active", "successor_id": NEVER},
                "/successor_id",
                "successor",
            ),
        ],
    )
    async def test_what_is_malformed_is_pointed_at(
        self, api: Api, operation: Any, pointer: str, rule: str
    ) -> None:
        """422 with the place of the operation and of the field in it."""
        answer = await run(api, creating(skill_body(), ref="taken"), operation)

        status, problem, faults = refused(answer)
        assert (422, "invalid-body") == (status, problem)
        assert (f"/operations/1{pointer}", rule) in faults
        assert 0 == await count(api)

    @pytest.mark.parametrize(
        "body,pointer,rule",
        [
            ({}, "/operations", "required"),
            ({"operations": []}, "/operations", "min-length"),
            ({"operations": {}}, "/operations", "type"),
            ({"operations": [1]}, "/operations/0", "type"),
            ({"operations": [STEP], "x": 1}, "/x", "unknown-field"),
        ],
    )
    async def test_so_is_what_is_no_batch(
        self, api: Api, body: Any, pointer: str, rule: str
    ) -> None:
        """422 with the field."""
        answer = await api.post("/v1/batch", body)

        assert (pointer, rule) in refused(answer)[2]

    async def test_more_references_than_can_be_looked_up_are_refused(self, api: Api) -> None:
        """At one past ten thousand, before anything is done."""
        many = [{"id": f"01900000-0000-7000-8000-{n:012}"} for n in range(500)]
        role = {"name": "x", "description": "x", "required_skills": many}
        answer = await run(api, *(creating(role, "job_role") for _ in range(21)))

        assert (422, "invalid-body", [("/operations/20", "size")]) == refused(answer)

    async def test_a_list_that_is_nested_is_refused(self, api: Api) -> None:
        """However deep."""
        deep = "[" * 800 + '"$"' + "]" * 800
        body = json.dumps({"operations": [creating(skill_body(parent_ids=["?"]))]})
        answer = await api.send("POST", "/v1/batch", raw=body.replace('["?"]', deep).encode())

        assert answer.status in {400, 422}, answer.body

    async def test_a_large_body_is_cut_before_it_is_looked_at(self, api: Api) -> None:
        """Beyond 1 MiB: too many operations, an odd member, no batch at all, and a good one."""
        large = skill_body(description="x" * 9_000, governance_notes="y" * 9_000)
        good = [creating({**large, "name": f"large {n}"}) for n in range(80)]
        bodies = [
            {"operations": good},
            {"operations": good * 7},
            {"operations": good, "x": 1},
            {"operations": {"a": good}},
            {"operations": [*good, 1]},
        ]
        found = [await api.post("/v1/batch", body, Prefer="tx=rollback") for body in bodies]

        assert [200, 422, 400, 400, 422] == [answer.status for answer in found]
        assert ("/operations/80", "type") in refused(found[4])[2]

    async def test_a_member_given_twice_is_refused(self, api: Api) -> None:
        """Wherever it stands."""
        body = json.dumps({"operations": [creating(skill_body(name="x"))]})
        twice = body.replace('"name": "x"', '"name": "x", "name": "y"')
        answer = await api.send("POST", "/v1/batch", raw=twice.encode())

        assert ("/operations/0/body/name", "member-twice") in refused(answer)[2]

    async def test_too_large_a_body_is_refused(self, api: Api) -> None:
        """At one byte over 16 MiB."""
        whole = json.dumps({"operations": [creating(skill_body())]}).encode()
        fits = await api.send("POST", "/v1/batch", raw=whole.ljust(BODY_MAX))
        over = await api.send("POST", "/v1/batch", raw=whole.ljust(BODY_MAX + 1))

        assert 200 == fits.status
        assert (413, "body-too-large") == (over.status, over.problem)

    async def test_what_the_database_refuses_undoes_the_whole(self, api: Api) -> None:
        """Each with the problem it would have alone, its place, and what helps."""
        held = await api.made("skill")
        active = (await api.world())["skill"]
        before = await count(api)
        for operation, status, problem, fault in (
            (creating(skill_body(name=held["name"])), 409, "name-taken", "/body/name"),
            (
                creating(skill_body(parent_ids=[NEVER])),
                409,
                "reference-not-found",
                "/body/parent_ids/0",
            ),
            (amending(NEVER, {"tags": []}), 404, "not-found", ""),
            (amending(held["id"], {"tags": []}, '"9-0"'), 412, "precondition-failed", ""),
            (amending(active["id"], {"name": "x"}), 409, "certified-is-immutable", "/patch/name"),
            ({**STEP, "id": held["id"], "to": "active"}, 409, "step-not-allowed", ""),
            ({**STEP, "id": active["id"], "to": "archived"}, 409, "in-use", ""),
            (
                {**STEP, "id": active["id"], "to": "deprecated", "successor_id": NEVER},
                409,
                "reference-not-found",
                "/successor_id",
            ),
        ):
            answer = await run(api, creating(skill_body()), operation, creating(skill_body()))
            found = refused(answer)
            assert (status, problem) == found[:2], answer.body
            assert any(f"/operations/1{fault}" == pointer for pointer, _ in found[2]), found
            assert answer.json["detail"].startswith("/operations/1: ")
            if not fault:
                # It has no body to point into: what the problem says, by its slug.
                assert [(problem, answer.json["detail"])] == [
                    (one["rule"], f"/operations/1: {one['message']}")
                    for one in answer.json["errors"]
                ]
            assert before == await count(api)
            if problem == "name-taken":
                assert held["id"] == answer.json["existing_id"]

    async def test_a_tag_that_is_undone_is_not_named(self, api: Api) -> None:
        """What an earlier operation made of the entity is gone: no `current_etag`, no `ETag`."""
        made = await api.create("skill")
        identity = made.json["id"]
        stale = amending(identity.upper(), {"tags": ["b"]}, made.etag)
        new = creating(skill_body(), ref="new")
        step = {**STEP, "id": identity, "to": "under_review"}
        for operations, verb in (
            ((amending(identity, {"tags": ["a"]}, made.etag), stale), "changes"),
            ((step, stale), "changes"),
            ((new, amending("$ref:new", {"tags": ["a"]}, '"1-0"')), "makes"),
            ((new, amending("$ref:new", {"tags": ["a"]}, 'W/"x"')), "makes"),
        ):
            answer = await run(api, *operations)

            assert (412, "precondition-failed") == (answer.status, answer.problem), answer.body
            assert "current_etag" not in answer.json
            assert "ETag" not in answer.headers
            assert answer.json["detail"] == f"/operations/1: {MOVED.format(verb)}"
        alone = await run(api, creating(skill_body()), amending(identity, {}, '"9-0"'))
        assert made.etag == alone.json["current_etag"] == alone.headers["ETag"]
        last = await run(api, amending(identity, {}, made.etag), {**stale, "if_match": "*"})
        assert [2, 3] == [one["version"] for one in last.json["results"]], last.body

    async def test_a_weak_tag_is_told_as_one(self, api: Api) -> None:
        """In the words of a request for it alone; a header of the batch is no condition of it."""
        made = await api.create("skill")
        path = f"/v1/skills/{made.json['id']}"
        alone = await api.patch(path, {"tags": ["a"]}, f"W/{made.etag}")
        weak = amending(made.json["id"], {"tags": ["a"]}, f"W/{made.etag}")
        answer = await run(api, creating(skill_body()), weak)
        strong = amending(made.json["id"], {"tags": ["a"]}, '"9-0"')

        assert alone.json["detail"].startswith("A weak entity tag")
        assert f"/operations/1: {alone.json['detail']}" == answer.json["detail"]
        assert made.etag == answer.json["current_etag"]
        for header in (f"W/{made.etag}", "junk"):
            other = await run(api, strong, If_Match=header)
            assert (412, "/operations/0: The entity has changed since you read it.") == (
                other.status,
                other.json["detail"],
            )

    async def test_two_of_one_name_are_too_many(self, api: Api) -> None:
        """The second one is in the way of nobody but the first."""
        answer = await run(api, *(creating(skill_body(name="one")) for _ in range(2)))

        assert (409, "name-taken") == (answer.status, answer.problem)
        assert "/operations/1/body/name" in {one["pointer"] for one in answer.json["errors"]}

    async def test_scopes_are_those_of_each_operation(
        self, api: Api, actor_with: ActorWith
    ) -> None:
        """A key that may only certify certifies, and creates nothing; and nobody's own work."""
        draft = await api.create("skill")
        shown = await api.step(f"/v1/skills/{draft.json['id']}", "under_review", draft.etag)
        step = {**STEP, "id": draft.json["id"], "to": "certified", "if_match": shown.etag}
        certifier = api.by(await actor_with("certify", "read"))
        mixed = await run(certifier, step, creating(skill_body()))
        assert (403, "scope-missing") == (mixed.status, mixed.problem)
        assert "/operations/1: This needs a key with scope write." == mixed.json["detail"]
        own = await run(api.by(await actor_with("read")), step)
        assert (403, "scope-missing") == (own.status, own.problem)
        answer = await run(certifier, step)

        assert 200 == answer.status, answer.body

    async def test_other_tenants_are_not_there(
        self, api: Api, other_tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Neither to change, nor to refer to, nor to step; nor another agent's draft."""
        theirs = await api.of(other_tenant).made("skill", "active")
        hidden = await api.by(api.tenant.certifier).made("skill")
        for foreign in (theirs["id"], hidden["id"]):
            for operation, status in (
                (amending(foreign, {"tags": ["x"]}), 404),
                ({**STEP, "id": foreign, "to": "archived"}, 404),
                (creating(skill_body(parent_ids=[foreign])), 409),
            ):
                answer = await run(api, operation)
                assert status == answer.status, answer.body
        versions = await superuser.fetch(
            "SELECT version FROM app.base_entity WHERE id = ANY($1)", [theirs["id"], hidden["id"]]
        )

        assert sorted([theirs["version"], 1]) == sorted(row["version"] for row in versions)


class TestRepeated:
    """A key, a dry run, others at the same time."""

    async def test_a_key_does_it_once(self, api: Api) -> None:
        """The same answer byte for byte; another batch under it is refused."""
        batch = [creating(skill_body(), ref="a"), amending("$ref:a", {"tags": ["t"]})]
        first = await run(api, *batch, Idempotency_Key="k")
        again = await run(api, *batch, Idempotency_Key="k")
        other = await run(api, *batch[:1], Idempotency_Key="k")

        assert (200, first.body) == (again.status, again.body)
        assert "true" == again.headers["Idempotency-Replayed"]
        assert "Idempotency-Replayed" not in first.headers
        assert (422, "idempotency-key-reused") == (other.status, other.problem)
        assert 1 == await count(api)

    async def test_a_dry_run_does_nothing(self, api: Api) -> None:
        """Everything is checked and answered, without entries."""
        batch = [creating(skill_body(), ref="a"), amending("$ref:a", {"tags": ["t"]})]
        answer = await run(api, *batch, Prefer="tx=rollback")

        assert 200 == answer.status
        assert "tx=rollback" == answer.headers["Preference-Applied"]
        assert [None, None] == [one["audit_entry"] for one in answer.json["results"]]
        assert 0 == await count(api)

    async def test_batches_in_opposite_orders_do_not_stop_each_other(self, api: Api) -> None:
        """Whatever the order of operations, rows are locked in one: none is refused."""
        made = [(await api.made("skill"))["id"] for _ in range(6)]
        orders = [made, made[::-1], made[3:] + made[:3], made[::2] + made[1::2]]
        answers = await asyncio.gather(
            *(
                run(api, *(amending(one, {"governance_notes": f"{n}"}) for one in order))
                for n, order in enumerate(orders)
            )
        )

        assert {200} == {answer.status for answer in answers}
        notes = {(await api.get(f"/v1/skills/{one}")).json["governance_notes"] for one in made}
        assert 1 == len(notes)
