"""Turn the JUnit file of `tox -e nightly` into the page that is committed with its commit."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

OUTCOMES = ("failure", "error", "skipped")


def commit() -> str:
    """Name the commit the tests ran on, and say when the tree had other changes."""
    git = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


def rows(suite: ET.Element) -> list[str]:
    """Give one table row for each test, in the order of the file."""
    table = []
    for case in suite.iter("testcase"):
        outcome = next((word for word in OUTCOMES if case.find(word) is not None), "passed")
        name = f"{case.get('classname')}::{case.get('name')}"
        table.append(f"| `{name}` | {outcome} | {float(case.get('time', '0')):.1f} |")
    return table


def main(source: Path, target: Path) -> int:
    """Write the page; answer 1 when there was no test to report."""
    # The file was written a moment ago by our own pytest run.
    table = rows(ET.parse(source).getroot())  # noqa: S314
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    page = [
        "# The nightly run",
        "",
        f"Commit `{commit()}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}.",
        "",
        "| test | outcome | seconds |",
        "|---|---|---|",
        *table,
    ]
    target.write_text("\n".join(page) + "\n", encoding="utf-8")
    return 0 if table else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
