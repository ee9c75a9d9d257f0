"""How the log stands, as this process knows it: for metrics, `/readyz` and whoever is on call."""

import logging
import time
from collections import Counter
from typing import Final, Literal

from service.repository.sealing import Report
from service.sealing.refused import LogRefused

log = logging.getLogger(__name__)

ALARM_S: Final = 5.0
"""An entry that waits longer for its place is an alarm."""

ANSWERS: Final = ("signed", "behind", "refused", "failed")
"""What comes of asking a witness. `behind`: it has signed another size than was thought, and is
asked again; `failed`: it could not be reached, or what came was no answer."""

Role = Literal["leader", "follower", "off"]


class Witnessed:
    """What came of asking one witness; `size` is that of the last checkpoint that it signed."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = Counter[str]()
        self.size = 0


class Standing:
    """Written by the background work of one process, read by its HTTP side.

    `role`: `off` where this process takes no part, or has no connection for it just now.
    Units: seconds. `seals` and `seal_s` count and add up what was sealed here.
    """

    def __init__(self) -> None:
        self.role: Role = "off"
        self.size = 0
        self.positions = 0
        self.waiting_s: float | None = None
        self.refused: str | None = None
        self.refusals = Counter[str]()
        self.seals = 0
        self.seal_s = 0.0
        self.witnesses: dict[str, Witnessed] = {}
        self._said: str | None = None
        self._alarmed = False
        self._patient_until = float("-inf")

    def begin(self) -> None:
        """Begin to lead: what has come to wait while nobody did is given the time of an alarm."""
        if self.waiting_s is None:
            self._patient_until = time.monotonic() + ALARM_S

    def note(self, report: Report) -> None:
        """Note how far the log is; an entry that waits too long is said once."""
        self.positions, self.size, self.waiting_s = (
            report.positions,
            report.size,
            report.waiting_s,
        )
        waits = report.waiting_s is not None and report.waiting_s > ALARM_S
        if waits and not self._alarmed:
            if time.monotonic() < self._patient_until:
                return
            log.critical(
                "an entry has waited %.0f s for its place in the log%s",
                report.waiting_s,
                f" (refused: {self.refused})" if self.refused else "",
            )
        elif self._alarmed and not waits:
            log.warning("entries get their places in the log again")
        self._alarmed = waits

    def sealed(self, size: int, positions: int, took_s: float) -> None:
        """Note a checkpoint."""
        self.size, self.positions = size, positions
        self.seals += 1
        self.seal_s += took_s

    def witness(self, name: str) -> Witnessed:
        """Give what is known of a witness; it stays what it was when another leader begins."""
        return self.witnesses.setdefault(name, Witnessed())

    def refuse(self, refusal: LogRefused) -> None:
        """Count a refusal, and say it with the way out when it is a new one."""
        self.refusals[refusal.reason] += 1
        self.refused = refusal.reason
        if self._said != str(refusal):
            log.critical("the log is not continued (%s): %s", refusal.reason, refusal)
            self._said = str(refusal)

    def go_on(self) -> None:
        """Note that nothing is refused any more."""
        if self.refused is not None:
            log.warning("the log is continued; it was not, because of: %s", self.refused)
        self.refused = self._said = None

    def shown(self) -> dict[str, object]:
        """Give what `/readyz` reports."""
        return {
            "role": self.role,
            "size": self.size,
            "positions": self.positions,
            "waiting_s": None if self.waiting_s is None else round(self.waiting_s, 3),
            "refused": self.refused,
        }
