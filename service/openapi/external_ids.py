"""The operations on entities by the ids that their callers gave them."""

from typing import Final

from service import errors
from service.model.fields import ExternalId
from service.model.kinds import KINDS, Kind
from service.openapi import examples
from service.openapi.entities import taken
from service.openapi.headers import IF_NEW, IF_NONE_MATCH, IF_THERE, KEYED
from service.openapi.kinds import READ, WRITTEN, a, following, name_of, tag_of
from service.openapi.operation import Answer, Body, Operation, Parameter

_ID: Final = Parameter(
    name="external_id",
    where="path",
    type=ExternalId,
    required=True,
    example="pottery/wheel",
    description="The caller's own id, percent-encoded; a slash is `%2F` or stands as it is.",
)


def operations() -> tuple[Operation, ...]:
    """List the operations of all kinds."""
    return tuple(one for kind in KINDS.values() for one in (_get(kind), _put(kind)))


def _path(kind: Kind) -> str:
    return f"/v1/{kind.path}/by-external-id/{{external_id}}"


def _get(kind: Kind) -> Operation:
    return Operation(
        id=f"get{name_of(kind)}ByExternalId",
        method="GET",
        path=_path(kind),
        tag=tag_of(kind),
        summary=f"Read {a(kind)} by your own id",
        description="The same document as by its id. What is not there or not yours is the same "
        "404.",
        scopes=("read",),
        parameters=(_ID, IF_NONE_MATCH),
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
    )


def _put(kind: Kind) -> Operation:
    fixed = (errors.ImmutableField,) if kind.name == "agent" else ()

    def answer(status: int, words: str, *more: str) -> Answer:
        return Answer(
            status=status,
            description=words,
            type=kind.document,
            headers=(*WRITTEN, *more),
            example=examples.document(kind.name),
            links=following(kind),
        )

    return Operation(
        id=f"put{name_of(kind)}ByExternalId",
        method="PUT",
        path=_path(kind),
        tag=tag_of(kind),
        summary=f"Create or replace {a(kind)} by your own id",
        description="What is sent is all of it: a field that is left out is emptied, but for "
        "`embedding_384`, which no document shows. What is so already stays as it is: 200 with "
        "the document, without `Audit-Entry`. A new one is a draft; of one in force only `tags`, "
        "`governance_notes` and an agent's `team_id` may differ, as in a PATCH.",
        scopes=("write",),
        parameters=(_ID, IF_NEW, IF_THERE, *KEYED),
        body=Body(type=kind.put, examples={kind.name: examples.CREATE[kind.name]}),
        answers=(
            answer(200, "It is what was sent; or, in a dry run, it would be, or be created."),
            answer(201, "It was created.", "Location"),
        ),
        problems=(
            *taken(kind),
            *fixed,
            errors.CertifiedIsImmutable,
            errors.StepNotAllowed,
            errors.ParentCycle,
        ),
    )
