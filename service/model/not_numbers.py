"""NaN and the infinities: Python's reader takes them for numbers, JSON has none of them."""

import json
import math
import re
from typing import Final, NoReturn

from service.errors import FieldError
from service.model.pointer import STEPS_MAX, child, pointer_to, walked

PLACED_MAX: Final = 65_536
"""Characters of a text in which the place is looked for: some 30 ms of a loop that all wait for."""

WORDS: Final = "NaN or Infinity, which are no numbers of JSON, stand in it"

_TOKENS: Final = re.compile(
    r'(?P<text>"(?:[^"\\]++|\\.)*+")(?P<named>\s*+:)?+|(?P<bracket>[\[\]{}])|(?P<found>NaN|Infinity)'
    r'|(?P<rest>[^"\[\]{}NI]++)'
)


class NotNumber(Exception):  # noqa: N818 - no error: it only ends the reading
    """One of them stands where a value does."""


def refuse(_: str) -> NoReturn:
    """End the reading at the first of them, of which the reader tells its name and no place."""
    raise NotNumber


def first(text: str, pointer: str) -> tuple[FieldError, int]:
    """Find the first of them in a text that is JSON up to there: as a fault, and its position."""
    steps: list[str | int] = []
    for token in _TOKENS.finditer(text):
        kind, word = token.lastgroup, token[0]
        if kind == "found":
            break
        if kind == "rest":
            if steps and isinstance(steps[-1], int):
                steps[-1] += word.count(",")
        elif kind == "named":
            steps[-1] = token["text"]
        elif kind == "bracket":
            _step(steps, word)
    at = token.start() - text.endswith("-", 0, token.start())
    for step in steps[:STEPS_MAX]:
        pointer = child(pointer, json.loads(step) if isinstance(step, str) else step)
    verb = "is" if len(steps) <= STEPS_MAX else "holds"
    message = f"{verb} {text[at : token.end()]}, which is no number of JSON"
    return FieldError(pointer, "number-range", message), at


def _step(steps: list[str | int], bracket: str) -> None:
    if bracket in "]}":
        steps.pop()
    else:
        steps.append(0 if bracket == "[" else "")


def endless(tree: object, pointer: str) -> str | None:
    """Find the first number of a tree that is larger than double precision has, as `1e999`."""
    for value, place in walked(tree):
        if isinstance(value, float) and math.isinf(value):
            return pointer_to(pointer, place)[0]
    return None
