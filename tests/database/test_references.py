"""What is in force refers to nothing that is archived, whatever came first."""

import json

import pytest

from service.errors import CertifiedIsImmutable, Problem, ReferenceNotFound, RuleViolated
from service.repository.base import Repository
from tests.factories import (
    Tenant,
    active_skill,
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


async def archived_skill(repository: Repository, tenant: Tenant) -> str:
    """Make a skill that nothing depends on, and archive it."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await step(repository, tenant.author, "skill", made.id, "archived")
    return str(made.id)


async def rules(repository: Repository, tenant: Tenant, kind: str, identity: str) -> list[str]:
    """Name the rules that keep a draft from being certified."""
    await step(repository, tenant.author, kind, identity, "under_review")
    with pytest.raises(RuleViolated) as caught:
        await step(repository, tenant.certifier, kind, identity, "certified")
    return [error.rule for error in caught.value.errors]


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


async def test_a_zero_vector_is_refused_by_the_table(
    repository: Repository, tenant: Tenant
) -> None:
    """Whatever the caller: a vector without a direction is not stored."""
    with pytest.raises(Problem) as caught:
        await create(repository, tenant.author, "skill", skill_body(embedding_384=[0.0] * 384))

    assert ["/embedding_384"] == [error.pointer for error in caught.value.errors]
