"""`plant migrate`: bring the database to this release, and say before what that means."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_group, add_json
from service.database.address import spoken
from service.database.target import resolve
from service.migrate.losses import Loss, losses
from service.migrate.release import name as release_name
from service.migrate.review import review
from service.migrate.runner import Report, apply, roll_back
from service.migrate.session import Event, Limits, Progress
from service.migrate.survey import Plan, plan, verify
from service.settings import load

MIGRATE = """\
Bring the database to this release, or back: migrations/ and the functions made of sql/.

Everything is run as plant_owner, which the first run makes where it may. docs/migrations.md says
what is promised and what to do when something is refused."""

PLAN = """\
Show what apply would do. Nothing is changed.

Exit code: 0 apply would go on, 1 it would refuse (and why), 2 could not tell."""

APPLY = """\
Apply what is not applied yet, then install the functions. Repeatable; several may run at once.

Each migration is one transaction together with its mark, so a run that is killed leaves nothing
half-done: run it again.

Exit code: 0 done, 1 refused or failed (and where), 2 could not tell."""

ROLLBACK = """\
Undo the last migration, or all that came after one that stays.

What it would throw away is named before: tables that hold rows, the log among them. Those it takes
along with --lose-data only.

Exit code: 0 done, 1 refused or failed, 2 could not tell, 64 nobody said yes, or --lose-data."""

VERIFY = """\
Compare the database with this release: applied files, who may connect, functions, and every rule.

Rules are what stands in the schemas app, audit, q and plant_migrate but rows: tables, indexes,
functions, triggers, policies, privileges, owners and so on. Each that differs is named.

Exit code: 0 they agree, 1 they differ (and where), 2 could not tell (the rules, on a version of
PostgreSQL that this release does not know)."""

UNSEEN = 2  # exit code where nothing differs, as far as could be compared

REVIEW = """\
Print every line of SQL that apply would run, for a DBA to read. Nothing is changed."""


def register(subparsers: Subparsers) -> None:
    """Add `migrate` and its commands."""
    commands = add_group(subparsers, "migrate", MIGRATE)
    add_json(add_command(commands, "plan", _plan, PLAN))
    applying = add_command(commands, "apply", _apply, APPLY)
    _add_limits(applying)
    add_json(applying)
    rolling = add_command(commands, "rollback", _rollback, ROLLBACK)
    where = rolling.add_mutually_exclusive_group()
    where.add_argument("--to", metavar="ID", help="the newest migration that stays")
    where.add_argument("--all", action="store_true", help="undo every migration")
    rolling.add_argument("--yes", action="store_true", help="do it without asking")
    rolling.add_argument(
        "--lose-data", action="store_true", help="also where tables that hold rows are dropped"
    )
    _add_limits(rolling)
    add_json(rolling)
    add_json(add_command(commands, "verify", _verify, VERIFY))
    add_command(commands, "review", _review, REVIEW)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    default = Limits()
    parser.add_argument(
        "--lock-timeout-ms",
        type=int,
        default=default.lock_timeout_ms,
        metavar="MS",
        help="wait for a lock, then step back and try again (default: %(default)s)",
    )
    parser.add_argument(
        "--statement-timeout-ms",
        type=int,
        default=default.statement_timeout_ms,
        metavar="MS",
        help="let one statement run (default: %(default)s)",
    )


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits(
        lock_timeout_ms=arguments.lock_timeout_ms,
        statement_timeout_ms=arguments.statement_timeout_ms,
    )


@contextmanager
def _owner_url(output: Output) -> Iterator[str]:
    """Have the server ready and give the address that migrates."""
    with resolve(load(), output.say) as target:
        yield target.url("owner")


def _plan(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    with _owner_url(output) as url:
        found = plan(url)
        output.answer(found, [*_plan_lines(found, spoken(url))])
    return 1 if found.refused else 0


def _plan_lines(found: Plan, where: str) -> Iterator[str]:
    yield f"Release {found.release} at {where}"
    for finding in found.refused:
        yield f"  refused: {finding}"
    for step in found.bootstrap:
        yield f"  bootstrap: {step.statement};  ({step.why})"
    for item in found.migrations:
        how = "" if item.transactional else ", outside any transaction"
        state = ", begun before and not finished" if item.unfinished else ""
        yield f"  {item.id}: {item.statements} statements{how}{state}"
        for lossy in item.destructive:
            yield f"    throws data away, line {lossy.line}: {lossy.statement}"
    for step in found.access:
        yield f"  access: {step.statement};  ({step.why})"
    if found.functions:
        yield f"  functions to install: {len(found.functions)}"
    todo = (found.refused, found.bootstrap, found.migrations, found.access, found.functions)
    if not any(todo):
        yield "  nothing to do"


def _apply(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    with _owner_url(output) as url:
        report = apply(url, progress=_teller(output), limits=_limits(arguments))
        output.answer(report, [*_report_lines(report)])
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    with _owner_url(output) as url:
        lost = losses(url, to=arguments.to, everything=arguments.all)
        if not _may_lose(arguments, output, lost) or not _agreed(arguments, output):
            return WRONG_USAGE
        report = roll_back(
            url,
            to=arguments.to,
            everything=arguments.all,
            progress=_teller(output),
            limits=_limits(arguments),
        )
        output.answer(report, [*_report_lines(report)])
    return 0


def _undone(arguments: argparse.Namespace) -> str:
    """Say what is rolled back."""
    if arguments.to:
        return f"every migration after {arguments.to}"
    return "every migration" if arguments.all else "the last migration"


def _may_lose(arguments: argparse.Namespace, output: Output, lost: Sequence[Loss]) -> bool:
    """Name what would be lost; tell whether that was said to be meant."""
    if not lost:
        return True
    output.say(f"To roll back {_undone(arguments)} throws away, for good:")
    for loss in lost:
        output.say(f"  {loss}")
    if not arguments.lose_data:
        output.say(
            "plant: nothing was rolled back. Dump it first, then repeat it with --lose-data."
        )
    return bool(arguments.lose_data)


def _agreed(arguments: argparse.Namespace, output: Output) -> bool:
    """Ask, unless --yes has said it."""
    what = _undone(arguments)
    if arguments.yes:
        return True
    return output.agreed(
        f"plant: this rolls back {what}. Repeat it with --yes.",
        f"This rolls back {what}; data in what it drops is lost. Type yes to go on:",
    )


def _report_lines(report: Report) -> Iterator[str]:
    named: dict[str, Any] = msgspec.structs.asdict(report)
    newest = named.pop("newest")
    for what, items in named.items():
        if items:
            yield f"{what.replace('_', ' ')}: {len(items)}"
    yield f"the newest migration is {newest or 'none'}"


def _verify(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    with _owner_url(output) as url:
        found = verify(url)
        lines = [str(finding) for finding in found]
        output.answer(found, lines or [f"Database and release {release_name()} agree"])
    differ = any(finding.kind != "unseen" for finding in found)
    return 1 if differ else UNSEEN if found else 0


def _review(_: argparse.Namespace) -> int:
    output = Output()
    with _owner_url(output) as url:
        output.answer(None, review(url).splitlines())
    return 0


def _teller(output: Output) -> Progress:
    """Say what matters while it happens: steps, files and waiting, not each statement."""
    told: set[str] = set()

    def tell(event: Event) -> None:
        line = {
            "bootstrap": f"bootstrap: {event.subject}",
            "access": f"access: {event.subject}",
            "differs": f"differs, and is left so: {event.subject}",
            "statement": f"running {event.subject}: {event.total} statements",
            "waiting": f"waiting: another migration runs, {event.subject}",
            "retry": f"{event.subject}: attempt {event.number} gave way: {event.detail}",
            "applied": f"applied {event.subject}",
            "repaired": f"repaired {event.subject}",
            "rolled back": f"rolled back {event.subject}",
            "warning": f"the server warns: {event.subject}",
        }.get(event.kind)
        if line and line not in told:
            told.add(line)
            output.say(line)

    return tell
