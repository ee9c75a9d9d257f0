"""Several operations of one request: cut apart, read each for itself, and tied together.

An id of an operation may be `$ref:name`: that of what an earlier one creates under this name.
Until the database has made it a placeholder stands there.
"""

import secrets
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct, structs

from service.errors import FieldError, MalformedJson
from service.model.batch_operation import ID_FIELDS, Prepared, Reading
from service.model.bounds import VALUES_MAX
from service.model.decode import decode, refusal
from service.model.operations import OPERATIONS_MAX

OPERATION_BYTES_MAX: Final = 1024 * 1024
"""Of one operation: as of a request for it alone."""

REFERENCES_MAX: Final = 10_000
"""Ids in all operations together: so many are looked up and linked in about a second."""

LARGE: Final = (
    "The body is no batch. It is too large to say more: send a part of it to learn what is wrong."
)


class _Outer(Struct, frozen=True, forbid_unknown_fields=True):
    operations: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=OPERATIONS_MAX)]


class _Raw(Struct, frozen=True, forbid_unknown_fields=True):
    operations: list[Raw]


class Batch(Struct, frozen=True):
    """The operations of a request; `salt`: what its placeholders begin with, anew each time."""

    operations: list[Prepared]
    salt: str

    def encoded(self) -> bytes:
        """Encode them for SQL."""
        bare = {"content": None, "ref": None, "weak_only": False}
        return msgspec.json.encode([structs.replace(one, **bare) for one in self.operations])

    def canonical(self, encoded: bytes) -> bytes:
        """Give what the same operations come to in every request."""
        return encoded.replace(self.salt.encode(), b"")


def prepare(body: bytes) -> Batch:
    """Read the operations of a request, each as one alone would be read.

    Raises: MalformedJson, InvalidBody: of the first operation that is not right.
    """
    raws = _cut(body)
    digits = secrets.token_hex(12)
    salt = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    prepared: list[Prepared] = []
    places: dict[str, int] = {}
    references = 0
    for place, raw in enumerate(raws):
        reading = Reading(place, raw, places, salt)
        prepared.append(reading.prepared())
        references += _references(prepared[-1].content)
        if references > REFERENCES_MAX:
            message = f"refers, with those before it, to more than {REFERENCES_MAX:,} entities"
            raise refusal([FieldError(f"/operations/{place}", "size", message)])
        ref = prepared[-1].ref
        if ref is not None:
            places[ref] = place
    return Batch(prepared, salt)


def _cut(body: bytes) -> list[bytes]:
    """Cut a body into its operations, of which none is larger than a body of its own may be.

    Raises: MalformedJson, InvalidBody.
    """
    small = len(body) <= OPERATION_BYTES_MAX
    if small:
        decode(body, _Outer, values_max=OPERATIONS_MAX * VALUES_MAX)
    try:
        raws = [bytes(raw) for raw in msgspec.json.decode(body, type=_Raw).operations]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJson(LARGE) from None
    if not small:
        # Naming each fault of so much would take long: it is cut up, and each part looked at.
        named = body.count(b'"operations"') - sum(raw.count(b'"operations"') for raw in raws)
        if named != 1:
            raise MalformedJson(LARGE)
        if not 1 <= len(raws) <= OPERATIONS_MAX:
            message = f"has {len(raws):,} elements; 1 to {OPERATIONS_MAX} are allowed"
            raise refusal([FieldError("/operations", "max-length", message)])
    for place, raw in enumerate(raws):
        if len(raw) > OPERATION_BYTES_MAX:
            message = f"has more than {OPERATION_BYTES_MAX:,} bytes"
            raise refusal([FieldError(f"/operations/{place}", "size", message)])
    return raws


def _references(content: Struct | None) -> int:
    found = (getattr(content, name, None) for name in ID_FIELDS)
    return sum(len(one) if isinstance(one, list) else 1 for one in found if one)


def within(fault: FieldError, place: int, operation: Prepared) -> FieldError:
    """Point a fault of what an operation sends into the whole."""
    inner = {"create": "/body", "amend": "/patch"}.get(operation.op, "")
    return structs.replace(fault, pointer=f"/operations/{place}{inner}{fault.pointer}")
