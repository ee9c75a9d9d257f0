"""A mutant: one thing that is broken on purpose, and what it takes to break it."""

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct

Group = Literal["control", "listed", "catalogue", "statement", "line", "service"]
Remade = Literal["nothing", "functions", "migrations"]


class Edit(Struct, frozen=True):
    """Characters of a file of the tree that are replaced; the path is from the root."""

    path: str
    start: int
    end: int
    after: str
    line: int

    def applied(self, text: str) -> str:
        """Give the text as it is with the edit."""
        return text[: self.start] + self.after + text[self.end :]


class Mutant(Struct, frozen=True, kw_only=True):
    """Something broken: by statements on a clone of the template, by edits of the tree, or both.

    `names` are the words by which tests that may notice are found: tables, functions,
    constraints, statement files. `called` is a function of which the server counts the calls: who
    never calls it cannot notice. `remade` says what of a database an edit has to make anew.
    """

    id: str
    group: Group
    what: str
    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    remade: Remade = "nothing"
    names: tuple[str, ...] = ()
    called: str = ""

    @property
    def digest(self) -> str:
        """Name what is done, so that a result of another text is not taken for this one's."""
        done = msgspec.json.encode([self.sql, self.undo, self.edits, self.remade])
        return hashlib.sha256(done).hexdigest()[:16]

    @property
    def kind(self) -> str:
        """Name what sort of thing is broken: a policy, a grant, a body of a function."""
        parts = self.id.split("/")[2 if self.group == "listed" else 1 :]
        return f"body {parts[-2]}" if parts[0] == "body" else parts[0]

    @property
    def code(self) -> tuple[Edit, ...]:
        """Give the edits of Python files."""
        return tuple(edit for edit in self.edits if edit.path.endswith(".py"))
