"""Whether a text is the address of a service, and whether that is on a loopback address."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from service.refusal import Refusal

ADDRESS: Final = re.compile(
    r"https?://(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\])"
    r"(?::[0-9]{1,5})?(?:/[a-z0-9._~/-]*)?",
    re.IGNORECASE,
)
HOST_MAX: Final = 253
WAY_OUT: Final = "Write http://127.0.0.1:8080 or the like."


class NoAddress(Refusal):
    """A text is no address of a service."""

    exit_code = 64


def is_loopback(url: str) -> bool:
    """Say whether the address of a service is a loopback address, or localhost.

    Raises: NoAddress.
    """
    if "@" in url:
        # Not repeated: a password may stand in it.
        raise NoAddress("The address has a user in it.", f"{WAY_OUT} The key goes with --key.")
    host = _host(url)
    if host is None:
        raise NoAddress(f"{url!r} is no address of a service.", WAY_OUT)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(url: str) -> str | None:
    if not ADDRESS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        if parts.netloc.startswith("["):
            ip_address(parts.hostname or "")
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return None
    return host if host and len(host) <= HOST_MAX else None
