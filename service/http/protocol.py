"""The server beneath the application: what aiohttp answers on its own becomes a problem too.

A request line or header that cannot be parsed never reaches a middleware, and neither does an
Expect header that is not understood.
"""

import re
from typing import Any, Final

from aiohttp import http_exceptions as http
from aiohttp import web

from service.errors import MalformedRequest, Problem
from service.http import problems
from service.http.request import request_id

LINGERING_S: Final = 2.0
"""How long a refused upload is read and thrown away, so that its sender sees the answer."""

_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (http.LineTooLong, "The request line or a header is too long."),
    (http.BadHttpMethod, "The request line has no valid method."),
    (http.BadStatusLine, "The request line cannot be read."),
    (http.InvalidURLError, "The request target is not a valid URL."),
    (http.InvalidHeader, "A header cannot be read."),
    (http.ContentLengthError, "The body is not as long as Content-Length says."),
    (http.TransferEncodingError, "The body is not framed as Transfer-Encoding says."),
)


_DUPLICATE: Final = re.compile(r"Duplicate '([A-Za-z-]+)' header found")


def _in_our_words(exc: http.HttpProcessingError) -> str | None:
    """Say what the parser found without the client's bytes, which its own message quotes."""
    duplicate = _DUPLICATE.match(exc.message)
    if duplicate is not None:
        return f"The header {duplicate[1].lower()} is given more than once."
    return next((text for kind, text in _WORDS if isinstance(exc, kind)), None)


class Protocol(web.RequestHandler):
    """One connection."""

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
            problem = MalformedRequest(_in_our_words(exc))
        elif request.headers.get("Expect", "100-continue").lower() != "100-continue":
            # aiohttp quotes the header in a refusal of its own and fails when it is not UTF-8.
            problem = MalformedRequest(problems.EXPECTATION)
        else:
            cause = exc if isinstance(exc, Exception) else TimeoutError(message)
            problem = problems.from_exception(cause, request.method)
        answer = self._answer(request, problem)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; an exception of aiohttp's that is one goes out as a problem."""
        if isinstance(resp, web.HTTPException) and problems.is_refusal(resp):
            resp = self._answer(request, problems.from_framework(resp))
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what aiohttp could not handle, but not a client's broken body that nobody reads."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    def _answer(self, request: web.BaseRequest, problem: Problem) -> web.Response:
        identity = request_id(request)
        problems.report(problem, identity, request.method, request.rel_url.raw_path)
        return problems.response(problem, identity)


class Server(web.Server):
    """Makes our protocol for each connection of a server that aiohttp has set up."""

    def __init__(self, base: web.Server) -> None:
        vars(self).update(vars(base))

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of a new connection."""
        return Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on our protocol; otherwise as aiohttp's runner.

    Bodies come as they were sent: what is compressed is refused, not unpacked.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        defaults = {"lingering_time": LINGERING_S, "auto_decompress": False}
        super().__init__(app, **(defaults | options))

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server())
