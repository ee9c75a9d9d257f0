"""Documents as something to run: their shell blocks, and the answers that they promise.

A `sh` block is typed as it stands. An `http` or `text` block right after it shows the answer to
its last command; a line that ends in `# 409 name-taken: words` says what its request is answered
with. `…` stands for whatever is there, and members and headers that are not shown may be there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

MARK = "=== plant docs"
PROMISE = re.compile(r" +# (\d{3}) ([a-z-]+): (.+)$")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(Struct, frozen=True):
    """A fenced block, the line on which it begins, and whether only blank lines stand before it."""

    language: str
    text: str
    line: int
    follows: bool


class Promise(Struct, frozen=True):
    """What a page says about the answer to what was typed before it."""

    line: int
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Give the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found, end = [], 0
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        follows = not text[end : fence.start()].strip()
        found.append(Block(fence[1], fence[2], line, follows))
        end = fence.end()
    return found


def script(found: list[Block], given: dict[str, str]) -> tuple[str, list[Promise]]:
    """Make what is typed, with a mark after whatever has a promise; and the promises in order.

    `given` replaces what the page leaves to fill in: `NAME=…` at the beginning of a line.
    """
    typed: list[str] = []
    promises: list[Promise] = []

    def promise(line: int, kind: str, text: str) -> None:
        promises.append(Promise(line, kind, text))
        typed.append(f"printf '\\n{MARK}\\n'")

    for number, block in enumerate(found):
        if block.language != "sh":
            continue
        for offset, line in enumerate(block.text.splitlines(), block.line + 1):
            name, is_assignment, _ = line.partition("=")
            if is_assignment and name in given:
                typed.append(f"{name}={given[name]}")
                continue
            typed.append(line)
            if promised := PROMISE.search(line):
                promise(offset, "problem", " ".join(promised.groups()))
        after = found[number + 1] if number + 1 < len(found) else None
        if after is not None and after.follows and after.language in {"http", "text"}:
            promise(after.line, after.language, after.text)
    return "\n".join(typed) + "\n", promises


def broken(promise: Promise, output: str) -> Iterator[str]:
    """Say in which way an output is not as promised."""
    faults = {"problem": _problem, "http": _http, "text": _text}[promise.kind]
    yield from (f"line {promise.line}: {fault}" for fault in faults(promise.text, output))


def _problem(promised: str, output: str) -> Iterator[str]:
    status, slug, words = promised.split(" ", 2)
    answered, _, body = last_answer(output)
    problem = json.loads(body)
    shown = f"{answered.split()[1]} {problem['type'].rpartition('#')[2]}"
    if shown != f"{status} {slug}":
        yield f"{status} {slug} was promised, {shown} came: {body}"
    for word in words.split(" … "):
        if word not in body:
            yield f"{word!r} is not in {body}"


def _http(promised: str, output: str) -> Iterator[str]:
    status, headers, body = last_answer(promised)
    answered, named, given = last_answer(output)
    # The words behind the number differ between Pythons, and mean nothing in HTTP.
    if status.split()[1] != answered.split()[1]:
        yield f"{status!r} was promised, {answered!r} came: {given}"
    for name, value in headers.items():
        if not matches(value, named.get(name)):
            yield f"{name}: {value!r} was promised, {named.get(name)!r} came"
    if body:
        yield from differences(json.loads(body), json.loads(given), "")


def _text(promised: str, output: str) -> Iterator[str]:
    given = [" ".join(line.split()) for line in output.splitlines()]
    for line in promised.splitlines():
        wanted = " ".join(line.split())
        place = next((n for n, each in enumerate(given) if matches(wanted, each)), None)
        if place is None:
            yield f"{wanted!r} is not in what is left of {output!r}"
            return
        del given[: place + 1]


def last_answer(output: str) -> tuple[str, dict[str, str], str]:
    """Cut the last answer of an output into status line, headers and body."""
    begin = output.rindex("HTTP/1.1 ")
    head, _, body = output[begin:].replace("\r", "").partition("\n\n")
    status, *lines = head.splitlines()
    pairs = (line.split(": ", 1) for line in lines)
    return status.strip(), dict(pairs), body.strip()


def differences(shown: Any, given: Any, pointer: str) -> Iterator[str]:
    """Say where a document is not what the page shows of it."""
    if isinstance(shown, dict) and isinstance(given, dict):
        for name, value in shown.items():
            if name in given:
                yield from differences(value, given[name], f"{pointer}/{name}")
            else:
                yield f"{pointer}/{name} is not there"
    elif isinstance(shown, list) and isinstance(given, list):
        if len(shown) != len(given):
            yield f"{pointer} has {len(given)} elements, {len(shown)} are shown"
        for index, (mine, theirs) in enumerate(zip(shown, given, strict=False)):
            yield from differences(mine, theirs, f"{pointer}/{index}")
    elif not (shown == given or matches(shown, given)):
        yield f"{pointer} is {given!r}, {shown!r} is shown"


def matches(shown: object, given: object) -> bool:
    """Compare a text in which `…` stands for anything; alone it stands for any value."""
    if shown == "…":
        return given is not None
    if not isinstance(shown, str) or not isinstance(given, str):
        return False
    pattern = ".*".join(map(re.escape, shown.split("…")))
    return re.fullmatch(pattern, given, re.DOTALL) is not None
