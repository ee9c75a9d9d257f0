"""The operation that takes many entities at once."""

from typing import Literal

from service import errors
from service.model.lines import Line
from service.openapi import examples
from service.openapi.operation import NDJSON, NDJSON_TOO, Answer, Body, Operation, Parameter
from service.openapi.shapes import ImportEnded, ImportOutcome, ImportTotals

AS = Parameter(
    name="as",
    where="query",
    type=Literal["active"],
    description="`active` brings entities in certified and active, with one log entry each that "
    "names both identities; it needs `Certifier-Authorization`, which is refused without (400).",
)

ABSENT = Parameter(
    name="absent",
    where="query",
    type=Literal["report", "archive"],
    description="What becomes of entities that are in the registry and not in the import: "
    "`report` lists them after the lines, `archive` archives those that nothing in force depends "
    "on. Their lines have no `line`. It takes scope `read`, too: without it 403.",
)


def operations() -> tuple[Operation, ...]:
    """List the operations of imports."""
    return (_import(),)


def _import() -> Operation:
    return Operation(
        id="importLines",
        method="POST",
        path="/v1/imports",
        tag="Import and export",
        summary="Import lines",
        description="NDJSON: an entity in each line, known by kind and `external_id`: created "
        "when there is none, changed when the line differs, else left alone. A field that is "
        "absent stays. References are objects, and may name what only a later line brings. The "
        "answer has a line for each line, in the order in which they were written, and the totals "
        "last; without totals it is incomplete. Repeating an import changes nothing. "
        "It cannot be tried: with `Prefer: tx=rollback` it is refused (400).",
        scopes=("write",),
        parameters=(AS, ABSENT),
        security=("certifier",),
        body=Body(type=Line, media=(NDJSON, NDJSON_TOO), examples={"line": examples.LINE}),
        answers=(
            Answer(
                status=200,
                description="What became of each line.",
                type=(ImportOutcome, ImportTotals, ImportEnded),
                media=NDJSON,
                headers=("Cache-Control",),
                example=examples.OUTCOMES,
            ),
        ),
        problems=(errors.OwnWork,),
    )
