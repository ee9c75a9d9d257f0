"""What PostgreSQL and asyncpg raise becomes the right problem, and tells nothing it should not."""

import asyncio
import re
from collections.abc import Callable
from itertools import pairwise

import asyncpg
import pytest

from service import errors
from service.constraints import BY_CONSTRAINT, HOUSE, Violation
from service.errors import Problem
from service.sqlstate import classify, from_diagnostics, is_database_failure, retry_kind

ROW = "Failing row contains (secret, another column)."


def server_error(code: str, message: str = "raw message", **fields: str) -> Exception:
    """Make an error as asyncpg makes it from what the server sends."""
    letters = {"detail": "D", "constraint": "n", "function": "R"}
    sent = {letters[name]: value for name, value in fields.items()}
    error: Exception = asyncpg.PostgresError.new({"C": code, "M": message, "S": "ERROR"} | sent)
    return error


def chained(*exceptions: BaseException) -> BaseException:
    """Make each exception the cause of the one before."""
    for outer, inner in pairwise(exceptions):
        outer.__cause__ = inner
    return exceptions[0]


def closed() -> BaseException:
    """Make what a transaction block raises after its connection was killed."""
    words = "cannot call Transaction.__aexit__(): the underlying connection is closed"
    return chained(asyncpg.InterfaceError(words), server_error("08003"), server_error("25P04"))


@pytest.mark.parametrize(
    "code,problem",
    [
        ("22021", errors.InvalidBody),
        ("22P02", errors.InvalidBody),
        ("22P05", errors.InvalidBody),
        ("22003", errors.InvalidBody),
        ("22012", errors.Defect),
        ("23502", errors.InvalidBody),
        ("23503", errors.Conflict),
        ("23505", errors.Conflict),
        ("23514", errors.InvalidBody),
        ("23P01", errors.Conflict),
        ("23001", errors.InUse),
        ("25006", errors.Unavailable),
        ("28P01", errors.Unavailable),
        ("3D000", errors.Unavailable),
        ("40001", errors.Unavailable),
        ("40003", errors.OutcomeUnknown),
        ("40P01", errors.Unavailable),
        ("42501", errors.ScopeMissing),
        ("53100", errors.Unavailable),
        ("53300", errors.Unavailable),
        ("53400", errors.Unavailable),
        ("54001", errors.InvalidBody),
        ("55P03", errors.Unavailable),
        ("57014", errors.Unavailable),
        ("57P01", errors.Unavailable),
        ("57P03", errors.Unavailable),
        ("08003", errors.Unavailable),
        ("08007", errors.OutcomeUnknown),
        ("58030", errors.Unavailable),
        ("42703", errors.Defect),
        ("42P01", errors.Defect),
        ("42704", errors.Defect),
        ("25P02", errors.Defect),
        ("26000", errors.Defect),
        ("0A000", errors.Defect),
        ("P0001", errors.Defect),
        ("XX000", errors.Defect),
        ("PL099", errors.Defect),
    ],
)
def test_a_code_has_its_problem(code: str, problem: type[Problem]) -> None:
    """Each SQLSTATE of the fault table has the problem that the table gives it."""
    assert problem is type(classify(server_error(code)))


@pytest.mark.parametrize("code,problem", HOUSE.items())
def test_our_own_codes_have_their_problems(code: str, problem: type[Problem]) -> None:
    """PL001 and those after it each have a class of their own."""
    assert problem is type(classify(server_error(code)))


def test_our_own_codes_are_numbered() -> None:
    """The codes count up from PL001, in order, and stand for different problems."""
    assert sorted(HOUSE) == list(HOUSE)
    assert "PL001" == next(iter(HOUSE))
    assert all(re.fullmatch(r"PL\d{3}", code) for code in HOUSE)
    assert len(set(HOUSE.values())) == len(HOUSE)


def test_our_own_message_and_detail_reach_the_client() -> None:
    """MESSAGE is the detail, the members of DETAIL are extensions, its errors the errors."""
    listed = '[{"pointer": "/to", "rule": "step", "message": "no"}]'
    detail = f'{{"allowed": ["certified"], "errors": {listed}}}'
    problem = classify(server_error("PL003", "A draft cannot be certified.", detail=detail))

    assert problem.detail == "A draft cannot be certified."
    assert problem.extensions == {"allowed": ["certified"]}
    assert problem.errors == (errors.FieldError("/to", "step", "no"),)


@pytest.mark.parametrize("detail", ["no json", "[1]", '{"errors": 5}', '{"errors": [{}]}', '{"a'])
def test_a_detail_that_is_not_ours_is_not_shown(
    detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    """DETAIL that is not the object it should be is logged, and the answer goes without it."""
    problem = classify(server_error("PL001", "Not there.", detail=detail))

    assert type(problem) is errors.NotFound
    assert problem.members() == errors.NotFound("Not there.").members()
    assert "PL001" in caplog.text


def test_append_only_is_a_defect_without_words() -> None:
    """What the API must never provoke is answered like any other defect."""
    problem = classify(server_error("PL013", "audit.entry is append-only", detail='{"a": 1}'))

    assert problem.members() == errors.Defect().members()


def test_nothing_of_the_server_is_shown() -> None:
    """Neither message nor detail of an error that is not ours reaches the members."""
    for code in ("23514", "23505", "22P02", "42501", "XX000", "57014", "53100"):
        shown = str(classify(server_error(code, "raw message", detail=ROW)).members())
        assert "raw" not in shown
        assert "secret" not in shown


def test_a_constraint_speaks_before_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A violation of a known constraint has the meaning and the field that the table gives."""
    meaning = Violation(errors.NameTaken, "A skill has this name.", "/name")
    monkeypatch.setitem(BY_CONSTRAINT, "base_entity_name_key", meaning)
    problem = classify(server_error("23505", constraint="base_entity_name_key", detail=ROW))

    assert type(problem) is errors.NameTaken
    assert problem.detail == "A skill has this name."
    assert problem.errors == (errors.FieldError("/name", "name-taken", "A skill has this name."),)


def test_a_constraint_without_a_field_lists_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no single field is to blame there is no pointer."""
    monkeypatch.setitem(BY_CONSTRAINT, "cycle", Violation(errors.ParentCycle, "A cycle."))

    assert () == classify(server_error("23514", constraint="cycle")).errors


@pytest.mark.parametrize(
    "stored,expected",
    [
        (
            {"sqlstate": "PL012", "message": "A circle.", "detail": '{"line": 3}'},
            errors.ParentCycle("A circle.", extensions={"line": 3}),
        ),
        (
            {"sqlstate": "23505", "constraint": "industry_entity_code_key", "detail": ROW},
            classify(server_error("23505", constraint="industry_entity_code_key")),
        ),
        ({"sqlstate": "23514", "message": "raw", "detail": ROW}, classify(server_error("23514"))),
        ({"sqlstate": "XX000", "message": "raw", "detail": None}, errors.Defect()),
    ],
)
def test_an_error_that_sql_kept_means_the_same(stored: dict[str, str], expected: Problem) -> None:
    """Diagnostics of a line of an import are read by the same tables."""
    assert expected.members() == from_diagnostics(stored).members()


LOST: dict[str, Callable[[], BaseException]] = {
    "killed during a query": lambda: chained(server_error("08003"), server_error("57P01")),
    "connection reset": lambda: chained(server_error("08003"), ConnectionResetError()),
    "killed in a transaction block": closed,
    "reply lost": TimeoutError,
    "asyncio's own timeout": asyncio.TimeoutError,
    "released": lambda: asyncpg.InterfaceError(
        "cannot call Connection.fetch(): connection has been released back to the pool"
    ),
    "state machine": lambda: asyncpg.InternalClientError("cannot switch to state 15"),
    "in a group": lambda: BaseExceptionGroup("several", [TimeoutError()]),
}


@pytest.mark.parametrize("make", LOST.values(), ids=LOST)
def test_a_lost_connection_is_unavailable_before_commit(make: Callable[[], BaseException]) -> None:
    """Before COMMIT was sent nothing was done: 503."""
    assert errors.Unavailable is type(classify(make()))


@pytest.mark.parametrize("make", LOST.values(), ids=LOST)
def test_a_lost_commit_has_no_known_outcome(make: Callable[[], BaseException]) -> None:
    """Once COMMIT may have been sent nobody knows: 504."""
    assert errors.OutcomeUnknown is type(classify(make(), committing=True))


KNOWN: dict[str, Callable[[], BaseException]] = {
    "refused": ConnectionRefusedError,
    "no socket": FileNotFoundError,
    "starting": lambda: server_error("57P03"),
    "too many": lambda: server_error("53300"),
    "serialization": lambda: server_error("40001"),
    "cancelled statement": lambda: server_error("57014"),
    "closing": lambda: asyncpg.InterfaceError("pool is closing"),
    "migrated": lambda: server_error("0A000", function="RevalidateCachedQuery"),
}


@pytest.mark.parametrize("make", KNOWN.values(), ids=KNOWN)
def test_a_failure_that_certainly_did_nothing_is_never_unknown(
    make: Callable[[], BaseException],
) -> None:
    """What was refused, or rolled back by the server's own word, is 503 also at COMMIT."""
    assert errors.Unavailable is type(classify(make(), committing=True))


@pytest.mark.parametrize("make", (KNOWN | LOST).values(), ids=KNOWN | LOST)
def test_what_is_unavailable_says_what_to_do(make: Callable[[], BaseException]) -> None:
    """What was stopped, too."""
    assert "try again" in classify(make()).detail


def test_a_wrong_call_of_the_driver_is_a_defect() -> None:
    """InterfaceError that is no closed connection is a mistake of ours."""
    wrong = asyncpg.InterfaceError("cannot perform operation: another operation is in progress")

    assert errors.Defect is type(classify(wrong))
    assert errors.Defect is type(classify(wrong, committing=True))


def test_a_mistake_made_while_handling_an_error_is_a_defect() -> None:
    """A KeyError in the wake of a unique violation is not reported as a conflict."""
    mistake = chained(KeyError("x"), server_error("23505"))

    assert errors.Defect is type(classify(mistake))


def test_a_problem_stays_itself() -> None:
    """What is classified already is returned as it is."""
    problem = errors.NotFound()

    assert classify(problem) is problem


def test_a_problem_keeps_what_caused_it() -> None:
    """The cause is there for the log."""
    cause = server_error("XX000")

    assert cause is classify(cause).__cause__


def test_a_ring_of_causes_ends() -> None:
    """Exceptions that cause each other are walked once."""
    first, second = asyncpg.InterfaceError("odd"), asyncpg.InterfaceError("odd too")
    first.__cause__, second.__cause__ = second, first

    assert errors.Defect is type(classify(first))
    assert retry_kind(first) is None


@pytest.mark.parametrize(
    "exc,expected",
    [
        (server_error("40001"), "serialization_failure"),
        (server_error("40P01"), "deadlock"),
        (
            chained(asyncpg.InterfaceError("connection is closed"), server_error("40001")),
            "serialization_failure",
        ),
        (server_error("0A000", function="RevalidateCachedQuery"), "stale_plan"),
        (asyncpg.OutdatedSchemaCacheError("changed"), "stale_plan"),
        (classify(server_error("40001")), "serialization_failure"),
        (server_error("0A000"), None),
        (server_error("55P03"), None),
        (server_error("57014"), None),
        (server_error("23505"), None),
        (server_error("08003"), None),
        (TimeoutError(), None),
        (chained(KeyError(), server_error("40001")), None),
        (errors.NotFound(), None),
    ],
)
def test_only_harmless_repetition_is_offered(exc: BaseException, expected: str | None) -> None:
    """Serialization failures, deadlocks and stale plans are repeated, nothing else."""
    assert expected == retry_kind(exc)


def test_database_failures_are_told_from_others() -> None:
    """The driver's and the server's errors are theirs, a lost client is not."""
    assert is_database_failure(server_error("23505"))
    assert is_database_failure(asyncpg.InterfaceError("x"))
    assert is_database_failure(asyncpg.InternalClientError("x"))
    assert not is_database_failure(ConnectionResetError())
    assert not is_database_failure(TimeoutError())


@pytest.mark.parametrize("code", ["42501", "22P02", "54001"])
def test_what_validation_should_prevent_is_logged(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that only PostgreSQL refused leaves a line without its content."""
    classify(server_error(code, "raw message", detail=ROW))

    assert code in caplog.text
    assert "secret" not in caplog.text
    assert "raw" not in caplog.text
