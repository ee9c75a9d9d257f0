"""What the text of a setting may be: each reader gives the value, or raises ValueError."""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

WINDOW_S_MAX = 86_400


class Rule(NamedTuple):
    """What a value must be: in words, as a reader that raises ValueError, and whether unseen."""

    words: str
    read: Callable[[str], object]
    secret: bool = False


def whole(low: int, high: int) -> Rule:
    """Take a whole number within bounds."""

    def read(text: str) -> int:
        # int() alone takes "1_000" and digits of other scripts.
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Rule(f"a whole number from {low} to {high}", read)


def between(low: float, high: float) -> Rule:
    """Take a number within bounds, in plain digits."""

    def read(text: str) -> float:
        if (
            not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII)
            or not low <= float(text) <= high
        ):
            raise ValueError(text)
        return float(text)

    return Rule(f"a number from {low:g} to {high:g}", read)


def choice(*names: str) -> Rule:
    """Take one of a few words."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(text)
        return text

    return Rule(" or ".join(names), read)


class Rate(NamedTuple):
    """So many requests in a window of time."""

    requests: int
    window_s: int

    def __str__(self) -> str:
        """Write it as settings have it."""
        return f"{self.requests}/{self.window_s}"


def rate(text: str) -> Rate:
    """Take a number of requests and the seconds in which they may be sent: 600/60."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,5})", text, re.ASCII)
    if found is None or not int(found[1]) or not 1 <= int(found[2]) <= WINDOW_S_MAX:
        raise ValueError(text)
    return Rate(int(found[1]), int(found[2]))


class Claims(NamedTuple):
    """Which claims of a token say what; `prefix`: what scopes of ours begin with there."""

    tenant: str = "tenant"
    agent: str = "sub"
    scopes: str = "scope"
    prefix: str = ""

    def __str__(self) -> str:
        """Write them as settings have them."""
        return ",".join(f"{name}={value}" for name, value in self._asdict().items() if value)


def claims(text: str) -> Claims:
    """Take names of claims by what they say: tenant=org,agent=azp,scopes=scp,prefix=plant."""
    given = [part.partition("=") for part in text.split(",")]
    named = {name: value for name, _, value in given}
    if len(named) < len(given) or not named.keys() <= set(Claims._fields) or "" in named.values():
        raise ValueError(text)
    return Claims(**named)


def keys_source(text: str) -> str:
    """Take the path of a file, or an address whose answer nobody on the way can change."""
    parts = urlsplit(text)
    own = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    if "://" in text and parts.scheme != "https" and not own:
        raise ValueError(text)
    return text


def token(text: str) -> str:
    """Take printable ASCII without blanks."""
    # It travels in an Authorization header.
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(text)
    return text


def origin(text: str) -> str:
    """Take the name of a log."""
    # What a signed note may have for a name, and not yet one of a later incarnation.
    if not (text.isascii() and text.isprintable()) or re.search(r"[ +]|/inc[0-9]+$", text):
        raise ValueError(text)
    return text


def url(text: str) -> str:
    """Take the address of a database."""
    parts = urlsplit(text)
    query = parse_qs(parts.query)
    if "," not in parts.netloc:  # several hosts have their ports between them
        _ = parts.port  # raises when it is no number
    host = parts.hostname or query.get("host")
    # Without a name libpq falls back to the name of the user, and the derived users would each
    # land in another database.
    database = parts.path.strip("/") or query.get("dbname") or query.get("database")
    if parts.scheme not in {"postgresql", "postgres"} or not host or not database:
        raise ValueError(text)
    return text
