"""The operations of search."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from service import errors
from service.model.search import PAIRS_MAX, DuplicatesBody, SearchBody
from service.openapi import examples
from service.openapi.operation import Answer, Body, Operation, Parameter
from service.openapi.shapes import AnyDocument
from service.usecases.search import Mode

TAG: Final = "Search"

SIMILAR: Final = Parameter(
    name="similar",
    where="query",
    type=Literal["refuse"],
    description="`refuse`: 409 `similar-exists` instead of a creation, where an entity of the kind "
    "that is not archived is near to it by name or alias. It takes scope `read`, too.",
)

_Score = Annotated[float, Meta(ge=-1, le=1)]
_Pairs = Annotated[int, Meta(ge=0, le=PAIRS_MAX)]
_Exact = Annotated[
    bool,
    Meta(
        description="True: everything that is embedded was compared with everything. False: some "
        "was looked up by an index, which may miss a few, or only the nearest of something were "
        "taken."
    ),
]
_Matched = Annotated[str, Meta(description="The name, alias or description that was nearest.")]


class PartsShown(Struct):
    """The scores that the score is made of; null: not compared."""

    vector: Annotated[_Score | None, Meta(description="Cosine of the label that means most alike.")]
    lexical: Annotated[
        _Score | None, Meta(description="Likeness of the label whose characters are most alike.")
    ]


class HitShown(Struct):
    """An entity that was found."""

    entity: AnyDocument
    score: Annotated[
        _Score,
        Meta(
            description="The larger of `vector` and 0.95 of `lexical`, less a fifth of what these "
            "two differ by, less a twentieth of what the labels of the entity fall behind that on "
            "average."
        ),
    ]
    parts: PartsShown
    matched_label: _Matched


class SearchAnswer(Struct):
    """What was found, best first."""

    items: list[HitShown]
    mode: Annotated[
        Mode,
        Meta(description="What was compared: vectors, characters, or both."),
    ]
    exact: Annotated[
        bool,
        Meta(
            description="True: everything that is embedded was compared. False: as far as an "
            "index leads, which may miss some."
        ),
    ]
    model: Annotated[
        str, Meta(description="Whose vectors the service computes; `trigram/1`: there is no model.")
    ]


class DuplicateShown(Struct):
    """An entity that may be the same."""

    entity: AnyDocument
    score: _Score
    matched_label: _Matched


class Duplicates(Struct):
    """What may be the same, best first."""

    items: list[DuplicateShown]


class PairShown(Struct):
    """Two entities that may be the same, and by which label of each they are that near."""

    a: AnyDocument
    b: AnyDocument
    score: _Score
    labels: Annotated[list[str], Meta(min_length=2, max_length=2)]


class Pairs(Struct):
    """The nearest pairs of a kind, best first."""

    items: list[PairShown]
    count: _Pairs
    exact: _Exact


class PairsClosing(Struct):
    """The last line behind the pairs of a kind; as many as `limit`: there may be more."""

    count: _Pairs
    exact: _Exact


_FOUND: Final[dict[str, Any]] = {
    "entity": examples.document("skill", "active", 4),
    "score": 0.661,
    "matched_label": "Wheel throwing",
}


def operations() -> tuple[Operation, ...]:
    """List the operations of search."""
    return (_search(), _duplicates())


def _search() -> Operation:
    parts = {"vector": 0.731, "lexical": 0.402}
    return Operation(
        id="searchEntities",
        method="POST",
        path="/v1/search",
        tag=TAG,
        summary="Search",
        description="By a text, a vector or both, among names, aliases and descriptions; every "
        "entity once, by its best label. Values of one filter mean any of them, different filters "
        "all of them; one that does not apply to a kind leaves the kind out. A page is never "
        "short when there is more; there is no cursor. What was just written is found some "
        "seconds later. It repeats without harm: `Idempotency-Key` is ignored.",
        scopes=("read",),
        body=Body(
            type=SearchBody,
            examples={
                "text": {"text": "shape clay", "kinds": ["skill"], "limit": 5},
                "filters": {"text": "shape clay", "status": "active", "tag": ["clay", "pottery"]},
            },
        ),
        answers=(
            Answer(
                status=200,
                description="What was found.",
                type=SearchAnswer,
                headers=("Cache-Control",),
                example={
                    "items": [_FOUND | {"parts": parts}],
                    "mode": "hybrid",
                    "exact": True,
                    "model": "minilm-l6-v2-int8/1",
                },
            ),
        ),
    )


def _duplicates() -> Operation:
    return Operation(
        id="findDuplicates",
        method="POST",
        path="/v1/search/duplicates",
        tag=TAG,
        summary="Find what may be there twice",
        description="Entities of one kind that are not archived and as near to an entity, or to a "
        "text as a name, as the tenant's threshold says: names and aliases are compared, of an "
        "entity with a vector of its caller that. `{id}`, or `{kind, text}`. `{kind}` gives the "
        "nearest pairs of the kind, as they are read: `a` has the smaller id. With `Accept: "
        "application/x-ndjson` each is a line, and the last one closes them; without it the answer "
        "is incomplete. A process compares one kind at a time.",
        scopes=("read",),
        body=Body(
            type=DuplicatesBody,
            examples={
                "entity": {"id": examples.SKILL},
                "text": {"kind": "skill", "text": "Throwing on the wheel"},
                "pairs": {"kind": "skill", "min_score": 0.95},
            },
        ),
        answers=(
            Answer(
                status=200,
                description="What may be the same.",
                type=(Duplicates, Pairs),
                line=(PairShown, PairsClosing),
                headers=("Cache-Control",),
                example={"items": [_FOUND]},
            ),
        ),
        problems=(errors.NotFound, errors.NotAcceptable),
    )
