"""The queries: aliases of ESCO, drawn once and committed.

`python -m bench.relevance.queries DIR` draws them again from a folder of ESCO files. Drawn are
aliases at random, each as likely as any other. One that another entity of its kind bears too, as
name or alias, has no right answer: it is kept, marked `shared`, and counted apart.
"""

import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from service.convert.esco import convert
from service.convert.lines import JobRoleLine, SkillLine
from service.convert.text import caseless

FILE: Final = Path(__file__).with_name("queries.json")
SEED: Final = 7
COUNTS: Final = {"skill": 1_000, "job_role": 300}
"""Drawn of each kind, those that are shared left aside."""


class Query(Struct, frozen=True, omit_defaults=True):
    """An alias, and the external id of the one entity that it was drawn from."""

    id: str
    alias: str
    shared: bool = False

    @property
    def kind(self) -> str:
        """Tell what is looked for."""
        return "skill" if self.id.startswith("esco:skill:") else "job_role"


class Queries(Struct, frozen=True):
    """What the file holds."""

    notice: str
    seed: int
    queries: list[Query]


def load() -> list[Query]:
    """Read the committed queries."""
    return msgspec.json.decode(FILE.read_bytes(), type=Queries).queries


def draw(directory: Path) -> list[Query]:
    """Draw them from a folder."""
    lines = [one for one in convert(directory) if isinstance(one, (SkillLine, JobRoleLine))]
    drawn = []
    for kind, line_type in (("skill", SkillLine), ("job_role", JobRoleLine)):
        mine = [line for line in lines if isinstance(line, line_type)]
        bearers: defaultdict[str, set[str]] = defaultdict(set)
        aliases = []
        for line in mine:
            own = [] if line.aliases is UNSET else line.aliases
            aliases += [(line.external_id, alias) for alias in own]
            for text in (line.name, *own):
                bearers[caseless(text)].add(line.external_id)
        random.Random(SEED).shuffle(aliases)  # noqa: S311 - repeatable
        wanted = COUNTS[kind]
        for external_id, alias in aliases:
            shared = len(bearers[caseless(alias)]) > 1
            drawn.append(Query(external_id, alias, shared))
            wanted -= not shared
            if not wanted:
                break
    return drawn


def main(arguments: list[str]) -> int:
    """Write the file again."""
    notice = (
        "Alternative labels of ESCO 1.2.0, a selection. This service uses the ESCO classification "
        "of the European Commission: see DATA-LICENSES.md."
    )
    drawn = Queries(notice, SEED, draw(Path(*arguments)))
    lines = [msgspec.json.encode(one).decode() for one in drawn.queries]
    head = msgspec.json.encode({"notice": notice, "seed": SEED}).decode()[:-1]
    text = head + ',"queries":[\n' + ",\n".join(lines) + "\n]}\n"
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
