"""Before anything is timed: every server says the same, and tells no tenant of another's.

What differs in a new entity is its id, its times and what the requests made unique. Of a search
the entities are compared and how near they are; Plant says more: by which label, and how.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql

from bench.ground import Ground
from bench.serving.asking import Answer, answer
from bench.serving.load import MARK, Request
from bench.serving.operations import PARTS, SEARCH, WRITES, asked
from bench.serving.servers import CONSTANT, Server
from bench.serving.stock import Stock

EACH: Final = 9
"""Requests of each operation that are compared, spread over the tenants."""

TIMES: Final = frozenset({"created_at", "updated_at"})
OWN: Final = frozenset({"id", "created_at", "updated_at", "version"})
LOGGED: Final = "SELECT count(*) FROM audit.entry"
REASON: Final = sql.SQL(
    "SELECT payload.reason FROM app.base_entity AS base "
    "INNER JOIN audit.payload AS payload ON base.last_entry_id = payload.audit_id "
    "WHERE base.tenant_id = payload.tenant_id AND base.id = {}"
)
"""Why the last change of an entity was made."""

SCORE_APART: Final = 1e-5
"""What two scores may differ by: vectors are of single precision, Plant's scores of six digits."""


class DisagreementError(Exception):
    """Servers that are to be compared do not do the same."""


def agree(
    ground: Ground,
    plant: Server,
    peers: Sequence[Server],
    stock: Stock,
    operations: Sequence[str],
) -> int:
    """Compare what all of them answer; gives how many answers were compared.

    Raises: DisagreementError.
    """
    count = 0
    for peer in peers:
        for name, ask in asked(stock, operations).items():
            for pairs in _chosen(ask(plant, stock), ask(peer, stock), PARTS.get(name, 1)):
                logged = _logged(ground)
                _same(ground, f"{name} of {peer.name}", plant, peer, pairs)
                entries = _logged(ground) - logged
                if entries != (2 * len(pairs) if name in WRITES else 0):
                    raise DisagreementError(f"{name} of {peer.name}: {entries} entries in the log")
                count += len(pairs)
    return count + sum(_keeps_apart(server, stock) for server in (plant, *peers))


def agree_partly(
    plant: Server, others: Mapping[str, Sequence[Server]], stock: Stock, operations: Sequence[str]
) -> int:
    """Compare what those answer who serve an operation or a few; gives how many answers were.

    Of a constant the length is compared, with that of the first of Plant's; of Plant without the
    log, which nobody could read back, what it says.

    Raises: DisagreementError.
    """
    count = 0
    for name, ask in asked(stock, operations).items():
        for other in others.get(name, ()):
            request = ask(plant, stock)[0]
            wanted = _answered(plant, request)
            if other.name == CONSTANT:
                given = _answered(other, Request("GET", f"/{name}", {}))
                same = (wanted.status, len(wanted.body)) == (given.status, len(given.body))
                if not same:
                    raise DisagreementError(f"{name} of {other.name}: {len(given.body)} bytes")
            else:
                _compare(f"{name} of {other.name}", wanted, _answered(other, request), written=True)
            count += 1
    return count


def _same(
    ground: Ground,
    what: str,
    plant: Server,
    peer: Server,
    pairs: Sequence[tuple[Request, Request]],
) -> None:
    """Compare what both answer; all of one before all of the other, as the state is one."""
    written = what.partition(" ")[0] in WRITES
    wanted = [_answered(plant, one) for one, _ in pairs]
    for (one, other), wants in zip(pairs, wanted, strict=True):
        given = _answered(peer, other)
        _compare(what, wants, given, written)
        if written:
            _kept(ground, what, plant, one, given)


def _chosen(
    ours: Sequence[Request], theirs: Sequence[Request], parts: int
) -> Iterator[list[tuple[Request, Request]]]:
    """Choose some, each with those that belong to it from the other parts."""
    if len(ours) != len(theirs):
        raise DisagreementError(f"{len(ours)} requests of ours, {len(theirs)} of theirs")
    length = len(ours) // parts
    for place in range(0, length, max(1, length // EACH)):
        places = range(place, len(ours), length)
        yield [(ours[one], theirs[one]) for one in places]


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
    if what.startswith(SEARCH):
        near = [scores(each.json) for each in (wanted, given)]
        apart = [abs(one - other) for one, other in zip(*near, strict=True)]
        if not apart or max(apart) > SCORE_APART:
            raise DisagreementError(f"{what}: scores {near[1]} instead of {near[0]}")


def _kept(ground: Ground, what: str, plant: Server, request: Request, given: Answer) -> None:
    """Make sure that what a peer has written is what Plant reads, for the reason that was given.

    Who asks, and why, says a request.
    """
    ((reason,),) = ground.run(REASON.format(given.json["id"]))
    if reason != msgspec.json.decode(request.body).get("reason"):
        raise DisagreementError(f"{what}: the log says {reason} instead of {request.body}")
    path = f"/v1/skills/{given.json['id']}"
    read = answer(plant, Request("GET", path, {"Authorization": request.headers["Authorization"]}))
    if moments(read.json) != moments(given.json):
        raise DisagreementError(f"{what}: it says {given.json}, kept is {read.json}")


def known(document: Any, *, written: bool) -> Any:
    """Leave out of an answer what is each server's own: cursors, and what a write makes anew."""
    document = moments(document)
    if "items" in document and "next_cursor" in document:
        return {"items": document["items"], "more": document["next_cursor"] is not None}
    if "items" in document and "missing" not in document:
        return [item["entity"] for item in document["items"]]
    if not written:
        return document
    return {
        name: len(value) if isinstance(value, str) else value
        for name, value in document.items()
        if name not in OWN
    }


def moments(value: Any) -> Any:
    """Read the times of documents: a whole second is written with a fraction or without."""
    if isinstance(value, list):
        return [moments(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: datetime.fromisoformat(one) if name in TIMES else moments(one)
        for name, one in value.items()
    }


def scores(document: Any) -> list[float]:
    """Give how near each of what was found is."""
    return [item["score"] for item in document["items"]]


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
