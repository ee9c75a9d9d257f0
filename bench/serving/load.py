"""The clients: wrk, which costs little and counts every answer that is no 2xx."""

import random
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from service.refusal import Refusal

SCRIPT: Final = Path(__file__).with_name("wrk.lua")
MARK: Final = "@" * 20
"""Stands in a body for what no other request says."""

TIMEOUT_S: Final = 30
UNIQUE: Final = 5


class WrkMissing(Refusal):
    """The program that sends requests is not there."""


class BadAnswersError(Exception):
    """A server gave something else than 2xx, or nothing, while it was timed."""


class Request(Struct, frozen=True):
    """What is sent; in the body MARK stands for what is new each time."""

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""


class Sent(Struct, frozen=True):
    """What wrk says of a round. Units: by the names."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    lost: int

    @property
    def rate(self) -> float:
        """Give answers a second."""
        return self.requests / self.seconds


def require_wrk() -> None:
    """Make sure that there is one. Raises: WrkMissing."""
    if shutil.which("wrk") is None:
        raise WrkMissing(
            "wrk is not installed: it sends the requests.",
            "Install it (Debian and Ubuntu: the package wrk; bench/serving/have-wrk.sh as root).",
        )


def write_requests(path: Path, requests: Sequence[Request], parts: int = 1) -> None:
    """Write a file of requests for the script, in an order that is random and always the same.

    Parts of equal length stay one behind the other, in the same order each.
    """
    length = len(requests) // parts
    order = random.Random(SCRIPT.name).sample(range(length), length)  # noqa: S311 - an order
    lines = []
    for one in (requests[part * length + place] for part in range(parts) for place in order):
        headers = "\t".join(f"{name}: {value}" for name, value in one.headers.items())
        lines += [one.method, one.path, headers, one.body]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def send(url: str, requests: Path, *, connections: int, seconds: int) -> Sent:
    """Send for some seconds over so many connections, one request at a time on each.

    Raises: BadAnswersError.
    """
    command = [
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_S}s", "--script", str(SCRIPT)),
        *(url, "--", str(requests), secrets.token_hex(UNIQUE)),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    last = run.stdout.strip().rpartition("\n")[2]
    if run.returncode or not last.startswith("{"):
        raise BadAnswersError(f"{url}: {run.stdout}\n{run.stderr}")
    sent = msgspec.json.decode(last, type=Sent)
    bad = sent.refused + sent.lost
    if bad or not sent.requests:
        raise BadAnswersError(f"{bad:,} of {sent.requests:,} answers were no 2xx")
    return sent
