"""The past of an entity whose documents were moved to an archive: where they are, and the proof."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.proof.receipt import check_receipt, parse_receipt
from service.repository.base import Repository
from tests.api import Api
from tests.erasing import entry_of, erase, erased
from tests.factories import Tenant
from tests.http.test_erased import Life
from tests.http.test_history import asked, at, text
from tests.leader import Sealer
from tests.pruning import DIGEST, prune

pytestmark = pytest.mark.database

MICROSECOND = timedelta(microseconds=1)
ARCHIVE = {"name": "archive.proof", "sha256": DIGEST.hex()}


@pytest_asyncio.fixture(loop_scope="module")
async def life(api: Api, sealer: Sealer, superuser: asyncpg.Connection) -> Life:
    """Have a skill of four versions, sealed, of which the first three are pruned."""
    answers = [await api.create("skill")]
    path = at("skill", answers[0].json["id"])
    answers.append(await api.patch(path, {"tags": ["x"]}, answers[0].etag))
    answers.append(await api.step(path, "under_review", answers[1].etag))
    answers.append(await api.patch(path, {"tags": ["y"]}, answers[2].etag))
    await sealer.seal()
    await prune(superuser, api.tenant.id, 3)
    return Life(answers)


@pytest.mark.parametrize("asked_by", ["author", "certifier"])
async def test_a_version_that_was_pruned_names_its_archive(
    api: Api, life: Life, asked_by: str
) -> None:
    """By number and by time it is 410, until the next version begins."""
    who = api.by(getattr(api.tenant, asked_by))
    upto = text(datetime.fromisoformat(life.time(4)) - MICROSECOND)
    for moment, words in (
        ({"version": 3}, "version 3"),
        ({"as_of": life.time(3)}, f"version of {life.time(3)}"),
        ({"as_of": upto}, f"version of {upto}"),
    ):
        answer = await who.get(asked(life.path, **moment))
        detail = f"The content of this skill's {words} was moved to the archive archive.proof."
        assert (410, "pruned") == (answer.status, answer.problem)
        assert (detail, ARCHIVE) == (answer.json["detail"], answer.json["archive"])
        assert "no-store" == answer.headers["Cache-Control"]


async def test_the_last_version_stays(api: Api, life: Life) -> None:
    """By number, by time and as the entity, byte for byte."""
    last = life.answers[3]
    for path in (
        asked(life.path, version=4),
        asked(life.path, as_of=life.time(4)),
        life.path,
    ):
        answer = await api.get(path)
        assert (200, last.body) == (answer.status, answer.body)


async def test_drafts_that_were_pruned_stay_hidden(
    api: Api, life: Life, other_tenant: Tenant
) -> None:
    """To whom they were 404 they are; their author is told."""
    path = asked(life.path, version=1)

    assert 410 == (await api.get(path)).status
    assert 404 == (await api.by(api.tenant.certifier).get(path)).status
    assert 404 == (await api.of(other_tenant).get(asked(life.path, version=3))).status


async def test_it_is_listed_without_its_state(api: Api, life: Life) -> None:
    """Who made it, when and how is still said; the state was part of the document."""
    listed = (await api.get(f"{life.path}/versions")).json["items"]

    assert ["amend", "submit", "amend", "create"] == [one["operation"] for one in listed]
    assert ["under_review", None, None, None] == [one["status"] for one in listed]
    assert [str(entry_of(one)) for one in reversed(life.answers)] == [
        one["audit_id"] for one in listed
    ]


@pytest.mark.parametrize("before,after,named", [(3, 4, 3), (1, 2, 1), (2, 2, 2), (4, 1, 1)])
async def test_it_cannot_be_compared(
    api: Api, life: Life, before: int, after: int, named: int
) -> None:
    """A difference with it is 410, which names the version and the archive."""
    ends: dict[str, Any] = {"from": before, "to": after}
    answer = await api.get(asked(f"{life.path}/diff", **ends))
    words = f"The content of this skill's version {named} was moved to the archive archive.proof."

    assert (410, "pruned") == (answer.status, answer.problem)
    assert (words, ARCHIVE) == (answer.json["detail"], answer.json["archive"])


async def test_what_was_pruned_is_proven_as_ever(api: Api, life: Life, sealer: Sealer) -> None:
    """Its receipt has entry, place and proof; the hash finds the document in the archive."""
    for version, written in enumerate(life.answers, 1):
        answer = await api.get(asked(f"{life.path}/receipt", version=version))
        assert 200 == answer.status
        check_receipt(parse_receipt(answer.body), sealer.keys)
        said = answer.json
        hashed = sha256(said["entry"].encode()).hexdigest()
        assert written.headers["Audit-Entry"].endswith(f"hash={hashed}")
        assert (version == 4) == (said["document"] is not None) == (said["salt"] is not None)
        assert [life.answers[0].json["id"], version] == json.loads(said["entry"])[3:5]


async def test_lists_of_its_time_leave_it_out(api: Api, life: Life) -> None:
    """No later version stands in for it."""
    for query in ({}, {"status": "under_review"}):
        then = await api.get(asked("/v1/skills", as_of=life.time(3), **query))
        assert (200, [], None) == (then.status, then.json["items"], then.json["next_cursor"])


def script(bundle: bytes, key: str, to: Path) -> subprocess.CompletedProcess[str]:
    """Let docs/verify.py look at a bundle."""
    to.write_bytes(bundle)
    file = Path(__file__).parents[2] / "docs" / "verify.py"
    return subprocess.run(
        [sys.executable, str(file), "--key", key, str(to)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


async def verified(api: Api, sealer: Sealer, to: Path) -> tuple[int, str, list[str]]:
    """Export for proof and check it with the small verifier; and what stands for documents."""
    answer = await api.get("/v1/exports?format=proof")
    assert 200 == answer.status
    done = await asyncio.to_thread(script, answer.body, str(sealer.keys[0]), to)
    lines = answer.body.decode().splitlines()[1:-1]
    return done.returncode, done.stdout, [line.split("\t")[1] for line in lines]


async def test_a_stranger_takes_what_was_pruned_and_erased(
    api: Api,
    life: Life,
    sealer: Sealer,
    repository: Repository,
    superuser: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    """What entries account for is intact; what somebody emptied is not, and is named."""
    to = tmp_path / "all.proof"
    other = await api.create("skill")
    await api.patch(at("skill", other.json["id"]), {"tags": ["x"]}, other.etag)
    await erased(repository, api.tenant.author, "skill", other.json["id"])
    await sealer.seal()
    code, said, words = await verified(api, sealer, to)
    shown = [word if len(word) < 32 else "shown" for word in words]
    await erase(superuser, entry_of(life.answers[3]))
    emptied = await verified(api, sealer, to)

    pruned = ["pruned", "pruned", "pruned", "shown"]
    # The entry of the pruning, and the other skill.
    assert [*pruned, "shown", "erased", "erased", "shown"] == shown
    assert (0, True) == (code, said.startswith("Intact: 8 entries"))
    assert (1, True) == (emptied[0], "position 4: gone without an erase entry" in emptied[1])
