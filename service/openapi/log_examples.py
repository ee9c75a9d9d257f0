"""A log of one entry, signed by a key that is no secret: what the examples of proofs come from."""

from hashlib import sha256
from typing import Any, Final

import msgspec

from service.openapi import examples
from service.proof import entry as entries
from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.keys import Signer
from service.proof.tree import leaf_hash

ORIGIN: Final = "plant.example/pottery"
SIGNER: Final = Signer(ORIGIN, sha256(b"the key of the examples").digest())

_SALT: Final = bytes(range(16))
_DOCUMENT: Final = msgspec.json.encode(examples.document("skill"))
_ENTRY: Final = entries.entry_bytes(
    entries.Entry(
        tenant=examples.TENANT,
        kind="skill",
        entity=examples.SKILL,
        version=1,
        operation="create",
        actor=examples.AUTHOR,
        key=examples.KEY,
        time_us=1_772_357_400_123_456,
        payload_hash=entries.payload_hash(_SALT, _DOCUMENT),
        prev_hash=entries.NOTHING,
    )
)
_LEAF: Final = entries.leaf_bytes(examples.TENANT, 1, entries.entry_hash(_ENTRY), entries.NOTHING)
_ROOT: Final = leaf_hash(_LEAF)

CHECKPOINT: Final = sign_checkpoint(Checkpoint(ORIGIN, 1, _ROOT), [SIGNER])

RECEIPT: Final[dict[str, Any]] = {
    "audit_id": examples.ENTRY,
    "entry": _ENTRY.decode(),
    "salt": _SALT.hex(),
    "document": _DOCUMENT.decode(),
    "log_index": 0,
    "position": 1,
    "leaf": _LEAF.decode(),
    "proof": [],
    "checkpoint": CHECKPOINT,
}
WAITING: Final[dict[str, Any]] = {
    "audit_id": examples.ENTRY,
    "sealed": False,
    "position": None,
    "retry_after_s": 1,
}
ENTRIES: Final[dict[str, Any]] = {
    "items": [
        {
            "position": 1,
            "log_index": 0,
            "audit_id": examples.ENTRY,
            "entry": _ENTRY.decode(),
            "tenant_prev": entries.NOTHING.hex(),
            "leaf_hash": _ROOT.hex(),
        }
    ],
    "next_cursor": None,
}
GROWTH: Final[dict[str, Any]] = {"from": 1, "to": 1, "proof": [], "checkpoint": CHECKPOINT}
