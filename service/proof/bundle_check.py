"""Check a proof bundle: its lines against each other, the log's signature, and what one holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from service.proof.bundle import ERASED, PRUNED, WITHHELD, Trailer, parse_header, parse_trailer
from service.proof.bundle_walk import Walk
from service.proof.checkpoint import Checkpoint, open_checkpoint
from service.proof.diagnosis import CARRIER
from service.proof.encoded import from_hex
from service.proof.fault import Damaged, Malformed, ProofError, Undecided, Unproven
from service.proof.keys import VerifierKey
from service.proof.tree import HASH_LENGTH, verify_consistency, verify_inclusion

KEY_HOLDER: Final = "who holds the log's key: its operator, or who stole it"
REMADE: Final = "the owner or a superuser of the database, or whoever had the bundle"


class Report(Struct, frozen=True, kw_only=True):
    """What an intact bundle has shown.

    Shapes: `withheld`, `erased` and `pruned` count documents of which only the hash is proved;
    `held` counts the checkpoints that the log was found to have grown out of.
    """

    tenant: str
    count: int
    entities: int
    withheld: int
    erased: int
    pruned: int
    log_index: int | None
    last_leaf: bytes
    checkpoint: Checkpoint
    held: int


def check_bundle(
    lines: Iterable[bytes],
    keys: Sequence[VerifierKey],
    held: Sequence[Checkpoint] = (),
    leaves: Mapping[int, bytes] | None = None,
) -> Report:
    """Check a bundle from its first byte to its last.

    Shapes: lines with their ends, as a binary file gives them; `held` are checkpoints that were
    opened before; `leaves` are leaf hashes of positions from receipts or an older bundle.
    Raises: Damaged at the first thing that is wrong; Undecided when a held checkpoint cannot be
    compared.
    """
    rest = iter(lines)
    try:
        header = parse_header(next(rest, b""))
    except Malformed as error:
        raise Damaged("form", str(error), CARRIER) from None
    walk = Walk(header.tenant_id, leaves or {})
    walk.along(rest)
    trailer = _trailer(walk, rest)
    checkpoint = _signed(trailer, keys)
    _require_included(walk, trailer, checkpoint)
    walk.end()
    _require_all_grown(held, checkpoint, trailer)
    return Report(
        tenant=walk.tenant,
        count=walk.position,
        entities=len(walk.versions),
        withheld=walk.absent[WITHHELD],
        erased=walk.absent[ERASED],
        pruned=walk.absent[PRUNED],
        log_index=trailer.log_index,
        last_leaf=bytes.fromhex(walk.leaf),
        checkpoint=checkpoint,
        held=len(held),
    )


def _trailer(walk: Walk, rest: Iterable[bytes]) -> Trailer:
    if not walk.rest:
        raise Damaged(
            "cut", "The bundle ends here, without its last line.", CARRIER, walk.position + 1
        )
    try:
        trailer = parse_trailer(walk.rest)
    except Malformed as error:
        # Where the lines go on this one was an entry's.
        place = walk.position + 1 if any(rest) else None
        raise Damaged("form", str(error), CARRIER, place) from None
    if any(rest):
        raise Damaged("form", "There are lines after the last one.", CARRIER)
    if trailer.count != walk.position:
        raise Damaged(
            "cut",
            f"There are {walk.position} entries, and the last line counts {trailer.count}.",
            CARRIER,
            min(walk.position, trailer.count) + 1,
        )
    return trailer


def _signed(trailer: Trailer, keys: Sequence[VerifierKey]) -> Checkpoint:
    try:
        return open_checkpoint(trailer.checkpoint, keys)
    except ProofError as error:
        raise Damaged(
            "signature",
            f"The checkpoint is not the log's. {error}",
            "somebody without the key that you pinned",
        ) from None


def _require_included(walk: Walk, trailer: Trailer, checkpoint: Checkpoint) -> None:
    if walk.position == 0:
        if trailer.log_index is not None or trailer.proof:
            raise Damaged("form", "Without entries there is nothing to prove.", CARRIER)
        return
    try:
        if trailer.log_index is None:
            raise Unproven("The last line does not say where the last entry is.")
        if trailer.log_index + 1 < walk.position:
            raise Unproven(f"Index {trailer.log_index} is too early for {walk.position} entries.")
        verify_inclusion(
            bytes.fromhex(walk.leaf),
            trailer.log_index,
            checkpoint.size,
            _hashes(trailer.proof),
            checkpoint.root,
        )
    except ProofError as error:
        raise Damaged(
            "proof",
            "The lines agree with each other, and not with the signed tree: some or all were "
            f"written anew after they were sealed, or the last line was changed. {error}",
            REMADE,
        ) from None


def _require_all_grown(
    held: Sequence[Checkpoint], checkpoint: Checkpoint, trailer: Trailer
) -> None:
    """Compare all of them, whatever their order: damage counts more than what cannot be told."""
    undecided = None
    for each in held:
        try:
            _require_grown(each, checkpoint, trailer)
        except Undecided as error:
            undecided = undecided or error
    if undecided is not None:
        raise undecided


def _require_grown(held: Checkpoint, checkpoint: Checkpoint, trailer: Trailer) -> None:
    if held.origin != checkpoint.origin:
        raise Undecided(
            f"The checkpoint that you hold is of {held.origin}, the bundle's of "
            f"{checkpoint.origin}: they cannot be compared."
        )
    if held.size > checkpoint.size:
        raise Damaged(
            "rollback",
            f"You hold a checkpoint of {held.size} entries, and this log has {checkpoint.size}: it "
            "was rolled back, or the bundle is older than your checkpoint.",
            f"{KEY_HOLDER}, or who brought back an old database",
        )
    grown = {each.size: each.proof for each in trailer.consistency}
    between = 0 < held.size < checkpoint.size
    if between and held.size not in grown:
        raise Undecided(
            f"The bundle has no proof that the log grew out of your {held.size} entries: ask for "
            f"it with since={held.size}."
        )
    proof = grown[held.size] if between else []
    try:
        verify_consistency(held.size, checkpoint.size, _hashes(proof), held.root, checkpoint.root)
    except ProofError as error:
        raise Damaged(
            "fork",
            f"The log did not grow out of the {held.size} entries of your checkpoint: there are "
            f"two histories, both signed. {error}",
            KEY_HOLDER,
        ) from None


def _hashes(proof: Sequence[str]) -> list[bytes]:
    return [from_hex(each, "A hash of the proof", HASH_LENGTH) for each in proof]
