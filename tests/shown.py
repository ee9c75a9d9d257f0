"""A log in memory, and a server that shows it, honestly or not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.keys import Signer
from service.proof.tiles import Frontier, extend, prove_consistency
from tests.grown import leaf_hashes, tiles_of

ORIGIN = "plant.example.org/log"
SEED = sha256(b"shown").digest()


class Log:
    """Entries, of which the first ones may be another log's too; signed with one key."""

    def __init__(self, size: int, salt: str = "", *, common: int = 0, origin: str = ORIGIN) -> None:
        self.leaves = [*leaf_hashes(size)[:common], *leaf_hashes(size, salt)[common:]]
        self.signer = Signer(origin, SEED)

    def checkpoint(self, size: int) -> Checkpoint:
        """Give size and root."""
        root = extend(Frontier(), self.leaves[:size])[0].root()
        return Checkpoint(self.signer.vkey.name, size, root)

    def note(self, size: int) -> str:
        """Sign them."""
        return sign_checkpoint(self.checkpoint(size), [self.signer])

    def growth(self, old_size: int, size: int) -> list[bytes]:
        """Prove that one size grew out of another."""
        return prove_consistency(old_size, size, tiles_of(self.leaves[:size]))


class Shown:
    """What a server shows at this moment; `keys` are those that requests came with."""

    def __init__(self, log: Log, size: int) -> None:
        self.log = log
        self.size = size
        self.status = 200
        self.url = ""
        self.elsewhere: str | None = None
        self.keys: list[str | None] = []

    def answer(self, target: str) -> tuple[int, bytes]:
        """Answer a request."""
        parts = urlsplit(target)
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        if self.status != 200:
            return self.status, json.dumps({"detail": "It is broken."}).encode()
        if parts.path == "/v1/audit/checkpoint":
            return 200, self.log.note(self.size).encode()
        if parts.path == "/v1/audit/consistency":
            hashes = self.log.growth(query["from"], query["to"])
            said = {**query, "proof": [one.hex() for one in hashes], "checkpoint": None}
            return 200, json.dumps(said).encode()
        return 404, json.dumps({"detail": "There is no such path."}).encode()


@contextmanager
def serving(shown: Shown) -> Iterator[Shown]:
    """Serve on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.keys.append(self.headers.get("Authorization"))
            status, body = shown.answer(self.path)
            self.send_response(status)
            if shown.elsewhere is not None:
                self.send_header("Location", shown.elsewhere)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        shown.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield shown
        finally:
            server.shutdown()
            thread.join()
