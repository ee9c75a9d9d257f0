"""Changes over HTTP: JSON Merge Patch under If-Match, and what stays as it is."""

from typing import Any

import pytest

from service.model.kinds import BY_NAME
from tests.api import PATHS, Answer, Api
from tests.factories import ActorWith, Tenant

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"


def at(document: dict[str, Any]) -> str:
    """Give the path of an entity."""
    return f"{PATHS[document['entity_type']]}/{document['id']}"


async def changed(api: Api, made: Answer, patch: dict[str, Any]) -> Answer:
    """Patch the entity of an answer under that answer's tag."""
    return await api.patch(at(made.json), patch, made.etag)


class TestPatch:
    """PATCH /v1/{kinds}/{id}: what changes."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_only_what_is_given_changes(self, api: Api, kind: str) -> None:
        """One field changes, the version steps by one, the rest stays; so does created_at."""
        made = await api.create(kind, tags=["a"], aliases=["b"], governance_notes="n")
        answer = await changed(api, made, {"description": "Another."})

        assert 200 == answer.status, answer.body
        assert "Location" not in answer.headers
        assert answer.headers["Audit-Entry"] != made.headers["Audit-Entry"]
        before, after = made.json, answer.json
        assert {"description", "version", "updated_at"} == {
            name for name in before if before[name] != after[name]
        }
        assert (2, "Another.") == (after["version"], after["description"])
        assert before["updated_at"] < after["updated_at"]
        found = await api.get(at(made.json))
        assert (answer.body, answer.etag) == (found.body, found.etag)

    @pytest.mark.parametrize(
        "field,value",
        [
            ("external_id", "e"),
            ("governance_notes", "n"),
            ("embedding_384", [1.0] * 384),
            ("industry_id", "industry"),
            ("seniority_level", "mid"),
            ("team_id", "team"),
            ("description", "d"),
        ],
    )
    async def test_null_removes(self, api: Api, field: str, value: Any) -> None:
        """What may be absent is taken away by null and can be set again."""
        kind = {"industry_id": "job_role", "seniority_level": "job_role", "team_id": "agent"}.get(
            field, "industry"
        )
        if value in NAMES:
            value = (await api.made(value))["id"]
        shown = "embedding_sha256" if field == "embedding_384" else field
        made = await api.create(kind, **{field: value})
        removed = await changed(api, made, {field: None})
        again = await changed(api, removed, {field: value})

        assert (200, 200) == (removed.status, again.status), removed.body
        assert removed.json[shown] is None
        assert made.json[shown] == again.json[shown] is not None

    async def test_a_classification_goes_and_comes_as_a_whole(self, api: Api) -> None:
        """Scheme, code and level are removed together; one alone is refused."""
        made = await api.create("industry", scheme="s", code="c", level=1)
        half = await changed(api, made, {"scheme": None, "code": None})
        code = await changed(api, made, {"code": None})
        none = await changed(api, made, {"scheme": None, "code": None, "level": None})
        lone = await changed(api, none, {"scheme": "s"})
        level = await changed(api, none, {"level": 1})

        assert [200, None, None] == [none.status, none.json["scheme"], none.json["level"]]
        for refused, at in ((half, "scheme"), (lone, "scheme"), (code, "code"), (level, "level")):
            assert (422, "invalid-body") == (refused.status, refused.problem)
            (error,) = refused.json["errors"]
            assert (f"/{at}", "all-or-none") == (error["pointer"], error["rule"])

    @pytest.mark.parametrize(
        "kind,field", [("skill", "name"), ("skill", "category"), ("team", "industry_id"),
                       ("skill", "tags"), ("agent", "skill_ids"), ("skill", "custom_attributes")],
    )  # fmt: skip
    async def test_null_is_refused_where_the_contract_has_none(
        self, api: Api, kind: str, field: str
    ) -> None:
        """What cannot be absent is not removed."""
        answer = await changed(api, await api.create(kind), {field: None})

        assert 422 == answer.status
        (error,) = answer.json["errors"]
        assert (f"/{field}", "type") == (error["pointer"], error["rule"])

    async def test_arrays_replace_whole(self, api: Api) -> None:
        """An array is not merged: what is not in the new one is gone, the empty one empties."""
        parents = [(await api.made("skill"))["id"] for _ in range(2)]
        made = await api.create(
            "skill", tags=["a", "b"], aliases=["x", "y"], parent_ids=parents[:1]
        )
        new = {"tags": ["c", "b"], "aliases": ["z"], "parent_ids": parents[1:]}
        empty_lists: dict[str, list[str]] = {name: [] for name in new}
        answer = await changed(api, made, new)
        empty = await changed(api, answer, empty_lists)

        assert new | {"tags": ["b", "c"]} == {name: answer.json[name] for name in new}
        assert empty_lists == {name: empty.json[name] for name in new}

    async def test_links_replace_whole(self, api: Api) -> None:
        """Required skills and skills are replaced, relations too."""
        one, two = (await api.made("skill"))["id"], (await api.made("skill"))["id"]
        role = await api.create("job_role", required_skills=[{"id": one}])
        answer = await changed(
            api, role, {"required_skills": [{"id": one, "relation": "optional"}, {"id": two}]}
        )
        agent = await api.create("agent", skill_ids=[one])
        moved = await changed(api, agent, {"skill_ids": [two]})

        assert [
            {"id": one, "relation": "optional"},
            {"id": two, "relation": "essential"},
        ] == answer.json["required_skills"]
        assert [two] == moved.json["skill_ids"]

    async def test_attributes_merge_at_every_depth(self, api: Api) -> None:
        """The example of RFC 7396: members merge, null removes, everything else replaces."""
        made = await api.create(
            "skill",
            custom_attributes={
                "title": "Goodbye!",
                "author": {"givenName": "John", "familyName": "Doe"},
                "tags": ["example", "sample"],
                "content": "This will be unchanged",
                "flat": 1,
            },
        )
        answer = await changed(
            api,
            made,
            {
                "custom_attributes": {
                    "title": "Hello!",
                    "phoneNumber": "+01-123-456-7890",
                    "author": {"familyName": None, "other": {"x": None, "y": [None]}},
                    "tags": ["example"],
                    "flat": {"a": {"b": None}},
                    "absent": None,
                }
            },
        )

        assert {
            "title": "Hello!",
            "author": {"givenName": "John", "other": {"y": [None]}},
            "tags": ["example"],
            "content": "This will be unchanged",
            "phoneNumber": "+01-123-456-7890",
            "flat": {"a": {}},
        } == answer.json["custom_attributes"]

    async def test_a_merge_that_grows_too_large_is_refused(self, api: Api) -> None:
        """The bound holds for the result, not only for what is sent."""
        made = await api.create("skill", custom_attributes={"a": "x" * 20_000})
        answer = await changed(api, made, {"custom_attributes": {"b": "x" * 20_000}})

        assert (422, "invalid-body") == (answer.status, answer.problem)
        (error,) = answer.json["errors"]
        assert ("/custom_attributes", "size") == (error["pointer"], error["rule"])

    async def test_an_empty_patch_is_a_version(self, api: Api) -> None:
        """A patch that changes nothing is logged like any other."""
        made = await api.create("skill")
        answer = await changed(api, made, {})

        assert (200, 2) == (answer.status, answer.json["version"])

    async def test_unchanged_names_and_own_ids_are_no_conflict(self, api: Api) -> None:
        """An entity is never in its own way."""
        made = await api.create("industry", external_id="e", scheme="s", code="c", level=1)
        same = {name: made.json[name] for name in ("name", "external_id", "scheme", "code")}
        answer = await changed(api, made, same | {"level": 2, "name": same["name"].upper()})

        assert 200 == answer.status, answer.body


class TestPatchRequest:
    """PATCH /v1/{kinds}/{id}: how it is asked for."""

    async def test_both_media_types_are_taken_no_other(self, api: Api) -> None:
        """application/merge-patch+json and application/json; 415 names them in headers too."""
        made = await api.create("skill")
        tag = made.etag
        for media in ("application/merge-patch+json", "application/json; charset=UTF-8"):
            answer = await api.send(
                "PATCH",
                at(made.json),
                {"tags": ["t"]},
                headers={"If-Match": tag, "Content-Type": media},
            )
            assert 200 == answer.status
            tag = answer.etag
        for media in ("application/json-patch+json", "text/plain", "application/json;charset=x"):
            answer = await api.send(
                "PATCH", at(made.json), {}, headers={"If-Match": tag, "Content-Type": media}
            )
            assert (415, "unsupported-media-type") == (answer.status, answer.problem)
            assert "application/merge-patch+json" in answer.headers["Accept-Patch"]

    @pytest.mark.parametrize("kind", NAMES)
    async def test_read_only_fields_are_refused(self, api: Api, kind: str) -> None:
        """A patch sets no id, kind, status, version, time or accountable agent."""
        own = {"id", "entity_type", "status", "version", "created_at", "updated_at"}
        own |= {"governance_agent_id"}
        made = await api.create(kind)
        answer = await changed(api, made, {name: made.json[name] for name in own})

        assert {(f"/{name}", "unknown-field") for name in own} == {
            (error["pointer"], error["rule"]) for error in answer.json["errors"]
        }

    async def test_preconditions(self, api: Api) -> None:
        """428 without If-Match, 412 when stale or weak with the current tag, 400 when no tag."""
        made = await api.create("skill")
        now = await changed(api, made, {"tags": ["a"]})
        bare = await api.send("PATCH", at(made.json), {"tags": []})
        assert (428, "precondition-required") == (bare.status, bare.problem)
        joined = f'"a,{now.etag[1:]}'
        for stale in (made.etag, f"W/{now.etag}", '""', '"a", "b"', joined):
            answer = await api.patch(at(made.json), {"tags": []}, stale)
            assert (412, "precondition-failed") == (answer.status, answer.problem)
            assert now.etag == answer.etag == answer.json["current_etag"]
            assert ("A weak entity tag" in answer.json["detail"]) == stale.startswith("W/")
        for odd in (now.etag.strip('"'), f"{now.etag} x", "'a'", f'"{"é"}"'):
            answer = await api.patch(at(made.json), {"tags": []}, odd)
            assert (400, "malformed-request") == (answer.status, answer.problem)
        for good in (f'"a", {now.etag}', "*"):
            assert 200 == (await api.patch(at(made.json), {"tags": []}, good)).status

    async def test_what_is_hidden_is_404(self, api: Api, other_tenant: Tenant) -> None:
        """A patch tells no more than a read: draft of another, other tenant, no id, other kind."""
        hidden = await api.by(api.tenant.certifier).create("skill")
        foreign = await api.of(other_tenant).create("skill")
        kind = await api.made("industry")
        answers = [
            await api.send(
                "PATCH",
                f"/v1/skills/{one}",
                {"tags": []},
                headers={"If-Match": tag, "Request-Id": "same"},
            )
            for one in (hidden.json["id"], foreign.json["id"], kind["id"], NEVER)
            for tag in ("*", '"1-00"')
        ]

        assert {404} == {answer.status for answer in answers}
        assert 1 == len({answer.body for answer in answers})

    async def test_it_needs_scope_write(self, api: Api, actor_with: ActorWith) -> None:
        """A key without it is told so, whatever else it may do."""
        made = await api.create("skill")
        others = await actor_with("read", "certify", "audit", "admin", name="author")
        answer = await api.by(others).patch(at(made.json), {"tags": []}, made.etag)

        assert (403, "write") == (answer.status, answer.json["required_scope"])

    async def test_conflicts_name_the_holder(self, api: Api) -> None:
        """A patch runs into names, external ids and codes as a create does."""
        held = await api.create(
            "industry", name="Held", external_id="held", scheme="s", code="c", level=1
        )
        made = await api.create("industry", name="Mine", scheme="s", code="d", level=1)
        unscoped = await api.create("industry", name="held")
        for patch, slug in (
            ({"name": "HELD"}, "name-taken"),
            ({"external_id": "held"}, "external-id-taken"),
            ({"code": "c"}, "code-taken"),
        ):
            answer = await changed(api, made, patch)
            assert (409, slug) == (answer.status, answer.problem)
            assert held.json["id"] == answer.json["existing_id"]
        # Another scope, another holder, without a word about the name.
        moved = await changed(api, unscoped, {"scheme": "s", "code": "e", "level": 1})
        assert (409, "name-taken") == (moved.status, moved.problem)
        assert held.json["id"] == moved.json["existing_id"]

    async def test_references_are_checked(self, api: Api) -> None:
        """A patch refers to nothing that the caller cannot see."""
        hidden = (await api.by(api.tenant.certifier).create("skill")).json["id"]
        made = await api.create("skill")
        answers = [
            await api.send(
                "PATCH",
                at(made.json),
                {"parent_ids": [one]},
                headers={"If-Match": made.etag, "Request-Id": "same"},
            )
            for one in (hidden, NEVER)
        ]

        assert {409} == {answer.status for answer in answers}
        assert answers[0].body == answers[1].body
        assert "reference-not-found" == answers[0].problem


class TestParents:
    """Parents form no cycle."""

    async def test_nobody_is_their_own_ancestor(self, api: Api) -> None:
        """Neither directly nor around three corners."""
        one = await api.create("skill")
        two = await api.create("skill", parent_ids=[one.json["id"]])
        three = await api.create("skill", parent_ids=[two.json["id"]])
        for parent in (one, two, three):
            answer = await changed(api, one, {"parent_ids": [parent.json["id"]]})
            assert (409, "parent-cycle") == (answer.status, answer.problem)
            (error,) = answer.json["errors"]
            words = "be its own parent" if parent is one else "be among its own ancestors"
            assert f"An entity cannot {words}." == error.pop("message")
            assert {"pointer": "/parent_ids", "rule": "acyclic"} == error

        assert one.body == (await api.get(at(one.json))).body

    async def test_several_parents_are_no_cycle(self, api: Api) -> None:
        """Two ways to one ancestor are fine."""
        top = (await api.made("skill"))["id"]
        left = (await api.made("skill", parent_ids=[top]))["id"]
        right = (await api.made("skill", parent_ids=[top]))["id"]
        answer = await api.create("skill", parent_ids=[left, right, top])

        assert sorted([left, right, top]) == answer.json["parent_ids"]


class TestCertified:
    """What is no draft changes only in its operational fields."""

    @pytest.mark.parametrize("status", ["under_review", "certified", "active", "deprecated"])
    @pytest.mark.parametrize(
        "patch",
        [
            {"name": "other"},
            {"description": "Other."},
            {"external_id": "other"},
            {"aliases": ["other"]},
            {"custom_attributes": {"a": 1}},
            {"category": "soft_skill"},
            {"embedding_384": [2.0] * 384},
            {"tags": ["t"], "name": "other", "description": "Other."},
        ],
        ids="+".join,
    )
    async def test_content_is_409_and_names_the_amendment(
        self, api: Api, status: str, patch: dict[str, Any]
    ) -> None:
        """The refusal says where to propose the change and which fields it is about."""
        answer = await api.raised(await api.create("skill"), status)
        refused = await changed(api, answer, patch)

        assert (409, "certified-is-immutable") == (refused.status, refused.problem)
        way = {"amendment": f"{at(answer.json)}/amendment"} if status != "under_review" else {}
        assert way == {name: refused.json[name] for name in ("amendment",) if name in refused.json}
        words = "changes only by an amendment" if way else "changes only in draft"
        assert {words} == {error["message"] for error in refused.json["errors"]}
        assert words in refused.json["detail"]
        assert status == refused.json["current_status"]
        wanted = sorted(f"/{name}" for name in patch if name != "tags")
        assert wanted == [error["pointer"] for error in refused.json["errors"]]
        assert answer.body == (await api.get(at(answer.json))).body

    async def test_links_are_content(self, api: Api) -> None:
        """Parents, skills and references of what is certified stay."""
        world = await api.world()
        more = (await api.made("skill", "active"))["id"]
        for kind, patch in (
            ("skill", {"parent_ids": [more]}),
            ("job_role", {"required_skills": [{"id": more}]}),
            ("job_role", {"seniority_level": "senior"}),
            ("agent", {"skill_ids": [world["skill"]["id"], more]}),
            ("industry", {"scheme": "s", "code": "c", "level": 1}),
        ):
            found = await api.get(at(world[kind]))
            refused = await changed(api, found, patch)
            assert (409, "certified-is-immutable") == (refused.status, refused.problem), kind
            assert set(patch) == {error["pointer"][1:] for error in refused.json["errors"]}

    @pytest.mark.parametrize("status", ["under_review", "certified", "active", "deprecated"])
    async def test_operational_fields_change_in_any_state(self, api: Api, status: str) -> None:
        """Tags and notes change with a version and an entry, whoever may write."""
        answer = await api.raised(await api.create("skill", tags=["a"]), status)
        other = api.by(api.tenant.certifier)
        patch = {"tags": ["b"], "governance_notes": "n", "name": answer.json["name"]}
        after = await changed(other, answer, patch)

        assert 200 == after.status, after.body
        assert answer.json["version"] + 1 == after.json["version"]
        assert status == after.json["status"]
        assert (["b"], "n") == (after.json["tags"], after.json["governance_notes"])

    async def test_an_agent_changes_teams_in_force(self, api: Api) -> None:
        """The team of an agent is operational."""
        world = await api.world()
        agent = await api.get(at(world["agent"]))
        gone = await changed(api, agent, {"team_id": None})
        back = await changed(api, gone, {"team_id": world["team"]["id"]})

        assert [200, None] == [gone.status, gone.json["team_id"]]
        assert [200, world["team"]["id"]] == [back.status, back.json["team_id"]]

    async def test_what_is_archived_never_changes(self, api: Api) -> None:
        """Not even its operational fields."""
        answer = await api.raised(await api.create("skill"), "archived")
        refused = await changed(api, answer, {"tags": ["t"]})

        assert (409, "step-not-allowed") == (refused.status, refused.problem)
        assert [] == refused.json["allowed"]


class TestImmutable:
    """What never changes after birth."""

    async def test_the_industry_of_an_agent(self, api: Api) -> None:
        """Another industry is 409 even in draft; the same one is no change."""
        made = await api.create("agent")
        other = await api.made("industry")
        refused = await changed(api, made, {"industry_id": other["id"]})
        same = await changed(api, made, {"industry_id": made.json["industry_id"]})

        assert (409, "immutable-field") == (refused.status, refused.problem)
        (error,) = refused.json["errors"]
        assert ("/industry_id", "immutable") == (error["pointer"], error["rule"])
        assert 200 == same.status

    async def test_a_team_may_change_its_industry_in_draft(self, api: Api) -> None:
        """Only the agent's is for ever."""
        made = await api.create("team")
        other = await api.made("industry")
        answer = await changed(api, made, {"industry_id": other["id"]})

        assert (200, other["id"]) == (answer.status, answer.json["industry_id"])


async def test_bodies_are_checked_before_anything_is_locked(api: Api) -> None:
    """A bad body is 422 whatever the version is."""
    made = await api.create("skill")
    answer = await api.patch(at(made.json), {"name": " "}, '"stale"')

    assert (422, "invalid-body") == (answer.status, answer.problem)
