"""One question to a server, outside of any measurement."""

import http.client
from typing import Any

import msgspec
from msgspec import Struct

from bench.serving.load import MARK, Request
from bench.serving.servers import Server


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """Read it."""
        return msgspec.json.decode(self.body)


def answer(server: Server, request: Request, unique: str = "") -> Answer:
    """Ask once; `unique` stands in the body for what is new each time."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        body = request.body.replace(MARK, unique) or None
        connection.request(request.method, request.path, body, request.headers)
        got = connection.getresponse()
        return Answer(got.status, got.read())
    finally:
        connection.close()
