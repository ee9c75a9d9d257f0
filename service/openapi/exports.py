"""The operation that gives all entities at once."""

from typing import Literal

from service import errors
from service.openapi import examples
from service.openapi.operation import NDJSON, NDJSON_TOO, Answer, Operation, Parameter
from service.openapi.shapes import AnyDocument
from service.usecases.exporting import Closing

FORMAT = Parameter(
    name="format",
    where="query",
    type=Literal["entities"],
    default="entities",
    description="What is exported.",
)


def operations() -> tuple[Operation, ...]:
    """List the operations of exports."""
    return (_export(),)


def _export() -> Operation:
    return Operation(
        id="exportLines",
        method="GET",
        path="/v1/exports",
        tag="Import and export",
        summary="Export lines",
        description="Every entity that the key may read, as NDJSON of one snapshot: a document in "
        "each line, byte for byte as it is served, industries first, then skills, job roles, teams "
        "and agents, each oldest first. The last line holds the number of documents and the "
        "SHA-256 of their lines; without it the answer is incomplete.",
        scopes=("read",),
        parameters=(FORMAT,),
        answers=(
            Answer(
                status=200,
                description="The documents, and the line that closes them.",
                type=(AnyDocument, Closing),
                media=NDJSON,
                also=(NDJSON_TOO,),
                headers=("Cache-Control",),
                example=examples.EXPORT,
            ),
        ),
        problems=(errors.NotAcceptable,),
    )
