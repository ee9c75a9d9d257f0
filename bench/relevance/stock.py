"""A registry of real labels: imported by the command, its labels copied in with their vectors."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from bench.ground import Ground
from bench.pgbench import BenchError
from bench.relevance.vectors import MODEL, meanings
from service.catalog.load import load as load_catalog
from service.database.pool import Pool
from service.database.vectors import as_bytes
from service.embedding.trigram import Trigram
from service.model.vector import each, wire
from service.repository.base import Context, Repository
from service.settings import Settings
from service.usecases.keys import CreatedKey, create_key

TENANT: Final = "esco"
WANTED: Final = """
SELECT tenant_id, entity_id, entity_type, source, label, text_sha256
FROM app.wanted_label
ORDER BY entity_id, source, text_sha256
"""
INDEXES: Final = """
SELECT indexname AS name, indexdef AS definition
FROM pg_indexes
WHERE schemaname = 'app' AND tablename = 'entity_label' AND indexdef LIKE '%hnsw%'
ORDER BY indexname
"""
COLUMNS: Final = (
    *("tenant_id", "entity_id", "label_no", "entity_type", "source", "label", "text_sha256"),
    *("embedder", "embedding_384", "lexical_384"),
)
MEMORY: Final = "SET maintenance_work_mem = '1GB'"
IDS: Final = "SELECT external_id, id FROM app.base_entity WHERE external_id IS NOT NULL"


class Label(Struct, frozen=True):
    """What an entity is called or how it is described, with both vectors as the server has them."""

    entity_id: UUID
    number: int
    kind: str
    source: str
    text: str
    vector: bytes
    lexical: bytes


class Stock(Struct, frozen=True):
    """Everything that was loaded; `ids` leads from external ids to ours, `took_s` has phases."""

    context: Context
    labels: Sequence[Label]
    ids: dict[str, UUID]
    took_s: dict[str, float]


def import_files(ground: Ground, directory: Path) -> Context:
    """Import a folder as active by the command; gives who may read it.

    Raises: BenchError.
    """
    writer, certifier = asyncio.run(_keys(ground))
    words = ("import", "--key", writer.key, "--certifier-key", certifier.key, "--as", "active")
    with ground.plant(*words, "--from", "esco", str(directory)).running() as command:
        code, answer = command.end()
        if code:
            raise BenchError(f"plant import ends with {code}: {answer[:2000]}{command.said()}")
    return Context(
        tenant_id=str(writer.tenant_id),
        governance_agent_id=str(writer.governance_agent_id),
        key_id=str(writer.key_id),
        request_id="relevance",
    )


async def _keys(ground: Ground) -> tuple[CreatedKey, CreatedKey]:
    pool = Pool(ground.url("owner"), Settings(pool_min=1, pool_max=1), name="bench")
    owner = Repository(load_catalog(), pool)
    await pool.open()
    try:
        writer = await create_key(owner, TENANT, "writer", ["read", "write"])
        return writer, await create_key(owner, TENANT, "certifier", ["read", "certify"])
    finally:
        await pool.close()


async def copy_labels(ground: Ground, cache: Path, tell: Callable[[str], None]) -> list[Label]:
    """Give every label its vectors: those that the entities want, by COPY, then the indexes."""
    connection = await asyncpg.connect(ground.url("superuser"))
    try:
        await as_bytes(connection)
        wanted = await connection.fetch(WANTED)
        texts = [row["label"] for row in wanted]
        meant = await asyncio.to_thread(meanings, texts, cache, tell)
        spelled = each(Trigram().embed(texts))
        labels: list[Label] = []
        records: list[tuple[Any, ...]] = []
        for row, lexical in zip(wanted, spelled, strict=True):
            same = bool(labels) and labels[-1].entity_id == row["entity_id"]
            made = Label(
                entity_id=row["entity_id"],
                number=labels[-1].number + 1 if same else 0,
                kind=row["entity_type"],
                source=row["source"],
                text=row["label"],
                vector=wire(meant[row["label"]]),
                lexical=wire(lexical),
            )
            labels.append(made)
            records.append(
                (row["tenant_id"], made.entity_id, made.number, made.kind, made.source, made.text,
                 row["text_sha256"], MODEL, made.vector, made.lexical)
            )  # fmt: skip
        tell(f"copying {len(labels):,} labels")
        await _written(connection, records)
    finally:
        await connection.close()
    return labels


async def _written(
    connection: "asyncpg.Connection[Any]", records: Sequence[tuple[Any, ...]]
) -> None:
    indexes = await connection.fetch(INDEXES)
    for index in indexes:
        await connection.execute(f'DROP INDEX app."{index["name"]}"')
    await connection.copy_records_to_table(
        "entity_label", schema_name="app", columns=COLUMNS, records=records
    )
    await connection.execute(MEMORY)
    for index in indexes:
        # Of a partitioned table it says ON ONLY, which would index no partition.
        await connection.execute(index["definition"].replace(" ON ONLY ", " ON "))
    await connection.execute("VACUUM (ANALYZE)")


async def external_ids(ground: Ground) -> dict[str, UUID]:
    """Give our id of each external one."""
    connection = await asyncpg.connect(ground.url("superuser"))
    try:
        return {row["external_id"]: row["id"] for row in await connection.fetch(IDS)}
    finally:
        await connection.close()
