"""Mutants of service/: one operator, constant, condition or statement of a function at a time.

Why this is no tool of others stands in ARCHITECTURE.md.
"""

import ast
import functools
import gc
import random
import re
import types
from collections.abc import Iterator
from pathlib import Path

from tests.sabotage.mutant import Edit, Mutant

SAMPLE = 300
SEED = 20260102

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.BitOr: "&",
}
Place = tuple[ast.expr | ast.stmt, str, str]


def mutants(tree: Path) -> list[Mutant]:
    """Give the sample of the mutants of every function of service/."""
    every = []
    for path in sorted((tree / "service").rglob("*.py")):
        every += list(_of_file(path, str(path.relative_to(tree))))
    return random.Random(SEED).sample(every, min(SAMPLE, len(every)))


def _of_file(path: Path, name: str) -> Iterator[Mutant]:
    text = path.read_text(encoding="utf-8")
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        return len(text.encode()[: starts[line - 1] + column].decode())

    for function, owner in functions(ast.parse(text)):
        for number, (node, kind, after) in enumerate(_places(function)):
            start = at(node.lineno, node.col_offset)
            end = at(node.end_lineno or node.lineno, node.end_col_offset or 0)
            was = " ".join(text[start:end].split())
            yield Mutant(
                id=f"service/{name.removeprefix('service/')}/{owner}/{number}",
                group="service",
                what=f"{name}, line {node.lineno}, {owner}: {kind}: {was[:60]!r} → {after[:60]!r}",
                edits=(Edit(name, start, end, after, node.lineno),),
                names=(*words(owner), *words(text[start:end])),
            )


def words(text: str) -> tuple[str, ...]:
    """Give the names in a piece of code; tests that have them too may be about it."""
    return tuple(dict.fromkeys(re.findall(r"[A-Za-z_]\w{3,}", text)))


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Give the functions of a module and their names; inner ones belong to the outer one."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, f"{prefix}{child.name}"
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def _places(function: ast.AST) -> Iterator[Place]:
    for statement in function.body:  # type: ignore[attr-defined]
        for node in _within(statement):
            if isinstance(node, ast.expr):
                yield from _expression(node)
            elif isinstance(node, ast.stmt):
                yield from _statement(node)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through code, but not annotations, nor f-strings, whose places Python 3.11 misses."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns"} or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _within(child)


def _expression(node: ast.expr) -> Iterator[Place]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        _, after = COMPARISONS[type(node.ops[0])]
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield node, "comparison", f"({left} {after} {right})"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield node, "and/or", f"({word.join(f'({ast.unparse(value)})' for value in node.values)})"
        yield node, "condition dropped", f"({ast.unparse(node.values[0])})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, "not dropped", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        sign = ARITHMETIC[type(node.op)]
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield node, "arithmetic", f"(({left}) {sign} ({right}))"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, "constant", str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield node, "constant", str(node.value + 1)


def _statement(node: ast.stmt) -> Iterator[Place]:
    if isinstance(node, ast.If):
        yield node.test, "condition", f"(not ({ast.unparse(node.test)}))"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield node, "call dropped", "pass"
    elif isinstance(node, ast.Raise):
        yield node, "raise dropped", "pass"
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield node, "return nothing", "return None"
    elif isinstance(node, ast.AugAssign):
        yield node, "assignment dropped", "pass"
    elif isinstance(node, ast.Break):
        yield node, "break", "continue"
    elif isinstance(node, ast.Continue):
        yield node, "continue", "break"


class UnplaceableError(Exception):
    """The function of an edit is nowhere to be found in this process."""


def put_in_place(tree: Path, edit: Edit) -> None:
    """Give every living function that an edited file changes the code of the edited file.

    Raises: UnplaceableError.
    """
    path = tree / edit.path
    text = path.read_text(encoding="utf-8")
    codes = {
        (code.co_qualname, code.co_firstlineno): code
        for code in _codes(compile(text, str(path), "exec"))
    }
    done = 0
    # What is frozen is not listed.
    gc.unfreeze()
    for function in gc.get_objects():
        if isinstance(function, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no other name
            # What the sound code has answered is forgotten.
            function.cache_clear()
        elif isinstance(function, types.FunctionType):
            old = function.__code__
            new = codes.get((old.co_qualname, old.co_firstlineno))
            if old.co_filename == str(path) and new is not None and new != old:
                function.__code__ = new
                done += 1
    if not done:
        raise UnplaceableError(edit.path)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)
