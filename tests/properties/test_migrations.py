"""Properties 13 to 25: what migrations make, that they can be undone, what they leave alone."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct, structs

from service.catalog.load import Catalog
from service.catalog.place import place
from service.database.pool import Pool
from service.migrate.files import read
from service.migrate.refusals import Refused
from service.migrate.release import Release, release
from service.migrate.runner import apply, roll_back
from service.migrate.survey import verify
from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.settings import Settings
from tests.api import PATHS, Api
from tests.factories import Tenant, World, create, document, make_tenant, make_world
from tests.postgres import Server
from tests.properties.bodies import body_of
from tests.properties.contents import contents
from tests.properties.violating import VIOLATIONS, Violation, broken, of_kind
from tests.reviewed import FOREIGN_KEYS, NULLABLE, SECTIONS, foreign_keys
from tests.sessions import Connection, Savepoint, acting, become, connections

NEVER: Final = "01900000-0000-7000-8000-000000000000"
KINDS: Final = list(BY_NAME)
STEPS: Final = (
    "0000.foundation",
    "0001.base_entity",
    "0002.skill",
    "0003.kinds",
    "0004.vectors",
)
DATA_FROM: Final = "0006.audit"
"""From here on every table of entities and of the log is there: rows survive what comes after."""
COLUMN: Final = """
SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) AS name
FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
WHERE
    relnamespace = to_regnamespace('app') AND relkind IN ('r', 'p') AND NOT relispartition
    AND attnum > 0 AND NOT attisdropped
"""
SCHEMA: Final = """
SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
    || attnotnull || coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
INNER JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = ANY($1::regnamespace[]) AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint ' || conrelid::regclass || ' ' || conname || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = ANY($1::regnamespace[])
UNION ALL
SELECT 'index ' || pg_get_indexdef(indexrelid) FROM pg_index
INNER JOIN pg_class ON oid = indexrelid WHERE relnamespace = ANY($1::regnamespace[])
UNION ALL
SELECT 'trigger ' || pg_get_triggerdef(oid) || tgenabled::text
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'policy ' || polrelid::regclass || polname || polroles::regrole[]::text
    || coalesce(pg_get_expr(polqual, polrelid), '')
    || coalesce(pg_get_expr(polwithcheck, polrelid), '')
FROM pg_policy
UNION ALL
SELECT 'function ' || pg_get_functiondef(oid) || proowner::regrole || coalesce(proacl::text, '')
FROM pg_proc WHERE pronamespace = ANY($1::regnamespace[])
"""
LEDGER: Final = """
SELECT migration_id AS id, forward_sha256 AS digest, finished_at IS NOT NULL AS done,
    migration_id IN (SELECT migration_id FROM plant_migrate._yoyo_migration) AS marked
FROM plant_migrate.ledger ORDER BY 1
"""


class Ladder(Struct, frozen=True):
    """The columns of schema app after each of the first migrations, and after each rollback."""

    up: dict[str, set[str]]
    down: dict[str, set[str]]

    def added(self, step: str) -> set[str]:
        """Give the columns that a migration adds."""
        return self.up[step] - self.up[STEPS[STEPS.index(step) - 1]]

    def tables(self, step: str) -> set[str]:
        """Give the tables that have columns from a migration on."""
        before = self.up[STEPS[STEPS.index(step) - 1]]
        return _tables(self.up[step]) - _tables(before)


def _tables(columns: set[str]) -> set[str]:
    return {column.partition(".")[0] for column in columns}


@pytest.fixture(scope="module")
def whole() -> Release:
    """Have this release, read once."""
    return release()


@pytest.fixture(scope="module")
def brings(whole: Release) -> Release:
    """Have this release without the statements: they need the whole schema."""
    called = {one.name for one in whole.catalog.functions()}
    kept = {name: one for name, one in whole.catalog.items() if name not in called}
    return structs.replace(whole, catalog=Catalog(kept))


@pytest.fixture(scope="module")
def ladder(cluster: Server, brings: Release) -> Iterator[Ladder]:
    """Climb the first migrations one by one, and down again."""
    name = cluster.create("ladder")
    url, up, down = cluster.url("owner", name), {}, {}

    def columns() -> set[str]:
        return {row["name"] for row in cluster.run(COLUMN, name)}

    for number, step in enumerate(STEPS, 1):
        reached = structs.replace(brings, migrations=brings.migrations[:number])
        assert (step,) == apply(url, brings=reached).applied
        up[step] = columns()
    for step in STEPS[:0:-1]:
        assert (step,) == roll_back(url, brings=brings).rolled_back
        down[step] = columns()
    yield Ladder(up, down)
    cluster.drop(name)


@pytest.fixture
def clone(cluster: Server, template: str) -> Iterator[str]:
    """Have a migrated database that a test may migrate."""
    name = cluster.clone(template)
    yield name
    cluster.drop(name)


@pytest.fixture
def owner_url(cluster: Server, clone: str) -> str:
    """Give its address for plant_owner."""
    return cluster.url("owner", clone)


def schema(cluster: Server, database: str) -> set[str]:
    """Write down everything that migrations make."""
    query = SCHEMA.replace("$1", "'{app,audit,q}'")
    return {row[0] for row in cluster.run(query, database)}


async def test_migration_001_base_entity_table_exists(
    ladder: Ladder, superuser: Connection
) -> None:
    """0001 alone makes base_entity, in seven sections, with its links; its rollback undoes it."""
    comments = await superuser.fetch(
        "SELECT col_description(attrelid, attnum) AS text FROM pg_attribute"
        " WHERE attrelid = 'app.base_entity'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    sections = {part for row in comments for part in row["text"].partition(":")[0].split(" and ")}

    assert {"base_entity", "entity_parent", "entity_tag"} == ladder.tables("0001.base_entity")
    assert 21 == sum(one.startswith("base_entity.") for one in ladder.added("0001.base_entity"))
    assert SECTIONS <= sections
    assert ladder.up["0000.foundation"] == ladder.down["0001.base_entity"]


async def test_migration_002_skill_entity_table_exists(
    ladder: Ladder, superuser: Connection, full: World
) -> None:
    """0002 makes skill_entity and nothing else, tied to base_entity; its rollback undoes it."""
    error = await broken(superuser, VIOLATIONS["skill_entity_base_fkey"])

    assert {
        "skill_entity.tenant_id uuid",
        "skill_entity.id uuid",
        "skill_entity.category text",
        "skill_entity.private_to uuid",
    } == ladder.added("0002.skill")
    assert ladder.up["0001.base_entity"] == ladder.down["0002.skill"]
    assert error
    assert ("23503", "skill_entity_base_fkey") == (error.sqlstate, error.constraint_name)


def test_skill_entity_has_embedding_column(ladder: Ladder) -> None:
    """0004 adds vector(384) to skills and industries, and the labels; its rollback undoes it."""
    added = {one for one in ladder.added("0004.vectors") if "vector" in one}

    assert {
        "skill_entity.embedding_384 vector(384)",
        "industry_entity.embedding_384 vector(384)",
        "entity_label.embedding_384 vector(384)",
        "entity_label.lexical_384 vector(384)",
    } == {one.replace("public.", "") for one in added}
    assert {"entity_label"} == ladder.tables("0004.vectors")
    assert ladder.up["0003.kinds"] == ladder.down["0004.vectors"]


PATHS_OF_LISTS: Final = {
    "base_entity_kind_key": "entity_type = 'skill' ORDER BY id DESC",
    "base_entity_status_idx": "entity_type = 'skill' AND status = 'active' ORDER BY id DESC",
    "base_entity_governance_agent_idx": f"governance_agent_id = '{NEVER}' ORDER BY id DESC",
    "base_entity_external_id_key": "entity_type = 'skill' AND external_id = 'x'",
    "base_entity_name_idx": "entity_type = 'skill' AND name_key >= 'a' ORDER BY name_key, id DESC",
}


ALONE: Final = """
UPDATE pg_index SET indisvalid = FALSE FROM pg_class
WHERE
    pg_class.oid = indexrelid AND indrelid = 'app.base_entity'::regclass AND relname <> $1
"""


@pytest.mark.parametrize("name", PATHS_OF_LISTS)
async def test_migration_creates_indexes(
    repository: Repository, superuser: Connection, settled: Tenant, name: str
) -> None:
    """Restated: kind and time, status, governance agent, external id, name: each by its index."""
    query = (
        "SELECT id FROM app.base_entity WHERE tenant_id = (SELECT app.tenant_id())"
        f" AND {PATHS_OF_LISTS[name]} LIMIT 20"
    )
    undone = superuser.transaction()
    await undone.start()
    await become(superuser, settled.author)
    # In a small table each would do for the other's queries: here each is alone.
    await superuser.execute(ALONE, name)
    for setting in ("seqscan", "sort", "bitmapscan"):
        await superuser.execute(f"SET LOCAL enable_{setting} = off")
    await superuser.execute("SET LOCAL ROLE plant_app")
    plan = await superuser.fetchval(f"EXPLAIN (FORMAT json) {query}")
    await undone.rollback()

    assert f'"Index Name": "{name}"' in plan
    assert '"Node Type": "Sort"' not in plan


async def test_base_entity_primary_key_exists(
    superuser: Connection, owner: Repository, full: World
) -> None:
    """Restated: the key is (tenant_id, id): refused twice in a tenant, allowed in another one."""
    error = await broken(superuser, VIOLATIONS["base_entity_pkey"])
    other = await make_tenant(owner)
    agent = other.author.context.governance_agent_id
    elsewhere = await broken(
        superuser,
        Violation(
            told="",
            copy="app.base_entity",
            set={"tenant_id": f"'{other.id}'", "governance_agent_id": f"'{agent}'"},
        ),
    )

    assert error
    assert ("23505", "base_entity_pkey") == (error.sqlstate, error.constraint_name)
    assert elsewhere is None


@pytest.mark.parametrize("kind", KINDS)
async def test_skill_entity_inherits_from_base_entity(
    superuser: Connection, settled: Tenant, full: World, kind: str
) -> None:
    """A row of a kind has its base row, and a base row its row of the kind, or neither is there."""
    without_base = await broken(superuser, VIOLATIONS[f"{kind}_entity_base_fkey"])
    async with acting(superuser, settled.author):
        without_kind = await Savepoint(superuser).state(
            "INSERT INTO app.base_entity (tenant_id, entity_type, name, description,"
            " governance_agent_id) VALUES ($1, $2, 'n', 'd', $3)",
            settled.id,
            kind,
            settled.author.context.governance_agent_id,
        )
    rows = await superuser.fetchval(
        f"SELECT bool_and(base_entity.entity_type = $1) FROM app.{kind}_entity"
        " INNER JOIN app.base_entity USING (tenant_id, id)",
        kind,
    )

    assert without_base
    assert ("23503", f"{kind}_entity_base_fkey") == (
        without_base.sqlstate,
        without_base.constraint_name,
    )
    assert "PL009" == without_kind
    assert rows


@pytest.mark.parametrize("name", FOREIGN_KEYS)
async def test_migration_creates_foreign_keys(
    superuser: Connection, full: World, name: str
) -> None:
    """Each foreign key leads where it was reviewed to lead, within the tenant, and refuses."""
    error = await broken(superuser, VIOLATIONS[name])
    found = await foreign_keys(superuser)

    assert FOREIGN_KEYS[name] == found[name]
    assert error
    assert ("23503", name) == (error.sqlstate, error.constraint_name)


def test_migration_adds_columns_idempotently(
    cluster: Server, clone: str, owner_url: str, whole: Release
) -> None:
    """An upgrade that is run again, alone or by two at once, changes and installs nothing."""
    before, ledger = schema(cluster, clone), cluster.run(LEDGER, clone)
    with ThreadPoolExecutor(2) as threads:
        again = partial(apply, brings=whole)
        reports = [again(owner_url), *threads.map(again, [owner_url] * 2)]

    assert {()} == {one.applied + one.repaired + one.functions for one in reports}
    assert before == schema(cluster, clone)
    assert ledger == cluster.run(LEDGER, clone)
    assert 200 < len(before)


@pytest.mark.parametrize("kind", KINDS)
async def test_all_entity_tables_created(
    api: Api, superuser: Connection, ladder: Ladder, kind: str
) -> None:
    """base_entity and the five tables of the kinds are there, and take an entity of their kind."""
    six = {"base_entity", *(f"{one}_entity" for one in KINDS)}
    made = await api.create(kind)
    count = "SELECT count(*) FROM app.{} WHERE id = $1"
    holders = {one for one in six if await superuser.fetchval(count.format(one), made.json["id"])}

    assert six <= _tables(ladder.up["0003.kinds"])
    assert six - {"base_entity"} <= ladder.tables("0002.skill") | ladder.tables("0003.kinds")
    assert {"base_entity", f"{kind}_entity"} == holders


async def test_migrations_maintain_data_integrity(
    cluster: Server, clone: str, owner_url: str, settings: Settings, whole: Release
) -> None:
    """Rows of entities and log survive the rollback of what came after them, and the upgrade."""
    async with connections(cluster, clone) as connect, AsyncExitStack() as stack:
        superuser = await connect("superuser")
        runners = []
        for role in ("owner", "app"):
            pool = Pool(cluster.url(role, clone), settings)
            stack.push_async_callback(pool.close)
            await pool.open()
            runners.append(Repository(whole.catalog, pool))
        owner, app = runners
        tenant = await make_tenant(owner)
        there = await make_world(app, tenant)
        before = await contents(superuser, tenant)
        down = await asyncio.to_thread(roll_back, owner_url, to=DATA_FROM, brings=whole)
        between = await contents(superuser, tenant)
        up = await asyncio.to_thread(apply, owner_url, brings=whole)
        after = await contents(superuser, tenant)
        again = {
            kind: await document(app, tenant.author, kind, getattr(there, kind)) for kind in KINDS
        }
        made = await create(app, tenant.author, "agent", body_of("agent", there))

    assert up.applied == down.rolled_back[::-1]
    assert 10 < len(up.applied)
    assert {"app.base_entity", "app.agent_entity", "audit.entry", "audit.payload"} <= between.keys()
    assert between == {table: before[table] for table in between}
    assert before == after
    assert {"active"} == {one["status"] for one in again.values() if one}
    assert 1 == made.version
    assert () == await asyncio.to_thread(verify, owner_url, brings=whole)


def test_schema_version_tracking(
    cluster: Server, clone: str, owner_url: str, whole: Release, tmp_path: Path
) -> None:
    """The ledger has each migration with its file's digest, up to the head; edits are refused."""
    rows = cluster.run(LEDGER, clone)
    files = sorted(place("migrations").glob("*.sql"))
    forward = [path for path in files if ".rollback" not in path.name]
    copied = tmp_path / "migrations"
    shutil.copytree(place("migrations"), copied)
    with (copied / forward[1].name).open("a") as file:
        file.write("-- One word more.\n")
    edited = structs.replace(whole, migrations=read(copied))
    with pytest.raises(Refused, match=forward[1].stem):
        apply(owner_url, brings=edited)
    agrees = verify(owner_url, brings=whole)
    undone = roll_back(owner_url, brings=whole)
    last = cluster.run(LEDGER, clone)[-1]["id"]

    assert [(path.stem, sha256(path.read_bytes()).hexdigest(), True, True) for path in forward] == [
        tuple(row) for row in rows
    ]
    assert () == agrees
    assert (forward[-1].stem,) == undone.rolled_back
    assert (undone.newest, last) == (forward[-2].stem, forward[-2].stem)
    assert ("pending", forward[-1].stem) in {
        (one.kind, one.subject) for one in verify(owner_url, brings=whole)
    }


STAGED: Final = "body chunk depth external_id family kind problem"
SETTABLE: Final = """
SELECT attrelid::regclass::text AS table, attname::text AS name
FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
WHERE
    relnamespace IN ('app'::regnamespace, 'audit'::regnamespace) AND relkind IN ('r', 'p')
    AND NOT relispartition AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    AND attidentity = '' AND attname <> 'private_to'
"""


async def test_migration_null_constraints(superuser: Connection, full: World) -> None:
    """NULL is refused by every column of every table that was not reviewed as nullable."""
    taken: dict[str, set[str]] = {}
    rows = await superuser.fetch(SETTABLE)
    for row in rows:
        one = Violation(told="", update=row["table"], set={row["name"]: "NULL"})
        error = await broken(superuser, one)
        if error is None or error.sqlstate != "23502":
            taken.setdefault(row["table"].partition(".")[2].strip('"'), set()).add(row["name"])
    reviewed = {table: set(names.split()) for table, names in NULLABLE.items()}
    reviewed["base_entity"].remove("name_key")

    assert 150 < len(rows)
    assert {**reviewed, "import_line": set(STAGED.split())} == taken


@pytest.mark.parametrize("name", of_kind("u"))
async def test_migration_unique_constraints(superuser: Connection, full: World, name: str) -> None:
    """What is unique besides the keys is taken once: names, external ids, codes, amendments."""
    error = await broken(superuser, VIOLATIONS[name])

    assert error
    assert ("23505", name) == (error.sqlstate, error.constraint_name)


@pytest.mark.parametrize("kind", KINDS)
async def test_names_are_unique_by_what_a_reader_sees(api: Api, kind: str) -> None:
    """Case, width and composition make no other name; an archived entity gives its name free."""
    made = await api.create(kind, name="\u00c4rmel \uff21")
    path = f"{PATHS[kind]}/{made.json['id']}"
    twins = [await api.create(kind, name=name) for name in ("A\u0308RMEL A", "\u00e4rmel a")]
    await api.step(path, "archived", made.etag)
    free = await api.create(kind, name="\u00e4rmel a")

    assert [(409, "name-taken")] * 2 == [(one.status, one.problem) for one in twins]
    assert 201 == free.status
