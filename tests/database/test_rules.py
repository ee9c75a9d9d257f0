"""Whoever changes a rule of a migrated database is found out, by the name of what was changed."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs

from service.__main__ import main
from service.catalog.place import place
from service.doctor import history
from service.migrate import manifest, survey
from service.migrate.compare import Finding
from service.migrate.facts import facts
from service.migrate.release import Release, release
from service.migrate.runner import apply, roll_back
from service.migrate.session import READING, Event, Limits, connect
from tests.database.tamperings import BY_OWNER, BY_SUPERUSER
from tests.postgres import Server

pytestmark = pytest.mark.database

TENANT = "00000000-0000-7000-8000-000000000001"
OWN = f"entity_label_{TENANT.replace('-', '')}"
APART = f"""
INSERT INTO app.tenant (tenant_id, name) VALUES ('{TENANT}', 'large') ON CONFLICT DO NOTHING;
SET LOCAL ROLE plant_owner;
SELECT app.begin_label_partition('{TENANT}');
SELECT app.index_label_partition('{TENANT}');
SELECT app.attach_label_partition('{TENANT}', '{{}}', '{{}}', NULL, NULL, 500);
"""
OF_ONE_TENANT: list[tuple[str, ...]] = [
    (f"ALTER TABLE app.{OWN} NO FORCE ROW LEVEL SECURITY", f"row security of app.{OWN}"),
    (
        f"CREATE POLICY leak ON app.{OWN} TO plant_app USING (TRUE)",
        f"policy leak on app.{OWN}",
    ),
    (f"GRANT SELECT ON app.{OWN} TO PUBLIC", f"privileges of PUBLIC on table app.{OWN}"),
    (
        f"ALTER TABLE app.{OWN} DISABLE TRIGGER {OWN}_no_truncate",
        f"trigger {OWN}_no_truncate on app.{OWN}",
    ),
    (f"ALTER TABLE app.{OWN} SET (fillfactor = 50)", f"table app.{OWN}"),
    (f"CREATE INDEX planted ON app.{OWN} (label)", f"index app.planted on app.{OWN}"),
    (
        f"ALTER TABLE app.{OWN} ADD CONSTRAINT planted CHECK (label <> '')",
        f"constraint planted of app.{OWN}",
    ),
    (
        f"ALTER TABLE app.{OWN} ALTER COLUMN label SET STATISTICS 100",
        f"column label of app.{OWN}",
    ),
    (f"CREATE TABLE app.{OWN}_3 (label text)", f"table app.{OWN}_3"),
]


@pytest.fixture(scope="module")
def brings() -> Release:
    """Give this release."""
    return release()


@pytest.fixture(scope="module")
def owner_url(cluster: Server, database: str) -> str:
    """Give the address of a migrated database, in which a tenant has its labels apart."""
    cluster.run("CREATE SCHEMA plant_own AUTHORIZATION plant_owner", database)
    isolate(cluster.url("superuser", database))
    return cluster.url("owner", database)


@pytest.fixture
def copy(cluster: Server, template: str) -> Iterator[str]:
    """Give a migrated database that a test may spoil."""
    name = cluster.clone(template)
    yield name
    cluster.drop(name)


def isolate(url: str) -> None:
    """Give a tenant's labels a table of their own, as `plant tenant isolate` does."""
    with connect(url, Limits()) as connection, connection.transaction():
        connection.execute(APART.encode())


def look(url: str, statement: str, brings: Release) -> tuple[Finding, ...]:
    """Do something, say what is found then, and undo it."""
    with connect(url, Limits()) as connection, connection.transaction(force_rollback=True):
        connection.execute(statement.encode())
        connection.execute("SET ROLE plant_owner")
        return survey.verified(connection, brings)


def wrong(found: tuple[Finding, ...]) -> list[str]:
    """Name what is found of rules."""
    return [finding.subject for finding in found if finding.kind in {"rule", "unseen"}]


def test_the_manifest_is_what_the_migrations_make(
    cluster: Server, copy: str, brings: Release
) -> None:
    """What is committed is what a migrated database has: `tox -e rules` writes it again."""
    restored = cluster.restore(copy, "restored_once")
    found = []
    for name in (copy, restored):
        with connect(cluster.url("owner", name), READING) as connection:
            found.append(facts(connection))
    cluster.drop(restored)
    text = manifest.written(brings.migrations[-1].id, *found)

    assert (place("migrations") / brings.manifests[0].file).read_text() == text


def test_a_sound_database_has_nothing_wrong(owner_url: str, brings: Release) -> None:
    """Neither has a tenant's own table of labels; the doctor says how much was compared."""
    began = time.perf_counter()
    found = survey.verify(owner_url, brings=brings)
    took_s = time.perf_counter() - began
    check = history.compared(owner_url, embedded=False)[2]

    assert () == found
    assert took_s < 5
    assert ("rules", "good") == (check.id, check.status)
    assert f"{len(brings.manifests[0].digests)} in app, audit, plant_migrate and q" in check.found


@pytest.mark.parametrize(
    "statement,names",
    [
        pytest.param(statement, names, id=f"{number} {names[-1]}")
        for number, (statement, *names) in enumerate([*BY_OWNER, *OF_ONE_TENANT])
    ],
)
def test_what_the_owner_changed_is_named(
    owner_url: str, brings: Release, statement: str, names: list[str]
) -> None:
    """By verify and by the doctor: that, and nothing else."""
    found = look(owner_url, statement, brings)
    check = history.said(brings, found, embedded=False)[2]

    assert names == [finding.subject for finding in found]
    assert ("rules", "bad") == (check.id, check.status)
    assert f"{names[-1]}: is" in check.found


@pytest.mark.parametrize(
    "statement,names",
    [
        pytest.param(statement, names, id=f"{number} {names[-1]}")
        for number, (statement, *names) in enumerate(BY_SUPERUSER)
    ],
)
def test_what_a_superuser_changed_is_named(
    cluster: Server,
    owner_url: str,
    database: str,
    brings: Release,
    statement: str,
    names: list[str],
) -> None:
    """Owners, and the triggers by which a foreign key is checked."""
    found = look(cluster.url("superuser", database), statement, brings)

    assert set(names) <= {*wrong(found)}


@pytest.mark.parametrize(
    "statement,fault",
    [
        ("GRANT EXECUTE ON FUNCTION {} TO plant_readonly", "may be executed by plant_readonly"),
        ("ALTER FUNCTION {} STABLE", "is of another nature"),
    ],
)
def test_a_function_of_a_statement_is_compared_with_its_file(
    owner_url: str, brings: Release, statement: str, fault: str
) -> None:
    """Who else may call it, and how it is called."""
    name = next(one for one in brings.catalog.functions() if one.role == "app").function
    (found,) = look(
        owner_url,
        f"DO $do$ BEGIN EXECUTE format($${statement.format('%s')}$$, (SELECT oid::regprocedure"
        f" FROM pg_proc WHERE proname = '{name}')); END $do$",
        brings,
    )

    assert ("function", name) == (found.kind, found.subject)
    assert fault in found.text


def test_a_table_of_a_tenant_made_anew_is_sound(
    cluster: Server, copy: str, brings: Release
) -> None:
    """The second one has another name, of which the server cuts those of its indexes."""
    url = cluster.url("owner", copy)
    for _ in range(2):
        isolate(cluster.url("superuser", copy))
    (table,) = cluster.run(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent = 'app.entity_label'::regclass AND inhrelid::regclass::text ~ '0001'",
        copy,
    )

    assert f"app.{OWN}_2" == table["name"]
    assert () == survey.verify(url, brings=brings)


def test_a_table_of_a_tenant_that_is_detached_is_named(
    cluster: Server, owner_url: str, brings: Release
) -> None:
    """It is no part of what is searched, and holds texts."""
    statement = f"ALTER TABLE app.entity_label DETACH PARTITION app.{OWN}"

    assert f"table app.{OWN}" in wrong(look(owner_url, statement, brings))


def test_a_table_of_a_tenant_from_an_older_release_is_sound(
    cluster: Server, copy: str, brings: Release
) -> None:
    """Migrations bring it along; what is rolled back is not compared."""
    url = cluster.url("owner", copy)
    roll_back(url, to="0036.entity_likeness")
    isolate(cluster.url("superuser", copy))
    between = survey.verify(url, brings=brings)
    apply(url)

    assert {"pending", "unseen"} == {finding.kind for finding in between}
    assert () == survey.verify(url, brings=brings)


def test_what_was_dumped_and_restored_is_sound(
    cluster: Server, database: str, owner_url: str, brings: Release
) -> None:
    """A restore numbers, names and grants in an order of its own; so does a restore of that."""
    once = cluster.restore(database, "dumped_once")
    twice = cluster.restore(once, "dumped_twice")
    found = [survey.verify(cluster.url("owner", name), brings=brings) for name in (once, twice)]
    isolate(cluster.url("superuser", twice))
    anew = survey.verify(cluster.url("owner", twice), brings=brings)
    for name in (once, twice):
        cluster.drop(name)

    assert [{"access"}] * 3 == [{item.kind for item in one} for one in (*found, anew)]


def test_apply_tells_what_differs_and_leaves_it(
    cluster: Server, copy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It mends nothing that it does not know; both commands name it, with their exit codes."""
    cluster.run("ALTER TABLE app.skill_entity NO FORCE ROW LEVEL SECURITY", copy)
    events: list[Event] = []
    report = apply(cluster.url("owner", copy), progress=events.append)
    for name, value in cluster.environ(copy).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    applied = main(["migrate", "apply"])
    told = capsys.readouterr()
    verified = main(["migrate", "verify"])
    said = capsys.readouterr().out

    assert ("row security of app.skill_entity",) == report.differing
    assert ["differs"] == [event.kind for event in events]
    assert (0, 1) == (applied, verified)
    assert "differs, and is left so: row security of app.skill_entity: is not as" in told.err
    assert "differing: 1" in told.out
    assert (
        "row security of app.skill_entity: is not as this release makes it; "
        "there it is: on, not forced\n"
    ) == said


@pytest.fixture
def verified(
    cluster: Server,
    database: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Release], tuple[int, Any]]:
    """Run `plant migrate verify` of a release; its exit code and its answer."""
    for name, value in cluster.environ(database).items():
        monkeypatch.setenv(name, value)

    def run(brings: Release) -> tuple[int, Any]:
        monkeypatch.setattr(survey, "release", lambda: brings)
        capsys.readouterr()
        code = main(["migrate", "verify", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    "other,says",
    [
        ({"major": 17}, "this release knows those of PostgreSQL 17, the server is 18"),
        ({"newest": "0000.x"}, "rules.18.manifest is of 0000.x, the newest file is 0"),
    ],
    ids=["another version", "another release"],
)
def test_what_cannot_be_compared_is_said(
    owner_url: str,
    brings: Release,
    verified: Callable[[Release], tuple[int, Any]],
    other: dict[str, Any],
    says: str,
) -> None:
    """It is neither called agreement nor a difference."""
    (known,) = brings.manifests
    unlike = structs.replace(brings, manifests=(structs.replace(known, **other),))
    code, (found,) = verified(unlike)
    check = history.said(unlike, survey.verify(owner_url, brings=unlike), embedded=False)[2]

    assert (2, "unseen", "rules") == (code, found["kind"], found["subject"])
    assert says in found["text"]
    assert ("unknown", found["text"]) == (check.status, check.found)


def test_what_a_session_has_set_changes_no_definition(
    owner_url: str, database: str, cluster: Server, brings: Release
) -> None:
    """The database may have settings of its own, which every session begins with."""
    settings = {"quote_all_identifiers": "on", "DateStyle": "'SQL, DMY'", "search_path": "app"}
    for name, value in settings.items():
        cluster.run(f"ALTER DATABASE {database} SET {name} = {value}")
    found = survey.verify(owner_url, brings=brings)
    for name in settings:
        cluster.run(f"ALTER DATABASE {database} RESET {name}")

    assert () == found
