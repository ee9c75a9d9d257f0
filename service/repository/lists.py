"""Lists: which statement of sql/list serves which filters, and where a page begins."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Context, Effect, Repository


class Listed(Struct, frozen=True):
    """One row of a list; `name_key` only where names give the order.

    No document where the answer has no room for it.
    """

    is_found: ClassVar[bool] = True
    is_last: ClassVar[bool] = False

    id: UUID
    document: str | None
    name_key: str = ""


class Walked(Struct, frozen=True):
    """One row of a list that asks several filters: what was found, or where the walk ended.

    The walk is of rows that the caller may see, so the last one may stand in a cursor.
    """

    id: UUID
    document: str | None
    is_found: bool
    is_last: bool
    name_key: str = ""


Row: TypeAlias = Listed | Walked

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

_FEW: Final = "entities_by_external_id"
"""Has as many rows as it has values, at most: there is no walk to bound."""

LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Above every id: a list begins below it."""


def start(order: str) -> tuple[str, ...]:
    """Give the position before the first row of a list in this order."""
    return ("", LAST_ID) if order == "name" else (LAST_ID,)


def position(order: str, row: Row) -> tuple[str, ...]:
    """Give the position behind a row of a list in this order."""
    return (row.name_key, str(row.id)) if order == "name" else (str(row.id),)


async def listed(
    repository: Repository,
    context: Context,
    kind: str,
    filters: Mapping[str, tuple[str, ...]],
    after: tuple[str, ...],
    count: int,
    walk: int,
) -> Sequence[Row]:
    """List a kind: one filter drives, the others are asked of each row on the way.

    No more than `walk` rows are asked: where that ends one is the last, found or not.
    """
    statement, arguments, values, rest = _driven(kind, filters)
    arguments += (*after, count)
    row: type[Row] = Listed
    if rest:
        arguments += (msgspec.json.encode(rest).decode(),)
        if statement != _FEW:
            row = Walked
            arguments += (max(1, walk // values),)
        statement += "_matching"
    # What asks other filters of each row may look at many of them.
    effect: Effect = "read" if rest else "short"
    return await repository.page(
        statement, row, arguments, context, bytes_max=ANSWER_BYTES, effect=effect
    )


def fitting(rows: Sequence[Row], limit: int) -> tuple[list[Row], Row | None]:
    """Give what of the rows is a page, and the row behind which the next one begins.

    At least one of what was found fits.
    """
    page: list[Row] = []
    for row in rows:
        if row.is_found and (len(page) == limit or row.document is None):
            return page, page[-1]
        if row.is_found:
            page.append(row)
        if row.is_last:
            return page, row
    return page, None


def _driven(
    kind: str, filters: Mapping[str, tuple[str, ...]]
) -> tuple[str, tuple[object, ...], int, dict[str, tuple[str, ...]]]:
    """Give the statement, what it begins with, of how many values, and the other filters."""
    for name, statements in _DRIVERS:
        if name in filters:
            stem, own = statements.get(kind) or statements["*"]
            rest = {other: values for other, values in filters.items() if other != name}
            values = list(filters[name])
            return stem, (values,) if own else (kind, values), len(values), rest
    return "entities_newest", (kind,), 0, {}


def list_statements() -> frozenset[str]:
    """Name every statement that a list may run."""
    *drivers, last = [{stem for stem, _ in statements.values()} for _, statements in _DRIVERS]
    # The last one drives only where nothing else is asked for.
    matching = {f"{stem}_matching" for stems in drivers for stem in stems}
    return frozenset({"entities_newest"}.union(*drivers, last, matching))
