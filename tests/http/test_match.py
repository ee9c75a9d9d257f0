"""POST /v1/match: what fits, what covers it, what is missing, and who sees none of it."""

from collections.abc import AsyncIterator
from math import log
from typing import Any

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.match import MatchSkillsNear
from service.settings import Settings
from tests.api import Api, serving
from tests.factories import Tenant, unique
from tests.labels import ALIKE, MODEL, SAID, WORDS, Fake, asked_for, scanning
from tests.matching import crowd, embed, ids, near_skills
from tests.postgres import Server
from tests.sessions import Connection
from tests.triggers import asleep

pytestmark = pytest.mark.database

ABSENT = "00000000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def matching_url(cluster: Server, database: str, settings: Settings) -> AsyncIterator[str]:
    """Have the service with a model."""
    async with serving(settings, cluster.url("app", database), near=near_skills(Fake())) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def api(matching_url: str, tenant: Tenant) -> AsyncIterator[Api]:
    """Send requests as the author of a fresh tenant."""
    async with Api.open(matching_url, tenant) as found:
        yield found


async def skills(api: Api, *names: str, status: str = "active") -> list[str]:
    """Make skills that are called so."""
    return [(await api.made("skill", status, name=name))["id"] for name in names]


async def role(api: Api, *needed: str, optional: tuple[str, ...] = (), **fields: Any) -> str:
    """Make a job role in force that needs skills."""
    links = [{"id": one, "relation": "essential"} for one in needed]
    links += [{"id": one, "relation": "optional"} for one in optional]
    made = await api.made("job_role", fields.pop("status", "active"), required_skills=links)
    return str(made["id"])


async def agent(api: Api, *has: str, status: str = "active") -> str:
    """Make an agent that has skills, of a job role that needs the first of them."""
    industry = (await api.made("industry", "active"))["id"]
    own = await role(api, has[0])
    made = await api.made(
        "agent", status, job_role_id=own, industry_id=industry, skill_ids=list(has)
    )
    return str(made["id"])


async def matched(api: Api, **body: Any) -> Any:
    """Ask for a match."""
    answer = await api.post("/v1/match", body)
    assert 200 == answer.status, answer.body
    return answer.json


def weight(roles: int, needing: int) -> float:
    """Weigh a skill that so many of the roles need."""
    return log((1 + roles) / (1 + needing)) + 1


async def test_agents_come_by_what_they_cover(api: Api) -> None:
    """By weight: what few roles need counts more, and every agent says what it lacks."""
    common, rare = await skills(api, unique("weld"), unique("sing"))
    for _ in range(3):
        await role(api, common)
    wanted = await role(api, common, rare)
    has_common, has_rare, has_both = [
        await agent(api, *has) for has in ([common], [rare], [rare, common])
    ]

    found = await matched(api, job_role_id=wanted)

    # 3 + 1 + 3 roles in force: those of the agents need their first skill.
    heavy, light = weight(7, 3), weight(7, 5)
    assert [has_both, has_rare, has_common] == ids(found["items"])
    both, one, other = found["items"]
    assert 1 == both["score"]
    assert round(heavy / (heavy + light), 6) == one["score"]
    assert round(light / (heavy + light), 6) == other["score"]
    assert [{"skill_id": rare, "by": rare, "similarity": 1}] == one["covered"]
    assert [common] == one["missing"]
    assert [rare, common] == [each["skill_id"] for each in both["covered"]]
    assert [] == both["missing"]


async def test_an_optional_skill_weighs_less(api: Api) -> None:
    """Three tenths of an essential one."""
    needed, nice = await skills(api, unique("weld"), unique("sing"))
    wanted = await role(api, needed, optional=(nice,))
    only_nice = await agent(api, nice)

    (item,) = (await matched(api, job_role_id=wanted))["items"]

    assert only_nice == item["entity"]["id"]
    # Both are needed by two of two roles, or one: the agent's own needs `nice`.
    heavy, light = weight(2, 1), 0.3 * weight(2, 2)
    assert round(light / (heavy + light), 6) == item["score"]


async def test_what_means_the_same_covers_in_part(
    api: Api, superuser: Connection, tenant: Tenant
) -> None:
    """By a skill of the agent whose name or alias is near; the very same is preferred."""
    mend, repair, sing = await skills(api, "mend wooden vessels", "repair wooden boats", "sing")
    await embed(superuser, tenant.id)
    wanted = await role(api, mend)
    near, same, far = [await agent(api, *has) for has in ([repair], [mend, repair], [sing])]

    found = await matched(api, job_role_id=wanted)

    assert [same, near] == ids(found["items"])
    assert far not in ids(found["items"])
    assert [{"skill_id": mend, "by": mend, "similarity": 1}] == found["items"][0]["covered"]
    (covered,) = found["items"][1]["covered"]
    assert (mend, repair) == (covered["skill_id"], covered["by"])
    assert 0.999 == covered["similarity"]
    assert MODEL == found["model"]


async def test_a_likeness_below_the_least_covers_nothing(
    api: Api, superuser: Connection, tenant: Tenant
) -> None:
    """One word of three is not enough, two of three count to the fourth power."""
    mend, third, two_thirds = await skills(
        api, "mend wooden vessels", "mend paper hats", "repair wooden hats"
    )
    await embed(superuser, tenant.id)
    wanted = await role(api, mend)
    await agent(api, third)
    fitting = await agent(api, two_thirds)

    found = await matched(api, job_role_id=wanted)

    if not found["items"]:
        pytest.fail("two words of three are near")
    assert [fitting] == ids(found["items"])
    (covered,) = found["items"][0]["covered"]
    assert 0.7 <= covered["similarity"] < 1
    assert covered["similarity"] ** 4 == pytest.approx(found["items"][0]["score"], abs=1e-5)


async def test_job_roles_come_by_phrases(api: Api, superuser: Connection, tenant: Tenant) -> None:
    """A phrase is taken for what means the same, and the answer says for what."""
    mend, care = await skills(api, "mend wooden vessels", "care for old people")
    await embed(superuser, tenant.id)
    boats, homes = await role(api, mend), await role(api, care)

    found = await matched(
        api, skills=[{"text": "repair wooden boats"}, {"text": "quite something else"}]
    )

    assert [boats] == ids(found["items"])
    assert homes not in ids(found["items"])
    (covered,) = found["items"][0]["covered"]
    assert (mend, mend) == (covered["skill_id"], covered["by"])
    first, second = found["taken"]
    assert ("repair wooden boats", "quite something else") == (first["text"], second["text"])
    assert [(mend, "mend wooden vessels")] == [
        (one["skill_id"], one["matched_label"]) for one in first["skills"]
    ]
    assert [] == second["skills"]


async def test_what_is_called_so_is_the_same(
    api: Api, superuser: Connection, tenant: Tenant
) -> None:
    """By name or alias, whatever the case: similarity 1."""
    made = await api.made("skill", "active", name=unique("x"), aliases=["Weld Steel Beams"])
    await embed(superuser, tenant.id)
    wanted = await role(api, made["id"])

    found = await matched(api, skills=[{"text": "weld steel BEAMS"}])

    assert [wanted] == ids(found["items"])
    assert [{"skill_id": made["id"], "by": made["id"], "similarity": 1}] == (
        found["items"][0]["covered"]
    )
    assert 1 == found["items"][0]["score"]


async def test_job_roles_come_by_ids(api: Api, superuser: Connection, tenant: Tenant) -> None:
    """A skill that was given covers itself, and in part what is near to it."""
    mend, repair, sing = await skills(api, "mend wooden vessels", "repair wooden boats", "sing")
    await embed(superuser, tenant.id)
    other, same = await role(api, repair), await role(api, mend, sing)

    found = await matched(api, skills=[{"id": mend}, {"id": sing}])

    assert [same, other] == ids(found["items"])
    first, second = found["items"]
    assert (1, [], []) == (first["score"], first["missing"], found["taken"])
    assert [(repair, mend)] == [(one["skill_id"], one["by"]) for one in second["covered"]]


async def test_ids_and_phrases_go_together(api: Api, superuser: Connection, tenant: Tenant) -> None:
    """In any order: what is taken for something are the phrases alone."""
    mend, sing = await skills(api, "mend wooden vessels", "sing")
    await embed(superuser, tenant.id)
    wanted = await role(api, mend, sing)
    given = [{"text": "repair wooden boats"}, {"id": sing}, {"text": "never heard of"}]

    found = await matched(api, skills=given)

    assert [wanted] == ids(found["items"])
    assert {mend, sing} == {one["by"] for one in found["items"][0]["covered"]}
    assert ["repair wooden boats", "never heard of"] == [one["text"] for one in found["taken"]]
    assert [[mend], []] == [[one["skill_id"] for one in each["skills"]] for each in found["taken"]]


async def test_labels_of_another_model_are_not_in_the_way(
    cluster: Server, database: str, settings: Settings, superuser: Connection, tenant: Tenant
) -> None:
    """However many an index has nearer: their vectors are not asked for."""
    near = near_skills(Fake(), exact_max=0)
    url = cluster.url("app", database)
    async with serving(settings, url, near=near) as served, Api.open(served, tenant) as api:
        mend, other = await skills(api, "mend wooden vessels", "quite another")
        wanted = await role(api, mend)
        await embed(superuser, tenant.id)
        await crowd(superuser, tenant.id, other, "repair wooden boats", 100)
        found = await matched(api, skills=[{"text": "repair wooden boats"}])

    assert [wanted] == ids(found["items"])
    assert [mend] == [one["skill_id"] for one in found["taken"][0]["skills"]]


async def test_one_skill_with_many_names_hides_no_other(
    cluster: Server, database: str, settings: Settings, superuser: Connection, tenant: Tenant
) -> None:
    """One has the nearest labels by meaning, another by characters: the rest is compared."""
    near = near_skills(Fake(), exact_max=0)
    url = cluster.url("app", database)
    async with serving(settings, url, near=near) as served, Api.open(served, tenant) as api:
        one = await api.made("skill", "active", aliases=ALIKE[:65])
        (behind,) = await skills(api, "mend elderly vessel folk zebra")
        spelled = [f"repairing olden boating peoples {number}" for number in range(65)]
        await api.made("skill", "active", aliases=spelled)
        wanted = await role(api, behind)
        await embed(superuser, tenant.id)
        found = await matched(api, skills=[{"text": SAID}])

    assert [wanted] == ids(found["items"])
    assert [one["id"], behind] == [each["skill_id"] for each in found["taken"][0]["skills"]]


async def test_labels_of_another_tenant_hide_nothing(
    cluster: Server,
    database: str,
    settings: Settings,
    catalog: Catalog,
    superuser: Connection,
    tenant: Tenant,
    other_tenant: Tenant,
) -> None:
    """An index that ends among them has given less than it was asked for: all is compared."""
    near = near_skills(Fake(), exact_max=0)
    url = cluster.url("app", database)
    async with serving(settings, url, near=near) as served, Api.open(served, tenant) as api:
        for start in (0, 190):
            labels = ALIKE[start : start + 190]
            await api.of(other_tenant).made("skill", "active", aliases=labels)
        (same,) = await skills(api, "mend elderly vessel folk zebra")
        await skills(api, *(f"repairing olden boating peoples {number}" for number in range(70)))
        wanted = await role(api, same)
        for each in (tenant, other_tenant):
            await embed(superuser, each.id)
        async with scanning(superuser, catalog["match_skills_near"], 100):
            found = await matched(api, skills=[{"text": SAID}])

    assert [wanted] == ids(found["items"])


async def test_what_the_indexes_give_enough_for_is_not_compared(
    cluster: Server,
    database: str,
    settings: Settings,
    superuser: Connection,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both lists are full, of more skills than a phrase may stand for."""
    near = near_skills(Fake(), exact_max=0)
    url = cluster.url("app", database)
    async with serving(settings, url, near=near) as served, Api.open(served, tenant) as api:
        await skills(api, *(f"mend boat {number}" for number in range(70)))
        await embed(superuser, tenant.id)
        sent = asked_for(monkeypatch)
        found = await matched(api, skills=[{"text": "mend boat"}])

    assert 5 == len(found["taken"][0]["skills"])
    assert [MatchSkillsNear] == [type(one) for one in sent if "MatchSkills" in type(one).__name__]


async def test_both_shares_count(api: Api) -> None:
    """Of two roles that use as much, the one that needs less else; what is used counts more."""
    a, b, c = await skills(api, unique("a"), unique("b"), unique("c"))
    small, whole, large = await role(api, a), await role(api, a, b), await role(api, a, b, c)

    found = await matched(api, skills=[{"id": a}, {"id": b}])

    assert [whole, large, small] == ids(found["items"])
    met = (weight(3, 3) + weight(3, 2)) / (weight(3, 3) + weight(3, 2) + weight(3, 1))
    assert round(5 * met / (4 * met + 1), 6) == found["items"][1]["score"]
    assert [c] == found["items"][1]["missing"]


async def test_what_is_archived_is_missing(api: Api, superuser: Connection, tenant: Tenant) -> None:
    """A role needs it still; neither an agent that has it covers it, nor who names it."""
    gone, stays = await skills(api, unique("weld"), unique("sing"))
    wanted = await role(api, stays, optional=(gone,))
    both = await agent(api, stays, gone)
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute(
            "UPDATE app.base_entity SET status = 'archived', archived_at = now() WHERE id = $1",
            gone,
        )

    by_role = await matched(api, job_role_id=wanted)
    by_id = await matched(api, skills=[{"id": gone}])

    assert [both] == ids(by_role["items"])
    assert [gone] == by_role["items"][0]["missing"]
    assert [] == by_id["items"]


async def test_only_what_is_in_force_is_matched(api: Api) -> None:
    """No draft, one's own neither, and nothing under review."""
    one, two = await skills(api, unique("weld"), unique("sing"))
    both = await role(api, one, two)
    wanted = await role(api, one)
    before = await matched(api, skills=[{"id": one}, {"id": two}])
    await role(api, one, status="draft")
    await role(api, one, status="under_review")
    assert before == await matched(api, skills=[{"id": one}, {"id": two}])
    fits = await agent(api, one)
    await agent(api, one, status="draft")

    agents = await matched(api, job_role_id=wanted)
    roles = await matched(api, skills=[{"id": one}], limit=200)

    assert [fits] == ids(agents["items"])
    assert {"active"} == {item["entity"]["status"] for item in roles["items"]}
    # Those of the two agents are the others.
    assert 4 == len(roles["items"])
    assert [both, wanted] == ids(before["items"])


async def test_drafts_of_others_change_nothing(
    api: Api, superuser: Connection, tenant: Tenant
) -> None:
    """Not what is found, not what it scores: not even the rarity of a skill."""
    a, b = await skills(api, "mend wooden vessels", "sing loudly")
    wanted = await role(api, a, b)
    await role(api, b)
    await agent(api, a)
    reader = api.by(tenant.reader)
    asked: list[dict[str, Any]] = [
        {"job_role_id": wanted},
        {"skills": [{"id": a}]},
        {"skills": [{"text": "repair wooden boats"}]},
    ]
    await embed(superuser, tenant.id)
    before = [await matched(reader, **one) for one in asked]
    hidden = (await api.made("skill", name="repair wooden boats"))["id"]
    for _ in range(3):
        await role(api, a, status="draft")
    await role(api, hidden, status="draft")
    await embed(superuser, tenant.id)

    after = [await matched(reader, **one) for one in asked]

    assert before == after
    assert all(one["items"] for one in before)


async def test_other_tenants_change_nothing(
    api: Api, superuser: Connection, tenant: Tenant, other_tenant: Tenant
) -> None:
    """Nothing of theirs is found, none of their ids is known, their roles make nothing common."""
    (mine,) = await skills(api, "mend wooden vessels")
    wanted = await role(api, mine)
    await agent(api, mine)
    await embed(superuser, tenant.id)
    before = await matched(api, skills=[{"text": "repair wooden boats"}], limit=200)
    stranger = api.of(other_tenant)
    (theirs,) = await skills(stranger, "repair wooden boats")
    their_role = await role(stranger, theirs)
    await agent(stranger, theirs)
    await embed(superuser, other_tenant.id)

    after = await matched(api, skills=[{"text": "repair wooden boats"}], limit=200)

    assert before == after
    assert wanted in ids(after["items"])
    for body, pointer in (
        ({"job_role_id": their_role}, "/job_role_id"),
        ({"skills": [{"id": mine}, {"id": theirs}]}, "/skills/1/id"),
    ):
        refused = await api.post("/v1/match", body)
        assert (404, pointer) == (refused.status, refused.json["errors"][0]["pointer"])


async def test_equal_scores_come_by_id(api: Api) -> None:
    """The order is the same each time, and `limit` cuts it."""
    (one,) = await skills(api, unique("weld"))
    made = sorted([await role(api, one) for _ in range(5)])

    found = await matched(api, skills=[{"id": one}])

    assert made == ids(found["items"])
    assert made[:2] == ids((await matched(api, skills=[{"id": one}], limit=2))["items"])


async def test_a_role_without_needs_fits_nobody(api: Api) -> None:
    """It is there, and nothing comes."""
    wanted = (await api.made("job_role", required_skills=[]))["id"]
    await agent(api, *await skills(api, unique("weld")))

    assert [] == (await matched(api, job_role_id=wanted))["items"]


async def test_a_draft_role_is_matched_for_its_author(api: Api, tenant: Tenant) -> None:
    """Any state that one sees; for others it is not there."""
    (one,) = await skills(api, unique("weld"))
    wanted = await role(api, one, status="draft")
    fits = await agent(api, one)
    refused = await api.by(tenant.reader).post("/v1/match", {"job_role_id": wanted})

    assert [fits] == ids((await matched(api, job_role_id=wanted))["items"])
    assert (404, "not-found") == (refused.status, refused.problem)


@pytest.mark.parametrize("exact_max", [0, 10_000])
async def test_an_index_finds_what_a_comparison_finds(
    cluster: Server,
    database: str,
    settings: Settings,
    superuser: Connection,
    tenant: Tenant,
    exact_max: int,
) -> None:
    """With a model and without one; what is not in force is no skill, however near."""
    app_url = cluster.url("app", database)
    phrases = [{"text": "repair wooden boats"}, {"text": "mend wooden vesels"}]
    wanted = mend = ""
    for model, name in ((Fake(), MODEL), (None, None)):
        near = near_skills(model, exact_max=exact_max)
        async with serving(settings, app_url, near=near) as url, Api.open(url, tenant) as api:
            if model is not None:
                (mend,) = await skills(api, "mend wooden vessels")
                wanted = await role(api, mend)
                await skills(api, "repair wooden boats", status="draft")
                await skills(api, "mend wooden vesel", status="archived")
            await embed(superuser, tenant.id, model=name)
            found = await matched(api, skills=phrases)

            assert [wanted] == ids(found["items"])
            taken = [[one["skill_id"] for one in each["skills"]] for each in found["taken"]]
            assert [[mend] if model else [], [mend]] == taken
            assert (name or WORDS) == found["model"]


@pytest.mark.parametrize(
    "body,pointer,rule",
    [
        ({}, "/job_role_id", "required"),
        ({"job_role_id": ABSENT, "skills": [{"id": ABSENT}]}, "/skills", "exactly-one"),
        ({"skills": []}, "/skills", "min-length"),
        ({"skills": [{"text": f"t{n}"} for n in range(101)]}, "/skills", "max-length"),
        ({"skills": None}, "/skills", "type"),
        ({"skills": [{}]}, "/skills/0", "exactly-one"),
        ({"skills": [{"id": ABSENT, "text": "a"}]}, "/skills/0", "exactly-one"),
        ({"skills": [{"id": "x"}]}, "/skills/0/id", "uuid"),
        ({"skills": [{"text": "a"}, {"text": ""}]}, "/skills/1/text", "blank"),
        ({"skills": [{"text": "  "}]}, "/skills/0/text", "blank"),
        ({"skills": [{"text": " a"}]}, "/skills/0/text", "trimmed"),
        ({"skills": [{"text": "a\x00b"}]}, "/skills/0/text", "control-character"),
        ({"skills": [{"text": "a" * 1001}]}, "/skills/0/text", "max-length"),
        ({"skills": [{"text": 7}]}, "/skills/0/text", "type"),
        ({"skills": [{"text": "a"}, {"text": "a"}]}, "/skills/1", "duplicate"),
        ({"skills": [{"text": "a", "weight": 1}]}, "/skills/0/weight", "unknown-field"),
        ({"skills": [{"text": "a"}], "limit": 0}, "/limit", "number-range"),
        ({"skills": [{"text": "a"}], "limit": 201}, "/limit", "number-range"),
        ({"skills": [{"text": "a"}], "limit": "1"}, "/limit", "type"),
        ({"job_role_id": "x"}, "/job_role_id", "uuid"),
        ({"job_role_id": None}, "/job_role_id", "type"),
        ({"job_role_id": ABSENT, "text": "a"}, "/text", "unknown-field"),
    ],
)
async def test_a_wrong_body_is_refused_where_it_is_wrong(
    api: Api, body: dict[str, Any], pointer: str, rule: str
) -> None:
    """Each fault names its field."""
    answer = await api.post("/v1/match", body)

    assert (422, "invalid-body") == (answer.status, answer.problem)
    assert pointer == answer.json["errors"][0]["pointer"], answer.json
    assert rule == answer.json["errors"][0]["rule"], answer.json


async def test_every_unknown_skill_is_named(api: Api) -> None:
    """404, with a pointer to each."""
    (known,) = await skills(api, unique("weld"))
    industry = (await api.made("industry"))["id"]
    asked = [{"id": ABSENT}, {"id": known}, {"text": "a"}, {"id": industry}]
    answer = await api.post("/v1/match", {"skills": asked})

    assert (404, "not-found") == (answer.status, answer.problem)
    assert ["/skills/0/id", "/skills/3/id"] == [one["pointer"] for one in answer.json["errors"]]


async def test_it_takes_the_scope_read(api: Api, actor_with: Any) -> None:
    """And no parameter."""
    writer = api.by(await actor_with("write"))
    refused = await writer.post("/v1/match", {"job_role_id": ABSENT})
    odd = await api.post("/v1/match?limit=1", {"job_role_id": ABSENT})

    assert (403, "scope-missing") == (refused.status, refused.problem)
    assert (400, "unknown-parameter") == (odd.status, odd.problem)


async def test_what_does_not_fit_into_an_answer_is_said(api: Api, superuser: Connection) -> None:
    """Refused, with how many would fit; fewer are given."""
    (one,) = await skills(api, unique("weld"))
    for _ in range(3):
        await role(api, one)
    async with asleep(superuser, "app.base_entity"):
        await superuser.execute(
            "UPDATE app.base_entity SET document = document || repeat(' ', 3000000)"
            " FROM app.job_role_skill AS link WHERE link.job_role_id = id AND skill_id = $1", one,
        )  # fmt: skip
    refused = await api.post("/v1/match", {"skills": [{"id": one}]})

    assert (422, "invalid-body", 2) == (refused.status, refused.problem, refused.json["fitting"])
    assert "/limit" == refused.json["errors"][0]["pointer"]
    assert 2 == len((await matched(api, skills=[{"id": one}], limit=2))["items"])
