"""Whether a request may have changed something: only then can its outcome be unknown."""

from typing import Final

from aiohttp import web

_SENT: Final = web.RequestKey("sent", bool)


def begin(request: web.Request) -> None:
    """Know that what is sent from now on may be committed."""
    request[_SENT] = True


def settle(request: web.Request) -> None:
    """Know that what was sent has been refused."""
    request[_SENT] = False


def may_be_done(request: web.BaseRequest) -> bool:
    """Say whether something may have been committed, whatever ended the request."""
    return _SENT in request and request[_SENT]
