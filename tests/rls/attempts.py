"""Tries of every role on every object of the catalogue: what the server answers, as signs.

Everything runs in one transaction of a superuser that is rolled back, each try in a subtransaction
of its own that is undone: SET ROLE, context, statement.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from tests.rls import granted
from tests.rls.situations import SITUATIONS, Planted, Rows
from tests.sessions import Connection

ROLES: Final = (
    "plant_owner",
    "plant_app",
    "plant_worker",
    "plant_readonly",
    "plant_writer",
    "plant_rules",
    "plant_auth",
    "plant_audit",
    "PUBLIC",
)
STRANGER: Final = "plant_test_stranger"
COMMANDS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
# As many rows as there are: the question is whether it may run at all.
ANY: Final = -1
# A row at least.
SOME: Final = -2
# Undoes a try that went well, and carries the number of rows out.
_DONE: Final = "PLT00"
_ATTEMPT: Final = f"""
CREATE FUNCTION pg_temp.attempt(role text, context text[], before text, statement text)
RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    EXECUTE before;
    PERFORM
        set_config('app.tenant_id', context[1], TRUE),
        set_config('app.governance_agent_id', context[2], TRUE),
        set_config('app.key_id', context[3], TRUE),
        set_config('role', role, TRUE);
    EXECUTE statement;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = '{_DONE}', MESSAGE = v_rows;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$
"""
_FUNCTIONS: Final = """
SELECT nspname || '.' || proname AS name,
    format('EXPLAIN (GENERIC_PLAN) SELECT %I.%I(%s)', nspname, proname, (
        SELECT string_agg(format('$%s::%s', place, type::regtype), ', ' ORDER BY place)
        FROM unnest(proargtypes) WITH ORDINALITY AS argument (type, place)
    )) AS call
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = ANY($1::text[]) AND NOT EXISTS (
    SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
ORDER BY 1, 2
"""
# A sequence that was set stays so when the rest is rolled back: it is moved ahead only.
_SEQUENCES: Final = """
SELECT oid::regclass::text AS name, nextval(oid) + 1000 AS ahead FROM pg_class
WHERE relkind = 'S' AND relnamespace::regnamespace::text = ANY($1::text[]) ORDER BY 1
"""
Key = tuple[str, str, str]


class Observed(Struct, frozen=True):
    """What was seen: signs by (role, command, object), and columns where not all are open.

    `memberships`: by (who, what it may become) a sign for each of granted.HOW.
    """

    cells: dict[Key, str]
    columns: dict[Key, str]
    memberships: dict[tuple[str, str], str]


def _sign(answer: str, rows: int) -> str:
    """Say in one letter what a server's answer means."""
    state, _, message = answer.partition(" ")
    if state == _DONE:
        count = int(message)
        if rows == SOME:
            return "Y" if count else "."
        return "Y" if rows in {count, ANY} else "." if not count else "?"
    if state == "42501":
        return "P" if "row-level security policy" in message else "x"
    if state.startswith("PL"):
        return "T"
    # Policies are asked before constraints, and names of a schema after the right to use it.
    return "Y" if state.startswith("23") or state == "42P01" else f"?{answer}?"


class Tries:
    """Ask as every role, and collect the signs."""

    def __init__(self, connection: Connection, planted: Planted) -> None:
        self._connection = connection
        self._planted = planted
        self._asked: list[tuple[Key, str, list[str], int]] = []
        self.columns: dict[Key, str] = {}

    async def begin(self) -> None:
        """Make the stranger and the function that tries; both go with the transaction."""
        # What the server says is told apart by its words.
        await self._connection.execute("SET LOCAL lc_messages = 'C'")
        await self._connection.execute(_ATTEMPT)
        await self._connection.execute(f"CREATE ROLE {STRANGER} NOLOGIN")
        names = [rows.name for rows in self._planted.tables]
        roles = [STRANGER if role == "PUBLIC" else role for role in ROLES]
        for key, columns in (await granted.columns(self._connection, roles, names)).items():
            self.columns["PUBLIC" if key[0] == STRANGER else key[0], *key[1:]] = columns

    def ask(self, key: Key, statement: str, rows: int, *, alone: bool = False) -> None:
        """Note a try, and how many rows it reaches where everything is open."""
        context = ["", "", ""] if alone else self._planted.context
        self._asked.append((key, statement, context, rows))

    async def answers(self) -> dict[Key, str]:
        """Send what was noted, in one round trip; signs stand in the order of the tries."""
        found: dict[Key, str] = {}
        rows = await self._connection.fetch(
            """
            SELECT pg_temp.attempt(role, string_to_array(context, ','), before, statement) AS answer
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
                AS asked (role, context, before, statement)
            """,
            [STRANGER if key[0] == "PUBLIC" else key[0] for key, *_ in self._asked],
            [",".join(context) for _, _, context, _ in self._asked],
            [
                self._planted.before if key[1:] == ("INSERT", "app.base_entity") else "SELECT"
                for key, *_ in self._asked
            ],
            [statement for _, statement, *_ in self._asked],
        )
        for (key, _, _, count), row in zip(self._asked, rows, strict=True):
            sign = _sign(row["answer"], count)
            # Functions of one name are one cell: where they differ it has both signs.
            if key[1] != "EXECUTE" or sign not in found.get(key, ""):
                found[key] = found.get(key, "") + sign
        return found


Try = tuple[str, int, bool]
"""Statement (empty where there is nothing to try), rows that it reaches, without a tenant."""


def _tries(rows: Rows, command: str, columns: str | None, read: str | None) -> Iterator[Try]:
    """Give what to try on a table, a statement for each situation.

    `columns`, `read`: what may be written and read where that is not all.
    """
    if command == "TRUNCATE":
        yield f"TRUNCATE {rows.name} CASCADE", ANY, False
        return
    first = (columns or rows.changed).split(", ")[0]
    value = first if read is None or first in read.split(", ") else "NULL"
    for place, situation in enumerate(SITUATIONS):
        where = rows.where(place)
        statement = {
            "SELECT": f"SELECT FROM {rows.name} WHERE {where}",
            "DELETE": f"DELETE FROM {rows.name} WHERE {where}",
            "UPDATE": f"UPDATE {rows.name} SET {first} = {value} WHERE {where}",
            "INSERT": f"INSERT INTO {rows.name} ({rows.columns}) SELECT {rows.columns}"
            f" FROM jsonb_populate_record(NULL::{rows.name}, {rows.rows[place]})",
        }[command]
        count = 1 if command == "INSERT" else len(rows.keys[place])
        yield statement if where else "", count, situation == "none"
    if command == "UPDATE":
        # Without WHERE, so that no policy for reading stands before the one for writing.
        moved = f"UPDATE {rows.name} SET tenant_id = {rows.other_tenant}"
        yield "" if rows.shared else moved, SOME, False


def _on_tables(tries: Tries, tables: Iterable[Rows]) -> dict[Key, dict[int, str]]:
    """Note the tries on tables and views; give the places of signs that are known beforehand."""
    absent: dict[Key, dict[int, str]] = {}
    for rows in tables:
        for role in ROLES:
            for command in COMMANDS:
                key = (role, command, rows.name)
                if rows.is_view and command != "SELECT":
                    absent[key] = {0: "-"}
                    continue
                read = tries.columns.get((role, "SELECT", rows.name))
                for place, one in enumerate(_tries(rows, command, tries.columns.get(key), read)):
                    statement, count, alone = one
                    if statement:
                        tries.ask(key, statement, count, alone=alone)
                    else:
                        absent.setdefault(key, {})[place] = "-"
    return absent


async def observe(connection: Connection, planted: Planted, schemas: list[str]) -> Observed:
    """Try everything there is in the schemas; the transaction is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        tries = Tries(connection, planted)
        await tries.begin()
        absent = _on_tables(tries, planted.tables)
        await _on_others(tries, connection, schemas)
        cells = await tries.answers()
        cells |= await _read(connection, [rows.name for rows in planted.tables])
        memberships = await granted.memberships(connection, [*ROLES])
    finally:
        await transaction.rollback()
    for key, places in absent.items():
        signs = list(cells.get(key, ""))
        for place, sign in sorted(places.items()):
            signs.insert(place, sign)
        cells[key] = "".join(signs)
    return Observed(cells, tries.columns, memberships)


async def _read(connection: Connection, tables: list[str]) -> dict[Key, str]:
    """Ask the catalogue what is not tried."""
    roles = [STRANGER if role == "PUBLIC" else role for role in ROLES]
    found = await granted.privileges(connection, roles, tables)
    return {
        ("PUBLIC" if role == STRANGER else role, command, name): sign
        for (role, command, name), sign in found.items()
    }


async def _on_others(tries: Tries, connection: Connection, schemas: list[str]) -> None:
    """Note the tries on the database, schemas, sequences and functions."""
    functions: list[Any] = await connection.fetch(_FUNCTIONS, schemas)
    sequences = await connection.fetch(_SEQUENCES, schemas)
    for role in ROLES:
        tries.ask((role, "CREATE", granted.DATABASE), "CREATE SCHEMA made_by_a_try", ANY)
        tries.ask((role, "TEMPORARY", granted.DATABASE), "CREATE TEMPORARY TABLE made ()", ANY)
        for schema in schemas:
            tries.ask((role, "USAGE", schema), f"TABLE {schema}.nothing_of_this_name", ANY)
            tries.ask((role, "CREATE", schema), f"CREATE TABLE {schema}.made ()", ANY)
        for name, ahead in sequences:
            tries.ask((role, "USAGE", name), f"SELECT nextval('{name}')", 1)
            tries.ask((role, "SELECT", name), f"SELECT last_value FROM {name}", 1)
            tries.ask((role, "UPDATE", name), f"SELECT setval('{name}', {ahead})", 1)
        for row in functions:
            name = re.sub(r"^(q\..*)_[0-9a-f]+$", r"\1", row["name"])
            tries.ask((role, "EXECUTE", name), row["call"], ANY)
