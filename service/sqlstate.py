"""What a failure of PostgreSQL means to a client: constraint name, then SQLSTATE, then class.

Owns the tables below and decides on codes, never on a server's message text (it is localised).
Only the MESSAGE and DETAIL of our own SQLSTATEs (class PL) reach a client: the detail of any
other error may be a whole row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import asyncpg
import msgspec

from service import errors
from service.constraints import BY_CONSTRAINT, HOUSE, Violation
from service.errors import FieldError, Problem

log = logging.getLogger(__name__)

CHAIN_MAX = 20
"""Links of a chain of causes that are followed."""

BUSY = "The entity is being changed by others. Nothing was done: try again."
SLOW = "The database took too long and was stopped. Nothing was done: ask for less, or try again."
LATE = "The request took too long and was stopped. Nothing was done: ask for less, or try again."
GONE = "The database cannot be reached just now. Nothing was done: try again."
FULL = "The database has no capacity for this just now. Nothing was done: try again."
MOVED = "The schema has just changed. Nothing was done: try again."
STORED = "A value in the request cannot be stored."

BY_CODE: dict[str, tuple[type[Problem], str | None]] = {
    "08007": (errors.OutcomeUnknown, None),
    "22012": (errors.Defect, None),  # no client chooses what we divide by
    "23001": (errors.InUse, None),
    "23502": (errors.InvalidBody, STORED),
    "23514": (errors.InvalidBody, STORED),
    "25006": (errors.Unavailable, GONE),  # a demoted primary: new connections find the new one
    "25P04": (errors.Unavailable, SLOW),
    "28000": (errors.Unavailable, GONE),
    "28P01": (errors.Unavailable, GONE),
    "3D000": (errors.Unavailable, GONE),
    "40001": (errors.Unavailable, BUSY),
    "40003": (errors.OutcomeUnknown, None),
    "40P01": (errors.Unavailable, BUSY),
    "42501": (errors.ScopeMissing, "The database refuses this to the service's role."),
    "54000": (errors.InvalidBody, STORED),
    "54001": (errors.InvalidBody, STORED),
    "55P03": (errors.Unavailable, BUSY),
    "57014": (errors.Unavailable, SLOW),
    "57P03": (errors.Unavailable, GONE),  # refused at connect: nothing was sent
}

BY_CLASS: dict[str, tuple[type[Problem], str | None]] = {
    "22": (errors.InvalidBody, STORED),
    "23": (errors.Conflict, None),
    "40": (errors.Unavailable, BUSY),
    "53": (errors.Unavailable, FULL),
    "58": (errors.Unavailable, FULL),
}

BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], str, bool], ...] = (
    ((asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError), MOVED, True),
    ((ConnectionRefusedError, FileNotFoundError), GONE, True),  # connecting failed
    ((TimeoutError,), LATE, False),
    ((OSError, asyncpg.InternalClientError), GONE, False),
)
"""Exceptions without a telling SQLSTATE, most specific first; True: nothing had been sent."""

LOST_CLASSES = frozenset({"08", "57"})
"""The connection ended under us; whether a COMMIT on its way arrived cannot be known."""

SURPRISES = frozenset({"42501", "22", "54"})
"""Codes and classes that validation and grants should make unreachable: worth a line in the log."""

RETRYABLE = {"40001": "serialization_failure", "40P01": "deadlock"}
STALE_PLAN = "stale_plan"
RETRY_KINDS = (*RETRYABLE.values(), STALE_PLAN)
"""Why a whole transaction is tried again, as it is counted."""

DEMOTED = "25006"
"""A write met a server that has become a standby."""


def classify(exc: BaseException, *, committing: bool = False) -> Problem:
    """Say what a failure means to the client; `exc` becomes the problem's cause.

    `committing`: a COMMIT, or a single statement that commits itself, may have been sent. Then a
    lost connection or a missed deadline is OutcomeUnknown instead of Unavailable.
    """
    if isinstance(exc, Problem):
        return exc
    problem = next(filter(None, (_meaning(e, committing=committing) for e in _chain(exc))), None)
    problem = problem or errors.Defect()
    problem.__cause__ = exc
    return problem


def from_diagnostics(stored: Mapping[str, Any]) -> Problem:
    """Say what an error means that our own SQL caught and kept.

    `stored`: sqlstate, and message, detail and constraint as far as there are any.
    """
    fields = map(stored.get, ("message", "detail", "constraint"))
    return _from_code(_Diagnosis(stored["sqlstate"], *fields))


def retry_kind(exc: BaseException) -> str | None:
    """Say why repeating the whole transaction may succeed and can do no harm; None: it may not."""
    for one in _chain(exc):
        if kind := RETRYABLE.get(_code(one) or ""):
            return kind
        if isinstance(one, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
            return STALE_PLAN
    return None


def demoted(exc: BaseException) -> bool:
    """Say whether the server takes no writes any more: its connections lead to a standby."""
    return any(_code(one) == DEMOTED for one in _chain(exc))


def operation_of(problem: Problem) -> int | None:
    """Give the place, from 0, of the operation of a batch that PostgreSQL refused.

    Source: migrations/0034.batch.sql, which says it in the hint.
    """
    hints = (getattr(one, "hint", None) for one in _chain(problem))
    found = next((hint for hint in hints if hint and hint.startswith("operation ")), None)
    return int(found.removeprefix("operation ")) if found else None


def is_database_failure(exc: BaseException) -> bool:
    """Say whether the driver or the server raised this."""
    return isinstance(
        exc, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError
    )


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Follow causes through exceptions that only wrap another one.

    asyncpg hides the SQLSTATE after a kill behind InterfaceError and 08003. An exception of our
    own raised while one of PostgreSQL's was handled is a defect and is not looked behind.
    """
    found: BaseException | None = exc
    seen: set[int] = set()
    while found is not None and id(found) not in seen and len(seen) < CHAIN_MAX:
        seen.add(id(found))
        yield found
        if isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        elif _wraps(found):
            found = found.__cause__ or found.__context__
        else:
            return


def _wraps(exc: BaseException) -> bool:
    hiding = asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | Problem
    return isinstance(exc, hiding) or (_code(exc) or "")[:2] in LOST_CLASSES


def _code(exc: BaseException) -> str | None:
    code = getattr(exc, "sqlstate", None)
    return code if isinstance(code, str) else None


def _meaning(exc: BaseException, *, committing: bool) -> Problem | None:
    """Classify one link of the chain; None when it does not decide."""
    if isinstance(exc, Problem):
        return exc
    for types, detail, nothing_sent in BY_TYPE:
        if isinstance(exc, types):
            return _lost(detail, committing=committing and not nothing_sent)
    code = _code(exc)
    if code is not None:
        fields = (getattr(exc, name, None) for name in ("message", "detail", "constraint_name"))
        return _from_code(_Diagnosis(code, *fields), committing=committing)
    if isinstance(exc, asyncpg.InterfaceError):
        return _from_interface(str(exc), committing=committing)
    return None


def _lost(detail: str, *, committing: bool) -> Problem:
    return errors.OutcomeUnknown() if committing else errors.Unavailable(detail)


def _from_interface(text: str, *, committing: bool) -> Problem | None:
    """Tell a closed connection from a wrong call: asyncpg's own words are all there is."""
    if "pool is clos" in text:
        return errors.Unavailable("The service is shutting down. Nothing was done: try again.")
    if "clos" in text or "released back to the pool" in text:
        return _lost(GONE, committing=committing)
    return None


class _Diagnosis(NamedTuple):
    code: str
    message: str | None
    detail: str | None
    constraint: str | None


def _from_code(diagnosis: _Diagnosis, *, committing: bool = False) -> Problem:
    code = diagnosis.code
    if code in HOUSE:
        return _house(diagnosis)
    violation = BY_CONSTRAINT.get(diagnosis.constraint or "")
    if violation is not None and code.startswith("23"):
        return _violated(violation)
    if code in SURPRISES or code[:2] in SURPRISES:
        log.warning("unexpected SQLSTATE %s", code)
    if code in BY_CODE:
        problem, detail = BY_CODE[code]
        return problem(detail)
    if code[:2] in LOST_CLASSES:
        return _lost(GONE, committing=committing)
    problem, detail = BY_CLASS.get(code[:2], (errors.Defect, None))
    return problem(detail)


def _violated(violation: Violation) -> Problem:
    at, rule = violation.pointer, violation.rule or violation.problem.slug
    listed = [FieldError(at, rule, violation.message)] if at is not None else ()
    return violation.problem(violation.message, errors=listed)


class _Detail(msgspec.Struct):
    errors: list[FieldError] = []


def _house(diagnosis: _Diagnosis) -> Problem:
    """Turn an error that our own SQL raised into its problem."""
    problem = HOUSE[diagnosis.code]
    if problem is errors.Defect:
        return errors.Defect()
    if not diagnosis.detail:
        return problem(diagnosis.message)
    try:
        members = msgspec.json.decode(diagnosis.detail, type=dict[str, object])
        listed = msgspec.convert(members, type=_Detail).errors
    except (msgspec.DecodeError, RecursionError):
        log.exception("DETAIL of %s is not the JSON object it should be", diagnosis.code)
        return problem(diagnosis.message)
    members.pop("errors", None)
    return problem(diagnosis.message, errors=listed, extensions=members)
