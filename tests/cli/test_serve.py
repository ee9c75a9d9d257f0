"""`plant serve` as a process of its own, from nothing to kill -9 and back."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from aiohttp import web

from service.__main__ import main
from service.cli import listening
from service.cli.running import loop_factory
from service.database.embedded import embedded_server
from service.settings import Settings
from tests.postgres import Server
from tests.servers import BARE, PLANT, plant, room, settings_with_room

pytestmark = pytest.mark.database

START_S_MAX = 60
COUNTS = """
SELECT
    count(*),
    count(DISTINCT entity_type),
    count(*) FILTER (WHERE entity_type = 'skill' AND status = 'active'),
    count(*) FILTER (WHERE entity_type = 'job_role' AND status = 'active'),
    count(*) FILTER (WHERE entity_type = 'agent'),
    count(*) FILTER (WHERE entity_type = 'team'),
    count(DISTINCT status),
    sum(version) - (SELECT count(*) FROM audit.entry)
FROM app.base_entity
"""

PLANT_ANSWERS = """
WITH tenant AS (
    INSERT INTO app.tenant (name) VALUES ('forgetful') RETURNING tenant_id
), agent AS (
    INSERT INTO app.governance_agent (tenant_id, name)
    SELECT tenant_id, 'a' FROM tenant RETURNING tenant_id, id
)
INSERT INTO app.idempotency
SELECT tenant_id, id, 'POST', '/v1/skills', key, sha256('r'), 201, '{}', now() - age::interval
FROM agent CROSS JOIN (VALUES ('old', '24 hours'), ('older', '1 year'), ('young', '23 hours'))
    AS planted (key, age)
"""


def free_port() -> str:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def fetched(url: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
    """Ask, or send a document; gives the document that comes."""
    request = Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - our own
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=30) as answer:  # noqa: S310 - our own
        found: dict[str, Any] = json.load(answer)
    return found


class Service:
    """A running `plant serve`."""

    def __init__(self, process: subprocess.Popen[str], said: str) -> None:
        self.process = process
        self.said = said

    def requests(self) -> list[str]:
        """Give the lines to copy."""
        return [one.strip() for one in self.said.split("Requests to copy:")[1].splitlines() if one]

    def key(self, agent: str) -> str:
        """Give a printed key."""
        found = re.search(rf"{agent} +(plant_\S+)", self.said)
        assert found is not None
        return found[1]

    def ask(self) -> list[dict[str, Any]]:
        """Run the printed requests as they are and read their answers."""
        script = "\n".join(f"{one}; echo" for one in self.requests())
        told = subprocess.run(
            ["bash", "-ec", script], capture_output=True, text=True, check=True, timeout=30
        )
        return [json.loads(one) for one in told.stdout.splitlines() if one]

    def end(self, how: signal.Signals) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(how)
        assert self.process.stderr is not None
        self.said += self.process.stderr.read()
        return self.process.wait(START_S_MAX)


@contextmanager
def serving(directory: Path, *more: str, **environ: str) -> Iterator[Service]:
    """Serve until the block ends, unless the test has ended it."""
    given = {"PLANT_PORT": "0", **environ}
    with subprocess.Popen(
        [*PLANT, "serve", *more], cwd=directory, env=BARE | given,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = ""
        try:
            for line in process.stderr:
                said += line
                if "limit=1" in line or "plant key create --tenant" in line:
                    break
            yield Service(process, said)
        finally:
            if process.poll() is None:
                process.terminate()
                process.stderr.read()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Give a directory with the sample loaded once; no test leaves a server there."""
    with room() as place:
        with serving(place, "--sample") as service:
            assert 0 == service.end(signal.SIGTERM), service.said
        yield place
        plant(place, "db", "stop")


def counts(directory: Path) -> list[int]:
    """Count what the embedded database has."""
    told = plant(directory, "db", "psql", "--role", "superuser", "--", "-Atc", COUNTS)
    return [int(one) for one in told.stdout.strip().split("|")]


class TestSample:
    """One command gives a registry to look at."""

    def test_has_what_was_promised(self, directory: Path) -> None:
        """1,000 entities of five kinds, 100 active skills and roles, 20 agents, 5 teams."""
        found = counts(directory)

        wanted = [1000, 5, 100, 100, 20, 5, 6, 0]
        assert all(have >= want for have, want in zip(found, wanted, strict=True)), found
        assert (5, 6, 0) == (found[1], found[6], found[7])

    def test_printed_requests_work_as_printed(self, directory: Path) -> None:
        """The lines can be copied into a shell: who am I, skills by name, an active agent."""
        with serving(directory, "--sample") as service:
            me, skills, agents = service.ask()

        assert ("sample", "author") == (me["tenant"]["name"], me["governance_agent"]["name"])
        assert skills["items"]
        assert ["active"] == [one["status"] for one in agents["items"]]

    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_ends_cleanly(self, directory: Path, how: signal.Signals) -> None:
        """A signal ends it with 0, and the embedded server with it."""
        with serving(directory, "--sample") as service:
            assert 0 == service.end(how)

        assert "stopping PostgreSQL" in service.said
        assert "Traceback" not in service.said
        assert 1 == plant(directory, "db", "status").returncode

    def test_a_second_start_is_quick_and_loses_nothing(self, directory: Path) -> None:
        """The same keys, the same entities, within seconds."""
        before = counts(directory)
        keys = []
        for _ in range(2):
            begun = time.monotonic()
            with serving(directory, "--sample") as service:
                assert 15 > time.monotonic() - begun
                keys.append([service.key("author"), service.key("certifier")])
                assert service.ask()

        assert keys[0] == keys[1]
        assert before == counts(directory)

    def test_killed_while_it_loads_it_is_completed_by_the_next_start(self) -> None:
        """Killed in the middle of the sample, and the next start has all of it."""
        with room() as place:
            kill = {"PLANT_PORT": "0"}
            with subprocess.Popen(
                [*PLANT, "serve", "--sample"], cwd=place, env=BARE | kill,
                stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                some = "SELECT count(*) > 500 FROM app.base_entity"
                while (
                    "t"
                    not in plant(
                        place, "db", "psql", "--role", "superuser", "--", "-Atc", some
                    ).stdout
                ):
                    assert process.poll() is None
                process.kill()
            cut_off = counts(place)[0]
            with serving(place, "--sample") as service:
                assert service.ask()
                assert 0 == service.end(signal.SIGTERM)
            whole = counts(place)
            plant(place, "db", "stop")

        # Each part is told of by its name.
        for part in ("sample", "sample drafts"):
            ends = [
                one for one in service.said.splitlines() if f"{part}: " in one and "100%" in one
            ]
            assert [True] == [one.startswith(f"{part}: ") for one in ends]
        assert cut_off < whole[0]
        assert (5, 6, 0) == (whole[1], whole[6], whole[7])


class TestKilled:
    """kill -9 of everything."""

    def test_of_the_service(self, directory: Path) -> None:
        """Started again it serves what was there, with the same keys."""
        before = counts(directory)
        with serving(directory, "--sample") as service:
            key = service.key("author")
            service.end(signal.SIGKILL)

        with serving(directory, "--sample") as service:
            assert key == service.key("author")
            assert service.ask()
            assert 0 == service.end(signal.SIGTERM)
        assert before == counts(directory)

    def test_of_the_postmaster_while_it_serves(self, directory: Path) -> None:
        """The service starts it again and answers; nothing is lost."""
        with serving(directory, "--sample") as service:
            status = json.loads(plant(directory, "db", "status", "--json").stdout)
            os.kill(int(status["pid"]), signal.SIGKILL)
            deadline = time.monotonic() + START_S_MAX
            while "governance_agent" not in (me := service.ask()[0]):
                assert 503 == me["status"]
                assert time.monotonic() < deadline
            assert "author" == me["governance_agent"]["name"]
            assert 0 == service.end(signal.SIGTERM)
        assert "Traceback" not in service.said


class TestRefused:
    """What is in the way is named, with the way out."""

    def test_the_data_directory_is_held(self, directory: Path) -> None:
        """A second one on the same directory says which process holds it."""
        with serving(directory, "--sample") as service:
            told = plant(directory, "serve", PLANT_PORT="0")

        assert 2 == told.returncode
        assert f"process {service.process.pid}" in told.stderr
        assert "PLANT_DATA_DIR" in told.stderr
        assert 1 == len(told.stderr.splitlines())

    def test_the_embedder_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It is told before a database is made."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        monkeypatch.setenv("PLANT_EMBEDDER", "minilm")
        monkeypatch.setenv("PLANT_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.delenv("PLANT_DATABASE_URL", raising=False)
        # Were it not refused at once, this would be, and no server were started.
        monkeypatch.setenv("PLANT_HOST", "192.0.2.1")
        code = main(["serve"])

        assert 2 == code
        assert "PLANT_EMBEDDER is minilm, which is not installed." in capsys.readouterr().err
        assert not (tmp_path / "data").exists()

    def test_the_port_is_taken(self, directory: Path) -> None:
        """Another port is the way out, said before anything is started."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            told = plant(directory, "serve", PLANT_PORT=port)

        assert 2 == told.returncode
        assert f"127.0.0.1:{port}" in told.stderr
        assert "PLANT_PORT=8081" in told.stderr
        assert 1 == len(told.stderr.splitlines())

    def test_the_port_is_taken_while_it_starts(self) -> None:
        """Two had bound it, and the other was first to listen."""
        with socket.socket() as late, socket.socket() as first:
            late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            late.bind(("127.0.0.1", 0))
            first.bind(late.getsockname())
            first.listen()

            async def served() -> None:
                runner = web.AppRunner(web.Application())
                async with listening.serving(Settings(), runner, late):
                    raise AssertionError

            with (
                asyncio.Runner(loop_factory=loop_factory()) as runner,
                pytest.raises(listening.PortTaken),
            ):
                runner.run(served())

    def test_two_side_by_side(self, directory: Path) -> None:
        """Another directory and port is another registry."""
        with room() as place, serving(directory, "--sample") as first, serving(place) as second:
            assert first.ask()
            made = plant(
                place, "key", "create", "--tenant", "t", "--agent", "a", "--scopes", "read",
                "--json",
            )  # fmt: skip
            assert json.loads(made.stdout)["created"] == {"tenant": True, "governance_agent": True}
            assert "plant key create" in second.said
            assert 0 == second.end(signal.SIGTERM)


class TestGivenServer:
    """With PLANT_DATABASE_URL it serves from that server."""

    def test_serves_and_loads_the_sample(
        self, cluster: Server, database: str, tmp_path: Path
    ) -> None:
        """No embedded server is made; the sample is that of the given database."""
        with serving(tmp_path, "--sample", **cluster.environ(database)) as service:
            me, skills, _ = service.ask()
            assert 0 == service.end(signal.SIGTERM)

        assert ("sample", True) == (me["tenant"]["name"], bool(skills["items"]))
        assert not (tmp_path / ".plant" / "postgres").exists()
        found = cluster.run(COUNTS, database)[0]
        assert (5, 6, 0) == (found[1], found[6], found[7])

    @pytest.mark.usefixtures("template")  # roles are the cluster's: it has let them in
    def test_migrates_only_when_asked(self, cluster: Server, tmp_path: Path) -> None:
        """An empty database is refused with the command that fills it; --migrate fills it."""
        name = cluster.create("unserved")
        environ = cluster.environ(name)
        refused = plant(tmp_path, "serve", PLANT_PORT="0", **environ)
        key = plant(tmp_path, "key", "list", **environ)
        with serving(tmp_path, "--migrate", **environ) as service:
            assert 0 == service.end(signal.SIGTERM)

        for told in (refused, key):
            assert 2 == told.returncode
            assert "plant migrate apply" in told.stderr
            assert 1 == len(told.stderr.splitlines())

    def test_a_server_without_our_roles_is_refused_in_words(self, tmp_path: Path) -> None:
        """Where no migration has ever run, one line names the command that does it."""
        with settings_with_room() as settings, embedded_server(settings) as server:
            url = server.url("plant_owner")
            told = plant(tmp_path, "serve", PLANT_PORT="0", PLANT_DATABASE_URL=url)

        assert (2, 1) == (told.returncode, len(told.stderr.splitlines()))
        assert "plant migrate apply" in told.stderr

    @pytest.mark.parametrize("let_in", [True, False])
    def test_leads_the_log_or_says_why_not(
        self, cluster: Server, template: str, tmp_path: Path, *, let_in: bool
    ) -> None:
        """It seals what is written until it ends; without plant_worker's login it serves too."""
        database = cluster.clone(template)
        environ = cluster.environ(database)
        if not let_in:
            environ["PLANT_WORKER_DATABASE_URL"] = environ["PLANT_WORKER_DATABASE_URL"].replace(
                ":test-", ":wrong-"
            )
        role = "leader" if let_in else "off"
        made = plant(
            tmp_path, "key", "create", "--tenant", "t", "--agent", "a", "--scopes", "read,write",
            "--json", **environ,
        )  # fmt: skip
        with serving(tmp_path, **environ) as service:
            url = str(re.search(r"http://\S+", service.said)[0])  # type: ignore[index]
            deadline = time.monotonic() + START_S_MAX
            while role != fetched(f"{url}/readyz")["log"]["role"]:
                assert time.monotonic() < deadline
            key = json.loads(made.stdout)["key"]
            body = {"name": "n", "description": "d", "category": "technical"}
            fetched(f"{url}/v1/skills", body, key)
            assert "ok" == fetched(f"{url}/readyz")["status"]
            assert 0 == service.end(signal.SIGTERM)
        sealed = cluster.run("SELECT coalesce(max(size), 0) FROM audit.checkpoint", database)
        cluster.drop(database)

        assert [(int(let_in),)] == [tuple(row) for row in sealed]
        assert let_in == ("plant_worker is not let in" not in service.said)

    def test_removes_what_has_expired(self, cluster: Server, database: str, tmp_path: Path) -> None:
        """Answers older than a day are gone soon after the start; younger ones stay."""
        cluster.run(PLANT_ANSWERS, database)
        kept = "SELECT key FROM app.idempotency"
        with serving(tmp_path, **cluster.environ(database)) as service:
            deadline = time.monotonic() + START_S_MAX
            while [("young",)] != [tuple(row) for row in cluster.run(kept, database)]:
                assert time.monotonic() < deadline
            assert 0 == service.end(signal.SIGTERM)

        assert "Traceback" not in service.said
        assert [("young",)] == [tuple(row) for row in cluster.run(kept, database)]

    @pytest.mark.parametrize(
        "user,says", [("plant_owner:wrong", "password"), ("nobody:wrong", "nobody")]
    )
    def test_a_server_that_does_not_let_in(
        self, cluster: Server, database: str, tmp_path: Path, user: str, says: str
    ) -> None:
        """One line says who was refused where."""
        where = cluster.url("owner", database).rpartition("@")[2]
        url = f"postgresql://{user}@{where}"

        told = plant(tmp_path, "serve", PLANT_PORT="0", PLANT_DATABASE_URL=url)

        assert 2 == told.returncode
        assert 1 == len(told.stderr.splitlines())
        assert says in told.stderr
        assert "wrong" not in told.stderr
