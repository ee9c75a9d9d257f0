"""A whole database: the hashes of its log in one statement, and all that `plant audit verify` does.

The statement covers what the goal was set for: of every entry its own hash, that of its document,
and the link to the entity's version before, in one pass on one core.
"""

import json
import resource
import statistics
import time
from typing import Any, Final

import psycopg

from bench.audit.session import Session
from bench.ground import Ground
from bench.pgbench import BenchError
from bench.result import Outcome, Row

TIMES: Final = 3
# OFFSET 0: hashes are computed where rows are read, so that what is sorted and joined is narrow.
IN_SQL: Final = """
SELECT
    count(*) AS entries,
    count(*) FILTER (WHERE linked.entry AND linked.link AND held.hash = linked.payload_hash)
        AS intact
FROM (
    SELECT
        hashed.tenant_id,
        hashed.audit_id,
        hashed.payload_hash,
        hashed.entry,
        hashed.prev_hash = coalesce(
            lag(hashed.entry_hash) OVER earlier, decode(repeat('00', 32), 'hex')
        ) AS link
    FROM (
        SELECT
            tenant_id,
            audit_id,
            entity_id,
            version,
            payload_hash,
            prev_hash,
            entry_hash,
            sha256(convert_to(
                '["plant-entry/v1","' || tenant_id || '","' || entity_type || '","' || entity_id
                || '",' || version || ',"' || operation || '","' || actor || '","' || key || '",'
                || (extract(EPOCH FROM at) * 1000000)::bigint || ',"'
                || encode(payload_hash, 'hex') || '","' || encode(prev_hash, 'hex') || '"]',
                'UTF8'
            )) = entry_hash AS entry
        FROM audit.entry
        OFFSET 0
    ) AS hashed
    WINDOW earlier AS (
        PARTITION BY hashed.tenant_id, hashed.entity_id ORDER BY hashed.version ASC
    )
) AS linked
INNER JOIN (
    SELECT tenant_id, audit_id, sha256(salt || convert_to(body, 'UTF8')) AS hash
    FROM audit.payload
    OFFSET 0
) AS held
    ON linked.tenant_id = held.tenant_id AND linked.audit_id = held.audit_id
"""
ONE_CORE: Final = "SET max_parallel_workers_per_gather = 0"


def measure(session: Session) -> Outcome:
    """Measure both."""
    ground, _ = session.history
    session.tell("verifying in SQL")
    statement = _in_sql(ground, session.scale.entries)
    session.tell("plant audit verify")
    command = _command(ground)
    return Outcome(_rows(session, statement, command), {"in_sql_s": statement, "command": command})


def _in_sql(ground: Ground, entries: int) -> list[float]:
    """Give the seconds that the statement takes, each time.

    Raises: BenchError.
    """
    took = []
    with psycopg.connect(ground.url("superuser"), autocommit=True) as connection:
        connection.execute(ONE_CORE)
        for _ in range(TIMES):
            begun = time.perf_counter()
            found = connection.execute(IN_SQL).fetchone()
            took.append(time.perf_counter() - begun)
            if found != (entries, entries):
                raise BenchError(f"Of {entries} entries there and intact are {found}.")
    return took


def _command(ground: Ground) -> dict[str, Any]:
    """Run the command; gives what it says, and the seconds on the clock and of its processor.

    Raises: BenchError.
    """
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with ground.plant("audit", "verify", "--json").running() as verify:
        code, answer = verify.end()
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise BenchError(f"plant audit verify ends with {code}: {answer}")
    said: dict[str, Any] = json.loads(answer)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"took_s": took, "own_s": own, "counts": said["counts"], "seconds": said["seconds"]}


def _rows(session: Session, statement: list[float], command: dict[str, Any]) -> list[Row]:
    scale, seconds = session.scale, command["seconds"]
    entries = scale.entries
    stages = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    of = f"{entries:,} entries of {scale.entities:,} entities, documents of 600 bytes"
    return [
        Row(
            what="verify in SQL: entry, document, chain",
            value=entries / statistics.median(statement),
            unit="entries/s",
            least=100_000,
            how=f"One statement over {of}, one core, the median of {TIMES}: the hash of each "
            "entry, that of its document, and the link to the version before.",
            beside="research: 130,000",
        ),
        Row(
            what="`plant audit verify`: entries, documents, leaves",
            value=entries / seconds["entries"],
            unit="entries/s",
            how="The stage `entries` of the command, by its own clock: the rows are read page by "
            "page, and three hashes of each are computed in Python, beside the server's work.",
            beside="research, from Python: 111,000",
        ),
        Row(
            what="`plant audit verify`: all of it",
            value=entries / command["took_s"],
            unit="entries/s",
            how=f"The whole command on {of}, on the clock: entries, places, tiles, roots, chains, "
            "entities and their rows.",
            beside=f"{command['took_s']:.1f} s, {command['own_s']:.1f} of them processor time of "
            f"the command; {stages}",
        ),
    ]
