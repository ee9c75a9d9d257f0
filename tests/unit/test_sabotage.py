"""What the sabotage run breaks, and what it leaves as it is."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.sabotage import listed, python_code
from tests.sabotage.choice import fits, hinted
from tests.sabotage.fork import Say, forked
from tests.sabotage.ground import edited, inverse
from tests.sabotage.mutant import Edit, Mutant
from tests.sabotage.report import Made, harmless, write
from tests.sabotage.results import Result, Results, catchers
from tests.sabotage.sql_text import changes, masked

TREE = Path(__file__).resolve().parents[2]


def ways(text: str, kind: str) -> list[str]:
    """Give the text after each change of a kind."""
    return [
        text[: change.start] + change.after + text[change.end :]
        for change in changes(text)
        if change.kind == kind
    ]


class TestSql:
    """Changes of SQL."""

    @pytest.mark.parametrize(
        "text,kind,expected",
        [
            (
                "SELECT FROM a WHERE b = 1 AND (c = 2 OR d) ORDER BY e",
                "conjunct dropped",
                [
                    "SELECT FROM a WHERE TRUE AND (c = 2 OR d) ORDER BY e",
                    "SELECT FROM a WHERE b = 1 ORDER BY e",
                ],
            ),
            (
                "WHERE a BETWEEN 1 AND 2 AND b;",
                "conjunct dropped",
                ["WHERE TRUE AND b;", "WHERE a BETWEEN 1 AND 2 ;"],
            ),
            (
                "EXISTS (SELECT FROM a WHERE b AND c)",
                "conjunct dropped",
                ["EXISTS (SELECT FROM a WHERE TRUE AND c)", "EXISTS (SELECT FROM a WHERE b )"],
            ),
            ("array_agg(a ORDER BY b, c) FROM d", "ORDER BY dropped", ["array_agg(a ) FROM d"]),
            ("ORDER BY a LIMIT $2;", "LIMIT dropped", ["ORDER BY a ;"]),
            ("FOR NO KEY UPDATE OF a;", "lock", [";"]),
            ("FOR UPDATE TO plant_app USING (a)", "lock", []),
            ("IF a THEN b; END IF;", "guard dropped", ["IF FALSE THEN b; END IF;"]),
            ("DROP TABLE IF EXISTS a;", "guard dropped", []),
            ("    PERFORM a();\n", "statement dropped", ["NULL;\n"]),
            ("v := a + 1;", "constant", ["v := a + 2;"]),
            ("a IS NULL", "operator", ["a IS NOT NULL"]),
        ],
    )
    def test_breaks_one_place(self, text: str, kind: str, expected: list[str]) -> None:
        """A change of a kind breaks each of its places, one at a time."""
        assert expected == ways(text, kind)

    def test_leaves_comments_and_words_alone(self) -> None:
        """What stands in a comment or inside a string is no code."""
        text = "-- a = b AND c\nSELECT 'd = e; it''s FOR UPDATE';"

        assert [] == list(changes(text))
        assert len(text) == len(masked(text))


class TestPython:
    """Changes of Python, put into functions that live already."""

    def test_a_living_function_is_changed(self, tmp_path: Path) -> None:
        """A function that others hold by name behaves as the edited file says."""
        path = tmp_path / "module.py"
        text = "def answer(given):\n    return given == 1\n"
        path.write_text(text, encoding="utf-8")
        names: dict[str, object] = {}
        exec(compile(text, str(path), "exec"), names)  # noqa: S102 - our own text
        answer = names["answer"]
        edit = Edit("module.py", text.index("=="), text.index("==") + 2, "!=", 2)
        with edited(tmp_path, (edit,)):
            python_code.put_in_place(tmp_path, edit)

        assert False is answer(1)  # type: ignore[operator]
        assert text == path.read_text(encoding="utf-8")

    def test_an_edit_of_no_function_is_no_mutant(self, tmp_path: Path) -> None:
        """Code that runs when a module is imported cannot be changed afterwards."""
        (tmp_path / "module.py").write_text("VALUE = 2\n", encoding="utf-8")

        with pytest.raises(python_code.UnplaceableError):
            python_code.put_in_place(tmp_path, Edit("module.py", 8, 9, "2", 1))

    def test_an_edit_is_undone_by_its_inverse(self, tmp_path: Path) -> None:
        """An edit and its inverse leave a file as it was."""
        (tmp_path / "file.sql").write_text("SELECT 1 LIMIT 2;", encoding="utf-8")
        edit = Edit("file.sql", 9, 16, "", 1)
        undo = inverse(tmp_path, (edit,))
        with edited(tmp_path, (edit,)), edited(tmp_path, undo):
            found = (tmp_path / "file.sql").read_text(encoding="utf-8")

        assert "SELECT 1 LIMIT 2;" == found


@pytest.mark.skipif(not (TREE / "service").exists(), reason="the wheel is no tree to break")
def test_the_list_fits_the_tree() -> None:
    """Each place in a file that tests/sabotage/listed.toml breaks is there, and once."""
    found = listed.of_files(TREE)
    names = {edit.path for mutant in found for edit in mutant.code}

    assert len(found) == len({mutant.id for mutant in found})
    assert {"service/database/pool.py", "service/sqlstate.py"} < names


def command(pid: str) -> str:
    """Give what a process was started with; nothing when it is gone or about to be."""
    path = Path("/proc", pid, "cmdline")
    return path.read_text() if path.exists() else ""


class TestFork:
    """Work in a process of its own."""

    def test_what_dies_is_told(self, tmp_path: Path) -> None:
        """Work that says something and then fails is heard, and its end is told."""

        def work(say: object) -> None:
            say({"began": True})  # type: ignore[operator]
            raise RuntimeError

        found = list(forked(work, log=tmp_path / "log", seconds=30))

        assert [{"began": True}, {"ended": "died"}] == found

    def test_what_hangs_is_ended(self, tmp_path: Path) -> None:
        """Work that does not come back is ended when its time is up."""

        def work(say: object) -> None:
            while True:
                pass

        found = list(forked(work, log=tmp_path / "log", seconds=0.2))

        assert [{"ended": "late"}] == found

    def test_what_it_leaves_is_removed(self, tmp_path: Path) -> None:
        """A server of a directory that it made ends with it, and another process stays."""

        def server(data: Path) -> str:
            data.mkdir()
            program = [sys.executable, "-c", "import signal; signal.pause()", str(data)]
            pid = subprocess.Popen(program, start_new_session=True).pid
            (data / "postmaster.pid").write_text(f"{pid}\n{data}\n")
            return str(pid)

        def work(say: Say) -> None:
            place = Path(tempfile.mkdtemp())
            pid = server(place / "data")
            (place / "copy").mkdir()
            (place / "copy/postmaster.pid").write_text(f"{stranger.pid}\n")
            say({"server": pid, "place": str(place)})

        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
            told, ended = forked(work, log=tmp_path / "log", seconds=30)
            stays = stranger.poll() is None

        assert stays
        assert {"ended": "done"} == ended
        assert not Path(told["place"]).exists()
        assert not command(told["server"])


class TestResults:
    """What is kept of a run."""

    SAME = Mutant(id="listed/1/same", group="listed", what="one", sql=("SELECT 1",))
    OTHER = Mutant(id="listed/1/other", group="listed", what="other", sql=("SELECT 2",))
    BY = "tests/rls/test_matrix.py::test_cell"

    def written(self, home: Path, made: dict[str, Made]) -> Results:
        """Report two that were caught, one of them made otherwise now; read it anew."""
        results = Results(home / "results.jsonl", None)
        for mutant, digest in ((self.SAME, self.SAME.digest), (self.OTHER, "another")):
            results.add(Result(mutant.id, digest, mutant.what, "caught", [self.BY]))
        (home / "docs").mkdir(exist_ok=True)
        write(home, results, made)
        return Results(home / "none.jsonl", home / "docs/sabotage.json")

    def test_a_run_goes_on_from_what_is_committed(self, tmp_path: Path) -> None:
        """A result counts for the mutant that was made then, and for no other of its name."""
        found = self.written(tmp_path, {})

        known = found.of(self.SAME)
        assert known is not None
        assert ("caught", [self.BY]) == (known.outcome, known.caught_by)
        assert found.of(self.OTHER) is None

    def test_who_caught_it_is_known_to_a_run_that_begins_anew(self, tmp_path: Path) -> None:
        """By the mutant's name alone: whether it is caught again is tried."""
        self.written(tmp_path, {})

        expected = {self.SAME.id: [self.BY], self.OTHER.id: [self.BY]}
        assert expected == catchers(tmp_path / "docs/sabotage.json")

    def test_what_is_made_no_longer_is_not_reported(self, tmp_path: Path) -> None:
        """Nor is what is made otherwise; a class that was not looked at stays as it is."""
        digests = {one.id: one.digest for one in (self.SAME, self.OTHER)}
        assert {self.SAME.id} == set(self.written(tmp_path, {"listed": Made(2, digests)}).found)
        assert set(digests) == set(self.written(tmp_path, {"line": Made(1, {})}).found)


class TestRules:
    """What is said of mutants beforehand."""

    def result(self, where: str = "statement/sql/compliance", change: str = "100") -> Result:
        """Have a survivor of a check that says one thing at most."""
        words = f"sql/compliance/l1_role_1.sql, line 26: constant: '{change}' → '101'"
        return Result(f"{where}/l1_role_1.sql:26/constant-13", "any", words, "survived")

    def test_a_reason_excuses_what_it_names_and_nothing_else(self) -> None:
        """Of the same place another change is a gap, and so is the same change elsewhere."""
        assert harmless(self.result()) is not None
        assert harmless(self.result(change="essential")) is None
        assert harmless(self.result(where="statement/sql/list")) is None

    def test_a_hint_leads_to_a_test_by_kind_or_by_id(self) -> None:
        """A mutant of the lists is tried by the tests that compare them row by row."""
        tests = [
            "tests/database/test_list_statements.py::test_a[b-several]",
            "tests/rls/test_matrix.py::b",
        ]
        for mutant, expected in (
            (Mutant(id="statement/sql/list/a.sql:1/order-1", group="statement", what=""), [1, 0]),
            (Mutant(id="catalogue/grant/table/a", group="catalogue", what=""), [0, 1]),
        ):
            assert expected == [int(fits(test, hinted(mutant))) for test in tests]
