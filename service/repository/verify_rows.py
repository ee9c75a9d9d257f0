"""The rows that `plant audit verify` reads, and what its statements have in common."""

from uuid import UUID

from msgspec import Struct

from service.repository.base import Many


class Facts(Struct, frozen=True):
    """Where the log stands.

    `entries` is what the server estimates, `sealed` is None where nothing was signed.
    """

    system_identifier: int
    entries: int
    positions: int
    sealed: int | None
    level_max: int


class EntryRow(Struct, frozen=True, gc=False):
    """An entry, its payload and its position, as far as they are there.

    Shapes: `entry` and `payload` (salt and document) are the bytes that were hashed; `kept` tells
    whether there is a payload, `erased` whether a later version of the entity is an erasure, None
    when there is none later or the document is not gone. Units: `at_us` in microseconds since 1970.
    """

    tenant_id: UUID
    audit_id: UUID
    entry: str | None
    entry_hash: bytes | None
    at_us: int | None
    kept: bool
    payload: bytes | None
    erased: bool | None
    log_index: int | None
    pos: int | None
    tenant_prev: bytes | None
    leaf_hash: bytes | None


class PositionRow(Struct, frozen=True, gc=False):
    """A place in the log."""

    log_index: int
    tenant_id: UUID
    audit_id: UUID
    pos: int
    tenant_prev: bytes
    leaf_hash: bytes


class TileRow(Struct, frozen=True):
    """The hashes of a tile of a level that the reader knows."""

    index: int
    nodes: bytes


class CheckpointRow(Struct, frozen=True):
    """A checkpoint: what its columns say, and its signed note."""

    incarnation: int
    size: int
    origin: str
    root: bytes
    note: str


class CosignatureRow(Struct, frozen=True):
    """What a witness has signed, and the note that it signed."""

    incarnation: int
    size: int
    witness: str
    line: str
    note: str | None


class IncarnationRow(Struct, frozen=True):
    """One life of the log; `given_up` is the note that a rebase did not agree with."""

    incarnation: int
    origin: str
    system_identifier: int
    size: int
    root: bytes
    given_up: str | None


class Waiting(Struct, frozen=True):
    """What is not sealed yet: in the queue, or with a place behind the last checkpoint.

    Units: seconds.
    """

    queued: int
    unsealed: int
    waited_s: float


class Timed(Struct, frozen=True):
    """When what stands at an index of the log was written. Units: microseconds since 1970."""

    log_index: int
    tenant_id: UUID
    pos: int
    kind: str
    entity_id: UUID
    version: int
    at_us: int


class Prune(Struct, frozen=True):
    """What a pruning says of itself."""

    tenant_id: UUID
    document: str | None
    pos: int | None


class Fault(Struct, frozen=True):
    """Something that is not as it must be, and where."""

    tenant_id: UUID
    kind: str | None
    entity_id: UUID | None
    version: int | None
    pos: int | None
    log_index: int | None
    fault: str


class Current(Struct, frozen=True, gc=False):
    """An entity or an amendment; `fault` is where it is not what its log says."""

    tenant_id: UUID
    id: UUID
    kind: str
    version: int
    fault: str | None


class Rendered(Struct, frozen=True, gc=False):
    """An entity; `matches` tells whether its document is what its rows say."""

    id: UUID
    version: int
    matches: bool


class Faults(Many[Fault], frozen=True):
    """Find what is not as it must be, of tenants between two ids."""

    first_tenant: str
    last_tenant: str
    count: int


class Page(Many[Current], frozen=True):
    """Read the next rows behind a tenant and an id."""

    after_tenant: str
    after_id: str
    last_tenant: str
    count: int


class OfKind(Many[Rendered], frozen=True):
    """Read a tenant's next entities of a kind."""

    tenant_id: str
    after_id: str
    count: int
