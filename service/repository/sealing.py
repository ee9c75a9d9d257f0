"""The log's order and its tree, as its one leader writes them: structs of sql/audit."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, Maybe, One


class Turn(Struct, frozen=True):
    """Whether a lock is ours."""

    ours: bool


class Head(Struct, frozen=True):
    """The present incarnation and its last checkpoint; None where it lacks one."""

    incarnation: int
    origin: str
    system_identifier: int
    size: int | None
    root: bytes | None
    note: str | None


class Facts(Struct, frozen=True):
    """The cluster's number, and how many entries have a place."""

    system_identifier: int
    positions: int


class Report(Struct, frozen=True):
    """Entries with a place, those that are sealed, the age of the oldest that has none."""

    positions: int
    size: int
    waiting_s: float | None


class Ended(Struct, frozen=True):
    """Every transaction with a lower number has ended."""

    before: int


class Pending(Struct, frozen=True):
    """An entry in the queue; no hash: there is no such entry."""

    seq: int
    tenant_id: UUID
    audit_id: UUID
    entry_hash: bytes | None
    intact: bool
    placed: bool


class End(Struct, frozen=True):
    """Where a tenant's part of the log ends."""

    tenant_id: UUID
    pos: int
    leaf_hash: bytes


class Placed(Struct, frozen=True):
    """How many were placed and taken from the queue, and the number of the transaction."""

    placed: int
    removed: int
    transaction: int


class Leaf(Struct, frozen=True):
    """A leaf that is not in the tree yet, and whether it is that of its entry."""

    log_index: int
    tenant_id: UUID
    audit_id: UUID
    leaf_hash: bytes
    intact: bool


class StoredTile(Struct, frozen=True):
    """A tile: up to 256 hashes."""

    level: int
    index: int
    nodes: bytes


class Written(Struct, frozen=True):
    """How many tiles were written."""

    written: int


class Sealed(Struct, frozen=True):
    """When a checkpoint was kept."""

    sealed_at: datetime


class Began(Struct, frozen=True):
    """When an incarnation began."""

    began_at: datetime


class LogLead(One[Turn], frozen=True):
    """Become the leader, until the session ends."""


class LogTurn(One[Turn], frozen=True):
    """Be the one who signs, until the transaction ends."""


class LogHead(Maybe[Head], frozen=True):
    """Read the last checkpoint."""


class LogFacts(One[Facts], frozen=True):
    """Ask which cluster it is and how many entries have a place."""


class LogReport(One[Report], frozen=True):
    """Ask how far the log is; pending rows up to `low` are passed over."""

    low: int


class LogEnded(One[Ended], frozen=True):
    """Ask below which number every transaction has ended."""


class LogPending(Many[Pending], frozen=True):
    """Take the next entries from behind a number of the queue."""

    after: int
    count: int


class LogEnds(Many[End], frozen=True):
    """Read where the logs of tenants end."""

    tenant_ids: list[UUID]
    count: int


class LogPlace(One[Placed], frozen=True):
    """Place entries from an index on; lists of one length."""

    log_index: int
    tenant_ids: list[UUID]
    positions: list[int]
    audit_ids: list[UUID]
    tenant_prevs: list[bytes]
    leaf_hashes: list[bytes]
    seqs: list[int]


class LogUnsealed(Many[Leaf], frozen=True):
    """Read leaves from an index on."""

    log_index: int
    count: int


class LogTiles(Many[StoredTile], frozen=True):
    """Read tiles; lists of one length."""

    levels: list[int]
    indexes: list[int]
    count: int


class LogGrow(One[Written], frozen=True):
    """Write tiles; lists of one length."""

    levels: list[int]
    indexes: list[int]
    nodes: list[bytes]


class LogSeal(One[Sealed], frozen=True):
    """Keep a checkpoint."""

    incarnation: int
    size: int
    origin: str
    root: bytes
    note: str


class LogBegin(One[Began], frozen=True):
    """Begin an incarnation; `given_up` is the note that what was there did not agree with."""

    incarnation: int
    origin: str
    system_identifier: int
    size: int
    root: bytes
    reason: str
    given_up: str | None


class Kept(Struct, frozen=True):
    """How many lines are new."""

    kept: int


class Cosigned(Struct, frozen=True):
    """The size of a checkpoint."""

    size: int


class LogCosign(One[Kept], frozen=True):
    """Keep what a witness signed."""

    incarnation: int
    size: int
    witness: str
    line: str


class LogCosigned(Maybe[Cosigned], frozen=True):
    """Ask what a witness signed last."""

    incarnation: int
    witness: str
