"""The statements of search: what they find, whose, by which index, and how far they go."""

import json
import math
import random
import re
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct, structs

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.pool import Pool
from service.database.vectors import as_bytes
from service.model.vector import unit, wire
from service.repository.base import Many, Repository
from service.repository.search import (
    NAMES,
    SOURCES,
    Hit,
    SearchBreadth,
    SearchExact,
    SearchLabels,
    SearchNear,
    SearchScale,
)
from service.settings import Settings
from service.usecases import breadth
from service.usecases.breadth import Breadths
from tests.factories import Actor, Tenant, make_actor, make_tenant
from tests.plans import Plan, explained
from tests.postgres import Server
from tests.sessions import Connection, acting
from tests.triggers import asleep

pytestmark = pytest.mark.database

Filters = tuple[list[str], list[str], list[str], list[str], list[str]]

KINDS = ["skill", "job_role", "team", "agent", "industry"]
IN_FORCE = ["certified", "active", "deprecated"]
EVERYTHING: Filters = (KINDS, IN_FORCE, [], [], [])
MODELS = ["m/1", "caller"]
PER = 5
"""Labels of an entity."""
TOPICS = 60

SEED = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, created_at, updated_at, archived_at,
    version_hash, last_entry_id, governance_agent_id, document
)
SELECT t, i, k, n, 'Seeded.', s, now(), now(), CASE s WHEN 'archived' THEN now() END,
    sha256(uuid_send(i)), uuidv7(), a, json_build_object('id', i, 'name', n)
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    AS made (t, i, k, n, s, a)
"""
LABELS = ("tenant_id", "entity_id", "label_no", "entity_type", "source", "label", "text_sha256",
          "embedder", "embedding_384", "lexical_384", "private_to")  # fmt: skip


def drawn(chance: random.Random, around: Sequence[float] | None = None, far: float = 0.9) -> bytes:
    """Draw a vector, around another one when that is given."""
    values = [chance.gauss(0, 1 / math.sqrt(384)) for _ in range(384)]
    if around is not None:
        values = [a + far * b for a, b in zip(around, values, strict=True)]
    return wire(unit(values))


def numbers(vector: bytes) -> tuple[float, ...]:
    """Read a vector."""
    return struct.unpack(">384f", vector[4:])


class Stock(Struct):
    """Tenants of very different sizes in one table, one of them in a partition of its own."""

    large: Tenant
    small: Tenant
    apart: Tenant
    other: Actor
    """Of `large`, beside its author."""
    rows: list[tuple[Any, ...]]
    """All labels, as they were written."""

    def probes(self, tenant: Tenant, count: int) -> list[tuple[bytes, bytes]]:
        """Draw vectors near to labels of a tenant in force, always the same ones."""
        chance = random.Random(11)
        own = [row for row in self.rows if row[0] == tenant.id and row[10] is None]
        return [
            (drawn(chance, numbers(row[8]), 0.5), drawn(chance, numbers(row[9]), 0.5))
            for row in chance.sample(own, count)
        ]


async def fill(superuser: Connection, made: list[tuple[Tenant, UUID, int, str]]) -> list[Any]:
    """Write entities with labels beneath the triggers: tenant, agent, how many, state."""
    chance = random.Random(7)
    topics = [[numbers(drawn(chance)) for _ in range(TOPICS)] for _ in range(2)]
    entities, rows, tags, skills = [], [], [], []
    for tenant, agent, count, status in made:
        for number in range(count):
            identity = UUID(int=chance.getrandbits(128), version=4)
            kind = "skill" if number % 5 else "industry"
            name = f"{status} {agent} {number}"
            entities.append((tenant.id, identity, kind, name, status, agent))
            tags.append((tenant.id, identity, kind, f"t{number % 50}"))
            if kind == "skill":
                category = ("technical", "certification")[number % 50 == 1]
                skills.append((tenant.id, identity, category))
            near = [numbers(drawn(chance, chance.choice(each))) for each in topics]
            rows += [
                (tenant.id, identity, no, kind, ("name", "description", "alias")[min(no, 2)],
                 f"{name} {no}", bytes(32), "m/1", drawn(chance, near[0], 0.5),
                 drawn(chance, near[1], 0.5), agent if status == "draft" else None)
                for no in range(PER)
            ]  # fmt: skip
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(SEED, *map(list, zip(*entities, strict=True)))
        for table, columns, records in (
            ("entity_tag", ("tenant_id", "entity_id", "entity_type", "tag"), tags),
            ("skill_entity", ("tenant_id", "id", "category"), skills),
            ("entity_label", LABELS, rows),
        ):
            await superuser.copy_records_to_table(
                table, schema_name="app", columns=columns, records=records
            )
    await superuser.execute("ANALYZE")
    return rows


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stock(owner: Repository, superuser: Connection) -> Stock:
    """Have some thousand labels of three tenants."""
    await as_bytes(superuser)
    large, small, apart = [await make_tenant(owner) for _ in range(3)]
    _, other = await make_actor(owner, large.name, "other", ["read"])
    await superuser.execute(
        f"CREATE TABLE app.entity_label_apart PARTITION OF app.entity_label"
        f" FOR VALUES IN ('{apart.id}')"
    )
    agents = {
        tenant.name: UUID(tenant.author.context.governance_agent_id)
        for tenant in (large, small, apart)
    }
    rows = await fill(
        superuser,
        [
            (large, agents[large.name], 700, "active"),
            (large, agents[large.name], 30, "draft"),
            (large, UUID(other.context.governance_agent_id), 30, "draft"),
            (large, agents[large.name], 30, "archived"),
            (small, agents[small.name], 6, "active"),
            (apart, agents[apart.name], 300, "active"),
        ],
    )
    return Stock(large, small, apart, other, rows)


def exact(probe: tuple[bytes | None, bytes | None], count: int = 10, **more: Any) -> SearchExact:
    """Ask for everything in force; a field may be given otherwise."""
    vector, lexical = probe
    asked = SearchExact(*EVERYTHING, [vector], [lexical], MODELS, SOURCES, None, 0.95, 0.05, count)
    return structs.replace(asked, **more)


def near(probe: tuple[bytes | None, bytes | None], count: int = 10, **more: Any) -> SearchNear:
    """Ask the same of the indexes."""
    asked = SearchNear(*(*structs.astuple(exact(probe, count)), 60))
    return structs.replace(asked, **more)


WAYS: list[Callable[..., Many[Any]]] = [exact, near]


def cosine(one: bytes, other: bytes) -> float:
    """Compute it a second time."""
    a, b = numbers(one), numbers(other)
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def best(stock: Stock, tenant: Tenant, probe: tuple[bytes, bytes], count: int) -> list[Any]:
    """Find the nearest the long way: id, score, label."""
    labels: defaultdict[UUID, list[tuple[float, float, str]]] = defaultdict(list)
    archived = {row[1] for row in stock.rows if row[5].startswith("archived")}
    for row in stock.rows:
        if row[0] != tenant.id or row[10] is not None or row[1] in archived:
            continue
        parts = cosine(row[8], probe[0]), 0.95 * cosine(row[9], probe[1])
        labels[row[1]].append((*parts, row[5]))
    found: dict[UUID, tuple[float, str]] = {}
    for identity, each in labels.items():
        meant, spelled = max(one[0] for one in each), max(one[1] for one in each)
        larger = max(meant, spelled)
        mean = sum(max(one[0], one[1]) for one in each) / len(each)
        score = larger - 0.2 * abs(meant - spelled) - 0.05 * (larger - mean)
        found[identity] = (score, max(each, key=lambda one: max(one[0], one[1]))[2])
    ranked = sorted(found.items(), key=lambda one: -one[1][0])[:count]
    return [(identity, score, label) for identity, (score, label) in ranked]


async def test_the_exact_way_finds_what_is_nearest(repository: Repository, stock: Stock) -> None:
    """Entities, scores and labels are those that a loop over all labels finds."""
    for probe in stock.probes(stock.large, 3):
        hits = await repository.many(exact(probe), stock.large.reader.context)
        wanted = best(stock, stock.large, probe, 10)

        assert [(one[0], one[2]) for one in wanted] == [(hit.id, hit.label) for hit in hits]
        assert [pytest.approx(one[1], abs=1e-5) for one in wanted] == [hit.score for hit in hits]


@pytest.mark.parametrize("which", ["large", "apart"])
async def test_the_indexes_find_nearly_all_of_it(
    repository: Repository, stock: Stock, which: str
) -> None:
    """Of the ten nearest 95 in a hundred, with the scores of the vectors themselves."""
    tenant: Tenant = getattr(stock, which)
    same = 0
    for probe in stock.probes(tenant, 20):
        ways = [
            {hit.id: hit for hit in await repository.many(way(probe), tenant.reader.context)}
            for way in WAYS
        ]
        both = ways[0].keys() & ways[1].keys()
        same += len(both)
        assert [10, 10] == [len(way) for way in ways]
        assert all(ways[0][one].score == ways[1][one].score for one in both)

    assert same >= 190


async def test_a_small_tenant_gets_its_own_from_the_indexes_of_all(
    repository: Repository, stock: Stock
) -> None:
    """Six entities of 30 labels among some thousand: the scan goes on until it has them."""
    for probe in stock.probes(stock.small, 5):
        asked = near(probe, 6, near=30)
        hits = await repository.many(asked, stock.small.reader.context)
        wanted = {row[1] for row in stock.rows if row[0] == stock.small.id}

        assert wanted == {hit.id for hit in hits}


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_sees_what_is_not_theirs(
    repository: Repository, stock: Stock, way: Any
) -> None:
    """No row of another tenant, no draft of another agent; one's own drafts and no archived one.

    Whatever is asked for: the probes are vectors of what is hidden.
    """
    states = ["draft", "active"]
    everyone = [*stock.rows]
    for row in random.Random(3).sample(everyone, 25):
        probe = (row[8], row[9])
        for actor, tenant in ((stock.other, stock.large), (stock.small.reader, stock.small)):
            hits = await repository.many(way(probe, 200, statuses=states), actor.context)
            seen = {hit.id for hit in hits}
            allowed = {
                one[1] for one in everyone
                if one[0] == tenant.id
                and one[10] in (None, UUID(actor.context.governance_agent_id))
                and not one[5].startswith("archived")
            }  # fmt: skip

            assert seen
            assert seen <= allowed


async def test_labels_are_read_by_their_tenant_and_drafts_by_their_author(
    app: Connection, stock: Stock
) -> None:
    """Of the table itself, whatever the statements and the policies of entities leave out."""
    for actor, tenant in (
        (stock.large.author, stock.large),
        (stock.other, stock.large),
        (stock.small.reader, stock.small),
        (stock.apart.reader, stock.apart),
    ):
        async with acting(app, actor):
            seen = await app.fetch("SELECT tenant_id, label, private_to FROM app.entity_label")
        agent = UUID(actor.context.governance_agent_id)

        assert Counter(
            (row[0], row[5], row[10])
            for row in stock.rows
            if row[0] == tenant.id and row[10] in (None, agent)
        ) == Counter(map(tuple, seen))


async def test_own_drafts_are_found(repository: Repository, stock: Stock) -> None:
    """By the exact way all thirty."""
    (probe,) = stock.probes(stock.large, 1)
    hits = await repository.many(exact(probe, 200, statuses=["draft"]), stock.other.context)

    assert 30 == len(hits)


@pytest.mark.parametrize("way", WAYS)
async def test_filters_hold(repository: Repository, stock: Stock, way: Any) -> None:
    """Kind, category, tag, sources, and the one that is left out."""
    (probe,) = stock.probes(stock.large, 1)
    reader = stock.large.reader.context
    kind = await repository.many(way(probe, 20, kinds=["industry"]), reader)
    category = await repository.many(way(probe, 10, categories=["certification"]), reader)
    tag = await repository.many(way(probe, 10, tags=["t7"]), reader)
    none = await repository.many(way(probe, 10, tags=["t7"], categories=["certification"]), reader)
    names = await repository.many(way(probe, 10, sources=["name"]), reader)
    first = (await repository.many(way(probe, 1), reader))[0].id
    without = await repository.many(way(probe, 10, but_id=str(first)), reader)
    kinds = {row[1]: row[3] for row in stock.rows}

    assert [20, {"industry"}] == [len(kind), {kinds[hit.id] for hit in kind}]
    assert [10, 10, 0] == [len(category), len(tag), len(none)]
    assert {"0"} == {hit.label[-1] for hit in names}
    assert first not in {hit.id for hit in without}
    assert 10 == len(without)


@pytest.mark.parametrize("way", WAYS)
async def test_either_vector_may_be_missing(repository: Repository, stock: Stock, way: Any) -> None:
    """A part that is not asked for is null and counts for nothing; nothing asked finds nothing."""
    ((vector, lexical),) = stock.probes(stock.large, 1)
    reader = stock.large.reader.context
    by_vector = await repository.many(way((vector, None), around=0.0), reader)
    by_words = await repository.many(way((None, lexical), words=1.0, around=0.0), reader)
    of_no_model = await repository.many(way((vector, None), models=["m/2"]), reader)
    nothing = await repository.many(way((None, None)), reader)

    assert [(10, {None}), (10, {None})] == [
        (len(by_vector), {hit.lexical for hit in by_vector}),
        (len(by_words), {hit.vector for hit in by_words}),
    ]
    assert all(hit.score == hit.vector for hit in by_vector)
    assert all(hit.score == hit.lexical for hit in by_words)
    assert [[], []] == [of_no_model, nothing]


@pytest.mark.parametrize("way", WAYS)
async def test_of_several_vectors_the_nearest_counts(
    repository: Repository, stock: Stock, way: Any
) -> None:
    """As if each had been asked for alone and the best of each entity been taken."""
    probes = stock.probes(stock.large, 3)
    reader = stock.large.reader.context
    vectors = [vector for vector, _ in probes]
    alone: dict[UUID, Hit] = {}
    for vector in vectors:
        for hit in await repository.many(exact((vector, None), 200), reader):
            if hit.id not in alone or hit.score > alone[hit.id].score:
                alone[hit.id] = hit
    wanted = sorted(alone.values(), key=lambda hit: -hit.score)[:5]
    together = way((None, None), 5, vectors=vectors, lexicals=[None] * 3)
    hits = await repository.many(together, reader)

    assert [(hit.id, hit.score) for hit in wanted] == [(hit.id, hit.score) for hit in hits]


async def test_the_indexes_are_told_how_to_go_on_in_any_session(
    cluster: Server, database: str, catalog: Catalog, stock: Stock
) -> None:
    """In one that has not loaded pgvector too, and not beyond the call."""
    statement = catalog["search_near"]
    (probe,) = stock.probes(stock.small, 1)
    asked = structs.astuple(near(probe, 6, near=30))
    session = await asyncpg.connect(cluster.url("app", database))
    try:
        before = await session.fetchval("SELECT current_setting('hnsw.iterative_scan', TRUE)")
        await as_bytes(session)
        rows = await session.fetch(statement.query, *asked, *stock.small.reader.context.arguments)
        after = await session.fetchval("SELECT current_setting('hnsw.iterative_scan', TRUE)")
    finally:
        await session.close()

    assert [None, 6, "off"] == [before, len(rows), after]


class TestBreadth:
    """How much there is to compare."""

    async def count(
        self, repository: Repository, actor: Actor, most: int, filters: Filters = EVERYTHING
    ) -> int:
        """Count what filters leave."""
        asked = SearchBreadth(*filters, most)
        return (await repository.one(asked, actor.context)).labels

    async def test_labels_are_counted_no_further_than_asked(
        self, repository: Repository, stock: Stock
    ) -> None:
        """All of a small tenant, so many of a large one."""
        counts = [
            await self.count(repository, actor, most)
            for actor, most in ((stock.small.reader, 1000), (stock.large.reader, 1000),
                                (stock.large.reader, 100_000))
        ]  # fmt: skip

        assert [6 * PER, 1000, 700 * PER] == counts

    async def test_what_is_hidden_is_not_counted(
        self, repository: Repository, stock: Stock
    ) -> None:
        """Drafts of others."""
        drafts: Filters = (KINDS, ["draft"], [], [], [])
        counts = [
            await self.count(repository, actor, 10_000, drafts)
            for actor in (stock.large.author, stock.other, stock.large.reader)
        ]

        assert [30 * PER, 30 * PER, 0] == counts

    async def test_more_is_compared_whole_in_a_larger_table(
        self, repository: Repository, stock: Stock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half of the labels of a tenant and more of them where the table is four times as large.

        An index would lead past more labels of others to as few of its own.
        """
        context = stock.large.reader.context
        everything = breadth.Filters(kinds=tuple(KINDS), statuses=tuple(IN_FORCE))
        total = (await repository.one(SearchScale(), context)).labels
        small = []
        for most in (350 * PER, 349 * PER, 700 * PER - 1):
            for scale in (total / 4, total):
                monkeypatch.setattr(breadth, "SCALE", scale)
                breadths = Breadths(most, time.monotonic)
                small.append((await breadths.of(repository, context, everything)).small)

        assert total >= 700 * PER
        assert [True, False, False, False, True, False] == small

    async def test_it_reads_no_more_than_it_counts(
        self, app: Connection, catalog: Catalog, stock: Stock
    ) -> None:
        """A hundred labels of a large tenant are a few blocks."""
        given = filters(EVERYTHING) | {"most": 100}
        plan = await looked(app, catalog["search_breadth"], given, stock.large.reader)

        assert plan.blocks < 300


def filters(asked: Filters) -> dict[str, object]:
    """Name filters as the statements do."""
    names = ("kinds", "statuses", "categories", "tags", "industry_ids")
    return dict(zip(names, asked, strict=True))


def written(vector: bytes) -> str:
    """Write a vector as SQL does."""
    return "[" + ",".join(map(repr, numbers(vector))) + "]"


def given(probe: tuple[bytes, bytes], asked: Filters) -> dict[str, object]:
    """Name the arguments of a search."""
    return filters(asked) | {
        "vectors": [written(probe[0])],
        "lexicals": [written(probe[1])],
        "models": MODELS,
        "sources": list(NAMES),
        "but_id": None,
        "words": 0.95,
        "around": 0.05,
        "count": 10,
        "near": 60,
    }


async def looked(
    app: Connection,
    statement: Statement,
    arguments: dict[str, object],
    actor: Actor,
    mode: str = "force_generic_plan",
) -> Plan:
    """Explain a statement with the settings of its function, run twice."""
    async with acting(app, actor):
        for name, value in statement.settings:
            await app.execute(f"SET LOCAL {name} = '{value}'")
        await app.execute(f"SET LOCAL plan_cache_mode = {mode}")
        await explained(app, statement, arguments, ", ANALYZE, BUFFERS")
        return await explained(app, statement, arguments, ", ANALYZE, BUFFERS")


def ran(plan: Plan) -> set[str]:
    """Name the indexes that were read."""
    return {
        node["Index Name"]
        for node in plan.nodes()
        if "Index Name" in node and node["Actual Loops"] > 0
    }


def vector_indexes(names: set[str]) -> list[str]:
    """Sort those that are of vectors by table and column."""
    return sorted(name for name in names if re.search(r"_384", name))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize(
    "which, partition", [("large", "default"), ("small", "default"), ("apart", "apart")]
)
async def test_near_goes_along_the_indexes_of_the_tenants_partition(
    app: Connection, catalog: Catalog, stock: Stock, mode: str, which: str, partition: str
) -> None:
    """Both of them and no others, for these values and for any; no label is sorted by distance."""
    tenant: Tenant = getattr(stock, which)
    (probe,) = stock.probes(tenant, 1)
    plan = await looked(app, catalog["search_near"], given(probe, EVERYTHING), tenant.reader, mode)

    assert [
        f"entity_label_{partition}_embedding_384_idx",
        f"entity_label_{partition}_lexical_384_idx",
    ] == vector_indexes(ran(plan))


async def test_a_vector_that_is_not_there_costs_nothing(
    app: Connection, catalog: Catalog, stock: Stock
) -> None:
    """Its index is not read."""
    (probe,) = stock.probes(stock.large, 1)
    for name, column in (("vectors", "lexical"), ("lexicals", "embedding")):
        asked = given(probe, EVERYTHING) | {name: []}
        plan = await looked(app, catalog["search_near"], asked, stock.large.reader)

        assert [f"entity_label_default_{column}_384_idx"] == vector_indexes(ran(plan))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_exact_reads_the_labels_of_its_entities_and_no_index_of_vectors(
    app: Connection, catalog: Catalog, stock: Stock, mode: str
) -> None:
    """A look-up for each entity, whatever else the tenant has."""
    (probe,) = stock.probes(stock.large, 1)
    narrow: Filters = (["skill"], IN_FORCE, [], ["t7"], [])
    plan = await looked(
        app, catalog["search_exact"], given(probe, narrow), stock.large.reader, mode
    )

    assert [] == vector_indexes(ran(plan))
    assert "entity_label_default_pkey" in ran(plan)
    assert plan.blocks < 14 * (PER + 12) + 100


async def test_exact_reads_the_labels_of_all_entities_in_one_pass(
    app: Connection, catalog: Catalog, stock: Stock
) -> None:
    """Once for the scores, and once more for each entity that is answered."""
    (probe,) = stock.probes(stock.large, 1)
    plan = await looked(app, catalog["search_exact"], given(probe, EVERYTHING), stock.large.reader)
    read = [
        node["Actual Loops"]
        for node in plan.nodes()
        if node.get("Index Name") == "entity_label_default_pkey"
    ]

    assert [1, 10] == sorted(read)


@pytest.mark.parametrize(
    "asked, drives",
    [
        ((KINDS, IN_FORCE, [], [], []), "base_entity_status_idx"),
        ((["skill"], IN_FORCE, ["certification"], [], []), "skill_entity_category_idx"),
        ((["skill"], IN_FORCE, ["technical"], ["t7"], []), "entity_tag_"),
        ((KINDS, IN_FORCE, [], [], ["01900000-0000-7000-8000-000000000000"]), "_industry_idx"),
    ],
)
async def test_one_filter_drives_by_its_own_index(
    app: Connection, catalog: Catalog, stock: Stock, asked: Any, drives: str
) -> None:
    """The others are asked of what it finds, by primary keys; what is not asked for is not read."""
    arguments = filters(asked) | {"most": 10_000}
    plan = await looked(app, catalog["search_breadth"], arguments, stock.large.reader)
    others = ("pkey", drives)

    assert any(drives in name for name in ran(plan))
    assert [] == [name for name in ran(plan) if not any(each in name for each in others)]


async def test_the_function_plans_as_its_file_does(
    cluster: Server, database: str, catalog: Catalog, settings: Settings, stock: Stock
) -> None:
    """Inside q, call after call: the same two indexes, planned once and kept."""
    statement = catalog["search_near"]
    (probe,) = stock.probes(stock.apart, 1)
    asked = structs.astuple(near(probe))
    heard: list[str] = []
    pool = Pool(cluster.url("superuser", database), settings)
    await pool.open()
    try:
        async with pool.connection() as session:
            await session.execute(
                "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;"
                " SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json;"
                " SET auto_explain.log_analyze = on; SET auto_explain.log_level = notice;"
                " SET ROLE plant_app;"
            )

            def listener(_: object, message: Any) -> None:
                heard.append(message.message)

            session.add_log_listener(listener)
            used = []
            for _ in range(7):
                heard.clear()
                await session.fetch(statement.query, *asked, *stock.apart.reader.context.arguments)
                inner = [text for text in heard if "{" in text and "AS near" in _query(text)]
                used.append(vector_indexes(ran(Plan("[" + _tree(inner[-1]) + "]"))))
            session.remove_log_listener(listener)
    finally:
        await pool.close()

    assert [
        ["entity_label_apart_embedding_384_idx", "entity_label_apart_lexical_384_idx"]
    ] * 7 == used


def _tree(text: str) -> str:
    found = json.loads(text[text.index("{") :])
    return json.dumps({"Plan": found["Plan"], "Query Text": found["Query Text"]})


def _query(text: str) -> str:
    return str(json.loads(text[text.index("{") :])["Query Text"])


async def test_the_labels_of_an_entity_are_what_it_is_called(
    repository: Repository, stock: Stock
) -> None:
    """All but its description, with the vectors as they were written."""
    mine = [row for row in stock.rows if row[1] == stock.rows[0][1]]
    labels = await repository.many(
        SearchLabels(str(stock.rows[0][1]), 256), stock.large.reader.context
    )
    hidden = await repository.many(
        SearchLabels(str(stock.rows[0][1]), 256), stock.small.reader.context
    )

    assert [(row[7], row[8], row[9]) for row in mine if row[4] != "description"] == [
        (label.embedder, label.embedding_384, label.lexical_384) for label in labels
    ]
    assert [] == hidden
