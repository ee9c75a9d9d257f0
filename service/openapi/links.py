"""The operations of links: one at a time, and who refers to an entity."""

from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from service import errors
from service.model.kinds import KINDS, Kind
from service.model.links import LINKED, Linked
from service.openapi import examples, filters
from service.openapi.headers import IF_MATCH, KEYED, PREFER
from service.openapi.kinds import REHEARSED, WRITTEN, a, entity_id, following, name_of, tag_of
from service.openapi.operation import Answer, Body, Link, Operation, Parameter
from service.openapi.shapes import Cursor, Dependent

_SKILLS: Final = {"id": examples.SKILL, "relation": "optional"}
_SHOWN: Final[dict[str, dict[str, Any]]] = {
    "job_role": {"required_skills": [_SKILLS]},
    "agent": {"skill_ids": [examples.SKILL], "team_id": examples.TEAM},
}
"""What an example of an answer shows of the link."""


class Referring(Dependent):
    """An entity that refers to the one in question; in force, it depends on it."""

    in_force: bool


class DependentPage(Struct):
    """A page of what refers to an entity."""

    items: list[Referring]
    next_cursor: Cursor


def operations() -> tuple[Operation, ...]:
    """List the operations of all links, and of what refers to an entity."""
    return (
        *(one for linked in LINKED for one in (_put(linked), _delete(linked))),
        *(_dependents(kind) for kind in KINDS.values()),
    )


def _ids(linked: Linked) -> tuple[Parameter, ...]:
    """Give the two ids in the order of the path."""
    both = {linked.own_id: linked.kind, linked.target_id: linked.target}
    names = sorted(both, key=linked.path.index)
    return tuple(
        entity_id(both[name])
        if name == "id"
        else Parameter(
            name=name,
            where="path",
            type=UUID,
            required=True,
            example=examples.IDS[both[name].name],
            description=f"The id of the {both[name].title}. What is no UUID names nothing: 404.",
        )
        for name in names
    )


def _named(linked: Linked) -> str:
    """Name a link in the order of its path: JobRoleSkill, TeamAgent."""
    first, second = linked.kind, linked.target
    if linked.own_id != "id":
        first, second = second, first
    return f"{name_of(first)}{name_of(second)}"


def _answer(linked: Linked, words: str, *, there: bool) -> Answer:
    shown = _SHOWN[linked.kind.name]
    if not there:
        shown = {name: [] if isinstance(one, list) else None for name, one in shown.items()}
    return Answer(
        status=200,
        description=words,
        type=linked.kind.document,
        headers=WRITTEN if there else (*REHEARSED, "Audit-Entry"),
        example=examples.document(linked.kind.name, version=2) | shown,
        links=following(linked.kind),
    )


_MET: Final = (
    errors.CertifiedIsImmutable,
    errors.StepNotAllowed,
    errors.ReferenceNotFound,
    errors.Conflict,
)


def _put(linked: Linked) -> Operation:
    example = {"relation": "optional"} if linked.kind.name == "job_role" else {}
    body = Body(type=linked.body, examples={"link": example}, required=False)
    return Operation(
        id=f"put{_named(linked)}",
        method="PUT",
        path=linked.path,
        tag=tag_of(linked.kind),
        summary=f"Link {a(linked.kind)} to {a(linked.target)}",
        description=f"The version of the {linked.kind.title} changes, and it is its ETag that "
        "If-Match names. What is linked so already stays as it is: 200 with the document, without "
        "`Audit-Entry`.",
        scopes=("write",),
        parameters=(*_ids(linked), IF_MATCH, *KEYED),
        body=body,
        answers=(_answer(linked, "It is linked.", there=True),),
        problems=_MET,
    )


def _delete(linked: Linked) -> Operation:
    return Operation(
        id=f"delete{_named(linked)}",
        method="DELETE",
        path=linked.path,
        tag=tag_of(linked.kind),
        summary=f"Remove the link of {a(linked.kind)} to {a(linked.target)}",
        description=f"The version of the {linked.kind.title} changes, and it is its ETag that "
        "If-Match names. Where there is no such link: 404.",
        scopes=("write",),
        parameters=(*_ids(linked), IF_MATCH, PREFER),
        answers=(_answer(linked, "It is removed.", there=False),),
        problems=_MET,
    )


def _dependents(kind: Kind) -> Operation:
    name = f"list{name_of(kind)}Dependents"
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
        path=f"/v1/{kind.path}/{{id}}/dependents",
        tag=tag_of(kind),
        summary=f"List what refers to {a(kind)}",
        description="Newest first, whatever their state; those in force would break if it were "
        "archived. Other governance agents' drafts are left out.",
        scopes=("read",),
        parameters=(entity_id(kind), filters.LIMIT, filters.CURSOR),
        answers=(
            Answer(
                status=200,
                description="A page.",
                type=DependentPage,
                headers=("Cache-Control", "Link"),
                example={
                    "items": [
                        {
                            "id": examples.JOB_ROLE,
                            "entity_type": "job_role",
                            "name": "Potter",
                            "status": "active",
                            "relation": "essential_skill",
                            "in_force": True,
                        }
                    ],
                    "next_cursor": None,
                },
                links=(further,),
            ),
        ),
    )
