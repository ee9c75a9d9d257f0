"""What else one would do with PostgreSQL: full text, and ranks fused instead of scores."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import stdev
from typing import Final
from uuid import UUID

from bench.relevance.asking import Asker, asking
from bench.relevance.finding import FIRST, Places, places
from bench.relevance.queries import Query, load
from bench.relevance.session import Session
from bench.result import Outcome, Row
from service.model.vector import wire
from service.repository.search import SOURCES, SearchNear

K: Final = 60
DEPTH: Final = 50
"""Entities that each part ranks; of labels four times as many are asked for."""

PREPARE: Final = r"""
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE SCHEMA rival;
CREATE TABLE rival.label AS
SELECT entity_id, label, to_tsvector('english', label) AS words
FROM app.entity_label WHERE entity_type = 'skill';
CREATE TABLE rival.item AS
SELECT
    base.id AS entity_id,
    base.name AS label,
    to_tsvector('english', base.name || E'\n' || base.description) AS words,
    (
        SELECT public.l2_normalize(public.avg(label.embedding_384))::public.vector(384)
        FROM app.entity_label AS label
        WHERE label.entity_id = base.id AND label.source IN ('name', 'description')
    ) AS embedding_384
FROM app.base_entity AS base WHERE base.entity_type = 'skill';
CREATE INDEX ON rival.label USING gin (words);
CREATE INDEX ON rival.item USING gin (words);
CREATE INDEX ON rival.label USING gist (label public.gist_trgm_ops(siglen = 64));
CREATE INDEX ON rival.item USING gist (label public.gist_trgm_ops(siglen = 64));
ANALYZE rival.label, rival.item;
"""
WORDS: Final = """
SELECT entity_id FROM rival.{table}, {parsed} AS asked
WHERE words @@ asked AND {others}
ORDER BY ts_rank_cd(words, asked) DESC, entity_id LIMIT {depth}
"""
ALL_WORDS: Final = "websearch_to_tsquery('english', $1)"
ANY_WORD: Final = "CAST(replace(plainto_tsquery('english', $1)::text, '&', '|') AS tsquery)"
TRIGRAMS: Final = """
SELECT entity_id FROM rival.{table}
WHERE {others} ORDER BY label OPERATOR (public.<->) $1 LIMIT {depth}
"""
# Compared one by one: what an index would miss is not held against it.
MEANING: Final = """
SELECT entity_id FROM rival.item
ORDER BY (embedding_384 OPERATOR (public.<=>) $1) + 0 LIMIT $2
"""
OTHERS: Final = "(entity_id <> $2 OR label <> $3)"
NONE: Final = "$2::uuid IS NOT NULL AND $3::text IS NOT NULL"
PARTS: Final = (
    f"Each part ranks {DEPTH} skills, k = {K}; the alias itself is left out. Full text is ranked "
    "by `ts_rank_cd`, trigrams are `pg_trgm` by distance, vectors are MiniLM's. "
)
ITEMS: Final = (
    "One of each for a skill: the mean of the vectors of name and description, full text of both, "
    "trigrams of the name."
)
LABELS: Final = "One of each for every label, as Plant has them; a skill's rank is its first."
UNSURE: Final = (
    "Another {count:,} questions would give another number: the standard error of the difference "
    "is {error:.1f} points."
)
FUSED: Final = {
    "items": ("item meaning", "item any word", "item trigrams"),
    "items, all words": ("item meaning", "item all words", "item trigrams"),
    "labels": ("label meaning", "label all words", "label trigrams"),
}

Ranked = dict[str, list[UUID]]


def measure(session: Session) -> Outcome:
    """Ask all ways for the same skills, as they are written and with typos."""
    return asyncio.run(_measured(session))


async def _measured(session: Session) -> Outcome:
    queries = [one for one in load() if one.kind == "skill" and not one.shared]
    ways: dict[str, Places] = {}
    async with asking(session.ground) as asker:
        # The server is the run's own: nothing is dropped.
        await asker.session.execute(PREPARE)
        for typed in (False, True):
            mark = ", two typos" if typed else ""
            session.tell(f"full text, trigrams, and ranks fused{mark}")
            ways[f"search{mark}"] = await places(session, asker, queries, ["skill"], typed=typed)
            texts = ways[f"search{mark}"].texts
            found = [
                await _ranked(session, asker, query, text)
                for query, text in zip(queries, texts, strict=True)
            ]
            wanted = [session.stock.ids[query.id] for query in queries]
            for name in found[0]:
                standing = [_place(one[name], who) for one, who in zip(found, wanted, strict=True)]
                ways[name + mark] = Places(texts, standing)
    return Outcome(_rows(ways), {"places": {name: found.places for name, found in ways.items()}})


async def _ranked(session: Session, asker: Asker, query: Query, text: str) -> Ranked:
    stock, wanted = session.stock, session.stock.ids[query.id]
    vector = wire(await asker.vectors.vector(text))
    found: Ranked = {}
    for table, depth in (("item", DEPTH), ("label", 4 * DEPTH)):
        others = OTHERS if table == "label" else NONE
        for name, statement, parsed in (
            ("all words", WORDS, ALL_WORDS),
            ("any word", WORDS, ANY_WORD),
            ("trigrams", TRIGRAMS, ""),
        ):
            asked = statement.format(table=table, parsed=parsed, others=others, depth=depth)
            rows = await asker.session.fetch(asked, text, wanted, query.alias)
            found[f"{table} {name}"] = list(dict.fromkeys(row[0] for row in rows))[:DEPTH]
    rows = await asker.session.fetch(MEANING, vector, DEPTH)
    found["item meaning"] = [row[0] for row in rows]
    near = SearchNear(
        *(("skill",), ("active",), (), (), (), [vector], [None], (asker.model,), SOURCES),
        *(None, 1.0, 0.0, DEPTH, 4 * DEPTH),
    )
    async with asker.without(stock.context, (wanted, query.alias)):
        hits = await asker.repository.many(near, stock.context)
    found["label meaning"] = [hit.id for hit in hits]
    return found | {
        f"fused {name}": fused(found[part] for part in parts) for name, parts in FUSED.items()
    }


def fused(rankings: Iterable[Sequence[UUID]]) -> list[UUID]:
    """Fuse rankings by reciprocal ranks: each gives 1 / (60 + place)."""
    scores: defaultdict[UUID, float] = defaultdict(float)
    for ranking in rankings:
        for place, one in enumerate(ranking, start=1):
            scores[one] += 1 / (K + place)
    return sorted(scores, key=lambda one: (-scores[one], one))


def standard_error(one: Places, other: Places) -> float:
    """Give how sure the difference of two shares is that stood first, of the same questions."""
    more = [(a == 1) - (b == 1) for a, b in zip(one.places, other.places, strict=True)]
    return stdev(more) / math.sqrt(len(more))


def _place(ranking: Sequence[UUID], wanted: UUID) -> int | None:
    return ranking.index(wanted) + 1 if wanted in ranking[:FIRST] else None


def _rows(ways: dict[str, Places]) -> list[Row]:
    first = {name: found.recall(1) for name, found in ways.items()}

    def more(way: str, how: str, mark: str = "", least: float | None = None) -> Row:
        return Row(
            what=f"points of recall@1 more than ranks fused of {way}{mark}",
            value=100 * (first[f"search{mark}"] - first[f"fused {way}{mark}"]),
            unit="points",
            least=least,
            how=PARTS + how,
            beside=", ".join(
                f"{name} {first[name + mark]:.3f}"
                for name in ("search", f"fused {way}", *FUSED[way])
            ),
            cause=UNSURE.format(
                count=len(ways[f"search{mark}"].places),
                error=100 * standard_error(ways[f"search{mark}"], ways[f"fused {way}{mark}"]),
            ),
        )

    words = "Full text is any of the words."
    return [
        more("items", f"{ITEMS} {words}", least=20),
        more("items", f"{ITEMS} {words}", ", two typos", least=None),
        more("items, all words", f"{ITEMS} Full text is all of the words."),
        more("labels", f"{LABELS} Full text is all of the words."),
        more("labels", f"{LABELS} Full text is all of the words.", ", two typos"),
        Row(
            what="recall@1 / that of full text alone",
            value=first["search"] / first["item all words"],
            least=2,
            how="Full text of name and description, all of the words (`websearch_to_tsquery`).",
            beside=f"{first['search']:.3f} against {first['item all words']:.3f}; any of the words "
            f"{first['item any word']:.3f}; a label at a time {first['label all words']:.3f} and "
            f"{first['label any word']:.3f}",
        ),
    ]
