"""Read the NDJSON files of a source folder, line by line, whatever a line holds."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from service.convert.report import Report

LINE_BYTES_MAX = 1024 * 1024

# Ids, codes and the like: visible ASCII, so that an external_id made of them is readable anywhere.
Token = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[!-~]+\Z")]
Scheme = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[!-~]+( [!-~]+)*\Z")]


class SkillRow(Struct, frozen=True, kw_only=True):
    """One ESCO skill as the folder has it."""

    id: Token
    uri: Token | None = None
    name: str
    description: str | None = None
    alt_labels: list[str] = []
    type: str | None = None
    reuse_level: Token | None = None
    groups: list[Token] = []
    broader: list[Token] = []


class OccupationRow(Struct, frozen=True, kw_only=True):
    """One ESCO occupation as the folder has it."""

    id: Token
    uri: Token | None = None
    name: str
    description: str | None = None
    alt_labels: list[str] = []
    isco_group: Token | None = None
    isco_name: str | None = None
    code: Token | None = None
    regulated: bool | None = None


class RelationRow(Struct, frozen=True, kw_only=True):
    """One line of the relations between occupations and skills."""

    occupation_id: Token
    skill_id: Token
    relation: Literal["essential", "optional"]


class IndustryRow(Struct, frozen=True, kw_only=True):
    """One NACE or NAICS node as the folder has it."""

    id: Token
    scheme: Scheme
    code: Token
    level: Annotated[int, Meta(ge=1, le=32767)]
    parent: Token | None = None
    name: str
    description: str | None = None
    also_includes: str | None = None
    excludes: str | None = None
    isic4: Token | None = None


Row = TypeVar("Row")


class SourceUnreadable(Exception):  # noqa: N818 - named for what happened, as all our errors
    """The folder cannot be read."""


class SourceFile:
    """One file of the folder: `stem.ndjson.gz`, or `stem.ndjson` when that is what there is."""

    def __init__(self, directory: Path, stem: str) -> None:
        names = (f"{stem}.ndjson.gz", f"{stem}.ndjson")
        paths = [directory / name for name in names]
        self.path = next((path for path in paths if path.is_file()), paths[0])
        self.name = self.path.name
        self.exists = self.path.is_file()

    def rows(
        self, row_type: type[Row], unreadable: Callable[[int, str], None] | None = None
    ) -> Iterator[tuple[int, Row]]:
        """Yield number and content of each readable line; hand the others to `unreadable`.

        Raises: SourceUnreadable when the file itself is damaged.
        """
        decoder = msgspec.json.Decoder(row_type)
        for number, line in self._lines():
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                if unreadable is not None:
                    unreadable(number, str(error))
            else:
                yield number, row

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if not self.exists:
            return
        opener = gzip.open if self.path.suffix == ".gz" else open
        try:
            with cast("BinaryIO", opener(self.path, "rb")) as handle:
                number = 0
                while line := handle.readline(LINE_BYTES_MAX):
                    number += 1
                    # What is longer arrives cut off, which makes it unreadable, and in one piece.
                    rest = line
                    while len(rest) >= LINE_BYTES_MAX and not rest.endswith(b"\n"):
                        rest = handle.readline(LINE_BYTES_MAX)
                    if line.strip():
                        yield number, line
        except (OSError, EOFError, zlib.error) as error:
            raise SourceUnreadable(f"{self.path} cannot be read: {error}") from error


class Scan(Struct):
    """What a first pass over a file learned: who is there, under whom, and which lines to skip."""

    parents: dict[str, list[str]]
    left_out: set[int]
    in_order: bool = True

    def kept(self, file: SourceFile, row_type: type[Row]) -> Iterator[tuple[int, Row]]:
        """Yield the lines that the first pass found good."""
        return ((number, row) for number, row in file.rows(row_type) if number not in self.left_out)


Item = TypeVar("Item", SkillRow, OccupationRow, IndustryRow)


def scan(
    file: SourceFile,
    row_type: type[Item],
    fault: Callable[[Item], str],
    parents: Callable[[Item], list[str]],
    report: Report,
) -> Scan:
    """Read a file once, keeping ids and parents only, and report each line that is left out."""
    seen = Scan(parents={}, left_out=set())
    if not file.exists:
        report.found("file-absent", file.name)
        return seen

    def unreadable(number: int, why: str) -> None:
        report.read[file.name] += 1
        report.found("line-unreadable", file.name, number, detail=why)
        seen.left_out.add(number)

    last = ""
    for number, row in file.rows(row_type, unreadable):
        report.read[file.name] += 1
        if row.id in seen.parents:
            report.found("line-repeated", file.name, number, row.id)
            seen.left_out.add(number)
        elif why := fault(row):
            report.found("text-out-of-bounds", file.name, number, row.id, why)
            seen.left_out.add(number)
        else:
            seen.in_order = seen.in_order and row.id > last
            last = row.id
            seen.parents[row.id] = parents(row)
    return seen
