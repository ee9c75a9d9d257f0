"""A log of a few tenants, made in memory as the service makes it: entries, leaves, tree, notes."""

import json
import random
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from service.proof.bundle import (
    ERASED,
    WITHHELD,
    Absent,
    absent_line,
    header_line,
    shown_line,
    trailer_line,
)
from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import (
    ERASE,
    NOTHING,
    Entry,
    entry_bytes,
    entry_hash,
    leaf_bytes,
    payload_hash,
)
from service.proof.keys import Signer
from service.proof.tiles import Frontier, Tile, extend, prove_consistency, prove_inclusion, root
from service.proof.tree import leaf_hash

ORIGIN = "plant.local/0123456789abcdef"
KINDS = ("skill", "job_role", "team", "agent", "industry")
BEGAN_US = 1_763_800_000_000_000


def identity(number: int) -> str:
    """Give an id that looks like those of the registry."""
    return str(UUID(int=0x0190A1B2_0000_7000_8000_000000000000 + number))


class Placed(Struct):
    """An entry with its document and its place."""

    entry: bytes
    salt: bytes
    document: bytes
    leaf: bytes
    position: int
    log_index: int


class Log:
    """A log that can be appended to, sealed and shown."""

    def __init__(self, signers: Sequence[Signer] | None = None) -> None:
        self.signers = signers or [Signer(ORIGIN, bytes(range(32)))]
        self.tenants: dict[str, list[Placed]] = {}
        self.tiles: dict[Tile, bytes] = {}
        self.frontier = Frontier()
        self._last: dict[str, tuple[int, bytes]] = {}

    @property
    def size(self) -> int:
        """Count the leaves."""
        return self.frontier.size

    def append(
        self,
        tenant: int,
        entity: int,
        operation: str = "amend",
        *,
        time_us: int | None = None,
        document: bytes | None = None,
        salt: bytes | None = None,
    ) -> Placed:
        """Append a version of an entity."""
        name, owner = identity(entity), identity(tenant)
        version, previous = self._last.get(name, (0, NOTHING))
        if document is None:
            text = {"id": name, "version": version + 1, "name": f"Zählen {entity}"}
            document = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
        if salt is None:
            salt = random.Random(f"{name} {version}").randbytes(16)
        written = entry_bytes(
            Entry(
                tenant=owner,
                kind=KINDS[entity % len(KINDS)],
                entity=name,
                version=version + 1,
                operation="create" if version == 0 else operation,
                actor=identity(900),
                key=identity(901),
                time_us=BEGAN_US + 1_000 * self.size if time_us is None else time_us,
                payload_hash=payload_hash(salt, document),
                prev_hash=previous,
            )
        )
        self._last[name] = (version + 1, entry_hash(written))
        return self.place(owner, written, salt, document)

    def place(self, owner: str, entry: bytes, salt: bytes, document: bytes) -> Placed:
        """Give an entry its leaf, whatever it says."""
        placed = self.tenants.setdefault(owner, [])
        before = leaf_hash(placed[-1].leaf) if placed else NOTHING
        leaf = leaf_bytes(owner, len(placed) + 1, entry_hash(entry), before)
        placed.append(Placed(entry, salt, document, leaf, len(placed) + 1, self.size))
        self.frontier, changed = extend(self.frontier, [leaf_hash(leaf)])
        self.tiles |= changed
        return placed[-1]

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Give the checkpoint of a size."""
        length = self.size if size is None else size
        return Checkpoint(self.signers[0].vkey.name, length, root(length, self.tiles))

    def note(self, size: int | None = None) -> str:
        """Sign the checkpoint of a size."""
        return sign_checkpoint(self.checkpoint(size), self.signers)

    def inclusion(self, placed: Placed) -> list[bytes]:
        """Prove that an entry is in the log."""
        return prove_inclusion(placed.log_index, self.size, self.tiles)

    def bundle(
        self,
        tenant: int,
        since: Sequence[int] = (),
        absent: Mapping[int, Absent] | None = None,
    ) -> list[bytes]:
        """Export a tenant's history.

        Shapes: `absent` has positions whose documents are not shown; what an erasure has emptied
        need not be among them.
        """
        owner = identity(tenant)
        placed = self.tenants.get(owner, [])
        hidden = self.erased(owner) | dict(absent or {})
        lines = [header_line(owner)]
        for each in placed:
            sealed = leaf_hash(each.leaf)
            if each.position in hidden:
                lines.append(absent_line(each.entry, hidden[each.position], sealed))
            else:
                lines.append(shown_line(each.entry, each.salt, each.document, sealed))
        last = (placed[-1].log_index, self.inclusion(placed[-1])) if placed else None
        grown = {size: prove_consistency(size, self.size, self.tiles) for size in since}
        return [*lines, trailer_line(len(placed), last, self.note(), grown)]

    def erased(self, owner: str) -> dict[int, Absent]:
        """Give the positions that erasures have emptied."""
        emptied: dict[int, Absent] = {}
        for each in self.tenants.get(owner, []):
            written = json.loads(each.entry)
            if written[5] == ERASE:
                emptied |= {
                    other.position: ERASED
                    for other in self.tenants[owner][: each.position - 1]
                    if json.loads(other.entry)[3] == written[3]
                }
        return emptied


def random_log(seed: int, length: int, signers: Sequence[Signer] | None = None) -> Log:
    """Make a history of a few tenants with a few entities each."""
    draw, log = random.Random(seed), Log(signers)
    for _ in range(length):
        tenant = draw.randrange(3)
        operation = draw.choices(["amend", "certify", ERASE], [6, 2, 1])[0]
        log.append(tenant, 10 * (tenant + 1) + draw.randrange(6), operation)
    return log


__all__ = ["ERASED", "ORIGIN", "WITHHELD", "Log", "Placed", "identity", "random_log"]
