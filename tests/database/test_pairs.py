"""The statements behind the pairs of a kind: whom they show, and what they compare."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from service.repository.base import Repository
from service.repository.search import NAMES, Pair, SearchPairLabels, SearchPairs
from service.usecases.pair_candidates import FIRST
from tests.api import Api
from tests.factories import ActorWith, Tenant
from tests.labels import MODEL, embed, lexical, meaning
from tests.sessions import Connection

pytestmark = pytest.mark.database

STATUSES = ("draft", "active")
MODELS = (MODEL, "caller")


@pytest_asyncio.fixture(loop_scope="module")
async def world(
    api: Api, superuser: Connection, actor_with: ActorWith, other_tenant: Tenant
) -> AsyncIterator[dict[str, UUID]]:
    """Have entities that are all called the same; of `one` and `other` nothing speaks against."""
    stranger = api.by(await actor_with("read", "write", name="other"))
    made = {
        "one": await api.made("skill", name="mend boat", description="paint wall"),
        "other": await api.made("skill", "active", name="repair vessel", description="bake bread"),
        "archived": await api.made("skill", "archived", name="mend vessel"),
        "industry": await api.made("industry", name="mend boat"),
        "draft of another": await stranger.made("skill", name="repairs boat"),
        "of another tenant": await api.of(other_tenant).made("skill", "active", name="mend boat"),
    }
    for tenant in (api.tenant, other_tenant):
        await embed(superuser, tenant.id)
    yield {name: UUID(one["id"]) for name, one in made.items()}


async def scored(
    repository: Repository, api: Api, one: UUID, other: UUID, **how: Any
) -> list[Pair]:
    """Score one pair."""
    asked: dict[str, Any] = {
        "kind": "skill",
        "statuses": STATUSES,
        "models": MODELS,
        "sources": NAMES,
        "words": 0.0,
        "least": 0.9,
    } | how
    return await repository.many(SearchPairs([one], [other], **asked), api.actor.context)


async def labels(repository: Repository, api: Api, **how: Any) -> list[tuple[UUID, Any, Any]]:
    """List what skills are called."""
    asked: dict[str, Any] = {
        "kind": "skill",
        "statuses": STATUSES,
        "models": MODELS,
        "sources": NAMES,
        "after": FIRST,
        "count": 100,
    } | how
    rows = await repository.many(SearchPairLabels(**asked), api.actor.context)
    return [(row.id, row.vector, row.lexical) for row in rows]


async def test_a_pair_is_scored_by_its_nearest_names(
    repository: Repository, api: Api, world: dict[str, UUID]
) -> None:
    """Of each the label, and the ids as they were given."""
    for one, other, said in (
        ("one", "other", ["mend boat", "repair vessel"]),
        ("other", "one", ["repair vessel", "mend boat"]),
    ):
        (found,) = await scored(repository, api, world[one], world[other])

        assert [world[one], world[other]] == [found.one_id, found.other_id]
        assert said == [found.one_label, found.other_label]
        assert pytest.approx(1, abs=1e-6) == found.score


@pytest.mark.parametrize("third", ["archived", "industry", "draft of another", "of another tenant"])
async def test_what_is_no_ones_business_is_in_no_pair(
    repository: Repository, api: Api, world: dict[str, UUID], third: str
) -> None:
    """On neither side, and its labels are not listed."""
    assert [] == await scored(repository, api, world["one"], world[third])
    assert [] == await scored(repository, api, world[third], world["one"])
    listed = {one_id for one_id, _, _ in await labels(repository, api)}
    assert {world["one"], world["other"]} == listed


async def test_a_pair_has_to_score_enough(
    repository: Repository, api: Api, world: dict[str, UUID]
) -> None:
    """The threshold itself is enough."""
    pair = world["one"], world["other"]
    (found,) = await scored(repository, api, *pair)

    assert [found] == await scored(repository, api, *pair, least=found.score)
    assert [] == await scored(repository, api, *pair, least=found.score + 1e-9)


async def test_descriptions_count_on_neither_side(
    repository: Repository, api: Api, superuser: Connection
) -> None:
    """However near one is to a name."""
    one = UUID((await api.made("skill", name="a b", description="mend boat"))["id"])
    other = UUID((await api.made("skill", name="repair vessel"))["id"])
    await embed(superuser, api.tenant.id)

    assert [] == await scored(repository, api, one, other)
    assert [] == await scored(repository, api, other, one)
    vectors = [vector for one_id, vector, _ in await labels(repository, api) if one_id == one]
    assert 1 == len(vectors)


async def test_vectors_of_models_that_are_not_asked_for_are_not_compared(
    repository: Repository, api: Api, superuser: Connection
) -> None:
    """Whichever side they stand on; words count for as much as is asked."""
    one = UUID((await api.made("skill", name="mend boat"))["id"])
    other = UUID((await api.made("skill", name="repair vessel"))["id"])
    await embed(superuser, api.tenant.id)
    await embed(superuser, api.tenant.id, [other], model="other/1")
    for pair in ((one, other), (other, one)):
        assert [] == await scored(repository, api, *pair, least=1e-9)
        (found,) = await scored(repository, api, *pair, least=-1, words=0.5)
        likeness = sum(
            a * b for a, b in zip(lexical("mend boat"), lexical("repair vessel"), strict=True)
        )
        assert pytest.approx(0.5 * likeness, abs=1e-6) == found.score
    by_id = {one_id: (vector, words) for one_id, vector, words in await labels(repository, api)}

    assert by_id[other][0] is None
    assert by_id[one][0] is not None
    assert None not in {words for _, words in by_id.values()}


async def test_the_score_is_the_larger_of_meaning_and_words(
    repository: Repository, api: Api, superuser: Connection
) -> None:
    """As of an entity with others."""
    one = UUID((await api.made("skill", name="mend boat"))["id"])
    other = UUID((await api.made("skill", name="mendd boatt"))["id"])
    await embed(superuser, api.tenant.id)
    (found,) = await scored(repository, api, one, other, least=-1, words=1.0)
    (meant,) = await scored(repository, api, one, other, least=-1)

    assert meant.score < 0.5 < found.score
    assert [meaning("mend boat")] != [meaning("mendd boatt")]


async def test_labels_come_entity_by_entity(
    repository: Repository, api: Api, superuser: Connection
) -> None:
    """So many entities, each whole, those behind an id; one without vectors has its row."""
    made = [
        UUID((await api.made("skill", name=f"n {number}", aliases=["a", "b"]))["id"])
        for number in range(5)
    ]
    await embed(superuser, api.tenant.id, [made[0], made[1], made[3], made[4]])
    seen: list[UUID] = []
    after = FIRST
    while page := await labels(repository, api, after=after, count=2):
        assert len({one_id for one_id, _, _ in page}) <= 2
        seen += [one_id for one_id, _, _ in page]
        after = str(page[-1][0])
    expected = [made[0]] * 3 + [made[1]] * 3 + [made[2]] + [made[3]] * 3 + [made[4]] * 3

    assert expected == seen
    assert [(made[2], None, None)] == [
        row for row in await labels(repository, api) if row[0] == made[2]
    ]
