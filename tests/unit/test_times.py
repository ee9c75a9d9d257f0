"""Times are read in every offset and in one form, and written in one form."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.errors import InvalidParameter, shown
from service.model.times import read_as_of, read_time, write_time

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text,read",
    [
        ("2025-03-01T12:00:00Z", NOON),
        ("2025-03-01t12:00:00z", NOON),
        ("2025-03-01T13:30:00+01:30", NOON),
        ("2025-02-28T12:01:00-23:59", NOON),
        ("2025-03-02T11:59:00+23:59", NOON),
        ("2025-03-01T12:00:00-00:00", NOON),
        ("2025-03-01T12:00:00.1Z", NOON.replace(microsecond=100_000)),
        ("2025-03-01T12:00:00.000001Z", NOON.replace(microsecond=1)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_any_offset(text: str, read: datetime) -> None:
    """Letters in either case, up to six fractional digits, every offset there is."""
    assert read == read_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1740830400",
        "2025-03-01",
        "2025-03-01T12:00Z",
        "2025-03-01T12:00:00",
        "2025-03-01T12:00:00 01:00",
        "2025-03-01T12:00:00+0100",
        "2025-03-01T12:00:00+01",
        "2025-03-01T12:00:00+24:00",
        "2025-03-01T12:00:00+01:60",
        "2025-03-01T12:00:00\u221201:00",
        "2025-03-01 12:00:00Z",
        "2025-03-01T12:00:00.Z",
        "2025-03-01T12:00:00.1234567Z",
        "2025-03-01T12:00:00,5Z",
        "2025-03-01T12:00:60Z",
        "2016-12-31T23:59:60Z",
        "2025-03-01T24:00:00Z",
        "2025-03-01T12:60:00Z",
        "2025-02-29T12:00:00Z",
        "2025-13-01T12:00:00Z",
        "2025-00-10T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2025-03-01T12:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2025-W09-6T12:00:00Z",
        "2025-060T12:00:00Z",
        "20250301T120000Z",
        " 2025-03-01T12:00:00Z",
        "2025-03-01T12:00:00Z\n",
        "2025-03-01T12:00:00Z\x00",
        "\u0662025-03-01T12:00:00Z",
        "2025-03-01T12:00:0\u0660Z",
        "2025-03-01T12:00:00Zulu",
        "infinity",
        "-infinity",
        "epoch",
    ],
)
def test_what_is_no_time_of_rfc_3339_is_refused(text: str) -> None:
    """Neither half a time nor one that no calendar has; the refusal says what is taken."""
    assert read_time(text) is None
    with pytest.raises(InvalidParameter, match="as_of must be a time of RFC 3339") as raised:
        read_as_of(text)

    assert "as_of" == raised.value.extensions["parameter"]
    assert f'; not "{shown(text)}".' in raised.value.detail


@pytest.mark.parametrize("text", ["position:1", "position:", "position:-1", "position:x"])
def test_positions_are_refused_as_what_they_are(text: str) -> None:
    """A place in the log is no badly written time: the refusal says that there is none."""
    with pytest.raises(InvalidParameter, match="takes no position") as raised:
        read_as_of(text)

    assert "as_of" == raised.value.extensions["parameter"]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_again(seed: int) -> None:
    """Six digits and a Z, also where the fraction is nought or the year is short."""
    chance = random.Random(seed)
    at = datetime.min.replace(tzinfo=UTC) + timedelta(
        days=chance.randrange(3_650_000),
        microseconds=chance.choice([0, 1, 10, chance.randrange(86_400_000_000)]),
    )
    zone = timezone(timedelta(minutes=chance.randrange(1, 1439)))
    text = write_time(at.astimezone(zone))

    assert 27 == len(text)
    assert text.endswith("Z")
    assert at == read_time(text)
