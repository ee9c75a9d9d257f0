"""`plant sql`: the statements that the service runs, one file each."""

import argparse
from collections.abc import Iterator

import msgspec

from service.catalog import function
from service.catalog.load import Catalog
from service.catalog.load import load as load_catalog
from service.catalog.statement import Column, Statement
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_group, add_json
from service.database.target import resolve
from service.refusal import Refusal
from service.settings import load
from service.spelling import nearest

SQL = """\
Read, check and explain the statements that the service runs: one file each, below sql/.

psql runs a file as it is; its parameters are given with \\bind."""

LIST = """\
List every statement with its cardinality, role and purpose."""

SHOW = """\
Show one statement: its file, how it is called, and the function that apply makes of it."""

CHECK = """\
Compare every statement with the database: function and file, header and what the server says.

Exit code: 0 they agree, 1 they differ (and where), 2 could not tell."""

EXPLAIN = """\
Show the plan of a statement's own text, as its role and in the context given. All is rolled back.

Options come before NAME. Arguments are text as psql takes it; an empty one is NULL:
  plant sql explain --tenant ID entity_by_id skill 0199d4c2-0000-7000-8000-000000000000"""

CONTEXT = ("tenant", "agent", "key", "request", "certifier")


class NoSuchStatement(Refusal):
    """No file has this name."""

    exit_code = 64


def register(subparsers: Subparsers) -> None:
    """Add `sql` and its commands."""
    commands = add_group(subparsers, "sql", SQL)
    add_json(add_command(commands, "list", _list, LIST))
    showing = add_command(commands, "show", _show, SHOW)
    showing.add_argument("name", metavar="NAME", help="the stem of the file")
    add_json(showing)
    add_json(add_command(commands, "check", _check, CHECK))
    explaining = add_command(commands, "explain", _explain, EXPLAIN)
    explaining.add_argument("name", metavar="NAME", help="the stem of the file")
    explaining.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="one per parameter")
    for item in CONTEXT:
        text = f"the {item} of the context" if item != "agent" else "the governance agent"
        explaining.add_argument(f"--{item}", default="", metavar="ID", help=text)
    explaining.add_argument("--analyze", action="store_true", help="run it, then roll it back")
    explaining.add_argument("--buffers", action="store_true", help="count the blocks it touches")
    explaining.add_argument("--generic", action="store_true", help="the plan for any argument")


def _list(arguments: argparse.Namespace) -> int:
    catalog = load_catalog()
    document = [_facts(statement) for statement in catalog.values()]
    wide = max((len(name) for name in catalog), default=0)
    lines = [
        f"{item.name:{wide}}  :{item.cardinality:5}  {item.role:8}  {item.purpose}"
        for item in catalog.values()
    ]
    Output(as_json=arguments.json).answer(document, lines)
    return 0


def _facts(statement: Statement) -> dict[str, object]:
    """Give what a header says, and how the statement is called."""
    facts = msgspec.structs.asdict(statement)
    facts["function"] = f"q.{statement.function}" if statement.call == "function" else None
    facts["query"] = statement.query
    return facts


def _show(arguments: argparse.Namespace) -> int:
    statement = _statement(load_catalog(), arguments.name)
    Output(as_json=arguments.json).answer(_facts(statement), [*_shown(statement)])
    return 0


def _shown(statement: Statement) -> Iterator[str]:
    yield f"file       sql/{statement.path}"
    yield f"parameters {_columns(statement.params)}"
    yield f"returns    {_columns(statement.returns)}"
    yield from ("", statement.text.rstrip())
    if statement.call == "function":
        yield from ("", f"-- called as {statement.query}", function.create(statement))


def _columns(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns) or "-"


def _check(arguments: argparse.Namespace) -> int:
    from service.migrate.functions import agree

    output = Output(as_json=arguments.json)
    catalog = load_catalog()
    with resolve(load(), output.say) as target:
        found = agree(target.url("owner"), catalog)
    lines = [f"{drift.function}: {drift.fault}" for drift in found]
    output.answer(found, lines or [f"{len(catalog)} statements agree with the database"])
    return 1 if found else 0


def _explain(arguments: argparse.Namespace) -> int:
    from service.database.roles import ensure_login_roles
    from service.migrate.explain import Options, explain, require_arguments

    output = Output()
    settings = load()
    statement = _statement(load_catalog(), arguments.name)
    values = [value or None for value in arguments.arguments]
    require_arguments(statement, values)
    context = {item: getattr(arguments, item) for item in CONTEXT}
    options = Options(
        analyze=arguments.analyze, buffers=arguments.buffers, generic=arguments.generic
    )
    with resolve(settings, output.say) as target:
        ensure_login_roles(settings, target)
        url = target.url(statement.role)
        output.answer(None, explain(url, statement, values, context, options))
    return 0


def _statement(catalog: Catalog, name: str) -> Statement:
    if name in catalog:
        return catalog[name]
    close = nearest(name, catalog)
    way_out = f"Did you mean {close}?" if close else "`plant sql list` names all."
    raise NoSuchStatement(f"There is no statement {name}.", way_out)
