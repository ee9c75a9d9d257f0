"""Properties 67 to 78: transactions, what they see of each other, and what keeps them apart."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Isolation
from service.repository.base import Repository
from service.repository.entities import CREATE, EntityById, EntityStep, SkillAmend, SkillCreate
from tests.chain import history
from tests.factories import (
    Tenant,
    World,
    active_skill,
    amend,
    create,
    document,
    job_role_body,
    skill_body,
    step,
)
from tests.properties.bodies import DANGLING, NEVER, body_of
from tests.properties.conftest import Open
from tests.properties.contents import contents, grown
from tests.sessions import (
    BLOCKED,
    Connect,
    Connection,
    Savepoint,
    acting,
    become,
    pid,
    until_blocked,
)

LEVELS: tuple[Isolation, ...] = ("read_committed", "repeatable_read", "serializable")
AGREE = dict(zip(LEVELS, (False, True, True), strict=True))
SKEWED: dict[Isolation, str | None] = {
    "read_committed": None,
    "repeatable_read": None,
    "serializable": "40001",
}
MAKE = "SELECT (app.{}_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')).id"
MAKE_SKILL = MAKE.format("skill")
CHANGE = "SELECT app.skill_amend($1::uuid[], NULL, $2::jsonb[], TRUE, NULL)"
STEP = "SELECT app.entity_step($1, $2, NULL, $3, 'because', NULL)"
SKILLS = "SELECT count(*) FROM app.base_entity WHERE entity_type = 'skill'"


def skill(**fields: object) -> str:
    """Make the body of a skill as it is sent."""
    return json.dumps(skill_body(**fields))


async def raised(connection: Connection, superuser: Connection) -> None:
    """Fail in the program that has the transaction."""
    raise ZeroDivisionError


async def refused(connection: Connection, superuser: Connection) -> None:
    """Fail in the database."""
    await connection.execute(MAKE_SKILL, skill(category="craft"))


async def killed(connection: Connection, superuser: Connection) -> None:
    """Lose the back end."""
    await superuser.execute("SELECT pg_terminate_backend($1, 5000)", pid(connection))
    await connection.execute("SELECT 1")


async def cancelled(connection: Connection, superuser: Connection) -> None:
    """Be cancelled while the server works."""
    asyncio.get_running_loop().call_later(0.01, _current().cancel)
    await connection.execute("SELECT pg_sleep(60)")


def _current() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task
    return task


async def at_the_end(connection: Connection, superuser: Connection) -> None:
    """Leave what COMMIT refuses."""
    body = job_role_body([NEVER])
    await connection.execute(MAKE.format("job_role"), json.dumps(body))


@pytest.mark.parametrize("fail", [raised, refused, killed, cancelled, at_the_end])
async def test_transaction_commit_atomicity(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    fail: Callable[[Connection, Connection], Awaitable[None]],
) -> None:
    """However it ends half-way nothing of a transaction is there; without the end all of it is."""
    before = await contents(superuser, tenant)

    async def work(*, whole: bool) -> None:
        async with repository.pool.transaction() as connection:
            await become(connection, tenant.author)
            for _ in range(2):
                await connection.execute(MAKE_SKILL, skill(tags=["a"]))
            if not whole:
                await fail(connection, superuser)

    (result,) = await asyncio.gather(asyncio.create_task(work(whole=False)), return_exceptions=True)
    after = await contents(superuser, tenant)
    await work(whole=True)

    assert isinstance(result, BaseException)
    assert before == after
    assert {
        "app.base_entity": 2,
        "app.skill_entity": 2,
        "app.entity_tag": 2,
        "audit.entry": 2,
        "audit.payload": 2,
        "audit.pending": 2,
    } == grown(after, await contents(superuser, tenant))


@pytest.mark.parametrize(
    "fault,code",
    [
        ({"name": "Taken"}, "23505"),
        ({"category": "craft"}, "23514"),
        ({"category": None}, "23502"),
        ({"parent_ids": [NEVER]}, "23503"),
        ({"embedding_384": [1.0]}, "22000"),
    ],
)
async def test_transaction_rollback_on_constraint_violation(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    fault: dict[str, object],
    code: str,
) -> None:
    """After a violation the transaction takes nothing more, and nothing of it remains."""
    await create(repository, tenant.author, "skill", skill_body(name="Taken"))
    before = await contents(superuser, tenant)
    states: list[str | None] = []

    async def work() -> None:
        async with repository.pool.transaction() as connection:
            await become(connection, tenant.author)
            await connection.execute(MAKE_SKILL, skill())
            for statement in (MAKE_SKILL, "SET CONSTRAINTS ALL IMMEDIATE", MAKE_SKILL):
                given = [skill(**fault)] if statement == MAKE_SKILL else []
                try:
                    await connection.execute(statement, *given)
                except asyncpg.PostgresError as error:
                    states.append(error.sqlstate)

    # COMMIT of a failed transaction undoes it, as the server says.
    await work()

    assert code == next(filter(None, states))
    assert "25P02" == states[-1]
    assert before == await contents(superuser, tenant)


async def test_transaction_isolation_level(
    open_pool: Open, superuser: Connection, database: str, catalog: Catalog
) -> None:
    """Sessions are at READ COMMITTED whatever the database's default, transactions where asked."""
    level = "SELECT current_setting('transaction_isolation')"
    default = f"ALTER DATABASE {database} {{}} default_transaction_isolation"
    await superuser.execute(default.format("SET") + " TO 'serializable'")
    try:
        pool = await open_pool()
        async with pool.connection() as connection:
            alone = await connection.fetchval(level)
        async with pool.transaction() as connection:
            unasked = await connection.fetchval(level)
        async with pool.rehearsal() as connection:
            rehearsed = await connection.fetchval(level)
        asked = []
        for one in LEVELS:
            async with pool.transaction(isolation=one) as connection:
                asked.append(await connection.fetchval(level))
    finally:
        await superuser.execute(default.format("RESET"))

    assert {"read committed"} == {alone, unasked, rehearsed}
    assert [one.replace("_", " ") for one in LEVELS] == asked
    assert {"read committed", "repeatable read"} == {
        statement.isolation for statement in catalog.values()
    }


@pytest.mark.parametrize("level", ["read_uncommitted", *LEVELS])
async def test_dirty_read_prevention(
    repository: Repository, connect: Connect, tenant: Tenant, level: Any
) -> None:
    """Neither a new row nor a change that is not committed is seen by another, at any level."""
    made = await create(repository, tenant.author, "skill", skill_body(description="old"))
    writer, reader = await connect(), await connect()
    change = {"description": "new"}
    seen: list[tuple[str, int]] = []

    async def look() -> None:
        async with reader.transaction(isolation=level):
            await become(reader, tenant.author)
            text = await reader.fetchval(
                "SELECT description FROM app.base_entity WHERE id = $1", made.id
            )
            seen.append((text, await reader.fetchval(SKILLS)))

    async with acting(writer, tenant.author):
        await writer.execute(MAKE_SKILL, skill())
        await writer.execute(CHANGE, [made.id], [json.dumps(change)])
        await look()
    await look()

    assert [("old", 1), ("new", 2)] == seen


@pytest.mark.parametrize("level,agree", AGREE.items())
async def test_repeatable_read_consistency(
    repository: Repository, tenant: Tenant, level: Isolation, *, agree: bool
) -> None:
    """Two reads around a foreign commit agree from REPEATABLE READ on, and differ below it."""
    made = await create(repository, tenant.author, "skill", skill_body())
    query, context = EntityById("skill", str(made.id)), tenant.author.context
    async with repository.pool.transaction(isolation=level) as connection:
        first = await repository.maybe(query, context, connection=connection)
        changed = await amend(repository, tenant.author, "skill", made.id, {"tags": ["a"]})
        second = await repository.maybe(query, context, connection=connection)
    after = await repository.maybe(query, context)

    assert first
    assert after
    assert agree == (first == second)
    assert (made.document, changed.document) == (first.document, after.document)


@pytest.mark.parametrize("level,agree", AGREE.items())
async def test_phantom_read_handling(
    repository: Repository, tenant: Tenant, level: Isolation, *, agree: bool
) -> None:
    """A range that is read again has no new row from REPEATABLE READ on, and has it below."""
    await create(repository, tenant.author, "skill", skill_body(name="Range A"))
    listed = "SELECT name FROM app.base_entity WHERE name LIKE 'Range %' ORDER BY name"
    async with repository.pool.transaction(isolation=level) as connection:
        await become(connection, tenant.author)
        first = await connection.fetch(listed)
        await create(repository, tenant.author, "skill", skill_body(name="Range B"))
        second = await connection.fetch(listed)

    assert ["Range A"] == [row["name"] for row in first]
    assert (["Range A"] if agree else ["Range A", "Range B"]) == [row["name"] for row in second]


@pytest.mark.parametrize("level,state", SKEWED.items())
async def test_serialization_consistency(
    connect: Connect, owner: Repository, tenant: Tenant, level: Isolation, state: str | None
) -> None:
    """Two that each revoke the other's key both succeed below SERIALIZABLE, never at it."""
    left = "SELECT count(*) FROM app.api_key WHERE tenant_id = $1 AND revoked_at IS NULL"
    revoke = "UPDATE app.api_key SET revoked_at = now() WHERE tenant_id = $1 AND id = $2"
    sessions = await connect("owner"), await connect("owner")
    keys = [UUID(one.context.key_id) for one in (tenant.author, tenant.certifier)]
    transactions = [session.transaction(isolation=level) for session in sessions]
    for session, transaction in zip(sessions, transactions, strict=True):
        await transaction.start()
        assert 3 == await session.fetchval(left, tenant.id)
    for session, key in zip(sessions, keys, strict=True):
        await session.execute(revoke, tenant.id, key)
    await transactions[0].commit()
    found = None
    try:
        await transactions[1].commit()
    except asyncpg.PostgresError as error:
        found = error.sqlstate
    unrevoked = {None: 1, "40001": 2}[state]

    assert state == found
    assert unrevoked == await sessions[0].fetchval(left, tenant.id)


@pytest.mark.parametrize("archiver_first", [True, False])
async def test_serialization_consistency_of_rules(
    repository: Repository,
    connect: Connect,
    superuser: Connection,
    tenant: Tenant,
    *,
    archiver_first: bool,
) -> None:
    """A skill that goes and a job role that needs it: one waits for the other, and is refused."""
    needed = (await active_skill(repository, tenant)).id
    role = (await create(repository, tenant.author, "job_role", job_role_body([str(needed)]))).id
    await step(repository, tenant.author, "job_role", role, "under_review")
    acts = [
        (tenant.author, ("skill", needed, "archived"), "PL006"),
        (tenant.certifier, ("job_role", role, "certified"), "PL010"),
    ]
    (one, held, refusal), (other, waits, _) = acts if archiver_first else acts[::-1]
    first, second = await connect(), await connect()

    async def late() -> None:
        async with acting(second, other):
            await second.execute(STEP, *waits)

    async with acting(first, one):
        await first.execute(STEP, *held)
        task = asyncio.ensure_future(late())
        await until_blocked(superuser, second, first, task)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await task
    async with repository.pool.transaction(isolation="serializable") as connection:
        await become(connection, tenant.author)
        serializable = await Savepoint(connection).state(MAKE_SKILL, skill())

    assert refusal == caught.value.sqlstate
    # An old snapshot would not show what was decided while it waited.
    assert "PL013" == serializable


async def test_concurrent_transaction_non_interference(
    repository: Repository, connect: Connect, superuser: Connection, tenant: Tenant
) -> None:
    """Two on different entities never wait; eight on one all take effect, one after another."""
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(2)]
    first, second = await connect(), await connect()
    async with acting(first, tenant.author), acting(second, tenant.author):
        for session, one in zip((first, second), made, strict=True):
            await session.execute("SET LOCAL lock_timeout = '1s'")
            await session.execute(CHANGE, [one.id], ['{"tags": ["own"]}'])
            await session.execute(MAKE_SKILL, skill())
    notes = [f"note {number}" for number in range(8)]
    await asyncio.gather(
        *(
            amend(repository, tenant.author, "skill", made[0].id, {"custom_attributes": {one: 1}})
            for one in notes
        )
    )
    versions = [row["version"] for row in await history(superuser, made[0].id)]
    found = await document(repository, tenant.author, "skill", made[0].id)

    assert found
    assert ["own"] == found["tags"]
    assert notes == sorted(found["custom_attributes"])
    assert [*range(1, 11)] == versions
    assert 2 == len(await history(superuser, made[1].id))


@pytest_asyncio.fixture(loop_scope="module")
async def quick(superuser: Connection, database: str) -> AsyncIterator[None]:
    """Let new sessions look for deadlocks after a moment."""
    await superuser.execute(f"ALTER DATABASE {database} SET deadlock_timeout TO '50ms'")
    yield
    await superuser.execute(f"ALTER DATABASE {database} RESET deadlock_timeout")


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
async def test_transaction_deadlock_prevention(
    repository: Repository,
    connect: Connect,
    superuser: Connection,
    tenant: Tenant,
    *,
    turned: bool,
) -> None:
    """Whoever names the same rows, in whatever order, waits at the first and holds none beyond."""
    made = [(await create(repository, tenant.author, "skill", skill_body())).id for _ in range(2)]
    named = made[::-1] if turned else made
    holder, writer = await connect("superuser"), await connect()
    lock = "SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE NOWAIT"

    async def write() -> None:
        async with acting(writer, tenant.author):
            await writer.execute(CHANGE, named, ['{"governance_notes": "a"}'] * 2)

    async with holder.transaction():
        await holder.execute(lock, made[0])
        waiting = asyncio.ensure_future(write())
        await until_blocked(superuser, writer, holder, waiting)
        # Were it held, the two would now wait for each other.
        await holder.execute(lock, made[1])
    await waiting

    assert [2, 2] == [len(await history(superuser, one)) for one in made]


async def test_transaction_deadlock_is_retried(
    quick: None,
    open_pool: Open,
    catalog: Catalog,
    connect: Connect,
    superuser: Connection,
    repository: Repository,
    tenant: Tenant,
) -> None:
    """A write that the server ends to resolve a deadlock is done again as a whole, once."""
    needed = (await active_skill(repository, tenant)).id
    role = (await create(repository, tenant.author, "job_role", job_role_body([str(needed)]))).id
    await step(repository, tenant.author, "job_role", role, "under_review")
    pool = await open_pool(pool_min=1, pool_max=1)
    runner = Repository(catalog, pool)
    async with pool.connection() as connection:
        backend = pid(connection)
    other = await connect("superuser")
    await other.execute("SET deadlock_timeout = '60s'")
    lock = "SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE"
    async with other.transaction():
        await other.execute(lock, needed)
        query = EntityStep("job_role", str(role), None, "certified", "r", None)
        writing = asyncio.ensure_future(runner.one(query, tenant.certifier.context, writes=True))
        while not await superuser.fetchval(BLOCKED, backend, pid(other)):
            assert not writing.done(), "it did not wait"
        await other.execute(lock, role)
    written = await writing

    assert "certified" == json.loads(written.document)["status"]
    assert 1 <= runner.retries.total()
    assert ["create", "submit", "certify"] == [
        row["operation"] for row in await history(superuser, role)
    ]


async def test_transaction_savepoint_support(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """What is done after a savepoint and undone to it is gone, and the work around it stays."""
    context = tenant.author.context
    made = await create(repository, tenant.author, "skill", skill_body(tags=["a"]))
    before = await contents(superuser, tenant)
    async with repository.pool.transaction() as connection:
        await become(connection, tenant.author)
        outer = await repository.one(SkillCreate(skill()), context, connection=connection)
        savepoint = connection.transaction()
        await savepoint.start()
        for query in (SkillCreate(skill()), SkillAmend(str(made.id), None, '{"tags": []}')):
            await repository.one(query, context, connection=connection)
        await savepoint.rollback()
        states = [
            await Savepoint(connection).state(MAKE_SKILL, skill(category="craft")),
            await Savepoint(connection).state("SELECT 1 / 0"),
        ]
        last = SkillAmend(str(made.id), None, '{"tags": ["a", "b"]}')
        changed = await repository.one(last, context, connection=connection)

    assert ["23514", "22012"] == states
    assert (2, ["a", "b"]) == (changed.version, json.loads(changed.document)["tags"])
    assert ["create", "amend"] == [row["operation"] for row in await history(superuser, made.id)]
    assert 1 == len(await history(superuser, outer.id))
    after = grown(before, await contents(superuser, tenant))
    assert (1, 1, 2) == (after["app.base_entity"], after["app.entity_tag"], after["audit.entry"])


@pytest.mark.parametrize("name", DANGLING)
async def test_transaction_foreign_key_integrity(
    repository: Repository, superuser: Connection, settled: Tenant, world: World, name: str
) -> None:
    """A dangling reference is refused at COMMIT at the latest, with all that stood beside it."""
    kind, fault = DANGLING[name]
    before = await contents(superuser, settled)

    async def work(*, dangling: bool) -> None:
        async with repository.pool.transaction() as connection:
            await become(connection, settled.author)
            await connection.execute(MAKE_SKILL, skill())
            body = body_of(kind, world) | (fault if dangling else {})
            await connection.execute(MAKE.format(kind), json.dumps(body))

    with pytest.raises(asyncpg.ForeignKeyViolationError) as caught:
        await work(dangling=True)
    assert before == await contents(superuser, settled)
    await work(dangling=False)

    assert name == caught.value.constraint_name


@pytest.mark.parametrize("kind", CREATE)
async def test_transaction_cascading_deletes(
    repository: Repository,
    connect: Connect,
    superuser: Connection,
    settled: Tenant,
    world: World,
    kind: str,
) -> None:
    """Restated: no delete cascades, each is refused; only link rows go, by the write functions."""
    deletes = [
        f"DELETE FROM app.{table}_entity WHERE id = '{getattr(world, kind)}'"
        for table in ("base", kind)
    ]
    before = await contents(superuser, settled)
    async with acting(await connect(), settled.author) as app:
        by_rights = [await Savepoint(app).state(one) for one in deletes]
    undone = superuser.transaction()
    await undone.start()
    by_triggers = [await Savepoint(superuser).state(one) for one in deletes]
    for table in ("base", kind):
        await superuser.execute(f"ALTER TABLE app.{table}_entity DISABLE TRIGGER USER")
    await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
    by_keys = [await Savepoint(superuser).state(one) for one in deletes]
    await undone.rollback()
    after = await contents(superuser, settled)
    links = {"tags": ["a", "b"], "parent_ids": [getattr(world, kind)]}
    made = await create(repository, settled.author, kind, body_of(kind, world) | links)
    given = await contents(superuser, settled)
    await amend(repository, settled.author, kind, made.id, {"tags": ["b"], "parent_ids": []})
    taken = grown(given, await contents(superuser, settled))

    assert ["42501", "42501"] == by_rights
    assert ["PL013", "PL013"] == by_triggers
    assert ["23503", "23503"] == by_keys
    assert before == after
    assert (-1, -1) == (taken["app.entity_tag"], taken["app.entity_parent"])


async def test_no_foreign_key_cascades(superuser: Connection) -> None:
    """Every foreign key refuses the deletion and the renumbering of what it refers to."""
    rows = await superuser.fetch(
        "SELECT confdeltype::text AS deleted, confupdtype::text AS updated FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace IN ('app'::regnamespace, 'audit'::regnamespace)"
    )

    assert 20 < len(rows)
    assert {("a", "a")} == {tuple(row) for row in rows}
