"""Find every place where a JSON value does not fit a struct: msgspec stops at the first.

Runs only when msgspec has refused a body, so it may take its time. It reads the same types, so
the two cannot disagree about a bound.
"""

from collections.abc import Callable, Collection, Iterator
from math import inf, isfinite
from typing import Any, Final

from msgspec import inspect as shapes

from service.errors import FieldError, shown
from service.model.pointer import child
from service.model.strict import is_uuid
from service.spelling import nearest

READ_ONLY = {
    "status": "is read-only: it changes by steps, POST …/status",
    "embedding_sha256": "is read-only: it follows from embedding_384",
} | dict.fromkeys(
    ("id", "entity_type", "version", "created_at", "updated_at", "governance_agent_id"),
    "is read-only: the service gives it",
)
"""What documents show of an entity and no body takes, and why not."""

FINITE: Final = "must be a finite number of double precision"


def faults(value: object, shape: shapes.Type, pointer: str) -> Iterator[FieldError]:
    """List what keeps a value from having a shape."""
    check = _CHECKS.get(type(shape))
    return check(value, shape, pointer) if check else iter(())


def not_an_object(value: object, pointer: str) -> FieldError:
    """Say that a value should have been an object."""
    return FieldError(pointer, "type", f"must be an object, not {_name(value)}")


def _name(value: object) -> str:
    return _NAMES.get(type(value), "an object")


def _metadata(value: object, shape: shapes.Metadata, pointer: str) -> Iterator[FieldError]:
    inner, stated = shape.type, shape.extra_json_schema or {}
    if isinstance(inner, shapes.FloatType) and "maximum" in stated and value in (inf, -inf):
        # A rule keeps to these bounds; what is infinite does not come to it.
        inner = shapes.FloatType(ge=stated["minimum"], le=stated["maximum"])
    return faults(value, inner, pointer)


def _uuid(value: object, _: shapes.UUIDType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield FieldError(pointer, "type", f"must be a text, not {_name(value)}")
    elif not is_uuid(value):
        yield FieldError(pointer, "uuid", "must be a UUID in its usual form, with hyphens")


def _literal(value: object, shape: shapes.LiteralType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield FieldError(pointer, "type", f"must be a text, not {_name(value)}")
    elif value not in shape.values:
        yield FieldError(pointer, "one-of", f"must be one of {', '.join(map(str, shape.values))}")


def _dict(value: object, _: shapes.DictType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, dict):
        yield not_an_object(value, pointer)


def _union(value: object, shape: shapes.UnionType, pointer: str) -> Iterator[FieldError]:
    if value is None and shape.includes_none:
        return
    members = [member for member in shape.types if not isinstance(member, shapes.NoneType)]
    # One or several: what is no array should have been one.
    fitting = [member for member in members if _is_array(member) == isinstance(value, list)]
    yield from faults(value, (fitting or members)[0], pointer)


def _is_array(shape: shapes.Type) -> bool:
    inner = shape.type if isinstance(shape, shapes.Metadata) else shape
    return isinstance(inner, shapes.ListType)


def _struct(value: object, shape: shapes.StructType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, dict):
        yield not_an_object(value, pointer)
        return
    known = {field.encode_name: field for field in shape.fields}
    for key in value:
        if key not in known and key != shape.tag_field:
            yield FieldError(child(pointer, key), "unknown-field", unknown(key, known))
    for name, field in known.items():
        if name in value:
            yield from faults(value[name], field.type, child(pointer, name))
        elif field.required:
            yield FieldError(child(pointer, name), "required", "is missing")


def unknown(name: str, known: Collection[str]) -> str:
    """Say why a member is not taken, and what may be meant."""
    if name in READ_ONLY and "custom_attributes" in known:
        return READ_ONLY[name]
    near = nearest(shown(name), known)
    return f"is not known here: perhaps {near} is meant" if near else "is not known here"


def _list(value: object, shape: shapes.ListType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, list):
        yield FieldError(pointer, "type", f"must be an array, not {_name(value)}")
        return
    least, most = shape.min_length or 0, shape.max_length
    if len(value) < least or (most is not None and len(value) > most):
        if len(value) > least != most:
            wanted = f"at most {most} are allowed"
        else:
            number = f"exactly {least}" if least == most else f"at least {least}"
            wanted = f"{number} {'is' if least == 1 else 'are'} needed"
        message = f"has {_counted(len(value))}; {wanted}"
        yield FieldError(pointer, "max-length" if len(value) > least else "min-length", message)
        return
    for index, item in enumerate(value):
        yield from faults(item, shape.item_type, child(pointer, index))


def _counted(elements: int) -> str:
    return "1 element" if elements == 1 else f"{elements:,} elements"


def _text(value: object, shape: shapes.StrType, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield FieldError(pointer, "type", f"must be a text, not {_name(value)}")
    elif shape.max_length is not None and len(value) > shape.max_length:
        message = f"has {len(value):,} characters; at most {shape.max_length:,} are allowed"
        yield FieldError(pointer, "max-length", message)
    elif len(value) < (shape.min_length or 0):
        yield FieldError(pointer, "blank", "must not be empty")


def _number(
    value: object, shape: shapes.IntType | shapes.FloatType, pointer: str
) -> Iterator[FieldError]:
    whole = isinstance(shape, shapes.IntType)
    if isinstance(value, bool) or not isinstance(value, int | float):
        wanted = "a whole number" if whole else "a number"
        yield FieldError(pointer, "type", f"must be {wanted}, not {_name(value)}")
    elif not _finite(value):
        yield FieldError(pointer, "number-range", _range(value, shape))
    elif whole and isinstance(value, float):
        yield FieldError(pointer, "type", "must be a whole number without fraction or exponent")
    elif (shape.ge is not None and value < shape.ge) or (shape.le is not None and value > shape.le):
        yield FieldError(pointer, "number-range", _range(value, shape))


def _range(value: float, shape: shapes.IntType | shapes.FloatType) -> str:
    least, most = shape.ge, shape.le
    if least is not None and most is not None:
        return f"must be {least} to {most}"
    if least is not None and value < least:
        return f"must be at least {least}"
    return FINITE


def _finite(value: Any) -> bool:
    try:
        return isfinite(value)
    except OverflowError:
        return False


_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
}

_CHECKS: dict[type[shapes.Type], Callable[[Any, Any, str], Iterator[FieldError]]] = {
    shapes.Metadata: _metadata,
    shapes.UnionType: _union,
    shapes.StructType: _struct,
    shapes.ListType: _list,
    shapes.DictType: _dict,
    shapes.StrType: _text,
    shapes.IntType: _number,
    shapes.FloatType: _number,
    shapes.LiteralType: _literal,
    shapes.UUIDType: _uuid,
}
