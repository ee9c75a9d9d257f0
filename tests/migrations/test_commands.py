"""`plant migrate` and `plant sql` as a person or a script calls them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.catalog.load import load
from service.cli import migrate, sql
from service.cli.parser import Parser
from service.migrate import losses
from service.migrate.release import release
from service.migrate.runner import apply
from service.refusal import Refusal
from tests.migrations.conftest import Cluster

pytestmark = [pytest.mark.database, pytest.mark.migrations]

Plant = Callable[..., int]
PLANTED = (
    "INSERT INTO app.tenant (name) VALUES ('acme')",
    """
    INSERT INTO audit.entry
    SELECT uuidv7(), uuidv7(), 'skill', uuidv7(), 1, 'create', 'a', 'k', now(), sha256('p'),
        decode(repeat('00', 32), 'hex'), sha256('e')
    """,
)
TABLES = """
SELECT relnamespace::regnamespace || '.' || relname FROM pg_class
WHERE relnamespace::regnamespace::text IN ('app', 'audit') AND relkind IN ('r', 'p')
    AND NOT relispartition
"""


@pytest.fixture
def plant(owner_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plant:
    """Give the command line, working on the empty database."""
    monkeypatch.setenv("PLANT_DATABASE_URL", owner_url)
    monkeypatch.setenv("PLANT_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        parser = Parser(prog="plant")
        subparsers = parser.add_subparsers(required=True)
        migrate.register(subparsers)
        sql.register(subparsers)
        arguments = parser.parse_args(words)
        code: int = arguments.run(arguments)
        return code

    return run


@pytest.fixture
def answer(plant: Plant, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Give a command's exit code with its answer as JSON."""

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = plant(*words, "--json")
        return code, json.loads(capsys.readouterr().out)

    return run


class TestMigrate:
    """From an empty database to this release, and back."""

    def test_goes_up_and_down(self, plant: Plant, answer: Callable[..., tuple[int, Any]]) -> None:
        """Plan, apply, verify, rollback: each answers as documented, and with its exit code.

        Rules are compared where all is applied, and that they are not is said elsewhere.
        """
        planned = answer("migrate", "plan")
        waiting = answer("migrate", "verify")
        applied = answer("migrate", "apply")
        agreed = answer("migrate", "verify")
        nothing = answer("migrate", "plan")
        undone = answer("migrate", "rollback", "--yes")
        everything = answer("migrate", "rollback", "--all", "--yes")

        ids = [item["id"] for item in planned[1]["migrations"]]
        assert ids
        assert (planned[0], waiting[0], applied[0], agreed) == (0, 1, 0, (0, []))
        assert [item["kind"] for item in waiting[1]] == ["pending"] * len(ids) + ["unseen"]
        assert applied[1]["applied"] == ids
        assert len(applied[1]["functions"]) == len(load().functions())
        assert (nothing[1]["migrations"], nothing[1]["functions"]) == ([], [])
        assert undone[1]["rolled_back"] == ids[-1:]
        assert everything[1]["rolled_back"] == ids[-2::-1]

    def test_answers_a_person(self, plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
        """Without --json the answers are lines; progress goes to standard error."""
        assert plant("migrate", "plan") == 0
        assert "0000.foundation: " in capsys.readouterr().out
        assert plant("migrate", "apply") == 0
        said = capsys.readouterr()
        assert "applied 0000.foundation" in said.err
        assert "the newest migration is 0" in said.out
        assert plant("migrate", "plan") == 0
        assert "nothing to do" in capsys.readouterr().out
        assert plant("migrate", "verify") == 0
        assert "agree" in capsys.readouterr().out

    def test_reviews(self, plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
        """The page holds every statement of every migration."""
        assert plant("migrate", "review") == 0

        page = capsys.readouterr().out
        assert page.startswith("-- Release ")
        assert "CREATE SCHEMA app AUTHORIZATION plant_owner;" in page

    def test_rolls_back_nothing_unasked(
        self,
        plant: Plant,
        answer: Callable[..., tuple[int, Any]],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Where nobody can be asked, --yes is needed; at a terminal the word yes is."""
        plant("migrate", "apply")

        assert plant("migrate", "rollback") == 64
        assert "Repeat it with --yes" in capsys.readouterr().err
        for typed, code in (("no\n", 64), ("yes\n", 0)):
            terminal = Terminal(typed)
            monkeypatch.setattr("sys.stdin", terminal)
            assert plant("migrate", "rollback") == code
        assert answer("migrate", "verify")[0] == 1

    def test_throws_no_row_away_unasked(
        self,
        plant: Plant,
        answer: Callable[..., tuple[int, Any]],
        capsys: pytest.CaptureFixture[str],
        cluster: Cluster,
        database: str,
    ) -> None:
        """What would be lost is named, and --yes alone does not take it along: --lose-data does."""
        plant("migrate", "apply")
        for statement in PLANTED:
            cluster.run(statement, database)
        capsys.readouterr()

        assert plant("migrate", "rollback", "--all", "--yes") == 64
        said = capsys.readouterr().err
        assert {"app.tenant", "audit.entry"} == set(re.findall(r"^  (\S+): ", said, re.MULTILINE))
        assert "--lose-data" in said
        # The last ones drop no table that holds a row.
        assert plant("migrate", "rollback", "--to", "0018.list_filters", "--yes") == 0
        assert plant("migrate", "apply") == 0
        assert answer("migrate", "verify") == (0, [])
        # Nor a column that says something, until somebody has put that into it.
        cluster.run("UPDATE app.tenant SET similar_min = 0.5", database)
        capsys.readouterr()
        assert plant("migrate", "rollback", "--to", "0018.list_filters", "--yes") == 64
        assert "  app.tenant (similar_min): " in capsys.readouterr().err
        assert plant("migrate", "rollback", "--all", "--yes", "--lose-data") == 0

    def test_every_table_that_goes_is_known(self, cluster: Cluster, database: str) -> None:
        """A rollback of everything drops the tables that are looked into, and no others."""
        apply(cluster.url("plant_owner", database))
        tables = {name for (name,) in cluster.run(TABLES, database)}
        dropped = dict(losses.dropped(release().migrations))

        assert tables == {what for what, table in dropped.items() if what == table} | (
            losses.REPLACEABLE
        )
        assert {
            "app.api_key (issuer)",
            "app.industry_entity (embedding_384)",
            "app.skill_entity (embedding_384)",
            "app.tenant (similar_min)",
        } == {what for what, table in dropped.items() if what != table}

    def test_refuses_both_targets(self, plant: Plant) -> None:
        """--to and --all at once is wrong usage."""
        with pytest.raises(SystemExit) as ended:
            plant("migrate", "rollback", "--all", "--to", "0000.foundation")

        assert ended.value.code == 64


class Terminal:
    """A terminal at which somebody types."""

    def __init__(self, typed: str) -> None:
        self.typed = typed

    def isatty(self) -> bool:
        """Say that it is one."""
        return True

    def readline(self) -> str:
        """Give what was typed."""
        return self.typed


class TestSql:
    """The statements of this release."""

    def test_lists_and_shows(
        self,
        plant: Plant,
        answer: Callable[..., tuple[int, Any]],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Every statement is listed; one is shown with its file and how it is called."""
        code, listed = answer("sql", "list")
        _, shown = answer("sql", "show", "q_functions")

        assert code == 0
        assert [item["name"] for item in listed] == list(load())
        assert shown["query"] == load()["q_functions"].text
        assert plant("sql", "show", "q_functions") == 0
        assert "FROM pg_catalog.pg_proc" in capsys.readouterr().out

    def test_suggests_a_name(self, plant: Plant) -> None:
        """A name that is nearly right is answered with the right one."""
        with pytest.raises(Refusal, match=r"Did you mean q_functions\?") as refused:
            plant("sql", "show", "q_function")

        assert refused.value.exit_code == 64

    def test_checks_every_statement_of_this_release(
        self, plant: Plant, answer: Callable[..., tuple[int, Any]], cluster: Cluster, database: str
    ) -> None:
        """Headers and functions of the project agree with a migrated server; drift is 1."""
        plant("migrate", "apply")

        assert answer("sql", "check") == (0, [])
        cluster.run("CREATE FUNCTION q.x() RETURNS int LANGUAGE sql AS 'SELECT 1'", database)
        code, found = answer("sql", "check")
        assert (code, [item["function"] for item in found]) == (1, ["x"])

    @pytest.mark.parametrize(
        "words,says",
        [
            (("entity_by_id",), r"takes 2 arguments: kind text, id uuid\. Give each one"),
            (("entity_by_id", "skill", "x", "y"), r"takes 2 arguments"),
            (("tenant_by_name",), r"takes 1 argument: name text"),
            (("health_ping", "x"), r"takes 0 arguments: none"),
        ],
    )
    def test_another_number_of_arguments_is_wrong_usage(
        self, plant: Plant, words: tuple[str, ...], says: str
    ) -> None:
        """It is said before a server is asked, with what the statement takes."""
        with pytest.raises(Refusal, match=says) as refused:
            plant("sql", "explain", *words)

        assert refused.value.exit_code == 64

    def test_explains(self, plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
        """A plan is shown for the service's role on a migrated server."""
        plant("migrate", "apply")
        capsys.readouterr()

        assert plant("sql", "explain", "q_functions", "--buffers", "--tenant", "x") == 0
        assert "pg_proc" in capsys.readouterr().out
