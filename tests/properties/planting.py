"""Rows as no trigger would let them be, to see what still refuses or reports them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.sessions import Connection

EACH: Final = """
DO $do$
DECLARE
    v_trigger record;
BEGIN
    FOR v_trigger IN SELECT tgrelid::regclass AS relation, tgname AS name FROM pg_trigger
        WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid = ANY(ARRAY[{tables}]::regclass[])
    LOOP
        EXECUTE format('ALTER TABLE %s {state} TRIGGER %I', v_trigger.relation, v_trigger.name);
    END LOOP;
END
$do$
"""


@asynccontextmanager
async def past_triggers(
    superuser: Connection, *tables: str, keep: bool = False
) -> AsyncIterator[None]:
    """Be in a transaction that no trigger of these tables sees; it is undone, or kept."""
    listed = ", ".join(f"'{table}'" for table in tables)
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(EACH.format(state="DISABLE", tables=listed))
        yield
        if keep:
            await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
            await superuser.execute(EACH.format(state="ENABLE ALWAYS", tables=listed))
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.commit() if keep else transaction.rollback())
