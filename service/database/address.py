"""The roles that Plant logs in as, and the addresses under which they reach a server."""

from typing import Literal, get_args
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

Role = Literal["superuser", "owner", "app", "worker", "readonly"]
ROLES: tuple[Role, ...] = get_args(Role)
USERS: dict[Role, str] = {
    "superuser": "postgres",
    "owner": "plant_owner",
    "app": "plant_app",
    "worker": "plant_worker",
    "readonly": "plant_readonly",
}


def setting(role: Role) -> str:
    """Name the setting that holds the address of a role."""
    return "PLANT_DATABASE_URL" if role == "owner" else f"PLANT_{role.upper()}_DATABASE_URL"


def as_user(url: str, user: str, password: str) -> str:
    """Give the same server and database under another name."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in {"user", "password", "passfile"}
    ]
    return urlunsplit(
        parts._replace(
            netloc=f"{quote(user)}:{quote(password)}@{hosts}",
            query=urlencode(query, safe="/", quote_via=quote),
        )
    )


def names_user(url: str) -> bool:
    """Tell whether an address says who logs in."""
    parts = urlsplit(url)
    return bool(parts.username) or "user" in dict(parse_qsl(parts.query))


def spoken(url: str) -> str:
    """Name the server in words, without its password."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    hosts = parts.netloc.rpartition("@")[2] or query.get("host", "")
    if hosts.startswith("/"):
        return f"socket {hosts}"
    if "," in hosts:
        return f"hosts {hosts}"
    host, colon, port = hosts.rpartition(":")
    if not colon or not port.isdigit():
        host, port = hosts, query.get("port", "5432")
    return f"host {host} port {port}"
