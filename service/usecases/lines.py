"""Lines of an import on their way into the staging table: checked one by one, sent in batches."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw, Struct

from service.database.turns import NOBODY
from service.errors import FieldError, Problem, shown
from service.model.decode import decode_line, refusal
from service.model.kinds import BY_NAME
from service.model.lines import Line
from service.model.text import line_fault
from service.usecases.large import SMALL_BYTES, Large

LINE_BYTES_MAX: Final = 1024 * 1024
"""Of a line without its end."""

EXTERNAL_ID_MAX: Final = 255

NAMING: Final = frozenset({"/kind", "/external_id"})
"""What says which entity a line is about."""

LINE_BYTES_LEAST: Final = 200
"""What a line counts for, however short it is, among those after which others have their turn."""

BATCH_LINES_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024


_KINDS: Final = {line: str(line.__struct_config__.tag) for line in get_args(Line)}


class Batch(Struct, frozen=True):
    """Some lines as the staging statement takes them."""

    lines: int
    text: str


class _Staged(Struct, frozen=True, omit_defaults=True):
    line: int
    kind: str | None = None
    external_id: str | None = None
    body: Raw | None = None
    problem: Raw | None = None


class _Named(Struct, frozen=True):
    external_id: str
    kind: Any = None


async def batches(
    lines: AsyncIterable[bytes], large: Large | None = None, whose: str = NOBODY
) -> AsyncIterator[Batch]:
    """Check lines and gather them; each counts, blank ones are left out.

    Large ones are checked by `large`, in turns with those of others; after some small ones others
    have theirs. A line may be cut off anywhere behind its first `LINE_BYTES_MAX` + 1 bytes.

    Raises: Unavailable.
    """
    large = large or Large()
    batch: list[_Staged] = []
    size = 0
    number = in_a_row = 0
    async for raw in lines:
        number += 1
        in_a_row += max(len(raw), LINE_BYTES_LEAST)
        if in_a_row > SMALL_BYTES:
            # Thousands may have come in one piece.
            await asyncio.sleep(0)
            in_a_row = 0
        if raw.isspace() or not raw:
            continue
        batch.append(await large.read(len(raw), partial(_checked, number, raw), whose))
        size += len(raw)
        if len(batch) >= BATCH_LINES_MAX or size >= BATCH_BYTES_MAX:
            yield _encoded(batch)
            batch, size = [], 0
    if batch:
        yield _encoded(batch)


def _encoded(batch: list[_Staged]) -> Batch:
    return Batch(len(batch), msgspec.json.encode(batch).decode())


def _checked(number: int, raw: bytes) -> _Staged:
    try:
        if len(raw) > LINE_BYTES_MAX and len(raw.rstrip(b"\r\n")) > LINE_BYTES_MAX:
            message = f"is too long: a line has at most {LINE_BYTES_MAX:,} bytes"
            raise refusal([FieldError("", "size", message)], "The line")
        line, payload = decode_line(raw.rstrip(b"\r\n"))
    except Problem as problem:
        kind, external_id = _named(raw)
        if NAMING & {fault.pointer for fault in problem.errors if fault.rule == "member-twice"}:
            kind = None  # of two nobody knows which is meant
        return _Staged(number, kind, external_id, problem=_stored(problem))
    return _Staged(number, _KINDS[type(line)], line.external_id, Raw(payload))


def _stored(problem: Problem) -> Raw:
    """Encode a problem; what it quotes of the line may hold a NUL, which jsonb does not take."""
    members = msgspec.json.encode({"members": problem.members()})
    return Raw(members.replace(b"\\u0000", b"\\ufffd"))


def _named(raw: bytes) -> tuple[str | None, str | None]:
    """Find out whose line it is, where a refused line still says so.

    Without a kind the other is for showing only: no entity can have this external id.
    """
    try:
        named = msgspec.json.decode(raw, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    external_id, kind = named.external_id, named.kind
    if not 1 <= len(external_id) <= EXTERNAL_ID_MAX or line_fault(external_id):
        return None, shown(external_id).replace("\0", "\ufffd")
    return (kind if isinstance(kind, str) and kind in BY_NAME else None), external_id
