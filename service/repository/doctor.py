"""What `plant doctor` asks of a server: the structs of sql/doctor."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, One


class Facts(Struct, frozen=True):
    """What a server is and has, and how the session that asked got in.

    `connections_max` is what ordinary roles may have; `tls` is its version, None without.
    """

    version: str
    version_num: int
    encoding: str
    standby: bool
    login: str
    database: str
    database_bytes: int
    data_directory: str | None
    vector: str | None
    vector_schema: str | None
    vector_available: str | None
    tls: str | None
    connections: int
    connections_service: int
    connections_max: int


class Clock(Struct, frozen=True):
    """The server's time."""

    at: datetime


class Login(Struct, frozen=True):
    """As whom a session works."""

    login: str
    database: str
    superuser: bool
    bypasses: bool


class Role(Struct, frozen=True):
    """A role of the server."""

    name: str
    login: bool
    superuser: bool
    bypasses: bool
    creates_roles: bool
    member_of: list[str]


class Table(Struct, frozen=True):
    """A table's row security and its triggers: functions that always fire, names of the others."""

    name: str
    of_tenant: bool
    secured: bool
    forced: bool
    awake: list[str]
    asleep: list[str]


class Keys(Struct, frozen=True):
    """How many tenants and keys there are, and which key is the first to expire soon."""

    tenants: int
    active: int
    expired: int
    revoked: int
    expiring: int
    first_id: UUID | None
    first_at: datetime | None


class Leader(Struct, frozen=True):
    """Whether somebody leads the log."""

    leads: bool


class ServerFacts(One[Facts], frozen=True):
    """Ask what the server is and has."""


class ServerClock(One[Clock], frozen=True):
    """Ask what time the server has."""


class LoginFacts(One[Login], frozen=True):
    """Ask as whom a session works."""


class RolesList(Many[Role], frozen=True):
    """List the roles of the service."""


class TablesList(Many[Table], frozen=True):
    """List the tables of app and audit."""


class KeysCount(One[Keys], frozen=True):
    """Count tenants and keys; `before` is what "soon" means."""

    before: datetime


class LogLeader(One[Leader], frozen=True):
    """Ask whether a session leads the log."""
