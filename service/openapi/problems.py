"""Every problem type as a schema: members from `service.errors`, words from docs/errors.md."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from service import errors
from service.catalog.place import place
from service.errors import BY_SLUG, Problem
from service.model.amendments import AmendmentStatus
from service.model.fields import Status
from service.openapi.markdown import Code, Heading, Paragraph, blocks

Schema = dict[str, Any]

_SHOWN_ID: Final = "order-4711"
_WAY_OUT: Final = "Way out: "
_FIRST: Final = re.compile(r"\d{3} [^.]+\. ?")
"""Status and title, which a schema has as members."""

_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_WHOLE: Final[Schema] = {"type": "integer"}
_STATUS: Final[Schema] = {"$ref": "#/components/schemas/Status"}
_STATES: Final = list(dict.fromkeys((*get_args(Status), *get_args(AmendmentStatus))))
"""Of entities and of amendments."""

_NOW: Final[Schema] = {"current_status": _STATUS | {"description": "The state that it is in."}}
_HELD: Final[Schema] = {
    "existing_id": _UUID | {"description": "The entity in the way, when it is visible to you."}
}
_PROPOSAL: Final[Schema] = {
    "amendment": {
        "type": "string",
        "format": "uri-reference",
        "description": "Where a change can be proposed.",
    }
}

EXTENSIONS: Final[dict[type[Problem], Schema]] = {
    errors.UnknownParameter: {
        "parameter": {"type": "string", "description": "The parameter that is not known."},
        "allowed": _TEXTS | {"description": "Those that are."},
    },
    errors.InvalidParameter: {
        "parameter": {"type": "string", "description": "The parameter with the value."},
        "allowed": _TEXTS | {"description": "The values that are allowed, where they are few."},
        "now": {
            "type": "string",
            "description": "Of a time that has yet to come: the time by which changes are stamped.",
        },
        "fitting": _WHOLE
        | {"description": "Of several entities that are too large together: how many fit."},
    },
    errors.ScopeMissing: {
        "required_scope": {
            "anyOf": [{"type": "string"}, _TEXTS],
            "description": "The scope that is needed, or those of which one is.",
        }
    },
    errors.MethodNotAllowed: {"allowed": _TEXTS | {"description": "The methods there are."}},
    errors.NotAcceptable: {"offered": _TEXTS | {"description": "The media types there are."}},
    errors.NameTaken: _HELD,
    errors.ExternalIdTaken: _HELD,
    errors.CodeTaken: _HELD,
    errors.SimilarExists: {
        "similar": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": _UUID,
                    **{name: {"type": "string"} for name in ("name", "matched_label")},
                    "score": {"type": "number", "minimum": -1, "maximum": 1},
                },
                "required": ["id", "name", "score", "matched_label"],
            },
            "maxItems": 5,
            "description": "What is near, the nearest first.",
        }
    },
    errors.InvalidBody: {
        "allowed": _TEXTS | {"description": "Of a `model`: those that are known."},
        "fitting": _WHOLE
        | {"description": "Of a search or match whose entities are too large: how many fit."},
    },
    errors.StepNotAllowed: {
        "allowed": {
            "type": "array",
            "items": {"type": "string", "enum": _STATES},
            "description": "The states that a step leads to from here.",
        }
    },
    errors.CertifiedIsImmutable: {**_NOW, **_PROPOSAL},
    errors.AmendmentOpen: _PROPOSAL,
    errors.NotInForce: _NOW,
    errors.AmendmentOutdated: {
        **_NOW,
        "base_version": {"type": "integer", "description": "The version it is based on."},
        "current_version": {"type": "integer", "description": "The version of the entity now."},
    },
    errors.InUse: {
        "count": _WHOLE | {"description": "How many in force depend on it."},
        "dependents": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Dependent"},
            "description": "Twenty of them at most, as far as you see them.",
        },
    },
    errors.PreconditionFailed: {
        "current_etag": {"type": "string", "description": "The ETag that the entity has now."}
    },
    errors.Pruned: {
        "archive": {
            "type": "object",
            "description": "The file that has it: its name, and the SHA-256 of it in hex.",
            "properties": {"name": {"type": "string"}, "sha256": {"type": "string"}},
            "required": ["name", "sha256"],
        }
    },
    errors.BodyTooLarge: {
        "limit_bytes": {"type": "integer", "minimum": 1, "description": "How much is taken."}
    },
    errors.UnsupportedMediaType: {
        "accepted": _TEXTS | {"description": "The media types that are taken."}
    },
}
"""What a problem has besides the members of all: each may be absent, `retry_after_s` apart."""

ALWAYS: Final[dict[type[Problem], tuple[str, ...]]] = {
    errors.UnknownParameter: ("parameter", "allowed"),
    errors.InvalidParameter: ("parameter",),
    errors.StepNotAllowed: ("allowed",),
    errors.SimilarExists: ("similar",),
    errors.UnsupportedMediaType: ("accepted",),
    errors.Pruned: ("archive",),
}
"""Those of the extensions that are always there."""


class Entry(Struct, frozen=True):
    """What docs/errors.md says of a problem type."""

    text: str
    example: dict[str, Any]


def page() -> Path:
    """Find docs/errors.md of this release."""
    return place("docs") / "errors.md"


@cache
def entries() -> dict[str, Entry]:
    """Read the headings of docs/errors.md that are problem types."""
    found: dict[str, Entry] = {}
    slug, text, example = "", [""], dict[str, Any]()
    for block in (*blocks(page().read_text(encoding="utf-8")), Heading(1, "")):
        if isinstance(block, Heading):
            if slug in BY_SLUG:
                found[slug] = Entry(" ".join(text).strip(), example)
            slug, text, example = block.text, [], {}
        elif isinstance(block, Paragraph) and (not text or block.text.startswith(_WAY_OUT)):
            text.append(block.text if text else _FIRST.sub("", block.text, count=1))
        elif isinstance(block, Code) and block.language == "json" and not example:
            example = msgspec.json.decode(block.text)
    return found


def name_of(problem: type[Problem]) -> str:
    """Name the schema of a problem type."""
    return f"{problem.__name__}Problem"


def line_of(problem: type[Problem]) -> str:
    """Say in a line what a problem type means."""
    return (problem.__doc__ or "").partition("\n")[0]


def example_of(problem: type[Problem]) -> dict[str, Any]:
    """Give the example of docs/errors.md as an answer has it."""
    return entries()[problem.slug].example | {"request_id": _SHOWN_ID}


def schemas() -> dict[str, Schema]:
    """Describe every problem type, and what they have in common."""
    return {"Problem": _common()} | {name_of(one): _schema(one) for one in BY_SLUG.values()}


def _members(problem: type[Problem] | None) -> Schema:
    """Describe the members that every problem has."""
    kind: Schema = {"type": "string", "format": "uri-reference"}
    title: Schema = {"type": "string"}
    status: Schema = {"type": "integer", "minimum": 400, "maximum": 599}
    if problem is not None:
        kind = {"type": "string", "const": f"/docs/errors#{problem.slug}"}
        title = {"type": "string", "const": problem.title}
        status = {"type": "integer", "const": problem.status}
    return {
        "type": kind | {"description": "Which problem it is: decide on this, never on words."},
        "title": title | {"description": "The type in words."},
        "status": status | {"description": "The status code of the answer."},
        "detail": {"type": "string", "description": "What happened this time."},
    }


_ERRORS: Final[Schema] = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/FieldError"},
    "description": "What is wrong, place by place.",
}
_RETRY: Final[Schema] = {
    "type": "integer",
    "minimum": 0,
    "description": "After how many seconds to try again.",
}
_ID: Final[Schema] = {"type": "string", "description": "The Request-Id of the answer."}


def _schema(problem: type[Problem]) -> Schema:
    members = _members(problem)
    always = [*members, "request_id", *ALWAYS.get(problem, ())]
    if issubclass(problem, errors.POINTING):
        members["errors"] = _ERRORS
    if problem.retry_after_s is not None:
        members["retry_after_s"] = _RETRY
        always.append("retry_after_s")
    members |= EXTENSIONS.get(problem, {})
    return {
        "type": "object",
        "description": entries()[problem.slug].text,
        "properties": members | {"request_id": _ID},
        "required": always,
    }


def _common() -> Schema:
    members = _members(None)
    return {
        "type": "object",
        "description": "What every problem has (RFC 9457). Ignore members that you do not know.",
        "properties": members | {"errors": _ERRORS, "retry_after_s": _RETRY, "request_id": _ID},
        "required": list(members),
    }
