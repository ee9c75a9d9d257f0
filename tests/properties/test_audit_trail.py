"""Properties 45 to 54: the log of changes, which nobody rewrites and anybody recomputes."""

import asyncio
import itertools
import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.errors import PreconditionFailed
from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.repository.entities import AMEND
from service.usecases.compliance import compliance
from tests.amending import amended
from tests.api import PATHS, Api
from tests.chain import LOG, NOTHING, entry_hash, history, payload_hash
from tests.factories import Tenant, World, amend, create, raise_to, skill_body, step, unique
from tests.properties.bodies import body_of
from tests.properties.contents import contents, grown
from tests.properties.planting import past_triggers
from tests.sessions import Connect, Connection, Savepoint, acting, become, until_blocked

COLUMNS = {
    "entry": "tenant_id audit_id entity_type entity_id version operation actor key at"
    " payload_hash prev_hash entry_hash",
    "payload": "tenant_id audit_id salt body reason successor_id private_to",
    "pending": "seq tenant_id audit_id",
}
LINKS = {"job_role": "app.job_role_skill", "agent": "app.agent_skill"}
KINDS = list(BY_NAME)
CHANGE = "SELECT app.skill_amend(ARRAY[$1::uuid], NULL, ARRAY[$2::jsonb], TRUE, NULL)"
HISTORY = {
    "audit.entry": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit.payload": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit.pending": ("UPDATE", "TRUNCATE"),
    "app.amendment": ("DELETE", "TRUNCATE"),
    "app.base_entity": ("DELETE", "TRUNCATE"),
    **{f"app.{kind}_entity": ("DELETE", "TRUNCATE") for kind in KINDS},
}
SPELLED = {
    "UPDATE": "UPDATE {} SET tenant_id = tenant_id",
    "DELETE": "DELETE FROM {}",
    "TRUNCATE": "TRUNCATE {} CASCADE",
}
ROLES = ("app", "readonly", "worker", "owner", "superuser")


async def test_audit_table_exists(superuser: Connection) -> None:
    """audit.entry, payload and pending stand with their columns, logged, plant_owner's."""
    rows = await superuser.fetch(
        """
        SELECT relname::text AS name, string_agg(attname, ' ' ORDER BY attnum) AS columns,
            relpersistence::text AS kept, pg_get_userbyid(relowner)::text AS owner
        FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'audit'::regnamespace AND relkind = 'r'
            AND attnum > 0 AND NOT attisdropped
        GROUP BY 1, 3, 4
        """
    )
    found = {row["name"]: row["columns"] for row in rows}

    assert COLUMNS == {name: found[name] for name in COLUMNS}
    assert {("p", "plant_owner")} == {(row["kept"], row["owner"]) for row in rows}


@pytest.mark.parametrize("kind", KINDS)
async def test_skill_insert_creates_audit_record(
    repository: Repository, superuser: Connection, settled: Tenant, world: World, kind: str
) -> None:
    """An insert of any kind leaves exactly one entry, payload and pending row, which say it all."""
    before = await contents(superuser, settled)
    made = await create(repository, settled.author, kind, body_of(kind, world))
    after = grown(before, await contents(superuser, settled))
    (row,) = await history(superuser, made.id)
    who = settled.author.context

    logged = dict.fromkeys(("audit.entry", "audit.payload", "audit.pending"), 1)
    own = dict.fromkeys(("app.base_entity", f"app.{kind}_entity"), 1)
    assert {**logged, **own, **({LINKS[kind]: 1} if kind in LINKS else {})} == after
    assert (kind, "create", 1) == (row["entity_type"], row["operation"], row["version"])
    assert (who.governance_agent_id, who.key_id) == (row["actor"], row["key"])
    assert (made.audit_id, made.entry_hash) == (row["audit_id"], row["entry_hash"])
    assert (made.document, settled.id) == (row["body"], row["tenant_id"])


@pytest.mark.parametrize("kind", KINDS)
async def test_timestamp_immutability(
    api: Api, superuser: Connection, connect: Connect, repository: Repository, kind: str
) -> None:
    """created_at is refused to callers, roles and superusers; times of versions only rise."""
    tenant = api.tenant
    made = await api.create(kind)
    identity = made.json["id"]
    sets = "UPDATE app.base_entity SET {} WHERE id = $1"
    change = sets.format("created_at = created_at - interval '1 s'")
    patched = await api.patch(
        f"{PATHS[kind]}/{identity}", {"created_at": "2000-01-01T00:00:00Z"}, made.etag
    )
    async with acting(await connect(), tenant.author) as app:
        states = {"app": await Savepoint(app).state(change, identity)}
    async with acting(superuser, tenant.author):
        states["superuser"] = await Savepoint(superuser).state(change, identity)
        await superuser.execute("SET LOCAL session_replication_role = replica")
        states["replica"] = await Savepoint(superuser).state(change, identity)
        await superuser.execute(sets.format("updated_at = '2000-01-01'"), identity)
        await superuser.execute("SET LOCAL session_replication_role = origin")
    await step(repository, tenant.author, kind, identity, "under_review")
    rows = await history(superuser, identity)
    times = [row["at"] for row in rows]
    created = {json.loads(row["body"])["created_at"] for row in rows}

    assert (422, "invalid-body") == (patched.status, patched.problem)
    assert "/created_at" == patched.json["errors"][0]["pointer"]
    assert {"app": "42501", "superuser": "PL013", "replica": "PL013"} == states
    assert {made.json["created_at"]} == created
    assert all(one < other for one, other in itertools.pairwise(times))


@pytest.mark.parametrize("kind", KINDS)
async def test_entity_version_tracking(
    repository: Repository, superuser: Connection, settled: Tenant, world: World, kind: str
) -> None:
    """Each change steps the version by one and has a hash of its own; nobody sets either."""
    body = body_of(kind, world)
    if kind == "team":
        body = body_of("skill", world)
        kind = "skill"
    made = await create(repository, settled.author, kind, body)
    second = await amend(repository, settled.author, kind, made.id, {"tags": ["b"]})
    await raise_to(repository, settled, kind, made.id, "active")
    await amended(repository, settled, kind, made.id, {"description": "Evolved."})
    rows = await history(superuser, made.id)
    sets = "UPDATE app.base_entity SET version = {} WHERE id = $1"
    async with acting(superuser, settled.author):
        states = [
            await Savepoint(superuser).state(sets.format(value), made.id)
            for value in ("version - 1", "version + 2", "1")
        ]
        forged = await superuser.fetchval(
            "UPDATE app.base_entity SET version_hash = sha256('x'), governance_notes = 'n'"
            " WHERE id = $1 RETURNING version_hash",
            made.id,
        )
    last = (await history(superuser, made.id))[-1]
    stale = AMEND[kind](str(made.id), second.etag, '{"tags": []}')
    with pytest.raises(PreconditionFailed):
        await repository.one(stale, settled.author.context, writes=True)

    assert ["create", "amend", "submit", "certify", "activate"] == [
        row["operation"] for row in rows[:5]
    ]
    assert "Evolved." == json.loads(rows[5]["body"])["description"]
    assert [*range(1, 7)] == [row["version"] for row in rows]
    assert 6 == len({row["entry_hash"] for row in rows})
    assert ["PL013"] * 3 == states
    assert (7, forged) == (last["version"], last["entry_hash"])


@pytest.mark.parametrize("kind", KINDS)
async def test_hash_chain_computation(superuser: Connection, world: World, kind: str) -> None:
    """Each entry's hash is SHA-256 of what it says, its payload's, and the hash before it."""
    rows = [dict(row) for row in await history(superuser, getattr(world, kind))]
    before = NOTHING
    for row in rows:
        assert (before, entry_hash(row), payload_hash(row)) == (
            row["prev_hash"],
            row["entry_hash"],
            row["payload_hash"],
        )
        before = row["entry_hash"]
        others: dict[str, Any] = {
            "tenant_id": row["entity_id"],
            "entity_type": "other",
            "entity_id": row["tenant_id"],
            "version": row["version"] + 1,
            "operation": "other",
            "actor": row["key"],
            "key": row["actor"],
            "at": row["at"] + timedelta(microseconds=1),
            "payload_hash": NOTHING,
            "prev_hash": row["payload_hash"],
        }
        for name, value in others.items():
            assert row["entry_hash"] != entry_hash({**row, name: value}), name
        assert row["payload_hash"] != payload_hash({**row, "salt": row["salt"][::-1]})

    assert 4 == len(rows)


@pytest.mark.parametrize("table", HISTORY)
async def test_append_only_pattern_enforcement(
    superuser: Connection, connect: Connect, settled: Tenant, world: World, table: str
) -> None:
    """UPDATE, DELETE and TRUNCATE of history are refused to each role, as a replica too."""
    before = await contents(superuser, settled)
    found: dict[str, set[str | None]] = {}
    for role in ROLES:
        session = await connect(role)
        async with acting(session, settled.author):
            for command in HISTORY[table]:
                statement = SPELLED[command].format(table)
                found.setdefault(role, set()).add(await Savepoint(session).state(statement))
    session = await connect("superuser")
    await session.execute("SET session_replication_role = replica")
    async with session.transaction():
        found["replica"] = {
            await Savepoint(session).state(SPELLED[command].format(table))
            for command in HISTORY[table]
        }

    assert {"owner", "superuser", "replica"} == {
        role for role, states in found.items() if states == {"PL013"}
    }
    assert {"app", "readonly", "worker"} == {
        role for role, states in found.items() if states == {"42501"}
    }
    assert before == await contents(superuser, settled)


async def test_created_at_indexed_for_audit(
    connect: Connect, settled: Tenant, world: World
) -> None:
    """What is asked of the log by time, by entity and by birth is found by an index."""
    beginning = "decode(repeat('00', 32), 'hex')"
    asked = {
        "entry_at_idx": ("worker", "at >= now() - interval '1 hour'"),
        "entry_version_key": ("app", f"entity_id = '{world.skill}' AND version = 1"),
        "entry_birth_idx": (
            "app",
            f"entity_type = 'skill' AND at <= now() AND prev_hash = {beginning}",
        ),
    }
    found = {}
    for name, (role, condition) in asked.items():
        session = await connect(role)
        await session.execute("SET enable_seqscan = off")
        async with acting(session, settled.author):
            query = f"SELECT audit_id FROM audit.entry WHERE {condition}"
            plan = await session.fetchval(f"EXPLAIN (FORMAT json) {query}")
            found[name] = (bool(await session.fetch(query)), f'"Index Name": "{name}"' in plan)

    assert dict.fromkeys(asked, (True, True)) == found


async def test_audit_log_retention(
    repository: Repository, superuser: Connection, connect: Connect, tenant: Tenant
) -> None:
    """Restated: entries outlive what any role may do; without its payload an entry still hashes."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await step(repository, tenant.author, "skill", made.id, "archived")
    kept = await history(superuser, made.id)
    worker = await connect("worker")
    await worker.execute("DELETE FROM audit.pending")
    await worker.execute("DELETE FROM app.idempotency")
    states = set()
    for role in ROLES:
        session = await connect(role)
        async with acting(session, tenant.author):
            for table in ("entry", "payload"):
                old = f"DELETE FROM audit.{table} WHERE audit_id = $1"
                states.add(await Savepoint(session).state(old, made.audit_id))
    still = await history(superuser, made.id)
    halves = [
        await planted(
            superuser, f"UPDATE audit.payload SET {half} = NULL WHERE audit_id = $1", made.audit_id
        )
        for half in ("salt", "body")
    ]
    await planted(
        superuser,
        "UPDATE audit.payload SET salt = NULL, body = NULL WHERE audit_id = $1",
        made.audit_id,
    )

    assert {"42501", "PL013"} == states
    assert kept == still
    assert ["23514", "23514"] == halves
    rows = await superuser.fetch(LOG, made.id)
    hashes = [entry_hash(row) for row in rows]
    assert rows[0]["body"] is None
    assert [NOTHING, *hashes] == [*(row["prev_hash"] for row in rows), rows[-1]["entry_hash"]]
    # Nobody has erased anything: what is missing is reported.
    assert not await passes(repository, tenant, "L0-04", made.id)


async def planted(superuser: Connection, statement: str, *arguments: object) -> str | None:
    """Change history as nobody may: past its triggers; gives the SQLSTATE of a constraint."""
    tables = ("audit.entry", "audit.payload", "app.base_entity")
    try:
        async with past_triggers(superuser, *tables, keep=True):
            await superuser.execute(statement, *arguments)
    except asyncpg.IntegrityConstraintViolationError as error:
        return error.sqlstate
    return None


async def passes(repository: Repository, tenant: Tenant, check: str, identity: object) -> bool:
    """Ask the service whether a skill passes a check."""
    found = await compliance(repository, tenant.author.context, "skill", str(identity))
    assert found
    return next(one.passed for one in found.checks if one.id == check)


SECOND = " WHERE entity_id = $1 AND version = 2"
PAYLOAD = " WHERE audit_id = (SELECT audit_id FROM audit.entry" + SECOND + ")"
TAMPERED = {
    "another kind": "UPDATE audit.entry SET entity_type = 'team'" + SECOND,
    "another entity": "UPDATE audit.entry SET entity_id = uuidv7()" + SECOND,
    "another version": "UPDATE audit.entry SET version = 9" + SECOND,
    "another operation": "UPDATE audit.entry SET operation = 'certify'" + SECOND,
    "another actor": "UPDATE audit.entry SET actor = key" + SECOND,
    "another key": "UPDATE audit.entry SET key = actor" + SECOND,
    "another time": "UPDATE audit.entry SET at = at + interval '1 microsecond'" + SECOND,
    "another payload hash": "UPDATE audit.entry SET payload_hash = sha256('x')" + SECOND,
    "another link": "UPDATE audit.entry SET prev_hash = sha256('x')" + SECOND,
    "another hash": "UPDATE audit.entry SET entry_hash = sha256('x')" + SECOND,
    "an entry rewritten with its hash": "UPDATE audit.entry SET actor = 'x', entry_hash ="
    " sha256(audit.entry_bytes(tenant_id, entity_type, entity_id, version, operation, 'x', key,"
    " at, payload_hash, prev_hash))" + SECOND,
    "an entry less": "DELETE FROM audit.entry" + SECOND,
    "the first entry less": "DELETE FROM audit.entry WHERE entity_id = $1 AND version = 1",
    "the last entry less": "DELETE FROM audit.entry WHERE entity_id = $1 AND version = 3",
    "no entry at all": "DELETE FROM audit.entry WHERE entity_id = $1",
    "another body": "UPDATE audit.payload SET body = replace(body, 'What', 'That')" + PAYLOAD,
    "another salt": "UPDATE audit.payload SET salt = uuid_send(uuidv7())" + PAYLOAD,
    "another document": "UPDATE app.base_entity SET document = document || ' ' WHERE id = $1",
    "another current version": "UPDATE app.base_entity SET version = 4 WHERE id = $1",
    "another current hash": "UPDATE app.base_entity SET version_hash = sha256('x') WHERE id = $1",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_tamper_detection_via_hash_verification(
    repository: Repository, superuser: Connection, settled: Tenant, what: str
) -> None:
    """What a superuser changes of a chain past the triggers is reported, of this entity alone."""
    made, other = [
        await create(repository, settled.author, "skill", skill_body()) for _ in range(2)
    ]
    for tags in (["a"], ["b"]):
        await amend(repository, settled.author, "skill", made.id, {"tags": tags})
    before = await passes(repository, settled, "L0-04", made.id)
    assert await planted(superuser, TAMPERED[what], made.id) is None

    assert before
    assert not await passes(repository, settled, "L0-04", made.id)
    assert await passes(repository, settled, "L0-04", other.id)
    assert await passes(repository, settled, "L0-03", made.id)


async def test_sequential_audit_entries(
    repository: Repository, superuser: Connection, connect: Connect, tenant: Tenant
) -> None:
    """Entries of an entity count from 1 without a hole, in the order of their commits."""
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
    first, second = await connect(), await connect()
    change = (made[0].id, '{"governance_notes": "waited"}')
    undone = first.transaction()
    await undone.start()
    await become(first, tenant.author)
    await first.execute(CHANGE, made[0].id, '{"governance_notes": "undone"}')

    async def late() -> None:
        async with acting(second, tenant.author):
            await second.execute(CHANGE, *change)

    waiting = asyncio.ensure_future(late())
    await until_blocked(superuser, second, first, waiting)
    await undone.rollback()
    await waiting
    await asyncio.gather(
        *(
            amend(repository, tenant.author, "skill", one.id, {"tags": [unique("t")]})
            for one in made * 4
        )
    )
    rows = await superuser.fetch(
        "SELECT entity_id, version, at, seq FROM audit.entry"
        " INNER JOIN audit.pending USING (tenant_id, audit_id) WHERE tenant_id = $1 ORDER BY seq",
        tenant.id,
    )
    notes = [
        json.loads(row["body"])["governance_notes"] for row in await history(superuser, made[0].id)
    ]

    assert [None, *["waited"] * 5] == notes
    assert 3 * 5 + 1 == len(rows)
    for one in made:
        own = [row for row in rows if row["entity_id"] == one.id]
        assert [*range(1, len(own) + 1)] == [row["version"] for row in own]
        assert sorted(row["at"] for row in own) == [row["at"] for row in own]
        assert len({row["at"] for row in own}) == len(own)
        assert len(await history(superuser, one.id)) == len(own)
