"""The operations that need no kind: identity, health, metrics, and the pages about all of it."""

from typing import Annotated, Final

from msgspec import Meta

from service import errors
from service.openapi import examples
from service.openapi.headers import IF_NONE_MATCH
from service.openapi.operation import Answer, Operation, Parameter
from service.openapi.shapes import Alive, Me
from service.openapi.standing_shapes import Ready

_PAGE = ("ETag", "Cache-Control")
_HTML = (*_PAGE, "Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options")


def operations() -> tuple[Operation, ...]:
    """List the operations that need no kind."""
    return (
        *(_me(), _live(), _ready(), _metrics(), _openapi(), _docs(), _errors()),
        *(_console(), _console_file()),
    )


def _me() -> Operation:
    return Operation(
        id="me",
        method="GET",
        path="/v1/me",
        tag="Identity",
        summary="Who am I",
        description="Whose key this is and what it may do.",
        answers=(
            Answer(
                status=200,
                description="The identity behind the key.",
                type=Me,
                headers=("Cache-Control",),
                example=examples.ME,
            ),
        ),
    )


def _live() -> Operation:
    return Operation(
        id="live",
        method="GET",
        path="/livez",
        tag="Service",
        summary="Does it live",
        description="Whether the process answers; it asks nothing of the database.",
        scopes=None,
        answers=(
            Answer(
                status=200,
                description="It does.",
                type=Alive,
                headers=("Cache-Control",),
                example={"status": "ok"},
            ),
        ),
    )


LEADING: Final = {
    "role": "leader",
    "size": 2978,
    "positions": 2978,
    "waiting_s": None,
    "refused": None,
}


def _ready() -> Operation:
    return Operation(
        id="ready",
        method="GET",
        path="/readyz",
        tag="Service",
        summary="Is it ready",
        description="Whether the database answers too; and how the log stands, which is reported "
        "and makes nothing unready.",
        scopes=None,
        answers=(
            Answer(
                status=200,
                description="It is.",
                type=Ready,
                headers=("Cache-Control",),
                example={"status": "ok", "database": "ok", "log": LEADING},
            ),
            Answer(
                status=503,
                description="It is not.",
                type=Ready,
                headers=("Cache-Control", "Retry-After"),
                example={
                    "status": "not ready",
                    "database": "The database cannot be reached.",
                    "log": LEADING | {"role": "off", "waiting_s": 7.5},
                },
            ),
        ),
    )


def _metrics() -> Operation:
    return Operation(
        id="metrics",
        method="GET",
        path="/metrics",
        tag="Service",
        summary="Read the counters",
        description="Counters in the text format of Prometheus. Where PLANT_METRICS_TOKEN is set "
        "they need that token as bearer.",
        scopes=None,
        security=("metrics",),
        answers=(Answer(status=200, description="The counters.", media="text/plain"),),
        problems=(errors.Unauthenticated,),
    )


def _openapi() -> Operation:
    return Operation(
        id="openapi",
        method="GET",
        path="/openapi.json",
        tag="Service",
        summary="Read this description",
        description="The API as OpenAPI 3.1.",
        scopes=None,
        parameters=(IF_NONE_MATCH,),
        answers=(
            Answer(status=200, description="The description.", type=dict, headers=_PAGE),
            Answer(status=304, description="You have it.", media=None, headers=_PAGE),
        ),
        problems=(errors.UnknownParameter,),
    )


def _docs() -> Operation:
    return _page("docs", "/docs", "Read the reference", "Every operation and schema, for people.")


def _errors() -> Operation:
    return _page(
        "docsErrors",
        "/docs/errors",
        "Read the catalogue of problems",
        "Every problem type at the address that its `type` names.",
    )


def _console() -> Operation:
    return _page("console", "/console", "Open the console", "A page for a person with a key.")


FILE: Final = Parameter(
    name="file",
    where="path",
    type=Annotated[str, Meta(min_length=1, pattern="^[^/]+$")],
    required=True,
    description="The name of a file that the page loads.",
    example="app.js",
)


def _console_file() -> Operation:
    return Operation(
        id="consoleFile",
        method="GET",
        path="/console/{file}",
        tag="Service",
        summary="Read a file of the console",
        description="Scripts, style and icon; the page names them.",
        scopes=None,
        parameters=(FILE, IF_NONE_MATCH),
        answers=(
            Answer(
                status=200,
                description="The file.",
                media="text/javascript",
                texts=("text/css", "text/html", "image/svg+xml"),
                headers=_HTML,
            ),
            Answer(status=304, description="You have it.", media=None, headers=_HTML),
        ),
        problems=(errors.UnknownParameter,),
    )


def _page(identity: str, path: str, summary: str, description: str) -> Operation:
    return Operation(
        id=identity,
        method="GET",
        path=path,
        tag="Service",
        summary=summary,
        description=f"{description} It loads nothing from anywhere.",
        scopes=None,
        parameters=(IF_NONE_MATCH,),
        answers=(
            Answer(status=200, description="The page.", media="text/html", headers=_HTML),
            Answer(status=304, description="You have it.", media=None, headers=_HTML),
        ),
        problems=(errors.UnknownParameter,),
    )
