"""`plant import` as a process of its own, on a database of the tests' server."""

import gzip
import json
import os
import pty
import random
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.factories import Tenant
from tests.imports import Line, line, many, ndjson, ref, state, workshop
from tests.postgres import Server
from tests.servers import BARE, PLANT
from tests.source_folders import CUT, Row, read, skill, write

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'plant command app'"
)


@pytest.fixture
def environ(cluster: Server, database: str, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database, with the passwords that the tests have."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}


def words(tenant: Tenant, *more: str, active: bool = False) -> list[str]:
    """Make the command line of an import by the author."""
    second = ["--certifier-key", tenant.certifier.key, "--as", "active"] if active else []
    return [*PLANT, "import", "--key", tenant.author.key, *second, *more]


def run(
    command: list[str], environ: dict[str, str], given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        command, env=environ, input=given, capture_output=True, timeout=60, check=False
    )


def begun(command: list[str], environ: dict[str, str], **streams: Any) -> subprocess.Popen[bytes]:
    """Begin a command."""
    return subprocess.Popen(command, env=environ, **streams)


def outcomes(stdout: bytes) -> list[dict[str, Any]]:
    """Read outcomes; what a kill has cut off is no line."""
    whole = stdout[: stdout.rfind(b"\n") + 1]
    return [json.loads(one) for one in whole.splitlines()]


def written(path: Path, lines: Sequence[Line | bytes]) -> str:
    """Write a file to import."""
    body = ndjson(lines)
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return str(path)


class TestOutput:
    """Outcomes on standard output, everything else on standard error."""

    async def test_totals_only_when_all_is_well(
        self,
        tenant: Tenant,
        environ: dict[str, str],
        tmp_path: Path,
        superuser: asyncpg.Connection,
    ) -> None:
        """No line is reported but the totals; several files and packed ones are one import."""
        plain = written(tmp_path / "a.ndjson", [*workshop()[3:]])
        packed = written(tmp_path / "b.ndjson.gz", [*workshop()[:3]])

        told = run(words(tenant, plain, packed, active=True), environ)

        assert (0, [{"totals": {"created": 7, "amended": 0, "unchanged": 0, "rejected": 0}}]) == (
            told.returncode,
            outcomes(told.stdout),
        )
        assert 7 == len(await state(superuser, tenant))

    def test_rejected_lines_are_named_and_the_exit_code_is_1(
        self, tenant: Tenant, environ: dict[str, str], tmp_path: Path
    ) -> None:
        """By file and line when there are several files, and by external id."""
        first = written(tmp_path / "a.ndjson", [b"", line("skill", "a"), b"{", b""])
        second = written(tmp_path / "b.ndjson", [line("skill", "b", category="none"), b"["])

        told = run(words(tenant, first, second), environ)

        assert 1 == told.returncode
        *rejected, last = outcomes(told.stdout)
        assert [(first, 3, None), (second, 1, "b"), (second, 2, None)] == [
            (one["file"], one["line"], one.get("external_id"))
            for one in sorted(rejected, key=lambda one: (one["file"], one["line"]))
        ]
        assert {"created": 1, "amended": 0, "unchanged": 0, "rejected": 3} == last["totals"]

    def test_a_repeated_line_names_the_file_of_the_first(
        self, tenant: Tenant, environ: dict[str, str], tmp_path: Path
    ) -> None:
        """Lines count from their own file's beginning, also where another line names them."""
        first = written(tmp_path / "a.ndjson", many(3))
        second = written(tmp_path / "b.ndjson", [line("skill", "x"), line("skill", "y")])
        third = written(tmp_path / "c.ndjson", [line("skill", "y")])

        told = run(words(tenant, first, second, third), environ)

        (rejected,) = outcomes(told.stdout)[:-1]
        assert (third, 1) == (rejected["file"], rejected["line"])
        assert f"Line 2 of {second} is about the same entity." == rejected["problem"]["detail"]

    def test_keys_from_files(self, tenant: Tenant, environ: dict[str, str], tmp_path: Path) -> None:
        """@ names the file of a key, so that no argument holds one; line ends do not count."""
        for actor in (tenant.author, tenant.certifier):
            (tmp_path / actor.name).write_text(f"{actor.key}\r\n")
        keys = ["--key", f"@{tmp_path}/author", "--certifier-key", f"@{tmp_path}/certifier"]

        told = run([*PLANT, "import", *keys, "--as", "active", "-"], environ, ndjson(many(2)))

        assert (0, 2) == (told.returncode, outcomes(told.stdout)[-1]["totals"]["created"])

    async def test_what_is_absent(
        self,
        tenant: Tenant,
        environ: dict[str, str],
        tmp_path: Path,
        superuser: asyncpg.Connection,
    ) -> None:
        """Listed without --verbose, without file or line; kept is no failure, archived is final."""
        some = [line("skill", f"s:{name}") for name in "abc"]
        role = line("job_role", "r:x", required_skills=[
            {"external_id": "s:b", "relation": "essential"}
        ])  # fmt: skip
        run(words(tenant, "-", active=True), environ, ndjson([*some, role]))
        files = [written(tmp_path / f"{n}.ndjson", some[n : n + 1] * (1 - n)) for n in range(2)]

        found = [
            run(words(tenant, option, *files), environ)
            for option in ("--report-absent", "--archive-absent", "--archive-absent")
        ]

        assert [0, 0, 0] == [one.returncode for one in found]
        told = [outcomes(one.stdout) for one in found]
        assert [
            {"s:b": "absent", "s:c": "absent"},
            {"s:b": "kept", "s:c": "archived"},
            {"s:b": "kept"},
        ] == [{line["external_id"]: line["outcome"] for line in lines[:-1]} for lines in told]
        assert {"outcome", "id", "external_id"} == set(told[0][0])
        assert [{"absent": 2}, {"archived": 1, "kept": 1}, {"archived": 0, "kept": 1}] == [
            {name: count for name, count in lines[-1]["totals"].items() if name in (
                "absent", "archived", "kept")}
            for lines in told
        ]  # fmt: skip
        now = await state(superuser, tenant)
        assert ["active", "active", "archived"] == [now[f"s:{name}"].status for name in "abc"]

    @pytest.mark.parametrize(
        "bad",
        [None, b"{", skill("fire clay", name="")],
        ids=["is not there", "cannot be read", "has no name"],
    )
    async def test_a_folder_that_left_something_out_archives_nothing(
        self,
        tenant: Tenant,
        environ: dict[str, str],
        tmp_path: Path,
        superuser: asyncpg.Connection,
        bad: Row | None,
    ) -> None:
        """A source line that made no import line may be about what seems to be absent."""
        options = ["--archive-absent", "--from", "esco"]
        rows: list[Row] = [skill("bake bread"), skill("fire clay")]
        run(words(tenant, *options, str(write(tmp_path, "skills", rows))), environ)

        fewer = rows[:1] if bad is None else [rows[0], bad]
        told = run(words(tenant, *options, str(write(tmp_path, "skills", fewer))), environ)

        (clay,) = outcomes(told.stdout)[:-1]
        now = (await state(superuser, tenant))["esco:skill:fire-clay"]
        assert (0, "archived", "archived") == (told.returncode, clay["outcome"], now.status) or (
            (1, "kept", "draft") == (told.returncode, clay["outcome"], now.status)
            and bad is not None
            and "left out" in clay["problem"]["detail"]
        )
        assert (bad is None) == (told.returncode == 0)

    def test_standard_input_and_every_line(self, tenant: Tenant, environ: dict[str, str]) -> None:
        """- reads standard input; --verbose reports what went in too."""
        told = run(words(tenant, "--verbose", "-"), environ, ndjson(many(3)))

        assert ["created"] * 3 == [one["outcome"] for one in outcomes(told.stdout)[:-1]]
        assert {"line", "outcome", "id"} == set(outcomes(told.stdout)[0])

    def test_a_folder_of_esco_reports_what_it_left_out(
        self, tenant: Tenant, environ: dict[str, str]
    ) -> None:
        """The converter's report is on standard error; rejected lines name their external id."""
        taken = read(CUT, "skills")[0]
        blocking = [line("skill", "mine", name=taken["name"].upper())]
        run(words(tenant, "-"), environ, ndjson(blocking))

        told = run(words(tenant, "--from", "esco", str(CUT)), environ)

        assert 1 == told.returncode
        refused = [one for one in outcomes(told.stdout)[:-1] if one["problem"]["status"] == 409]
        assert f"esco:skill:{taken['id']}" in {one["external_id"] for one in refused}
        assert b"lines of skills.ndjson.gz" in told.stderr
        assert b"Traceback" not in told.stderr

    def test_a_terminal_sees_a_bar_that_moves(
        self, tenant: Tenant, environ: dict[str, str], tmp_path: Path
    ) -> None:
        """The bar is drawn again and again on one line; a pipe gets plain lines."""
        path = written(tmp_path / "a.ndjson", many(2500))
        main, other = pty.openpty()
        with subprocess.Popen(
            words(tenant, path), env=environ, stdout=subprocess.PIPE, stderr=other
        ) as process:
            os.close(other)
            drawn = b"".join(iter(lambda: _read(main), b""))
            assert 0 == process.wait(60)

        shares = [int(share) for share in re.findall(rb"importing: \[#*\.*\] .*?\((\d+)%\)", drawn)]
        assert shares == sorted(shares)
        assert len(set(shares)) >= 3
        assert 100 == shares[-1]
        plain = run(words(tenant, path), environ)
        assert b"\r" not in plain.stderr
        assert b"2,500 of 2,500 (100%)" in plain.stderr


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # its other end is closed
        return b""


class TestRefused:
    """What cannot begin says why in one line, and nothing is written."""

    @pytest.mark.parametrize(
        "more,code,says",
        [
            (["--as", "active", "x"], 64, "second identity"),
            (["--certifier-key", "k", "x"], 64, "go together"),
            (["--from", "esco", "a", "b"], 64, "one folder"),
            (["--report-absent", "--archive-absent", "x"], 64, "not allowed with"),
            (["--archive-absent=yes", "x"], 64, "ignored explicit argument"),
            (["--archive", "x"], 64, "unrecognized arguments"),
            (["absent.ndjson"], 2, "absent.ndjson: No such file"),
            (["--from", "esco", "absent"], 2, "absent holds none of"),
            (["."], 2, "--from esco"),
        ],
    )
    def test_before_anything_starts(
        self, environ: dict[str, str], tmp_path: Path, more: list[str], code: int, says: str
    ) -> None:
        """Wrong arguments are 64, unreadable files 2; no server is asked."""
        nowhere = environ | {"PLANT_DATABASE_URL": "postgresql://u@127.0.0.1:1/none"}
        told = subprocess.run(
            [*PLANT, "import", "--key", "k", *more],
            env=nowhere, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

        assert (code, "") == (told.returncode, told.stdout)
        assert says in told.stderr
        assert [True] == [not one.startswith("Try: ") for one in told.stderr.splitlines()][:1]
        assert len(told.stderr.splitlines()) == 1 + told.stderr.count("\nTry: ")

    @pytest.mark.parametrize("option", ["--key", "--certifier-key"])
    @pytest.mark.parametrize(
        "body,says",
        [
            (None, "No such file"),
            (b"", "does not hold one key"),
            (b" \n", "does not hold one key"),
            (b"plant_a\nplant_b\n", "does not hold one key"),
            (b"plant_\xff", "does not hold one key"),
            (b"plant_" + b"a" * 2000, "does not hold one key"),
        ],
    )
    def test_files_that_hold_no_key(
        self, environ: dict[str, str], tmp_path: Path, option: str, body: bytes | None, says: str
    ) -> None:
        """The option and the file are named, what stands in the file is not."""
        path = tmp_path / "key"
        if body is not None:
            path.write_bytes(body)
        keys = {"--key": "k", "--certifier-key": "c"} | {option: f"@{path}"}
        more = [word for pair in keys.items() for word in pair]

        told = run([*PLANT, "import", *more, "--as", "active", "-"], environ, b"")

        said = told.stderr.decode()
        assert (2, b"") == (told.returncode, told.stdout)
        assert f"{option} names the file" in said
        assert says in said
        assert "plant_a" not in said

    @pytest.mark.parametrize(
        "name,body",
        [
            ("cut.ndjson.gz", gzip.compress(ndjson(many(50)))[:-20]),
            ("plain.ndjson.gz", ndjson(many(2))),
        ],
    )
    def test_files_that_break_off(
        self, tenant: Tenant, environ: dict[str, str], tmp_path: Path, name: str, body: bytes
    ) -> None:
        """A damaged file stops the import before its first line goes in."""
        (tmp_path / name).write_bytes(body)

        told = run(words(tenant, str(tmp_path / name)), environ)

        assert (2, b"") == (told.returncode, told.stdout)
        assert b"Nothing was imported" in told.stderr
        assert b"Traceback" not in told.stderr

    def test_keys_that_may_not(
        self, tenant: Tenant, other_tenant: Tenant, environ: dict[str, str]
    ) -> None:
        """Unknown keys, keys without the scope, of one agent, of two tenants: 2, with a way out."""
        author, certifier = tenant.author.key, tenant.certifier.key
        cases = {
            ("nonsense", None): "unknown here, expired or revoked",
            (tenant.reader.key, None): "lacks the scope write",
            (author, "nonsense"): "unknown here, expired or revoked",
            (author, tenant.reader.key): "lacks the scope certify",
            (certifier, certifier): "same governance agent",
            (author, other_tenant.certifier.key): "different tenants",
        }
        for (key, second), says in cases.items():
            more = ["--as", "active", "--certifier-key", second] if second else []
            told = run([*PLANT, "import", "--key", key, *more, "-"], environ, b"")
            assert (2, b"") == (told.returncode, told.stdout)
            assert says in told.stderr.decode()


@pytest.mark.parametrize("how", SIGNALS, ids=lambda how: how.name)
class TestKilled:
    """Ctrl-C, a request to end, and kill -9 at any moment."""

    @pytest.mark.parametrize("seed", range(3))
    async def test_no_reported_line_is_lost_and_none_is_half_done(
        self,
        tenant: Tenant,
        environ: dict[str, str],
        tmp_path: Path,
        superuser: asyncpg.Connection,
        how: signal.Signals,
        seed: int,
    ) -> None:
        """What was reported is in as reported; the same command again brings the rest."""
        path = written(tmp_path / "a.ndjson", shop(2000))
        command = words(tenant, "--verbose", path, active=True)
        heard = random.Random(seed).randint(1, 1400)
        with (
            (tmp_path / "said").open("wb") as stderr,
            begun(command, environ, stdout=subprocess.PIPE, stderr=stderr) as process,
        ):
            assert process.stdout is not None
            head = b"".join(process.stdout.readline() for _ in range(heard))
            process.send_signal(how)
            told = head + process.stdout.read()
            assert ENDS[how] == process.wait(60)

        said = (tmp_path / "said").read_bytes()
        reported = {one["id"]: one for one in outcomes(told) if "id" in one}
        assert len(reported) >= heard
        if how != signal.SIGKILL:
            assert b"the same command imports the rest" in said
            count = re.search(rb"stopped, so far ([0-9,]+) created, 0 amended", said)
            assert count is not None
            assert len(reported) == int(count[1].replace(b",", b""))
        assert b"Traceback" not in said
        while await superuser.fetchval(OTHERS) > 0:
            pass  # a killed client's last statement ends first
        await superuser.execute(
            "DELETE FROM app.import_line WHERE tenant_id = $1 AND $2", tenant.id,
            how == signal.SIGKILL,
        )  # fmt: skip
        now = {one.id: one for one in (await state(superuser, tenant)).values()}
        assert set(reported) <= set(now)
        assert {("active", 1)} >= {(one.status, one.version) for one in now.values()}
        assert all(linked(one.document) for one in now.values())

        again = run(command, environ)
        second = {one["id"]: one["outcome"] for one in outcomes(again.stdout)[:-1]}
        assert 0 == again.returncode
        assert 2000 == len(second) == len(await state(superuser, tenant))
        assert {"unchanged"} == {second[identity] for identity in reported}

    async def test_before_the_first_outcome(
        self,
        tenant: Tenant,
        environ: dict[str, str],
        tmp_path: Path,
        superuser: asyncpg.Connection,
        how: signal.Signals,
    ) -> None:
        """While lines are read nothing is in; what stays staged goes with the next import."""
        staged = "SELECT count(*) FROM app.import_line WHERE tenant_id = $1"
        with begun(
            words(tenant, "-"), environ, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            process.stdin.write(ndjson(shop(1500)))
            process.stdin.flush()
            while await superuser.fetchval(staged, tenant.id) == 0:
                pass
            process.send_signal(how)
            assert ENDS[how] == process.wait(60)
        while await superuser.fetchval(OTHERS) > 0:
            pass

        assert (1000 if how == signal.SIGKILL else 0) == await superuser.fetchval(staged, tenant.id)
        assert 0 == run(words(tenant, "-"), environ, ndjson([line("industry", "next")])).returncode
        assert ["next"] == list(await state(superuser, tenant))


def shop(count: int) -> list[Line]:
    """Make skills under skills and roles that need several of them, in any order."""
    skills: list[Line] = [line("skill", "s0")]
    skills += [line("skill", f"s{n}", parent_ids=[ref(f"s{n // 9}")]) for n in range(1, count // 2)]
    roles: list[Line] = [
        line("job_role", f"r{n}", required_skills=[
            {"external_id": f"s{n // 2 + one}", "relation": "essential"} for one in range(5)
        ])
        for n in range(count - len(skills))
    ]  # fmt: skip
    mixed = skills + roles
    random.Random(count).shuffle(mixed)
    return mixed


def linked(document: dict[str, Any]) -> bool:
    """Say whether an entity of the shop has all its links."""
    if document["entity_type"] == "job_role":
        return len(document["required_skills"]) == 5
    return document["external_id"] == "s0" or len(document["parent_ids"]) == 1
