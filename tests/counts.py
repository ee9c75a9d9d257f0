"""What stands in the database, counted past row security: to show that nothing was written."""

from uuid import UUID

import asyncpg
from msgspec import Struct


class Rows(Struct, frozen=True):
    """How many rows a tenant, or everybody, has of what writes leave behind."""

    entities: int
    entries: int
    payloads: int
    links: int
    staged: int


async def rows(superuser: asyncpg.Connection, tenant: UUID | None = None) -> Rows:
    """Count the rows of a tenant, or of all."""
    counts = await superuser.fetchrow(
        """
        SELECT
            (SELECT count(*) FROM app.base_entity WHERE $1::uuid IS NULL OR tenant_id = $1),
            (SELECT count(*) FROM audit.entry WHERE $1::uuid IS NULL OR tenant_id = $1),
            (SELECT count(*) FROM audit.payload WHERE $1::uuid IS NULL OR tenant_id = $1),
            (SELECT count(*) FROM app.entity_tag WHERE $1::uuid IS NULL OR tenant_id = $1)
            + (SELECT count(*) FROM app.entity_parent WHERE $1::uuid IS NULL OR tenant_id = $1)
            + (SELECT count(*) FROM app.job_role_skill WHERE $1::uuid IS NULL OR tenant_id = $1)
            + (SELECT count(*) FROM app.agent_skill WHERE $1::uuid IS NULL OR tenant_id = $1),
            (SELECT count(*) FROM app.import_line WHERE $1::uuid IS NULL OR tenant_id = $1)
        """,
        tenant,
    )
    assert counts is not None
    return Rows(*counts)
