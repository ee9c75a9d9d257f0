"""A sequencer that fell behind by the whole history, and catches up."""

from statistics import median

from bench.audit.session import Session
from bench.result import Outcome, Row


def measure(session: Session) -> Outcome:
    """Measure how fast the history was placed and sealed, which was done in making it."""
    _, caught = session.history
    stretches = caught.between()
    return Outcome(
        [
            Row(
                what="catch-up, every hash checked",
                value=caught.rate,
                unit="entries/s",
                least=25_000,
                how=f"`plant worker` is started behind {session.scale.entries:,} entries; on the "
                "clock from the last look at which none had a place to the first at which a "
                "signed checkpoint covered all. Every entry's hash is computed from its columns.",
                beside=f"in the middle second {median(stretches):,.0f}; research: 25,000 to 36,000"
                if stretches
                else "",
            )
        ],
        {"looks": caught.looks, "entries_s": stretches},
    )
