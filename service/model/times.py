"""Times as requests and answers have them: RFC 3339, to the microsecond."""

import re
from datetime import UTC, datetime
from typing import Final

from service.errors import InvalidParameter, shown

FORM: Final = (
    "a time of RFC 3339 with its offset, as 2025-03-01T12:00:00.123456Z or "
    "2025-03-01T13:00:00%2B01:00 (a + is %2B in a query); years 0001 to 9999, at most six "
    "fractional digits, no leap second"
)
"""What a client may write, in words for a client."""

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d{1,6})?"
    r"(?:[Zz]|([+-](?:[01]\d|2[0-3]):[0-5]\d))",
    re.ASCII,
)


def read_time(text: str) -> datetime | None:
    """Read a time in any offset; None when it is none, or none that a calendar has.

    Source: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    date, time, fraction, offset = found.groups()
    whole = f"{date}T{time}{(fraction or '.').ljust(7, '0')}{offset or '+00:00'}"
    try:
        return datetime.fromisoformat(whole).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_as_of(text: str) -> datetime:
    """Read what `as_of` may be: a time. A place in the log would be read here too.

    Raises: InvalidParameter.
    """
    at = read_time(text)
    if at is not None:
        return at
    if text.startswith("position:"):
        fault = "as_of takes no position: the log of this release gives none. Give a time"
    else:
        fault = f'as_of must be {FORM}; not "{shown(text)}"'
    raise InvalidParameter(f"{fault}.", extensions={"parameter": "as_of"})


def write_time(at: datetime) -> str:
    """Write a time as every answer does: in UTC with six fractional digits."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
