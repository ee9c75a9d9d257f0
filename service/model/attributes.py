"""What custom_attributes may hold, so that PostgreSQL's jsonb gives back what was sent.

Whole numbers are exact within -2^63 to 2^63 - 1, also beyond the 2^53 that JavaScript keeps.
Numbers with a fraction or an exponent are kept as the nearest double, within ±2^63: jsonb writes
larger ones out in digits, and what a client reads it must be able to send back.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from service.errors import FieldError
from service.model.fields import ATTRIBUTES_DEPTH_MAX, ATTRIBUTES_SIZE_MAX
from service.model.pointer import child
from service.model.text import notes_fault

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
PLAIN_BELOW = 10**15
"""Whole numbers nearer to zero need no second look; they have fifteen digits and a sign at most."""


def attribute_faults(attributes: dict[str, Any], pointer: str) -> Iterator[FieldError]:
    """List what is wrong with an object of custom attributes, or with a patch of one."""
    walk = _Walk()
    yield from walk.within(attributes, pointer, 1)
    if walk.measurable:
        size = len(msgspec.json.encode(attributes)) + walk.growth
        if size > ATTRIBUTES_SIZE_MAX:
            message = f"is {size:,} bytes as compact JSON; at most {ATTRIBUTES_SIZE_MAX:,} fit"
            yield FieldError(pointer, "size", message)


def are_plain(attributes: dict[str, Any]) -> bool:
    """Say whether these are few texts and small whole numbers, of texts that are plain.

    Of such nothing is wrong: they are flat, and in range.
    """
    length = 2
    for key, value in attributes.items():
        if type(value) is str:
            length += len(key) + len(value) + 6
        elif type(value) is int and -PLAIN_BELOW < value < PLAIN_BELOW:
            length += len(key) + 20
        else:
            return False
    return length <= ATTRIBUTES_SIZE_MAX


class _Walk:
    """One pass over an object of attributes.

    `growth`: bytes by which exponents grow when jsonb writes them out in digits.
    """

    def __init__(self) -> None:
        self.growth = 0
        self.measurable = True

    def within(
        self, container: dict[str, Any] | list[Any], pointer: str, depth: int
    ) -> Iterator[FieldError]:
        if depth > ATTRIBUTES_DEPTH_MAX:
            self.measurable = False
            message = f"is nested deeper than {ATTRIBUTES_DEPTH_MAX} levels"
            yield FieldError(pointer, "depth", message)
            return
        if isinstance(container, dict):
            for key, value in container.items():
                fault = notes_fault(key)
                if fault is not None:
                    self.measurable = False
                    yield FieldError(child(pointer, key), fault.rule, f"the key {fault.message}")
                yield from self.value(value, pointer, key, depth)
        else:
            for index, value in enumerate(container):
                yield from self.value(value, pointer, index, depth)

    def value(
        self, value: object, parent: str, step: str | int, depth: int
    ) -> Iterator[FieldError]:
        if isinstance(value, str):
            fault = notes_fault(value)
            if fault is not None:
                self.measurable = False
                yield FieldError(child(parent, step), fault.rule, fault.message)
        elif isinstance(value, dict | list):
            yield from self.within(value, child(parent, step), depth + 1)
        elif isinstance(value, int | float) and not self.number(value):
            self.measurable = False
            yield FieldError(child(parent, step), "number-range", "must be within ±2^63")

    def number(self, value: float) -> bool:
        if not INTEGER_MIN <= value <= INTEGER_MAX:  # false for NaN too
            return False
        if type(value) is float and "e" in (short := repr(value)):
            self.growth += len(f"{Decimal(short):f}") - len(short)
        return True
