"""The operations of the past: an entity's versions, and what changed between two of them."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from service import errors
from service.model.history import VERSION_MAX
from service.model.kinds import KINDS, Kind
from service.openapi import examples, filters
from service.openapi.kinds import a, entity_id, name_of, tag_of
from service.openapi.operation import Answer, Link, Operation, Parameter
from service.openapi.shapes import DifferenceShown, VersionPage

VersionNumber = Annotated[int, Meta(ge=1, le=VERSION_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]

VERSION: Final = Parameter(
    name="version",
    where="query",
    type=VersionNumber,
    description="One of its versions; not together with `as_of`.",
)
AS_OF: Final = Parameter(
    name="as_of",
    where="query",
    type=Instant,
    description="As it was at a time, which has to have passed: RFC 3339 with its offset, at most "
    "six fractional digits, no leap second.",
)
LISTED_AS_OF: Final = Parameter(
    name="as_of",
    where="query",
    type=Instant,
    description="The list as it was at a time, which has to have passed; of the filters only "
    "`status` goes with it.",
)


def operations() -> tuple[Operation, ...]:
    """List the operations of all kinds."""
    return tuple(one for kind in KINDS.values() for one in (_versions(kind), _diff(kind)))


def _end(name: str, words: str) -> Parameter:
    return Parameter(
        name=name,
        where="query",
        type=VersionNumber,
        required=True,
        example=1 if name == "from" else 2,
        description=f"The version {words}.",
    )


def _versions(kind: Kind) -> Operation:
    name = f"list{name_of(kind)}Versions"
    further = Link(
        operation=name,
        parameters={
            "path.id": "$request.path.id",
            "query.cursor": "$response.body#/next_cursor",
        },
    )
    return Operation(
        id=name,
        method="GET",
        path=f"/v1/{kind.path}/{{id}}/versions",
        tag=tag_of(kind),
        summary=f"List the versions of {a(kind)}",
        description="Newest first; those that were written as another governance agent's draft "
        "are left out.",
        scopes=("read",),
        parameters=(entity_id(kind), filters.LIMIT, filters.CURSOR),
        answers=(
            Answer(
                status=200,
                description="A page.",
                type=VersionPage,
                headers=("Cache-Control", "Link"),
                example=examples.VERSIONS,
                links=(further,),
            ),
        ),
    )


def _diff(kind: Kind) -> Operation:
    return Operation(
        id=f"diff{name_of(kind)}",
        method="GET",
        path=f"/v1/{kind.path}/{{id}}/diff",
        tag=tag_of(kind),
        summary=f"Compare two versions of {a(kind)}",
        description="A JSON Patch (RFC 6902) that makes one version of the other, in either "
        "direction.",
        scopes=("read",),
        parameters=(entity_id(kind), _end("from", "to begin with"), _end("to", "to end with")),
        answers=(
            Answer(
                status=200,
                description="The difference.",
                type=DifferenceShown,
                headers=("Cache-Control",),
                example=examples.DIFFERENCE,
            ),
        ),
        problems=(errors.Erased, errors.Pruned),
    )
