"""`plant export` as a process of its own, on a database of the tests' server."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from service.proof.bundle_check import check_bundle
from service.repository.base import Repository
from tests.factories import ActorWith, Tenant, create, skill_body
from tests.leader import Sealer
from tests.postgres import Server
from tests.servers import BARE, PLANT

pytestmark = pytest.mark.database


@pytest.fixture
def environ(cluster: Server, database: str, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database, with the passwords that the tests have."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}


def run(environ: dict[str, str], key: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Run `plant export` to its end."""
    return subprocess.run(
        [*PLANT, "export", "--key", key, *more],
        env=environ, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


async def test_standard_output_and_file_are_the_same_whole_export(
    repository: Repository, tenant: Tenant, environ: dict[str, str], tmp_path: Path
) -> None:
    """The bytes are those of the documents, and the last line proves that they are all."""
    for _ in range(3):
        await create(repository, tenant.author, "skill", skill_body())
    file = tmp_path / "entities.ndjson"
    shown, written = (
        run(environ, tenant.author.key),
        run(environ, tenant.author.key, "--output", str(file)),
    )
    lines = shown.stdout.splitlines(keepends=True)
    closing = json.loads(lines[-1])

    assert (0, 0, b"") == (shown.returncode, written.returncode, written.stdout)
    assert shown.stdout == file.read_bytes()
    assert (3, 3) == (len(lines) - 1, closing["count"])
    assert f"sha256:{sha256(b''.join(lines[:-1])).hexdigest()}" == closing["digest"]
    assert b"exporting: 3" in shown.stderr


def test_the_key_from_a_file(tenant: Tenant, environ: dict[str, str], tmp_path: Path) -> None:
    """@ names the file of the key, so that no argument holds it."""
    (tmp_path / "key").write_text(f"{tenant.author.key}\n")

    whole = run(environ, f"@{tmp_path}/key")
    absent = run(environ, f"@{tmp_path}/none")

    assert (0, 0) == (whole.returncode, json.loads(whole.stdout)["count"])
    assert (2, b"") == (absent.returncode, absent.stdout)
    assert b"--key names the file" in absent.stderr


async def test_a_proof_is_the_log_up_to_its_checkpoint(
    repository: Repository,
    tenant: Tenant,
    sealer: Sealer,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """A verifier takes the file, and the growth that was asked for stands in it."""
    sizes = []
    for _ in range(3):
        await create(repository, tenant.author, "skill", skill_body())
        sizes.append(await sealer.seal())
    file = tmp_path / "tenant.proof"
    since = ["--since", str(sizes[0]), "--since", str(sizes[1])]
    asked = ("--format", "proof", *since)
    shown = run(environ, tenant.author.key, *asked)
    written = run(environ, tenant.author.key, *asked, "--output", str(file))
    report = check_bundle(file.read_bytes().splitlines(keepends=True), sealer.keys)

    assert (0, 0, b"") == (shown.returncode, written.returncode, written.stdout)
    assert shown.stdout == file.read_bytes()
    assert (str(tenant.id), 3, sizes[2]) == (report.tenant, report.count, report.checkpoint.size)
    trailer = json.loads(shown.stdout.splitlines()[-1])
    assert sizes[:2] == [one["size"] for one in trailer["consistency"]]
    assert b"exporting: 3" in shown.stderr


async def test_a_proof_that_cannot_be_is_refused(
    repository: Repository,
    tenant: Tenant,
    actor_with: ActorWith,
    sealer: Sealer,
    environ: dict[str, str],
) -> None:
    """For a key without scope audit, a size that is none or too large, documents with a size."""
    reader = await actor_with("read")
    await create(repository, tenant.author, "skill", skill_body())
    await sealer.seal()
    for key, more, code, said in (
        (reader.key, ("--format", "proof"), 2, b"lacks the scope audit"),
        (tenant.author.key, ("--format", "proof", "--since", "-1"), 64, b"--since"),
        (tenant.author.key, ("--format", "proof", "--since", "1_0"), 64, b"invalid"),
        (tenant.author.key, ("--format", "proof", "--since", "999999"), 2, b"not be more than"),
        (tenant.author.key, ("--since", "1"), 64, b"goes with --format proof only"),
        (tenant.author.key, ("--format", "log"), 64, b"invalid choice"),
    ):
        refused = run(environ, key, *more)
        assert (code, b"") == (refused.returncode, refused.stdout)
        assert said in refused.stderr


async def test_a_refused_export_leaves_the_file_that_was_there(
    tenant: Tenant, actor_with: ActorWith, environ: dict[str, str], tmp_path: Path
) -> None:
    """A key that may not read, an unknown one and an unwritable place are said, with code 2."""
    file = tmp_path / "entities.ndjson"
    file.write_bytes(b"before")
    writer = await actor_with("write")
    unscoped = run(environ, writer.key, "--output", str(file))
    unknown = run(environ, "plant_nobody", "--output", str(file))
    nowhere = run(environ, tenant.author.key, "--output", str(tmp_path / "no" / "file"))

    assert [2, 2, 2] == [one.returncode for one in (unscoped, unknown, nowhere)]
    assert b"lacks the scope read" in unscoped.stderr
    assert b"unknown here" in unknown.stderr
    assert b"cannot be written" in nowhere.stderr
    assert b"before" == file.read_bytes()
    assert set(beside(file)) <= {file.name, "data"}


def beside(file: Path) -> list[str]:
    """Name what lies in the folder of a file."""
    return [path.name for path in file.parent.iterdir()]
