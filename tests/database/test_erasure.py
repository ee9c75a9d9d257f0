"""Erasing an entity: what it reaches, what stays, who may, and what happens beside it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from service.errors import (
    AmendmentOpen,
    NotFound,
    ScopeMissing,
    Unauthenticated,
)
from service.repository.base import Repository
from service.repository.entities import SkillAmend, SkillCreate
from service.repository.erasure import EntityErase
from tests.amending import amended, propose, reviewed, take
from tests.chain import LOG, NOTHING, counted, entry_hash, history, payload_hash
from tests.erasing import erased
from tests.factories import (
    ActorWith,
    Tenant,
    World,
    active_skill,
    agent_body,
    amend,
    create,
    document,
    industry_body,
    job_role_body,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
)
from tests.postgres import Server
from tests.restoring import come_back, exported, make_empty, named, restored
from tests.sessions import Connect, Connection, acting, connections, sent, until_blocked

pytestmark = pytest.mark.database

KINDS = ("skill", "industry", "job_role", "team", "agent")
VECTOR = [1.0] + [0.0] * 383
TABLES = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND relkind = 'r'
"""
OF_TENANTS = f"""
{TABLES} AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'tenant_id'
)
"""
LABEL = """
INSERT INTO app.entity_label
SELECT tenant_id, id, 1, entity_type, 'name', name, sha256('n'), 'test', $2::text::public.vector,
    $2::text::public.vector
FROM app.base_entity WHERE id = $1
"""
STAGED = """
INSERT INTO app.import_line (tenant_id, import_id, line, governance_agent_id, kind, body)
SELECT tenant_id, $2, 1, governance_agent_id, entity_type, json_build_object('name', name)
FROM app.base_entity WHERE id = $1
"""
OF_TENANT = "SELECT one::text FROM {} AS one WHERE tenant_id = $1 ORDER BY one::text"
SAYS = """
SELECT base_entity::text, entity_tag::text, skill_entity::text
FROM app.base_entity
INNER JOIN app.skill_entity USING (tenant_id, id)
INNER JOIN app.entity_tag ON base_entity.tenant_id = entity_tag.tenant_id AND id = entity_id
WHERE base_entity.id = $1 ORDER BY tag
"""
AMENDMENTS = "SELECT * FROM app.amendment WHERE entity_id = $1 ORDER BY id"


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest.fixture
def word() -> str:
    """Have a word that stands nowhere yet."""
    return f"w{secrets.token_hex(8)}"


async def places(superuser: Connection, word: str) -> set[str]:
    """Name the tables of app and audit in which a word stands, whatever the column."""
    return {
        row["name"]
        for row in await superuser.fetch(TABLES)
        if await superuser.fetchval(
            f"SELECT EXISTS (SELECT FROM {row['name']} AS one WHERE one::text LIKE $1)",
            f"%{word}%",
        )
    }


def body_of(kind: str, world: World, **fields: Any) -> dict[str, Any]:
    """Make the body of any kind on a world."""
    made = {
        "skill": skill_body(embedding_384=VECTOR),
        "industry": industry_body(
            scheme="s", code=secrets.token_hex(4), level=1, embedding_384=VECTOR
        ),
        "job_role": job_role_body([world.skill], industry_id=world.industry),
        "team": team_body(world.job_role, world.industry),
        "agent": agent_body(world.job_role, world.industry, [world.skill]),
    }
    return made[kind] | fields


def saying(word: str) -> dict[str, Any]:
    """Give every field of free text, each saying a word."""
    return {
        "name": f"name {word}",
        "description": f"What {word} is.",
        "external_id": f"id/{word}",
        "aliases": [f"also {word}"],
        "tags": [word],
        "custom_attributes": {word: word},
        "governance_notes": f"Of {word}.",
    }


async def filled(
    repository: Repository, superuser: Connection, tenant: Tenant, kind: str, word: str
) -> UUID:
    """Make an entity in force that says a word wherever it can be said, its amendments too."""
    world = await make_world(repository, tenant)
    made = await create(repository, tenant.author, kind, body_of(kind, world, **saying(word)))
    if kind == "team":
        agent = body_of("agent", world, team_id=str(made.id))
        await raise_to(
            repository, tenant, "agent",
            (await create(repository, tenant.author, "agent", agent)).id, "active",
        )  # fmt: skip
    await step(repository, tenant.author, kind, made.id, "under_review", reason=word)
    await step(repository, tenant.certifier, kind, made.id, "certified", reason=word)
    await amended(repository, tenant, kind, made.id, {"description": f"Better {word}."})
    for author, judge, end in (
        (tenant.author, tenant.certifier, "rejected"),
        (tenant.certifier, tenant.certifier, "withdrawn"),
    ):
        await propose(repository, author, kind, made.id, {"aliases": [f"{end} {word}"]})
        if end == "rejected":
            await take(repository, author, kind, made.id, "under_review")
        await take(repository, judge, kind, made.id, end)
    await superuser.execute(LABEL, made.id, json.dumps(VECTOR))
    await superuser.execute(STAGED, made.id, UUID(int=secrets.randbits(128)))
    return made.id


async def freed(repository: Repository, tenant: Tenant, superuser: Connection, one: UUID) -> None:
    """Archive whatever rests on an entity, and then the entity."""
    for row in await superuser.fetch(
        "SELECT base_entity.id, base_entity.entity_type FROM app.entity_reference"
        " INNER JOIN app.base_entity ON base_entity.id = dependent_id WHERE target_id = $1"
        " UNION ALL SELECT id, entity_type FROM app.base_entity WHERE id = $1",
        one,
    ):
        await step(repository, tenant.author, row["entity_type"], row["id"], "archived")


def _erase(identity: UUID) -> EntityErase:
    return EntityErase("skill", str(identity))


class TestReach:
    """What is gone, and what stays."""

    @pytest.mark.parametrize("kind", KINDS)
    async def test_of_an_archived_entity_no_text_is_left(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        word: str,
        kind: str,
    ) -> None:
        """No table says the word any more: what it was, its amendments, reasons, labels, lines."""
        made = await filled(repository, superuser, tenant, kind, word)
        before = await places(superuser, word)
        await freed(repository, tenant, superuser, made)
        done = await erased(repository, tenant.author, kind, made)
        found = await document(repository, tenant.author, kind, made)

        assert {
            "app.amendment", "app.base_entity", "app.entity_label_default", "app.entity_tag",
            "app.import_line", "audit.payload",
        } == before  # fmt: skip
        assert set() == await places(superuser, word)
        assert found is not None
        blank: dict[str, Any] = {
            "name": "erased",
            "description": None if kind == "industry" else "erased",
            "external_id": None,
            "aliases": [],
            "tags": [],
            "custom_attributes": {},
            "governance_notes": None,
        }
        assert blank == {name: found[name] for name in blank}
        assert found.get("embedding_sha256") is None
        assert (done.version, "archived", done.status) == (
            found["version"], found["status"], "archived",
        )  # fmt: skip

    async def test_of_an_archived_entity_what_is_no_text_stays(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """References, codes, states, times and who is accountable."""
        world = await make_world(repository, tenant)
        parent = await create(repository, tenant.author, "industry", industry_body())
        parent_ids = [str(parent.id)]
        for kind in KINDS:
            fields = saying(word) | ({"parent_ids": parent_ids} if kind == "industry" else {})
            made = await create(repository, tenant.author, kind, body_of(kind, world, **fields))
            await step(repository, tenant.author, kind, made.id, "archived")
            before = await document(repository, tenant.author, kind, made.id)
            await erased(repository, tenant.author, kind, made.id)
            after = await document(repository, tenant.author, kind, made.id)

            assert before
            assert after
            gone = {*saying(word), "embedding_sha256", "version", "updated_at"}
            assert list(before) == list(after)
            assert {name: before[name] for name in before.keys() - gone} == {
                name: after[name] for name in after.keys() - gone
            }

    async def test_what_is_in_force_stays_as_it_is(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """A text is got rid of by amending it first: then the past alone has it, and loses it."""
        made = await filled(repository, superuser, tenant, "skill", word)
        await amended(
            repository, tenant, "skill", made,
            skill_body(external_id=None, aliases=[], tags=["kept"], custom_attributes={word: None}),
        )  # fmt: skip
        await amend(repository, tenant.author, "skill", made, {"governance_notes": None})
        before = await document(repository, tenant.author, "skill", made)
        spoken = await places(superuser, word)
        done = await erased(repository, tenant.author, "skill", made)
        after = await document(repository, tenant.author, "skill", made)

        assert {"app.amendment", "audit.payload"} < spoken
        assert set() == await places(superuser, word)
        assert before
        assert after
        assert (before["version"] + 1, done.version) == (after["version"], after["version"])
        assert before["updated_at"] < after["updated_at"]
        assert before | {"version": 0, "updated_at": 0} == after | {"version": 0, "updated_at": 0}

    @pytest.mark.parametrize("status", ["draft", "under_review", "certified", "deprecated"])
    async def test_it_is_done_in_every_state(
        self, repository: Repository, superuser: Connection, tenant: Tenant, status: str, word: str
    ) -> None:
        """The state stays, and so does the way on."""
        made = await create(repository, tenant.author, "skill", skill_body(description=word))
        await amend(repository, tenant.author, "skill", made.id, {"description": "Another."})
        if status != "draft":
            await raise_to(repository, tenant, "skill", made.id, status)
        done = await erased(repository, tenant.author, "skill", made.id)
        gone = await places(superuser, word)
        last = await step(repository, tenant.author, "skill", made.id, "archived")

        assert set() == gone
        assert (status, done.version + 1) == (done.status, last.version)

    async def test_the_log_says_so_and_holds(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """One entry more for the entity and for each amendment; every hash is what it was."""
        made = await filled(repository, superuser, tenant, "skill", word)
        entries = "SELECT * FROM audit.entry WHERE tenant_id = $1 ORDER BY audit_id"
        before = await superuser.fetch(entries, tenant.id)
        done = await erased(repository, tenant.author, "skill", made)
        after = await superuser.fetch(entries, tenant.id)
        amendments = await superuser.fetch(AMENDMENTS, made)

        assert before == after[: len(before)]
        assert 1 + len(amendments) == len(after) - len(before) == 4
        assert {"certified", "rejected", "withdrawn"} == {one["status"] for one in amendments}
        assert len(amendments) == done.amendments
        for identity in (made, *(one["id"] for one in amendments)):
            rows = await superuser.fetch(LOG, identity)
            link = NOTHING
            for row in rows:
                assert link == row["prev_hash"]
                link = entry_hash(row)
                assert link == row["entry_hash"]
            *emptied, last = rows
            assert "erase" == last["operation"]
            assert tenant.author.context.governance_agent_id == last["actor"]
            assert tenant.author.context.key_id == last["key"]
            assert payload_hash(last) == last["payload_hash"]
            assert {(None, None, None)} == {
                (row["salt"], row["body"], row["reason"]) for row in emptied
            }
            assert "erase" not in {row["operation"] for row in emptied}

    async def test_the_answer_is_what_is_served(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Version, ETag and entry are those of the entity as it now is."""
        made = await active_skill(repository, tenant)
        done = await erased(repository, tenant.author, "skill", made.id)
        row = await superuser.fetchrow("SELECT * FROM app.base_entity WHERE id = $1", made.id)

        assert row
        assert (made.id, made.version + 1, "active", 0) == (
            done.id, done.version, done.status, done.amendments,
        )  # fmt: skip
        assert (row["version"], row["last_entry_id"], row["version_hash"]) == (
            done.version, done.audit_id, done.entry_hash,
        )  # fmt: skip
        assert f"{done.version}-{done.entry_hash[:8].hex()}" == done.etag

    async def test_amendments_show_what_the_entity_has_become(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """They propose nothing, stay in their state and private to whoever withdrew them."""
        made = await filled(repository, superuser, tenant, "skill", word)
        before = await superuser.fetch(AMENDMENTS, made)
        await erased(repository, tenant.author, "skill", made)
        entity = await document(repository, tenant.author, "skill", made)
        after = await superuser.fetch(AMENDMENTS, made)

        assert entity
        for old, new in zip(before, after, strict=True):
            own = {
                "status": old["status"],
                "version": old["version"] + 1,
                "created_at": json.loads(old["document"])["created_at"],
                "updated_at": new["updated_at"].isoformat(timespec="microseconds")[:-6] + "Z",
                "governance_agent_id": str(old["governance_agent_id"]),
                "amendment_id": str(old["id"]),
                "base_version": old["base_version"],
            }
            assert entity | own == json.loads(new["document"])
            assert ("{}", old["version"] + 1) == (new["patch"], new["version"])
            kept = ("id", "status", "base_version", "private_to", "created_at")
            assert [old[name] for name in kept] == [new[name] for name in kept]
            last = await superuser.fetchrow(LOG + " DESC LIMIT 1", new["id"])
            assert last
            assert (new["private_to"], new["document"]) == (last["private_to"], last["body"])

    async def test_the_successor_and_whose_draft_it_was_stay(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """They are ids: an emptied draft stays its author's."""
        other = await active_skill(repository, tenant)
        made = await active_skill(repository, tenant)
        await step(repository, tenant.author, "skill", made.id, "deprecated", successor=other.id)
        await erased(repository, tenant.author, "skill", made.id)
        rows = await superuser.fetch(
            "SELECT private_to, successor_id FROM audit.payload INNER JOIN audit.entry"
            " USING (tenant_id, audit_id) WHERE entity_id = $1 ORDER BY version", made.id,
        )  # fmt: skip
        author = UUID(tenant.author.context.governance_agent_id)

        assert [author, None, None, None, None, None] == [row["private_to"] for row in rows]
        assert [None] * 4 + [other.id, None] == [row["successor_id"] for row in rows]

    async def test_twice_does_no_harm(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """The second empties what the first has left, its own entry excepted."""
        made = await filled(repository, superuser, tenant, "skill", word)
        one = await erased(repository, tenant.author, "skill", made)
        two = await erased(repository, tenant.author, "skill", made)
        rows = await superuser.fetch(LOG, made)

        assert (one.version + 1, one.amendments) == (two.version, two.amendments)
        assert [None] * one.version == [row["body"] for row in rows[:-1]]
        assert ["erase", "erase"] == [row["operation"] for row in rows[-2:]]
        assert rows[-1]["body"] is not None

    @pytest.mark.parametrize("state", ["active", "archived"])
    async def test_another_entity_is_left_alone(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        word: str,
        state: str,
    ) -> None:
        """With all that it says, its amendments, its labels and its past."""
        beside = await filled(repository, superuser, tenant, "skill", word)

        async def of_it() -> list[object]:
            return [await superuser.fetch(query, beside) for query in (AMENDMENTS, LOG, SAYS)]

        before = await of_it()
        made = await create(repository, tenant.author, "skill", skill_body(tags=["x"]))
        await raise_to(repository, tenant, "skill", made.id, "active")
        if state == "archived":
            await step(repository, tenant.author, "skill", made.id, state)
        done = await erased(repository, tenant.author, "skill", made.id)

        assert state == done.status
        assert before == await of_it()
        assert "app.entity_label_default" in await places(superuser, word)

    async def test_what_another_tenant_has_of_its_id_stays(
        self, repository: Repository, owner: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Who restored the same export has a vector, amendments and a past of their own."""
        made = await create(repository, tenant.author, "industry", industry_body(
            scheme="s", code="1", level=1, embedding_384=VECTOR
        ))  # fmt: skip
        into = await make_empty(owner)
        whole = await exported(repository, tenant.author.context)
        await restored(repository, into, whole, named(tenant))
        twin = await come_back(owner, into)
        await raise_to(repository, twin, "industry", made.id, "certified")
        await amended(repository, twin, "industry", made.id, {"description": "Better."})

        async def of_twin() -> list[object]:
            tables = [row["name"] for row in await superuser.fetch(OF_TENANTS)]
            return [await superuser.fetch(OF_TENANT.format(one), twin.id) for one in tables]

        before = await of_twin()
        await step(repository, tenant.author, "industry", made.id, "archived")
        await erased(repository, tenant.author, "industry", made.id)

        assert before == await of_twin()

    async def test_lines_of_an_import_that_runs_stay(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        word: str,
        connect: Connect,
    ) -> None:
        """Without its lines it would have to end; it removes them itself."""
        made = await create(repository, tenant.author, "skill", skill_body(description=word))
        living = UUID(int=secrets.randbits(128))
        await superuser.execute(STAGED, made.id, living)
        await superuser.execute(STAGED, made.id, UUID(int=secrets.randbits(128)))
        session = await connect()
        async with acting(session, tenant.author):
            await session.execute("SELECT app.import_begin($1)", living)
            await superuser.execute(STAGED, made.id, UUID(int=secrets.randbits(128)))
        await erased(repository, tenant.author, "skill", made.id)

        assert [living] == [
            row["import_id"]
            for row in await superuser.fetch(
                "SELECT import_id FROM app.import_line WHERE tenant_id = $1", tenant.id
            )
        ]

    async def test_a_remembered_answer_is_not_given_again(
        self, repository: Repository, superuser: Connection, tenant: Tenant, word: str
    ) -> None:
        """Nor is what was asked done a second time."""
        request = json.dumps(
            {"key": "k", "method": "POST", "path": "/v1/skills", "request_hash": "00" * 32}
        )
        query = SkillCreate(json.dumps(skill_body(description=word)), request)
        first = await repository.one(query, tenant.author.context, writes=True)
        again = await repository.one(query, tenant.author.context, writes=True)
        await erased(repository, tenant.author, "skill", first.id)
        before = await counted(superuser, tenant)
        with pytest.raises(NotFound):
            await repository.one(query, tenant.author.context, writes=True)

        assert (first.id, True) == (again.id, again.replayed)
        assert before == await counted(superuser, tenant)


class TestRefusals:
    """Who may not, and when."""

    async def test_without_scope_admin(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        actor_with: ActorWith,
    ) -> None:
        """Every other scope together is not enough, and nothing is told of what there is."""
        made = await active_skill(repository, tenant)
        reviewing = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", reviewing.id, {"description": "Better."})
        before = await counted(superuser, tenant)
        weak = await actor_with("read", "write", "certify", "audit")
        for identity in (made.id, reviewing.id, UUID(int=0)):
            with pytest.raises(ScopeMissing) as caught:
                await erased(repository, weak, "skill", identity)

            assert {"required_scope": "admin"} == caught.value.extensions
        assert before == await counted(superuser, tenant)

    async def test_admin_alone_is_enough(
        self, repository: Repository, tenant: Tenant, actor_with: ActorWith
    ) -> None:
        """It implies no other scope and needs none."""
        made = await active_skill(repository, tenant)
        done = await erased(repository, await actor_with("admin"), "skill", made.id)

        assert made.version + 1 == done.version

    async def test_with_a_key_that_was_revoked(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """At once, as with every write."""
        made = await active_skill(repository, tenant)
        await superuser.execute(
            "UPDATE app.api_key SET revoked_at = now() WHERE id = $1",
            UUID(tenant.author.context.key_id),
        )
        with pytest.raises(Unauthenticated):
            await erased(repository, tenant.author, "skill", made.id)

    async def test_what_is_not_there(
        self,
        repository: Repository,
        tenant: Tenant,
        other_tenant: Tenant,
        actor_with: ActorWith,
    ) -> None:
        """Of another tenant, of another kind, another's draft, none at all: all the same."""
        theirs = await active_skill(repository, other_tenant)
        mine = await active_skill(repository, tenant)
        draft = await create(repository, tenant.certifier, "skill", skill_body())
        admin = await actor_with("admin")
        words = set()
        for kind, identity in (
            ("skill", theirs.id),
            ("skill", draft.id),
            ("skill", UUID(int=0)),
            ("team", mine.id),
        ):
            with pytest.raises(NotFound) as caught:
                await erased(repository, admin, kind, identity)
            words.add(caught.value.detail.replace("team", "skill"))

        assert {"No skill with this id is visible to you."} == words

    @pytest.mark.parametrize("whose", ["author", "certifier"])
    @pytest.mark.parametrize("state", ["draft", "under_review"])
    async def test_while_an_amendment_is_open(
        self, repository: Repository, superuser: Connection, tenant: Tenant, whose: str, state: str
    ) -> None:
        """Another's draft too, though nobody else sees it; then, once it is closed, it is done."""
        made = await active_skill(repository, tenant)
        writer = getattr(tenant, whose)
        await propose(repository, writer, "skill", made.id, {"description": "Better."})
        if state == "under_review":
            await take(repository, writer, "skill", made.id, "under_review")
        before = await counted(superuser, tenant)
        with pytest.raises(AmendmentOpen):
            await erased(repository, tenant.author, "skill", made.id)
        after = await counted(superuser, tenant)
        await take(repository, writer, "skill", made.id, "withdrawn")
        done = await erased(repository, tenant.author, "skill", made.id)

        assert before == after
        assert 1 == done.amendments

    @pytest.mark.parametrize("level", ["repeatable_read", "serializable"])
    async def test_in_another_isolation_level(
        self, repository: Repository, tenant: Tenant, connect: Connect, level: Any
    ) -> None:
        """As every change of an entity."""
        made = await active_skill(repository, tenant)
        session = await connect()
        with pytest.raises(asyncpg.PostgresError) as caught:
            async with session.transaction(isolation=level):
                await sent(repository, session, _erase(made.id), tenant.author)

        assert "PL013" == caught.value.sqlstate


class TestBeside:
    """What happens at the same time waits, and finds what became of it."""

    async def test_a_change_that_waits_for_it(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """It was written for a version that is no more: 412, and it is done again."""
        made = await create(repository, tenant.author, "skill", skill_body())
        first, second = await connect(), await connect()
        change = SkillAmend(str(made.id), made.etag, json.dumps({"tags": ["x"]}))
        async with acting(first, tenant.author):
            await sent(repository, first, _erase(made.id), tenant.author)
            waiting = asyncio.ensure_future(sent(repository, second, change, tenant.author))
            await until_blocked(superuser, second, first, waiting)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await waiting
        await amend(repository, tenant.author, "skill", made.id, {"tags": ["x"]})

        assert "PL002" == caught.value.sqlstate
        assert ["create", "erase", "amend"] == [
            row["operation"] for row in await superuser.fetch(LOG, made.id)
        ]

    async def test_a_change_that_it_waits_for(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """What was written meanwhile is emptied too."""
        made = await create(repository, tenant.author, "skill", skill_body())
        first, second = await connect(), await connect()
        change = SkillAmend(str(made.id), made.etag, json.dumps({"tags": ["x"]}))
        async with acting(first, tenant.author):
            await sent(repository, first, change, tenant.author)
            waiting = asyncio.ensure_future(
                sent(repository, second, _erase(made.id), tenant.author)
            )
            await until_blocked(superuser, second, first, waiting)
        done = await waiting
        rows = await superuser.fetch(LOG, made.id)

        assert 3 == done.version
        assert [None, None] == [row["body"] for row in rows[:2]]
        assert ["x"] == json.loads(rows[2]["body"])["tags"]

    async def test_an_amendment_that_is_opened_meanwhile(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """Whoever comes first: it is refused while one is open, and opens on what was erased."""
        made = await active_skill(repository, tenant)
        first, second = await connect(), await connect()
        opening = "SELECT app.amendment_propose('skill', $1, $2, '{\"description\": \"x\"}')"
        async with acting(first, tenant.author):
            await first.execute(opening, made.id, made.etag)
            waiting = asyncio.ensure_future(
                sent(repository, second, _erase(made.id), tenant.author)
            )
            await until_blocked(superuser, second, first, waiting)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await waiting

        assert "PL022" == caught.value.sqlstate

    async def test_two_at_once(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """One after the other."""
        made = await active_skill(repository, tenant)
        first, second = await connect(), await connect()
        async with acting(first, tenant.author):
            one = await sent(repository, first, _erase(made.id), tenant.author)
            waiting = asyncio.ensure_future(
                sent(repository, second, _erase(made.id), tenant.author)
            )
            await until_blocked(superuser, second, first, waiting)
        two = await waiting

        assert (made.version + 1, made.version + 2) == (one.version, two.version)

    async def test_one_that_is_undone_leaves_everything(
        self, repository: Repository, superuser: Connection, tenant: Tenant, connect: Connect
    ) -> None:
        """All of it is one transaction."""
        made = await active_skill(repository, tenant)
        session = await connect()
        transaction = session.transaction()
        await transaction.start()
        await sent(repository, session, _erase(made.id), tenant.author)
        await transaction.rollback()

        assert made.version == len(await history(superuser, made.id))
        assert 0 == await superuser.fetchval(
            "SELECT count(*) FROM audit.erasure WHERE entity_id = $1", made.id
        )
