"""The Markdown of our own pages as blocks: headings, paragraphs, tables, lists and code.

Whatever is none of these is a paragraph. Text within a block stays as it was written.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

_HEADING = re.compile(r"(#{1,6}) +(.+?) *#*")
_ITEM = re.compile(r"[-*] +(.*)")
_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|[-:| ]+\|")


class Heading(Struct, frozen=True):
    """A heading and its level."""

    level: int
    text: str


class Paragraph(Struct, frozen=True):
    """A paragraph in one line."""

    text: str


class Table(Struct, frozen=True):
    """A table; the first row is its head."""

    rows: list[list[str]]


class Items(Struct, frozen=True):
    """A list without numbers."""

    items: list[str]


class Code(Struct, frozen=True):
    """A fenced block."""

    language: str
    text: str


Block = Heading | Paragraph | Table | Items | Code


def blocks(text: str) -> Iterator[Block]:
    """Cut a page into its blocks."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = next(n for n in range(at + 1, len(lines)) if lines[n].startswith("```"))
            yield Code(line[3:].strip(), "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif heading := _HEADING.fullmatch(line):
            yield Heading(len(heading[1]), heading[2])
            at += 1
        elif not line.strip():
            at += 1
        else:
            end = next((n for n in range(at, len(lines)) if _ends(lines[n])), len(lines))
            yield _block(lines[at:end])
            at = end


def _ends(line: str) -> bool:
    return not line.strip() or line.startswith("```") or _HEADING.fullmatch(line) is not None


def _block(lines: list[str]) -> Block:
    if lines[0].startswith("|"):
        return Table([_cells(line) for line in lines if not _RULE.fullmatch(line.strip())])
    if _ITEM.match(lines[0]):
        items: list[str] = []
        for line in lines:
            item = _ITEM.match(line)
            if item is None:
                items[-1] += f" {line.strip()}"
            else:
                items.append(item[1])
        return Items(items)
    return Paragraph(" ".join(line.strip() for line in lines))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(inner)]
