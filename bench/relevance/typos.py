"""Slips of the pen, always the same ones for a text and a seed."""

import random
import string
from collections.abc import Callable
from typing import Final

TYPOS: Final = 2
"""Slips in a text: each at a place of its own choice, so that the second may undo the first."""


def mistyped(text: str, seed: int) -> str:
    """Make two slips at random places.

    Each swaps two neighbours, inserts a letter from a to z, leaves a character out, or types
    another letter in its place: one of the four, all as likely. The same text and seed give the
    same slips.
    """
    chance = random.Random(f"{seed} {text}")  # noqa: S311 - repeatable
    for _ in range(TYPOS):
        place = chance.randrange(max(1, len(text) - 1))
        text = chance.choice(SLIPS)(text, place, chance.choice(string.ascii_lowercase))
    return text


def _swapped(text: str, place: int, _: str) -> str:
    return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]


def _inserted(text: str, place: int, letter: str) -> str:
    return text[:place] + letter + text[place:]


def _left_out(text: str, place: int, letter: str) -> str:
    return (text[:place] + text[place + 1 :]).strip() or letter


def _replaced(text: str, place: int, letter: str) -> str:
    return text[:place] + letter + text[place + 1 :]


SLIPS: Final[tuple[Callable[[str, int, str], str], ...]] = (
    _swapped,
    _inserted,
    _left_out,
    _replaced,
)
