"""The table of attacks as a page: `python -m tests.attacks.page > docs/attacks.md`."""

import inspect
import sys
from pathlib import Path
from typing import Final

from tests.attacks.table import ATTACKS, Attack

FORM: Final = Path(__file__).with_name("page.txt")


def page() -> str:
    """Write the page."""
    rows = "".join(map(_row, ATTACKS))
    return FORM.read_text(encoding="utf-8").replace("{rows}", rows)


def _row(attack: Attack) -> str:
    said = inspect.getdoc(attack.deed) or ""
    first = " ".join(said.partition("\n\n")[0].split())
    cells = (
        f"**{attack.deed.__name__.replace('_', ' ')}**: {first[:1].lower()}{first[1:]}",
        attack.who,
        *(", ".join(sorted(kinds)) for kinds in (attack.database, attack.host, attack.held)),
        attack.bundle,
        attack.sealer,
    )
    return f"| {' | '.join(cell or '-' for cell in cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
