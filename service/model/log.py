"""What may be asked of the log: a page of it, a receipt, the growth of one size to another."""

from typing import Final

from msgspec import Struct

from service.errors import InvalidParameter
from service.model.cursor import Listing
from service.model.history import VERSION_MAX
from service.model.query import LIMIT_DEFAULT, LIMIT_MAX, parameters, whole
from service.model.strict import is_uuid

WAIT_MAX_S: Final = 30
SIZE_MAX: Final = 2**63 - 1
"""Of the log, and so the largest position."""
SIZES_MAX: Final = 20
"""Checkpoints that one export proves growth from."""


class EntriesQuery(Struct, frozen=True, kw_only=True):
    """A page of the tenant's log as it was asked for: behind a position, or where one ended."""

    limit: int
    after: int
    cursor: str | None

    def listing(self, tenant: str) -> Listing:
        """Name what a cursor of this list pins."""
        return Listing(tenant=tenant, kind="entry", filters={}, order="position")


class ReceiptQuery(Struct, frozen=True):
    """Of which version, None for the present one, and how long it may take until it is sealed."""

    version: int | None
    wait_s: int


class AmendmentReceiptQuery(ReceiptQuery, frozen=True):
    """And of which amendment, None for the open one."""

    amendment_id: str | None


class GrowthQuery(Struct, frozen=True):
    """From which size to which; None: as large as the log is signed to be."""

    old_size: int
    size: int | None


def entries_query(raw: str) -> EntriesQuery:
    """Read the query of `GET /v1/audit/entries`.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("after", "cursor", "limit"))
    if "cursor" in given and "after" in given:
        raise InvalidParameter(
            "after and cursor exclude each other: give one.", extensions={"parameter": "after"}
        )
    return EntriesQuery(
        limit=_number(given, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT),
        after=_number(given, "after", 0, SIZE_MAX, 0),
        cursor=given["cursor"][0] if "cursor" in given else None,
    )


def receipt_query(raw: str) -> ReceiptQuery:
    """Read the query of `GET /v1/{kinds}/{id}/receipt`.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("version", "wait"))
    return ReceiptQuery(*_version_and_wait(given))


def amendment_receipt_query(raw: str) -> AmendmentReceiptQuery:
    """Read the query of `GET /v1/{kinds}/{id}/amendment/receipt`.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("amendment_id", "version", "wait"))
    (amendment_id,) = given.get("amendment_id", [None])
    if amendment_id is not None and not is_uuid(amendment_id):
        raise InvalidParameter(
            "amendment_id must be a UUID.", extensions={"parameter": "amendment_id"}
        )
    return AmendmentReceiptQuery(
        *_version_and_wait(given), amendment_id.lower() if amendment_id else None
    )


def growth_query(raw: str) -> GrowthQuery:
    """Read the query of `GET /v1/audit/consistency`: two sizes, the second one left out or not.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("from", "to"))
    if "from" not in given:
        raise InvalidParameter(
            "from is missing: give the size of a checkpoint that you hold.",
            extensions={"parameter": "from"},
        )
    old_size = _number(given, "from", 0, SIZE_MAX, 0)
    size = _number(given, "to", 0, SIZE_MAX, 0) if "to" in given else None
    if size is not None and size < old_size:
        raise InvalidParameter(
            f"to must not be less than from, which is {old_size}.", extensions={"parameter": "to"}
        )
    return GrowthQuery(old_size, size)


def sizes(values: list[str], name: str) -> tuple[int, ...]:
    """Read the sizes of checkpoints, each once, the smallest first.

    Raises: InvalidParameter.
    """
    if len(values) > SIZES_MAX:
        raise InvalidParameter(
            f"{name} is given {len(values)} times; at most {SIZES_MAX} are allowed.",
            extensions={"parameter": name},
        )
    return tuple(sorted({whole(value, name, 0, SIZE_MAX) for value in values}))


def _version_and_wait(given: dict[str, list[str]]) -> tuple[int | None, int]:
    version = _number(given, "version", 1, VERSION_MAX, 0)
    return version or None, _number(given, "wait", 0, WAIT_MAX_S, 0)


def _number(given: dict[str, list[str]], name: str, least: int, most: int, otherwise: int) -> int:
    return whole(given[name][0], name, least, most) if name in given else otherwise
