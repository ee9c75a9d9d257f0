"""JSON pointers (RFC 6901): to the field that an error is about, to what a patch changes."""

from collections.abc import Iterator
from typing import Any, Final

from service.errors import shown

STEPS_MAX: Final = 32
"""Of a pointer: deeper than anything that is taken, and short enough to be answered."""

Place = tuple[Any, str | int] | None
"""Where something stands in a tree: the place of what holds it, and the step from there."""


def child(parent: str, step: str | int) -> str:
    """Extend a pointer by a key or an index; a client's long key is cut."""
    return f"{parent}/{step}" if isinstance(step, int) else member(parent, shown(step))


def member(parent: str, name: str) -> str:
    """Extend a pointer by the whole name of a member."""
    return f"{parent}/{name.replace('~', '~0').replace('/', '~1')}"


def walked(tree: object) -> Iterator[tuple[Any, Place]]:
    """Walk all that stands in a tree, in the order of its text, with its places.

    A pointer is long where names are, and there may be many: they are made of places where needed.
    """
    yield tree, None
    ways: list[tuple[Iterator[tuple[Any, Any]], Place]] = [(_steps(tree), None)]
    while ways:
        steps, within = ways[-1]
        for step, value in steps:
            place: Place = (within, step)
            yield value, place
            if isinstance(value, dict | list):
                ways.append((_steps(value), place))
                break
        else:
            ways.pop()


def _steps(value: object) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return iter(enumerate(value)) if isinstance(value, list) else iter(())


def pointer_to(pointer: str, place: Place) -> tuple[str, bool]:
    """Extend a pointer to a place, or to its first steps; says whether that is all of the way."""
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.append(step)
    for step in steps[: -STEPS_MAX - 1 : -1]:
        pointer = child(pointer, step)
    return pointer, len(steps) <= STEPS_MAX
