"""The lines of the whole source, to choose from and to refer to."""

from collections.abc import Iterable

from service.convert.lines import IndustryLine, JobRoleLine, Line, Reference, SkillLine

_INVENTED = ("skill:", "role:", "team:", "agent:", "industry:")


class NotInSource(Exception):  # noqa: N818 - named for what happened, as all our errors
    """A definition names what the source data do not have."""


class Stock:
    """Every line of the source folder, found by external id and by name."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self._by_id = {line.external_id: line for line in self.lines}
        self._skills = {line.name: line for line in self.lines if isinstance(line, SkillLine)}
        self._job_roles = {line.name: line for line in self.lines if isinstance(line, JobRoleLine)}

    def job_role(self, name: str) -> JobRoleLine:
        """Return the job role that ESCO names so."""
        if name not in self._job_roles:
            raise NotInSource(f"no occupation is named {name!r}")
        return self._job_roles[name]

    def refer(self, name: str) -> Reference:
        """Return the reference behind an invented id, a classification's id or an ESCO name."""
        if name.startswith(_INVENTED):
            return Reference(external_id=f"sample:{name}")
        if name in self._by_id:
            return Reference(external_id=name)
        named = self._skills.get(name) or self._job_roles.get(name)
        if named is None:
            raise NotInSource(f"nothing has the id or the name {name!r}")
        return Reference(external_id=named.external_id)

    def with_ancestors(self, external_ids: Iterable[str]) -> set[str]:
        """Return the ids and those of everything above them."""
        found: set[str] = set()
        waiting = list(external_ids)
        while waiting:
            external_id = waiting.pop()
            if external_id not in found:
                found.add(external_id)
                waiting += parents(self._by_id[external_id])
        return found

    def industries_below(self, roots: Iterable[str]) -> set[str]:
        """Return the ids of industries and of everything below them."""
        found = {self.refer(root).external_id for root in roots}
        before = 0
        while len(found) > before:
            before = len(found)
            found.update(
                line.external_id
                for line in self.lines
                if isinstance(line, IndustryLine) and not found.isdisjoint(parents(line))
            )
        return found


def parents(line: Line) -> list[str]:
    """Return the external ids of a line's parents."""
    return [parent.external_id for parent in line.parent_ids or ()]
