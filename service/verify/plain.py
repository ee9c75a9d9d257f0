"""Text of others on a terminal: what a database or a service says could be meant for the screen."""

from typing import Final

UNSHOWN: Final = "\N{REPLACEMENT CHARACTER}"


def sentence(text: str) -> str:
    """End words of others as a sentence of ours ends."""
    return f"{text.rstrip('. ')}."


def plain(text: str) -> str:
    """Give a line with nothing in it that a terminal obeys or that begins another line."""
    return "".join(letter if letter.isprintable() else UNSHOWN for letter in text)
