"""Entries and leaves: the JSON arrays whose bytes are hashed, made and read.

Every element is plain ASCII without quotes, backslashes or control characters, so each value has
one spelling, and what is read is compared with that spelling and nothing else. docs/audit-format.md
has both byte for byte.
"""

import re
from hashlib import sha256
from typing import Final

from msgspec import Struct

from service.proof.fault import Malformed
from service.proof.tree import HASH_LENGTH

ENTRY_FORMAT: Final = "plant-entry/v1"
LEAF_FORMAT: Final = "plant-leaf/v1"
ENTRY_LENGTH_MAX: Final = 2048
# No number has more digits.
NUMBER_MAX: Final = 10**18 - 1
# What stands for the hash of a predecessor that there is not.
NOTHING: Final = bytes(HASH_LENGTH)
# The operation of the entry that says: every earlier document of the entity was emptied.
ERASE: Final = "erase"
# The operation of the entry with which an entity begins that was restored, at any version.
RESTORE: Final = "restore"

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NUMBER: Final = "[1-9][0-9]{0,17}"
_TIME: Final = "(?:0|-?[1-9][0-9]{0,17})"
_WORD: Final = "[a-z][a-z0-9_]{0,63}"
# Printable ASCII but the quote and the backslash.
_NAME: Final = r"[ !#-\[\]-~]{0,256}"
_HASH: Final = "[0-9a-f]{64}"
# Elements in order, for the reading of single ones and of whole lines of a bundle.
ENTRY_PATTERN: Final = (
    rf'\["plant-entry/v1","({_UUID})","({_WORD})","({_UUID})",({_NUMBER}),"({_WORD})",'
    rf'"({_NAME})","({_NAME})",({_TIME}),"({_HASH})","({_HASH})"\]'
)
_ENTRY: Final = re.compile(ENTRY_PATTERN.encode(), re.ASCII)
_LEAF: Final = re.compile(
    rf'\["plant-leaf/v1","({_UUID})",({_NUMBER}),"({_HASH})","({_HASH})"\]'.encode(), re.ASCII
)


is_id: Final = re.compile(_UUID, re.ASCII).fullmatch
is_hash: Final = re.compile(_HASH, re.ASCII).fullmatch


class Entry(Struct, frozen=True):
    """One change of an entity, as the log has it.

    Shapes: ids as lower-case text; hashes as bytes; `prev_hash` is NOTHING for the first version.
    Units: `time_us` in microseconds since 1970.
    """

    tenant: str
    kind: str
    entity: str
    version: int
    operation: str
    actor: str
    key: str
    time_us: int
    payload_hash: bytes
    prev_hash: bytes


class Leaf(Struct, frozen=True):
    """The place of an entry among its tenant's.

    Shapes: `position` is counted from 1; `previous` is the hash of the tenant's previous leaf,
    NOTHING for the first.
    """

    tenant: str
    position: int
    entry_hash: bytes
    previous: bytes


def payload_hash(salt: bytes, document: bytes) -> bytes:
    """Hash a document with its salt."""
    return sha256(salt + document).digest()


def entry_hash(entry: bytes) -> bytes:
    """Hash the bytes of an entry."""
    return sha256(entry).digest()


def entry_bytes(entry: Entry) -> bytes:
    """Write an entry.

    Raises: Malformed for what no entry says.
    """
    made = (
        f'["{ENTRY_FORMAT}","{entry.tenant}","{entry.kind}","{entry.entity}",{entry.version},'
        f'"{entry.operation}","{entry.actor}","{entry.key}",{entry.time_us},'
        f'"{entry.payload_hash.hex()}","{entry.prev_hash.hex()}"]'
    ).encode()
    parse_entry(made)
    return made


def parse_entry(entry: bytes) -> Entry:
    """Read an entry; its bytes are the only ones that say the same.

    Raises: Malformed, for an entry of an unknown format too.
    """
    found = _ENTRY.fullmatch(entry) if len(entry) <= ENTRY_LENGTH_MAX else None
    if found is None:
        raise Malformed(_refusal(entry, ENTRY_FORMAT, "an entry"))
    tenant, kind, entity, version, operation, actor, key, time_us, payload, prev = (
        each.decode() for each in found.groups()
    )
    return Entry(
        tenant=tenant,
        kind=kind,
        entity=entity,
        version=int(version),
        operation=operation,
        actor=actor,
        key=key,
        time_us=int(time_us),
        payload_hash=bytes.fromhex(payload),
        prev_hash=bytes.fromhex(prev),
    )


def leaf_bytes(tenant: str, position: int, entry_hash: bytes, previous: bytes) -> bytes:
    """Write a leaf from what it says; a tenant's id is lower-case text."""
    return (
        f'["{LEAF_FORMAT}","{tenant}",{position},"{entry_hash.hex()}","{previous.hex()}"]'
    ).encode()


def parse_leaf(leaf: bytes) -> Leaf:
    """Read a leaf.

    Raises: Malformed, for a leaf of an unknown format too.
    """
    found = _LEAF.fullmatch(leaf)
    if found is None:
        raise Malformed(_refusal(leaf, LEAF_FORMAT, "a leaf"))
    tenant, position, entry, previous = (each.decode() for each in found.groups())
    return Leaf(tenant, int(position), bytes.fromhex(entry), bytes.fromhex(previous))


def _refusal(content: bytes, format_: str, what: str) -> str:
    if content.startswith(f'["{format_}",'.encode()):
        return f"This is not {what} of the format {format_}: an element is not as it must be."
    return f"This is not {what} of the format {format_}, the only one known here."
