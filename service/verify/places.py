"""Places, tiles and checkpoints of a database, read beside each other in the order of the log."""

from collections.abc import AsyncIterator, Mapping

from msgspec import structs

from service.proof.tiles import WIDTH
from service.proof.tree import SIZE_MAX
from service.repository.base import Many
from service.repository.verify import (
    VerifyCheckpoints,
    VerifyClock,
    VerifyCosignatures,
    VerifyOrder,
    VerifyOrderOfTenant,
    VerifyTiles,
)
from service.repository.verify_rows import CheckpointRow, Facts, PositionRow, TileRow
from service.verify import clock
from service.verify.cosigned import Cosigned
from service.verify.damage import Place, found
from service.verify.held import is_kept
from service.verify.order import Order
from service.verify.question import Question
from service.verify.reader import PAGE, Ahead, Reader
from service.verify.seals import Seals
from service.verify.tree import Tree
from service.verify.wanted import Queue

TILES_PAGE = 16


async def examine_places(
    reader: Reader, question: Question, seals: Seals, wanted: Queue, facts: Facts
) -> None:
    """Grow the tree to what was signed last, and hold every root against it."""
    sealed, whole = facts.sealed or 0, question.tenant is None
    order = Order(reader.verdict, whole=whole)
    tree = Tree(reader.verdict, wanted, sealed, whole=whole)
    places = Ahead(_places(reader, question, order), lambda row: row.log_index)
    tiles = Ahead(_tiles(reader, 0), lambda row: row.index)
    checkpoints = _checkpoints(reader)
    with reader.stage("positions", "verifying places", facts.positions) as count:
        while tree.size < sealed:
            first, seen = tree.size, order.count
            while seals.size < first + WIDTH and (page := await anext(checkpoints, None)):
                seals.along(page, first)
            rows = await places.below(first + WIDTH)
            nodes = await tiles.below(first // WIDTH + 1)
            tree.block({row.log_index: row for row in rows}, nodes[-1].nodes if nodes else b"")
            count(order.count - seen)
        seen = order.count
        while await places.below(SIZE_MAX):
            pass
        count(order.count - seen)
        async for page in checkpoints:
            seals.along(page, tree.size)
        if beyond := await tiles.below(SIZE_MAX):
            tree.beyond(beyond[0].index * WIDTH)
        tree.end()
        seals.end()
        await _examine_above(reader, tree, facts.level_max)
    reader.verdict.counts |= {"tiles": tree.tiles, "roots": tree.roots, "checkpoints": seals.count}
    if seals.strangers:
        reader.verdict.notes.append(
            f"{seals.strangers:,} earlier checkpoints are signed by keys that are not pinned; "
            "their roots were compared all the same"
        )
    await _look_up_receipts(reader, question)
    await _examine_cosignatures(reader, question)


async def _examine_cosignatures(reader: Reader, question: Question) -> None:
    cosigned = Cosigned(reader.verdict, question.witnesses)
    async for rows in reader.pages(
        VerifyCosignatures(0, -1, "", PAGE),
        lambda row: VerifyCosignatures(row.incarnation, row.size, row.witness, PAGE),
    ):
        cosigned.along(rows)
    cosigned.end()
    reader.verdict.counts["cosignatures"] = cosigned.count
    if cosigned.strangers:
        reader.verdict.notes.append(
            f"{cosigned.strangers:,} cosignatures are of witnesses that are not pinned (--witness)"
        )


async def _examine_above(reader: Reader, tree: Tree, level_max: int) -> None:
    for level in range(1, level_max + 1):
        async for rows in _tiles(reader, level):
            tree.check_above(level, rows)
    tree.end_above()


async def _look_up_receipts(reader: Reader, question: Question) -> None:
    for held in question.held:
        if held.leaf is None:
            continue
        rows = await reader.many(VerifyOrder(held.leaf.log_index, 1))
        there = [row.leaf_hash for row in rows if row.log_index == held.leaf.log_index]
        if not is_kept(held, there[0] if there else None):
            leaf = held.leaf.leaf
            place = Place(tenant=leaf.tenant, position=leaf.position, log_index=held.leaf.log_index)
            reader.verdict.add(found("receipt", place, f"{held.source} proves another entry here."))


async def examine_clock(reader: Reader, times: Mapping[int, tuple[int, int]]) -> None:
    """Look closer where an entry may be too old."""
    for first, latest in clock.doubtful(times):
        clock.check(reader.verdict, await reader.many(VerifyClock(first, WIDTH)), latest)


async def name_places(reader: Reader) -> None:
    """Say which entry stands at an index of the log that something was found at."""
    findings = reader.verdict.findings
    for nth, one in enumerate(findings):
        index = one.place.log_index
        if index is None or one.place.entity is not None:
            continue
        for row in await reader.many(VerifyClock(index, 1)):
            findings[nth] = structs.replace(one, place=clock.place_of(row))


async def _places(
    reader: Reader, question: Question, order: Order
) -> AsyncIterator[list[PositionRow]]:
    tenant = question.tenant

    def following(row: PositionRow) -> Many[PositionRow]:
        if tenant is None:
            return VerifyOrder(row.log_index + 1, PAGE)
        return VerifyOrderOfTenant(tenant, row.pos + 1, PAGE)

    first = VerifyOrder(0, PAGE) if tenant is None else VerifyOrderOfTenant(tenant, 1, PAGE)
    async for rows in reader.pages(first, following):
        order.along(rows)
        yield rows


async def _tiles(reader: Reader, level: int) -> AsyncIterator[list[TileRow]]:
    first = VerifyTiles(level, 0, TILES_PAGE)
    async for rows in reader.pages(
        first, lambda row: VerifyTiles(level, row.index + 1, TILES_PAGE)
    ):
        yield rows


async def _checkpoints(reader: Reader) -> AsyncIterator[list[CheckpointRow]]:
    async for rows in reader.pages(
        VerifyCheckpoints(0, -1, PAGE),
        lambda row: VerifyCheckpoints(row.incarnation, row.size, PAGE),
    ):
        yield rows
