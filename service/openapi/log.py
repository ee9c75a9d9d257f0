"""The operations of the log: what anyone may check, what auditors read, a receipt of a version."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from service import errors
from service.model.kinds import KINDS, Kind
from service.model.log import SIZE_MAX, WAIT_MAX_S
from service.openapi import filters, log_examples
from service.openapi.headers import IF_NONE_MATCH
from service.openapi.history import VersionNumber
from service.openapi.kinds import READ, a, entity_id, name_of, tag_of
from service.openapi.log_shapes import EntryPage, GrowthShown, NotSealedYet, ReceiptShown
from service.openapi.operation import OCTETS, TEXT, Answer, Link, Operation, Parameter

TAG: Final = "Log"

_OPEN: Final = (
    "Without a key, unless PLANT_AUDIT_PUBLIC is `off`: then it takes a key with scope `audit`."
)
_REFUSED: Final = (
    errors.UnknownParameter,
    errors.Unauthenticated,
    errors.ScopeMissing,
    errors.Unavailable,
)
_SIZE: Final = Annotated[int, Meta(ge=0, le=SIZE_MAX)]

_LEVEL: Final = Parameter(
    name="level",
    where="path",
    type=Annotated[str, Meta(pattern="^(0|[1-9][0-9]?)$")],
    required=True,
    example="0",
    description="The level of the tile, from 0 for leaves.",
)
_PATH: Final = Parameter(
    name="path",
    where="path",
    type=Annotated[str, Meta(pattern=r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$")],
    required=True,
    example="000.p/1",
    description="The index of the tile in groups of three digits, all but the last behind an `x`, "
    "with slashes between; of a tile that is not full `.p/` and how many of its hashes.",
)
_FROM: Final = Parameter(
    name="from",
    where="query",
    type=_SIZE,
    required=True,
    example=1,
    description="The size of a checkpoint that you hold.",
)
_TO: Final = Parameter(
    name="to",
    where="query",
    type=_SIZE,
    description="The size of a later one; left out: the latest.",
)
_AFTER: Final = Parameter(
    name="after",
    where="query",
    type=_SIZE,
    default=0,
    description="The position behind which to begin; not together with `cursor`.",
)
_VERSION: Final = Parameter(
    name="version",
    where="query",
    type=VersionNumber,
    description="One of its versions; left out: the present one.",
)
_WAIT: Final = Parameter(
    name="wait",
    where="query",
    type=Annotated[int, Meta(ge=0, le=WAIT_MAX_S)],
    default=0,
    description="How many seconds to wait at most until it is sealed.",
)


_AMENDMENT: Final = Parameter(
    name="amendment_id",
    where="query",
    type=UUID,
    description="One of its amendments, open or closed; left out: the open one.",
)
_PROVEN: Final = (
    Answer(
        status=200,
        description="The receipt.",
        type=ReceiptShown,
        texts=(TEXT,),
        headers=("Cache-Control", "Vary"),
        example=log_examples.RECEIPT,
    ),
    Answer(
        status=202,
        description="It is not sealed yet.",
        type=NotSealedYet,
        headers=("Cache-Control", "Retry-After"),
        example=log_examples.WAITING,
    ),
)


def operations() -> tuple[Operation, ...]:
    """List the operations of the log."""
    return (
        *(one for kind in KINDS.values() for one in (_receipt(kind), _amendment_receipt(kind))),
        _checkpoint(),
        _tile(),
        _consistency(),
        _entries(),
    )


def _receipt(kind: Kind) -> Operation:
    return Operation(
        id=f"receiptOf{name_of(kind)}",
        method="GET",
        path=f"/v1/{kind.path}/{{id}}/receipt",
        tag=tag_of(kind),
        summary=f"Get the receipt of a version of {a(kind)}",
        description="What proves to anyone, offline, that this version stands in the log: entry, "
        "document, leaf, proof and signed checkpoint. Entry and checkpoint are enough where "
        "`Accept: text/plain` asks for a c2sp.org/tlog-proof.",
        scopes=("read",),
        parameters=(entity_id(kind), _VERSION, _WAIT),
        answers=_PROVEN,
        problems=(errors.NotAcceptable,),
    )


def _amendment_receipt(kind: Kind) -> Operation:
    return Operation(
        id=f"receiptOf{name_of(kind)}Amendment",
        method="GET",
        path=f"/v1/{kind.path}/{{id}}/amendment/receipt",
        tag=tag_of(kind),
        summary=f"Get the receipt of a version of an amendment of {a(kind)}",
        description="As that of the entity, for what was written to its amendment: an amendment "
        "has versions and entries of its own. Of one that is closed `amendment_id` is needed. "
        "Who may see the amendment, and the version, gets it.",
        scopes=("read",),
        parameters=(entity_id(kind), _AMENDMENT, _VERSION, _WAIT),
        answers=_PROVEN,
        problems=(errors.NotAcceptable,),
    )


def _checkpoint() -> Operation:
    return Operation(
        id="checkpoint",
        method="GET",
        path="/v1/audit/checkpoint",
        tag=TAG,
        summary="Read the latest checkpoint",
        description="The signed note (c2sp.org/tlog-checkpoint) that says how many entries the "
        f"log has and which root their tree, with what witnesses have signed of it. {_OPEN}",
        scopes=None,
        security=("key",),
        parameters=(IF_NONE_MATCH,),
        answers=(
            Answer(
                status=200,
                description="The note.",
                media=TEXT,
                headers=READ,
                example=log_examples.CHECKPOINT,
            ),
            Answer(status=304, description="You have it.", media=None, headers=READ),
        ),
        problems=(*_REFUSED, errors.NotFound),
    )


def _tile() -> Operation:
    return Operation(
        id="tile",
        method="GET",
        path="/v1/audit/tile/{level}/{path}",
        tag=TAG,
        summary="Read a tile",
        description="Up to 256 hashes of the tree, 32 bytes each (c2sp.org/tlog-tiles): of no "
        "tenant, and never changed. What the latest checkpoint does not cover is 404. Slashes in "
        f"`path` stand as they are. {_OPEN}",
        scopes=None,
        security=("key",),
        parameters=(_LEVEL, _PATH, IF_NONE_MATCH),
        answers=(
            Answer(status=200, description="The hashes.", media=OCTETS, headers=READ),
            Answer(status=304, description="You have it.", media=None, headers=READ),
        ),
        problems=_REFUSED,
    )


def _consistency() -> Operation:
    return Operation(
        id="consistency",
        method="GET",
        path="/v1/audit/consistency",
        tag=TAG,
        summary="Prove that the log only grew",
        description="The consistency proof (RFC 9162) from one size to a larger one: with the "
        f"roots of both checkpoints it shows that nothing before was changed. {_OPEN}",
        scopes=None,
        security=("key",),
        parameters=(_FROM, _TO),
        answers=(
            Answer(
                status=200,
                description="The proof.",
                type=GrowthShown,
                headers=("Cache-Control",),
                example=log_examples.GROWTH,
            ),
        ),
        problems=(*_REFUSED, errors.NotFound),
    )


def _entries() -> Operation:
    rest = Link(operation="listEntries", parameters={"query.cursor": "$response.body#/next_cursor"})
    return Operation(
        id="listEntries",
        method="GET",
        path="/v1/audit/entries",
        tag=TAG,
        summary="List the entries of the log",
        description="The tenant's whole log, oldest first, of drafts too, without documents: what "
        "its chain is made from, so that a receipt proves all that came before it. An entry is "
        "listed once it has a place in the log. The position of the last one is what `after` "
        "takes, whenever there is more.",
        scopes=("audit",),
        parameters=(filters.LIMIT, _AFTER, filters.CURSOR),
        answers=(
            Answer(
                status=200,
                description="A page.",
                type=EntryPage,
                headers=("Cache-Control", "Link"),
                example=log_examples.ENTRIES,
                links=(rest,),
            ),
        ),
    )
