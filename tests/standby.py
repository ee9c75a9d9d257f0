"""A streaming standby of an embedded server: a base backup in a directory of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from service.database.embedded import EmbeddedServer
from service.database.place import binaries, make_private
from tests.servers import room

ANSWERED_S = "60"


class Standby:
    """The files of a standby and the programs that start, stop and promote it."""

    def __init__(self, primary: EmbeddedServer, directory: Path) -> None:
        self._account = primary.place.account
        self._programs = binaries(self._account)
        self._primary = primary
        self._data = directory / "data"
        self._log = directory / "log"
        self.sockets = directory / "s"

    def make(self) -> None:
        """Copy the primary while it runs."""
        home = self._data.parent
        for path in (home, self.sockets):
            self._account.own(path) if path.exists() else make_private(path, self._account)
        self._run(
            "pg_basebackup",
            *("--pgdata", self._data, "--write-recovery-conf", "--checkpoint", "fast"),
            *("--wal-method", "stream", "--dbname", self._primary.url("postgres")),
        )
        conf = self._data / "postgresql.auto.conf"
        with conf.open("a") as file:
            file.write("wal_retrieve_retry_interval = 100\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        place = f"-c unix_socket_directories={self.sockets} -c listen_addresses="
        self._run("pg_ctl", *self._control, "--log", self._log, "--options", place, "start")

    def stop(self, mode: str = "immediate") -> None:
        """End it: `immediate` as a crash does, `fast` in order."""
        self._run("pg_ctl", *self._control, "--mode", mode, "stop")

    def promote(self) -> None:
        """Make it a primary of its own."""
        self._run("pg_ctl", *self._control, "promote")

    def runs(self) -> bool:
        """Say whether its process is there."""
        return (self._data / "postmaster.pid").exists()

    def url(self, like: str) -> str:
        """Give the standby's address under which it lets in who has this one at the primary."""
        parts = urlsplit(like)
        query = dict(parse_qsl(parts.query)) | {"host": str(self.sockets)}
        return parts._replace(query=urlencode(query, safe="/", quote_via=quote)).geturl()

    @property
    def _control(self) -> tuple[object, ...]:
        return ("--pgdata", self._data, "--wait", "--timeout", ANSWERED_S)

    def _run(self, program: str, *words: object) -> None:
        # A log of its own: what pg_ctl starts would keep its output open for ever.
        command = [self._programs / program, *words]
        done = self._account.run(command, env={"LC_ALL": "C"})
        assert 0 == done.returncode, done.stdout


@contextmanager
def standby(primary: EmbeddedServer) -> Iterator[Standby]:
    """Have a standby that follows a server."""
    with room() as directory:
        found = Standby(primary, directory)
        found.make()
        found.start()
        try:
            yield found
        finally:
            if found.runs():
                found.stop()
