"""Who may connect to a database that was migrated: the roles that log in, and nobody else."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from service.migrate.bootstrap import OWNER
from service.migrate.review import review
from service.migrate.runner import apply, roll_back
from service.migrate.session import Event
from service.migrate.survey import plan, verify
from tests.migrations.conftest import Cluster, Folder

pytestmark = [pytest.mark.database, pytest.mark.migrations]

LOGINS = ["plant_app", "plant_owner", "plant_readonly", "plant_worker"]
RIGHTS = """
SELECT coalesce(rolname, 'PUBLIC'), string_agg(privilege_type, ' ' ORDER BY privilege_type)
FROM pg_database CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) AS given
LEFT JOIN pg_roles ON pg_roles.oid = given.grantee
WHERE datname = current_database() GROUP BY rolname ORDER BY 1
"""
MAKES_NOTHING = "CREATE SCHEMA app;"


@pytest.fixture
def stranger(cluster: Cluster) -> Iterator[str]:
    """Have another role of the server that logs in."""
    cluster.run("CREATE ROLE stranger LOGIN PASSWORD 'secret'")
    yield "stranger"
    cluster.drop()
    cluster.run("DROP OWNED BY stranger")
    cluster.run("DROP ROLE stranger")


def rights(cluster: Cluster, database: str) -> dict[str, str]:
    """Say who may do what with a database."""
    return dict(cluster.run(RIGHTS, database))


class TestApply:
    """An apply closes what a server makes open."""

    def test_those_who_log_in_may_connect(
        self, cluster: Cluster, owner_url: str, database: str, folder: Folder
    ) -> None:
        """By name, and no more than that; the owner has what the owner of a database has."""
        folder.add("0000.app", MAKES_NOTHING)
        before = plan(owner_url, brings=folder.release()).access
        page = review(owner_url, brings=folder.release())
        report = apply(owner_url, brings=folder.release())

        assert {
            "plant_app": "CONNECT",
            "plant_owner": "CONNECT CREATE TEMPORARY",
            "plant_readonly": "CONNECT",
            "plant_worker": "CONNECT",
        } == rights(cluster, database)
        assert [step.statement for step in before] == list(report.access)
        assert all(f"\n{statement};\n" in page for statement in report.access)
        assert () == verify(owner_url, brings=folder.release())
        assert () == plan(owner_url, brings=folder.release()).access

    def test_any_other_role_is_kept_out(
        self, cluster: Cluster, owner_url: str, database: str, folder: Folder, stranger: str
    ) -> None:
        """It got in before, with a right to temporary tables."""
        url = cluster.url(stranger, database, "secret")
        with psycopg.connect(url) as session:
            session.execute("CREATE TEMPORARY TABLE mine ()")
        folder.add("0000.app", MAKES_NOTHING)
        apply(owner_url, brings=folder.release())

        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url)

    def test_a_login_makes_no_temporary_table(
        self, cluster: Cluster, owner_url: str, database: str, folder: Folder
    ) -> None:
        """The service needs none, and what a caller makes there could stand in the way."""
        folder.add("0000.app", MAKES_NOTHING)
        apply(owner_url, brings=folder.release())

        with psycopg.connect(cluster.url("postgres", database)) as session:
            session.execute("SET ROLE plant_app")
            with pytest.raises(errors.InsufficientPrivilege, match="temporary tables"):
                session.execute("CREATE TEMPORARY TABLE mine ()")

    def test_what_was_opened_is_found_and_closed(
        self, cluster: Cluster, owner_url: str, database: str, folder: Folder
    ) -> None:
        """As after a restore: a dump does not hold the rights of its database."""
        folder.add("0000.app", MAKES_NOTHING)
        apply(owner_url, brings=folder.release())
        cluster.run(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC")
        cluster.run(f"REVOKE CONNECT ON DATABASE {database} FROM plant_worker")

        found = verify(owner_url, brings=folder.release())
        again = apply(owner_url, brings=folder.release())

        assert [("access", "database")] * 2 == [(each.kind, each.subject) for each in found]
        assert (
            f'GRANT CONNECT ON DATABASE "{database}" TO "plant_worker"',
            f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC',
        ) == again.access
        assert LOGINS == sorted(rights(cluster, database))

    def test_a_superuser_closes_a_database_of_its_own(
        self, cluster: Cluster, folder: Folder
    ) -> None:
        """As in a container, where the database is the superuser's."""
        cluster.make_roles()
        database = cluster.database("postgres")
        folder.add("0000.app", MAKES_NOTHING)
        apply(cluster.url("postgres", database), brings=folder.release())
        found = rights(cluster, database)
        cluster.drop()

        assert {*LOGINS, "postgres"} == found.keys()
        assert "CONNECT CREATE" == found[OWNER]

    def test_who_may_not_close_it_is_told(
        self, cluster: Cluster, folder: Folder, stranger: str
    ) -> None:
        """The upgrade goes on, and the statement for the owner of the database is named."""
        cluster.make_roles()
        database = cluster.database("postgres")
        cluster.run(f"GRANT CREATE ON DATABASE {database} TO plant_owner")
        cluster.run(f"GRANT plant_owner TO {stranger} WITH SET TRUE, INHERIT FALSE")
        folder.add("0000.app", MAKES_NOTHING)
        url, told = cluster.url(stranger, database, "secret"), list[Event]()
        report = apply(url, brings=folder.release(), progress=told.append)
        warnings = [event.subject for event in told if event.kind == "warning"]
        found = verify(url, brings=folder.release())
        for statement in warnings[0].partition(" run: ")[2].removesuffix(";").split("; "):
            cluster.run(statement)
        settled = verify(url, brings=folder.release())

        assert (("0000.app",), ()) == (report.applied, report.access)
        assert {"access"} == {each.kind for each in found}
        assert () == settled
        assert {*LOGINS, "postgres", stranger} == rights(cluster, database).keys()

    def test_a_rollback_of_everything_leaves_it_as_it_was(
        self, cluster: Cluster, owner_url: str, database: str, folder: Folder
    ) -> None:
        """Open, and without a role in its rights: one that may connect could not be dropped."""
        as_made = rights(cluster, database)
        folder.add("0000.app", MAKES_NOTHING, "DROP SCHEMA app;")
        folder.add("0001.more", "CREATE SCHEMA more;", "DROP SCHEMA more;")
        apply(owner_url, brings=folder.release())
        roll_back(owner_url, brings=folder.release())
        after_one = rights(cluster, database)
        roll_back(owner_url, everything=True, brings=folder.release())

        assert LOGINS == sorted(after_one)
        assert as_made == rights(cluster, database)
