"""Each statement of sql/list against what it should give, row by row.

The service takes from its rows what fits into a page: here is shown what it gets, how many, in
which order, and where a walk ends.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import combinations
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.repository.lists import _driven as driven
from service.repository.lists import list_statements, listed, position, start
from service.settings import Settings
from tests.factories import Actor, Tenant, create, document, make_tenant, step
from tests.postgres import Server

pytestmark = pytest.mark.database

Filters = dict[str, tuple[str, ...]]
NAMES = tuple(BY_NAME)
MANY = 50
ROWS = 7
"""Of each kind: more than any page and any walk of these tests."""


HIDDEN = ROWS + 1
NEXT = 3
"""Has the name that comes next after all that begin with b."""
# Whose value is the one that most have, the hidden draft among them: what a filter is asked for.
SHARE: dict[str, set[int]] = {
    "tag": {1, 2, 3, 4, 6, HIDDEN},
    "parent": {2, 4, 5, 6, HIDDEN},
    "skill": {1, 2, 3, 5, HIDDEN},
    "industry": {1, 3, 4, 6, HIDDEN},
    "job_role": {1, 2, 5, 6, HIDDEN},
    "team": {1, 4, 5, HIDDEN},
}


class Stock:
    """Entities that share values, each filter's among others, and a draft that is hidden."""

    def __init__(self, repository: Repository, tenant: Tenant) -> None:
        self._repository = repository
        self.tenant = tenant
        self.documents: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}

    async def fill(self) -> None:
        """Make them: seven of each kind, newest last, and one more by another agent."""
        for n in range(ROWS):
            for kind in ("skill", "industry", "job_role", "team", "agent"):
                await self._made(self.tenant.author, kind, n)
        for kind in ("skill", "industry", "job_role", "team", "agent"):
            await self._made(self.tenant.certifier, kind, HIDDEN)

    async def _made(self, actor: Actor, kind: str, n: int) -> None:
        made = await create(self._repository, actor, kind, self._body(kind, n))
        if actor is not self.tenant.author:
            return
        if n % 3:
            await step(self._repository, actor, kind, made.id, "under_review")
        found = await document(self._repository, actor, kind, made.id)
        assert found is not None
        self.documents[kind].append(found)

    def _id(self, kind: str, n: int) -> str:
        return str(self.documents[kind][n]["id"])

    def _shared(self, kind: str, name: str, n: int) -> str:
        """Give the id that those who share have: the second one, which everybody may see."""
        return self._id(kind, int(n in SHARE[name]))

    def _two(self, kind: str, name: str, n: int) -> list[str]:
        """Give that id and, of what is seen, one more: who has two is met under either."""
        return [*{self._shared(kind, name, n), *([self._id(kind, n // 2)] if n < ROWS else [])}]

    def _body(self, kind: str, n: int) -> dict[str, Any]:
        own: dict[str, Any] = {
            "name": f"{'ba'[n % 2]}{ROWS - n} {kind}",
            "description": "What it is.",
            "external_id": f"x/{n}",
            "tags": ["all", "some" if n in SHARE["tag"] else f"tag {n}"],
        }
        if n:
            own["parent_ids"] = self._two(kind, "parent", n)
        if kind == "skill":
            own["category"] = ["technical", "soft_skill"][n % 2]
        if kind == "industry":
            # Two of one name, which industries of different levels may have.
            own["name"] = f"{'ba'[n % 2]}{(ROWS - n) // 3} {kind}"
            own |= {"scheme": f"scheme {n % 2}", "code": str(n), "level": 1 + n}
        if n == NEXT:
            own["name"] = "c"
        if kind == "job_role":
            skills = self._two("skill", "skill", n)
            own["required_skills"] = [{"id": one, "relation": "essential"} for one in skills]
            own |= {"seniority_level": ["junior", "mid"][n % 2]}
        if kind in {"job_role", "team", "agent"}:
            own |= {"industry_id": self._shared("industry", "industry", n)}
        if kind in {"team", "agent"}:
            own |= {"job_role_id": self._shared("job_role", "job_role", n)}
        if kind == "agent":
            own["skill_ids"] = self._two("skill", "skill", n)
            if n % 3:
                own["team_id"] = self._shared("team", "team", n)
        return own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reading_whole(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Repository]:
    """Run statements in a session that passes by every index, which would give an order unasked."""
    pool = Pool(cluster.url("app", database), msgspec.structs.replace(settings, pool_max=1))
    await pool.open()
    async with pool.connection() as connection:
        await connection.execute("SET enable_seqscan = on")
        for way in ("indexscan", "indexonlyscan", "bitmapscan", "sort"):
            await connection.execute(f"SET enable_{way} = off")
    yield Repository(catalog, pool)
    await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sorting(reading_whole: Repository) -> AsyncIterator[Repository]:
    """Let that session sort: what is sorted afterwards is first met in the order of the table."""
    async with reading_whole.pool.connection() as connection:
        await connection.execute("SET enable_sort = on")
    yield reading_whole
    async with reading_whole.pool.connection() as connection:
        await connection.execute("SET enable_sort = off")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stock(repository: Repository, owner: Repository) -> Stock:
    """Have it, and as much of another tenant."""
    found = [Stock(repository, await make_tenant(owner)) for _ in range(2)]
    for one in found:
        await one.fill()
    return found[0]


def values(one: dict[str, Any], name: str) -> list[str]:
    """Give what a filter may ask for to find an entity, by its document."""
    if name == "name":
        return [one["name"][:1]]
    if name == "skill_id" and "required_skills" in one:
        return [each["id"] for each in one["required_skills"]]
    plural = {"tag": "tags", "parent_id": "parent_ids", "skill_id": "skill_ids"}.get(name)
    found = one[plural] if plural else [one[name]]
    return [str(each) for each in found if each is not None]


def asked(documents: list[dict[str, Any]], name: str) -> str:
    """Give the value of a filter that leaves most of them, but not all where that can be."""
    every = [value for one in documents for value in set(values(one, name))]
    counts = {value: every.count(value) for value in every}
    some = [value for value, count in counts.items() if count < len(documents)] or list(counts)
    return max(some, key=lambda value: (counts[value], value))


def several(stock: Stock, kind: str, name: str) -> tuple[str, ...]:
    """Give many values of a filter: what nobody has, what others have, and one within another."""
    every = {value for one in stock.documents[kind] for value in values(one, name)}
    if name == "name":
        return ("c", "b", "b5", stock.documents[kind][1]["name"], "x")
    if name == "parent_id":
        every |= {value for other in NAMES for value in values(stock.documents[other][1], name)}
    elif not name.endswith("_id") or name == "external_id":
        every.add("nobody's")
    return tuple(sorted(every))


def cases() -> Iterator[Any]:
    """Give every kind with no filter, each filter and each two of them."""
    for kind in NAMES:
        filters = sorted(BY_NAME[kind].filters)
        for chosen in ((), *combinations(filters, 1), *combinations(filters, 2)):
            yield pytest.param(kind, chosen, id=f"{kind}-{'+'.join(chosen) or 'all'}")


@pytest.mark.parametrize("many", [False, True], ids=["one", "several"])
@pytest.mark.parametrize("kind,chosen", [*cases()])
async def test_it_gives_these_rows_and_no_others(
    repository: Repository,
    reading_whole: Repository,
    stock: Stock,
    kind: str,
    chosen: tuple[str, ...],
    *,
    many: bool,
) -> None:
    """As many as are asked for, from where it is asked, and no further than it may walk.

    With several values of what drives it: what has two of them is given once, and the order is
    the one that is written, whatever the plan.
    """
    await compared(reading_whole if many else repository, stock, kind, chosen, many=many)


@pytest.mark.parametrize("name", ["name", "parent_id", "tag"])
async def test_where_a_walk_ends_is_counted_in_the_order_of_the_list(
    sorting: Repository, stock: Stock, name: str
) -> None:
    """Not in the order in which the rows come, where no index gives them in the other."""
    await compared(sorting, stock, "job_role", (name, "status"), many=True)


async def compared(
    repository: Repository, stock: Stock, kind: str, chosen: tuple[str, ...], *, many: bool
) -> None:
    """See that a list gives what it should, from each place on and with each room."""
    documents = stock.documents[kind]
    filters: Filters = {name: (asked(documents, name),) for name in chosen}
    statement, _, _, rest = driven(kind, filters)
    drives = {name: filters[name] for name in chosen if name not in rest}
    if many:
        drives = {name: several(stock, kind, name) for name in drives}
    filters |= drives
    order = "name" if "name" in drives else "newest"
    bounded = bool(rest) and statement != "entities_by_external_id"
    each = len(*drives.values()) if bounded else 1
    expected = Expected(documents, drives, {name: filters[name] for name in rest}, order)
    after = start(order)
    assert expected.walked
    for passed in range(len(expected.walked)):
        for count in (1, 2, MANY):
            for walk in (1, 2, MANY) if bounded else (MANY,):
                rows = await listed(
                    repository, stock.tenant.author.context, kind, filters, after, count,
                    walk * each,
                )  # fmt: skip
                given = [(str(row.id), row.is_found, row.is_last) for row in rows]
                assert expected.rows(passed, count, walk, bounded=bounded) == given, (count, walk)
        rows = await listed(repository, stock.tenant.author.context, kind, drives, after, 1, MANY)
        after = position(order, rows[0])


class Expected:
    """What a list gives, from documents: those that have a value that drives it, in order."""

    def __init__(
        self, documents: list[dict[str, Any]], drives: Filters, rest: Filters, order: str
    ) -> None:
        ordered = sorted(documents, key=lambda one: one["id"], reverse=True)
        if order == "name":
            ordered.sort(key=lambda one: one["name"])
        self.walked = [one for one in ordered if all(fits(one, n, drives) for n in drives)]
        # A prefix within another is not walked again.
        self._each: list[Filters] = [
            {name: (value,)}
            for name, given in drives.items()
            for value in given
            if name != "name" or not value.startswith(tuple({*given} - {value}))
        ] or [{}]
        self._rest = rest

    def rows(
        self, passed: int, count: int, walk: int, *, bounded: bool
    ) -> list[tuple[str, bool, bool]]:
        """Give what comes behind so many of those that are walked."""
        left = self.walked[passed:]
        found: dict[str, tuple[bool, bool]] = {}
        for value in self._each:
            nth = given = 0
            for one in left:
                if given == count or nth == walk:
                    break
                if not all(fits(one, name, value) for name in value):
                    continue
                nth += 1
                is_found = all(fits(one, name, self._rest) for name in self._rest)
                is_last = bounded and nth == walk
                if is_found or is_last:
                    given += 1
                    before = found.get(one["id"], (False, False))
                    found[one["id"]] = (is_found, is_last or before[1])
        ids = [one["id"] for one in left if one["id"] in found]
        return [(one, *found[one]) for one in ids[:count]]


def fits(one: dict[str, Any], name: str, filters: Filters) -> bool:
    """Say whether an entity meets one of the filters."""
    if name == "name":
        return str(one["name"]).startswith(filters[name])
    return bool(set(values(one, name)) & set(filters[name]))


def test_every_statement_is_asked() -> None:
    """What is missing among the cases is tried by nobody."""
    tried = set()
    for case in cases():
        kind, chosen = case.values
        statement, _, _, rest = driven(kind, dict.fromkeys(chosen, ("x",)))
        tried.add(f"{statement}_matching" if rest else statement)
    assert list_statements() == tried
