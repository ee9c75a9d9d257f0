"""What a history of appends to lists and reads of them says of isolation.

Each transaction appends values of its own to lists and reads lists. As a list keeps its order and
a value is appended once, the versions of a list and who made each of them can be told from the
longest reading. From that follow the dependencies between transactions, and a cycle of them is an
anomaly: its kind is told by the kinds of its links.

Source: Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations",
VLDB 2020; Adya, Liskov and O'Neil, "Generalized Isolation Level Definitions", ICDE 2000.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

Values = tuple[int, ...]
Outcome = Literal["committed", "aborted"]
Link = Literal["ww", "wr", "rw"]
Graph = dict[int, dict[int, set[Link]]]


class Append(Struct, frozen=True):
    """A value at the end of a list."""

    key: str
    value: int


class Read(Struct, frozen=True):
    """A list as it was read."""

    key: str
    values: Values


class Transaction(Struct, frozen=True):
    """What one transaction did, in its order, and how it ended."""

    operations: tuple[Append | Read, ...]
    outcome: Outcome = "committed"


class Found(Struct):
    """What is wrong with a history, by the names of the field; each a list of what shows it."""

    lost: list[str] = []
    doubled: list[str] = []
    aborted_read: list[str] = []
    intermediate_read: list[str] = []
    disagreeing: list[str] = []
    own_write_unseen: list[str] = []
    write_cycle: list[tuple[int, ...]] = []
    circular: list[tuple[int, ...]] = []
    single: list[tuple[int, ...]] = []
    skew: list[tuple[int, ...]] = []

    @property
    def broken(self) -> dict[str, int]:
        """Count what no level of the product may show: lost or doubled appends, G0, G1."""
        never = (
            "lost", "doubled", "aborted_read", "intermediate_read", "disagreeing",
            "own_write_unseen", "write_cycle", "circular",
        )  # fmt: skip
        return {name: len(getattr(self, name)) for name in never if getattr(self, name)}


class History:
    """Transactions, and the lists as they were read when all had ended."""

    def __init__(self, transactions: Sequence[Transaction], final: dict[str, Values]) -> None:
        self.transactions = transactions
        self.final = final
        self.writers: dict[tuple[str, int], int] = {}
        self._last: dict[tuple[str, int], int] = {}
        for number, one in enumerate(transactions):
            for done in one.operations:
                if isinstance(done, Append):
                    self.writers[done.key, done.value] = number
                    self._last[done.key, number] = done.value

    def aborted(self, key: str, value: int) -> bool:
        """Say whether a value is of a transaction that was undone."""
        writer = self.writers.get((key, value))
        return writer is not None and self.transactions[writer].outcome == "aborted"

    def intermediate(self, key: str, value: int) -> bool:
        """Say whether the transaction that appended a value went on to append to this list."""
        writer = self.writers.get((key, value))
        return writer is not None and self._last[key, writer] != value

    def writer(self, key: str, place: int) -> int | None:
        """Tell who appended what stands at a place of a list."""
        values = self.final.get(key, ())
        return self.writers.get((key, values[place])) if 0 <= place < len(values) else None

    def readings(self) -> Iterator[tuple[int, str, Values, Values, Values]]:
        """Give reader, list, what others and what the reader itself should have appended, both."""
        for number, one in enumerate(self.transactions):
            own: dict[str, Values] = defaultdict(tuple)
            for done in one.operations:
                if isinstance(done, Append):
                    own[done.key] += (done.value,)
                else:
                    others = done.values[: len(done.values) - len(own[done.key])]
                    yield number, done.key, others, own[done.key], done.values


def look(history: History) -> Found:
    """Tell what is wrong with a history."""
    found = Found()
    _values(history, found)
    _reads(history, found)
    graph = dependencies(history)
    found.write_cycle = list(_cycles(graph, {"ww"}))
    found.circular = list(_cycles(graph, {"ww", "wr"}))
    found.single = list(_with_one_antidependency(graph))
    explained = {number for cycle in found.single for number in cycle}
    every = _cycles(graph, {"ww", "wr", "rw"})
    found.skew = [cycle for cycle in every if not explained & set(cycle)]
    return found


def _values(history: History, found: Found) -> None:
    """Compare what is there at the end with what was acknowledged."""
    for key, values in history.final.items():
        counted = Counter(values)
        found.doubled += [f"{key}: {value}" for value, times in counted.items() if times > 1]
        found.aborted_read += [
            f"{key}: {value} at the end" for value in values if history.aborted(key, value)
        ]
    found.lost += [
        f"{key}: {value}"
        for key, value in history.writers
        if not history.aborted(key, value) and value not in history.final.get(key, ())
    ]


def _reads(history: History, found: Found) -> None:
    """Look at each reading: whose values it has, and whether the list began like that."""
    for number, key, others, own, values in history.readings():
        shown = f"{key}: {values} read by {number}"
        committed = history.transactions[number].outcome == "committed"
        if values[len(others) :] != own:
            found.own_write_unseen.append(shown)
        if committed and history.final.get(key, ())[: len(others)] != others:
            found.disagreeing.append(shown)
        if any(history.aborted(key, value) for value in others):
            found.aborted_read.append(shown)
        if others and history.intermediate(key, others[-1]):
            found.intermediate_read.append(shown)


def dependencies(history: History) -> Graph:
    """Link committed transactions: who wrote after, read from, and was overwritten by whom."""
    graph: Graph = defaultdict(lambda: defaultdict(set))

    def link(one: int | None, other: int | None, kind: Link) -> None:
        if one is not None and other is not None and one != other:
            graph[one][other].add(kind)

    for key, values in history.final.items():
        for place in range(1, len(values)):
            link(history.writer(key, place - 1), history.writer(key, place), "ww")
    for number, key, others, _, _ in history.readings():
        if history.transactions[number].outcome == "committed":
            link(history.writer(key, len(others) - 1), number, "wr")
            link(number, history.writer(key, len(others)), "rw")
    return graph


def _cycles(graph: Graph, kinds: set[Link]) -> Iterator[tuple[int, ...]]:
    """Give the groups of transactions that lie on cycles of these kinds of links."""
    for group in _strongly_connected(_only(graph, kinds)):
        if len(group) > 1:
            yield tuple(sorted(group))


def _with_one_antidependency(graph: Graph) -> Iterator[tuple[int, ...]]:
    """Give cycles with exactly one link from who read to who then wrote."""
    forward = _only(graph, {"ww", "wr"})
    for one, targets in graph.items():
        for other, kinds in targets.items():
            if "rw" in kinds and (way := _way(forward, other, one)):
                yield tuple(sorted(way))


def _only(graph: Graph, kinds: set[Link]) -> dict[int, list[int]]:
    return {
        one: [other for other, found in targets.items() if found & kinds]
        for one, targets in graph.items()
    }


def _way(graph: dict[int, list[int]], start: int, goal: int) -> list[int]:
    """Find a shortest way, both ends included; none gives an empty list."""
    came_from = {start: start}
    queue = [start]
    for one in queue:
        if one == goal:
            way = [goal]
            while way[-1] != start:
                way.append(came_from[way[-1]])
            return way
        for other in graph.get(one, ()):
            if other not in came_from:
                came_from[other] = one
                queue.append(other)
    return []


def _strongly_connected(graph: dict[int, list[int]]) -> Iterator[list[int]]:
    """Give the strongly connected components (Tarjan, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    for root in list(graph):
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack.append(root)
        work = [(root, iter(graph.get(root, ())))]
        while work:
            one, others = work[-1]
            for other in others:
                if other not in order:
                    order[other] = low[other] = len(order)
                    stack.append(other)
                    work.append((other, iter(graph.get(other, ()))))
                    break
                if other in stack:
                    low[one] = min(low[one], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[one])
                if low[one] == order[one]:
                    place = stack.index(one)
                    yield stack[place:]
                    del stack[place:]
