"""A request to copy: curl with what an operation takes."""

import json
from typing import Any
from urllib.parse import quote

from msgspec import UNSET

from service.openapi.headers import IF_NEW
from service.openapi.operation import NDJSON, Operation

INDENT = "    "


def curl(operation: Operation) -> str:
    """Write a request that works once ids, entity tags and keys are one's own."""
    words = ["curl -si"]
    if operation.method not in {"GET", "POST"}:
        words.append(f"-X {operation.method}")
    words = [f'{" ".join(words)} "$URL{_target(operation)}"']
    if operation.scopes is not None:
        words.append('-H "Authorization: Bearer $KEY"')
    words += [
        f"-H {_quoted(f'{one.name}: {one.example}')}"
        for one in operation.parameters
        if one.where == "header" and (one.required or one is IF_NEW)
    ]
    words += _body(operation)
    return f" \\\n{INDENT}".join(words)


def shown(value: Any) -> str:
    """Write an example as a person reads it: an object member by member, else as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)


def _target(operation: Operation) -> str:
    path = operation.path
    for one in operation.parameters:
        if one.where == "path":
            path = path.replace(f"{{{one.name}}}", str(one.example))
    pairs = [
        f"{one.name}={quote(str(value))}"
        for one in operation.parameters
        if one.where == "query" and one.example is not UNSET
        for value in (one.example if isinstance(one.example, list) else [one.example])
    ]
    return path + (f"?{'&'.join(pairs)}" if pairs else "")


def _body(operation: Operation) -> list[str]:
    if operation.body is None:
        return []
    media = operation.body.media[0]
    example = next(iter(operation.body.examples.values()))
    lines = media == NDJSON
    text = json.dumps(example, indent=None if lines else 2, ensure_ascii=False)
    option = "--data-binary" if lines else "-d"
    return [f"-H {_quoted(f'Content-Type: {media}')}", f"{option} {_quoted(text)}"]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
