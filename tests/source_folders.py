"""Where tests find ESCO, NACE and NAICS data, and how they write folders of their own."""

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any] | bytes

ROOT = Path(__file__).resolve().parents[1]
CUT = ROOT / "tests" / "data" / "esco-1.2.0-cut"
EARLIER_CUT = ROOT / "tests" / "data" / "esco-1.1.1-cut"
WHOLE = Path(os.environ.get("PLANT_TEST_DATA_DIR", ROOT.parent / "shared" / "data"))
# The cut is always there, the whole data where somebody put them.
FOLDERS = [CUT, *([WHOLE] if (WHOLE / "skills.ndjson.gz").is_file() else [])]


def whole(*parts: str) -> Path:
    """Give a folder of the whole data, which the nightly run has to have.

    Raises: FileNotFoundError, which says how to name it.
    """
    folder = WHOLE.joinpath(*parts)
    if not (folder / "skills.ndjson.gz").is_file():
        raise FileNotFoundError(f"No data in {folder}: set PLANT_TEST_DATA_DIR to its folder.")
    return folder


def read(directory: Path, stem: str) -> list[dict[str, Any]]:
    """Read a source file with the standard library alone."""
    return [json.loads(line) for line in gzip.open(directory / f"{stem}.ndjson.gz")]


def write(directory: Path, stem: str, rows: Iterable[Row]) -> Path:
    """Write a source file; bytes go in as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (directory / f"{stem}.ndjson.gz").write_bytes(gzip.compress(b"".join(x + b"\n" for x in lines)))
    return directory


def skill(name: str, /, **fields: Any) -> dict[str, Any]:
    """Make a skill row whose id is its name."""
    given = {"id": name.replace(" ", "-"), "name": name, "description": f"To {name}."}
    return given | {"type": "skill/competence", "reuse_level": "cross-sector"} | fields


def occupation(name: str, /, **fields: Any) -> dict[str, Any]:
    """Make an occupation row whose id is its name."""
    given = {"id": name.replace(" ", "-"), "name": name, "description": f"People who {name}."}
    return given | {"isco_group": "2512"} | fields


def relation(occupation_id: str, skill_id: str, kind: str = "essential") -> dict[str, Any]:
    """Make a relation row."""
    return {"occupation_id": occupation_id, "skill_id": skill_id, "relation": kind}
