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

Append = tuple[Literal["append"], str, int]
Read = tuple[Literal["read"], str, tuple[int, ...]]
Outcome = Literal["committed", "aborted"]
Link = Literal["ww", "wr", "rw"]
Graph = dict[int, dict[int, set[Link]]]


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


def look(history: Sequence[Transaction], final: dict[str, tuple[int, ...]]) -> Found:
    """Tell what is wrong with a history, given the lists as they were read at its end."""
    found = Found()
    writers = {
        (key, value): number
        for number, one in enumerate(history)
        for kind, key, value in one.operations
        if kind == "append"
    }
    _values(history, final, writers, found)
    _reads(history, final, writers, found)
    graph = dependencies(history, final, writers)
    found.write_cycle = list(_cycles(graph, {"ww"}))
    found.circular = list(_cycles(graph, {"ww", "wr"}))
    found.single = list(_with_one_antidependency(graph))
    in_single = {number for cycle in found.single for number in cycle}
    found.skew = [
        cycle for cycle in _cycles(graph, {"ww", "wr", "rw"}) if not in_single & set(cycle)
    ]
    return found


Writers = dict[tuple[str, int], int]
Final = dict[str, tuple[int, ...]]


def _values(history: Sequence[Transaction], final: Final, writers: Writers, found: Found) -> None:
    """Compare what is there at the end with what was acknowledged."""
    for key, values in final.items():
        for value, times in Counter(values).items():
            if times > 1:
                found.doubled.append(f"{key}: {value}")
    for (key, value), number in writers.items():
        is_there = value in final.get(key, ())
        if history[number].outcome == "committed" and not is_there:
            found.lost.append(f"{key}: {value} of {number}")
        if history[number].outcome == "aborted" and is_there:
            found.aborted_read.append(f"{key}: {value} of {number} at the end")


def _reads(history: Sequence[Transaction], final: Final, writers: Writers, found: Found) -> None:
    """Look at each reading: whose values it has, and whether the list began like that."""
    last = {
        (number, key): value
        for number, one in enumerate(history)
        for kind, key, value in one.operations
        if kind == "append"
    }
    for number, one in enumerate(history):
        own: dict[str, list[int]] = defaultdict(list)
        for kind, key, value in one.operations:
            if kind == "append":
                own[key].append(value)  # type: ignore[arg-type]
                continue
            shown = f"{key}: {value} read by {number}"
            others: tuple[int, ...] = value[: len(value) - len(own[key])]  # type: ignore[index]
            if list(value[len(others) :]) != own[key]:  # type: ignore[index]
                found.own_write_unseen.append(shown)
            if one.outcome == "committed" and final.get(key, ())[: len(others)] != others:
                found.disagreeing.append(shown)
            for each in others:
                if history[writers[key, each]].outcome == "aborted":
                    found.aborted_read.append(shown)
            if others and last[writers[key, others[-1]], key] != others[-1]:
                found.intermediate_read.append(shown)


def dependencies(history: Sequence[Transaction], final: Final, writers: Writers) -> Graph:
    """Link committed transactions: who wrote after, read from, and was overwritten by whom."""
    graph: Graph = defaultdict(lambda: defaultdict(set))

    def link(one: int | None, other: int | None, kind: Link) -> None:
        if one is not None and other is not None and one != other:
            graph[one][other].add(kind)

    def writer(key: str, place: int) -> int | None:
        values = final.get(key, ())
        return writers.get((key, values[place])) if 0 <= place < len(values) else None

    for key, values in final.items():
        for place in range(1, len(values)):
            link(writer(key, place - 1), writer(key, place), "ww")
    for number, one in enumerate(history):
        if one.outcome != "committed":
            continue
        own: Counter[str] = Counter()
        for kind, key, value in one.operations:
            if kind == "append":
                own[key] += 1
                continue
            length = len(value) - own[key]  # type: ignore[arg-type]
            link(writer(key, length - 1), number, "wr")
            link(number, writer(key, length), "rw")
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
