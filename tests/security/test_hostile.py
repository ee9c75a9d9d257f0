"""Thousands of hostile requests: no 500, no hang, and no row beyond what was answered 2xx.

PLANT_TEST_HOSTILE_REQUESTS says how many, PLANT_TEST_HOSTILE_SEED repeats a run.
"""

import asyncio
import json
import os
import re
import secrets
from collections import Counter
from random import Random

import aiohttp
import asyncpg
import pytest
from yarl import URL

from tests.api import PATHS, Answer, Api
from tests.catalogued import strays
from tests.counts import rows
from tests.leader import Sealer
from tests.security.hostile import Hand, Known, Request
from tests.sockets import ANSWER_S, answers, exchange, is_whole

REQUESTS = int(os.environ.get("PLANT_TEST_HOSTILE_REQUESTS", "2000"))
SEED = int(os.environ.get("PLANT_TEST_HOSTILE_SEED", "0")) or secrets.randbits(32)
CLIENTS = 8
KNOWN_MAX = 40
LEAKS = re.compile(rb"Traceback|asyncpg|SQLSTATE|base_entity|q\.[a-z_]+_[0-9a-f]{10}|/service/")
ANSWERS = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 428}
CONTROL = re.compile(r"[\x00-\x20\x7f]")


class Run:
    """What one run of hostile requests has seen."""

    def __init__(self, api: Api, keys: list[str], known: list[Known]) -> None:
        self.api = api
        self.keys = keys
        self.known = known
        self.amendments: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.entries = 0
        self.told: list[str] = []
        self.entities = 0
        self.amended = 0
        self.replays = 0
        self.rehearsals = 0
        self.bad: list[str] = []

    async def client(self, number: int, count: int) -> None:
        """Send requests one after the other, over raw sockets and over aiohttp."""
        random = Random(f"{SEED}/{number}")
        hand = Hand(random, self.keys, self.known, self.amendments)
        async with aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as session:
            for _ in range(count):
                request = hand.request()
                data = request.bytes()
                way = random.randrange(4)
                try:
                    if way == 0:
                        await self._over_client(session, request)
                    else:
                        await self._over_socket(hand.damaged(data) if way == 1 else data)
                except TimeoutError:
                    self.bad.append(f"no answer to {data[:2000]!r}")

    async def _over_client(self, session: aiohttp.ClientSession, request: Request) -> None:
        headers = [
            (name, CONTROL.sub(" ", value).encode("utf-8", "replace").decode())
            for name, value in request.headers
            if name not in {"Host", "Connection", "Content-Length", "Transfer-Encoding", "Expect"}
        ]
        path = "/" + CONTROL.sub("", request.path).removeprefix("/")
        try:
            url = URL(self.api.url + path, encoded=True)
            async with session.request(
                request.method, url, headers=headers, data=request.body or None
            ) as response:
                answer = Answer(response.status, response.headers, await response.read())
        except (aiohttp.InvalidURL, ValueError):
            return  # the client would not send it
        except aiohttp.ClientResponseError:
            # A head that cannot be parsed hides its method: the refusal of a HEAD has a body.
            assert "HEAD" == request.method, request
            return
        self.see(answer, request.bytes())

    async def _over_socket(self, data: bytes) -> None:
        whole = is_whole(data)
        try:
            said = await exchange(
                self.api.url,
                data,
                quiet_s=0.1,
                patience_s=ANSWER_S if whole else 0.3,
            )
        except TimeoutError:
            # The rest of a body is waited for longer than there is time here.
            if whole:
                raise
            return
        for answer in answers(said):
            self.see(answer, data)

    def see(self, answer: Answer, sent: bytes) -> None:
        """Judge one answer, and count what it says was written."""
        self.statuses[answer.status] += 1
        busy = answer.status == 503 and b" running" in answer.body
        if not (busy or answer.status in ANSWERS) or LEAKS.search(answer.body):
            self.bad.append(f"{answer.status} {answer.body[:500]!r} to {sent[:2000]!r}")
        elif said := strays("", answer.status, answer.headers, answer.body):
            self.bad.append(f"{said} to {sent[:2000]!r}")
        if "Idempotency-Replayed" in answer.headers:
            self.replays += 1
        elif "Preference-Applied" in answer.headers:
            self.rehearsals += 1
        elif "Audit-Entry" in answer.headers:
            # What certifies an amendment changes the entity too.
            self.entries += 1 + ("Entity-ETag" in answer.headers)
            self.told.append(answer.headers["Audit-Entry"][len("id=") :][:36])
            amendment = answer.status == 204 or "amendment_id" in answer.json
            self.entities += answer.status == 201 and not amendment
            self.amended += amendment
            if not amendment:
                self._keep(answer)
            elif answer.status != 204:
                self.amendments[answer.json["id"]] = answer.headers["Etag"]
        elif "ndjson" in answer.headers.get("Content-Type", ""):
            self._imported(answer, sent)

    def _imported(self, answer: Answer, sent: bytes) -> None:
        """Count what an import says was written; an export writes nothing."""
        lines = [json.loads(line) for line in answer.body.splitlines()]
        if "digest" in lines[-1]:
            return
        outcomes = Counter(line.get("outcome") for line in lines)
        self.entries += outcomes["created"] + outcomes["amended"] + outcomes["archived"]
        self.entities += outcomes["created"]
        if "totals" not in lines[-1]:
            self.bad.append(f"no totals: {lines[-1]} to {sent[:2000]!r}")

    def _keep(self, answer: Answer) -> None:
        """Aim at the new version from now on."""
        document = answer.json
        in_force = document["status"] in {"certified", "active", "deprecated"}
        new = Known(document["entity_type"], document["id"], answer.headers["Etag"], in_force)
        same = [n for n, one in enumerate(self.known) if one.id == new.id]
        if same:
            self.known[same[0]] = new
        elif len(self.known) < KNOWN_MAX:
            self.known.append(new)


async def untold(superuser: asyncpg.Connection, told: list[str]) -> list[str]:
    """List the last entries that no answer named: those of imports, and what went unanswered."""
    found = await superuser.fetch(
        """
        SELECT format('%s %s %s, version %s at %s', operation, entity_type, entity_id, version, at)
        FROM audit.entry WHERE audit_id <> ALL ($1::uuid[]) ORDER BY audit_id DESC LIMIT 300
        """,
        told,
    )
    return [entry for (entry,) in found]


@pytest.mark.timeout(120 + REQUESTS // 20)
async def test_hostile_requests_write_nothing_and_break_nothing(
    api: Api, superuser: asyncpg.Connection, database: str, sealer: Sealer
) -> None:
    """Every answer is one of the contract; the log grew by exactly the changes answered 2xx."""
    print(f"PLANT_TEST_HOSTILE_REQUESTS={REQUESTS} PLANT_TEST_HOSTILE_SEED={SEED}")  # noqa: T201
    known = []
    for kind in ("skill", "industry", "job_role", "team", "agent"):
        made = await api.create(kind)
        known.append(Known(kind, made.json["id"], made.etag))
    for document in (await api.world()).values():
        found = await api.get(f"{PATHS[document['entity_type']]}/{document['id']}")
        known.append(Known(document["entity_type"], document["id"], found.etag, in_force=True))
    await sealer.seal()
    tenant = api.tenant
    keys = [tenant.author.key] * 4 + [tenant.certifier.key] * 2 + [tenant.reader.key, "plant_none"]
    run = Run(api, keys, known)
    before = await rows(superuser)

    shares = [len(range(n, REQUESTS, CLIENTS)) for n in range(CLIENTS)]
    await asyncio.gather(*(run.client(n, share) for n, share in enumerate(shares)))

    print(dict(sorted(run.statuses.items())), run.amended)  # noqa: T201
    print(dict(sorted(run.statuses.items())), run.replays, run.rehearsals)  # noqa: T201
    assert [] == run.bad[:5], f"seed {SEED}"
    after = await rows(superuser)
    wrote = after.entries - before.entries
    assert run.entries == wrote, f"seed {SEED}, of {await untold(superuser, run.told)}"
    assert run.entries == after.payloads - before.payloads
    assert run.entities == after.entities - before.entities
    assert 0 == after.staged
    # The requests reached what they aim at.
    rare = {202, 204, 304, 406, 410, 412, 413, 428}
    assert REQUESTS < 1000 or ANSWERS - rare <= set(run.statuses), run.statuses
    # Of two thousand requests a handful is repeated or tried without effect, now and then none.
    assert REQUESTS < 10_000 or min(run.replays, run.rehearsals) > 0
    metrics = (await api.get("/metrics")).body.decode()
    for pool in ("read", "write"):
        assert f'plant_pool_connections{{pool="{pool}",state="in_use"}} 0.0' in metrics
        assert f'plant_pool_waiting{{pool="{pool}"}} 0.0' in metrics
    idle = await superuser.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE "
        "'plant app%' AND state <> 'idle'",
        database,
    )
    assert 0 == idle
