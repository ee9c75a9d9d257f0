"""What came of a verification: findings, what was not checked, how much was looked at."""

from collections import Counter
from typing import Any, Final, Literal

from service.verify.damage import Finding
from service.verify.plain import plain

FINDINGS_MAX: Final = 1_000
"""That are kept to be shown; the others are counted."""

Word = Literal["intact", "tampered", "unknown"]
CODES: Final[dict[Word, int]] = {"intact": 0, "tampered": 1, "unknown": 2}


class Verdict:
    """Collects what is found; `notes` are worth knowing and change nothing.

    `intact`: what it comes to, as a sentence, when all is well.
    """

    def __init__(self, intact: str = "everything is as it was sealed.") -> None:
        self._intact = intact
        self.findings: list[Finding] = []
        self.damages = Counter[str]()
        self.unchecked: list[str] = []
        self.notes: list[str] = []
        self.counts: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        self.damages[finding.damage] += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)

    @property
    def word(self) -> Word:
        """Say what it comes to: intact only when all was checked."""
        if self.damages:
            return "tampered"
        return "unknown" if self.unchecked else "intact"

    @property
    def exit_code(self) -> int:
        """Give the code that the command ends with."""
        return CODES[self.word]

    def document(self) -> dict[str, Any]:
        """Give all of it as one document."""
        return {
            "verdict": self.word,
            "findings": self.findings,
            "damages": dict(self.damages),
            "not_checked": self.unchecked,
            "notes": self.notes,
            "counts": self.counts,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def lines(self) -> list[str]:
        """Give all of it for a person: one line per finding, and a summary."""
        lines = [f"tampered: {finding}" for finding in self.findings]
        more = self.damages.total() - len(self.findings)
        if more:
            lines.append(f"… and {more:,} more")
        lines += [f"not checked: {each}" for each in self.unchecked]
        lines += [f"note: {each}" for each in self.notes]
        lines += [self._counted()] if self.counts else []
        lines.append(self._sum())
        return [plain(line) for line in lines]

    def _counted(self) -> str:
        parts = []
        for name, count in self.counts.items():
            took = self.seconds.get(name)
            rate = f" ({count / took:,.0f} a second)" if took and count else ""
            parts.append(f"{count:,} {_named(name, count)}{rate}")
        return f"Looked at {', '.join(parts)}."

    def _sum(self) -> str:
        if self.damages:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.damages.most_common())
            return f"TAMPERED: {kinds}."
        if self.unchecked:
            return "COULD NOT TELL: nothing is damaged in what was checked, and not all was."
        return f"INTACT: {self._intact}"


def _named(name: str, count: int) -> str:
    """Name what was counted, one of it as one."""
    first, *rest = name.split("_")
    if count == 1 and first.endswith("s"):
        first = f"{first[:-3]}y" if first.endswith("ies") else first[:-1]
    return " ".join((first, *rest))
