"""How often may be asked: by key, and by address where no key is known. Of this process alone.

A bucket of requests is full at first, each request takes one, and they come back evenly over the
window. Who finds it empty is told when the next one is there.

Source: draft-ietf-httpapi-ratelimit-headers-10 for the headers.
"""

import math
from collections import OrderedDict
from typing import Final, NamedTuple

from aiohttp import web
from msgspec import Struct

from service.errors import RateLimited
from service.http.clock import Clock
from service.values import Rate

KNOWN_MAX: Final = 10_000
"""Buckets that are not full; of more the one that was asked longest ago counts as full."""

ROUNDING: Final = 1e-6
"""Of one request: what is left of it by adding up fractions of seconds."""

SPENT: Final = "This {} may send {:,} requests in {:,} seconds. Wait, and send fewer."


class Left(Struct, frozen=True):
    """What is left of a bucket; `full_s`: in how many seconds it is full again."""

    policy: str
    rate: Rate
    requests: int
    full_s: int

    def headers(self) -> dict[str, str]:
        """Write what a client is told of it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.rate.requests};w={self.rate.window_s}',
            "RateLimit": f'"{self.policy}";r={self.requests};t={self.full_s}',
        }


class Buckets:
    """The buckets of all who are of one sort; each is known by when it is full again."""

    def __init__(self, policy: str, rate: Rate, clock: Clock) -> None:
        self._policy = policy
        self._rate = rate
        self._each_s = rate.window_s / rate.requests
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, whose: str) -> Left:
        """Take one request out.

        Raises: RateLimited.
        """
        now = self._clock.monotonic()
        full_at = max(now, self._full_at.get(whose, now)) + self._each_s
        wait_s = full_at - now - self._rate.window_s
        if wait_s > ROUNDING * self._each_s:
            raise RateLimited(
                SPENT.format(self._policy, self._rate.requests, self._rate.window_s),
                retry_after_s=max(1, math.ceil(wait_s)),
            )
        self._full_at[whose] = full_at
        self._full_at.move_to_end(whose)
        while len(self._full_at) > KNOWN_MAX:
            self._full_at.popitem(last=False)
        return self.left(whose)

    def left(self, whose: str) -> Left:
        """Say what is left, without taking any."""
        now = self._clock.monotonic()
        used_s = max(0.0, self._full_at.get(whose, now) - now)
        requests = int((self._rate.window_s - used_s) / self._each_s + ROUNDING)
        return Left(self._policy, self._rate, requests, math.ceil(used_s))


class Rates(NamedTuple):
    """The buckets that there are; None: as often as one likes."""

    keys: Buckets | None = None
    addresses: Buckets | None = None


def limited(keys: Rate | None, addresses: Rate | None, clock: Clock) -> Rates:
    """Make the buckets of those that are limited."""
    return Rates(
        Buckets("key", keys, clock) if keys else None,
        Buckets("address", addresses, clock) if addresses else None,
    )


RATES: Final = web.AppKey("rates", Rates)
LEFT: Final = web.RequestKey("rate_left", Left)


def take_by_key(request: web.Request, key_id: str) -> None:
    """Count a request of a key that is known.

    Raises: RateLimited.
    """
    keys = request.app[RATES].keys
    if keys is not None and LEFT not in request:  # a handler that is asked again counts once
        _take(request, keys, key_id)


def take_by_address(request: web.Request) -> None:
    """Count a request of nobody who is known.

    Raises: RateLimited.
    """
    addresses = request.app[RATES].addresses
    if addresses is not None and LEFT not in request:
        _take(request, addresses, request.remote or "")


def require_address(request: web.Request) -> None:
    """Make sure that an address has requests left for those whom nobody knows; takes none.

    Raises: RateLimited.
    """
    addresses = request.app[RATES].addresses
    if addresses is not None and addresses.left(request.remote or "").requests < 1:
        take_by_address(request)


def _take(request: web.Request, buckets: Buckets, whose: str) -> None:
    try:
        request[LEFT] = buckets.take(whose)
    except RateLimited:
        request[LEFT] = buckets.left(whose)
        raise


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Put on an answer what is left."""
    left = request.get(LEFT)
    if left is not None:
        response.headers.update(left.headers())
