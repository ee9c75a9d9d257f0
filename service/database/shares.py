"""How the connections that a service may have are shared out among its pools.

Fixed shares, so that writes which wait for one another leave the reads their connections and the
sum is never above PLANT_POOL_MAX.
"""

from msgspec import Struct, structs

from service.settings import Settings

WORKER: int = 2
"""Connections of `plant_worker`: one for the log and what has expired, one for labels."""


class Shares(Struct, frozen=True):
    """The settings of each pool: those of the service with `pool_min` and `pool_max` of its own."""

    write: Settings
    read: Settings
    replica: Settings
    worker: Settings


def shares(settings: Settings) -> Shares:
    """Share out: two for the worker; of the rest half for reads, and half, or one more, for writes.

    The replica is another server: as many may be open there as for reads here, and none is kept,
    so that a replica that is away keeps nothing from starting.
    """
    rest = settings.pool_max - WORKER
    write, read = rest - rest // 2, rest // 2
    kept = settings.pool_min
    return Shares(
        write=_sized(settings, kept - kept // 2, write),
        read=_sized(settings, kept // 2, read),
        replica=_sized(settings, 0, read),
        worker=_sized(settings, 0, WORKER),
    )


def _sized(settings: Settings, least: int, most: int) -> Settings:
    return structs.replace(settings, pool_min=min(least, most), pool_max=most)
