"""The servers that are measured, one process each; who is not measured stands still."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.ground import PLANT as AS_IT_IS
from bench.ground import Actor, Ground, environment
from service.catalog.function import signature
from service.catalog.load import load as load_catalog

ROOT: Final = Path(__file__).parents[2]
POOL: Final = 9
"""Connections that Plant has for requests by default: four to read, five to write."""

WRITER: Final = "bench_peer"
START_S: Final = 30.0
END_S: Final = 10.0
UVICORN: Final = (
    *("-m", "uvicorn", "--loop", "uvloop", "--http", "httptools"),
    *("--no-access-log", "--log-level", "warning", "--host", "127.0.0.1", "--port"),
)


class NotServingError(Exception):
    """A server did not begin to answer."""


class Server(Struct, frozen=True):
    """A server at work; `sessions` is what the names of its sessions begin with, if it has any.

    `said` is the file of what it says, for a peer.
    """

    name: str
    pid: int
    port: int
    database: str
    sessions: str
    is_plant: bool = False
    said: Path | None = None

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    def pause(self) -> None:
        """Let it stand still."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def complaint(self) -> str:
        """Give the last line that it has said, which is what Python says of an exception."""
        lines = self.said.read_text(encoding="utf-8").splitlines() if self.said else []
        return next((line for line in reversed(lines) if line and line[0] not in " \t(["), "")

    def headers(self, actor: Actor) -> dict[str, str]:
        """Say who asks, as this server wants to hear it."""
        if self.is_plant:
            return {"Authorization": f"Bearer {actor.key}"}
        return {
            "Tenant": actor.tenant_id,
            "Agent": actor.governance_agent_id,
            "Key": actor.key_id,
        }


FASTAPI: Final = "FastAPI + SQLAlchemy"
LITESTAR: Final = "Litestar + asyncpg"
BLACKSHEEP: Final = "BlackSheep + asyncpg"
PEERS: Final = {
    FASTAPI: "fastapi_sqlalchemy",
    "Litestar + Advanced Alchemy": "litestar_advanced_alchemy",
    LITESTAR: "litestar_asyncpg",
    BLACKSHEEP: "blacksheep_asyncpg",
    f"{LITESTAR}, our functions": "litestar_functions",
    f"{BLACKSHEEP}, our functions": "blacksheep_functions",
}
"""By what they are called: the modules of bench/serving/peers."""

CALLED: Final = (
    *("entity_by_id", "entities_newest", "entities_by_id", "skill_create", "skill_amend"),
    *("entity_step", "search_exact"),
)
"""The statements whose functions some of them call."""

PLANT: Final = "Plant"
UNLOGGED: Final = "Plant without the log"
CONSTANT: Final = "aiohttp, a constant"


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def plant(
    ground: Ground, name: str = PLANT, without: str = "", **settings: str
) -> Iterator[Server]:
    """Run `plant serve` as it is by default, or without one of its ways (`without`)."""
    port = free_port()
    through = ("-m", "bench.serving.without", without) if without else AS_IT_IS
    with ground.plant(
        "serve", through=through, PLANT_PORT=str(port), **settings
    ).running() as command:
        _wait(name, port, "/readyz", command.alive)
        server = Server(name, command.pid, port, ground.database, "plant app", is_plant=True)
        try:
            yield server
        finally:
            server.resume()


@contextmanager
def constant(ground: Ground, lengths: Mapping[str, int]) -> Iterator[Server]:
    """Run what answers a constant of a length for each operation."""
    port = free_port()
    command = [sys.executable, "-m", "bench.serving.constant", str(port)]
    command.append(json.dumps(dict(lengths)))
    with process(command, ground.directory / "constant.txt", {}) as started:
        _wait(CONSTANT, port, "/", lambda: started.poll() is None)
        yield Server(CONSTANT, started.pid, port, "", "")


@contextmanager
def peer(
    ground: Ground, python: Path, name: str, through: Callable[[str], str] = str
) -> Iterator[Server]:
    """Run a peer under uvicorn, in the environment of the peers.

    `through` gives the address by which it reaches the database instead.
    """
    port, sessions = free_port(), f"peer {PEERS[name]}"
    module = f"bench.serving.peers.{PEERS[name]}:app"
    said = ground.directory / f"{PEERS[name]}.txt"
    command = [str(python), *UVICORN, str(port), module]
    environ = told(ground, sessions)
    environ |= {one: through(environ[one]) for one in ("PEER_READ_URL", "PEER_WRITE_URL")}
    with process(command, said, environ) as started:
        try:
            _wait(name, port, "/", lambda: started.poll() is None)
        except NotServingError:
            words = said.read_text(encoding="utf-8").strip()
            raise NotServingError(f"{name}: {words}" if words else _silent(name)) from None
        yield Server(name, started.pid, port, ground.database, sessions, said=said)


@contextmanager
def process(
    command: Sequence[str], said: Path, environ: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program from the root of the repository; what it says goes to a file."""
    with said.open("ab") as out:
        started = subprocess.Popen(
            list(command), cwd=ROOT, env=environment() | environ, stdout=out, stderr=out
        )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGCONT)
        started.terminate()
        started.wait(END_S)


def told(ground: Ground, sessions: str) -> dict[str, str]:
    """Write what a peer finds in its environment (bench/serving/peers/environment.py)."""
    return {
        "PEER_NAME": sessions,
        "PEER_READ_URL": ground.url("app"),
        "PEER_WRITE_URL": writer_url(ground),
        "PEER_POOL": str(POOL),
        "PEER_FUNCTIONS": json.dumps(function_names()),
    }


def make_writer(ground: Ground) -> None:
    """Make the role in which peers write: it has the rights of plant_app and of plant_writer.

    Plant's own functions run as plant_writer; plant_app may call them, and insert nothing itself.
    """
    ground.run(
        "CREATE ROLE bench_peer LOGIN PASSWORD 'bench_peer' NOSUPERUSER NOBYPASSRLS;"
        "GRANT plant_app, plant_writer TO bench_peer WITH INHERIT TRUE"
    )


def writer_url(ground: Ground) -> str:
    """Give the address for that role."""
    return f"postgresql://{WRITER}:{WRITER}@{ground.url('app').partition('@')[2]}"


def function_names() -> dict[str, str]:
    """Name the functions of these statements as the server has them."""
    catalog = load_catalog()
    return {name: signature(catalog[name]).partition("(")[0] for name in CALLED}


def _wait(name: str, port: int, path: str, alive: Callable[[], bool]) -> None:
    """Wait until it answers, whatever it says. Raises: NotServingError."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and alive():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}"):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise NotServingError(_silent(name))


def _silent(name: str) -> str:
    return f"{name} did not answer within {START_S} s, and said nothing: is the machine busy?"
