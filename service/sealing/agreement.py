"""Whether a database is the one that was signed: not behind, not beside it, not another one."""

import logging

from service.proof.checkpoint import Checkpoint, incarnation_of
from service.proof.fault import ProofError
from service.proof.tiles import consistency_tiles, prove_consistency
from service.proof.tree import verify_consistency
from service.repository.sealing import Facts, Head
from service.sealing.desk import Desk
from service.sealing.refused import REBASE, LogRefused
from service.sealing.state import State

log = logging.getLogger(__name__)


def require_nothing_signed(state: State | None) -> None:
    """Refuse a database without a log where something was signed.

    Raises: LogRefused.
    """
    if state is not None and state.size:
        raise LogRefused(
            "rollback",
            f"{state.size} entries of {state.origin} were signed, and the database has no log.",
            "If it is another database, give it a sealer's state of its own (PLANT_DATA_DIR or "
            f"PLANT_SEALER_STATE). {REBASE}",
        )


def require_same_cluster(head: Head, facts: Facts, state: State | None) -> None:
    """Refuse another cluster than the one that the log was written in.

    Raises: LogRefused.
    """
    known = {head.system_identifier}
    if state is not None and state.incarnation == head.incarnation:
        known.add(state.system_identifier)
    if known != {facts.system_identifier}:
        before = next(one for one in known if one != facts.system_identifier)
        raise LogRefused(
            "system-identifier",
            f"The log was written in the cluster {before}, and this one is "
            f"{facts.system_identifier}: it was dumped and restored, or is another server.",
            REBASE,
        )


async def require_agreement(desk: Desk, incarnation: int, there: Checkpoint, state: State) -> None:
    """Refuse a database that is behind what was signed, or beside it.

    Raises: LogRefused.
    """
    ours = state.checkpoint
    if incarnation_of(ours.origin)[0] != incarnation_of(there.origin)[0]:
        raise LogRefused(
            "origin",
            f"The sealer's state is that of the log {ours.origin}, the database has "
            f"{there.origin}.",
            "Give each database a state of its own: PLANT_DATA_DIR or PLANT_SEALER_STATE.",
        )
    if state.incarnation < incarnation:
        # Whoever did that had the key: the checkpoint of the later one is signed by it.
        log.warning("the log was taken up again elsewhere, as %s", there.origin)
        return
    if state.incarnation > incarnation or ours.size > there.size:
        raise LogRefused(
            "rollback",
            f"{ours.size} entries of {ours.origin} were signed, and the database has only "
            f"{there.size} of {there.origin}: entries that were sealed are gone.",
            REBASE,
        )
    try:
        tiles = await desk.tiles(consistency_tiles(ours.size, there.size))
        proof = prove_consistency(ours.size, there.size, tiles)
        verify_consistency(ours.size, there.size, proof, ours.root, there.root)
    except ProofError as error:
        raise LogRefused(
            "fork",
            f"The database has another history than was signed for {ours.size} entries: {error}",
            REBASE,
        ) from None
