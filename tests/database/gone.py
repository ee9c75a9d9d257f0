"""A tenant's log with documents that are there, hidden, erased, pruned, or gone for no reason."""

from typing import Any, Final

from msgspec import Struct

from tests.database.forged import (
    BEFORE,
    FIRST,
    LAST,
    Forged,
    bytes_of,
    entry_of,
    hashed,
    payload_of,
    position_of,
    prune_of,
    text_of,
    uid,
)


class Version(Struct, frozen=True):
    """A version and its position; `archived` and `proven` are what is said of its document.

    `document` is there, hidden (another agent's draft), gone, or has no row; a version that is told
    by nobody is no entry, or behind the last position.
    """

    entity: int
    version: int
    operation: str
    pos: int | None
    document: str
    archived: str | None = None
    proven: str | None = None


GONE: Final = (
    Version(10, 1, "create", 1, "there", "shown", "shown"),
    Version(11, 1, "create", 2, "hidden", "shown", "withheld"),
    # Erased by the last entry that is told, by one behind it, by one without a place.
    Version(12, 1, "create", 3, "gone", "erased", "erased"),
    Version(12, 2, "erase", 20, "there", "shown", "shown"),
    Version(13, 1, "create", 4, "gone", "withheld", "withheld"),
    Version(13, 2, "erase", 21, "there"),
    Version(14, 1, "create", 5, "gone", "withheld", "withheld"),
    Version(14, 2, "erase", None, "there"),
    # Pruned, the last one up to which it was; and behind that.
    Version(15, 1, "create", 12, "gone", "pruned", "pruned"),
    Version(15, 2, "update", 13, "there", "shown", "shown"),
    Version(16, 1, "create", 14, "gone", "erased", "erased"),
    # Behind an erasure, or an erasure itself.
    Version(17, 1, "erase", 7, "there", "shown", "shown"),
    Version(17, 2, "update", 8, "gone", "pruned", "pruned"),
    Version(18, 1, "erase", 9, "gone", "pruned", "pruned"),
    Version(23, 1, "erase", 17, "gone", "withheld", "withheld"),
    Version(23, 2, "erase", 22, "there"),
    # Erased twice, once within what is told.
    Version(19, 1, "create", 10, "gone", "erased", "erased"),
    Version(19, 2, "erase", 19, "there", "shown", "shown"),
    Version(19, 3, "erase", 23, "there"),
    # Without an entry, without a row for its document.
    Version(20, 1, "none", 15, "there"),
    Version(21, 1, "create", 16, "none", "erased", "withheld"),
    # What another tenant has erased, what was changed later, what another entity has of it.
    Version(22, 1, "create", 11, "gone", "pruned", "pruned"),
    Version(24, 1, "create", 6, "gone", "pruned", "pruned"),
    Version(24, 2, "update", 24, "there"),
    Version(25, 5, "update", 18, "gone", "erased", "erased"),
    Version(26, 6, "erase", 25, "there"),
)
"""The log of the first tenant, pruned up to 12, which is told up to 20."""

DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    "there": {"private_to": None},
    "hidden": {"private_to": uid(2)},
    "gone": {"private_to": None, "salt": None, "body": None},
}


async def put_gone(forged: Forged) -> None:
    """Write it, and beside it the logs of two tenants that have erased the same entities."""
    entries, payloads, positions = [], [], []
    for one in GONE:
        of = (FIRST, one.entity, one.version)
        if one.operation != "none":
            entries.append(entry_of(*of, operation=one.operation))
        if one.document != "none":
            payloads.append(payload_of(*of, **DOCUMENTS[one.document]))
        if one.pos:
            positions.append(position_of(*of, 100 + one.pos, pos=one.pos))
    for tenant in (BEFORE, LAST):
        for nth, one in enumerate(GONE, 1):
            of = (tenant, one.entity, one.version + 1)
            entries.append(entry_of(*of, operation="erase"))
            payloads.append(payload_of(*of, **DOCUMENTS["there"]))
            positions.append(position_of(*of, 1_000 * tenant + nth, pos=nth))
    prunes = [prune_of(FIRST, 1, 6), prune_of(FIRST, 2, 12), prune_of(BEFORE, 1, 999)]
    await forged.put("audit.entry", entries)
    await forged.put("audit.payload", payloads)
    await forged.put("audit.position", positions)
    await forged.put("audit.prune", prunes)


def read_of(one: Version, state: str | None) -> tuple[Any, ...]:
    """Say what is read of a version of which this is said."""
    row = entry_of(FIRST, one.entity, one.version, operation=one.operation)
    body = payload_of(FIRST, one.entity, one.version)["body"]
    shown = (b"Z" * 16, body) if state == "shown" else (None, None)
    return (one.pos, text_of(row), state, *shown, bytes_of(hashed("leaf", 100 + (one.pos or 0))))
