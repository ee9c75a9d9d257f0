"""The server to work on: embedded or given, checked, and its login roles let in."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from service.database import check
from service.database.address import Role
from service.database.check import (
    DatabaseMissing,
    LoginRefused,
    ServerTooOld,
    ServerUnreachable,
    VectorMissing,
)
from service.database.embedded import EmbeddedServer, embedded_server
from service.database.roles import (
    PasswordNotSet,
    RoleMissing,
    ensure_login_roles,
    require_login,
)
from service.database.target import NoSuchRole, Target, resolve
from service.settings import Settings
from tests.servers import ask, settings_with_room

pytestmark = pytest.mark.database

LOGINS = ["plant_app", "plant_worker", "plant_readonly"]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """Have a server that the tests reach as if somebody else ran it."""
    with settings_with_room() as settings, embedded_server(settings) as running:
        yield running


@pytest.fixture
def given(server: EmbeddedServer, tmp_path: Path) -> Settings:
    """Give the settings of somebody who has an address, and a data directory of his own."""
    return Settings(data_dir=tmp_path / "data", database_url=server.url("plant_owner"))


def at(url: str, **parts: str) -> str:
    """Give the address with some of its parts replaced."""
    return urlsplit(url)._replace(**parts).geturl()


def test_a_given_server_is_checked_and_used(given: Settings) -> None:
    """With PLANT_DATABASE_URL the owner's address is that one, and nothing is started."""
    with resolve(given) as target:
        assert not target.embedded
        assert given.database_url == target.url("owner")
        assert 1 == ask(target.url("owner"), "SELECT 1")
    assert not (given.data_dir / "postgres").exists()


def test_an_address_that_is_set_is_used_as_it_is(given: Settings) -> None:
    """The address of a role that logs in is taken unchanged where it is set."""
    roles: tuple[Role, ...] = ("app", "worker", "readonly")
    urls = {role: f"postgresql://{role}@h/d" for role in roles}

    target = Target(
        msgspec.structs.replace(
            given, **{f"{role}_database_url": url for role, url in urls.items()}
        )
    )

    assert urls == {role: target.url(role) for role in roles}


def test_derived_addresses_differ_in_user_and_password_only(given: Settings) -> None:
    """What is derived names the same server, database and parameters, and stays the same."""
    owner = urlsplit(given.database_url or "")
    derived = urlsplit(Target(given).url("readonly"))

    assert "plant_readonly" == derived.username
    assert derived.password not in {None, owner.password}
    assert (owner.path, owner.query, owner.hostname) == (
        derived.path,
        derived.query,
        derived.hostname,
    )
    assert derived.geturl() == Target(given).url("readonly")


def test_nobody_knows_the_superuser_of_a_given_server(given: Settings) -> None:
    """There is no address for whoever Plant does not know."""
    with pytest.raises(NoSuchRole, match="knows no superuser"):
        Target(given).url("superuser")


def test_a_refused_password_is_said(given: Settings) -> None:
    """The refusal names server, user and setting, and not the password."""
    url = at(given.database_url or "", netloc="plant_owner:sesame@")

    with pytest.raises(LoginRefused, match="refused the password of user plant_owner") as caught:
        check.check(url, given)

    assert "PLANT_DATABASE_URL" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_missing_database_is_said(given: Settings) -> None:
    """The refusal names the database and how to make it."""
    url = at(given.database_url or "", path="/nowhere")

    with pytest.raises(
        DatabaseMissing, match=r"no database nowhere\. Create it \(createdb --owner"
    ):
        check.check(url, given)


def test_an_old_server_is_refused_by_its_version(
    given: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names the server's version, where it is, and what is needed."""
    monkeypatch.setattr(check, "MAJOR_MIN", 99)

    with pytest.raises(ServerTooOld, match=r"PostgreSQL 18\.\d+ at socket /.* is too old: .* 99"):
        check.check(given.database_url or "", given)


def test_a_server_without_pgvector_is_refused(server: EmbeddedServer, given: Settings) -> None:
    """Where the extension's files are not there, the refusal says what to install."""
    ask(server.url("postgres"), "CREATE DATABASE bare OWNER plant_owner")
    # Of this database only: as if the server had no such extension.
    ask(server.url("postgres"), "ALTER DATABASE bare SET extension_control_path = '/nowhere'")

    with pytest.raises(VectorMissing, match="lacks the extension pgvector"):
        check.check(at(given.database_url or "", path="/bare"), given)


def test_a_database_without_pgvector_is_refused_to_who_may_not_create_it(
    server: EmbeddedServer, given: Settings
) -> None:
    """The owner is told what a superuser has to run; for a superuser nothing is in the way."""
    ask(server.url("postgres"), "CREATE DATABASE plain OWNER plant_owner")

    with pytest.raises(VectorMissing, match="Run as superuser in plain: CREATE EXTENSION vector"):
        check.check(at(given.database_url or "", path="/plain"), given)
    facts = check.check(at(server.url("postgres"), path="/plain"), given)

    assert facts.version.startswith("18.")
    assert 0 == ask(at(server.url("postgres"), path="/plain"), MADE)


MADE = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'"


def test_an_old_pgvector_is_refused(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the extension's version and what is needed."""
    monkeypatch.setattr(check, "VECTOR_MIN", (99, 0))

    with pytest.raises(VectorMissing, match=r"pgvector 0\.\d+\.\d+ at .* is too old: .* 99\.0"):
        check.check(given.database_url or "", given)


@pytest.mark.parametrize(
    "url,said",
    [
        ("postgresql://u:sesame@/d?host=/nowhere", "at socket /nowhere cannot be reached: No such"),
        ("postgresql://u:sesame@127.0.0.1:1/d", "at host 127.0.0.1 port 1 cannot be reached: Conn"),
        ("postgresql://u:sesame@nowhere.invalid/d", "at host nowhere.invalid port 5432 cannot be"),
        ("postgresql://u:sesame@/d?host=/x&sslmode=odd", "`sslmode` parameter must be one of"),
    ],
)
def test_a_server_that_is_not_there_is_said(given: Settings, url: str, said: str) -> None:
    """The refusal names the place that was tried and what the system said, not the password."""
    with pytest.raises(ServerUnreachable, match=said) as caught:
        check.check(url, given)

    assert "sesame" not in str(caught.value)


def test_a_silent_server_is_said(given: Settings) -> None:
    """Something that takes the connection and says nothing is given up after the deadline."""
    settings = msgspec.structs.replace(given, connect_timeout_ms=100)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d"
        with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.1 seconds"):
            check.check(url, settings)


@pytest.fixture
def roles(server: EmbeddedServer) -> Iterator[None]:
    """Have the roles that a migration makes, as the owner makes them; all but the read-only one."""
    for role in LOGINS:
        ask(server.url("plant_owner"), f"CREATE ROLE {role}")
    yield
    for role in LOGINS:
        ask(server.url("postgres"), f"DROP ROLE {role}")


def test_login_roles_get_in_with_their_passwords(given: Settings, roles: None) -> None:
    """Roles that are there get the password of the data directory; the second time is no change."""
    target = Target(given)

    assert LOGINS == ensure_login_roles(given, target)
    assert "plant_app" == ask(target.url("app"), "SELECT current_user")
    assert "plant_worker" == ask(target.url("worker"), "SELECT current_user")
    assert [] == ensure_login_roles(given, target)


def test_the_log_never_sees_a_password(
    server: EmbeddedServer, given: Settings, roles: None
) -> None:
    """What is sent is what PostgreSQL stores: a server that logs each statement learns nothing."""
    target = Target(given)
    begun = server.place.log.stat().st_size
    ask(server.url("postgres"), "ALTER ROLE plant_owner SET log_statement = 'all'")

    changed = ensure_login_roles(given, target)

    ask(server.url("postgres"), "ALTER ROLE plant_owner RESET log_statement")
    logged = server.place.log.read_bytes()[begun:].decode()
    assert changed == re.findall(r"ALTER ROLE (\w+) LOGIN PASSWORD 'SCRAM-SHA-256", logged)
    assert str(urlsplit(target.url("app")).password) not in logged


@pytest.mark.parametrize("role", ["app", "worker", "readonly"])
def test_a_role_with_an_address_of_its_own_is_left_alone(
    given: Settings, roles: None, role: str
) -> None:
    """Who sets PLANT_APP_DATABASE_URL, and so on, answers for that role's password."""
    settings = msgspec.structs.replace(given, **{f"{role}_database_url": given.database_url})

    others = [user for user in LOGINS if user != f"plant_{role}"]
    assert others == ensure_login_roles(settings, Target(settings))


def test_a_role_that_the_owner_may_not_change_is_said(
    server: EmbeddedServer, given: Settings
) -> None:
    """The refusal names the role and what a superuser has to run."""
    ask(server.url("postgres"), "CREATE ROLE plant_app")

    with pytest.raises(
        PasswordNotSet,
        match="GRANT plant_app TO plant_owner WITH ADMIN OPTION; or set PLANT_APP_DATABASE_URL",
    ):
        ensure_login_roles(given, Target(given))
    ask(server.url("postgres"), "DROP ROLE plant_app")


def test_a_role_that_no_migration_has_made_is_said(given: Settings) -> None:
    """The refusal names the command that makes it."""
    with pytest.raises(RoleMissing, match="Run `plant migrate apply`"):
        require_login(given, Target(given), "app")


def test_an_address_of_its_own_that_is_refused_is_said_by_its_setting(
    given: Settings, roles: None
) -> None:
    """Who has set PLANT_APP_DATABASE_URL is told to look there."""
    url = at(given.database_url or "", netloc="plant_app:sesame@")
    settings = msgspec.structs.replace(given, app_database_url=url)

    with pytest.raises(LoginRefused, match=r"user plant_app\. .* in PLANT_APP_DATABASE_URL"):
        require_login(settings, Target(settings), "app")


def test_the_embedded_server_is_the_default() -> None:
    """Without PLANT_DATABASE_URL the target is the embedded server, started for the occasion."""
    roles: tuple[Role, ...] = ("superuser", "owner", "app", "worker", "readonly")
    with settings_with_room() as settings:
        with resolve(settings) as target:
            assert target.embedded
            assert "plant" == ask(target.url("superuser"), "SELECT current_database()")
            users = [urlsplit(target.url(role)).username for role in roles]

        assert ["postgres", *(f"plant_{role}" for role in roles[1:])] == users
        assert target.server is not None
        assert target.server.running() is None
