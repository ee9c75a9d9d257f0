"""What a search finds of aliases that were left out, as they are and with two typos."""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct

from bench.relevance.asking import Asker, asking
from bench.relevance.queries import SEED, Query, load
from bench.relevance.session import Session
from bench.relevance.typos import mistyped
from bench.result import Outcome, Row
from service.model.fields import EntityType
from service.model.search import SearchBody
from service.settings import Settings

FIRST: Final = 10

Goals = tuple[tuple[float, float], tuple[float, float]]
"""Recall@1 and @10 of what is typed right, then of what is mistyped."""
HOW: Final = (
    "{count:,} aliases of {kinds}, drawn at random and committed; none that another of its kind "
    "bears too. Each is asked through `service.usecases.search` under row security, {scope}, while "
    "its own label is deleted in a transaction that is undone afterwards.{typos}"
)
TYPED: Final = " Two random slips were made in it: swap, insert, leave out or replace a character."


class Places(Struct, frozen=True):
    """Where what was looked for stood among the first ten, from 1; null: nowhere there."""

    texts: list[str]
    places: list[int | None]

    def recall(self, first: int) -> float:
        """Give the share that stood among so many."""
        found = sum(place is not None and place <= first for place in self.places)
        return found / len(self.places)


def measure(session: Session) -> Outcome:
    """Ask for skills among skills and among everything, and for job roles."""
    return asyncio.run(_measured(session))


async def _measured(session: Session) -> Outcome:
    queries = load()
    rows: list[Row] = []
    raw: dict[str, Places] = {}
    async with asking(session.ground) as asker:
        asked: tuple[tuple[str, list[EntityType] | None, Goals | None], ...] = (
            ("skill", ["skill"], ((0.90, 0.97), (0.72, 0.90))),
            ("skill", None, None),
            ("job_role", ["job_role"], None),
        )
        for kind, kinds, goals in asked:
            mine = [one for one in queries if one.kind == kind and not one.shared]
            scope = "among all kinds" if kinds is None else f"among {kind.replace('_', ' ')}s"
            for typed in (False, True):
                what = f"{kind.replace('_', ' ')}s {scope}{', two typos' if typed else ''}"
                session.tell(what)
                found = await places(session, asker, mine, kinds, typed=typed)
                raw[what] = found
                how = HOW.format(
                    count=len(mine),
                    kinds=kind.replace("_", " ") + "s",
                    scope=scope,
                    typos=TYPED if typed else "",
                )
                rows += _rows(what, found, goals[typed] if goals else None, how)
        everyone = [one for one in queries if one.kind == "skill"]
        found = await places(session, asker, everyone, ["skill"], typed=False)
        how = "As above, with the aliases that were drawn though another skill bears them too."
        rows += _rows("skills among skills, ambiguous ones too", found, None, how)
    return Outcome(rows, {"places": {what: found.places for what, found in raw.items()}})


async def places(
    session: Session,
    asker: Asker,
    queries: Sequence[Query],
    kinds: Sequence[EntityType] | None,
    *,
    typed: bool,
) -> Places:
    """Ask for each, with its own label left out."""
    stock, search = session.stock, asker.search(Settings().search_exact_max)
    texts = [mistyped(one.alias, SEED) if typed else one.alias for one in queries]
    found: list[int | None] = []
    for query, text in zip(queries, texts, strict=True):
        wanted = stock.ids[query.id]
        asked = SearchBody(text=text, limit=FIRST, kinds=UNSET if kinds is None else list(kinds))
        async with asker.without(stock.context, (wanted, query.alias)):
            answer = await search.search(asker.repository, stock.context, asked)
        ids = [hit.id for hit in answer.hits]
        found.append(ids.index(wanted) + 1 if wanted in ids else None)
    return Places(texts, found)


def _rows(what: str, found: Places, goals: tuple[float, float] | None, how: str) -> list[Row]:
    first, ten = goals or (None, None)
    return [
        Row(what=f"{what}: recall@1", value=found.recall(1), least=first, how=how),
        Row(what=f"{what}: recall@10", value=found.recall(FIRST), least=ten, how=how),
    ]
