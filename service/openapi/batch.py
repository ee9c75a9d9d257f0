"""The operation of batches."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from service import errors
from service.errors import Problem
from service.model.fields import Version
from service.model.operations import OPERATIONS_MAX, BatchBody
from service.openapi import examples
from service.openapi.headers import KEYED
from service.openapi.operation import Answer, Body, Operation

_MET: Final[tuple[type[Problem], ...]] = (
    errors.OwnWork,
    errors.NameTaken,
    errors.ExternalIdTaken,
    errors.CodeTaken,
    errors.ReferenceNotFound,
    errors.StepNotAllowed,
    errors.CertifiedIsImmutable,
    errors.ImmutableField,
    errors.RuleViolated,
    errors.InUse,
    errors.ParentCycle,
    errors.Conflict,
    errors.PreconditionFailed,
)
_EXAMPLE: Final = {
    "operations": [
        {"op": "create", "kind": "skill", "ref": "wheel", "body": examples.CREATE["skill"]},
        {
            "op": "create",
            "kind": "job_role",
            "body": {
                "name": "Potter",
                "description": "Makes pots.",
                "required_skills": [{"id": "$ref:wheel"}],
            },
        },
        {
            "op": "status",
            "kind": "skill",
            "id": "$ref:wheel",
            "if_match": "*",
            "to": "under_review",
            "reason": "Ready.",
        },
    ]
}


class BatchResult(Struct):
    """What became of one operation."""

    ref: Annotated[str | None, Meta(description="The name that it gave to what it created.")]
    status: Annotated[int, Meta(description="201: created; 200: changed.")]
    id: UUID
    version: Version
    etag: Annotated[str, Meta(description="As the header `ETag` of a request for it alone.")]
    audit_entry: Annotated[
        str | None,
        Meta(description="As the header `Audit-Entry`; null in a dry run, which leaves none."),
    ]


class BatchAnswer(Struct):
    """What became of each operation, in their order."""

    results: list[BatchResult]


def operations() -> tuple[Operation, ...]:
    """List the operation."""
    entry = f"id={examples.ENTRY}, hash={'9f' * 32}"
    result = {
        "ref": "wheel",
        "status": 201,
        "id": examples.SKILL,
        "version": 1,
        "etag": '"1-3f2a9c0d41b7"',
        "audit_entry": entry,
    }
    return (
        Operation(
            id="runBatch",
            method="POST",
            path="/v1/batch",
            tag="All kinds",
            summary="Do several operations, all or none",
            description=f"1 to {OPERATIONS_MAX} operations over all kinds, in their order, in one "
            "transaction, in at most 16 MiB. An id may be `$ref:name` for what an earlier "
            "operation creates under that `ref`. Each is checked, and needs the scope, as if it "
            "came alone; pointers of a refusal begin with `/operations/n`, from 0. An "
            "Idempotency-Key or a dry run is for the whole.",
            scopes=("write", "certify"),
            parameters=KEYED,
            body=Body(type=BatchBody, examples={"role": _EXAMPLE}),
            answers=(
                Answer(
                    status=200,
                    description="All of it is done.",
                    type=BatchAnswer,
                    headers=("Cache-Control", "Preference-Applied", "Idempotency-Replayed"),
                    example={"results": [result]},
                ),
            ),
            problems=_MET,
        ),
    )
