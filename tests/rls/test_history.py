"""What hides a draft of the past is row security on audit.payload, nothing in the statements."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import Struct

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.repository.lists import LAST_ID
from tests.factories import Actor, Tenant, amend, create, raise_to, skill_body, step
from tests.leader import Sealer
from tests.sessions import Connect, Connection, acting, become

pytestmark = [pytest.mark.database, pytest.mark.rls]

OPEN = "ALTER POLICY payload_read ON audit.payload USING (tenant_id = (SELECT app.tenant_id()))"
TEXTS = {
    "entity_version": "document",
    "entity_as_of": "document",
    "entity_versions": "version",
    "entity_version_pair": "document",
    "entities_as_of": "document",
    "entities_as_of_by_status": "document",
    "proof_entry": "document",
    "proof_page": "document",
}


class Past(Struct, frozen=True):
    """A skill that was a draft, in review, and a draft again, and when each version was written."""

    id: UUID
    times: list[datetime]


@pytest_asyncio.fixture(loop_scope="module")
async def past(
    repository: Repository, superuser: Connection, tenant: Tenant, sealer: Sealer
) -> Past:
    """Have a skill of the author's: versions 1, 3 and 4 are drafts, 2, 5 and 6 are not.

    Each of them has its place in the log.
    """
    made = await create(repository, tenant.author, "skill", skill_body())
    await step(repository, tenant.author, "skill", made.id, "under_review")
    await step(repository, tenant.certifier, "skill", made.id, "draft")
    await amend(repository, tenant.author, "skill", made.id, {"description": "Better."})
    await raise_to(repository, tenant, "skill", made.id, "certified")
    await sealer.place()
    rows = await superuser.fetch(
        "SELECT at FROM audit.entry WHERE entity_id = $1 ORDER BY version", made.id
    )
    return Past(made.id, [row["at"] for row in rows])


async def found(session: Connection, catalog: Catalog, past: Past, version: int) -> dict[str, int]:
    """Count what each statement finds of a version, typed as in psql."""
    moment = past.times[version - 1]
    arguments = {
        "entity_version": ("skill", past.id, version),
        "entity_as_of": ("skill", past.id, moment),
        "entity_versions": ("skill", past.id, version + 1, 1),
        "entity_version_pair": ("skill", past.id, version, version),
        "entities_as_of": ("skill", moment, LAST_ID, 10, 100),
        "entities_as_of_by_status": (
            *("skill", moment, LAST_ID, 10),
            ["draft", "under_review", "certified"],
            100,
        ),
        "proof_entry": ("skill", past.id, version, version),
        # Of the only skill of its tenant the versions are the positions.
        "proof_page": (version - 1, version, 1),
    }
    assert TEXTS.keys() == arguments.keys()
    counted = {}
    for name, column in TEXTS.items():
        rows = await session.fetch(catalog[name].text, *arguments[name])
        mine = [
            row
            for row in rows
            if row[column] is not None and (name != "entity_versions" or row[column] == version)
        ]
        counted[name] = len(mine)
    return counted


NONE, ALL = dict.fromkeys(TEXTS, 0), dict.fromkeys(TEXTS, 1)


def test_every_statement_on_the_past_is_looked_at(catalog: Catalog) -> None:
    """What reads the past and is not asked here would be proven by nobody."""
    past = {
        name: one.text
        for name, one in catalog.items()
        if one.path.startswith(("history/", "proof/"))
    }
    reading = {name for name, text in past.items() if "audit.payload" in text}

    # What gives no content is not asked: who and what of entries is open to the whole tenant.
    assert TEXTS.keys() == reading


async def test_versions_of_drafts_are_their_author_s(
    connect: Connect, catalog: Catalog, tenant: Tenant, past: Past
) -> None:
    """Each statement, each version: all for the author, for others what was no draft."""
    for actor in (tenant.author, tenant.certifier, tenant.reader):
        async with acting(await connect(), actor) as session:
            for version in range(1, 7):
                shown = actor is tenant.author or version in {2, 5, 6}
                assert (ALL if shown else NONE) == await found(session, catalog, past, version)


async def test_it_is_the_policy_that_hides_them(
    superuser: Connection, catalog: Catalog, tenant: Tenant, past: Past
) -> None:
    """With another policy, undone at once, the same statements show the same drafts."""
    opened = superuser.transaction()
    await opened.start()
    try:
        await superuser.execute(OPEN)
        await superuser.execute("SET LOCAL ROLE plant_app")
        await become(superuser, tenant.certifier)
        shown = [await found(superuser, catalog, past, version) for version in range(1, 7)]
    finally:
        await opened.rollback()

    assert [ALL] * 6 == shown


@pytest.mark.parametrize("who", ["another tenant", "nobody"])
async def test_nothing_is_shown_to_strangers(
    connect: Connect, catalog: Catalog, other_tenant: Tenant, past: Past, who: str
) -> None:
    """Another tenant and no tenant at all: no row of any version."""
    session = await connect()
    async with session.transaction():
        if who == "another tenant":
            await become(session, other_tenant.author)
        for version in range(1, 7):
            assert NONE == await found(session, catalog, past, version)


async def test_the_context_of_the_call_decides(
    repository: Repository, catalog: Catalog, tenant: Tenant, other_tenant: Tenant, past: Past
) -> None:
    """Called as the service calls them, whoever the session was before."""
    now = datetime.now(UTC)

    async def listed(actor: Actor) -> list[UUID]:
        async with repository.pool.connection() as connection:
            await become(connection, tenant.author)
            rows = await connection.fetch(
                catalog["entities_as_of"].query,
                "skill",
                now,
                LAST_ID,
                10,
                100,
                *actor.context.arguments,
            )
        return [row["id"] for row in rows]

    assert [[past.id], []] == [
        await listed(actor) for actor in (tenant.reader, other_tenant.author)
    ]
