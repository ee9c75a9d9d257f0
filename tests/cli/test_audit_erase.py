"""`plant audit erase` as a process of its own, on a database of the tests' server."""

import json
import os
import pty
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from service.repository.base import Repository
from service.repository.entities import Written
from tests.amending import propose
from tests.factories import ActorWith, Tenant, active_skill, create, document, skill_body, step
from tests.postgres import Server
from tests.servers import BARE, PLANT

pytestmark = pytest.mark.database


@pytest.fixture
def environ(cluster: Server, database: str, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database, with the passwords that the tests have."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}


def run(
    environ: dict[str, str], key: str, *more: str, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """Run `plant audit erase` to its end; nobody is there to answer unless somebody is given."""
    return subprocess.run(
        [*PLANT, "audit", "erase", "--key", key, *more],
        env=environ, capture_output=True, text=True, timeout=60, check=False, stdin=stdin,
    )  # fmt: skip


async def version(repository: Repository, tenant: Tenant, made: Written) -> int:
    """Give the version at which a skill stands."""
    found = await document(repository, tenant.author, "skill", made.id)
    assert found
    return int(found["version"])


async def test_it_says_what_was_done(
    repository: Repository, tenant: Tenant, environ: dict[str, str]
) -> None:
    """As JSON and in words: what is gone, what stays, and where the log says so."""
    made = await active_skill(repository, tenant)
    told = run(environ, tenant.author.key, "--yes", "--json", "skill", str(made.id))
    answer = json.loads(told.stdout)
    await step(repository, tenant.author, "skill", made.id, "archived")
    spoken = run(environ, tenant.author.key, "--yes", "skill", str(made.id))

    assert (0, 0, "", "") == (told.returncode, spoken.returncode, told.stderr, spoken.stderr)
    known = {"kind": "skill", "id": str(made.id), "version": 5, "status": "active"}
    assert known | {"erased_through": 4, "amendments": 0, "blanked": False} == {
        name: answer[name] for name in (*known, "erased_through", "amendments", "blanked")
    }
    assert f'"5-{answer["entry_hash"][:16]}"' == answer["etag"]
    assert UUID(answer["audit_id"]).version == 7
    assert "versions 1 to 6, and 0 amendments" in spoken.stdout
    assert "What it said is blank now." in spoken.stdout
    assert 7 == await version(repository, tenant, made)


async def test_nobody_there_is_no(
    repository: Repository, tenant: Tenant, environ: dict[str, str]
) -> None:
    """Without --yes and without a terminal nothing is done, and the way is said."""
    made = await create(repository, tenant.author, "skill", skill_body())
    asked = run(environ, tenant.author.key, "skill", str(made.id))

    assert (64, "") == (asked.returncode, asked.stdout)
    assert f"This empties version 1 of the skill {made.id}, which is draft" in asked.stderr
    assert "but not what it says now" in asked.stderr
    assert "Repeat it with --yes." in asked.stderr
    assert 1 == await version(repository, tenant, made)


@pytest.mark.parametrize("said,code,after", [("yes\n", 0, 3), ("y\n", 64, 2), ("\n", 64, 2)])
async def test_it_asks_at_a_terminal(
    repository: Repository,
    tenant: Tenant,
    environ: dict[str, str],
    said: str,
    code: int,
    after: int,
) -> None:
    """Yes as a word goes on, anything else does not."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await step(repository, tenant.author, "skill", made.id, "archived")
    ours, theirs = pty.openpty()
    try:
        os.write(ours, said.encode())
        asked = run(environ, tenant.author.key, "skill", str(made.id), stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)

    assert code == asked.returncode
    assert "what it says now too" in asked.stderr
    assert "Type yes to go on:" in asked.stderr
    assert after == await version(repository, tenant, made)


async def test_it_says_what_it_cannot_do(
    repository: Repository,
    tenant: Tenant,
    actor_with: ActorWith,
    environ: dict[str, str],
) -> None:
    """No such entity, an open amendment: 1. A key that may not: 2. No such kind: 64."""
    made = await active_skill(repository, tenant)
    opened = await active_skill(repository, tenant)
    await propose(repository, tenant.author, "skill", opened.id, {"description": "Better."})
    weak = await actor_with("read", "write", "certify", "audit")
    key, nothing = tenant.author.key, str(UUID(int=0))
    answers = {
        "absent": run(environ, key, "--yes", "skill", nothing),
        "open": run(environ, key, "--yes", "skill", str(opened.id)),
        "unscoped": run(environ, weak.key, "--yes", "skill", str(made.id)),
        "kind": run(environ, key, "--yes", "skills", str(made.id)),
        "id": run(environ, key, "--yes", "skill", "x"),
    }

    assert {"absent": 1, "open": 1, "unscoped": 2, "kind": 64, "id": 64} == {
        name: one.returncode for name, one in answers.items()
    }
    assert {""} == {one.stdout for one in answers.values()}
    assert "No skill with this id is visible to you." in answers["absent"].stderr
    assert "An amendment of it is open" in answers["open"].stderr
    assert "lacks the scope admin" in answers["unscoped"].stderr
    assert made.version == await version(repository, tenant, made)
