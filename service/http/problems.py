"""The one place where a problem becomes an HTTP answer.

Nothing but the members of a problem reaches a client; what lies behind it goes to the log, under
the request id that the answer carries.
"""

import logging
from typing import Final

import msgspec
from aiohttp import web

from service import errors
from service.errors import Problem, shown
from service.sqlstate import classify, is_database_failure

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
EXPECTATION: Final = "The only expectation known is 100-continue."
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_encode = msgspec.json.Encoder().encode


def response(problem: Problem, request_id: str) -> web.Response:
    """Answer with a problem."""
    members = problem.members()
    members["request_id"] = request_id
    answer = web.Response(body=_encode(members), status=problem.status, content_type=CONTENT_TYPE)
    headers = answer.headers
    headers["Request-Id"] = request_id
    headers["Cache-Control"] = "no-store"
    headers["Server"] = "plant"
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    _special_headers(problem, answer)
    return answer


def _special_headers(problem: Problem, answer: web.Response) -> None:
    """Add what RFC 9110 asks of single status codes."""
    members = problem.extensions
    match problem:
        case errors.Unauthenticated():
            answer.headers["WWW-Authenticate"] = _challenge(problem.challenge)
        case errors.ScopeMissing():
            needed = members.get("required_scope")
            # A list is of scopes of which one is enough, which the field cannot say.
            scope = f', scope="{needed}"' if isinstance(needed, str) else ""
            answer.headers["WWW-Authenticate"] = _challenge(f'error="insufficient_scope"{scope}')
        case errors.MethodNotAllowed():
            answer.headers["Allow"] = _listed(members.get("allowed"))
        case errors.UnsupportedMediaType():
            accepted = _listed(members.get("accepted"))
            answer.headers["Accept"] = accepted
            if "patch+json" in accepted:
                answer.headers["Accept-Patch"] = accepted
        case errors.PreconditionFailed() if members.get("current_etag"):
            answer.headers["ETag"] = str(members["current_etag"])
        case errors.BodyTooLarge():
            answer.force_close()
        case _:
            pass


def _challenge(said: str) -> str:
    """Say how to authenticate, and what was wrong with how somebody did (RFC 6750)."""
    return f'Bearer realm="plant", {said}' if said else 'Bearer realm="plant"'


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else ""


def is_refusal(exc: web.HTTPException) -> bool:
    """Say whether aiohttp raised this as an error; redirections are exceptions too."""
    return exc.status >= _CLIENT_ERROR


def from_framework(exc: web.HTTPException) -> Problem:
    """Say in our words what aiohttp refuses."""
    match exc:
        case web.HTTPNotFound():
            return errors.UnknownPath()
        case web.HTTPMethodNotAllowed():
            allowed = sorted(exc.allowed_methods)
            return errors.MethodNotAllowed(
                f"{shown(exc.method)} is not allowed here. Allowed: {', '.join(allowed)}.",
                extensions={"allowed": allowed},
            )
        case web.HTTPRequestEntityTooLarge():
            return errors.BodyTooLarge()
        case web.HTTPExpectationFailed():
            return errors.MalformedRequest(EXPECTATION)
        case _ if exc.status < _SERVER_ERROR:
            return errors.MalformedRequest()
        case _:
            return errors.Defect()


def from_exception(exc: Exception, *, committing: bool) -> Problem:
    """Say what an exception means that nobody below has turned into a problem.

    `committing`: a change may have been sent that is not known to be refused.
    """
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, web.HTTPException):
        return from_framework(exc)
    if isinstance(exc, TimeoutError) or is_database_failure(exc):
        return classify(exc, committing=committing)
    problem = errors.Defect()
    problem.__cause__ = exc
    return problem


def report(problem: Problem, request_id: str, method: str, path: str) -> None:
    """Log what an operator has to know of: our own faults with their stack, others in a line."""
    if problem.status < _SERVER_ERROR:
        return
    if isinstance(problem, errors.Defect):
        log.error(
            "%s %s failed, request %s", method, shown(path), request_id,
            exc_info=problem.__cause__ or problem,
        )  # fmt: skip
        return
    cause = type(problem.__cause__ or problem).__name__
    log.warning("%s %s: %s (%s), request %s", method, shown(path), problem.slug, cause, request_id)
