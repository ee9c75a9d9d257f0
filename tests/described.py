"""Answers of the real service against the description of it: what differs is a defect of one.

`tests.api` asks this for every answer of every test, so that whatever a route can do and its
description does not say turns some test red.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from service.openapi.document import described

HERE = "urn:plant"
PROBLEM = "application/problem+json"
UNSAID = {
    "Connection", "Content-Length", "Content-Type", "Date", "Referrer-Policy", "Server",
    "Transfer-Encoding", "X-Content-Type-Options",
}  # fmt: skip
"""Headers of HTTP itself and of its framework, which no operation lists."""


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """Search as ECMA-262 does, where `$` is the end and not a place before a last newline."""
    ecma = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(value, str) and not re.search(ecma, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _pattern})


def faults(
    method: str, path: str, sent: bytes | None, status: int, headers: Mapping[str, str], body: bytes
) -> list[str]:
    """Say in which ways an answer is not as described; what has no description says nothing."""
    found = _operation(method, path.partition("?")[0])
    if found is None:
        return []
    where, operation = found
    answer = operation["responses"].get(str(status))
    if answer is None:
        return [f"{method} {path}: {status} is not described: {body[:300]!r}"]
    if "$ref" in answer:
        where, answer = answer["$ref"], _at(answer["$ref"])
    else:
        where = f"{where}/responses/{status}"
    said = [*_headers(answer, headers, operation)]
    if method != "HEAD":
        said += _body(where, answer, headers, body)
    if status in {200, 201} and sent:
        said += _sent(operation, sent)
    return [f"{method} {path} {status}: {fault}" for fault in said]


def _operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    asked = "get" if method == "HEAD" else method.lower()
    for pattern, template in _templates():
        if pattern.fullmatch(path):
            operation = described()["paths"][template].get(asked)
            if operation is None:
                return None
            return f"#/paths/{template.replace('/', '~1')}/{asked}", operation
    return None


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Give the paths there are, those without parameters first."""
    paths = sorted(described()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


def _at(pointer: str) -> Any:
    value: Any = described()
    for step in pointer.removeprefix("#/").split("/"):
        value = value[step.replace("~1", "/")]
    return value


@cache
def _validator(pointer: str) -> Any:
    registry: Registry[Any] = Registry().with_resource(
        HERE, DRAFT202012.create_resource(described())
    )
    return Validator(
        {"$ref": f"{HERE}{pointer}"},
        registry=registry,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def invalid(pointer: str, value: Any) -> list[str]:
    """Say why a value is not what the schema at a pointer describes."""
    return [
        f"{error.json_path} {error.message[:200]}"
        for error in _validator(pointer).iter_errors(value)
    ]


def _headers(
    answer: dict[str, Any], headers: Mapping[str, str], operation: dict[str, Any]
) -> Iterator[str]:
    listed = answer["headers"]
    for name, given in listed.items():
        header = _at(given["$ref"])
        value = headers.get(name)
        if value is None:
            if header.get("required"):
                yield f"{name} is not there"
            continue
        typed: Any = int(value) if header["schema"]["type"] == "integer" else value
        yield from (f"{name}: {fault}" for fault in invalid(f"{given['$ref']}/schema", typed))
    more = {name.title() for name in headers} - {name.title() for name in listed}
    if operation.get("deprecated"):
        more -= {"Deprecation", "Sunset", "Link"}
    yield from (f"{name} is not described" for name in sorted(more - UNSAID))


def _body(
    where: str, answer: dict[str, Any], headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    content = answer.get("content")
    if content is None:
        if body:
            yield f"there is a body: {body[:100]!r}"
        return
    media = headers["Content-Type"].partition(";")[0]
    if media not in content:
        yield f"{media} is not described"
        return
    at = f"{where}/content/{media.replace('/', '~1')}"
    if "x-line-schema" in content[media]:
        for line in body.splitlines():
            yield from invalid(f"{at}/x-line-schema", msgspec.json.decode(line))
    elif media.endswith("json"):
        value = msgspec.json.decode(body)
        yield from invalid(f"{at}/schema", value)
        if media == PROBLEM:
            yield from _more(value)


def _more(problem: dict[str, Any]) -> Iterator[str]:
    """Name the members of a problem that its schema does not have."""
    for schema in described()["components"]["schemas"].values():
        members = schema.get("properties", {})
        if members.get("type", {}).get("const") == problem["type"]:
            yield from (f"{name} is not described" for name in problem.keys() - members.keys())


def _sent(operation: dict[str, Any], sent: bytes) -> Iterator[str]:
    """Say why a body that was taken is not one that is described."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None and "$ref" in content["schema"]:
        for fault in invalid(content["schema"]["$ref"], msgspec.json.decode(sent)):
            yield f"the body was taken, though {fault}"
