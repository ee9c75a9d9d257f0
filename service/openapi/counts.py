"""The operation that counts entities."""

from msgspec import Struct

from service.model.fields import EntityType, Status
from service.openapi.operation import Answer, Operation
from service.openapi.shapes import Count


class CountOfState(Struct):
    """How many entities of a kind are in a state."""

    entity_type: EntityType
    status: Status
    count: Count


class Counts(Struct):
    """How many entities of each kind are in each state."""

    items: list[CountOfState]


def operations() -> tuple[Operation, ...]:
    """List the operation."""
    return (
        Operation(
            id="getCounts",
            method="GET",
            path="/v1/counts",
            tag="All kinds",
            summary="Count the entities",
            description="How many of each kind are in each state, of those that you can see. What "
            "there is none of is left out.",
            scopes=("read",),
            answers=(
                Answer(
                    status=200,
                    description="The counts.",
                    type=Counts,
                    headers=("Cache-Control",),
                    example={
                        "items": [
                            {"entity_type": "skill", "status": "active", "count": 2104},
                            {"entity_type": "skill", "status": "draft", "count": 3},
                        ]
                    },
                ),
            ),
        ),
    )
