"""The statement files: what the header's machine accepts, refuses, and makes of them."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from service.catalog import function
from service.catalog.drift import LISTING, compare
from service.catalog.header import BadStatement, parse
from service.catalog.lexer import mask, mask_comments, parameters, words
from service.catalog.load import BadCatalog, Catalog, load
from service.catalog.place import place
from service.catalog.statement import Column, Statement

PROBLEMS = frozenset({"not-found", "in-use"})
PATH = PurePosixPath("entity/thing_by_id.sql")

GOOD = """\
-- name: thing_by_id :maybe
-- Find one thing
-- of the caller's tenant.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: document text, weight numeric(10,2),
--     etag text
-- raises: not-found, in-use
-- isolation: read committed
-- call: function
-- role: app
-- plan: thing_pkey
-- set: plan_cache_mode=force_custom_plan
SELECT
    thing.document, -- a comment; with a semicolon and $9
    thing.weight,
    'it''s; $8' AS etag
FROM app.thing
WHERE thing.kind = $1 AND thing.id = $2;
"""


def parsed(text: str, path: PurePosixPath = PATH) -> Statement:
    """Parse a text as the file of PATH."""
    return parse(path, text, problems=PROBLEMS)


class TestParse:
    """One file to one struct."""

    def test_reads_every_field(self) -> None:
        """A whole header arrives in the struct, prose and continued lines joined."""
        statement = parsed(GOOD)

        assert statement == Statement(
            name="thing_by_id",
            cardinality="maybe",
            purpose="Find one thing of the caller's tenant.",
            params=(Column("kind", "text"), Column("id", "uuid")),
            returns=(
                Column("document", "text"),
                Column("weight", "numeric(10,2)"),
                Column("etag", "text"),
            ),
            raises=("not-found", "in-use"),
            isolation="read committed",
            call="function",
            role="app",
            plan=("thing_pkey",),
            settings=(("plan_cache_mode", "force_custom_plan"),),
            path="entity/thing_by_id.sql",
            text=GOOD,
        )

    def test_reads_a_counting_statement(self) -> None:
        """A statement that counts rows has no columns and is called as text."""
        text = """\
-- name: things_expire :rows
-- Expire things.
-- returns: -
-- raises: -
-- isolation: serializable
-- call: text
-- role: worker
DELETE FROM app.thing;
"""

        statement = parsed(text, PurePosixPath("things_expire.sql"))

        assert (statement.returns, statement.raises, statement.params) == ((), (), ())
        assert statement.query == text
        assert statement.database_role == "plant_worker"

    @pytest.mark.parametrize(
        "old, new, line, rule",
        [
            ("-- name: thing_by_id :maybe", "-- name: other :maybe", 1, "file's stem"),
            ("-- name: thing_by_id :maybe", "-- name: thing_by_id", 1, "<cardinality>"),
            (":maybe", ":exec", 1, "none of: one, maybe, many, rows"),
            (":maybe", ":rows", 7, ":rows counts rows"),
            ("-- name: thing_by_id :maybe\n", "", 1, "lacks the field `-- name:`"),
            ("-- Find one thing\n-- of the caller's tenant.\n", "", 2, "in a sentence"),
            ("-- param: $1 kind text\n", "", 5, "expected $1"),
            ("$1 kind text", "kind text", 5, "$n name type"),
            ("$1 kind text", "$1 Kind text", 5, "`Kind` is no name"),
            ("$2 id uuid", "$2 kind uuid", 6, "`kind` stands twice"),
            ("$2 id uuid", "$2 id uuid;drop", 6, "is no type"),
            ("returns: document text, weight", "returns: document, weight", 7, "`` is no type"),
            ("etag text", "document text", 7, "`document` stands twice"),
            ("-- raises: not-found, in-use\n", "", 1, "lacks the field `-- raises:`"),
            ("not-found, in-use", "not-found, unheard-of", 9, "`unheard-of` is no problem"),
            ("not-found, in-use", "in-use, in-use", 9, "named twice"),
            ("read committed", "read uncommitted", 10, "none of: read committed"),
            ("call: function", "call: procedure", 11, "none of: function, text"),
            ("call: function", "call: text", 14, "only a function carries settings"),
            ("role: app", "role: superuser", 12, "none of: app, worker, owner, readonly"),
            ("role: app", "role: app\n-- role: app", 13, "`role` stands twice"),
            ("role: app", "role: app\n-- cost: high", 13, "`cost` is no field"),
            ("role: app", "role:", 12, "`role` has no value"),
            ("-- role: app", "-- Late prose.\n-- role: app", 12, "prose stands between"),
            ("plan: thing_pkey", "plan: a, b", 13, "one index"),
            ("plan_cache_mode=force_custom_plan", "jit", 14, "name=value"),
            ("plan_cache_mode=force_custom_plan", "app.tenant_id=x", 14, "may not be set here"),
            ("plan_cache_mode=force_custom_plan", "search_path=x", 14, "may not be set here"),
            ("thing.id = $2;", "thing.id = $2", 20, "end in `;`"),
            ("FROM app.thing", "FROM app.thing; SELECT 1", 19, "one file holds one statement"),
            ("thing.id = $2", "thing.id = $3", 15, "$2, $3: declared and used"),
            ("thing.weight,", "thing.weight,\r", 1, "line ends"),
        ],
    )
    def test_refuses(self, old: str, new: str, line: int, rule: str) -> None:
        """Each broken rule is refused with file, line and the rule."""
        assert old in GOOD

        with pytest.raises(BadStatement) as refused:
            parsed(GOOD.replace(old, new, 1))

        message = str(refused.value)
        assert message.startswith(f"entity/thing_by_id.sql:{line}: ")
        assert rule in message

    def test_refuses_a_header_without_statement(self) -> None:
        """Comments alone are no statement."""
        header = GOOD[: GOOD.index("SELECT")]

        with pytest.raises(BadStatement, match="there is no statement"):
            parsed(header + ";\n")

    def test_refuses_a_name_that_leaves_no_room_for_the_hash(self) -> None:
        """PostgreSQL would cut a longer function name, and two names could become one."""
        stem = "a" * 53

        with pytest.raises(BadStatement, match="at most 52 long"):
            parsed(GOOD.replace("thing_by_id", stem), PurePosixPath(f"{stem}.sql"))

    def test_refuses_a_text_that_is_never_cached(self) -> None:
        """The driver does not cache texts over 15 KiB: the file is refused, not slow."""
        text = GOOD.replace("call: function", "call: text").replace("-- set:", "-- plan: x --")
        text = text.replace("-- plan: x -- plan_cache_mode=force_custom_plan\n", "")

        assert parsed(text).call == "text"
        with pytest.raises(BadStatement, match="never cached"):
            parsed(text.replace("'it''s", f"'{'x' * 15_360}"))


class TestLoad:
    """A directory to a catalogue."""

    def write(self, root: Path, path: str, text: str) -> None:
        """Write a statement file below a root."""
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    def test_finds_statements_in_every_folder(self, tmp_path: Path) -> None:
        """Files are found below the root, by name."""
        self.write(tmp_path, "entity/thing_by_id.sql", GOOD)
        self.write(tmp_path, "other/thing_again.sql", GOOD.replace("thing_by_id", "thing_again"))

        catalog = load(tmp_path, problems=PROBLEMS)

        assert list(catalog) == ["thing_again", "thing_by_id"]
        assert catalog["thing_by_id"].path == "entity/thing_by_id.sql"

    def test_names_every_fault_at_once(self, tmp_path: Path) -> None:
        """Who corrects files sees all faults in one run, not one per run."""
        self.write(tmp_path, "a/thing_by_id.sql", GOOD)
        self.write(tmp_path, "b/thing_by_id.sql", GOOD)
        self.write(tmp_path, "c/one.sql", GOOD)
        (tmp_path / "c/two.sql").write_bytes(b"-- \xff")

        with pytest.raises(BadCatalog) as refused:
            load(tmp_path, problems=PROBLEMS)

        assert refused.value.faults == (
            "b/thing_by_id.sql:1: the name is taken by a/thing_by_id.sql",
            "c/one.sql:1: the first line must name the file's stem `one`",
            "c/two.sql:1: not UTF-8 at byte 3",
        )

    def test_loads_the_statements_of_this_release(self) -> None:
        """Every statement file of the project keeps the rules, problems of service.errors."""
        catalog = load()

        assert catalog is load(), "it is read once"
        assert LISTING in catalog
        assert len(catalog) == len(list(place("sql").rglob("*.sql")))


class TestLexer:
    """Code told from comments and quoted text."""

    def test_masks_what_is_no_code(self) -> None:
        """Every kind of quoting hides its semicolons, and positions stay."""
        sql = (
            """SELECT 'a;''b', E'c;\\'d', "e;""f", $$g;$$, $h$i;$$;$h$ -- j;\n"""
            "/* k; /* l; */ m; */;"
        )

        masked = mask(sql)

        assert masked.count(";") == 1
        assert len(masked) == len(sql)
        assert masked.index("\n") == sql.index("\n")

    def test_keeps_quoted_text_where_only_comments_go(self) -> None:
        """Masking comments leaves names and texts readable."""
        assert mask_comments("A 'b -- c' -- d\n\"e\"") == "A 'b -- c'     \n\"e\""

    def test_tells_parameters_from_dollar_quotes(self) -> None:
        """`$1` is a parameter; `$a$` opens a text; neither is found inside a name."""
        assert parameters("SELECT $1, $12, x$3, '$4', $a$ $5 $a$ -- $6") == {1, 12}

    def test_lists_words_of_code(self) -> None:
        """Words come in upper case, without those in comments and texts."""
        assert words("/* no */ create Index 'no' ON x") == ["CREATE", "INDEX", "ON", "X"]

    def test_reads_an_unclosed_text_to_its_end(self) -> None:
        """What never closes hides all that follows."""
        marks = ("'", '"', "E'", "$$", "/*", "--")

        assert {mask(f"{mark}a;").strip() for mark in marks} == {""}


class TestFunction:
    """The text of a generated function."""

    def test_sets_the_context_before_the_file_s_text(self) -> None:
        """The first statement of the body sets five settings, the rest is the file, unchanged."""
        body = function.body(parsed(GOOD))
        first, rest = body.split(";\n", 1)

        assert rest == GOOD
        assert [
            f"'{name}', ${n}, true" in first
            for n, name in enumerate(
                (
                    "app.tenant_id",
                    "app.governance_agent_id",
                    "app.key_id",
                    "app.request_id",
                    "app.certifier_key_id",
                ),
                3,
            )
        ] == [True] * 5

    def test_is_named_for_its_content(self) -> None:
        """Another text is another function, so that two releases stand side by side."""
        one, other = parsed(GOOD), parsed(GOOD.replace("Find one", "Find some"))

        assert one.function != other.function
        assert one.function.startswith("thing_by_id_")
        assert len(one.function) == len("thing_by_id_") + 10

    def test_is_called_with_own_arguments_first(self) -> None:
        """The file's `$1…$n` stay as they are; the context follows."""
        statement = parsed(GOOD)

        assert statement.query == (
            f"SELECT * FROM q.{statement.function}($1, $2, $3, $4, $5, $6, $7)"
        )
        assert function.signature(statement) == (
            f"q.{statement.function}(text, uuid, text, text, text, text, text)"
        )

    def test_is_open_to_its_role_only(self) -> None:
        """PUBLIC loses the right before the role gets it; the owner needs no grant."""
        script = function.install(parsed(GOOD), "1.2.3")
        owner = function.install(parsed(GOOD.replace("role: app", "role: owner")), "1.2.3")

        assert script.index("FROM PUBLIC;") < script.index("TO plant_app;")
        assert "GRANT" not in owner
        assert "release 1.2.3)" in script

    def test_quotes_whatever_the_file_holds(self) -> None:
        """A text that holds the quoting itself stays inside it."""
        statement = parsed(GOOD.replace("'it''s; $8'", "$q$ $$ $q$").replace("one thing", r"a \ '"))

        script = function.install(statement, "1")

        assert "$q1$" in script
        assert r"E'Find a \\ '' of the" in script


def row(statement: Statement, **changes: Any) -> dict[str, Any]:
    """Give what the server would list for a function, with changes."""
    listed = {
        "name": statement.function,
        "arity": 7,
        "source": function.body(statement),
        "settings": ["plan_cache_mode=force_custom_plan"],
        "owner": "plant_owner",
        "definer": False,
        "nature": "sql f v u f f t",
        "executors": ["plant_owner", "plant_app"],
    }
    return listed | changes


class TestDrift:
    """Functions of the database against files."""

    def test_finds_nothing_where_all_is_as_installed(self) -> None:
        """A function as it was installed is no drift, nor is one of another release."""
        statement = parsed(GOOD)
        older = parsed(GOOD.replace("Find one", "Find an older"))
        catalog = Catalog({statement.name: statement})

        assert compare(catalog, [row(statement), row(older)]) == ()

    def test_finds_a_missing_function(self) -> None:
        """A file that was never installed is found, and said to be missing."""
        statement = parsed(GOOD)

        found = compare(Catalog({statement.name: statement}), [])

        assert [(item.function, item.missing) for item in found] == [(statement.function, True)]
        assert "sql/entity/thing_by_id.sql was never installed" in found[0].fault

    @pytest.mark.parametrize(
        "changes, fault",
        [
            ({"source": "SELECT 1"}, "was edited"),
            ({"arity": 6}, "other arguments"),
            ({"settings": []}, "other settings"),
            ({"owner": "mallory"}, "owned by mallory"),
            ({"definer": True}, "owner's rights"),
            ({"nature": "sql f i s f f t"}, "another nature"),
            ({"executors": ["public", "plant_app"]}, "by everybody"),
            ({"executors": ["plant_app", "plant_worker"]}, "by plant_worker, too"),
            ({"executors": ["plant_owner"]}, "not be executed by plant_app"),
        ],
    )
    def test_finds_what_was_changed(self, changes: dict[str, Any], fault: str) -> None:
        """Each property that a function is installed with is compared."""
        statement = parsed(GOOD)

        found = compare(Catalog({statement.name: statement}), [row(statement, **changes)])

        assert [(item.function, fault in item.fault) for item in found] == [
            (statement.function, True)
        ]

    @pytest.mark.parametrize(
        "changes", [{"owner": "mallory"}, {"definer": True}, {"executors": ["public"]}]
    )
    def test_finds_what_no_release_makes_so(self, changes: dict[str, Any]) -> None:
        """A function that sets the context may be another release's; this one is nobody's."""
        (found,) = compare(Catalog({}), [row(parsed(GOOD), **changes)])

        assert parsed(GOOD).function == found.function

    def test_finds_a_second_function_of_the_name(self) -> None:
        """An overload could be called in the place of ours."""
        statement = parsed(GOOD)
        rows = [row(statement), row(statement)]

        (found,) = compare(Catalog({statement.name: statement}), rows)

        assert "more than once" in found.fault

    def test_finds_a_function_that_sets_no_context(self) -> None:
        """In schema q nothing may stand that runs in the tenant of the call before it."""
        statement = parsed(GOOD)

        (found,) = compare(Catalog({}), [row(statement, name="planted", source="SELECT 1")])

        assert (found.function, found.fault) == (
            "planted",
            "was not generated: it does not set the context",
        )


class TestPlace:
    """Where the files of a release lie."""

    def test_says_where_it_looked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """An installation without files says which directories it wanted."""
        monkeypatch.setattr("service.catalog.place._PACKAGE", tmp_path / "service")

        with pytest.raises(FileNotFoundError, match=r"neither .*_sql nor .*sql is a directory"):
            place("sql")

    def test_prefers_the_wheel(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Inside the wheel the files lie in the package; beside it may lie anything."""
        for directory in ("service/_sql", "sql"):
            (tmp_path / directory).mkdir(parents=True)
        monkeypatch.setattr("service.catalog.place._PACKAGE", tmp_path / "service")

        assert place("sql") == tmp_path / "service/_sql"
