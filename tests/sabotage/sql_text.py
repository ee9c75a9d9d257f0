"""Breaks a text of SQL or PL/pgSQL in one place at a time."""

import re
from collections.abc import Iterator

from msgspec import Struct


class Change(Struct, frozen=True):
    """One place that is written otherwise; `kind` says how, `line` is counted from 1."""

    start: int
    end: int
    after: str
    kind: str
    line: int


# Words that end a condition where no parenthesis is open.
ENDS = re.compile(
    r"\b(AND|OR|THEN|ELSE|END|WHEN|WHERE|ORDER|GROUP|HAVING|LIMIT|UNION|RETURNING|LOOP|WITH|USING"
    r"|INNER|LEFT|CROSS|ON|TO|FOR|SET|AS)\b|[;,]"
)
LOCK = (
    r"FOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE|KEY\s+SHARE)(?:\s+OF\s+\w+)?"
    r"(?:\s+(?:NOWAIT|SKIP\s+LOCKED))?"
)
STATEMENT = r"^[ \t]*(?:PERFORM|RAISE|UPDATE|INSERT INTO|DELETE FROM|LOCK TABLE|\w+(?:\.\w+)? :=)\s"
IF = re.compile(r"\b(?:ELS)?IF\b(?! EXISTS| NOT EXISTS)\s+(.+?)\s+THEN\b", re.DOTALL)
SWAPS = (
    ("operator", r"(?<=\s)=(?=\s)", "<>"),
    ("operator", r"(?<=\s)<>(?=\s)", "="),
    ("operator", r"(?<=\s)<(?=\s)", "<="),
    ("operator", r"(?<=\s)>(?=\s)", ">="),
    ("operator", r"(?<=\s)<=(?=\s)", "<"),
    ("operator", r"(?<=\s)>=(?=\s)", ">"),
    ("operator", r"(?<=\s)\+(?=\s)", "-"),
    ("operator", r"(?<=\s)-(?=\s)", "+"),
    ("operator", r"\bIS NULL\b", "IS NOT NULL"),
    ("operator", r"\bIS NOT NULL\b", "IS NULL"),
    ("operator", r"\bIS DISTINCT FROM\b", "IS NOT DISTINCT FROM"),
    ("operator", r"\bIS NOT DISTINCT FROM\b", "IS DISTINCT FROM"),
    ("operator", r"\bAND\b", "OR"),
    ("operator", r"\bOR\b(?!\s+REPLACE|\s+(?:UPDATE|DELETE|TRUNCATE))", "AND"),
    ("negation", r"\bNOT EXISTS\b", "EXISTS"),
    ("negation", r"(?<!\bIF )(?<!\bNOT )\bEXISTS\b", "NOT EXISTS"),
    ("negation", r"(?<!\w )\bNOT (?!NULL|EXISTS|DISTINCT)", ""),
    ("negation", r"\bNOT IN\b", "IN"),
    ("negation", r"(?<!NOT )\bIN \(", "NOT IN ("),
    ("constant", r"\bTRUE\b", "FALSE"),
    ("constant", r"\bFALSE\b", "TRUE"),
    ("join", r"\bINNER JOIN\b(?! LATERAL)", "LEFT JOIN"),
    ("join", r"\bLEFT JOIN\b", "INNER JOIN"),
    ("set", r"\bUNION ALL\b", "EXCEPT ALL"),
    ("set", r"\bDISTINCT (?!ON|FROM)", ""),
    ("order", r"\bASC\b", "DESC"),
    ("order", r"\bDESC\b", "ASC"),
    ("lock", LOCK + r"(?!\s+(?:TO|USING|WITH|ON)\b|\s+\w+\s+TO)", ""),
    ("function", r"\bmax\(", "min("),
    ("function", r"\bmin\(", "max("),
)


def masked(text: str) -> str:
    """Give the text with comments and the inside of strings blanked; every place keeps its own."""

    def blank(found: re.Match[str]) -> str:
        piece = found.group()
        if piece.startswith("--"):
            return " " * len(piece)
        return "'" + "".join("\n" if sign == "\n" else "~" for sign in piece[1:-1]) + "'"

    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", blank, text)


def changes(text: str, *, whole_lines: bool = False) -> Iterator[Change]:
    """Give every change of a text; `whole_lines` adds the loss of each line, whatever it says."""
    code = masked(text)
    found = [*_swapped(code), *_conjuncts(code), *_clauses(code), *_guards(code)]
    found += [*_statements(code), *_numbers(code), *_words(text, code)]
    if whole_lines:
        found += [
            (line.start(), line.end(), "", "line dropped")
            for line in re.finditer(r"^[^\n]*\S[^\n]*$", code, re.MULTILINE)
        ]
    for start, end, after, kind in sorted(found):
        yield Change(start, end, after, kind, text.count("\n", 0, start) + 1)


Found = Iterator[tuple[int, int, str, str]]


def _swapped(code: str) -> Found:
    for kind, pattern, after in SWAPS:
        for place in re.finditer(pattern, code):
            if after == "OR" and _between(code, place.start()):
                continue
            yield place.start(), place.end(), after, kind


def _between(code: str, at: int) -> bool:
    return bool(re.search(r"\bBETWEEN\s+\S+\s*$", code[:at]))


def _conjuncts(code: str) -> Found:
    for place in re.finditer(r"\bAND\b\s+", code):
        end = condition_end(code, place.end())
        if not _between(code, place.start()) and code[place.end() : end].strip():
            yield place.start(), end, "", "conjunct dropped"
    for place in re.finditer(r"\bWHERE\b\s+", code):
        end = condition_end(code, place.end())
        yield place.end(), end, "TRUE ", "conjunct dropped"


def condition_end(code: str, start: int) -> int:
    """Find where the condition that starts here ends; BETWEEN takes the next AND with it."""
    depth, at = 0, start
    between = False
    while at < len(code):
        sign = code[at]
        if sign in "([":
            depth += 1
        elif sign in ")]":
            if depth == 0:
                return at
            depth -= 1
        elif depth == 0:
            if code.startswith("BETWEEN", at):
                between = True
            end = ENDS.match(code, at)
            if end and not (end.group().isalpha() and re.match(r"[\w.]", code[at - 1 : at])):
                if not (between and end.group() == "AND"):
                    return at
                between = False
        at += 1
    return at


def _clauses(code: str) -> Found:
    for place in re.finditer(r"\bORDER BY\b\s+", code):
        depth, at = 0, place.end()
        while at < len(code):
            if code[at] in "([":
                depth += 1
            elif code[at] in ")]":
                depth -= 1
            ends = depth == 0 and re.match(r"\b(LIMIT|FOR|INTO|ROWS|LOOP|OFFSET)\b|;", code[at:])
            if depth < 0 or ends:
                break
            at += 1
        yield place.start(), at, "", "ORDER BY dropped"
    for place in re.finditer(r"\bLIMIT\s+[\w$.]+", code):
        yield place.start(), place.end(), "", "LIMIT dropped"


def _guards(code: str) -> Found:
    for place in re.finditer(IF, code):
        if ";" not in place.group(1):
            yield place.start(1), place.end(1), "FALSE", "guard dropped"
            yield place.start(1), place.end(1), "TRUE", "guard always"


def _statements(code: str) -> Found:
    for place in re.finditer(STATEMENT, code, re.MULTILINE):
        end = code.find(";", place.start())
        if end > 0:
            yield place.start(), end + 1, "NULL;", "statement dropped"


def _numbers(code: str) -> Found:
    for place in re.finditer(r"(?<![\w$.~'])\d+(?![\w.'])", code):
        yield place.start(), place.end(), str(int(place.group()) + 1), "constant"


def _words(text: str, code: str) -> Found:
    for place in re.finditer(r"'~+'", code):
        word = text[place.start() + 1 : place.end() - 1]
        if re.fullmatch(r"[a-z][a-z_]*", word):
            yield place.start(), place.end(), f"'{word}_'", "constant"
