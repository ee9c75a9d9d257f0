"""Who listens on a port of this machine, as far as the system and an HTTP request can tell."""

import json
import os
import socket
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from service.settings import Settings

PROBE_S_MAX: Final = 1.0
ANSWER_BYTES_MAX: Final = 10_000
# The state of /proc/net/tcp, as the kernel numbers it.
_LISTENING: Final = "0A"
# What listens everywhere is reached on this machine by its own address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def refused(settings: Settings) -> OSError | None:
    """Try the address as a service would, and leave it at once; None when it is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        return error
    return None


def is_plant(settings: Settings) -> bool:
    """Ask what listens there who we are: only Plant refuses in this way."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    asking = closing(HTTPConnection(host, settings.port, timeout=PROBE_S_MAX))
    with suppress(OSError, HTTPException, ValueError), asking as connection:
        connection.request("GET", "/v1/me")
        problem = json.loads(connection.getresponse().read(ANSWER_BYTES_MAX))
        return isinstance(problem, dict) and problem.get("type") == "/docs/errors#unauthenticated"
    return False


def processes(port: int) -> list[int]:
    """Find the processes that listen on a port; none where the system does not say (not Linux)."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    found = []
    for directory in Path("/proc").glob("[0-9]*/fd") if sockets else []:
        with suppress(OSError):  # it has ended, or is another user's
            if any(os.readlink(each) in sockets for each in directory.iterdir()):  # noqa: PTH115
                found.append(int(directory.parent.name))
    return sorted(found)


def named(pid: int) -> str:
    """Name a process by its program and where it works: its arguments may hold secrets."""
    home = Path(f"/proc/{pid}")
    words = f"process {pid}"
    with suppress(OSError):
        words += f" ({(home / 'comm').read_text().strip()})"
        words += f" in {os.readlink(home / 'cwd')}"  # noqa: PTH115 - the link's text, also when gone
    return words


def _inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found
