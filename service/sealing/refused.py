"""Why the leader of the log goes no further, in words with the way out."""

from typing import Final

from service.refusal import Refusal

REASONS: Final = (
    "rollback",
    "fork",
    "origin",
    "system-identifier",
    "entry-hash",
    "missing-entry",
    "positions",
    "tiles",
    "checkpoint",
    "state",
    "key",
)
"""Every reason there is, as metrics and `/readyz` name it; docs/audit.md has a heading for each."""


class LogRefused(Refusal):
    """The log is not as it was left: nothing is placed, nothing is signed."""

    exit_code = 1

    def __init__(self, reason: str, wrong: str, way_out: str) -> None:
        super().__init__(wrong, way_out)
        self.reason = reason


REBASE: Final = (
    "Find out what happened. If the database was restored or failed over on purpose, take the log "
    "up again with `plant audit rebase`."
)
RESTORE: Final = (
    "`plant audit verify` says what else is damaged. Put back what was there from a back-up or a "
    "standby; the log then goes on by itself."
)
