"""`plant db`: start, stop and reach the database."""

import argparse
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.cli import db_backup
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_group, add_json
from service.database.address import ROLES, spoken
from service.database.embedded import EmbeddedServer
from service.database.place import wheel_programs
from service.database.target import Target, resolve
from service.settings import Settings, load

# An older psql lacks \bind, and knows less than the server's catalogue has.
PSQL_MAJOR_MIN = 18

DB = """\
Start, stop and reach the database: the embedded PostgreSQL of the data directory (PLANT_DATA_DIR),
or the server in PLANT_DATABASE_URL."""

STATUS = """\
Say whether the database runs, who uses it and where its files lie.

Exit code: 0 it runs, 1 it does not, 2 could not tell."""

START = """\
Start the embedded server and let it run until `plant db stop`.

Other commands do not need this: each starts the server where none runs, and the last one to end
stops it again."""

STOP = """\
Stop the embedded server, unless somebody uses it.

Exit code: 0 it is stopped, 1 it is in use (and by whom)."""

URL = """\
Print the address of the database for one role, as psql and asyncpg take it.

It holds the role's password. Nothing is started for it."""

PSQL = """\
Open psql on the database as one role, with the server started for it where none runs.

What follows -- goes to psql:  plant db psql --role readonly -- -c 'SELECT version()'"""


def register(subparsers: Subparsers) -> None:
    """Add `db` and its commands."""
    commands = add_group(subparsers, "db", DB)
    add_json(add_command(commands, "status", _status, STATUS))
    add_command(commands, "start", _start, START)
    add_command(commands, "stop", _stop, STOP)
    url = add_command(commands, "url", _url, URL)
    _add_role(url)
    add_json(url)
    db_backup.register(commands)
    psql = add_command(commands, "psql", _psql, PSQL)
    _add_role(psql)
    psql.add_argument("arguments", nargs="*", metavar="-- ARGUMENT", help="for psql")


def _add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role",
        choices=ROLES,
        default="owner",
        metavar="ROLE",
        help=f"who logs in: {', '.join(ROLES)} (default: owner)",
    )


def _status(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    if settings.database_url is not None:
        return _status_of_given(settings, settings.database_url, output)
    server = EmbeddedServer(settings)
    found = server.running()
    users = server.users()
    files = {
        "data": str(server.place.data),
        "sockets": str(server.place.sockets),
        "log": str(server.place.log),
        "account": server.place.account.name,
    }
    since = datetime.fromtimestamp(found.started_s, UTC) if found else None
    document: dict[str, Any] = {
        "embedded": True,
        "running": found is not None,
        "state": found.state if found else "stopped",
        "pid": found.pid if found else None,
        "since": since,
        "kept": server.kept(),
        "users": users,
        **files,
    }
    lines = ["The embedded PostgreSQL does not run"]
    if found:
        at = f"{since:%Y-%m-%d %H:%M:%S} UTC"
        lines = [f"The embedded PostgreSQL is {found.state}: process {found.pid}, since {at}"]
    lines += [f"  {'used by':8} {user}" for user in users]
    lines += [f"  {'kept':8} by `plant db start`"] if document["kept"] else []
    lines += [f"  {name:8} {value}" for name, value in files.items()]
    output.answer(document, lines)
    return 0 if found else 1


def _status_of_given(settings: Settings, url: str, output: Output) -> int:
    from service.database.check import check  # asyncpg, for a given server only

    facts = check(url, settings)
    document = {
        "embedded": False,
        "running": True,
        "server": spoken(url),
        "version": facts.version,
        "pgvector": facts.vector,
    }
    text = f"PostgreSQL {facts.version} with pgvector {facts.vector} runs at {spoken(url)}"
    output.answer(document, [text])
    return 0


def _start(_: argparse.Namespace) -> int:
    output = Output()
    server = Target(load(), output.say).server
    if server is None:
        return _not_ours(output)
    with server.used() as found:
        server.keep()
    output.answer(None, [f"The embedded PostgreSQL runs: process {found.pid}"])
    return 0


def _stop(_: argparse.Namespace) -> int:
    output = Output()
    server = Target(load(), output.say).server
    if server is None:
        return _not_ours(output)
    ran = server.stop()
    output.answer(None, ["The embedded PostgreSQL is stopped" if ran else "It did not run"])
    return 0


def _not_ours(output: Output) -> int:
    output.say("plant: PLANT_DATABASE_URL is set: whoever runs that server starts and stops it.")
    return WRONG_USAGE


def _url(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    target = Target(load())
    url = target.url(arguments.role)
    output.answer({"role": arguments.role, "url": url}, [url])
    if target.server is not None and target.server.running() is None:
        output.say("plant: no server runs there now: `plant serve` or `plant db start` starts it.")
    return 0


def _psql(arguments: argparse.Namespace) -> int:
    with resolve(load(), Output().say) as target:
        # Ctrl-C is psql's, which cancels its statement with it.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            command = [_program(), target.url(arguments.role), *arguments.arguments]
            return subprocess.run(command, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)


def _program() -> Path:
    """Choose the system's psql, which can edit lines, before the wheel's, which cannot."""
    if found := shutil.which("psql"):
        said = subprocess.run([found, "--version"], check=False, capture_output=True, text=True)
        major = said.stdout.rpartition(") ")[2].partition(".")[0]
        if major.isdigit() and int(major) >= PSQL_MAJOR_MIN:
            return Path(found)
    return wheel_programs() / "psql"
