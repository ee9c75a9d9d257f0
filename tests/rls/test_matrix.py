"""Who may do what: the rules in words against what a server answers, cell by cell."""

from pathlib import Path

import pytest
import pytest_asyncio

from service.repository.base import Repository
from tests.rls import matrix, rules
from tests.rls.attempts import ROLES, Observed, observe
from tests.rls.blind import observe_blind
from tests.rls.matrix import OBJECTS, SCHEMAS
from tests.rls.planted import full_tenant
from tests.rls.rules import Rules
from tests.rls.situations import Planted, look
from tests.sessions import Connection

pytestmark = [pytest.mark.database, pytest.mark.rls]

# The rows that are met are no step from one another, which the guard refuses.
GUARDED = {
    ("plant_rules", "UPDATE", "app.base_entity"): "TY",
    ("plant_writer", "UPDATE", "app.amendment"): "TY",
    ("plant_audit", "UPDATE", "app.amendment"): "TY",
}
PAGE = Path(__file__).parents[2] / "docs" / "privileges.md"


@pytest.fixture(scope="module")
def expected() -> Rules:
    """Have the rules."""
    return rules.read()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planted(repository: Repository, owner: Repository, superuser: Connection) -> Planted:
    """Have two tenants with rows in every table."""
    tenant, other = [await full_tenant(repository, owner, superuser) for _ in range(2)]
    return await look(superuser, tenant, other, SCHEMAS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(superuser: Connection, planted: Planted) -> Observed:
    """Have tried everything."""
    return await observe(superuser, planted, SCHEMAS)


def test_every_table_has_rows_of_every_situation(planted: Planted, expected: Rules) -> None:
    """A row that is not there is seen by nobody: what is tried must be something."""
    empty = {
        (rows.name, place)
        for rows in planted.tables
        if not rows.shared
        for place, keys in enumerate(rows.keys)
        if not keys
    }
    absent = {
        (name, place)
        for (role, command, name), signs in expected.cells.items()
        if (role, command) == ("plant_owner", "SELECT")
        for place, sign in enumerate(signs)
        if sign == "-" and len(signs) > 1
    }

    assert {one for one in absent if one[0] in {name for name, _ in empty}} == empty


async def test_every_object_of_the_catalogue_is_in_it(
    superuser: Connection, expected: Rules
) -> None:
    """Schemas, tables, views, sequences, functions: each stands in one group, and none else."""
    grouped = sorted(name for names in expected.groups.values() for name in names)
    there = [row["name"] for row in await superuser.fetch(OBJECTS, SCHEMAS)]

    assert grouped == sorted(there)


def test_the_server_does_what_the_rules_say(observed: Observed, expected: Rules) -> None:
    """Each role, each command, each object, each situation; what no rule gives is refused."""
    wrong = matrix.differences(observed, expected)

    assert len(observed.cells) > 2500
    assert {} == wrong


async def test_who_does_not_look_reaches_no_more(
    superuser: Connection, planted: Planted, observed: Observed
) -> None:
    """UPDATE and DELETE without a condition meet the rows that the matrix says, and no others."""
    blind = await observe_blind(superuser, planted, observed)

    assert len(blind) > 60
    assert {key: signs for key, signs in blind.items() if signs not in {"YY", "TT"}} == GUARDED
    assert all("T" in observed.cells[key] for key, signs in blind.items() if signs == "TT")


def test_columns_are_open_as_the_rules_say(observed: Observed, expected: Rules) -> None:
    """Where not the whole table is granted, these columns are, and no others."""

    def sets(columns: dict[tuple[str, str, str], str]) -> dict[tuple[str, str, str], set[str]]:
        return {key: set(names.split(", ")) for key, names in columns.items()}

    assert sets(expected.columns) == sets(observed.columns)


def test_statements_are_the_service_s(observed: Observed) -> None:
    """Each function of schema q may be called by plant_app and its owner, and nobody else."""
    callers = {
        key: {role for role in ROLES if observed.cells[role, "EXECUTE", key[2]] == "Y"}
        for key in observed.cells
        if key[1] == "EXECUTE" and key[2].startswith("q.")
    }

    assert len(callers) > 80
    assert {frozenset({"plant_app", "plant_owner"})} == {frozenset(one) for one in callers.values()}


def test_the_page_is_current(observed: Observed, expected: Rules) -> None:
    """docs/privileges.md is what `python -m tests.rls.matrix` writes."""
    assert PAGE.read_text(encoding="utf-8") == matrix.page(observed, expected)
