"""What happens around every handler: the request id, repeated headers, errors into problems."""

from aiohttp import web
from aiohttp.typedefs import Handler

from service.http import problems, sent
from service.http.request import REQUEST_ID, refuse_repeated, request_id
from service.http.request_log import SLUG


def install(app: web.Application) -> None:
    """Put the edge around every handler of an application, the framework's own included."""
    app.middlewares.insert(0, edge)
    app.on_response_prepare.append(stamp)


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and turn whatever goes wrong into a problem."""
    identity = request_id(request)
    try:
        refuse_repeated(request)
        return await handler(request)
    except Exception as exc:
        if isinstance(exc, web.HTTPException) and not problems.is_refusal(exc):
            raise
        if isinstance(exc, ConnectionError) and _client_is_gone(request):
            raise
        problem = problems.from_exception(exc, committing=sent.may_be_done(request))
        request[SLUG] = problem.slug
        problems.report(problem, identity, request.method, _route(request))
        if request.writer.output_size > 0:
            # Half an answer is out: cutting the connection is the only way left to say no.
            raise ConnectionError("the answer had begun") from exc
        return problems.response(problem, identity)


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    """Put the request id on an answer; streams are prepared before their handler returns."""
    response.headers["Request-Id"] = request.get(REQUEST_ID) or request_id(request)
    response.headers["Server"] = "plant"


def _route(request: web.Request) -> str:
    """Name the route: a path may have a client's own words in it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "an unknown path"


def _client_is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()
