"""Answers reads on the short way: past aiohttp, to bytes; a problem is that of the long way."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from service.errors import Problem
from service.http import problems, request_log
from service.http.answers import JSON, Content
from service.http.contents import Entity
from service.http.deadline import REQUEST_S
from service.http.metrics import METRICS
from service.http.overdue import Overdue
from service.http.reading import REPOSITORY
from service.http.short_reads import Read
from service.http.wire import written
from service.repository.base import Soon
from service.repository.entities import Document

log = logging.getLogger(__name__)

Work = asyncio.Future[Any]


class Answer(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    data: bytes


Done = Callable[[Answer | None], None]
"""Is told of an answer; None where there can be none."""


class ShortAnswers:
    """Finds what is asked for, within the time of a request, and writes the answer.

    The metrics and the log have it then.
    """

    def __init__(self, app: web.Application) -> None:
        self._overdue = Overdue(app[REQUEST_S])
        self._repository = app[REPOSITORY]
        self._answers = app[METRICS].answers
        self._tasks = set[asyncio.Task[Content]]()

    def begin(self, read: Read, done: Done) -> None:
        """Have a read answered; `done` is told later, and always."""
        try:
            rows = read.one and self._repository.soon(read.one.query, read.context)
        except Exception as exc:  # noqa: BLE001 - whatever it is becomes a problem
            asyncio.get_running_loop().call_soon(self._refuse, read, done, exc)
            return
        if read.one is None or rows is None:
            self._overdue.begin(self._alone(read, done))
        else:
            # No task and no coroutine: with others, that is most of what a read would cost.
            rows.add_done_callback(partial(self._had, read, read.one, done))
            self._overdue.begin(rows)

    def _alone(self, read: Read, done: Done) -> asyncio.Task[Content]:
        task = asyncio.get_running_loop().create_task(read.find(read.context))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(self._end, read, done, _as_it_is))
        return task

    def _had(self, read: Read, one: Entity, done: Done, rows: Soon) -> None:
        """Go on with the row of an entity; alone, where it could not be had with others."""
        if not rows.cancelled() and rows.exception() is None and rows.result() is None:
            self._overdue.go_on(rows, self._alone(read, done))
        else:
            self._end(read, done, partial(_shown, one), rows)

    def _end(self, read: Read, done: Done, shown: Callable[[Any], Content], work: Work) -> None:
        """Answer with what came of it."""
        in_time = self._overdue.end(work)
        if work.cancelled():
            # In time it is the service that ends.
            done(None) if in_time else self._refuse(read, done, TimeoutError())
            return
        try:
            answer = self._answer(read, shown(work.result()))
        except Exception as exc:  # noqa: BLE001 - whatever it is becomes a problem
            self._refuse(read, done, exc)
        else:
            done(answer)

    def _answer(self, read: Read, content: Content) -> Answer:
        """Write what `answers.shown` answers, with the headers of every answer."""
        same = content.is_had(read.head.condition)
        status, body = (304, b"") if same else (200, content.body)
        said = "304 Not Modified" if same else "200 OK"
        of_body = "" if same else f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
        headers = content.headers if read.left is None else content.headers | read.left.headers()
        given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = (
            f"HTTP/1.1 {said}\r\n{given}{of_body}"
            f"Date: {rfc822_formatted_time()}\r\nServer: plant\r\n"
            f"Request-Id: {read.context.request_id}\r\n\r\n"
        )
        self._tell(read, status, None)
        return Answer(status, head.encode() + body)

    def _refuse(self, read: Read, done: Done, exc: Exception) -> None:
        answer: Answer | None = None
        try:
            problem = problems.from_exception(exc, committing=False)
            self._tell(read, problem.status, problem.slug)
            answer = Answer(problem.status, _refused(read, problem))
        except Exception:
            log.exception("a read could not be answered: its connection ends")
        done(answer)

    def _tell(self, read: Read, status: int, slug: str | None) -> None:
        seconds = time.perf_counter() - read.begun
        self._answers.answered("GET", read.route, status, seconds)
        if request_log.wanted():
            given = read.context.request_id, read.head.traceparent, read.context, slug
            request_log.write(request_log.Answered("GET", read.route, status, seconds, *given))


def _as_it_is(content: Content) -> Content:
    return content


def _shown(one: Entity, rows: list[tuple[str, str]]) -> Content:
    return one.content(Document(*rows[0]) if rows else None)


def _refused(read: Read, problem: Problem) -> bytes:
    identity = read.context.request_id
    problems.report(problem, identity, "GET", read.route)
    answer = problems.response(problem, identity)
    if read.left is not None:
        answer.headers.update(read.left.headers())
    return written(answer)
