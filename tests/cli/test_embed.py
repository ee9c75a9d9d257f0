"""`plant embed` as a process of its own, on a database of the tests' server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service.repository.base import Repository
from tests.factories import Tenant, create, skill_body
from tests.postgres import Server
from tests.servers import BARE, PLANT
from tests.sessions import Connection

pytestmark = pytest.mark.database

MINILM = "minilm-l6-v2-int8/1"
EMBEDDERS = "SELECT DISTINCT embedder FROM app.entity_label WHERE tenant_id = $1"


@pytest.fixture
def environ(cluster: Server, database: str, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}


def run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run `plant embed` to its end."""
    return subprocess.run(
        [*PLANT, "embed", *words],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def answer(environ: dict[str, str], tenant: Tenant, *words: str) -> Any:
    """Run it for a tenant and give what it answers as JSON."""
    ended = run(environ, *words, "--tenant", tenant.name, "--json")
    assert ended.returncode in {0, 1}, ended.stderr
    return json.loads(ended.stdout)


async def test_what_is_pending_is_embedded_and_nothing_twice(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """Without a service; the second run finds nothing, --all does all of it again."""
    await create(repository, tenant.author, "skill", skill_body(aliases=["Two"]))
    first = answer(environ, tenant)
    second = answer(environ, tenant)
    anew = answer(environ, tenant, "--all")

    assert {"model": MINILM, "items": [{"tenant": tenant.name, "labels": 3}]} == first
    assert [0, 3] == [one["items"][0]["labels"] for one in (second, anew)]
    assert [MINILM] == [row[0] for row in await superuser.fetch(EMBEDDERS, tenant.id)]


async def test_without_the_model_words_stand_in(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """The answer says so, and the model takes over when there is one."""
    await create(repository, tenant.author, "skill", skill_body())
    words = run(environ | {"PLANT_EMBEDDER": "trigram"}, "--tenant", tenant.name)
    before = [row[0] for row in await superuser.fetch(EMBEDDERS, tenant.id)]
    again = answer(environ, tenant)

    assert 0 == words.returncode
    assert ["model  trigram/1", f"{tenant.name:<30}  2 labels embedded"] == words.stdout.split(
        "\n"
    )[:2]
    assert ["trigram/1"] == before
    assert 2 == again["items"][0]["labels"]
    assert [MINILM] == [row[0] for row in await superuser.fetch(EMBEDDERS, tenant.id)]


async def test_progress_is_told_beside_the_answer(
    repository: Repository, tenant: Tenant, environ: dict[str, str]
) -> None:
    """How many labels of how many, on standard error."""
    await create(repository, tenant.author, "skill", skill_body())

    assert f"embedding {tenant.name}: 2 of 2 (100%)" in run(environ, "--tenant", tenant.name).stderr


async def test_drift_is_found_and_named(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """A sound sample is 0; a vector that is not its text's is 1, by its entity and label."""
    made = await create(repository, tenant.author, "skill", skill_body(name="Fire pottery"))
    answer(environ, tenant)
    sound = run(environ, "check", "--tenant", tenant.name)
    await superuser.execute(
        "UPDATE app.entity_label SET embedding_384 = lexical_384"
        " WHERE entity_id = $1 AND source = 'name'",
        made.id,
    )
    drifted = run(environ, "check", "--tenant", tenant.name)
    told = answer(environ, tenant, "check")

    assert (0, 1) == (sound.returncode, drifted.returncode)
    assert "4 vectors compared, least cosine 1.0000" in sound.stdout
    (line,) = [line for line in drifted.stdout.splitlines() if "drifted" in line]
    assert ["drifted", str(made.id), "name", "embedding_384"] == line.split()[:4]
    (found,) = told["items"][tenant.name]["drifted"]
    assert "Fire pottery" == found["label"]
    assert found["cosine"] < told["cosine_min"] == 0.85


async def test_vectors_of_another_model_are_not_compared(
    repository: Repository, tenant: Tenant, environ: dict[str, str]
) -> None:
    """They are counted; what they are made by is not here."""
    await create(repository, tenant.author, "skill", skill_body())
    answer(environ, tenant)
    checked = run(environ | {"PLANT_EMBEDDER": "trigram"}, "check", "--tenant", tenant.name)

    assert 0 == checked.returncode
    assert f"not compared: 2 vectors by {MINILM}" in checked.stdout


async def test_labels_of_who_brings_a_vector_are_compared_by_their_spelling(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """For good, and told as that; `not compared` are those of other models alone."""
    await create(repository, tenant.author, "skill", skill_body())
    body = skill_body(aliases=["Two"], embedding_384=[1.0, *[0.0] * 383])
    made = await create(repository, tenant.author, "skill", body)
    answer(environ, tenant)
    checked = run(environ, "check", "--tenant", tenant.name)
    told = answer(environ, tenant, "check")["items"][tenant.name]
    await superuser.execute(
        "UPDATE app.entity_label SET embedder = 'other/1' WHERE entity_id = $1 AND source = 'name'",
        made.id,
    )
    others = answer(environ, tenant, "check")["items"][tenant.name]

    assert 0 == checked.returncode
    assert "  by spelling only: 4 labels of entities with a caller's vector\n" in checked.stdout
    assert "not compared" not in checked.stdout
    assert [6, 8, 4, {}] == [told[name] for name in ("labels", "compared", "brought", "others")]
    assert [4, {"other/1": 1}] == [others["brought"], others["others"]]


def test_a_tenant_that_there_is_not_is_wrong_usage(environ: dict[str, str]) -> None:
    """It is named, with the way out."""
    ended = run(environ, "--tenant", "nobody")

    assert 64 == ended.returncode
    assert "plant: There is no tenant 'nobody'. See `plant tenant list`.\n" == ended.stderr


def test_no_database_is_made(environ: dict[str, str], tmp_path: Path) -> None:
    """Where there is none, nothing can be embedded."""
    here = {"PLANT_DATA_DIR": str(tmp_path / "nothing")}
    ended = run(BARE | here)

    assert 2 == ended.returncode
    assert "There is no database in" in ended.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("words", [["check", "--sample", "0"], ["--sample", "x"], ["nothing"]])
def test_what_it_cannot_read_is_wrong_usage(environ: dict[str, str], words: list[str]) -> None:
    """A sample has one label at least."""
    assert 64 == run(environ, *words).returncode


@pytest.mark.parametrize(
    "words, named",
    [
        (("check", "--all"), "--all"),
        (("--sample", "5"), "--sample"),
        (("--seed", "0"), "--seed"),
        (("--all", "--seed", "1"), "--seed"),
    ],
)
def test_what_would_be_ignored_is_refused(
    environ: dict[str, str], words: tuple[str, ...], named: str
) -> None:
    """64, naming it, before a database is looked for."""
    ended = run(environ, *words)

    assert (64, True) == (ended.returncode, named in ended.stderr)
