"""Exports for proof over HTTP: the whole log of a tenant, which a verifier takes as it comes."""

import asyncio
import json
from contextlib import aclosing

import asyncpg
import pytest

from service.errors import Unavailable
from service.proof.bundle_check import Report, check_bundle
from service.proof.checkpoint import Checkpoint, open_checkpoint
from service.proof.fault import Damaged
from service.repository import proof
from service.repository.base import Repository
from service.usecases import exporting, proving
from service.usecases.tree import Tree
from tests.api import Answer, Api
from tests.edge import large_skill
from tests.erasing import entry_of, erase, erased
from tests.factories import ActorWith, Tenant, amend, create, skill_body
from tests.leader import Sealer
from tests.pruning import prune
from tests.sockets import exchange

pytestmark = pytest.mark.database

PROOF = "/v1/exports?format=proof"


def check(answer: Answer, sealer: Sealer, *held: Checkpoint) -> Report:
    """Let a verifier look at a bundle, from its first byte to the signature."""
    assert 200 == answer.status, answer.body
    return check_bundle(answer.body.splitlines(keepends=True), sealer.keys, held)


def columns(answer: Answer) -> list[list[str]]:
    """Give the columns of the lines between the first and the last."""
    return [line.split("\t") for line in answer.body.decode().split("\n")[1:-2]]


async def lived(api: Api) -> list[Answer]:
    """Write six entries of three skills, the last two of them drafts of the author's."""
    first = await api.create("skill")
    path = f"/v1/skills/{first.json['id']}"
    answers = [first, await api.patch(path, {"tags": ["x"]}, first.etag)]
    answers.append(await api.step(path, "under_review", "*"))
    answers.append(await api.by(api.tenant.certifier).step(path, "certified", "*"))
    return [*answers, await api.create("skill"), await api.create("skill")]


async def test_a_verifier_takes_it(api: Api, sealer: Sealer) -> None:
    """Every entry in order, with the bytes that were answered, and what proves them all."""
    answers = await lived(api)
    await sealer.seal()
    answer = await api.get(PROOF)
    report = check(answer, sealer)

    assert (str(api.tenant.id), 6, 3) == (report.tenant, report.count, report.entities)
    assert (0, 0, 0) == (report.withheld, report.erased, report.pruned)
    assert [one.body.decode() for one in answers] == [row[2] for row in columns(answer)]
    items = (await api.get("/v1/audit/entries")).json["items"]
    assert [item["entry"] for item in items] == [row[0] for row in columns(answer)]
    assert items[-1]["leaf_hash"] == report.last_leaf.hex()
    assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
    assert "no-store" == answer.headers["Cache-Control"]


async def test_drafts_of_others_are_withheld(
    api: Api, sealer: Sealer, actor_with: ActorWith
) -> None:
    """An auditor has their entries, not their documents, and the proof is as good."""
    answers = await lived(api)
    await sealer.seal()
    auditor = api.by(await actor_with("read", "audit", name="auditor"))
    answer = await auditor.get(PROOF)
    report = check(answer, sealer)
    shown = ["withheld", "withheld", "", "", "withheld", "withheld"]

    assert (6, 4) == (report.count, report.withheld)
    for row, said, one in zip(columns(answer), shown, answers, strict=True):
        assert (said or row[1], "" if said else one.body.decode()) == (row[1], row[2])
    assert [row[0] for row in columns(await api.get(PROOF))] == [row[0] for row in columns(answer)]


async def test_nothing_of_another_tenant_is_there(
    api: Api, sealer: Sealer, other_tenant: Tenant
) -> None:
    """Each has its own history, and both are proven by the one log."""
    other = api.of(other_tenant)
    await lived(api)
    await other.create("skill")
    await sealer.seal()
    mine, theirs = await api.get(PROOF), await other.get(PROOF)

    assert 6 == check(mine, sealer).count
    assert 1 == check(theirs, sealer).count
    assert str(other_tenant.id) not in mine.body.decode()


async def test_what_was_erased_says_so(
    api: Api, sealer: Sealer, superuser: asyncpg.Connection
) -> None:
    """And a verifier does not take it as long as no entry of an erasure follows."""
    answers = await lived(api)
    await sealer.seal()
    await erase(superuser, entry_of(answers[0]))
    answer = await api.get(PROOF)

    assert ["erased", ""] == columns(answer)[0][1:3]
    assert answers[1].body.decode() == columns(answer)[1][2]
    with pytest.raises(Damaged, match="erase"):
        check(answer, sealer)


async def test_an_erasure_is_proved(api: Api, repository: Repository, sealer: Sealer) -> None:
    """Its entry stands behind what it emptied; until it is sealed that is withheld."""
    answers = await lived(api)
    await sealer.seal()
    before = columns(await api.get(PROOF))
    done = await erased(repository, api.tenant.author, "skill", answers[0].json["id"])
    pending = await api.get(PROOF)
    await sealer.place()
    placed = await api.get(PROOF)
    await sealer.seal()
    sealed = await api.get(PROOF)
    report, rows = check(sealed, sealer), columns(sealed)

    assert pending.body == placed.body
    assert (6, 4, 0) == (check(placed, sealer).count, check(placed, sealer).withheld, 0)
    assert (7, 0, 4) == (report.count, report.withheld, report.erased)
    assert [row[0] for row in before] == [row[0] for row in rows[:6]]
    assert [row[3] for row in before] == [row[3] for row in rows[:6]]
    assert [["erased", ""]] * 4 == [row[1:3] for row in rows[:4]]
    assert f'{done.version},"erase"' in rows[6][0]
    assert '"version":5' in rows[6][2]


async def test_what_a_second_erasure_empties(
    api: Api, repository: Repository, sealer: Sealer
) -> None:
    """What the first emptied is erased, what the second did is withheld until that is sealed."""
    made = await api.create("skill")
    for _ in range(2):
        await erased(repository, api.tenant.author, "skill", made.json["id"])
        await sealer.seal()
    await erased(repository, api.tenant.author, "skill", made.json["id"])
    answer = await api.get(PROOF)
    check(answer, sealer)

    assert ["erased", "erased", "withheld"] == [row[1] for row in columns(answer)]


async def test_it_ends_where_the_latest_checkpoint_does(api: Api, sealer: Sealer) -> None:
    """What is written since, placed or not, is in the next one."""
    await lived(api)
    await sealer.seal()
    before = await api.get(PROOF)
    await api.create("skill")
    pending = await api.get(PROOF)
    await sealer.place()
    placed = await api.get(PROOF)
    await sealer.seal()
    after = await api.get(PROOF)

    assert before.body == pending.body == placed.body
    assert 7 == check(after, sealer).count
    assert columns(before) == columns(after)[:6]


async def test_a_tenant_without_a_history_has_a_bundle(
    api: Api, sealer: Sealer, other_tenant: Tenant
) -> None:
    """Two lines that say so, under the signature of the log."""
    await api.of(other_tenant).create("skill")
    await sealer.seal()
    answer = await api.get(PROOF)
    report = check(answer, sealer)

    assert (0, None) == (report.count, report.log_index)
    assert 2 == len(answer.body.splitlines())


async def test_it_proves_growth_from_checkpoints_that_one_holds(api: Api, sealer: Sealer) -> None:
    """Of as many sizes as are named, each once; the first, the last and those between."""
    held = [await checkpoint(api, sealer) for _ in range(4)]
    sizes = [one.size for one in held]
    asked = "".join(f"&since={size}" for size in (*sizes, *sizes, 0))
    answer = await api.get(PROOF + asked)

    assert 4 == check(answer, sealer, *held).held
    trailer = json.loads(answer.body.splitlines()[-1])
    assert [0, *sizes] == [one["size"] for one in trailer["consistency"]]


async def checkpoint(api: Api, sealer: Sealer) -> Checkpoint:
    """Write something, have it sealed, and give the checkpoint."""
    await api.create("skill")
    await sealer.seal()
    note = (await api.get("/v1/audit/checkpoint")).body.decode()
    return open_checkpoint(note, sealer.keys)


async def test_pages_join_without_a_seam(
    api: Api, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries are read at a time, the bytes are the same."""
    await lived(api)
    await sealer.seal()
    whole = await api.get(PROOF)
    check(whole, sealer)
    for size in (1, 2, 5, 6, 7):
        monkeypatch.setattr(proving, "PAGE", size)
        assert whole.body == (await api.get(PROOF)).body


async def test_large_documents_come_in_pieces(
    repository: Repository, api: Api, sealer: Sealer
) -> None:
    """A piece holds about a megabyte, whatever a thousand documents would have."""
    author = api.tenant.author
    for _ in range(9):
        await create(repository, author, "skill", large_skill())
    await sealer.seal()
    pieces = proving.proven(repository, author.context, Tree())
    sizes = [len(lines) async for _, lines in pieces]
    answer = await api.get(PROOF)

    assert 9 == check(answer, sealer).count
    assert sum(sizes) == len(answer.body) > 2 * proof.PAGE_BYTES
    assert max(sizes) < 2 * proof.PAGE_BYTES
    assert len(sizes) > 4


async def test_nothing_is_left_out_behind_large_documents(
    repository: Repository, api: Api, sealer: Sealer, superuser: asyncpg.Connection
) -> None:
    """A page without room for all ends where its room does, whatever needs none behind that."""
    author, certifier = api.tenant.author, api.tenant.certifier
    for _ in range(9):
        await create(repository, author, "skill", large_skill())
    past = []
    for _ in range(2):
        past.append(await create(repository, author, "skill", skill_body()))
        await amend(repository, author, "skill", past[-1].id, {"tags": ["x"]})
    await create(repository, certifier, "skill", skill_body())
    await create(repository, author, "skill", skill_body())
    await sealer.seal()
    await prune(superuser, api.tenant.id, 11)
    await erased(repository, author, "skill", past[1].id)
    await sealer.seal()
    report = check(await api.get(PROOF), sealer)

    # Beside what was written the entries of the pruning and of the erasure.
    assert 9 + 2 * 2 + 2 + 2 == report.count
    assert (1, 1, 2) == (report.withheld, report.pruned, report.erased)


async def test_what_changes_meanwhile_is_not_seen(
    api: Api, repository: Repository, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle is of the moment it began, whatever is written, placed and sealed until it ends."""
    monkeypatch.setattr(proving, "PAGE", 1)
    await lived(api)
    await sealer.seal()
    before = await api.get(PROOF)
    pieces = proving.proven(repository, api.tenant.author.context, Tree())
    lines = (await anext(pieces))[1]
    for _ in range(2):
        await create(repository, api.tenant.author, "skill", skill_body())
        await sealer.seal()
    async for _, more in pieces:
        lines += more

    assert before.body == lines
    assert before.body != (await api.get(PROOF)).body


async def test_it_takes_a_place_among_the_exports(
    api: Api, repository: Repository, sealer: Sealer
) -> None:
    """A tenant runs one export of either form at a time, and gives the place back."""
    await lived(api)
    await sealer.seal()
    context = api.tenant.author.context
    async with aclosing(proving.proven(repository, context, Tree())) as running:
        await anext(running)
        with pytest.raises(Unavailable, match="your tenant"):
            await anext(exporting.export(repository, context))
        with pytest.raises(Unavailable, match="your tenant"):
            await anext(proving.proven(repository, context, Tree()))

    assert {} == repository.exports
    assert 0 == repository.pool.statistics.in_use


async def test_a_reader_who_goes_away_leaves_nothing(
    api: Api, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place comes back when the client hangs up amid the lines."""
    monkeypatch.setattr(proving, "PAGE", 1)
    await lived(api)
    await sealer.seal()
    head = f"GET {PROOF} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.actor.key}\r\n\r\n"
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
        writer.write(head.encode())
        await writer.drain()
        writer.close()
    async with asyncio.timeout(20):
        while (answer := await api.get(PROOF)).status == 503:
            pass

    assert 6 == check(answer, sealer).count


async def test_head_has_no_body_and_no_export(api: Api) -> None:
    """Behind the headers of HEAD comes the next answer."""
    asked = "".join(
        f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.actor.key}\r\n"
        f"Connection: {then}\r\n\r\n"
        for line, then in ((f"HEAD {PROOF}", "keep-alive"), ("GET /livez", "close"))
    )
    said = (await exchange(api.url, asked.encode())).split(b"\r\n\r\n")

    assert [b"HTTP/1.1 200 OK"] * 2 == [head.partition(b"\r\n")[0] for head in said[:2]]
    assert [b'{"status":"ok"}'] == said[2:]


async def twist(superuser: asyncpg.Connection, tenant: Tenant) -> None:
    """Change a bit of each leaf hash of a tenant beneath the trigger, or change it back."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.position DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.position"
            " SET leaf_hash = set_byte(leaf_hash, 0, get_byte(leaf_hash, 0) # 1)"
            " WHERE tenant_id = $1",
            tenant.id,
        )
        await superuser.execute(
            "ALTER TABLE audit.position ENABLE ALWAYS TRIGGER position_append_only"
        )


class TestRefused:
    """What is no export for proof."""

    async def test_without_either_scope(self, api: Api, actor_with: ActorWith) -> None:
        """Documents take scope read and the entries of all scope audit."""
        for scopes, missing in (
            (("read", "write", "certify", "admin"), "audit"),
            (("audit", "write", "certify", "admin"), "read"),
        ):
            refused = await api.by(await actor_with(*scopes)).get(PROOF)
            assert (403, "scope-missing") == (refused.status, refused.problem)
            assert missing == refused.json["required_scope"]
        assert 401 == (await api.send("GET", PROOF, headers={"Authorization": None})).status

    @pytest.mark.parametrize(
        "query,parameter,words",
        [
            ("&since=1000000", "since", "must not be more than"),
            ("&since=-1", "since", "whole number from 0"),
            ("&since=", "since", "whole number from 0"),
            ("&since=x&since=1", "since", "whole number from 0"),
            ("&since=0" * 21, "since", "is given 21 times"),
            ("&format=proof", "format", "more than once"),
        ],
    )
    async def test_with_what_is_no_size(
        self, api: Api, sealer: Sealer, query: str, parameter: str, words: str
    ) -> None:
        """Sizes are whole numbers, not beyond what is sealed, and at most twenty."""
        await api.create("skill")
        await sealer.seal()
        answer = await api.get(PROOF + query)

        assert (400, "invalid-parameter") == (answer.status, answer.problem)
        assert parameter == answer.json["parameter"]
        assert words in answer.json["detail"]

    @pytest.mark.parametrize("query", ["?since=1", "?format=entities&since=1"])
    async def test_sizes_go_with_a_proof_only(self, api: Api, query: str) -> None:
        """Documents alone prove no growth."""
        answer = await api.get(f"/v1/exports{query}")

        assert (400, "since") == (answer.status, answer.json["parameter"])

    async def test_in_another_form(self, api: Api) -> None:
        """It is a text: not what an export of documents is."""
        answer = await api.get(PROOF, Accept="application/x-ndjson")

        assert (406, "not-acceptable") == (answer.status, answer.problem)
        assert ["text/plain"] == answer.json["offered"]

    async def test_of_a_log_that_leads_elsewhere(
        self, api: Api, sealer: Sealer, superuser: asyncpg.Connection
    ) -> None:
        """A last leaf that is not in the signed tree is a defect before a line is sent."""
        await lived(api)
        await sealer.seal()
        try:
            await twist(superuser, api.tenant)
            answer = await api.get(PROOF)
        finally:
            await twist(superuser, api.tenant)

        assert (500, "defect") == (answer.status, answer.problem)
