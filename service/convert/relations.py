"""Bring each occupation together with its relations to skills."""

from collections.abc import Container, Iterable, Iterator
from itertools import groupby

from service.convert.lines import REQUIRED_SKILLS_MAX, RequiredSkill
from service.convert.report import Report
from service.convert.source import OccupationRow, RelationRow, SourceFile

Numbered = tuple[int, OccupationRow]
Relations = list[tuple[int, RelationRow]]


def with_relations(
    occupations: Iterable[Numbered], file: SourceFile, report: Report, *, in_order: bool
) -> Iterator[tuple[int, OccupationRow, Relations]]:
    """Yield each occupation with its relations; report those whose occupation is not there.

    Two files sorted by occupation are merged while they are read; in any other order the
    relations are held in memory.
    """
    if _checked(file, report) and in_order:
        grouped = groupby(file.rows(RelationRow), key=lambda pair: pair[1].occupation_id)
        groups = ((occupation_id, list(pairs)) for occupation_id, pairs in grouped)
        return _merged(occupations, groups, file.name, report)
    held: dict[str, Relations] = {}
    for number, relation in file.rows(RelationRow):
        held.setdefault(relation.occupation_id, []).append((number, relation))
    return _looked_up(occupations, held, file.name, report)


def required_skills(
    relations: Relations, external_ids: Container[str], file: str, report: Report
) -> list[RequiredSkill]:
    """Return one required skill per pair: the known ones, essential before optional in doubt."""
    chosen: dict[str, str] = {}
    for number, relation in relations:
        skill = relation.skill_id
        before = chosen.get(skill)
        if skill not in external_ids:
            rule = "relation-unknown-skill"
        elif before is None:
            chosen[skill] = relation.relation
            continue
        elif before == relation.relation:
            rule = "relation-repeated"
        else:
            rule = "relation-both"
            chosen[skill] = "essential"
        report.found(rule, file, number, f"esco:occupation:{relation.occupation_id}", skill)
    over = len(chosen) - REQUIRED_SKILLS_MAX
    if over > 0:
        essential_first = sorted(chosen.items(), key=lambda pair: pair[1] != "essential")
        occupation = f"esco:occupation:{relations[0][1].occupation_id}"
        for skill, _ in essential_first[REQUIRED_SKILLS_MAX:]:
            report.found("relations-too-many", file, 0, occupation, skill)
            del chosen[skill]
    report.links.update(f"{relation} skills of job roles" for relation in chosen.values())
    return [
        RequiredSkill(external_id=f"esco:skill:{skill}", relation=relation)
        for skill, relation in chosen.items()
    ]


def _checked(file: SourceFile, report: Report) -> bool:
    """Report the unreadable lines; return whether the rest is sorted by occupation."""

    def unreadable(number: int, why: str) -> None:
        report.read[file.name] += 1
        report.found("line-unreadable", file.name, number, detail=why)

    in_order, last = True, ""
    for _, relation in file.rows(RelationRow, unreadable):
        report.read[file.name] += 1
        in_order = in_order and relation.occupation_id >= last
        last = relation.occupation_id
    return in_order


def _merged(
    occupations: Iterable[Numbered],
    groups: Iterator[tuple[str, Relations]],
    file: str,
    report: Report,
) -> Iterator[tuple[int, OccupationRow, Relations]]:
    group = next(groups, None)
    for number, occupation in occupations:
        while group is not None and group[0] < occupation.id:
            _unknown(group[1], file, report)
            group = next(groups, None)
        if group is not None and group[0] == occupation.id:
            yield number, occupation, group[1]
            group = next(groups, None)
        else:
            yield number, occupation, []
    while group is not None:
        _unknown(group[1], file, report)
        group = next(groups, None)


def _looked_up(
    occupations: Iterable[Numbered], held: dict[str, Relations], file: str, report: Report
) -> Iterator[tuple[int, OccupationRow, Relations]]:
    for number, occupation in occupations:
        yield number, occupation, held.pop(occupation.id, [])
    for relations in held.values():
        _unknown(relations, file, report)


def _unknown(relations: Relations, file: str, report: Report) -> None:
    for number, relation in relations:
        report.found(
            "relation-unknown-occupation",
            file,
            number,
            f"esco:occupation:{relation.occupation_id}",
            relation.skill_id,
        )
