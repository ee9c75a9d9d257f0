"""What refers to an entity, over HTTP: every relation, page by page, nothing that is hidden."""

from typing import Any

import pytest

from service.model.kinds import BY_NAME
from tests.api import PATHS, Api
from tests.factories import Tenant

NEVER = "01900000-0000-7000-8000-000000000000"


async def dependents(api: Api, document: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """List what refers to an entity."""
    path = f"{PATHS[document['entity_type']]}/{document['id']}/dependents{query}"
    answer = await api.get(path)
    assert 200 == answer.status, answer.body
    found: list[dict[str, Any]] = answer.json["items"]
    return found


async def test_every_relation_is_listed(api: Api) -> None:
    """Who refers to what, and how, for each sort of reference there is."""
    world = await api.world()
    child = await api.made("skill", parent_ids=[world["skill"]["id"]])
    role = await api.made(
        "job_role",
        industry_id=world["industry"]["id"],
        required_skills=[{"id": world["skill"]["id"], "relation": "optional"}],
    )
    found = {
        kind: {(one["id"], one["relation"]) for one in await dependents(api, world[kind])}
        for kind in world
    }

    agent, team = world["agent"]["id"], world["team"]["id"]
    assert {
        "skill": {
            (agent, "skill"),
            (world["job_role"]["id"], "essential_skill"),
            (role["id"], "optional_skill"),
            (child["id"], "parent"),
        },
        "job_role": {(agent, "job_role"), (team, "job_role")},
        "industry": {(agent, "industry"), (team, "industry"), (role["id"], "industry")},
        "team": {(agent, "team")},
        "agent": set(),
    } == found


async def test_each_says_what_it_is_and_whether_it_is_in_force(api: Api) -> None:
    """Kind, name and state are those of the document."""
    skill = await api.made("skill", "active")
    active = await api.made("skill", "active", parent_ids=[skill["id"]])
    gone = await api.made("skill", "archived", parent_ids=[skill["id"]])
    newest, oldest = await dependents(api, skill)

    assert {
        "id": gone["id"],
        "entity_type": "skill",
        "name": gone["name"],
        "status": "archived",
        "relation": "parent",
        "in_force": False,
    } == newest
    assert (active["id"], "active", True) == (oldest["id"], oldest["status"], oldest["in_force"])


async def test_pages_have_all_of_them_once(api: Api) -> None:
    """Newest first, whatever a page may hold."""
    skill = await api.made("skill")
    for _ in range(3):
        await api.made(
            "skill",
            parent_ids=[skill["id"]],
        )
    link = [{"id": skill["id"], "relation": "essential"}]
    await api.made("job_role", required_skills=link)
    whole = await dependents(api, skill)
    for limit in (1, 2, 3):
        seen, path = [], f"/v1/skills/{skill['id']}/dependents?limit={limit}"
        while path:
            answer = await api.get(path)
            seen += answer.json["items"]
            link_header = answer.headers.get("Link")
            path = link_header[1:].partition(">")[0] if link_header else ""
            assert (answer.json["next_cursor"] is None) == (not path)
        assert whole == seen
    assert sorted((one["id"] for one in whole), reverse=True) == [one["id"] for one in whole]
    assert 4 == len(whole)


async def test_drafts_of_others_are_left_out(api: Api) -> None:
    """They are there for their author alone."""
    skill = await api.made("skill", "active")
    others = api.by(api.tenant.certifier)
    draft = await others.made("skill", parent_ids=[skill["id"]])

    assert [] == await dependents(api, skill)
    assert [draft["id"]] == [one["id"] for one in await dependents(others, skill)]


@pytest.mark.parametrize("kind", BY_NAME)
async def test_what_is_not_there_or_not_yours_is_404(
    api: Api, other_tenant: Tenant, kind: str
) -> None:
    """Nothing, another tenant's, another agent's draft and another kind's look the same."""
    own = await api.made(kind)
    assert [] == await dependents(api, own)
    foreign = await api.of(other_tenant).made(kind)
    hidden = await api.by(api.tenant.certifier).made(kind)
    other = "team" if kind != "team" else "skill"
    ids = (NEVER, "x", foreign["id"], hidden["id"], (await api.made(other))["id"])
    details = set()
    for identity in ids:
        answer = await api.get(f"{PATHS[kind]}/{identity}/dependents")
        assert (404, "not-found") == (answer.status, answer.problem)
        details.add(answer.json["detail"])
    assert 1 == len(details)


async def test_a_hidden_draft_does_not_tell_who_refers_to_it(api: Api) -> None:
    """What was visible when it was referred to, and is a draft again, is 404 with its referrers."""
    others = api.by(api.tenant.certifier)
    draft = await others.create("skill")
    path = f"/v1/skills/{draft.json['id']}"
    shown = await others.step(path, "under_review", draft.etag)
    child = await api.made("skill", parent_ids=[draft.json["id"]])
    assert [child["id"]] == [one["id"] for one in await dependents(api, draft.json)]
    assert 200 == (await others.step(path, "draft", shown.etag)).status

    assert 404 == (await api.get(f"{path}/dependents")).status


async def test_a_cursor_is_of_one_entity_and_list(api: Api) -> None:
    """That of another entity's list, or of another list, is refused."""
    first, second = await api.made("skill"), await api.made("skill")
    for parent in (first, first, second, second):
        await api.made("skill", parent_ids=[parent["id"]])
    answer = await api.get(f"/v1/skills/{first['id']}/dependents?limit=1")
    cursor = answer.json["next_cursor"]
    for path in (f"/v1/skills/{second['id']}/dependents", f"/v1/skills/{first['id']}/versions"):
        refused = await api.get(f"{path}?cursor={cursor}")

        assert (400, "invalid-cursor") == (refused.status, refused.problem)
