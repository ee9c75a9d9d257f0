"""Amendments over HTTP: what is proposed, who sees it, which steps, and what certifying does."""

import json
from itertools import product
from typing import Any

import msgspec
import pytest

from service.model.amendments import AMENDMENT
from service.model.kinds import BY_NAME
from tests.api import PATHS, Answer, Api
from tests.factories import ActorWith, Tenant, unique

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
STATES = ("draft", "under_review", "certified", "rejected", "withdrawn")
OWN = ("status", "version", "created_at", "updated_at", "governance_agent_id")
LAST = ("amendment_id", "base_version")
PATCH = {"description": "Amended."}

# The life cycle of the contract: from each state, to which, and by whom of a tenant.
STEPS = {
    ("draft", "under_review"): "author",
    ("draft", "withdrawn"): "author",
    ("under_review", "draft"): "author",
    ("under_review", "withdrawn"): "author",
    ("under_review", "certified"): "certifier",
    ("under_review", "rejected"): "certifier",
}
ROAD = {
    "draft": [],
    "under_review": ["under_review"],
    "certified": ["under_review", "certified"],
    "rejected": ["under_review", "rejected"],
    "withdrawn": ["withdrawn"],
}


def at(document: dict[str, Any]) -> str:
    """Give the path of an entity."""
    return f"{PATHS[document['entity_type']]}/{document['id']}"


def of(document: dict[str, Any]) -> str:
    """Give the path of the amendment of an entity."""
    return f"{at(document)}/amendment"


def content(document: dict[str, Any]) -> dict[str, Any]:
    """Give what a certification certifies, in its order."""
    return {name: value for name, value in document.items() if name not in (*OWN, *LAST)}


def placed(answer: Answer) -> list[tuple[str, str]]:
    """Give the pointers and rules of a refusal."""
    return [(error["pointer"], error["rule"]) for error in answer.json["errors"]]


async def propose(api: Api, before: Answer, patch: Any = None) -> Answer:
    """Patch the amendment under the tag of an answer: the entity's, or the amendment's own."""
    return await api.patch(of(before.json), PATCH if patch is None else patch, before.etag)


async def step(api: Api, before: Answer, to: str) -> Answer:
    """Take a step of an amendment under the tag of an answer."""
    return await api.step(of(before.json), to, before.etag)


async def withdraw(api: Api, path: str, etag: str | None) -> Answer:
    """Withdraw an amendment."""
    return await api.send("DELETE", path, headers={"If-Match": etag})


async def in_force(api: Api, kind: str = "skill", status: str = "active", **fields: Any) -> Answer:
    """Have an entity in force."""
    return await api.raised(await api.create(kind, **fields), status)


async def opened(api: Api, status: str = "draft", patch: Any = None) -> Answer:
    """Have an amendment of a new active skill, in a state; gives the last answer."""
    answer = await propose(api, await in_force(api), patch)
    assert 201 == answer.status, answer.body
    for to in ROAD[status]:
        actor = api.tenant.certifier if to in {"certified", "rejected"} else api.tenant.author
        answer = await step(api.by(actor), answer, to)
        assert 200 == answer.status, answer.body
    return answer


async def certified(api: Api, before: Answer, patch: Any) -> Answer:
    """Amend an entity by two identities; gives the answer to the certification."""
    proposed = await propose(api, before, patch)
    assert 201 == proposed.status, proposed.body
    answer = await step(api, proposed, "under_review")
    assert 200 == answer.status, answer.body
    return await step(api.by(api.tenant.certifier), answer, "certified")


class TestPropose:
    """PATCH /v1/{kinds}/{id}/amendment."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_the_first_patch_opens_it(self, api: Api, kind: str) -> None:
        """201 with the document as it will be; the entity stays as it is."""
        before = await api.get(at((await api.world())[kind]))
        answer = await propose(api, before, PATCH | {"tags": ["b", "a"]})

        assert 201 == answer.status, answer.body
        assert of(before.json) == answer.headers["Location"]
        assert answer.etag.startswith('"1-')
        assert answer.headers["Audit-Entry"].startswith("id=")
        assert [*before.json, *LAST] == list(answer.json)
        expected = content(before.json) | {"description": "Amended.", "tags": ["a", "b"]}
        assert expected == content(answer.json)
        assert ("draft", 1) == (answer.json["status"], answer.json["version"])
        assert before.json["version"] == answer.json["base_version"]
        shown = msgspec.json.decode(answer.body, type=AMENDMENT[kind])
        assert shown.__struct_fields__ == tuple(answer.json)
        assert before.body == (await api.get(at(before.json))).body
        assert answer.body == (await api.get(of(before.json))).body

    async def test_later_patches_change_it(self, api: Api) -> None:
        """200 and its next version, under its own tag; what was given before stays."""
        first = await opened(api, patch=PATCH | {"aliases": ["a"]})
        answer = await propose(api, first, {"name": "Other", "aliases": ["b"]})

        assert (200, 2) == (answer.status, answer.json["version"])
        assert "Location" not in answer.headers
        assert first.json["amendment_id"] == answer.json["amendment_id"]
        shown = {name: answer.json[name] for name in ("name", "description", "aliases")}
        assert {"name": "Other", "description": "Amended.", "aliases": ["b"]} == shown
        assert first.json["created_at"] == answer.json["created_at"] < answer.json["updated_at"]

    async def test_preconditions(self, api: Api) -> None:
        """The entity's tag opens it, its own changes it; each is 412 where the other counts."""
        entity = await in_force(api)
        path = of(entity.json)
        bare = await api.send("PATCH", path, PATCH)
        assert (428, "precondition-required") == (bare.status, bare.problem)
        for stale in ('"1-00"', f"W/{entity.etag}"):
            answer = await api.patch(path, PATCH, stale)
            assert (412, entity.etag) == (answer.status, answer.json["current_etag"])
        assert 404 == (await api.get(path)).status
        first = await api.patch(path, PATCH, f'"1-00", {entity.etag}')
        for stale in (entity.etag, f"W/{first.etag}"):
            answer = await api.patch(path, PATCH, stale)
            assert (412, first.etag) == (answer.status, answer.json["current_etag"])
            assert first.etag == answer.etag
        second = await api.patch(path, PATCH, "*")
        assert (201, 200, 2) == (first.status, second.status, second.json["version"])

    @pytest.mark.parametrize("status", ["draft", "under_review", "archived"])
    async def test_only_what_is_in_force_is_amended(self, api: Api, status: str) -> None:
        """409 that says what to do instead; nothing is opened."""
        entity = await in_force(api, status=status)
        answer = await propose(api, entity)

        assert (409, "not-in-force") == (answer.status, answer.problem)
        assert status == answer.json["current_status"]
        words = {"draft": "PATCH the entity itself", "archived": "never changes"}
        assert words.get(status, "back to draft") in answer.json["detail"]
        assert 404 == (await api.get(of(entity.json))).status
        assert 412 == (await api.patch(of(entity.json), PATCH, '"1-00"')).status

    @pytest.mark.parametrize("status", ["certified", "active", "deprecated"])
    async def test_every_state_in_force_is_amended_and_kept(self, api: Api, status: str) -> None:
        """Certifying writes the entity's next version and leaves its own state alone."""
        entity = await in_force(api, status=status)
        answer = await certified(api, entity, PATCH)
        after = await api.get(at(entity.json))

        assert 200 == answer.status, answer.body
        assert (status, entity.json["version"] + 1) == (after.json["status"], after.json["version"])
        assert "Amended." == after.json["description"]

    async def test_what_is_hidden_is_404(self, api: Api, other_tenant: Tenant) -> None:
        """Every way in tells no more than a read of the entity."""
        hidden = await api.by(api.tenant.certifier).create("skill")
        foreign = await api.of(other_tenant).made("skill", "active")
        kind = await api.made("industry", "active")
        told: dict[str, set[bytes]] = {}
        for one in (hidden.json["id"], foreign["id"], kind["id"], NEVER):
            path = f"/v1/skills/{one}/amendment"
            headers = {"If-Match": "*", "Request-Id": "same"}
            for answer, way in (
                (await api.send("GET", path, headers=headers), "GET"),
                (await api.send("PATCH", path, PATCH, headers=headers), "PATCH"),
                (await api.send("DELETE", path, headers=headers), "DELETE"),
                (
                    await api.send(
                        "POST", f"{path}/status", {"to": "draft", "reason": "r"}, headers=headers
                    ),
                    "POST",
                ),
            ):
                assert (404, "not-found") == (answer.status, answer.problem), (way, answer.body)
                told.setdefault(way, set()).add(answer.body)
        odd = await api.patch("/v1/skills/1/amendment", PATCH, "*")

        assert 404 == odd.status
        assert {1} == {len(bodies) for bodies in told.values()}

    async def test_there_is_one_at_a_time(self, api: Api) -> None:
        """Another's draft is in the way without being seen, another's under review is seen."""
        entity = await in_force(api)
        mine = await propose(api, entity, {"description": "hush"})
        other = api.by(api.tenant.certifier)
        hidden = await propose(other, entity)
        assert (409, "amendment-open") == (hidden.status, hidden.problem)
        secrets = ("hush", mine.json["amendment_id"], mine.etag.strip('"'))
        assert not [one for one in secrets if one in hidden.body.decode()]
        assert {"type", "title", "status", "detail", "request_id"} == set(hidden.json)
        assert 404 == (await other.get(of(entity.json))).status
        reviewed = await step(api, mine, "under_review")
        for etag in (entity.etag, reviewed.etag, "*"):
            seen = await other.patch(of(entity.json), PATCH, etag)
            assert (409, "amendment-open") == (seen.status, seen.problem)
        assert reviewed.body == (await other.get(of(entity.json))).body

    async def test_after_it_is_closed_another_one_opens(self, api: Api) -> None:
        """By whoever may write, under the entity's tag again."""
        for status in ("certified", "rejected", "withdrawn"):
            closed = await opened(api, status)
            entity = await api.get(at(closed.json))
            assert 404 == (await api.get(of(entity.json))).status
            answer = await propose(api.by(api.tenant.certifier), entity, {"description": "More."})
            assert (201, 1) == (answer.status, answer.json["version"])
            assert closed.json["amendment_id"] != answer.json["amendment_id"]
            assert entity.json["version"] == answer.json["base_version"]

    async def test_under_review_nothing_is_written(self, api: Api) -> None:
        """Its author takes it back first."""
        reviewed = await opened(api, "under_review")
        answer = await propose(api, reviewed)
        assert (409, "step-not-allowed") == (answer.status, answer.problem)
        assert ["draft", "withdrawn"] == answer.json["allowed"]
        back = await step(api, reviewed, "draft")
        again = await propose(api, back, {"description": "Better."})
        assert [200, 200] == [back.status, again.status]


class TestMerge:
    """What a patch makes of a document, and that the certified entity is exactly that."""

    @pytest.mark.parametrize(
        "attributes,patches,expected",
        [
            ({"a": 1}, [{"b": 2}], {"a": 1, "b": 2}),
            ({"a": 1, "b": 2}, [{"a": None}], {"b": 2}),
            ({"a": {"x": 1}}, [{"a": 5}, {"a": {"y": 2}}], {"a": {"y": 2}}),
            ({"a": {"x": 1}}, [{"a": None}, {"a": {"y": 2}}], {"a": {"y": 2}}),
            ({"a": {"x": 1}}, [{"a": {"x": None}}, {"a": {"x": 3}}], {"a": {"x": 3}}),
            ({"a": {"x": 1}}, [{"a": {"y": 2}}, {"a": {"y": None}}], {"a": {"x": 1}}),
            ({"a": 1}, [{"a": 1.0}], {"a": 1.0}),
            ({"a": None, "b": [None, {"c": None}]}, [{"d": 1}],
             {"a": None, "b": [None, {"c": None}], "d": 1}),
            ({"a": {"b": {"c": 1, "d": 2}}}, [{"a": {"b": {"c": None}}}], {"a": {"b": {"d": 2}}}),
            ({"a": 1}, [{"a": None}, {}], {}),
            ({"ü": "ß", "q": '"\\'}, [{"n": "\n\t"}], {"ü": "ß", "q": '"\\', "n": "\n\t"}),
        ],
        ids=str,
    )  # fmt: skip
    async def test_custom_attributes_are_merged_patch_by_patch(
        self, api: Api, attributes: Any, patches: list[Any], expected: Any
    ) -> None:
        """As if each patch had been applied to the entity itself, one after the other."""
        entity = await in_force(api, custom_attributes=attributes)
        answer = entity
        for patch in patches:
            answer = await propose(api, answer, {"custom_attributes": patch})
        assert json.dumps(expected, sort_keys=True) == json.dumps(
            answer.json["custom_attributes"], sort_keys=True
        )
        if expected == attributes and repr(expected) == repr(attributes):
            return
        reviewed = await step(api, answer, "under_review")
        done = await step(api.by(api.tenant.certifier), reviewed, "certified")
        after = await api.get(at(entity.json))

        assert 200 == done.status, done.body
        assert json.dumps(done.json["custom_attributes"]) == json.dumps(
            after.json["custom_attributes"]
        )

    async def test_every_field_of_every_kind(self, api: Api) -> None:
        """The certified entity has the bytes that were reviewed, but for what is its own."""
        world = await api.world()
        more = await api.made("skill", "active")
        place = {"custom_attributes": {"n": [1.50, "ü"]}, "tags": ["b", "a"], "aliases": ["y", "x"]}
        skills = [
            {"id": more["id"], "relation": "optional"},
            {"id": world["skill"]["id"], "relation": "essential"},
        ]
        role = await api.made("job_role", "active", required_skills=skills[1:])
        patches: dict[str, dict[str, Any]] = {
            "skill": {
                "category": "soft_skill",
                "embedding_384": [0.25] * 384,
                "parent_ids": [more["id"]],
                "external_id": unique("e"),
            },
            "industry": {"scheme": "s", "code": unique("c"), "level": 2, "description": None},
            "job_role": {
                "seniority_level": "senior",
                "industry_id": world["industry"]["id"],
                "required_skills": skills,
                "parent_ids": [role["id"]],
            },
            "team": {"description": "A team."},
            "agent": {"skill_ids": [more["id"], world["skill"]["id"]], "team_id": None},
        }
        for kind, patch in patches.items():
            before = await api.get(at(world[kind]))
            named = patch | place | {"name": unique("new"), "governance_notes": "n"}
            done = await certified(api, before, named)
            assert 200 == done.status, (kind, done.body)
            after = await api.get(at(before.json))
            tail = b'"status":'
            assert done.body.split(tail)[0] == after.body.split(tail)[0]
            assert content(done.json) == content(after.json)
            for name, value in named.items():
                if name not in {"embedding_384", "tags", "required_skills", "skill_ids"}:
                    assert value == after.json[name], (kind, name)
            assert before.json["version"] + 1 == after.json["version"]
            assert before.json["created_at"] == after.json["created_at"]
            assert before.json["governance_agent_id"] == after.json["governance_agent_id"]

    async def test_null_empties_and_can_be_taken_back(self, api: Api) -> None:
        """A null that was given is replaced by a later value, and the other way round."""
        entity = await in_force(api, external_id=unique("e"), governance_notes="n")
        emptied = await propose(api, entity, {"external_id": None, "governance_notes": None})
        assert [None, None] == [emptied.json["external_id"], emptied.json["governance_notes"]]
        again = await propose(api, emptied, {"external_id": "f"})
        assert ("f", None) == (again.json["external_id"], again.json["governance_notes"])

    async def test_references_are_resolved_when_they_are_given(self, api: Api) -> None:
        """By either id; what is not there or not yours is 409 as in a patch of the entity."""
        world = await api.world()
        skill = await api.made("skill", "active", external_id=unique("e"))
        hidden = await api.by(api.tenant.certifier).create("skill")
        role = await api.get(at(world["job_role"]))
        named = [{"external_id": skill["external_id"]}, {"id": world["skill"]["id"]}]
        answer = await propose(api, role, {"required_skills": named})
        wanted = sorted([skill["id"], world["skill"]["id"]])
        assert wanted == [one["id"] for one in answer.json["required_skills"]]
        for absent in (hidden.json["id"], NEVER):
            refused = await propose(api, answer, {"required_skills": [{"id": absent}]})
            assert (409, "reference-not-found") == (refused.status, refused.problem)
            assert [("/required_skills/0/id", "exists")] == placed(refused)

    @pytest.mark.parametrize(
        "kind,first,patch,pointer,rule",
        [
            ("industry", {}, {"scheme": "s"}, "/scheme", "all-or-none"),
            ("industry", {}, {"code": "c"}, "/code", "all-or-none"),
            ("skill", {"custom_attributes": {"a": "x" * 20_000}},
             {"custom_attributes": {"b": "x" * 20_000}}, "/custom_attributes", "size"),
        ],
    )  # fmt: skip
    async def test_what_the_whole_would_break_is_422(
        self,
        api: Api,
        kind: str,
        first: dict[str, Any],
        patch: dict[str, Any],
        pointer: str,
        rule: str,
    ) -> None:
        """A patch that is fine alone, and not with what is in force, is its author's to mend."""
        entity = await in_force(api, kind, **first)
        answer = await propose(api, entity, patch)

        assert (422, "invalid-body") == (answer.status, answer.problem), answer.body
        assert [(pointer, rule)] == placed(answer)
        assert 404 == (await api.get(of(entity.json))).status

    async def test_one_skill_under_two_names_is_422(self, api: Api) -> None:
        """Its id and its external id are the same skill."""
        world = await api.world()
        skill = await api.made("skill", "active", external_id=unique("e"))
        twice = [{"id": skill["id"]}, {"external_id": skill["external_id"]}]
        role = await api.get(at(world["job_role"]))
        answer = await propose(api, role, {"required_skills": twice})

        assert (422, [("/required_skills", "duplicate")]) == (answer.status, placed(answer))

    async def test_what_never_changes(self, api: Api) -> None:
        """An agent's industry, and being one's own parent; the same industry is no change."""
        world = await api.world()
        other = await api.made("industry", "active")
        agent, skill = await api.get(at(world["agent"])), await api.get(at(world["skill"]))
        moved = await propose(api, agent, {"industry_id": other["id"]})
        assert (409, "immutable-field") == (moved.status, moved.problem)
        assert [("/industry_id", "immutable")] == placed(moved)
        same = await propose(api, agent, {"industry_id": agent.json["industry_id"]})
        assert 201 == same.status
        own = await propose(api, skill, {"parent_ids": [skill.json["id"]]})
        assert (409, "parent-cycle") == (own.status, own.problem)
        assert [("/parent_ids", "acyclic")] == placed(own)

    async def test_a_vector_is_write_only(self, api: Api) -> None:
        """The document shows its hash; null takes it away."""
        entity = await in_force(api, embedding_384=[1.0] * 384)
        other = await propose(api, entity, {"embedding_384": [2.0] * 384})
        gone = await propose(api, other, {"embedding_384": None})

        assert "embedding_384" not in other.json
        assert entity.json["embedding_sha256"] != other.json["embedding_sha256"]
        assert gone.json["embedding_sha256"] is None


class TestRequest:
    """The requests themselves."""

    @pytest.mark.parametrize(
        "body,pointer,rule",
        [
            ({"status": "certified"}, "/status", "unknown-field"),
            ({"base_version": 1}, "/base_version", "unknown-field"),
            ({"amendment_id": NEVER}, "/amendment_id", "unknown-field"),
            ({"name": None}, "/name", "type"),
            ({"name": "a\x00b"}, "/name", "control-character"),
            ({"name": "n" * 256}, "/name", "max-length"),
            ({"tags": ["a", "a"]}, "/tags/1", "duplicate"),
            ({"custom_attributes": {"a": 2**64}}, "/custom_attributes/a", "number-range"),
            ({"custom_attributes": None}, "/custom_attributes", "type"),
            ({"embedding_384": [0.0] * 384}, "/embedding_384", "zero-vector"),
            ({"parent_ids": ["x"]}, "/parent_ids/0", "uuid"),
            (["name"], "", "type"),
        ],
    )
    async def test_patches_are_checked_as_those_of_entities(
        self, api: Api, body: object, pointer: str, rule: str
    ) -> None:
        """422 with the place, and nothing is opened."""
        entity = await in_force(api)
        answer = await api.send("PATCH", of(entity.json), body, headers={"If-Match": "*"})

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert [(pointer, rule)] == placed(answer)
        assert 404 == (await api.get(of(entity.json))).status

    @pytest.mark.parametrize(
        "body,pointer,rule",
        [
            ({"to": "certified"}, "/reason", "required"),
            ({"to": "certified", "reason": " "}, "/reason", "blank"),
            ({"to": "certified", "reason": "r" * 2001}, "/reason", "max-length"),
            ({"to": "certified", "reason": "\x00"}, "/reason", "control-character"),
            ({"to": "active", "reason": "r"}, "/to", "one-of"),
            ({"to": "archived", "reason": "r"}, "/to", "one-of"),
            ({"to": 1, "reason": "r"}, "/to", "type"),
            ({"to": "draft", "reason": "r", "by": NEVER}, "/by", "unknown-field"),
            ("draft", "", "type"),
        ],
    )  # fmt: skip
    async def test_steps_are_checked(self, api: Api, body: object, pointer: str, rule: str) -> None:
        """422 with the place."""
        before = await opened(api, "under_review")
        path = f"{of(before.json)}/status"
        answer = await api.send("POST", path, body, headers={"If-Match": before.etag})

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert [(pointer, rule)] == placed(answer)

    async def test_unknown_parameters_are_400(self, api: Api) -> None:
        """On each way in."""
        before = await opened(api)
        path = of(before.json)
        headers = {"If-Match": before.etag}
        for method, way, body in (
            ("GET", path, None),
            ("PATCH", path, PATCH),
            ("DELETE", path, None),
            ("POST", f"{path}/status", {"to": "under_review", "reason": "r"}),
        ):
            answer = await api.send(method, f"{way}?version=1", body, headers=headers)
            assert (400, "unknown-parameter") == (answer.status, answer.problem), method
        assert before.body == (await api.get(path)).body

    async def test_what_cannot_be_read(self, api: Api) -> None:
        """Media types, sizes, tags and repeated headers, as everywhere."""
        before = await opened(api)
        path = of(before.json)
        tag = {"If-Match": before.etag}
        csv = await api.send("PATCH", path, raw=b"a", headers={**tag, "Content-Type": "text/csv"})
        patch = {**tag, "Content-Type": "application/merge-patch+json"}
        stepped = await api.send(
            "POST", f"{path}/status", {"to": "draft", "reason": "r"}, headers=patch
        )
        merged = await api.send("PATCH", path, {}, headers=patch)
        large = await api.send("PATCH", path, raw=b"0" * 1_100_000, headers=tag)
        empty = await api.send("PATCH", path, raw=b"", headers=tag)
        odd = await api.send("DELETE", path, headers={"If-Match": "1"})
        put = await api.send("PUT", path, PATCH, headers=tag)

        assert [415, 415, 200, 413, 400, 400, 405] == [
            one.status for one in (csv, stepped, merged, large, empty, odd, put)
        ]
        assert ["DELETE", "GET", "HEAD", "PATCH"] == put.json["allowed"]

    async def test_reading(self, api: Api) -> None:
        """304 for who has it; under review the whole tenant reads, a draft its author alone."""
        draft = await opened(api)
        path = of(draft.json)
        known = await api.get(path, If_None_Match=draft.etag)
        others = [api.by(api.tenant.certifier), api.by(api.tenant.reader)]
        before = [(await other.get(path)).status for other in others]
        reviewed = await step(api, draft, "under_review")
        after = [(await other.get(path)).body for other in others]

        assert (304, b"") == (known.status, known.body)
        assert [404, 404] == before
        assert [reviewed.body] * 2 == after


def expected(state: str, to: str, who: str) -> tuple[int, str | None]:
    """Say how a step of an amendment of the author's is answered."""
    if who == "reader":
        return 403, "scope-missing"
    if state not in {"draft", "under_review"} or (state == "draft" and who == "certifier"):
        return 404, "not-found"
    allowed = STEPS.get((state, to))
    if allowed is None or (allowed == "author" and who == "certifier"):
        return 409, "step-not-allowed"
    if allowed == "certifier" and who == "author":
        return 403, "scope-missing"
    return 200, None


class TestSteps:
    """POST …/amendment/status and DELETE."""

    @pytest.mark.parametrize("state", STATES)
    async def test_every_step_and_no_other(self, api: Api, state: str) -> None:
        """From each state to each state, by author, certifier and reader."""
        for to, who in product(STATES, ("reader", "certifier", "author")):
            before = await opened(api, state)
            answer = await step(api.by(getattr(api.tenant, who)), before, to)
            problem = None if answer.status == 200 else answer.problem
            assert expected(state, to, who) == (answer.status, problem), (to, who, answer.body)
            if answer.status == 200:
                assert (to, before.json["version"] + 1) == (
                    answer.json["status"],
                    answer.json["version"],
                )
            if problem == "step-not-allowed":
                mine = {"author": "author"}.get(who, "certifier")
                may = sorted(end for (one, end), by in STEPS.items() if (one, by) == (state, mine))
                assert may == answer.json["allowed"]

    async def test_allowed_are_the_steps_of_who_asks(self, api: Api, actor_with: ActorWith) -> None:
        """Who neither wrote it nor certifies has none; a certifier those that end a review."""
        before = await opened(api, "under_review")
        writer = api.by(await actor_with("read", "write", name="colleague"))
        judge = api.by(await actor_with("write", "certify", name="judge"))
        found = [
            (await step(writer, before, "withdrawn")).json["allowed"],
            (await withdraw(writer, of(before.json), before.etag)).json["allowed"],
            (await step(judge, before, "withdrawn")).json["allowed"],
        ]

        assert [[], [], ["certified", "rejected"]] == found

    async def test_preconditions(self, api: Api) -> None:
        """428 without If-Match, 412 with the current tag when it is stale or the entity's."""
        before = await opened(api)
        path = of(before.json)
        entity = await api.get(at(before.json))
        bare = await api.post(f"{path}/status", {"to": "under_review", "reason": "r"})
        assert (428, 428) == (bare.status, (await withdraw(api, path, None)).status)
        for stale in ('"1-00"', f"W/{before.etag}", entity.etag):
            answer = await api.step(path, "under_review", stale)
            assert (412, before.etag) == (answer.status, answer.json["current_etag"])
            assert 412 == (await withdraw(api, path, stale)).status
        assert 200 == (await api.step(path, "under_review", "*")).status

    async def test_nobody_certifies_their_own_work(self, api: Api, actor_with: ActorWith) -> None:
        """Nor rejects it; another key of the same governance agent is the same pair of eyes."""
        before = await opened(api, "under_review")
        own = api.by(await actor_with("write", "certify", name="author"))
        for to in ("certified", "rejected"):
            answer = await step(own, before, to)
            assert (403, "own-work") == (answer.status, answer.problem)

    async def test_who_touched_the_entity_since_does_not_certify_it(
        self, api: Api, actor_with: ActorWith
    ) -> None:
        """A tag of the certifier's is in the document that would be certified."""
        entity = await in_force(api)
        judge = api.by(api.tenant.certifier)
        tagged = await judge.patch(at(entity.json), {"tags": ["mine"]}, entity.etag)
        before = await step(api, await propose(api, tagged), "under_review")
        refused = await step(judge, before, "certified")
        assert (403, "own-work") == (refused.status, refused.problem)
        assert before.body == (await api.get(of(entity.json))).body
        other = api.by(await actor_with("certify", name="third"))
        assert 200 == (await step(other, before, "certified")).status
        # From this certification on it counts anew.
        again = await propose(api, await api.get(at(entity.json)), {"name": unique("n")})
        reviewed = await step(api, again, "under_review")
        assert 200 == (await step(judge, reviewed, "certified")).status

    async def test_scope_certify_alone_certifies(self, api: Api, actor_with: ActorWith) -> None:
        """It causes the change of the entity, and no other one."""
        before = await opened(api, "under_review")
        judge = api.by(await actor_with("certify", "read", name="judge"))
        answer = await step(judge, before, "certified")
        after = await judge.get(at(before.json))
        other = await judge.patch(at(before.json), {"tags": ["x"]}, after.etag)

        assert (200, "Amended.") == (answer.status, after.json["description"])
        assert (403, "write") == (other.status, other.json["required_scope"])

    async def test_each_step_needs_its_scope(self, api: Api, actor_with: ActorWith) -> None:
        """Certify alone submits, takes back and withdraws nothing, one's own neither."""
        before = await opened(api)
        own = api.by(await actor_with("certify", "read", name="author"))
        for to in ("under_review", "withdrawn"):
            answer = await step(own, before, to)
            assert (403, "write") == (answer.status, answer.json["required_scope"])
        assert 403 == (await withdraw(own, of(before.json), before.etag)).status

    async def test_withdrawing(self, api: Api) -> None:
        """204 without a body, with its log entry; then there is none. Others may not."""
        for state in ("draft", "under_review"):
            before = await opened(api, state)
            path = of(before.json)
            other = await withdraw(api.by(api.tenant.certifier), path, before.etag)
            assert (409 if state == "under_review" else 404) == other.status
            answer = await withdraw(api, path, before.etag)
            assert (204, b"") == (answer.status, answer.body)
            assert answer.headers["Audit-Entry"].startswith("id=")
            assert "ETag" not in answer.headers
            assert 404 == (await api.get(path)).status
            assert 404 == (await withdraw(api, path, before.etag)).status

    async def test_what_changes_nothing_is_not_submitted(self, api: Api) -> None:
        """An empty patch, or values that are in force already: 409, and what is left to do."""
        entity = await in_force(api)
        answer = await propose(api, entity, {})
        assert 201 == answer.status
        for patch in ({}, {"name": entity.json["name"], "tags": []}):
            answer = await propose(api, answer, patch)
            refused = await step(api, answer, "under_review")
            assert (409, "step-not-allowed") == (refused.status, refused.problem)
            assert (["withdrawn"], True) == (
                refused.json["allowed"],
                "changes nothing" in refused.json["detail"],
            )
        assert 200 == (await step(api, await propose(api, answer), "under_review")).status


class TestCertify:
    """What certifying does to the entity, and what keeps it from happening."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_the_entity_becomes_what_was_reviewed(self, api: Api, kind: str) -> None:
        """Its tag comes with the answer and is good for the next change."""
        before = await api.get(at((await api.world())[kind]))
        answer = await certified(api, before, PATCH)
        after = await api.get(at(before.json))

        assert (200, "certified") == (answer.status, answer.json["status"]), answer.body
        assert answer.etag.startswith('"3-')
        assert after.etag == answer.headers["Entity-ETag"]
        assert content(answer.json) == content(after.json)
        assert "active" == after.json["status"]
        tagged = await api.patch(at(before.json), {"tags": ["t"]}, answer.headers["Entity-ETag"])
        assert 200 == tagged.status
        assert (await api.get(f"{at(before.json)}/compliance")).json["compliant"]

    async def test_other_steps_name_no_tag_of_the_entity(self, api: Api) -> None:
        """Only a certification changes it."""
        for state in ("under_review", "rejected", "withdrawn"):
            assert "Entity-ETag" not in (await opened(api, state)).headers

    async def test_when_the_entity_has_moved_on(self, api: Api) -> None:
        """409 with both versions; taken back, patched and submitted again it is certified."""
        before = await opened(api, "under_review")
        tagged = await api.patch(at(before.json), {"tags": ["new"]}, "*")
        certifier = api.by(api.tenant.certifier)
        refused = await step(certifier, before, "certified")
        assert (409, "amendment-outdated") == (refused.status, refused.problem)
        version = before.json["base_version"]
        assert (version, version + 1, "active") == tuple(
            refused.json[name] for name in ("base_version", "current_version", "current_status")
        )
        assert tagged.body == (await api.get(at(before.json))).body
        back = await step(api, before, "draft")
        early = await step(api, back, "under_review")
        assert (409, "amendment-outdated") == (early.status, early.problem)
        # Only what is under review has to be taken back.
        assert [True, False] == ["take it back" in one.json["detail"] for one in (refused, early)]
        assert f"version {version + 1}: PATCH it" in early.json["detail"]
        rebased = await propose(api, back, {})
        assert (version + 1, ["new"], "Amended.") == tuple(
            rebased.json[name] for name in ("base_version", "tags", "description")
        )
        again = await step(api, rebased, "under_review")
        done = await step(certifier, again, "certified")
        assert 200 == done.status, done.body

    async def test_when_the_entity_is_archived(self, api: Api) -> None:
        """It can only be withdrawn or rejected any more."""
        before = await opened(api, "under_review")
        assert 200 == (await api.step(at(before.json), "archived", "*")).status
        refused = await step(api.by(api.tenant.certifier), before, "certified")
        assert (409, "amendment-outdated") == (refused.status, refused.problem)
        assert "archived" == refused.json["current_status"]
        assert "withdrawn, or rejected while it is under review" in refused.json["detail"]
        back = await step(api, before, "draft")
        for answer in (await propose(api, back), await step(api, back, "under_review")):
            assert (409, "amendment-outdated") == (answer.status, answer.problem)
            assert "withdrawn" in answer.json["detail"]
        assert 204 == (await withdraw(api, of(before.json), back.etag)).status

    async def test_when_its_name_was_taken(self, api: Api) -> None:
        """409 with who has it; the amendment stays under review, the entity as it is."""
        taken = {"name": unique("n"), "external_id": unique("e")}
        holder = await api.made("skill", "active", **taken)
        hidden = await api.by(api.tenant.certifier).create("skill")
        judge = api.by(api.tenant.certifier)
        for field, value in (*taken.items(), ("name", hidden.json["name"])):
            before = await opened(api, "under_review", {field: value})
            entity = await api.get(at(before.json))
            refused = await step(judge, before, "certified")
            assert (409, f"{field.replace('_', '-')}-taken") == (refused.status, refused.problem)
            wanted = holder["id"] if value in taken.values() else hidden.json["id"]
            assert wanted == refused.json["existing_id"]
            assert before.body == (await api.get(of(before.json))).body
            assert entity.body == (await api.get(at(before.json))).body

    async def test_when_its_code_was_taken(self, api: Api) -> None:
        """Scheme and code of an industry, told as in a patch of the entity."""
        place = {"scheme": "s", "code": unique("c"), "level": 1}
        holder = await api.made("industry", "active", **place)
        entity = await in_force(api, "industry")
        refused = await certified(api, entity, place)

        assert (409, "code-taken") == (refused.status, refused.problem)
        assert holder["id"] == refused.json["existing_id"]

    async def test_when_a_rule_does_not_hold(self, api: Api) -> None:
        """The rules for being in force bind on its content."""
        world = await api.world()
        draft = (await api.made("skill"))["id"]
        for patch, rules in (
            ({"required_skills": []}, {"L1-ROLE-1"}),
            ({"required_skills": [{"id": draft}]}, {"L1-ROLE-2"}),
            ({"seniority_level": None}, {"L1-ROLE-3"}),
        ):
            role = await api.get(at(world["job_role"]))
            refused = await certified(api, role, patch)
            assert (409, "rule-violated") == (refused.status, refused.problem)
            assert rules == {error["rule"] for error in refused.json["errors"]}
            assert role.body == (await api.get(at(role.json))).body
            assert 204 == (await withdraw(api, of(role.json), "*")).status

    async def test_when_its_parents_would_close_a_cycle(self, api: Api) -> None:
        """One parent below the other, proposed before the other was."""
        top = await in_force(api)
        low = await in_force(api, parent_ids=[top.json["id"]])
        refused = await certified(api, top, {"parent_ids": [low.json["id"]]})

        assert (409, "parent-cycle") == (refused.status, refused.problem)

    async def test_content_changes_in_no_other_way(self, api: Api) -> None:
        """While one is open, and after it was certified, a patch of the entity is refused."""
        before = await opened(api, "under_review")
        during = await api.patch(at(before.json), PATCH, "*")
        done = await step(api.by(api.tenant.certifier), before, "certified")
        after = await api.patch(at(before.json), {"description": "x"}, "*")

        assert 200 == done.status
        for refused in (during, after):
            assert (409, "certified-is-immutable") == (refused.status, refused.problem)
            assert of(before.json) == refused.json["amendment"]
