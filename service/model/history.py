"""What may be asked of the past: one version, one time, all versions, or two of them compared."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from service.errors import InvalidParameter
from service.model.query import parameters, whole
from service.model.times import read_as_of

VERSION_MAX: Final = 2**31 - 1
"""The largest version number that a row can hold."""


class AtVersion(Struct, frozen=True):
    """An entity as one of its versions."""

    version: int


class AtTime(Struct, frozen=True):
    """An entity as it was at a time."""

    at: datetime


def moment(raw: str) -> AtVersion | AtTime | None:
    """Read the query of `GET /v1/{kinds}/{id}`: a version, a time, or None for now.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("version", "as_of"))
    if len(given) > 1:
        raise InvalidParameter(
            "version and as_of exclude each other: give one.",
            extensions={"parameter": "as_of"},
        )
    if "version" in given:
        return AtVersion(_version(given, "version"))
    return AtTime(read_as_of(given["as_of"][0])) if given else None


def compared(raw: str) -> tuple[int, int]:
    """Read the query of `GET /v1/{kinds}/{id}/diff`: two versions, in any order.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("from", "to"))
    missing = [name for name in ("from", "to") if name not in given]
    if missing:
        raise InvalidParameter(
            f"{' and '.join(missing)} missing: give from and to, two version numbers.",
            extensions={"parameter": missing[0]},
        )
    return _version(given, "from"), _version(given, "to")


def _version(given: dict[str, list[str]], name: str) -> int:
    return whole(given[name][0], name, 1, VERSION_MAX)
