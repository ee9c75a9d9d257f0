"""Each fault that a statement of `plant audit verify` looks for, brought about and undone."""

from typing import Final

import pytest
from msgspec import Struct

from service.catalog.load import Catalog
from service.verify.question import LAST_ID, NO_ID
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site

pytestmark = pytest.mark.database

RANGE: Final = (NO_ID, LAST_ID, 100)
PAGE: Final = (NO_ID, NO_ID, LAST_ID, 1_000)
OF_VICTIM: Final = "entity_id = '{victim}' AND version"
OF_AMENDMENT: Final = "entity_id = (SELECT id FROM app.amendment WHERE status = 'draft')"
DAY: Final = "interval '1 day'"
NOTHING: Final = "SELECT 1"


class Case(Struct, frozen=True):
    """What is done, which statement looks at it, and what it says."""

    statement: str
    done: str
    faults: list[str]


def entry(change: str, version: int = 2) -> str:
    """Write a change of an entry of the victim, which has five."""
    return f"UPDATE audit.entry SET {change} WHERE {OF_VICTIM} = {version}"


def victim(change: str) -> str:
    """Write a change of the victim."""
    return f"UPDATE app.base_entity SET {change} WHERE id = '{{victim}}'"


def amendment(change: str) -> str:
    """Write a change of the open amendment."""
    return f"UPDATE app.amendment SET {change} WHERE status = 'draft'"


NO_FIRST: Final = f"DELETE FROM audit.entry WHERE {OF_VICTIM} = 1"
RESTORED: Final = "; ".join((NO_FIRST, entry("operation = 'restore'")))
ALONE: Final = entry("operation = 'restore', prev_hash = decode(repeat('00', 32), 'hex')")
NO_DOCUMENT: Final = (
    "DELETE FROM audit.payload WHERE audit_id IN"
    f" (SELECT audit_id FROM audit.entry WHERE {OF_VICTIM} = 5)"
)
ARCHIVED: Final = (
    f"UPDATE app.base_entity SET archived_at = archived_at + {DAY} WHERE status = 'archived'"
)
ANOTHER_KIND: Final = f"UPDATE audit.entry SET entity_type = 'team' WHERE {OF_AMENDMENT}"
NO_AMENDMENT: Final = "DELETE FROM app.amendment WHERE status = 'draft'"
CASES: Final = (
    Case("verify_history", NOTHING, []),
    Case("verify_history", entry("version = 9"), ["hole", "hole"]),
    Case("verify_history", NO_FIRST, ["hole"]),
    Case("verify_history", entry("prev_hash = sha256('x')"), ["link"]),
    Case("verify_history", entry("prev_hash = sha256('x')", 1), ["link"]),
    Case("verify_history", entry("entry_hash = sha256('x')"), ["link"]),
    Case("verify_history", entry(f"at = at - {DAY}"), ["time"]),
    Case("verify_history", entry(f"at = at + {DAY}"), ["time"]),
    Case("verify_history", entry("entity_type = 'team'"), ["kind", "kind"]),
    Case("verify_history", RESTORED, ["link"]),
    Case("verify_history", f"{NO_FIRST}; {ALONE}", []),
    Case("verify_current", NOTHING, []),
    Case("verify_current", entry("entity_type = 'team'", 5), ["kind"]),
    Case("verify_current", victim("version = 6"), ["version"]),
    Case("verify_current", victim("last_entry_id = uuidv7()"), ["entry"]),
    Case("verify_current", victim("version_hash = sha256('x')"), ["hash"]),
    Case("verify_current", victim("document = '{}'"), ["document"]),
    Case("verify_current", NO_DOCUMENT, ["document"]),
    Case("verify_current", victim(f"updated_at = updated_at + {DAY}"), ["time"]),
    # One of the two was erased after its end.
    Case("verify_current", ARCHIVED, ["time", "time"]),
    Case("verify_current", entry(f"operation = 'restore', at = at + {DAY}", 5), []),
    Case("verify_current", entry(f"operation = 'restore', at = at - {DAY}", 5), ["time"]),
    Case("verify_amendments", NOTHING, []),
    Case("verify_amendments", ANOTHER_KIND, ["kind"]),
    Case("verify_amendments", amendment("version = 6"), ["version"]),
    Case("verify_amendments", amendment("last_entry_id = uuidv7()"), ["entry"]),
    Case("verify_amendments", amendment("version_hash = sha256('x')"), ["hash"]),
    Case("verify_amendments", amendment("document = 'x'"), ["document"]),
    Case("verify_amendments", amendment(f"updated_at = updated_at + {DAY}"), ["time"]),
    Case("verify_amendments", amendment("base_version = 1"), ["rows"]),
    Case("verify_amendments", amendment("status = 'under_review'"), ["rows"]),
    Case("verify_lost", NOTHING, []),
    Case("verify_lost", NO_AMENDMENT, ["lost"]),
    Case("verify_lost", entry("entity_type = 'log', entity_id = tenant_id", 1), []),
    Case("verify_strays", NOTHING, []),
    Case("verify_strays", victim("entity_type = 'team'"), ["skill_entity"]),
    Case("verify_stray_links", NOTHING, []),
    Case("verify_stray_links", victim("entity_type = 'team'"), ["entity_tag", "entity_tag"]),
    Case("verify_unplaced", NOTHING, []),
    Case("verify_kept", NOTHING, []),
    Case("verify_kept", entry("operation = 'erase'"), ["kept"]),
    Case("verify_kept", entry("operation = 'erase'", 1), []),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.statement}: {case.done}")
async def test_is_found(
    site_of_all: Site, prepared: Prepared, catalog: Catalog, case: Case
) -> None:
    """The fault that was brought about and no other; without one there is none."""
    superuser = site_of_all.superuser
    asked = PAGE if case.statement in {"verify_current", "verify_amendments"} else RANGE
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for table in ("audit.entry", "audit.payload", "app.base_entity", "app.amendment"):
            await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await superuser.execute(case.done.replace("{victim}", prepared.victim))
        rows = await superuser.fetch(catalog[case.statement].text, *asked)
    finally:
        await transaction.rollback()

    assert case.faults == [row["fault"] for row in rows if row["fault"] is not None]
