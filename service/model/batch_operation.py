"""One operation of a batch: checked as a request for it alone, with placeholders for what comes."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, structs

from service.errors import FieldError, MalformedRequest, shown
from service.model import etag
from service.model.decode import ERRORS_MAX, decode, payload, refusal
from service.model.kinds import BY_NAME
from service.model.operations import (
    OF,
    AmendOperation,
    CreateOperation,
    Operation,
    StatusOperation,
)
from service.model.rules import successor_faults
from service.model.strict import is_uuid

IDS_BYTES_MAX: Final = 256 * 1024
"""Of a list of ids as JSON: the longest that is taken has 500 skills with their relations."""

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


class Prepared(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An operation as SQL takes it; `content` is the struct of its body or patch.

    `weak_only`: its condition names nothing but weak tags, which no version matches.
    """

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
    weak_only: bool = False


class Reading:
    """One operation; `places` are those of the names that come before it."""

    def __init__(self, place: int, raw: bytes, places: Mapping[str, int], salt: str) -> None:
        self._at = f"/operations/{place}"
        self._place = place
        self._raw = raw
        self._places = places
        self._salt = salt
        try:
            self._members = msgspec.json.decode(raw, type=dict[str, Raw])
        except msgspec.DecodeError:
            raise refusal([FieldError(self._at, "type", "must be an object")]) from None
        self._uses: set[int] = set()
        self._weak_only = False
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
        uses = tuple(sorted(self._uses))
        return structs.replace(made, uses=uses, weak_only=self._weak_only)

    def _created(self, operation: CreateOperation) -> Prepared:
        content, raw = self._content("body", BY_NAME[operation.kind].create)
        return Prepared(
            op="create",
            kind=operation.kind,
            body=raw,
            content=content,
            ref=self._named(operation),
            placeholder=self._placeholder(self._place),
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
            successor_id=self._id(successor, "successor_id")
            if isinstance(successor, str)
            else None,
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
        return decode(self._raw, wanted, self._at)

    def _content(self, name: str, wanted: type[Struct]) -> tuple[Struct, Raw]:
        """Read body or patch, with placeholders where it refers to earlier operations."""
        members = msgspec.json.decode(self._members[name], type=dict[str, Raw])
        at = f"{self._at}/{name}"
        for field in ID_FIELDS:
            raw = bytes(members.get(field, b""))
            # What is longer than any list of ids is refused for its length, as it is.
            if (b"$" in raw or b"\\" in raw) and len(raw) <= IDS_BYTES_MAX:
                value = msgspec.json.decode(raw)
                members[field] = Raw(msgspec.json.encode(self._placed(value, f"{at}/{field}")))
        if self._faults:
            raise refusal(self._faults)
        content = decode(msgspec.json.encode(members), wanted, at)
        return content, Raw(payload(content))

    def _placed(self, value: object, at: str) -> object:
        """Put placeholders into an id, or into a list of ids or of objects that have one."""
        if not isinstance(value, list):
            return self._one(value, at)
        return [self._member(one, f"{at}/{place}") for place, one in enumerate(value)]

    def _member(self, value: object, at: str) -> object:
        if isinstance(value, dict) and "id" in value:
            return value | {"id": self._one(value["id"], f"{at}/id")}
        return self._one(value, at)

    def _one(self, value: object, at: str) -> object:
        return self._referred(value, at) if isinstance(value, str) else value

    def _referred(self, text: str, at: str) -> str:
        if not text.startswith(PREFIX):
            return text
        name = text.removeprefix(PREFIX)
        place = self._places.get(name)
        if place is None and len(self._faults) < ERRORS_MAX:
            message = f"refers to {shown(name)!r}, which no earlier operation creates"
            self._faults.append(FieldError(at, "ref", message))
        if place is None:
            return text
        self._uses.add(place)
        return self._placeholder(place)

    def _placeholder(self, place: int) -> str:
        """Give a UUID that no client can know before, and the service never makes."""
        return f"{self._salt}{place:08x}"

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
        self._weak_only = condition.weak_only
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
