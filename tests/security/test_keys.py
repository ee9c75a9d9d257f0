"""Keys over HTTP: what answers without one, and what each kind of wrong one gets."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from aiohttp.web import RouteDef
from msgspec import structs

from service.http import entities, health, imports
from service.repository.base import Repository
from service.repository.keys import KeyRevoke
from service.settings import Settings
from service.usecases.keys import create_key
from tests.api import PATHS, Answer, Api, serving
from tests.counts import rows
from tests.factories import Actor, Tenant, skill_body
from tests.moved import Moved
from tests.postgres import Server

PUBLIC = {"/livez", "/readyz", "/metrics"}
ROUTES: list[RouteDef] = [*health.routes(), *entities.routes(), *imports.routes()]
PRIVATE = [
    (route.method, route.path.replace("{id:[^/]+}", "{id}"))
    for route in ROUTES
    if route.path not in PUBLIC
]
NEVER = "01900000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clock() -> Moved:
    """Have the clock of the service of this module."""
    return Moved()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(
    cluster: Server, database: str, settings: Settings, clock: Moved
) -> AsyncIterator[str]:
    """Have the whole service on a real socket, with a clock that can be moved."""
    async with serving(settings, cluster.url("app", database), clock) as url:
        yield url


async def key_of(owner: Repository, tenant: Tenant, **more: Any) -> Actor:
    """Make a key with every scope for the author of a tenant."""
    scopes = ["read", "write", "certify", "audit", "admin"]
    made = await create_key(owner, tenant.name, "author", scopes, **more)
    context = structs.replace(tenant.author.context, key_id=str(made.key_id))
    return Actor("author", made.key, context)


async def asked(
    api: Api,
    method: str,
    path: str,
    identity: str = NEVER,
    headers: dict[str, str | None] | None = None,
) -> Answer:
    """Send a request to a route that would be a good one if the key were."""
    path = path.replace("{id}", identity)
    if path == "/v1/entities":
        path += f"?id={identity}"
    body: Any = None
    if path.endswith("/status"):
        body = {"to": "archived", "reason": "r"}
    elif method == "PATCH":
        body = {"tags": ["seen"]}
    elif method == "POST":
        body = skill_body()
    media = "application/x-ndjson" if path == "/v1/imports" else "application/json"
    sent = {"If-Match": "*", "Content-Type": media, **(headers or {})}
    return await api.send(method, path, body, headers=sent)


PLAIN = 'Bearer realm="plant"'


def unauthenticated(answer: Answer) -> str:
    """Make sure that an answer is 401 with a challenge, and give its words."""
    assert (401, "unauthenticated") == (answer.status, answer.problem), answer.body
    assert answer.headers["WWW-Authenticate"] in {PLAIN, f'{PLAIN}, error="invalid_token"'}
    assert {"type", "title", "status", "detail", "request_id"} == set(answer.json)
    return str(answer.json["detail"])


class TestNoKey:
    """Nothing answers without a key but health and metrics."""

    def test_every_route_is_looked_at(self) -> None:
        """At least five routes for each of five kinds, and those without a kind."""
        assert {"/v1/me", "/v1/entities", "/v1/imports", *PATHS.values()} <= {
            path for _, path in PRIVATE
        }
        assert 5 * len(PATHS) + 3 <= len(PRIVATE)

    @pytest.mark.parametrize("method,path", PRIVATE, ids=str)
    async def test_each_route_is_401(
        self, api: Api, superuser: asyncpg.Connection, method: str, path: str
    ) -> None:
        """Without a key, with an odd header, or with a key of nobody; nothing is written."""
        before = await rows(superuser)
        for given in (
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic dXNlcjpwYXNz",
            f"Basic {api.actor.key}",
            api.actor.key,
            f"Bearer {api.actor.key} x",
            f"Bearer {api.actor.key},{api.actor.key}",
            f"Bearer {api.actor.key[:-1]}",
            f"Bearer {api.actor.key.swapcase()}",
            "Bearer plant_" + "A" * 43,
            "Bearer " + "A" * 5000,
            "Bearer eyJhbGciOiJub25lIn0.e30.",
            "Bearer ' OR 1=1 --",
        ):
            said = unauthenticated(await asked(api, method, path, headers={"Authorization": given}))
            # Whoever reads it has no key to ask with.
            assert said.endswith("Whoever runs the service makes one: `plant key create`.")
        assert before == await rows(superuser)

    async def test_a_key_is_taken_from_nowhere_else(self, api: Api) -> None:
        """Not from the query, a cookie or another header."""
        without = {
            "Authorization": None,
            "Cookie": f"key={api.actor.key}",
            "X-Api-Key": api.actor.key,
        }
        answer = await api.send("GET", f"/v1/me?key={api.actor.key}", headers=without)

        unauthenticated(answer)

    @pytest.mark.parametrize(
        "given, more",
        [
            (None, ""),
            ("Basic dXNlcjpwYXNz", ""),
            ("Bearer plant_wrong", ', error="invalid_token"'),
            ("Bearer a.b.c", ', error="invalid_token"'),
        ],
    )
    async def test_the_challenge_says_what_came(
        self, api: Api, given: str | None, more: str
    ) -> None:
        """RFC 6750: of a key that is no good `invalid_token`, of none nothing."""
        answer = await api.send("GET", "/v1/me", headers={"Authorization": given})

        assert f"{PLAIN}{more}" == answer.headers["WWW-Authenticate"]

    async def test_the_challenge_names_the_scope(self, api: Api) -> None:
        """RFC 6750: `insufficient_scope`; of several, of which one is enough, no name."""
        reader = api.by(api.tenant.reader)
        made = await api.made("skill")
        one = await reader.post("/v1/skills", {})
        several = await reader.step(f"/v1/skills/{made['id']}", "archived", "*")

        told = [answer.headers["WWW-Authenticate"] for answer in (one, several)]
        assert [403, 403] == [one.status, several.status]
        assert [f'{PLAIN}, error="insufficient_scope"{end}' for end in (', scope="write"', "")] == (
            told
        )

    @pytest.mark.parametrize("path", sorted(PUBLIC))
    async def test_health_and_metrics_need_none(self, api: Api, path: str) -> None:
        """What watches the service has no key."""
        answer = await api.send("GET", path, headers={"Authorization": None})

        assert 200 == answer.status
        assert api.tenant.name not in answer.body.decode()

    async def test_the_scheme_is_caseless(self, api: Api) -> None:
        """RFC 9110 has schemes in any case."""
        answer = await api.get("/v1/me", Authorization=f"bEARER  {api.actor.key}")

        assert 200 == answer.status


class TestOldKeys:
    """Keys that were good once."""

    async def test_revocation_stops_writes_at_once_and_reads_within_5_s(
        self, api: Api, owner: Repository, superuser: asyncpg.Connection, clock: Moved
    ) -> None:
        """A key that the service still remembers writes nothing more."""
        key = await key_of(owner, api.tenant)
        mine = api.by(key)
        made = await mine.create("skill")
        assert 200 == (await mine.get("/v1/me")).status
        assert await owner.maybe(KeyRevoke(key.context.key_id)) is not None  # type: ignore[arg-type]
        before = await rows(superuser, api.tenant.id)
        for method, path in PRIVATE:
            if method == "GET":
                continue
            answer = await asked(mine, method, path, made.json["id"])
            if path == "/v1/imports":
                assert b'"outcome":"created"' not in answer.body
            elif path in {"/v1/skills", "/v1/skills/{id}", "/v1/skills/{id}/status"}:
                unauthenticated(answer)
            assert answer.status >= 400 or path == "/v1/imports"
        assert before == await rows(superuser, api.tenant.id)
        clock.ahead += timedelta(seconds=5)
        for method, path in PRIVATE:
            unauthenticated(await asked(mine, method, path, made.json["id"]))

    async def test_an_expired_key_is_401_though_it_is_remembered(
        self, api: Api, owner: Repository, clock: Moved
    ) -> None:
        """The end of a key needs no look into the database."""
        soon = clock.now() + timedelta(seconds=60)
        mine = api.by(await key_of(owner, api.tenant, expires_at=soon))
        assert 200 == (await mine.get("/v1/me")).status
        before = clock.ahead
        try:
            clock.ahead = before + timedelta(seconds=61)
            unauthenticated(await mine.get("/v1/me"))
        finally:
            clock.ahead = before

    async def test_a_key_that_has_expired_is_401_everywhere(
        self, api: Api, owner: Repository
    ) -> None:
        """Which of unknown, revoked and expired it is, is not said."""
        gone = datetime.now(UTC) - timedelta(seconds=1)
        mine = api.by(await key_of(owner, api.tenant, expires_at=gone))
        words = {unauthenticated(await asked(mine, method, path)) for method, path in PRIVATE}
        unknown = await api.get("/v1/me", Authorization="Bearer plant_unknown")

        assert {unauthenticated(unknown)} == words

    async def test_a_new_key_works_at_once(self, api: Api, owner: Repository) -> None:
        """That a key was unknown is not remembered."""
        key = await key_of(owner, api.tenant)

        assert 200 == (await api.by(key).get("/v1/me")).status


class TestOtherTenant:
    """A good key of another tenant sees and changes nothing."""

    @pytest.mark.parametrize("kind", PATHS)
    async def test_no_route_shows_anything(
        self,
        api: Api,
        other_tenant: Tenant,
        owner: Repository,
        superuser: asyncpg.Connection,
        kind: str,
    ) -> None:
        """404 or empty on every route, in every state; no name, no id, no row."""
        stranger = api.of(other_tenant).by(await key_of(owner, other_tenant))
        made = [
            await api.made(kind, status, name=f"Secret {status}", external_id=f"secret/{status}")
            for status in ("draft", "under_review", "archived")
        ]
        before = await rows(superuser, api.tenant.id)
        for document in made:
            for method, path in PRIVATE:
                if not path.startswith((PATHS[kind], "/v1/entities")) or (
                    method == "POST" and path == PATHS[kind]
                ):
                    continue
                answer = await asked(stranger, method, path, document["id"])
                text = answer.body.decode()
                assert "ecret" not in text
                if "{id}" in path:
                    assert (404, "not-found") == (answer.status, answer.problem)
                    assert document["id"] not in text
                elif path == "/v1/entities":
                    assert ([], [document["id"]]) == (answer.json["items"], answer.json["missing"])
                else:
                    assert [] == answer.json["items"]
            for given in (f"name={document['name'][:6]}", f"external_id={document['external_id']}"):
                answer = await stranger.get(f"{PATHS[kind]}?{given}")
                assert b'{"items":[],"next_cursor":null}' == answer.body
        assert before == await rows(superuser, api.tenant.id)

    async def test_a_certifier_of_another_tenant_is_none(
        self, api: Api, other_tenant: Tenant, owner: Repository
    ) -> None:
        """An import as active takes no second identity from elsewhere, nor the same one."""
        media = {"Content-Type": "application/x-ndjson"}
        sent = [
            await api.send(
                "POST",
                "/v1/imports?as=active",
                raw=b"",
                headers=media | {"Certifier-Authorization": f"Bearer {key}"},
            )
            for key in (
                other_tenant.certifier.key,
                "plant_unknown",
                api.tenant.reader.key,
                (await key_of(owner, api.tenant)).key,
            )
        ]

        assert [
            (401, "unauthenticated"),
            (401, "unauthenticated"),
            (403, "scope-missing"),
            (403, "own-work"),
        ] == [(answer.status, answer.problem) for answer in sent]
        none = await api.send("POST", "/v1/imports?as=active", raw=b"", headers=media)
        assert (401, "unauthenticated") == (none.status, none.problem)


class TestMe:
    """GET /v1/me."""

    async def test_it_says_whose_key_it_is(self, api: Api, owner: Repository) -> None:
        """Tenant, governance agent, key, scopes; times as everywhere; the key itself never."""
        until = datetime(2099, 1, 2, 3, 4, 5, 678900, UTC)
        key = await key_of(owner, api.tenant, expires_at=until)
        mine = api.by(key)
        answer = await mine.get("/v1/me")

        assert 200 == answer.status
        shown = answer.json
        assert ["tenant", "governance_agent", "key", "scopes", "rate_limit"] == list(shown)
        assert {"id": str(api.tenant.id), "name": api.tenant.name} == shown["tenant"]
        assert {
            "id": key.context.governance_agent_id,
            "name": "author",
        } == shown["governance_agent"]
        assert key.context.key_id == shown["key"]["id"]
        assert "2099-01-02T03:04:05.678900Z" == shown["key"]["expires_at"]
        assert ["read", "write", "certify", "audit", "admin"] == shown["scopes"]
        assert key.key not in answer.body.decode()
        assert "no-store" == answer.headers["Cache-Control"]

    async def test_each_governance_agent_is_called_by_its_own_name(self, api: Api) -> None:
        """However many a tenant has, a key is that of one."""
        tenant = api.tenant
        told = [
            (await api.by(actor).get("/v1/me")).json["governance_agent"]["name"]
            for actor in (tenant.author, tenant.certifier, tenant.reader)
        ]

        assert ["author", "certifier", "reader"] == told

    @pytest.mark.parametrize("scope", ["read", "write", "certify", "audit", "admin"])
    async def test_every_key_may_ask(self, api: Api, actor_with: Any, scope: str) -> None:
        """No scope is needed to learn which one has."""
        answer = await api.by(await actor_with(scope)).get("/v1/me")

        assert [scope] == answer.json["scopes"]

    async def test_when_it_was_last_used(self, api: Api, actor_with: Any, clock: Moved) -> None:
        """The time of the use before, once the service looks the key up again."""
        mine = api.by(await actor_with("read"))
        assert (await mine.get("/v1/me")).json["key"]["last_used_at"] is None
        clock.ahead += timedelta(seconds=5)
        used = (await mine.get("/v1/me")).json["key"]["last_used_at"]

        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", used)

    async def test_a_busy_key_is_written_once_in_a_minute(
        self, api: Api, actor_with: Any, clock: Moved, superuser: asyncpg.Connection
    ) -> None:
        """Its row is no hot one: a use within a minute of the last one leaves no trace."""
        actor = await actor_with("read")
        for ago, is_written in (("1 hour", True), ("30 seconds", False)):
            before = await superuser.fetchval(
                "UPDATE app.api_key SET last_used_at = now() - $2::text::interval WHERE id = $1"
                " RETURNING last_used_at",
                actor.context.key_id,
                ago,
            )
            clock.ahead += timedelta(seconds=5)
            await api.by(actor).get("/v1/me")
            after = await superuser.fetchval(
                "SELECT last_used_at FROM app.api_key WHERE id = $1", actor.context.key_id
            )
            assert is_written == (before != after), ago

    async def test_a_key_that_has_ended_is_not_used(
        self, api: Api, owner: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Whoever still sends an expired or revoked key leaves no trace in its row."""
        expired = await key_of(owner, tenant)
        revoked = await key_of(owner, tenant)
        await owner.maybe(KeyRevoke(UUID(revoked.context.key_id)), writes=True)
        await superuser.execute(
            "UPDATE app.api_key SET expires_at = now() - interval '1 hour' WHERE id = $1",
            expired.context.key_id,
        )
        for actor in (expired, revoked):
            unauthenticated(await api.by(actor).get("/v1/me"))
        used = await superuser.fetch(
            "SELECT last_used_at FROM app.api_key WHERE id = ANY($1::uuid[])",
            [expired.context.key_id, revoked.context.key_id],
        )

        assert [None, None] == [row["last_used_at"] for row in used]


class TestMetricsToken:
    """GET /metrics with PLANT_METRICS_TOKEN set."""

    async def test_only_the_token_opens_it(
        self, cluster: Server, database: str, settings: Settings, tenant: Tenant
    ) -> None:
        """No key, no other token; health stays open."""
        guarded = structs.replace(settings, metrics_token="let-me-in!*{}")
        async with (
            serving(guarded, cluster.url("app", database)) as url,
            Api.open(url, tenant) as api,
        ):
            for given in (
                "",
                "Bearer let-me-in",
                "let-me-in!*{}",
                "Bearer \xff",
                "Basic let-me-in!*{}",
                f"Bearer {api.actor.key}",
            ):
                unauthenticated(await api.get("/metrics", Authorization=given))
            answer = await api.get("/metrics", Authorization="Bearer let-me-in!*{}")
            assert 200 == answer.status
            assert b"plant_http_requests_total{" in answer.body
            assert 200 == (await api.get("/livez", Authorization="")).status
