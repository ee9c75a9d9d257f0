"""What a server has to be and have: version, encoding, pgvector, connections, the right time."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from service.database.address import spoken
from service.database.check import MAJOR_MIN, VECTOR_MIN
from service.doctor.check import Check, bad, good, warning
from service.doctor.look import Seen
from service.repository.doctor import Facts
from service.settings import Settings

AHEAD_S_MAX: Final = 2.0
NEAR: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]", ""})


def is_near(url: str) -> bool:
    """Tell whether an address leads to this machine: a socket, or its own network address."""
    parts = urlsplit(url)
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "")
    return host in NEAR or host.startswith("/")


def given(url: str, seen: Seen) -> Check:
    """Say how a server that was given answers."""
    facts = seen.facts
    how = f"over TLS ({facts.tls})" if facts.tls else "without TLS"
    found = (
        f"PostgreSQL at {spoken(url)} answers {facts.login} in {seen.round_trip_s * 1000:.1f} ms, "
        f"{how}"
    )
    if facts.standby:
        way_out = "Let PLANT_DATABASE_URL name the primary."
        return bad("server", f"{found}; it is a standby, where nothing can be written", way_out)
    if not facts.tls and not is_near(url):
        way_out = "Unless the network between is private: end the address in ?sslmode=verify-full."
        return warning("server", found, way_out)
    return good("server", found)


def version(facts: Facts) -> Check:
    """Compare the server's version with the least that is needed."""
    found = f"PostgreSQL {facts.version}"
    if facts.version_num < MAJOR_MIN * 10_000:
        way_out = "Upgrade it, or remove PLANT_DATABASE_URL to use the embedded server."
        return bad("version", f"{found} is too old: {MAJOR_MIN} or newer is needed", way_out)
    return good("version", f"{found} ({MAJOR_MIN} or newer is needed)")


def encoding(facts: Facts) -> Check:
    """Look how the database writes text."""
    found = f"the database {facts.database} is encoded in {facts.encoding}"
    if facts.encoding != "UTF8":
        way_out = f"Make it anew: CREATE DATABASE {facts.database} ENCODING 'UTF8' "
        way_out += "TEMPLATE template0;"
        return bad("encoding", found, way_out)
    return good("encoding", found)


def vector(facts: Facts) -> Check:
    """Look for pgvector, where the migrations name it."""
    least = ".".join(map(str, VECTOR_MIN))
    if facts.vector is None and facts.vector_available is None:
        way_out = "Install it there: package postgresql-18-pgvector, image pgvector/pgvector:pg18."
        return bad("vector", "the server lacks the extension vector (pgvector)", way_out)
    if facts.vector is None:
        found = f"pgvector {facts.vector_available} can be had, and is not in {facts.database}"
        way_out = f"Run as superuser in {facts.database}: CREATE EXTENSION vector;"
        return bad("vector", found, way_out)
    if tuple(int(part) for part in facts.vector.split(".")[:2]) < VECTOR_MIN:
        found = f"pgvector {facts.vector} is too old: {least} or newer is needed"
        return bad("vector", found, "Upgrade it there, then: ALTER EXTENSION vector UPDATE;")
    found = f"pgvector {facts.vector} in schema {facts.vector_schema}"
    if facts.vector_schema != "public":
        found += "; the migrations name public.vector"
        return bad("vector", found, "Move it: ALTER EXTENSION vector SET SCHEMA public;")
    return good("vector", f"{found} ({least} or newer is needed)")


def connections(settings: Settings, facts: Facts) -> Check:
    """Compare the connections that are left with those that a service of these settings opens."""
    others = facts.connections - facts.connections_service
    found = (
        f"{facts.connections} of {facts.connections_max} in use, {facts.connections_service} of "
        f"them by services; one with these settings opens up to {settings.pool_max}"
    )
    wanted = max(settings.pool_max, facts.connections_service)
    if others + wanted > facts.connections_max:
        way_out = "Raise max_connections of the server, or lower PLANT_POOL_MAX."
        return warning("connections", f"{found}, more than are left", way_out)
    return good("connections", found)


def clock(seen: Seen) -> Check:
    """Compare the server's clock with this machine's; time zones do not matter."""
    away_s, half_s = abs(seen.ahead_s), seen.round_trip_s / 2
    where = "ahead of" if seen.ahead_s > 0 else "behind"
    found = f"the server is {away_s:.3f} s {where} this machine (to within {half_s:.3f} s)"
    if away_s > AHEAD_S_MAX + half_s:
        way_out = "Let both keep time by NTP: keys expire by the server's clock."
        return warning("clock", found, way_out)
    return good("clock", found)
