"""Exports over HTTP: one snapshot, whole lines, and a last line that proves it."""

import asyncio
import json
from hashlib import sha256

import aiohttp
import pytest

from service.errors import Unavailable
from service.repository.base import Repository
from service.usecases import exporting
from tests.api import PATHS, Answer, Api
from tests.factories import ActorWith, Tenant, create, make_tenant, skill_body
from tests.sockets import exchange

pytestmark = pytest.mark.database

ORDER = list(exporting.KINDS)


async def exported(api: Api) -> Answer:
    """Export, and make sure that the last line fits the others."""
    answer = await api.get("/v1/exports?format=entities")
    assert 200 == answer.status, answer.body
    lines = answer.body.splitlines(keepends=True)
    closing = json.loads(lines[-1])

    assert len(lines) - 1 == closing["count"]
    assert f"sha256:{sha256(b''.join(lines[:-1])).hexdigest()}" == closing["digest"]
    return answer


def documents(answer: Answer) -> list[bytes]:
    """Give the lines without the last."""
    return answer.body.splitlines()[:-1]


async def test_every_line_is_the_document_that_is_served(api: Api) -> None:
    """All five kinds stand there byte for byte, what is referred to before who refers to it."""
    world = await api.world()
    lines = documents(await exported(api))
    found = {json.loads(line)["id"]: line for line in lines}
    kinds = [json.loads(line)["entity_type"] for line in lines]

    # What the world is made of is there, too.
    assert {one["id"] for one in world.values()} <= set(found)
    for kind, document in world.items():
        assert found[document["id"]] == (await api.get(f"{PATHS[kind]}/{document['id']}")).body
    assert sorted(kinds, key=ORDER.index) == kinds


async def test_head_has_no_body_and_no_export(api: Api) -> None:
    """Behind the headers of HEAD comes the next answer, and an export may begin at once."""
    await api.made("skill")
    key = api.actor.key
    asked = "".join(
        f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: {then}\r\n\r\n"
        for line, then in (("HEAD /v1/exports", "keep-alive"), ("GET /livez", "close"))
    )
    said = (await exchange(api.url, asked.encode())).split(b"\r\n\r\n")

    assert [b"HTTP/1.1 200 OK"] * 2 == [head.partition(b"\r\n")[0] for head in said[:2]]
    assert [b'{"status":"ok"}'] == said[2:]
    await exported(api)


async def test_an_export_repeats_byte_for_byte(api: Api) -> None:
    """Two exports of an unchanged tenant are the same bytes, and a change shows."""
    document = await api.made("skill")
    first, second = await exported(api), await exported(api)
    await api.patch(f"/v1/skills/{document['id']}", {"description": "Other."}, "*")

    assert first.body == second.body
    assert first.body != (await exported(api)).body


async def test_an_export_holds_what_the_caller_may_read(api: Api) -> None:
    """Drafts are in their author's export alone, and nothing of a tenant is in another's."""
    draft = await api.made("skill")
    shared = await api.made("skill", "under_review")
    mine = {json.loads(line)["id"] for line in documents(await exported(api))}
    theirs = await exported(api.by(api.tenant.certifier))

    assert {draft["id"], shared["id"]} == mine
    assert [shared["id"]] == [json.loads(line)["id"] for line in documents(theirs)]


async def test_nothing_to_export_is_a_whole_export(api: Api) -> None:
    """An empty tenant has a last line too."""
    answer = await exported(api)

    assert [] == documents(answer)
    assert "application/x-ndjson" == answer.headers["Content-Type"]
    assert "no-store" == answer.headers["Cache-Control"]


async def test_pages_join_without_a_seam(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More entities than a page holds come once each, and so do as many as a page holds."""
    for _ in range(7):
        await create(repository, api.tenant.author, "skill", skill_body())
    whole = await exported(api)
    for size in (1, 3, 7):
        monkeypatch.setattr(exporting, "PAGE", size)
        assert whole.body == (await exported(api)).body

    assert 7 == len(set(documents(whole)))


async def test_what_changes_meanwhile_is_not_seen(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export is of the moment it began, however long it takes."""
    monkeypatch.setattr(exporting, "PAGE", 1)
    for _ in range(3):
        await create(repository, api.tenant.author, "skill", skill_body())
    before = await exported(api)
    pages = exporting.export(repository, api.tenant.author.context)
    lines = (await anext(pages))[1]
    await create(repository, api.tenant.author, "skill", skill_body())
    await create(repository, api.tenant.author, "industry", {"name": "Later"})
    async for _, more in pages:
        lines += more

    assert before.body == lines
    assert before.body != (await exported(api)).body


async def test_a_reader_who_goes_away_leaves_nothing(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection and the place among the exports come back when the client hangs up."""
    monkeypatch.setattr(exporting, "PAGE", 1)
    for _ in range(3):
        await create(repository, api.tenant.author, "skill", skill_body())
    headers = {"Authorization": f"Bearer {api.tenant.author.key}"}
    for _ in range(exporting.EXPORTS_MAX * 3):
        async with aiohttp.ClientSession() as session:
            response = await session.get(f"{api.url}/v1/exports", headers=headers)
            response.close()

    async with asyncio.timeout(20):
        while (await api.get("/v1/exports")).status == 503:
            pass
    await exported(api)


async def test_more_exports_than_may_run_are_refused(
    repository: Repository, owner: Repository, tenant: Tenant, other_tenant: Tenant
) -> None:
    """One too many is told to come again, and may when another has ended."""
    third = (await make_tenant(owner)).author.context
    running = [exporting.export(repository, one.author.context) for one in (tenant, other_tenant)]
    assert exporting.EXPORTS_MAX == len(running)
    for one in running:
        await anext(one)
    with pytest.raises(Unavailable, match="exports are running"):
        await anext(exporting.export(repository, third))
    await running[0].aclose()
    other = exporting.export(repository, third)

    assert await anext(other)
    for one in (*running, other):
        await one.aclose()
    assert {} == repository.exports
    assert 0 == repository.pool.statistics.in_use


async def test_one_tenant_leaves_room_for_others(
    repository: Repository, tenant: Tenant, other_tenant: Tenant
) -> None:
    """A second export of a tenant waits for its first, not for anybody else's."""
    first = exporting.export(repository, tenant.author.context)
    await anext(first)
    with pytest.raises(Unavailable, match="your tenant"):
        await anext(exporting.export(repository, tenant.certifier.context))
    other = exporting.export(repository, other_tenant.author.context)

    assert await anext(other)
    for one in (first, other):
        await one.aclose()


@pytest.mark.parametrize(
    "query, problem",
    [
        ("format=log", "invalid-parameter"),
        ("format=", "invalid-parameter"),
        ("format=entities&format=entities", "invalid-parameter"),
        ("format=%00", "invalid-parameter"),
        ("kind=skill", "unknown-parameter"),
    ],
)
async def test_other_parameters_are_refused(api: Api, query: str, problem: str) -> None:
    """A format that there is not, one given twice, and anything else are 400."""
    answer = await api.get(f"/v1/exports?{query}")

    assert (400, problem) == (answer.status, answer.problem)


async def test_an_export_needs_scope_read(api: Api, actor_with: ActorWith) -> None:
    """Without a key it is 401, and no other scope implies it."""
    nobody = await api.send("GET", "/v1/exports", headers={"Authorization": None})
    writer = api.by(await actor_with("write", "certify", "audit", "admin"))

    assert 401 == nobody.status
    assert (403, "scope-missing") == (await status_of(writer))


async def status_of(api: Api) -> tuple[int, str]:
    """Ask for an export that is refused."""
    answer = await api.get("/v1/exports")
    return answer.status, answer.problem
