"""Receipts of amendments over HTTP: every write to one can be proven, by whoever may see it."""

import json
from typing import Any

import pytest

from service.model.kinds import BY_NAME
from service.repository.base import Repository
from tests.api import Answer, Api
from tests.erasing import entry_of, erased
from tests.factories import ActorWith, Tenant
from tests.http.test_amendments import at, in_force, of, opened, propose, step, withdraw
from tests.http.test_history import asked
from tests.http.test_receipts import MEMBERS, check
from tests.http.test_receipts_waiting import waiting
from tests.leader import Sealer

pytestmark = pytest.mark.database

NEVER = "01900000-0000-7000-8000-000000000000"


def receipt(made: Answer, *, open_one: bool = False, **query: Any) -> str:
    """Give the path of the receipt of an amendment, by its id unless the open one is meant."""
    named = {} if open_one else {"amendment_id": made.json["amendment_id"]}
    return asked(f"{of(made.json)}/receipt", **named, **query)


async def missing(api: Api, path: str) -> str:
    """Make sure that nothing is there; gives the words."""
    answer = await api.get(path)
    assert (404, "not-found") == (answer.status, answer.problem), answer.body
    detail: str = answer.json["detail"]
    return detail


class TestReceipt:
    """GET /v1/{kinds}/{id}/amendment/receipt."""

    @pytest.mark.parametrize("kind", BY_NAME)
    async def test_proves_every_version(self, api: Api, sealer: Sealer, kind: str) -> None:
        """Of every kind, open or closed: the bytes that were answered, by the entry named."""
        answers = [await propose(api, await api.get(at((await api.world())[kind])))]
        answers.append(await propose(api, answers[-1], {"tags": ["x"]}))
        answers.append(await step(api, answers[-1], "under_review"))
        await sealer.seal()
        present = check(await api.get(receipt(answers[-1], open_one=True)), sealer)
        answers.append(await step(api.by(api.tenant.certifier), answers[-1], "rejected"))
        await sealer.seal()
        for version, written in enumerate(answers, 1):
            answer = await api.get(receipt(answers[0], version=version))
            said = check(answer, sealer)
            entry = json.loads(said["entry"])
            assert MEMBERS == list(said)
            assert written.body.decode() == said["document"]
            assert str(entry_of(written)) == said["audit_id"]
            assert ["amendment", written.json["amendment_id"], version] == entry[2:5]
            assert "private, no-cache" == answer.headers["Cache-Control"]

        assert answers[2].body.decode() == present["document"]
        last = await api.get(receipt(answers[0]))
        assert last.body == (await api.get(receipt(answers[0], version=4))).body

    async def test_of_a_certification(self, api: Api, sealer: Sealer) -> None:
        """Both of its entries can be proven: the amendment's here, the entity's there."""
        done = await opened(api, "certified")
        await sealer.seal()
        certifier = api.by(api.tenant.certifier)
        said = check(await certifier.get(receipt(done)), sealer)
        entity = check(await certifier.get(f"{at(done.json)}/receipt"), sealer)

        assert str(entry_of(done)) == said["audit_id"]
        assert "certify" == json.loads(said["entry"])[5] == json.loads(entity["entry"])[5]
        assert done.json["id"] == json.loads(entity["entry"])[3]

    async def test_of_a_withdrawal(self, api: Api, sealer: Sealer) -> None:
        """What is answered with 204 has an entry too."""
        made = await opened(api)
        gone = await withdraw(api, of(made.json), made.etag)
        await sealer.seal()
        said = check(await api.get(receipt(made)), sealer)

        assert (204, str(entry_of(gone))) == (gone.status, said["audit_id"])
        assert "withdrawn" == json.loads(said["document"])["status"]

    async def test_each_amendment_has_its_own(self, api: Api, sealer: Sealer) -> None:
        """Without an id it is the open one, whatever was before it."""
        first = await opened(api)
        await withdraw(api, of(first.json), first.etag)
        assert "No open amendment" in await missing(api, receipt(first, open_one=True))
        second = await propose(api, await api.get(at(first.json)), {"tags": ["second"]})
        await sealer.seal()
        meant = check(await api.get(receipt(second, open_one=True)), sealer)
        before = check(await api.get(receipt(first, version=1)), sealer)

        assert second.body.decode() == meant["document"]
        assert first.body.decode() == before["document"]

    async def test_who_comes_early_waits_or_is_told(self, api: Api, sealer: Sealer) -> None:
        """202 as for an entity, and the receipt once it is sealed."""
        made = await opened(api)
        waiting(await api.get(receipt(made)))
        await sealer.place()
        placed = await api.get(receipt(made, wait=1))
        waiting(placed, placed.json["position"])
        await sealer.seal()

        assert 200 == (await api.get(receipt(made, wait=1))).status

    async def test_as_a_text(self, api: Api, sealer: Sealer) -> None:
        """As a tlog-proof, and in no third form."""
        made = await opened(api)
        await sealer.seal()
        text = await api.get(receipt(made), Accept="text/plain")
        other = await api.get(receipt(made), Accept="text/html")

        assert text.body.startswith(b"c2sp.org/tlog-proof@v1\n")
        assert (406, "not-acceptable") == (other.status, other.problem)


class TestWhoMay:
    """Whose receipts one gets: those of amendments that one may see."""

    @pytest.mark.parametrize("named", [True, False])
    async def test_a_draft_is_its_author_s(
        self, api: Api, sealer: Sealer, other_tenant: Tenant, *, named: bool
    ) -> None:
        """As the amendment itself: under review the tenant's, taken back the author's again."""
        made = await opened(api)
        await sealer.seal()
        path = receipt(made, open_one=not named)
        certifier, stranger = api.by(api.tenant.certifier), api.of(other_tenant)
        found = [(await who.get(path)).status for who in (api, certifier, stranger)]
        submitted = await step(api, made, "under_review")
        await sealer.seal()
        found += [(await who.get(path)).status for who in (api, certifier, stranger)]
        first = receipt(made, open_one=not named, version=1)
        drafts = [(await who.get(first)).status for who in (api, certifier, stranger)]
        await step(api, submitted, "draft")
        await sealer.seal()
        found += [(await who.get(path)).status for who in (api, certifier, stranger)]

        assert [200, 404, 404, 200, 200, 404, 200, 404, 404] == found
        assert [200, 404, 404] == drafts
        assert 404 == (await certifier.get(of(made.json))).status

    async def test_what_is_not_there_is_404(self, api: Api, sealer: Sealer) -> None:
        """No amendment, another entity's, no such version, another kind, no id."""
        made = await opened(api)
        await sealer.seal()
        bare = await in_force(api)
        named = {"amendment_id": made.json["amendment_id"]}
        of_bare = f"{of(bare.json)}/receipt"
        by_id = "No amendment of this skill with this id is visible to you."

        assert "No open amendment of this skill is visible to you." == await missing(api, of_bare)
        assert by_id == await missing(api, asked(of_bare, **named))
        assert by_id == await missing(
            api, asked(f"{of(made.json)}/receipt", amendment_id=made.json["id"])
        )
        assert "No version 2 of the amendment of this skill is visible to you." == await missing(
            api, receipt(made, version=2)
        )
        other = receipt(made).replace("/skills/", "/teams/")
        assert by_id.replace("skill", "team") == await missing(api, other)
        await missing(api, f"/v1/skills/{NEVER}/amendment/receipt")
        await missing(api, "/v1/skills/x/amendment/receipt")
        upper = receipt(made).replace(named["amendment_id"], named["amendment_id"].upper())
        assert 200 == (await api.get(upper)).status

    async def test_it_needs_scope_read(self, api: Api, actor_with: ActorWith) -> None:
        """No scope implies another."""
        made = await opened(api)
        refused = await api.by(await actor_with("write", "certify", "audit")).get(receipt(made))

        assert (403, "read") == (refused.status, refused.json["required_scope"])

    @pytest.mark.parametrize(
        "query,slug,parameter",
        [
            ("amendment_id=x", "invalid-parameter", "amendment_id"),
            ("amendment_id=", "invalid-parameter", "amendment_id"),
            (f"amendment_id={NEVER}&amendment_id={NEVER}", "invalid-parameter", "amendment_id"),
            ("version=0", "invalid-parameter", "version"),
            ("wait=31", "invalid-parameter", "wait"),
            ("as_of=2025-03-01T12:00:00Z", "unknown-parameter", "as_of"),
        ],
    )
    async def test_refuses_what_it_cannot_read(
        self, api: Api, query: str, slug: str, parameter: str
    ) -> None:
        """Unknown and repeated parameters, and what is no id or number."""
        answer = await api.get(f"/v1/skills/{NEVER}/amendment/receipt?{query}")

        assert (400, slug, parameter) == (
            answer.status,
            answer.problem,
            answer.json["parameter"],
        )


async def test_of_what_was_erased_has_no_document(
    api: Api, sealer: Sealer, repository: Repository
) -> None:
    """The entity's erasure reaches its amendments: they are proven as ever, without a text."""
    made = await opened(api)
    await withdraw(api, of(made.json), made.etag)
    await sealer.seal()
    before = check(await api.get(receipt(made, version=1)), sealer)
    await erased(repository, api.tenant.author, "skill", made.json["id"])
    await sealer.seal()
    after = check(await api.get(receipt(made, version=1)), sealer)
    last = check(await api.get(receipt(made)), sealer)

    assert (None, None, before["entry"]) == (after["salt"], after["document"], after["entry"])
    assert ["amendment", made.json["amendment_id"], 3, "erase"] == json.loads(last["entry"])[2:6]
