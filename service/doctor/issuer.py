"""Whether the keys of the issuer can be read, as a service would read them."""

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from service.doctor.check import Check, bad, good
from service.settings import Settings
from service.usecases.issuer_keys import BYTES_MAX, NoIssuerKeys, is_address, keys_in, keys_of

WAIT_S: Final = 3.0
_OK: Final = 200
_ASK_ISSUER: Final = "Check PLANT_JWKS, the issuer, and what lies between: without, no token works."


def tokens(settings: Settings, source: str) -> Check:
    """Read the keys by which tokens are checked; `source`: where they are."""
    try:
        keys = keys_in(_fetched(source)) if is_address(source) else keys_of(source)
    except NoIssuerKeys as refusal:
        return bad("tokens", refusal.wrong, refusal.way_out)
    except (OSError, HTTPException, ValueError) as error:
        words = str(error) or type(error).__name__
        return bad("tokens", f"the keys of {_host(source)} cannot be read: {words}", _ASK_ISSUER)
    return good("tokens", f"keys of {settings.jwt_issuer}: {len(keys)}")


def _host(source: str) -> str:
    return urlsplit(source).hostname or "nowhere"


def _fetched(source: str) -> bytes:
    """Ask once, and follow nobody elsewhere."""
    parts = urlsplit(source)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(kind(_host(source), parts.port, timeout=WAIT_S)) as connection:
        connection.request("GET", target)
        answer = connection.getresponse()
        if answer.status != _OK:
            raise ValueError(f"the answer is {answer.status}")
        return answer.read(BYTES_MAX + 1)
