"""Asks a service over HTTP, as any client does."""

import http
import http.client
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from service.proof.encoded import from_hex
from service.proof.fault import ProofError
from service.proof.tree import HASH_LENGTH
from service.refusal import Refusal
from service.verify.plain import plain, sentence

TIMEOUT_S: Final = 30.0
BYTES_MAX: Final = 16 * 1024 * 1024
WORDS_MAX: Final = 500
SHUT: Final = frozenset({http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN})
CLOSED: Final = "The log is not open to everybody there: give a key with scope audit (--api-key)."
CHECKPOINT: Final = "/v1/audit/checkpoint"


class ServiceSilent(Refusal):
    """A service did not answer, or not what it was asked for."""


class Growth(Struct, frozen=True, rename={"old_size": "from", "size": "to"}):
    """What `/v1/audit/consistency` answers; hashes in hex."""

    old_size: int
    size: int
    proof: list[str]

    def hashes(self) -> list[bytes]:
        """Give the hashes of the proof.

        Raises: Malformed.
        """
        return [from_hex(each, "A hash of the proof", HASH_LENGTH) for each in self.proof]


class _Still(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key would go along to wherever it leads."""

    def redirect_request(self, *_: object) -> None:
        """Leave the answer as it is."""


_OPENER: Final = urllib.request.build_opener(_Still)


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes


class Service:
    """A service by its address, with a key of a governance agent where one is given.

    `timeout_s` is for one answer.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ServiceSilent(
                f"{url!r} is no address of a service.",
                "Write https://plant.example.org or the like.",
            )
        self.url = url.rstrip("/").removesuffix(CHECKPOINT)
        self.name = parts.netloc.rpartition("@")[2]
        self._key = key

    def checkpoint(self) -> str:
        """Read the latest checkpoint, a signed note.

        Raises: ServiceSilent.
        """
        try:
            return self._expected(CHECKPOINT).decode()
        except UnicodeDecodeError:
            raise self._silent("its checkpoint is not UTF-8") from None

    def growth(self, old_size: int, size: int) -> Growth:
        """Ask for the proof that one size grew out of another.

        Raises: ServiceSilent.
        """
        body = self._expected("/v1/audit/consistency", {"from": old_size, "to": size})
        return parse_growth(body, self.url)

    def get(
        self, path: str, query: dict[str, Any] | None = None, timeout_s: float = TIMEOUT_S
    ) -> Answer:
        """Send a GET; whatever status comes back is an answer.

        Raises: ServiceSilent.
        """
        asked = f"?{urlencode(query)}" if query else ""
        headers = {"Accept": "*/*"} | (
            {"Authorization": f"Bearer {self._key}"} if self._key else {}
        )
        request = urllib.request.Request(f"{self.url}{path}{asked}", headers=headers)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=timeout_s) as response:
                return Answer(response.status, response.read(BYTES_MAX))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(BYTES_MAX))
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(str(getattr(error, "reason", None) or error)) from None

    def _expected(self, path: str, query: dict[str, Any] | None = None) -> bytes:
        answer = self.get(path, query)
        if answer.status != http.HTTPStatus.OK:
            why = f"{path} gave {answer.status}: {said(answer.body)}"
            raise self._silent(why, CLOSED if answer.status in SHUT else None)
        return answer.body

    def _silent(self, why: str, way_out: str | None = None) -> ServiceSilent:
        return ServiceSilent(
            f"The service at {self.url} did not answer as it should: {sentence(why)}",
            way_out or "Check the address, and that it serves (`/readyz`).",
        )


def said(body: bytes) -> str:
    """Give what a problem says, or what there is of it."""
    try:
        words = str(msgspec.json.decode(body)["detail"])
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        words = body.decode(errors="replace")
    return plain(words[:WORDS_MAX])


def parse_growth(body: bytes, source: str) -> Growth:
    """Read a proof of growth.

    Raises: ServiceSilent.
    """
    try:
        growth = msgspec.json.decode(body, type=Growth)
        growth.hashes()
    except (msgspec.DecodeError, RecursionError, ProofError) as error:
        raise ServiceSilent(
            f"What {source} gives is no consistency proof: {sentence(str(error))}",
            "It is what `GET /v1/audit/consistency` answers.",
        ) from None
    return growth
