"""The tenant's log over HTTP: every entry in order, and all that its chain is made from."""

import json
from hashlib import sha256
from typing import Any

import pytest

from tests.api import PATHS, Answer, Api
from tests.erasing import entry_of
from tests.factories import ActorWith, Tenant
from tests.leader import Sealer

pytestmark = pytest.mark.database

ENTRIES = "/v1/audit/entries"
MEMBERS = ["position", "log_index", "audit_id", "entry", "tenant_prev", "leaf_hash"]


def leaf_hash(tenant: str, item: dict[str, Any], before: str) -> str:
    """Compute the hash of a leaf from what the contract says, with the standard library alone."""
    entry = sha256(item["entry"].encode()).hexdigest()
    array = ["plant-leaf/v1", tenant, item["position"], entry, before]
    leaf = json.dumps(array, separators=(",", ":")).encode()
    return sha256(b"\0" + leaf).hexdigest()


async def whole(api: Api, query: str = "limit=200") -> list[dict[str, Any]]:
    """List the whole log, page by page."""
    items: list[dict[str, Any]] = []
    answer = await api.get(f"{ENTRIES}?{query}")
    while True:
        assert 200 == answer.status, answer.body
        items += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return items
        answer = await api.get(f"{ENTRIES}?{query}&cursor={answer.json['next_cursor']}")


async def written(api: Api) -> list[Answer]:
    """Write five entries: two skills, one of which moves on, and a change of the other."""
    first = await api.create("skill")
    second = await api.create("skill")
    path = f"{PATHS['skill']}/{first.json['id']}"
    third = await api.step(path, "under_review", first.etag)
    fourth = await api.by(api.tenant.certifier).step(path, "certified", third.etag)
    fifth = await api.patch(f"{PATHS['skill']}/{second.json['id']}", {"tags": ["x"]}, second.etag)
    return [first, second, third, fourth, fifth]


async def test_every_entry_is_there_in_order(api: Api, sealer: Sealer) -> None:
    """As many as were written, by their ids and hashes, from position 1 without a gap."""
    answers = await written(api)
    await sealer.seal()
    items = await whole(api)

    assert [str(entry_of(one)) for one in answers] == [item["audit_id"] for item in items]
    assert [1, 2, 3, 4, 5] == [item["position"] for item in items]
    assert all(MEMBERS == list(item) for item in items)
    for answer, item in zip(answers, items, strict=True):
        hashed = sha256(item["entry"].encode()).hexdigest()
        assert answer.headers["Audit-Entry"].endswith(f"hash={hashed}")
    indexes = [item["log_index"] for item in items]
    assert sorted(set(indexes)) == indexes


async def test_the_chain_can_be_made_again(api: Api, sealer: Sealer) -> None:
    """Each leaf hash follows from the entry, its position and the leaf hash before."""
    await written(api)
    await sealer.seal()
    before = "0" * 64
    for item in await whole(api):
        assert before == item["tenant_prev"]
        before = leaf_hash(str(api.tenant.id), item, before)
        assert before == item["leaf_hash"]

    assert before != "0" * 64


async def test_what_has_no_place_yet_is_not_listed(api: Api, sealer: Sealer) -> None:
    """Neither before it is placed, nor a gap for it; sealed it need not be."""
    await written(api)
    assert [] == await whole(api)
    await sealer.place()
    assert 5 == len(await whole(api))
    await api.create("skill")

    assert 5 == len(await whole(api))


async def test_drafts_of_others_are_there_without_content(api: Api, sealer: Sealer) -> None:
    """The auditor of the tenant sees that there is something, and that it hashes."""
    made = await api.create("skill", description="Secret.")
    await sealer.seal()
    certifier = api.by(api.tenant.certifier)
    refused = await certifier.get(ENTRIES)
    (item,) = await whole(api)

    assert 403 == refused.status
    assert made.json["id"] in item["entry"]
    assert "Secret" not in json.dumps(item)


async def test_nothing_of_another_tenant_is_there(
    api: Api, sealer: Sealer, other_tenant: Tenant
) -> None:
    """Each has positions of its own from 1, and cursors that the other cannot use."""
    other = api.of(other_tenant)
    mine = [await api.create("skill") for _ in range(2)]
    await other.create("skill")
    await sealer.seal()
    listed = await api.get(f"{ENTRIES}?limit=1")
    stolen = await other.get(f"{ENTRIES}?limit=1&cursor={listed.json['next_cursor']}")
    items, theirs = await whole(api), await whole(other)

    assert [str(entry_of(one)) for one in mine] == [item["audit_id"] for item in items]
    assert [1] == [item["position"] for item in theirs]
    assert (400, "invalid-cursor") == (stolen.status, stolen.problem)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
async def test_pages_join_without_a_seam(api: Api, sealer: Sealer, limit: int) -> None:
    """Whatever the size of a page, cursors and positions lead through the same entries."""
    await written(api)
    await sealer.seal()
    items = await whole(api)
    behind: list[dict[str, Any]] = []
    while page := (await api.get(f"{ENTRIES}?limit={limit}&after={len(behind)}")).json["items"]:
        behind += page
    first = await api.get(f"{ENTRIES}?limit={limit}")
    more = first.json["next_cursor"]

    assert items == await whole(api, f"limit={limit}")
    assert items == behind
    assert (limit < 5) == (more is not None) == ("Link" in first.headers)
    if more:
        link = f'<{ENTRIES}?limit={limit}&cursor={more}>; rel="next"'
        assert link == first.headers["Link"]
    assert "private, no-cache" == first.headers["Cache-Control"]


async def test_behind_the_end_there_is_nothing(api: Api, sealer: Sealer) -> None:
    """A reader who has everything gets an empty page, and later what came since."""
    await written(api)
    await sealer.seal()
    for after in (5, 6, 2**63 - 1):
        answer = await api.get(f"{ENTRIES}?after={after}")
        assert b'{"items":[],"next_cursor":null}' == answer.body
    made = await api.create("skill")
    await sealer.seal()
    (item,) = (await api.get(f"{ENTRIES}?after=5")).json["items"]

    assert (6, str(entry_of(made))) == (item["position"], item["audit_id"])


async def test_head_is_answered_as_get(api: Api, sealer: Sealer) -> None:
    """The same head without a body."""
    await written(api)
    await sealer.seal()
    answer, head = await api.get(ENTRIES), await api.send("HEAD", ENTRIES)

    assert (200, b"") == (head.status, head.body)
    assert str(len(answer.body)) == head.headers["Content-Length"]


async def test_it_needs_scope_audit(api: Api, actor_with: ActorWith) -> None:
    """No other scope implies it."""
    others = api.by(await actor_with("read", "write", "certify", "admin"))
    refused = await others.get(ENTRIES)

    assert (403, "audit") == (refused.status, refused.json["required_scope"])
    assert 200 == (await api.by(await actor_with("audit")).get(ENTRIES)).status
    assert 401 == (await api.send("GET", ENTRIES, headers={"Authorization": None})).status


@pytest.mark.parametrize(
    "query,slug,parameter",
    [
        ("after=-1", "invalid-parameter", "after"),
        ("after=", "invalid-parameter", "after"),
        ("after=x", "invalid-parameter", "after"),
        (f"after={2**63}", "invalid-parameter", "after"),
        ("after=1&after=1", "invalid-parameter", "after"),
        ("after=1&cursor=x", "invalid-parameter", "after"),
        ("limit=0", "invalid-parameter", "limit"),
        ("limit=201", "invalid-parameter", "limit"),
        ("as_of=2025-03-01T12:00:00Z", "unknown-parameter", "as_of"),
        ("position=1", "unknown-parameter", "position"),
    ],
)
async def test_refuses_what_it_cannot_read(api: Api, query: str, slug: str, parameter: str) -> None:
    """Unknown, repeated and contradicting parameters, and what is no number."""
    answer = await api.get(f"{ENTRIES}?{query}")

    assert (400, slug, parameter) == (answer.status, answer.problem, answer.json["parameter"])


async def test_refuses_a_cursor_that_is_none_of_its_own(api: Api) -> None:
    """One of another list, or made up."""
    for _ in range(2):
        await api.create("skill")
    other = (await api.get("/v1/skills?limit=1")).json["next_cursor"]
    for cursor in (other, "x", "AAAA"):
        answer = await api.get(f"{ENTRIES}?cursor={cursor}")
        assert (400, "invalid-cursor") == (answer.status, answer.problem)
