"""What may be asked of the past, and what is refused by name."""

from datetime import UTC, datetime

import pytest

from service.errors import InvalidParameter, UnknownParameter
from service.model.history import VERSION_MAX, AtTime, AtVersion, compared, moment
from service.model.kinds import KINDS
from service.model.query import list_query, page_query

SKILLS = KINDS["skills"]
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
ODD_NUMBERS = [
    "0", "-1", "+1", "1.5", "1.0", "1e3", "", " 1", "0x1", "one", "²", "٣", "1\x00", "1,2",
    "latest", str(2**31), str(2**63), str(10**30), "9" * 5000,
]  # fmt: skip


def test_no_parameter_means_now() -> None:
    """Without version and as_of the present is asked for."""
    assert moment("") is None


def test_a_version_or_a_time() -> None:
    """Each is read as what it is; a plus sign has to be escaped."""
    assert AtVersion(1) == moment("version=1")
    assert AtVersion(VERSION_MAX) == moment(f"version={VERSION_MAX}")
    assert AtTime(NOON) == moment("as_of=2025-03-01T12:00:00Z")
    assert AtTime(NOON) == moment("as_of=2025-03-01T13%3A00%3A00%2B01:00")


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_a_version_is_a_whole_number_from_one(number: str) -> None:
    """Whatever else is given, the parameter is named and its bounds are said."""
    for name, read in (
        ("version", moment),
        ("from", lambda raw: compared(f"{raw}&to=1")),
        ("to", lambda raw: compared(f"{raw}&from=1")),
    ):
        given = number.replace("+", "%2B")
        with pytest.raises(InvalidParameter, match=f"{name} must be a whole number from 1 to") as e:
            read(f"{name}={given}")
        assert name == e.value.extensions["parameter"]


@pytest.mark.parametrize(
    "raw,parameter,words",
    [
        ("version=1&version=1", "version", "more than once"),
        ("as_of=2025-03-01T12:00:00Z&as_of=2025-03-01T12:00:00Z", "as_of", "more than once"),
        ("version=1&as_of=2025-03-01T12:00:00Z", "as_of", "exclude each other"),
        ("as_of=x&version=x", "as_of", "exclude each other"),
        ("as_of=2025-03-01T13:00:00+01:00", "as_of", r"\+ is %2B"),
        ("as_of=position:7", "as_of", "takes no position"),
    ],
)
def test_one_moment_is_asked_for(raw: str, parameter: str, words: str) -> None:
    """Two moments, or what is none, are refused."""
    with pytest.raises(InvalidParameter, match=words) as raised:
        moment(raw)

    assert parameter == raised.value.extensions["parameter"]


@pytest.mark.parametrize(
    "read,known",
    [
        (moment, ["as_of", "version"]),
        (page_query, ["cursor", "limit"]),
        (compared, ["from", "to"]),
    ],
)
def test_nothing_else_is_known(read: object, known: list[str]) -> None:
    """An unknown name is refused with those that there are."""
    for raw in ("x=1", "Version=1", "status=draft", "versions=1&version=1", "from%00=1", "=1"):
        with pytest.raises(UnknownParameter) as raised:
            read(raw)  # type: ignore[operator]
        assert known == raised.value.extensions["allowed"]


def test_versions_are_paged() -> None:
    """50 unless a limit is given; a cursor pins tenant, kind and entity."""
    query = page_query("limit=200&cursor=abc")

    assert (200, "abc") == (query.limit, query.cursor)
    assert (50, None) == (page_query("").limit, page_query("").cursor)
    one, other = (
        query.listing("t", "skill", "a", "version"),
        query.listing("t", "skill", "b", "version"),
    )
    assert one != other
    assert one == page_query("").listing("t", "skill", "a", "version")
    for odd in ("limit=0", "limit=201", "limit=x", "limit=1&limit=1", "cursor=a&cursor=b"):
        with pytest.raises(InvalidParameter):
            page_query(odd)


def test_both_versions_are_needed() -> None:
    """Nothing is guessed: the refusal names what is missing; the order is free."""
    assert (3, 1) == compared("from=3&to=1")
    for raw, missing in (("", "from and to"), ("to=1", "from"), ("from=1", "to")):
        with pytest.raises(InvalidParameter, match=f"^{missing} missing: ") as raised:
            compared(raw)
        assert missing.split()[0] == raised.value.extensions["parameter"]


class TestLists:
    """GET /v1/{kinds}?as_of=: a time and a state."""

    def test_a_time_and_a_state(self) -> None:
        """A list of the past filters by status; both are pinned, in one spelling."""
        query = list_query("as_of=2025-03-01T13:00:00%2B01:00&status=draft&limit=5", SKILLS)
        again = list_query("status=draft&as_of=2025-03-01t12:00:00.000000z", SKILLS)

        assert (NOON, {"status": ("draft",)}, "id") == (query.as_of, query.filters, query.order)
        assert {"status": ("draft",), "as_of": ("2025-03-01T12:00:00.000000Z",)} == query.pinned
        assert query.listing("t") == again.listing("t")
        assert query.listing("t") != list_query("status=draft", SKILLS).listing("t")

    @pytest.mark.parametrize("kind", KINDS)
    def test_other_filters_are_refused_by_name(self, kind: str) -> None:
        """What the log cannot be asked for is named, all of it."""
        every = sorted(KINDS[kind].filters - {"status"})
        asked = "&".join(f"{name}=x" for name in every)
        with pytest.raises(InvalidParameter) as raised:
            list_query(f"as_of=2025-03-01T12:00:00Z&status=draft&{asked}", KINDS[kind])

        assert f"not by {', '.join(every)}." in raised.value.detail
        assert ["status"] == raised.value.extensions["allowed"]
        assert every[0] == raised.value.extensions["parameter"]

    def test_a_time_is_given_once(self) -> None:
        """Two times are none."""
        with pytest.raises(InvalidParameter, match="more than once"):
            list_query("as_of=2025-03-01T12:00:00Z&as_of=2025-03-01T12:00:00Z", SKILLS)
