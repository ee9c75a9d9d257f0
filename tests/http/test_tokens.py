"""Tokens of an issuer over HTTP: a real issuer's keys, what tokens may do, and the attacks."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import structs

from service.doctor.issuer import tokens as examined
from service.http.tokens import AGAIN_S, FRESH_S
from service.repository.base import Repository
from service.repository.keys import KeyRevoke
from service.settings import Settings
from service.usecases.keys import admit_tokens
from service.values import Claims
from tests.api import Answer, Api, serving
from tests.bench import until
from tests.edge import served
from tests.factories import Tenant, skill_body
from tests.moved import Moved
from tests.postgres import Server

ISSUER = "https://id.example"
AUDIENCE = "plant"
MAKERS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
WRITERS: dict[str, Any] = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


class Issuer:
    """Signs tokens, and serves its keys over HTTP.

    `asked`: how often they were fetched; `silent`: cleared, so that it does not answer.
    """

    def __init__(self) -> None:
        self.keys = {name: make() for name, make in MAKERS.items()}
        self.asked = 0
        self.down = False
        self.silent = asyncio.Event()
        self.silent.set()
        self.url = ""

    def jwks(self) -> dict[str, Any]:
        """Write the public keys."""
        return {
            "keys": [
                json.loads(WRITERS[_algorithm(name)].to_jwk(key.public_key()))
                | {"kid": name, "use": "sig", "alg": _algorithm(name)}
                for name, key in self.keys.items()
            ]
        }

    def token(
        self, whose: Tenant, algorithm: str = "ES256", *, kid: bool = True, **claims: Any
    ) -> str:
        """Sign a token; a claim of None is left out, and without `kid` the name of the key."""
        now = datetime.now(UTC)
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "tenant": whose.name,
            "scope": "openid read write",
            "exp": now + timedelta(minutes=5),
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.keys[algorithm],
            _algorithm(algorithm),
            headers={"kid": algorithm} if kid else None,
        )

    async def answer(self, _: web.Request) -> web.Response:
        """Give the keys, unless it is down."""
        self.asked += 1
        await self.silent.wait()
        return web.Response(status=503) if self.down else web.json_response(self.jwks())


def _algorithm(name: str) -> str:
    return name.partition("-")[0]


@pytest_asyncio.fixture(loop_scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    """Have an issuer on a port of the loopback."""
    made = Issuer()
    app = web.Application()
    app.router.add_get("/keys", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield made
    await runner.cleanup()


@pytest.fixture
def clock() -> Moved:
    """Have a clock that can be set forward."""
    return Moved()


@pytest_asyncio.fixture(loop_scope="module")
async def told(settings: Settings, tenant: Tenant, owner: Repository, issuer: Issuer) -> Settings:
    """Have settings by which the issuer's tokens are taken; `alice` may read and write."""
    await admit_tokens(owner, ISSUER, tenant.name, "alice", ["read", "write"])
    return structs.replace(settings, jwks=issuer.url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)


@pytest.fixture
def app_url(cluster: Server, database: str) -> str:
    """Have the address that the service connects to."""
    return cluster.url("app", database)


@pytest_asyncio.fixture(loop_scope="module")
async def client(told: Settings, app_url: str, tenant: Tenant, clock: Moved) -> AsyncIterator[Api]:
    """Have a service that takes the issuer's tokens."""
    async with serving(told, app_url, clock) as url, Api.open(url, tenant) as api:
        yield api


async def me(client: Api, token: str) -> Answer:
    """Ask whose token this is."""
    return await client.send("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})


async def create(client: Api, token: str) -> Answer:
    """Create a skill by a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return await client.send("POST", "/v1/skills", skill_body(), headers=headers)


class TestTaken:
    """What a token may do."""

    @pytest.mark.parametrize("algorithm", MAKERS)
    async def test_each_algorithm_is_taken(
        self, client: Api, tenant: Tenant, issuer: Issuer, algorithm: str
    ) -> None:
        """Its identity is that of the row, and it ends when the token does."""
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
        answer = await me(client, issuer.token(tenant, algorithm, exp=expires))

        assert 200 == answer.status, answer.body
        assert (tenant.name, "alice", ["read", "write"]) == (
            answer.json["tenant"]["name"],
            answer.json["governance_agent"]["name"],
            answer.json["scopes"],
        )
        assert expires == datetime.fromisoformat(answer.json["key"]["expires_at"])

    async def test_writes_are_logged_by_its_row(
        self, client: Api, tenant: Tenant, issuer: Issuer
    ) -> None:
        """Governance agent and key id of the entry are those that the token stands for."""
        token = issuer.token(tenant)
        made, who = await create(client, token), (await me(client, token)).json

        assert 201 == made.status, made.body
        path = f"/v1/skills/{made.json['id']}/versions"
        answer = await client.send("GET", path, headers={"Authorization": f"Bearer {token}"})
        (version,) = answer.json["items"]
        assert who["governance_agent"]["id"] == version["governance_agent_id"]
        assert who["key"]["id"] == version["key_id"]

    async def test_fewer_scopes_need_a_row_of_fewer(
        self, client: Api, tenant: Tenant, owner: Repository, issuer: Issuer
    ) -> None:
        """A token never does what it does not carry, nor what no row says."""
        reading = issuer.token(tenant, scope="read")
        assert 401 == (await me(client, reading)).status
        await admit_tokens(owner, ISSUER, tenant.name, "alice", ["read"])
        answer = await me(client, reading)
        refused = await create(client, reading)
        more = await me(client, issuer.token(tenant, scope="read write certify admin"))

        assert ["read"] == answer.json["scopes"]
        assert (403, "scope-missing") == (refused.status, refused.problem)
        assert ["read", "write"] == more.json["scopes"]

    async def test_a_batch_does_no_more_than_the_token(
        self, client: Api, tenant: Tenant, owner: Repository, issuer: Issuer
    ) -> None:
        """The database goes by the row, which is never more than the token carries."""
        await admit_tokens(owner, ISSUER, tenant.name, "carol", ["certify"])
        await admit_tokens(owner, ISSUER, tenant.name, "carol", ["certify", "write"])
        both = await me(client, issuer.token(tenant, sub="carol", scope=["certify", "write"]))
        assert ["certify", "write"] == both.json["scopes"]
        token = issuer.token(tenant, sub="carol", scope=["certify"])
        body = {"operations": [{"op": "create", "kind": "skill", "body": skill_body()}]}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.send("POST", "/v1/batch", body, headers=headers)

        assert (403, "scope-missing") == (answer.status, answer.problem)

    async def test_a_revoked_row_stops_its_tokens_at_once(
        self, client: Api, tenant: Tenant, owner: Repository, issuer: Issuer
    ) -> None:
        """They are looked up each time."""
        token = issuer.token(tenant)
        row = (await me(client, token)).json["key"]["id"]
        await owner.maybe(KeyRevoke(row), writes=True)

        assert 401 == (await me(client, token)).status
        assert 401 == (await create(client, token)).status

    async def test_a_row_is_used_in_its_tenant_alone(
        self,
        client: Api,
        tenant: Tenant,
        other_tenant: Tenant,
        owner: Repository,
        superuser: asyncpg.Connection,
        issuer: Issuer,
    ) -> None:
        """Whatever its id: another tenant may have a row with the same one."""
        for each in (tenant, other_tenant):
            await admit_tokens(owner, ISSUER, each.name, "dave", ["read"])
        rows = "FROM app.governance_agent AS agent WHERE agent.name = 'dave'"
        rows += " AND api_key.governance_agent_id = agent.id"
        await superuser.execute(
            f"UPDATE app.api_key SET id = '01900000-0000-7000-8000-00000000dade' {rows}"
        )
        answer = await me(client, issuer.token(tenant, sub="dave"))
        used = await superuser.fetch(
            "SELECT tenant_id FROM app.api_key"
            " WHERE id = '01900000-0000-7000-8000-00000000dade' AND last_used_at IS NOT NULL"
        )

        assert 200 == answer.status
        assert [tenant.id] == [row["tenant_id"] for row in used]

    async def test_a_key_of_the_service_works_beside_it(self, client: Api) -> None:
        """Tokens are a second way, not another one."""
        assert 200 == (await client.get("/v1/me")).status

    async def test_claims_are_found_by_their_names(
        self,
        cluster: Server,
        database: str,
        settings: Settings,
        tenant: Tenant,
        owner: Repository,
        issuer: Issuer,
        tmp_path: Path,
    ) -> None:
        """Other names, within objects, with a prefix; the keys may lie in a file."""
        await admit_tokens(owner, ISSUER, tenant.name, "bob", ["read"])
        (tmp_path / "jwks.json").write_text(json.dumps(issuer.jwks()))
        told = structs.replace(
            settings,
            jwks=str(tmp_path / "jwks.json"),
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            jwt_claims=Claims("org.name", "azp", "roles", "plant:"),
        )
        more: dict[str, Any] = {
            "org": {"name": tenant.name},
            "azp": "bob",
            "roles": ["plant:read", "write", 1],
        }
        async with (
            serving(told, cluster.url("app", database)) as url,
            Api.open(url, tenant) as api,
        ):
            answer = await me(api, issuer.token(tenant, **more, tenant=None, scope=None))

        assert (200, ["read"]) == (answer.status, answer.json["scopes"])


class TestRefused:
    """Tokens that are none: all of them 401, and none of them does anything."""

    @pytest.mark.parametrize(
        "claims,said",
        [
            ({"exp": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
            ({"exp": None}, "no exp"),
            ({"exp": "soon"}, "times"),
            ({"exp": 1e400}, "times"),
            ({"exp": 10**400}, "times"),
            ({"nbf": -(10**400)}, "times"),
            ({"tenant": "a\x00b"}, "no name"),
            ({"sub": "\ud800"}, "no name"),
            ({"nbf": datetime(2100, 1, 1, tzinfo=UTC)}, "not valid yet"),
            ({"aud": "others"}, "audience"),
            ({"aud": None}, "aud"),
            ({"iss": "https://evil.example"}, "issuer"),
            ({"iss": None}, "iss"),
            ({"sub": None}, "no sub"),
            ({"sub": 1}, ""),
            ({"sub": "mallory"}, "no key"),
            ({"tenant": None}, "no tenant"),
            ({"tenant": ["a"]}, "no tenant"),
            ({"tenant": "nobody"}, "is for tenant nobody, agent alice and no more than"),
            ({"scope": None}, "its scopes (none)"),
            ({"scope": "openid read"}, "its scopes (read)"),
            ({"scope": {"read": 1}}, "no key"),
        ],
    )
    async def test_wrong_claims(
        self, client: Api, tenant: Tenant, issuer: Issuer, claims: dict[str, Any], said: str
    ) -> None:
        """Each is named."""
        answer = await me(client, issuer.token(tenant, **claims))

        assert (401, "unauthenticated") == (answer.status, answer.problem)
        assert said in answer.json["detail"]
        assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')

    async def test_another_tenants_name_takes_a_row_of_that_tenant(
        self, client: Api, tenant: Tenant, other_tenant: Tenant, issuer: Issuer
    ) -> None:
        """The governance agent `alice` is admitted in one tenant only."""
        assert 200 == (await me(client, issuer.token(tenant))).status
        assert 401 == (await me(client, issuer.token(other_tenant))).status

    async def test_no_signature(self, client: Api, tenant: Tenant, issuer: Issuer) -> None:
        """`none` in any spelling, and a signature that was cut off or altered."""
        good = issuer.token(tenant)
        head, body, signature = good.split(".")
        for name in ("none", "None", "NONE", "nOnE", ""):
            header = _part({"alg": name, "typ": "JWT", "kid": "ES256"})
            for end in ("", signature):
                assert 401 == (await me(client, f"{header}.{body}.{end}")).status
        for broken in (
            f"{head}.{body}.",
            f"{head}.{body}.{signature[:-8]}",
            f"{head}..{signature}",
        ):
            assert 401 == (await me(client, broken)).status
        other = _part({**json.loads(_read(body)), "sub": "carol"})
        assert 401 == (await me(client, f"{head}.{other}.{signature}")).status
        assert 200 == (await me(client, good)).status

    @pytest.mark.parametrize("kid", MAKERS)
    async def test_a_public_key_is_no_secret(
        self, client: Api, tenant: Tenant, issuer: Issuer, kid: str
    ) -> None:
        """HS256 with what everybody knows: as PEM, as DER and as the JWK itself."""
        public = issuer.keys[kid].public_key()
        jwk = next(one for one in issuer.jwks()["keys"] if one["kid"] == kid)
        secrets = [
            public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
            for form in (Encoding.PEM, Encoding.DER)
        ] + [json.dumps(jwk).encode()]
        body = issuer.token(tenant).split(".")[1]
        for secret in secrets:
            head = _part({"alg": "HS256", "typ": "JWT", "kid": kid})
            signed = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
            token = f"{head}.{body}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"

            assert 401 == (await me(client, token)).status

    async def test_a_key_of_another_algorithm(
        self, client: Api, tenant: Tenant, issuer: Issuer
    ) -> None:
        """Signed rightly by one key, and naming another one, or the same with another algorithm."""
        token = issuer.token(tenant, "RS256")
        _, body, signature = token.split(".")
        for header in (
            {"alg": "RS256", "kid": "ES256"},
            {"alg": "ES256", "kid": "RS256"},
            {"alg": "RS512", "kid": "RS256"},
            {"alg": "PS256", "kid": "RS256"},
        ):
            assert 401 == (await me(client, f"{_part(header)}.{body}.{signature}")).status

    async def test_a_strangers_key(self, client: Api, tenant: Tenant, issuer: Issuer) -> None:
        """Right in all but that the issuer did not sign it, however it brings its key along."""
        stranger = Issuer()
        assert 401 == (await me(client, stranger.token(tenant))).status
        own = stranger.jwks()["keys"][1]
        for more in ({"jwk": own}, {"jku": issuer.url}, {"x5c": ["MA=="]}, {"crit": ["exp"]}):
            token = jwt.encode(
                {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "tenant": tenant.name,
                 "scope": "read write", "exp": datetime.now(UTC) + timedelta(minutes=5)},
                stranger.keys["ES256"], "ES256", headers={"kid": "ES256", **more},
            )  # fmt: skip

            assert 401 == (await me(client, token)).status

    async def test_what_is_no_token(self, client: Api, tenant: Tenant, issuer: Issuer) -> None:
        """Too long, deep, odd: refused for its length or its form, and never 500."""
        long = issuer.token(tenant, junk="x" * 5_000)
        answer = await me(client, long)
        assert 401 == answer.status
        assert "4,096" in answer.json["detail"]
        deep = base64.urlsafe_b64encode(b"[" * 2_000).decode().rstrip("=")
        odd = ["a.b.c", "..", "a..", f"{deep}.{deep}.x", _part({"alg": 1}) + ".e30.x",
               _part({"alg": ["RS256"]}) + ".e30.AA", _part({"alg": {"a": 1}}) + ".e30.AA",
               _part({"alg": "ES256", "kid": {"a": 1}}) + ".e30.AAAA",
               _part({"alg": "ES256", "kid": "ES256"}) + ".bnVsbA.AAAA"]  # fmt: skip
        for token in odd:
            assert 401 == (await me(client, token)).status


class TestKeysOfTheIssuer:
    """Where they come from, and when they are read again."""

    async def test_they_are_read_once_and_again_when_old(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """Not for each token."""
        for _ in range(3):
            assert 200 == (await me(client, issuer.token(tenant))).status
        assert 1 == issuer.asked
        clock.ahead += timedelta(seconds=FRESH_S + 1)
        later = issuer.token(tenant, exp=clock.now() + timedelta(minutes=5))
        assert 200 == (await me(client, later)).status

        assert 2 == issuer.asked

    async def test_a_new_key_is_taken_and_an_old_one_let_go(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """A key that is not known is looked for, but not for each token that names one."""
        old = issuer.token(tenant)
        assert 200 == (await me(client, old)).status
        del issuer.keys["ES256"]
        issuer.keys["ES256-2"] = MAKERS["ES256"]()
        clock.ahead += timedelta(seconds=AGAIN_S + 1)
        assert 200 == (await me(client, issuer.token(tenant, "ES256-2"))).status
        assert 2 == issuer.asked
        answers = [await me(client, old) for _ in range(5)]

        assert {401} == {answer.status for answer in answers}
        assert 2 == issuer.asked

    async def test_keys_stay_while_the_issuer_is_away(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """Those that were good go on, and `/readyz` says what is wrong."""
        assert 200 == (await me(client, issuer.token(tenant))).status
        assert {"keys": 3, "failing": None} == (await client.get("/readyz")).json["tokens"]
        issuer.down = True
        clock.ahead += timedelta(seconds=FRESH_S + 1)
        later = issuer.token(tenant, exp=clock.now() + timedelta(minutes=5))

        assert 200 == (await me(client, later)).status
        told = (await client.get("/readyz")).json
        assert ("ok", {"keys": 3, "failing": "the answer is 503"}) == (
            told["status"], told["tokens"],
        )  # fmt: skip

    async def test_one_asks_for_keys_that_are_old_and_others_go_on(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """With those that were good, while the issuer has not answered; a new one has to wait."""
        assert 200 == (await me(client, issuer.token(tenant))).status
        issuer.keys["ES256-2"] = MAKERS["ES256"]()
        issuer.silent.clear()
        clock.ahead += timedelta(seconds=FRESH_S + 1)
        later = clock.now() + timedelta(minutes=5)
        asking = asyncio.create_task(me(client, issuer.token(tenant, exp=later)))

        async def asked() -> int:
            return issuer.asked

        await until(asked, lambda count: count == 2)
        new = asyncio.create_task(me(client, issuer.token(tenant, "ES256-2", exp=later)))
        assert 200 == (await me(client, issuer.token(tenant, exp=later))).status
        assert not asking.done()
        issuer.silent.set()

        assert [200, 200] == [(await one).status for one in (asking, new)]
        assert 2 == issuer.asked

    async def test_a_new_key_is_not_refused_for_good_while_the_issuer_is_away(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """Nobody knows whether there is such a key: who has it comes again."""
        assert 200 == (await me(client, issuer.token(tenant))).status
        issuer.keys["ES256-2"] = MAKERS["ES256"]()
        issuer.down = True
        clock.ahead += timedelta(seconds=AGAIN_S + 1)
        answer = await me(client, issuer.token(tenant, "ES256-2"))
        assert (503, "1") == (answer.status, answer.headers["Retry-After"])
        assert 200 == (await me(client, issuer.token(tenant))).status
        issuer.down = False
        clock.ahead += timedelta(seconds=AGAIN_S + 1)

        assert 200 == (await me(client, issuer.token(tenant, "ES256-2"))).status

    async def test_a_token_that_names_no_key_has_the_only_one_that_is_known(
        self, client: Api, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """It is not read again for it before it is old."""
        for other in set(issuer.keys) - {"ES256"}:
            del issuer.keys[other]
        for _ in range(3):
            assert 200 == (await me(client, issuer.token(tenant, kid=False))).status
            clock.ahead += timedelta(seconds=AGAIN_S + 1)

        assert 1 == issuer.asked

    async def test_who_waits_for_it_lets_nobody_be_refused(
        self,
        told: Settings,
        app_url: str,
        tenant: Tenant,
        issuer: Issuer,
        clock: Moved,
    ) -> None:
        """It does not answer: tokens of new keys wait, and are not counted."""
        new = {"kid": "no such key"}
        token = jwt.encode({"iss": ISSUER}, issuer.keys["ES256"], "ES256", headers=new)
        small = structs.replace(told, pool_max=8, waiting_max=3)
        async with (
            served(small, app_url, clock) as service,
            Api.open(service.url, tenant) as api,
        ):
            await until(lambda: me(api, issuer.token(tenant)), lambda answer: answer.status == 200)
            asked = issuer.asked
            issuer.silent.clear()
            clock.ahead += timedelta(seconds=AGAIN_S + 1)
            waiting = [asyncio.create_task(me(api, token)) for _ in range(6)]

            async def under_way() -> tuple[int, int]:
                return issuer.asked - asked, len(service.requests)

            await until(under_way, lambda found: found == (1, 6))
            assert 0 == service.repository.reads.entrance.waiting
            assert 200 == (await api.get("/v1/skills")).status
            issuer.silent.set()
            assert {401} == {(await one).status for one in waiting}

    async def test_without_any_it_is_said_from_the_start(
        self, told: Settings, app_url: str, tenant: Tenant, issuer: Issuer, clock: Moved
    ) -> None:
        """By `/readyz` before anybody comes; to a token it is 503, for a moment only."""
        issuer.down = True
        async with serving(told, app_url, clock) as url, Api.open(url, tenant) as api:
            ready = await until(
                lambda: api.get("/readyz"), lambda answer: answer.json["tokens"]["failing"]
            )
            refused = await me(api, issuer.token(tenant))
            issuer.down = False
            clock.ahead += timedelta(seconds=AGAIN_S + 1)
            served = await me(api, issuer.token(tenant))

        assert (200, {"keys": 0, "failing": "the answer is 503"}) == (
            ready.status, ready.json["tokens"],
        )  # fmt: skip
        assert (503, "unavailable") == (refused.status, refused.problem)
        assert 200 == served.status

    async def test_the_doctor_reads_them_too(self, told: Settings, issuer: Issuer) -> None:
        """As a service would, and says what keeps it from that."""
        good = await asyncio.to_thread(examined, told, issuer.url)
        issuer.down = True
        bad = await asyncio.to_thread(examined, told, issuer.url)

        assert ("good", f"keys of {ISSUER}: 3") == (good.status, good.found)
        assert ("bad", "the keys of 127.0.0.1 cannot be read: the answer is 503") == (
            bad.status, bad.found,
        )  # fmt: skip

    async def test_keys_that_sign_nothing_are_passed_over(
        self, client: Api, tenant: Tenant, issuer: Issuer
    ) -> None:
        """For encryption, too short, secret, of another curve, or broken: the good one is found."""
        weak = json.loads(
            WRITERS["RS256"].to_jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505
        )
        weak |= {"kid": "weak", "alg": "RS256"}
        good = issuer.jwks()["keys"]
        odd = [weak, {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}, {"kty": "EC", "crv": "P-384"},
               {**good[0], "use": "enc", "kid": "enc"}, {"kty": "RSA"}, 1, None]  # fmt: skip
        issuer.jwks = lambda: {"keys": [*odd, *good]}  # type: ignore[method-assign]

        assert 200 == (await me(client, issuer.token(tenant))).status


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _read(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
