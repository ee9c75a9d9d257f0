"""Owns what `plant migrate` and `plant sql` refuse, as words with a way out."""

from service.refusal import Refusal


class Refused(Refusal):
    """The answer is no: files and database do not fit, or a statement failed."""

    exit_code = 1


class BadMigrations(Refused):
    """Migration files break the rules; the message has a line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults) + "\n", "Correct the files under migrations/.")
        self.faults = tuple(faults)


class Failed(Refused):
    """A statement failed; its transaction left nothing behind."""


class Unreachable(Refusal):
    """The server cannot be asked: wrong address, wrong password, or it went away."""
