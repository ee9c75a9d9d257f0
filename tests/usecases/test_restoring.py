"""An export goes back into an empty tenant, of which the next export is the same bytes."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.database.pool import Pool
from service.errors import (
    Conflict,
    Defect,
    NameTaken,
    OwnWork,
    ParentCycle,
    ReferenceNotFound,
    ScopeMissing,
)
from service.repository.base import Repository
from service.settings import Settings
from service.sqlstate import classify
from service.usecases.compliance import compliance
from service.usecases.restore_lines import AgentsUnknown, ExportRefused, LineRefused
from service.usecases.restoring import AgentRenamed, CommitUnknown, Restore
from tests.factories import (
    Actor,
    ActorWith,
    Tenant,
    active_skill,
    amend,
    create,
    document,
    industry_body,
    make_actor,
    skill_body,
    step,
)
from tests.postgres import Server
from tests.restoring import (
    VECTOR,
    Empty,
    changed,
    closed,
    come_back,
    exported,
    make_empty,
    make_motley,
    named,
    restored,
)
from tests.sessions import Savepoint, acting, become
from tests.triggers import asleep

pytestmark = pytest.mark.database

ENTRIES = "SELECT count(*) FROM audit.entry WHERE tenant_id = $1"
READ = "SELECT entity_id FROM audit.entry INNER JOIN audit.payload USING (tenant_id, audit_id)"
OF_ALL = "SELECT coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} AS t WHERE tenant_id = $1"
TABLES = ("app.base_entity", "app.entity_tag", "audit.entry", "app.governance_agent")
BY_HAND = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, status, document, created_at, updated_at, governance_agent_id
) VALUES ($1, uuidv7(), 'skill', 'x', 'erased', '{}', now(), now(), $2)
"""
NOWHERE = "01900000-0000-7000-8000-000000000000"


SLOW = """
CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(1.5);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON app.skill_entity
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.slow();
"""
"""A check before COMMIT that takes longer than a short command may."""


@pytest.fixture
async def into(owner: Repository) -> Empty:
    """Have an empty tenant."""
    return await make_empty(owner)


async def remains(superuser: asyncpg.Connection, into: Empty) -> tuple[int, int]:
    """Count what a refused restoration has left: entries, and governance agents."""
    tenant = into.admin.context.tenant_id
    agents = "SELECT count(*) FROM app.governance_agent WHERE tenant_id = $1"
    return await superuser.fetchval(ENTRIES, tenant), await superuser.fetchval(agents, tenant)


async def test_what_is_checked_at_the_end_takes_its_time(
    repository: Repository,
    tenant: Tenant,
    into: Empty,
    superuser: asyncpg.Connection,
    cluster: Server,
    database: str,
) -> None:
    """All keys of all lines are checked before COMMIT, for which a command is too short."""
    await create(repository, tenant.author, "skill", skill_body())
    stream = await exported(repository, tenant.author.context)
    pool = Pool(cluster.url("app", database), Settings(pool_max=2, command_timeout_ms=1_000))
    await pool.open()
    await superuser.execute(SLOW)
    try:
        assert 1 == await restored(
            Repository(repository.catalog, pool), into, stream, named(tenant)
        )
    finally:
        await superuser.execute("DROP TRIGGER slow ON app.skill_entity; DROP FUNCTION public.slow")
        await pool.close()


async def test_a_lost_commit_says_what_to_do(
    repository: Repository,
    tenant: Tenant,
    into: Empty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command line has no Idempotency-Key: the tenant itself says whether it was done."""
    await create(repository, tenant.author, "skill", skill_body())
    stream = await exported(repository, tenant.author.context)
    transaction = Pool.transaction

    @asynccontextmanager
    async def lost(pool: Pool, **how: Any) -> AsyncIterator[asyncpg.Connection]:
        async with transaction(pool, **how) as connection:
            yield connection
        raise ConnectionResetError

    monkeypatch.setattr(Pool, "transaction", lost)
    with pytest.raises(CommitUnknown, match="Restore it again"):
        await restored(repository, into, stream, named(tenant))
    monkeypatch.undo()
    with pytest.raises(Conflict, match="not empty"):
        await restored(repository, into, stream, named(tenant))


async def test_who_writes_meanwhile_ends_it(
    repository: Repository,
    owner: Repository,
    superuser: asyncpg.Connection,
    tenant: Tenant,
    into: Empty,
) -> None:
    """The tenant would be another than the one that was exported: nothing is restored."""
    await active_skill(repository, tenant)
    stream = await exported(repository, tenant.author.context)
    _, beside = await make_actor(owner, into.name, "beside", ["read", "write"])

    async def lines() -> AsyncIterator[bytes]:
        *documents, last = stream.splitlines()
        for line in documents:
            yield line
        await create(repository, beside, "skill", skill_body())
        yield last

    with pytest.raises(Conflict, match="meanwhile"):
        await Restore(repository, into.admin.context, named(tenant)).run(lines())

    assert (1, 2) == await remains(superuser, into)


async def violated(
    repository: Repository, actor: Actor, kind: str, identity: UUID | str
) -> list[str]:
    """Name the checks that an entity does not meet."""
    found = await compliance(repository, actor.context, kind, str(identity))
    assert found is not None
    return [check.id for check in found.checks if not check.passed]


class TestRoundTrip:
    """What was exported comes back as it was."""

    async def test_export_restore_export_are_the_same_bytes(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """All kinds and states, several parents, one behind its child, own drafts, vectors."""
        await make_motley(repository, tenant)
        first = await exported(repository, tenant.author.context)
        count = await restored(repository, into, first, named(tenant))
        states = {json.loads(one).get("status") for one in first.splitlines()[:-1]}

        assert first == await exported(repository, into.as_(tenant.author))
        assert json.loads(first.splitlines()[-1])["count"] == count
        assert 6 == len(states)

    async def test_without_vectors_the_export_is_that_of_before(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Restored from the one with vectors, the one without is the same bytes too."""
        await make_motley(repository, tenant)
        whole = await exported(repository, tenant.author.context)
        plain = await exported(repository, tenant.author.context, embeddings=False)
        await restored(repository, into, whole, named(tenant))

        assert whole != plain
        assert plain == await exported(repository, into.as_(tenant.author), embeddings=False)

    async def test_a_second_tenant_takes_the_same_file(
        self, repository: Repository, owner: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Ids are a tenant's own, and two that share them know nothing of each other."""
        await make_motley(repository, tenant)
        first = await exported(repository, tenant.author.context)
        other = await make_empty(owner)
        for each in (into, other):
            await restored(repository, each, first, named(tenant))
        skill = next(json.loads(one) for one in first.splitlines() if b'"active"' in one)
        back = await come_back(owner, other)
        await amend(repository, back.author, skill["entity_type"], skill["id"], {"tags": ["other"]})

        assert first == await exported(repository, into.as_(tenant.author))
        assert first == await exported(repository, tenant.author.context)
        assert first != await exported(repository, other.as_(tenant.author))

    async def test_lines_may_stand_in_any_order(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """A child may come before its parent, and an older one behind a younger."""
        parent = await create(repository, tenant.author, "skill", skill_body())
        for _ in range(3):
            body = skill_body(parent_ids=[str(parent.id)])
            await create(repository, tenant.author, "skill", body)
        whole = await exported(repository, tenant.author.context)
        lines = whole.splitlines()[:-1]

        assert 4 == await restored(repository, into, closed(lines[::-1]), named(tenant))
        assert whole == await exported(repository, into.as_(tenant.author))

    @pytest.mark.parametrize("order", [1, -1])
    async def test_industries_of_one_name_stand_at_their_own_levels(
        self, repository: Repository, owner: Repository, tenant: Tenant, into: Empty, order: int
    ) -> None:
        """Each has its own scheme and level, within which its name is taken afterwards too."""
        levels = [
            industry_body(name="Mining", scheme="S", code=str(level), level=level)
            for level in (1, 2)
        ]
        for body in levels:
            await create(repository, tenant.author, "industry", body)
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]

        assert 2 == await restored(repository, into, closed(lines[::order]), named(tenant))
        back = await come_back(owner, into)
        for body in levels:
            with pytest.raises(NameTaken):
                await create(repository, back.author, "industry", body | {"code": "3"})
        await create(repository, back.author, "industry", levels[0] | {"code": "3", "level": 3})

    async def test_nothing_is_an_export_too(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Of an empty tenant nothing is restored, and the tenant may be restored afterwards."""
        empty = await exported(repository, tenant.author.context)
        await create(repository, tenant.author, "skill", skill_body())
        one = await exported(repository, tenant.author.context)

        assert 0 == await restored(repository, into, empty, {})
        assert 1 == await restored(repository, into, one, named(tenant))

    async def test_a_draft_is_its_authors_alone(
        self, repository: Repository, owner: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Who restores it does not see it afterwards, in the list, its links or its history."""
        made = await create(repository, tenant.author, "skill", skill_body(tags=["hush"]))
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)

        assert await document(repository, back.author, "skill", made.id) is not None
        assert await document(repository, into.admin, "skill", made.id) is None
        assert await document(repository, back.certifier, "skill", made.id) is None
        assert b"hush" not in await exported(repository, into.admin.context)

    async def test_what_a_version_said_is_read_by_whom_it_was_read_before(
        self,
        repository: Repository,
        owner: Repository,
        superuser: asyncpg.Connection,
        tenant: Tenant,
        into: Empty,
    ) -> None:
        """In the log: of a draft by its author, of what is in force by everybody."""
        draft = await create(repository, tenant.author, "skill", skill_body())
        active = await active_skill(repository, tenant)
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)
        read = []
        for actor in (back.author, back.certifier):
            async with acting(superuser, actor):
                await superuser.execute("SET LOCAL ROLE plant_app")
                read.append({row["entity_id"] for row in await superuser.fetch(READ)})

        assert [{draft.id, active.id}, {active.id}] == read


class TestRefusals:
    """What does not fit is refused as a whole, and nothing is left of it."""

    @pytest.mark.parametrize(
        "change, pointer",
        [
            ({"name": " x"}, "/name"),
            ({"name": ""}, "/name"),
            ({"status": "erased"}, "/status"),
            ({"version": 0}, "/version"),
            ({"version": 1.5}, "/version"),
            ({"version": 2_147_483_647}, "/version"),
            ({"created_at": "yesterday"}, "/created_at"),
            ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"),
            ({"updated_at": "2999-01-01T00:00:00.000000Z"}, "/updated_at"),
            ({"updated_at": "2020-01-01T00:00:00.000000Z"}, "/updated_at"),
            ({"created_at": "2998-01-01T00:00:00.000000Z"}, "/updated_at"),
            ({"id": "x"}, "/id"),
            ({"id": str(UUID(int=0))}, "/id"),
            ({"id": str(UUID(int=2**128 - 1))}, "/id"),
            ({"category": "none"}, "/category"),
            ({"tags": ["b", "a"]}, "/tags"),
            ({"unknown": 1}, "/unknown"),
            ({"entity_type": "tool"}, "/entity_type"),
            ({"entity_type": None}, "/entity_type"),
            ({"embedding_sha256": "0" * 64}, "/embedding_sha256"),
            ({"embedding_384": VECTOR}, "/embedding_sha256"),
            ({"embedding_384": [0.0] * 384}, "/embedding_384"),
        ],
        ids=str,
    )
    async def test_a_line_is_named_with_its_field(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
        change: dict[str, object],
        pointer: str,
    ) -> None:
        """The second of three lines does not fit, though the digest does."""
        for _ in range(3):
            await create(repository, tenant.author, "skill", skill_body())
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        lines[1] = changed(lines[1], **change)
        with pytest.raises(LineRefused) as refused:
            await restored(repository, into, closed(lines), named(tenant))

        assert (2, pointer) == (refused.value.line, refused.value.problem.errors[0].pointer)
        assert (0, 1) == await remains(superuser, into)

    @pytest.mark.parametrize(
        "change, words",
        [
            ({"tags": ["b", "a"]}, "is not written as an export writes it"),
            ({"embedding_sha256": "0" * 64}, "the line does not have: export with embeddings"),
        ],
        ids=str,
    )
    async def test_it_says_what_is_wrong_with_a_field(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        change: dict[str, object],
        words: str,
    ) -> None:
        """A vector that is not there has a way out of its own."""
        await create(repository, tenant.author, "skill", skill_body())
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        with pytest.raises(LineRefused) as refused:
            await restored(repository, into, closed([changed(lines[0], **change)]), named(tenant))

        assert [words] == [error.message[-len(words) :] for error in refused.value.problem.errors]

    async def test_fields_are_told_in_the_order_of_their_names(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """All of them at once."""
        await create(repository, tenant.author, "skill", skill_body())
        (line,) = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        spoilt = {
            "updated_at": "2026-01-01T00:00:00Z",
            "tags": ["b", "a"],
            "embedding_sha256": "0" * 64,
            "created_at": "2026-01-01T00:00:00Z",
        }
        with pytest.raises(LineRefused) as refused:
            await restored(repository, into, closed([changed(line, **spoilt)]), named(tenant))
        pointers = [error.pointer for error in refused.value.problem.errors]

        assert sorted(f"/{name}" for name in spoilt) == pointers

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda line: line.replace(b'"version":', b'"version": '),
            lambda line: b" " + line,
            lambda line: line[:-1],
            lambda line: line[:-1] + b',"name":"x"}',
            lambda line: b"\xff" + line,
            lambda line: b"[]",
            lambda line: b"",
            lambda line: b"{}" + b" " * 1024 * 1024,
            lambda line: b'{"count":"x"}',
        ],
        ids=["blank", "begins-blank", "cut", "twice", "not-utf8", "list", "empty", "long", "last"],
    )
    async def test_a_line_that_is_no_document_is_named(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
        spoil: Callable[[bytes], bytes],
    ) -> None:
        """White space that no export writes, a member twice, no JSON, too long a line."""
        await create(repository, tenant.author, "skill", skill_body())
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        with pytest.raises(LineRefused) as refused:
            await restored(repository, into, closed([spoil(lines[0])]), named(tenant))

        assert 1 == refused.value.line
        assert (0, 1) == await remains(superuser, into)

    @pytest.mark.parametrize(
        "spoil, word",
        [
            (lambda stream: stream[: stream.rstrip().rfind(b"\n") + 1], "incomplete"),
            (lambda stream: b"", "incomplete"),
            (lambda stream: stream.replace(b"What it is.", b"What it was"), "changed"),
            (lambda stream: stream.split(b"\n", 1)[1], "changed"),
            (lambda stream: stream.replace(b'"count":2', b'"count":3'), "changed"),
            (lambda stream: stream + stream.split(b"\n", 1)[0], "behind"),
        ],
        ids=["cut", "empty", "byte", "line", "count", "behind"],
    )
    async def test_what_is_no_whole_export_is_refused(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
        spoil: Callable[[bytes], bytes],
        word: str,
    ) -> None:
        """Cut off, a byte changed, a line missing, something behind the end."""
        for _ in range(2):
            await create(repository, tenant.author, "skill", skill_body())
        stream = spoil(await exported(repository, tenant.author.context))
        with pytest.raises(ExportRefused, match=word):
            await restored(repository, into, stream, named(tenant))

        assert (0, 1) == await remains(superuser, into)

    async def test_an_id_that_stands_twice_is_named(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Of one kind or of two."""
        await create(repository, tenant.author, "skill", skill_body())
        await create(repository, tenant.author, "industry", {"name": "i", "description": "x"})
        industry, skill = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        same = changed(industry, id=json.loads(skill)["id"])
        for lines, line in (([industry, skill, skill], 3), ([same, skill], 2)):
            with pytest.raises(LineRefused) as refused:
                await restored(repository, into, closed(lines), named(tenant))
            assert (line, "/id", "duplicate") == (
                refused.value.line,
                refused.value.problem.errors[0].pointer,
                refused.value.problem.errors[0].rule,
            )

    async def test_a_name_or_external_id_that_stands_twice_is_named(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """As everywhere."""
        await create(repository, tenant.author, "skill", skill_body(external_id="x"))
        (skill,) = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        for fields, slug in (({"external_id": None}, "name-taken"), ({"name": "o"}, "external-id")):
            lines = [skill, changed(skill, id=str(uuid4()), **fields)]
            with pytest.raises(LineRefused) as refused:
                await restored(repository, into, closed(lines), named(tenant))
            assert refused.value.line == 2
            assert refused.value.problem.slug.startswith(slug)

    async def test_references_lead_to_what_is_there(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """What is missing, and what is of another kind, is told with who refers to it."""
        await make_motley(repository, tenant)
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        roles = [one for one in lines if b'"entity_type":"job_role"' in one]
        skill = json.loads(roles[0])["required_skills"][0]["id"]
        without = [one for one in lines if json.loads(one)["id"] != skill]
        parent = [changed(one, parent_ids=[NOWHERE]) if one in roles else one for one in lines]
        for stream, pointer in ((without, "/required_skills"), (parent, "/parent_ids")):
            with pytest.raises(ReferenceNotFound, match="which the export does not") as refused:
                await restored(repository, into, closed(stream), named(tenant))
            assert pointer == refused.value.errors[0].pointer
        assert (0, 1) == await remains(superuser, into)

    async def test_parents_form_no_cycle(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Neither of two nor of one more."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
        lines = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        for count in (2, 3):
            ring = [
                changed(line, parent_ids=[str(made[(number + 1) % count].id)])
                if number < count
                else line
                for number, line in enumerate(lines)
            ]
            with pytest.raises(ParentCycle) as refused:
                await restored(repository, into, closed(ring), named(tenant))
            assert [("/parent_ids", "acyclic", "An entity cannot be among its own ancestors.")] == [
                (error.pointer, error.rule, error.message) for error in refused.value.errors
            ]

    async def test_governance_agents_have_to_be_named(
        self,
        repository: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """All that lack a name are told at once, with the line where each comes first."""
        for actor in (tenant.author, tenant.certifier):
            made = await create(repository, actor, "skill", skill_body())
            await step(repository, actor, "skill", made.id, "under_review")
        stream = await exported(repository, tenant.author.context)
        with pytest.raises(AgentsUnknown) as refused:
            await restored(repository, into, stream, {})

        for number, actor in enumerate((tenant.author, tenant.certifier), 1):
            assert f"{actor.context.governance_agent_id} (line {number})" in str(refused.value)
        assert (0, 1) == await remains(superuser, into)

    async def test_a_name_that_another_agent_has_is_refused(
        self, repository: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """The tenant's own admin is there already."""
        stream = await exported(repository, tenant.author.context)
        with pytest.raises(Conflict, match="is named admin"):
            await restored(repository, into, stream, {UUID(NOWHERE): "admin"})

    async def test_an_agent_that_has_another_name_is_refused(
        self, repository: Repository, tenant: Tenant, into: Empty, superuser: asyncpg.Connection
    ) -> None:
        """It keeps its own, and nobody takes it for renamed."""
        stream = await exported(repository, tenant.author.context)
        there = UUID(into.admin.context.governance_agent_id)
        with pytest.raises(AgentRenamed, match="is named 'admin'"):
            await restored(repository, into, stream, {there: "else"})

        assert 0 == await restored(repository, into, stream, {there: "admin"})
        assert (0, 1) == await remains(superuser, into)

    async def test_a_tenant_that_is_not_empty_is_refused(
        self,
        repository: Repository,
        owner: Repository,
        tenant: Tenant,
        other_tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """Whatever its log has: another's draft, or what was restored before."""
        await create(repository, tenant.author, "skill", skill_body())
        stream = await exported(repository, tenant.author.context)
        await create(repository, other_tenant.certifier, "skill", skill_body())
        taken = Empty(other_tenant.name, other_tenant.author)
        await restored(repository, into, stream, named(tenant))
        for each in (taken, into):
            with pytest.raises(Conflict, match="not empty"):
                await restored(repository, each, stream, named(tenant))

        assert 1 == await superuser.fetchval(ENTRIES, other_tenant.id)

    async def test_it_takes_the_scope_admin(
        self, repository: Repository, tenant: Tenant, actor_with: ActorWith
    ) -> None:
        """A key with all the others does not do."""
        writer = await actor_with("read", "write", "certify", "audit")
        with pytest.raises(ScopeMissing):
            await restored(repository, Empty(tenant.name, writer), closed([]), {})

    async def test_no_other_tenant_is_touched(
        self,
        repository: Repository,
        tenant: Tenant,
        other_tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """What others have is the same after one that was done and one that was refused."""
        await make_motley(repository, tenant)
        await active_skill(repository, other_tenant)
        stream = await exported(repository, tenant.author.context)

        async def all_of(each: Tenant) -> list[object]:
            return [await superuser.fetchval(OF_ALL.format(one), each.id) for one in TABLES]

        before = [await all_of(each) for each in (tenant, other_tenant)]
        await restored(repository, into, stream, named(tenant))
        with pytest.raises(Conflict):
            await restored(repository, into, stream, named(tenant))

        assert before == [await all_of(each) for each in (tenant, other_tenant)]


class TestAfterwards:
    """What was restored lives on by the rules."""

    async def test_nobody_certifies_a_draft_that_they_wrote_or_brought(
        self, repository: Repository, owner: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """Whose it was, and who restored it, are its authors; a third may certify it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)
        for name in ("author", "admin"):
            _, again = await make_actor(owner, into.name, name, ["read", "certify"])
            with pytest.raises(OwnWork):
                await step(repository, again, "skill", made.id, "certified")
        await step(repository, back.certifier, "skill", made.id, "certified")

        assert [] == await violated(repository, back.author, "skill", made.id)

    async def test_compliance_takes_the_word_of_who_restored(
        self, repository: Repository, owner: Repository, tenant: Tenant, into: Empty
    ) -> None:
        """What was in force meets all rules; it was certified, says the restore entry."""
        await make_motley(repository, tenant)
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)
        for line in stream.splitlines()[:-1]:
            one = json.loads(line)
            if one["status"] in {"certified", "active", "deprecated"}:
                assert [] == await violated(repository, back.author, one["entity_type"], one["id"])

    async def test_a_draft_that_was_restored_is_no_certification(
        self,
        repository: Repository,
        owner: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """Brought into force past the rules, it is found: L0-05 does not count its entry."""
        made = await create(repository, tenant.author, "skill", skill_body())
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)
        async with asleep(superuser, "app.base_entity"):
            await superuser.execute(
                "UPDATE app.base_entity SET status = 'active' WHERE id = $1 AND tenant_id = $2",
                made.id, back.id,
            )  # fmt: skip

        assert ["L0-04", "L0-05"] == await violated(repository, back.author, "skill", made.id)

    async def test_the_next_version_is_younger_than_the_entry(
        self,
        repository: Repository,
        owner: Repository,
        tenant: Tenant,
        into: Empty,
        superuser: asyncpg.Connection,
    ) -> None:
        """Also when the clock has been set back since: the entry's own time counts."""
        ahead = "app.next_time(now() - interval '1 day', $1)"
        made = await create(repository, tenant.author, "skill", skill_body())
        stream = await exported(repository, tenant.author.context)
        await restored(repository, into, stream, named(tenant))
        back = await come_back(owner, into)
        await amend(repository, back.author, "skill", made.id, {"tags": ["x"]})
        times = await superuser.fetch(
            "SELECT at, operation, audit_id FROM audit.entry WHERE tenant_id = $1 ORDER BY version",
            back.id,
        )
        # An id of tomorrow: what the entry's would be to a clock that was set back by a day.
        tomorrow = await superuser.fetchval("SELECT uuidv7(interval '1 day')")

        assert ["restore", "amend"] == [row["operation"] for row in times]
        assert times[0]["at"] < times[1]["at"]
        assert await superuser.fetchval(f"SELECT {ahead} > uuid_extract_timestamp($1)", tomorrow)
        # Of the same millisecond it is not: there is room between the two.
        assert await superuser.fetchval(
            "SELECT app.next_time(its, $1) = its + interval '1 microsecond'"
            " FROM uuid_extract_timestamp($1) AS its",
            tomorrow,
        )

    async def test_what_has_not_begun_has_no_end(
        self, into: Empty, superuser: asyncpg.Connection
    ) -> None:
        """In an empty tenant too, where nothing would be found amiss."""
        async with acting(superuser, into.admin):
            state = await Savepoint(superuser).state("SELECT app.restore_end()")

        assert "PL013" == state

    async def test_nothing_begins_without_the_scope_or_in_an_older_snapshot(
        self, tenant: Tenant, into: Empty, superuser: asyncpg.Connection
    ) -> None:
        """Nor would the restoration be refused only at its end, which nobody has to ask for."""
        begin = "SELECT app.restore_begin('{}')"
        async with acting(superuser, tenant.certifier):
            states = [await Savepoint(superuser).state(begin)]
        async with superuser.transaction(isolation="repeatable_read"):
            await become(superuser, into.admin)
            states.append(await Savepoint(superuser).state(begin))
        async with acting(superuser, into.admin):
            states.append(await Savepoint(superuser).state(begin))

        assert ["PL007", "PL013", None] == states

    async def test_after_anothers_draft_the_session_is_the_restorers(
        self, repository: Repository, tenant: Tenant, into: Empty, superuser: asyncpg.Connection
    ) -> None:
        """Whose draft is written has its turn for the time of it."""
        await create(repository, tenant.author, "skill", skill_body())
        (line,) = (await exported(repository, tenant.author.context)).splitlines()[:-1]
        author = {tenant.author.context.governance_agent_id: "author"}
        lines = [{"document": line.decode()}]
        async with acting(superuser, into.admin):
            await superuser.execute("SELECT app.restore_begin($1)", json.dumps(author))
            await superuser.execute("SELECT app.restore_write('skill', $1)", json.dumps(lines))
            agent = await superuser.fetchval("SELECT app.governance_agent_id()")

        assert into.admin.context.governance_agent_id == str(agent)

    async def test_what_another_transaction_has_begun_is_not_ones_own(
        self, repository: Repository, tenant: Tenant, into: Empty, superuser: asyncpg.Connection
    ) -> None:
        """Nor when it has begun, and has ended, since one's own has begun."""
        await create(repository, tenant.author, "skill", skill_body())
        whole = await exported(repository, tenant.author.context)
        begun = "SELECT count(*), bool_or(audit.restoration_begun($1)) FROM audit.restoration"
        async with acting(superuser, into.admin):
            await restored(repository, into, whole, named(tenant))
            theirs = await superuser.fetchrow(
                f"{begun} WHERE tenant_id = $1", into.admin.context.tenant_id
            )

        assert theirs is not None
        assert (1, False) == tuple(theirs)

    async def test_no_hand_restores(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """An insert that asks for it outside a restoration, and a write without its beginning."""
        agent = UUID(tenant.author.context.governance_agent_id)
        with pytest.raises(asyncpg.PostgresError) as refused:
            await superuser.execute(BY_HAND, tenant.id, agent)

        assert isinstance(classify(refused.value), Defect)
        assert "restored by app.restore_write only" in str(refused.value)
