"""The operation that names governance agents."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from service.model.query import IDS_MAX
from service.openapi import examples
from service.openapi.operation import Answer, Operation, Parameter
from service.openapi.shapes import Named

IDS: Final = Parameter(
    name="id",
    where="query",
    type=Annotated[list[UUID], Meta(min_length=1, max_length=IDS_MAX)],
    required=True,
    description="Ids of governance agents; one that is repeated counts once.",
    example=[examples.AUTHOR],
    component="GovernanceAgentIds",
)


class GovernanceAgents(Struct):
    """Governance agents by their ids, in the order of the ids, and the ids that name none."""

    items: list[Named]
    missing: list[UUID]


def operations() -> tuple[Operation, ...]:
    """List the operation."""
    return (
        Operation(
            id="getGovernanceAgents",
            method="GET",
            path="/v1/governance-agents",
            tag="Identity",
            summary="Name governance agents",
            description="1 to 100 ids of governance agents of your tenant, as documents, versions "
            "and entries of the log have them. `items` come in the order of the ids.",
            scopes=("read",),
            parameters=(IDS,),
            answers=(
                Answer(
                    status=200,
                    description="Those of your tenant, and the ids of the others.",
                    type=GovernanceAgents,
                    headers=("Cache-Control",),
                    example={
                        "items": [{"id": examples.AUTHOR, "name": "alice"}],
                        "missing": [examples.ABSENT],
                    },
                ),
            ),
        ),
    )
