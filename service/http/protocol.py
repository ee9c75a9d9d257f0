"""The server beneath the application: what aiohttp answers on its own becomes a problem too.

A request line or header that cannot be parsed never reaches a middleware, and neither does an
Expect header that is not understood. And here it ends when a client keeps the server waiting.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from aiohttp import http_exceptions as http
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from service.database.gate import Gate
from service.errors import MalformedRequest, Problem
from service.http import patience, problems, sent
from service.http.door import Door
from service.http.framing import Framing, Request
from service.http.patience import Deadline, Unread
from service.http.request import request_id
from service.http.unreadable import LateHead, in_our_words

log = logging.getLogger(__name__)

_SERVER_ERROR: Final = 500


class Protocol(web.RequestHandler):
    """One connection."""

    def __init__(self, manager: web.Server, unread: Unread, door: Door, **options: Any) -> None:
        super().__init__(manager, **options)
        self._door = door
        self._framing = Framing()
        self._entrance: Gate | None = None  # of the request whose body is still to come
        self._counted: tuple[Gate, object] | None = None
        self._unread = unread
        # aiohttp forgets the transport when it closes it, which is not when the client has all.
        self._wire: asyncio.Transport | None = None
        self._begun = False
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
        requests = self._request_count
        # uvloop may have data before the task that waits for a first request has begun.
        idle = self._waiter is not None or not requests
        request = self._framing.take(data)
        if request is not None and request.whole and idle and self._refused(request):
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

    def _refused(self, request: Request) -> bool:
        """Answer a whole request at the door when nothing else is under way here."""
        if self._messages or self._close or self._force_close or self._wire is None:
            return False
        if self._paused:
            # Its client has not taken the last answer: it has to wait for its turn.
            return False
        if self._waiter is not None and self._waiter.done():
            return False
        answer = self._door.refusal(request)
        if answer is None:
            return False
        self._wire.write(answer)
        if not self._request_count:
            # Nothing else would ever end a connection that has had only this.
            self._head.end()
            self._head.begin()
        return True

    @property
    def is_counted(self) -> bool:
        """Say whether the request here is one of those that are under way."""
        return self._counted is not None

    def count(self, entrance: Gate) -> None:
        """Let the request here be one of those that are under way."""
        if self._counted is None:
            self._counted = entrance, entrance.enter()

    def discount(self, *, served: bool) -> None:
        """Let it be none of them any more: it is done, or waits for its client."""
        self._entrance = None
        if self._counted is not None:
            entrance, waiter = self._counted
            self._counted = None
            entrance.leave(waiter, served=served)

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

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what failed outside the application with a problem, and close."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("nothing more can be answered") from exc
        problem: Problem
        if isinstance(exc, http.HttpProcessingError):
            problem = MalformedRequest(in_our_words(exc))
        elif request.headers.get("Expect", "100-continue").lower() != "100-continue":
            # aiohttp quotes the header in a refusal of its own and fails when it is not UTF-8.
            problem = MalformedRequest(problems.EXPECTATION)
        else:
            cause = exc if isinstance(exc, Exception) else TimeoutError(message)
            problem = problems.from_exception(cause, committing=sent.may_be_done(request))
        answer = self._answer(request, problem)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; an exception of aiohttp's that is one goes out as a problem."""
        if isinstance(resp, web.HTTPException) and problems.is_refusal(resp):
            resp = self._answer(request, problems.from_framework(resp))
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

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what aiohttp could not handle, but not a client's broken body that nobody reads."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    def _answer(self, request: web.BaseRequest, problem: Problem) -> web.Response:
        identity = request_id(request)
        problems.report(problem, identity, request.method, request.rel_url.raw_path)
        return problems.response(problem, identity)


@contextmanager
def ending_with_client(request: web.BaseRequest) -> Iterator[None]:
    """Cancel what is inside when the client goes away; elsewhere a handler goes on without it.

    It takes as long as its client does, so it is not counted among those that are under way.
    """
    protocol, task = request.protocol, asyncio.current_task()
    if not isinstance(protocol, Protocol) or task is None:
        raise TypeError(protocol)
    protocol.leaving = task
    protocol.discount(served=False)
    if protocol.transport is None:
        task.cancel()
    try:
        yield
    finally:
        protocol.leaving = None
