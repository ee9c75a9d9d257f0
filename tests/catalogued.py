"""Refusals against the catalogue: no answer leaves the service that `service.errors` lacks.

`tests.api` and the clients of raw bytes ask this for every answer of every test.
"""

import json
from collections.abc import Mapping

from service.errors import BY_SLUG

PROBLEM = "application/problem+json"
STANDING = "/readyz"
"""Answers 503 with what is not ready: a report, no refusal."""


def strays(path: str, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Say in which ways a refusal is none of the catalogue; `body` is empty for HEAD."""
    if status < 400 or path.partition("?")[0] == STANDING:
        return []
    media = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if media != PROBLEM:
        return [f"{path} {status}: {media!r} is no problem"]
    if not body:
        return []
    members = json.loads(body)
    slug = str(members.get("type")).removeprefix("/docs/errors#")
    known = BY_SLUG.get(slug)
    if known is None or members["type"] == slug:
        return [f"{path} {status}: {members.get('type')!r} is not in the catalogue"]
    wanted = {"title": known.title, "status": known.status}
    found = {name: members.get(name) for name in wanted}
    if found != wanted or status != known.status:
        return [f"{path} {status}: {slug} is {wanted}, not {found}"]
    return [
        f"{path}: {name} is missing" for name in ("detail", "request_id") if name not in members
    ]
