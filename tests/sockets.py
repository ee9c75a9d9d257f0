"""Bytes to a server and back, as they are: for what no HTTP client would send."""

import asyncio
import re
from contextlib import suppress
from urllib.parse import urlsplit

from tests.api import Answer

ANSWER_S = 15.0
"""Longer than the service may take for anything: beyond it is a hang."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def exchange(
    url: str, data: bytes, *, quiet_s: float = ANSWER_S, patience_s: float = ANSWER_S
) -> bytes:
    """Send bytes and read until the server closes, or is quiet after it has said something.

    Raises: TimeoutError when no answer begins within `patience_s`; leave to go on is none.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    found = b""
    try:
        with suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
            while True:
                wait_s = ANSWER_S if _is_open(found) else quiet_s
                async with asyncio.timeout(wait_s if _is_final(found) else patience_s):
                    piece = await reader.read(65536)
                if not piece:
                    break
                found += piece
    except TimeoutError:
        if not _is_final(found):
            raise
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return found


def _is_final(said: bytes) -> bool:
    """Say whether a server has begun an answer, and not only said that a body may come."""
    return bool(said) and said != CONTINUE


def _is_open(said: bytes) -> bool:
    """Say whether a server has begun chunks and owes the last one, however long it pauses."""
    return b"\nTransfer-Encoding: chunked\r\n" in said and not said.endswith(b"0\r\n\r\n")


def is_whole(data: bytes) -> bool:
    """Say whether a server has all of a request, so that it owes an answer.

    Neither an upgrade that it does not know nor an expectation is a reason to owe none.
    """
    end = re.search(rb"\r?\n\r?\n", data)
    if end is None:
        return False
    head = data[: end.start()]
    if re.search(rb"(?i)\ntransfer-encoding:", head):
        return data.endswith(b"\r\n0\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length:[ \t]*(\d+)", head)
    return length is None or int(length[1]) <= len(data) - end.end()


def answers(data: bytes) -> list[Answer]:
    """Cut what a server said on one connection into its answers."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith("HTTP/"), first
        headers = {
            name.title(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        status = int(first.split()[1])
        if "chunked" in headers.get("Transfer-Encoding", ""):
            body, data = _dechunked(rest)
        else:
            length = 0 if status in {100, 204, 304} else int(headers.get("Content-Length", 0))
            body, data = rest[:length], rest[length:]
        if status != 100:
            found.append(Answer(status, headers, body))
    return found


def _dechunked(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        count = int(size or b"0", 16)
        if count == 0:
            return body, data.removeprefix(b"\r\n")
        body, data = body + data[:count], data[count + 2 :]
