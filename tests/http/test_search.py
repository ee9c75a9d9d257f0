"""POST /v1/search: what is found, for whom, how it is scored, and what is refused."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import service.usecases.search as search_module
from service.catalog.load import Catalog
from service.repository.search import SearchExact, SearchNear
from service.settings import Settings
from service.usecases.breadth import Breadth, Breadths
from service.usecases.probes import WORDS as WEIGHT
from tests.api import Api, serving
from tests.factories import ActorWith, Tenant, unique
from tests.labels import (
    ALIKE,
    MODEL,
    SAID,
    WORDS,
    Fake,
    asked_for,
    embed,
    found,
    lexical,
    meaning,
    scanning,
    searching,
)
from tests.postgres import Server
from tests.sessions import Connection

pytestmark = pytest.mark.database

PATH = "/v1/search"
WAYS = {"exact": 5_000, "near": 0}
"""What a way of searching takes for little enough to be compared whole."""


@pytest_asyncio.fixture(loop_scope="module", params=WAYS)
async def by_meaning(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Api]:
    """Search with a model, once comparing everything and once by the indexes."""
    made = searching(Fake(), exact_max=WAYS[request.param])
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def words_url(cluster: Server, database: str, settings: Settings) -> AsyncIterator[str]:
    """Have a service without a model."""
    made = searching()
    async with serving(settings, cluster.url("app", database), searching=made) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def by_words(words_url: str, tenant: Tenant) -> AsyncIterator[Api]:
    """Search without a model."""
    async with Api.open(words_url, tenant) as api:
        yield api


async def search(api: Api, **body: Any) -> Any:
    """Search, and give the answer as JSON."""
    answer = await api.post(PATH, body)
    assert 200 == answer.status, answer.body
    return answer.json


def names(answer: Any) -> list[str]:
    """List the names of what was found."""
    return [item["entity"]["name"] for item in answer["items"]]


async def test_what_means_the_same_is_found_first(by_meaning: Api, superuser: Connection) -> None:
    """By meaning the text has no letter of the name; by words it is the name with slips."""
    for name in ("mend boat", "paint wall", "bake bread"):
        await by_meaning.made("skill", "active", name=name, description="z")
    await embed(superuser, by_meaning.tenant.id)
    meant = await search(by_meaning, text="repairs vessel", limit=1)
    typed = await search(by_meaning, text="pianth wal", limit=1)

    assert ["mend boat"] == names(meant)
    assert ["paint wall"] == names(typed)
    assert ["hybrid", MODEL] == [meant["mode"], meant["model"]]
    assert pytest.approx(1, abs=1e-4) == meant["items"][0]["parts"]["vector"]


def compared(text: str, label: str) -> tuple[float, float]:
    """Compute the two parts of the score of a label."""
    meant, spelled = (
        sum(a * b for a, b in zip(of(text), of(label), strict=True)) for of in (meaning, lexical)
    )
    return meant, WEIGHT * spelled


async def test_a_score_is_made_of_its_parts_and_of_all_labels(
    by_meaning: Api, superuser: Connection
) -> None:
    """Meaning or 0.95 of the words, whichever is more, less what docs/api.md says.

    A fifth of what the two differ by, a twentieth of what the labels fall behind on average.
    """
    for name in ("mend boat", "paint wall"):
        await by_meaning.made("skill", "active", name=name, aliases=["c d"], description="z")
    await embed(superuser, by_meaning.tenant.id)
    for text in ("repairs vessel", "pianth wal", "boat paint"):
        for item in (await search(by_meaning, text=text))["items"]:
            each = [compared(text, one) for one in (item["entity"]["name"], "c d", "z")]
            meant, spelled = (max(part) for part in zip(*each, strict=True))
            larger = max(meant, spelled)
            behind = larger - sum(map(max, each)) / len(each)
            score = larger - 0.2 * abs(meant - spelled) - 0.05 * behind

            assert pytest.approx(score, abs=1e-5) == item["score"]
            assert pytest.approx(meant, abs=1e-5) == item["parts"]["vector"]
            assert pytest.approx(spelled, abs=1e-5) == WEIGHT * item["parts"]["lexical"]


async def test_of_two_that_share_a_label_the_nearer_comes_first(
    by_meaning: Api, superuser: Connection
) -> None:
    """What else they are called decides, whichever was written first."""
    for name in ("paint wall", "mend boat", "c d"):
        await by_meaning.made("skill", "active", name=name, aliases=["old people"], description="z")
    await embed(superuser, by_meaning.tenant.id)
    answer = await search(by_meaning, text="old people boat")

    assert "mend boat" == names(answer)[0]


async def test_the_best_label_counts_and_is_named(by_meaning: Api, superuser: Connection) -> None:
    """An entity comes once, with the score of its name, alias or description, whichever is best."""
    await by_meaning.made(
        "skill", "active", name="a b", aliases=["mend boat", "c d"], description="elderly people"
    )
    await embed(superuser, by_meaning.tenant.id)
    by_alias = await search(by_meaning, text="repairs vessel")
    by_description = await search(by_meaning, text="old folk")

    assert [["mend boat"], ["elderly people"]] == [
        [item["matched_label"] for item in answer["items"]] for answer in (by_alias, by_description)
    ]


async def test_an_answer_says_how_it_came_about(by_meaning: Api, superuser: Connection) -> None:
    """With few rows the indexes give too few entities, and then everything is compared."""
    await by_meaning.made("skill", "active", name="mend boat")
    await embed(superuser, by_meaning.tenant.id)
    answer = await search(by_meaning, text="boat", limit=10)
    by_vector = await search(by_meaning, embedding_384=list(meaning("boat")))

    assert answer["exact"]
    assert ["vector", None] == [by_vector["mode"], by_vector["items"][0]["parts"]["lexical"]]


async def test_without_a_model_words_are_compared(by_words: Api, superuser: Connection) -> None:
    """The answer says so; what a row of a model would say is not asked."""
    await by_words.made("skill", "active", name="mend boat", description="z")
    await embed(superuser, by_words.tenant.id)
    answer = await search(by_words, text="mendd boat")
    vector = await search(by_words, embedding_384=list(meaning("mend boat")))

    assert ["lexical", WORDS] == [answer["mode"], answer["model"]]
    assert [None] == [item["parts"]["vector"] for item in answer["items"]]
    assert [] == vector["items"]


async def test_vectors_of_another_model_are_not_compared(
    by_meaning: Api, superuser: Connection
) -> None:
    """Of two with the same vector beside another model's name, words are all that counts."""
    one = await by_meaning.made("skill", "active", name="mend boat", description="z")
    other = await by_meaning.made("skill", "active", name="mend vessel", description="z")
    await embed(superuser, by_meaning.tenant.id)
    await superuser.execute(
        "UPDATE app.entity_label SET embedder = 'fake/2' WHERE entity_id = $1", other["id"]
    )
    answer = await search(by_meaning, text="repairs boat", min_score=0.6)
    by_vector = await search(by_meaning, embedding_384=list(meaning("repairs boat")))

    assert [one["id"]] == [item["entity"]["id"] for item in answer["items"]]
    assert [one["id"]] == [item["entity"]["id"] for item in by_vector["items"]]


async def test_a_callers_vector_wins(by_meaning: Api, superuser: Connection) -> None:
    """It is found by the vector it was given, not by the one that its name would have."""
    brought = [3.0 * one for one in meaning("elderly people")]
    own = await by_meaning.made("skill", "active", name="a b", embedding_384=brought)
    await embed(superuser, by_meaning.tenant.id)
    by_text = await search(by_meaning, text="old folk")
    by_name = await search(by_meaning, embedding_384=list(meaning("a b")), min_score=0.9)
    given = await search(by_meaning, text="a b", embedding_384=[0.5 * one for one in brought])
    alone = await search(by_meaning, embedding_384=brought, model="caller")

    assert [own["id"]] == [item["entity"]["id"] for item in by_text["items"]]
    assert pytest.approx(1, abs=1e-4) == by_text["items"][0]["parts"]["vector"]
    assert [] == by_name["items"]
    assert [1, 1] == [pytest.approx(part, abs=1e-4) for part in given["items"][0]["parts"].values()]
    assert [own["id"]] == [item["entity"]["id"] for item in alone["items"]]


async def test_a_model_asks_its_own_vectors_alone(by_meaning: Api, superuser: Connection) -> None:
    """What the service computed, or what callers gave; without a model both."""
    vector = list(meaning("mend boat"))
    await by_meaning.made("skill", "active", name="mend boat")
    await by_meaning.made("skill", "active", name="a b", embedding_384=vector)
    await embed(superuser, by_meaning.tenant.id)
    answers = [
        await search(by_meaning, embedding_384=vector, **more)
        for more in ({"model": MODEL}, {"model": "caller"}, {})
    ]

    assert [["mend boat"], ["a b"], ["a b", "mend boat"]] == [
        sorted(item["entity"]["name"] for item in answer["items"]) for answer in answers
    ]


async def test_a_text_is_compared_with_callers_vectors_alone_too(
    by_meaning: Api, superuser: Connection
) -> None:
    """What has none of a caller's is compared by its characters; both say hybrid."""
    brought = [3.0 * one for one in meaning("elderly people")]
    await by_meaning.made("skill", "active", name="a b", embedding_384=brought)
    await by_meaning.made("skill", "active", name="old folk")
    await embed(superuser, by_meaning.tenant.id)
    answer = await search(by_meaning, text="old folk", model="caller")

    assert "hybrid" == answer["mode"]
    assert {"a b": pytest.approx(1, abs=1e-4), "old folk": None} == {
        item["entity"]["name"]: item["parts"]["vector"] for item in answer["items"]
    }


async def test_other_tenants_are_not_found(
    by_meaning: Api, superuser: Connection, other_tenant: Tenant
) -> None:
    """The same names on both sides: each finds its own."""
    theirs = by_meaning.of(other_tenant)
    for api in (by_meaning, theirs):
        await api.made("skill", "active", name="mend boat")
        await embed(superuser, api.tenant.id)
    both = [await search(api, text="mend boat", limit=200) for api in (by_meaning, theirs)]
    ids = [[item["entity"]["id"] for item in answer["items"]] for answer in both]

    assert [1, 1] == [len(each) for each in ids]
    assert ids[0] != ids[1]


async def test_drafts_of_others_are_not_found(
    by_meaning: Api, superuser: Connection, actor_with: ActorWith
) -> None:
    """A draft is found by its governance agent, whatever state is asked for."""
    mine = await by_meaning.made("skill", name="mend boat")
    other = by_meaning.by(await actor_with("read", "write", name="other"))
    theirs = await other.made("skill", name="mend vessel")
    await embed(superuser, by_meaning.tenant.id)
    asked = {"text": "mend boat", "status": ["draft", "active"], "limit": 200}

    assert [mine["id"]] == found(await by_meaning.post(PATH, asked))
    assert [theirs["id"]] == found(await other.post(PATH, asked))


async def test_filters_mean_any_of_their_values_and_all_of_them(
    by_meaning: Api, superuser: Connection
) -> None:
    """Each filter, several, one value or a list, kinds that have no such filter."""
    world = await by_meaning.world()
    role, industry = world["job_role"], world["industry"]["id"]
    soft = await by_meaning.made("skill", "active", category="soft_skill", tags=["a", "b"])
    draft = await by_meaning.made("skill", category="soft_skill", tags=["b"])
    bound = await by_meaning.made(
        "job_role", "active", industry_id=industry, required_skills=role["required_skills"]
    )
    with_industry = {bound["id"], world["team"]["id"], world["agent"]["id"]}
    await embed(superuser, by_meaning.tenant.id)
    everything = {one["id"] for one in world.values()} | {soft["id"], bound["id"]}
    for asked, wanted in (
        ({}, everything),
        ({"kinds": ["job_role", "industry"]}, {role["id"], bound["id"], industry}),
        ({"category": "soft_skill"}, {soft["id"]}),
        ({"category": ["soft_skill", "technical"]}, {soft["id"], world["skill"]["id"]}),
        ({"category": "soft_skill", "status": ["draft", "active"]}, {soft["id"], draft["id"]}),
        ({"tag": "b", "status": "draft"}, {draft["id"]}),
        ({"tag": ["a", "b"]}, {soft["id"]}),
        ({"tag": ["a", "b"], "category": "technical"}, set()),
        ({"industry_id": industry}, with_industry),
        ({"industry_id": [industry.upper(), role["id"]], "kinds": ["team"]}, {world["team"]["id"]}),
        ({"industry_id": industry, "category": "technical"}, set()),
        ({"industry_id": industry, "tag": "a"}, set()),
        ({"status": ["archived"]}, set()),
    ):
        answer = await by_meaning.post(PATH, {"text": "what it is", "limit": 200, **asked})

        assert wanted == set(found(answer)), asked


async def test_min_score_leaves_out_what_scores_less(
    by_meaning: Api, superuser: Connection
) -> None:
    """What stays is what came first without it."""
    for name in ("mend boat", "mend wall", "bake bread"):
        await by_meaning.made("skill", "active", name=name, description="z")
    await embed(superuser, by_meaning.tenant.id)
    whole = await search(by_meaning, text="mend boat")
    least = whole["items"][1]["score"]
    cut = await search(by_meaning, text="mend boat", min_score=least - 1e-6)

    assert 3 == len(whole["items"])
    assert whole["items"][:2] == cut["items"]


async def test_what_is_shown_with_a_score_is_found_from_that_score_on(
    by_meaning: Api, superuser: Connection
) -> None:
    """Also where the score was rounded up to be shown."""
    for number in range(12):
        await by_meaning.made("skill", "active", name=f"mend boat {number} {'x' * (1 + number)}")
    await embed(superuser, by_meaning.tenant.id)
    whole = (await search(by_meaning, text="mend boat"))["items"]
    for item in whole:
        cut = await search(by_meaning, text="mend boat", min_score=item["score"])
        assert item in cut["items"]

    assert len({item["score"] for item in whole}) > 5


async def test_the_limit_is_kept_and_the_best_come_first(
    by_meaning: Api, superuser: Connection
) -> None:
    """Ten unless another number is given; scores fall."""
    for number in range(12):
        await by_meaning.made("skill", "active", name=f"boat {number}", aliases=[f"b {number}"])
    await embed(superuser, by_meaning.tenant.id)
    for limit, count in ((None, 10), (1, 1), (3, 3), (200, 12)):
        asked = {} if limit is None else {"limit": limit}
        scores = [
            item["score"] for item in (await search(by_meaning, text="boat", **asked))["items"]
        ]

        assert count == len(scores)
        assert sorted(scores, reverse=True) == scores


async def test_a_page_that_the_indexes_leave_short_is_compared_whole(
    cluster: Server, database: str, settings: Settings, tenant: Tenant, superuser: Connection
) -> None:
    """Entities with very many near labels leave room for the others all the same."""
    made = searching(Fake(), exact_max=0)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        for name in ("boat", "boat x", "boat y"):
            aliases = [f"{name} {number}" for number in range(200)]
            await api.made("skill", "active", name=name, aliases=aliases)
        for number in range(3):
            await api.made("skill", "active", name=f"wall {number}")
        await embed(superuser, tenant.id)
        one = await search(api, text="boat", limit=1)
        four = await search(api, text="boat", limit=4)

    assert [1, False] == [len(one["items"]), one["exact"]]
    assert [4, True] == [len(four["items"]), four["exact"]]


async def test_what_lies_behind_very_many_labels_of_one_is_found_along_the_indexes(
    cluster: Server, database: str, settings: Settings, tenant: Tenant, superuser: Connection
) -> None:
    """One entity has the fifty nearest labels: who is nearer by meaning alone is no second yet."""
    made = searching(Fake(), exact_max=0)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        many = [f"boat boat {number}" for number in range(80)]
        await api.made("skill", "active", name="boat", aliases=many)
        await api.made("skill", "active", name="vessel vessel vessel 1")
        await api.made("skill", "active", name="boat boat by far")
        await api.made("skill", "active", name="wall", aliases=[f"wall {n}" for n in range(150)])
        await embed(superuser, tenant.id)
        found = await search(api, text="boat", limit=2)
        enough = found["items"][-1]["score"] - 0.001
        least = await search(api, text="boat", limit=2, min_score=enough)

    assert ["boat", "boat boat by far"] == [one["entity"]["name"] for one in found["items"]]
    assert found["exact"] is False
    assert found == least


async def test_what_the_indexes_have_no_more_of_is_asked_for_once(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    superuser: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fewer labels than asked for are all there are: then everything is compared."""
    made = searching(Fake(), exact_max=0)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        for name in ("boat", "wall", "tree"):
            await api.made("skill", "active", name=name)
        await embed(superuser, tenant.id)
        sent = asked_for(monkeypatch)
        found = await search(api, text="boat", limit=3)
        nothing = await search(api, embedding_384=VECTOR, model="caller")

    assert [3, True] == [len(found["items"]), found["exact"]]
    assert [0, True] == [len(nothing["items"]), nothing["exact"]]
    ways = [type(one) for one in sent if isinstance(one, SearchNear | SearchExact)]
    assert [SearchNear, SearchExact] * 2 == ways


async def test_in_a_large_table_more_of_the_nearest_are_compared(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    superuser: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where fifty labels are of enough entities, the best one may be behind them all the same."""
    made = searching(Fake(), exact_max=0)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        many = [f"boat boat {number}" for number in range(80)]
        await api.made("skill", "active", name="boat", aliases=many)
        for number in range(3):
            await api.made("skill", "active", name=f"vessel vessel vessel {number}")
        await api.made("skill", "active", name="boat boat by far")
        await embed(superuser, tenant.id)
        await superuser.execute("ANALYZE app.entity_label")
        few = await search(api, text="boat", limit=2)
        monkeypatch.setattr(search_module, "NEAR_AMONG", 1)
        more = await search(api, text="boat", limit=2)

    names = [[one["entity"]["name"] for one in found["items"]] for found in (few, more)]
    assert [["boat", "vessel"], ["boat", "boat boat by far"]] == [
        [first, second.removesuffix(second[6:]) if second.startswith("vessel") else second]
        for first, second in names
    ]


@pytest.mark.parametrize(
    "among, alone, near",
    [
        (100_000, False, 50),
        (1_000_000, True, 100),
        (1_000_000, False, 175),
    ],
)
async def test_a_larger_index_is_asked_for_more_and_past_others_for_still_more(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    among: int,
    alone: bool,  # noqa: FBT001 - pytest's way
    near: int,
) -> None:
    """An index that leads past other tenants' labels comes late to some of the nearest."""

    async def breadth(*_: Any) -> Breadth:
        return Breadth(small=False, among=among, alone=alone)

    monkeypatch.setattr(Breadths, "of", breadth)
    sent = asked_for(monkeypatch)
    await search(api, text="boat", limit=1)

    assert near == sent[0].near


async def test_labels_of_another_tenant_hide_nothing(
    cluster: Server,
    database: str,
    settings: Settings,
    catalog: Catalog,
    tenant: Tenant,
    other_tenant: Tenant,
    superuser: Connection,
) -> None:
    """An index that ends among them has given less than it was asked for: all is compared."""
    made = searching(Fake(), exact_max=0)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        for start in (0, 190):
            labels = ALIKE[start : start + 190]
            await api.of(other_tenant).made("skill", name=unique("skill"), aliases=labels)
        same = await api.made("skill", "active", name="mend elderly vessel folk zebra")
        for number in range(60):
            spelled = f"repairing olden boating peoples {number}"
            await api.made("skill", "active", name=spelled)
        for each in (tenant, other_tenant):
            await embed(superuser, each.id)
        async with scanning(superuser, catalog["search_near"], 100):
            found = await search(api, text=SAID, limit=1)

    assert [same["id"]] == [one["entity"]["id"] for one in found["items"]]
    assert found["exact"] is True


VECTOR = [1.0, *[0.0] * 383]


class TestRefused:
    """What is no search."""

    @pytest.mark.parametrize(
        "body, pointer, rule",
        [
            ({}, "/text", "required"),
            ({"kinds": ["skill"]}, "/text", "required"),
            ({"text": ""}, "/text", "blank"),
            ({"text": "   "}, "/text", "blank"),
            ({"text": "x" * 1001}, "/text", "max-length"),
            ({"text": "x" * 100_000}, "/text", "max-length"),
            ({"text": "a\0b"}, "/text", "control-character"),
            ({"text": "a\nb"}, "/text", "control-character"),
            ({"text": " a"}, "/text", "trimmed"),
            ({"text": None}, "/text", "type"),
            ({"text": 1}, "/text", "type"),
            ({"text": "a", "kinds": []}, "/kinds", "min-length"),
            ({"text": "a", "kinds": "skill"}, "/kinds", "type"),
            ({"text": "a", "kinds": ["skill"] * 10_000}, "/kinds", "max-length"),
            ({"text": "a", "kinds": ["skills"]}, "/kinds/0", "one-of"),
            ({"text": "a", "status": "open"}, "/status", "one-of"),
            ({"text": "a", "status": ["active", "open"]}, "/status/1", "one-of"),
            ({"text": "a", "category": []}, "/category", "min-length"),
            ({"text": "a", "tag": ["a", " b"]}, "/tag/1", "trimmed"),
            ({"text": "a", "tag": "a\0"}, "/tag", "control-character"),
            ({"text": "a", "tag": ["t"] * 21}, "/tag", "max-length"),
            ({"text": "a", "industry_id": "1"}, "/industry_id", "uuid"),
            ({"text": "a", "industry_id": ["1"]}, "/industry_id/0", "uuid"),
            ({"text": "a", "limit": 0}, "/limit", "number-range"),
            ({"text": "a", "limit": 201}, "/limit", "number-range"),
            ({"text": "a", "limit": "1"}, "/limit", "type"),
            ({"text": "a", "min_score": 1.5}, "/min_score", "number-range"),
            ({"text": "a", "cursor": "b"}, "/cursor", "unknown-field"),
            ({"embedding_384": [1.0] * 383}, "/embedding_384", "min-length"),
            ({"embedding_384": [1.0] * 385}, "/embedding_384", "max-length"),
            ({"embedding_384": [0.0] * 384}, "/embedding_384", "zero-vector"),
            ({"embedding_384": [1e-60] * 384}, "/embedding_384", "zero-vector"),
            ({"embedding_384": [1e300, *VECTOR[1:]]}, "/embedding_384/0", "number-range"),
            ({"embedding_384": ["1", *VECTOR[1:]]}, "/embedding_384/0", "type"),
            ({"embedding_384": VECTOR, "model": "other/1"}, "/model", "one-of"),
            ({"text": "a", "model": "other/1"}, "/model", "one-of"),
        ],
    )
    async def test_what_is_refused_is_named(
        self, api: Api, body: dict[str, Any], pointer: str, rule: str
    ) -> None:
        """422 with the place and the rule."""
        answer = await api.post(PATH, body)

        assert [422, "invalid-body"] == [answer.status, answer.problem]
        assert [(pointer, rule)] == [
            (fault["pointer"], fault["rule"]) for fault in answer.json["errors"]
        ]

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    async def test_what_is_no_number_of_json_is_no_json(self, api: Api, number: str) -> None:
        """400: a body with it cannot be read; the answer says where it stands."""
        vector = json.dumps(VECTOR).replace("1.0", number)
        answer = await api.send("POST", PATH, raw=f'{{"embedding_384": {vector}}}'.encode())

        assert [400, "malformed-json"] == [answer.status, answer.problem]
        message = f"is {number}, which is no number of JSON"
        assert [
            {"pointer": "/embedding_384/0", "rule": "number-range", "message": message}
        ] == answer.json["errors"]
        said = f"/embedding_384/0 {message}, at line 1, column 20."
        assert f"The body is not JSON: {said}" == answer.json["detail"]

    async def test_the_name_that_answers_tell_is_taken_also_without_a_model(
        self, by_words: Api
    ) -> None:
        """A text is compared by its characters then, as without it; a vector has nothing to be."""
        named = await search(by_words, text="boat", model=WORDS)
        plain = await search(by_words, text="boat")

        assert [WORDS, "lexical"] == [named["model"], named["mode"]]
        assert plain == named

    async def test_an_unknown_model_is_told_which_are_known(self, by_words: Api) -> None:
        """Without a model there are the callers' vectors alone."""
        answer = await by_words.post(PATH, {"embedding_384": VECTOR, "model": WORDS})

        assert ["caller"] == answer.json["allowed"]

    async def test_a_key_without_read_may_not(self, api: Api, actor_with: ActorWith) -> None:
        """403, for both."""
        other = api.by(await actor_with("write"))
        for path, body in ((PATH, {"text": "a"}), (f"{PATH}/duplicates", {"id": unique("x")})):
            assert 403 == (await other.post(path, body)).status

    async def test_a_query_is_refused(self, api: Api) -> None:
        """All that is asked stands in the body."""
        assert "unknown-parameter" == (await api.post(f"{PATH}?limit=1", {"text": "a"})).problem

    async def test_a_get_is_refused(self, api: Api) -> None:
        """405."""
        assert 405 == (await api.get(PATH)).status


async def test_an_idempotency_key_is_ignored(by_words: Api, superuser: Connection) -> None:
    """A search repeats without harm: under one key two different ones are two."""
    await by_words.made("skill", "active", name="mend boat")
    await embed(superuser, by_words.tenant.id, model=None)
    asked = [
        await by_words.post(PATH, {"text": text}, Idempotency_Key="k") for text in ("boat", "wall")
    ]

    assert [200, 200] == [answer.status for answer in asked]
    assert asked[0].body != asked[1].body


async def test_larger_entities_than_an_answer_holds_are_refused(
    by_words: Api, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many fit, and so many come."""
    large = {"custom_attributes": {"a": "x" * 20_000}, "governance_notes": "y" * 10_000}
    for number in range(150):
        answer = await by_words.create("skill", name=f"boat {number}", **large)
        assert 201 == answer.status
    await embed(superuser, by_words.tenant.id, model=None)
    asked = {"text": "boat", "status": "draft"}
    refused = await by_words.post(PATH, asked | {"limit": 150})
    fit = refused.json["fitting"]
    answer = await by_words.post(PATH, asked | {"limit": fit})

    assert [422, "/limit"] == [refused.status, refused.json["errors"][0]["pointer"]]
    assert fit == len(answer.json["items"]) > 100


async def test_documents_come_as_they_are(by_words: Api, superuser: Connection) -> None:
    """The bytes that the entity is read as."""
    made = await by_words.made("skill", "active", custom_attributes={"b": 1.0, "a": "é\\u2028"})
    await embed(superuser, by_words.tenant.id, model=None)
    read = await by_words.get(f"/v1/skills/{made['id']}")
    answer = await by_words.post(PATH, {"text": made["name"]})

    assert b'{"entity":' + read.body + b',"score":' in answer.body


async def test_a_query_is_near_by_its_characters(by_words: Api, superuser: Connection) -> None:
    """The lexical score is the cosine of the two vectors of characters."""
    await by_words.made("skill", "active", name="mend boat", description="mend boat")
    await embed(superuser, by_words.tenant.id, model=None)
    answer = await search(by_words, text="mend a boat")
    cosine = sum(a * b for a, b in zip(lexical("mend boat"), lexical("mend a boat"), strict=True))

    assert pytest.approx(cosine, abs=1e-5) == answer["items"][0]["parts"]["lexical"]
    assert pytest.approx(WEIGHT * cosine, abs=1e-5) == answer["items"][0]["score"]


class Late:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self) -> float:
        """Tell the time."""
        return self.now


async def test_how_much_there_is_is_counted_again_after_a_while(
    cluster: Server,
    database: str,
    settings: Settings,
    tenant: Tenant,
    superuser: Connection,
    actor_with: ActorWith,
) -> None:
    """For half a minute a search goes the way it went; of another agent or filter its own."""
    clock = Late()
    made = searching(Fake(), exact_max=10, monotonic=clock.monotonic)
    async with (
        serving(settings, cluster.url("app", database), searching=made) as url,
        Api.open(url, tenant) as api,
    ):
        await api.made("skill", "active", name="boat")
        await embed(superuser, tenant.id)
        other = api.by(await actor_with("read", name="other"))
        ways = [(await search(api, text="boat", limit=1))["exact"]]
        for number in range(10):
            walls = [f"wall {number} {nth}" for nth in range(10)]
            await api.made("skill", "active", name=f"wall {number}", aliases=walls)
        await embed(superuser, tenant.id)
        ways.append((await search(api, text="boat", limit=1))["exact"])
        ways.append((await search(other, text="boat", limit=1))["exact"])
        ways.append((await search(api, text="boat", limit=1, kinds=["skill"]))["exact"])
        clock.now = 29.9
        ways.append((await search(api, text="boat", limit=1))["exact"])
        clock.now = 30.1
        ways.append((await search(api, text="boat", limit=1))["exact"])

    assert [True, True, False, False, True, False] == ways
