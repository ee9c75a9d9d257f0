"""How often may be asked, over HTTP: by key, by address, and what clients are told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from service.http.clock import Clock
from service.http.rates import KNOWN_MAX, Buckets
from service.settings import Settings
from service.values import Rate
from tests.api import Api, serving
from tests.factories import Tenant
from tests.postgres import Server


class Still(Clock):
    """A clock that goes when it is told to."""

    seconds = 1_000.0

    def monotonic(self) -> float:
        """Return the seconds it was told."""
        return self.seconds


@pytest.fixture(scope="module")
def app_url(cluster: Server, database: str) -> str:
    """Have the address that the service connects to."""
    return cluster.url("app", database)


@asynccontextmanager
async def limited(
    settings: Settings, app_url: str, tenant: Tenant, clock: Clock, **rates: Any
) -> AsyncIterator[Api]:
    """Serve with limits."""
    told = structs.replace(settings, **rates)
    async with serving(told, app_url, clock) as url, Api.open(url, tenant) as api:
        yield api


class TestByKey:
    """PLANT_RATE_LIMIT."""

    async def test_what_is_more_is_refused_until_it_is_back(
        self, settings: Settings, app_url: str, tenant: Tenant
    ) -> None:
        """Three of three, then 429 with the time to wait; after it one, then the next."""
        clock = Still()
        async with limited(settings, app_url, tenant, clock, rate_limit=Rate(3, 60)) as api:
            told = [(await api.get("/v1/me")) for _ in range(3)]
            refused = await api.get("/v1/skills")
            clock.seconds += 19
            early = await api.get("/v1/skills")
            clock.seconds += 1
            late = [(await api.get("/v1/skills")).status for _ in range(2)]

        assert [{"requests": 3, "window_s": 60, "remaining": left} for left in (2, 1, 0)] == [
            one.json["rate_limit"] for one in told
        ]
        assert ['"key";r=2;t=20', '"key";r=1;t=40', '"key";r=0;t=60'] == [
            one.headers["RateLimit"] for one in told
        ]
        assert {'"key";q=3;w=60'} == {
            one.headers["RateLimit-Policy"] for one in (*told, refused, early)
        }
        assert (429, "rate-limited", "20") == (
            refused.status, refused.problem, refused.headers["Retry-After"],
        )  # fmt: skip
        assert '"key";r=0;t=60' == refused.headers["RateLimit"]
        assert (429, "1") == (early.status, early.headers["Retry-After"])
        assert [200, 429] == late

    async def test_each_key_has_its_own(
        self, settings: Settings, app_url: str, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        """Neither another key of the tenant nor another tenant pays for it."""
        async with limited(settings, app_url, tenant, Still(), rate_limit=Rate(1, 60)) as api:
            statuses = [
                (await one.get("/v1/me")).status
                for one in (api, api.by(tenant.certifier), api.of(other_tenant), api)
            ]

        assert [200, 200, 200, 429] == statuses

    async def test_what_is_refused_for_something_else_counts(
        self, settings: Settings, app_url: str, tenant: Tenant
    ) -> None:
        """A request that is wrong is a request; what it changed nothing is told too."""
        async with limited(settings, app_url, tenant, Still(), rate_limit=Rate(2, 60)) as api:
            wrong = await api.post("/v1/skills", {})
            absent = await api.get("/v1/skills/x")
            over = await api.get("/v1/me")

        assert (422, '"key";r=1;t=30') == (wrong.status, wrong.headers["RateLimit"])
        assert (404, '"key";r=0;t=60') == (absent.status, absent.headers["RateLimit"])
        assert 429 == over.status

    async def test_what_is_no_route_tells_a_known_key_too(
        self, settings: Settings, app_url: str, tenant: Tenant
    ) -> None:
        """Neither a path nor a method that there is not counts; of nobody known nothing is said."""
        async with limited(settings, app_url, tenant, Still(), rate_limit=Rate(3, 60)) as api:
            strange = await api.get("/v1/nothing")
            await api.get("/v1/me")
            told = [
                await api.get("/v1/nothing"),
                await api.send("DELETE", "/v1/skills"),
                await api.send("GET", "/v1/nothing", headers={"Authorization": None}),
            ]
            after = await api.get("/v1/me")

        assert [404, 405, 404] == [one.status for one in told]
        assert [None, '"key";r=2;t=20', '"key";r=2;t=20', None, '"key";r=1;t=40'] == [
            one.headers.get("RateLimit") for one in (strange, *told, after)
        ]

    async def test_without_the_setting_there_is_none(self, api: Api) -> None:
        """Nothing is said of a limit."""
        answer = await api.get("/v1/me")

        assert answer.json["rate_limit"] is None
        assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


class TestByAddress:
    """PLANT_ADDRESS_RATE_LIMIT."""

    @pytest.mark.parametrize(
        "path,authorization,status",
        [
            ("/v1/me", None, 401),
            ("/v1/me", "Bearer plant_unknown", 401),
            ("/v1/me", "Basic x", 401),
            ("/openapi.json", None, 200),
            ("/docs/errors", None, 200),
            ("/v1/audit/checkpoint", None, 404),
        ],
    )
    async def test_who_is_not_known_shares_the_address(
        self,
        settings: Settings,
        app_url: str,
        tenant: Tenant,
        path: str,
        authorization: str | None,
        status: int,
    ) -> None:
        """Whatever is asked without a key that is known; health as often as one likes."""
        rate = Rate(2, 60)
        async with limited(settings, app_url, tenant, Still(), address_rate_limit=rate) as api:
            known = await api.get("/v1/me")
            answers = [
                await api.send("GET", path, headers={"Authorization": authorization})
                for _ in range(3)
            ]
            health = await api.send("GET", "/livez", headers={"Authorization": None})
            again = await api.get("/v1/me")

        assert [status, status, 429] == [one.status for one in answers]
        assert '"address";r=1;t=30' == answers[0].headers["RateLimit"]
        assert "30" == answers[2].headers["Retry-After"]
        assert (200, 200, 200) == (known.status, health.status, again.status)

    async def test_a_key_that_is_not_known_yet_waits_with_the_others(
        self, settings: Settings, app_url: str, tenant: Tenant
    ) -> None:
        """Of an address that has none left nobody's key is looked up."""
        rate = Rate(1, 60)
        clock = Still()
        async with limited(settings, app_url, tenant, clock, address_rate_limit=rate) as api:
            unknown = {"Authorization": "Bearer plant_unknown"}
            await api.send("GET", "/v1/me", headers=unknown)
            first = await api.get("/v1/me")
            clock.seconds += 60
            second = await api.get("/v1/me")
            await api.send("GET", "/v1/me", headers=unknown)
            # It was good in this process before, and nothing of it is remembered but that.
            clock.seconds += 30
            third = await api.get("/v1/me")

        assert [429, 200, 200] == [first.status, second.status, third.status]


def test_the_buckets_that_are_remembered_are_bounded() -> None:
    """One more pushes out the one that was asked longest ago, which is full then."""
    buckets = Buckets("key", Rate(2, 60), Still())
    for number in range(KNOWN_MAX + 1):
        buckets.take(str(number))

    assert [2, 1] == [buckets.left(one).requests for one in ("0", "1")]


def test_a_bucket_is_filled_evenly() -> None:
    """At the rate and no faster, however the requests come."""
    clock = Still()
    buckets = Buckets("key", Rate(600, 60), clock)
    taken = 0
    for _ in range(100_000):
        if buckets.left("a").requests:
            buckets.take("a")
            taken += 1
        clock.seconds += 0.001

    assert 600 + 10 * 100 == pytest.approx(taken, abs=1)
