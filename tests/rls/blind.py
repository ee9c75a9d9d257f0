"""Changes and deletions that do not look: what is not read no policy for reading holds back."""

from tests.rls.attempts import ROLES, Key, Observed, Tries
from tests.rls.situations import Planted
from tests.sessions import Connection


async def observe_blind(
    connection: Connection, planted: Planted, observed: Observed
) -> dict[Key, str]:
    """Change and delete without looking: with the tenant set, and with none.

    What is not read is held back by the policy of the command alone, and not by that for SELECT.
    Signs: Y where exactly those rows are met that statements with a condition reach.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        tries = Tries(connection, planted)
        await tries.begin()
        for rows in [one for one in planted.tables if not one.shared and not one.is_view]:
            for role in ROLES:
                for command in ("UPDATE", "DELETE"):
                    key = (role, command, rows.name)
                    signs = observed.cells[key]
                    if set(signs) <= set("x-"):
                        continue
                    last = tries.columns.get(key, rows.changed).split(", ")[-1]
                    value = rows.rows[0] or rows.rows[3]
                    constant = f"(jsonb_populate_record(NULL::{rows.name}, {value})).{last}"
                    blind = {
                        "UPDATE": f"UPDATE {rows.name} SET {last} = {constant}",
                        "DELETE": f"DELETE FROM {rows.name}",
                    }[command]
                    reached = [
                        len(rows.keys[place]) for place in (0, 1, 3, 4) if signs[place] == "Y"
                    ]
                    tries.ask(key, blind, sum(reached))
                    tries.ask(key, blind, sum(reached) if signs[2] == "Y" else 0, alone=True)
        return await tries.answers()
    finally:
        await transaction.rollback()
