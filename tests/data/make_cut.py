"""Cut the committed folders of real lines out of the whole data: `python make_cut.py DIR`.

Not a test: it is run when the cut should hold more. Lines are taken over byte for byte.
"""

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Rows = list[tuple[bytes, dict[str, Any]]]

# A few job roles with all that they refer to. The public relations manager has an alias with a
# zero-width space, the pricing specialist a skill both essential and optional.
OCCUPATIONS = {"barista", "pizzaiolo", "kitchen porter", "waiter/waitress", "shelf filler"}
OCCUPATIONS |= {"pricing specialist", "public relations manager"}
# Skills for their oddities: aliases that repeat another or the name, a zero-width space in a
# description.
SKILLS = {"bobath therapy", "theory of constraints", "understand spoken Welsh"}
BRANCHES = ("NACE2:I", "NACE2:56", "NACE2:55.2", "NAICS:72", "NAICS:7225", "NACE2:18.11")


def rows(path: Path) -> Rows:
    """Return the lines of a file with what they hold."""
    return [
        (line, json.loads(line)) for line in gzip.decompress(path.read_bytes()).splitlines(True)
    ]


def write(path: Path, kept: Rows) -> None:
    """Write lines as deterministic gzip."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.writelines(line for line, _ in kept)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed.getvalue())
    sys.stdout.write(f"{path.name}: {len(kept)} lines, {path.stat().st_size} bytes\n")


def closed(ids: set[str], above: dict[str, list[str]]) -> set[str]:
    """Return ids and all above them."""
    waiting = list(ids)
    while waiting:
        new = set(above[waiting.pop()]) - ids
        ids |= new
        waiting += new
    return ids


def cut_current(source: Path, target: Path) -> None:
    """Cut the folder with relations and industries."""
    occupations = rows(source / "occupations.ndjson.gz")
    relations = rows(source / "occupation_skills.ndjson.gz")
    skills = rows(source / "skills.ndjson.gz")
    industries = rows(source / "industries.ndjson.gz")
    kept = {row["id"] for _, row in occupations if row["name"] in OCCUPATIONS}
    needed = {row["skill_id"] for _, row in relations if row["occupation_id"] in kept}
    needed |= {row["id"] for _, row in skills if row["name"] in SKILLS}
    needed = closed(needed, {row["id"]: row["broader"] for _, row in skills})
    above = {row["id"]: [row["parent"]] if row["parent"] else [] for _, row in industries}
    branch = {row["id"] for _, row in industries if row["id"].startswith(BRANCHES)}
    write(target / "occupations.ndjson.gz", [r for r in occupations if r[1]["id"] in kept])
    write(
        target / "occupation_skills.ndjson.gz",
        [r for r in relations if r[1]["occupation_id"] in kept],
    )
    write(target / "skills.ndjson.gz", [r for r in skills if r[1]["id"] in needed])
    write(
        target / "industries.ndjson.gz",
        [r for r in industries if r[1]["id"] in closed(branch, above)],
    )


def cut_earlier(source: Path, target: Path) -> None:
    """Cut the folder of the earlier release: no relations, skills without type, misread UTF-8."""
    occupations = rows(source / "occupations.ndjson.gz")
    misread = [r for r in occupations if "\x80" in r[1]["description"]]
    write(target / "occupations.ndjson.gz", misread[:3])
    skills = rows(source / "skills.ndjson.gz")
    odd = {row["id"] for _, row in skills if row["type"] is None}
    odd = closed(odd, {row["id"]: row["broader"] for _, row in skills})
    write(target / "skills.ndjson.gz", [r for r in skills if r[1]["id"] in odd])


if __name__ == "__main__":
    whole = Path(sys.argv[1])
    cut_current(whole, HERE / "esco-1.2.0-cut")
    cut_earlier(whole / "esco-1.1.1", HERE / "esco-1.1.1-cut")
