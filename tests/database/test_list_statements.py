"""Each statement of sql/list against what it should give, row by row.

The service takes from its rows what fits into a page: here is shown what it gets, how many, in
which order, and where a walk ends.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import pytest_asyncio

from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.repository.lists import _driven as driven
from service.repository.lists import list_statements, listed, position, start
from tests.factories import Actor, Tenant, create, document, make_tenant, step

pytestmark = pytest.mark.database

Filters = dict[str, tuple[str, ...]]
NAMES = tuple(BY_NAME)
MANY = 50
ROWS = 7
"""Of each kind: more than any page and any walk of these tests."""


class Stock:
    """Entities whose fields repeat each in a period of its own, and a draft that is hidden."""

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
            await self._made(self.tenant.certifier, kind, ROWS)

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

    def _body(self, kind: str, n: int) -> dict[str, Any]:
        own: dict[str, Any] = {
            "name": f"{'ab'[n % 2]}{ROWS - n} {kind}",
            "description": "What it is.",
            "external_id": f"x/{n}",
            "tags": ["all", f"tag {n % 3}"],
        }
        # What is hidden refers to what its author sees: those that are under review.
        some = 1 if n == ROWS else 0
        if n:
            own["parent_ids"] = [self._id(kind, some)]
        if kind == "skill":
            own["category"] = ["technical", "soft_skill"][n % 2]
        if kind == "industry":
            own |= {"scheme": f"scheme {n % 2}", "code": str(n), "level": 1}
        if kind == "job_role":
            skills = {self._id("skill", some), self._id("skill", some or n // 2)}
            own["required_skills"] = [{"id": one, "relation": "essential"} for one in skills]
            own |= {"industry_id": self._id("industry", some or n % 2)}
            own |= {"seniority_level": ["junior", "mid"][n % 2]}
        if kind in {"team", "agent"}:
            own |= {"job_role_id": self._id("job_role", some)}
            own |= {"industry_id": self._id("industry", some)}
        if kind == "agent":
            own["skill_ids"] = [self._id("skill", some)]
            if n % 3:
                own["team_id"] = self._id("team", some)
        return own


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


def cases() -> Iterator[Any]:
    """Give every kind with no filter, each filter and each two of them."""
    for kind in NAMES:
        filters = sorted(BY_NAME[kind].filters)
        for chosen in ((), *combinations(filters, 1), *combinations(filters, 2)):
            yield pytest.param(kind, chosen, id=f"{kind}-{'+'.join(chosen) or 'all'}")


@pytest.mark.parametrize("kind,chosen", [*cases()])
async def test_it_gives_these_rows_and_no_others(
    repository: Repository, stock: Stock, kind: str, chosen: tuple[str, ...]
) -> None:
    """As many as are asked for, from where it is asked, and no further than it may walk."""
    documents = stock.documents[kind]
    filters: Filters = {name: (asked(documents, name),) for name in chosen}
    statement, _, _, rest = driven(kind, filters)
    drives = [name for name in chosen if name not in rest]
    order = "name" if drives == ["name"] else "newest"
    walk_of = [one for one in documents if all(fits(one, name, filters) for name in drives)]
    walk_of.sort(key=lambda one: one["id"], reverse=True)
    if order == "name":
        walk_of.sort(key=lambda one: one["name"])
    assert walk_of
    bounded = bool(rest) and statement != "entities_by_external_id"
    after = start(order)
    for passed in range(len(walk_of)):
        left = walk_of[passed:]
        for count in (1, 2, MANY):
            for walk in (1, 2, MANY) if bounded else (MANY,):
                expected = []
                for nth, one in enumerate(left[:walk], 1):
                    is_found = all(fits(one, name, filters) for name in rest)
                    is_last = bounded and nth == walk
                    if is_found or is_last:
                        expected.append((one["id"], is_found, is_last))
                rows = await listed(
                    repository, stock.tenant.author.context, kind, filters, after, count, walk
                )
                given = [(str(row.id), row.is_found, row.is_last) for row in rows]
                assert expected[:count] == given, (passed, count, walk)
        rows = await listed(
            repository,
            stock.tenant.author.context,
            kind,
            {name: filters[name] for name in drives},
            after,
            1,
            MANY,
        )
        after = position(order, rows[0])


def fits(one: dict[str, Any], name: str, filters: Filters) -> bool:
    """Say whether an entity meets one of the filters."""
    return bool(set(values(one, name)) & set(filters[name]))


def test_every_statement_is_asked() -> None:
    """What is missing among the cases is tried by nobody."""
    tried = set()
    for case in cases():
        kind, chosen = case.values
        statement, _, _, rest = driven(kind, dict.fromkeys(chosen, ("x",)))
        tried.add(f"{statement}_matching" if rest else statement)
    assert list_statements() == tried
