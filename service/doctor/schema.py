"""What the migrations leave behind: roles and how they get in, row security, triggers, keys."""

from collections.abc import Iterator
from typing import Final

from service.database.address import USERS, setting
from service.database.check import LoginRefused
from service.doctor.check import Check, bad, good, unknown, warning
from service.doctor.look import SOON, Entry, Seen
from service.model.kinds import KINDS
from service.repository.doctor import Role, Table

OWNER: Final = USERS["owner"]
SERVING: Final = frozenset({USERS["app"], USERS["worker"], USERS["readonly"]})
ROLES: Final = SERVING | {OWNER, "plant_writer", "plant_rules", "plant_auth", "plant_audit"}
APPEND_ONLY: Final = "audit.refuse_change"
AWAKE: Final = {
    "app.base_entity": {APPEND_ONLY, "app.base_entity_guard", "audit.base_entity_log"},
    "audit.entry": {APPEND_ONLY},
    "audit.payload": {APPEND_ONLY},
    **{f"app.{kind.name}_entity": {APPEND_ONLY} for kind in KINDS.values()},
}
"""Functions of the triggers without which a change goes unlogged or history can be taken away."""

MIGRATE: Final = "Run `plant migrate apply`, which makes them."
RESTORE: Final = "Find out who did that; then restore it as migrations/ has it."


def roles(seen: Seen) -> Check:
    """Look for the roles, and that none can do more than row security can hold."""
    there = {role.name: role for role in seen.roles}
    faults = [fault for role in there.values() for fault in _faults(role)]
    if faults:
        (wrong, way_out), *more = faults
        found = "; ".join([wrong, *(text for text, _ in more)])
        return bad("roles", found, f"Run as superuser: {way_out}")
    if missing := sorted(ROLES - there.keys()):
        return bad("roles", f"missing: {', '.join(missing)}", MIGRATE)
    if not seen.as_owner:
        found = f"all are there, and {seen.facts.login} may not act as {OWNER}"
        way_out = f"Run as superuser: GRANT {OWNER} TO {seen.facts.login};"
        return bad("roles", found, way_out)
    found = f"{len(ROLES)} are there, none above row security"
    return good("roles", f"{found}; this command acts as {OWNER}")


def _faults(role: Role) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a role, and the statement that mends it."""
    if role.name not in ROLES:
        return
    for may, word in ((role.superuser, "SUPERUSER"), (role.bypasses, "BYPASSRLS")):
        if may:
            yield f"{role.name} has {word}", f"ALTER ROLE {role.name} NO{word};"
    if role.creates_roles and role.name != OWNER:
        yield f"{role.name} has CREATEROLE", f"ALTER ROLE {role.name} NOCREATEROLE;"
    if role.member_of and role.name in SERVING:
        others = ", ".join(role.member_of)
        yield f"{role.name} is a member of {others}", f"REVOKE {others} FROM {role.name};"


def logins(seen: Seen) -> Check:
    """Look whether the roles that serve get in, each as itself."""
    there = {role.name for role in seen.roles}
    broken = [fault for entry in seen.entries for fault in _broken(entry, there, seen)]
    ways = [f"{USERS[entry.role]} {_way_in(entry)}" for entry in seen.entries]
    if broken:
        return bad("logins", "; ".join(text for text, _ in broken), broken[0][1])
    if all(entry.login for entry in seen.entries):
        return good("logins", "; ".join(ways))
    way_out = (
        "The next start of the service sets the password. Where other data directories use this "
        f"server set {', '.join(setting(entry.role) for entry in seen.entries)}."
    )
    return warning("logins", "; ".join(ways), way_out)


def _way_in(entry: Entry) -> str:
    if entry.login is not None:
        by = setting(entry.role) if entry.given else "its password in the data directory"
        return f"gets in by {by}"
    why = "the one in the data directory is another" if entry.known else "it has none here yet"
    return f"needs a password: {why}"


def _broken(entry: Entry, there: set[str], seen: Seen) -> Iterator[tuple[str, str]]:
    """Say what no start of the service mends, and the way out."""
    user, database = USERS[entry.role], seen.facts.database
    correct = f"Correct {setting(entry.role)}."
    if user not in there:
        yield f"{user} is not there", MIGRATE
    elif entry.refused is not None and not isinstance(entry.refused, LoginRefused):
        yield f"{user}: {entry.refused.wrong.removesuffix('.')}", entry.refused.way_out
    elif entry.refused is not None and entry.given:
        yield f"{setting(entry.role)}: {entry.refused.wrong.removesuffix('.')}", correct
    elif entry.login is None:
        return
    elif entry.login.superuser or entry.login.bypasses:
        way_out = f"Run as superuser: ALTER ROLE {user} NOSUPERUSER NOBYPASSRLS;"
        if entry.login.login != user:
            way_out = f"{correct} It has to name {user}."
        above = f"{entry.login.login} is above row security: every tenant would see all others"
        yield above, way_out
    elif entry.login.login != user:
        yield f"the service would work as {entry.login.login}, not as {user}", correct
    elif entry.login.database != database:
        text = f"{user} works in the database {entry.login.database}, the owner in {database}"
        yield text, correct


def row_security(tables: list[Table]) -> Check:
    """Look whether every table of a tenant has row security, for its owner too."""
    tenant = [table for table in tables if table.of_tenant]
    if off := [table.name for table in tenant if not table.secured]:
        way_out = f"ALTER TABLE {off[0]} ENABLE ROW LEVEL SECURITY; and find out who did that."
        return bad("row_security", f"switched off on {', '.join(off)}", way_out)
    if loose := [table.name for table in tenant if not table.forced]:
        way_out = f"ALTER TABLE {loose[0]} FORCE ROW LEVEL SECURITY; and find out who did that."
        return bad("row_security", f"not forced on {', '.join(loose)}", way_out)
    return good("row_security", f"on and forced on all {len(tenant)} tables of tenants")


def triggers(tables: list[Table]) -> Check:
    """Look whether the triggers that guard and log changes fire for everybody, always."""
    there = {table.name: table for table in tables}
    asleep = [f"{table.name}.{name}" for table in tables for name in table.asleep]
    if asleep:
        table, _, name = asleep[0].rpartition(".")
        way_out = f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}; and find out who did that."
        return bad("triggers", f"not ENABLE ALWAYS: {', '.join(asleep)}", way_out)
    missing = [
        f"{function} on {name}"
        for name, functions in AWAKE.items()
        for function in sorted(functions - {*(there[name].awake if name in there else ())})
    ]
    if missing:
        return bad("triggers", f"missing: {', '.join(missing)}", RESTORE)
    count = sum(len(table.awake) for table in tables)
    return good("triggers", f"{count}, all ENABLE ALWAYS; what they do, see rules")


def keys(seen: Seen) -> Check:
    """Count the keys that work, and name the one that will not much longer."""
    found = seen.keys
    if found is None:
        way_out = f"Run as superuser: GRANT {OWNER} TO {seen.facts.login};"
        return unknown("keys", f"{seen.facts.login} may not see them", way_out)
    tenants = "1 tenant" if found.tenants == 1 else f"{found.tenants} tenants"
    working = "1 key works" if found.active == 1 else f"{found.active} keys work"
    text = f"{tenants}, {working}, {found.expired} expired, {found.revoked} revoked"
    if not found.active:
        way_out = "Make one: plant key create --tenant acme --agent alice --scopes read,write"
        return warning("keys", text, way_out)
    if found.first_at is not None:
        text += f"; {found.expiring} within {SOON.days} days: first {found.first_id}, on "
        way_out = f"Replace it: plant key rotate {found.first_id} --overlap 24h"
        return warning("keys", f"{text}{found.first_at:%Y-%m-%d %H:%M} UTC", way_out)
    return good("keys", f"{text}; none expires within {SOON.days} days")
