"""Owns applying and rolling back: a migration, its marks and its ledger row in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from service.migrate import access, bootstrap, execute, functions, rules
from service.migrate.compare import REFUSED, findings, pending
from service.migrate.compare import Kind as FindingKind
from service.migrate.files import Migration
from service.migrate.ledger import Ledger, Record, records
from service.migrate.refusals import Failed, Refused
from service.migrate.release import Release, release
from service.migrate.session import Event, Kind, Limits, Progress, Turn, silent, turn


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, in order; `differing` names rules that it left as somebody else made them."""

    bootstrap: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    newest: str | None = None


def apply(
    owner_url: str,
    *,
    progress: Progress = silent,
    limits: Limits | None = None,
    brings: Release | None = None,
) -> Report:
    """Bring a database to this release: bootstrap, migrations, access, functions. Repeatable.

    Rules that somebody changed are told of, and left as they are.

    Raises: Refused, Failed, Unreachable, BadMigrations, BadCatalog.
    """
    brings = brings or release()
    with _run(owner_url, limits or Limits(), progress, brings) as run:
        known = run.accepted(REFUSED)
        todo = pending(brings.migrations, tuple(known.values()))
        repaired = [item.id for item in todo if run.apply(item, known.get(item.id))]
        closed = run.close()
        installed = run.turn.transaction(
            "Installing the functions",
            lambda: functions.install(run.turn, brings.catalog, brings.name),
        )
        return Report(
            bootstrap=run.bootstrap,
            applied=tuple(item.id for item in todo if item.id not in repaired),
            repaired=tuple(repaired),
            access=closed,
            functions=installed,
            differing=run.differing(brings),
            newest=max((item.id for item in brings.migrations), default=None),
        )


def roll_back(
    owner_url: str,
    *,
    to: str | None = None,
    everything: bool = False,
    progress: Progress = silent,
    limits: Limits | None = None,
    brings: Release | None = None,
) -> Report:
    """Undo the last migration, those after `to`, or everything; functions stay as they are.

    Raises: Refused, Failed, Unreachable, BadMigrations, BadCatalog.
    """
    brings = brings or release()
    with _run(owner_url, limits or Limits(), progress, brings) as run:
        known = run.accepted(REFUSED - {"late"})
        undone = to_undo(brings.migrations, known, to=to, everything=everything)
        if undone and len(undone) == len(known):
            run.turn.transaction("Opening the database", lambda: access.open_again(run.turn))
        for migration in undone:
            run.undo(migration, known.pop(migration.id))
        return Report(
            bootstrap=run.bootstrap,
            rolled_back=tuple(migration.id for migration in undone),
            newest=max(known, default=None),
        )


def to_undo(
    files: tuple[Migration, ...],
    known: dict[str, Record],
    *,
    to: str | None = None,
    everything: bool = False,
) -> tuple[Migration, ...]:
    """Choose what a rollback undoes, newest first.

    Raises: Refused when `to` is not applied, or one of them cannot be undone.
    """
    there = [item for item in reversed(files) if item.id in known]
    if to is not None and to not in known:
        applied = ", ".join(known) or "no migrations"
        raise Refused(f"{to} is not applied.", f"Applied are: {applied}.")
    if to is not None:
        there = [item for item in there if item.id > to]
    elif not everything:
        there = there[:1]
    for migration in there:
        if migration.irreversible:
            raise Refused(
                f"{migration.id} cannot be rolled back: {migration.irreversible}",
                "Nothing was rolled back. Restore a backup, or write a migration forward.",
            )
    return tuple(there)


@contextmanager
def _run(owner_url: str, limits: Limits, progress: Progress, brings: Release) -> Iterator["_Run"]:
    """Connect, wait for the turn, bootstrap, open the ledger."""
    with turn(owner_url, limits, progress) as mine:
        made = tuple(step.statement for step in bootstrap.prepare(mine))
        ledger = Ledger(mine.connection, brings.name)
        with ledger.open():
            yield _Run(mine, ledger, brings.migrations, made)


@dataclass(frozen=True)
class _Run:
    """One turn at one database, bootstrapped, with its ledger open."""

    turn: Turn
    ledger: Ledger
    files: tuple[Migration, ...]
    bootstrap: tuple[str, ...]

    def accepted(self, refused: frozenset[FindingKind]) -> dict[str, Record]:
        """Read what the database remembers, if files and database fit.

        Raises: Refused naming every file that does not.
        """
        known = records(self.turn.connection)
        wrong = [item for item in findings(self.files, known) if item.kind in refused]
        if wrong:
            raise Refused(
                "\n".join(str(item) for item in wrong) + "\n",
                "Nothing was changed. Restore the files as they were applied, from version"
                " control, and write changes as a new migration; `plant migrate verify` compares.",
            )
        return {record.id: record for record in known}

    def apply(self, migration: Migration, record: Record | None) -> bool:
        """Apply one migration; tell whether it only had to be marked."""
        kind: Kind = "applied"
        if migration.forward.transactional:
            self._together(migration, self._forward)
        else:
            if not self._was_built(migration, record):
                self._build(migration, begun=record is not None and record.begun)
            else:
                kind = "repaired"
            self._together(migration, self.ledger.finish)
        self.turn.progress(Event(kind=kind, subject=migration.id))
        return kind == "repaired"

    def close(self) -> tuple[str, ...]:
        """Let nobody connect but those who log in; where nothing is migrated nothing is ours."""
        if not self.files:
            return ()
        return self.turn.transaction("Closing the database", lambda: access.close(self.turn))

    def differing(self, brings: Release) -> tuple[str, ...]:
        """Tell of rules that are not those of the release; what they should be no apply knows."""
        found = rules.compared(self.turn.connection, brings, at_release=True)
        wrong = [finding for finding in found if finding.kind == "rule"]
        for finding in wrong:
            self.turn.progress(Event(kind="differs", subject=str(finding)))
        return tuple(finding.subject for finding in wrong)

    def undo(self, migration: Migration, record: Record) -> None:
        """Roll one migration back."""
        if migration.backward.transactional:
            self._together(migration, self._backward)
        else:
            self._unbuild(migration, begun=record.begun)
            self._together(migration, self.ledger.forget)
        self.turn.progress(Event(kind="rolled back", subject=migration.id))

    def _together(self, migration: Migration, work: Callable[[Migration], None]) -> None:
        self.turn.transaction(migration.id, lambda: work(migration))

    def _forward(self, migration: Migration) -> None:
        execute.run(self.turn, migration.forward, migration.id)
        self.ledger.finish(migration)

    def _backward(self, migration: Migration) -> None:
        execute.run(self.turn, migration.backward, migration.id)
        self.ledger.undo(migration)

    def _was_built(self, migration: Migration, record: Record | None) -> bool:
        """Tell whether an earlier run built the index and was killed before it was marked.

        The ledger says that it was begun, and then the index was absent: so a valid one is ours.
        """
        if not record or not record.begun or record.forward != migration.forward.digest:
            return False
        return execute.index_stands(self.turn, migration.forward) is True

    def _build(self, migration: Migration, *, begun: bool) -> None:
        """Run a file without a transaction."""
        if begun:
            execute.drop_index(self.turn, migration.forward)
        else:
            execute.check_absent(self.turn, migration.forward)
        self._together(migration, self.ledger.begin)
        try:
            execute.run_alone(self.turn, migration.forward, migration.id)
        except Failed:
            self._together(migration, self.ledger.forget)
            raise

    def _unbuild(self, migration: Migration, *, begun: bool) -> None:
        """Run a rollback file without a transaction."""
        if begun:
            execute.drop_index(self.turn, migration.backward)
        else:
            execute.check_absent(self.turn, migration.backward)
        self._together(migration, lambda item: self.ledger.begin(item, undo=True))
        execute.run_alone(self.turn, migration.backward, migration.id)
