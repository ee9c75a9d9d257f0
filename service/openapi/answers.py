"""Operations as OpenAPI has them: parameters, bodies, answers and refusals."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import UNSET

from service.errors import Problem
from service.openapi import headers, problems
from service.openapi.deprecations import DEPRECATIONS
from service.openapi.headers import OF_STATUS
from service.openapi.operation import NDJSON, NDJSON_TOO, OCTETS, Answer, Body, Operation, Parameter
from service.openapi.refusals import by_status

Schema = dict[str, Any]
SchemaOf = Callable[[Any], Schema]

PROBLEM: Final = "application/problem+json"


def reference(kind: str, name: str) -> Schema:
    """Refer to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def operation(one: Operation, schema_of: SchemaOf) -> Schema:
    """Write an operation."""
    written: Schema = {
        "operationId": one.id,
        "tags": [one.tag],
        "summary": one.summary,
        "description": one.description,
        "security": _security(one),
        "parameters": [
            *(_parameter(each, schema_of) for each in one.parameters),
            reference("parameters", headers.REQUEST_ID.name),
        ],
    }
    if one.body is not None:
        written["requestBody"] = _body(one.body, schema_of)
    written["responses"] = _responses(one, schema_of)
    if (one.method, one.path) in DEPRECATIONS:
        written["deprecated"] = True
    return written


def parameter(one: Parameter, schema_of: SchemaOf) -> Schema:
    """Write a parameter."""
    schema = schema_of(one.type)
    if one.default is not UNSET:
        schema = schema | {"default": one.default}
    written: Schema = {
        "name": one.name,
        "in": one.where,
        "required": one.required,
        "description": one.description,
        "schema": schema,
    }
    if one.example is not UNSET:
        written["example"] = one.example
    if schema.get("type") == "array":
        written |= {"style": "form", "explode": True}
    return written


def refused(operations: Iterable[Operation]) -> dict[str, Schema]:
    """Write what operations are refused with: an answer for each status and set of problems."""
    found: dict[str, Schema] = {}
    for one in operations:
        for status, each in by_status(one).items():
            found.setdefault(_name(each), _refusal(status, each))
    return dict(sorted(found.items()))


def _refusal(status: int, found: list[type[Problem]]) -> Schema:
    names = [problems.name_of(one) for one in found]
    schema: Schema = reference("schemas", names[0])
    if len(found) > 1:
        schema = {
            "oneOf": [reference("schemas", name) for name in names],
            "discriminator": {
                "propertyName": "type",
                "mapping": {
                    f"/docs/errors#{one.slug}": f"#/components/schemas/{problems.name_of(one)}"
                    for one in found
                },
            },
        }
    examples = {one.slug: reference("examples", one.slug) for one in found}
    words = " ".join(f"`{one.slug}`: {problems.line_of(one)}" for one in found)
    names_of_headers = (
        *("Request-Id", *headers.LIMITED, "Cache-Control"),
        *OF_STATUS.get(status, ()),
        *_retry(found),
    )
    return {
        "description": words,
        "headers": _headers(names_of_headers),
        "content": {PROBLEM: {"schema": schema, "examples": examples}},
    }


def _retry(found: list[type[Problem]]) -> tuple[str, ...]:
    """Say whether refusals tell when to try again: all of them, some, or none."""
    told = [one.retry_after_s is not None for one in found]
    if all(told):
        return ("Retry-After",)
    return ("Optional-Retry-After",) if any(told) else ()


def _parameter(one: Parameter, schema_of: SchemaOf) -> Schema:
    if one in headers.SHARED:
        return reference("parameters", one.component or one.name)
    return parameter(one, schema_of)


def _headers(names: tuple[str, ...]) -> Schema:
    return {headers.NAMES.get(name, name): reference("headers", name) for name in names}


def _security(one: Operation) -> list[Schema]:
    if one.scopes is None:
        return [{}, *({name: list[str]()} for name in one.security)]
    own = [{"key": [scope]} for scope in one.scopes] or [{"key": list[str]()}]
    return own + [each | {name: ["certify"]} for name in one.security for each in own]


def _body(body: Body, schema_of: SchemaOf) -> Schema:
    if NDJSON in body.media:
        written = (json.dumps(one, ensure_ascii=False) for one in body.examples.values())
        lines = _lines(schema_of(body.type)) | {"example": "".join(f"{one}\n" for one in written)}
        return {"required": True, "content": dict.fromkeys(body.media, lines)}
    examples = {name: {"value": value} for name, value in body.examples.items()}
    content = {"schema": schema_of(body.type), "examples": examples}
    return {"required": body.required, "content": dict.fromkeys(body.media, content)}


def _lines(line: Schema) -> Schema:
    """Write a sequence of JSON lines, for which OpenAPI 3.1 has no schema of its own."""
    return {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": "JSON, one value in each line, as `x-line-schema` has it.",
        },
        "x-line-schema": line,
    }


def _responses(one: Operation, schema_of: SchemaOf) -> Schema:
    found: dict[str, Schema] = {str(each.status): _answer(each, schema_of) for each in one.answers}
    for status, each in by_status(one).items():
        found[str(status)] = reference("responses", _name(each))
    return dict(sorted(found.items()))


def _name(found: Iterable[type[Problem]]) -> str:
    return ".".join(one.slug for one in found)


def _answer(answer: Answer, schema_of: SchemaOf) -> Schema:
    written: Schema = {
        "description": answer.description,
        "headers": _headers(("Request-Id", *headers.LIMITED, *answer.headers)),
    }
    if answer.media is not None:
        media = (answer.media, *answer.also)
        written["content"] = dict.fromkeys(media, _content(answer, schema_of))
        if answer.line:
            lines = _lines({"anyOf": [schema_of(one) for one in answer.line]})
            written["content"] |= dict.fromkeys((NDJSON, NDJSON_TOO), lines)
        written["content"] |= {name: {"schema": {"type": "string"}} for name in answer.texts}
    if answer.links:
        written["links"] = {
            link.operation: {"operationId": link.operation, "parameters": link.parameters}
            for link in answer.links
        }
    return written


def _content(answer: Answer, schema_of: SchemaOf) -> Schema:
    if isinstance(answer.type, tuple):
        schema: Schema = {"anyOf": [schema_of(one) for one in answer.type]}
        content: Schema = _lines(schema) if answer.media == NDJSON else {"schema": schema}
    elif answer.type is None:
        content = {"schema": {"type": "string"}}
        if answer.media == OCTETS:
            content["schema"]["format"] = "binary"
    else:
        content = {"schema": schema_of(answer.type)}
    if answer.example is not UNSET:
        content["example"] = answer.example
    return content
