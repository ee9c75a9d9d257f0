"""Receipts over HTTP: what proves one version to anyone, and who gets it."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.model.kinds import BY_NAME
from service.proof import tree
from service.proof.checkpoint import open_checkpoint
from service.proof.receipt import (
    check_receipt,
    check_tlog_proof,
    parse_receipt,
    parse_tlog_proof,
)
from tests.api import PATHS, Answer, Api
from tests.erasing import entry_of, erase
from tests.factories import ActorWith, Tenant
from tests.leader import Sealer

pytestmark = pytest.mark.database

NEVER = "01900000-0000-7000-8000-000000000000"
MEMBERS = [
    "audit_id", "entry", "salt", "document", "log_index", "position", "leaf", "proof", "checkpoint",
]  # fmt: skip
TILE = "UPDATE audit.tile SET nodes = $1 WHERE level = 0 AND index = 0"


def at(answer: Answer, more: str = "") -> str:
    """Give the path of the receipt of what was written."""
    kind = answer.json["entity_type"]
    return f"{PATHS[kind]}/{answer.json['id']}/receipt{more}"


def check(answer: Answer, sealer: Sealer) -> dict[str, Any]:
    """Check a receipt from its document to its signature; gives what it says.

    With the standard library up to the leaf; its place in the tree and the signature as a
    verifier does.
    """
    assert 200 == answer.status, answer.body
    said: dict[str, Any] = answer.json
    entry = json.loads(said["entry"])
    if said["document"] is not None:
        payload = bytes.fromhex(said["salt"]) + said["document"].encode()
        assert entry[9] == sha256(payload).hexdigest()
    leaf = json.loads(said["leaf"])
    hashed = sha256(said["entry"].encode()).hexdigest()
    assert ["plant-leaf/v1", entry[1], said["position"], hashed] == leaf[:4]
    assert json.dumps(leaf, separators=(",", ":")) == said["leaf"]
    root = sha256(b"\0" + said["leaf"].encode()).digest()
    signed = open_checkpoint(said["checkpoint"], sealer.keys)
    proof = [bytes.fromhex(one) for one in said["proof"]]
    tree.verify_inclusion(root, said["log_index"], signed.size, proof, signed.root)
    check_receipt(parse_receipt(answer.body), sealer.keys)
    return said


class TestReceipt:
    """GET /v1/{kinds}/{id}/receipt."""

    @pytest.mark.parametrize("kind", BY_NAME)
    async def test_proves_every_version(self, api: Api, sealer: Sealer, kind: str) -> None:
        """Of every kind: the bytes that were answered, by the entry that was named."""
        made = await api.create(kind)
        path = f"{PATHS[kind]}/{made.json['id']}"
        answers = [made, await api.patch(path, {"tags": ["x"]}, made.etag)]
        answers.append(await api.step(path, "under_review", answers[-1].etag))
        await sealer.seal()
        for version, written in enumerate(answers, 1):
            answer = await api.get(at(made, f"?version={version}"))
            said = check(answer, sealer)
            assert MEMBERS == list(said)
            assert written.body.decode() == said["document"]
            assert str(entry_of(written)) == said["audit_id"]
            hashed = sha256(said["entry"].encode()).hexdigest()
            assert written.headers["Audit-Entry"].endswith(f"hash={hashed}")
            entry = json.loads(said["entry"])
            assert [kind, made.json["id"], version] == entry[2:5]
            assert "private, no-cache" == answer.headers["Cache-Control"]

        assert (await api.get(at(made))).body == (await api.get(at(made, "?version=3"))).body

    async def test_a_larger_checkpoint_proves_it_too(self, api: Api, sealer: Sealer) -> None:
        """A receipt is made for the latest checkpoint, whenever it is asked for."""
        made = await api.create("skill")
        await sealer.seal()
        first = check(await api.get(at(made)), sealer)
        for _ in range(3):
            await api.create("skill")
            await sealer.seal()
            later = check(await api.get(at(made)), sealer)
            assert first["checkpoint"] != later["checkpoint"]
            assert first["leaf"] == later["leaf"]

    async def test_the_leaf_leads_through_the_whole_history(self, api: Api, sealer: Sealer) -> None:
        """The leaf hash before it, in the leaf, is that of the list of entries."""
        made = [await api.create("skill") for _ in range(3)][-1]
        await sealer.seal()
        items = (await api.get("/v1/audit/entries")).json["items"]
        said = check(await api.get(at(made)), sealer)

        assert items[-1]["tenant_prev"] == json.loads(said["leaf"])[4]
        assert items[-2]["leaf_hash"] == items[-1]["tenant_prev"]
        assert (3, items[-1]["log_index"]) == (said["position"], said["log_index"])

    async def test_head_is_answered_as_get(self, api: Api, sealer: Sealer) -> None:
        """The same head without a body."""
        made = await api.create("skill")
        await sealer.seal()
        answer, head = await api.get(at(made)), await api.send("HEAD", at(made))

        assert (200, b"") == (head.status, head.body)
        assert str(len(answer.body)) == head.headers["Content-Length"]

    async def test_of_what_was_erased_has_no_document(
        self, api: Api, sealer: Sealer, superuser: asyncpg.Connection
    ) -> None:
        """The entry is proven as ever; the hash in it is all that is left of the document."""
        made = await api.create("skill")
        await sealer.seal()
        before = check(await api.get(at(made)), sealer)
        await erase(superuser, entry_of(made))
        after = check(await api.get(at(made)), sealer)

        assert before | {"salt": None, "document": None} == after

    async def test_as_a_text(self, api: Api, sealer: Sealer) -> None:
        """`Accept: text/plain` gives a tlog-proof, whose extra data is the leaf."""
        made = await api.create("skill")
        await sealer.seal()
        said = check(await api.get(at(made)), sealer)
        for accept in ("text/plain", "text/*", "application/xml, text/plain;q=0.5"):
            answer = await api.get(at(made), Accept=accept)
            assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
            assert "Accept" == answer.headers["Vary"]
            text = answer.body.decode()
            assert text.startswith("c2sp.org/tlog-proof@v1\n")
            check_tlog_proof(text, sealer.keys)
            taken = parse_tlog_proof(text)
            assert (said["log_index"], said["leaf"].encode()) == (taken.index, taken.extra)
            assert said["checkpoint"] == taken.checkpoint

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", ""])
    async def test_as_json_otherwise(self, api: Api, sealer: Sealer, accept: str) -> None:
        """JSON is what is taken where both are."""
        made = await api.create("skill")
        await sealer.seal()

        answer = await api.get(at(made), Accept=accept)
        assert "application/json" == answer.headers["Content-Type"]

    async def test_in_no_other_form(self, api: Api, sealer: Sealer) -> None:
        """406 names the two that there are."""
        made = await api.create("skill")
        await sealer.seal()
        answer = await api.get(at(made), Accept="application/cbor, text/html")

        assert (406, "not-acceptable") == (answer.status, answer.problem)
        assert ["application/json", "text/plain"] == answer.json["offered"]


class TestWhoMay:
    """Whose receipts one gets: those of what one may read."""

    async def test_what_is_not_there_is_404(
        self, api: Api, sealer: Sealer, other_tenant: Tenant
    ) -> None:
        """Another's draft, another tenant, another kind, no such version, no id: all the same."""
        made = await api.create("skill")
        identity = made.json["id"]
        await sealer.seal()
        for who, path in (
            (api.by(api.tenant.certifier), f"/v1/skills/{identity}/receipt"),
            (api.of(other_tenant), f"/v1/skills/{identity}/receipt"),
            (api, f"/v1/teams/{identity}/receipt"),
            (api, f"/v1/skills/{NEVER}/receipt"),
            (api, "/v1/skills/x/receipt"),
        ):
            answer = await who.get(path)
            assert (404, "not-found") == (answer.status, answer.problem)
            kind = path.split("/")[2].removesuffix("s")
            assert f"No {kind} with this id is visible to you." == answer.json["detail"]
            numbered = await who.get(f"{path}?version=1&wait=1")
            assert 404 == numbered.status
        answer = await api.get(at(made, "?version=2"))
        assert 404 == answer.status
        assert "No version 2 of the skill with this id is visible to you." == answer.json["detail"]
        assert 200 == (await api.get(f"/v1/skills/{identity.upper()}/receipt")).status

    async def test_a_version_that_was_a_draft_stays_hidden(self, api: Api, sealer: Sealer) -> None:
        """Others get what they may read: the version in review, not those before and after."""
        made = await api.create("skill")
        certifier = api.by(api.tenant.certifier)
        path = f"/v1/skills/{made.json['id']}"
        await api.step(path, "under_review", made.etag)
        await certifier.step(path, "draft", "*")
        await sealer.seal()
        found = [
            (await certifier.get(f"{path}/receipt{more}")).status
            for more in ("?version=1", "?version=2", "?version=3", "")
        ]

        # The present version is hidden, and none of before stands in for it.
        assert [404, 200, 404, 404] == found
        assert 200 == (await api.get(f"{path}/receipt")).status

    async def test_it_needs_scope_read(self, api: Api, actor_with: ActorWith) -> None:
        """No scope implies another."""
        made = await api.create("skill")
        writer = api.by(await actor_with("write", "certify", "audit", "admin"))
        refused = await writer.get(at(made))

        assert (403, "read") == (refused.status, refused.json["required_scope"])
        assert 401 == (await api.send("GET", at(made), headers={"Authorization": None})).status

    @pytest.mark.parametrize(
        "query,slug,parameter",
        [
            ("version=0", "invalid-parameter", "version"),
            ("version=x", "invalid-parameter", "version"),
            ("version=2147483648", "invalid-parameter", "version"),
            ("version=1&version=1", "invalid-parameter", "version"),
            ("wait=-1", "invalid-parameter", "wait"),
            ("wait=31", "invalid-parameter", "wait"),
            ("wait=0.5", "invalid-parameter", "wait"),
            ("wait=1s", "invalid-parameter", "wait"),
            ("wait=", "invalid-parameter", "wait"),
            ("wait=1&wait=1", "invalid-parameter", "wait"),
            ("as_of=2025-03-01T12:00:00Z", "unknown-parameter", "as_of"),
        ],
    )
    async def test_refuses_what_it_cannot_read(
        self, api: Api, query: str, slug: str, parameter: str
    ) -> None:
        """Unknown and repeated parameters, and what is no whole number within its bounds."""
        made = await api.create("skill")
        answer = await api.get(at(made, f"?{query}"))

        assert (400, slug, parameter) == (
            answer.status,
            answer.problem,
            answer.json["parameter"],
        )


class TestDamage:
    """A receipt that proves nothing is not given out."""

    async def test_a_damaged_tile_is_no_receipt(
        self, api: Api, sealer: Sealer, superuser: asyncpg.Connection
    ) -> None:
        """500 until it is mended; what was damaged is not remembered."""
        made = await api.create("skill")
        other = await api.create("skill")
        await sealer.seal()
        place = 32 * check(await api.get(at(other)), sealer)["log_index"]
        await api.create("skill")
        await sealer.seal()
        good = await superuser.fetchval(
            "SELECT nodes FROM audit.tile WHERE level = 0 AND index = 0"
        )
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        try:
            await tampered(superuser, bad)
            refused = await api.get(at(made))
        finally:
            await tampered(superuser, good)

        assert (500, "defect") == (refused.status, refused.problem)
        check(await api.get(at(made)), sealer)
        check(await api.get(at(other)), sealer)

    async def test_an_entry_that_was_changed_is_no_receipt(
        self, api: Api, sealer: Sealer, superuser: asyncpg.Connection
    ) -> None:
        """The leaf that follows from it is not the one in the tree."""
        made = await api.create("skill")
        await sealer.seal()
        try:
            await renamed(superuser, entry_of(made), "certify")
            refused = await api.get(at(made))
        finally:
            await renamed(superuser, entry_of(made), "create")

        assert 500 == refused.status
        check(await api.get(at(made)), sealer)


async def renamed(superuser: asyncpg.Connection, audit: UUID, operation: str) -> None:
    """Write over what an entry says was done, beneath its trigger."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.entry DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.entry SET operation = $2 WHERE audit_id = $1", audit, operation
        )
        await superuser.execute("ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only")


async def tampered(superuser: asyncpg.Connection, nodes: bytes) -> None:
    """Write over a tile beneath its triggers."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.tile DISABLE TRIGGER USER")
        await superuser.execute(TILE, nodes)
        await superuser.execute("ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_10_growth")
        await superuser.execute("ALTER TABLE audit.tile ENABLE ALWAYS TRIGGER tile_append_only")
