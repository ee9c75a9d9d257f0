"""What anyone may check of the log over HTTP: checkpoint, tiles, growth.

What is expected is computed from the leaves in the database, by the functions that a verifier has.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct, structs

from service.proof import tiles, tree
from service.proof.checkpoint import open_checkpoint
from service.proof.tile_path import TilePath
from service.repository.base import Repository
from service.settings import Settings
from service.usecases import tree as tree_of
from service.usecases.tree import latest
from tests.api import Api, serving
from tests.bench import Bench
from tests.factories import ActorWith, Tenant, create, make_tenant, skill_body
from tests.leader import Sealer
from tests.postgres import Server

pytestmark = pytest.mark.database

CHECKPOINT = "/v1/audit/checkpoint"
SIZES = (1, 255, 256, 257, 300)
"""Where the log of this module was sealed."""

LEAVES = "SELECT leaf_hash FROM audit.position ORDER BY log_index"
PUBLIC = [CHECKPOINT, "/v1/audit/tile/0/000", "/v1/audit/consistency?from=1&to=256"]
NO_TILES = [
    "0/001", "1/000", "0/000.p/256", "0/000.p/0", "0/000.p/01", "0/000.p/", "0/000.p", "0/0",
    "0/00", "0/0000", "0/x000/000", "0/001.p/45", "0/001.p/255", "1/000.p/2", "2/000.p/1", "00/000",
    "0/000/", "64/000", "-1/000", "0/-01", "0/x001/x234/067", "0/000.P/1", "0/000.p/1.p/1",
    "0/" + "x999/" * 50 + "999", "entries/000", "0/%30%30%30.p/300", "0/000%00", "8/000",
    "0/%D9%A0%D9%A0%D9%A0", "0/..%2f000", "63/000.p/1",
]  # fmt: skip


class Log(Struct, frozen=True):
    """A log of 300 leaves."""

    leaves: list[bytes]

    def tiles(self) -> dict[tiles.Tile, bytes]:
        """Give the tiles as they should be."""
        return tiles.extend(tiles.Frontier(), self.leaves)[1]

    def root(self, size: int) -> bytes:
        """Give the root of the first leaves."""
        return tiles.root(size, self.tiles()) if size else tree.EMPTY_ROOT


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(
    repository: Repository, owner: Repository, sealer: Sealer, superuser: asyncpg.Connection
) -> Log:
    """Have a log that was sealed at several sizes, of two tenants."""
    two = [await make_tenant(owner), await make_tenant(owner)]
    size = 0
    for until in SIZES:
        for number in range(size, until):
            await create(repository, two[number % 2].author, "skill", skill_body())
        size = until
        assert until == await sealer.seal()
    return Log([row[0] for row in await superuser.fetch(LEAVES)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(cluster: Server, database: str, settings: Settings) -> AsyncIterator[str]:
    """Serve with PLANT_AUDIT_PUBLIC=off."""
    chosen = structs.replace(settings, audit_public="off", pool_max=6)
    async with serving(chosen, cluster.url("app", database)) as url:
        yield url


class TestCheckpoint:
    """GET /v1/audit/checkpoint."""

    async def test_is_the_signed_note(self, api: Api, log: Log, sealer: Sealer) -> None:
        """A text that the log's key has signed: how many leaves, and their root."""
        answer = await api.send("GET", CHECKPOINT, headers={"Authorization": None})
        found = open_checkpoint(answer.body.decode(), sealer.keys)

        assert 200 == answer.status
        assert (300, log.root(300)) == (found.size, found.root)
        assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
        assert "public, no-cache" == answer.headers["Cache-Control"]

    @pytest.mark.usefixtures("log")
    async def test_is_not_sent_twice(self, api: Api) -> None:
        """Its hash is its tag: 304 for who has it, the head alone for HEAD."""
        first = await api.get(CHECKPOINT)
        known = await api.get(CHECKPOINT, If_None_Match=f'"x", W/{first.etag}')
        other = await api.get(CHECKPOINT, If_None_Match='"x"')
        head = await api.send("HEAD", CHECKPOINT)

        assert f'"{sha256(first.body).hexdigest()[:32]}"' == first.etag
        assert (304, b"", first.etag) == (known.status, known.body, known.etag)
        assert "public, no-cache" == known.headers["Cache-Control"]
        assert (200, first.body) == (other.status, other.body)
        assert (200, b"", first.etag) == (head.status, head.body, head.etag)
        assert str(len(first.body)) == head.headers["Content-Length"]

    @pytest.mark.usefixtures("log")
    async def test_has_what_witnesses_have_signed(
        self, api: Api, superuser: asyncpg.Connection
    ) -> None:
        """Their lines stand behind the log's own; those on older checkpoints do not."""
        before = (await api.get(CHECKPOINT)).body
        transaction = superuser.transaction()
        await transaction.start()
        await superuser.executemany(
            "INSERT INTO audit.cosignature (incarnation, size, witness, line)"
            " SELECT incarnation, size, $2, $3 FROM audit.checkpoint WHERE size = $1",
            [
                (300, "w2", "— w2 AAAAAAAA\n"),
                (300, "w1", "— w1 AAAAAAAA\n"),
                (257, "w1", "— w1 BBBBBBBB\n"),
            ],
        )
        await transaction.commit()
        after = await api.get(CHECKPOINT)

        assert before + "— w1 AAAAAAAA\n— w2 AAAAAAAA\n".encode() == after.body


class TestTile:
    """GET /v1/audit/tile/{level}/{path}."""

    async def test_each_is_what_the_leaves_make(self, api: Api, log: Log) -> None:
        """Full tiles and partial ones of every width, at the paths of c2sp.org/tlog-tiles."""
        for (level, index), wanted in log.tiles().items():
            count = len(wanted) // 32
            for width in {1, count // 2 or 1, count}:
                path = f"/v1/audit/tile/{TilePath(level, index, width)}"
                answer = await api.send("GET", path, headers={"Authorization": None})
                assert (200, wanted[: width * 32]) == (answer.status, answer.body), path
                assert "application/octet-stream" == answer.headers["Content-Type"]
                assert "public, max-age=31536000, immutable" == answer.headers["Cache-Control"]

        assert {(0, 0): 256, (0, 1): 44, (1, 0): 1} == {
            tile: len(found) // 32 for tile, found in log.tiles().items()
        }

    async def test_slashes_may_be_escaped(self, api: Api, log: Log) -> None:
        """Clients that are made from the description escape what stands in a path."""
        answer = await api.get("/v1/audit/tile/0/000%2Ep%2F7")

        assert (200, b"".join(log.leaves[:7])) == (answer.status, answer.body)

    @pytest.mark.usefixtures("log")
    async def test_is_not_sent_twice(self, api: Api) -> None:
        """Its hash is its tag: 304 for who has it, the head alone for HEAD."""
        path = "/v1/audit/tile/0/000"
        first = await api.get(path)
        known = await api.get(path, If_None_Match=first.etag)
        head = await api.send("HEAD", path)

        assert (304, b"", first.etag) == (known.status, known.body, known.etag)
        assert (200, b"", "8192") == (head.status, head.body, head.headers["Content-Length"])

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize("path", NO_TILES, ids=lambda path: path[:30])
    async def test_what_is_none_is_404(self, api: Api, path: str) -> None:
        """Beyond what is signed, full though it is not, or spelled otherwise: nothing is there."""
        answer = await api.get(f"/v1/audit/tile/{path}")

        assert 404 == answer.status
        assert answer.problem in {"not-found", "unknown-path"}
        if answer.problem == "not-found":
            assert "No tile has this path" in answer.json["detail"]
            assert "no-store" == answer.headers["Cache-Control"]


class TestRemembered:
    """Tiles in the memory of a process."""

    async def test_no_more_than_there_is_room_for(self, repository: Repository, log: Log) -> None:
        """What was not asked for longest makes room; what is read is right all the same."""
        sealed = await latest(repository)
        assert sealed
        found = tree_of.Tree(bytes_max=256 * 32 + 44 * 32)
        for _ in range(2):
            for tile, wanted in log.tiles().items():
                path = TilePath(*tile, len(wanted) // 32)
                assert wanted == await found.tile(repository, sealed, path)
                assert len(wanted) <= found.bytes <= 256 * 32 + 44 * 32

    @pytest.mark.usefixtures("log")
    async def test_until_the_log_is_taken_up_again(
        self, repository: Repository, superuser: asyncpg.Connection
    ) -> None:
        """A tile is read once in an incarnation, and again in the next one."""
        sealed = await latest(repository)
        assert sealed
        found, path = tree_of.Tree(), TilePath(0, 0)
        good = await found.tile(repository, sealed, path)
        try:
            await twist(superuser)
            again = await found.tile(repository, sealed, path)
            anew = await found.tile(repository, structs.replace(sealed, incarnation=2), path)
        finally:
            await twist(superuser)

        assert good == again
        assert good != anew


async def twist(superuser: asyncpg.Connection) -> None:
    """Change a bit of the first tile beneath its triggers, or change it back."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.tile DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.tile SET nodes = set_byte(nodes, 0, get_byte(nodes, 0) # 1)"
            " WHERE level = 0 AND index = 0"
        )
        await superuser.execute("ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_10_growth")
        await superuser.execute("ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_append_only")


class TestConsistency:
    """GET /v1/audit/consistency."""

    async def test_proves_the_growth_between_any_sizes(self, api: Api, log: Log) -> None:
        """From each to each larger one, signed or not; without `to` up to the latest."""
        sizes = [0, 1, 2, 100, 255, 256, 257, 299, 300]
        for old in sizes:
            for new in [size for size in sizes if size >= old]:
                answer = await api.get(f"/v1/audit/consistency?from={old}&to={new}")
                proof = [bytes.fromhex(one) for one in answer.json["proof"]]
                tree.verify_consistency(old, new, proof, log.root(old), log.root(new))
                assert (200, old, new) == (answer.status, answer.json["from"], answer.json["to"])
            latest = await api.send(
                "GET", f"/v1/audit/consistency?from={old}", headers={"Authorization": None}
            )
            assert (await api.get(f"/v1/audit/consistency?from={old}&to=300")).body == latest.body
            assert "public, no-cache" == latest.headers["Cache-Control"]

    async def test_brings_the_checkpoint_of_the_larger_size(
        self, api: Api, log: Log, sealer: Sealer
    ) -> None:
        """Where one was signed, the first of nothing; no other root could be compared."""
        found = {}
        for size in (*SIZES, 0, 2, 299):
            note = (await api.get(f"/v1/audit/consistency?from=0&to={size}")).json["checkpoint"]
            if note is not None:
                signed = open_checkpoint(note, sealer.keys)
                found[signed.size] = signed.root

        assert {size: log.root(size) for size in (0, *SIZES)} == found

    @pytest.mark.usefixtures("log")
    @pytest.mark.parametrize(
        "query,slug,parameter,words",
        [
            ("", "invalid-parameter", "from", "from is missing"),
            ("?to=5", "invalid-parameter", "from", "from is missing"),
            ("?from=301", "invalid-parameter", "from", "not be more than 300"),
            ("?from=1&to=301", "invalid-parameter", "to", "not be more than 300"),
            ("?from=301&to=302", "invalid-parameter", "from", "not be more than 300"),
            ("?from=5&to=4", "invalid-parameter", "to", "not be less than from, which is 5"),
            ("?from=-1", "invalid-parameter", "from", "whole number from 0"),
            ("?from=1.0", "invalid-parameter", "from", "whole number from 0"),
            ("?from=", "invalid-parameter", "from", "whole number from 0"),
            ("?from=1&to=x", "invalid-parameter", "to", "whole number from 0"),
            (f"?from={2**63}", "invalid-parameter", "from", "whole number from 0"),
            (f"?from={'9' * 400}", "invalid-parameter", "from", "whole number from 0"),
            ("?from=1&from=1", "invalid-parameter", "from", "more than once"),
            ("?from=1&size=2", "unknown-parameter", "size", "not known"),
        ],
    )
    async def test_refuses_what_is_no_size(
        self, api: Api, query: str, slug: str, parameter: str, words: str
    ) -> None:
        """Missing, repeated, no whole number, the wrong way round, or beyond what is sealed."""
        answer = await api.get(f"/v1/audit/consistency{query}")

        assert (400, slug, parameter) == (
            answer.status,
            answer.problem,
            answer.json["parameter"],
        )
        assert words in answer.json["detail"]


@pytest.mark.usefixtures("log")
class TestWhoMay:
    """Whom these resources are shown to."""

    @pytest.mark.parametrize("path", PUBLIC)
    async def test_anyone(self, api: Api, path: str) -> None:
        """Without a key, with one that is unknown, and with a good one: the same bytes."""
        good = await api.get(path)
        for key in (None, "Bearer plant_unknown", "nonsense"):
            answer = await api.send("GET", path, headers={"Authorization": key})
            assert (200, good.body) == (answer.status, answer.body)

    @pytest.mark.parametrize("path", PUBLIC[:2])
    async def test_take_no_parameters(self, api: Api, path: str) -> None:
        """What is not known is refused here too."""
        answer = await api.get(f"{path}?size=1")

        assert (400, "unknown-parameter") == (answer.status, answer.problem)

    @pytest.mark.parametrize("path", PUBLIC)
    async def test_an_auditor_alone_where_it_is_switched_off(
        self, closed: str, tenant: Tenant, actor_with: ActorWith, path: str
    ) -> None:
        """Scope audit, of whichever tenant; and no cache on the way may keep it for others."""
        async with Api.open(closed, tenant) as api:
            auditor = api.by(await actor_with("audit", name="auditor"))
            answer = await auditor.get(path)
            strangers = await api.send("GET", path, headers={"Authorization": None})
            others = await api.by(await actor_with("read", "write", "certify", "admin")).get(path)

        assert 200 == answer.status
        assert answer.headers["Cache-Control"].startswith("private, ")
        assert (401, "unauthenticated") == (strangers.status, strangers.problem)
        assert (403, "scope-missing") == (others.status, others.problem)
        assert "audit" == others.json["required_scope"]

    async def test_in_turn(self, cluster: Server, database: str, tenant: Tenant) -> None:
        """Whoever has a key finds a connection, however many without one are held up."""
        async with Bench.open(cluster, database, tenant, waiting_max=64) as bench:
            made = await bench.api.create("skill")
            blocked = bench.blocking("LOCK TABLE audit.checkpoint IN ACCESS EXCLUSIVE MODE")
            async with blocked as session:
                asked = [asyncio.create_task(bench.api.get(CHECKPOINT)) for _ in range(20)]
                await bench.waiting_backends(session, 1)
                for _ in range(5):
                    answer = await bench.api.get(f"/v1/skills/{made.json['id']}")
                    assert 200 == answer.status
                await bench.waiting_backends(session, 1)
            answers = await asyncio.gather(*asked)

        assert {200} == {answer.status for answer in answers}
