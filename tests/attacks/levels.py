"""The levels at which an attack may be noticed, each asked by itself."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from service.proof.bundle import ERASED, absent_line, header_line, shown_line, trailer_line
from service.proof.bundle_check import check_bundle
from service.proof.fault import Damaged, ProofError, Undecided
from service.proof.tiles import prove_inclusion
from service.verify.database import verify_database
from service.verify.evidence import Evidence
from service.verify.pinned import Pinned
from service.verify.question import Question
from service.verify.verdict import Verdict
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.attacks.witness import WITNESS

LINES: Final = """
SELECT position.leaf_hash, position.log_index, payload.salt, payload.body,
    convert_from(audit.entry_bytes(
        entry.tenant_id, entry.entity_type, entry.entity_id, entry.version, entry.operation,
        entry.actor, entry.key, entry.at, entry.payload_hash, entry.prev_hash), 'UTF8') AS entry
FROM audit.position
INNER JOIN audit.entry USING (tenant_id, audit_id)
INNER JOIN audit.payload USING (tenant_id, audit_id)
WHERE position.tenant_id = $1 AND position.log_index < $2
ORDER BY position.pos
"""


UNMADE: Final = "unmade"
"""What is there cannot even be written out."""


class Unsealed(Exception):  # noqa: N818 - a state, not a defect
    """There is no checkpoint to put into a bundle."""


class Silent:
    """Progress that nobody watches."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


@contextmanager
def unseen(_what: str, _total: int | None) -> Iterator[Silent]:
    """Show no progress."""
    yield Silent()


class Levels:
    """What each level says of a site; `pinned` is what a client has pinned of the prepared log."""

    def __init__(self, site: Site, prepared: Prepared, pinned: Pinned, directory: Path) -> None:
        self.site = site
        self.prepared = prepared
        self._pinned = pinned
        self._directory = directory

    async def database(self) -> Verdict:
        """The database with the pinned key, and nothing else from outside."""
        return await self._verified(Evidence(self._pinned))

    async def host(self) -> Verdict:
        """The same where the sealer's state lies."""
        evidence = Evidence(self._pinned)
        evidence.add_state(self.site.settings)
        return await self._verified(evidence)

    async def held(self, note: str | None = None) -> Verdict:
        """The database with the receipt and the checkpoint that a client has kept, or another."""
        evidence = Evidence(self._pinned)
        checkpoint, receipt = self._directory / "held.checkpoint", self._directory / "receipt.json"
        checkpoint.write_text(note or self.prepared.held, encoding="utf-8")
        receipt.write_bytes(self.prepared.receipt)
        evidence.add_checkpoints([checkpoint])
        evidence.add_receipts([receipt])
        return await self._verified(evidence)

    async def _verified(self, evidence: Evidence) -> Verdict:
        worker = await self.site.repository("worker")
        question = Question(
            pinned=evidence.pinned,
            held=evidence.held,
            witnesses=[WITNESS],
            cluster=evidence.cluster,
        )
        verdict = await verify_database(worker, question, unseen)
        verdict.unchecked += evidence.useless
        return verdict

    async def bundle(self) -> str | None:
        """A bundle of the second tenant, made from what is there: the kind of damage, if any."""
        try:
            lines = await self.lines(self.prepared.other.id)
        except (asyncpg.PostgresError, Unsealed):
            return UNMADE
        try:
            check_bundle(lines, self._pinned.of(self.prepared.held.split("\n")[0]))
        except Damaged as damaged:
            return damaged.kind
        except Undecided:
            return "undecided"
        return None

    async def lines(self, tenant: UUID) -> list[bytes]:
        """Write the bundle of a tenant."""
        fetch: Any = self.site.superuser.fetch
        note = await self.site.note()
        if note is None:
            raise Unsealed
        size = int(note.split("\n")[1])
        rows = await fetch(LINES, tenant, size)
        tiles = {
            (one["level"], one["index"]): one["nodes"]
            for one in await fetch("SELECT level, index, nodes FROM audit.tile")
        }
        lines = [header_line(str(tenant))]
        for row in rows:
            entry = row["entry"].encode()
            if row["body"] is None:
                lines.append(absent_line(entry, ERASED, row["leaf_hash"]))
            else:
                body = row["body"].encode()
                lines.append(shown_line(entry, row["salt"], body, row["leaf_hash"]))
        last = await self.site.superuser.fetchval(
            "SELECT max(log_index) FROM audit.position WHERE tenant_id = $1 AND log_index < $2",
            tenant,
            size,
        )
        try:
            proof = prove_inclusion(last, size, tiles)
        except ProofError:
            proof = []
        return [*lines, trailer_line(len(rows), (last, proof), note)]

    async def sealer(self) -> str | None:
        """A sealer that is started: why it refuses to go on, if it does."""
        process = await self.site.another_process()
        async with asyncio.timeout(60):
            for _ in range(3):
                await process.leader.turn()
                if process.standing.refused is not None:
                    return process.standing.refused
        return None
