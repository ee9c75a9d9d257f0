"""What PostgreSQL alone gives: the same call by pgbench, without any service in between."""

from typing import Final

from bench.ground import Ground
from bench.pgbench import Load
from bench.serving.servers import function_names
from bench.serving.stock import Stock

CLIENTS: Final = 16
SECONDS: Final = 5
SCRIPT: Final = """\
\\set n random(0, {last})
SELECT document FROM {function}('skill', (ARRAY[{ids}]::uuid[])[1 + :n::integer], {context});
"""


def pgbench(ground: Ground, stock: Stock) -> dict[str, float]:
    """Give calls a second of the function by which Plant finds one, from one tenant."""
    shop = stock.shops[0]
    ids = shop.ids[:100]
    path = ground.directory / "get.sql"
    path.write_text(
        SCRIPT.format(
            last=len(ids) - 1,
            function=function_names()["entity_by_id"],
            ids=", ".join(f"'{one}'" for one in ids),
            context=", ".join(f"'{one}'" for one in shop.actor.context),
        ),
        encoding="utf-8",
    )
    rate = Load(ground.url("app"), [path], clients=CLIENTS, seconds=SECONDS).end()
    return {f"get, the function alone, prepared, {CLIENTS} sessions": rate}
