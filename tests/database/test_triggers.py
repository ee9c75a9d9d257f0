"""Triggers that tests put to sleep wake up as what they were."""

import pytest

from tests.sessions import Connection
from tests.triggers import STATES, asleep, waking

pytestmark = pytest.mark.database

TABLE = "app.base_entity"


async def states(superuser: Connection) -> dict[str, str]:
    """Read the state of each trigger of the table."""
    return dict(await superuser.fetch(STATES.format(table=TABLE)))


async def test_each_trigger_wakes_up_as_what_it_was(superuser: Connection) -> None:
    """Also one that was at work in no, in every or only in another role of a session."""
    undone = superuser.transaction()
    await undone.start()
    try:
        wanted = dict(zip(await states(superuser), "AORD" * 9, strict=False))
        await superuser.execute(waking(TABLE, wanted.items()))
        async with asleep(superuser, TABLE):
            during = await states(superuser)
        after = await states(superuser)
    finally:
        await undone.rollback()

    assert set("AORD") == set(wanted.values())
    assert {"D"} == set(during.values())
    assert wanted == after
