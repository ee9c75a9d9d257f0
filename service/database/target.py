"""Which server Plant works on, embedded or given, and under which address each role reaches it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from service.database.address import USERS, Role, as_user, names_user, spoken
from service.database.data_dir import prepare
from service.database.embedded import EmbeddedServer
from service.database.passwords import Passwords
from service.refusal import Refusal
from service.settings import Settings


class NoSuchRole(Refusal):
    """Plant does not know how to log in as this role there."""


def _silent(_: str) -> None:
    pass


class Target:
    """A server and the addresses of the roles on it; it neither starts nor connects to anything."""

    def __init__(self, settings: Settings, tell: Callable[[str], None] = _silent) -> None:
        self.settings = settings
        self.server: EmbeddedServer | None = None
        if settings.database_url is None:
            self.server = EmbeddedServer(settings, tell)

    @property
    def embedded(self) -> bool:
        """Whether the server is the embedded one."""
        return self.server is not None

    def url(self, role: Role) -> str:
        """Give the role's `postgresql://` address, which asyncpg and psql take as it is.

        Raises: NoSuchRole, PasswordsUnreadable.
        """
        given = self.given(role)
        if given is not None:
            return given
        if self.server is not None:
            return self.server.url(USERS[role])
        owner = self.settings.database_url or ""
        if role == "superuser":
            raise NoSuchRole(
                "Plant knows no superuser of the server in PLANT_DATABASE_URL.",
                "Use the address that you have for it, or --role owner.",
            )
        return as_user(owner, USERS[role], self.passwords().of(USERS[role]))

    def given(self, role: Role) -> str | None:
        """Give the role's address where an operator has set it."""
        return {
            "owner": self.settings.database_url,
            "app": self.settings.app_database_url,
            "worker": self.settings.worker_database_url,
            "readonly": self.settings.readonly_database_url,
        }.get(role)

    def replica(self) -> str | None:
        """Give the address under which the service reads at the replica, where there is one.

        A replica has the primary's roles: where the address names no user, it is the primary's.

        Raises: PasswordsUnreadable.
        """
        given = self.settings.replica_database_url
        if given is None or names_user(given):
            return given
        app = urlsplit(self.url("app"))
        return as_user(given, unquote(app.username or ""), unquote(app.password or ""))

    def passwords(self) -> Passwords:
        """Give the passwords of the login roles on this server."""
        if self.server is not None:
            return self.server.passwords
        return Passwords(prepare(self.settings), spoken(self.settings.database_url or ""))


@contextmanager
def resolve(settings: Settings, tell: Callable[[str], None] = _silent) -> Iterator[Target]:
    """Have the server ready: the embedded one running, or the given one checked.

    It blocks: from asynchronous code enter and leave it in a thread. `tell` hears what takes long.

    Raises: Refusal, for a person to read.
    """
    target = Target(settings, tell)
    if target.server is not None:
        with target.server.used():
            yield target
    else:
        from service.database.check import check  # asyncpg, for a given server only

        check(target.url("owner"), settings)
        yield target
