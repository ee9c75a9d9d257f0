"""Answers as bytes, for where aiohttp has no part in writing them."""

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time


def written(answer: web.Response) -> bytes:
    """Give a whole answer as it goes over the wire.

    Raises: TypeError, for a body that is no bytes.
    """
    body = answer.body
    if not isinstance(body, bytes):
        raise TypeError(body)
    given = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{given}"
    rest = f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
    return (head + rest).encode() + body
