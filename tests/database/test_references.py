"""What is in force refers to nothing that is archived, whatever came first."""

import json

import pytest

from service.errors import CertifiedIsImmutable, Problem, ReferenceNotFound, RuleViolated
from service.repository.base import Repository
from tests.api import Api
from tests.factories import (
    Tenant,
    active_skill,
    agent_body,
    amend,
    create,
    document,
    job_role_body,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
)
from tests.imports import imported, line


async def archived_skill(repository: Repository, tenant: Tenant) -> str:
    """Make a skill that nothing depends on, and archive it."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await step(repository, tenant.author, "skill", made.id, "archived")
    return str(made.id)


async def rules(repository: Repository, tenant: Tenant, kind: str, identity: str) -> list[str]:
    """Name the rules that keep a draft from being certified."""
    return [error.rule for error in (await refusal(repository, tenant, kind, identity)).errors]


async def refusal(repository: Repository, tenant: Tenant, kind: str, identity: str) -> RuleViolated:
    """Give what a draft is refused with when it is to be certified."""
    await step(repository, tenant.author, kind, identity, "under_review")
    with pytest.raises(RuleViolated) as caught:
        await step(repository, tenant.certifier, kind, identity, "certified")
    return caught.value


class TestArchivedTargets:
    """A target that was archived first is as unfit as one that is archived later is safe."""

    async def test_an_archived_parent_keeps_a_child_out_of_force(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """A child of an archived parent is not certified."""
        parent = await archived_skill(repository, tenant)
        child = await create(repository, tenant.author, "skill", skill_body(parent_ids=[parent]))

        assert ["L1-REF-1"] == await rules(repository, tenant, "skill", str(child.id))

    async def test_an_archived_optional_skill_keeps_a_job_role_out_of_force(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """A job role is not certified while a skill it names, even an optional one, is archived."""
        needed = await active_skill(repository, tenant)
        gone = await archived_skill(repository, tenant)
        body = job_role_body([str(needed.id)])
        body["required_skills"].append({"id": gone, "relation": "optional"})
        role = await create(repository, tenant.author, "job_role", body)

        assert ["L1-REF-1"] == await rules(repository, tenant, "job_role", str(role.id))

    async def test_an_agent_in_force_joins_no_archived_team(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """The team of an agent changes without a certification, but not to an archived one."""
        world = await make_world(repository, tenant)
        body = team_body(world.job_role, world.industry)
        team = await create(repository, tenant.author, "team", body)
        await step(repository, tenant.author, "team", team.id, "archived")
        with pytest.raises(ReferenceNotFound) as caught:
            await amend(repository, tenant.author, "agent", world.agent, {"team_id": str(team.id)})

        assert ["/team_id"] == [error.pointer for error in caught.value.errors]
        found = await document(repository, tenant.author, "agent", world.agent)
        assert found is not None
        assert world.team == found["team_id"]

    async def test_an_agent_is_not_born_into_an_archived_team(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """As it may not be moved there: 409 at /team_id, and no agent."""
        world = await make_world(repository, tenant)
        body = team_body(world.job_role, world.industry)
        team = await create(repository, tenant.author, "team", body)
        await step(repository, tenant.author, "team", team.id, "archived")
        body = agent_body(world.job_role, world.industry, [world.skill], team_id=str(team.id))
        with pytest.raises(ReferenceNotFound) as caught:
            await create(repository, tenant.author, "agent", body)
        found = await imported(
            repository, tenant, [{"kind": "agent", "external_id": "a", **body,
                                  "skill_ids": [{"id": world.skill}],
                                  "job_role_id": {"id": world.job_role},
                                  "industry_id": {"id": world.industry},
                                  "team_id": {"id": str(team.id)}}]
        )  # fmt: skip

        assert ["/team_id"] == [error.pointer for error in caught.value.errors]
        assert ("reference-not-found", ["/team_id"]) == found.reason(1)

    async def test_what_is_wrong_is_counted_in_words(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """One is, two are; and a kind is named as people name it."""
        world = await make_world(repository, tenant)
        skills = [(await create(repository, tenant.author, "skill", skill_body())).id for _ in "12"]
        gone = [await archived_skill(repository, tenant) for _ in "12"]
        said = []
        for count in (1, 2):
            body = job_role_body([str(one) for one in skills[:count]], parent_ids=[])
            body["required_skills"] += [{"id": one, "relation": "optional"} for one in gone[:count]]
            role = await create(repository, tenant.author, "job_role", body)
            said.append(await refusal(repository, tenant, "job_role", str(role.id)))
            draft = job_role_body([world.skill, str((await active_skill(repository, tenant)).id)])
            draft["required_skills"] = draft["required_skills"][:count]
            full = await create(repository, tenant.author, "job_role", draft)
            await raise_to(repository, tenant, "job_role", full.id, "active")
            agent = agent_body(str(full.id), world.industry, [])
            made = await create(repository, tenant.author, "agent", agent)
            said.append(await refusal(repository, tenant, "agent", str(made.id)))

        assert [
            ["1 of what it refers to is archived.", "1 of its essential skills is not in force."],
            ["1 essential skill of its job role is missing."],
            ["2 of what it refers to are archived.", "2 of its essential skills are not in force."],
            ["2 essential skills of its job role are missing."],
        ] == [[error.message for error in one.errors] for one in said]
        assert "The job role does not meet the rules for being in force." == said[0].detail


async def test_an_agent_in_force_may_name_its_owner_s_draft_team(api: Api) -> None:
    """So a team is staffed before it is submitted; to others its id leads nowhere until then."""
    world = await api.world()
    place = {name: world["agent"][name] for name in ("job_role_id", "industry_id")}
    team = await api.create("team", **place)
    agent = await api.get(f"/v1/agents/{world['agent']['id']}")
    moved = await api.patch(f"/v1/agents/{world['agent']['id']}", {"team_id": team.json["id"]},
                            agent.etag)  # fmt: skip
    others = api.by(api.tenant.reader)
    seen = await others.get(f"/v1/agents/{world['agent']['id']}")
    hidden = await others.get(f"/v1/teams/{team.json['id']}")
    raised = await api.raised(team, "active")

    assert (200, 404) == (moved.status, hidden.status)
    assert team.json["id"] == seen.json["team_id"]
    assert "active" == raised.json["status"]


class TestSameNumberOtherBytes:
    """Numbers that are equal but written otherwise are another content: the bytes are hashed."""

    async def test_certified_content_keeps_its_bytes(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """1 does not become 1.0 in an entity in force without a certification."""
        body = skill_body(custom_attributes={"a": 1})
        made = await create(repository, tenant.author, "skill", body)
        active = await raise_to(repository, tenant, "skill", made.id, "active")
        with pytest.raises(CertifiedIsImmutable) as caught:
            await amend(
                repository, tenant.author, "skill", made.id, {"custom_attributes": {"a": 1.0}}
            )

        assert ["/custom_attributes"] == [error.pointer for error in caught.value.errors]
        assert json.loads(active.document) == await document(
            repository, tenant.author, "skill", made.id
        )

    async def test_an_import_sees_the_difference_too(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """What a PATCH makes a version of is no line that is unchanged."""
        told = [
            (await imported(repository, tenant, [
                line("skill", "a", custom_attributes={"a": number, "b": {"c": [number]}})
            ])).outcomes
            for number in (1, 1.0, 1.0, 1)
        ]  # fmt: skip

        assert [["created"], ["amended"], ["unchanged"], ["amended"]] == told


async def test_a_zero_vector_is_refused_by_the_table(
    repository: Repository, tenant: Tenant
) -> None:
    """Whatever the caller: a vector without a direction is not stored."""
    with pytest.raises(Problem) as caught:
        await create(repository, tenant.author, "skill", skill_body(embedding_384=[0.0] * 384))

    assert ["/embedding_384"] == [error.pointer for error in caught.value.errors]
