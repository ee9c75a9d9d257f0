"""The operations of the five kinds, and reading many of any kind."""

from typing import Final

from service import errors
from service.errors import Problem
from service.model.documents import StatusStep
from service.model.kinds import KINDS, Kind
from service.openapi import examples, filters
from service.openapi.headers import IF_MATCH, IF_NONE_MATCH, KEYED
from service.openapi.history import AS_OF, LISTED_AS_OF, VERSION
from service.openapi.kinds import (
    READ,
    REHEARSED,
    WRITTEN,
    a,
    entity_id,
    following,
    name_of,
    plural_of,
    tag_of,
)
from service.openapi.operation import (
    JSON,
    MERGE_PATCH,
    Answer,
    Body,
    Link,
    Operation,
)
from service.openapi.search import SIMILAR
from service.openapi.shapes import PAGES, Entities

_REFERS: Final[tuple[type[Problem], ...]] = (errors.ReferenceNotFound, errors.Conflict)


def operations() -> tuple[Operation, ...]:
    """List the operations of all kinds."""
    return (*(one for kind in KINDS.values() for one in _of_kind(kind)), _many())


def _of_kind(kind: Kind) -> tuple[Operation, ...]:
    return (
        _create(kind),
        _list(kind),
        _get(kind),
        _patch(kind),
        _step(kind),
    )


def taken(kind: Kind) -> tuple[type[Problem], ...]:
    """List what a value that must be unique, or a reference, can run into."""
    code = (errors.CodeTaken,) if kind.name == "industry" else ()
    return (errors.NameTaken, errors.ExternalIdTaken, *code, *_REFERS)


def _create(kind: Kind) -> Operation:
    return Operation(
        id=f"create{name_of(kind)}",
        method="POST",
        path=f"/v1/{kind.path}",
        tag=tag_of(kind),
        summary=f"Create {a(kind)}",
        description="It is a draft, which only its governance agent sees. "
        "What is left out is null or empty.",
        scopes=("write",),
        parameters=(SIMILAR, *KEYED),
        body=Body(type=kind.create, examples={kind.name: examples.CREATE[kind.name]}),
        answers=(
            Answer(
                status=201,
                description="It was created.",
                type=kind.document,
                headers=(*READ, "Audit-Entry", "Idempotency-Replayed", "Location"),
                example=examples.document(kind.name),
                links=following(kind),
            ),
            Answer(
                status=200,
                description="It would be created.",
                type=kind.document,
                headers=REHEARSED,
                example=examples.document(kind.name),
            ),
        ),
        problems=(*taken(kind), errors.SimilarExists),
    )


def _list(kind: Kind) -> Operation:
    first = Link(
        operation=f"get{name_of(kind)}", parameters={"path.id": "$response.body#/items/0/id"}
    )
    rest = Link(
        operation=f"list{plural_of(kind)}",
        parameters={"query.cursor": "$response.body#/next_cursor"},
    )
    page = {"items": [examples.document(kind.name, "active", 4)], "next_cursor": examples.CURSOR}
    return Operation(
        id=f"list{plural_of(kind)}",
        method="GET",
        path=f"/v1/{kind.path}",
        tag=tag_of(kind),
        summary=f"List {kind.path.replace('-', ' ')}",
        description="Newest first; with the filter `name` by name. "
        f"{filters.MEANING} A page is the registry as it is when it is asked for. With several "
        "filters, or with `as_of`, it looks at 20,000 entities at most: it may be shorter than "
        "`limit`, even empty, and yet have a `next_cursor`. The list ends where that is null.",
        scopes=("read",),
        parameters=(*filters.filters(kind), LISTED_AS_OF),
        answers=(
            Answer(
                status=200,
                description="A page.",
                type=PAGES[kind.name],
                headers=("Cache-Control", "Link"),
                example=page,
                links=(first, rest),
            ),
        ),
    )


def _get(kind: Kind) -> Operation:
    return Operation(
        id=f"get{name_of(kind)}",
        method="GET",
        path=f"/v1/{kind.path}/{{id}}",
        tag=tag_of(kind),
        summary=f"Read {a(kind)}",
        description="As it is now, or was. What is not there, not yours or of another kind is the "
        "same 404.",
        scopes=("read",),
        parameters=(entity_id(kind), VERSION, AS_OF, IF_NONE_MATCH),
        answers=(
            Answer(
                status=200,
                description="The document, as the bytes that are stored.",
                type=kind.document,
                headers=READ,
                example=examples.document(kind.name, "active", 4),
                links=following(kind)[1:],
            ),
            Answer(status=304, description="You have it.", media=None, headers=READ),
        ),
        problems=(errors.Erased, errors.Pruned),
    )


def _patch(kind: Kind) -> Operation:
    fixed = (errors.ImmutableField,) if kind.name == "agent" else ()
    return Operation(
        id=f"patch{name_of(kind)}",
        method="PATCH",
        path=f"/v1/{kind.path}/{{id}}",
        tag=tag_of(kind),
        summary=f"Change {a(kind)}",
        description="A JSON Merge Patch (RFC 7396): a member that is given replaces, null empties "
        "what may be empty, lists are replaced as a whole, `custom_attributes` are merged. Each "
        "change is a new version. A draft may change in everything; later only `tags`, "
        "`governance_notes` and an agent's `team_id` may.",
        scopes=("write",),
        parameters=(entity_id(kind), IF_MATCH, *KEYED),
        body=Body(
            type=kind.patch,
            media=(MERGE_PATCH, JSON),
            examples={"patch": examples.PATCH[kind.name]},
        ),
        answers=(
            Answer(
                status=200,
                description="It is changed.",
                type=kind.document,
                headers=WRITTEN,
                example=examples.document(kind.name, version=2) | examples.PATCH[kind.name],
                links=following(kind),
            ),
        ),
        problems=(
            *taken(kind),
            *fixed,
            errors.CertifiedIsImmutable,
            errors.StepNotAllowed,
            errors.ParentCycle,
        ),
    )


def _step(kind: Kind) -> Operation:
    return Operation(
        id=f"step{name_of(kind)}",
        method="POST",
        path=f"/v1/{kind.path}/{{id}}/status",
        tag=tag_of(kind),
        summary=f"Change the state of {a(kind)}",
        description="draft → under_review | archived; under_review → draft | certified | "
        "archived; certified → active | archived; active → deprecated | archived; deprecated → "
        "archived. Scope `certify` certifies and rejects, never what its own governance agent "
        "wrote; scope `write` takes every other step. The kind's rules bind on entering certified "
        "and active.",
        scopes=("write", "certify"),
        parameters=(entity_id(kind), IF_MATCH, *KEYED),
        body=Body(type=StatusStep, examples=examples.STEPS),
        answers=(
            Answer(
                status=200,
                description="The step is taken.",
                type=kind.document,
                headers=WRITTEN,
                example=examples.document(kind.name, "under_review", 2),
                links=following(kind),
            ),
        ),
        problems=(
            errors.OwnWork,
            errors.StepNotAllowed,
            errors.RuleViolated,
            errors.InUse,
            *_REFERS,
        ),
    )


def _many() -> Operation:
    return Operation(
        id="getEntities",
        method="GET",
        path="/v1/entities",
        tag="All kinds",
        summary="Read many entities",
        description="1 to 100 ids of any kinds. `items` come in the order of the ids.",
        scopes=("read",),
        parameters=(filters.IDS,),
        answers=(
            Answer(
                status=200,
                description="Those that you can see, and the ids of the others.",
                type=Entities,
                headers=("Cache-Control",),
                example={
                    "items": [examples.document("skill", "active", 4)],
                    "missing": [examples.ABSENT],
                },
            ),
        ),
    )
