"""`plant audit compare`: whether two checkpoints are of one history."""

import argparse
import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from service.cli.audit_verify import add_keys
from service.cli.connected import existing_database, repository
from service.cli.identity import KEY_HELP, key_given
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.database.target import Target
from service.proof.checkpoint import Checkpoint
from service.proof.fault import ProofError
from service.proof.tiles import consistency_tiles, prove_consistency
from service.refusal import Refusal
from service.repository.sealing import LogTiles
from service.settings import Settings, load
from service.verify.compare import Comparison, Proof, at_once, behind, by_proof
from service.verify.evidence import pinned_of
from service.verify.pinned import Pinned
from service.verify.remote import Service, parse_growth

COMPARE: Final = """\
Say whether two checkpoints of a log are of one history, or prove that there are two.

A checkpoint is a file, or the address of a service, which shows its latest. When they are of
different sizes something has to prove that one grew out of the other: a file with what
/v1/audit/consistency answered, the service (asked when its address is A or B), or the database.

  plant audit compare january.checkpoint https://plant.example.org --key example.org/log+1a2b…
  plant audit compare mine.checkpoint theirs.checkpoint --proof growth.json --key …
  plant audit compare mine.checkpoint theirs.checkpoint --database

Exit code: 0 one history, 1 two histories (both notes are printed: of one size they convince anybody
who knows the key), or a service shows less than it has signed; 2 could not tell: two different
logs, no key, no proof, or a note that no pinned key has signed."""


class Asked(NamedTuple):
    """Two checkpoints, and the key with which services are asked."""

    one: Checkpoint
    other: Checkpoint
    key: str | None


class NotComparable(Refusal):
    """One of the two cannot be read or believed."""


def register(subparsers: Subparsers) -> None:
    """Add `audit compare`."""
    parser = add_command(subparsers, "compare", _compare, COMPARE)
    parser.add_argument("one", metavar="A", help="a file or the address of a service")
    parser.add_argument("other", metavar="B", help="a file or the address of a service")
    add_keys(parser)
    proof = parser.add_mutually_exclusive_group()
    proof.add_argument("--proof", type=Path, metavar="FILE", help="a consistency proof, as JSON")
    proof.add_argument("--log", metavar="URL", help="the service that is to prove it")
    proof.add_argument("--database", action="store_true", help="prove it from the tiles here")
    parser.add_argument(
        "--api-key", help=f"a key with scope audit, where the log is not open{KEY_HELP}"
    )
    add_json(parser)


def _compare(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()
    pinned = pinned_of(settings, arguments.vkeys)
    key = key_given(arguments.api_key, "--api-key") if arguments.api_key else None
    notes = [_note(source, key) for source in (arguments.one, arguments.other)]
    one, other = (
        _opened(source, note, pinned)
        for source, note in zip((arguments.one, arguments.other), notes, strict=True)
    )
    found = at_once(one, other) or _proven(arguments, settings, output, Asked(one, other, key))
    lines = [found.message]
    if found.exit_code == 1:
        for note in notes:
            lines += ["", note.rstrip("\n")]
    document = {
        "verdict": found.word,
        "message": found.message,
        "transferable": found.transferable,
        "notes": notes,
    }
    output.answer(document, lines)
    return found.exit_code


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _note(source: str, key: str | None) -> str:
    if _is_address(source):
        return Service(source, key).checkpoint()
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotComparable(f"{source} cannot be read: {error}.", "Check the path.") from None


def _opened(source: str, note: str, pinned: Pinned) -> Checkpoint:
    if not pinned:
        raise NotComparable(
            "No key is pinned: a note without a signature is text from a stranger.",
            "Give the log's key with --key, as `plant audit key` prints it there.",
        )
    try:
        return pinned.open(note)
    except ProofError as error:
        raise NotComparable(
            f"The checkpoint of {source} cannot be believed: {error}", "Pin the right key."
        ) from None


def _proven(
    arguments: argparse.Namespace,
    settings: Settings,
    output: Output,
    asked: Asked,
) -> Comparison:
    one, other = asked.one, asked.other
    old, new = sorted((one.size, other.size))
    if arguments.proof is not None:
        try:
            growth = parse_growth(arguments.proof.read_bytes(), str(arguments.proof))
        except OSError as error:
            raise NotComparable(
                f"{arguments.proof} cannot be read: {error.strerror or error}.", "Check the path."
            ) from None
        return by_proof(one, other, Proof(growth.hashes(), by_log=False))
    if arguments.database:
        with existing_database(settings, output.say) as target:
            return asyncio.run(_by_tiles(settings, target, one, other))
    if (found := _rolled_back(arguments, one, other)) is not None:
        return found
    address = _who_proves(arguments, one, other)
    if address is None:
        return Comparison(
            "unknown",
            f"They are of {old} and of {new} entries, and nothing proves that one grew out of the "
            "other: name a proof (--proof), the service (--log) or the database (--database).",
        )
    growth = Service(address, asked.key).growth(old, new)
    return by_proof(one, other, Proof(growth.hashes(), by_log=True))


def _rolled_back(
    arguments: argparse.Namespace, one: Checkpoint, other: Checkpoint
) -> Comparison | None:
    """Find that a service shows less than the file, which it has signed."""
    sources = (arguments.one, one), (arguments.other, other)
    shown = [there for source, there in sources if _is_address(source)]
    kept = [there for source, there in sources if not _is_address(source)]
    if shown and kept and shown[0].size < kept[0].size:
        return behind(shown[0].size, kept[0].size)
    return None


def _who_proves(arguments: argparse.Namespace, one: Checkpoint, other: Checkpoint) -> str | None:
    """Choose the service that is asked: the named one, or of A and B that which shows more."""
    if arguments.log:
        return str(arguments.log)
    sources = sorted(
        ((one.size, arguments.one), (other.size, arguments.other)), key=lambda each: -each[0]
    )
    return next((source for _, source in sources if _is_address(source)), None)


async def _by_tiles(
    settings: Settings, target: Target, one: Checkpoint, other: Checkpoint
) -> Comparison:
    old, new = sorted((one.size, other.size))
    names = consistency_tiles(old, new)
    levels, indexes = map(list, zip(*names, strict=True)) if names else ([], [])
    async with repository(settings, target, "worker") as worker:
        rows = await worker.many(LogTiles(levels, indexes, max(1, len(names))))
    try:
        hashes = prove_consistency(old, new, {(row.level, row.index): row.nodes for row in rows})
    except ProofError as error:
        return Comparison("unknown", f"The database does not have the tiles that it takes. {error}")
    return by_proof(one, other, Proof(hashes, by_log=True))
