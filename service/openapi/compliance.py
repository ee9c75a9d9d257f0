"""The operation that tells which checks an entity meets."""

from service.model.kinds import KINDS, Kind
from service.openapi import examples
from service.openapi.kinds import a, entity_id, name_of, tag_of
from service.openapi.operation import Answer, Operation
from service.usecases.compliance import Compliance


def operations() -> tuple[Operation, ...]:
    """List the operations of all kinds."""
    return tuple(_compliance(kind) for kind in KINDS.values())


def _compliance(kind: Kind) -> Operation:
    return Operation(
        id=f"get{name_of(kind)}Compliance",
        method="GET",
        path=f"/v1/{kind.path}/{{id}}/compliance",
        tag=tag_of(kind),
        summary=f"Check {a(kind)}",
        description="Every check of the kind, asked about the entity as it is, drafts included, "
        "from the tables and the log. A check names at most 100 violations; what you may not see "
        "counts as a draft.",
        scopes=("read",),
        parameters=(entity_id(kind),),
        answers=(
            Answer(
                status=200,
                description="Each check with its verdict.",
                type=Compliance,
                headers=("Cache-Control",),
                example=examples.COMPLIANCE,
            ),
        ),
    )
