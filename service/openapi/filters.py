"""Query parameters of lists: paging and the filters of each kind."""

from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta

from service.model import fields
from service.model.kinds import Kind
from service.model.query import FILTER_VALUES_MAX, IDS_MAX, LIMIT_DEFAULT, LIMIT_MAX
from service.model.text import LINE_PATTERN
from service.openapi import examples
from service.openapi.operation import Parameter

_PREFIX: Final = LINE_PATTERN.removesuffix("$") + " *$"
Prefix = Annotated[str, Meta(min_length=1, max_length=255, extra_json_schema={"pattern": _PREFIX})]

FILTERS: Final[dict[str, tuple[Any, str]]] = {
    "status": (fields.Status, "The state."),
    "name": (Prefix, "The beginning of the name, whatever the case; orders the list by name."),
    "tag": (fields.Tag, "One of its tags."),
    "external_id": (fields.ExternalId, "The caller's own id, exactly."),
    "parent_id": (UUID, "A direct parent."),
    "category": (fields.CategoryName, "What sort of skill it is."),
    "seniority_level": (fields.SeniorityName, "How experienced the role is."),
    "industry_id": (UUID, "The industry that it belongs to."),
    "job_role_id": (UUID, "The job role that it is for."),
    "skill_id": (UUID, "A skill that it needs, in either relation, or has."),
    "team_id": (UUID, "The team that it is a member of."),
    "scheme": (fields.Scheme, "The classification that its code is from, exactly."),
}
"""Each filter: the type of one value, and what it matches."""

MEANING: Final = (
    f"A filter given several times, up to {FILTER_VALUES_MAX} values, means any of them; different "
    "filters mean all of them; one that does not apply to the kind is refused."
)

LIMIT: Final = Parameter(
    name="limit",
    where="query",
    type=Annotated[int, Meta(ge=1, le=LIMIT_MAX)],
    default=LIMIT_DEFAULT,
    description="How many items a page has at most.",
)
CURSOR: Final = Parameter(
    name="cursor",
    where="query",
    type=Annotated[str, Meta(min_length=1)],
    description="The `next_cursor` of the page before, unchanged. It holds for one tenant, kind, "
    "set of filters and order, and for 24 hours; only `limit` may change from page to page.",
)
IDS: Final = Parameter(
    name="id",
    where="query",
    type=Annotated[list[UUID], Meta(min_length=1, max_length=IDS_MAX)],
    required=True,
    description="Ids of entities of any kinds; one that is repeated counts once.",
    example=[examples.IDS["skill"], examples.IDS["job_role"]],
)


def filters(kind: Kind) -> tuple[Parameter, ...]:
    """List the parameters of a list of this kind."""
    own = (_filter(name) for name in FILTERS if name in kind.filters)
    return (LIMIT, CURSOR, *own)


def _filter(name: str) -> Parameter:
    of, matches = FILTERS[name]
    several = Annotated[list[of], Meta(min_length=1, max_length=FILTER_VALUES_MAX)]  # type: ignore[valid-type]
    return Parameter(name=name, where="query", type=several, description=matches)
