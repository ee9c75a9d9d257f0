"""Mutants made from the catalogue of a migrated database: each object lost or weakened."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.sabotage.catalogue_queries import (
    COLUMN_DEFAULTS,
    CONSTRAINTS,
    FUNCTIONS,
    GRANTS,
    INDEXES,
    NOT_NULLS,
    POLICIES,
    TABLES,
    TRIGGERS,
    UNGRANTED,
    VIEWS,
)
from tests.sabotage.ground import Ground
from tests.sabotage.mutant import Mutant
from tests.sabotage.sql_text import Change, changes

PLACES = 1
"""Places that are broken in each way in each function."""

SEED = 20260103


def mutants(ground: Ground) -> Iterator[Mutant]:
    """Give every mutant of the catalogue."""
    for make in (_policies, _tables, _triggers, _constraints, _indexes, _grants, _columns):
        yield from make(ground)
    yield from _functions(ground)


def _one(path: str, what: str, *sql: str, names: tuple[str, ...], called: str = "") -> Mutant:
    short = tuple(name.rpartition(".")[2] for name in names)
    return Mutant(
        id=f"catalogue/{path}",
        group="catalogue",
        what=what,
        sql=sql,
        names=tuple(dict.fromkeys((*short, *names))),
        called=called,
    )


def _policies(ground: Ground) -> Iterator[Mutant]:
    for table, name, using, check in ground.run(ground.template, POLICIES):
        names = (str(name), str(table))
        at = f"policy/{table}/{name}"
        yield _one(
            f"{at}/dropped",
            f"policy {name} on {table} dropped",
            f"DROP POLICY {name} ON {table}",
            names=names,
        )
        if using and using != "true":
            yield _one(
                f"{at}/using-true",
                f"policy {name} on {table}: USING (true)",
                f"ALTER POLICY {name} ON {table} USING (true)",
                names=names,
            )
        if check and check != "true":
            yield _one(
                f"{at}/check-true",
                f"policy {name} on {table}: WITH CHECK (true)",
                f"ALTER POLICY {name} ON {table} WITH CHECK (true)",
                names=names,
            )


def _tables(ground: Ground) -> Iterator[Mutant]:
    for (table,) in ground.run(ground.template, TABLES):
        yield _one(
            f"table/{table}/row-security-off",
            f"row security of {table} disabled",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            names=(str(table),),
        )
        yield _one(
            f"table/{table}/not-forced",
            f"row security of {table} not forced on its owner",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            names=(str(table),),
        )
    for (view,) in ground.run(ground.template, VIEWS):
        yield _one(
            f"view/{view}/definer",
            f"view {view} reads as its owner",
            f"ALTER VIEW {view} SET (security_invoker = false)",
            names=(str(view),),
        )


def _triggers(ground: Ground) -> Iterator[Mutant]:
    for table, name, enabled, function in ground.run(ground.template, TRIGGERS):
        names = (str(name), str(table), str(function))
        yield _one(
            f"trigger/{table}/{name}/dropped",
            f"trigger {name} on {table} dropped",
            f"DROP TRIGGER {name} ON {table}",
            names=names,
        )
        if enabled == "A":
            yield _one(
                f"trigger/{table}/{name}/not-always",
                f"trigger {name} on {table} sleeps under session_replication_role = replica",
                f"ALTER TABLE {table} ENABLE TRIGGER {name}",
                names=names,
            )


def _constraints(ground: Ground) -> Iterator[Mutant]:
    for table, name, kind, definition, used in ground.run(ground.template, CONSTRAINTS):
        cascade = " CASCADE" if used else ""
        yield _one(
            f"{kind}/{table}/{name}/dropped",
            f"{definition} of {table} dropped ({name})",
            f"ALTER TABLE {table} DROP CONSTRAINT {name}{cascade}",
            names=(str(name), str(table)),
        )


def _indexes(ground: Ground) -> Iterator[Mutant]:
    for schema, name, table, unique, definition, used in ground.run(ground.template, INDEXES):
        names = (str(name), str(table))
        drop = f"DROP INDEX {schema}.{name}{' CASCADE' if used else ''}"
        yield _one(f"index/{schema}.{name}/dropped", f"index {name} dropped", drop, names=names)
        if unique:
            again = str(definition).replace("CREATE UNIQUE INDEX", "CREATE INDEX")
            yield _one(
                f"index/{schema}.{name}/not-unique",
                f"index {name} not unique",
                drop,
                again,
                names=names,
            )


def _grants(ground: Ground) -> Iterator[Mutant]:
    for kind, target, columns, role, privilege in ground.run(ground.template, GRANTS):
        sort = str(kind).lower()
        right = f"{privilege} ({columns})" if columns else privilege
        named = re.sub(r"\(.*", "", str(target))
        yield _one(
            f"grant/{sort}/{target}/{role}/{str(right).replace(' ', '')}",
            f"{right} on {sort} {target} taken from {role}",
            f"REVOKE {right} ON {kind} {target} FROM {role}",
            names=(named, *str(columns or "").split(), str(role)),
        )


def _columns(ground: Ground) -> Iterator[Mutant]:
    for table, column in ground.run(ground.template, NOT_NULLS):
        yield _one(
            f"not-null/{table}/{column}",
            f"{table}.{column} takes NULL",
            f"ALTER TABLE {table} ALTER {column} DROP NOT NULL",
            names=(str(table), str(column)),
        )
    for table, column, default in ground.run(ground.template, COLUMN_DEFAULTS):
        yield _one(
            f"default/{table}/{column}",
            f"{table}.{column} without DEFAULT {default}",
            f"ALTER TABLE {table} ALTER {column} DROP DEFAULT",
            names=(str(table), str(column)),
        )


def _functions(ground: Ground) -> Iterator[Mutant]:
    for signature, name, definer, definition in ground.run(ground.template, FUNCTIONS):
        if definer:
            yield _one(
                f"function/{signature}/invoker",
                f"{name} runs as its caller",
                f"ALTER FUNCTION {signature} SECURITY INVOKER",
                names=(str(name),),
            )
        yield from _bodies(str(signature), str(name), str(definition))
    for signature, name, role, definer in ground.run(ground.template, UNGRANTED):
        kind = "extra-definer-grant" if definer else "extra-grant"
        yield _one(
            f"{kind}/{signature}/{role}",
            f"{role} may execute {name}",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {role}",
            names=(str(name), str(role)),
        )


def _bodies(signature: str, name: str, text: str) -> Iterator[Mutant]:
    """Break a function in every way, each in places that are drawn; locks in every place."""
    body = re.search(r"AS \$function\$|^ RETURN |^BEGIN ATOMIC", text, re.MULTILINE)
    start = body.end() if body else 0
    line = text.count("\n", 0, start)
    ways: dict[str, list[tuple[int, Change]]] = defaultdict(list)
    for number, change in enumerate(changes(text[start:])):
        ways[change.kind].append((number, change))
    for kind, places in ways.items():
        chance = random.Random(f"{SEED} {signature} {kind}")
        chosen = places if kind == "lock" else chance.sample(places, min(PLACES, len(places)))
        for number, change in sorted(chosen, key=lambda place: place[0]):
            was = " ".join(text[start + change.start : start + change.end].split())
            yield _one(
                f"body/{signature}/{kind.replace(' ', '-')}/{number}",
                f"{name}, line {change.line + line}: {kind}: {was[:60]!r}"
                f" → {change.after.strip()!r}",
                text[: start + change.start] + change.after + text[start + change.end :],
                names=(name,),
                called=name if "LANGUAGE plpgsql" in text[:start] else "",
            )
