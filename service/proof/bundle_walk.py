"""Walk along the lines of a bundle: every hash between the first and the last entry.

Memory grows with the number of entities, not of entries.
"""

from binascii import unhexlify
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from service.proof.bundle import ERASED, PRUNED, WITHHELD
from service.proof.diagnosis import (
    CARRIER,
    DATABASE_OR_FILE,
    OWNER_BEFORE_SEALING,
    displaced,
    leaf_prefix,
)
from service.proof.entry import (
    ENTRY_FORMAT,
    ERASE,
    NOTHING,
    NUMBER_MAX,
    RESTORE,
    is_hash,
    is_id,
    parse_entry,
)
from service.proof.fault import Damaged, Malformed

_SALT_DIGITS: Final = 32
_ABSENT: Final = (WITHHELD, ERASED, PRUNED)


class _Line(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry as the array that it is."""

    format: str
    tenant: str
    kind: str
    entity: str
    version: int
    operation: str
    actor: str
    key: str
    time_us: int
    payload_hash: str
    prev_hash: str


class _Version(Struct, frozen=True, array_like=True, gc=False):
    """The last version of an entity that was read."""

    version: int
    hash: str
    time_us: int


# What comes before an entity's first version.
_BEGINNING: Final = _Version(0, NOTHING.hex(), -(2**63))


class Walk:
    """The history of one tenant, as far as it was read.

    Shapes: `leaf` is the hash of the leaf at `position`, in hex; `rest` is the first line that is
    no entry, empty when the lines end without one.
    """

    def __init__(self, tenant: str, held: Mapping[int, bytes]) -> None:
        self.tenant = tenant
        self.position = 0
        self.leaf = NOTHING.hex()
        self.versions: dict[str, _Version] = {}
        self.absent = dict.fromkeys(_ABSENT, 0)
        self.rest = b""
        # The first erased document of each entity that no erasure was read for yet.
        self._erased: dict[str, int] = {}
        # What was found to be well written: reading each entry by its pattern would take too long.
        self._forms: set[tuple[str, ...]] = set()
        self._held = {position: leaf.hex() for position, leaf in held.items()}

    def along(self, lines: Iterator[bytes]) -> None:
        """Check the lines up to the first that is no entry.

        Raises: Damaged, at the first line that is not what was sealed.
        """
        decode, encode = msgspec.json.Decoder(_Line).decode, msgspec.json.Encoder().encode
        forms, held, versions = self._forms, self._held, self.versions
        leaf, position, prefix = self.leaf, self.position, leaf_prefix(self.tenant)
        for line in lines:
            if line[:1] != b"[":
                self.rest = line
                break
            position += 1
            try:
                written, salt, document, sealed = line.split(b"\t")
                entry = decode(written)
                salted = unhexlify(salt) if len(salt) == _SALT_DIGITS else None
            except ValueError:
                raise _no_entry(position) from None
            before, hashed = leaf, sha256(written).hexdigest()
            leaf = sha256(f'{prefix}{position},"{hashed}","{before}"]'.encode()).hexdigest()
            form = entry.format, entry.tenant, entry.kind, entry.operation, entry.actor, entry.key
            if (
                sealed != leaf.encode() + b"\n"
                or encode(entry) != written
                or (form not in forms and not self._admits(form, written))
                or not -NUMBER_MAX <= entry.time_us <= NUMBER_MAX
                or held.get(position, leaf) != leaf
            ):
                raise self._misplaced(entry, position, before, line, next(lines, b""))
            last = versions.get(entry.entity) or self._first(entry, position)
            if (
                entry.version != last.version + 1
                or entry.prev_hash != last.hash
                or entry.time_us <= last.time_us
            ):
                raise _out_of_order(position, entry, last)
            versions[entry.entity] = _Version(entry.version, hashed, entry.time_us)
            if entry.operation == ERASE:
                self._erased.pop(entry.entity, None)
            if salted is None:
                self._hide(position, entry, salt, document)
            elif (
                sha256(salted + document).hexdigest() != entry.payload_hash or salt != salt.lower()
            ):
                raise _other_document(position)
        self.leaf, self.position = leaf, position

    def end(self) -> None:
        """Check what only the end shows.

        Raises: Damaged.
        """
        if self._erased:
            raise Damaged(
                "erasure",
                "The document is gone, and no later entry says that it was erased.",
                DATABASE_OR_FILE,
                min(self._erased.values()),
            )
        beyond = [position for position in self._held if position > self.position]
        if beyond:
            raise Damaged(
                "cut",
                f"There is a receipt of position {max(beyond)}, and the history ends before it.",
                "whoever made the bundle or carried it, or who brought back an old database",
                self.position + 1,
            )

    def _admits(self, form: tuple[str, ...], written: bytes) -> bool:
        """Tell whether an entry is the tenant's and written as the format says, and remember it."""
        try:
            right = parse_entry(written).tenant == self.tenant
        except Malformed:
            right = False
        if right:
            self._forms.add(form)
        return right

    def _misplaced(
        self, entry: _Line, position: int, before: str, line: bytes, after: bytes
    ) -> Damaged:
        """Say what is wrong with a line that is not the one that was sealed."""
        if entry.format == ENTRY_FORMAT and entry.tenant != self.tenant:
            return _foreign(position, entry.tenant, self.tenant)
        found = displaced(self.tenant, position, before, line, after)
        if found is None and position in self._held:
            return _contradicted(position)
        return found or _no_entry(position)

    def _first(self, entry: _Line, position: int) -> _Version:
        """Begin with an entity that was not read of before."""
        if not is_id(entry.entity):
            raise _no_entry(position)
        if entry.operation == RESTORE:
            return _Version(entry.version - 1, _BEGINNING.hash, _BEGINNING.time_us)
        return _BEGINNING

    def _hide(self, position: int, entry: _Line, why: bytes, document: bytes) -> None:
        """Count a document that is not shown."""
        if why not in self.absent or document or not is_hash(entry.payload_hash):
            raise _no_entry(position)
        self.absent[why] += 1
        if why == ERASED:
            self._erased.setdefault(entry.entity, position)


def _no_entry(position: int) -> Damaged:
    return Damaged(
        "form",
        "The line is no entry with salt, document and leaf hash.",
        CARRIER,
        position,
    )


def _other_document(position: int) -> Damaged:
    return Damaged(
        "document",
        "The document with its salt is not the one that the entry names.",
        DATABASE_OR_FILE,
        position,
    )


def _foreign(position: int, tenant: str, named: str) -> Damaged:
    return Damaged(
        "tenant",
        f"The entry is of tenant {tenant}, and the first line names {named}.",
        CARRIER,
        position,
    )


def _contradicted(position: int) -> Damaged:
    return Damaged(
        "receipt",
        "A receipt says that another entry was sealed here.",
        "who holds the log's key, and who wrote the history anew with it",
        position,
    )


def _out_of_order(position: int, entry: _Line, last: _Version) -> Damaged:
    if entry.version != last.version + 1:
        message = f"Version {entry.version} of {entry.entity} follows version {last.version}."
    elif entry.prev_hash != last.hash:
        message = f"The entry does not continue version {last.version} of {entry.entity}."
    else:
        message = f"Version {entry.version} of {entry.entity} is not younger than the one before."
    return Damaged("history", message, OWNER_BEFORE_SEALING, position)
