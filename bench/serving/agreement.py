"""Before anything is timed: every server says the same, and tells no tenant of another's.

What differs in a new entity is its id, its times and what the requests made unique.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bench.ground import Ground
from bench.serving.asking import Answer, answer
from bench.serving.load import MARK, Request
from bench.serving.operations import OPERATIONS, WRITES
from bench.serving.servers import Server
from bench.serving.stock import Stock

EACH: Final = 9
"""Requests of each operation that are compared, spread over the tenants."""

OWN: Final = frozenset({"id", "created_at", "updated_at", "version"})
LOGGED: Final = "SELECT count(*) FROM audit.entry"


class DisagreementError(Exception):
    """Servers that are to be compared do not do the same."""


def agree(ground: Ground, plant: Server, peers: Sequence[Server], stock: Stock) -> int:
    """Compare what all of them answer; gives how many answers were compared.

    Raises: DisagreementError.
    """
    count = 0
    for peer in peers:
        for name, ask in OPERATIONS.items():
            ours, theirs = ask(plant, stock), ask(peer, stock)
            for one, other in _chosen(ours, theirs):
                logged = _logged(ground)
                wanted, given = _answered(plant, one), _answered(peer, other)
                entries = _logged(ground) - logged
                _compare(f"{name} of {peer.name}", wanted, given, name in WRITES)
                if name in WRITES:
                    _kept(f"{name} of {peer.name}", plant, one, given)
                if entries != (2 if name in WRITES else 0):
                    raise DisagreementError(f"{name} of {peer.name}: {entries} entries in the log")
                count += 1
    return count + sum(_keeps_apart(server, stock) for server in (plant, *peers))


def _chosen(
    ours: Sequence[Request], theirs: Sequence[Request]
) -> Iterator[tuple[Request, Request]]:
    if len(ours) != len(theirs):
        raise DisagreementError(f"{len(ours)} requests of ours, {len(theirs)} of theirs")
    step = max(1, len(ours) // EACH)
    return zip(ours[::step], theirs[::step], strict=True)


def _answered(server: Server, request: Request) -> Answer:
    return answer(server, request, secrets.token_hex(len(MARK) // 2))


def _compare(what: str, wanted: Answer, given: Answer, written: bool) -> None:  # noqa: FBT001
    if wanted.status != given.status:
        raise DisagreementError(
            f"{what}: {given.status} instead of {wanted.status}: {given.body!r}"
        )
    one, other = (known(each.json, written=written) for each in (wanted, given))
    if one != other:
        raise DisagreementError(f"{what}: {other} instead of {one}")


def _kept(what: str, plant: Server, request: Request, given: Answer) -> None:
    """Make sure that what a peer has written is what Plant reads; who asks says a request."""
    path = f"/v1/skills/{given.json['id']}"
    read = answer(plant, Request("GET", path, {"Authorization": request.headers["Authorization"]}))
    if read.json != given.json:
        raise DisagreementError(f"{what}: it says {given.json}, kept is {read.json}")


def known(document: Any, *, written: bool) -> Any:
    """Leave out of an answer what is each server's own: cursors, and what a write makes anew."""
    if "items" in document:
        return {
            name: value is None if name == "next_cursor" else value
            for name, value in document.items()
        }
    if not written:
        return document
    return {
        name: len(value) if isinstance(value, str) else value
        for name, value in document.items()
        if name not in OWN
    }


def _keeps_apart(server: Server, stock: Stock) -> int:
    """Make sure that what is another tenant's is not there."""
    if len(stock.shops) == 1:
        return 0
    one, other = stock.shops[0], stock.shops[-1]
    for identity in other.ids[:EACH]:
        request = Request("GET", f"/v1/skills/{identity}", server.headers(one.actor))
        got = answer(server, request)
        if got.status != 404:  # noqa: PLR2004 - of HTTP
            raise DisagreementError(f"{server.name} tells a tenant of another's: {got.status}")
    return min(EACH, len(other.ids))


def _logged(ground: Ground) -> int:
    ((count,),) = ground.run(LOGGED)
    return int(count)
