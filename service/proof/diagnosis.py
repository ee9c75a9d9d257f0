"""Tell what happened to a line of a bundle that is not what was sealed at its position.

A line carries the hash of its leaf, which names the position, the entry and the leaf before. So the
line after it tells whether a line was changed, is missing, was added or changed places: as long as
nobody computed the hashes anew. Whoever did that is told by the signed tree.
"""

from hashlib import sha256
from typing import Final

from service.proof.entry import LEAF_FORMAT
from service.proof.fault import Damaged

DATABASE_OR_FILE: Final = (
    "the owner or a superuser of the database after it was sealed, or whoever had the bundle"
)
OWNER_BEFORE_SEALING: Final = (
    "the owner or a superuser of the database before it was sealed, with triggers disabled"
)
CARRIER: Final = "whoever made the bundle or carried it"
_MISSING_MAX: Final = 10_000
_COLUMNS: Final = 4


def leaf_prefix(tenant: str) -> str:
    """Give what is hashed before the position of each of a tenant's leaves."""
    return f'\x00["{LEAF_FORMAT}","{tenant}",'


def leaf_of(tenant: str, position: int, entry_hash: str, previous: str) -> str:
    """Compute the hash of a leaf; hashes in hex."""
    return sha256(
        f'{leaf_prefix(tenant)}{position},"{entry_hash}","{previous}"]'.encode()
    ).hexdigest()


def displaced(
    tenant: str, position: int, previous: str, line: bytes, after: bytes
) -> Damaged | None:
    """Say what happened, from the line at a position, the leaf before it and the line after it.

    Nothing happened when the line carries its leaf's hash.
    """
    entry, sealed = _parts(line)
    if sealed == leaf_of(tenant, position, entry, previous):
        return None
    kind, message, who = "entry", "The entry is not the one that was sealed here", DATABASE_OR_FILE
    if after[:1] == b"[":
        following, column = _parts(after)

        def is_at(place: int, before: str) -> bool:
            return leaf_of(tenant, place, following, before) == column

        if is_at(position + 1, sealed):
            message = "The entry was changed after it was sealed"
        elif is_at(position, previous):
            swapped = leaf_of(tenant, position + 1, entry, column) == sealed
            kind, who = "order", CARRIER
            message = (
                "The line and the one after it changed places"
                if swapped
                else "The line was added: the one after it belongs here"
            )
        elif is_at(position + 1, leaf_of(tenant, position, entry, previous)):
            kind, message = "form", "The leaf hash in the line was changed"
        else:
            for missing in range(1, _MISSING_MAX):
                if is_at(position + 1 + missing, sealed):
                    what = "A line is" if missing == 1 else f"{missing} lines are"
                    kind, message, who = "missing", f"{what} missing here", CARRIER
                    break
    return Damaged(kind, f"{message}.", who, position)


def _parts(line: bytes) -> tuple[str, str]:
    """Give the hash of a line's entry, and the leaf hash that it carries."""
    columns = line.removesuffix(b"\n").split(b"\t")
    sealed = columns[-1].decode(errors="replace") if len(columns) == _COLUMNS else ""
    return sha256(columns[0]).hexdigest(), sealed
