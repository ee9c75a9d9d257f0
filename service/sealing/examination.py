"""Holds a database against what was signed: before anything is placed, and after surprises."""

from typing import Final

from msgspec import Struct

from service.proof.checkpoint import Checkpoint, incarnation_of, open_checkpoint
from service.proof.fault import ProofError
from service.proof.keys import VerifierKey
from service.proof.tiles import Frontier, frontier, root_tiles
from service.repository.sealing import Head, LogFacts, LogHead, LogUnsealed
from service.sealing.agreement import (
    require_agreement,
    require_nothing_signed,
    require_same_cluster,
)
from service.sealing.desk import Desk
from service.sealing.keys import Keyring
from service.sealing.refused import RESTORE, LogRefused
from service.sealing.state import State

LEAVES: Final = 10_000
"""Leaves that are read at once."""

SIGNED_ELSEWHERE: Final = (
    "Name the right file with PLANT_SIGNING_KEY. If the key is lost or was changed without an "
    "overlap, take the log up again with `plant audit rebase`."
)


class Tip(Struct, frozen=True):
    """The last checkpoint, and the right edge of the tree that it is of."""

    checkpoint: Checkpoint
    incarnation: int
    system_identifier: int
    note: str
    frontier: Frontier

    @property
    def state(self) -> State:
        """Give what is kept of it outside the database."""
        return State(
            origin=self.checkpoint.origin,
            incarnation=self.incarnation,
            system_identifier=self.system_identifier,
            size=self.checkpoint.size,
            root=self.checkpoint.root.hex(),
            note=self.note,
        )

    def is_head(self, head: Head | None) -> bool:
        """Tell whether the database still ends where we left it."""
        return head is not None and (head.incarnation, head.origin, head.size, head.root) == (
            self.incarnation,
            self.checkpoint.origin,
            self.checkpoint.size,
            self.checkpoint.root,
        )


async def examine(
    desk: Desk, keyring: Keyring, state: State | None, base: str | None = None
) -> Tip | None:
    """Rebuild the edge of the tree from the database and check it; None: no log has begun there.

    `state` is what was signed last, None where nothing is known of it; `base` is the name that the
    log should have.

    Raises: LogRefused.
    """
    head = await desk.maybe(LogHead())
    facts = await desk.one(LogFacts())
    if head is None:
        require_nothing_signed(state)
        return None
    require_same_cluster(head, facts, state)
    tip = await found(desk, head, keyring)
    if base is not None and incarnation_of(head.origin)[0] != base:
        raise LogRefused(
            "origin",
            f"The log's name is {head.origin}, and PLANT_LOG_ORIGIN is {base}.",
            "Remove the setting, or give the log its new name with `plant audit rebase`.",
        )
    if facts.positions < tip.checkpoint.size:
        raise LogRefused(
            "positions",
            f"{tip.checkpoint.size} entries are sealed, and only {facts.positions} have a place.",
            RESTORE,
        )
    if state is not None:
        await require_agreement(desk, tip.incarnation, tip.checkpoint, state)
    return tip


async def found(desk: Desk, head: Head, keyring: Keyring) -> Tip:
    """Take the last checkpoint and the edge of the tree as they are, and check both by each other.

    Raises: LogRefused.
    """
    checkpoint, note = signed(head, keyring)
    edge = await edge_of(desk, head)
    return Tip(checkpoint, head.incarnation, head.system_identifier, note, edge)


async def edge_of(desk: Desk, head: Head) -> Frontier:
    """Rebuild the edge of the tree from its tiles; its root is that of the last checkpoint.

    Raises: LogRefused.
    """
    if head.size is None:
        raise LogRefused(
            "checkpoint", f"The log {head.origin} has no checkpoint: they were removed.", RESTORE
        )
    try:
        edge = frontier(head.size, await desk.tiles(root_tiles(head.size)))
        root = edge.root()
    except ProofError as error:
        raise LogRefused("tiles", str(error), RESTORE) from None
    if root != head.root:
        raise LogRefused(
            "tiles",
            f"The tiles of the tree have another root than was signed for {head.size} entries.",
            RESTORE,
        )
    return edge


def signed(head: Head, keyring: Keyring) -> tuple[Checkpoint, str]:
    """Give the checkpoint of the last note, which one of our keys has signed, and the note.

    Raises: LogRefused.
    """
    verifiers = keyring.verifiers(head.origin)
    if head.note is None:
        raise LogRefused(
            "checkpoint", f"The log {head.origin} has no checkpoint: they were removed.", RESTORE
        )
    checkpoint = require_signed(head.note, verifiers)
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (head.origin, head.size, head.root):
        raise LogRefused(
            "checkpoint",
            f"The last checkpoint says {head.size} entries of {head.origin} beside a signed note "
            f"of {checkpoint.size} of {checkpoint.origin}.",
            RESTORE,
        )
    return checkpoint, head.note


def require_signed(note: str, verifiers: list[VerifierKey]) -> Checkpoint:
    """Give the checkpoint in a note that one of these keys has signed: keys change by overlapping.

    Raises: LogRefused.
    """
    try:
        return open_checkpoint(note, verifiers)
    except ProofError as error:
        raise LogRefused(
            "key", f"No key here has signed the last checkpoint: {error}", SIGNED_ELSEWHERE
        ) from None


async def unsealed(desk: Desk, size: int) -> list[bytes]:
    """Read the hashes of the leaves that have a place and are not in the tree of this size.

    Raises: LogRefused for a hole, and for a leaf that is not that of its entry.
    """
    found: list[bytes] = []
    while rows := await desk.many(LogUnsealed(size + len(found), LEAVES)):
        for index, row in enumerate(rows, size + len(found)):
            if row.log_index != index:
                raise LogRefused(
                    "positions", f"No entry has the index {index} in the log.", RESTORE
                )
            if not row.intact:
                raise LogRefused(
                    "positions",
                    f"The place of the entry {row.audit_id} of tenant {row.tenant_id}, index "
                    f"{index}, was changed after it was given: its hash is not that of what it "
                    "says.",
                    RESTORE,
                )
        found += [row.leaf_hash for row in rows]
    return found
