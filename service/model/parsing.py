"""JSON to a tree in which every fault can be named, or words on why it is no JSON."""

import json
from math import inf
from typing import Final

from service.errors import FieldError, MalformedJson
from service.model import not_numbers, strict

DIGITS_MAX: Final = 100
"""A longer integer is out of every range: it is not worth converting."""


def parse(body: bytes, whole: str = "body", pointer: str = "") -> object:
    """Parse JSON as leniently as can be said precisely: for naming faults, not for values.

    `whole`: what it is, for messages: a body or a line. Pointers of errors begin with `pointer`.

    Raises: MalformedJson.
    """
    text = text_of(body, whole)
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_constant=not_numbers.refuse,
            object_pairs_hook=strict.members,
        )
    except json.JSONDecodeError as exc:
        raise _not_json(whole, exc) from None
    except not_numbers.NotNumber:
        if len(text) > not_numbers.PLACED_MAX:
            raise MalformedJson(f"The {whole} is not JSON: {not_numbers.WORDS}.") from None
        fault, at = not_numbers.first(text, pointer)
        words = f"{fault.pointer or 'it'} {fault.message},"
        raise _not_json(whole, json.JSONDecodeError(words, text, at), fault) from None
    except RecursionError:
        raise MalformedJson(f"The {whole} is nested too deeply.") from None


def text_of(body: bytes, whole: str) -> str:
    """Read what may be JSON as text.

    Raises: MalformedJson.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedJson(f"The {whole} is not UTF-8: byte {exc.start + 1}.") from None
    if not text.strip():
        raise MalformedJson(f"The {whole} is empty.")
    if text[0] == "\ufeff":
        raise MalformedJson(f"The {whole} begins with a byte order mark; JSON has none.")
    return text


def _integer(digits: str) -> float:
    if len(digits) <= DIGITS_MAX:
        return int(digits)
    return -inf if digits[0] == "-" else inf


def _not_json(whole: str, exc: json.JSONDecodeError, *faults: FieldError) -> MalformedJson:
    # A line of an import has its number beside the problem.
    where = f"line {exc.lineno}, column {exc.colno}" if whole == "body" else f"column {exc.colno}"
    return MalformedJson(f"The {whole} is not JSON: {exc.msg} at {where}.", errors=faults)
