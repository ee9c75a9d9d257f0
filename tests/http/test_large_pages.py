"""Pages of large documents: an answer has a bound in bytes, and nothing is lost by it."""

import json
from hashlib import sha256

import pytest

from service.repository import lists
from service.repository.base import ANSWER_BYTES, Repository
from service.repository.exports import PAGE_BYTES
from service.usecases.exporting import export
from tests.api import Answer, Api
from tests.edge import large_skill
from tests.factories import create, skill_body

pytestmark = pytest.mark.database

MANY = 15


async def made(api: Api, repository: Repository, count: int) -> list[str]:
    """Make large skills, oldest first."""
    return [
        str((await create(repository, api.tenant.author, "skill", large_skill())).id)
        for _ in range(count)
    ]


async def walked(api: Api, path: str) -> list[Answer]:
    """Read a list to its end."""
    pages = [await api.get(path)]
    while cursor := pages[-1].json["next_cursor"]:
        assert f"cursor={cursor}" in pages[-1].headers["Link"]
        pages.append(await api.get(f"{path}&cursor={cursor}"))
    return pages


def ids(pages: list[Answer]) -> list[str]:
    """Give what was listed, in its order."""
    return [one["id"] for page in pages for one in page.json["items"]]


async def test_a_page_ends_early(api: Api, repository: Repository) -> None:
    """However many are asked for, a page has 4 MiB and one document at most; of the past too."""
    wanted = (await made(api, repository, MANY))[::-1]
    newest = (await api.get(f"/v1/skills/{wanted[0]}")).json["updated_at"]
    for more in ("", f"&as_of={newest}", f"&as_of={newest}&status=draft"):
        pages = await walked(api, f"/v1/skills?limit=200{more}")
        largest = max(len(json.dumps(one)) for one in pages[0].json["items"])

        assert wanted == ids(pages)
        assert 2 == len(pages)
        assert ANSWER_BYTES < len(pages[0].body) < ANSWER_BYTES + largest


@pytest.mark.parametrize(
    "query", ["limit=3", "limit=3&name=a", "limit=3&tag=a", "limit=3&tag=a&name=a"]
)
async def test_one_document_always_fits(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Where there is room for nothing a page has one document; no list loses or repeats any."""
    for name in "cab":
        body = skill_body(tags=["a"], name=f"a{name}")
        await create(repository, api.tenant.author, "skill", body)
    whole = (await api.get(f"/v1/skills?{query}")).json
    monkeypatch.setattr(lists, "ANSWER_BYTES", 1)
    pages = await walked(api, f"/v1/skills?{query}")

    assert [3, None] == [len(whole["items"]), whole["next_cursor"]]
    assert [[one] for one in whole["items"]] == [page.json["items"] for page in pages]


async def test_a_limit_is_still_a_limit(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for two and a limit of one, two and three give one, two and two."""
    for _ in range(3):
        await create(repository, api.tenant.author, "skill", skill_body())
    first = (await api.get("/v1/skills?limit=1")).json["items"][0]
    monkeypatch.setattr(lists, "ANSWER_BYTES", len(json.dumps(first, separators=(",", ":"))) + 1)

    for limit, pages in ((1, [1, 1, 1]), (2, [2, 1]), (3, [2, 1])):
        found = await walked(api, f"/v1/skills?limit={limit}")
        assert pages == [len(page.json["items"]) for page in found]


async def test_many_that_do_not_fit_are_asked_for_again(api: Api, repository: Repository) -> None:
    """What is there is never called missing: the answer is 400 and says how many fit."""
    wanted = await made(api, repository, MANY)
    path = "/v1/entities?id="
    refused = await api.get(path + "&id=".join(wanted))
    fitting = refused.json["fitting"]
    first = await api.get(path + "&id=".join(wanted[:fitting]))
    second = await api.get(path + "&id=".join(wanted[fitting:]))

    assert (400, "invalid-parameter", "id") == (
        refused.status,
        refused.problem,
        refused.json["parameter"],
    )
    assert 1 < fitting < MANY
    assert wanted == ids([first, second])
    assert [[], []] == [one.json["missing"] for one in (first, second)]


async def test_an_export_comes_in_pieces(api: Api, repository: Repository) -> None:
    """A piece has 1 MiB and one document at most, and all pieces make the whole."""
    wanted = await made(api, repository, MANY)
    pieces = [lines async for _, lines in export(repository, api.tenant.author.context)]
    lines = b"".join(pieces).splitlines(keepends=True)
    documents, closing = lines[:-1], json.loads(lines[-1])

    assert wanted == [json.loads(line)["id"] for line in documents]
    assert max(map(len, pieces)) < PAGE_BYTES + max(map(len, documents)) + MANY
    assert 3 < len(pieces)
    assert {
        "count": MANY,
        "digest": f"sha256:{sha256(b''.join(documents)).hexdigest()}",
    } == closing
