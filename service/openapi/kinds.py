"""What the operations of every kind share: names, the id in a path, what can follow."""

from typing import Final
from uuid import UUID

from service.model.kinds import Kind
from service.openapi import examples
from service.openapi.operation import Link, Parameter

READ: Final = ("ETag", "Cache-Control")
"""Headers of an answer that carries one document."""

REHEARSED: Final = (*READ, "Preference-Applied")
"""Headers of an answer to a dry run."""

WRITTEN: Final = (*REHEARSED, "Audit-Entry", "Idempotency-Replayed")
"""Headers of an answer to a change, or to a dry run of one that is answered with 200 as well."""

_ETAG: Final = "$response.header.ETag"


def name_of(kind: Kind) -> str:
    """Name a kind as operations and schemas do: JobRole."""
    return kind.name.title().replace("_", "")


def plural_of(kind: Kind) -> str:
    """Name several of a kind: JobRoles."""
    return kind.path.title().replace("-", "")


def a(kind: Kind) -> str:
    """Name one of a kind with its article: an agent."""
    return f"an {kind.title}" if kind.title[0] in "aeiou" else f"a {kind.title}"


def tag_of(kind: Kind) -> str:
    """Name the group of a kind's operations: Job roles."""
    return kind.path.replace("-", " ").capitalize()


def entity_id(kind: Kind) -> Parameter:
    """Give the parameter of a path that names an entity."""
    return Parameter(
        name="id",
        where="path",
        type=UUID,
        required=True,
        example=examples.IDS[kind.name],
        description=f"The id of the {kind.title}. What is no UUID names nothing: 404.",
    )


def following(kind: Kind) -> tuple[Link, ...]:
    """List what can follow when a document and its entity tag are known."""
    name, identity = name_of(kind), "$response.body#/id"
    return (
        Link(operation=f"get{name}", parameters={"path.id": identity}),
        Link(
            operation=f"patch{name}",
            parameters={"path.id": identity, "header.If-Match": _ETAG},
        ),
        Link(
            operation=f"step{name}",
            parameters={"path.id": identity, "header.If-Match": _ETAG},
        ),
    )
