"""What `plant doctor` says of a server, its schema and its keys: each fault with its way out."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.database.check import LoginRefused, ServerUnreachable
from service.doctor import history, schema, server
from service.doctor.look import Entry, Seen
from service.migrate.compare import REFUSED, Finding, Kind
from service.migrate.refusals import BadMigrations
from service.migrate.release import Release, release
from service.model.kinds import KINDS
from service.repository.doctor import Facts, Keys, Login, Role, Table
from service.settings import Settings

FACTS = Facts(
    version="18.6",
    version_num=180_006,
    encoding="UTF8",
    standby=False,
    login="plant_owner",
    database="plant",
    database_bytes=10_000_000,
    data_directory=None,
    vector="0.8.1",
    vector_schema="public",
    vector_available="0.8.1",
    tls=None,
    connections=20,
    connections_service=5,
    connections_max=97,
)
GUARDS = ["app.base_entity_guard", "audit.base_entity_log", "audit.refuse_change"]
LOCAL = "postgresql://plant_owner:secret@127.0.0.1:5432/plant"
AWAY = "postgresql://plant_owner:secret@db.example.org:5432/plant"


def facts(**other: Any) -> Facts:
    """Give the facts of a good server, but for these."""
    return structs.replace(FACTS, **other)


def role(name: str, **other: Any) -> Role:
    """Give a role that may do nothing but log in."""
    return structs.replace(Role(name, True, False, False, False, []), **other)


def table(name: str, *awake: str, **other: Any) -> Table:
    """Give a tenant's table with forced row security."""
    return structs.replace(Table(name, True, True, True, [*awake], []), **other)


def login(user: str, **other: Any) -> Login:
    """Give the session of a role."""
    return structs.replace(Login(user, "plant", False, False), **other)


ENTRIES = [
    Entry(role="app", given=False, login=login("plant_app")),
    Entry(role="worker", given=True, login=login("plant_worker")),
]
TABLES = [
    table("app.base_entity", *GUARDS),
    *(table(f"app.{kind.name}_entity", "audit.refuse_change") for kind in KINDS.values()),
    table("app.life_cycle_step", of_tenant=False, secured=False, forced=False),
    table("audit.entry", "audit.refuse_change"),
    table("audit.payload", "audit.refuse_change"),
]


def seen(**other: Any) -> Seen:
    """Give what a good server shows, but for these."""
    good = Seen(
        as_owner=True,
        facts=FACTS,
        round_trip_s=0.001,
        ahead_s=0.0,
        roles=[role(name) for name in sorted(schema.ROLES)],
        tables=TABLES,
        keys=Keys(1, 2, 0, 0, 0, None, None),
        entries=ENTRIES,
    )
    return structs.replace(good, **other)


@pytest.fixture(scope="module")
def brings() -> Release:
    """Give this release."""
    return release()


class TestServer:
    """What the server is and has."""

    def test_a_good_one_is_good_in_everything(self) -> None:
        """No check of a good server is anything else."""
        assert {"good"} == {
            check.status
            for check in (
                server.given(LOCAL, seen()),
                server.version(FACTS),
                server.encoding(FACTS),
                server.vector(FACTS),
                server.connections(Settings(), FACTS),
                server.clock(seen()),
                schema.roles(seen()),
                schema.logins(seen()),
                schema.row_security(TABLES),
                schema.triggers(TABLES),
                schema.keys(seen()),
            )
        }

    @pytest.mark.parametrize(
        "version,number,status", [("17.9", 170_009, "bad"), ("18.0", 180_000, "good"),
                                  ("19beta1", 190_000, "good")]
    )  # fmt: skip
    def test_version(self, version: str, number: int, status: str) -> None:
        """Below 18 is too old, by its own name."""
        found = server.version(facts(version=version, version_num=number))

        assert status == found.status
        assert f"PostgreSQL {version}" in found.found

    def test_encoding(self) -> None:
        """Anything but UTF8 is broken: the way out makes the database anew."""
        found = server.encoding(facts(encoding="LATIN1"))

        assert "bad" == found.status
        assert "ENCODING 'UTF8' TEMPLATE template0" in str(found.way_out)

    @pytest.mark.parametrize(
        "other,says",
        [
            ({"vector": None, "vector_schema": None, "vector_available": None}, "Install it"),
            ({"vector": None, "vector_schema": None}, "CREATE EXTENSION vector;"),
            ({"vector": "0.6.2"}, "ALTER EXTENSION vector UPDATE;"),
            ({"vector_schema": "ext"}, "ALTER EXTENSION vector SET SCHEMA public;"),
        ],
    )
    def test_vector(self, other: dict[str, Any], says: str) -> None:
        """Absent, not made, too old, elsewhere: each has its statement."""
        found = server.vector(facts(**other))

        assert "bad" == found.status
        assert says in str(found.way_out)

    @pytest.mark.parametrize(
        "url,tls,standby,status",
        [
            (LOCAL, None, False, "good"),
            ("postgresql://u@/plant?host=/run/postgresql", None, False, "good"),
            ("postgresql://u@[::1]/plant", None, False, "good"),
            (AWAY, "TLSv1.3", False, "good"),
            (AWAY, None, False, "warning"),
            ("postgresql://u@/plant?host=db.example.org", None, False, "warning"),
            (AWAY, "TLSv1.3", True, "bad"),
        ],
    )
    def test_given(self, url: str, tls: str | None, status: str, *, standby: bool) -> None:
        """Without TLS over a network is a warning, a standby is broken; no password is shown."""
        found = server.given(url, seen(facts=facts(tls=tls, standby=standby)))

        assert status == found.status
        assert (tls or "without TLS") in found.found
        assert "secret" not in found.found

    @pytest.mark.parametrize(
        "total,ours,pool,status",
        [
            (20, 5, 10, "good"),
            (92, 10, 10, "good"),
            (97, 10, 10, "good"),
            (92, 0, 10, "warning"),
            (20, 0, 98, "warning"),
        ],
    )
    def test_connections(self, total: int, ours: int, pool: int, status: str) -> None:
        """What services hold already is not counted against them a second time."""
        used = facts(connections=total, connections_service=ours)

        assert status == server.connections(Settings(pool_max=pool), used).status

    @pytest.mark.parametrize(
        "ahead_s,round_trip_s,status,says",
        [
            (1.9, 0.001, "good", "1.900 s ahead of"),
            (-1.9, 0.001, "good", "1.900 s behind"),
            (2.1, 0.001, "warning", "ahead of"),
            (-3600.0, 0.001, "warning", "3600.000 s behind"),
            (2.1, 1.0, "good", "to within 0.500 s"),
        ],
    )
    def test_clock(self, ahead_s: float, round_trip_s: float, status: str, says: str) -> None:
        """More than two seconds away, and not only because the answer was slow, is a warning."""
        found = server.clock(seen(ahead_s=ahead_s, round_trip_s=round_trip_s))

        assert status == found.status
        assert says in found.found


class TestRoles:
    """Who there is and what they may do."""

    @pytest.mark.parametrize(
        "name,other,says",
        [
            ("plant_app", {"superuser": True}, "ALTER ROLE plant_app NOSUPERUSER;"),
            ("plant_owner", {"bypasses": True}, "ALTER ROLE plant_owner NOBYPASSRLS;"),
            ("plant_worker", {"creates_roles": True}, "ALTER ROLE plant_worker NOCREATEROLE;"),
            ("plant_app", {"member_of": ["plant_writer"]}, "REVOKE plant_writer FROM plant_app;"),
        ],
    )
    def test_more_than_row_security_holds(
        self, name: str, other: dict[str, Any], says: str
    ) -> None:
        """Each right too many is named with the statement that takes it."""
        spoilt = [each for each in seen().roles if each.name != name] + [role(name, **other)]
        found = schema.roles(seen(roles=spoilt))

        assert "bad" == found.status
        assert name in found.found
        assert says in str(found.way_out)

    def test_what_is_as_it_has_to_be(self) -> None:
        """The owner makes roles and is a member of others; roles that are not ours are nobody's."""
        found = [*seen().roles, role("plant_pots", superuser=True)]
        owner = role("plant_owner", creates_roles=True, member_of=["plant_writer"])
        found = [each for each in found if each.name != "plant_owner"] + [owner]

        assert "good" == schema.roles(seen(roles=found)).status

    def test_missing_ones_are_named(self) -> None:
        """Migrations make them."""
        found = schema.roles(seen(roles=[role("plant_owner")]))

        assert "bad" == found.status
        assert "plant_app, plant_audit" in found.found
        assert "plant migrate apply" in str(found.way_out)

    def test_a_user_who_may_not_act_as_the_owner(self) -> None:
        """He could not migrate, and sees no key."""
        found = schema.roles(seen(as_owner=False, facts=facts(login="me")))
        hidden = schema.keys(seen(as_owner=False, facts=facts(login="me"), keys=None))

        assert ("bad", "unknown") == (found.status, hidden.status)
        assert "GRANT plant_owner TO me;" in str(found.way_out)


class TestLogins:
    """How the service gets in."""

    def look(self, **other: Any) -> tuple[str, str, str]:
        """Look at an entry of the service; status, what was found, way out."""
        entry = structs.replace(ENTRIES[0], **other)
        found = schema.logins(seen(entries=[entry, ENTRIES[1]]))
        return found.status, found.found, str(found.way_out)

    def test_ways_in_are_named(self) -> None:
        """By an address of the operator's, or by a password of the data directory."""
        found = schema.logins(seen()).found

        assert "plant_app gets in by its password in the data directory" in found
        assert "plant_worker gets in by PLANT_WORKER_DATABASE_URL" in found

    @pytest.mark.parametrize("known", [True, False])
    def test_a_password_that_the_next_start_sets_is_a_warning(self, *, known: bool) -> None:
        """One that is not there yet, or that another data directory has changed."""
        refused = LoginRefused("No.", "Check.") if known else None
        status, found, way_out = self.look(known=known, login=None, refused=refused)

        assert "warning" == status
        assert ("is another" in found) == known
        assert "next start" in way_out
        assert "set PLANT_APP_DATABASE_URL, PLANT_WORKER_DATABASE_URL." in way_out

    def test_a_given_address_that_is_refused_is_broken(self) -> None:
        """No start mends it."""
        refused = LoginRefused("PostgreSQL refused the password of user x.", "Check.")
        status, found, way_out = self.look(given=True, login=None, refused=refused)

        assert ("bad", "Correct PLANT_APP_DATABASE_URL.") == (status, way_out)
        assert "refused the password of user x" in found

    def test_a_server_that_does_not_answer_is_no_matter_of_passwords(self) -> None:
        """What went wrong is said as it is."""
        refused = ServerUnreachable("It did not answer.", "Look there.")
        status, found, way_out = self.look(login=None, refused=refused)

        assert ("bad", "Look there.") == (status, way_out)
        assert "did not answer" in found

    @pytest.mark.parametrize(
        "found,says",
        [
            (login("postgres", superuser=True), "postgres is above row security"),
            (login("plant_app", bypasses=True), "plant_app is above row security"),
            (login("plant_owner"), "would work as plant_owner, not as plant_app"),
            (login("plant_app", database="other"), "works in the database other"),
        ],
    )
    def test_who_gets_in_as_somebody_else_is_broken(self, found: Login, says: str) -> None:
        """A service above row security would show every tenant all the others."""
        status, text, _ = self.look(given=True, login=found)

        assert "bad" == status
        assert says in text

    @pytest.mark.parametrize(
        "found,mends",
        [
            (login("postgres", superuser=True), "It has to name plant_app."),
            (login("plant_app", bypasses=True), "ALTER ROLE plant_app NOSUPERUSER NOBYPASSRLS;"),
        ],
    )
    def test_who_is_above_row_security_is_mended_where_it_comes_from(
        self, found: Login, mends: str
    ) -> None:
        """An address that names somebody else is corrected, a role of ours is lowered."""
        _, _, way_out = self.look(given=True, login=found)

        assert mends in way_out

    def test_a_role_that_is_not_there_is_broken(self) -> None:
        """A password cannot help it."""
        there = [each for each in seen().roles if each.name != "plant_app"]

        assert "bad" == schema.logins(seen(roles=there)).status


class TestTables:
    """Row security and triggers, by the catalogue."""

    @pytest.mark.parametrize(
        "other,word", [({"secured": False}, "ENABLE"), ({"forced": False}, "FORCE")]
    )
    def test_row_security_that_is_off_or_not_forced(self, other: dict[str, Any], word: str) -> None:
        """The table is named with the statement that puts it right."""
        found = schema.row_security([*TABLES, table("app.entity_tag", **other)])

        assert "bad" == found.status
        assert f"ALTER TABLE app.entity_tag {word} ROW LEVEL SECURITY;" in str(found.way_out)

    def test_a_trigger_that_may_be_passed_by(self) -> None:
        """Disabled, or not for replicas: both let a change go unlogged."""
        found = schema.triggers([*TABLES, table("app.entity_tag", asleep=["tag_log"])])

        assert "bad" == found.status
        assert "ALTER TABLE app.entity_tag ENABLE ALWAYS TRIGGER tag_log;" in str(found.way_out)

    @pytest.mark.parametrize("gone", sorted(schema.AWAKE))
    def test_a_trigger_that_is_gone(self, gone: str) -> None:
        """One that was dropped is asleep nowhere, and missed all the same."""
        left = [structs.replace(each, awake=[]) if each.name == gone else each for each in TABLES]
        found = schema.triggers(left)

        assert "bad" == found.status
        assert f"audit.refuse_change on {gone}" in found.found

    def test_a_table_that_is_gone(self) -> None:
        """With its triggers."""
        assert (
            "bad" == schema.triggers([each for each in TABLES if "entry" not in each.name]).status
        )


class TestKeys:
    """Keys that work and do not."""

    def test_none_says_how_to_make_one(self) -> None:
        """A registry that nobody may use."""
        for found in (Keys(0, 0, 0, 0, 0, None, None), Keys(1, 0, 2, 1, 0, None, None)):
            check = schema.keys(seen(keys=found))

            assert "warning" == check.status
            assert "plant key create --tenant" in str(check.way_out)

    def test_one_that_expires_soon_is_named(self) -> None:
        """With when, and what replaces it."""
        key = UUID("0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77")
        soon = Keys(1, 3, 0, 0, 2, key, datetime(2030, 1, 31, 12, tzinfo=UTC))
        check = schema.keys(seen(keys=soon))

        assert "warning" == check.status
        assert f"2 within 14 days: first {key}, on 2030-01-31 12:00 UTC" in check.found
        assert f"plant key rotate {key}" in str(check.way_out)

    def test_numbers_are_words(self) -> None:
        """One tenant is not 1 tenants."""
        assert (
            "1 tenant, 1 key works" in schema.keys(seen(keys=Keys(1, 1, 0, 0, 0, None, None))).found
        )
        assert (
            "2 tenants, 2 keys work"
            in schema.keys(seen(keys=Keys(2, 2, 0, 0, 0, None, None))).found
        )


class TestHistory:
    """Migrations and functions."""

    def test_agreement_is_good(self, brings: Release) -> None:
        """The newest migration is named."""
        found = history.migrations(brings, (), embedded=False)

        assert "good" == found.status
        assert brings.migrations[-1].id in found.found
        assert "good" == history.functions(brings, ()).status

    @pytest.mark.parametrize("kind", sorted(REFUSED))
    def test_what_apply_refuses_is_broken_everywhere(self, brings: Release, kind: Kind) -> None:
        """Edited, gone, late, newer, marked by something else: no start mends it."""
        finding = Finding(kind, "0001.x", "is so")
        found = history.migrations(brings, (finding,), embedded=True)

        assert "bad" == found.status
        assert "0001.x: is so" in found.found

    def test_what_waits_is_broken_on_a_given_server_only(self, brings: Release) -> None:
        """The embedded server's service applies it when it starts."""
        waiting = [Finding("pending", f"000{n}.x", "is not applied") for n in range(5)]
        waiting.append(Finding("unfinished", "0000.x", "was begun"))
        given = history.migrations(brings, waiting, embedded=False)
        embedded = history.migrations(brings, waiting, embedded=True)

        assert ("bad", "warning") == (given.status, embedded.status)
        assert f"5 of {len(brings.migrations)} are not applied, 1 of them begun" in given.found
        assert "plant migrate apply" in str(given.way_out)
        assert "good" == history.functions(brings, waiting).status

    @pytest.mark.parametrize("kind", ["server", "index", "unfinished"])
    def test_the_rest_is_broken_too(self, brings: Release, kind: Kind) -> None:
        """What the server lacks, an index half-built."""
        found = history.migrations(brings, (Finding(kind, "x", "is so"),), embedded=True)

        assert ("bad", "x: is so") == (found.status, found.found)

    def test_files_that_cannot_be_read_are_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A release whose own files break the rules says so under migrations."""

        def unreadable() -> Release:
            raise BadMigrations(["0001.x.sql: there is no statement"])

        monkeypatch.setattr(history, "release", unreadable)
        migrations, *others = history.compared("postgresql://nowhere/x", embedded=True)

        assert ["bad", "unknown", "unknown"] == [one.status for one in (migrations, *others)]
        assert "there is no statement" in migrations.found

    def test_rules_that_differ_are_no_matter_of_migrations(self, brings: Release) -> None:
        """Three are shown, the others counted; nobody is told that a command mends them."""
        wrong = [Finding("rule", f"policy p{n} on app.x", "is missing") for n in range(5)]
        migrations, functions, rules = history.said(brings, wrong, embedded=True)

        assert ("good", "good", "bad") == (migrations.status, functions.status, rules.status)
        assert "policy p2 on app.x: is missing; and 2 more" in rules.found
        assert "Find out who did that" in str(rules.way_out)

    @pytest.mark.parametrize(
        "embedded,waits,status",
        [(True, True, "warning"), (True, False, "unknown"), (False, True, "unknown")],
    )
    def test_rules_that_were_not_compared_are_not_called_good(
        self, brings: Release, status: str, *, embedded: bool, waits: bool
    ) -> None:
        """What waits the next start of an embedded server's service applies: then they are."""
        found = [Finding("unseen", "rules", "are not compared: why")]
        found += [Finding("pending", "0001.x", "is not applied")] if waits else []
        rules = history.rules(brings, found, embedded=embedded)

        assert (status, "are not compared: why") == (rules.status, rules.found)

    def test_functions_that_differ_are_named_and_counted(self, brings: Release) -> None:
        """Three are shown, the others counted; they are no matter of migrations."""
        wrong = [Finding("function", f"f{n}", "was edited") for n in range(5)]
        found = history.functions(brings, wrong)

        assert ("bad", "Run: plant migrate apply") == (found.status, found.way_out)
        assert "f2: was edited; and 2 more" in found.found
        assert "good" == history.migrations(brings, wrong, embedded=False).status

    def test_three_are_shown_and_nothing_is_counted(self, brings: Release) -> None:
        """Nobody is told of more where there is no more."""
        wrong = [Finding("function", f"f{n}", "was edited") for n in range(3)]

        assert history.functions(brings, wrong).found.endswith("f2: was edited")
