"""Life-cycle steps over HTTP: which are allowed, who may take them, which rules bind."""

from itertools import product
from typing import Any

import pytest

from service.model.kinds import BY_NAME
from tests.api import PATHS, ROAD, Answer, Api
from tests.factories import ActorWith, Tenant

NAMES = tuple(BY_NAME)
STATES = tuple(ROAD)
NEVER = "01900000-0000-7000-8000-000000000000"

# The life cycle of the contract: from each state, to which, and by whom of a tenant.
STEPS = {
    ("draft", "under_review"): "author",
    ("draft", "archived"): "author",
    ("under_review", "draft"): "author",
    ("under_review", "certified"): "certifier",
    ("under_review", "archived"): "author",
    ("certified", "active"): "author",
    ("certified", "archived"): "author",
    ("active", "deprecated"): "author",
    ("active", "archived"): "author",
    ("deprecated", "archived"): "author",
}


def at(document: dict[str, Any]) -> str:
    """Give the path of an entity."""
    return f"{PATHS[document['entity_type']]}/{document['id']}"


def violated(answer: Answer) -> set[str]:
    """Give the checks that a refused step names."""
    assert (409, "rule-violated") == (answer.status, answer.problem), answer.body
    return {error["rule"] for error in answer.json["errors"]}


async def step(api: Api, before: Answer, to: str, **more: Any) -> Answer:
    """Take a step under the tag of an answer."""
    return await api.step(at(before.json), to, before.etag, **more)


class TestLifeCycle:
    """POST /v1/{kinds}/{id}/status: the graph."""

    @pytest.mark.parametrize("pair", list(product(STATES, STATES)), ids="-".join)
    async def test_each_pair_is_allowed_or_409_with_what_is(
        self, api: Api, pair: tuple[str, str]
    ) -> None:
        """An allowed step makes one version; another lists those that are, and writes nothing."""
        before = await api.raised(await api.create("skill"), pair[0])
        actor = getattr(api.tenant, STEPS.get(pair, "author"))
        answer = await step(api.by(actor), before, pair[1])

        if pair in STEPS:
            assert 200 == answer.status, answer.body
            assert pair[1] == answer.json["status"]
            assert before.json["version"] + 1 == answer.json["version"]
            assert answer.etag == (await api.get(at(before.json))).etag
            assert answer.headers["Audit-Entry"] != before.headers["Audit-Entry"]
            return
        assert (409, "step-not-allowed") == (answer.status, answer.problem)
        assert answer.json["allowed"] == sorted(
            to for (state, to), whose in STEPS.items() if (state, whose) == (pair[0], "author")
        )
        assert before.body == (await api.get(at(before.json))).body

    async def test_allowed_are_the_steps_of_who_asks(self, api: Api, actor_with: ActorWith) -> None:
        """Of what leads on from a status those that the key's scopes and the author allow."""
        before = await api.raised(await api.create("skill"), "under_review")
        writer = await actor_with("read", "write")
        judge = await actor_with("certify", "read")
        found = {
            one: (await step(api.by(actor), before, "active")).json["allowed"]
            for one, actor in {
                "author": api.tenant.author, "writer": writer, "judge": judge,
                "certifier": api.tenant.certifier,
            }.items()
        }  # fmt: skip
        certifier = api.by(api.tenant.certifier)
        own = await step(certifier, await certifier.create("skill"), "under_review")
        mine = await step(certifier, own, "active")

        assert {
            "author": ["archived", "draft"],
            "writer": ["archived"],
            "judge": ["certified", "draft"],
            "certifier": ["archived", "certified", "draft"],
        } == found
        assert ["archived", "draft"] == mine.json["allowed"]

    @pytest.mark.parametrize("kind", NAMES)
    async def test_every_kind_goes_the_whole_way(self, api: Api, kind: str) -> None:
        """From draft to archived, one version each."""
        world = await api.world()
        if kind in {"skill", "industry"}:
            world[kind] = await api.made(kind, "active")
        if kind == "job_role":
            needed = [{"id": world["skill"]["id"]}]
            world[kind] = await api.made(kind, "active", required_skills=needed)
        if kind == "team":
            agent = await api.get(at(world["agent"]))
            await api.patch(at(agent.json), {"team_id": None}, agent.etag)
        found = await api.get(at(world[kind]))
        deprecated = await step(api, found, "deprecated")
        archived = await step(api, deprecated, "archived")

        assert [200, 200] == [deprecated.status, archived.status], deprecated.body
        assert ("archived", 6) == (archived.json["status"], archived.json["version"])

    async def test_a_rejected_draft_is_its_authors_alone(self, api: Api) -> None:
        """Who rejects gets the document once more and does not see the draft afterwards."""
        before = await api.raised(await api.create("skill"), "under_review")
        certifier = api.by(api.tenant.certifier)
        answer = await step(certifier, before, "draft")

        assert (200, "draft") == (answer.status, answer.json["status"])
        assert 404 == (await certifier.get(at(before.json))).status
        assert 200 == (await api.get(at(before.json))).status

    async def test_what_was_rejected_can_be_mended_and_certified(self, api: Api) -> None:
        """The way back into review is open."""
        before = await api.raised(await api.create("skill"), "under_review")
        rejected = await step(api.by(api.tenant.certifier), before, "draft")
        mended = await api.patch(at(before.json), {"description": "Better."}, rejected.etag)
        answer = await api.raised(mended, "certified")

        assert ("certified", "Better.") == (answer.json["status"], answer.json["description"])


class TestWho:
    """Scopes, four eyes, and drafts that are not yours."""

    @pytest.mark.parametrize("to", STATES)
    async def test_scope_read_is_not_enough(self, api: Api, to: str) -> None:
        """A reader takes no step, and the refusal names what is missing."""
        before = await api.raised(await api.create("skill"), "under_review")
        answer = await step(api.by(api.tenant.reader), before, to)

        assert (403, "scope-missing") == (answer.status, answer.problem)
        assert ["write", "certify"] == answer.json["required_scope"]

    async def test_each_step_needs_its_scope(self, api: Api, actor_with: ActorWith) -> None:
        """Write does not certify or reject, certify does nothing else."""
        writer = api.by(await actor_with("write", "read", "admin", "audit", name="w"))
        certifier = api.by(await actor_with("certify", "read", "admin", "audit", name="c"))
        reviewed = await api.raised(await api.create("skill"), "under_review")
        for to in ("certified", "draft"):
            answer = await step(writer, reviewed, to)
            assert (403, "certify") == (answer.status, answer.json["required_scope"])
        certified = await step(certifier, reviewed, "certified")
        assert 200 == certified.status
        for to in ("active", "archived"):
            answer = await step(certifier, certified, to)
            assert (403, "write") == (answer.status, answer.json["required_scope"])

    async def test_nobody_certifies_their_own_work(self, api: Api, actor_with: ActorWith) -> None:
        """Another key of the same governance agent is the same pair of eyes."""
        before = await api.raised(await api.create("skill"), "under_review")
        own = api.by(await actor_with("write", "certify", name="author"))
        answer = await step(own, before, "certified")

        assert (403, "own-work") == (answer.status, answer.problem)

    async def test_who_touched_it_in_review_does_not_certify_it(self, api: Api) -> None:
        """Even a tag counts as a part of the version that is certified."""
        before = await api.raised(await api.create("skill"), "under_review")
        certifier = api.by(api.tenant.certifier)
        touched = await certifier.patch(at(before.json), {"tags": ["t"]}, before.etag)
        answer = await step(certifier, touched, "certified")

        assert (403, "own-work") == (answer.status, answer.problem)

    async def test_an_author_with_certify_withdraws_and_does_not_reject(
        self, api: Api, actor_with: ActorWith
    ) -> None:
        """Going back is open to the author with scope write, not with certify alone."""
        before = await api.raised(await api.create("skill"), "under_review")
        own = api.by(await actor_with("certify", name="author"))
        answer = await step(own, before, "draft")

        assert (403, "write") == (answer.status, answer.json["required_scope"])

    async def test_what_is_hidden_is_404(self, api: Api, other_tenant: Tenant) -> None:
        """A step tells no more than a read."""
        hidden = await api.by(api.tenant.certifier).create("skill")
        foreign = await api.of(other_tenant).made("skill", "active")
        kind = await api.made("industry")
        answers = [
            await api.send(
                "POST",
                f"/v1/skills/{one}/status",
                {"to": "archived", "reason": "r"},
                headers={"If-Match": "*", "Request-Id": "same"},
            )
            for one in (hidden.json["id"], foreign["id"], kind["id"], NEVER)
        ]
        odd = await api.post("/v1/skills/1/status", {"to": "archived", "reason": "r"})

        assert {404} == {answer.status for answer in answers} | {odd.status}
        assert 1 == len({answer.body for answer in answers})


class TestStepRequest:
    """POST /v1/{kinds}/{id}/status: the request."""

    async def test_preconditions(self, api: Api) -> None:
        """428 without If-Match, 412 with the current tag when stale or weak."""
        made = await api.create("skill")
        path = f"{at(made.json)}/status"
        bare = await api.post(path, {"to": "under_review", "reason": "r"})
        assert (428, "precondition-required") == (bare.status, bare.problem)
        for stale in ('"1-00"', f"W/{made.etag}"):
            answer = await api.step(at(made.json), "under_review", stale)
            assert (412, made.etag) == (answer.status, answer.json["current_etag"])
            assert made.etag == answer.etag
            assert ("A weak entity tag" in answer.json["detail"]) == stale.startswith("W/")
        mixed = await api.step(at(made.json), "under_review", f'W/{made.etag}, "1-00"')
        assert "The entity has changed since you read it." == mixed.json["detail"]
        assert 200 == (await api.step(at(made.json), "under_review", "*")).status

    @pytest.mark.parametrize(
        "body,pointer,rule",
        [
            ({"to": "active"}, "/reason", "required"),
            ({"reason": "r"}, "/to", "required"),
            ({"to": "active", "reason": " \n"}, "/reason", "blank"),
            ({"to": "active", "reason": "r" * 2001}, "/reason", "max-length"),
            ({"to": "gone", "reason": "r"}, "/to", "one-of"),
            ({"to": 1, "reason": "r"}, "/to", "type"),
            ({"to": "active", "reason": "r", "by": "me"}, "/by", "unknown-field"),
            ({"to": "deprecated", "reason": "r", "successor_id": "x"}, "/successor_id", "uuid"),
            (
                {"to": "archived", "reason": "r", "successor_id": NEVER},
                "/successor_id",
                "successor",
            ),
            (["active"], "", "type"),
        ],
    )
    async def test_bodies_are_checked(
        self, api: Api, body: object, pointer: str, rule: str
    ) -> None:
        """Step, reason and successor are checked before anything is locked."""
        made = await api.create("skill")
        answer = await api.send(
            "POST", f"{at(made.json)}/status", body, headers={"If-Match": made.etag}
        )

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert [(pointer, rule)] == [(e["pointer"], e["rule"]) for e in answer.json["errors"]]

    async def test_a_patch_type_is_415(self, api: Api) -> None:
        """A step is no merge patch."""
        made = await api.create("skill")
        answer = await api.send(
            "POST",
            f"{at(made.json)}/status",
            {"to": "archived", "reason": "r"},
            headers={"If-Match": made.etag, "Content-Type": "application/merge-patch+json"},
        )

        assert (415, ["application/json"]) == (answer.status, answer.json["accepted"])


class TestRules:
    """L1: what must hold on entering certified and active."""

    async def test_job_roles(self, api: Api) -> None:
        """An essential skill, all of them in force, a seniority."""
        draft = (await api.made("skill"))["id"]
        none = await api.raised(
            await api.create("job_role", required_skills=[], seniority_level=None), "under_review"
        )
        bare = await api.raised(
            await api.create("job_role", required_skills=[{"id": draft}]), "under_review"
        )
        optional = [{"id": draft, "relation": "optional"}]
        spare = await api.raised(
            await api.create("job_role", required_skills=optional), "under_review"
        )
        certifier = api.by(api.tenant.certifier)

        assert {"L1-ROLE-1", "L1-ROLE-3"} == violated(await step(certifier, none, "certified"))
        assert {"L1-ROLE-2"} == violated(await step(certifier, bare, "certified"))
        assert {"L1-ROLE-1"} == violated(await step(certifier, spare, "certified"))

    async def test_teams(self, api: Api) -> None:
        """Job role and industry in force, at least one member, all of one place."""
        certifier = api.by(api.tenant.certifier)
        alone = await api.raised(await api.create("team"), "under_review")
        assert {"L1-TEAM-1", "L1-TEAM-2", "L1-TEAM-3"} == violated(
            await step(certifier, alone, "certified")
        )
        world = await api.world()
        place = {"job_role_id": world["job_role"]["id"], "industry_id": world["industry"]["id"]}
        mixed = await api.create("team", **place)
        elsewhere = (await api.made("industry", "active"))["id"]
        team = mixed.json["id"]
        await api.made(
            "agent", "under_review", **(place | {"industry_id": elsewhere}), team_id=team
        )
        reviewed = await api.raised(mixed, "under_review")
        assert {"L1-TEAM-3"} == violated(await step(certifier, reviewed, "certified"))

    async def test_agents(self, api: Api) -> None:
        """Job role and industry in force; skills in force that cover the essential ones."""
        certifier = api.by(api.tenant.certifier)
        alone = await api.raised(await api.create("agent"), "under_review")
        refused = await step(certifier, alone, "certified")
        assert {"L1-AGENT-1", "L1-AGENT-2", "L1-AGENT-3"} == violated(refused)
        world = await api.world()
        place = {"job_role_id": world["job_role"]["id"], "industry_id": world["industry"]["id"]}
        bare = await api.raised(await api.create("agent", **place, skill_ids=[]), "under_review")
        refused = await step(certifier, bare, "certified")
        assert {"L1-AGENT-3"} == violated(refused)
        assert "missing" in refused.json["errors"][0]["message"]

    async def test_rules_bind_on_activation_again(self, api: Api) -> None:
        """What held at certification may no longer hold when it is activated."""
        skill = await api.raised(await api.create("skill"), "certified")
        role = await api.raised(
            await api.create("job_role", required_skills=[{"id": skill.json["id"]}]), "certified"
        )
        team = await api.create(
            "team",
            job_role_id=role.json["id"],
            industry_id=(await api.made("industry", "active"))["id"],
        )
        place = {name: team.json[name] for name in ("job_role_id", "industry_id")}
        agent = await api.create(
            "agent", **place, team_id=team.json["id"], skill_ids=[skill.json["id"]]
        )
        agent = await api.raised(agent, "under_review")
        certified = await api.raised(team, "certified")
        moved = await api.patch(at(agent.json), {"team_id": None}, agent.etag)
        assert 200 == moved.status

        assert {"L1-TEAM-3"} == violated(await step(api, certified, "active"))

    async def test_drafts_may_break_every_rule(self, api: Api) -> None:
        """Rules bind on entering force, not before."""
        made = await api.create("job_role", required_skills=[], seniority_level=None)

        assert 200 == (await step(api, made, "under_review")).status


class TestDependents:
    """What others in force rest on is not taken away."""

    async def test_archiving_what_is_needed_is_409_with_the_dependents(self, api: Api) -> None:
        """Each dependent comes with kind, name, state and relation; nothing changes."""
        world = await api.world()
        wanted = {
            "skill": {("job_role", "essential_skill"), ("agent", "skill")},
            "industry": {("team", "industry"), ("agent", "industry")},
            "job_role": {("team", "job_role"), ("agent", "job_role")},
            "team": {("agent", "team")},
        }
        for kind, dependents in wanted.items():
            found = await api.get(at(world[kind]))
            answer = await step(api, found, "archived")
            assert (409, "in-use") == (answer.status, answer.problem)
            shown = answer.json["dependents"]
            assert answer.json["count"] == len(shown)
            assert dependents == {(one["entity_type"], one["relation"]) for one in shown}
            for one in shown:
                document = world[one["entity_type"]]
                assert {name: document[name] for name in ("id", "name", "status")} == {
                    name: one[name] for name in ("id", "name", "status")
                }
            assert found.body == (await api.get(at(world[kind]))).body

    async def test_of_many_twenty_are_listed_and_all_counted(self, api: Api) -> None:
        """The first by id, however they depend on it; drafts are none of them."""
        skill = await api.made("skill", "active")
        needed: dict[str, Any] = {"required_skills": [{"id": skill["id"]}]}
        made = []
        for _ in range(11):
            made.append(await api.made("job_role", "active", **needed))
            made.append(await api.made("skill", "active", parent_ids=[skill["id"]]))
        await api.made("job_role", **needed)
        answers = [await api.step(at(skill), to, "*") for to in ("archived", "deprecated")]

        first = sorted(one["id"] for one in made)[:20]
        assert [(22, first)] * 2 == [
            (answer.json["count"], [one["id"] for one in answer.json["dependents"]])
            for answer in answers
        ]

    async def test_drafts_do_not_hold_anything_back(self, api: Api) -> None:
        """A hidden draft that depends on it neither hinders nor shows itself."""
        skill = await api.made("skill", "active")
        other = api.by(api.tenant.certifier)
        await other.create("job_role", required_skills=[{"id": skill["id"]}])
        answer = await step(api, await api.get(at(skill)), "archived")

        assert 200 == answer.status

    async def test_deprecation_names_a_successor_where_others_depend(self, api: Api) -> None:
        """Without dependents none is needed; with them another of the kind that stays in force."""
        world = await api.world()
        skill = await api.get(at(world["skill"]))
        draft, other = await api.made("skill"), await api.made("skill", "active")
        leaving = await api.made("skill", "deprecated")
        bare = await step(api, skill, "deprecated")
        assert (409, "in-use") == (bare.status, bare.problem)
        assert [("/successor_id", "successor")] == [
            (error["pointer"], error["rule"]) for error in bare.json["errors"]
        ]
        wrongs = (NEVER, draft, leaving, world["industry"], world["skill"])
        for wrong in (one if isinstance(one, str) else one["id"] for one in wrongs):
            answer = await step(api, skill, "deprecated", successor_id=wrong)
            assert (409, "reference-not-found") == (answer.status, answer.problem), wrong
            (error,) = answer.json["errors"]
            assert ("/successor_id", "exists") == (error["pointer"], error["rule"])
        answer = await step(api, skill, "deprecated", successor_id=other["id"])
        assert (200, "deprecated") == (answer.status, answer.json["status"])

    async def test_a_successor_of_another_looks_like_none(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """A hidden draft and another tenant's skill are as absent as what never was."""
        skill = await api.raised(await api.create("skill"), "active")
        hidden = await api.by(api.tenant.certifier).create("skill")
        foreign = await api.of(other_tenant).made("skill", "active")
        answers = [
            await api.send(
                "POST",
                f"{at(skill.json)}/status",
                {"to": "deprecated", "reason": "r", "successor_id": one},
                headers={"If-Match": skill.etag, "Request-Id": "same"},
            )
            for one in (hidden.json["id"], foreign["id"], NEVER)
        ]

        assert {409} == {answer.status for answer in answers}
        assert 1 == len({answer.body for answer in answers})

    async def test_dependents_are_freed_one_by_one(self, api: Api) -> None:
        """From the agent down everything can be archived."""
        world = await api.world()
        for kind in ("agent", "team", "job_role", "skill", "industry"):
            answer = await step(api, await api.get(at(world[kind])), "archived")
            assert 200 == answer.status, (kind, answer.body)
