"""Answers as bytes, for where aiohttp has no part in writing them."""

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time


def parts(answer: web.Response) -> tuple[str, bytes]:
    """Give status line and headers of an answer, and its body.

    Raises: TypeError, for a body that is no bytes.
    """
    body = answer.body
    if not isinstance(body, bytes):
        raise TypeError(body)
    given = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{given}", body


def framed(length: int) -> str:
    """Give the headers that end a head, for a body of so many bytes."""
    return f"Content-Length: {length}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"


def written(answer: web.Response) -> bytes:
    """Give a whole answer as it goes over the wire.

    Raises: TypeError, for a body that is no bytes.
    """
    head, body = parts(answer)
    return (head + framed(len(body))).encode() + body
