"""A clock that tests set forward, for the service that they serve."""

from datetime import UTC, datetime, timedelta

from service.http.clock import Clock


class Moved(Clock):
    """The time, as far ahead as it was set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return the time of day, moved."""
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        """Return the seconds of the machine, moved."""
        return super().monotonic() + self.ahead.total_seconds()
