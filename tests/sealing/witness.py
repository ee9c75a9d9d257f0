"""A witness on a real socket, with the state machine of c2sp.org/tlog-witness."""

import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.proof.checkpoint import open_checkpoint
from service.proof.fault import ProofError
from service.proof.keys import COSIGNATURE, VerifierKey
from service.proof.tree import verify_consistency


class LocalWitness:
    """Signs what continues what it has signed; `trusted` are the logs that it knows."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes_raw()
        self.key = VerifierKey("witness.example/w", public, COSIGNATURE)
        self.url = ""
        self.trusted: dict[str, list[VerifierKey]] = {}
        self.seen: dict[str, tuple[int, bytes]] = {}
        self.answers: list[int] = []
        self.forged = False

    @property
    def setting(self) -> str:
        """Write it as PLANT_WITNESSES takes it."""
        return f"{self.key} {self.url}"

    async def answer(self, request: web.Request) -> web.Response:
        """Answer `POST /add-checkpoint`."""
        status, text = self._judged(await request.text())
        self.answers.append(status)
        return web.Response(status=status, text=text)

    def _judged(self, body: str) -> tuple[int, str]:
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        old = int(first.removeprefix("old "))
        origin = note.partition("\n")[0]
        if origin not in self.trusted:
            return 404, ""
        try:
            checkpoint = open_checkpoint(note, self.trusted[origin])
        except ProofError:
            return 403, ""
        if old > checkpoint.size:
            return 400, ""
        size, root = self.seen.get(origin, (0, sha256(b"").digest()))
        if old != size or (size == checkpoint.size and root != checkpoint.root):
            return 409, f"{size}\n"
        hashes = [b64decode(line) for line in proof]
        try:
            verify_consistency(size, checkpoint.size, hashes, root, checkpoint.root)
        except ProofError:
            return 422, ""
        self.seen[origin] = (checkpoint.size, checkpoint.root)
        return 200, self._line(checkpoint.text())

    def _line(self, text: str) -> str:
        now = int(time.time())
        message = f"cosignature/v1\ntime {now}\n{'x' if self.forged else ''}{text}".encode()
        made = self.key.key_id + now.to_bytes(8) + self._private.sign(message)
        return f"— {self.key.name} {b64encode(made).decode()}\n"


@asynccontextmanager
async def witnessing() -> AsyncIterator[LocalWitness]:
    """Have a witness that listens."""
    witness = LocalWitness()
    app = web.Application()
    app.router.add_post("/w/add-checkpoint", witness.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    witness.url = f"http://127.0.0.1:{port}/w"
    try:
        yield witness
    finally:
        await runner.cleanup()
