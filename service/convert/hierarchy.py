"""Decide which parents of a row may be written."""

from collections.abc import Iterator, Mapping, Sequence

from service.convert.lines import PARENTS_MAX
from service.convert.report import Report


class Hierarchy:
    """The parents of one file's rows, freed of what the registry refuses."""

    def __init__(self, parents: Mapping[str, Sequence[str]], file: str, report: Report) -> None:
        self._parents = parents
        self._closing = closing_edges(parents)
        self._file = file
        self._report = report

    def of(self, row_id: str, line: int) -> list[str]:
        """Return the parents of one row in the source's order; report those left out."""
        kept: list[str] = []
        for parent in dict.fromkeys(self._parents[row_id]):
            if parent not in self._parents:
                rule = "parent-unknown"
            elif (row_id, parent) in self._closing:
                rule = "parent-cycle"
            elif len(kept) == PARENTS_MAX:
                rule = "parents-too-many"
            else:
                kept.append(parent)
                continue
            self._report.found(rule, self._file, line, row_id, parent)
        return kept


def closing_edges(parents: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """Return the (child, parent) pairs without which no row is its own ancestor.

    Deterministic: rows are walked in their order, depth first, and the pair that comes back to
    the path is the one. Without recursion, since real chains have no known bound.
    """
    closing: set[tuple[str, str]] = set()
    finished: set[str] = set()
    for start in parents:
        if start in finished:
            continue
        on_path = {start}
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(parents[start]))]
        while stack:
            row, above = stack[-1]
            for parent in above:
                if parent in on_path:
                    closing.add((row, parent))
                elif parent in parents and parent not in finished:
                    on_path.add(parent)
                    stack.append((parent, iter(parents[parent])))
                    break
            else:
                stack.pop()
                on_path.discard(row)
                finished.add(row)
    return closing
