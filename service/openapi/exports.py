"""The operation that gives all entities at once."""

from typing import Annotated, Literal

from msgspec import Meta

from service import errors
from service.model.log import SIZE_MAX, SIZES_MAX
from service.openapi import examples
from service.openapi.operation import NDJSON, NDJSON_TOO, TEXT, Answer, Operation, Parameter
from service.openapi.shapes import AnyDocument
from service.usecases.exporting import Closing

_SIZE = Annotated[int, Meta(ge=0, le=SIZE_MAX)]

FORMAT = Parameter(
    name="format",
    where="query",
    type=Literal["entities", "proof"],
    default="entities",
    description="What is exported: the documents as they are, or the log with what proves it.",
)
SINCE = Parameter(
    name="since",
    where="query",
    type=Annotated[list[_SIZE], Meta(min_length=1, max_length=SIZES_MAX)],
    description="With `format=proof`: sizes of checkpoints that you hold, to prove that the log "
    "has grown out of each.",
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
        "SHA-256 of their lines; without it the answer is incomplete. With `format=proof` it is "
        "the tenant's log up to the latest checkpoint instead, for those who trust nobody: a line "
        "for each entry with the document as far as the key may read it, the proof in the last "
        "one, as docs/audit-format.md has it. That takes scope `audit` as well.",
        scopes=("read",),
        parameters=(FORMAT, SINCE),
        answers=(
            Answer(
                status=200,
                description="The documents, and the line that closes them.",
                type=(AnyDocument, Closing),
                media=NDJSON,
                also=(NDJSON_TOO,),
                texts=(TEXT,),
                headers=("Cache-Control",),
                example=examples.EXPORT,
            ),
        ),
        problems=(errors.NotAcceptable, errors.NotSealed),
    )
