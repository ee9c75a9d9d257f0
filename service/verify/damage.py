"""The kinds of damage there are, who could have done each, and what one finding says."""

from typing import Final

from msgspec import Struct

from service.verify.plain import sentence

OWNER: Final = "the owner or a superuser of the database"
WORKER: Final = "whoever logs in as plant_worker, or the owner or a superuser of the database"
HOLDER: Final = "whoever has the signing key: the host, its operator, or a thief"
RESTORE: Final = "whoever brought back an older database, or its owner or a superuser"
NOBODY: Final = "whoever has the signing key of another log, or none"

DAMAGES: Final[dict[str, tuple[str, str]]] = {
    "entry": ("The entry is not what was hashed when it was written.", OWNER),
    "document": ("The document or its salt is not what the entry names.", OWNER),
    "erasure": ("The document is gone, and no later erasure or pruning says so.", OWNER),
    "kept": ("The document is there, and a later erasure says that it was emptied.", OWNER),
    "history": ("The version does not follow on the one before.", OWNER),
    "order": ("The version stands in the log before the one that it follows on.", WORKER),
    "clock": ("The entry is older than what stands before it in the log.", f"the host, or {OWNER}"),
    "unplaced": ("The entry has no place in the log, and waits for none.", WORKER),
    "missing": ("The entry that belongs here is gone.", OWNER),
    "position": ("The place in the log is not what was written there.", WORKER),
    "tree": ("The entry is not the one that was sealed here.", OWNER),
    "tile": ("The tile of the tree is not what the entries give.", WORKER),
    "checkpoint": ("The checkpoint is not what its signed note says.", WORKER),
    "signature": ("No pinned key has signed the checkpoint.", NOBODY),
    "cosignature": ("The cosignature is not the witness's for this checkpoint.", WORKER),
    "root": ("The signed root is not that of these entries.", f"{OWNER}, or {HOLDER}"),
    "incarnation": ("The log's lives do not follow on each other.", WORKER),
    "cluster": ("The log was written in another cluster, and not taken up again.", RESTORE),
    "rollback": ("The log is shorter than it was when it was signed.", RESTORE),
    "fork": ("The log has another history than was signed.", HOLDER),
    "receipt": ("The entry of the receipt is not in the log.", f"{OWNER}, or {HOLDER}"),
    "state": ("The entity is not what the last entry of its log says.", OWNER),
    "rows": ("The rows of the entity do not say what its document says.", OWNER),
    "unlogged": ("The entity has no entry in the log.", OWNER),
    "lost": ("The entity of these entries is not there any more.", OWNER),
    "stray": ("The row belongs to no entity, or to no entry.", OWNER),
}
"""Of each kind of damage to a database what it means and who could have done it.

docs/audit.md has a line for each; what a bundle can have is in docs/audit-format.md.
"""


class Place(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it shows, as far as that is known.

    Shapes: ids as text; `position` is counted from 1 in the tenant's log, `log_index` from 0 in
    that of all.
    """

    tenant: str | None = None
    kind: str | None = None
    entity: str | None = None
    version: int | None = None
    position: int | None = None
    log_index: int | None = None

    def __str__(self) -> str:
        what = [self.kind or "entity", self.entity] if self.entity else []
        if self.version is not None:
            what.append(f"version {self.version}")
        parts = [
            f"tenant {self.tenant}" if self.tenant else "",
            " ".join(what),
            f"position {self.position}" if self.position is not None else "",
            f"log index {self.log_index}" if self.log_index is not None else "",
        ]
        return ", ".join(part for part in parts if part)


NOWHERE: Final = Place()


class Finding(Struct, frozen=True):
    """One thing that is not as it was sealed."""

    damage: str
    message: str
    who: str
    place: Place = NOWHERE

    def __str__(self) -> str:
        where = f" {self.place}:" if str(self.place) else ""
        return f"{self.damage}:{where} {sentence(self.message)} It could have been {self.who}."


def found(damage: str, place: Place = NOWHERE, message: str | None = None) -> Finding:
    """Make a finding of a kind, in its own words or in others."""
    meaning, who = DAMAGES[damage]
    return Finding(damage, message or meaning, who, place)
