"""A connection: what comes on it is counted, refused, answered the short way or by aiohttp.

And here it ends when a client keeps the server waiting.
"""

import asyncio
import logging
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from service.http import patience
from service.http.counted import Counted
from service.http.door import Door
from service.http.framing import Framing, Request
from service.http.handler import Handler
from service.http.patience import Deadline, Unread
from service.http.short_answers import Answer
from service.http.short_way import ShortWay
from service.http.unreadable import LateHead

log = logging.getLogger(__name__)

_SERVER_ERROR: Final = 500


class Protocol(Counted, Handler):
    """One connection."""

    def __init__(self, manager: web.Server, unread: Unread, door: Door, **options: Any) -> None:
        super().__init__(manager, **options)
        self._door = door
        self._short = ShortWay(door.short, self._answered)
        self._framing = Framing()
        self._unread = unread
        # aiohttp forgets the transport when it closes it, which is not when the client has all.
        self._wire: asyncio.Transport | None = None
        self._begun = False
        self.is_ending = False  # once the short way is free
        self._held = 0
        self._head = Deadline(patience.HEAD_S, self._no_request)
        self._taking = Deadline(patience.TAKEN_S, self._not_taken)
        self.leaving: asyncio.Task[Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a first request soon."""
        self._wire = cast("asyncio.Transport", transport)
        # Whatever the client has not taken counts as waiting, not from 64 KiB on.
        self._wire.set_write_buffer_limits(high=0)
        super().connection_made(transport)
        self._head.begin()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End with the connection what was to end with it."""
        self.discount(served=False)
        self._head.end()
        self._taking.end()
        if self._wire is not None:
            self._unread.remove(self._wire)
        super().connection_lost(exc)
        if self.leaving is not None:
            self.leaving.cancel()

    def data_received(self, data: bytes) -> None:
        """Expect that a request which begins will be whole soon."""
        if self._short.is_taken:
            self._short.wait(data)
            if self._short.is_full and self._wire is not None:
                self._wire.pause_reading()
            return
        requests = self._request_count
        # uvloop may have data before the task that waits for a first request has begun.
        idle = self._waiter is not None or not requests
        request = self._framing.take(data)
        if request is not None and request.whole and idle and self._done_with(request):
            return
        super().data_received(data)
        if request is not None and self._request_count != requests + 1:
            self._framing.lose()
        if self._request_count > requests:
            self._begun = False
            self._head.end()
        elif idle and data:
            self._begun = True
            self._head.begin()
        self._whole(request, idle=idle)

    def _whole(self, request: Request | None, *, idle: bool) -> None:
        """Count a request that has come as a whole with what came last."""
        if request is not None and idle:
            self._entrance = self._door.entrance(request)
        if self._framing.between and self._entrance is not None:
            self.count(self._entrance)
            self._entrance = None

    def _done_with(self, request: Request) -> bool:
        """Refuse a whole request or answer it the short way, if nothing else is under way here."""
        return self._alone() and (self._refused(request) or self._shortened(request))

    def _alone(self) -> bool:
        if self._messages or self._close or self._force_close or self._wire is None:
            return False
        if self._paused:
            # Its client has not taken the last answer: it has to wait for its turn.
            return False
        return self._waiter is None or not self._waiter.done()

    def _refused(self, request: Request) -> bool:
        """Answer a whole request at the door."""
        answer = self._door.refusal(request)
        if answer is None or self._wire is None:
            return False
        self._wire.write(answer)
        if not self._request_count:
            # Nothing else would ever end a connection that has had only this.
            self._head.end()
            self._head.begin()
        return True

    def _shortened(self, request: Request) -> bool:
        """Let a whole request go the short way, if it may."""
        entrance = self._door.entrance(request)
        if entrance is None or not self._short.begin(request):
            return False
        self._begun = False
        self._head.end()
        self.count(entrance)
        self._live_on()
        return True

    def _answered(self, answer: Answer | None, behind: bytes) -> None:
        """Send what has been answered on the short way, and go on with what came behind it."""
        served = answer is not None and answer.status < _SERVER_ERROR
        self.discount(served=served)
        if self._wire is None or self._wire.is_closing():
            return
        if answer is None:
            self.force_close()
            return
        self._held = len(answer.data)
        self._wire.write(answer.data)
        self._held = 0
        self._live_on()
        if self.is_ending:
            self.close()
            return
        if behind:
            self._wire.resume_reading()
            self.data_received(behind)

    def _live_on(self) -> None:
        """Let the connection live on for as long as aiohttp lets one that is idle."""
        self._keepalive = True
        loop = asyncio.get_running_loop()
        self._next_keepalive_close_time = loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            until = self._next_keepalive_close_time
            self._keepalive_handle = loop.call_at(until, self._process_keepalive)

    def close(self) -> None:
        """End the connection when what is under way is answered."""
        self.is_ending = self._short.is_taken
        if not self.is_ending:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """End the connection, as soon as what is under way is answered or the time is over."""
        await self._short.ended(timeout)
        await super().shutdown(timeout)

    def pause_writing(self) -> None:
        """Expect that the client takes what was written."""
        super().pause_writing()
        if self._wire is not None:
            self._taking.begin()
            self._unread.add(self._wire, self._held)

    def resume_writing(self) -> None:
        """Stop waiting: the client has taken everything."""
        self._taking.end()
        if self._wire is not None:
            self._unread.remove(self._wire)
        super().resume_writing()

    def _no_request(self) -> None:
        if not self._begun:
            self.force_close()
        elif self._waiter is not None and not self._waiter.done():
            self._messages.append((_ErrInfo(400, LateHead(), ""), EMPTY_PAYLOAD))
            self._waiter.set_result(None)

    def _not_taken(self) -> None:
        log.warning("a client took no whole answer for %g s: cut off", patience.TAKEN_S)
        if self._wire is not None:
            self._wire.abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, which is no more under way then."""
        # A body is in memory until its last byte is taken, however much of it the kernel has.
        body = resp.body if isinstance(resp, web.Response) else None
        self._held = len(body) if isinstance(body, bytes) else 0
        self.discount(served=resp.status < _SERVER_ERROR)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._held = 0
            if not self._framing.known and not self._messages:
                # Half a head may have come behind this request, unseen.
                self._head.end()
                self._head.begin()
