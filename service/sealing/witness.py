"""One witness: who it is, where it listens, and what it answers (c2sp.org/tlog-witness)."""

import re
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from service.proof.fault import Malformed, ProofError
from service.proof.keys import COSIGNATURE, VerifierKey, parse_vkey
from service.proof.witness import add_checkpoint, cosignature_lines
from service.refusal import Refusal

TIMEOUT_S: Final = 10.0
WORDS: Final = 2
ANSWER_BYTES_MAX: Final = 65_536
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class BadWitnesses(Refusal):
    """The setting names no witnesses that could be asked."""

    exit_code = 64


class Witness(Struct, frozen=True):
    """A witness's key and the address before `/add-checkpoint`."""

    key: VerifierKey
    url: str


class Answer(Struct, frozen=True):
    """What a witness said: its lines, or the size that it knows, or what is wrong.

    `refused`: it has answered, and will not sign. `unproven`: what it was shown does not continue
    what it has signed.
    """

    lines: str = ""
    size: int | None = None
    wrong: str = ""
    refused: bool = False
    unproven: bool = False


def parse_witnesses(text: str | None) -> list[Witness]:
    """Read PLANT_WITNESSES: a verifier key and an address for each, on lines or between commas.

    Raises: BadWitnesses.
    """
    found = []
    for part in (text or "").replace(",", "\n").splitlines():
        words = part.split()
        if not words:
            continue
        try:
            if len(words) != WORDS:
                raise Malformed("It takes a key and an address.")
            vkey, url = words
            key = parse_vkey(vkey)
            scheme, host = urlsplit(url)[:2]
            if key.kind != COSIGNATURE or scheme not in {"http", "https"} or not host:
                raise Malformed("It is the key of a log, or no address of the web.")
        except ValueError as error:
            raise BadWitnesses(
                f"PLANT_WITNESSES has no witness in {part.strip()!r}: {str(error).rstrip('.')}.",
                "Write its verifier key (cosignature/v1) and its address, with a blank between.",
            ) from None
        found.append(Witness(key, url.rstrip("/")))
    return found


class _StayThere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nobody elsewhere."""


def ask(witness: Witness, old_size: int, proof: list[bytes], note: str) -> Answer:
    """Send a checkpoint and check what comes back; it blocks, for TIMEOUT_S at most."""
    request = urllib.request.Request(  # noqa: S310 - http and https only, see parse_witnesses
        f"{witness.url}/add-checkpoint",
        data=add_checkpoint(old_size, proof, note).encode(),
        headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "plant"},
    )
    opener = urllib.request.build_opener(_StayThere)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            lines = answer.read(ANSWER_BYTES_MAX).decode()
        return Answer(lines=cosignature_lines(note, lines, witness.key) or _no_line(witness))
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error.code, error.read(ANSWER_BYTES_MAX))
    except (ProofError, UnicodeDecodeError) as error:
        return Answer(wrong=f"its answer is none: {error}")
    except OSError as error:
        return Answer(wrong=f"it cannot be reached: {getattr(error, 'reason', error)}")


def _no_line(witness: Witness) -> str:
    raise Malformed(f"It holds no cosignature of {witness.key.name}.")


def _refused(status: int, body: bytes) -> Answer:
    text = body.decode("utf-8", "replace").strip()
    if status == HTTPStatus.CONFLICT and _SIZE.fullmatch(text):
        return Answer(size=int(text))
    unproven = status == HTTPStatus.UNPROCESSABLE_ENTITY
    return Answer(
        wrong=f"it refuses: {status} {text[:200]}".rstrip(), refused=True, unproven=unproven
    )
