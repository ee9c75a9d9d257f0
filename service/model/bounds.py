"""What holds far more values than anything that is taken: refused before it is read.

A megabyte may hold half a million values, and to make something of each takes long, whatever the
answer is. They are counted without being read, and what they are in is cut up, not walked.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw
from msgspec import inspect as shapes

from service.errors import FieldError, MalformedJson
from service.model import not_numbers, shape
from service.model.fields import ATTRIBUTES_SIZE_MAX
from service.model.parsing import text_of
from service.model.pointer import child

VALUES_MAX: Final = 20_000
"""No body of one entity that is taken has as many: attributes of 32 KiB and 500 skills have less
than 19,000. So many are walked, to name every fault."""

SMALL_BYTES: Final = 64 * 1024
"""Of what is walked, however many values it holds."""

MEMBERS_MAX: Final = 100
"""Of a body. None knows as many."""

ATTRIBUTES: Final = "custom_attributes"

BYTES_EACH: Final = 2
"""Of a value with what stands between it and the next, at least."""

_AT: Final = re.compile(r"\(byte (\d+)\)$")
_NOT_NUMBER: Final = re.compile(b"NaN|-?Infinity")
_BLANKS: Final = b" \t\r\n"


def counted(text: bytes) -> int:
    """Count the values in a text of JSON, objects and arrays included; a name is none."""
    if b"\\" in text:
        # What is left of quotation marks begins a text or ends it.
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    bare = b"0".join(text.split(b'"')[::2]).translate(None, _BLANKS)
    inside = bare.count(b",") + bare.count(b"[") + bare.count(b"{")
    return 1 + inside - bare.count(b"[]") - bare.count(b"{}")


def exceeds(body: bytes, most: int = VALUES_MAX) -> bool:
    """Say whether a body holds more values than so many."""
    if len(body) <= max(SMALL_BYTES, BYTES_EACH * most):
        return False
    if body.count(b",") + body.count(b"[") + body.count(b"{") < most:
        return False
    # A value has one name at most, and two quotation marks around either.
    marks = body.count(b'"') - body.count(rb"\"")
    return marks > 4 * most or counted(body) > most


def excess(body: bytes, known: shapes.StructType | None, pointer: str, whole: str) -> FieldError:
    """Find the bound that such a body goes beyond, or where most of its values are.

    `known`: what it should have been, as far as it says so. `whole`: as of `parse`.

    Raises: MalformedJson.
    """
    members = _members(body, whole)
    if members is None:
        # What has so many values, and is no object, is an array.
        return shape.not_an_object([], pointer)
    fields = {field.encode_name: field.type for field in known.fields} if known else {}
    if known is not None:
        if len(members) > MEMBERS_MAX:
            message = f"has {len(members):,} members; {len(fields)} are known here"
            return FieldError(pointer, "max-length", message)
        for name, wanted in fields.items():
            if name in members:
                fault = _beyond(name, bytes(members[name]), wanted, child(pointer, name))
                if fault is not None:
                    return fault
    return _most(body, {name: bytes(raw) for name, raw in members.items()}, fields, pointer)


def _members(body: bytes, whole: str) -> dict[str, Raw] | None:
    """Cut an object into its members; None for what is no object.

    Raises: MalformedJson.
    """
    text_of(body, whole)
    try:
        msgspec.json.decode(body, type=Raw)
        return msgspec.json.decode(body, type=dict[str, Raw])
    except msgspec.ValidationError:
        return None
    except RecursionError:
        raise MalformedJson(f"The {whole} is nested too deeply.") from None
    except msgspec.DecodeError as error:
        found = _AT.search(str(error))
        words = "its end is missing"
        if found is not None:
            at = int(found[1])
            words = f"byte {at + 1:,} cannot stand there"
            if _NOT_NUMBER.match(body, at):
                words = not_numbers.WORDS
        raise MalformedJson(f"The {whole} is not JSON: {words}.") from None


def _beyond(name: str, raw: bytes, wanted: shapes.Type, pointer: str) -> FieldError | None:
    """Find that a member has too many elements, or is an array or object where none may be."""
    stand_in: object
    if raw.startswith(b"["):
        stand_in = [None] * _elements(raw)
    elif not raw.startswith(b"{"):
        return None
    elif name == ATTRIBUTES:
        if not exceeds(raw, ATTRIBUTES_SIZE_MAX // BYTES_EACH):
            return None
        size = len(msgspec.json.format(raw, indent=-1))
        message = f"is {size:,} bytes as compact JSON; at most {ATTRIBUTES_SIZE_MAX:,} fit"
        return FieldError(pointer, "size", message)
    else:
        stand_in = {}
    first = next(shape.faults(stand_in, wanted, pointer), None)
    return first if first is not None and first.pointer == pointer else None


def _elements(raw: bytes) -> int:
    if raw.count(b"[") == 1 and b"{" not in raw:
        return counted(raw) - 1
    return len(msgspec.json.decode(raw, type=list[Raw]))


def _most(
    body: bytes, members: dict[str, bytes], fields: dict[str, shapes.Type], pointer: str
) -> FieldError:
    """Point to the member that has too many values by itself, else to the whole."""
    name = max(members, key=lambda name: len(members[name]))
    count = counted(members[name])
    if count > VALUES_MAX:
        if fields and name not in fields:
            return FieldError(child(pointer, name), "unknown-field", shape.unknown(name, fields))
        pointer = child(pointer, name)
    else:
        count = counted(body)
    message = f"holds {count:,} values; what is taken has less than {VALUES_MAX:,}"
    return FieldError(pointer, "size", message)
