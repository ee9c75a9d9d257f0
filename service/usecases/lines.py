"""Lines of an import on their way into the staging table: checked one by one, sent in batches."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from service.errors import FieldError, InvalidBody, Problem, shown
from service.model.decode import decode_line, payload
from service.sqlstate import from_diagnostics

LINE_BYTES_MAX: Final = 1024 * 1024
"""Of a line without its end."""

BATCH_LINES_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024


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


async def batches(lines: AsyncIterable[bytes]) -> AsyncIterator[Batch]:
    """Check lines and gather them; each counts, blank ones are left out.

    A line may be cut off anywhere behind its first `LINE_BYTES_MAX` + 1 bytes.
    """
    batch: list[_Staged] = []
    size = 0
    number = 0
    async for raw in lines:
        number += 1
        if raw.isspace() or not raw:
            continue
        batch.append(_checked(number, raw))
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
            raise InvalidBody(f"A line has at most {LINE_BYTES_MAX:,} bytes.")
        line = decode_line(raw.rstrip(b"\r\n"))
    except Problem as problem:
        return _Staged(number, external_id=_named(raw), problem=_stored(problem))
    config = type(line).__struct_config__
    return _Staged(number, str(config.tag), line.external_id, Raw(payload(line)))


def _stored(problem: Problem) -> Raw:
    """Encode a problem; what it quotes of the line may hold a NUL, which jsonb does not take."""
    members = msgspec.json.encode({"members": problem.members()})
    return Raw(members.replace(b"\\u0000", b"\\ufffd"))


def _named(raw: bytes) -> str | None:
    """Find out whose line it is, where a refused line still says so."""
    try:
        return shown(msgspec.json.decode(raw, type=_Named).external_id).replace("\0", "\ufffd")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def problem_members(stored: dict[str, Any]) -> dict[str, Any]:
    """Give the members of a problem: found when the line was read, or raised by the database."""
    if "members" in stored:
        members: dict[str, Any] = stored["members"]
        return members
    field = stored.get("column")
    if stored.get("sqlstate") == "23502" and field:
        listed = [FieldError(f"/{field}", "required", "is required for a new entity")]
        return dict(InvalidBody(f"/{field} is required for a new entity.", errors=listed).members())
    return dict(from_diagnostics(stored).members())
