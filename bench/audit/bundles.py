"""Proof bundles, checked offline: by the product, and by the verifier that a stranger runs."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final
from uuid import UUID

from msgspec import Struct

from bench.audit.session import Session
from bench.pgbench import BenchError
from bench.result import Outcome, Row
from service.proof.bundle import header_line, shown_line, trailer_line
from service.proof.bundle_check import check_bundle
from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import NOTHING, Entry, entry_bytes, entry_hash, leaf_bytes, payload_hash
from service.proof.keys import Signer
from service.proof.tiles import Frontier, extend, prove_inclusion
from service.proof.tree import leaf_hash

SIGNER: Final = Signer("plant.local/bench", sha256(b"bench").digest())
VERSIONS: Final = 10
BEGAN_US: Final = 1_763_800_000_000_000
WORDS: Final = "Shape clay on a wheel. " * 14
SMALL: Final = 500_000
"""What has fewer entries is checked three times."""
VERIFIER: Final = Path(__file__).parents[2] / "docs" / "verify.py"


class Checked(Struct, frozen=True):
    """How long it took, each time, in seconds: plain sha256 of each line, and both verifiers."""

    entries: int
    size_bytes: int
    plain_s: list[float]
    product_s: list[float]
    stranger_s: list[float]


def measure(session: Session) -> Outcome:
    """Measure bundles of each size."""
    rows, raw = [], []
    for entries in session.scale.bundles:
        path = session.directory / f"{entries}.proof"
        session.tell(f"writing a bundle of {entries:,} entries")
        write(path, entries)
        session.tell(f"checking {entries:,} entries")
        checked = _checked(path, entries)
        path.unlink()
        rows += _rows(checked)
        raw.append(checked)
    return Outcome(rows, {"bundles": raw})


def write(path: Path, entries: int) -> None:
    """Write the bundle of a tenant that has a log for itself, entities of ten versions each."""
    owner, leaves = str(UUID(int=1)), []
    with path.open("wb") as file:
        file.write(header_line(owner))
        for line, leaf in _lines(owner, entries):
            file.write(line)
            leaves.append(leaf)
        edge, tiles = extend(Frontier(), leaves)
        note = sign_checkpoint(Checkpoint(SIGNER.vkey.name, entries, edge.root()), [SIGNER])
        last = (entries - 1, prove_inclusion(entries - 1, entries, tiles))
        file.write(trailer_line(entries, last, note))


def _lines(owner: str, entries: int) -> Iterator[tuple[bytes, bytes]]:
    draw, before, previous = random.Random(1), NOTHING, NOTHING  # noqa: S311 - nothing is secret
    for number in range(entries):
        entity, version = str(UUID(int=number // VERSIONS)), number % VERSIONS + 1
        salt = draw.randbytes(16)
        document = (
            f'{{"id":"{entity}","entity_type":"skill","external_id":null,"name":"skill {number}",'
            f'"description":"{WORDS}","category":"technical","status":"draft",'
            f'"version":{version},"governance_agent_id":"{owner}"}}'
        ).encode()
        entry = entry_bytes(
            Entry(
                tenant=owner,
                kind="skill",
                entity=entity,
                version=version,
                operation="create" if version == 1 else "amend",
                actor=owner,
                key=owner,
                time_us=BEGAN_US + number,
                payload_hash=payload_hash(salt, document),
                prev_hash=NOTHING if version == 1 else previous,
            )
        )
        previous = entry_hash(entry)
        before = leaf_hash(leaf_bytes(owner, number + 1, previous, before))
        yield shown_line(entry, salt, document, before), before


def _checked(path: Path, entries: int) -> Checked:
    times = 3 if entries < SMALL else 1
    return Checked(
        entries=entries,
        size_bytes=path.stat().st_size,
        plain_s=[_timed(lambda: _plain(path)) for _ in range(times)],
        product_s=[_timed(lambda: _product(path, entries)) for _ in range(times)],
        stranger_s=[_timed(lambda: _stranger(path)) for _ in range(times)],
    )


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _plain(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            sha256(line).digest()


def _product(path: Path, entries: int) -> None:
    with path.open("rb") as file:
        report = check_bundle(file, [SIGNER.vkey])
    if report.count != entries:
        raise BenchError(f"Of {entries} entries {report.count} were checked.")


def _stranger(path: Path) -> None:
    command = [sys.executable, str(VERIFIER), "--key", str(SIGNER.vkey), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"docs/verify.py ends with {done.returncode}: {done.stdout}{done.stderr}")


def _rows(checked: Checked) -> list[Row]:
    entries, plain = checked.entries, checked.entries / median(checked.plain_s)
    rows = []
    for what, took, research in (
        ("service.proof", checked.product_s, "214,000, 0.64"),
        ("docs/verify.py", checked.stranger_s, "137,000, 0.41"),
    ):
        rate = entries / median(took)
        rows.append(
            Row(
                what=f"bundle of {entries:,} offline, {what}",
                value=rate,
                unit="entries/s",
                least=120_000,
                how=f"{checked.size_bytes / entries:,.0f} bytes a line, from the file system's "
                f"memory, one core, {'the median of 3' if len(took) > 1 else 'once'}"
                f"{', the start of the process included' if what.startswith('docs') else ''}.",
                beside=f"{rate / plain:.2f} of plain sha256 of the same lines ({plain:,.0f} a "
                f"second); research: {research} of its own, 3 µs a document",
            )
        )
    return rows
