"""`plant export`: what a key may read, or the log that proves it, straight over the database."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from service.cli.connected import database, repository
from service.cli.ending import Ending
from service.cli.identity import KEY_HELP, context_of, identity, key_given
from service.cli.output import Output, Progress
from service.cli.parser import WRONG_USAGE, Subparsers, add_command
from service.database.target import Target
from service.model.log import SIZE_MAX
from service.refusal import Refusal
from service.settings import Settings, load
from service.usecases.exporting import export
from service.usecases.proving import proven
from service.usecases.tree import Tree

EXPORT = """\
Export every entity that a key may read: the documents of one snapshot as NDJSON.

The last line holds their number and the SHA-256 of their lines; a file without it is incomplete.
With --output the file appears when it is whole, and one that was there before stays until then.

`plant import --restore` takes the file back, into an empty tenant. Where entities have vectors of
their own it needs --embeddings, which puts each behind its document.

With --format proof it is the log of the key's tenant up to the latest checkpoint, with what
proves it: `plant audit verify`, or docs/verify.py alone, checks it anywhere.

  plant export --key @key.txt > entities.ndjson
  plant export --key @key.txt --output entities.ndjson
  plant export --key @key.txt --format proof --output acme.proof

Exit code: 0 it is whole, 2 it could not begin or go on, 130 after Ctrl-C, 143 after SIGTERM."""


class ExportRefusal(Refusal):
    """The export cannot begin."""


class _Wanted(Struct, frozen=True):
    """What is exported."""

    proof: bool
    since: list[int]
    embeddings: bool


class WrongExport(Refusal):
    """The arguments do not fit together."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `export`."""
    parser = add_command(subparsers, "export", _export, EXPORT)
    parser.add_argument(
        "--key", required=True, help=f"a key with scope read, for a proof also audit{KEY_HELP}"
    )
    parser.add_argument(
        "--format", choices=["entities", "proof"], default="entities", help="what is exported"
    )
    parser.add_argument(
        "--since",
        type=_size,
        action="append",
        default=[],
        metavar="SIZE",
        help="of a proof: the size of a checkpoint that you hold, to prove growth from; repeatable",
    )
    parser.add_argument(
        "--embeddings",
        action="store_true",
        help="of entities: with the vectors that callers gave, which documents do not show",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")


def _export(arguments: argparse.Namespace) -> int:
    if arguments.since and arguments.format != "proof":
        raise WrongExport("--since goes with --format proof only.", "Leave one of them out.")
    if arguments.embeddings and arguments.format == "proof":
        raise WrongExport("--embeddings goes with --format entities.", "Leave one of them out.")
    key = key_given(arguments.key, "--key")
    output = Output()
    settings = load()
    proof = arguments.format == "proof"
    with database(settings, output.say) as target, _written(arguments.output) as file:
        wanted = _Wanted(proof, arguments.since, arguments.embeddings)
        Ending().run(_exported(settings, target, key, file, wanted))
    return 0


def _size(text: str) -> int:
    """Read the size of a log.

    Raises: ValueError.
    """
    if not (text.isascii() and text.isdigit()) or not 0 <= int(text) <= SIZE_MAX:
        raise ValueError(text)
    return int(text)


@contextmanager
def _written(path: Path | None) -> Iterator[BinaryIO]:
    """Have a file to write that takes its name when it is whole.

    Raises: ExportRefusal.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ExportRefusal(
            f"{path} cannot be written: {error.strerror or error}.", "Name another file."
        ) from None
    finally:
        part.unlink(missing_ok=True)


async def _exported(
    settings: Settings,
    target: Target,
    key: str,
    file: BinaryIO,
    wanted: _Wanted,
) -> None:
    async with repository(settings, target, "app") as app:
        found = await identity(app, key, "--key", "read")
        if wanted.proof:
            found = await identity(app, key, "--key", "audit")
        context = context_of(found, "plant export")
        progress = Progress("exporting", None, sys.stderr)
        if wanted.proof:
            lines_of = proven(app, context, Tree(), wanted.since)
        else:
            lines_of = export(app, context, embeddings=wanted.embeddings)
        try:
            async with aclosing(lines_of) as pages:
                async for count, lines in pages:
                    file.write(lines)
                    progress.reach(count)
        finally:
            progress.close()
