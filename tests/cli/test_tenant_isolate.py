"""`plant tenant isolate` as a process of its own, and tables that `plant embed` makes by itself."""

import io
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from service.cli.embed_work import MANY, Embedded, Work, at_once
from service.cli.output import Output
from service.database.lone import Lone
from service.labelling.tenant import ALWAYS
from service.repository.base import One, Repository
from service.repository.keys import Tenant as Named
from service.repository.keys import TenantsList
from service.settings import Settings
from tests.factories import Tenant, create, skill_body
from tests.labelling.ground import Counted, Worker, building, worker
from tests.postgres import Server
from tests.servers import BARE, PLANT
from tests.sessions import Connection

pytestmark = pytest.mark.database

PLACES = "SELECT DISTINCT tableoid::regclass::text FROM app.entity_label WHERE tenant_id = $1"


@pytest.fixture
def environ(cluster: Server, database: str, tmp_path: Path) -> dict[str, str]:
    """Point commands to the module's database."""
    return BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}


def run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PLANT, *words], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def own(tenant: Tenant) -> str:
    """Name the table of its own."""
    return f"app.entity_label_{tenant.id.hex}"


async def places(superuser: Connection, tenant: Tenant) -> list[str]:
    """Name the tables in which labels of a tenant stand."""
    return [row[0] for row in await superuser.fetch(PLACES, tenant.id)]


async def test_labels_move_and_the_second_time_nothing_does(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """Both are success, told as JSON and as words; the doctor and `migrate verify` are content."""
    await create(repository, tenant.author, "skill", skill_body(aliases=["Two"]))
    run(environ | {"PLANT_EMBEDDER": "trigram"}, "embed", "--tenant", tenant.name)
    first = run(environ, "tenant", "isolate", tenant.name, "--json")
    second = run(environ, "tenant", "isolate", tenant.name)
    told = json.loads(first.stdout)

    assert 0 == first.returncode == second.returncode
    assert 0 <= told.pop("seconds") < 60
    assert {"tenant": tenant.name, "moved": True, "labels": 3} == told
    assert f"{tenant.name} has a table of its own already.\n" == second.stdout
    assert "building indexes" in first.stderr
    assert [own(tenant)] == await places(superuser, tenant)
    assert 0 == run(environ, "migrate", "verify").returncode
    looked = run(environ, "doctor").stdout
    assert "✓ row_security" in looked
    assert "✓ triggers" in looked


def test_help_says_what_may_be_found_otherwise(environ: dict[str, str]) -> None:
    """An index may miss one of the nearest, and not the same one afterwards."""
    told = " ".join(run(environ, "tenant", "isolate", "--help").stdout.split())

    assert "one of the nearest may be missed before as after (`exact` is false then)" in told


def test_a_tenant_that_there_is_not_is_refused(environ: dict[str, str]) -> None:
    """It is named, with the way out."""
    ended = run(environ, "tenant", "isolate", "nobody")

    assert 64 == ended.returncode
    assert "plant: There is no tenant 'nobody'. See `plant tenant list`.\n" == ended.stderr


@pytest_asyncio.fixture(loop_scope="module")
async def labeller(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Worker]:
    """Have a session that embeds."""
    async with worker(cluster, database, settings) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def builder(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Lone]:
    """Have a session that makes partitions."""
    async with building(cluster, database, settings) as found:
        yield found


class Embedding:
    """What `plant embed` does for one tenant, with a model that is easily seen through."""

    def __init__(self, owner: Repository, tenant: Tenant, labeller: Worker, builder: Lone) -> None:
        self.owner = owner
        self.tenant = tenant
        self.labeller = labeller
        self.builder = builder
        self.vectors = Counted()
        self.said = io.StringIO()

    async def done(self, many: int) -> Embedded:
        """Embed all, at once from so many labels on."""
        (named,) = [one for one in await self.owner.many(TenantsList()) if self._is(one)]
        output = Output(err=self.said)
        repository, lone = self.labeller.repository, self.labeller.lone
        work = Work(self.owner, repository, lone, self.builder, self.vectors, output, many)
        return await work.embedded(named, ALWAYS)

    def _is(self, one: Named) -> bool:
        return one.name == self.tenant.name


@pytest.fixture
def embedding(owner: Repository, tenant: Tenant, labeller: Worker, builder: Lone) -> Embedding:
    """Have a tenant to be embedded."""
    return Embedding(owner, tenant, labeller, builder)


async def test_embed_makes_a_table_where_many_labels_are_lacking(
    repository: Repository, superuser: Connection, tenant: Tenant, embedding: Embedding
) -> None:
    """From the number on; with less the labels stay among those of others."""
    for _ in range(2):
        await create(repository, tenant.author, "skill", skill_body())
    few = await embedding.done(many=5)
    before = await places(superuser, tenant)
    for _ in range(3):
        await create(repository, tenant.author, "skill", skill_body())
    many = await embedding.done(many=5)

    assert (4, 6) == (few.labels, many.labels)
    assert 10 == len(embedding.vectors.texts)
    assert ["app.entity_label_default"] == before
    assert [own(tenant)] == await places(superuser, tenant)
    assert f"embedding {tenant.name}: 6 of 6 (100%)" in embedding.said.getvalue()


async def test_embedding_again_makes_nothing_anew(
    repository: Repository, superuser: Connection, tenant: Tenant, embedding: Embedding
) -> None:
    """What has its vectors is left alone, in the same table; later labels go there too."""
    await create(repository, tenant.author, "skill", skill_body())
    await embedding.done(many=1)
    again = await embedding.done(many=1)
    await create(repository, tenant.author, "skill", skill_body())
    later = await embedding.done(many=3)

    assert (0, 2) == (again.labels, later.labels)
    assert [own(tenant)] == await places(superuser, tenant)


async def test_nothing_is_left_where_others_embedded_the_rest(
    repository: Repository, tenant: Tenant, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer were written than were lacking: that this is the end is said, and else nothing."""
    await create(repository, tenant.author, "skill", skill_body())

    async def counted(work: Work, query: One[Any]) -> Any:
        found = await work.repository.one(query, connection=work.lone.connection)
        await embedding.labeller.embedded(tenant, Counted())
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Work, "_one", counted)
        others = await embedding.done(many=9)
    told = embedding.said.getvalue()
    await create(repository, tenant.author, "skill", skill_body())
    ours = await embedding.done(many=9)

    assert (0, 2) == (others.labels, ours.labels)
    line = f"{tenant.name}: nothing is left; the other 2 were embedded by others, or are gone\n"
    assert told.endswith(line)
    assert 1 == embedding.said.getvalue().count("nothing is left")


async def test_nothing_is_lacking_of_what_brings_its_own_vector(
    repository: Repository, tenant: Tenant, embedding: Embedding
) -> None:
    """What it is called is compared by words alone: such a tenant's table is not made ever anew."""
    vector = [1.0, *[0.0] * 383]
    for _ in range(3):
        body = skill_body(aliases=["One", "Two"], embedding_384=vector)
        await create(repository, tenant.author, "skill", body)
    first = await embedding.done(many=9)
    built = embedding.said.getvalue().count("building indexes")
    again = await embedding.done(many=1)

    assert first.labels > 9
    assert 0 == again.labels
    assert built == embedding.said.getvalue().count("building indexes") == 1
    assert "nothing is left" not in embedding.said.getvalue()


async def test_a_table_that_was_detached_is_named_without_a_stack(
    repository: Repository, superuser: Connection, tenant: Tenant, environ: dict[str, str]
) -> None:
    """Both commands' refusal is one line: the table, and the way out."""
    await create(repository, tenant.author, "skill", skill_body())
    run(environ | {"PLANT_EMBEDDER": "trigram"}, "embed", "--tenant", tenant.name)
    run(environ, "tenant", "isolate", tenant.name)
    await superuser.execute(f"ALTER TABLE app.entity_label DETACH PARTITION {own(tenant)}")
    ended = run(environ, "tenant", "isolate", tenant.name)
    # Other tests ask in this database whether every table is as it should be.
    await superuser.execute(f"DROP TABLE {own(tenant)}")

    assert 1 == ended.returncode
    assert ended.stderr.startswith(f"plant: The table {own(tenant)} stands there and is not")
    assert 1 == len(ended.stderr.splitlines())


@pytest.mark.parametrize(
    "missing, wanted, at_once_",
    [
        (MANY, MANY, True),
        (MANY - 1, MANY - 1, False),
        (MANY, 20 * MANY, True),
        (MANY, 20 * MANY + 1, False),
    ],
)
def test_a_large_table_is_not_made_anew_for_few_labels(
    missing: int, wanted: int, at_once_: object
) -> None:
    """Twenty thousand have to be lacking, and one in twenty."""
    assert at_once_ is at_once(missing, wanted)
