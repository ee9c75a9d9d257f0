"""What is asked of every server, in the words of each."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from bench.serving.asking import answer
from bench.serving.load import MARK, Request
from bench.serving.servers import Server
from bench.serving.stock import Shop, Stock

Ask = Callable[[Server, Stock], list[Request]]

LIMIT: Final = 50
PAGES: Final = 3
"""Pages of each tenant that are asked for, from the newest on."""

TENANTS: Final = 50
"""Tenants whose pages are asked for: each is walked through first."""

TOGETHER: Final = 20
SEARCHES: Final = 200
"""Vectors that are looked with, of all tenants together."""

LENGTH: Final = 384
JSON: Final = {"Content-Type": "application/json"}


def get(server: Server, stock: Stock) -> list[Request]:
    """Ask for one by its id."""
    return [
        Request("GET", f"/v1/skills/{identity}", server.headers(shop.actor))
        for shop in stock.shops
        for identity in shop.ids
    ]


def page(server: Server, stock: Stock) -> list[Request]:
    """Ask for 50, newest first, from where the page before ended."""
    return [one for shop in stock.shops[:TENANTS] for one in _pages(server, shop)]


def many(server: Server, stock: Stock) -> list[Request]:
    """Ask for 20 by their ids."""
    return [
        Request("GET", f"/v1/entities?{'&'.join(f'id={one}' for one in ids)}", headers)
        for shop in stock.shops
        for headers in [server.headers(shop.actor)]
        for ids in _together(shop.ids)
    ]


def create(server: Server, stock: Stock) -> list[Request]:
    """Make a skill with three tags."""
    body = {
        "name": f"new {MARK}",
        "external_id": f"urn:new:{MARK}",
        "description": "What somebody who has it can do with it, and what not, in words. "
        "It takes some lines to say so.",
        "category": "technical",
        "aliases": ["also new", "or even newer"],
        "tags": ["group 1", "one", "two"],
        "custom_attributes": {"source": "bench", "rank": 1},
    }
    text = msgspec.json.encode(body).decode()
    return [
        Request("POST", "/v1/skills", server.headers(shop.actor) | JSON, text)
        for shop in stock.shops
    ]


def amend(server: Server, stock: Stock) -> list[Request]:
    """Change the notes of a skill in force."""
    # Plant wants to hear of which version, or that any is meant.
    condition = {"If-Match": "*"} if server.is_plant else {}
    text = msgspec.json.encode({"governance_notes": f"Seen by {MARK}."}).decode()
    return [
        Request(
            "PATCH", f"/v1/skills/{identity}", server.headers(shop.actor) | JSON | condition, text
        )
        for shop in stock.shops
        for identity in shop.ids
    ]


def step(server: Server, stock: Stock) -> list[Request]:
    """Submit every draft, then withdraw every one: whoever goes on for ever is never refused."""
    condition = {"If-Match": "*"} if server.is_plant else {}
    return [
        Request(
            "POST",
            f"/v1/skills/{identity}/status",
            server.headers(shop.actor) | JSON | condition,
            msgspec.json.encode({"to": to, "reason": "It is its turn."}).decode(),
        )
        for to in ("under_review", "draft")
        for shop in stock.shops
        for identity in shop.drafts
    ]


def search(server: Server, stock: Stock) -> list[Request]:
    """Look for the ten skills in force that are nearest to a vector."""
    drawn = random.Random(SEARCHES)  # noqa: S311 - the same for everybody
    each = max(1, SEARCHES // len(stock.shops))
    return [
        Request("POST", "/v1/search", server.headers(shop.actor) | JSON, _looking(drawn))
        for shop in stock.shops
        for _ in range(each)
    ]


def _looking(drawn: random.Random) -> str:
    vector = [round(drawn.gauss(), 6) for _ in range(LENGTH)]
    asked = {"embedding_384": vector, "model": "caller", "kinds": ["skill"], "limit": 10}
    return msgspec.json.encode(asked).decode()


def _together(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    whole = max(1, len(ids) // TOGETHER)
    return (ids[place * TOGETHER : (place + 1) * TOGETHER] for place in range(whole))


def _pages(server: Server, shop: Shop) -> list[Request]:
    path = f"/v1/skills?limit={LIMIT}"
    found: list[Request] = []
    while len(found) < PAGES:
        request = Request("GET", path, server.headers(shop.actor))
        found.append(request)
        cursor = answer(server, request).json["next_cursor"]
        if cursor is None:
            break
        path = f"/v1/skills?limit={LIMIT}&{'cursor' if server.is_plant else 'before'}={cursor}"
    return found


def asked(stock: Stock, wanted: Sequence[str]) -> dict[str, Ask]:
    """Give those of some operations that a stock can be asked."""
    return {name: OPERATIONS[name] for name in wanted if name != SEARCH or stock.labelled}


SEARCH: Final = "search"
OPERATIONS: Final[dict[str, Ask]] = {
    "get": get,
    "list": page,
    "many": many,
    "create": create,
    "amend": amend,
    "step": step,
    SEARCH: search,
}
WRITES: Final = frozenset({"create", "amend", "step"})
PARTS: Final = {"step": 2}
"""Parts of equal length that stay one behind the other; what has none is sent in any order."""
