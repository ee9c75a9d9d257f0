"""What an upgrade from one ESCO release to the next has to do, told from the raw files alone.

It shares nothing with the converter: both would have to be wrong in the same way.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

Row = dict[str, Any]

UNSEEN = {"\u200b", "\u2060", "\ufeff", "\u00ad"}
MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf]+")


class Upgrade(Struct, frozen=True):
    """Ids of skills by what becomes of them when the next release is imported as active."""

    created: set[str]
    amended: set[str]
    renamed: set[str]
    unchanged: set[str]
    rejected: set[str]
    absent: set[str]
    kept: set[str]
    """Of the absent those that something in force still depends on."""


def upgrade(old_rows: Iterable[Row], new_rows: Iterable[Row]) -> Upgrade:
    """Compare two releases, the first of which is in force as a whole."""
    old = {row["id"]: row for row in old_rows}
    new = {row["id"]: row for row in new_rows}
    rejected = _rejected(old, new)
    stay = old.keys() & new.keys() - rejected
    differ = {one for one in stay if seen(old[one], old) != seen(new[one], new)}
    absent = old.keys() - new.keys()
    return Upgrade(
        created=new.keys() - old.keys() - rejected,
        amended=differ,
        renamed={one for one in stay if visible(old[one]["name"]) != visible(new[one]["name"])},
        unchanged=stay - differ,
        rejected=rejected,
        absent=absent,
        kept=_kept(absent, {one: old[one] for one in old.keys() & rejected}, old),
    )


def _rejected(old: dict[str, Row], new: dict[str, Row]) -> set[str]:
    """Find what cannot have its name, or refers to what is not there for that reason."""
    holders = {key(row["name"]): one for one, row in old.items()}
    rejected: set[str] = set()
    while True:
        more = set()
        for one, row in new.items():
            holder = holders.get(key(row["name"]), one)
            if holder != one and (holder not in new or holder in rejected):
                more.add(one)
            if parents(row, new) & (rejected - old.keys()):
                more.add(one)
        if more <= rejected:
            return rejected
        rejected |= more


def _kept(absent: set[str], as_before: dict[str, Row], old: dict[str, Row]) -> set[str]:
    """Find the absent that are above what stays as it was, or above what is kept."""
    kept: set[str] = set()
    while True:
        below = [*as_before.values(), *(old[one] for one in kept)]
        more = absent & {parent for row in below for parent in parents(row, old)}
        if more <= kept:
            return kept
        kept |= more


def seen(row: Row, release: dict[str, Row]) -> list[object]:
    """Give what of a skill can be told apart in the registry."""
    aliases: dict[str, str] = {}
    for label in row["alt_labels"]:
        if visible(label) and key(label) != key(row["name"]):
            aliases.setdefault(key(label), visible(label))
    return [
        visible(row["name"]),
        readable(row["description"]).strip(),
        list(aliases.values()),
        parents(row, release),
        row["type"],
        row["reuse_level"],
        row["groups"] or None,
        row["uri"],
    ]


def parents(row: Row, release: dict[str, Row]) -> set[str]:
    """Give the parents that are skills of the same release."""
    return set(row["broader"]) & release.keys()


def key(name: str) -> str:
    """Give what names are compared by."""
    return unicodedata.normalize("NFKC", visible(name)).casefold()


def visible(label: str) -> str:
    """Give one line as a reader sees it."""
    shown = "".join(one for one in readable(label) if one not in UNSEEN)
    return " ".join(shown.split())


def readable(text: str) -> str:
    """Give text without control characters; what was read in the wrong encoding is read again."""
    if any("\x80" <= one <= "\x9f" for one in text):
        text = MISREAD.sub(_read_again, text)
    return "".join(one for one in text if one in "\t\n" or unicodedata.category(one) != "Cc")


def _read_again(found: re.Match[str]) -> str:
    try:
        return found[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return found[0]
