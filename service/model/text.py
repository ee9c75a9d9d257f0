"""What a text may hold: the rules that PostgreSQL's constraints repeat.

A line (name, alias, tag, id, code) is trimmed and has no control character. Prose (description,
notes, reason, custom attributes) may have tabs and newlines. Neither has lone surrogates, which
no UTF-8 can hold. Control characters are Unicode's category Cc: U+0000-U+001F, U+007F-U+009F.
"""

import re
from typing import NamedTuple

_NOT_IN_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_PROSE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# The same rules for readers of a JSON schema: ECMA-262, whose \s is not Python's. Surrogates are
# left out, for an engine that works on UTF-8 cannot name them.
_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
_PROSE_CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LINE_PATTERN = rf"^[^{_CONTROLS}{_SPACES}]([^{_CONTROLS}]*[^{_CONTROLS}{_SPACES}])?$"
PROSE_PATTERN = rf"^[^{_PROSE_CONTROLS}]*[^{_CONTROLS}{_SPACES}][^{_PROSE_CONTROLS}]*$"
NOTES_PATTERN = rf"^[^{_PROSE_CONTROLS}]*$"


class Fault(NamedTuple):
    """The rule that a value breaks, and how to say so."""

    rule: str
    message: str


BLANK = Fault("blank", "must not be blank")
TRIMMED = Fault("trimmed", "must not begin or end with white space")


def line_fault(text: str) -> Fault | None:
    """Check a text of one line; its length is the struct's to check."""
    # Printable excludes controls, surrogates and every space but U+0020: the common case is over.
    if text.isprintable() and text[:1] != " " and text[-1:] != " ":
        return None if text else BLANK
    return _unfit(text, _NOT_IN_LINE) or _edges(text)


def prose_fault(text: str) -> Fault | None:
    """Check a text of several lines that must say something."""
    return notes_fault(text) or (None if text.strip() else BLANK)


def notes_fault(text: str) -> Fault | None:
    """Check a text of several lines that may be empty."""
    return None if text.isprintable() else _unfit(text, _NOT_IN_PROSE)


def _unfit(text: str, unfit: re.Pattern[str]) -> Fault | None:
    found = unfit.search(text)
    if found is None:
        return None
    shown = f"U+{ord(found[0]):04X} at character {found.start() + 1}"
    if "\ud800" <= found[0] <= "\udfff":
        return Fault("surrogate", f"has half of a surrogate pair: {shown}")
    return Fault("control-character", f"has a control character: {shown}")


def _edges(text: str) -> Fault | None:
    stripped = text.strip()
    if not stripped:
        return BLANK
    return TRIMMED if stripped != text else None
