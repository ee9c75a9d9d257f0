"""Owns the file that says which rules the migrations make: digests of each, in name order. Pure.

There is one for each major version of PostgreSQL, as each writes definitions in words of its own.
What was dumped and restored may be written in other words once more (`a AND (b AND c)` comes back
as `a AND b AND c`), so that a rule may have two digests, of which a database has one.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from service.migrate.refusals import BadMigrations

NAMED: Final = "rules.{}.manifest"
_FILE: Final = re.compile(r"rules\.(\d+)\.manifest")
_TITLE: Final = (
    "# SHA-256 of each rule that these migrations make, as made and as restored: tox -e rules"
)
_NEWEST: Final = "# newest migration: "
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")


class Manifest(msgspec.Struct, frozen=True):
    """The rules that migrations up to `newest` make on a major version of PostgreSQL.

    `digests`: SHA-256 in hex, by what it is and its name; of two any will do.
    """

    major: int
    newest: str
    digests: dict[str, set[str]]

    @property
    def file(self) -> str:
        """Name the file."""
        return NAMED.format(self.major)


def digest(definition: str) -> str:
    """Give the SHA-256 of a definition, in hex."""
    return sha256(definition.encode()).hexdigest()


def written(newest: str, *databases: Mapping[str, str]) -> str:
    """Write the manifest of the rules that a database has, just migrated or restored."""
    lines = {(name, digest(text)) for found in databases for name, text in found.items()}
    rules = [f"{digest}  {name}" for name, digest in sorted(lines)]
    return "\n".join([_TITLE, _NEWEST + newest, *rules, ""])


def read(directory: Path) -> tuple[Manifest, ...]:
    """Read the manifests that lie beside migrations, by version.

    Raises: BadMigrations naming the file that is none.
    """
    found = (_FILE.fullmatch(path.name) for path in directory.iterdir())
    majors = sorted(int(match[1]) for match in found if match)
    return tuple(_manifest(directory / NAMED.format(major), major) for major in majors)


def _manifest(path: Path, major: int) -> Manifest:
    title, newest, *lines = (path.read_text(encoding="utf-8") + "\n").split("\n")
    rules = [_LINE.fullmatch(line) for line in lines if line]
    digests: dict[str, set[str]] = {}
    for rule in rules:
        if rule:
            digests.setdefault(rule[2], set()).add(rule[1])
    if title != _TITLE or not newest.startswith(_NEWEST) or not rules or None in rules:
        raise BadMigrations([f"{path.name}: is no manifest; write it again: tox -e rules"])
    return Manifest(major, newest.removeprefix(_NEWEST), digests)
