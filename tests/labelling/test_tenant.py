"""Labels follow what entities say, behind the log: each embedded once, none lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from service.database.vectors import as_bytes
from service.errors import Unavailable
from service.model.vector import unit, wire
from service.repository.base import Repository
from service.repository.erasure import EntityErase
from service.settings import Settings
from tests.erasing import erased
from tests.factories import (
    Tenant,
    active_skill,
    amend,
    create,
    industry_body,
    raise_to,
    skill_body,
    step,
)
from tests.labelling.ground import WORDS, Counted, Meddling, Worker, of_meaning, of_spelling, worker
from tests.labels import seen_by
from tests.placed import place_all
from tests.postgres import Server
from tests.sessions import Connect, Connection, acting, pid, sent, until_blocked


async def labels(superuser: Connection, identity: object) -> list[Any]:
    """Read the labels of an entity."""
    return await superuser.fetch(
        "SELECT source, label, text_sha256, embedder, private_to,"
        " public.vector_send(embedding_384) AS embedding,"
        " public.vector_send(lexical_384) AS lexical"
        " FROM app.entity_label WHERE entity_id = $1 ORDER BY source, label",
        identity,
    )


async def test_each_name_description_and_alias_has_a_row_with_its_vectors(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Vectors are those of the text, the digest is that of its bytes."""
    made = await create(
        repository,
        tenant.author,
        "skill",
        skill_body(name="One", description="What it is.", aliases=["Two", "Zwölf"]),
    )
    written = await labeller.embedded(tenant, Counted())
    found = await labels(superuser, made.id)

    assert 4 == written
    assert [
        ("alias", "Two"),
        ("alias", "Zwölf"),
        ("description", "What it is."),
        ("name", "One"),
    ] == [(row["source"], row["label"]) for row in found]
    for row in found:
        assert sha256(row["label"].encode()).digest() == row["text_sha256"]
        assert "meaning/1" == row["embedder"]
        assert of_meaning(row["label"]) == row["embedding"][4:]
        assert of_spelling(row["label"]) == row["lexical"][4:]


async def test_nothing_is_embedded_twice(
    repository: Repository, tenant: Tenant, labeller: Worker
) -> None:
    """Looking again finds nothing, and a step or a tag computes nothing anew."""
    vectors = Counted()
    made = await create(repository, tenant.author, "skill", skill_body())
    await labeller.embedded(tenant, vectors)
    before = len(vectors.texts)
    await amend(repository, tenant.author, "skill", made.id, {"tags": ["a"]})
    await raise_to(repository, tenant, "skill", made.id, "active")

    assert 2 == before
    assert 0 == await labeller.embedded(tenant, vectors)
    assert before == len(vectors.texts)


async def test_a_step_rewrites_no_vector(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Rows of labels are the same ones after a step that hides nothing and a change of tags."""
    made = await active_skill(repository, tenant)
    await labeller.embedded(tenant, Counted())
    places = "SELECT ctid, xmin FROM app.entity_label WHERE entity_id = $1 ORDER BY ctid"
    before = await superuser.fetch(places, made.id)
    await step(repository, tenant.author, "skill", made.id, "deprecated")
    await amend(repository, tenant.author, "skill", made.id, {"tags": ["b"]})
    await labeller.embedded(tenant, Counted())

    assert 2 == len(before)
    assert before == await superuser.fetch(places, made.id)


async def test_a_changed_text_is_embedded_anew_and_what_is_not_said_any_more_goes(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Only the new texts are computed, wherever in the list they stand."""
    vectors = Counted()
    body = skill_body(name="One", aliases=["Two", "Three"])
    made = await create(repository, tenant.author, "skill", body)
    await labeller.embedded(tenant, vectors)
    vectors.texts.clear()
    patch = {"description": "Another.", "aliases": ["Four", "Three"]}
    await amend(repository, tenant.author, "skill", made.id, patch)
    written = await labeller.embedded(tenant, vectors)
    found = await labels(superuser, made.id)

    assert (2, {"Another.", "Four"}) == (written, set(vectors.texts))
    assert ["Four", "Three", "Another.", "One"] == [row["label"] for row in found]
    assert of_meaning("Another.") == found[2]["embedding"][4:]


async def test_a_label_that_only_went_goes(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """An alias that is taken away leaves no row behind, whether another one stays or none."""
    made = await create(repository, tenant.author, "skill", skill_body(aliases=["Two", "Three"]))
    await labeller.embedded(tenant, Counted())
    for left in (["Three"], []):
        await amend(repository, tenant.author, "skill", made.id, {"aliases": left})

        assert 0 == await labeller.embedded(tenant, Counted())
        found = [(row["source"], row["label"]) for row in await labels(superuser, made.id)]
        assert left == [label for source, label in found if source == "alias"]
        assert len(left) + 2 == len(found)


async def test_an_alias_that_stands_twice_or_is_the_name_is_embedded_once_each(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """A label is a source and a text."""
    body = skill_body(name="One", description="One", aliases=["One", "Two", "Two"])
    made = await create(repository, tenant.author, "skill", body)
    await labeller.embedded(tenant, Counted())

    found = [(row["source"], row["label"]) for row in await labels(superuser, made.id)]
    assert [("alias", "One"), ("alias", "Two"), ("description", "One"), ("name", "One")] == found


async def test_two_hundred_aliases_are_all_there(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Batches end between entities, not within one."""
    aliases = [f"alias {number}" for number in range(200)]
    ids = [
        (await create(repository, tenant.author, "skill", skill_body(aliases=aliases))).id
        for _ in range(3)
    ]
    written = await labeller.embedded(tenant, Counted())

    assert 3 * 202 == written
    for one in ids:
        assert 202 == len(await labels(superuser, one))


@pytest.mark.parametrize("placed", [False, True])
async def test_entries_with_and_without_a_place_are_embedded(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    labeller: Worker,
    *,
    placed: bool,
) -> None:
    """Nobody has to have given entries their places; the cursor goes as far as there are any."""
    await create(repository, tenant.author, "skill", skill_body())
    made = await create(repository, tenant.author, "skill", skill_body())
    if placed:
        await place_all(superuser)

    assert 4 == await labeller.embedded(tenant, Counted())
    assert 2 == len(await labels(superuser, made.id))
    assert (2 if placed else None) == await superuser.fetchval(
        "SELECT pos FROM app.label_cursor WHERE tenant_id = $1 AND pos > 0", tenant.id
    )


async def test_the_cursor_of_a_model_begins_at_the_beginning(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Another model embeds everything anew; the rows are its own then."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    await labeller.embedded(tenant, Counted())

    assert 2 == await labeller.embedded(tenant, Counted("other/1"))
    assert {"other/1"} == {row["embedder"] for row in await labels(superuser, made.id)}
    assert 0 == await labeller.embedded(tenant, Counted("other/1"))


async def test_who_has_no_model_leaves_the_vectors_of_one(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Words stand in for meaning only where there is nothing better."""
    first = await create(repository, tenant.author, "skill", skill_body())
    await labeller.embedded(tenant, Counted())
    second = await create(repository, tenant.author, "skill", skill_body())
    written = await labeller.embedded(tenant, Counted(WORDS))
    rows = await labels(superuser, second.id)

    assert 2 == written
    assert {"meaning/1"} == {row["embedder"] for row in await labels(superuser, first.id)}
    assert {WORDS} == {row["embedder"] for row in rows}
    assert all(row["embedding"] == row["lexical"] for row in rows)
    assert 2 == await labeller.embedded(tenant, Counted())


async def test_all_of_it_is_computed_anew_when_asked_for(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """What was written before the given time is due again, once."""
    await create(repository, tenant.author, "skill", skill_body(aliases=["Two"]))
    await labeller.embedded(tenant, Counted())
    since = await superuser.fetchval("SELECT clock_timestamp()")

    assert 3 == await labeller.embedded(tenant, Counted(), since)
    assert 0 == await labeller.embedded(tenant, Counted(), since)


@pytest.mark.parametrize("kind", ["skill", "industry"])
async def test_the_vector_of_the_caller_wins(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker, kind: str
) -> None:
    """It has a row of its own, at unit length, and nothing else of the entity has a meaning."""
    given = [3.0, 4.0, *[0.0] * 382]
    body = {"skill": skill_body, "industry": industry_body}[kind](embedding_384=given)
    made = await create(repository, tenant.author, kind, body)
    vectors = Counted()
    await labeller.embedded(tenant, vectors)
    rows = await labels(superuser, made.id)
    brought = [row for row in rows if row["source"] == "caller"]

    assert [("caller", body["name"])] == [(row["embedder"], row["label"]) for row in brought]
    assert unit(given) == brought[0]["embedding"][4:]
    assert of_spelling(body["name"]) == brought[0]["lexical"][4:]
    assert {WORDS} == {row["embedder"] for row in rows if row["source"] != "caller"}
    assert [] == vectors.texts


async def test_the_vector_of_the_caller_may_change_and_go(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Its row follows it, and the model is asked again when there is none."""
    body = skill_body(embedding_384=[1.0, *[0.0] * 383])
    made = await create(repository, tenant.author, "skill", body)
    await labeller.embedded(tenant, Counted())
    other = [0.0, 2.0, *[0.0] * 382]
    await amend(repository, tenant.author, "skill", made.id, {"embedding_384": other})
    await labeller.embedded(tenant, Counted())
    changed = [row for row in await labels(superuser, made.id) if row["source"] == "caller"]
    await amend(repository, tenant.author, "skill", made.id, {"embedding_384": None})
    await labeller.embedded(tenant, Counted())

    assert [unit(other)] == [row["embedding"][4:] for row in changed]
    assert {("name", "meaning/1"), ("description", "meaning/1")} == {
        (row["source"], row["embedder"]) for row in await labels(superuser, made.id)
    }


@pytest.mark.parametrize("embedded", ["draft", "under_review"])
async def test_labels_of_a_draft_are_its_agents_until_it_is_one_no_longer(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker, embedded: str
) -> None:
    """Others see them from the step on, and no longer when it has become a draft again."""
    made = await create(repository, tenant.author, "skill", skill_body(name="One"))
    if embedded == "draft":
        await labeller.embedded(tenant, Counted())
    seen = [await seen_by(superuser, tenant.reader, made.id)]
    await step(repository, tenant.author, "skill", made.id, "under_review")
    await labeller.embedded(tenant, Counted())
    seen.append(await seen_by(superuser, tenant.reader, made.id))
    await step(repository, tenant.author, "skill", made.id, "draft")
    seen.append(await seen_by(superuser, tenant.reader, made.id))
    own = await seen_by(superuser, tenant.author, made.id)
    all_ = [("description", "What it is."), ("name", "One")]

    assert [[], all_, []] == seen
    assert all_ == own


async def test_no_step_of_the_life_cycle_writes_a_label(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """From draft to archived, and once back: each row stays where it is."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await labeller.embedded(tenant, Counted())
    where = "SELECT ctid::text, xmin::text FROM app.entity_label WHERE entity_id = $1 ORDER BY 1"
    before = await superuser.fetch(where, made.id)
    for actor, status in (
        (tenant.author, "under_review"),
        (tenant.certifier, "draft"),
        (tenant.author, "under_review"),
        (tenant.certifier, "certified"),
        (tenant.author, "active"),
        (tenant.author, "deprecated"),
        (tenant.author, "archived"),
    ):
        await step(repository, actor, "skill", made.id, status)

    assert 2 == len(before)
    assert before == await superuser.fetch(where, made.id)


async def test_an_entity_that_changes_meanwhile_is_embedded_as_it_is_then(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """What was computed of the version before is not written."""
    made = await create(repository, tenant.author, "skill", skill_body(name="One"))
    vectors = Meddling(lambda: amend(repository, tenant.author, "skill", made.id, {"name": "Two"}))
    await labeller.embedded(tenant, vectors)

    assert ["Two"] == [
        row["label"] for row in await labels(superuser, made.id) if row["source"] == "name"
    ]


async def test_a_draft_that_is_submitted_meanwhile_stays_nobodys_secret(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Others see the labels of an entity that was submitted while they were computed."""
    made = await create(repository, tenant.author, "skill", skill_body())
    vectors = Meddling(lambda: step(repository, tenant.author, "skill", made.id, "under_review"))
    await labeller.embedded(tenant, vectors)

    assert 2 == len(await seen_by(superuser, tenant.reader, made.id))


async def test_an_erasure_meanwhile_leaves_no_label_of_what_was_erased(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """An archived entity is blank afterwards, in its labels too."""
    made = await active_skill(repository, tenant, name="Secret", aliases=["Hush"])
    await step(repository, tenant.author, "skill", made.id, "archived")
    vectors = Meddling(lambda: erased(repository, tenant.author, "skill", made.id))
    await labeller.embedded(tenant, vectors)

    assert not {"Secret", "Hush"} & {row["label"] for row in await labels(superuser, made.id)}


async def test_an_erasure_waits_for_labels_that_are_being_written(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker,
    connect: Connect,
) -> None:  # fmt: skip
    """The entity's row is locked until they are there, and then they are erased with the rest."""
    made = await active_skill(repository, tenant, name="Secret")
    await step(repository, tenant.author, "skill", made.id, "archived")
    eraser = await connect()
    async with labeller.lone.connection.transaction():
        await labeller.embedded(tenant, Counted())
        query = EntityErase("skill", str(made.id))
        erasing = asyncio.create_task(sent(repository, eraser, query, tenant.author))
        await until_blocked(superuser, eraser, labeller.lone.connection, erasing)
    await erasing

    assert [] == await labels(superuser, made.id)


async def test_what_was_killed_in_the_middle_is_done_by_the_next(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Whatever had been written is there, the rest comes, nothing twice."""
    aliases = [f"alias {number}" for number in range(100)]
    for _ in range(4):
        await create(repository, tenant.author, "skill", skill_body(aliases=aliases))
    await place_all(superuser)
    vectors = Counted()

    def kill(_: int) -> None:
        labeller.lone.connection.terminate()

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Unavailable)):
        await labeller.labels(tenant, vectors).round(kill)
    count = "SELECT count(*) FROM app.entity_label WHERE tenant_id = $1"
    before = await superuser.fetchval(count, tenant.id)
    await labeller.lone.open()
    after = await labeller.embedded(tenant, Counted())

    assert 0 < before < 4 * 102
    assert 4 * 102 == before + after == await superuser.fetchval(count, tenant.id)


async def test_one_at_a_time_embeds_a_tenant(
    cluster: Server, database: str, settings: Settings, tenant: Tenant, labeller: Worker
) -> None:
    """A second session is told so until the first has ended its turn."""
    async with worker(cluster, database, settings) as other:
        mine, theirs = (one.labels(tenant, Counted()) for one in (labeller, other))
        first = await mine.taken()
        second = await theirs.taken()
        await mine.left()
        third = await theirs.taken()

    assert (True, False, True) == (first, second, third)


async def test_how_far_behind_a_tenant_is(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Entries that have a place and were not looked at."""
    for _ in range(3):
        await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    before = await labeller.labels(tenant, Counted()).behind()
    await labeller.embedded(tenant, Counted())

    assert (3, 0) == (before, await labeller.labels(tenant, Counted()).behind())


async def test_what_a_draft_said_before_stays_its_author_s(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Labels that the work has not removed yet go when the entity is submitted."""
    made = await create(repository, tenant.author, "skill", skill_body(name="Hush"))
    await labeller.embedded(tenant, Counted())
    await amend(repository, tenant.author, "skill", made.id, {"name": "Open"})
    await step(repository, tenant.author, "skill", made.id, "under_review")
    rows = await labels(superuser, made.id)

    assert ["What it is."] == [row["label"] for row in rows]
    assert [("description", "What it is.")] == await seen_by(superuser, tenant.reader, made.id)


async def test_a_model_that_comes_again_embeds_again(
    repository: Repository, superuser: Connection, tenant: Tenant, labeller: Worker
) -> None:
    """Whose vectors had to go begins at the beginning."""
    made = await create(repository, tenant.author, "skill", skill_body())
    await place_all(superuser)
    for model in ("one/1", "two/1"):
        await labeller.embedded(tenant, Counted(model))
    again = await labeller.embedded(tenant, Counted("one/1"))

    assert 2 == again
    assert {"one/1"} == {row["embedder"] for row in await labels(superuser, made.id)}


class Slow(Counted):
    """Takes longer than a session may be silent."""

    def __init__(self, silent: Callable[[], Awaitable[bool]]) -> None:
        super().__init__()
        self._silent = silent

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute when the session has been asked something meanwhile."""
        async with asyncio.timeout(30):
            while await self._silent():  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        return await super().of_model(texts)


async def test_a_session_is_not_silent_while_vectors_are_computed(
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    labeller: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server would end it, and with it the turn."""
    monkeypatch.setattr("service.labelling.tenant.ALIVE_S", 0.05)
    await create(repository, tenant.author, "skill", skill_body())
    asked = "SELECT query FROM pg_stat_activity WHERE pid = $1"
    backend = pid(labeller.lone.connection)

    async def silent() -> bool:
        return "label_cursor" not in str(await superuser.fetchval(asked, backend))

    assert 2 == await labeller.embedded(tenant, Slow(silent))


async def test_a_deadlock_is_no_failure_but_another_try(
    cluster: Server,
    database: str,
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
    connect: Connect,
    settings: Settings,
) -> None:
    """Whoever changes the same entities in another order: what was undone is written at once."""
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
    lock = "SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE"
    middle, last = await connect("superuser"), await connect("superuser")
    for session in (middle, last):
        await session.execute("SET deadlock_timeout = '1min'; BEGIN")
    await middle.execute(lock, made[1].id)
    await last.execute(lock, made[2].id)
    # The worker alone looks at once whether it is in a circle, and is what the server ends.
    await superuser.execute(f"ALTER DATABASE {database} SET deadlock_timeout = '10ms'")
    async with worker(cluster, database, settings) as hasty:
        await superuser.execute(f"ALTER DATABASE {database} RESET deadlock_timeout")
        session = hasty.lone.connection
        written = asyncio.ensure_future(hasty.embedded(tenant, Counted()))
        await until_blocked(superuser, session, middle, written)
        wanted = asyncio.ensure_future(last.execute(lock, made[0].id))
        await until_blocked(superuser, last, session, wanted)
        await middle.execute("ROLLBACK")
        await wanted
        await last.execute("ROLLBACK")

        assert 6 == await written
        assert {"deadlock": 1} == {kind: n for kind, n in hasty.repository.retries.items() if n}


async def test_the_nearest_labels_are_of_skills_in_force(
    repository: Repository, tenant: Tenant, connect: Connect, labeller: Worker
) -> None:
    """By meaning and by characters; one's own draft is none of them, nor is another kind."""
    await create(repository, tenant.author, "skill", skill_body(name="Theme"))
    await create(repository, tenant.author, "industry", industry_body(name="Three"))
    wanted = await active_skill(repository, tenant, name="Three")
    await labeller.embedded(tenant, Counted())
    near = "SELECT skill_id FROM app.skill_labels_near($1, $2, '{meaning/1}', 9)"
    meaning, spelling = wire(of_meaning("Three")), wire(of_spelling("Three"))
    async with acting(await connect(), tenant.author) as session:
        await as_bytes(session)
        found = [
            [row["skill_id"] for row in await session.fetch(near, *given)]
            for given in ((meaning, None), (None, spelling))
        ]

    assert [[wanted.id]] * 2 == found


async def test_so_many_labels_are_the_nearest(
    repository: Repository, tenant: Tenant, connect: Connect, labeller: Worker
) -> None:
    """As many as are asked for by meaning, and as many by characters."""
    for name in ("Three", "There", "Those"):
        await active_skill(repository, tenant, name=name)
    await labeller.embedded(tenant, Counted())
    near = "SELECT count(*) FROM app.skill_labels_near($1, $2, '{meaning/1}', 2)"
    meaning, spelling = wire(of_meaning("Three")), wire(of_spelling("Three"))
    async with acting(await connect(), tenant.author) as session:
        await as_bytes(session)
        found = [
            await session.fetchval(near, *given)
            for given in ((meaning, None), (None, spelling), (meaning, spelling))
        ]

    assert [2, 2, 4] == found
