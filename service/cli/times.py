"""Times and durations as a person types and reads them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from service.cli.parser import WRONG_USAGE
from service.refusal import Refusal

MOMENT: Final = "%Y-%m-%d %H:%M:%S"
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
OVERLAP_MAX: Final = timedelta(days=366)


class WrongTime(Refusal):
    """It is no time to come, or no duration."""

    exit_code = WRONG_USAGE


def to_come(text: str | None) -> datetime | None:
    """Read a time that has not come yet, as --expires-at takes it.

    Raises: WrongTime.
    """
    at = moment(text, "--expires-at")
    if at is not None and at <= datetime.now(UTC):
        raise WrongTime(f"--expires-at {text} is over.", "Name a time to come.")
    return at


def moment(text: str | None, option: str) -> datetime | None:
    """Read a time of any kind.

    Raises: WrongTime.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise WrongTime(
            f"{option} {text} is no time with an offset.", "Write 2030-01-31T12:00:00Z."
        )
    return at


def duration(text: str) -> timedelta:
    """Read a duration, as --overlap takes it.

    Raises: WrongTime.
    """
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    overlap = timedelta(seconds=int(found[1]) * UNITS[found[2]]) if found else None
    if overlap is None or overlap > OVERLAP_MAX:
        raise WrongTime(f"--overlap {text} is no duration.", "Write 90s, 30m, 24h or 7d.")
    return overlap
