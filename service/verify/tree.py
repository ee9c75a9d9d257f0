"""The tree, grown twice: from the log's places, and from the tiles that are kept of it.

While the two are the same one is grown. Where they differ, a root that was signed tells which of
them was changed.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from service.proof.tiles import WIDTH, Frontier, Tile, extend
from service.proof.tree import HASH_LENGTH
from service.repository.verify_rows import PositionRow, TileRow
from service.verify.damage import Place, found
from service.verify.verdict import Verdict
from service.verify.wanted import Queue, Wanted

SHORT: Final = "The tile is not there, or has too few hashes."
BEYOND: Final = "The tree has more leaves than were signed: a later checkpoint is gone."
NOTHING: Final = bytes(HASH_LENGTH)


class Growth:
    """One tree as it grows: its right edge, and its tiles above the leaves."""

    def __init__(self, edge: Frontier, above: Mapping[Tile, bytes]) -> None:
        self.edge = edge
        self.above = dict(above)

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Append leaves."""
        self.edge, changed = extend(self.edge, leaves)
        self.above |= {tile: nodes for tile, nodes in changed.items() if tile[0] > 0}


class Tree:
    """Grows to the size that was signed last, and holds roots against what is wanted.

    `whole`: places of every tenant are there, else those of one.
    """

    def __init__(self, verdict: Verdict, wanted: Queue, sealed: int, *, whole: bool) -> None:
        self._verdict = verdict
        self._wanted = wanted
        self._sealed = sealed
        self._whole = whole
        # By what is kept in tiles, and by the places from the first difference on.
        self._kept = Growth(Frontier(), {})
        self._placed: Growth | None = None
        self._differing: dict[int, Place] = {}
        self._unlike: list[Wanted] = []
        self._proven = 0
        self.roots = self.tiles = 0

    @property
    def size(self) -> int:
        """Count the leaves so far."""
        return self._kept.edge.size

    def block(self, places: Mapping[int, PositionRow], nodes: bytes) -> None:
        """Append the next 256 leaves, or the last: the places at their indexes, and the tile."""
        first = self.size
        width = min(WIDTH, self._sealed - first)
        kept = [nodes[at : at + HASH_LENGTH] for at in range(0, width * HASH_LENGTH, HASH_LENGTH)]
        placed = [_leaf(places.get(index)) for index in range(first, first + width)]
        self.tiles += bool(nodes)
        if len(nodes) < width * HASH_LENGTH:
            self._add("tile", Place(log_index=first + len(nodes) // HASH_LENGTH), SHORT)
        elif len(nodes) > width * HASH_LENGTH:
            self.beyond(first + width)
        for at in range(width):
            if placed[at] and kept[at] and placed[at] != kept[at]:
                self._differing[first + at] = _place(places[first + at])
        if self._differing and self._whole and self._placed is None:
            self._placed = Growth(self._kept.edge, self._kept.above)
        # What one of them lacks is taken from the other: that it is missing has been said.
        both = list(zip(kept, placed, strict=True))
        self._append(
            [one or other or NOTHING for one, other in both],
            [other or one or NOTHING for one, other in both],
        )

    def _append(self, kept: list[bytes], placed: list[bytes]) -> None:
        first, done = self.size, 0
        for wanted in self._wanted.up_to(first + len(kept)):
            cut = wanted.size - first
            self._grow(kept[done:cut], placed[done:cut])
            self._compare(wanted)
            done = cut
        self._grow(kept[done:], placed[done:])

    def _grow(self, kept: list[bytes], placed: list[bytes]) -> None:
        if kept:
            self._kept.grow(kept)
            if self._placed is not None:
                self._placed.grow(placed)

    def _compare(self, wanted: Wanted) -> None:
        """Hold a root against both trees; what differed so far is settled by one that is right."""
        self.roots += 1
        if self._kept.edge.root() == wanted.root:
            self._settle("tree", wanted.size)
        elif self._placed is not None and self._placed.edge.root() == wanted.root:
            self._settle("tile", wanted.size)
        elif wanted.damage == "root":
            self._unlike.append(wanted)
            return
        else:
            self._add(
                wanted.damage,
                Place(),
                f"{wanted.source} names another root for {wanted.size} entries.",
            )
            return
        if not self._unlike:
            self._proven = wanted.size

    def _settle(self, damage: str, size: int) -> None:
        for index in [index for index in self._differing if index < size]:
            self._add(damage, self._differing.pop(index))

    def end(self) -> None:
        """Say what no root has settled, and what was signed for other entries than these."""
        self._append([], [])
        self._settle("tile", self.size)
        if self._unlike:
            first, last = self._unlike[0], self._unlike[-1]
            more = "" if first is last else f", and {len(self._unlike) - 1} after it"
            self._add(
                "root",
                Place(log_index=self._proven),
                f"{first.source} is signed for {first.size} entries with another root{more}: some "
                f"entry from index {self._proven} to {first.size - 1} is not the one that was "
                "sealed.",
            )

    def check_above(self, level: int, rows: Sequence[TileRow]) -> None:
        """Compare some of the kept tiles above the leaves."""
        for row in rows:
            self.tiles += 1
            tile = (level, row.index)
            ours = {self._kept.above.get(tile)}
            if self._placed is not None:
                ours.add(self._placed.above.pop(tile, None))
            self._kept.above.pop(tile, None)
            if row.nodes not in ours:
                self._add("tile", Place(), f"Tile {row.index} of level {level} has other hashes.")

    def end_above(self) -> None:
        """Say which tiles above the leaves are not there."""
        for level, index in self._kept.above:
            self._add("tile", Place(), f"Tile {index} of level {level} is not there.")

    def beyond(self, index: int) -> None:
        """Say that there are leaves behind the size that was signed last."""
        self._add("checkpoint", Place(log_index=index), BEYOND)

    def _add(self, damage: str, place: Place, message: str | None = None) -> None:
        self._verdict.add(found(damage, place, message))


def _leaf(row: PositionRow | None) -> bytes:
    return row.leaf_hash if row is not None else b""


def _place(row: PositionRow) -> Place:
    return Place(tenant=str(row.tenant_id), position=row.pos, log_index=row.log_index)
