"""Entities by the ids that their callers gave them, over HTTP."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from service.model.kinds import BY_NAME
from tests.api import PATHS, Answer, Api
from tests.factories import Tenant, skill_body, unique

NAMES = tuple(BY_NAME)
NEW = {"If-None-Match": "*"}
VECTOR = [0.5] + [0.0] * 383


def at(kind: str, external_id: str) -> str:
    """Give the path of an entity."""
    return f"{PATHS[kind]}/by-external-id/{quote(external_id, safe='')}"


async def put(
    api: Api, kind: str, external_id: str, body: dict[str, Any], **headers: str
) -> Answer:
    """Send all of an entity."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.send("PUT", at(kind, external_id), body, headers=given)


class TestPut:
    """PUT /v1/{kinds}/by-external-id/{external_id}."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_creates_and_finds(self, api: Api, kind: str) -> None:
        """201 with its place; the same document by either id."""
        external_id = unique("own")
        made = await put(api, kind, external_id, await api.body(kind), If_None_Match="*")

        assert 201 == made.status, made.body
        assert (external_id, "draft") == (made.json["external_id"], made.json["status"])
        assert f"{PATHS[kind]}/{made.json['id']}" == made.headers["Location"]
        assert "Audit-Entry" in made.headers
        for path in (made.headers["Location"], at(kind, external_id)):
            found = await api.get(path)
            assert (200, made.body, made.etag) == (found.status, found.body, found.etag)

    async def test_each_kind_has_ids_of_its_own(self, api: Api) -> None:
        """What has the same id and is of another kind is neither found nor changed."""
        external_id = unique("own")
        bodies = {kind: await api.body(kind) for kind in NAMES}
        made = {
            kind: await put(api, kind, external_id, body, If_None_Match="*")
            for kind, body in bodies.items()
        }
        for kind, body in bodies.items():
            changed = {**body, "description": "Changed."}
            answer = await put(api, kind, external_id, changed, If_Match=made[kind].etag)
            assert (200, made[kind].json["id"]) == (answer.status, answer.json["id"]), answer.body
        assert [201] * len(NAMES) == [answer.status for answer in made.values()]

    @pytest.mark.parametrize("kind", NAMES)
    async def test_equal_content_makes_no_version(self, api: Api, kind: str) -> None:
        """Also in another order: the document as it is, under its tag, without an entry."""
        parents = [(await api.made(kind))["id"] for _ in range(2)]
        body = await api.body(kind, tags=["b", "a"], parent_ids=parents)
        external_id = unique("own")
        made = await put(api, kind, external_id, body, If_None_Match="*")
        other = {**body, "tags": ["a", "b"], "parent_ids": parents[::-1]}
        for sent in (body, other, {**body, "external_id": external_id}):
            answer = await put(api, kind, external_id, sent, If_Match=made.etag)
            assert (200, made.body) == (answer.status, answer.body)
            assert "Audit-Entry" not in answer.headers
            assert "Location" not in answer.headers
        versions = await api.get(f"{PATHS[kind]}/{made.json['id']}/versions")
        assert 1 == len(versions.json["items"])

    @pytest.mark.parametrize("kind", NAMES)
    async def test_replaces_all_of_it(self, api: Api, kind: str) -> None:
        """What is left out is emptied; custom_attributes are replaced, not merged."""
        body = await api.body(kind)
        full = {
            **body,
            "aliases": ["z"],
            "tags": ["t"],
            "custom_attributes": {"a": 1, "b": None},
            "governance_notes": "n",
        }
        external_id = unique("own")
        made = await put(api, kind, external_id, full, If_None_Match="*")
        bare = {**body, "custom_attributes": {"b": None, "c": [1.0]}}
        answer = await put(api, kind, external_id, bare, If_Match=made.etag)

        assert 200 == answer.status, answer.body
        assert made.json["version"] + 1 == answer.json["version"]
        emptied: dict[str, Any] = {"aliases": [], "tags": [], "governance_notes": None}
        assert emptied == {name: answer.json[name] for name in emptied}
        assert {"b": None, "c": [1.0]} == answer.json["custom_attributes"]
        assert "Audit-Entry" in answer.headers
        assert answer.body == (await api.get(at(kind, external_id))).body

    async def test_a_vector_that_is_left_out_stays(self, api: Api) -> None:
        """No document shows it, so nobody can send it back; null removes it."""
        body, external_id = skill_body(embedding_384=VECTOR), unique("own")
        made = await put(api, "skill", external_id, body, If_None_Match="*")
        del body["embedding_384"]
        same = await put(api, "skill", external_id, body, If_Match=made.etag)
        assert (200, made.body) == (same.status, same.body)
        gone = {**body, "embedding_384": None}
        answer = await put(api, "skill", external_id, gone, If_Match=made.etag)

        assert made.json["embedding_sha256"]
        assert answer.json["embedding_sha256"] is None

    async def test_one_condition_is_asked_for(self, api: Api) -> None:
        """428 without; both, or a tag where only * makes sense, are refused."""
        body, external_id = skill_body(), unique("own")
        for there in range(2):
            for headers, status, problem in (
                ({}, 428, "precondition-required"),
                ({"If-None-Match": '"1-x"'}, 428, "precondition-required"),
                ({"Idempotency-Key": "k"}, 428, "precondition-required"),
                ({**NEW, "If-Match": "*"}, 400, "malformed-request"),
            ):
                answer = await api.send(
                    "PUT", at("skill", external_id), body, headers=dict(headers)
                )
                assert (status, problem) == (answer.status, answer.problem)
            if not there:
                assert 201 == (await put(api, "skill", external_id, body, If_None_Match="*")).status

    async def test_conditions_are_kept(self, api: Api) -> None:
        """New where it is there, or changed since: 412 with the tag; where it is not: 404."""
        body, external_id = skill_body(), unique("own")
        absent = await put(api, "skill", external_id, body, If_Match="*")
        assert (404, "not-found") == (absent.status, absent.problem)
        made = await put(api, "skill", external_id, body, If_None_Match="*")
        other = {**body, "description": "Another."}
        for headers in (NEW, {"If-Match": '"9-ffffffffffffffff"'}, {"If-Match": f"W/{made.etag}"}):
            answer = await api.send("PUT", at("skill", external_id), other, headers=headers)
            assert (412, "precondition-failed") == (answer.status, answer.problem)
            assert made.etag == answer.json["current_etag"]
        assert made.body == (await api.get(at("skill", external_id))).body

    async def test_of_many_who_create_one_does(self, api: Api) -> None:
        """The others come too late: 412 with the tag of what is there."""
        external_id = unique("own")
        answers = await asyncio.gather(
            *(put(api, "skill", external_id, skill_body(), If_None_Match="*") for _ in range(8))
        )

        assert [201] + [412] * 7 == sorted(answer.status for answer in answers)
        found = await api.get(at("skill", external_id))
        assert {found.etag} == {
            answer.json["current_etag"] for answer in answers if answer.status == 412
        }

    async def test_of_many_who_change_one_does(self, api: Api) -> None:
        """Under one tag one change is made, and none is lost under *."""
        body, external_id = skill_body(), unique("own")
        made = await put(api, "skill", external_id, body, If_None_Match="*")
        bodies = [{**body, "description": f"The {n}."} for n in range(6)]
        answers = await asyncio.gather(
            *(put(api, "skill", external_id, one, If_Match=made.etag) for one in bodies)
        )
        assert [200] + [412] * 5 == sorted(answer.status for answer in answers)
        any_of = await asyncio.gather(
            *(put(api, "skill", external_id, one, If_Match="*") for one in bodies)
        )

        assert {200} == {answer.status for answer in any_of}
        last = await api.get(at("skill", external_id))
        newest = max(any_of, key=lambda one: one.json["version"])
        assert newest.body == last.body

    async def test_what_is_certified_is_amended(self, api: Api) -> None:
        """Certified content is refused with the amendment's place, tags change, equal is equal."""
        external_id, body = unique("own"), skill_body()
        made = await put(api, "skill", external_id, body, If_None_Match="*")
        active = await api.raised(made, "active")
        same = await put(api, "skill", external_id, body, If_Match=active.etag)
        assert (200, active.body) == (same.status, same.body)
        other = {**body, "description": "Another."}
        refused = await put(api, "skill", external_id, other, If_Match=active.etag)
        assert (409, "certified-is-immutable") == (refused.status, refused.problem)
        assert f"/v1/skills/{made.json['id']}/amendment" == refused.json["amendment"]
        tagged = await put(api, "skill", external_id, {**body, "tags": ["t"]}, If_Match="*")

        assert (200, ["t"], "active") == (tagged.status, tagged.json["tags"], tagged.json["status"])

    async def test_a_key_makes_it_once(self, api: Api) -> None:
        """The repeated request has the first answer, for either way of writing the path."""
        external_id, body = unique("a/b%c").replace(" ", "-"), skill_body()
        headers = {**NEW, "Idempotency-Key": "k"}
        first = await api.send("PUT", at("skill", external_id), body, headers=headers)
        assert 201 == first.status, first.body
        plain = f"/v1/skills/by-external-id/{external_id.replace('%', '%25')}"
        for path in (at("skill", external_id), plain):
            again = await api.send("PUT", path, body, headers=headers)

            assert (201, first.body) == (again.status, again.body)
            assert "true" == again.headers["Idempotency-Replayed"]

    async def test_a_key_changes_it_once(self, api: Api) -> None:
        """What is answered anew says so, and nothing else does."""
        external_id, body = unique("own"), skill_body()
        made = await put(api, "skill", external_id, body, If_None_Match="*")
        changed = {**body, "description": "Changed."}
        sent = [
            await put(api, "skill", external_id, one, If_Match=made.etag, Idempotency_Key=key)
            for one, key in ((body, "same"), (changed, "k"), (changed, "k"))
        ]

        assert [(200, 1), (200, 2), (200, 2)] == [(one.status, one.json["version"]) for one in sent]
        assert [None, None, "true"] == [one.headers.get("Idempotency-Replayed") for one in sent]

    async def test_a_dry_run_does_nothing(self, api: Api) -> None:
        """200 with what would be there, which is not."""
        external_id = unique("own")
        answer = await put(
            api, "skill", external_id, skill_body(), If_None_Match="*", Prefer="tx=rollback"
        )

        assert (200, external_id) == (answer.status, answer.json["external_id"])
        found = await api.get(at("skill", external_id))
        assert (404, "not-found") == (found.status, found.problem)

    async def test_what_is_taken_names_its_holder(self, api: Api) -> None:
        """A name that another one has, for a new entity and for a changed one."""
        held, body = await api.made("skill"), skill_body()
        made = await put(api, "skill", unique("own"), body, If_None_Match="*")
        taken = {**body, "name": held["name"]}
        for answer in (
            await put(api, "skill", unique("own"), taken, If_None_Match="*"),
            await put(api, "skill", made.json["external_id"], taken, If_Match=made.etag),
        ):
            assert (409, "name-taken") == (answer.status, answer.problem)
            assert held["id"] == answer.json["existing_id"]

    @pytest.mark.parametrize(
        "external_id,body,rule",
        [
            ("own", {"external_id": "other"}, "path"),
            ("x" * 256, {}, "max-length"),
            (" own", {}, "trimmed"),
            ("o\x01n", {}, "control-character"),
            ("o\nn", {}, "control-character"),
        ],
    )
    async def test_bad_ids_are_named(
        self, api: Api, external_id: str, body: dict[str, Any], rule: str
    ) -> None:
        """422 with the field; to GET there is no such thing."""
        answer = await put(api, "skill", external_id, skill_body(**body), If_None_Match="*")

        assert (422, "invalid-body") == (answer.status, answer.problem)
        assert [("/external_id", rule)] == [
            (one["pointer"], one["rule"]) for one in answer.json["errors"]
        ]
        assert 404 == (await api.get(at("skill", external_id))).status


@pytest.mark.parametrize(
    "external_id",
    ["versions", "a/b", "a%2Fb", "ä ö", "?#&=+", "diff", "..", "x" * 255, "%"],
)
async def test_any_id_finds_its_entity(api: Api, external_id: str) -> None:
    """Percent-encoded, whatever it has in it; also where the path looks like another one's."""
    made = await put(api, "skill", external_id, skill_body(), If_None_Match="*")
    assert 201 == made.status, made.body
    found = await api.get(at("skill", external_id))

    assert (200, external_id) == (found.status, found.json["external_id"])
    same = await api.get(at("skill", external_id), If_None_Match=found.etag)
    assert 304 == same.status


@pytest.mark.parametrize("sent", ["%FF", "a%C3", "%ED%A0%80", "%", "50%", "%zz"])
async def test_what_is_no_text_is_no_id(api: Api, sent: str) -> None:
    """400, and no entity gets the escape itself for its id."""
    path = f"{PATHS['skill']}/by-external-id/{sent}"
    found = await api.get(path)
    made = await api.send("PUT", path, skill_body(), headers={"If-None-Match": "*"})

    assert [(400, "malformed-request")] * 2 == [(one.status, one.problem) for one in (found, made)]


@pytest.mark.parametrize("kind", NAMES)
async def test_what_is_not_yours_is_not_there(api: Api, other_tenant: Tenant, kind: str) -> None:
    """Another tenant's is in nobody's way; of another agent's draft the id is taken."""
    external_id = unique("own")
    theirs = await api.of(other_tenant).create(kind, external_id=external_id)
    assert 201 == theirs.status
    answer = await api.get(at(kind, external_id))
    assert (404, "not-found") == (answer.status, answer.problem)
    hidden = await api.by(api.tenant.certifier).create(kind, external_id=external_id)
    assert 201 == hidden.status
    assert answer.json["detail"] == (await api.get(at(kind, external_id))).json["detail"]
    body = await api.body(kind)
    taken = await put(api, kind, external_id, body, If_None_Match="*")
    assert (409, "external-id-taken") == (taken.status, taken.problem)
    assert "existing_id" not in taken.json
    absent = await put(api, kind, external_id, body, If_Match="*")
    assert (404, "not-found") == (absent.status, absent.problem)
    for owner, made in ((api.of(other_tenant), theirs), (api.by(api.tenant.certifier), hidden)):
        assert made.body == (await owner.get(at(kind, external_id))).body
