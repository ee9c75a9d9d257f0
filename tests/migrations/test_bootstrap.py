"""The first run on a server: who may migrate, and what a server has to have."""

from collections.abc import Iterator

import pytest

from service.migrate.bootstrap import OWNER
from service.migrate.refusals import Refused, Unreachable
from service.migrate.review import review
from service.migrate.runner import apply
from service.migrate.survey import plan, verify
from tests.migrations.conftest import Cluster, Folder

pytestmark = [pytest.mark.database, pytest.mark.migrations]

# Passes the check before another database's run has made the role, and makes it afterwards.
RACING_ROLE = """\
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plant_app') THEN
        PERFORM pg_sleep(0.5);
        CREATE ROLE plant_app NOLOGIN;
    END IF;
END
$$;
"""


@pytest.fixture
def bare(cluster: Cluster) -> Iterator[Cluster]:
    """Give a server without any role of ours."""
    cluster.drop()
    cluster.drop_roles()
    cluster.run("CREATE ROLE stranger LOGIN PASSWORD 'secret'")
    yield cluster
    cluster.drop()
    cluster.drop_roles()
    cluster.run("DROP ROLE stranger")


@pytest.fixture
def app_role(folder: Folder) -> Folder:
    """Give a folder whose first migration makes a schema and a role, as the real one does."""
    folder.add("0000.role", "CREATE SCHEMA app;\nCREATE ROLE plant_app NOLOGIN;")
    return folder


def owned(cluster: Cluster, database: str) -> list[str]:
    """Name the owners of the schemas that a run made."""
    query = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname ~ '^(app|plant_)'"
    return [owner for (owner,) in cluster.run(query, database)]


class TestUsers:
    """Who PLANT_DATABASE_URL may log in as."""

    def test_a_superuser_makes_everything(self, bare: Cluster, app_role: Folder) -> None:
        """A superuser on a bare server: owner and extension are made, and the owner owns all."""
        database = bare.database("postgres", vector=False)
        url = bare.url("postgres", database)
        steps = [step.statement for step in plan(url, brings=app_role.release()).bootstrap]

        page = review(url, brings=app_role.release())

        report = apply(url, brings=app_role.release())

        assert all(f"{step};" in page for step in steps)
        assert (
            steps
            == list(report.bootstrap)
            == [
                'CREATE ROLE "plant_owner" NOLOGIN CREATEROLE',
                f'GRANT CREATE ON DATABASE "{database}" TO "plant_owner"',
                'CREATE EXTENSION "vector" WITH SCHEMA public',
            ]
        )
        assert owned(bare, database) == [OWNER, OWNER]
        assert verify(url, brings=app_role.release()) == ()

    def test_the_owner_itself_needs_no_bootstrap(
        self, cluster: Cluster, app_role: Folder, owner_url: str, database: str
    ) -> None:
        """The role plant_owner, neither superuser nor helped by one, migrates its own database."""
        app_role.add("0000.role", "CREATE SCHEMA app;")

        report = apply(owner_url, brings=app_role.release())

        assert report.bootstrap == ()
        assert report.applied == ("0000.role",)
        assert owned(cluster, database) == [OWNER, OWNER]

    def test_another_user_who_may_create_roles(self, bare: Cluster, app_role: Folder) -> None:
        """A user with CREATEROLE who owns the database makes the owner and acts as it."""
        bare.run("ALTER ROLE stranger CREATEROLE")
        database = bare.database("stranger")
        url = bare.url("stranger", database, "secret")

        first = apply(url, brings=app_role.release())
        again = apply(url, brings=app_role.release())

        assert first.bootstrap == (
            'CREATE ROLE "plant_owner" NOLOGIN CREATEROLE',
            'GRANT "plant_owner" TO "stranger" WITH SET TRUE, INHERIT TRUE',
            f'GRANT CREATE ON DATABASE "{database}" TO "plant_owner"',
        )
        assert (first.applied, again.bootstrap) == (("0000.role",), ())
        assert owned(bare, database) == [OWNER, OWNER]

    def test_a_user_who_may_not_is_told_what_to_have_run(
        self, bare: Cluster, app_role: Folder
    ) -> None:
        """Without the right to create roles the refusal holds the statement for a superuser."""
        url = bare.url("stranger", bare.database("stranger"), "secret")

        with pytest.raises(Refused) as refused:
            apply(url, brings=app_role.release())
        bare.run(refused.value.way_out.partition(": ")[2])
        with pytest.raises(Refused) as again:
            apply(url, brings=app_role.release())

        assert "stranger may not change that" in refused.value.wrong
        assert 'CREATE ROLE "plant_owner"' in refused.value.way_out
        assert 'GRANT "plant_owner" TO "stranger"' in again.value.way_out

    def test_an_owner_who_cannot_make_roles_is_let(self, bare: Cluster, app_role: Folder) -> None:
        """An owner made without CREATEROLE gets it while roles of the service are absent."""
        bare.run("CREATE ROLE plant_owner")
        url = bare.url("postgres", bare.database("plant_owner"))

        report = apply(url, brings=app_role.release())

        assert report.bootstrap == ('ALTER ROLE "plant_owner" CREATEROLE',)

    def test_a_grant_that_grants_nothing_is_refused(self, bare: Cluster, app_role: Folder) -> None:
        """PostgreSQL only warns when a GRANT has no effect; the run does not go on."""
        bare.run("ALTER ROLE stranger CREATEROLE")
        database = bare.database("postgres")
        bare.run(f"GRANT CREATE ON DATABASE {database} TO stranger")

        with pytest.raises(Refused, match="GRANT CREATE ON DATABASE"):
            apply(bare.url("stranger", database, "secret"), brings=app_role.release())

    def test_two_databases_of_one_server_at_once(self, bare: Cluster, folder: Folder) -> None:
        """Roles are the server's: who loses the race to make one tries again and finds it."""
        folder.add("0000.role", RACING_ROLE)
        urls = [bare.url("postgres", bare.database("postgres")) for _ in range(2)]

        deployers = [folder.deploy(url) for url in urls]
        outputs = [deployer.communicate(timeout=60) for deployer in deployers]

        assert [
            (deployer.returncode, out)
            for deployer, (out, _) in zip(deployers, outputs, strict=True)
        ] == [(0, "1 0\n")] * 2, outputs


class TestServer:
    """What the server has to have."""

    def refusal(self, cluster: Cluster, folder: Folder, database: str) -> str:
        """Try to apply as the owner, and read the refusal."""
        with pytest.raises(Refused) as refused:
            apply(cluster.url(OWNER, database), brings=folder.release())
        return str(refused.value)

    def test_the_version(
        self, cluster: Cluster, database: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server older than what is needed is refused by its version."""
        monkeypatch.setattr("service.migrate.bootstrap.SERVER_VERSION_MIN", 1_000_000)

        assert "The server is PostgreSQL 18." in self.refusal(cluster, folder, database)

    def test_the_extension(self, cluster: Cluster, database: str, folder: Folder) -> None:
        """Where vector is absent and the user may not make it, the statement is named."""
        cluster.run("DROP EXTENSION vector", database)

        assert 'CREATE EXTENSION "vector"' in self.refusal(cluster, folder, database)

    def test_the_extension_s_schema(self, cluster: Cluster, database: str, folder: Folder) -> None:
        """The migrations name public.vector: elsewhere it would not be found."""
        cluster.run("CREATE SCHEMA ext", database)
        cluster.run("ALTER EXTENSION vector SET SCHEMA ext", database)

        assert "SET SCHEMA public" in self.refusal(cluster, folder, database)

    def test_the_encoding(self, cluster: Cluster, database: str, folder: Folder) -> None:
        """Names in every script need UTF-8."""
        cluster.run(
            "CREATE DATABASE test_latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER 'libc'"
            " TEMPLATE template0 OWNER plant_owner"
        )

        assert "encoded in LATIN1" in self.refusal(cluster, folder, "test_latin")

    def test_an_address_where_nobody_answers(self, folder: Folder, tmp_path: object) -> None:
        """It says that it could not tell, without the password."""
        with pytest.raises(Unreachable) as refused:
            apply(f"postgresql://me:secret@/plant?host={tmp_path}", brings=folder.release())

        assert refused.value.exit_code == 2
        assert "secret" not in str(refused.value)

    def test_a_connection_that_is_lost(
        self, cluster: Cluster, owner_url: str, schemas: Folder
    ) -> None:
        """A server that ends the session in the middle is no crash of ours, and nothing is half."""
        schemas.add("0001.ends", "SELECT pg_terminate_backend(pg_backend_pid());")

        with pytest.raises(Unreachable, match=r"(?s)terminating connection.*Run the same"):
            apply(owner_url, brings=schemas.release())

        assert [item.subject for item in verify(owner_url, brings=schemas.release())] == [
            "0001.ends"
        ]
