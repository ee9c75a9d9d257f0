"""Each limit of docs/api.md, read there: what is as large is taken, what is one more refused."""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from service.repository.base import Repository
from service.settings import Settings
from tests.api import Answer, Api
from tests.bench import Bench
from tests.factories import Tenant, make_tenant
from tests.leader import Sealer
from tests.postgres import Server
from tests.probing import PROBES
from tests.provoking import Behind, Ground
from tests.sessions import Connection

pytestmark = pytest.mark.database

ROOT = Path(__file__).parents[2]
UNITS = {"KiB": 1024, "MiB": 1024 * 1024, "hours": 3600}


class Limit(NamedTuple):
    """A row of the page: how much of what, in the smallest unit, and how more is refused."""

    what: str
    most: int
    status: int
    named: str


def chapter(heading: str) -> str:
    """Give a chapter of the page."""
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    return page.partition(f"\n### {heading}\n")[2].partition("\n#")[0]


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the tables of a chapter, without their heads."""
    lines = [line for line in chapter(heading).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [one for one in cells if one[1] not in {"at most", "limit"}]


def limit_of(cells: list[str]) -> Limit:
    """Read a row."""
    what, most, beyond = cells
    number = re.match(r"([\d,]+) ?(\w*)", most)
    refused = re.search(r"(\d{3}) `([\w-]+)`", beyond)
    assert number is not None, cells
    assert refused is not None, cells
    size = int(number[1].replace(",", "")) * UNITS.get(number[2], 1)
    return Limit(what, size, int(refused[1]), refused[2])


LIMITS = [limit_of(cells) for cells in rows("Sizes")]


@pytest.fixture
def behind(cluster: Server, template: str, database: str, settings: Settings) -> Behind:
    """Have what services are made of."""
    return Behind(cluster, template, database, settings)


@pytest.fixture
def ground(
    api: Api,
    behind: Behind,
    owner: Repository,
    repository: Repository,
    superuser: Connection,
    sealer: Sealer,
) -> Ground:
    """Have what probes use."""
    return Ground(api, behind, owner, repository, superuser, sealer)


def names_of(answer: Answer) -> set[str]:
    """Give what a refusal may be known by: its type, and the rules that it names."""
    return {answer.problem} | {error["rule"] for error in answer.json.get("errors", ())}


@pytest.mark.parametrize("limit", LIMITS, ids=[limit.what for limit in LIMITS])
async def test_as_much_is_taken_and_one_more_is_refused(ground: Ground, limit: Limit) -> None:
    """The number, the status and the words are those of the page."""
    probe = PROBES[limit.what]
    taken = await probe(ground, limit.most)
    more = await probe(ground, limit.most + 1)

    assert taken.status < 300, taken.body
    assert limit.status == more.status, more.body
    assert limit.named in names_of(more)


def test_every_probe_has_its_row() -> None:
    """What is asked for is written down."""
    assert sorted(PROBES) == sorted(limit.what for limit in LIMITS)


async def test_batches_take_turns(
    cluster: Server, database: str, tenant: Tenant, other_tenant: Tenant, owner: Repository
) -> None:
    """Of one tenant four, of all sixteen are let in; who is one more is told to come again."""
    others = [other_tenant, *[await make_tenant(owner) for _ in range(3)]]
    long = {
        "lock_timeout_ms": 30_000,
        "statement_timeout_ms": 31_000,
        "command_timeout_ms": 32_000,
        "request_timeout_ms": 60_000,
    }
    async with Bench.open(cluster, database, tenant, pool_max=14, waiting_max=64, **long) as bench:
        several = [bench.api, *map(bench.api.of, others)]
        made = [(await api.made("skill"))["id"] for api in several]

        def send(place: int) -> asyncio.Task[Answer]:
            """Change what is locked, by a batch."""
            operation = {"op": "amend", "kind": "skill", "id": made[place], "if_match": "*"}
            operations = {"operations": [operation | {"patch": {"tags": ["x"]}}]}
            return asyncio.create_task(several[place].post("/v1/batch", operations))

        async with bench.closed():
            under_way = {send(place) for place in range(4) for _ in range(5)}
            refused: list[Answer] = []
            while len(refused) < 4:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                refused += [one.result() for one in done]
            refused.append(await send(4))
        taken = await asyncio.gather(*under_way)

    assert [503] * 5 == [one.status for one in refused]
    assert [200] * 16 == [one.status for one in taken]


ELSEWHERE = {
    "headers of a request": "http/test_patience.py::test_half_a_head_is_400",
    "a body, also of a batch": "http/test_patience.py::test_a_body_has_its_own_time",
    "batches of a process": "http/test_limits.py::test_batches_take_turns",
    "bodies, and lines of imports, of more than 16 KiB that are read, batches aside":
        "http/test_large_bodies.py::test_one_tenant_leaves_places_to_others",
    "body of an import": "http/test_fairness.py::test_drops_are_not_enough",
    "a request, imports, exports and pairs of a kind aside":
        "http/test_pool.py::test_a_write_beyond_it_is_unknown_a_read_is_not",
    "the queue of requests that read, searches aside, and that of those that write":
        "unit/test_gate.py::test_who_would_come_too_late_is_refused",
    "searches, duplicates, matches and compliance of a process":
        "http/test_searches_in_turn.py::test_another_tenant_has_the_next_turn",
    "texts of these that wait for their vector, where there is a model":
        "unit/test_embedding_queries.py::test_one_tenant_leaves_room_for_others",
    "a page of a list": "http/test_large_pages.py::test_a_page_ends_early",
    "`GET /v1/entities`": "http/test_large_pages.py::test_many_that_do_not_fit_are_asked_for_again",
    "a search": "http/test_search.py::test_larger_entities_than_an_answer_holds_are_refused",
    "requests of a key, or of an address without one":
        "http/test_rates.py::test_what_is_more_is_refused_until_it_is_back",
    "taking an answer, or what is written of a stream":
        "http/test_patience.py::test_it_is_kept_for_a_while_only",
    "pairs of a kind, in a process": "http/test_pairs.py::test_while_it_computes_nothing_is_held",
    "imports, exports of a process": "http/test_exports.py::test_one_tenant_leaves_room_for_others",
}  # fmt: skip
"""What takes time, or several at once, and the test of it."""


def test_what_takes_time_is_tested_elsewhere() -> None:
    """Each row has a test that is there."""
    assert list(ELSEWHERE) == [cells[0] for cells in rows("Time and turns")]
    for place in ELSEWHERE.values():
        module, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / module).read_text(encoding="utf-8"), place
