"""What stands between a peer and the database: it sees what is set on a session between its turns.

It looks each time the server says that no transaction is open, before the peer hears of it: a pool
that resets its sessions comes too late to hide that somebody was set for longer than a transaction.
"""

import selectors
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

LEFT: Final = b"""SELECT concat_ws(' ',
    nullif(current_setting('app.tenant_id', true), ''),
    nullif(current_setting('app.governance_agent_id', true), ''),
    nullif(current_setting('app.key_id', true), ''),
    nullif(current_setting('app.step_reason', true), ''))\0"""
LOOK_S: Final = 0.05
IDLE: Final = b"I"
NO_TRANSACTION: Final = b"Z\0\0\0\5" + IDLE


class Relay:
    """The way to a server, for as many sessions as come."""

    def __init__(self, url: str) -> None:
        self._there = url
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._other: dict[socket.socket, socket.socket] = {}
        self._left: dict[socket.socket, str] = {}
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._pass)

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._hold()
        self._hang_up()
        self._listener.close()
        self._selector.close()

    def through(self, url: str) -> str:
        """Give the address of the same database and role that leads through here."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        port = self._listener.getsockname()[1]
        return f"postgresql://{login}@127.0.0.1:{port}{parts.path}"

    def left(self) -> list[str]:
        """Give for each session what was found on it last, empty for nothing, and hang up."""
        self._hold()
        for server in self._left:
            if server in self._other:
                self._look(server)
        self._hang_up()
        return list(self._left.values())

    def _look(self, server: socket.socket) -> None:
        self._left[server] = _asked(server) or self._left[server]

    def _hold(self) -> None:
        self._held.set()
        if self._thread.is_alive():
            self._thread.join()

    def _hang_up(self) -> None:
        for one in self._other:
            one.close()
        self._other.clear()

    def _pass(self) -> None:
        while not self._held.is_set():
            for key, _ in self._selector.select(LOOK_S):
                if key.fileobj is self._listener:
                    self._met()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._other:
                    self._moved(key.fileobj)

    def _met(self) -> None:
        client, server = self._listener.accept()[0], _connected(self._there)
        self._left[server] = ""
        for one, other in ((client, server), (server, client)):
            self._other[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _moved(self, one: socket.socket) -> None:
        other = self._other[one]
        said = one.recv(65_536)
        if said:
            if one in self._left and said.endswith(NO_TRANSACTION):
                self._look(one)
            other.sendall(said)
            return
        for each in (one, other):
            self._selector.unregister(each)
            del self._other[each]
            each.close()


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host, port = query.get("host") or parts.hostname or "", query.get("port") or parts.port or 5432
    if not host.startswith("/"):
        return socket.create_connection((host, int(port)))
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return made


def _asked(server: socket.socket) -> str:
    """Ask in the simple protocol, between the peer's own messages."""
    server.sendall(b"Q" + (len(LEFT) + 4).to_bytes(4) + LEFT)
    found = ""
    while True:
        letter, length = _read(server, 1), int.from_bytes(_read(server, 4)) - 4
        body = _read(server, length)
        if letter == b"D":
            found = body[6:].decode()
        elif letter == b"E":
            found = body.decode(errors="replace")
        elif letter == b"Z":
            return found if body == IDLE else f"a transaction {found}"


def _read(server: socket.socket, count: int) -> bytes:
    said = b""
    while len(said) < count:
        more = server.recv(count - len(said))
        if not more:
            raise ConnectionResetError
        said += more
    return said
