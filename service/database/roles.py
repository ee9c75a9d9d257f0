"""Give the login roles their passwords, once migrations have made the roles, and see them in."""

import asyncio

import asyncpg

from service.database.address import USERS, Role, setting, spoken
from service.database.check import LoginRefused, connected
from service.database.passwords import verifier
from service.database.target import Target
from service.refusal import Refusal
from service.settings import Settings

DERIVED: tuple[Role, ...] = ("app", "worker", "readonly")
OWNER = USERS["owner"]
# One at a time: two that alter the same role at once fail.
GUARD = "SELECT pg_advisory_xact_lock(hashtextextended('plant login roles', 0))"
PRESENT = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
MEMBER = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'SET'))"


class PasswordNotSet(Refusal):
    """The owner may not set a role's password."""


class RoleMissing(Refusal):
    """No migration has made the role there."""


def ensure_login_roles(settings: Settings, target: Target) -> list[str]:
    """Let each login role in with the password of the data directory; name those that were changed.

    A role that does not exist yet and one whose address the operator has set are left alone. It
    blocks and runs an event loop of its own: from asynchronous code call it in a thread.

    Raises: PasswordNotSet, and what check.connected raises.
    """
    return asyncio.run(_ensure(settings, target))


def require_login(settings: Settings, target: Target, role: Role) -> None:
    """Make sure that a role gets in. It blocks, as ensure_login_roles does.

    Raises: RoleMissing, LoginRefused, and what else check.connected raises.
    """
    asyncio.run(_require(settings, target, role))


async def _require(settings: Settings, target: Target, role: Role) -> None:
    try:
        async with connected(target.url(role), settings):
            return
    except LoginRefused as error:
        refused = error
    owner = target.url("owner")
    async with connected(owner, settings) as connection:
        # To who asks, a server says of a role that is not there that its password is wrong.
        if not await connection.fetchval(PRESENT, USERS[role]):
            raise RoleMissing(
                f"The database at {spoken(owner)} has not been brought to this release.",
                "Run `plant migrate apply`.",
            )
    raise LoginRefused(refused.wrong, f"Check user and password in {setting(role)}.")


async def _ensure(settings: Settings, target: Target) -> list[str]:
    refused = [
        role
        for role in DERIVED
        if target.given(role) is None and not await _admitted(target.url(role), settings)
    ]
    if not refused:
        return []
    owner = target.url("owner")
    async with connected(owner, settings) as connection, connection.transaction():
        await connection.execute(GUARD)
        if await connection.fetchval(MEMBER, OWNER):
            # It made the roles, so it may change them.
            await connection.execute(f"SET LOCAL ROLE {OWNER}")
        there = [role for role in refused if await connection.fetchval(PRESENT, USERS[role])]
        for role in there:
            user = USERS[role]
            secret = verifier(target.passwords().of(user))
            try:
                await connection.execute(f"ALTER ROLE {user} LOGIN PASSWORD '{secret}'")
            except asyncpg.InsufficientPrivilegeError:
                raise PasswordNotSet(
                    f"The user of PLANT_DATABASE_URL may not set the password of {user} at "
                    f"{spoken(owner)}.",
                    f"Run as superuser: GRANT {user} TO {OWNER} WITH ADMIN OPTION; or set "
                    f"{setting(role)}.",
                ) from None
    return [USERS[role] for role in there]


async def _admitted(url: str, settings: Settings) -> bool:
    try:
        async with connected(url, settings):
            return True
    except LoginRefused:
        return False
