"""Before anything is timed: no peer leaves on a session for whom it has worked."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.ground import Ground
from bench.serving.agreement import EACH, DisagreementError
from bench.serving.asking import answer
from bench.serving.between import Relay
from bench.serving.load import MARK, Request
from bench.serving.operations import PARTS, asked
from bench.serving.servers import PEERS, Server, peer
from bench.serving.stock import Stock

BAD: Final = 300
NOWHERE: Final = f"/v1/skills/{UUID(int=0)}"


def leave_nothing(ground: Ground, python: Path, stock: Stock, operations: Sequence[str]) -> int:
    """Ask each peer for some operations, and look at its sessions; gives how many were looked at.

    Raises: DisagreementError.
    """
    return sum(_leaves_nothing(ground, python, name, stock, operations) for name in PEERS)


def _leaves_nothing(
    ground: Ground, python: Path, name: str, stock: Stock, operations: Sequence[str]
) -> int:
    with Relay(ground.url("app")) as relay, peer(ground, python, name, relay.through) as server:
        for request in _requests(server, stock, operations):
            got = answer(server, request, secrets.token_hex(len(MARK) // 2)).status
            if got >= BAD and request.path != NOWHERE:
                raise DisagreementError(
                    f"{name}: {got} to {request.path}. {server.complaint()}".rstrip()
                )
        left = relay.left()
    found = next((words for words in left if words), "" if left else "no session at all")
    if found:
        raise DisagreementError(f"{name} leaves behind on a session: {found}")
    return len(left)


def _requests(server: Server, stock: Stock, operations: Sequence[str]) -> list[Request]:
    """Choose some of each operation, and one that finds nothing."""
    found = [Request("GET", NOWHERE, server.headers(stock.shops[0].actor))]
    for name, ask in asked(stock, operations).items():
        requests, parts = ask(server, stock), PARTS.get(name, 1)
        length = len(requests) // parts
        found += [
            request
            for part in range(parts)
            for request in requests[part * length : (part + 1) * length][:EACH]
        ]
    return found
