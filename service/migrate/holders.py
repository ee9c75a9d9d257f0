"""Owns naming who stands in the way: whose turn it is, and who holds a table."""

from typing import Any

import psycopg


def of_turn(connection: psycopg.Connection[tuple[Any, ...]], key: int) -> str:
    """Say who holds the advisory lock of the turn."""
    row = connection.execute(
        "SELECT pg_locks.pid, pg_stat_activity.usename, pg_stat_activity.backend_start::text"
        " FROM pg_locks INNER JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32) | objid::bigint = %s",
        (key,),
    ).fetchone()
    return f"server process {row[0]} of {row[1]}, since {row[2]}" if row else "one that just ended"


def of_tables(connection: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    """Name the sessions that hold locks on our tables, at most five."""
    rows = connection.execute(
        "SELECT DISTINCT pg_locks.pid, pg_stat_activity.usename,"
        " pg_stat_activity.application_name, pg_class.relname"
        " FROM pg_locks INNER JOIN pg_stat_activity USING (pid)"
        " INNER JOIN pg_class ON pg_class.oid = pg_locks.relation"
        " INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace"
        " WHERE pg_locks.granted AND pg_locks.pid <> pg_backend_pid()"
        " AND pg_class.relkind IN ('r', 'p')"
        " AND pg_namespace.nspname IN ('app', 'audit', 'plant_migrate')"
        " ORDER BY 1 ASC, 4 ASC LIMIT 5"
    ).fetchall()
    return [f"process {pid} ({user}, {name or '-'}) on {table}" for pid, user, name, table in rows]
