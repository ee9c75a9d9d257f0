"""Links over HTTP, one at a time: skills of job roles and agents, agents of teams."""

from typing import Any

import pytest

from tests.api import Answer, Api
from tests.factories import Tenant

NEVER = "01900000-0000-7000-8000-000000000000"


async def put(api: Api, path: str, etag: str, body: Any = None, **headers: str) -> Answer:
    """Make a link."""
    return await api.send("PUT", path, body, headers={"If-Match": etag, **headers})


async def delete(api: Api, path: str, etag: str, **headers: str) -> Answer:
    """Remove a link."""
    return await api.send("DELETE", path, headers={"If-Match": etag, **headers})


async def skill(api: Api) -> str:
    """Make a skill."""
    return str((await api.made("skill"))["id"])


class TestOfJobRole:
    """PUT, DELETE /v1/job-roles/{id}/skills/{skill_id}."""

    async def test_a_skill_is_added_to_those_there_are(self, api: Api) -> None:
        """The new document has the old skills and the new one, and is the next version."""
        made, added = await api.create("job_role"), await skill(api)
        path = f"/v1/job-roles/{made.json['id']}/skills/{added}"
        answer = await put(api, path, made.etag, {"relation": "optional"})

        assert 200 == answer.status, answer.body
        wanted = [*made.json["required_skills"], {"id": added, "relation": "optional"}]
        assert sorted(wanted, key=lambda one: str(one["id"])) == answer.json["required_skills"]
        assert 2 == answer.json["version"]
        assert answer.headers["Audit-Entry"] != made.headers["Audit-Entry"]
        assert answer.body == (await api.get(f"/v1/job-roles/{made.json['id']}")).body

    async def test_without_a_relation_it_is_essential(self, api: Api) -> None:
        """As in the list of a job role."""
        made, added = await api.create("job_role", required_skills=[]), await skill(api)
        path = f"/v1/job-roles/{made.json['id']}/skills/{added}"
        bodies: tuple[Any, ...] = ({}, None)
        for body in bodies:
            answer = await put(api, path, "*", body)

            assert [{"id": added, "relation": "essential"}] == answer.json["required_skills"]

    async def test_the_relation_changes_in_place(self, api: Api) -> None:
        """What is linked otherwise is linked once afterwards, as it was last said."""
        made = await api.create("job_role")
        (link,) = made.json["required_skills"]
        path = f"/v1/job-roles/{made.json['id']}/skills/{link['id']}"
        answer = await put(api, path, made.etag, {"relation": "optional"})

        assert [{"id": link["id"], "relation": "optional"}] == answer.json["required_skills"]

    async def test_what_is_so_already_makes_no_version(self, api: Api) -> None:
        """The document as it is, under its tag, and no entry of the log."""
        made = (await api.world())["job_role"]
        path = f"/v1/job-roles/{made['id']}"
        before = await api.get(path)
        (link,) = made["required_skills"]
        said = {"relation": link["relation"]}
        answer = await put(api, f"{path}/skills/{link['id']}", before.etag, said)

        assert (200, before.body, before.etag) == (answer.status, answer.body, answer.etag)
        assert "Audit-Entry" not in answer.headers
        assert before.body == (await api.get(path)).body

    async def test_a_skill_is_removed(self, api: Api) -> None:
        """The others stay; removed once more it is not there."""
        kept, gone = await skill(api), await skill(api)
        links = [{"id": one, "relation": "essential"} for one in (kept, gone)]
        made = await api.create("job_role", required_skills=links)
        path = f"/v1/job-roles/{made.json['id']}/skills/{gone}"
        answer = await delete(api, path, made.etag)

        assert [{"id": kept, "relation": "essential"}] == answer.json["required_skills"]
        again = await delete(api, path, answer.etag)
        assert (404, "not-found") == (again.status, again.problem)
        assert "no link" in again.json["detail"]

    async def test_what_is_certified_is_amended(self, api: Api) -> None:
        """The refusal names the amendment, as for a patch; nothing changes."""
        made, added = (await api.world())["job_role"], await skill(api)
        path = f"/v1/job-roles/{made['id']}"
        for answer in (
            await put(api, f"{path}/skills/{added}", "*", {}),
            await delete(api, f"{path}/skills/{made['required_skills'][0]['id']}", "*"),
        ):
            assert (409, "certified-is-immutable") == (answer.status, answer.problem)
            assert f"{path}/amendment" == answer.json["amendment"]
        assert made == (await api.get(path)).json

    @pytest.mark.parametrize(
        "body,pointer,rule",
        [
            ({"relation": "none"}, "/relation", "one-of"),
            ({"relation": None}, "/relation", "type"),
            ({"id": NEVER}, "/id", "unknown-field"),
        ],
    )
    async def test_bad_bodies_are_named(self, api: Api, body: Any, pointer: str, rule: str) -> None:
        """422 with the field and its rule."""
        made, added = await api.create("job_role"), await skill(api)
        answer = await put(api, f"/v1/job-roles/{made.json['id']}/skills/{added}", made.etag, body)

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert (pointer, rule) in {(one["pointer"], one["rule"]) for one in answer.json["errors"]}


class TestOfAgent:
    """PUT, DELETE /v1/agents/{id}/skills/{skill_id}."""

    async def test_skills_come_and_go(self, api: Api) -> None:
        """Each change is a version; the list has what was there before."""
        made, added = await api.create("agent"), await skill(api)
        (had,) = made.json["skill_ids"]
        path = f"/v1/agents/{made.json['id']}/skills"
        more = await put(api, f"{path}/{added}", made.etag)

        assert (200, sorted([had, added])) == (more.status, more.json["skill_ids"])
        less = await delete(api, f"{path}/{had}", more.etag)
        assert (200, [added], 3) == (less.status, less.json["skill_ids"], less.json["version"])

    async def test_a_body_has_nothing_to_say(self, api: Api) -> None:
        """What it would say is not passed over; an empty object is none."""
        made, added = await api.create("agent"), await skill(api)
        path = f"/v1/agents/{made.json['id']}/skills/{added}"
        answer = await put(api, path, made.etag, {"relation": "optional"})

        assert (422, "invalid-body") == (answer.status, answer.problem)
        dry = await put(api, path, made.etag, {}, Prefer="tx=rollback")
        assert 200 == dry.status
        assert made.body == (await api.get(f"/v1/agents/{made.json['id']}")).body


class TestOfTeam:
    """PUT, DELETE /v1/teams/{id}/agents/{agent_id}."""

    async def test_an_agent_joins_and_leaves_while_in_force(self, api: Api) -> None:
        """Under the agent's tag and as the agent's version: it may always change."""
        world = await api.world()
        agent, team = world["agent"], world["team"]
        path = f"/v1/teams/{team['id']}/agents/{agent['id']}"
        before = await api.get(f"/v1/agents/{agent['id']}")
        left = await delete(api, path, before.etag)

        assert (200, None) == (left.status, left.json["team_id"]), left.body
        assert agent["version"] + 1 == left.json["version"]
        joined = await put(api, path, left.etag)
        assert (200, team["id"]) == (joined.status, joined.json["team_id"])
        members = await api.get(f"/v1/agents?team_id={team['id']}")
        assert [agent["id"]] == [one["id"] for one in members.json["items"]]
        assert team == (await api.get(f"/v1/teams/{team['id']}")).json

    async def test_who_is_in_another_team_moves(self, api: Api) -> None:
        """An agent has one team: joining is leaving the other."""
        first, second = await api.made("team"), await api.made("team")
        agent = await api.create("agent", team_id=first["id"])
        path = f"/v1/teams/{{}}/agents/{agent.json['id']}"
        moved = await put(api, path.format(second["id"]), agent.etag)

        assert second["id"] == moved.json["team_id"]
        gone = await delete(api, path.format(first["id"]), moved.etag)
        assert (404, "not-found") == (gone.status, gone.problem)


class TestAnyLink:
    """What is asked of each of them."""

    async def test_the_tag_is_asked_for(self, api: Api) -> None:
        """428 without, 412 with the present one for an old one; a link that is there as well."""
        made = await api.create("agent")
        (had,) = made.json["skill_ids"]
        for target in (await skill(api), had):
            path = f"/v1/agents/{made.json['id']}/skills/{target}"
            for method in ("PUT", "DELETE"):
                bare = await api.send(method, path)
                assert (428, "precondition-required") == (bare.status, bare.problem)
                stale = await api.send(method, path, headers={"If-Match": '"1-x"'})
                assert (412, "precondition-failed") == (stale.status, stale.problem)
                assert made.etag == stale.json["current_etag"]

    async def test_what_is_not_there_or_not_yours_is_404(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """An id of nothing, no id, another tenant's, another agent's draft, another kind."""
        made = await api.create("agent")
        foreign = await api.of(other_tenant).made("skill", "active")
        hidden = await api.by(api.tenant.certifier).made("skill")
        path = f"/v1/agents/{made.json['id']}/skills"
        others = (NEVER, "x", foreign["id"], hidden["id"], made.json["job_role_id"])
        for target in others:
            answer = await put(api, f"{path}/{target}", made.etag)
            assert (404, "not-found") == (answer.status, answer.problem)
            assert "No skill" in answer.json["detail"]
        own = await skill(api)
        for agent in (NEVER, "x", hidden["id"]):
            answer = await put(api, f"/v1/agents/{agent}/skills/{own}", "*")
            assert (404, "not-found") == (answer.status, answer.problem)
        foreign_agent = await api.of(other_tenant).made("agent")
        for method in ("PUT", "DELETE"):
            answer = await api.send(
                method, f"/v1/agents/{foreign_agent['id']}/skills/{own}", headers={"If-Match": "*"}
            )
            assert (404, "not-found") == (answer.status, answer.problem)
        assert made.body == (await api.get(f"/v1/agents/{made.json['id']}")).body

    async def test_what_is_hidden_by_now_can_be_removed(self, api: Api) -> None:
        """A skill that its author took back to draft still stands in one's own list."""
        others = api.by(api.tenant.certifier)
        draft = await others.create("skill")
        path = f"/v1/skills/{draft.json['id']}"
        shown = await others.step(path, "under_review", draft.etag)
        made = await api.create("agent", skill_ids=[draft.json["id"]])
        assert 200 == (await others.step(path, "draft", shown.etag)).status
        answer = await delete(
            api, f"/v1/agents/{made.json['id']}/skills/{draft.json['id']}", made.etag
        )

        assert (200, []) == (answer.status, answer.json["skill_ids"])

    async def test_a_key_makes_it_once(self, api: Api) -> None:
        """The repeated request has the first answer, also after the link has gone again."""
        made, added = await api.create("agent", skill_ids=[]), await skill(api)
        path = f"/v1/agents/{made.json['id']}/skills/{added}"
        keyed = {"Idempotency-Key": "k1"}
        first = await put(api, path, made.etag, **keyed)
        gone = await delete(api, path, first.etag)
        again = await put(api, path, made.etag, **keyed)

        assert (200, first.body) == (again.status, again.body)
        assert "true" == again.headers["Idempotency-Replayed"]
        assert gone.body == (await api.get(f"/v1/agents/{made.json['id']}")).body

    async def test_a_dry_run_does_nothing(self, api: Api) -> None:
        """The document as it would be, and no more."""
        made, added = await api.create("agent", skill_ids=[]), await skill(api)
        path = f"/v1/agents/{made.json['id']}"
        answer = await put(api, f"{path}/skills/{added}", made.etag, Prefer="tx=rollback")

        assert (200, [added]) == (answer.status, answer.json["skill_ids"])
        assert "tx=rollback" == answer.headers["Preference-Applied"]
        assert made.body == (await api.get(path)).body
