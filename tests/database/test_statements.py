"""Every statement file against the server: types, structs, functions, and what runs by hand."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.address import USERS
from service.migrate.functions import agree
from service.repository.base import Repository
from service.repository.binding import row_type, stem
from service.repository.entities import EntitiesById, EntityById
from service.repository.lists import Listed, Walked, list_statements
from service.repository.registry import families, queries
from tests.factories import Tenant, create, raise_to, skill_body
from tests.postgres import Server
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

# What a column of a PostgreSQL type may be in a struct.
PYTHON: dict[str, set[Any]] = {
    "uuid": {UUID},
    "text": {str, str | None},
    "jsonb": {str, str | None},
    "bytea": {bytes},
    "public.vector": {bytes, bytes | None},
    "integer": {int},
    "bigint": {int},
    "real": {float},
    "double precision": {float},
    "boolean": {bool},
    "timestamptz": {"datetime"},
    "text[]": {list[str]},
    "integer[]": {list[int]},
    "bigint[]": {list[int]},
    "bytea[]": {list[bytes]},
    "uuid[]": {list[UUID], list[UUID | None]},
    "double precision[]": {list[float], list[float | None]},
}


@pytest.fixture(scope="module")
def statements(catalog: Catalog) -> list[Statement]:
    """Have every statement."""
    return list(catalog.values())


async def test_headers_are_what_the_server_says(
    cluster: Server, database: str, catalog: Catalog
) -> None:
    """Parameters and columns of each file and function have the declared names and types."""
    import asyncio

    found = await asyncio.to_thread(agree, cluster.url("owner", database), catalog)

    assert () == found
    assert len(catalog) > 60


async def test_every_function_may_be_called_by_its_role_alone(
    superuser: Connection, statements: list[Statement]
) -> None:
    """plant_<role> of the header may execute it; of the other login roles none."""
    for statement in statements:
        if statement.call != "function":
            continue
        rows = await superuser.fetch(
            "SELECT role FROM unnest($2::text[]) AS role CROSS JOIN pg_proc"
            " WHERE proname = $1 AND pronamespace = 'q'::regnamespace"
            " AND has_function_privilege(role, pg_proc.oid, 'EXECUTE')",
            statement.function,
            [USERS[role] for role in ("app", "worker", "readonly")],
        )
        assert [statement.database_role] == [row["role"] for row in rows], statement.name


def test_every_statement_has_a_struct(statements: list[Statement]) -> None:
    """Each file has a struct or belongs to a family; the one for the drift check neither."""
    run = {stem(query) for query in queries()} | families() | {"q_functions"}

    assert {statement.name for statement in statements} == run


def test_structs_take_the_types_of_their_columns(catalog: Catalog) -> None:
    """A column's Python type is one that its PostgreSQL type comes as."""
    wrong = []
    for query in queries():
        statement = catalog[stem(query)]
        hints = msgspec.structs.fields(row_type(query))
        for column, field in zip(statement.returns, hints, strict=True):
            allowed = PYTHON[column.type]
            kind = field.type
            if "datetime" in allowed:
                if "datetime" not in str(kind):
                    wrong.append((statement.name, column.name))
            elif kind not in allowed and not (
                str(kind).endswith("| None") and kind.__args__[0] in allowed
            ):
                wrong.append((statement.name, column.name))

    assert [] == wrong


def test_lists_return_what_lists_read(catalog: Catalog) -> None:
    """Every list gives id and document, those by name the key of the name too.

    And those that ask more filters say of each row whether it was found, or the walk's end.
    """
    for name in list_statements():
        fields = list(Listed.__struct_fields__)
        if name.endswith("_matching") and not name.startswith("entities_by_external_id"):
            fields = list(Walked.__struct_fields__)
        if not name.startswith("entities_by_name"):
            fields.remove("name_key")

        assert fields == [column.name for column in catalog[name].returns], name


def test_texts_follow_the_rules(statements: list[Statement]) -> None:
    """Every :many is limited and ordered; nothing is offset, and no row is taken whole."""
    for statement in statements:
        text = statement.text.upper()
        # OFFSET 0 leaves nothing out: it keeps a subquery from becoming part of another.
        assert "OFFSET" not in text.replace("OFFSET 0\n", "")
        assert "SELECT *" not in text
        if statement.cardinality == "many":
            assert "LIMIT" in text, statement.name
            assert "ORDER BY" in text, statement.name
        assert "BASE_ENTITY" not in text or "ON CONFLICT" not in text


async def test_a_tag_is_merged_over_values(
    repository: Repository, catalog: Catalog, tenant: Tenant
) -> None:
    """What matches two of the values wanted is listed once, newest first, and pages add up."""
    made = []
    for number in range(7):
        tags = [["a"], ["b"], ["a", "b"]][number % 3]
        one = await create(repository, tenant.author, "skill", skill_body(tags=tags))
        made.append(one.id)
    statement = catalog["entities_by_tag"]
    seen: list[UUID] = []
    before = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    for _ in range(4):
        async with repository.pool.connection() as connection:
            rows = await connection.fetch(
                statement.query, "skill", ["a", "b"], before, 2, *tenant.author.context.arguments
            )
        seen += [row["id"] for row in rows]
        before = str(seen[-1])

    assert made[::-1] == seen


async def test_a_file_runs_by_hand(
    repository: Repository, catalog: Catalog, tenant: Tenant, cluster: Server, database: str
) -> None:
    """The file's own text, with the settings typed before it, gives what the function gives."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await raise_to(repository, tenant, "skill", made.id, "active")
    found = await repository.maybe(EntityById("skill", str(made.id)), tenant.reader.context)
    async with repository.pool.connection() as connection, acting(connection, tenant.reader):
        typed = await connection.fetchrow(catalog["entity_by_id"].text, "skill", made.id)
    assert found
    assert typed

    assert (found.document, found.etag) == tuple(typed)


async def test_many_are_found_in_one_go(repository: Repository, tenant: Tenant) -> None:
    """Ids of any kind, in any order, once each; what is not there is left out."""
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
    ids = [str(one.id) for one in made]
    wanted = [ids[2], ids[0], "01900000-0000-7000-8000-000000000000", ids[1]]
    rows: list[Any] = await repository.many(EntitiesById(wanted), tenant.author.context)

    assert sorted(ids) == [str(row.id) for row in rows]
