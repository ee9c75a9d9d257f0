"""The load of `plant bench`: gets, lists, creates, in an order in which none disturbs another."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import msgspec
from msgspec import Struct

from service.measuring.client import Call, Client, Load, Measured, NotMeasured

KINDS: Final = ("skills", "job-roles", "agents", "teams", "industries")
READ_MOST: Final = 200
"""Entities that are asked for in turn."""

PAGE: Final = 50
TIMEOUT_S: Final = 30.0
LABELS_S: Final = 30.0
"""How long labels that are still to be embedded are waited for."""

NOTICED_S: Final = 1.0
"""After which the service knows that something new is to be embedded."""

LOOK_S: Final = 0.2


class _Me(Struct):
    scopes: list[str]


class _Entity(Struct):
    id: UUID


class _Page(Struct):
    items: list[_Entity]


async def measured(
    url: str, key: str, load: Load, tell: Callable[[str], None], labels_s: float = LABELS_S
) -> list[Measured]:
    """Get by id and list for some seconds each, then create so many drafts.

    Creates come first where there is nothing to read yet. Reads wait for labels that are still to
    be embedded, `labels_s` at most, and tell so.

    Raises: NotMeasured when nothing answers, the key is refused or there is nothing to read.
    """
    connector = aiohttp.TCPConnector(limit=load.connections)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(
        url.rstrip("/") + "/", connector=connector, timeout=timeout, headers=headers
    ) as session:
        try:
            return await _measured(Client(session, load), load, tell, labels_s)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unheard(url, error) from None


async def _measured(
    client: Client, load: Load, tell: Callable[[str], None], labels_s: float
) -> list[Measured]:
    await client.document("v1/me", _Me)
    creates = _creates(load.creates)
    found, made = await _readable(client), []
    if load.creates and found is None:
        made = [await client.run("create", creates)]
        found = await _readable(client)
    if found is None:
        raise _nothing(made)
    await _embedded(client, tell, labels_s, NOTICED_S if made else 0)
    reads = await _reads(client, *found)
    if load.creates and not made:
        return [*reads, await client.run("create", creates)]
    return [*made, *reads]


async def _reads(client: Client, kind: str, ids: list[UUID]) -> list[Measured]:
    gets = (Call("GET", f"v1/{kind}/{one}") for one in itertools.cycle(ids))
    lists = itertools.repeat(Call("GET", f"v1/{kind}?limit={PAGE}"))
    return [await client.run("get", gets), await client.run("list", lists)]


async def _embedded(
    client: Client, tell: Callable[[str], None], most_s: float, least_s: float
) -> None:
    """Wait until no label is still to be embedded, but not for ever."""
    begun, told = time.monotonic(), False
    while True:
        behind = await client.behind()
        if time.monotonic() - begun >= (most_s if behind else least_s):
            return
        if behind and not told:
            tell(f"waiting up to {most_s:g} s for the labels of {behind:,} changes to be embedded")
            told = True
        await asyncio.sleep(LOOK_S)


def _creates(count: int) -> Iterator[Call]:
    """Write so many drafts that nobody has."""
    run = secrets.token_hex(6)
    for number in range(count):
        body = {
            "name": f"plant bench {run} {number}",
            "description": "A draft that `plant bench` has made.",
            "category": "technical",
            "tags": ["plant-bench"],
        }
        yield Call("POST", "v1/skills", msgspec.json.encode(body))


async def _readable(client: Client) -> tuple[str, list[UUID]] | None:
    """Find a kind of which there is something, and ids. Raises: NotMeasured."""
    for kind in KINDS:
        page = await client.document(f"v1/{kind}?limit={READ_MOST}", _Page)
        if page.items:
            return kind, [item.id for item in page.items]
    return None


def _nothing(made: list[Measured]) -> NotMeasured:
    wrong = "There is nothing that this key may read"
    refused = [f"{count:,} times {status}" for one in made for status, count in one.refused.items()]
    if refused:
        return NotMeasured(
            f"{wrong}, and creates were refused: {', '.join(refused)}.",
            "Give a key with scopes read and write: plant key create.",
        )
    return NotMeasured(f"{wrong}.", "Import something, or make drafts: --write 100.")


def _unheard(url: str, error: Exception) -> NotMeasured:
    at = urlsplit(url).netloc
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NotMeasured(f"The name in {at} is not known.", "Check the address.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return NotMeasured(
            f"The certificate of {at} is not trusted.", "Name the host that it was made for."
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return NotMeasured(
            f"{at} is not answered over TLS.", "Write http:// where the service has no TLS."
        )
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return NotMeasured(f"{at} answers otherwise than in HTTP.", "Name the address of Plant.")
    way_out = "Start it with `plant serve`, or name its address."
    if isinstance(error, ConnectionRefusedError) or (
        isinstance(error, aiohttp.ClientConnectorError)
        and isinstance(error.os_error, ConnectionRefusedError)
    ):
        return NotMeasured(f"Nobody listens at {at}.", way_out)
    cause = error.os_error.strerror if isinstance(error, aiohttp.ClientConnectorError) else None
    said = cause or str(error) or type(error).__name__
    return NotMeasured(f"{url} does not answer: {said}.", way_out)
