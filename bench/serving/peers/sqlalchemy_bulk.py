"""Bulk by SQLAlchemy: an import of a file of lines of JSON, or an export to nowhere.

The import is the one that its documentation recommends for many rows: a list of dictionaries for
each table, here of 5,000, in one transaction. The lines are taken as they are, without validation.
The export streams mapped objects through the Pydantic model of the service.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bench.serving.peers.fastapi_shapes import SkillOut
from bench.serving.peers.fastapi_sqlalchemy import MANY, READS, WRITES
from bench.serving.peers.ids import uuid7
from bench.serving.peers.tables import CONTEXT, Kind, Skill, Tag

BATCH: Final = 5_000
STREAMED: Final = 1_000
BASE: Final = ("external_id", "name", "description", "aliases", "custom_attributes")


async def main(who: dict[str, str], path: Path | None) -> dict[str, float]:
    """Import a file, or export; gives what it took, memory beyond that before."""
    async with (WRITES if path else READS)() as session, session.begin():
        await session.execute(CONTEXT, who)
        memory, begun, used = _memory_mb(), time.perf_counter(), time.process_time()
        rows = await (_taken(session, who, path) if path else _given(session))
        await session.commit()
    return {
        "rows": rows,
        "seconds": time.perf_counter() - begun,
        "cpu_us": (time.process_time() - used) * 1e6 / rows,
        "extra_mb": _memory_mb() - memory,
    }


async def _taken(session: AsyncSession, who: dict[str, str], path: Path) -> int:
    rows = 0
    with path.open(encoding="utf-8") as lines:
        for batch in _batches(lines):
            rows += len(batch)
            own = {"tenant_id": UUID(who["tenant"]), "private_to": UUID(who["agent"])}
            ids = [uuid7() for _ in batch]
            made = list(zip(ids, batch, strict=True))
            await session.execute(
                insert(Kind),
                [own | {"id": one, "category": line["category"]} for one, line in made],
            )
            await session.execute(
                insert(Tag),
                [
                    own | {"entity_id": one, "entity_type": "skill", "tag": tag}
                    for one, line in made
                    for tag in line["tags"]
                ],
            )
            await session.execute(
                insert(Skill),
                [
                    {"tenant_id": own["tenant_id"], "id": one, "entity_type": "skill"}
                    | {"governance_agent_id": own["private_to"]}
                    | {name: line[name] for name in BASE}
                    for one, line in made
                ],
            )
    return rows


def _batches(lines: Iterator[str]) -> Iterator[Sequence[dict[str, Any]]]:
    while batch := [json.loads(line) for line in islice(lines, BATCH)]:
        yield batch


async def _given(session: AsyncSession) -> int:
    rows = length = 0
    wanted = select(Skill).where(Skill.entity_type == "skill").options(*MANY)
    found = await session.stream_scalars(wanted.execution_options(yield_per=STREAMED))
    async for skill in found:
        length += len(SkillOut.model_validate(skill).model_dump_json())
        rows += 1
    return rows


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    tenant, agent, key, *files = sys.argv[1:]
    told = {"tenant": tenant, "agent": agent, "key": key}
    print(json.dumps(asyncio.run(main(told, Path(files[0]) if files else None))))  # noqa: T201
