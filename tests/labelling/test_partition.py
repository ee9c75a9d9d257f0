"""A tenant's labels in a table of their own: what is found, what changes meanwhile, what ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest
from msgspec import structs

from service.database.lone import Lone
from service.labelling import partition
from service.labelling.partition import Detached, NotMoved, OwnPartition, Wanted
from service.model.search import IN_FORCE, KINDS
from service.model.vector import wire
from service.repository.base import Many, Repository
from service.repository.doctor import ServerClock
from service.repository.partitions import LabelPartitionBegin, LabelPartitionMend, LabelVersions
from service.repository.search import SearchExact, SearchNear, SearchScale
from service.settings import Settings
from service.usecases.breadth import Breadths, Filters
from tests.erasing import erased
from tests.factories import Actor, Tenant, active_skill, amend, create, skill_body, step
from tests.labelling.ground import (
    WORDS,
    Counted,
    Meddling,
    Worker,
    building,
    of_meaning,
    of_spelling,
)
from tests.labels import seen_by
from tests.placed import place_all
from tests.postgres import Server
from tests.sessions import Connect, Connection, become, until_blocked

ROWS = """
SELECT
    entity_id, entity_type, source, label, text_sha256, embedder, private_to,
    public.vector_send(embedding_384) AS embedding, public.vector_send(lexical_384) AS lexical,
    tableoid::regclass::text AS place
FROM app.entity_label WHERE tenant_id = $1 ORDER BY entity_id, source, label
"""
TABLES = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND relname LIKE 'entity_label_%'
AND (relname LIKE '%' || replace($1, '-', '') || '%') ORDER BY 1
"""
CURSOR = "SELECT pos FROM app.label_cursor WHERE tenant_id = $1 AND embedder = $2"
DEFAULT = "app.entity_label_default"
NOBODY = "00000000-0000-0000-0000-000000000000"
OF_A_TENANT = (
    "app.label_versions($1)",
    "app.copy_labels($1, 'meaning/1', 'words/1', '-infinity')",
    f"app.due_label_page($1, '{NOBODY}', 10, 0, 'meaning/1', 'words/1', '-infinity')",
    "app.mend_labels($1, '{}', '{}')",
    "app.clear_labels($1)",
    "app.move_label_cursor($1, 'meaning/1', 1)",
    "app.write_labels($1, 'meaning/1', 1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
)
"""Calls that name the tenant they are for."""


def unheard(_: object) -> None:
    """Hear what is being done, and do nothing with it."""


class Ground:
    """A tenant, its labels, and who makes it a table of its own."""

    def __init__(
        self, repository: Repository, superuser: Connection, tenant: Tenant, builder: Lone
    ) -> None:
        self.repository = repository
        self.superuser = superuser
        self.tenant = tenant
        self.builder = builder

    def own(self, tell: Callable[[str], None] = unheard, tries: int = 40) -> OwnPartition:
        """Have the work at hand."""
        return OwnPartition(self.repository, self.builder, self.tenant.id, tell, tries=tries)

    async def rows(self, tenant: Tenant | None = None) -> list[Any]:
        """Read all labels of a tenant."""
        return await self.superuser.fetch(ROWS, (tenant or self.tenant).id)

    async def said(self) -> list[tuple[str, str]]:
        """Give source and label of all."""
        return [(row["source"], row["label"]) for row in await self.rows()]

    async def seen(self, identity: object, actor: Actor | None = None) -> list[tuple[str, str]]:
        """Give source and label of an entity's that an agent sees; by default a reader."""
        return await seen_by(self.superuser, actor or self.tenant.reader, identity)

    async def places(self, tenant: Tenant | None = None) -> set[str]:
        """Name the tables in which its labels stand."""
        return {row["place"].partition(".")[2] for row in await self.rows(tenant)}

    async def tables(self) -> list[str]:
        """Name the tables that the tenant has of its own, attached or not."""
        return [row[0] for row in await self.superuser.fetch(TABLES, str(self.tenant.id))]

    @property
    def name(self) -> str:
        """Give the name of its first table."""
        return f"entity_label_{self.tenant.id.hex}"


@pytest.fixture
def ground(repository: Repository, superuser: Connection, tenant: Tenant, builder: Lone) -> Ground:
    """Have a tenant without labels."""
    return Ground(repository, superuser, tenant, builder)


def without_place(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Give rows as they are, wherever they stand."""
    return [tuple(row.values())[:-1] for row in rows]


async def found(ground: Ground, how: type[SearchExact | SearchNear]) -> list[tuple[Any, ...]]:
    """Search for skills in force by what a word means and how it is spelled."""
    asked = SearchExact(
        *(["skill"], ["active"], [], [], []),
        vectors=[wire(of_meaning("Three"))],
        lexicals=[wire(of_spelling("Three"))],
        models=["meaning/1", "caller"],
        sources=["name", "alias", "description"],
        but_id=None,
        words=0.95,
        around=0.05,
        count=10,
    )
    near = SearchNear(**structs.asdict(asked), near=60)
    query: Many[Any] = asked if how is SearchExact else near
    hits = await ground.repository.many(query, ground.tenant.reader.context)
    return [structs.astuple(hit) for hit in hits]


@pytest.mark.parametrize("how", [SearchExact, SearchNear])
async def test_a_search_finds_the_same_before_and_after(
    ground: Ground, labeller: Worker, how: type[SearchExact | SearchNear]
) -> None:
    """Compared whole and along the indexes, with the same scores."""
    for name in ("One", "Three", "Eleven", "Twelve"):
        await active_skill(ground.repository, ground.tenant, name=name)
    await labeller.embedded(ground.tenant, Counted())
    before = await found(ground, how)
    await ground.own().isolated()

    assert 4 == len(before)
    assert before == await found(ground, how)


async def test_a_search_knows_how_large_the_table_is_that_it_goes_through(
    ground: Ground, other_tenant: Tenant, labeller: Worker
) -> None:
    """That of all; once isolated, and isolated again, that of its own, and for others the rest."""
    actors = (ground.tenant.reader, other_tenant.reader)

    async def scales() -> list[tuple[int, bool]]:
        await ground.superuser.execute("ANALYZE app.entity_label")
        found = [await ground.repository.one(SearchScale(), each.context) for each in actors]
        return [(scale.labels, scale.own) for scale in found]

    for tenant, count in ((ground.tenant, 1), (other_tenant, 2)):
        for _ in range(count):
            await active_skill(ground.repository, tenant)
        await labeller.embedded(tenant, Counted())
    own, others = [len(await ground.rows(tenant)) for tenant in (ground.tenant, other_tenant)]
    together = await scales()
    apart = []
    for _ in range(2):
        await ground.own().isolated()
        apart.append(await scales())

    assert together[0] == together[1] >= (own + others, False)
    assert [[(own, True), (together[0][0] - own, False)]] * 2 == apart


async def test_an_index_leads_to_nothing_else_where_all_of_an_own_table_is_searched(
    ground: Ground,
) -> None:
    """Not in the table of all, and not where a filter leaves something out."""
    everything = Filters(kinds=KINDS, statuses=IN_FORCE)
    narrower = [
        structs.replace(everything, **{name: (one,)})
        for name, one in (
            *(("kinds", "skill"), ("statuses", "active"), ("categories", "technical")),
            *(("tags", "a"), ("industry_ids", str(ground.tenant.id))),
        )
    ]

    async def alone(filters: Filters) -> bool:
        breadths = Breadths(0, time.monotonic)
        return (await breadths.of(ground.repository, ground.tenant.reader.context, filters)).alone

    shared = await alone(everything)
    await ground.own().isolated()

    assert [False, True] == [shared, await alone(everything)]
    assert [False] * 5 == [await alone(filters) for filters in narrower]


async def test_an_isolated_tenant_has_the_same_labels_and_others_keep_theirs(
    ground: Ground, other_tenant: Tenant, labeller: Worker
) -> None:
    """Row for row; only the table is another one, and that of all has none of them any more."""
    for tenant in (ground.tenant, other_tenant):
        for _ in range(3):
            await create(ground.repository, tenant.author, "skill", skill_body(aliases=["Two"]))
        await active_skill(ground.repository, tenant)
        await labeller.embedded(tenant, Counted())
    before, others = await ground.rows(), await ground.rows(other_tenant)
    made = await ground.own().isolated()

    assert without_place(before) == without_place(await ground.rows())
    assert others == await ground.rows(other_tenant)
    assert {ground.name} == await ground.places()
    assert (11, 0, 11) == (made.labels, made.computed, made.cleared)
    assert [ground.name] == await ground.tables()


async def test_what_is_lacking_is_computed_and_what_is_there_is_kept(
    ground: Ground, labeller: Worker
) -> None:
    """Only new labels are computed; vectors are those that the background would have written."""
    first = await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    kept = await ground.rows()
    body = skill_body(name="One", aliases=["Two", "Zwölf"], embedding_384=[3.0] + [0.0] * 383)
    await create(ground.repository, ground.tenant.author, "skill", skill_body(aliases=["Six"]))
    brought = await create(ground.repository, ground.tenant.author, "skill", body)
    vectors = Counted()
    told: list[int] = []
    made = await ground.own().embedded(Wanted(vectors, 0), told.append)
    rows = await ground.rows()
    expected = await _by_the_background(ground, labeller)

    assert 8 == made.computed == sum(told)
    assert 3 == len(vectors.texts)
    assert without_place(kept) == [row for row in without_place(rows) if row[0] == first.id]
    assert {"caller", "words/1"} == {
        row["embedder"] for row in rows if row["entity_id"] == brought.id
    }
    assert expected == without_place(rows)


async def _by_the_background(ground: Ground, labeller: Worker) -> list[tuple[Any, ...]]:
    """Let labels be written again one by one."""
    await ground.superuser.execute(
        "DELETE FROM app.entity_label WHERE tenant_id = $1", ground.tenant.id
    )
    await ground.superuser.execute(
        "DELETE FROM app.label_cursor WHERE tenant_id = $1", ground.tenant.id
    )
    await labeller.embedded(ground.tenant, Counted())
    return without_place(await ground.rows())


async def test_everything_is_computed_anew_when_it_is_asked_for(
    ground: Ground, labeller: Worker, owner: Repository
) -> None:
    """Also for a tenant that has a table already, which another one replaces; twice if need be."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body(aliases=["Two"]))
    await labeller.embedded(ground.tenant, Counted("old/1"))
    await ground.own().isolated()
    names = []
    for model in ("new/1", "new/1"):
        since = (await owner.one(ServerClock())).at
        made = await ground.own().embedded(Wanted(Counted(model), 0, since), unheard)
        names.append(await ground.tables())

        assert 3 == made.computed == made.labels
        assert {model} == {row["embedder"] for row in await ground.rows()}
    assert [[f"{ground.name}_2"], [ground.name]] == names


async def test_who_has_no_model_leaves_the_vectors_of_one(ground: Ground, labeller: Worker) -> None:
    """But not beside a vector of the caller, where nothing else has a meaning."""
    made = [await create(ground.repository, ground.tenant.author, "skill", skill_body())
            for _ in range(2)]  # fmt: skip
    await labeller.embedded(ground.tenant, Counted())
    brought = {"embedding_384": [1.0, *[0.0] * 383]}
    await amend(ground.repository, ground.tenant.author, "skill", made[1].id, brought)
    found = await ground.own().embedded(Wanted(Counted(WORDS), 0), unheard)
    rows = await ground.rows()

    assert 3 == found.computed
    assert [["meaning/1"] * 2, ["caller", WORDS, WORDS]] == [
        sorted(row["embedder"] for row in rows if row["entity_id"] == one.id) for one in made
    ]


async def test_a_model_whose_vectors_had_to_go_begins_at_the_beginning(
    ground: Ground, labeller: Worker
) -> None:
    """When it comes again all is looked at; the new one goes on behind what it was told."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await place_all(ground.superuser)
    await labeller.embedded(ground.tenant, Counted("old/1"))
    before = await ground.superuser.fetchval(CURSOR, ground.tenant.id, "old/1")
    await ground.own().embedded(Wanted(Counted("new/1"), 1), unheard)
    cursors = [
        await ground.superuser.fetchval(CURSOR, ground.tenant.id, model)
        for model in ("old/1", "new/1")
    ]

    assert 1 == before
    assert [0, 1] == cursors


async def test_labels_are_written_into_the_table_afterwards(
    ground: Ground, labeller: Worker
) -> None:
    """New ones by the background; those of a draft that is submitted are everybody's there too."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    await ground.own().isolated()
    later = await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    private = [await ground.seen(later.id), await ground.seen(later.id, ground.tenant.author)]
    await step(ground.repository, ground.tenant.author, "skill", later.id, "under_review")

    assert {ground.name} == await ground.places()
    assert [0, 2] == [len(seen) for seen in private]
    assert 2 == len(await ground.seen(later.id))


async def test_an_erasure_reaches_the_table(ground: Ground, labeller: Worker) -> None:
    """Nothing of what was erased stays in it."""
    made = await active_skill(ground.repository, ground.tenant, name="Secret", aliases=["Hush"])
    await active_skill(ground.repository, ground.tenant)
    await labeller.embedded(ground.tenant, Counted())
    await ground.own().isolated()
    await step(ground.repository, ground.tenant.author, "skill", made.id, "archived")
    await erased(ground.repository, ground.tenant.author, "skill", made.id)

    assert made.id not in {row["entity_id"] for row in await ground.rows()}
    assert {ground.name} == await ground.places()


Happening = Callable[[Ground, Any], Awaitable[object]]


async def _submitted(ground: Ground, made: Any) -> object:
    return await step(ground.repository, ground.tenant.author, "skill", made.id, "under_review")


async def _renamed(ground: Ground, made: Any) -> object:
    return await amend(ground.repository, ground.tenant.author, "skill", made.id, {"name": "Two"})


async def _born(ground: Ground, _: Any) -> object:
    return await create(ground.repository, ground.tenant.author, "skill", skill_body(name="New"))


@pytest.mark.parametrize(
    "happens, said, seen",
    [
        (_submitted, [("description", "What it is."), ("name", "One")], 2),
        (_renamed, [("description", "What it is.")], 0),
        (_born, [("description", "What it is."), ("name", "One")], 0),
    ],
)
async def test_what_changes_while_vectors_are_computed_is_right_at_once(
    ground: Ground, labeller: Worker, happens: Happening, said: Any, seen: int
) -> None:
    """No label that is not said any more, none private for ever; the rest comes behind the log."""
    made = await create(ground.repository, ground.tenant.author, "skill", skill_body(name="One"))
    await place_all(ground.superuser)
    vectors = Meddling(lambda: happens(ground, made))
    await ground.own().embedded(Wanted(vectors, 1), unheard)
    rows = await ground.rows()
    pos = await ground.superuser.fetchval(CURSOR, ground.tenant.id, "meaning/1")
    await place_all(ground.superuser)
    await labeller.embedded(ground.tenant, Counted())

    assert 1 == pos
    assert said == [(row["source"], row["label"]) for row in rows if row["entity_id"] == made.id]
    assert seen == len(await ground.seen(made.id))
    assert {(row["source"], row["label"]) for row in await ground.superuser.fetch(
        "SELECT source, label FROM app.wanted_label WHERE tenant_id = $1", ground.tenant.id
    )} == set(await ground.said())  # fmt: skip


async def test_an_erasure_while_vectors_are_computed_leaves_nothing(
    ground: Ground, labeller: Worker
) -> None:
    """What was erased is in neither table."""
    made = await active_skill(ground.repository, ground.tenant, name="Secret", aliases=["Hush"])
    await active_skill(ground.repository, ground.tenant)
    await labeller.embedded(ground.tenant, Counted("old/1"))
    await step(ground.repository, ground.tenant.author, "skill", made.id, "archived")
    vectors = Meddling(lambda: erased(ground.repository, ground.tenant.author, "skill", made.id))
    await ground.own().embedded(Wanted(vectors, 0), unheard)

    assert not {"Secret", "Hush"} & {label for _, label in await ground.said()}
    assert {ground.name} == await ground.places()


async def test_what_changes_while_labels_are_moved_is_right_at_once(
    ground: Ground, labeller: Worker
) -> None:
    """A draft that is submitted then is everybody's; what its author had said before is gone."""
    made = await create(ground.repository, ground.tenant.author, "skill", skill_body(name="One"))
    await labeller.embedded(ground.tenant, Counted())
    await amend(ground.repository, ground.tenant.author, "skill", made.id, {"name": "Two"})
    happening: list[asyncio.Task[object]] = []

    def tell(words: str) -> None:
        if words == "building indexes":
            happening.append(asyncio.create_task(_submitted(ground, made)))

    await ground.own(tell).isolated()
    await happening[0]

    assert [("description", "What it is.")] == await ground.said()
    assert [("description", "What it is.")] == await ground.seen(made.id)
    assert {ground.name} == await ground.places()


async def test_what_has_changed_since_is_told_by_its_version(
    ground: Ground, other_tenant: Tenant
) -> None:
    """Entities of the tenant alone, each with its own: what has the same was not touched."""
    made = [await create(ground.repository, ground.tenant.author, "skill", skill_body())
            for _ in range(3)]  # fmt: skip
    await create(ground.repository, other_tenant.author, "skill", skill_body())
    undone = ground.builder.connection.transaction()
    await undone.start()
    one = partial(ground.repository.one, connection=ground.builder.connection)
    # Wherever the rows lie.
    for how in ("indexscan", "bitmapscan", "presorted_aggregate"):
        await ground.builder.connection.execute(f"SET LOCAL enable_{how} = off")
    await one(LabelPartitionBegin(ground.tenant.id))
    before = await one(LabelVersions(ground.tenant.id))
    await _renamed(ground, made[0])
    await _born(ground, None)
    now = await one(LabelVersions(ground.tenant.id))
    changed = [
        (await one(LabelPartitionMend(ground.tenant.id, then.ids, then.versions))).changed
        for then in (before, now)
    ]
    await undone.rollback()

    assert {each.id: 1 for each in made} == dict(zip(before.ids, before.versions, strict=True))
    assert [2, 1, 1, 1] == now.versions
    assert [2, 0] == changed


async def test_who_is_amid_changing_an_entity_is_waited_for(
    ground: Ground, labeller: Worker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has as much as locked one: what it does before it ends is in the new table."""
    monkeypatch.setattr(partition, "PAUSE_S", 0.01)
    made = await create(ground.repository, ground.tenant.author, "skill", skill_body(name="One"))
    await labeller.embedded(ground.tenant, Counted())
    writer = await connect()
    transaction = writer.transaction()
    await transaction.start()
    await become(writer, ground.tenant.author)
    await writer.execute("SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE", made.id)
    moving = asyncio.create_task(ground.own().isolated())
    await until_blocked(ground.superuser, ground.builder.connection, writer, moving)
    await writer.execute("UPDATE app.base_entity SET name = 'Two' WHERE id = $1", made.id)
    await writer.execute(
        "UPDATE app.base_entity SET status = 'under_review' WHERE id = $1", made.id
    )
    await transaction.commit()
    await moving

    assert [("description", "What it is.")] == await ground.said()
    assert [("description", "What it is.")] == await ground.seen(made.id)


async def test_without_the_locks_nothing_is_done(
    ground: Ground, labeller: Worker, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused with a way out; labels stand where they stood, and no table is left."""
    monkeypatch.setattr(partition, "PAUSE_S", 0.01)
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    before = await ground.rows()
    holder = await connect("superuser")
    async with holder.transaction():
        await holder.execute("SELECT FROM app.entity_label LIMIT 1")
        with pytest.raises(NotMoved) as refused:
            await ground.own(tries=2).isolated()

    assert 1 == refused.value.exit_code
    assert before == await ground.rows()
    assert [] == await ground.tables()


async def test_a_table_that_somebody_detached_is_named(ground: Ground, labeller: Worker) -> None:
    """Nothing is done, by neither command; what is told to do brings the labels back."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    await ground.own().isolated()
    before = await ground.rows()
    await ground.superuser.execute(
        f"ALTER TABLE app.entity_label DETACH PARTITION app.{ground.name}"
    )
    with pytest.raises(Detached, match=f"The table app.{ground.name} stands there") as refused:
        await ground.own().isolated()
    with pytest.raises(Detached, match="plant embed --tenant … --all"):
        await ground.own().embedded(Wanted(Counted(), 0), unheard)
    tables, ways = await ground.tables(), refused.value.way_out.split("`")
    await ground.superuser.execute(ways[1])

    assert 1 == refused.value.exit_code
    assert [ground.name] == tables
    assert f"DROP TABLE app.{ground.name};" == ways[3]
    assert before == await ground.rows()


async def test_a_table_that_was_detached_before_another_was_made_is_in_the_way(
    ground: Ground, labeller: Worker
) -> None:
    """It has the other name: it can only be dropped, and then the next one is made."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    await ground.own().isolated()
    other = f"app.{ground.name}_2"
    await ground.superuser.execute(f"CREATE TABLE {other} (LIKE app.entity_label)")
    with pytest.raises(Detached, match=f"{other} stands there") as refused:
        await ground.own().isolated()
    await ground.superuser.execute(refused.value.way_out.split("`")[1])
    await ground.own().isolated()

    assert "ATTACH" not in refused.value.way_out
    assert [f"{ground.name}_2"] == await ground.tables()


async def test_what_is_killed_on_the_way_leaves_nothing(ground: Ground, labeller: Worker) -> None:
    """No table, no text in it, no lock: the next one does it all."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    await labeller.embedded(ground.tenant, Counted())
    before = await ground.rows()

    def kill(words: str) -> None:
        if words == "building indexes":
            ground.builder.connection.terminate()

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await ground.own(kill).isolated()
    tables = await ground.tables()
    await ground.builder.open()
    await ground.own().isolated()

    assert [] == tables
    assert without_place(before) == without_place(await ground.rows())
    assert [ground.name] == await ground.tables()


async def test_nobody_else_embeds_the_tenant_meanwhile(ground: Ground, labeller: Worker) -> None:
    """A service is told that it is not its turn, and has it afterwards."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    theirs = labeller.labels(ground.tenant, Counted())
    turns: list[bool] = []

    async def ask() -> None:
        turns.append(await theirs.taken())

    await ground.own().embedded(Wanted(Meddling(ask), 0), unheard)

    assert [False] == turns
    assert await theirs.taken()


async def test_a_turn_that_somebody_has_is_waited_for(ground: Ground, labeller: Worker) -> None:
    """What it writes is there before anything is copied."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    theirs = labeller.labels(ground.tenant, Counted())
    assert await theirs.taken()
    moving = asyncio.create_task(ground.own().isolated())
    await until_blocked(
        ground.superuser, ground.builder.connection, labeller.lone.connection, moving
    )
    await theirs.round()
    await theirs.left()

    assert 2 == (await moving).labels


async def test_the_cursor_of_a_model_does_not_go_back(ground: Ground, connect: Connect) -> None:
    """Whoever is late moves nothing, and that of another model begins anew."""
    session = await connect("superuser")
    for model, pos in (("old/1", 5), ("meaning/1", 7), ("meaning/1", 3)):
        await session.execute(
            "SELECT app.move_label_cursor($1, $2, $3)", ground.tenant.id, model, pos
        )
    found = {
        model: await session.fetchval(CURSOR, ground.tenant.id, model)
        for model in ("old/1", "meaning/1")
    }

    assert {"old/1": 0, "meaning/1": 7} == found


@pytest.mark.parametrize("call", OF_A_TENANT, ids=lambda call: call.partition("(")[0])
async def test_what_is_called_for_a_tenant_leaves_the_session_its_own(
    ground: Ground, connect: Connect, other_tenant: Tenant, call: str
) -> None:
    """Whom the transaction acts for after it is who it was, and after its end it is nobody."""
    session = await connect("superuser")
    set_to = "SELECT current_setting('app.tenant_id', TRUE)"
    async with session.transaction():
        await become(session, other_tenant.author)
        await session.fetch("SELECT app.begin_label_partition($1)", ground.tenant.id)
        await session.execute(f"SELECT FROM {call}", ground.tenant.id)
        inside = await session.fetchval(set_to)

    assert (str(other_tenant.id), "") == (inside, await session.fetchval(set_to))


@pytest.mark.parametrize("who", ["owner", "superuser"])
async def test_the_table_is_as_the_one_of_all(
    ground: Ground, cluster: Server, database: str, settings: Settings, who: str
) -> None:
    """Owner, storage, statistics, checks, keys, triggers, row security, privileges: all of it."""
    await create(ground.repository, ground.tenant.author, "skill", skill_body())
    async with building(cluster, database, settings, who) as lone:
        own = OwnPartition(ground.repository, lone, ground.tenant.id, unheard)
        await own.embedded(Wanted(Counted(), 0), unheard)
    ours, theirs = [await _shape(ground.superuser, one) for one in (ground.name, DEFAULT[4:])]

    assert theirs == ours


async def _shape(superuser: Connection, table: str) -> list[tuple[Any, ...]]:
    """Say what there is to say of a table, but for its name."""
    rows = await superuser.fetch(
        """
        WITH it AS (SELECT * FROM pg_class WHERE oid = ('app.' || $1)::regclass)
        SELECT 'table', concat_ws(' ', relrowsecurity, relforcerowsecurity, reloptions,
            relowner::regrole, coalesce(relacl::text, acldefault('r', relowner)::text)) FROM it
        UNION ALL
        SELECT 'column', concat_ws(' ', attnum, attname, atttypid::regtype, attstorage,
            attstattarget, attnotnull)
        FROM pg_attribute INNER JOIN it ON attrelid = it.oid WHERE attnum > 0
        UNION ALL
        SELECT 'constraint', concat_ws(' ', contype, replace(conname, $1, '-'), convalidated,
            conislocal, coninhcount > 0, pg_get_constraintdef(pg_constraint.oid))
        FROM pg_constraint INNER JOIN it ON conrelid = it.oid WHERE contype <> 'n'
        UNION ALL
        SELECT 'index', concat_ws(' ', indisvalid, replace(pg_get_indexdef(indexrelid), $1, '-'),
            (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = indexrelid),
            (SELECT string_agg(coalesce(attstattarget, -1)::text, ' ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = indexrelid))
        FROM pg_index INNER JOIN it ON indrelid = it.oid
        UNION ALL
        SELECT 'trigger', concat_ws(' ', tgenabled,
            regexp_replace(replace(pg_get_triggerdef(pg_trigger.oid), $1, '-'), '_[0-9]+', ''))
        FROM pg_trigger INNER JOIN it ON tgrelid = it.oid WHERE NOT tgisinternal
        ORDER BY 1, 2
        """,
        table,
    )
    return [tuple(row) for row in rows]
