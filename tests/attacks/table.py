"""The table of attacks: a deed, who does it, and what each level says of it.

database  `plant audit verify` with the pinned key alone
host      what the sealer's state adds to that, where it lies
held      what a checkpoint and a receipt add that a client kept
bundle    a proof bundle of what is there, with the pinned key
sealer    a sealer that is started: why it refuses
"""

from msgspec import Struct

from tests.attacks import deeds, log_deeds, state_deeds
from tests.attacks.deeds import Deed
from tests.attacks.levels import UNMADE

NONE: frozenset[str] = frozenset()


class Attack(Struct, frozen=True, kw_only=True):
    """A deed, who does it, and what each level says; `version` is the victim's that is named."""

    deed: Deed
    who: str
    database: frozenset[str] = NONE
    host: frozenset[str] = NONE
    held: frozenset[str] = NONE
    bundle: str | None = None
    sealer: str | None = None
    version: int | None = None


def by(who: str, deed: Deed, *database: str, **more: object) -> Attack:
    """Write one row of the table."""
    sets = {name: frozenset(str(more.pop(name, "")).split()) for name in ("host", "held")}
    return Attack(deed=deed, who=who, database=frozenset(database), **sets, **more)  # type: ignore[arg-type]


ATTACKS = (
    by("superuser", deeds.document_edited, "document", bundle="document", version=2),
    by("owner", deeds.document_edited_by_owner, "document", bundle="document", version=2),
    by("superuser", deeds.salt_edited, "document", bundle="document", version=2),
    by("superuser", deeds.document_emptied, "erasure", bundle="erasure", version=2),
    by("superuser", deeds.document_brought_back, "document", "kept"),
    by("superuser", deeds.document_removed, "document", bundle="missing", version=2),
    by("superuser", deeds.document_added, "stray"),
    by("superuser", deeds.actor_edited, "entry", bundle="entry", version=2),
    by("superuser", deeds.time_edited, "entry", "clock", "history", bundle="entry", version=2),
    by("superuser", deeds.time_infinite, "entry", "history", bundle=UNMADE),
    by("superuser", deeds.entry_removed, "missing", "history", bundle="missing"),
    by("superuser", deeds.entry_forged, "unplaced", "state", version=6),
    by("superuser", deeds.version_doubled, "unplaced", "history", version=2),
    by("superuser", deeds.last_version_rewritten, "position", bundle="entry", version=5),
    by("superuser", deeds.last_version_and_places_rewritten, "tree", bundle="proof", version=5),
    by(
        "superuser",
        deeds.tree_rewritten,
        "root",
        host="fork",
        bundle="proof",
        sealer="tiles",
        version=5,
    ),
    by(
        "superuser",
        deeds.signed_anew,
        "signature",
        host="fork",
        bundle="signature",
        sealer="key",
    ),
    by(
        "superuser with the key",
        deeds.signed_with_stolen_key,
        host="fork",
        held="fork receipt",
        sealer="fork",
    ),
    by("host", deeds.signed_and_state_replaced, held="fork receipt"),
    by(
        "superuser",
        log_deeds.place_removed,
        "missing",
        "position",
        "unplaced",
        bundle="missing",
    ),
    by("superuser", log_deeds.places_swapped, "position", bundle="entry"),
    by(
        "superuser",
        log_deeds.places_swapped_and_hashed,
        "tree",
        held="receipt",
        bundle="proof",
    ),
    by("plant_worker", log_deeds.queue_emptied, "unplaced"),
    by("superuser", log_deeds.queue_swapped, "order"),
    by("superuser", log_deeds.queue_filled, "stray", sealer="missing-entry"),
    by("superuser", log_deeds.entry_edited_in_the_queue, "entry", sealer="entry-hash"),
    by("superuser", log_deeds.entry_rewritten_in_the_queue),
    by("host", log_deeds.clock_set_back, "clock"),
    by("superuser", log_deeds.tile_flipped, "tile"),
    by("superuser", log_deeds.tile_above_flipped, "tile", bundle="proof", sealer="tiles"),
    by("superuser", log_deeds.tile_removed, "tile"),
    by("plant_worker", log_deeds.tile_added, "checkpoint"),
    by("superuser", log_deeds.checkpoint_edited, "checkpoint"),
    by("superuser", log_deeds.checkpoint_removed, "checkpoint", host="rollback", sealer="rollback"),
    by("plant_worker", log_deeds.cosignature_moved, "cosignature"),
    by("superuser", log_deeds.incarnation_removed, "checkpoint", sealer="rollback"),
    by("superuser", log_deeds.incarnation_edited, "incarnation", "checkpoint"),
    by("superuser", log_deeds.moved_to_another_cluster, host="cluster", sealer="system-identifier"),
    by(
        "superuser", log_deeds.tail_cut, host="rollback", held="rollback receipt", sealer="rollback"
    ),
    by(
        "superuser",
        log_deeds.wiped_and_begun_again,
        host="rollback",
        held="rollback receipt",
        bundle=UNMADE,
        sealer="rollback",
    ),
    by("superuser", log_deeds.entity_removed, "missing", bundle="proof"),
    by(
        "superuser",
        log_deeds.entity_removed_with_places,
        "tree",
        held="receipt",
        sealer="positions",
    ),
    by("superuser", state_deeds.column_edited, "rows", version=5),
    by("superuser", state_deeds.served_document_edited, "state", version=5),
    by("superuser", state_deeds.tag_added, "rows", version=5),
    by("superuser", state_deeds.kind_row_edited, "rows"),
    by("superuser", state_deeds.link_edited, "rows"),
    by("superuser", state_deeds.version_set_back, "state", version=4),
    by("superuser", state_deeds.entity_unlogged, "unlogged", "rows"),
    by("superuser", state_deeds.entity_row_removed, "lost", version=5),
    by("superuser", state_deeds.kind_row_left_behind, "stray"),
    by("superuser", state_deeds.tag_left_behind, "stray"),
    by("superuser", state_deeds.amendment_edited, "rows"),
    by("superuser", state_deeds.amendment_document_edited, "state"),
)
