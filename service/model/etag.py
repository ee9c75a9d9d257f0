"""Entity tags and the conditions that name them (RFC 9110, sections 8.8.3 and 13.1).

A tag is held without its quotes: `quoted` gives the form of headers and of `current_etag`.
Ours are ASCII; a header with anything else is refused rather than sent to PostgreSQL.
"""

import re
from typing import Final

from msgspec import Struct

from service.errors import EMPTY, MalformedRequest, PreconditionRequired, shown

# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1: empty elements of a list are skipped.
_TAG: Final = re.compile(r'(W/)?"([!#-~]*)"')
_LIST: Final = re.compile(
    rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,[ \t,]*{_TAG.pattern})*[ \t,]*".replace("(W/)", "(?:W/)")
)


WEAK: Final = 'A weak entity tag (W/"…") never matches If-Match: send a strong one, "…".'


def quoted(opaque: str) -> str:
    """Write an entity tag as headers have it."""
    return f'"{opaque}"'


class Condition(Struct, frozen=True):
    """The tags that an If-Match or If-None-Match names; `any` stands for `*`."""

    any: bool
    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()

    @property
    def weak_only(self) -> bool:
        """Whether nothing but weak tags are named, so that If-Match never holds."""
        return bool(self.weak) and not self.strong

    def admits(self, current: str) -> bool:
        """Compare strongly, as If-Match asks: a weak tag equals nothing."""
        return self.any or current in self.strong

    def names(self, current: str) -> bool:
        """Compare weakly, as If-None-Match asks."""
        return self.any or current in self.strong or current in self.weak


_ANY: Final = Condition(any=True)


def if_match(value: str | None) -> Condition:
    """Read If-Match, which every change of an existing entity needs.

    Raises: PreconditionRequired, MalformedRequest.
    """
    if value is None:
        raise PreconditionRequired
    return _condition(value, "If-Match")


def if_none_match(value: str | None) -> Condition | None:
    """Read If-None-Match when there is one.

    Raises: MalformedRequest.
    """
    return None if value is None else _condition(value, "If-None-Match")


def _condition(value: str, header: str) -> Condition:
    if value.strip(" \t") == "*":
        return _ANY
    if _LIST.fullmatch(value) is None:
        raise MalformedRequest(
            f'{header} must be *, or entity tags as "tag" with commas between: '
            f"{shown(value) or EMPTY}"
        )
    tags: list[tuple[str, str]] = _TAG.findall(value)
    return Condition(
        any=False,
        strong=tuple(opaque for weak, opaque in tags if not weak),
        weak=tuple(opaque for weak, opaque in tags if weak),
    )
