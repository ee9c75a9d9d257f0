"""What is said about one route: who may call it, what it takes, what it answers."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from service.errors import Problem

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
OCTETS = "application/octet-stream"
TEXT = "text/plain"
NDJSON = "application/x-ndjson"
NDJSON_TOO = "application/ndjson"
"""Taken like the first name of NDJSON, never sent."""


class Parameter(Struct, frozen=True, kw_only=True):
    """Something in the path, the query or a header; `type` is one of service.model.fields.

    `component`: its name among the components, where that is not its own.
    """

    name: str
    where: Literal["path", "query", "header"]
    type: Any
    description: str
    required: bool = False
    default: object | UnsetType = UNSET
    example: object | UnsetType = UNSET
    component: str | None = None


class Body(Struct, frozen=True, kw_only=True):
    """What a request carries; `type` of NDJSON is that of a line."""

    type: Any
    media: tuple[str, ...] = (JSON,)
    required: bool = True
    examples: dict[str, Any] = {}


class Link(Struct, frozen=True, kw_only=True):
    """An operation that can follow, and where its parameters come from."""

    operation: str
    parameters: dict[str, str]


class Answer(Struct, frozen=True, kw_only=True):
    """One way in which it goes well.

    `type`: of NDJSON that of a line, or several of which a line is one; of JSON it may be several,
    too; of text None. `line`: the types of a line where `Accept` may choose NDJSON instead of JSON.
    `also`: other names of the same media type, which `Accept` may choose.
    `texts`: other media types that it may choose, of which nothing is said but that they are text.
    """

    status: int
    description: str
    type: Any = None
    media: str | None = JSON
    also: tuple[str, ...] = ()
    line: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    example: object | UnsetType = UNSET
    links: tuple[Link, ...] = ()


class Operation(Struct, frozen=True, kw_only=True):
    """One route.

    `scopes`: any one of them is enough; empty: any key; None: no key at all.
    `problems`: those that do not follow from the rest, which `service.openapi.refusals` adds.
    """

    id: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    tag: str
    summary: str
    description: str
    answers: tuple[Answer, ...]
    scopes: tuple[str, ...] | None = ()
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[type[Problem], ...] = ()
    security: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Say whether it has a parameter of this name."""
        return any(parameter.name == name for parameter in self.parameters)
