"""Several operations of one request: read, checked each for itself, and tied together.

An id of an operation may be `$ref:name`: that of what an earlier one creates under this name.
Until the database has made it a placeholder stands there.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, structs

from service.errors import FieldError, MalformedRequest, shown
from service.model import etag
from service.model.decode import decode, payload, refusal
from service.model.kinds import BY_NAME
from service.model.operations import (
    OF,
    OPERATIONS_MAX,
    AmendOperation,
    CreateOperation,
    Operation,
    StatusOperation,
)
from service.model.rules import successor_faults
from service.model.strict import is_uuid

PREFIX: Final = "$ref:"
ID_FIELDS: Final = (
    "parent_ids",
    "industry_id",
    "job_role_id",
    "team_id",
    "skill_ids",
    "required_skills",
)
"""Fields of bodies that hold ids."""

_REF: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLACES: Final = UUID("4b1f0f6e-3f6d-4a52-9e0d-5d3c8c1c7f10")
"""What placeholders are made from: no id of version 7 is one of them."""


class _Outer(Struct, frozen=True, forbid_unknown_fields=True):
    operations: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=OPERATIONS_MAX)]


class _Raw(Struct, frozen=True):
    operations: list[dict[str, Raw]]


class Prepared(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An operation as SQL takes it; `content` is the struct of its body or patch."""

    op: str
    kind: str
    id: str | None = None
    etags: str | None = None
    body: Raw | UnsetType = UNSET
    patch: Raw | UnsetType = UNSET
    to: str | None = None
    reason: str | None = None
    successor_id: str | None = None
    ref: str | None = None
    placeholder: str | None = None
    uses: tuple[int, ...] = ()
    content: Struct | None = None


def prepare(body: bytes) -> list[Prepared]:
    """Read the operations of a request, each as one alone would be read.

    Raises: MalformedJson, InvalidBody: of the first operation that is not right.
    """
    decode(body, _Outer)
    prepared: list[Prepared] = []
    places: dict[str, int] = {}
    for place, members in enumerate(msgspec.json.decode(body, type=_Raw).operations):
        prepared.append(_Reading(place, members, places).prepared())
        if prepared[-1].ref is not None:
            places[prepared[-1].ref] = place
    return prepared


def encoded(operations: list[Prepared]) -> bytes:
    """Encode operations for SQL; the same ones come out the same."""
    return msgspec.json.encode([structs.replace(one, content=None, ref=None) for one in operations])


class _Reading:
    """One operation; `places` are those of the names that come before it."""

    def __init__(self, place: int, members: dict[str, Raw], places: Mapping[str, int]) -> None:
        self._at = f"/operations/{place}"
        self._place = place
        self._members = members
        self._places = places
        self._uses: set[int] = set()
        self._faults: list[FieldError] = []

    def prepared(self) -> Prepared:
        """Check it and put placeholders in.

        Raises: MalformedJson, InvalidBody.
        """
        operation = self._operation()
        if isinstance(operation, CreateOperation):
            made = self._created(operation)
        elif isinstance(operation, AmendOperation):
            made = self._amended(operation)
        else:
            made = self._stepped(operation)
        if self._faults:
            raise refusal(self._faults)
        return structs.replace(made, uses=tuple(sorted(self._uses)))

    def _created(self, operation: CreateOperation) -> Prepared:
        content, raw = self._content("body", BY_NAME[operation.kind].create)
        return Prepared(
            op="create",
            kind=operation.kind,
            body=raw,
            content=content,
            ref=self._named(operation),
            placeholder=str(_placeholder(self._place)),
        )

    def _amended(self, operation: AmendOperation) -> Prepared:
        content, raw = self._content("patch", BY_NAME[operation.kind].patch)
        return Prepared(
            op="amend",
            kind=operation.kind,
            id=self._id(operation.id, "id"),
            etags=self._etags(operation.if_match),
            patch=raw,
            content=content,
        )

    def _stepped(self, operation: StatusOperation) -> Prepared:
        self._faults += successor_faults(operation, self._at)
        successor = operation.successor_id
        return Prepared(
            op="status",
            kind=operation.kind,
            id=self._id(operation.id, "id"),
            etags=self._etags(operation.if_match),
            to=operation.to,
            reason=operation.reason,
            successor_id=self._id(successor, "successor_id") if successor else None,
        )

    def _operation(self) -> Operation:
        name = self._members.get("op")
        op = None if name is None else msgspec.json.decode(name)
        wanted = OF.get(op) if isinstance(op, str) else None
        if wanted is None:
            rule, message = "one-of", f"must be one of {', '.join(OF)}"
            if name is None:
                rule, message = "required", "is missing"
            raise refusal([FieldError(f"{self._at}/op", rule, message)])
        return decode(msgspec.json.encode(self._members), wanted, self._at)

    def _content(self, name: str, wanted: type[Struct]) -> tuple[Struct, Raw]:
        """Read body or patch, with placeholders where it refers to earlier operations."""
        members = msgspec.json.decode(self._members[name], type=dict[str, Raw])
        at = f"{self._at}/{name}"
        for field in ID_FIELDS:
            raw = bytes(members.get(field, b""))
            if b"$" in raw or b"\\" in raw:
                value = msgspec.json.decode(raw)
                members[field] = Raw(msgspec.json.encode(self._placed(value, f"{at}/{field}")))
        if self._faults:
            raise refusal(self._faults)
        content = decode(msgspec.json.encode(members), wanted, at)
        return content, Raw(payload(content))

    def _placed(self, value: object, at: str) -> object:
        if isinstance(value, list):
            return [self._placed(one, f"{at}/{place}") for place, one in enumerate(value)]
        if isinstance(value, dict):
            inner = value.get("id")
            return value | ({"id": self._placed(inner, f"{at}/id")} if inner is not None else {})
        return self._referred(value, at) if isinstance(value, str) else value

    def _referred(self, text: str, at: str) -> str:
        if not text.startswith(PREFIX):
            return text
        name = text.removeprefix(PREFIX)
        place = self._places.get(name)
        if place is None:
            message = f"refers to {shown(name)!r}, which no earlier operation creates"
            self._faults.append(FieldError(at, "ref", message))
            return text
        self._uses.add(place)
        return str(_placeholder(place))

    def _id(self, text: str, member: str) -> str:
        at = f"{self._at}/{member}"
        found = self._referred(text, at)
        if found == text and not is_uuid(text) and not text.startswith(PREFIX):
            message = "must be a UUID in its usual form, with hyphens, or $ref:name"
            self._faults.append(FieldError(at, "uuid", message))
        return found.lower()

    def _etags(self, value: str) -> str | None:
        try:
            condition = etag.if_match(value)
        except MalformedRequest:
            message = 'must be * or entity tags as "tag", with commas between'
            self._faults.append(FieldError(f"{self._at}/if_match", "etag", message))
            return None
        tags = [tag for tag in condition.strong if "," not in tag]
        return None if condition.any else ",".join(tags)

    def _named(self, operation: CreateOperation) -> str | None:
        if isinstance(operation.ref, UnsetType):
            return None
        fault = None
        if _REF.fullmatch(operation.ref) is None:
            fault = "ref", "must be 1 to 64 letters, digits, dots, underscores and hyphens"
        elif operation.ref in self._places:
            fault = "duplicate", "names an earlier operation already"
        if fault is not None:
            self._faults.append(FieldError(f"{self._at}/ref", *fault))
        return operation.ref


def _placeholder(place: int) -> UUID:
    return uuid5(_PLACES, str(place))


def within(fault: FieldError, place: int, operation: Prepared) -> FieldError:
    """Point a fault of what an operation sends into the whole."""
    inner = {"create": "/body", "amend": "/patch"}.get(operation.op, "")
    return structs.replace(fault, pointer=f"/operations/{place}{inner}{fault.pointer}")
