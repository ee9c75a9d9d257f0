"""The migration files: what is refused before a server is asked."""

from pathlib import Path

import pytest

from service.catalog.place import place
from service.migrate.compare import REFUSED, findings, pending
from service.migrate.files import Part, read
from service.migrate.ledger import Record
from service.migrate.refusals import BadMigrations
from service.migrate.session import shown

BACK = "DROP TABLE app.one;\n"


def write(root: Path, **files: str) -> Path:
    """Write files; a double underscore in a name stands for a dot."""
    for name, text in files.items():
        (root / f"{name.replace('__', '.').removeprefix('m')}.sql").write_text(text)
    return root


def faults(root: Path) -> tuple[str, ...]:
    """Read a directory that has faults."""
    with pytest.raises(BadMigrations) as refused:
        read(root)
    return refused.value.faults


class TestRead:
    """A directory to migrations."""

    def test_reads_in_order(self, tmp_path: Path) -> None:
        """Numbers order the files; statements carry the line on which they start."""
        write(
            tmp_path,
            m0001__two="-- Two.\n-- depends: 0000.one\n\nSELECT 1;\n\nSELECT ';',\n  2;\n-- end\n",
            m0001__two__rollback="SELECT 1;\n",
            m0000__one="CREATE TABLE app.one ();",
            m0000__one__rollback=BACK,
        )

        one, two = read(tmp_path)

        assert (one.id, two.id) == ("0000.one", "0001.two")
        assert two.forward.parts == (Part("SELECT 1;", 4), Part("SELECT ';',\n  2;", 6))
        assert two.forward.transactional
        assert one.irreversible is None

    def test_reads_those_of_this_release(self) -> None:
        """Every migration of the project keeps the rules."""
        files = read(place("migrations"))

        assert [item.id for item in files] == sorted(
            path.stem
            for path in place("migrations").glob("[0-9]*[a-z].sql")
            if not path.stem.endswith(".rollback")
        )

    def test_reads_a_path_with_special_characters(self, tmp_path: Path) -> None:
        """A directory may be called anything."""
        root = tmp_path / "a [b] *"
        root.mkdir()
        write(root, m0000__one="SELECT 1;", m0000__one__rollback=BACK)

        assert [item.id for item in read(root)] == ["0000.one"]

    def test_hashes_the_content_and_not_the_line_ends(self, tmp_path: Path) -> None:
        """A checkout with other line ends is no edit; a changed comment is one."""
        digests = []
        for text in ("-- a\nSELECT 1;\n", "-- a\r\nSELECT 1;\r\n", "-- b\nSELECT 1;\n"):
            (tmp_path / "0000.one.sql").write_bytes(text.encode())
            write(tmp_path, m0000__one__rollback=BACK)
            digests.append(read(tmp_path)[0].forward.digest)

        assert digests[0] == digests[1] != digests[2]

    @pytest.mark.parametrize(
        "forward, backward, fault",
        [
            ("BEGIN;\nSELECT 1;", BACK, "0000.one.sql:1: BEGIN: the runner opens and ends"),
            ("SELECT 1;\n/* x */ COMMIT;", BACK, "0000.one.sql:2: COMMIT: the runner"),
            ("SELECT 1;", "ROLLBACK;", "0000.one.rollback.sql:1: ROLLBACK: the runner"),
            ("SELECT 1", BACK, "0000.one.sql:1: the statement does not end in `;`"),
            ("-- nothing\n", BACK, "0000.one.sql: there is no statement"),
            ("SELECT 1;", "-- nothing\n", "0000.one.rollback.sql: there is no statement; say why"),
            ("-- depends: 0001.x\nSELECT 1;", BACK, "depends on 0001.x, which is not there"),
            ("COPY app.x FROM STDIN;", BACK, "0000.one.sql:1: COPY FROM STDIN"),
            ("-- transactional: maybe\nSELECT 1;", BACK, "`-- transactional:` is neither"),
            (
                "CREATE INDEX CONCURRENTLY i ON app.x (y);",
                BACK,
                "0000.one.sql:1: CONCURRENTLY needs the line `-- transactional: false`",
            ),
            (
                "-- transactional: false\nSELECT 1;",
                BACK,
                "0000.one.sql: without a transaction a file holds one statement",
            ),
            (
                "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON app.x (y);\nSELECT 1;",
                BACK,
                "0000.one.sql: without a transaction a file holds one statement",
            ),
            (
                "-- transactional: false\nDROP INDEX CONCURRENTLY app.i;",
                BACK,
                "DROP INDEX CONCURRENTLY IF EXISTS schema.name",
            ),
            (
                "SELECT 1;",
                "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.i;",
                "0000.one.rollback.sql: needs a transaction, as its migration has one",
            ),
        ],
    )
    def test_refuses_content(self, tmp_path: Path, forward: str, backward: str, fault: str) -> None:
        """Each broken rule is named with file, line and the way out."""
        write(tmp_path, m0000__one=forward, m0000__one__rollback=backward)

        assert any(fault in found for found in faults(tmp_path))

    def test_refuses_names_and_pairs(self, tmp_path: Path) -> None:
        """A name of another form, a number twice, a rollback missing or alone: each is named."""
        write(
            tmp_path,
            m1__one="SELECT 1;",
            m0001__a="SELECT 1;",
            m0001__a__rollback=BACK,
            m0001__b="SELECT 1;",
            m0001__b__rollback=BACK,
            m0002__c="SELECT 1;",
            m0003__d__rollback=BACK,
        )
        (tmp_path / "0004.e.py").touch()
        (tmp_path / "README.md").touch()

        assert faults(tmp_path) == (
            "0001.b.sql: the number 0001 is taken by 0001.a",
            "0002.c.sql: 0002.c.rollback.sql is missing; every migration has a rollback",
            "0003.d.rollback.sql: rolls back a migration that is not there",
            "0004.e.py: a migration is plain SQL, named NNNN.words.sql",
            "1.one.sql: a migration is plain SQL, named NNNN.words.sql",
        )


class TestLosesData:
    """What a plan warns of."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TABLE app.x;",
            "drop schema app cascade;",
            "ALTER TABLE app.x ADD a int, DROP COLUMN b;",
            "ALTER TABLE app.x ALTER COLUMN a TYPE bigint;",
            "ALTER TABLE app.x ALTER a SET DATA TYPE bigint;",
            "TRUNCATE app.x;",
            "DELETE FROM app.x;",
            "WITH gone AS (DELETE FROM app.x RETURNING 1) SELECT 1;",
            "DO $$ BEGIN DELETE FROM app.x; END $$;",
        ],
    )
    def test_is_said_of(self, statement: str) -> None:
        """These throw data away."""
        assert Part(statement, 1).loses_data

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE app.x (a int REFERENCES app.y ON DELETE CASCADE);",
            "GRANT DELETE, TRUNCATE ON app.x TO plant_app;",
            "CREATE FUNCTION app.f() RETURNS void LANGUAGE sql AS 'DELETE FROM app.x';",
            "CREATE TRIGGER t BEFORE TRUNCATE ON app.x EXECUTE FUNCTION app.f();",
            "ALTER TABLE app.x ALTER COLUMN a DROP NOT NULL;",
            "DROP FUNCTION app.f();",
            "DROP INDEX app.i; -- DROP TABLE app.x",
            "COMMENT ON TABLE app.x IS 'DROP TABLE';",
        ],
    )
    def test_is_not_said_of(self, statement: str) -> None:
        """These throw nothing away."""
        assert not Part(statement, 1).loses_data


class TestFindings:
    """Files against what a database remembers."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Write two migrations."""
        return write(
            tmp_path,
            m0001__a="SELECT 1;",
            m0001__a__rollback=BACK,
            m0003__b="SELECT 1;",
            m0003__b__rollback=BACK,
        )

    def record(self, migration_id: str, *, marked: bool = True, finished: bool = True) -> Record:
        """Give what a database remembers of a migration with other content."""
        return Record(migration_id, marked, finished, "0" * 64, "0" * 64)

    def test_agreement_is_no_finding(self, root: Path) -> None:
        """Applied as they lie there, nothing is found and nothing waits."""
        files = read(root)
        known = [
            Record(
                item.id,
                marked=True,
                finished=True,
                forward=item.forward.digest,
                backward=item.backward.digest,
            )
            for item in files
        ]

        assert findings(files, known) == ()
        assert pending(files, known) == ()

    def test_names_each_kind(self, root: Path) -> None:
        """Every way in which files and memory differ has a kind of its own, the worst first."""
        known = [
            self.record("0000.gone"),
            self.record("0001.a"),
            self.record("0002.half", marked=False, finished=False),
            self.record("0003.b", marked=False, finished=False),
            self.record("0002.foreign", finished=False),
            self.record("0009.newer"),
        ]

        found = [(item.kind, item.subject) for item in findings(read(root), known)]

        assert found == [
            ("gone", "0000.gone"),
            ("edited", "0001.a"),
            ("edited", "0001.a"),
            ("gone", "0002.half"),
            ("foreign", "0002.foreign"),
            ("newer", "0009.newer"),
            ("late", "0003.b"),
            ("unfinished", "0003.b"),
        ]
        assert {kind for kind, _ in found[:-1]} <= REFUSED

    def test_what_was_begun_waits(self, root: Path) -> None:
        """A migration that was begun and not finished is applied again."""
        half = self.record("0001.a", marked=False, finished=False)

        assert [item.id for item in pending(read(root), [half])] == ["0001.a", "0003.b"]


def test_shows_no_password() -> None:
    """An address in a message has its password left out."""
    url = "postgresql://user:se:cret@/plant?host=/run"

    assert shown(url) == "postgresql://user:…@/plant?host=/run"
