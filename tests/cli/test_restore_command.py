"""`plant import --restore` as a process of its own, and what the log is afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.proof.bundle_check import check_bundle
from service.repository.base import Repository
from service.settings import Settings
from tests.erasing import erased
from tests.factories import Tenant, create, make_actor, skill_body
from tests.leader import Sealer
from tests.postgres import Server
from tests.restoring import Empty, come_back, make_empty, make_motley
from tests.servers import BARE, PLANT

pytestmark = pytest.mark.database

SCRIPT = Path(__file__).parents[2] / "docs" / "verify.py"


@pytest.fixture
def environ(cluster: Server, database: str, settings: Settings) -> dict[str, str]:
    """Point commands to the module's database, and to the keys and the state of its log."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(settings.data_dir)}


@pytest.fixture
async def into(owner: Repository) -> Empty:
    """Have an empty tenant."""
    return await make_empty(owner)


def run(environ: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PLANT, *words], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def agents(tenant: Tenant) -> list[str]:
    """Name the governance agents of a tenant as arguments."""
    actors = (tenant.author, tenant.certifier)
    return [
        word
        for actor in actors
        for word in ("--agent", f"{actor.context.governance_agent_id}={actor.name}")
    ]


async def test_the_log_is_intact_and_the_next_export_the_same(
    repository: Repository,
    owner: Repository,
    tenant: Tenant,
    into: Empty,
    sealer: Sealer,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """Every verifier takes restore entries for beginnings: of the database, of bundles, alone."""
    await make_motley(repository, tenant)
    first, second, proof = (tmp_path / name for name in ("first", "second", "proof"))
    run(environ, "export", "--embeddings", "--key", tenant.author.key, "--output", first)
    done = run(environ, "import", "--restore", "--key", into.admin.key, first, *agents(tenant))
    assert 0 == done.returncode, done.stderr
    back = await come_back(owner, into)
    run(environ, "export", "--embeddings", "--key", back.author.key, "--output", second)
    # What was archived before it was restored, and is erased now, ended all the same.
    documents = map(json.loads, first.read_text().splitlines())
    gone = next(one for one in documents if one.get("status") == "archived")
    await erased(repository, into.admin, gone["entity_type"], gone["id"])
    await sealer.seal()
    verified = run(environ, "audit", "verify")
    auditor = (await make_actor(owner, into.name, "auditor", ["read", "audit"]))[1]
    run(environ, "export", "--format", "proof", "--key", auditor.key, "--output", proof)
    keys = [word for key in sealer.keys for word in ("--key", str(key))]
    alone = subprocess.run(  # noqa: ASYNC221 - nothing else waits
        [sys.executable, SCRIPT, *keys, proof], check=False, capture_output=True, text=True
    )
    with proof.open("rb") as file:
        checked = check_bundle(file, sealer.keys)

    count = json.loads(first.read_bytes().splitlines()[-1])["count"]
    assert {"totals": {"restored": count, "rejected": 0}} == json.loads(done.stdout)
    assert f"restoring: {count}, " in done.stderr
    assert first.read_bytes() == second.read_bytes()
    assert (0, 0) == (verified.returncode, alone.returncode), (verified, alone)
    assert count + 1 == checked.count


async def test_a_line_that_is_refused_is_told(
    repository: Repository,
    tenant: Tenant,
    into: Empty,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """As JSON with line and field on standard output; exit code 1."""
    await create(repository, tenant.author, "skill", skill_body())
    file = tmp_path / "it"
    run(environ, "export", "--key", tenant.author.key, "--output", file)
    file.write_bytes(file.read_bytes().replace(b'"technical"', b'"mechanical"'))
    done = run(environ, "import", "--restore", "--key", into.admin.key, file, *agents(tenant))

    rejected, totals = map(json.loads, done.stdout.splitlines())
    assert (1, 1, "/category") == (
        done.returncode,
        rejected["line"],
        rejected["problem"]["errors"][0]["pointer"],
    )
    assert {"totals": {"restored": 0, "rejected": 1}} == totals
    assert "nothing was restored" in done.stderr


async def test_governance_agents_that_lack_a_name_are_told(
    repository: Repository,
    tenant: Tenant,
    into: Empty,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """With the way out; exit code 2."""
    await create(repository, tenant.author, "skill", skill_body())
    file = tmp_path / "it"
    run(environ, "export", "--key", tenant.author.key, "--output", file)
    done = run(environ, "import", "--restore", "--key", into.admin.key, file)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"{tenant.author.context.governance_agent_id} (line 1)" in done.stderr
    assert "--agent ID=NAME" in done.stderr


async def test_a_file_that_was_cut_is_refused(
    repository: Repository,
    tenant: Tenant,
    into: Empty,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """It is no whole export; exit code 1."""
    await create(repository, tenant.author, "skill", skill_body())
    file = tmp_path / "it"
    run(environ, "export", "--key", tenant.author.key, "--output", file)
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    done = run(environ, "import", "--restore", "--key", into.admin.key, file, *agents(tenant))

    assert (1, "") == (done.returncode, done.stdout)
    assert "incomplete" in done.stderr


async def test_a_tenant_that_is_not_empty_is_refused(
    repository: Repository, tenant: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """With where the way out stands; exit code 2."""
    await create(repository, tenant.author, "skill", skill_body())
    (tmp_path / "it").write_bytes(b"")
    done = run(environ, "import", "--restore", "--key", tenant.author.key, tmp_path / "it")

    assert (2, "") == (done.returncode, done.stdout)
    assert "The tenant is not empty" in done.stderr
    assert "docs/errors.md says more, under `conflict`." in done.stderr


async def test_it_takes_a_key_with_scope_admin(
    tenant: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """The certifier's has none; exit code 2."""
    (tmp_path / "it").write_bytes(b"")
    done = run(environ, "import", "--restore", "--key", tenant.certifier.key, tmp_path / "it")

    assert 2 == done.returncode
    assert "lacks the scope admin" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--restore", "--verbose", "x"],
        ["--restore", "--archive-absent", "x"],
        ["--restore", "--as", "active", "--certifier-key", "k", "x"],
        ["--restore", "--from", "esco", "x"],
        ["--restore", "x", "y"],
        ["--restore", "--agent", "x=y", "x"],
        ["--restore", "--agent", "01900000-0000-7000-8000-000000000000= ", "x"],
        ["--agent", "01900000-0000-7000-8000-000000000000=n", "x"],
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_wrong_usage(
    environ: dict[str, str], words: list[str]
) -> None:
    """Exit code 64, before anything is looked at."""
    done = run(environ, "import", "--key", "k", *words)

    assert (64, "") == (done.returncode, done.stdout)
