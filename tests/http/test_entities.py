"""Entities over HTTP, all five kinds: create, read, and what a create is refused for.

Changes are in test_changes.py, life-cycle steps in test_steps.py.
"""

import json
import uuid
from typing import Any

import msgspec
import pytest

from service.model.kinds import BY_NAME, KINDS
from tests.api import PATHS, Answer, Api
from tests.factories import ActorWith, Tenant, industry_body, skill_body, unique

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
WIDE = "𝄞"
VECTOR = [0.5] + [0.0] * 383

# What every kind has, at its bounds.
FULL: dict[str, Any] = {
    "external_id": "e/ä " + WIDE * 251,
    "aliases": ["zulu", "alpha", "Ω" * 255],
    "tags": ["b", "a", "ü" * 64],
    "custom_attributes": {"deep": [{"n": None, "i": 2**63 - 1, "f": 0.5, "t": "a\tb\nc"}]},
    "governance_notes": "",
}


def at(kind: str, identity: object) -> str:
    """Give the path of an entity."""
    return f"{PATHS[kind]}/{identity}"


def faults(answer: Answer) -> set[tuple[str, str]]:
    """Give pointer and rule of everything that a refusal lists."""
    return {(error["pointer"], error["rule"]) for error in answer.json["errors"]}


def nested(depth: int) -> dict[str, Any]:
    """Make an object of so many levels."""
    found: dict[str, Any] = {}
    for _ in range(depth - 1):
        found = {"a": found}
    return found


def sized(size: int) -> dict[str, Any]:
    """Make an object that is so many bytes as compact JSON."""
    return {"a": "x" * (size - len(json.dumps({"a": ""}, separators=(",", ":"))))}


class TestCreate:
    """POST /v1/{kinds}."""

    async def test_answers_201_with_location_etag_and_audit_entry(self, api: Api) -> None:
        """A created entity says where it is, which version it is, and which entry logged it."""
        answer = await api.post("/v1/skills", skill_body(name="SQL", tags=["b", "a"]))

        assert 201 == answer.status
        assert f"/v1/skills/{answer.json['id']}" == answer.headers["Location"]
        assert ["a", "b"] == answer.json["tags"]
        audit_id, entry_hash = answer.headers["Audit-Entry"].split(", ")
        assert 7 == uuid.UUID(audit_id.removeprefix("id=")).version
        assert 32 == len(bytes.fromhex(entry_hash.removeprefix("hash=")))
        found = await api.get(answer.headers["Location"])
        assert answer.body == found.body
        assert answer.etag == found.etag

    @pytest.mark.parametrize("kind", NAMES)
    async def test_every_field_comes_back(self, api: Api, kind: str) -> None:
        """The document shows what was sent, in the order of the contract, and nothing else."""
        parent = await api.made(kind)
        own: dict[str, Any] = {"embedding_384": VECTOR} if kind in {"skill", "industry"} else {}
        if kind == "industry":
            own |= {"scheme": "NACE", "code": "62.01", "level": 4}
        if kind == "job_role":
            own |= {"industry_id": (await api.made("industry"))["id"]}
        body = await api.body(kind, **FULL, **own, parent_ids=[parent["id"]])
        if kind == "agent":
            place = {"job_role_id": body["job_role_id"], "industry_id": body["industry_id"]}
            body["team_id"] = (await api.made("team", **place))["id"]

        answer = await api.post(PATHS[kind], body)

        assert 201 == answer.status, answer.body
        shown = answer.json
        assert list(BY_NAME[kind].document.__struct_fields__) == list(shown)
        msgspec.json.decode(answer.body, type=BY_NAME[kind].document, strict=True)
        hidden = body.pop("embedding_384", None)
        assert {**body, "tags": sorted(body["tags"])} == {name: shown[name] for name in body}
        assert (kind, "draft", 1) == (shown["entity_type"], shown["status"], shown["version"])
        assert shown["created_at"] == shown["updated_at"]
        assert api.actor.context.governance_agent_id == shown["governance_agent_id"]
        assert (hidden is None) == (shown.get("embedding_sha256") is None)

    @pytest.mark.parametrize("kind", NAMES)
    async def test_what_is_not_given_has_its_default(self, api: Api, kind: str) -> None:
        """Absent members are null or empty, and the document has them all the same."""
        answer = await api.create(kind)

        shown = answer.json
        assert [[], [], {}, None, None, []] == [
            shown[name]
            for name in (
                "aliases",
                "tags",
                "custom_attributes",
                "governance_notes",
                "external_id",
                "parent_ids",
            )
        ]

    @pytest.mark.parametrize(
        "field,good,bad,rule",
        [
            ("name", WIDE * 255, "n" * 256, "max-length"),
            ("name", "\ufdfa" * 62, "\ufdfa" * 63, "size"),
            ("external_id", WIDE * 255, WIDE * 256, "max-length"),
            ("description", WIDE * 10_000, "d" * 10_001, "max-length"),
            ("governance_notes", "n" * 10_000, "n" * 10_001, "max-length"),
            ("aliases", [f"a{n}" for n in range(200)], [f"a{n}" for n in range(201)], "max-length"),
            ("tags", [f"t{n}" for n in range(50)], [f"t{n}" for n in range(51)], "max-length"),
            ("custom_attributes", sized(32 * 1024), sized(32 * 1024 + 1), "size"),
            ("custom_attributes", nested(16), nested(17), "depth"),
            ("embedding_384", [3e38] + [1e-38] * 383, [4e38] + [0.0] * 383, None),
            ("embedding_384", VECTOR, VECTOR[1:], "min-length"),
            ("embedding_384", VECTOR, [*VECTOR, 1.0], "max-length"),
            ("category", "certification", "craft", "one-of"),
        ],
    )
    async def test_bounds_hold_at_the_limit(
        self, api: Api, field: str, good: Any, bad: Any, rule: str | None
    ) -> None:
        """The largest value is stored as it was sent; one more is 422 and names the field."""
        taken = await api.post("/v1/skills", skill_body(**{field: good}))
        refused = await api.post("/v1/skills", skill_body(**{field: bad}))

        assert 201 == taken.status, taken.body
        if field == "tags":
            good = sorted(good)
        if field != "embedding_384":
            assert good == taken.json[field]
        assert (422, "invalid-body") == (refused.status, refused.problem)
        assert refused.json["errors"][0]["pointer"].startswith(f"/{field}")
        assert rule in {None, refused.json["errors"][0]["rule"]}

    @pytest.mark.parametrize(
        "field,good,bad,rule",
        [
            ("scheme", WIDE * 64, "s" * 65, "max-length"),
            ("code", WIDE * 64, "c" * 65, "max-length"),
            ("level", 99, 100, "number-range"),
            ("level", 1, 0, "number-range"),
            ("level", 1, 1.5, "type"),
            ("level", 1, 2**63, "number-range"),
            ("scheme", "s", None, "all-or-none"),
            ("description", None, "", "blank"),
        ],
    )
    async def test_bounds_of_industries(
        self, api: Api, field: str, good: Any, bad: Any, rule: str
    ) -> None:
        """Scheme, code and level have bounds and come together; the description may be null."""
        body = industry_body(scheme=unique("s")[:64], code="c", level=2)
        refused = await api.post("/v1/industries", {**body, field: bad})
        taken = await api.post("/v1/industries", {**body, field: good})

        assert {(f"/{field}", rule)} == faults(refused)
        assert (201, good) == (taken.status, taken.json[field])

    @pytest.mark.parametrize(
        "name,many", [("aliases", "a" * 256), ("tags", "t" * 65), ("aliases", ""), ("tags", " t")]
    )
    async def test_elements_have_bounds_too(self, api: Api, name: str, many: str) -> None:
        """The pointer of an element has its index."""
        refused = await api.post("/v1/skills", skill_body(**{name: ["fine", many]}))

        assert {f"/{name}/1"} == {error["pointer"] for error in refused.json["errors"]}

    async def test_lists_of_references_hold_as_many_as_the_contract_says(self, api: Api) -> None:
        """500 required skills, 200 skills and 50 parents are taken, one more is 422."""
        lines = [{"kind": "skill", "external_id": f"s{n}"} | skill_body() for n in range(501)]
        done = await api.send(
            "POST",
            "/v1/imports",
            raw=b"\n".join(json.dumps(line).encode() for line in lines),
            headers={"Content-Type": "application/x-ndjson"},
        )
        ids = [json.loads(line).get("id") for line in done.body.splitlines()][:501]
        role = await api.create("job_role")
        industry = await api.made("industry")
        place = {"job_role_id": role.json["id"], "industry_id": industry["id"]}
        by_name = [{"external_id": f"s{n}"} for n in range(501)]

        for kind, field, values, most, own in (
            ("job_role", "required_skills", by_name, 500, {}),
            ("agent", "skill_ids", ids, 200, place),
            ("skill", "parent_ids", ids, 50, {}),
        ):
            taken = await api.create(kind, **own, **{field: values[:most]})
            assert (201, most) == (taken.status, len(taken.json[field])), taken.body[:300]
            refused = await api.create(kind, **own, **{field: values[: most + 1]})
            assert {(f"/{field}", "max-length")} == faults(refused)

    @pytest.mark.parametrize(
        "kind,field",
        [
            ("skill", "name"),
            ("skill", "description"),
            ("skill", "category"),
            ("job_role", "description"),
            ("team", "job_role_id"),
            ("team", "industry_id"),
            ("agent", "job_role_id"),
            ("agent", "industry_id"),
            ("industry", "name"),
        ],
    )
    async def test_what_is_required_is_asked_for(self, api: Api, kind: str, field: str) -> None:
        """A member that has to be there is named, whether it is absent or null."""
        body = await api.body(kind)
        null = await api.post(PATHS[kind], {**body, field: None})
        del body[field]
        absent = await api.post(PATHS[kind], body)

        assert {(f"/{field}", "required")} == faults(absent)
        assert {(f"/{field}", "type")} == faults(null)

    @pytest.mark.parametrize("kind", NAMES)
    async def test_read_only_fields_are_refused(self, api: Api, kind: str) -> None:
        """Nobody sets id, status, version, times or the accountable agent."""
        own = {"id", "entity_type", "status", "version", "created_at", "updated_at"}
        own |= {"governance_agent_id", "embedding_sha256", "tenant_id"}
        answer = await api.post(PATHS[kind], {**await api.body(kind), **dict.fromkeys(own, "1")})

        assert 422 == answer.status
        assert {(f"/{name}", "unknown-field") for name in own} == faults(answer)

    async def test_a_key_without_write_is_403(self, api: Api) -> None:
        """The refusal names the scope that is missing."""
        answer = await api.by(api.tenant.reader).post("/v1/skills", skill_body())

        assert (403, "scope-missing") == (answer.status, answer.problem)
        assert "write" == answer.json["required_scope"]
        assert "write" in answer.json["detail"]

    async def test_the_query_has_no_parameters(self, api: Api) -> None:
        """A parameter that does nothing is refused, not ignored."""
        answer = await api.post("/v1/skills?dry_run=1", skill_body())

        assert (400, "unknown-parameter") == (answer.status, answer.problem)


class TestCreateConflicts:
    """What is taken: 409, with who has it when the caller may see that."""

    @pytest.mark.parametrize(
        "first,second", [("Straße", "STRASSE"), ("ﬁle", "FILE"), ("Å", "A\u030a"), ("x", "X")]
    )
    async def test_a_name_is_taken_whatever_its_case_and_form(
        self, api: Api, first: str, second: str
    ) -> None:
        """Names are compared by case folding and NFKC; the holder is named."""
        held = await api.post("/v1/skills", skill_body(name=first))
        answer = await api.post("/v1/skills", skill_body(name=second))

        assert (409, "name-taken") == (answer.status, answer.problem)
        assert held.json["id"] == answer.json["existing_id"]
        assert {("/name", "name-taken")} == faults(answer)

    async def test_each_kind_has_its_names(self, api: Api) -> None:
        """A team may be called as a skill is."""
        name = unique("same")
        for kind in NAMES:
            assert 201 == (await api.create(kind, name=name)).status

    async def test_an_archived_name_is_free(self, api: Api) -> None:
        """A name comes free with the archive, an external id does not."""
        held = await api.made("skill", "archived", name="gone", external_id="kept")
        name = await api.post("/v1/skills", skill_body(name="gone"))
        external = await api.post("/v1/skills", skill_body(external_id="kept"))

        assert 201 == name.status
        assert (409, "external-id-taken") == (external.status, external.problem)
        assert held["id"] == external.json["existing_id"]

    async def test_industries_repeat_names_from_level_to_level(self, api: Api) -> None:
        """The name of an industry is unique within scheme and level."""
        one = {"scheme": "NACE", "code": "A", "level": 1}
        held = await api.post("/v1/industries", industry_body(name="Farming", **one))
        deeper = {"scheme": "NACE", "code": "A1", "level": 2}
        other = await api.post("/v1/industries", industry_body(name="Farming", **deeper))
        plain = await api.post("/v1/industries", industry_body(name="Farming"))
        taken = await api.post(
            "/v1/industries", industry_body(name="farming", **(one | {"code": "B"}))
        )
        unscoped = await api.post("/v1/industries", industry_body(name="FARMING"))

        assert (201, 201, 201) == (held.status, other.status, plain.status)
        assert (409, held.json["id"]) == (taken.status, taken.json["existing_id"])
        assert (409, plain.json["id"]) == (unscoped.status, unscoped.json["existing_id"])

    async def test_a_code_is_taken(self, api: Api) -> None:
        """Scheme and code are unique together, and the holder is named."""
        one = {"scheme": "NACE", "code": "A", "level": 1}
        held = await api.post("/v1/industries", industry_body(**one))
        answer = await api.post("/v1/industries", industry_body(**(one | {"level": 2})))

        assert (409, "code-taken") == (answer.status, answer.problem)
        assert held.json["id"] == answer.json["existing_id"]
        assert {("/code", "code-taken")} == faults(answer)

    @pytest.mark.parametrize(
        "held,wanted,slug",
        [
            ({"name": "secret plan"}, {"name": "Secret Plan"}, "name-taken"),
            ({"external_id": "x-1"}, {"external_id": "x-1"}, "external-id-taken"),
            (
                {"scheme": "S", "code": "1", "level": 1},
                {"scheme": "S", "code": "1", "level": 2},
                "code-taken",
            ),
        ],
    )
    async def test_the_draft_of_another_is_in_the_way_but_not_shown(
        self, api: Api, held: dict[str, Any], wanted: dict[str, Any], slug: str
    ) -> None:
        """The conflict is told without id and content of what is in the way."""
        hidden = await api.by(api.tenant.certifier).post(
            "/v1/industries", industry_body(description="hush", **held)
        )
        answer = await api.post("/v1/industries", industry_body(**wanted))

        assert (201, 409, slug) == (hidden.status, answer.status, answer.problem)
        assert {"type", "title", "status", "detail", "errors", "request_id"} == set(answer.json)
        assert answer.json["detail"].endswith(
            "You cannot see it: it may be another governance agent's draft."
        )
        for secret in (hidden.json["id"], "hush", "secret plan"):
            assert secret not in answer.body.decode()

    async def test_another_tenant_is_not_in_the_way(self, api: Api, other_tenant: Tenant) -> None:
        """Names, external ids and codes are each tenant's own."""
        body = industry_body(name="n", external_id="e", scheme="s", code="c", level=1)
        assert 201 == (await api.of(other_tenant).post("/v1/industries", body)).status
        assert 201 == (await api.post("/v1/industries", body)).status


REFERENCES = [
    ("skill", "parent_ids", "skill", lambda one: [one]),
    ("job_role", "industry_id", "industry", lambda one: one),
    ("job_role", "required_skills", "skill", lambda one: [{"id": one}]),
    ("team", "job_role_id", "job_role", lambda one: one),
    ("team", "industry_id", "industry", lambda one: one),
    ("agent", "job_role_id", "job_role", lambda one: one),
    ("agent", "industry_id", "industry", lambda one: one),
    ("agent", "team_id", "team", lambda one: one),
    ("agent", "skill_ids", "skill", lambda one: [one]),
]


class TestCreateReferences:
    """What an entity refers to is there and visible, or it is 409."""

    @pytest.mark.parametrize("kind,field,target,given", REFERENCES)
    async def test_what_is_hidden_looks_like_what_never_was(
        self,
        api: Api,
        other_tenant: Tenant,
        kind: str,
        field: str,
        target: str,
        given: Any,
    ) -> None:
        """A draft of another agent, an id of another tenant and no id give the same answer."""
        draft = await api.by(api.tenant.certifier).create(target)
        foreign = await api.of(other_tenant).create(target)
        wrong = await api.made("industry" if target == "skill" else "skill")
        body = await api.body(kind)
        answers = [
            await api.post(PATHS[kind], body | {field: given(one)}, Request_Id="same")
            for one in (draft.json["id"], foreign.json["id"], NEVER, wrong["id"])
        ]

        assert {409} == {answer.status for answer in answers}
        assert 1 == len({answer.body for answer in answers})
        assert "reference-not-found" == answers[0].problem
        (error,) = answers[0].json["errors"]
        assert error["pointer"].startswith(f"/{field}")
        assert "exists" == error["rule"]

    async def test_every_missing_reference_is_named(self, api: Api) -> None:
        """One answer lists all that is missing, each with its pointer."""
        there = (await api.made("skill"))["id"]
        body = await api.body("job_role", industry_id=NEVER, parent_ids=[NEVER])
        body["required_skills"] = [{"id": there}, {"id": NEVER}, {"external_id": "no"}]
        answer = await api.post("/v1/job-roles", body)

        assert {
            "/industry_id",
            "/parent_ids/0",
            "/required_skills/1/id",
            "/required_skills/2/external_id",
        } == {error["pointer"] for error in answer.json["errors"]}

    async def test_what_a_list_misses_is_named_in_its_order(self, api: Api) -> None:
        """However many there are, by id or by external id."""
        there = (await api.made("skill"))["id"]
        gone = [
            {"id": NEVER[:-2] + f"{n:02}"} if n % 3 else {"external_id": f"no-{n}"}
            for n in range(30)
        ]
        body = await api.body("job_role", required_skills=[*gone, {"id": there}])
        answer = await api.post("/v1/job-roles", body)

        assert [f"/required_skills/{n}/{'id' if n % 3 else 'external_id'}" for n in range(30)] == [
            error["pointer"] for error in answer.json["errors"]
        ]

    async def test_skills_are_named_by_external_id_too(self, api: Api) -> None:
        """The document shows the id; the relation is essential unless it is said."""
        one = await api.made("skill", external_id="a/b")
        two = await api.made("skill")
        wanted = [{"external_id": "a/b"}, {"id": two["id"], "relation": "optional"}]
        answer = await api.create("job_role", required_skills=wanted)

        assert (
            sorted(
                [
                    {"id": one["id"], "relation": "essential"},
                    {"id": two["id"], "relation": "optional"},
                ],
                key=lambda shown: str(shown["id"]),
            )
            == answer.json["required_skills"]
        )

    async def test_a_skill_named_twice_by_both_ids_is_refused(self, api: Api) -> None:
        """One pair has one relation, however the skill is named."""
        one = await api.made("skill", external_id="twice")
        wanted = [{"id": one["id"]}, {"external_id": "twice", "relation": "optional"}]
        answer = await api.create("job_role", required_skills=wanted)

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert {("/required_skills", "duplicate")} == faults(answer)
        assert "once by its id and once by its external_id" in answer.json["detail"]


class TestRead:
    """GET /v1/{kinds}/{id}."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_the_document_and_its_tag(self, api: Api, kind: str) -> None:
        """Everybody in the tenant with scope read reads what is no draft, byte for byte."""
        made = await api.raised(await api.create(kind), "under_review")
        answer = await api.by(api.tenant.reader).get(at(kind, made.json["id"]))

        assert (200, made.body, made.etag) == (answer.status, answer.body, answer.etag)
        assert "application/json" == answer.headers["Content-Type"]
        assert "private, no-cache" == answer.headers["Cache-Control"]
        assert "Audit-Entry" not in answer.headers

    async def test_if_none_match(self, api: Api) -> None:
        """304 without a body where a tag names the version, weakly too; else the document."""
        made = await api.create("skill")
        path = at("skill", made.json["id"])
        for given in (made.etag, f"W/{made.etag}", f'"a", {made.etag}', "*"):
            answer = await api.get(path, If_None_Match=given)
            assert (304, b"", made.etag) == (answer.status, answer.body, answer.etag)
        for given in ('"a"', f'W/"a", "{made.etag[1:-2]}"'):
            assert 200 == (await api.get(path, If_None_Match=given)).status
        answer = await api.get(path, If_None_Match="unquoted")
        assert (400, "malformed-request") == (answer.status, answer.problem)

    async def test_head_says_the_same_without_a_body(self, api: Api) -> None:
        """HEAD has the headers of GET."""
        made = await api.create("skill")
        path = at("skill", made.json["id"])
        got, head = await api.get(path), await api.send("HEAD", path)

        assert (200, b"", got.etag) == (head.status, head.body, head.etag)
        assert str(len(got.body)) == head.headers["Content-Length"]

    async def test_an_id_in_capitals_is_the_same(self, api: Api) -> None:
        """The case of a UUID does not count."""
        made = await api.create("skill")

        assert 200 == (await api.get(at("skill", made.json["id"].upper()))).status

    async def test_what_is_not_yours_is_not_there(self, api: Api, other_tenant: Tenant) -> None:
        """Draft of another, other tenant, other kind, no id, no UUID: one answer, 404."""
        draft = await api.by(api.tenant.certifier).create("skill")
        foreign = await api.of(other_tenant).made("skill", "under_review")
        kind = await api.made("industry")
        answers = [
            await api.get(at("skill", one), Request_Id="same")
            for one in (draft.json["id"], foreign["id"], kind["id"], NEVER)
        ]
        answers.append(await api.get("/v1/skills/not-a-uuid", Request_Id="same"))

        assert {404} == {answer.status for answer in answers}
        assert 1 == len({answer.body for answer in answers})
        assert "not-found" == answers[0].problem

    async def test_it_needs_scope_read(self, api: Api, actor_with: ActorWith) -> None:
        """No scope implies another."""
        others = await actor_with("write", "certify", "audit", "admin")
        answer = await api.by(others).get(at("skill", NEVER))

        assert (403, "read") == (answer.status, answer.json["required_scope"])

    async def test_it_takes_no_parameter(self, api: Api) -> None:
        """An unknown parameter is named."""
        answer = await api.get(at("skill", NEVER) + "?fields=name")

        assert (400, "fields") == (answer.status, answer.json["parameter"])


class TestReadMany:
    """GET /v1/entities?id=…&id=…."""

    async def test_documents_in_the_order_asked_and_what_is_missing(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """Kinds may be mixed; what is hidden is as missing as what never was."""
        made = {kind: await api.made(kind) for kind in NAMES}
        hidden = (await api.by(api.tenant.certifier).create("skill")).json["id"]
        foreign = (await api.of(other_tenant).create("skill")).json["id"]
        wanted = [made[kind]["id"] for kind in reversed(NAMES)]
        ids = [NEVER, wanted[0].upper(), hidden, *wanted[1:], foreign, wanted[0]]
        answer = await api.get("/v1/entities?" + "&".join(f"id={one}" for one in ids))

        assert 200 == answer.status
        assert [made[kind] for kind in reversed(NAMES)] == answer.json["items"]
        assert [NEVER, hidden, foreign] == answer.json["missing"]

    async def test_at_most_a_hundred(self, api: Api) -> None:
        """100 ids are taken, 101 are not, nor is none."""
        hundred = "&".join(f"id={uuid.uuid4()}" for _ in range(100))
        answers = [
            await api.get(f"/v1/entities?{query}")
            for query in (hundred, f"{hundred}&id={NEVER}", "", "id=x", "ids=1")
        ]

        assert [200, 400, 400, 400, 400] == [answer.status for answer in answers]
        assert 100 == len(answers[0].json["missing"])
        assert ["invalid-parameter"] * 3 + ["unknown-parameter"] == [
            answer.problem for answer in answers[1:]
        ]

    async def test_the_paths_name_all_kinds(self) -> None:
        """Paths have plurals with hyphens."""
        assert {"skills", "job-roles", "teams", "agents", "industries"} == set(KINDS)
