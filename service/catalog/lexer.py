"""Owns reading SQL text far enough to tell code from comments and quoted text.

No grammar: whoever needs one asks the server. What stands here only finds where a statement ends,
which parameters it names, and which words are code.
"""

import re
from collections.abc import Iterator
from typing import Final

_OPENING: Final = re.compile(
    r"""--|/\*|\b[eE]'|'|"|(?<![\w$])\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$"""
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_CLOSERS: Final = {
    "'": re.compile(r"(?:[^']|'')*'"),
    '"': re.compile(r'(?:[^"]|"")*"'),
    "e'": re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL),
}
_COMMENTS: Final = frozenset({"--", "/*"})
_PARAMETER: Final = re.compile(r"(?<![\w$])\$(\d+)")
_NOT_NEWLINE: Final = re.compile(r"[^\n]")
_WORD: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


def mask(sql: str) -> str:
    """Blank out comments and quoted text, keeping every position and line."""
    return "".join(_NOT_NEWLINE.sub(" ", part) if mark else part for mark, part in _parts(sql))


def mask_comments(sql: str) -> str:
    """Blank out comments only, keeping every position and line."""
    return "".join(
        _NOT_NEWLINE.sub(" ", part) if mark in _COMMENTS else part for mark, part in _parts(sql)
    )


def parameters(sql: str) -> frozenset[int]:
    """Find the numbers of the `$n` parameters that the code names."""
    return frozenset(int(number) for number in _PARAMETER.findall(mask(sql)))


def words(sql: str) -> list[str]:
    """List the words of the code in upper case, in order."""
    return _WORD.findall(mask(sql).upper())


def _parts(sql: str) -> Iterator[tuple[str, str]]:
    """Cut a text into code (no mark) and comments or quoted text (their opening mark)."""
    at = 0
    while opening := _OPENING.search(sql, at):
        end = _end_of(sql, opening.end(), opening.group())
        yield "", sql[at : opening.start()]
        yield opening.group(), sql[opening.start() : end]
        at = end
    yield "", sql[at:]


def _end_of(sql: str, after: int, mark: str) -> int:
    """Find where a comment or quoted text ends; an unclosed one ends with the text."""
    if mark == "/*":
        return _end_of_comment(sql, after)
    if mark == "--" or mark.startswith("$"):
        closing = "\n" if mark == "--" else mark
        found = sql.find(closing, after)
        return len(sql) if found < 0 else found + len(closing)
    closed = _CLOSERS[mark.lower()].match(sql, after)
    return closed.end() if closed else len(sql)


def _end_of_comment(sql: str, after: int) -> int:
    """Find where a block comment ends: in SQL they nest."""
    depth, at = 1, after
    while edge := _COMMENT_EDGE.search(sql, at):
        depth += 1 if edge.group() == "/*" else -1
        at = edge.end()
        if depth == 0:
            return at
    return len(sql)
