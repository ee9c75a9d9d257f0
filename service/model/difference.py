"""What changed from one document to another, as a JSON Patch (RFC 6902).

Values are compared and handed on as the bytes that were served: to a number's reader 1 and 1.0
may be the same, to a hash they are not. PostgreSQL writes a value in one way only.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from service.model.pointer import member

_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class Operation(Struct, frozen=True):
    """One operation of a JSON Patch."""

    op: str
    path: str
    value: Raw | UnsetType = UNSET


def difference(before: bytes, after: bytes) -> list[Operation]:
    """Say how one JSON object becomes another: objects member by member, all else replaced."""
    return list(_operations(before, after, ""))


def _operations(before: bytes, after: bytes, path: str) -> Iterator[Operation]:
    old, new = _members(before), _members(after)
    for name in old:
        if name not in new:
            yield Operation("remove", member(path, name))
    for name, raw in new.items():
        place, value, known = member(path, name), bytes(raw), old.get(name)
        if known is None:
            yield Operation("add", place, raw)
        elif value[:1] == b"{" == bytes(known)[:1]:
            yield from _operations(bytes(known), value, place)
        elif value != bytes(known):
            yield Operation("replace", place, raw)
