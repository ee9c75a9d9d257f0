"""What may be there twice: asked for by an entity or a name, refused where a creation says so."""

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio

from service.repository.base import Repository
from service.repository.search import SearchExact, SearchNear, TenantSimilarSet
from service.settings import Settings
from service.usecases import duplicates as duplicates_found
from tests.api import Answer, Api, serving
from tests.factories import ActorWith, Tenant, skill_body
from tests.labels import MODEL, Fake, asked_for, embed, found, lexical, meaning, searching
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database

PATH = "/v1/search/duplicates"
WAYS = {"exact": 10_000, "near": 0}


@pytest_asyncio.fixture(loop_scope="module", params=WAYS)
async def by_meaning(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Api]:
    """Compare by a model, once everything and once by the indexes."""
    made = searching(Fake(), exact_max=WAYS[request.param])
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def by_words(
    cluster: Server, database: str, settings: Settings, tenant: Tenant
) -> AsyncIterator[Api]:
    """Compare without a model."""
    async with (
        serving(settings, cluster.url("app", database), searching=searching()) as url,
        Api.open(url, tenant) as api,
    ):
        yield api


async def duplicates(api: Api, **body: Any) -> list[Any]:
    """Ask for duplicates and give the items."""
    answer = await api.post(PATH, body)
    assert 200 == answer.status, answer.body
    items: list[Any] = answer.json["items"]
    return items


def ids(items: list[Any]) -> list[str]:
    """List the ids of items."""
    return [item["entity"]["id"] for item in items]


async def test_an_entity_is_compared_by_all_that_it_is_called(
    by_meaning: Api, superuser: Connection
) -> None:
    """Name or alias of the one is name or alias of the other; itself and its description are not.

    Others of another kind, archived ones and drafts of others are no duplicates.
    """
    one = await by_meaning.made("skill", name="a b", aliases=["repairs vessel"], description="c d")
    same = await by_meaning.made("skill", "active", name="e f", aliases=["x", "mend boat"])
    await by_meaning.made("skill", "active", name="c d", description="mend boat")
    await by_meaning.made("industry", "active", name="mend boat")
    await by_meaning.made("skill", "archived", name="mend vessel")
    await embed(superuser, by_meaning.tenant.id)
    items = await duplicates(by_meaning, id=one["id"])

    assert [same["id"]] == ids(items)
    assert "mend boat" == items[0]["matched_label"]
    assert pytest.approx(1, abs=1e-4) == items[0]["score"]
    assert {"entity", "score", "matched_label"} == set(items[0])


async def test_a_name_is_compared_with_those_of_its_kind(
    by_meaning: Api, superuser: Connection, actor_with: ActorWith
) -> None:
    """By meaning alone where there is a model: letters do not count."""
    near = await by_meaning.made("skill", name="mend boat")
    await by_meaning.made("skill", name="mendd boatt")
    other = by_meaning.by(await actor_with("read", "write", name="other"))
    await other.made("skill", name="repairs boat")
    await embed(superuser, by_meaning.tenant.id)
    items = await duplicates(by_meaning, kind="skill", text="repairs vessel")

    assert [near["id"]] == ids(items)
    assert [] == await duplicates(by_meaning, kind="team", text="repairs vessel")


async def test_the_best_of_many_labels_counts(
    by_meaning: Api, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few are compared at once: each entity once, by its best, the best first."""
    monkeypatch.setattr(duplicates_found, "AT_ONCE", 1)
    many = ["mend boat", "paint old wall", "mend old boat"]
    one = await by_meaning.made("skill", name="a b", aliases=many)
    second = await by_meaning.made("skill", name="repair boat elderly folk")
    first = await by_meaning.made("skill", name="repair elderly vessel", aliases=["paint wall"])
    await embed(superuser, by_meaning.tenant.id)
    items = await duplicates(by_meaning, id=one["id"], min_score=0.5)

    assert [first["id"], second["id"]] == ids(items)
    assert pytest.approx(1, abs=1e-4) == items[0]["score"]
    assert [first["id"]] == ids(await duplicates(by_meaning, id=one["id"], min_score=0.5, limit=1))


async def test_what_is_not_embedded_yet_is_compared_by_its_texts(
    by_meaning: Api, superuser: Connection
) -> None:
    """An entity that was made a moment ago, or embedded by another model, is no exception."""
    same = await by_meaning.made("skill", name="mend boat")
    await embed(superuser, by_meaning.tenant.id)
    new = await by_meaning.made("skill", name="a b", aliases=["repairs vessel"])
    at_once = await duplicates(by_meaning, id=new["id"])
    await embed(superuser, by_meaning.tenant.id, [new["id"]], model="fake/2")
    in_between = await duplicates(by_meaning, id=new["id"])

    assert [[same["id"]]] * 2 == [ids(at_once), ids(in_between)]


async def test_what_another_model_has_embedded_is_spelled_as_it_is(
    by_meaning: Api, superuser: Connection
) -> None:
    """All that an entity is called is compared by its characters, also behind the sixteenth."""
    aliases = [f"{number} of many" for number in range(20)]
    many = await by_meaning.made("skill", name="a b", aliases=[*aliases, "mend old boats"])
    same = await by_meaning.made("skill", name="mend old boats.")
    await embed(superuser, by_meaning.tenant.id, model="fake/2")

    assert [same["id"]] == ids(await duplicates(by_meaning, id=many["id"]))


async def test_one_list_that_is_full_of_less_does_not_hide_what_another_leads_to(
    by_meaning: Api, superuser: Connection
) -> None:
    """Seventy labels mean the same, as many are spelled alike: behind the former is one more."""
    words = ("mend", "elderly", "vessel", "folk")
    orders = [" ".join(order) for order in permutations(words)]
    orders += [order.replace("vessel", "boat") for order in orders]
    orders += [order.replace("mend", "repair") for order in orders[:24]]
    same = await by_meaning.made("skill", "active", name="a b", aliases=orders[:65])
    near = await by_meaning.made("skill", "active", name="mend elderly vessel folk zebra")
    spelled = [f"repairing olden boating peoples {number}" for number in range(65)]
    await by_meaning.made("skill", "active", name="c d", aliases=spelled)
    await embed(superuser, by_meaning.tenant.id)
    found = await duplicates(by_meaning, kind="skill", text="repair old boat people", min_score=0.8)

    assert [same["id"], near["id"]] == ids(found)


async def test_many_labels_are_looked_for_once(
    by_meaning: Api, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an index gives too little all is compared: looking further for each takes longer."""
    aliases = [f"boat {number} of many" for number in range(60)]
    one = await by_meaning.made("skill", name="boat", aliases=aliases)
    await by_meaning.made("skill", name="vessel", aliases=[f"vessel {n}" for n in range(60)])
    await embed(superuser, by_meaning.tenant.id)
    sent = asked_for(monkeypatch)
    await duplicates(by_meaning, id=one["id"], min_score=-1, limit=100)

    ways = [type(one) for one in sent]
    assert ways.count(SearchNear) <= 1
    assert 1 == ways.count(SearchExact)


async def test_a_callers_vector_wins_over_what_a_name_means(
    by_meaning: Api, superuser: Connection
) -> None:
    """By meaning an entity is compared by it alone; by its characters by what it is called."""
    brought = list(meaning("mend boat"))
    own = await by_meaning.made("skill", name="elderly folk", embedding_384=brought)
    near = await by_meaning.made("skill", name="repairs vessel")
    other = await by_meaning.made("skill", name="old people")
    await embed(superuser, by_meaning.tenant.id)

    assert [near["id"]] == ids(await duplicates(by_meaning, id=own["id"]))
    assert [own["id"]] == ids(await duplicates(by_meaning, id=near["id"]))
    assert [] == await duplicates(by_meaning, id=other["id"])


@pytest.mark.parametrize("state", ["brought", "of another model"])
async def test_what_is_spelled_alike_is_found_whatever_its_vector_is_of(
    by_meaning: Api, superuser: Connection, state: str
) -> None:
    """By a text, by its id, and when something is created; it scores .95 of the likeness."""
    own: dict[str, Any] = (
        {"embedding_384": list(meaning("mend boat"))} if state == "brought" else {}
    )
    one = await by_meaning.made("skill", name="elderly folk", **own)
    other = await by_meaning.made("skill", name="elderly folk.")
    await embed(superuser, by_meaning.tenant.id, model=MODEL if own else "fake/2")
    found = await duplicates(by_meaning, kind="skill", text="elderly folk")
    by_id = await duplicates(by_meaning, id=one["id"])
    body = {"name": "elderly folk!", "description": "d", "category": "technical"}
    created = await by_meaning.post("/v1/skills?similar=refuse", body)

    assert {one["id"], other["id"]} == set(ids(found))
    (score,) = [each["score"] for each in found if each["entity"]["id"] == one["id"]]
    assert pytest.approx(0.95, abs=1e-4) == score
    assert [other["id"]] == ids(by_id)
    assert [409, "similar-exists"] == [created.status, created.problem]


async def test_without_a_model_names_are_compared_by_their_letters(
    by_words: Api, superuser: Connection
) -> None:
    """The score is the likeness itself."""
    one = await by_words.made("skill", name="repair wooden boats")
    same = await by_words.made("skill", name="repair wood boat")
    await by_words.made("skill", name="mend vessel")
    await embed(superuser, by_words.tenant.id, model=None)
    pair = zip(lexical("repair wooden boats"), lexical("repair wood boat"), strict=True)
    likeness = sum(a * b for a, b in pair)
    assert likeness < 0.9
    assert [] == await duplicates(by_words, id=one["id"])
    await threshold(by_words, superuser, likeness - 0.001)
    items = await duplicates(by_words, id=one["id"])

    assert [same["id"]] == ids(items)
    assert pytest.approx(likeness, abs=1e-5) == items[0]["score"]


async def threshold(api: Api, superuser: Connection, least: float | None) -> None:
    """Set a tenant's threshold beneath the service."""
    await superuser.execute(
        "UPDATE app.tenant SET similar_min = $2 WHERE tenant_id = $1", api.tenant.id, least
    )


async def test_each_tenant_has_a_threshold_of_its_own(
    by_meaning: Api, superuser: Connection, owner: Repository, other_tenant: Tenant
) -> None:
    """0.929 unless it says otherwise; what another tenant says is no matter."""
    near = await by_meaning.made("skill", name="mend old boat")
    await embed(superuser, by_meaning.tenant.id)
    for name, least, count in (
        (by_meaning.tenant.name, None, 0),
        (other_tenant.name, 0.5, 0),
        (by_meaning.tenant.name, 0.5, 1),
        (by_meaning.tenant.name, 0.93, 0),
        (by_meaning.tenant.name, -1, 1),
    ):
        assert await owner.maybe(TenantSimilarSet(name, least), writes=True) is not None
        items = await duplicates(by_meaning, kind="skill", text="mend boat")

        assert [near["id"]] * count == ids(items), (name, least)


async def test_no_more_than_asked_for_come(by_meaning: Api, superuser: Connection) -> None:
    """The nearest."""
    for number in range(4):
        await by_meaning.made("industry", name=f"i {number}", aliases=["mend boat"])
    await embed(superuser, by_meaning.tenant.id)
    counts = [
        len(await duplicates(by_meaning, kind="industry", text="mend boat", limit=limit))
        for limit in (1, 3, 200)
    ]

    assert [1, 3, 4] == counts


@pytest.mark.parametrize(
    "body, pointer, rule",
    [
        ({}, "/id", "required"),
        ({"kind": "skill", "limit": 10_001}, "/limit", "number-range"),
        ({"kind": "skill", "text": "a", "limit": 201}, "/limit", "number-range"),
        (
            {"id": "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77", "limit": 201},
            "/limit",
            "number-range",
        ),
        ({"kind": "skill", "min_score": 1.5}, "/min_score", "number-range"),
        ({"kind": "skill", "min_score": "0.9"}, "/min_score", "type"),
        ({"kind": ["skill"]}, "/kind", "type"),
        ({"kind": None}, "/kind", "type"),
        ({"text": "a"}, "/kind", "required"),
        ({"id": "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77", "kind": "skill"}, "/kind", "exactly-one"),
        ({"id": "1"}, "/id", "uuid"),
        ({"kind": "skills", "text": "a"}, "/kind", "one-of"),
        ({"kind": "skill", "text": " "}, "/text", "blank"),
        ({"kind": "skill", "text": "a\0"}, "/text", "control-character"),
        ({"kind": "skill", "text": "a", "limit": 0}, "/limit", "number-range"),
        ({"kind": "skill", "text": "a", "status": "active"}, "/status", "unknown-field"),
    ],
)
async def test_what_is_refused_is_named(
    api: Api, body: dict[str, Any], pointer: str, rule: str
) -> None:
    """422 with the place and the rule."""
    answer = await api.post(PATH, body)

    assert [422, "invalid-body"] == [answer.status, answer.problem]
    assert [(pointer, rule)] == [
        (fault["pointer"], fault["rule"]) for fault in answer.json["errors"]
    ]


async def test_what_is_not_there_or_not_yours_is_not_found(
    by_meaning: Api, superuser: Connection, actor_with: ActorWith, other_tenant: Tenant
) -> None:
    """The same 404."""
    mine = await by_meaning.made("skill", name="mend boat")
    await embed(superuser, by_meaning.tenant.id)
    other = by_meaning.by(await actor_with("read", name="other"))
    for api, asked in (
        (other, mine["id"]),
        (by_meaning.of(other_tenant), mine["id"]),
        (by_meaning, "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77"),
    ):
        answer = await api.post(PATH, {"id": asked})

        assert [404, "not-found"] == [answer.status, answer.problem]


class TestRefuse:
    """`POST /v1/{kinds}?similar=refuse`."""

    PATH = "/v1/skills?similar=refuse"

    async def create(self, api: Api, name: str, **more: Any) -> Answer:
        """Create a skill unless something is near; `key` is an Idempotency-Key."""
        headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
        return await api.send("POST", self.PATH, skill_body(name=name, **more), headers=headers)

    async def test_what_is_near_is_named_and_nothing_is_created(
        self, by_meaning: Api, superuser: Connection
    ) -> None:
        """409 with at most five, the nearest first; without it the entity is created."""
        near = [
            await by_meaning.made("skill", name=f"n {number}", aliases=["mend boat"])
            for number in range(6)
        ]
        await embed(superuser, by_meaning.tenant.id)
        refused = await self.create(by_meaning, "repairs vessel")
        listed = await by_meaning.get("/v1/skills?name=repairs")
        created = await by_meaning.post("/v1/skills", skill_body(name="repairs vessel"))

        assert [409, "similar-exists", 5] == [
            refused.status, refused.problem, len(refused.json["similar"])
        ]  # fmt: skip
        first = refused.json["similar"][0]
        assert first["id"] in {one["id"] for one in near}
        assert ["mend boat", True] == [first["matched_label"], first["name"].startswith("n ")]
        assert [] == listed.json["items"]
        assert 201 == created.status

    async def test_what_is_not_near_is_created(
        self, by_meaning: Api, superuser: Connection, actor_with: ActorWith
    ) -> None:
        """So is what is near to another kind, to an archived one or to another agent's draft."""
        await by_meaning.made("industry", name="mend boat")
        await by_meaning.made("skill", "archived", name="mend boat")
        other = by_meaning.by(await actor_with("read", "write", name="other"))
        await other.made("skill", name="repairs boat")
        await embed(superuser, by_meaning.tenant.id)

        assert 201 == (await self.create(by_meaning, "mend vessel")).status

    async def test_aliases_and_a_vector_are_looked_at(
        self, by_meaning: Api, superuser: Connection
    ) -> None:
        """An alias is enough; with a vector of the caller's nothing but that counts."""
        await by_meaning.made("skill", name="mend boat")
        await embed(superuser, by_meaning.tenant.id)
        by_alias = await self.create(by_meaning, "a b", aliases=["c", "repairs vessel"])
        vectors = [[2 * one for one in meaning(text)] for text in ("repairs vessel", "a b")]
        near = await self.create(by_meaning, "d e", embedding_384=vectors[0])
        far = await self.create(by_meaning, "repairs boat", embedding_384=vectors[1])

        assert [409, 409, 201] == [by_alias.status, near.status, far.status]

    async def test_a_repeated_request_is_answered_before(
        self, by_meaning: Api, superuser: Connection
    ) -> None:
        """Its own entity is near by now; another body and another key are refused."""
        body = skill_body(name="mend boat")
        first = await by_meaning.send("POST", self.PATH, body, headers={"Idempotency-Key": "k"})
        await embed(superuser, by_meaning.tenant.id)
        again = await by_meaning.send("POST", self.PATH, body, headers={"Idempotency-Key": "k"})
        other = await by_meaning.send("POST", self.PATH, body, headers={"Idempotency-Key": "l"})
        reused = await self.create(by_meaning, "mend vessel", key="k")

        assert [201, first.body] == [again.status, again.body]
        assert "true" == again.headers["Idempotency-Replayed"]
        assert ["similar-exists", "idempotency-key-reused"] == [other.problem, reused.problem]

    async def test_a_dry_run_is_refused_too(self, by_meaning: Api, superuser: Connection) -> None:
        """It says what would happen."""
        await by_meaning.made("skill", name="mend boat")
        await embed(superuser, by_meaning.tenant.id)
        answer = await by_meaning.send(
            "POST", self.PATH, skill_body(name="mend vessel"), headers={"Prefer": "tx=rollback"}
        )

        assert "similar-exists" == answer.problem

    @pytest.mark.parametrize("value", ["allow", "", "Refuse", "refuse&similar=refuse"])
    async def test_other_values_are_refused(self, api: Api, value: str) -> None:
        """400, naming what is allowed."""
        answer = await api.post(f"/v1/skills?similar={value}", skill_body())

        assert [400, "invalid-parameter"] == [answer.status, answer.problem]
        assert "similar" == answer.json["parameter"]

    async def test_it_takes_scope_read(self, api: Api, actor_with: ActorWith) -> None:
        """The answer names what is there."""
        other = api.by(await actor_with("write", name="other"))

        assert "scope-missing" == (await self.create(other, "mend boat")).problem
        assert 201 == (await other.post("/v1/skills", skill_body())).status

    async def test_all_kinds_take_it(self, by_meaning: Api, superuser: Connection) -> None:
        """Each is compared with its own."""
        world = await by_meaning.world()
        await embed(superuser, by_meaning.tenant.id)
        for kind, path in (("industry", "industries"), ("team", "teams"), ("agent", "agents"),
                           ("job_role", "job-roles")):  # fmt: skip
            body = await by_meaning.body(kind, name=" ".join(world[kind]["name"].split()[::-1]))
            answer = await by_meaning.post(f"/v1/{path}?similar=refuse", body)

            assert [world[kind]["id"]] == [one["id"] for one in answer.json["similar"]]


async def test_the_model_is_asked_for_what_is_looked_for_alone(
    cluster: Server, database: str, settings: Settings, tenant: Tenant, superuser: Connection
) -> None:
    """An entity that is embedded is compared by the vectors that it has."""
    model = Fake()
    made = searching(model)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        one = await api.made("skill", name="mend boat")
        await embed(superuser, tenant.id, model=MODEL)
        await duplicates(api, id=one["id"])
        vector = list(meaning("mend boat"))
        answer = await api.post(
            "/v1/search", {"text": "mend", "embedding_384": vector, "status": "draft"}
        )

    assert [[], [one["id"]]] == [model.asked, found(answer)]
