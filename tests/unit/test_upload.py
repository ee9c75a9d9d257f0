"""How fast the body of an import has to come."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from aiohttp import StreamReader

from service.errors import MalformedRequest
from service.http.upload import PACE_BYTES, PACE_S, Upload
from tests.moved import Moved


class Sender:
    """Sends pieces of one size, each after the same time."""

    def __init__(self, clock: Moved, piece: bytes, every_s: float) -> None:
        self._clock = clock
        self._piece = piece
        self._every = timedelta(seconds=every_s)

    async def readany(self) -> bytes:
        """Let the time pass and give a piece."""
        self._clock.ahead += self._every
        for _ in range(3):
            await asyncio.sleep(0)  # a deadline that is over falls due
        return self._piece


def upload(piece: bytes, every_s: float) -> Upload:
    """Have an upload from such a sender."""
    clock = Moved()
    return Upload(cast("StreamReader", Sender(clock, piece, every_s)), clock)


@pytest.mark.parametrize("every_s", [1, PACE_S - 1])
async def test_who_sends_enough_may_take_any_time(every_s: float) -> None:
    """Each so many bytes begin the time anew."""
    body = upload(b"x" * PACE_BYTES, every_s)

    for _ in range(100):
        assert PACE_BYTES == len(await body.piece())


@pytest.mark.parametrize("share,every_s,enough", [(4, PACE_S / 2.5, 3), (64, 1, 30)])
async def test_too_little_in_the_time_is_refused(share: int, every_s: float, enough: int) -> None:
    """However it is cut into pieces: what matters is how much has come when the time is over."""
    body = upload(b"x" * (PACE_BYTES // share), every_s)
    for _ in range(enough):
        await body.piece()

    with pytest.raises(MalformedRequest, match="65,536 bytes of the body came in 30 seconds"):
        await body.piece()


async def test_the_end_is_always_in_time() -> None:
    """Nothing more to come is no lack of speed."""
    assert b"" == await upload(b"", PACE_S - 1).piece()
