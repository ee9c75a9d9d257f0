"""The rules of privileges.toml, read into the signs that every cell must show."""

import tomllib
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.rls.attempts import ROLES, Key
from tests.rls.granted import HOW
from tests.rls.situations import SITUATIONS

PATH: Final = Path(__file__).with_name("privileges.toml")
_SHAPES: Final = {
    "rows are an agent's": "-YYYYY",
    "rows are a tenant's, there are no drafts": "YYY--Y",
    "rows are of no tenant": "Y-Y---",
}


class Line(Struct, frozen=True):
    """One rule: what may be done with which groups, and how far it reaches."""

    commands: list[str]
    columns: str
    groups: list[str]
    reach: str


class Rules(Struct, frozen=True):
    """The rules: expected signs, expected columns, and the objects they speak of.

    `memberships`: by (who, what it may become) a sign for each of HOW; `becoming` is that in words.
    """

    cells: dict[Key, str]
    columns: dict[Key, str]
    groups: dict[str, list[str]]
    memberships: dict[tuple[str, str], str]
    becoming: list[str]


def _line(text: str, groups: dict[str, list[str]]) -> Line:
    """Read a rule; groups are found by their names, which may hold commas and colons."""
    head, _, rest = text.partition(" on ")
    commands, _, columns = head.partition(" (")
    found = []
    while rest and not rest.startswith(": "):
        names = [name for name in groups if rest.removeprefix(", ").startswith(name)]
        assert names, f"No group is named as in {rest!r}."
        name = max(names, key=len)
        found.append(name)
        rest = rest.removeprefix(", ")[len(name) :]
    return Line(commands.split(", "), columns.removesuffix(")"), found, rest.removeprefix(": "))


def _masked(signs: str, shape: str) -> str:
    """Put a dash where a table has no such row."""
    return "".join("-" if there == "-" else sign for sign, there in zip(signs, shape, strict=True))


def _cell(command: str, reach: str, shape: str, *, some_columns: bool) -> str:
    """Give the signs of a cell."""
    if len(reach) == 1:
        return reach
    if command == "INSERT":
        reach = reach.replace(".", "P")
    elif some_columns:
        reach = reach[:-1] + "x"
    return _masked(reach, shape)[: None if command == "UPDATE" else len(SITUATIONS)]


def _memberships(file: dict[str, list[str]]) -> dict[tuple[str, str], str]:
    """Read `SET, ADMIN on plant_rules: words` of each role."""
    found: dict[tuple[str, str], str] = {}
    for who, lines in file.items():
        for line in lines:
            how, _, rest = line.partition(" on ")
            options = how.split(", ")
            assert set(options) <= set(HOW), f"{how!r} is no way to be a member."
            signs = "".join("Y" if one in options else "x" for one in HOW)
            for role in rest.partition(": ")[0].split(", "):
                assert (who, role) not in found, f"{who} twice: {role}"
                found[who, role] = signs
    return found


def read() -> Rules:
    """Read the file."""
    file = tomllib.loads(PATH.read_text())
    groups, reaches = file["groups"], file["reach"]
    shapes = {name: _SHAPES[words] for words, names in file["situations"].items() for name in names}
    cells: dict[Key, str] = {}
    columns: dict[Key, str] = {}
    for role in ROLES:
        for line in (_line(text, groups) for text in file["rules"][role]):
            for group in line.groups:
                shape = shapes.get(group, "YYYYYY")
                for command in line.commands:
                    signs = _cell(
                        command, reaches[line.reach], shape, some_columns=bool(line.columns)
                    )
                    for name in groups[group]:
                        assert (role, command, name) not in cells, f"{role} twice: {name}"
                        cells[role, command, name] = signs
                        if line.columns:
                            columns[role, command, name] = line.columns
    for line in (_line(text, groups) for text in file["refused_by_triggers"]["commands"]):
        for role, command, name in list(cells):
            if command in line.commands and any(name in groups[one] for one in line.groups):
                old = cells[role, command, name]
                cells[role, command, name] = "".join(one if one in "-x" else "T" for one in old)
    becoming = [f"`{who}`: {line}" for who, lines in file["may_become"].items() for line in lines]
    return Rules(cells, columns, groups, _memberships(file["may_become"]), becoming)
