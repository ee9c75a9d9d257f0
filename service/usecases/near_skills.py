"""Which skills in force a phrase, or another skill, may stand for: by meaning and by words."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from service.model.search import IN_FORCE
from service.model.vector import wire
from service.repository.base import Context, Repository
from service.repository.match import (
    MatchSkillsExact,
    MatchSkillsNear,
    NamedSkill,
    NearSkill,
)
from service.usecases.breadth import Breadths, Filters
from service.usecases.probes import CALLER, WORDS, Meaning, Probe, Words, asker

LEAST_MEANT: Final = 0.70
LEAST_SPELLED: Final = 0.65
"""From where on two count as near. Of aliases of ESCO's skills, left out one at a time, 94 of a
hundred are as near to their skill, and with higher ones fewer job roles are found; without a model
81 of a hundred are."""

STANDS_FOR_MAX: Final = 5
"""Skills that one phrase, or one skill, stands for besides itself."""

LABELS_MAX: Final = 60
"""Labels that an index is asked for: several may be of one skill."""

TOGETHER: Final = 10
"""Probes of one statement: each may take it some tens of milliseconds, and whoever else searches
has a turn in between."""

EXACT_MAX: Final = 10_000
"""Labels of skills that are all compared, more in a large table (Breadths); of still more an index
gives the nearest."""

SKILLS: Final = Filters(kinds=("skill",), statuses=IN_FORCE)


class Asked(Probe, frozen=True):
    """What skills are compared with: a phrase, or the skill with this id."""

    text: str | None = None
    skill_id: UUID | None = None

    @property
    def least(self) -> float:
        """Give from where on something is near to it."""
        return LEAST_SPELLED if self.vector is None else LEAST_MEANT


class NearSkills:
    """Finds near skills; without `meaning` by words alone. `model` is that of `meaning`."""

    def __init__(
        self,
        words: Words,
        meaning: Meaning | None,
        model: str,
        *,
        exact_max: int = EXACT_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._words = words
        self._meaning = meaning
        self._breadths = Breadths(exact_max, monotonic)
        self._models = (CALLER,) if meaning is None else (model, CALLER)

    async def phrases(self, context: Context, texts: Iterable[str]) -> list[Asked]:
        """Make probes of phrases, one vector after the other: one thread computes them all.

        Raises: Unavailable.
        """
        whose = asker(context)
        made: list[Asked] = []
        for text in texts:
            meant = None
            if self._meaning is not None:
                meant = wire(await self._meaning.vector(text, whose))
            # Of some texts they take 20 ms, which a loop that all wait for has not.
            spelled = await asyncio.to_thread(self._words.embed, [text])
            made.append(Asked(meant, wire(spelled), text=text))
        return made

    def skill(self, skill: NamedSkill) -> Asked:
        """Make a probe of a skill: its words where its vector is of no model that is known."""
        if skill.embedder in self._models:
            return Asked(skill.embedding_384, None, skill_id=skill.id)
        return Asked(None, skill.lexical_384, skill_id=skill.id)

    async def near(
        self, repository: Repository, context: Context, probes: Sequence[Asked]
    ) -> list[list[NearSkill]]:
        """Find the few skills that are nearest to each probe, itself left out, nearest first."""
        found: list[list[NearSkill]] = [[] for _ in probes]
        if not probes:
            return found
        breadth = await self._breadths.of(repository, context, SKILLS)
        for begin in range(0, len(probes), TOGETHER):
            part = probes[begin : begin + TOGETHER]
            nearest = {} if breadth.small else await self._led(repository, context, part)
            left = [nth for nth in range(len(part)) if nth not in nearest]
            if left:
                query = self._exact([part[nth] for nth in left])
                for row in await repository.many(query, context):
                    nearest.setdefault(left[row.nth - 1], []).append(row)
            for nth, rows in nearest.items():
                others = [row for row in rows if row.skill_id != part[nth].skill_id]
                found[begin + nth] = others[:STANDS_FOR_MAX]
        return found

    async def _led(
        self, repository: Repository, context: Context, probes: Sequence[Asked]
    ) -> dict[int, list[NearSkill]]:
        """Follow the indexes; what they gave too little for is left out, and is to be compared.

        A list that is not full has no more, or ended among other tenants' labels; where all are of
        few skills, others may lie behind.
        """
        query = MatchSkillsNear(
            *_given(probes), self._models, WORDS, STANDS_FOR_MAX + 1, LABELS_MAX
        )
        found: dict[int, list[NearSkill]] = {}
        rows = await repository.many(query, context)
        for nth, hits in groupby(rows, lambda row: row.nth - 1):
            each, probe = list(hits), probes[nth]
            if len(each) > STANDS_FOR_MAX and each[0].led == probe.lists * LABELS_MAX:
                found[nth] = [
                    NearSkill(row.nth, row.skill_id, row.label, row.similarity)
                    for row in each
                    if row.similarity is not None and row.similarity >= probe.least
                ]
        return found

    def _exact(self, probes: Sequence[Asked]) -> MatchSkillsExact:
        leasts = [probe.least for probe in probes]
        return MatchSkillsExact(*_given(probes), leasts, self._models, WORDS, STANDS_FOR_MAX + 1)


def _given(
    probes: Sequence[Asked],
) -> tuple[list[bytes | None], list[bytes | None], list[str | None]]:
    """Give vectors, characters and texts, as both statements take them."""
    return (
        [probe.vector for probe in probes],
        [probe.lexical for probe in probes],
        [probe.text for probe in probes],
    )
