"""Schemas in words: what a value is, how long or large it may be, which values it may take."""

import json
from html import escape
from typing import Any

from service.pages.markup import code, inline, link, table

Schema = dict[str, Any]

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}
_FORMATS = {"uuid": "UUID", "date-time": "time", "uri-reference": "path"}


def fields(schema: Schema) -> str:
    """Write the members of an object as a table."""
    required = schema.get("required", [])
    rows = [
        [
            code(name) + ("" if name in required else ' <span class="mild">optional</span>'),
            words(member),
            inline(member.get("description", "")),
        ]
        for name, member in schema.get("properties", {}).items()
    ]
    return table(["Member", "Type", "Meaning"], rows)


def words(schema: Schema) -> str:
    """Say in HTML what a value is."""
    said = _kind(schema)
    if "default" in schema:
        said += f", default {code(_shown(schema['default']))}"
    return said


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        return reference(schema["$ref"])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(_kind(choice) for choice in choices)
    if "const" in schema:
        return code(_shown(schema["const"]))
    if "enum" in schema:
        return " ".join(code(_shown(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return _list(schema)
    return _scalar(schema)


def reference(target: str) -> str:
    """Link to a schema on the page; problems have a page of their own."""
    name = target.rpartition("/")[2]
    return link(f"#schema-{name}", escape(name))


def _scalar(schema: Schema) -> str:
    kind: str = schema.get("type", "any value")
    said: str = _FORMATS.get(schema.get("format", ""), _WORDS.get(kind, kind))
    if kind == "string":
        return said + _bounds(schema.get("minLength"), schema.get("maxLength"), " of ")
    return said + _bounds(schema.get("minimum"), schema.get("maximum"), " ")


def _list(schema: Schema) -> str:
    most, least = schema.get("maxItems"), schema.get("minItems")
    count = ""
    if most is not None:
        count = f" {most:,}:" if most == least else f" {least} to {most:,}:"
        count = count if least else f" up to {most:,}:"
    unique = ", no two equal" if schema.get("uniqueItems") else ""
    return f"list of{count} {_kind(schema.get('items', {}))}{unique}"


def _bounds(least: float | None, most: float | None, before: str) -> str:
    if least is not None and most is not None:
        return f"{before}{_number(least)} to {_number(most)}"
    if most is not None:
        return f"{before}up to {_number(most)}"
    if least is not None:
        return f"{before}{_number(least)} or more"
    return ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
