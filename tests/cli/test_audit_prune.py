"""`plant audit prune` as a process of its own, on a sealed database of the tests' server."""

import base64
import json
import os
import pty
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio

from service.proof.bundle_check import check_bundle
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Api, serving
from tests.erasing import erased
from tests.factories import Tenant, active_skill, amend, create, skill_body
from tests.leader import Sealer
from tests.postgres import Server
from tests.servers import BARE, PLANT
from tests.sessions import Connection

pytestmark = pytest.mark.database

KEPT = "SELECT count(*) FROM audit.payload WHERE tenant_id = $1 AND body IS NOT NULL"


@pytest.fixture
def environ(cluster: Server, database: str, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database, with the passwords and the key of the tests."""
    given = {
        "PLANT_DATA_DIR": str(tmp_path / "data"),
        "PLANT_SIGNING_KEY": str(settings.data_dir / "signing.key"),
        "PLANT_SEALER_STATE": str(settings.data_dir / "sealer.json"),
    }
    return BARE | cluster.environ(database) | given


def run(
    environ: dict[str, str], tenant: Tenant, to: Path, *more: str, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """Run `plant audit prune` to its end; nobody is there to answer unless somebody is given."""
    return subprocess.run(
        [*PLANT, "audit", "prune", "--tenant", tenant.name, "--to", str(to), *more],
        env=environ, capture_output=True, text=True, timeout=60, check=False, stdin=stdin,
    )  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def lived(
    repository: Repository, tenant: Tenant, other_tenant: Tenant, sealer: Sealer
) -> Tenant:
    """Have a tenant of eight entries, four of which may be pruned, with a draft of each agent."""
    made = await active_skill(repository, tenant)
    await active_skill(repository, other_tenant)
    await amend(repository, tenant.author, "skill", made.id, {"tags": ["x"]})
    for actor in (tenant.author, tenant.certifier, tenant.reader):
        if actor is not tenant.reader:
            await create(repository, actor, "skill", skill_body())
    await create(repository, tenant.author, "skill", skill_body())
    await sealer.seal()
    return tenant


async def test_what_goes_is_in_the_file(
    superuser: Connection,
    lived: Tenant,
    environ: dict[str, str],
    sealer: Sealer,
    tmp_path: Path,
) -> None:
    """Every document, drafts of all; the file proves itself, and the entry has its digest."""
    rows = await superuser.fetch(
        "SELECT payload.body FROM audit.position AS place"
        " INNER JOIN audit.payload USING (tenant_id, audit_id)"
        " WHERE place.tenant_id = $1 ORDER BY place.pos", lived.id,
    )  # fmt: skip
    to = tmp_path / "old.proof"
    done = run(environ, lived, to, "--through", "8", "--yes", "--json")
    answer = json.loads(done.stdout)
    lines = to.read_bytes().splitlines(keepends=True)
    report = check_bundle(lines, sealer.keys)
    entry = await superuser.fetchrow(
        "SELECT payload.body FROM audit.entry INNER JOIN audit.payload USING (tenant_id, audit_id)"
        " WHERE entity_id = $1", lived.id,
    )  # fmt: skip
    digest = sha256(to.read_bytes()).hexdigest()

    assert 0 == done.returncode, done.stderr
    assert [row["body"] for row in rows] == [line.decode().split("\t")[2] for line in lines[1:-1]]
    assert (8, 0, 0, 0) == (report.count, report.withheld, report.erased, report.pruned)
    assert {"file": str(to), "sha256": digest, "bytes": to.stat().st_size} == answer["archive"]
    assert (True, 8, 4) == tuple(answer[name] for name in ("pruned", "through", "emptied"))
    assert 0o600 == stat.S_IMODE(to.stat().st_mode)
    assert entry
    said = json.loads(entry["body"])
    assert ("old.proof", digest, 8, 4) == tuple(
        said[name] for name in ("archive", "sha256", "through", "emptied")
    )
    assert 5 == await superuser.fetchval(KEPT, lived.id)
    assert [to.name] == files(tmp_path)


def files(folder: Path) -> list[str]:
    """Name the files that lie in a folder."""
    return [one.name for one in folder.iterdir() if one.is_file()]


async def test_a_stranger_can_check_the_file(
    lived: Tenant, environ: dict[str, str], sealer: Sealer, tmp_path: Path
) -> None:
    """With docs/verify.py and the public key, nothing else."""
    to = tmp_path / "old.proof"
    run(environ, lived, to, "--through", "5", "--yes")
    seen = verified(to, str(sealer.keys[0]))

    assert 0 == seen.returncode, seen.stdout + seen.stderr


def verified(file: Path, key: str) -> subprocess.CompletedProcess[str]:
    """Run the small verifier on a file."""
    script = Path(__file__).parents[2] / "docs" / "verify.py"
    return subprocess.run(
        [sys.executable, str(script), "--key", key, str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


async def test_what_was_pruned_before_is_in_the_file_before(
    repository: Repository,
    superuser: Connection,
    lived: Tenant,
    environ: dict[str, str],
    sealer: Sealer,
    tmp_path: Path,
) -> None:
    """The next file says so; what was erased is said to be, once that is sealed."""
    first, second, third = (tmp_path / f"{number}.proof" for number in range(3))
    run(environ, lived, first, "--through", "3", "--yes")
    gone = await superuser.fetchval(
        "SELECT entity_id FROM audit.position INNER JOIN audit.entry USING (tenant_id, audit_id)"
        " WHERE tenant_id = $1 AND pos = 8", lived.id,
    )  # fmt: skip
    await erased(repository, lived.author, "skill", gone)
    await sealer.seal()
    done = run(environ, lived, second, "--through", "8", "--yes")
    run(environ, lived, third, "--through", "10", "--yes")
    words = [
        [line.split("\t")[1] for line in one.read_text().splitlines()[1:-1]]
        for one in (second, third)
        if one.exists()
    ]

    assert "pruned    1 document, positions 1 to 8" in done.stdout
    assert ["pruned", "pruned", "pruned"] == words[0][:3]
    assert "withheld" == words[0][7]
    assert 5 == sum(len(word) == 32 for word in words[0]) + 1
    assert 1 == len(words)


@pytest.mark.parametrize("how", ["before", "through", "both"])
async def test_how_far_it_goes(
    superuser: Connection,
    lived: Tenant,
    environ: dict[str, str],
    tmp_path: Path,
    how: str,
) -> None:
    """Up to a position, up to what is older than a time, or the nearer of both."""
    at = await superuser.fetchval(
        "SELECT at FROM audit.position INNER JOIN audit.entry USING (tenant_id, audit_id)"
        " WHERE tenant_id = $1 AND pos = 4", lived.id,
    )  # fmt: skip
    asked = {
        "before": ["--before", at.isoformat()],
        "through": ["--through", "3"],
        "both": ["--through", "3", "--before", (at + timedelta(days=1)).isoformat()],
    }
    done = run(environ, lived, tmp_path / "old.proof", "--yes", "--json", *asked[how])

    assert 3 == json.loads(done.stdout)["through"], done.stderr


async def test_nothing_to_prune_is_no_failure(
    lived: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """Before the first entry, or the second time: no file is made."""
    to = tmp_path / "old.proof"
    early = run(environ, lived, to, "--before", "2001-01-01T00:00:00Z", "--yes", "--json")
    first = run(environ, lived, tmp_path / "first.proof", "--through", "5", "--yes")
    again = run(environ, lived, to, "--through", "5", "--yes")

    assert (0, 0, 0) == (early.returncode, first.returncode, again.returncode)
    assert {"pruned": False} == json.loads(early.stdout)
    assert "There is nothing to prune." in again.stdout
    assert not to.exists()


@pytest.mark.parametrize("said,code,kept", [("yes\n", 0, 5), ("no\n", 64, 8), (None, 64, 8)])
async def test_it_asks_before(
    superuser: Connection,
    lived: Tenant,
    environ: dict[str, str],
    tmp_path: Path,
    said: str | None,
    code: int,
    kept: int,
) -> None:
    """At a terminal; where there is none it takes --yes."""
    to = tmp_path / "old.proof"
    ours, theirs = pty.openpty()
    try:
        os.write(ours, (said or "").encode())
        given = {"stdin": theirs} if said else {}
        asked = run(environ, lived, to, "--through", "8", **given)
    finally:
        os.close(ours)
        os.close(theirs)

    assert code == asked.returncode
    assert f"of the log of {lived.name}, positions 1 to 8." in asked.stderr
    assert ("Type yes to go on:" if said else "Repeat it with --yes.") in asked.stderr
    assert kept == await superuser.fetchval(KEPT, lived.id)
    assert (code == 0) == to.exists()


async def test_a_log_that_does_not_prove_itself_is_left_alone(
    superuser: Connection, lived: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """A document that was changed beneath the triggers: 1, no file, and nothing is emptied."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.payload DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.payload SET body = body || ' ' WHERE tenant_id = $1", lived.id
        )
        for name in ("10_update", "20_emptying", "append_only"):
            await superuser.execute(
                f"ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_{name}"
            )
    to = tmp_path / "old.proof"
    done = run(environ, lived, to, "--through", "8", "--yes")

    assert 1 == done.returncode
    assert "does not prove itself" in done.stderr
    assert not to.exists()
    assert 8 == await superuser.fetchval(KEPT, lived.id)


async def test_a_refused_pruning_leaves_no_file(
    superuser: Connection, lived: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """The tables have everything still; drafts of everybody must not lie about."""
    function = "FUNCTION audit.prune_log(uuid, bigint, text, bytea)"
    to = tmp_path / "old.proof"
    await superuser.execute(f"REVOKE EXECUTE ON {function} FROM plant_owner")
    try:
        refused = run(environ, lived, to, "--through", "8", "--yes")
    finally:
        await superuser.execute(f"SET ROLE plant_audit; GRANT EXECUTE ON {function} TO plant_owner")
        await superuser.execute("RESET ROLE")
    left = files(tmp_path)
    done = run(environ, lived, to, "--through", "8", "--yes")

    assert 2 == refused.returncode
    assert "Traceback" not in refused.stderr
    assert [] == left
    assert (0, [to.name]) == (done.returncode, files(tmp_path))


async def test_what_it_cannot_do(lived: Tenant, environ: dict[str, str], tmp_path: Path) -> None:
    """A file that is there, a folder that is not, another key, and what is no position or time."""
    there = tmp_path / "there"
    there.write_bytes(b"before")
    new = tmp_path / "new"
    other = base64.b64encode(bytes(32)).decode()
    nobody = Tenant("nobody", lived.id, lived.author, lived.certifier, lived.reader)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    yes = ("--through", "8", "--yes")
    answers = {
        "there": run(environ, lived, there, *yes),
        "name": run(environ, lived, tmp_path / "a\nb.proof", *yes),
        "folder": run(environ, lived, tmp_path / "no" / "file", *yes),
        "key": run(environ | {"PLANT_SIGNING_KEY": other}, lived, new, *yes),
        "tenant": run(environ, nobody, new, *yes),
        "how far": run(environ, lived, new, "--yes"),
        "position": run(environ, lived, new, "--through", "0", "--yes"),
        "time": run(environ, lived, new, "--before", tomorrow, "--yes"),
    }

    assert {
        "there": 2, "name": 2, "folder": 2, "key": 1, "tenant": 64,
        "how far": 64, "position": 64, "time": 64,
    } == {name: one.returncode for name, one in answers.items()}  # fmt: skip
    assert b"before" == there.read_bytes()
    assert not new.exists()
    assert "is there already" in answers["there"].stderr
    assert "'a\\nb.proof' is no name for an archive." in answers["name"].stderr
    assert "cannot be written" in answers["folder"].stderr
    assert "There is no tenant 'nobody'." in answers["tenant"].stderr


async def test_the_api_names_the_archive(
    cluster: Server,
    database: str,
    lived: Tenant,
    environ: dict[str, str],
    sealer: Sealer,
    settings: Settings,
    tmp_path: Path,
) -> None:
    """410 for the past, by number, by time and in a difference; compliance and proofs hold."""
    to = tmp_path / "old.proof"
    run(environ, lived, to, "--through", "8", "--yes")
    await sealer.seal()
    digest = sha256(to.read_bytes()).hexdigest()
    async with serving(settings, cluster.url("app", database)) as url, Api.open(url, lived) as api:
        (skill,) = (await api.get("/v1/skills?status=active")).json["items"]
        path = f"/v1/skills/{skill['id']}"
        answers = [
            await api.get(f"{path}?version=2"),
            await api.get(f"{path}?as_of={skill['created_at']}"),
            await api.get(f"{path}/diff?from=4&to=5"),
        ]
        present = await api.get(f"{path}?version=5")
        versions = (await api.get(f"{path}/versions")).json["items"]
        then = (await api.get(f"/v1/skills?as_of={skill['created_at']}")).json["items"]
        compliant = (await api.get(f"{path}/compliance")).json
        receipt = (await api.get(f"{path}/receipt?version=2")).json
        bundle = await api.get("/v1/exports?format=proof")

    for answer in answers:
        assert (410, "pruned") == (answer.status, answer.problem)
        assert {"name": "old.proof", "sha256": digest} == answer.json["archive"]
    assert (
        "The content of this skill's version 2 was moved to the archive old.proof."
        == (answers[0].json["detail"])
    )
    assert 200 == present.status
    assert [None] * 4 == [one["status"] for one in versions[1:]]
    assert [] == then
    assert compliant["compliant"], compliant
    assert (None, None) == (receipt["salt"], receipt["document"])
    report = check_bundle(bundle.body.splitlines(keepends=True), sealer.keys)
    assert (9, 4, 1) == (report.count, report.pruned, report.withheld)


async def test_a_log_that_was_pruned_and_erased_is_intact(
    repository: Repository,
    superuser: Connection,
    lived: Tenant,
    environ: dict[str, str],
    sealer: Sealer,
    tmp_path: Path,
) -> None:
    """`plant audit verify` says so of database and file, and not where more is gone than that."""
    to = tmp_path / "old.proof"
    run(environ, lived, to, "--through", "3", "--yes")
    made = await active_skill(repository, lived)
    await erased(repository, lived.author, "skill", made.id)
    await sealer.seal()
    before = verdict(environ, "--tenant", lived.name)
    file = verdict(environ, "--bundle", str(to))
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.payload DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.payload SET salt = NULL, body = NULL FROM audit.position AS place"
            " WHERE place.audit_id = payload.audit_id AND place.tenant_id = $1 AND pos = 4",
            lived.id,
        )
        for name in ("10_update", "20_emptying", "append_only"):
            await superuser.execute(
                f"ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_{name}"
            )
    after = verdict(environ, "--tenant", lived.name)

    assert (0, 0) == (before.returncode, file.returncode), before.stdout + file.stdout
    assert 1 == after.returncode
    assert "position 4" in after.stdout


def verdict(environ: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    """Run `plant audit verify`."""
    return subprocess.run(
        [*PLANT, "audit", "verify", *more],
        env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
