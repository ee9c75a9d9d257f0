"""Plans as EXPLAIN gives them: which indexes are read, how many blocks and rows are touched."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from service.catalog.statement import Statement
from tests.sessions import Connection


def literal(value: object, kind: str) -> str:
    """Write a value as SQL."""
    if value is None:
        return f"NULL::{kind}"
    if isinstance(value, list):
        items = ", ".join("'" + str(item) + "'" for item in value)
        return f"ARRAY[{items}]::{kind}"
    return "'" + str(value).replace("'", "''") + f"'::{kind}"


class Plan:
    """A plan, as EXPLAIN gives it in JSON."""

    def __init__(self, text: str) -> None:
        self.top: dict[str, Any] = json.loads(text)[0]["Plan"]

    def nodes(self, node: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Walk over every node."""
        node = node or self.top
        yield node
        for below in node.get("Plans", ()):
            yield from self.nodes(below)

    @property
    def indexes(self) -> set[str]:
        """Name the indexes that are read."""
        return {node["Index Name"] for node in self.nodes() if "Index Name" in node}

    @property
    def searches(self) -> Counter[str]:
        """Count how often each index was descended, from its root to a leaf."""
        found = Counter[str]()
        for node in self.nodes():
            if node.get("Index Searches"):
                found[node["Index Name"]] += node["Index Searches"]
        return found

    @property
    def loose(self) -> list[str]:
        """Name what is read without a condition that begins with the tenant."""
        return [
            str(node.get("Index Name") or node["Relation Name"])
            for node in self.nodes()
            if "Relation Name" in node and "tenant_id" not in node.get("Index Cond", "")
        ]

    @property
    def blocks(self) -> int:
        """Count the blocks that were touched."""
        return int(self.top["Shared Hit Blocks"]) + int(self.top["Shared Read Blocks"])

    @property
    def rows(self) -> float:
        """Count the rows that every node gave or threw away, each time that it ran."""
        return self.removed + sum(
            float(node["Actual Rows"]) * float(node["Actual Loops"]) for node in self.nodes()
        )

    @property
    def removed(self) -> float:
        """Count the rows that were read and thrown away."""
        return sum(
            float(node.get(name, 0)) * float(node["Actual Loops"])
            for node in self.nodes()
            for name in (
                "Rows Removed by Filter",
                "Rows Removed by Index Recheck",
                "Rows Removed by Join Filter",
            )
        )


async def explained(
    connection: Connection, statement: Statement, given: dict[str, object], how: str = ""
) -> Plan:
    """Explain a prepared statement, preparing it first when it is not there."""
    types = _listed(param.type for param in statement.params)
    known = await connection.fetchval(
        "SELECT count(*) FROM pg_prepared_statements WHERE name = $1", statement.name
    )
    if not known:
        await connection.execute(f"PREPARE {statement.name} {types} AS {statement.text}")
    arguments = _listed(literal(given[one.name], one.type) for one in statement.params)
    return Plan(
        await connection.fetchval(
            f"EXPLAIN (FORMAT JSON{how}) EXECUTE {statement.name} {arguments}"
        )
    )


def _listed(items: Iterable[str]) -> str:
    """Write a list in brackets, which may not be empty."""
    listed = ", ".join(items)
    return f"({listed})" if listed else ""
