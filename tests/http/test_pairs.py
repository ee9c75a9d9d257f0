"""The pairs of a kind: what may be there twice, whoever is asked, however it is found."""

import asyncio
import json
import random
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from service.embedding import comparison
from service.embedding.comparison import Comparison
from service.embedding.pairs import Near
from service.http import duplicates as handlers
from service.repository.entities import EntitiesById
from service.settings import Settings
from service.usecases import pairs as finding
from tests.api import Api, serving
from tests.bench import WAIT_S, until
from tests.edge import Served, Wire, served
from tests.factories import ActorWith, Tenant
from tests.labels import Fake, embed, lexical, meaning, searching
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database

PATH = "/v1/search/duplicates"
WAYS = {"memory": (True, 10_000), "exact": (False, 10_000), "near": (False, 0)}
"""Whether numpy is there, and how many labels are compared whole where it is not."""

ENDLESS = "import signal, sys; sys.stdin.buffer.read(); signal.pause()"
"""A process that takes everything and never answers."""

Nearest = Callable[[Comparison], Awaitable[list[Near]]]

VOCABULARY = [
    "mend",
    "repair",
    "boat",
    "vessel",
    "old",
    "elderly",
    "paint",
    "wall",
    "bake",
    "bread",
    "folk",
    "people",
]


@pytest_asyncio.fixture(loop_scope="module", params=WAYS)
async def by_meaning(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Api]:
    """Compare by a model: in memory, and without numpy whole and by the indexes."""
    has_numpy, exact_max = WAYS[request.param]
    monkeypatch.setattr(finding, "available", lambda: has_numpy)
    made = searching(Fake(), exact_max=exact_max)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        yield api


@pytest_asyncio.fixture(loop_scope="module", params=[True, False])
async def by_words(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Api]:
    """Compare without a model, in memory and without numpy."""
    monkeypatch.setattr(finding, "available", lambda: request.param)
    async with (
        serving(settings, cluster.url("app", database), searching=searching()) as url,
        Api.open(url, tenant) as api,
    ):
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def service(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Served]:
    """Have a service of which one sees what is under way."""
    async with served(settings, cluster.url("app", database)) as found:
        yield found


class Hold:
    """A comparison in memory that waits, before its end, until it may go on."""

    def __init__(self) -> None:
        self._begun, self._may = asyncio.Event(), asyncio.Event()

    def of(self, nearest: Nearest) -> Nearest:
        """Give what waits and then does the same."""

        async def waiting(comparison: Comparison) -> list[Near]:
            self._begun.set()
            await self._may.wait()
            return await nearest(comparison)

        return waiting

    async def under_way(self) -> None:
        """Wait until it waits."""
        async with asyncio.timeout(WAIT_S):
            await self._begun.wait()

    def go_on(self) -> None:
        """Let it go on."""
        self._may.set()


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Hold up whatever is compared in memory."""
    found = Hold()
    monkeypatch.setattr(Comparison, "nearest", found.of(Comparison.nearest))
    return found


async def pairs(api: Api, **body: Any) -> list[Any]:
    """Ask for the pairs of a kind and give them."""
    answer = await api.post(PATH, {"kind": "skill"} | body)
    assert 200 == answer.status, answer.body
    items: list[Any] = answer.json["items"]
    assert len(items) == answer.json["count"]
    return items


def ids(items: list[Any]) -> list[tuple[str, str]]:
    """List the ids of pairs."""
    return [(item["a"]["id"], item["b"]["id"]) for item in items]


async def test_two_that_are_called_alike_are_a_pair(by_meaning: Api, superuser: Connection) -> None:
    """By the nearest of their names and aliases; once, with both documents and these labels."""
    one = await by_meaning.made("skill", name="a b", aliases=["repairs vessel"], description="x y")
    other = await by_meaning.made("skill", "active", name="mend boat", aliases=["c d"])
    await by_meaning.made("skill", "active", name="e f")
    await embed(superuser, by_meaning.tenant.id)
    (found,) = await pairs(by_meaning)

    assert [one, other] == [found["a"], found["b"]]
    assert ["repairs vessel", "mend boat"] == found["labels"]
    assert pytest.approx(1, abs=1e-5) == found["score"]
    assert {"a", "b", "score", "labels"} == set(found)


async def test_what_is_no_pair(
    by_meaning: Api, superuser: Connection, actor_with: ActorWith, other_tenant: Tenant
) -> None:
    """Another kind, an archived one, another agent's draft, another tenant's, a description."""
    await by_meaning.made("skill", "active", name="mend boat", description="g h")
    await by_meaning.made("industry", "active", name="mend boat")
    await by_meaning.made("skill", "archived", name="mend vessel")
    await by_meaning.made("skill", "active", name="g h")
    await by_meaning.made("skill", "active", name="k l", description="g h", aliases=["m n"])
    other = by_meaning.by(await actor_with("read", "write", name="other"))
    theirs = await other.made("skill", name="repairs boat")
    stranger = by_meaning.of(other_tenant)
    await stranger.made("skill", "active", name="repairs vessel")
    await stranger.made("skill", "active", name="mends vessel", aliases=["repair boat"])
    for tenant in (by_meaning.tenant, other_tenant):
        await embed(superuser, tenant.id)

    assert [] == await pairs(by_meaning)
    assert [theirs["id"]] == [b for _, b in ids(await pairs(other))]
    assert [] == await pairs(by_meaning, kind="team")


async def test_a_description_does_not_count(by_meaning: Api, superuser: Connection) -> None:
    """Not even where names are near enough: the score is that of the names."""
    await by_meaning.made("skill", name="mend boat", description="repair old boat")
    await by_meaning.made("skill", name="repair elderly boat", description="repair vessel")
    await embed(superuser, by_meaning.tenant.id)
    (found,) = await pairs(by_meaning, min_score=0.5)
    likeness = sum(
        a * b for a, b in zip(meaning("mend boat"), meaning("repair old boat"), strict=True)
    )

    assert ["mend boat", "repair elderly boat"] == found["labels"]
    assert pytest.approx(likeness, abs=1e-5) == found["score"]


async def test_a_pair_is_found_from_the_score_on_that_it_shows(
    by_meaning: Api, superuser: Connection
) -> None:
    """Also where the score was rounded up to be shown."""
    for number in range(6):
        await by_meaning.made("skill", "active", name=f"mend boat {number} {'x' * (1 + number)}")
    await embed(superuser, by_meaning.tenant.id)
    whole = await pairs(by_meaning, min_score=-1)
    for pair in whole:
        assert pair in await pairs(by_meaning, min_score=pair["score"])

    assert len({pair["score"] for pair in whole}) > 5


async def test_pairs_are_what_their_ends_are_near_to(
    by_meaning: Api, superuser: Connection
) -> None:
    """Whoever is in a pair finds the other one by its id, with that score, and nobody else."""
    chance = random.Random(by_meaning.url)

    def text() -> str:
        return " ".join(chance.sample(VOCABULARY, chance.choice((1, 2, 3))))

    made = [
        await by_meaning.made("skill", name=f"{text()} {n}", aliases=[text()]) for n in range(12)
    ]
    brought = list(meaning("mend boat"))
    made.append(await by_meaning.made("skill", name="zzz", embedding_384=brought))
    await embed(superuser, by_meaning.tenant.id)
    counts = []
    for least in (0.4, 0.6, 0.8, 1.0):
        found = await pairs(by_meaning, min_score=least)
        both = {pair: item["score"] for pair, item in zip(ids(found), found, strict=True)}
        near = {}
        for one in made:
            answer = await by_meaning.post(
                PATH, {"id": one["id"], "min_score": least, "limit": 200}
            )
            for item in answer.json["items"]:
                near[one["id"], item["entity"]["id"]] = item["score"]
        counts.append(len(both))

        assert near == pytest.approx(both | {(b, a): score for (a, b), score in both.items()})
    assert 0 < counts[-2] < counts[0]


@pytest.mark.parametrize("by_meaning", ["memory", "exact"], indirect=True)
async def test_all_aliases_of_both_count(by_meaning: Api, superuser: Connection) -> None:
    """Of a long list the last one too, by the id of either."""
    many = [f"n{number} m{number}" for number in range(140)]
    one = await by_meaning.made("skill", name="a", aliases=[*many, "mend boat"])
    other = await by_meaning.made("skill", name="b", aliases=["repair vessel"])
    await embed(superuser, by_meaning.tenant.id)

    assert [(one["id"], other["id"])] == ids(await pairs(by_meaning))
    for this, that in ((one, other), (other, one)):
        answer = await by_meaning.post(PATH, {"id": this["id"]})
        assert [that["id"]] == [item["entity"]["id"] for item in answer.json["items"]]


async def test_the_nearest_come_first_and_no_more_than_asked_for(
    by_meaning: Api, superuser: Connection
) -> None:
    """By score, then by ids; `limit` leaves out the others, `min_score` those below it."""
    for name in ("mend boat", "repair vessel", "mend old boat", "repair elderly vessel", "a b"):
        await by_meaning.made("skill", name=name)
    await embed(superuser, by_meaning.tenant.id)
    every = await pairs(by_meaning, min_score=0.3)
    order = [(-item["score"], item["a"]["id"], item["b"]["id"]) for item in every]

    assert 6 == len(every)
    assert sorted(order) == order
    for limit in (1, 2, 6):
        assert ids(every)[:limit] == ids(await pairs(by_meaning, min_score=0.3, limit=limit))
    assert ids(every)[:2] == ids(await pairs(by_meaning, min_score=0.99))
    assert 10 <= len(await pairs(by_meaning, min_score=-1))


async def test_the_tenants_threshold_holds(by_meaning: Api, superuser: Connection) -> None:
    """Unless the request names another one."""
    for name in ("mend boat", "mend old boat"):
        await by_meaning.made("skill", name=name)
    await embed(superuser, by_meaning.tenant.id)
    assert [] == await pairs(by_meaning)
    await superuser.execute(
        "UPDATE app.tenant SET similar_min = 0.5 WHERE tenant_id = $1", by_meaning.tenant.id
    )

    assert 1 == len(await pairs(by_meaning))
    assert [] == await pairs(by_meaning, min_score=0.95)


async def test_lines_are_the_items_and_a_last_one(by_meaning: Api, superuser: Connection) -> None:
    """Where these are liked better; nothing found is a whole answer too."""
    wish = {"Accept": "application/json;q=0.5, application/x-ndjson"}
    empty = await by_meaning.post(PATH, {"kind": "skill"}, **wish)
    for name in ("mend boat", "repair vessel", "mend vessel"):
        await by_meaning.made("skill", name=name)
    await embed(superuser, by_meaning.tenant.id)
    answer = await by_meaning.post(PATH, {"kind": "skill"}, **wish)
    *lines, closing = map(json.loads, answer.body.splitlines())

    assert b'{"count":0,"exact":true}\n' == empty.body
    assert lines == await pairs(by_meaning)
    assert 3 == len(lines) == closing["count"]
    assert answer.body.endswith(b"}\n")
    assert "application/x-ndjson" == answer.headers["Content-Type"]


async def test_other_media_are_refused(api: Api) -> None:
    """406, naming the two."""
    answer = await api.post(PATH, {"kind": "skill"}, Accept="text/html")

    assert [406, "not-acceptable"] == [answer.status, answer.problem]


async def test_it_says_whether_everything_was_compared(
    by_meaning: Api, superuser: Connection, request: pytest.FixtureRequest
) -> None:
    """In memory it was."""
    for number in range(5):
        await by_meaning.made("skill", name=f"mend boat {number}")
    await embed(superuser, by_meaning.tenant.id)
    answer = await by_meaning.post(PATH, {"kind": "skill", "min_score": 0.3})

    assert 10 == answer.json["count"]
    if "memory" in request.node.name or "exact" in request.node.name:
        assert answer.json["exact"]


@pytest.mark.parametrize("by_meaning", ["memory"], indirect=True)
async def test_of_too_many_labels_each_is_looked_up(
    by_meaning: Api, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pairs, and nothing is compared in memory."""
    for name in ("mend boat", "repair vessel"):
        await by_meaning.made("skill", name=name)
    await embed(superuser, by_meaning.tenant.id)
    in_memory = await pairs(by_meaning)
    monkeypatch.setattr(finding, "COMPARED_MAX", 1)

    async def nearest(_: Comparison) -> list[Near]:
        raise AssertionError

    monkeypatch.setattr(Comparison, "nearest", nearest)

    assert 1 == len(in_memory)
    assert in_memory == await pairs(by_meaning)


async def test_without_a_model_letters_are_compared(by_words: Api, superuser: Connection) -> None:
    """And callers' vectors with each other alone."""
    one = await by_words.made("skill", name="repair wooden boats")
    other = await by_words.made("skill", name="repair wooden boat")
    brought = [list(meaning(text)) for text in ("mend boat", "repair vessel")]
    own = [await by_words.made("skill", name=f"{n}", embedding_384=brought[n]) for n in (0, 1)]
    # What its own words come to is no caller's vector.
    words = lexical("qqq")
    strangers = [
        await by_words.made("skill", name="qqq"),
        await by_words.made("skill", name="ooo", embedding_384=words),
    ]
    await embed(superuser, by_words.tenant.id, model=None)
    found = await pairs(by_words)
    for stranger in strangers:
        assert [] == (await by_words.post(PATH, {"id": stranger["id"]})).json["items"]

    assert {(one["id"], other["id"]), (own[0]["id"], own[1]["id"])} == set(ids(found))


async def test_with_a_model_letters_count_a_little_less(
    by_meaning: Api, superuser: Connection
) -> None:
    """What another model has embedded is near by its letters, and scores .95 of that."""
    one = await by_meaning.made("skill", name="repair wooden boats")
    other = await by_meaning.made("skill", name="Repair wooden boats.")
    await by_meaning.made("skill", name="repair wood boat")
    await embed(superuser, by_meaning.tenant.id, model="other/1")
    (pair,) = await pairs(by_meaning)

    assert [(one["id"], other["id"])] == ids([pair])
    assert pytest.approx(0.95, abs=1e-4) == pair["score"]


async def test_what_is_not_embedded_is_in_no_pair(by_meaning: Api, superuser: Connection) -> None:
    """It ends nothing either: what comes behind it is compared."""
    for name in ("mend boat", "a b"):
        await by_meaning.made("skill", name=name)
    await embed(superuser, by_meaning.tenant.id)
    await by_meaning.made("skill", name="mend vessel")
    last = await by_meaning.made("skill", name="repair vessel")
    await embed(superuser, by_meaning.tenant.id, [last["id"]])

    assert [last["id"]] == [b for _, b in ids(await pairs(by_meaning))]


async def test_pages_join_without_a_seam(
    by_meaning: Api, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few are read, compared, scored and shown at once."""
    for number in range(7):
        await by_meaning.made("skill", name=f"mend boat {number}", aliases=[f"a {number % 3}"])
    await embed(superuser, by_meaning.tenant.id)
    whole = await pairs(by_meaning, min_score=0.2)
    monkeypatch.setattr("service.usecases.pair_candidates.PAGE", 2)
    monkeypatch.setattr("service.usecases.pair_candidates.LOOKED_UP", 1)
    monkeypatch.setattr(finding, "SCORED", 5)
    monkeypatch.setattr(finding, "SHOWN", 2)

    assert 21 == len(whole)
    assert whole == await pairs(by_meaning, min_score=0.2)


async def test_documents_without_room_are_read_again(
    superuser: Connection, tenant: Tenant, monkeypatch: pytest.MonkeyPatch,
    cluster: Server, database: str, settings: Settings,
) -> None:  # fmt: skip
    """One at a time, where no more fits."""
    monkeypatch.setattr(EntitiesById, "bytes_max", 1)
    made = searching(Fake())
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        for name in ("mend boat", "repair vessel", "mend vessel"):
            await api.made("skill", name=name)
        await embed(superuser, tenant.id)

        assert 3 == len(await pairs(api))


@pytest.mark.parametrize("by_meaning", ["memory"], indirect=True)
async def test_what_changes_meanwhile_is_seen(
    by_meaning: Api, superuser: Connection, hold: Hold
) -> None:
    """What was archived while the others were compared is in no pair, and changed names count."""
    made = [
        await by_meaning.create("skill", name=name)
        for name in ("mend boat", "repair vessel", "mend vessel")
    ]
    await embed(superuser, by_meaning.tenant.id)
    asking = asyncio.create_task(pairs(by_meaning))
    await hold.under_way()
    await by_meaning.raised(made[0], "archived")
    path = f"/v1/skills/{made[1].json['id']}"
    changed = await by_meaning.patch(path, {"name": "bake bread", "aliases": []}, "*")
    await embed(superuser, by_meaning.tenant.id, [made[1].json["id"]])
    hold.go_on()

    assert 200 == changed.status
    assert [] == await asking


async def test_while_it_computes_nothing_is_held(
    service: Served, tenant: Tenant, superuser: Connection, hold: Hold
) -> None:
    """The service answers, and no connection waits; a second comparison is told to come again."""
    async with Api.open(service.url, tenant) as api:
        for name in ("repair boat", "repair boats"):
            await api.made("skill", name=name)
        await embed(superuser, tenant.id, model=None)
        asking = asyncio.create_task(pairs(api, min_score=0.5))
        await hold.under_way()
        alive = await api.get("/livez")
        held = await service.taken()
        refused = await api.post(PATH, {"kind": "industry"})
        hold.go_on()

        assert 200 == alive.status
        assert 0 == held[0]
        assert [503, "unavailable"] == [refused.status, refused.problem]
        assert "Retry-After" in refused.headers
        assert 1 == len(await asking)
        assert [] == await pairs(api, kind="industry")


async def asked(wire: Wire, tenant: Tenant, body: bytes = b'{"kind":"skill","limit":100}') -> None:
    """Ask for pairs by a client that reads only when it is told to."""
    media = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    await wire.ask(tenant.author, PATH, "POST", media)
    await wire.send(body)


class Began:
    """The processes that were begun to compare."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.processes: list[subprocess.Process] = []
        begin = subprocess.create_subprocess_exec

        async def noted(*command: str, **how: Any) -> subprocess.Process:
            self.processes.append(await begin(*command, **how))
            return self.processes[-1]

        monkeypatch.setattr(subprocess, "create_subprocess_exec", noted)

    async def count(self) -> int:
        """Count them."""
        return len(self.processes)

    @property
    def ended(self) -> bool:
        """Say whether all have ended, and were there at all."""
        codes = [one.returncode for one in self.processes]
        return bool(codes) and None not in codes


async def test_who_hangs_up_while_it_computes_leaves_nothing(
    service: Served, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What computes is ended, and its place is free."""
    began = Began(monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "COMMAND", (sys.executable, "-c", ENDLESS))
        async with Wire.open(service.url) as wire:
            await asked(wire, tenant)
            await until(began.count, bool)
            assert 1 == service.repository.comparisons.total()
            wire.reset()

            async def running() -> int:
                return service.repository.comparisons.total()

            await until(running, lambda count: not count)
    await service.free()
    async with Api.open(service.url, tenant) as api:
        assert [] == await pairs(api)
    assert began.ended


@pytest.mark.parametrize(
    "command",
    [
        ("/nowhere/python",),
        (sys.executable, "-c", ""),
        (sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(1)"),
    ],
    ids=["not begun", "reads nothing", "fails"],
)
@pytest.mark.parametrize("by_meaning", ["memory"], indirect=True)
async def test_what_computes_may_end_too_soon(
    by_meaning: Api, superuser: Connection, command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """503, not an answer that lacks something; then it works again."""
    for number in range(40):
        await by_meaning.made("skill", name=f"mend boat {number}")
    await embed(superuser, by_meaning.tenant.id)
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "COMMAND", command)
        answer = await by_meaning.post(PATH, {"kind": "skill"})

    assert [503, "unavailable"] == [answer.status, answer.problem]
    assert [] != await pairs(by_meaning, min_score=0.3)


async def test_who_hangs_up_while_it_is_written_leaves_nothing(
    service: Served, tenant: Tenant, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection and no place is kept for a client that does not read either."""
    monkeypatch.setattr(finding, "SHOWN", 1)
    async with Api.open(service.url, tenant) as api:
        for number in range(12):
            await api.made("skill", name=f"repair boat {number}", description="x" * 9_000)
        await embed(superuser, tenant.id, model=None)
        async with Wire.open(service.url) as wire:
            await asked(wire, tenant, b'{"kind":"skill","min_score":0.1}')
            assert (await wire.read()).startswith(b"HTTP/1.1 200")
            await service.free()
            assert 66 == len(await pairs(api, min_score=0.1))
            wire.reset()

        async def clients() -> int:
            return await service.clients()

        await until(clients, lambda count: count <= 1)


async def test_it_has_a_deadline_of_its_own(
    by_meaning: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is over ends it."""
    monkeypatch.setattr(handlers, "PAIRS_S", -3_600.0)
    answer = await by_meaning.post(PATH, {"kind": "skill"})

    assert 503 == answer.status


async def test_it_takes_scope_read(api: Api, actor_with: ActorWith) -> None:
    """No other scope implies it."""
    other = api.by(await actor_with("write", "certify", "audit", "admin", name="other"))
    answer = await other.post(PATH, {"kind": "skill"})

    assert [403, "scope-missing"] == [answer.status, answer.problem]
