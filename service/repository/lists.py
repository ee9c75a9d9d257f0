"""Lists: which statement of sql/list serves which filters, and where a page begins."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Context, Repository


class Listed(Struct, frozen=True):
    """One row of a list; `name_key` only where names give the order.

    No document where the answer has no room for it.
    """

    id: UUID
    document: str | None
    name_key: str = ""


# Which filter drives a list, most selective first; the statement of each carries the order. With
# a name the order is by name, so a name always drives. True: the statement is one of the kind's
# own and takes no kind.
_DRIVERS: Final[tuple[tuple[str, Mapping[str, tuple[str, bool]]], ...]] = (
    ("name", {"*": ("entities_by_name", False)}),
    ("external_id", {"*": ("entities_by_external_id", False)}),
    (
        "skill_id",
        {"job_role": ("job_roles_by_skill", True), "agent": ("agents_by_skill", True)},
    ),
    ("team_id", {"agent": ("agents_by_team", True)}),
    ("parent_id", {"*": ("entities_by_parent", False)}),
    (
        "job_role_id",
        {"team": ("teams_by_job_role", True), "agent": ("agents_by_job_role", True)},
    ),
    (
        "industry_id",
        {
            "job_role": ("job_roles_by_industry", True),
            "team": ("teams_by_industry", True),
            "agent": ("agents_by_industry", True),
        },
    ),
    ("tag", {"*": ("entities_by_tag", False)}),
    ("scheme", {"industry": ("industries_by_scheme", True)}),
    ("category", {"skill": ("skills_by_category", True)}),
    ("seniority_level", {"job_role": ("job_roles_by_seniority", True)}),
    ("status", {"*": ("entities_by_status", False)}),
)

LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Above every id: a list begins below it."""


def start(order: str) -> tuple[str, ...]:
    """Give the position before the first row of a list in this order."""
    return ("", LAST_ID) if order == "name" else (LAST_ID,)


def position(order: str, row: Listed) -> tuple[str, ...]:
    """Give the position behind a row of a list in this order."""
    return (row.name_key, str(row.id)) if order == "name" else (str(row.id),)


async def listed(
    repository: Repository,
    context: Context,
    kind: str,
    filters: Mapping[str, tuple[str, ...]],
    after: tuple[str, ...],
    count: int,
) -> list[Listed]:
    """List a kind: one filter drives, the others are asked of each document on the way."""
    statement, arguments, rest = _driven(kind, filters)
    arguments += (*after, count)
    if rest:
        statement += "_matching"
        arguments += (msgspec.json.encode(rest).decode(),)
    return await repository.page(statement, Listed, arguments, context, bytes_max=ANSWER_BYTES)


def fitting(rows: list[Listed], limit: int) -> tuple[list[Listed], bool]:
    """Give what of the rows is a page, at least one, and whether anything comes after it."""
    page = [row for row in rows[:limit] if row.document is not None]
    return page, len(page) < len(rows)


def _driven(
    kind: str, filters: Mapping[str, tuple[str, ...]]
) -> tuple[str, tuple[object, ...], dict[str, tuple[str, ...]]]:
    for name, statements in _DRIVERS:
        if name in filters:
            stem, own = statements.get(kind) or statements["*"]
            rest = {other: values for other, values in filters.items() if other != name}
            values = list(filters[name])
            return stem, (values,) if own else (kind, values), rest
    return "entities_newest", (kind,), {}


def list_statements() -> frozenset[str]:
    """Name every statement that a list may run."""
    stems = {stem for _, statements in _DRIVERS for stem, _ in statements.values()}
    return frozenset({"entities_newest"} | stems | {f"{stem}_matching" for stem in stems})
