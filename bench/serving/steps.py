"""The drafts of the stock: what steps of the life cycle have left under review goes back."""

from collections.abc import Sequence
from typing import Final

import psycopg

from bench.serving.stock import Shop
from service.catalog.statement import CONTEXT

SUBMITTED: Final = """
SELECT DISTINCT tenant_id::text FROM app.base_entity WHERE status = 'under_review'
"""
BACK: Final = """
UPDATE app.base_entity SET status = 'draft'
WHERE tenant_id = %s::uuid AND status = 'under_review'
"""


def withdraw(url: str, shops: Sequence[Shop]) -> None:
    """Take back whatever is under review, each in the name of its author, as superuser."""
    actors = {shop.actor.tenant_id: shop.actor for shop in shops}
    with psycopg.connect(url, autocommit=True) as session:
        for (tenant,) in session.execute(SUBMITTED).fetchall():
            for (_, setting), value in zip(CONTEXT, actors[tenant].context, strict=True):
                session.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))
            session.execute(BACK, (tenant,))
