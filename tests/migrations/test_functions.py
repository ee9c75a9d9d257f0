"""The generated functions on a server: installed, compared, called, explained."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

from service.catalog.drift import drift
from service.migrate.explain import Options, explain
from service.migrate.functions import agree
from service.migrate.refusals import Failed, Refused
from service.migrate.release import Release
from service.migrate.runner import apply
from service.migrate.survey import verify
from tests.migrations.conftest import Cluster, Folder

pytestmark = [pytest.mark.database, pytest.mark.migrations]

CONTEXT = ("tenant", "agent", "key", "request", "certifier")
SETTINGS = (
    "concat_ws(' ', current_setting('app.tenant_id'), current_setting('app.governance_agent_id'),"
    " current_setting('app.key_id'), current_setting('app.request_id'),"
    " current_setting('app.certifier_key_id'))"
)


@pytest.fixture
def statements(schemas: Folder) -> Folder:
    """Give a folder with statements of each kind."""
    schemas.add_statement("context", f"SELECT {SETTINGS} AS value;")
    schemas.add_statement(
        "thing_by_id",
        "SELECT thing.name AS value FROM app.thing WHERE thing.id = $1;",
        params="$1 id bigint",
        cardinality="maybe",
        settings="jit=off",
    )
    schemas.add_statement(
        "things_rename",
        "UPDATE app.thing SET name = $1 WHERE thing.id > $2;",
        params="$1 name text, $2 id bigint",
        cardinality="rows",
        returns="-",
        call="text",
        role="worker",
    )
    return schemas


@pytest.fixture
def brings(statements: Folder) -> Release:
    """Give the folder as a release."""
    return statements.release()


@pytest.fixture
def superuser(cluster: Cluster, database: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a superuser's session on the database."""
    with psycopg.connect(cluster.url("postgres", database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def app(superuser: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Give a session that acts as the service's role."""
    superuser.execute("SET SESSION AUTHORIZATION plant_app")
    return superuser


def call(connection: psycopg.Connection[Any], brings: Release, name: str, *values: object) -> Any:
    """Call a statement's function as the service does."""
    statement = brings.catalog[name]
    marks = ", ".join(["%s"] * (len(statement.params) + len(CONTEXT)))
    query = f"SELECT * FROM q.{statement.function}({marks})"
    return connection.execute(query.encode(), values).fetchall()


class TestInstall:
    """What apply makes of the statement files."""

    def test_makes_those_that_are_called_as_functions(
        self, brings: Release, owner_url: str
    ) -> None:
        """Each `call: function` has its function afterwards; the second run makes none."""
        first = apply(owner_url, brings=brings)
        again = apply(owner_url, brings=brings)

        functions = tuple(item.function for item in brings.catalog.functions())
        assert first.functions == functions
        assert {name.rpartition("_")[0] for name in functions} == {"context", "thing_by_id"}
        assert again.functions == ()
        assert verify(owner_url, brings=brings) == ()

    def test_carries_settings_of_a_library_that_nobody_has_loaded(
        self, statements: Folder, owner_url: str, app: psycopg.Connection[Any]
    ) -> None:
        """The owner is no superuser, and may set what pgvector knows once it is there."""
        statements.add_statement(
            "reach",
            "SELECT current_setting('hnsw.ef_search') AS value;",
            settings="hnsw.ef_search=77",
        )
        brings = statements.release()
        apply(owner_url, brings=brings)

        assert [("77",)] == call(app, brings, "reach", *CONTEXT)

    def test_sets_the_context_for_its_transaction_only(
        self, brings: Release, owner_url: str, app: psycopg.Connection[Any]
    ) -> None:
        """Inside the call the five settings are those of the caller; afterwards nothing is left."""
        apply(owner_url, brings=brings)

        inside = call(app, brings, "context", *CONTEXT)
        after = app.execute("SELECT current_setting('app.tenant_id', true)").fetchone()

        assert inside == [(" ".join(CONTEXT),)]
        assert after == ("",)

    def test_overwrites_the_context_of_the_call_before(
        self, brings: Release, owner_url: str, app: psycopg.Connection[Any]
    ) -> None:
        """Within one transaction no call runs in the context of another; NULL empties a setting."""
        apply(owner_url, brings=brings)

        with app.transaction():
            call(app, brings, "context", *CONTEXT)
            inside = call(app, brings, "context", "other", None, None, None, None)

        assert inside == [("other    ",)]

    def test_passes_own_arguments(
        self, brings: Release, owner_url: str, app: psycopg.Connection[Any]
    ) -> None:
        """`$1` of the file is the function's first argument; settings are the function's own."""
        apply(owner_url, brings=brings)

        found = call(app, brings, "thing_by_id", 2, *CONTEXT)
        settings = app.execute(
            "SELECT proconfig FROM pg_proc WHERE proname ~ '^thing_by_id'"
        ).fetchone()

        assert found == [("100 %",)]
        assert settings == (["jit=off"],)

    def test_lets_nobody_else_call(
        self, brings: Release, owner_url: str, superuser: psycopg.Connection[Any]
    ) -> None:
        """A role that is not named in the header may not execute the function."""
        apply(owner_url, brings=brings)
        superuser.execute("GRANT USAGE ON SCHEMA q TO plant_readonly")
        superuser.execute("SET SESSION AUTHORIZATION plant_readonly")

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(superuser, brings, "context", *CONTEXT)

    def test_leaves_the_functions_of_another_release(
        self, brings: Release, statements: Folder, owner_url: str, app: psycopg.Connection[Any]
    ) -> None:
        """After a newer release was applied the older one still finds its functions."""
        apply(owner_url, brings=brings)
        statements.add_statement("context", f"SELECT 'newer' || {SETTINGS} AS value;")
        newer = statements.release()

        report = apply(owner_url, brings=newer)

        assert report.functions == (newer.catalog["context"].function,)
        assert call(app, brings, "context", *CONTEXT) == [(" ".join(CONTEXT),)]
        assert verify(owner_url, brings=brings) == verify(owner_url, brings=newer) == ()

    def test_names_file_and_line_of_a_statement_that_does_not_fit(
        self, statements: Folder, owner_url: str, superuser: psycopg.Connection[Any]
    ) -> None:
        """A statement that the schema does not carry is named, and none is installed."""
        statements.add_statement("wrong", "SELECT thing.name AS value\nFROM app.thing,\n  app.no;")

        with pytest.raises(Failed, match=r'sql/wrong\.sql:10: 42P01: relation "app\.no" does not'):
            apply(owner_url, brings=statements.release())

        count = superuser.execute(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'q'::regnamespace"
        ).fetchone()
        assert count == (0,)


class TestDrift:
    """What somebody changed by hand."""

    @pytest.mark.parametrize(
        "statement, fault",
        [
            ("DROP FUNCTION {signature}", "is missing"),
            ("CREATE OR REPLACE FUNCTION {arguments} AS 'SELECT 1::text'", "was edited"),
            ("ALTER FUNCTION {signature} SECURITY DEFINER", "runs with its owner's rights"),
            ("ALTER FUNCTION {signature} OWNER TO postgres", "is owned by postgres"),
            ("ALTER FUNCTION {signature} SET jit = off", "has other settings"),
            ("GRANT EXECUTE ON FUNCTION {signature} TO PUBLIC", "executed by everybody"),
            ("REVOKE ALL ON FUNCTION {signature} FROM plant_app", "not be executed by plant_app"),
            (
                "CREATE FUNCTION {overload} RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "stands there more than once",
            ),
        ],
    )
    async def test_is_found_and_repaired(
        self,
        brings: Release,
        owner_url: str,
        superuser: psycopg.Connection[Any],
        statement: str,
        fault: str,
    ) -> None:
        """Each change is found by verify, check and the service's start; apply undoes it."""
        apply(owner_url, brings=brings)
        name = f"q.{brings.catalog['context'].function}"
        names = {
            "signature": f"{name}(text, text, text, text, text)",
            "arguments": f"{name}(p_tenant text, p_agent text, p_key text, p_request text,"
            " p_certifier text) RETURNS TABLE (value text) LANGUAGE sql",
            "overload": f"{name}(integer)",
        }
        superuser.execute(statement.format(**names).encode())

        verified = verify(owner_url, brings=brings)
        checked = agree(owner_url, brings.catalog)
        connection = await asyncpg.connect(owner_url)
        started = await drift(connection, brings.catalog)
        await connection.close()
        report = apply(owner_url, brings=brings)

        assert {item.kind for item in verified} == {"function"}
        assert any(fault in item.text for item in verified)
        assert any(fault in item.fault for item in checked)
        assert any(fault in item.fault for item in started)
        assert report.functions == (brings.catalog["context"].function,)
        assert verify(owner_url, brings=brings) == ()

    def test_of_a_planted_function_is_found(
        self, brings: Release, owner_url: str, superuser: psycopg.Connection[Any]
    ) -> None:
        """A function in schema q that was not generated is named, and left to a person."""
        apply(owner_url, brings=brings)
        superuser.execute("CREATE FUNCTION q.planted() RETURNS int LANGUAGE sql AS 'SELECT 1'")

        report = apply(owner_url, brings=brings)

        assert report.functions == ()
        assert [(item.subject, item.text) for item in verify(owner_url, brings=brings)] == [
            ("planted", "was not generated: it does not set the context")
        ]


class TestHeaders:
    """What a header says of types and names, against the server."""

    @pytest.mark.parametrize(
        "body, fields, fault",
        [
            (
                "SELECT thing.name AS value FROM app.thing WHERE thing.id = $1;",
                {"params": "$1 id uuid"},
                "parameters are bigint, not as declared",
            ),
            (
                "SELECT thing.id AS value FROM app.thing;",
                {},
                "columns are bigint, not as declared",
            ),
            (
                "SELECT thing.name FROM app.thing;",
                {},
                "columns are named name, not as declared",
            ),
            ("SELECT 1 AS value;", {"returns": "value nonsense"}, "no type nonsense"),
            (
                "SELECT 'x' AS value FROM unnest($1);",
                {"params": "$1 ids uuid[]"},
                "without a cast psql sees no type of a parameter",
            ),
            ("SELECT 'x' AS value\nFROM app.no;", {}, r'checked.sql:9: relation "app.no" does not'),
        ],
    )
    def test_is_compared(
        self, schemas: Folder, owner_url: str, body: str, fields: dict[str, str], fault: str
    ) -> None:
        """A parameter, a type or a name that the server sees otherwise is named."""
        apply(owner_url, brings=schemas.release())
        schemas.add_statement("checked", body, call="text", **fields)

        (found,) = agree(owner_url, schemas.release().catalog)

        assert (found.function, fault in found.fault) == ("checked", True), found

    def test_agrees_with_the_server(self, brings: Release, owner_url: str) -> None:
        """Headers that say what the server says are no drift, types spelled in any way."""
        apply(owner_url, brings=brings)

        assert agree(owner_url, brings.catalog) == ()


class TestExplain:
    """The plan of a statement."""

    @pytest.fixture
    def url(self, brings: Release, owner_url: str, cluster: Cluster, database: str) -> str:
        """Give the address of a superuser, who acts as the statement's role."""
        apply(owner_url, brings=brings)
        return cluster.url("postgres", database)

    def test_shows_the_plan_of_the_file_s_text(self, brings: Release, url: str) -> None:
        """The plan is that of the statement with the value given."""
        lines = explain(url, brings.catalog["thing_by_id"], ["2"], {}, Options())

        assert "thing_pkey" in "\n".join(lines)
        assert "(thing.id = '2'::bigint)" in "\n".join(lines)

    def test_shows_the_plan_for_any_value(self, brings: Release, url: str) -> None:
        """The generic plan keeps the parameter."""
        lines = explain(url, brings.catalog["thing_by_id"], ["2"], {}, Options(generic=True))

        assert "(thing.id = $1)" in "\n".join(lines)

    def test_runs_with_context_and_counts_blocks(
        self, brings: Release, url: str, superuser: psycopg.Connection[Any]
    ) -> None:
        """Analysed, it ran as the statement's role in the context, under row-level security."""
        superuser.execute("ALTER TABLE app.thing ENABLE ROW LEVEL SECURITY")
        superuser.execute(
            "CREATE POLICY mine ON app.thing TO plant_app"
            " USING (current_setting('app.tenant_id') = name)"
        )
        options = Options(analyze=True, buffers=True)
        statement = brings.catalog["thing_by_id"]

        seen = explain(url, statement, ["2"], {"tenant": "100 %"}, options)
        hidden = explain(url, statement, ["2"], {"tenant": "another"}, options)

        assert "rows=1.00 loops=1" in seen[0]
        assert "rows=0.00 loops=1" in hidden[0]
        assert any("Buffers:" in line for line in seen)

    def test_changes_nothing(
        self, brings: Release, url: str, superuser: psycopg.Connection[Any]
    ) -> None:
        """A statement that writes is run and undone."""
        superuser.execute("GRANT ALL ON app.thing TO plant_worker")
        superuser.execute("GRANT USAGE ON SCHEMA app TO plant_worker")
        statement = brings.catalog["things_rename"]

        lines = explain(url, statement, ["new", "0"], {}, Options(analyze=True))

        assert "Update on app.thing" in lines[0]
        assert superuser.execute(
            "SELECT count(*) FROM app.thing WHERE name = 'new'"
        ).fetchone() == (0,)

    def test_says_which_arguments_it_takes(self, brings: Release, url: str) -> None:
        """A wrong number of arguments, or one of a wrong type, is answered with what is right."""
        statement = brings.catalog["thing_by_id"]

        with pytest.raises(Refused, match="takes 1 argument: id bigint"):
            explain(url, statement, [], {}, Options())
        with pytest.raises(Refused, match="22P02: invalid input syntax for type bigint"):
            explain(url, statement, ["two"], {}, Options())
