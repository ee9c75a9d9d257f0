"""Owns the file that says which rules the migrations make: a digest of each, in name order. Pure.

There is one for each major version of PostgreSQL, as each writes definitions in words of its own.
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
_TITLE: Final = "# SHA-256 of the definition of each rule that these migrations make: tox -e rules"
_NEWEST: Final = "# newest migration: "
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")


class Manifest(msgspec.Struct, frozen=True):
    """The rules that migrations up to `newest` make on a major version of PostgreSQL.

    `digests`: of each its SHA-256 in hex, by what it is and its name.
    """

    major: int
    newest: str
    digests: dict[str, str]

    @property
    def file(self) -> str:
        """Name the file."""
        return NAMED.format(self.major)


def digest(definition: str) -> str:
    """Give the SHA-256 of a definition, in hex."""
    return sha256(definition.encode()).hexdigest()


def written(newest: str, found: Mapping[str, str]) -> str:
    """Write the manifest of the rules of a database."""
    lines = [f"{digest(text)}  {name}" for name, text in sorted(found.items())]
    return "\n".join([_TITLE, _NEWEST + newest, *lines, ""])


def read(directory: Path) -> tuple[Manifest, ...]:
    """Read the manifests that lie beside migrations, by version.

    Raises: BadMigrations naming the file that is none.
    """
    found = (_FILE.fullmatch(path.name) for path in directory.iterdir())
    majors = sorted(int(match[1]) for match in found if match)
    return tuple(_manifest(directory / NAMED.format(major), major) for major in majors)


def _manifest(path: Path, major: int) -> Manifest:
    title, newest, *lines = [*path.read_text(encoding="utf-8").splitlines(), "", ""][:-1]
    rules = [_LINE.fullmatch(line) for line in lines if line]
    digests = {rule[2]: rule[1] for rule in rules if rule}
    if title != _TITLE or not newest.startswith(_NEWEST) or not 0 < len(digests) == len(rules):
        raise BadMigrations([f"{path.name}: is no manifest; write it again: tox -e rules"])
    return Manifest(major, newest.removeprefix(_NEWEST), digests)
