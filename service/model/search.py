"""What a search asks for: the bodies of its requests."""

from collections.abc import Iterator
from typing import Annotated, Final, get_args
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.errors import FieldError
from service.model.fields import (
    EMBEDDING_LENGTH,
    CategoryName,
    Component,
    EntityType,
    Status,
    Tag,
)
from service.model.query import FILTER_VALUES_MAX, LIMIT_MAX
from service.model.text import LINE_PATTERN

LIMIT_DEFAULT: Final = 10
PAIRS_DEFAULT: Final = 1_000
PAIRS_MAX: Final = 10_000
TEXT_MAX: Final = 1_000
KINDS: Final = get_args(EntityType)
SCORE_DIGITS: Final = 6
"""Of scores: vectors are of single precision."""

HALF_A_DIGIT: Final = 10**-SCORE_DIGITS / 2
"""How much less a score may be than the one that is shown of it."""
IN_FORCE: Final = ("certified", "active", "deprecated")
NOT_ARCHIVED: Final = tuple(one for one in get_args(Status) if one != "archived")

SearchText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=TEXT_MAX,
        description="What is looked for, in the words of whoever looks: one line, trimmed.",
        examples=["write SQL queries"],
        extra_json_schema={"pattern": LINE_PATTERN},
    ),
]
SearchVector = Annotated[
    list[Component],
    Meta(
        min_length=EMBEDDING_LENGTH,
        max_length=EMBEDDING_LENGTH,
        description="A vector of your own to look with: 384 finite single-precision numbers, not "
        "all zero, of any length. It wins over the one that is computed from `text`.",
        extra_json_schema={"contains": {"not": {"const": 0}}},
    ),
]
ModelName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="With whose vectors `embedding_384`, or that of `text`, is compared: the "
        "service's own model, as answers name it, or `caller` for those that callers gave. Left "
        "out: both.",
        examples=["caller"],
    ),
]
Kinds = Annotated[
    list[EntityType],
    Meta(min_length=1, max_length=len(KINDS), description="Left out: all kinds."),
]
_Statuses = Annotated[list[Status], Meta(min_length=1, max_length=len(get_args(Status)))]
_Categories = Annotated[
    list[CategoryName], Meta(min_length=1, max_length=len(get_args(CategoryName)))
]
_Tags = Annotated[list[Tag], Meta(min_length=1, max_length=FILTER_VALUES_MAX)]
_Ids = Annotated[list[UUID], Meta(min_length=1, max_length=FILTER_VALUES_MAX)]
Statuses = Annotated[
    Status | _Statuses,
    Meta(description="The state, or several. Left out: certified, active and deprecated."),
]
Categories = Annotated[
    CategoryName | _Categories, Meta(description="What sort of skill it is, or several.")
]
TagsAsked = Annotated[
    Tag | _Tags, Meta(description="One of its tags, or several of which it has one.")
]
IndustryIds = Annotated[
    UUID | _Ids,
    Meta(description="The industry that a job role, team or agent belongs to, or several."),
]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many items at most.")]
MinScore = Annotated[float, Meta(ge=-1, le=1, description="What scores less is left out.")]
PairsLimit = Annotated[
    int,
    Meta(
        ge=1,
        le=PAIRS_MAX,
        description=f"How many items at most: {LIMIT_DEFAULT} if left out, and no more than "
        f"{LIMIT_MAX}; of the pairs of a kind {PAIRS_DEFAULT:,}.",
    ),
]
SameScore = Annotated[
    float,
    Meta(
        ge=-1,
        le=1,
        description="What scores less is not listed. Left out: the tenant's threshold.",
    ),
]


class SearchBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for, by a text, a vector or both, and among what."""

    text: SearchText | UnsetType = UNSET
    embedding_384: SearchVector | UnsetType = UNSET
    model: ModelName | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    status: Statuses | UnsetType = UNSET
    category: Categories | UnsetType = UNSET
    tag: TagsAsked | UnsetType = UNSET
    industry_id: IndustryIds | UnsetType = UNSET
    limit: Limit = LIMIT_DEFAULT
    min_score: MinScore | UnsetType = UNSET


class DuplicatesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be there twice: an entity, a name that one of a kind would have, or any of them."""

    id: Annotated[UUID, Meta(description="An entity.")] | UnsetType = UNSET
    kind: (
        Annotated[EntityType, Meta(description="With `text`, or alone: all pairs of the kind.")]
        | UnsetType
    ) = UNSET
    text: SearchText | UnsetType = UNSET
    min_score: SameScore | UnsetType = UNSET
    limit: PairsLimit | UnsetType = UNSET


def several(value: object, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Give what a filter asks for, each once and in one order; the default where it is left out."""
    if value is UNSET:
        return default
    return tuple(sorted({str(one) for one in value})) if isinstance(value, list) else (str(value),)


def rounded(score: float) -> float:
    """Give a score as answers have it, and as `min_score` is compared with it."""
    # Rounding alone makes some of them a little more than one.
    return max(-1.0, min(1.0, round(score, SCORE_DIGITS)))


def search_faults(body: Struct, pointer: str) -> Iterator[FieldError]:
    """Check that there is something to look for."""
    if getattr(body, "text", UNSET) is UNSET and getattr(body, "embedding_384", UNSET) is UNSET:
        message = "is missing: give text, embedding_384 or both"
        yield FieldError(f"{pointer}/text", "required", message)


def duplicates_faults(body: Struct, pointer: str) -> Iterator[FieldError]:
    """Check that there is an entity, a text with its kind, or a kind, and that not too much is."""
    named = [name for name in ("kind", "text") if getattr(body, name, UNSET) is not UNSET]
    has_id = getattr(body, "id", UNSET) is not UNSET
    if has_id:
        for name in named:
            yield FieldError(f"{pointer}/{name}", "exactly-one", "does not go with id")
    elif not named:
        message = "is missing: give id, kind, or kind and text"
        yield FieldError(f"{pointer}/id", "required", message)
    elif named == ["text"]:
        yield FieldError(f"{pointer}/kind", "required", "is missing: text needs it")
    limit = getattr(body, "limit", UNSET)
    if isinstance(limit, int) and limit > LIMIT_MAX and (has_id or "text" in named):
        message = f"must be at most {LIMIT_MAX} with id or text"
        yield FieldError(f"{pointer}/limit", "number-range", message)
