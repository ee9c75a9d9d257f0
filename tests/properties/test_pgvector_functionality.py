"""Properties 35 to 44: vectors as the schema keeps them: the caller's own, and what is searched."""

import json
import math
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio
from pgvector import HalfVector, Vector
from pgvector.asyncpg import register_vector

from service.repository.base import Repository
from tests.api import PATHS, Api
from tests.factories import Tenant, World, amend, create, industry_body, skill_body
from tests.sessions import Connect, Connection, Savepoint

SIZE = 384
BODIES = {"skill": skill_body, "industry": industry_body}
COLUMNS = {
    "app.skill_entity.embedding_384",
    "app.industry_entity.embedding_384",
    "app.entity_label.embedding_384",
    "app.entity_label.lexical_384",
}
LABEL = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384
) VALUES ($1, $2, $3, 'skill', 'alias', $4, sha256(convert_to($4, 'UTF8')), 'test', $5, $6)
"""
NEAREST = """
SELECT label FROM app.entity_label WHERE entity_id = '{id}'
ORDER BY {column}::public.halfvec(384) OPERATOR(public.{operator}) $1::public.halfvec(384) LIMIT 5
"""


def axis(number: int, length: float = 1.0) -> list[float]:
    """Make a vector along one axis."""
    return [length if place == number else 0.0 for place in range(SIZE)]


def turned(degrees: float, length: float = 1.0) -> list[float]:
    """Make a vector at an angle to the first axis, towards the second."""
    angle = math.radians(degrees)
    return [length * math.cos(angle), length * math.sin(angle), *[0.0] * (SIZE - 2)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vectors(superuser: Connection) -> Connection:
    """Have a session whose driver knows vectors."""
    await register_vector(superuser)
    return superuser


async def stored(vectors: Connection, kind: str, identity: object) -> Any:
    """Read the caller's vector of an entity."""
    return await vectors.fetchval(
        f"SELECT embedding_384 FROM app.{kind}_entity WHERE id = $1", identity
    )


async def labelled(
    vectors: Connection, repository: Repository, tenant: Tenant, labels: dict[str, list[float]]
) -> str:
    """Make a skill with a label for each vector; gives its id."""
    made = await create(repository, tenant.author, "skill", skill_body())
    for number, (label, values) in enumerate(labels.items()):
        vector = Vector(values)
        await vectors.execute(LABEL, tenant.id, made.id, number, label, vector, vector)
    return str(made.id)


async def test_pgvector_extension_available(superuser: Connection, connect: Connect) -> None:
    """The extension is installed, of a version with HNSW on halfvec, and the service can use it."""
    row = await superuser.fetchrow(
        "SELECT extversion, (SELECT count(*) FROM pg_am WHERE amname = 'hnsw') AS hnsw,"
        " to_regtype('public.vector') AS vector, to_regtype('public.halfvec') AS halfvec"
        " FROM pg_extension WHERE extname = 'vector'"
    )
    app = await connect()

    assert row
    assert (0, 7) <= tuple(map(int, row["extversion"].split(".")[:2]))
    assert (1, True, True) == (row["hnsw"], bool(row["vector"]), bool(row["halfvec"]))
    assert 5.0 == await app.fetchval("SELECT public.vector_norm('[3,4]')")


async def test_skill_embedding_column_exists(superuser: Connection) -> None:
    """Every vector column is there with 384 dimensions; only the caller's may be null."""
    rows = await superuser.fetch(
        """
        SELECT attrelid::regclass::text || '.' || attname AS name,
            format_type(atttypid, atttypmod) AS type, attnotnull AS required
        FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
        WHERE atttypid = 'public.vector'::regtype AND relkind IN ('r', 'p')
            AND NOT relispartition AND NOT attisdropped
        """
    )

    assert {name: ("vector(384)", "label" in name) for name in COLUMNS} == {
        row["name"]: (row["type"], row["required"]) for row in rows
    }


@pytest.mark.parametrize("kind", BODIES)
async def test_vector_insert_and_retrieve(
    repository: Repository, vectors: Connection, tenant: Tenant, kind: str
) -> None:
    """The caller's vector is kept as given, at any length, and the document tells its digest."""
    given = [(-1) ** place * 2.0 ** (place % 20 - 10) for place in range(SIZE)]
    made = await create(repository, tenant.author, kind, BODIES[kind](embedding_384=given))
    found = await stored(vectors, kind, made.id)
    await amend(repository, tenant.author, kind, made.id, {"embedding_384": axis(1)})
    changed = await stored(vectors, kind, made.id)

    assert (given, axis(1)) == (found.to_list(), changed.to_list())
    shown = json.loads(made.document)
    assert sha256(found.to_binary()).hexdigest() == shown["embedding_sha256"]
    assert "embedding_384" not in shown


async def test_vector_distance_calculation(
    repository: Repository, vectors: Connection, tenant: Tenant
) -> None:
    """Between stored vectors the server computes the distances that geometry says."""
    ids = [
        (await create(repository, tenant.author, "skill", skill_body(embedding_384=one))).id
        for one in (axis(0, 3.0), axis(1, 4.0), turned(60, 2.0), axis(0, -1.0))
    ]
    query = """
        SELECT (one.embedding_384 OPERATOR(public.{}) two.embedding_384)
        FROM app.skill_entity AS one, app.skill_entity AS two WHERE one.id = $1 AND two.id = $2
    """
    expected = {
        "<->": (5.0, math.sqrt(7), 4.0),
        "<=>": (1.0, 0.5, 2.0),
        "<#>": (0.0, -3.0, 3.0),
        "<+>": (7.0, 3 - 1 + math.sqrt(3), 4.0),
    }
    for operator, distances in expected.items():
        found = [await vectors.fetchval(query.format(operator), ids[0], one) for one in ids[1:]]
        assert pytest.approx(list(distances), abs=1e-5) == found, operator


@pytest.mark.parametrize("column", ["embedding_384", "lexical_384"])
async def test_vector_index_creation(
    repository: Repository, vectors: Connection, settled: Tenant, column: str
) -> None:
    """The nearest labels come from a HNSW index, which is on entity_label and nowhere else."""
    labels = {str(angle): turned(angle) for angle in range(0, 360, 10)}
    identity = await labelled(vectors, repository, settled, labels)
    query = NEAREST.format(id=identity, column=column, operator="<=>")
    wanted = HalfVector(turned(103))
    async with vectors.transaction():
        await vectors.execute("SET LOCAL enable_seqscan = off")
        await vectors.execute("SET LOCAL enable_sort = off")
        plan = await vectors.fetchval(f"EXPLAIN (FORMAT json) {query}", wanted)
        found = [row["label"] for row in await vectors.fetch(query, wanted)]
    indexes = await vectors.fetch(
        "SELECT indrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS text"
        " FROM pg_index INNER JOIN pg_class ON pg_class.oid = indexrelid"
        " INNER JOIN pg_am ON pg_am.oid = relam WHERE amname = 'hnsw' AND indisvalid"
    )

    assert f'"Index Name": "entity_label_default_{column}_idx' in plan
    assert ["100", "110", "90", "120", "80"] == found
    assert {"app.entity_label", "app.entity_label_default"} == {row["name"] for row in indexes}
    assert 4 == sum("halfvec_cosine_ops" in row["text"] for row in indexes) == len(indexes)


@pytest.mark.parametrize("kind", BODIES)
async def test_vector_null_handling(
    repository: Repository, vectors: Connection, tenant: Tenant, kind: str
) -> None:
    """An entity without a vector, or that loses it, has null; a label always has its vectors."""
    without = await create(repository, tenant.author, kind, BODIES[kind]())
    made = await create(repository, tenant.author, kind, BODIES[kind](embedding_384=axis(0)))
    taken = await amend(repository, tenant.author, kind, made.id, {"embedding_384": None})
    identity = await labelled(vectors, repository, tenant, {"a": axis(0)})
    async with vectors.transaction():
        states = {
            await Savepoint(vectors).state(
                f"UPDATE app.entity_label SET {column} = NULL WHERE entity_id = $1", identity
            )
            for column in ("embedding_384", "lexical_384")
        }

    for one in (without, taken):
        assert await stored(vectors, kind, one.id) is None
        assert json.loads(one.document)["embedding_sha256"] is None
    assert json.loads(made.document)["embedding_sha256"]
    assert {"23502"} == states


async def test_multiple_vectors_stored(
    repository: Repository, vectors: Connection, tenant: Tenant
) -> None:
    """Five vectors of five skills, and five labels of one, stay apart."""
    given = [axis(place, place + 1.0) for place in range(5)]
    ids = [
        (await create(repository, tenant.author, "skill", skill_body(embedding_384=one))).id
        for one in given
    ]
    identity = await labelled(
        vectors, repository, tenant, {str(place): axis(place) for place in range(5)}
    )
    rows = await vectors.fetch(
        "SELECT embedding_384 AS value FROM app.entity_label WHERE entity_id = $1"
        " ORDER BY label_no",
        identity,
    )

    assert given == [(await stored(vectors, "skill", one)).to_list() for one in ids]
    assert [axis(place) for place in range(5)] == [row["value"].to_list() for row in rows]


async def test_vector_type_compatibility(
    repository: Repository, vectors: Connection, connect: Connect, tenant: Tenant
) -> None:
    """Text, arrays of floats, the driver's codec and the API's JSON all mean the same vector."""
    given = [place / 8 for place in range(1, SIZE + 1)]
    made = await create(repository, tenant.author, "skill", skill_body(embedding_384=given))
    plain = await connect("superuser")
    text = await plain.fetchval(
        "SELECT embedding_384::text FROM app.skill_entity WHERE id = $1", made.id
    )
    array = await plain.fetchval(
        "SELECT embedding_384::real[] FROM app.skill_entity WHERE id = $1", made.id
    )
    sent = await vectors.fetchrow(
        "SELECT $1::public.vector(384) = embedding_384, $2::real[]::public.vector = embedding_384,"
        " $3::text::public.vector = embedding_384, embedding_384::public.halfvec(384)"
        " FROM app.skill_entity WHERE id = $4",
        Vector(given),
        given,
        json.dumps(given),
        made.id,
    )

    assert sent
    assert (True, True, True) == tuple(sent)[:3]
    assert (given, given) == (json.loads(text), array)
    assert given == (await stored(vectors, "skill", made.id)).to_list()
    assert given == sent[3].to_list()


@pytest.mark.parametrize("size", [383, 384, 385])
@pytest.mark.parametrize("column", sorted(COLUMNS))
async def test_embedding_dimension_compatibility(
    vectors: Connection, settled: Tenant, world: World, column: str, size: int
) -> None:
    """Each column takes 384 numbers, and neither 383 nor 385."""
    table, _, name = column.rpartition(".")
    key = "entity_id" if "label" in table else "id"
    async with vectors.transaction():
        await vectors.execute(LABEL, settled.id, world.skill, -1, "d", *[Vector(axis(0))] * 2)
        state = await Savepoint(vectors).state(
            f"UPDATE {table} SET {name} = $1::text::public.vector WHERE {key} = ANY($2::uuid[])",
            json.dumps([1.0] + [0.0] * (size - 1)),
            [world.skill, world.industry],
        )
        await vectors.execute("DELETE FROM app.entity_label WHERE label_no = -1")

    assert (None if size == SIZE else "22000") == state


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("size", [0, 1, 383, 384, 385, 768])
async def test_embedding_dimension_over_http(api: Api, kind: str, size: int) -> None:
    """A caller is told which size a vector has, and nothing is made of another one."""
    answer = await api.create(kind, embedding_384=[1.0] * size)
    listed = await api.get(PATHS[kind])

    assert (201 if size == SIZE else 422) == answer.status
    assert int(size == SIZE) == len(listed.json["items"])
    if size != SIZE:
        assert "/embedding_384" == answer.json["errors"][0]["pointer"]


async def test_cosine_similarity_operator(
    repository: Repository, vectors: Connection, settled: Tenant
) -> None:
    """<=> orders by angle whatever the length, and only it is answered by the index of labels."""
    lengths = {10: 100.0, 30: 1.0, 50: 0.01, 90: 10.0, 170: 1.0}
    ids = {
        (
            await create(
                repository,
                settled.author,
                "skill",
                skill_body(embedding_384=turned(angle, length)),
            )
        ).id: angle
        for angle, length in lengths.items()
    }
    ordered = {}
    for operator in ("<=>", "<->"):
        rows = await vectors.fetch(
            f"SELECT id, 1 - (embedding_384 OPERATOR(public.<=>) $1) AS cosine"
            f" FROM app.skill_entity WHERE id = ANY($2)"
            f" ORDER BY embedding_384 OPERATOR(public.{operator}) $1",
            Vector(axis(0)),
            [*ids],
        )
        ordered[operator] = [ids[row["id"]] for row in rows]
        for row in rows:
            angle = math.radians(ids[row["id"]])
            assert pytest.approx(math.cos(angle), abs=1e-5) == row["cosine"]
    identity = await labelled(vectors, repository, settled, {"a": axis(0), "b": axis(1)})
    used = {}
    async with vectors.transaction():
        await vectors.execute("SET LOCAL enable_seqscan = off")
        await vectors.execute("SET LOCAL enable_sort = off")
        for operator in ("<=>", "<->", "<#>"):
            query = NEAREST.format(id=identity, column="embedding_384", operator=operator)
            plan = await vectors.fetchval(f"EXPLAIN (FORMAT json) {query}", HalfVector(axis(0)))
            used[operator] = "embedding_384_idx" in plan

    assert [10, 30, 50, 90, 170] == ordered["<=>"]
    assert [30, 50, 170, 90, 10] == ordered["<->"]
    assert {"<=>": True, "<->": False, "<#>": False} == used
