"""What docs/errors.md says, read by those who hold it against the service."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/errors.md"


def sections() -> dict[str, str]:
    """Give the sections of docs/errors.md that are about one problem type."""
    parts = re.split(r"^### (\S+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def conflicts() -> str:
    """Give the chapter about conflicts."""
    return PAGE.read_text(encoding="utf-8").partition("## Conflicts")[2].partition("\n## ")[0]


def rules_listed(text: str) -> set[str]:
    """Give the rules in the first columns of the tables of a text."""
    cells = re.findall(r"^\| (`[A-Za-z0-9`, -]+`) \|", text, re.MULTILINE)
    return {rule for cell in cells for rule in re.findall("`([A-Za-z0-9-]+)`", cell)}
