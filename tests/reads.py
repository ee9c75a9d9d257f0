"""One request of each route that reads the registry, to be sent as it is."""

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from service.openapi.registry import OPERATIONS
from tests.api import PATHS

PARTS = {path.removeprefix("/v1/") for path in PATHS.values()}
LOG = ("/v1/audit/", "/receipt")
"""Routes of the log, which is of all tenants and shows hashes."""

VECTOR = [1.0] + [0.0] * 383


class Ask(Struct, frozen=True):
    """A request without its sender."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}


class Place(Struct, frozen=True):
    """What is asked for: an entity, when it was there, whose it is, and words that find it."""

    kind: str
    id: str
    external_id: str
    name: str
    at: str
    agent: str
    job_role: str
    tag: str = "t"


def route(method: str, path: str) -> str:
    """Name a route, the same for the five kinds."""
    version, _, rest = path.removeprefix("/").partition("/")
    kind, parted, more = rest.partition("/")
    if version != "v1" or kind not in PARTS:
        return f"{method} {path}"
    return f"{method} /v1/{{kind}}{parted}{more}"


def routes_read() -> set[str]:
    """Name the routes that a key with the scope `read` is enough for, but those of the log."""
    return {
        route(one.method, one.path)
        for one in OPERATIONS
        if one.scopes == ("read",) and not any(part in one.path for part in LOG)
    }


def reads(place: Place) -> dict[str, Ask]:
    """Give a request for each of these routes, and more of those that have several ways."""
    kinds = PATHS[place.kind]
    one = f"{kinds}/{place.id}"
    own = quote(place.external_id, safe="")
    name = quote(place.name, safe="")
    return {
        "GET /v1/{kind}/{id}": Ask("GET", one),
        "GET /v1/{kind}/{id} version": Ask("GET", f"{one}?version=1"),
        "GET /v1/{kind}/{id} then": Ask("GET", f"{one}?as_of={place.at}"),
        "GET /v1/{kind}/by-external-id/{external_id}": Ask("GET", f"{kinds}/by-external-id/{own}"),
        "GET /v1/{kind}": Ask("GET", f"{kinds}?limit=50"),
        "GET /v1/{kind} by tag": Ask("GET", f"{kinds}?tag={place.tag}&limit=50"),
        "GET /v1/{kind} by two": Ask("GET", f"{kinds}?tag={place.tag}&status=draft&status=active"),
        "GET /v1/{kind} by external id": Ask("GET", f"{kinds}?external_id={own}"),
        "GET /v1/{kind} by name": Ask("GET", f"{kinds}?name={name}"),
        "GET /v1/{kind} then": Ask("GET", f"{kinds}?as_of={place.at}"),
        "GET /v1/entities": Ask("GET", f"/v1/entities?id={place.id}&id={place.job_role}"),
        "GET /v1/counts": Ask("GET", "/v1/counts"),
        "GET /v1/{kind}/{id}/versions": Ask("GET", f"{one}/versions"),
        "GET /v1/{kind}/{id}/diff": Ask("GET", f"{one}/diff?from=1&to=2"),
        "GET /v1/{kind}/{id}/amendment": Ask("GET", f"{one}/amendment"),
        "GET /v1/{kind}/{id}/compliance": Ask("GET", f"{one}/compliance"),
        "GET /v1/{kind}/{id}/dependents": Ask("GET", f"{one}/dependents"),
        "GET /v1/exports": Ask("GET", "/v1/exports"),
        "GET /v1/governance-agents": Ask("GET", f"/v1/governance-agents?id={place.agent}"),
        "POST /v1/search": Ask("POST", "/v1/search", {"text": place.name}),
        "POST /v1/search by vector": Ask("POST", "/v1/search", {"embedding_384": VECTOR}),
        "POST /v1/search/duplicates": Ask(
            "POST", "/v1/search/duplicates", {"kind": place.kind, "text": place.name}
        ),
        "POST /v1/search/duplicates of one": Ask("POST", "/v1/search/duplicates", {"id": place.id}),
        "POST /v1/match": Ask("POST", "/v1/match", {"job_role_id": place.job_role}),
        "POST /v1/match of skills": Ask("POST", "/v1/match", {"skills": [{"text": place.name}]}),
    }
