"""What witnesses have signed, as the database has it."""

from collections.abc import Sequence
from typing import Final

from service.proof.fault import ProofError
from service.proof.keys import VerifierKey
from service.proof.note import add_signatures, verify_cosignatures
from service.repository.verify_rows import CosignatureRow
from service.verify.damage import Place, found
from service.verify.verdict import Verdict

NO_LINE: Final = "there is no checkpoint of this size, or no line of this witness"


class Cosigned:
    """Checks cosignatures of witnesses that are pinned; `strangers` counts those of others."""

    def __init__(self, verdict: Verdict, witnesses: Sequence[VerifierKey]) -> None:
        self._verdict = verdict
        self._witnesses = {key.name: key for key in witnesses}
        self.count = self.strangers = 0
        self._latest: dict[str, int] = {}

    def along(self, rows: Sequence[CosignatureRow]) -> None:
        """Check some."""
        for row in rows:
            key = self._witnesses.get(row.witness)
            if key is None:
                self.strangers += 1
                continue
            self.count += 1
            wrong = _wrong(row, key)
            if wrong is None:
                self._latest[row.witness] = row.size
            else:
                message = f"The cosignature of {row.witness} for {row.size} entries: {wrong}"
                self._verdict.add(found("cosignature", Place(), message))

    def end(self) -> None:
        """Say how far each pinned witness has seen the log."""
        for name in self._witnesses:
            seen = self._latest.get(name)
            self._verdict.notes.append(
                f"the witness {name} has signed nothing here"
                if seen is None
                else f"the witness {name} has signed that the log had {seen:,} entries"
            )


def _wrong(row: CosignatureRow, key: VerifierKey) -> str | None:
    """Say what is wrong with a cosignature, None when it is right."""
    if row.note is None:
        return NO_LINE
    try:
        times = verify_cosignatures(add_signatures(row.note, row.line), [key])
    except ProofError as error:
        return str(error)
    return None if times else NO_LINE
