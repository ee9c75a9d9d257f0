"""The operations of a batch: what each has to say."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from service.model.fields import EntityType, Reason, Status

OPERATIONS_MAX: Final = 500
_NAME: Final = "[A-Za-z0-9._-]{1,64}"
_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

Ref = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="A name for what is created, by which later operations refer to it: "
        "letters, digits, `.`, `_`, `-`.",
        examples=["wheel"],
        extra_json_schema={"pattern": f"^{_NAME}$"},
    ),
]
EntityRef = Annotated[
    str,
    Meta(
        description="An id, or `$ref:name` for what an earlier operation creates.",
        examples=["$ref:wheel"],
        extra_json_schema={"pattern": rf"^({_UUID}|\$ref:{_NAME})$"},
    ),
]
Tags = Annotated[
    str,
    Meta(
        min_length=1,
        description="As the header `If-Match`: the ETag of the version that is to change, several "
        "with commas, or `*` for whatever it is.",
        examples=['"1-3f2a9c0d41b7"'],
    ),
]
Content = Annotated[
    dict[str, Any],
    Meta(description="As the body of a request for this one alone; ids may be `$ref:name`."),
]


class CreateOperation(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="create"
):
    """Create an entity as a draft."""

    kind: EntityType
    body: Content
    ref: Ref | UnsetType = UNSET


class AmendOperation(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="amend"):
    """Change an entity by a JSON Merge Patch."""

    kind: EntityType
    id: EntityRef
    if_match: Tags
    patch: Content


class StatusOperation(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="status"
):
    """Take one life-cycle step."""

    kind: EntityType
    id: EntityRef
    if_match: Tags
    to: Status
    reason: Reason
    successor_id: EntityRef | UnsetType | None = UNSET


Operation = CreateOperation | AmendOperation | StatusOperation
OF: Final[dict[str, type[Operation]]] = {
    "create": CreateOperation,
    "amend": AmendOperation,
    "status": StatusOperation,
}


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done, in this order, all of it or nothing."""

    operations: Annotated[list[Operation], Meta(min_length=1, max_length=OPERATIONS_MAX)]
