"""A route that is to go says so in each of its answers, and in the description."""

from collections.abc import AsyncIterator
from datetime import date

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from service.errors import NotFound
from service.http import deprecation, middleware
from service.openapi import answers, deprecations
from service.openapi.deprecations import Deprecation
from service.openapi.operation import Answer, Operation
from service.openapi.registry import OPERATIONS

OLD = Operation(
    id="listOld",
    method="GET",
    path="/v1/old/{id}",
    tag="skills",
    summary="List what is old",
    description="What is old.",
    answers=(Answer(status=200, description="It.", media=None),),
)
NEW = Operation(
    id="listNew",
    method="GET",
    path="/v1/new",
    tag="skills",
    summary="List what is new",
    description="What is new.",
    answers=OLD.answers,
)
DEPRECATIONS: dict[tuple[str, str], Deprecation] = {
    (OLD.method, OLD.path): Deprecation(
        since=date(2027, 1, 31), sunset=date(2028, 1, 31), link="/docs/api#changes"
    )
}
FIELDS = ["Deprecation", "Sunset", "Link"]


async def said(request: web.Request) -> web.Response:
    """Answer, or refuse what is called so."""
    if request.match_info.get("id") == "missing":
        raise NotFound
    return web.Response(headers={"Link": '</v1/old?cursor=x>; rel="next"'})


@pytest_asyncio.fixture(loop_scope="module")
async def url() -> AsyncIterator[str]:
    """Serve a route that is to go and one that stays."""
    app = web.Application()
    app[deprecation.DEPRECATED] = deprecation.fields(DEPRECATIONS)
    app.on_response_prepare.append(deprecation.tell)
    middleware.install(app)
    app.add_routes([web.get(OLD.path, said), web.get(NEW.path, said), web.post(OLD.path, said)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("place, status", [("x", 200), ("missing", 404)])
async def test_it_says_since_when_and_until_when(
    url: str, method: str, place: str, status: int
) -> None:
    """By the fields of RFC 9745 and RFC 8594, beside whatever links there are."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{url}/v1/old/{place}") as answer,
    ):
        told = [answer.headers.getall(name) for name in FIELDS]

    link = '</docs/api#changes>; rel="deprecation"'
    assert status == answer.status
    assert [["@1801353600"], ["Mon, 31 Jan 2028 00:00:00 GMT"]] == told[:2]
    assert [*(['</v1/old?cursor=x>; rel="next"'] if status == 200 else []), link] == told[2]


@pytest.mark.parametrize("method, path", [("GET", "/v1/new"), ("POST", "/v1/old/x"), ("GET", "/x")])
async def test_what_stays_says_nothing(url: str, method: str, path: str) -> None:
    """Neither another route, nor another method of the path, nor what is no route."""
    async with aiohttp.ClientSession() as session, session.request(method, url + path) as answer:
        assert not {"Deprecation", "Sunset"} & set(answer.headers)


def test_the_description_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`deprecated` is for generators of clients."""
    monkeypatch.setattr(answers, "DEPRECATIONS", DEPRECATIONS)

    written = [answers.operation(one, dict) for one in (OLD, NEW)]

    assert [True, None] == [one.get("deprecated") for one in written]


def test_what_is_to_go_is_there_until_then() -> None:
    """Whoever spells a route in another way would deprecate nothing."""
    assert deprecations.DEPRECATIONS.keys() <= {(one.method, one.path) for one in OPERATIONS}
