"""How many duplicates are found, and how often others are taken for one.

Compared are names and aliases, as `POST /v1/search/duplicates` does. The entities fall into two
halves by the checksum of their ids. Of a threshold is said, for each half:

- found: an alias is left out and taken for the name of something new. It is found when of all
  other labels, of all entities, the one that scores most is its own entity's and scores as much
  as the threshold. A sample of the aliases, drawn by a seed.
- false alarms: the name of an entity is compared with all labels of all others. It is one when any
  of them scores as much as the threshold. Where that label is the very same text (without regard
  to case) it is none: two that are called the same are what is looked for. With these counted,
  too, the number is beside it.

The threshold is chosen on the first half, the least at which no more than 4 of 100 are false
alarms, and holds for the second. What else may be scored than what the service does stands beside
it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np
from msgspec import Struct

from bench.relevance.session import Session
from bench.result import Outcome, Row
from service.model.vector import DIMENSIONS, unwired
from service.usecases.duplicates import SAME_MEANING
from service.usecases.probes import WORDS

Numbers = np.ndarray[Any, np.dtype[Any]]
Score = Callable[[Numbers, Numbers], Numbers]

OURS: Final = "the larger, words for .95"
"""What the service does."""
FOUND: Final = 0.59
ALARMS: Final = 0.04
SEED: Final = 7
SAMPLE: Final = 6_000
AT_ONCE: Final = 256

SCORES: Final[dict[str, Score]] = {
    "meaning": lambda meant, _: meant,
    "words": lambda _, spelled: spelled,
    "the larger of both": np.maximum,
    OURS: lambda meant, spelled: np.maximum(meant, WORDS * spelled),
    "the smaller of both": np.minimum,
    "the mean, words for .1": lambda meant, spelled: (meant + 0.1 * spelled) / 1.1,
    "the mean, words for .5": lambda meant, spelled: (meant + 0.5 * spelled) / 1.5,
}
"""Ways to score, from the cosines of meaning and of characters."""


class Labels(Struct, frozen=True):
    """Names and aliases (never descriptions), with the entities that they are of and vectors.

    Shapes: vectors of 384 singles of length 1, a row for each label.
    """

    ids: Sequence[str]
    sources: Sequence[str]
    texts: Sequence[str]
    meant: Numbers
    spelled: Numbers


class Best(Struct, frozen=True):
    """Of some labels what scores most: of the own entity, of others, and not the same text."""

    own: Numbers
    others: Numbers
    aside: Numbers


def measure(session: Session) -> Outcome:
    """Measure names and aliases of skills by the service's own way and threshold, and by others."""
    named = [
        one for one in session.stock.labels if one.kind == "skill" and one.source != "description"
    ]
    labels = Labels(
        ids=[str(one.entity_id) for one in named],
        sources=[one.source for one in named],
        texts=[one.text for one in named],
        meant=_numbers(one.vector for one in named),
        spelled=_numbers(one.lexical for one in named),
    )
    return Outcome(measured(labels, SAME_MEANING), {"threshold": SAME_MEANING})


def _numbers(vectors: Iterable[bytes]) -> Numbers:
    """Read vectors as the server has them: singles behind four bytes of length."""
    raw = b"".join(map(unwired, vectors))
    return np.frombuffer(raw, ">f4").astype(np.float32).reshape(-1, DIMENSIONS)


def measured(labels: Labels, threshold: float) -> list[Row]:
    """Measure the service's way at its threshold, then each way at one chosen on the first half."""
    _, entities = np.unique(np.array(labels.ids), return_inverse=True)
    halves = np.array([crc32(one.encode()) % 2 for one in labels.ids])
    names = np.flatnonzero(np.array(labels.sources) == "name")
    aliases = np.flatnonzero(np.array(labels.sources) == "alias")
    sample = np.random.default_rng(SEED).permutation(aliases)[:SAMPLE]
    rows: list[Row] = []
    asked = np.concatenate([names, sample])
    for way, best in _bests(labels, entities, asked).items():
        of_names = _cut(best, slice(0, len(names)))
        of_aliases = _cut(best, slice(len(names), None))
        first, second = (halves[names] == 0, halves[names] == 1)
        chosen = _threshold(of_names.aside[first])
        if way == OURS:
            rows += _rows("all", threshold, of_names, of_aliases, goals=True)
            for half in (0, 1):
                part = f"half {half + 1}"
                halved = (_cut(of_names, halves[names] == half),
                          _cut(of_aliases, halves[sample] == half))  # fmt: skip
                rows += _rows(part, threshold, *halved)
        rows += _rows(
            f"half 2, by {way}",
            chosen,
            _cut(of_names, second),
            _cut(of_aliases, halves[sample] == 1),
        )
    return rows


def _rows(
    what: str, threshold: float, names: Best, aliases: Best, *, goals: bool = False
) -> list[Row]:
    found = (aliases.own >= threshold) & (aliases.own > aliases.others)
    alarms, counted = names.aside >= threshold, names.others >= threshold
    at = f"at a score of {threshold:.3f}"
    return [
        Row(
            what=f"duplicates found, {what}",
            value=float(found.mean()),
            least=FOUND if goals else None,
            how=f"{at}: {len(found):,} aliases left out one at a time",
        ),
        Row(
            what=f"false alarms, {what}",
            value=float(alarms.mean()),
            most=ALARMS if goals else None,
            how=f"{at}: {len(alarms):,} names against all labels of others",
            beside=f"{counted.mean():.3f} with those that have the very same label",
        ),
    ]


def _threshold(scores: Numbers) -> float:
    """Choose the least threshold, to three digits, at which there are few enough alarms."""
    least = np.sort(scores)[::-1][int(ALARMS * len(scores))]
    return float(np.floor(least * 1_000) + 1) / 1_000


def _cut(best: Best, which: Any) -> Best:
    return Best(best.own[which], best.others[which], best.aside[which])


def _bests(labels: Labels, entities: Numbers, asked: Numbers) -> dict[str, Best]:
    """Compare some labels with all others, in each way."""
    _, texts = np.unique([text.casefold() for text in labels.texts], return_inverse=True)
    found: dict[str, list[tuple[Numbers, Numbers, Numbers]]] = {way: [] for way in SCORES}
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        meant = labels.meant[part] @ labels.meant.T
        spelled = labels.spelled[part] @ labels.spelled.T
        own = entities[part][:, None] == entities
        same = texts[part][:, None] == texts
        itself = part[:, None] == np.arange(len(entities))
        for way, score in SCORES.items():
            scores = score(meant, spelled)
            found[way].append(
                (
                    np.where(own & ~itself, scores, -2).max(1),
                    np.where(own, -2, scores).max(1),
                    np.where(own | same, -2, scores).max(1),
                )
            )
    return {
        way: Best(*(np.concatenate(parts) for parts in zip(*each, strict=True)))
        for way, each in found.items()
    }
