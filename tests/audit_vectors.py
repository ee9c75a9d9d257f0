"""The test vectors of docs/audit-format.md: a tiny log of two tenants with every byte of it.

Run `python -m tests.audit_vectors docs/audit-vectors.json` to write them again; a test compares.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from service.proof.bundle import WITHHELD
from service.proof.entry import ERASE, entry_hash, parse_leaf, payload_hash
from service.proof.keys import COSIGNATURE, Signer, VerifierKey
from service.proof.note import Signature, cosigned
from service.proof.receipt import Receipt, format_tlog_proof
from service.proof.tile_path import TilePath
from service.proof.tiles import prove_consistency, prove_inclusion, root
from service.proof.tree import leaf_hash
from tests.sealed import ORIGIN, Log, Placed, identity

SEED, WITNESS_SEED = bytes(range(32)), bytes(range(32, 64))
COSIGNED_AT_S = 1_763_800_060
SINCE = 4


def tiny_log() -> Log:
    """Make the log: a skill that is erased, a team, and another tenant's industry."""
    log = Log([Signer(ORIGIN, SEED)])
    log.append(1, 10)
    log.append(2, 24)
    log.append(1, 12)
    log.append(1, 10, "certify")
    log.append(2, 24)
    log.append(1, 10, ERASE)
    log.append(1, 12)
    return log


def entry_of(log: Log, placed: Placed) -> dict[str, Any]:
    """Show an entry and what is computed from it."""
    leaf = parse_leaf(placed.leaf)
    return {
        "log_index": placed.log_index,
        "tenant": leaf.tenant,
        "position": placed.position,
        "salt": placed.salt.hex(),
        "document": placed.document.decode(),
        "payload_hash": payload_hash(placed.salt, placed.document).hex(),
        "entry": placed.entry.decode(),
        "entry_hash": entry_hash(placed.entry).hex(),
        "tenant_prev": leaf.previous.hex(),
        "leaf": placed.leaf.decode(),
        "leaf_hash": leaf_hash(placed.leaf).hex(),
        "root_after": root(placed.log_index + 1, log.tiles).hex(),
        "inclusion": [
            each.hex() for each in prove_inclusion(placed.log_index, log.size, log.tiles)
        ],
    }


def receipt_of(log: Log, placed: Placed) -> Receipt:
    """Make the receipt of an entry."""
    return Receipt(
        audit_id=identity(77),
        entry=placed.entry.decode(),
        salt=placed.salt.hex(),
        document=placed.document.decode(),
        log_index=placed.log_index,
        position=placed.position,
        leaf=placed.leaf.decode(),
        proof=[each.hex() for each in log.inclusion(placed)],
        checkpoint=log.note(),
    )


def vectors() -> dict[str, Any]:
    """Compute all of them."""
    log = tiny_log()
    entries = sorted((each for of in log.tenants.values() for each in of), key=_log_index)
    last = log.tenants[identity(1)][-1]
    witness = Signer("witness.example/w1", WITNESS_SEED)
    key = VerifierKey(witness.vkey.name, witness.vkey.public, COSIGNATURE)
    text = log.checkpoint().text()
    made = COSIGNED_AT_S.to_bytes(8) + witness.sign(cosigned(text, COSIGNED_AT_S))
    return {
        "seed": SEED.hex(),
        "vkey": str(log.signers[0].vkey),
        "entries": [entry_of(log, each) for each in entries],
        "tiles": {
            str(TilePath(*tile, len(hashes) // 32)): hashes.hex()
            for tile, hashes in log.tiles.items()
        },
        "checkpoint": log.note(),
        "older_checkpoint": log.note(SINCE),
        "consistency": [
            {
                "old_size": old_size,
                "size": log.size,
                "proof": [each.hex() for each in prove_consistency(old_size, log.size, log.tiles)],
            }
            for old_size in range(1, log.size + 1)
        ],
        "witness": {
            "seed": WITNESS_SEED.hex(),
            "vkey": str(key),
            "time": COSIGNED_AT_S,
            "line": str(Signature(key.name, key.key_id, made)),
        },
        "receipt": msgspec.to_builtins(receipt_of(log, last)),
        "tlog_proof": format_tlog_proof(last.log_index, log.inclusion(last), log.note(), last.leaf),
        "bundles": {
            identity(1): b"".join(log.bundle(1, since=[SINCE])).decode(),
            identity(2): b"".join(log.bundle(2, absent={2: WITHHELD})).decode(),
        },
    }


def text_of(content: dict[str, Any]) -> str:
    """Write vectors as the file has them."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def _log_index(placed: Placed) -> int:
    return placed.log_index


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text_of(vectors()), encoding="utf-8")
