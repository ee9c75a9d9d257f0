"""Owns the comparison of the migration files with what the database remembers. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from service.migrate.files import Migration
from service.migrate.ledger import Record

Kind = Literal[
    "access",
    "edited",
    "function",
    "gone",
    "index",
    "late",
    "newer",
    "pending",
    "rule",
    "server",
    "unfinished",
    "unseen",
    "foreign",
]

REFUSED: Final[frozenset[Kind]] = frozenset({"edited", "foreign", "gone", "late", "newer"})
"""What has to be settled by a person before anything is applied or rolled back."""


class Finding(msgspec.Struct, frozen=True):
    """One difference between this release and the database; `unseen` is what was not compared."""

    kind: Kind
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def findings(files: Sequence[Migration], records: Sequence[Record]) -> tuple[Finding, ...]:
    """List every difference, worst first."""
    found = [*_applied(files, records), *_pending(files, records)]
    return tuple(sorted(found, key=lambda finding: finding.kind not in REFUSED))


def pending(files: Sequence[Migration], records: Sequence[Record]) -> tuple[Migration, ...]:
    """List the migrations that are not applied, begun ones included, in order."""
    applied = {record.id for record in records if record.applied}
    return tuple(migration for migration in files if migration.id not in applied)


def _applied(files: Sequence[Migration], records: Sequence[Record]) -> Iterator[Finding]:
    known = {migration.id: migration for migration in files}
    newest = max(known, default="")
    for record in records:
        migration = known.get(record.id)
        if record.begun and migration:
            yield Finding("unfinished", record.id, "was begun and not finished; apply finishes it")
        elif record.begun:
            yield Finding("gone", record.id, f"was begun, and its file {record.id}.sql is gone")
        elif not record.applied:
            memory = "yoyo's table" if record.marked else "the ledger"
            text = f"only {memory} knows it: it was marked by something other than plant migrate"
            yield Finding("foreign", record.id, text)
        elif migration is None and record.id > newest:
            text = "is applied and unknown to this release: the database is newer than the release"
            yield Finding("newer", record.id, text)
        elif migration is None:
            yield Finding("gone", record.id, f"is applied, and its file {record.id}.sql is gone")
        else:
            yield from _edited(migration, record)


def _edited(migration: Migration, record: Record) -> Iterator[Finding]:
    for script, digest in (
        (migration.forward, record.forward),
        (migration.backward, record.backward),
    ):
        if script.digest != digest:
            text = f"is applied, and {script.path.name} was edited since"
            yield Finding("edited", migration.id, f"{text}: sha256 {script.digest}, was {digest}")


def _pending(files: Sequence[Migration], records: Sequence[Record]) -> Iterator[Finding]:
    newest = max((record.id for record in records if record.applied), default="")
    for migration in pending(files, records):
        if migration.id < newest:
            text = f"is not applied, and {newest} already is: give it a number above that"
            yield Finding("late", migration.id, text)
        else:
            yield Finding("pending", migration.id, "is not applied")
