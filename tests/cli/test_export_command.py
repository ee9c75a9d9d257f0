"""`plant export` as a process of its own, on a database of the tests' server."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from service.repository.base import Repository
from tests.factories import ActorWith, Tenant, create, skill_body
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
