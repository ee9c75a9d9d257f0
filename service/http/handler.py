"""What aiohttp answers on its own becomes a problem too.

A request line or header that cannot be parsed never reaches a middleware, and neither does an
Expect header that is not understood.
"""

from typing import Any

from aiohttp import http_exceptions as http
from aiohttp import web

from service.errors import MalformedRequest, Problem
from service.http import problems, sent
from service.http.request import request_id
from service.http.unreadable import in_our_words


class Handler(web.RequestHandler):
    """One connection, whose every refusal is a problem."""

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
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what aiohttp could not handle, but not a client's broken body that nobody reads."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    def _answer(self, request: web.BaseRequest, problem: Problem) -> web.Response:
        identity = request_id(request)
        problems.report(problem, identity, request.method, request.rel_url.raw_path)
        return problems.response(problem, identity)
