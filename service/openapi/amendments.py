"""The operations of amendments: how what is in force changes."""

from service import errors
from service.errors import Problem
from service.model.amendments import AMENDMENT, AmendmentStatusStep
from service.model.kinds import KINDS, Kind
from service.openapi import examples
from service.openapi.entities import taken
from service.openapi.headers import IF_MATCH, IF_NONE_MATCH, KEYED, PREFER
from service.openapi.kinds import READ, REHEARSED, WRITTEN, a, entity_id, name_of, tag_of
from service.openapi.operation import JSON, MERGE_PATCH, Answer, Body, Link, Operation


def operations() -> tuple[Operation, ...]:
    """List the operations of all kinds."""
    return tuple(
        one
        for kind in KINDS.values()
        for one in (_get(kind), _patch(kind), _withdraw(kind), _step(kind))
    )


def _path(kind: Kind) -> str:
    return f"/v1/{kind.path}/{{id}}/amendment"


def _next(kind: Kind) -> tuple[Link, ...]:
    """List what can follow when an amendment and its entity tag are known."""
    known = {"path.id": "$response.body#/id", "header.If-Match": "$response.header.ETag"}
    names = ("patch{}Amendment", "step{}Amendment", "withdraw{}Amendment")
    receipt = Link(
        operation=f"receiptOf{name_of(kind)}Amendment",
        parameters={
            "path.id": "$response.body#/id",
            "query.amendment_id": "$response.body#/amendment_id",
        },
    )
    steps = (Link(operation=name.format(name_of(kind)), parameters=known) for name in names)
    return (*steps, receipt)


def _get(kind: Kind) -> Operation:
    return Operation(
        id=f"get{name_of(kind)}Amendment",
        method="GET",
        path=_path(kind),
        tag=tag_of(kind),
        summary=f"Read the amendment of {a(kind)}",
        description="The open one, as the document that it will be. While it is a draft only its "
        "author sees it.",
        scopes=("read",),
        parameters=(entity_id(kind), IF_NONE_MATCH),
        answers=(
            Answer(
                status=200,
                description="The amendment.",
                type=AMENDMENT[kind.name],
                headers=READ,
                example=examples.amendment(kind.name),
                links=_next(kind),
            ),
            Answer(status=304, description="You have it.", media=None, headers=READ),
        ),
    )


def _patch(kind: Kind) -> Operation:
    fixed = (errors.ImmutableField,) if kind.name == "agent" else ()

    def answer(status: int, words: str, *more: str) -> Answer:
        return Answer(
            status=status,
            description=words,
            type=AMENDMENT[kind.name],
            headers=(*WRITTEN, *more),
            example=examples.amendment(kind.name),
            links=_next(kind),
        )

    return Operation(
        id=f"patch{name_of(kind)}Amendment",
        method="PATCH",
        path=_path(kind),
        tag=tag_of(kind),
        summary=f"Amend {a(kind)}",
        description="A JSON Merge Patch over the document in force. The first one opens the "
        "amendment, under the ETag of the entity; later ones change it, under its own.",
        scopes=("write",),
        parameters=(entity_id(kind), IF_MATCH, *KEYED),
        body=Body(
            type=kind.patch,
            media=(MERGE_PATCH, JSON),
            examples={"patch": examples.PATCH[kind.name]},
        ),
        answers=(
            answer(200, "It is changed; or, in a dry run, it would be changed or opened."),
            answer(201, "It is opened.", "Location"),
        ),
        problems=(
            *fixed,
            errors.AmendmentOpen,
            errors.AmendmentOutdated,
            errors.NotInForce,
            errors.StepNotAllowed,
            errors.ReferenceNotFound,
            errors.ParentCycle,
            errors.Conflict,
        ),
    )


def _withdraw(kind: Kind) -> Operation:
    return Operation(
        id=f"withdraw{name_of(kind)}Amendment",
        method="DELETE",
        path=_path(kind),
        tag=tag_of(kind),
        summary=f"Withdraw the amendment of {a(kind)}",
        description="Only its author may. The log keeps it.",
        scopes=("write",),
        parameters=(entity_id(kind), IF_MATCH, PREFER),
        answers=(
            Answer(
                status=204,
                description="It is withdrawn.",
                media=None,
                headers=("Audit-Entry",),
            ),
            Answer(
                status=200,
                description="It would be withdrawn.",
                type=AMENDMENT[kind.name],
                headers=REHEARSED,
                example=examples.amendment(kind.name) | {"status": "withdrawn", "version": 2},
            ),
        ),
        problems=(errors.StepNotAllowed, errors.Conflict),
    )


def _step(kind: Kind) -> Operation:
    met: tuple[type[Problem], ...] = (
        errors.OwnWork,
        errors.AmendmentOutdated,
        errors.StepNotAllowed,
        errors.RuleViolated,
        errors.ParentCycle,
    )
    return Operation(
        id=f"step{name_of(kind)}Amendment",
        method="POST",
        path=f"{_path(kind)}/status",
        tag=tag_of(kind),
        summary=f"Change the state of the amendment of {a(kind)}",
        description="draft → under_review | withdrawn; under_review → draft | certified | rejected "
        "| withdrawn. Its author submits, takes back and withdraws it with scope `write`; another "
        "governance agent certifies or rejects it with scope `certify`. Certified, its content is "
        "the next version of the entity, in the same transaction.",
        scopes=("write", "certify"),
        parameters=(entity_id(kind), IF_MATCH, *KEYED),
        body=Body(type=AmendmentStatusStep, examples=examples.AMENDMENT_STEPS),
        answers=(
            Answer(
                status=200,
                description="The step is taken.",
                type=AMENDMENT[kind.name],
                headers=(*WRITTEN, "Entity-ETag"),
                example=examples.amendment(kind.name) | {"status": "under_review", "version": 2},
                links=_next(kind),
            ),
        ),
        problems=(*met, *taken(kind)),
    )
