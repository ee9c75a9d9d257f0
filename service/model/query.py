"""Query strings, read strictly: every parameter is known, every value has one reading.

Works on the raw text after the question mark, because frameworks repair what they decode.
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final, get_args
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from service.errors import InvalidParameter, MalformedRequest, UnknownParameter, shown
from service.model import fields
from service.model.cursor import Listing
from service.model.kinds import KINDS, Kind
from service.model.strict import is_uuid
from service.model.text import line_fault
from service.model.times import read_as_of, write_time
from service.spelling import nearest

LIMIT_MAX: Final = 200
LIMIT_DEFAULT: Final = 50
FILTER_VALUES_MAX: Final = 20
IDS_MAX: Final = 100
PARAMETERS_MAX: Final = 200

_SINGLE: Final = frozenset({"limit", "cursor", "as_of"})
_AS_OF_FILTERS: Final = frozenset({"status"})
"""What the log can be asked for besides the kind; the rest is known of the present only."""
BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LENGTHS: Final = {"name": 255, "external_id": 255, "tag": 64, "scheme": 64}
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "status": get_args(fields.Status),
    "category": get_args(fields.CategoryName),
    "seniority_level": get_args(fields.SeniorityName),
}
_ALL_FILTERS: Final = frozenset[str]().union(*(kind.filters for kind in KINDS.values()))


class ListQuery(Struct, frozen=True, kw_only=True):
    """A list as it was asked for; values of one filter mean either, filters all of them."""

    kind: Kind
    limit: int
    cursor: str | None
    filters: dict[str, tuple[str, ...]]
    as_of: datetime | None = None

    @property
    def pinned(self) -> dict[str, tuple[str, ...]]:
        """Give what stays the same from page to page, as parameters."""
        then = {} if self.as_of is None else {"as_of": (write_time(self.as_of),)}
        return self.filters | then

    @property
    def order(self) -> str:
        """Name the order: by name where names are filtered, else newest first."""
        return "name" if "name" in self.filters else "id"

    def listing(self, tenant: str) -> Listing:
        """Name what a cursor of this list pins."""
        return Listing(tenant=tenant, kind=self.kind.name, filters=self.pinned, order=self.order)


def list_query(raw: str, kind: Kind) -> ListQuery:
    """Read the query of `GET /v1/{kinds}`.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=_SINGLE, repeated=kind.filters, about=kind)
    cursor, limit, as_of = (given.pop(name, None) for name in ("cursor", "limit", "as_of"))
    if as_of and (others := given.keys() - _AS_OF_FILTERS):
        raise InvalidParameter(
            f"With as_of a list filters by status only, not by {', '.join(sorted(others))}.",
            extensions={"parameter": min(others), "allowed": sorted(_AS_OF_FILTERS)},
        )
    return ListQuery(
        kind=kind,
        limit=whole(limit[0], "limit", 1, LIMIT_MAX) if limit else LIMIT_DEFAULT,
        cursor=cursor[0] if cursor else None,
        filters={name: _values(name, values) for name, values in sorted(given.items())},
        as_of=read_as_of(as_of[0]) if as_of else None,
    )


class PageQuery(Struct, frozen=True, kw_only=True):
    """A page of what belongs to one entity, as it was asked for."""

    limit: int
    cursor: str | None

    def listing(self, tenant: str, kind: str, identity: str, order: str) -> Listing:
        """Name what a cursor of this list pins."""
        return Listing(tenant=tenant, kind=kind, filters={"id": (identity,)}, order=order)


def page_query(raw: str) -> PageQuery:
    """Read the query of a list that belongs to one entity.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, single=("limit", "cursor"))
    limit = whole(given["limit"][0], "limit", 1, LIMIT_MAX) if "limit" in given else LIMIT_DEFAULT
    return PageQuery(limit=limit, cursor=given["cursor"][0] if "cursor" in given else None)


def id_list(raw: str) -> tuple[str, ...]:
    """Read `id=…&id=…`, at most 100 of them, as different ids in the order given.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given = parameters(raw, repeated=frozenset({"id"})).get("id", [])
    if not 1 <= len(given) <= IDS_MAX:
        raise _invalid("id", f"is given {len(given)} times; 1 to {IDS_MAX} are allowed")
    return tuple(dict.fromkeys(_value("id", value) for value in given))


def parameters(
    raw: str,
    *,
    single: Collection[str] = (),
    repeated: Collection[str] = (),
    about: Kind | None = None,
    body: type[Struct] | None = None,
) -> dict[str, list[str]]:
    """Split a query string and refuse what is unknown, or repeated where it may not be.

    `about`: the kind that is listed; `body`: what the resource reads, to say what belongs there.

    Raises: UnknownParameter, InvalidParameter, MalformedRequest.
    """
    given: dict[str, list[str]] = {}
    if not raw:
        return given
    for name, value in _pairs(raw):
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if name in single:
            if len(values) > 1:
                raise _invalid(name, "is given more than once")
        elif name not in repeated:
            raise _unknown(name, sorted({*single, *repeated}), about, body)
    return given


def whole(text: str, name: str, least: int, most: int) -> int:
    """Read a whole number within bounds, in plain digits.

    Raises: InvalidParameter.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)):
        number = int(text)
        if least <= number <= most:
            return number
    raise _invalid(name, f"must be a whole number from {least} to {most}")


def _pairs(raw: str) -> Iterable[tuple[str, str]]:
    """Decode names and values.

    Source: https://url.spec.whatwg.org/#urlencoded-parsing, without its leniency about bytes.
    """
    data = raw.encode("utf-8", "surrogateescape")
    if data.count(b"&") >= PARAMETERS_MAX:
        raise MalformedRequest(f"The query has more than {PARAMETERS_MAX} parameters.")
    if BAD_ESCAPE.search(data):
        raise MalformedRequest("The query has a % that two hexadecimal digits do not follow.")
    for pair in data.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield _text(name), _text(value)


def _text(data: bytes) -> str:
    try:
        return unquote_to_bytes(data.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("The query is not UTF-8 in percent encoding.") from None


def _values(name: str, values: list[str]) -> tuple[str, ...]:
    """Check the values of a filter and bring them into one order, without repetition."""
    if len(values) > FILTER_VALUES_MAX:
        raise _invalid(name, f"has {len(values)} values; at most {FILTER_VALUES_MAX} are allowed")
    return tuple(sorted({_value(name, value) for value in values}))


def _value(name: str, value: str) -> str:
    choices = _CHOICES.get(name)
    if choices is not None:
        if value in choices:
            return value
        raise _invalid(name, f"must be one of {', '.join(choices)}", allowed=choices)
    length = _LENGTHS.get(name)
    if length is None:
        if is_uuid(value):
            return value.lower()
        raise _invalid(name, "must be a UUID")
    if len(value) > length:
        raise _invalid(name, f"has {len(value):,} characters; at most {length} are allowed")
    # The name is a prefix: it may end where a word does.
    fault = line_fault(value.rstrip(" ") if name == "name" else value)
    if fault is not None:
        raise _invalid(name, fault.message)
    return value


def _invalid(name: str, message: str, allowed: Collection[str] = ()) -> InvalidParameter:
    more: dict[str, object] = {"allowed": list(allowed)} if allowed else {}
    return InvalidParameter(f"{name} {message}.", extensions={"parameter": name, **more})


def _unknown(
    name: str, allowed: list[str], about: Kind | None, body: type[Struct] | None
) -> UnknownParameter:
    if about is not None and name in _ALL_FILTERS:
        message = f"The filter {name} does not apply to {about.path}."
    elif body is not None and name in body.__struct_encode_fields__:
        message = f"The parameter {name} is not known here: {name} belongs in the body."
    else:
        near = nearest(shown(name), allowed)
        meant = f" Did you mean {near}?" if near else ""
        message = f"The parameter {shown(name)} is not known here.{meant}"
    known = f" Known: {', '.join(allowed)}." if allowed else " This resource takes none."
    return UnknownParameter(
        message + known, extensions={"parameter": shown(name), "allowed": allowed}
    )
