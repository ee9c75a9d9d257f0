"""The whole description: one OpenAPI 3.1 document, the same bytes every time."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from service.errors import BY_SLUG, FieldError
from service.openapi import answers, headers, problems
from service.openapi.operation import Operation
from service.openapi.registry import OPERATIONS
from service.openapi.schemas import ATTRIBUTES, describe
from service.openapi.shapes import Dependent

Schema = dict[str, Any]

OPENAPI: Final = "3.1.0"
INTRODUCTION: Final = """\
A registry one can prove: which skills, job roles, teams, agents and industries exist, what state \
each is in, and who certified it.

JSON in, JSON out. Ids are UUIDs of version 7; times are RFC 3339 in UTC with six fractional \
digits. Unknown fields, members given twice, unknown query parameters and a header given twice \
(but for lists such as `Prefer`) are refused.

A document has an `ETag`. Every change of an existing entity names the version it means in \
`If-Match`: without it 428, with another version than the present one 412. A change leaves one \
log entry, which `Audit-Entry` names. A write that carries an `Idempotency-Key` may be repeated \
until it is answered; with `Prefer: tx=rollback` it is a dry run.

Every refusal is a problem of RFC 9457 (`application/problem+json`) whose `type` is its address \
here. On every path: 404 `unknown-path` where there is no resource, 405 `method-not-allowed` with \
`Allow`. `HEAD` works wherever `GET` does.

A request may carry a `Request-Id` of up to 128 visible ASCII characters, none of `"`, `,`, `;`, \
`\\`: the answer repeats it, and the log has it. Otherwise the service makes one."""

TAGS: Final = {
    "Skills": "What people and machines can do.",
    "Job roles": "What is done, and the skills that it needs.",
    "Teams": "Those who share a job role in an industry.",
    "Agents": "Those who do it: one job role, one industry, skills.",
    "Industries": "Where it is done; entries of a classification, or your own.",
    "All kinds": "Entities whatever their kind.",
    "Search": "What is near to words, to a vector, or to an entity.",
    "Import and export": "Many entities at once.",
    "Log": "What happened, and what proves it to those who trust nobody.",
    "Identity": "Whose key it is.",
    "Service": "Health, counters, and this description.",
}

SECURITY: Final[Schema] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "plant_…",
        "description": "A key of a governance agent; `plant key create` makes one. The scopes that "
        "an operation lists are alternatives, and none implies another.",
    },
    "certifier": {
        "type": "apiKey",
        "in": "header",
        "name": "Certifier-Authorization",
        "description": "`Bearer <key>` with the key of a second governance agent of the tenant "
        "that has scope `certify`; with `as=active` only.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of PLANT_METRICS_TOKEN, where that is set.",
    },
}


def description() -> Schema:
    """Describe the service."""
    types = _types()
    found, schemas = describe(types)
    by_type = dict(zip(map(_key, types), found, strict=True))

    def schema_of(one: Any) -> Schema:
        return by_type[_key(one)]

    schemas |= ATTRIBUTES | problems.schemas()
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Plant",
            "version": _release(),
            "summary": "A registry one can prove.",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document comes from."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(schema_of),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": {
                one.component or one.name: answers.parameter(one, schema_of)
                for one in headers.SHARED
            },
            "headers": headers.HEADERS,
            "responses": answers.refused(OPERATIONS),
            "examples": {
                slug: {"summary": one.title, "value": problems.example_of(one)}
                for slug, one in BY_SLUG.items()
            },
            "securitySchemes": SECURITY,
        },
    }


@cache
def described() -> Schema:
    """Describe the service, once for a process; nobody changes what comes out."""
    return description()


def pretty() -> bytes:
    """Write the description as it is committed."""
    return msgspec.json.format(msgspec.json.encode(described()), indent=2) + b"\n"


@cache
def served() -> bytes:
    """Write the description as it is served, once for a process."""
    return msgspec.json.encode(described())


def _release() -> str:
    try:
        return version("plant-registry")
    except PackageNotFoundError:
        return "unreleased"


def _key(one: Any) -> str:
    """Name a type; the structs' names are unique, and annotated types say all that they are."""
    return repr(one)


def _types() -> list[Any]:
    """List what is to be described, each once."""
    found: dict[str, Any] = {}
    for operation in OPERATIONS:
        for one in _of(operation):
            found.setdefault(_key(one), one)
    for one in (FieldError, Dependent, *(each.type for each in headers.SHARED)):
        found.setdefault(_key(one), one)
    return list(found.values())


def _of(operation: Operation) -> list[Any]:
    found = [parameter.type for parameter in operation.parameters]
    if operation.body is not None:
        found.append(operation.body.type)
    for answer in operation.answers:
        found += answer.type if isinstance(answer.type, tuple) else [answer.type]
        found += answer.line
    return found


def _paths(schema_of: answers.SchemaOf) -> Schema:
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        at = paths.setdefault(operation.path, {})
        at[operation.method.lower()] = answers.operation(operation, schema_of)
    return paths
