"""What `plant audit verify` asks of a database: the structs of sql/verify."""

from service.repository.base import Many, One
from service.repository.verify_rows import (
    CheckpointRow,
    CosignatureRow,
    EntryRow,
    Facts,
    Faults,
    IncarnationRow,
    OfKind,
    Page,
    PositionRow,
    Prune,
    TileRow,
    Timed,
    Waiting,
)


class VerifyFacts(One[Facts], frozen=True):
    """Ask where the log stands."""


class VerifyEntries(Many[EntryRow], frozen=True):
    """Read entries with payloads and positions."""

    after_tenant: str
    after_id: str
    last_tenant: str
    count: int


class VerifyOrder(Many[PositionRow], frozen=True):
    """Read positions in the order of the log."""

    from_index: int
    count: int


class VerifyOrderOfTenant(Many[PositionRow], frozen=True):
    """Read a tenant's positions in their order."""

    tenant_id: str
    from_position: int
    count: int


class VerifyTiles(Many[TileRow], frozen=True):
    """Read tiles of a level."""

    level: int
    from_index: int
    count: int


class VerifyCheckpoints(Many[CheckpointRow], frozen=True):
    """Read checkpoints."""

    after_incarnation: int
    after_size: int
    count: int


class VerifyCosignatures(Many[CosignatureRow], frozen=True):
    """Read what witnesses have signed."""

    after_incarnation: int
    after_size: int
    after_witness: str
    count: int


class VerifyIncarnations(Many[IncarnationRow], frozen=True):
    """Read the log's lives."""

    count: int


class VerifyWaiting(One[Waiting], frozen=True):
    """Count what is not sealed yet."""

    sealed: int


class VerifyClock(Many[Timed], frozen=True):
    """Read the times of a stretch of the log."""

    from_index: int
    count: int


class VerifyPrunes(Many[Prune], frozen=True):
    """Read what prunings say of themselves."""

    first_tenant: str
    last_tenant: str
    count: int


class VerifyUnplaced(Faults, frozen=True):
    """Find entries without a place and without hope of one."""


class VerifyHistory(Faults, frozen=True):
    """Find versions that do not follow on the one before: hole, link, time, kind or order."""


class VerifyKept(Faults, frozen=True):
    """Find documents that an erasure should have emptied."""


class VerifyLost(Faults, frozen=True):
    """Find entities of the log that are not there."""


class VerifyStrays(Faults, frozen=True):
    """Find rows of a kind that belong to no entity."""


class VerifyStrayLinks(Faults, frozen=True):
    """Find links and tags that belong to no entity."""


class VerifyCurrent(Page, frozen=True):
    """Read entities beside their logs."""


class VerifyAmendments(Page, frozen=True):
    """Read amendments beside their logs and their documents."""


class VerifySkills(OfKind, frozen=True):
    """Read skills beside their rows."""


class VerifyIndustries(OfKind, frozen=True):
    """Read industries beside their rows."""


class VerifyJobRoles(OfKind, frozen=True):
    """Read job roles beside their rows."""


class VerifyTeams(OfKind, frozen=True):
    """Read teams beside their rows."""


class VerifyAgents(OfKind, frozen=True):
    """Read agents beside their rows."""
