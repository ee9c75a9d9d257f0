"""The rules on fields and between fields that types and bounds cannot say.

A field's name decides its rule, in every kind and in creates, patches and import lines alike.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isinf
from typing import Any, Final
from unicodedata import normalize

from msgspec import UNSET, Struct

from service.errors import FieldError
from service.model.attributes import are_plain, attribute_faults
from service.model.fields import Reference, RequiredSkill
from service.model.match import given_faults
from service.model.pointer import child
from service.model.text import Fault, line_fault, notes_fault, prose_fault

NAME_KEY_BYTES_MAX: Final = 2048
"""What names are compared by stands in an index, whose rows have at most 2,704 bytes: one
character (U+FDFA) becomes 33 bytes there."""

CLASSIFICATION: Final = ("scheme", "code", "level")
"""Of an industry: all of them or none."""

FieldRule = Callable[[Any, str], Iterable[FieldError]]
"""Takes the value of a field, neither null nor unset nor empty, and its pointer."""


def _text(check: Callable[[str], Fault | None]) -> FieldRule:
    def rule(value: str, pointer: str) -> Iterable[FieldError]:
        fault = check(value)
        return () if fault is None else (FieldError(pointer, fault.rule, fault.message),)

    return rule


def _name(value: str, pointer: str) -> Iterator[FieldError]:
    fault = line_fault(value)
    if fault is not None:
        yield FieldError(pointer, fault.rule, fault.message)
    elif not value.isascii() and len(_name_key(value)) > NAME_KEY_BYTES_MAX:
        message = f"has compatibility characters that take more than {NAME_KEY_BYTES_MAX:,} bytes"
        yield FieldError(pointer, "size", message)


def _name_key(name: str) -> bytes:
    return normalize("NFKC", name).casefold().encode()


def _repeated(values: Sequence[object], pointer: str) -> Iterator[FieldError]:
    """Name every value that stands further up already; None stands for nothing."""
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        at = first.setdefault(value, index)
        if at != index and value is not None:
            message = f"repeats what stands at {child(pointer, at)}"
            yield FieldError(child(pointer, index), "duplicate", message)


def _lines(values: list[str], pointer: str) -> Iterable[FieldError]:
    if len(set(values)) == len(values) and not any(map(line_fault, values)):
        return ()
    return _line_faults(values, pointer)


def _distinct(values: list[str]) -> bool:
    return len(set(values)) == len(values)


def _doubtful(_: object) -> bool:
    return False


def _line_faults(values: list[str], pointer: str) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        fault = line_fault(value)
        if fault is not None:
            yield FieldError(child(pointer, index), fault.rule, fault.message)
    yield from _repeated(values, pointer)


def _reference(value: Any, pointer: str) -> Iterator[FieldError]:
    """Check an object with exactly one of id and external_id; a plain id needs no check."""
    if not isinstance(value, Reference | RequiredSkill):
        return
    if (value.id is UNSET) == (value.external_id is UNSET):
        yield FieldError(pointer, "exactly-one", "needs either id or external_id")
    elif isinstance(value.external_id, str):
        fault = line_fault(value.external_id)
        if fault is not None:
            yield FieldError(child(pointer, "external_id"), fault.rule, fault.message)


def _references(values: list[Any], pointer: str) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        yield from _reference(value, child(pointer, index))
    yield from _repeated([_target(value) for value in values], pointer)


def _target(value: Any) -> object:
    if not isinstance(value, Reference | RequiredSkill):
        return value
    given = value.id if value.id is not UNSET else value.external_id
    return None if given is UNSET else given


def _embedding(values: list[float], pointer: str) -> Iterator[FieldError]:
    """Check that PostgreSQL's single precision can hold the vector."""
    single = array("f", values)
    if not any(single):
        yield FieldError(pointer, "zero-vector", "must not be all zero in single precision")
        return
    # A number other than zero that single precision makes zero is refused by the type `vector`.
    if single.count(0.0) == values.count(0.0) and not any(map(isinf, single)):
        return
    for index, (value, kept) in enumerate(zip(values, single, strict=True)):
        if isinf(kept) or (value and not kept):
            yield FieldError(child(pointer, index), "number-range", "is no single-precision number")


def _line_or_lines(value: str | list[str], pointer: str) -> Iterator[FieldError]:
    """Check one text or several, of which a repetition means nothing."""
    each = (
        [(value, pointer)]
        if isinstance(value, str)
        else [(text, child(pointer, index)) for index, text in enumerate(value)]
    )
    for text, at in each:
        fault = line_fault(text)
        if fault is not None:
            yield FieldError(at, fault.rule, fault.message)


RULES: dict[str, FieldRule] = {
    "name": _name,
    "external_id": _text(line_fault),
    "scheme": _text(line_fault),
    "code": _text(line_fault),
    "description": _text(prose_fault),
    "reason": _text(prose_fault),
    "governance_notes": _text(notes_fault),
    "aliases": _lines,
    "tags": _lines,
    "custom_attributes": attribute_faults,
    "embedding_384": _embedding,
    "parent_ids": _references,
    "skill_ids": _references,
    "required_skills": _references,
    "industry_id": _reference,
    "job_role_id": _reference,
    "team_id": _reference,
    "text": _text(line_fault),
    "model": _text(line_fault),
    "tag": _line_or_lines,
    "skills": given_faults,
}


PLAIN: Final[dict[str, Callable[[Any], bool] | None]] = {
    "name": None,
    "external_id": None,
    "description": None,
    "governance_notes": None,
    "aliases": _distinct,
    "tags": _distinct,
    "custom_attributes": are_plain,
}
"""Of texts that are plain (service/model/plain.py): what has to hold for a rule to say nothing, if
anything has to. What is not here may be objected to."""


def rules_of(struct: type[Struct]) -> tuple[tuple[str, FieldRule], ...]:
    """Pick the rules that apply to a struct, in the order of its fields."""
    return tuple((name, RULES[name]) for name in struct.__struct_fields__ if name in RULES)


def plain_rules_of(struct: type[Struct]) -> tuple[tuple[str, Callable[[Any], bool]], ...]:
    """Pick what has to hold for the rules of a struct to say nothing of it, if its texts are plain.

    Each takes the value of a field, neither null nor unset nor empty.
    """
    left = ((name, PLAIN.get(name, _doubtful)) for name, _ in rules_of(struct))
    return tuple((name, passes) for name, passes in left if passes is not None)


def classification_faults(body: Struct, pointer: str) -> Iterator[FieldError]:
    """Check that scheme, code and level of an industry come together or not at all.

    Whether a patch of one of them fits the other two only the stored entity can tell.
    """
    values = {name: getattr(body, name) for name in CLASSIFICATION}
    nulls = [name for name, value in values.items() if value is None]
    given = [name for name, value in values.items() if value is not UNSET]
    if nulls and len(nulls) < len(given):
        message = "is null: scheme, code and level are given together or not at all"
        yield FieldError(f"{pointer}/{nulls[0]}", "all-or-none", message)


def successor_faults(body: Struct, pointer: str) -> Iterator[FieldError]:
    """Check that a step names a successor only where it counts."""
    if getattr(body, "successor_id", None) and getattr(body, "to", None) != "deprecated":
        message = "is for deprecating only: leave it out"
        yield FieldError(f"{pointer}/successor_id", "successor", message)
