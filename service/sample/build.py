"""Build the packaged sample: `python -m service.sample.build DIR`, DIR as for `--from esco`.

Equal input gives equal bytes.
"""

import argparse
import gzip
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from service.convert.esco import convert
from service.convert.lines import ENCODER, IndustryLine, Line
from service.convert.text import caseless
from service.sample.choosing import chosen_lines
from service.sample.definitions import Definitions, read
from service.sample.inventing import drafts, steps, teams_and_agents
from service.sample.packaged import ACTIVE_FILE, DRAFTS_FILE, STEPS_FILE, SampleStep
from service.sample.stock import NotInSource, Stock

_HERE = Path(__file__).parent


class NameTaken(Exception):  # noqa: N818 - named for what happened, as all our errors
    """An invented entity has the name of a real one, or of another invented one."""


class Built(Struct, frozen=True):
    """The sample before it is written."""

    active: list[Line]
    drafts: list[Line]
    steps: list[SampleStep]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the sample from a folder and write its files."""
    parser = argparse.ArgumentParser(prog="python -m service.sample.build", description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with the ESCO and NACE files")
    parser.add_argument("--out", type=Path, default=_HERE, help="folder to write to")
    options = parser.parse_args(arguments)
    built = build(options.directory, read(_HERE))
    for name, content in files(built).items():
        (options.out / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content):,} bytes\n")
    return 0


def build(directory: Path, definitions: Definitions) -> Built:
    """Convert the folder and put the sample together.

    Raises: NotInSource for a reference to nothing, NameTaken for a name that is not free.
    """
    stock = Stock(convert(directory))
    active = chosen_lines(stock, definitions.selection)
    invented = [*teams_and_agents(stock, definitions)]
    proposed = [*drafts(stock, definitions.invented)]
    _check_names([*stock.lines, *invented, *proposed])
    _check_references([*active, *invented])
    _check_references([*active, *invented, *proposed])
    return Built([*active, *invented], proposed, [*steps(definitions.invented)])


def files(built: Built) -> dict[str, bytes]:
    """Return the content of each file of the sample."""
    return {
        ACTIVE_FILE: _packed(built.active),
        DRAFTS_FILE: _packed(built.drafts),
        STEPS_FILE: msgspec.json.format(ENCODER.encode(built.steps), indent=1) + b"\n",
    }


def _packed(lines: Iterable[Line]) -> bytes:
    packed = io.BytesIO()
    # No file name and no time in the header: the bytes depend on the lines alone.
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.writelines(ENCODER.encode(line) + b"\n" for line in lines)
    return packed.getvalue()


def _check_names(lines: Iterable[Line]) -> None:
    """Refuse a name that two entities of a kind would share, now or after a full import."""
    taken: set[tuple[object, ...]] = set()
    for line in lines:
        scope = (line.scheme, line.level) if isinstance(line, IndustryLine) else ()
        key = (type(line), *scope, caseless(line.name))
        if key in taken:
            raise NameTaken(f"the name {line.name!r} of {line.external_id} is taken")
        taken.add(key)


def _check_references(lines: Sequence[Line]) -> None:
    """Refuse a reference that leads out of the lines."""
    ids = {line.external_id for line in lines}
    for line in lines:
        for field, value in msgspec.to_builtins(line).items():
            for item in value if isinstance(value, list) else [value]:
                referred = item.get("external_id") if isinstance(item, dict) else None
                if referred is not None and referred not in ids:
                    raise NotInSource(
                        f"{field} of {line.external_id} leads out of the sample: {referred}"
                    )


if __name__ == "__main__":
    sys.exit(main())
