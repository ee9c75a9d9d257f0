"""What a conversion read, wrote, changed and left out."""

from collections import Counter

from msgspec import Struct

# Every rule the converter applies, in the order of the report.
RULES = {
    "file-absent": "file is not in the folder; the fields it would fill stay out of the lines",
    "line-unreadable": "source line left out: not JSON of the expected shape",
    "line-repeated": "source line left out: its id stands on an earlier line",
    "text-out-of-bounds": "source line left out: name or description missing or too long",
    "name-taken": "written, but a line before it has the same name: the import will refuse it",
    "text-cleaned": "control characters removed or repaired in name or description",
    "alias-cleaned": "alias freed of invisible characters",
    "alias-empty": "alias left out: nothing visible in it",
    "alias-too-long": "alias left out: more than 255 characters",
    "alias-equals-name": "alias left out: equals the name but for case",
    "alias-repeated": "alias left out: equals an earlier one but for case",
    "aliases-too-many": "aliases after the 200th left out",
    "parent-unknown": "parent left out: not in the data",
    "parent-cycle": "parent left out: it would close a cycle",
    "parents-too-many": "parents after the 50th left out",
    "type-absent": "skill without a type: category taken to be technical",
    "seniority-underivable": "occupation without an ISCO major group: no seniority",
    "relation-both": "skill both essential and optional: essential kept",
    "relation-repeated": "relation left out: it stands on an earlier line",
    "relation-unknown-occupation": "relation left out: the occupation is not in the data",
    "relation-unknown-skill": "relation left out: the skill is not in the data",
    "relations-too-many": "relations after the 500th left out, optional ones first",
    "attributes-too-large": "custom attributes left out: more than 32 KiB",
}
# With one of these an entity has no line, though the source has it.
LEFT_OUT = ("line-unreadable", "text-out-of-bounds")
# All are counted; this many of each rule are kept, so that bad input cannot fill the memory.
FINDINGS_KEPT_MAX = 1000
_EXAMPLES_SHOWN = 3


class Finding(Struct, frozen=True, kw_only=True):
    """Name one place of the source where a rule applied."""

    rule: str
    file: str
    line: int = 0
    external_id: str = ""
    detail: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return " ".join(part for part in (place, self.external_id, self.detail) if part)


class Report:
    """Collect the numbers and findings of one conversion while it runs."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.links: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.findings: dict[str, list[Finding]] = {rule: [] for rule in RULES}

    def found(
        self, rule: str, file: str, line: int = 0, external_id: str = "", detail: str = ""
    ) -> None:
        """Count one finding and keep it while there is room."""
        self.counts[rule] += 1
        kept = self.findings[rule]
        if len(kept) < FINDINGS_KEPT_MAX:
            kept.append(
                Finding(rule=rule, file=file, line=line, external_id=external_id, detail=detail)
            )

    def text(self) -> str:
        """Return the report as lines for a person."""
        lines = [f"read     {count:>7,} lines of {file}" for file, count in self.read.items()]
        lines += [f"written  {count:>7,} {kind} lines" for kind, count in self.written.items()]
        lines += [f"         {count:>7,} {name}" for name, count in self.links.items()]
        for rule, meaning in RULES.items():
            if not self.counts[rule]:
                continue
            lines.append(f"found    {self.counts[rule]:>7,} {rule}: {meaning}")
            shown = self.findings[rule][:_EXAMPLES_SHOWN]
            lines += [f"                 {finding}" for finding in shown]
            if self.counts[rule] > len(shown):
                lines.append("                 …")
        return "\n".join(lines) + "\n"
