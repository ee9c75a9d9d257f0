"""What the quick decoder takes and we do not: a member given twice, a UUID without hyphens.

Of a member given twice every reader but a strict one loses a value without a word, and not every
reader the same (RFC 8259, section 4).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from service.errors import FieldError
from service.model.pointer import pointer_to, walked

_UUID: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNHYPHENED: Final = re.compile(rb'"[0-9a-fA-F]{32}"|\\u00[346]')
"""Looks like one, or has a digit or letter escaped: then the text itself has to be looked at."""


def is_uuid(text: str) -> bool:
    """Say whether this is a UUID in its usual form, in either case."""
    return _UUID.fullmatch(text) is not None


class Doubled(dict[str, Any]):
    """An object in which some member stands more than once; of its values the last is kept."""

    names: tuple[str, ...]


class _Found(Exception):  # noqa: N818 - no error: it only ends the reading
    """A member stands twice."""


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, one that remembers those given more than once."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twice = Doubled(made)
    twice.names = tuple(
        name for name, times in Counter(name for name, _ in pairs).items() if times > 1
    )
    return twice


def doubled(tree: object, pointer: str) -> Iterator[FieldError]:
    """Name every member of a parsed body that stands more than once in its object."""
    for value, place in walked(tree):
        if not isinstance(value, Doubled):
            continue
        for name in value.names:
            at, whole = pointer_to(pointer, (place, name))
            verb = "stands" if whole else "holds a member that stands"
            yield FieldError(at, "member-twice", f"{verb} more than once in its object")


def is_doubtful(body: bytes) -> bool:
    """Say whether a body that the quick decoder took may have what we do not take."""
    return _UNHYPHENED.search(body) is not None or _has_double(body)


def _has_double(body: bytes) -> bool:
    try:
        _READER.decode(body.decode())
    except _Found:
        return True
    except RecursionError:  # deeper than anything may be: the rules say so
        return False
    return False


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _Found


# Numbers are not converted, only passed over.
_READER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=bool, parse_int=bool)
