"""Reads of the past against the log as it may be: long, begun late, and not yet committed."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from service.errors import InvalidParameter
from service.model.history import AtTime, AtVersion
from service.model.kinds import BY_NAME
from service.model.query import list_query
from service.model.times import write_time
from service.repository.base import Repository
from service.repository.entities import CREATE
from service.repository.history import EntityVersions, HistoryNow
from service.repository.lists import LAST_ID
from service.usecases.history import document_then, page_of, refuse_future
from tests.factories import Tenant, amend, create, skill_body, step
from tests.postgres import Server
from tests.sessions import Connect, Connection, acting, connections, sent

pytestmark = pytest.mark.database

SKILL = BY_NAME["skill"]
BEGIN = datetime(2019, 3, 1, tzinfo=UTC)
# Beneath the trigger, as a restored entity would come: its first entry is not its first version.
PLANT = """
WITH planted AS (
    INSERT INTO audit.entry
    SELECT $1, uuidv7(), 'skill', $2, version, 'restore', $3::text, $3,
        $4::timestamptz + version * interval '1 day', sha256('payload'),
        CASE version WHEN $5 THEN decode(repeat('00', 32), 'hex') ELSE sha256('before') END,
        sha256('entry')
    FROM generate_series($5::integer, $6::integer) AS version
    RETURNING *
)
INSERT INTO audit.payload
SELECT tenant_id, audit_id, uuid_send(uuidv7()),
    json_build_object('version', version, 'status', 'active')::text
FROM planted
"""
AMEND = """
SELECT document, document::json ->> 'updated_at' AS at
FROM app.skill_amend(ARRAY[$1::uuid], ARRAY[NULL], ARRAY[$2::jsonb], TRUE, NULL)
"""
PLANTED = UUID("01900000-0000-7000-8000-00000000000a")


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


async def planted(superuser: Connection, tenant: Tenant, first: int, last: int) -> None:
    """Write versions of an entity into the log."""
    agent = tenant.author.context.governance_agent_id
    await superuser.execute(PLANT, tenant.id, PLANTED, agent, BEGIN, first, last)


async def listed(repository: Repository, tenant: Tenant, at: datetime) -> list[str]:
    """List the skills of a time."""
    query = list_query(f"as_of={write_time(at)}", SKILL)
    rows, place = await page_of(repository, tenant.author.context, query, (LAST_ID,))
    assert place is None
    return [row.document for row in rows if row.document is not None]


async def test_a_history_may_begin_with_any_version(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """What is first is said by the chain, not by the number."""
    await planted(superuser, tenant, 7, 9)
    context = tenant.author.context
    rows = await repository.many(EntityVersions("skill", str(PLANTED), 100, 10), context)

    assert [9, 8, 7] == [row.version for row in rows]
    assert [] == await listed(repository, tenant, BEGIN + timedelta(days=6))
    for day, version in ((7, 7), (8, 8), (30, 9)):
        (document,) = await listed(repository, tenant, BEGIN + timedelta(days=day))
        then = AtTime(BEGIN + timedelta(days=day))
        found = await document_then(repository, context, SKILL, str(PLANTED), then)
        assert found.document == document
        assert f'"version" : {version}' in document


async def test_a_long_history_is_found_by_number_and_by_time(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """Two thousand versions: any of them, and each page of them."""
    await planted(superuser, tenant, 1, 2000)
    context = tenant.author.context
    for version in (1, 2, 1000, 1999, 2000):
        moments: list[AtVersion | AtTime] = [AtVersion(version)]
        moments.append(AtTime(BEGIN + timedelta(days=version)))
        for then in moments:
            found = await document_then(repository, context, SKILL, str(PLANTED), then)
            assert f'"version" : {version},' in found.document
            assert found.etag.startswith(f"{version}-")
    seen = [2001]
    while rows := await repository.many(
        EntityVersions("skill", str(PLANTED), seen[-1], 300), context
    ):
        seen += [row.version for row in rows]

    assert list(range(2001, 0, -1)) == seen


async def test_a_change_is_history_once_it_is_committed(
    repository: Repository, connect: Connect, tenant: Tenant
) -> None:
    """Until then its time is still the version's before it; afterwards it is its own."""
    made = await create(repository, tenant.author, "skill", skill_body())
    session = await connect()
    context = tenant.author.context

    async def then(at: datetime) -> str:
        return (await document_then(repository, context, SKILL, str(made.id), AtTime(at))).document

    async with acting(session, tenant.author):
        changed = await session.fetchrow(AMEND, made.id, '{"tags": ["t"]}')
        assert changed
        at = datetime.fromisoformat(changed["at"])
        assert made.document == await then(at)
        assert [made.document] == await listed(repository, tenant, at)

    assert changed["document"] == await then(at)
    assert [changed["document"]] == await listed(repository, tenant, at)
    assert made.document == await then(at - timedelta(microseconds=1))


async def test_the_database_says_what_time_it_is(repository: Repository, tenant: Tenant) -> None:
    """Its own now is no future, a minute more is."""
    now = (await repository.one(HistoryNow())).now
    await refuse_future(repository, now)
    with pytest.raises(InvalidParameter, match="later than now, which is 2") as raised:
        await refuse_future(repository, now + timedelta(minutes=1))

    said = datetime.fromisoformat(str(raised.value.extensions["now"]))
    assert now < said < now + timedelta(minutes=1)


async def test_a_list_of_the_past_is_of_its_kind(repository: Repository, tenant: Tenant) -> None:
    """Entities of other kinds with ids in between are passed over."""
    made = []
    for number in range(6):
        kind = ("skill", "industry")[number % 2]
        body = skill_body() if kind == "skill" else {"name": f"i{number}", "description": "d"}
        one = await create(repository, tenant.author, kind, body)
        made.append(
            (await amend(repository, tenant.author, kind, one.id, {"tags": ["t"]})).document
        )
    now = (await repository.one(HistoryNow())).now

    assert made[::2][::-1] == await listed(repository, tenant, now)


@pytest.mark.parametrize("walk", [1, 2, 3, 7, 100])
async def test_a_walk_that_is_cut_short_goes_on_where_it_ended(
    repository: Repository, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, walk: int
) -> None:
    """However few entities a page looks at, the pages together are the whole list."""
    made = []
    for number in range(7):
        one = await create(repository, tenant.author, "skill", skill_body())
        if number % 3 == 0:
            one = await step(repository, tenant.author, "skill", one.id, "under_review")
        made.append((one.id, one.document, number % 3 == 0))
    now = (await repository.one(HistoryNow())).now
    monkeypatch.setattr("service.usecases.history.WALK_MAX", walk)
    for given, who, expected in (
        ("", tenant.author, [text for _, text, _ in made]),
        ("&status=under_review", tenant.author, [text for _, text, shown in made if shown]),
        ("&status=archived", tenant.author, []),
        ("", tenant.reader, [text for _, text, shown in made if shown]),
    ):
        query = list_query(f"as_of={write_time(now)}{given}&limit=2", SKILL)
        found, sizes = [], []
        after: tuple[str, ...] | None = (LAST_ID,)
        while after is not None:
            rows, after = await page_of(repository, who.context, query, after)
            found += [row.document for row in rows]
            sizes.append(len(rows))
            assert len(sizes) <= 8
        assert expected[::-1] == found
        # The last may be empty: that the end was reached shows when one goes on.
        assert max(sizes) <= 2
        assert walk < 100 or all(size == 2 for size in sizes[:-1])


async def test_what_is_committed_between_two_pages_shows_nothing_twice(
    repository: Repository, connect: Connect, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is behind what was shown, not so many entities behind the beginning."""
    session = await connect()
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
    async with acting(session, tenant.author):
        await sent(repository, session, CREATE["skill"](json.dumps(skill_body())), tenant.author)
        made.append(await create(repository, tenant.author, "skill", skill_body()))
        now = (await repository.one(HistoryNow())).now
        monkeypatch.setattr("service.usecases.history.WALK_MAX", 2)
        query = list_query(f"as_of={write_time(now)}", SKILL)
        context = tenant.author.context
        first, after = await page_of(repository, context, query, (LAST_ID,))
        assert after is not None
    second, _ = await page_of(repository, context, query, after)

    assert [one.id for one in made[::-1]] == [row.id for row in (*first, *second)]
