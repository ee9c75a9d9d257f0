"""Rows in the tables of the log's order, as if they had been sealed; there is no tree."""

from typing import Final

from tests.sessions import Connection

_NOTHING: Final = "decode(repeat('00', 32), 'hex')"
_STATEMENTS: Final = (
    # In the order of the queue, behind what was placed before.
    f"""
    INSERT INTO audit.position (log_index, tenant_id, pos, audit_id, tenant_prev, leaf_hash)
    SELECT
        (SELECT coalesce(max(log_index), -1) FROM audit.position)
        + row_number() OVER (ORDER BY pending.seq),
        pending.tenant_id,
        (SELECT count(*) FROM audit.position WHERE position.tenant_id = pending.tenant_id)
        + row_number() OVER (PARTITION BY pending.tenant_id ORDER BY pending.seq),
        pending.audit_id, {_NOTHING}, sha256(entry.entry_hash)
    FROM audit.pending INNER JOIN audit.entry USING (tenant_id, audit_id)
    WHERE NOT EXISTS (
        SELECT FROM audit.position AS placed
        WHERE placed.tenant_id = pending.tenant_id AND placed.audit_id = pending.audit_id
    )
    """,
    f"""
    INSERT INTO audit.tile (level, index, nodes) VALUES (0, 0, {_NOTHING}) ON CONFLICT DO NOTHING
    """,
    f"""
    INSERT INTO audit.incarnation (incarnation, origin, system_identifier, size, root, reason)
    VALUES (1, 'test', 1, 0, {_NOTHING}, 'test') ON CONFLICT DO NOTHING
    """,
    f"""
    INSERT INTO audit.checkpoint (incarnation, size, origin, root, note)
    VALUES (1, 1, 'test', {_NOTHING}, 'test') ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO audit.cosignature (incarnation, size, witness, line)
    VALUES (1, 1, 'test', 'test') ON CONFLICT DO NOTHING
    """,
)


async def place_all(superuser: Connection) -> None:
    """Give every pending entry a position, and have a row in each other table of the log."""
    for statement in _STATEMENTS:
        await superuser.execute(statement)
