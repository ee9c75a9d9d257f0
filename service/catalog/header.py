"""Owns the grammar of a statement file: every field of the header is checked, none is a comment."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any, Final, cast, get_args

from service.catalog.lexer import mask, parameters
from service.catalog.statement import Call, Cardinality, Column, Isolation, Role, Statement

STEM_LENGTH_MAX: Final = 52
"""The 63 bytes of a PostgreSQL name, less an underscore and ten digits of the hash."""

TEXT_SIZE_MAX: Final = 15_360
"""asyncpg prepares a longer text anew for every call, and says nothing."""

_FIELD: Final = re.compile(r"-- ([a-z_]+):(?:\s+(.*\S))?\s*")
_CONTINUED: Final = re.compile(r"-- {3,}(\S.*)")
_NAME: Final = re.compile(r"(\S+) :([a-z]+)")
_PARAM: Final = re.compile(r"\$(\d+)\s+(\S+)\s+(\S.*)")
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*")
_TYPE: Final = re.compile(r"[a-z][a-z0-9_. ]*(\(\d+(, ?\d+)?\))?(\[\])*")
_SETTING: Final = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\s*=\s*(\S.*)")
_BETWEEN_COLUMNS: Final = re.compile(r",\s*(?![^(]*\))")
_ONCE: Final = ("name", "returns", "raises", "isolation", "call", "role")
_OFTEN: Final = ("param", "plan", "set")
_SETTINGS_REFUSED: Final = frozenset({"role", "search_path", "session_authorization"})


class BadStatement(Exception):  # noqa: N818 - what is bad is the statement
    """A statement file breaks a rule of the header; the message names file, line and rule."""

    def __init__(self, path: PurePosixPath, line: int, rule: str) -> None:
        super().__init__(f"{path}:{line}: {rule}")


def parse(path: PurePosixPath, text: str, *, problems: Collection[str]) -> Statement:
    """Check one statement file and make its struct.

    Raises: BadStatement.
    """
    header = _Header(path, text)
    cardinality = header.cardinality()
    call: Call = header.choice("call", Call)
    params = header.params()
    header.check_body(len(params), call)
    return Statement(
        name=path.stem,
        cardinality=cardinality,
        purpose=header.purpose(),
        params=params,
        returns=header.returns(cardinality, call),
        raises=header.raises(problems),
        isolation=header.choice("isolation", Isolation),
        call=call,
        role=header.choice("role", Role),
        plan=header.plan(),
        settings=header.settings(call),
        path=path.as_posix(),
        text=text,
    )


class _Header:
    """One file cut into prose, fields and body; each method checks one field."""

    def __init__(self, path: PurePosixPath, text: str) -> None:
        self._path = path
        self._prose: list[str] = []
        self._fields: dict[str, list[tuple[int, str]]] = {}
        self._last = "name"
        self._size = len(text.encode())
        if "\r" in text:
            raise self._bad(1, "line ends must be \\n")
        lines = text.split("\n")
        count = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
        for number, line in enumerate(lines[:count], 1):
            self._take(number, line.rstrip())
        self._body_line = count + 1
        self._body = "\n".join(lines[count:])
        for name in _ONCE:
            if name not in self._fields:
                raise self._bad(1, f"the header lacks the field `-- {name}:`")

    def cardinality(self) -> Cardinality:
        line, value = self._fields["name"][0]
        found = _NAME.fullmatch(value)
        if not found:
            raise self._bad(line, "write `-- name: <stem of the file> :<cardinality>`")
        stem = self._path.stem
        if line != 1 or found[1] != stem:
            raise self._bad(line, f"the first line must name the file's stem `{stem}`")
        if not _IDENTIFIER.fullmatch(stem) or len(stem) > STEM_LENGTH_MAX:
            raise self._bad(line, f"a name is [a-z][a-z0-9_]*, at most {STEM_LENGTH_MAX} long")
        return cast("Cardinality", self._one_of(line, found[2], Cardinality))

    def purpose(self) -> str:
        if not self._prose:
            raise self._bad(2, "say in a sentence below the name what the statement is for")
        return " ".join(self._prose)

    def params(self) -> tuple[Column, ...]:
        columns: list[Column] = []
        for line, value in self._fields.get("param", ()):
            found = _PARAM.fullmatch(value)
            if not found:
                raise self._bad(line, "write `-- param: $n name type`")
            if int(found[1]) != len(columns) + 1:
                raise self._bad(line, f"expected ${len(columns) + 1}: parameters stand in order")
            columns.append(self._column(line, found[2], found[3], columns))
        return tuple(columns)

    def returns(self, cardinality: Cardinality, call: Call) -> tuple[Column, ...]:
        line, value = self._fields["returns"][0]
        if cardinality == "rows" and (value != "-" or call != "text"):
            raise self._bad(line, ":rows counts rows: it needs `returns: -` and `call: text`")
        if value == "-":
            if cardinality != "rows":
                raise self._bad(line, f":{cardinality} needs columns: `column type, …`")
            return ()
        columns: list[Column] = []
        for item in _BETWEEN_COLUMNS.split(value):
            name, _, kind = item.partition(" ")
            columns.append(self._column(line, name, kind.strip(), columns))
        return tuple(columns)

    def raises(self, problems: Collection[str]) -> tuple[str, ...]:
        line, value = self._fields["raises"][0]
        names = () if value == "-" else tuple(name.strip() for name in value.split(","))
        for name in names:
            if name not in problems:
                raise self._bad(line, f"`{name}` is no problem that service.errors knows")
        if len(set(names)) < len(names):
            raise self._bad(line, "a problem is named twice")
        return names

    def plan(self) -> tuple[str, ...]:
        for line, value in self._fields.get("plan", ()):
            if not _IDENTIFIER.fullmatch(value):
                raise self._bad(line, "write the name of one index; repeat the field for more")
        return tuple(value for _, value in self._fields.get("plan", ()))

    def settings(self, call: Call) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for line, value in self._fields.get("set", ()):
            setting = _SETTING.fullmatch(value)
            if not setting:
                raise self._bad(line, "write `-- set: name=value`")
            name = setting[1]
            if call == "text":
                raise self._bad(line, "only a function carries settings: `call: function`")
            if name in _SETTINGS_REFUSED or name.startswith("app.") or name in found:
                raise self._bad(line, f"`{name}` may not be set here, or not twice")
            found[name] = setting[2]
        return tuple(found.items())

    def choice(self, field: str, values: object) -> Any:
        """Check a field that takes one word of a few."""
        line, value = self._fields[field][0]
        return self._one_of(line, value, values)

    def check_body(self, count: int, call: Call) -> None:
        """Check that the body is one statement which uses the declared parameters, all of them."""
        code = mask(self._body)
        first = self._body_line
        if not code.rstrip().endswith(";"):
            last = first + self._body.rstrip().count("\n")
            raise self._bad(last, "the statement must end in `;`")
        if code.strip() == ";":
            raise self._bad(first, "there is no statement")
        if code.count(";") > 1:
            line = first + code[: code.index(";")].count("\n")
            raise self._bad(line, "one file holds one statement: this `;` is not the last")
        used, declared = parameters(self._body), frozenset(range(1, count + 1))
        if used != declared:
            wrong = ", ".join(f"${number}" for number in sorted(used ^ declared))
            raise self._bad(first, f"{wrong}: declared and used parameters differ")
        if call == "text" and self._size > TEXT_SIZE_MAX:
            raise self._bad(first, f"a text over {TEXT_SIZE_MAX} bytes is never cached")

    def _take(self, number: int, line: str) -> None:
        """Put one line of the header where it belongs."""
        field, continued = _FIELD.fullmatch(line), _CONTINUED.fullmatch(line)
        if field:
            name, value = field[1], field[2]
            if name not in _ONCE + _OFTEN:
                raise self._bad(number, f"`{name}` is no field of the header")
            if not value:
                raise self._bad(number, f"`{name}` has no value; write `-` for none")
            if name in _ONCE and name in self._fields:
                raise self._bad(number, f"`{name}` stands twice")
            self._fields.setdefault(name, []).append((number, value))
            self._last = name
        elif continued and self._last != "name":
            begun, value = self._fields[self._last][-1]
            self._fields[self._last][-1] = (begun, f"{value} {continued[1]}")
        elif line != "--":
            if self._last != "name" or not line.startswith("-- "):
                raise self._bad(number, "prose stands between the name and the fields, after `-- `")
            self._prose.append(line[3:].strip())

    def _column(self, line: int, name: str, kind: str, before: list[Column]) -> Column:
        if not _IDENTIFIER.fullmatch(name):
            raise self._bad(line, f"`{name}` is no name: [a-z][a-z0-9_]*")
        if any(column.name == name for column in before):
            raise self._bad(line, f"`{name}` stands twice")
        if not _TYPE.fullmatch(kind):
            raise self._bad(line, f"`{kind}` is no type as PostgreSQL writes it")
        return Column(name, kind)

    def _one_of(self, line: int, value: str, values: object) -> str:
        allowed = get_args(values)
        if value not in allowed:
            raise self._bad(line, f"`{value}` is none of: {', '.join(allowed)}")
        return value

    def _bad(self, line: int, rule: str) -> BadStatement:
        return BadStatement(self._path, line, rule)
