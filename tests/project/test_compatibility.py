"""A description that breaks nobody: compared with the last released one, by rules seen to bite."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.openapi.document import described
from tests.compatibility import breaking

Document = dict[str, Any]

SMALL: Document = {
    "paths": {
        "/v1/x": {
            "post": {
                "operationId": "createX",
                "security": [{"key": ["write"]}, {"key": ["admin"]}],
                "parameters": [
                    {"$ref": "#/components/parameters/limit"},
                    {"in": "query", "name": "as", "schema": {"type": "string", "enum": ["a", "b"]}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}
                },
                "responses": {
                    "201": {
                        "headers": {"ETag": {"required": True}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Out"}}
                        },
                    },
                    "404": {"$ref": "#/components/responses/none"},
                },
            }
        }
    },
    "components": {
        "parameters": {
            "limit": {
                "in": "query",
                "name": "limit",
                "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
            }
        },
        "responses": {
            "none": {
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/None"}}
                }
            }
        },
        "schemas": {
            "None": {"type": "object", "properties": {"type": {"const": "/docs/errors#none"}}},
            "In": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 255, "pattern": "^x"},
                    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 50},
                    "id": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "attributes": {"type": "object"},
                    "inner": {"$ref": "#/components/schemas/In"},
                },
            },
            "Out": {
                "type": "object",
                "required": ["name", "status"],
                "properties": {
                    "name": {"type": "string", "maxLength": 255, "format": "uuid"},
                    "status": {"enum": ["draft", "active"]},
                    "version": {"type": "integer"},
                    "parent": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Out"}},
                },
            },
        },
    },
}
"""Has everything that rules are about."""


def operation(document: Document) -> Document:
    """Give the one operation."""
    found: Document = document["paths"]["/v1/x"]["post"]
    return found


def field(document: Document, schema: str, name: str) -> Document:
    """Give a property of a component."""
    found: Document = document["components"]["schemas"][schema]["properties"][name]
    return found


def limit(document: Document) -> Document:
    """Give the schema of the parameter that is a component."""
    found: Document = document["components"]["parameters"]["limit"]["schema"]
    return found


def properties(document: Document, schema: str) -> Document:
    """Give the properties of a component."""
    found: Document = document["components"]["schemas"][schema]["properties"]
    return found


def required(document: Document, schema: str) -> list[str]:
    """Give what is required of a component."""
    found: list[str] = document["components"]["schemas"][schema]["required"]
    return found


OTHER = {"in": "query", "name": "other", "schema": {"type": "string"}}
CREATED = "POST /v1/x: 201"
BODY = "POST /v1/x: the body"
Change = Callable[[Document], Any]
BREAKING: list[tuple[str, Change]] = [
    ("POST /v1/x: is gone", lambda d: d["paths"].clear()),
    ("POST /v1/x: is gone", lambda d: d["paths"]["/v1/x"].clear()),
    ("POST /v1/x: is named makeX", lambda d: operation(d).update(operationId="makeX")),
    (
        "POST /v1/x: {'key': ['admin']} is not enough any more",
        lambda d: operation(d)["security"].pop(),
    ),
    ("POST /v1/x: query parameter as is gone", lambda d: operation(d)["parameters"].pop()),
    (
        "POST /v1/x: query parameter as is required",
        lambda d: operation(d)["parameters"][1].update(required=True),
    ),
    (
        "POST /v1/x: query parameter other is required",
        lambda d: operation(d)["parameters"].append(OTHER | {"required": True}),
    ),
    (
        "POST /v1/x: query parameter as: 'b' is refused",
        lambda d: operation(d)["parameters"][1]["schema"]["enum"].pop(),
    ),
    (
        "POST /v1/x: query parameter limit: maximum is 100",
        lambda d: limit(d).update(maximum=100),
    ),
    (
        "POST /v1/x: query parameter limit: minimum is 2",
        lambda d: limit(d).update(minimum=2),
    ),
    (
        "POST /v1/x: query parameter limit: the default is another",
        lambda d: limit(d).update(default=10),
    ),
    (f"{BODY} is required", lambda d: operation(d)["requestBody"].update(required=True)),
    (
        f"{BODY} as application/json is gone",
        lambda d: operation(d)["requestBody"]["content"].clear(),
    ),
    (f"{BODY} as application/json is gone", lambda d: operation(d).pop("requestBody")),
    (f"{BODY}/tags: is required", lambda d: required(d, "In").append("tags")),
    (f"{BODY}/tags: is gone", lambda d: properties(d, "In").pop("tags")),
    (f"{BODY}/tags: array is refused", lambda d: field(d, "In", "tags").update(type="string")),
    (f"{BODY}/tags: maxItems is 49", lambda d: field(d, "In", "tags").update(maxItems=49)),
    (f"{BODY}/tags: minItems is 1", lambda d: field(d, "In", "tags").update(minItems=1)),
    (
        f"{BODY}/tags/0: maxLength is 9",
        lambda d: field(d, "In", "tags")["items"].update(maxLength=9),
    ),
    (f"{BODY}/name: pattern is another", lambda d: field(d, "In", "name").update(pattern="^y")),
    (f"{BODY}/name: format is another", lambda d: field(d, "In", "name").update(format="uuid")),
    (
        f"{BODY}/name: any other value is refused",
        lambda d: field(d, "In", "name").update(enum=["x"]),
    ),
    (f"{BODY}/id: anyOf 1 is refused", lambda d: field(d, "In", "id")["anyOf"].pop()),
    (
        f"{BODY}/attributes: other members are refused",
        lambda d: field(d, "In", "attributes").update(additionalProperties=False),
    ),
    (f"{CREATED} is gone", lambda d: operation(d)["responses"].pop("201")),
    ("POST /v1/x: 404 is gone", lambda d: operation(d)["responses"].pop("404")),
    (
        f"{CREATED} as application/json is gone",
        lambda d: operation(d)["responses"]["201"]["content"].clear(),
    ),
    (
        f"{CREATED} header ETag is gone",
        lambda d: operation(d)["responses"]["201"]["headers"].clear(),
    ),
    (
        f"{CREATED} header ETag may be missing",
        lambda d: operation(d)["responses"]["201"]["headers"]["ETag"].clear(),
    ),
    (f"{CREATED}/version: is gone", lambda d: properties(d, "Out").pop("version")),
    (f"{CREATED}/status: may be missing", lambda d: required(d, "Out").remove("status")),
    (
        f"{CREATED}/status: 'erased' is new",
        lambda d: field(d, "Out", "status")["enum"].append("erased"),
    ),
    (f"{CREATED}/status: any other value is new", lambda d: field(d, "Out", "status").clear()),
    (
        f"{CREATED}/name: null is new",
        lambda d: field(d, "Out", "name").update(type=["string", "null"]),
    ),
    (f"{CREATED}/name: format is another", lambda d: field(d, "Out", "name").pop("format")),
    (
        f"{CREATED}/version: number is new",
        lambda d: field(d, "Out", "version").update(type="number"),
    ),
    (
        f"{CREATED}/parent: anyOf 2 is new",
        lambda d: field(d, "Out", "parent")["anyOf"].append({"type": "integer"}),
    ),
    (f"{CREATED}/items: string is new", lambda d: field(d, "Out", "items").update(type="string")),
]
ALLOWED: dict[str, Change] = {
    "a path": lambda d: d["paths"].update({"/v1/y": {}}),
    "another way to be let in": lambda d: operation(d)["security"].append({}),
    "a parameter": lambda d: operation(d)["parameters"].append(OTHER),
    "a value to choose": lambda d: operation(d)["parameters"][1]["schema"]["enum"].append("c"),
    "a looser bound": lambda d: limit(d).update(maximum=500),
    "a form less": lambda d: field(d, "In", "name").pop("pattern"),
    "a member of a request": lambda d: properties(d, "In").update(more={"type": "string"}),
    "a member that may be left out": lambda d: required(d, "In").clear(),
    "another sort of value": lambda d: field(d, "In", "id")["anyOf"].append({"type": "integer"}),
    "a member of an answer": lambda d: properties(d, "Out").update(more={"type": "string"}),
    "a longer answer": lambda d: field(d, "Out", "name").update(maxLength=300),
    "an answer that says less": lambda d: field(d, "Out", "status")["enum"].pop(),
    "a status": lambda d: operation(d)["responses"].update({"410": {"content": {}}}),
    "a problem": lambda d: d["components"]["responses"]["none"]["content"].update(
        {"application/problem+json": {"schema": {"oneOf": [{}, {}]}}}
    ),
    "other words": lambda d: field(d, "Out", "name").update(description="x", examples=["y"]),
}


def changed(change: Change) -> Document:
    """Give the small document with a change."""
    document = deepcopy(SMALL)
    change(document)
    return document


@pytest.mark.parametrize(
    "told, change", BREAKING, ids=[f"{n} {told}" for n, (told, _) in enumerate(BREAKING)]
)
def test_what_breaks_is_noticed(told: str, change: Change) -> None:
    """By its place and by what it is."""
    assert told in breaking(SMALL, changed(change))


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_what_is_added_breaks_nobody(change: Change) -> None:
    """More may be asked for and more may be told."""
    assert [] == breaking(SMALL, changed(change))


def series(document: Document) -> tuple[int, ...]:
    """Give what of a version says whether it may break: before 1.0 the second number too."""
    major, minor, *_ = (int(part) for part in document["info"]["version"].split("."))
    return (major, minor) if major == 0 else (major,)


def test_nothing_breaks_without_a_version(root: Path) -> None:
    """The description is compared with docs/openapi-released.json, that of the last release."""
    released = msgspec.json.decode((root / "docs/openapi-released.json").read_bytes())
    now: Document = described()

    assert series(now) >= series(released)
    assert series(now) > series(released) or [] == breaking(released, now)
