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
        WHERE NOT tgisinternal AND tgparentid = 0
    LOOP
        EXECUTE format('ALTER TABLE %s {} TRIGGER %I', v_trigger.relation, v_trigger.name);
    END LOOP;
END
$do$
"""


@asynccontextmanager
async def past_triggers(superuser: Connection, *, keep: bool = False) -> AsyncIterator[Connection]:
    """Be in a transaction that no trigger of ours sees; it is undone, or kept with them back."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(EACH.format("DISABLE"))
        yield superuser
        if keep:
            await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
            await superuser.execute(EACH.format("ENABLE ALWAYS"))
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.commit() if keep else transaction.rollback())
