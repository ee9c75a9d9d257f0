"""Convert a folder of ESCO, NACE and NAICS files into import lines.

Pure: it reads the folder and yields lines; it knows neither database nor HTTP. Each file is read
twice, first for ids and parents, then for its content, so that memory holds ids but no texts.
docs/import.md has the mapping for users.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import UNSET, Struct

from service.convert.hierarchy import Hierarchy
from service.convert.lines import ENCODER, IndustryLine, JobRoleLine, Line, SkillLine
from service.convert.mapping import Mapper, fault
from service.convert.relations import required_skills, with_relations
from service.convert.report import Report
from service.convert.source import (
    IndustryRow,
    OccupationRow,
    Scan,
    SkillRow,
    SourceFile,
    SourceUnreadable,
    scan,
)

_STEMS = ("industries", "skills", "occupations", "occupation_skills")


def convert_lines(directory: Path, report: Report | None = None) -> Iterator[bytes]:
    r"""Return the folder's import lines as NDJSON, each ending in \n.

    Raises: SourceUnreadable, at once when the folder has none of the files, and while reading
    when one is damaged.
    """
    return (ENCODER.encode(line) + b"\n" for line in convert(directory, report))


def convert(directory: Path, report: Report | None = None) -> Iterator[Line]:
    """Return the folder's import lines: industries, then skills, then job roles.

    The report fills while the lines are drawn; its `expected` is complete with the first line.
    Raises: as convert_lines.
    """
    industries, skills, occupations, relations = (SourceFile(directory, stem) for stem in _STEMS)
    files = _Files(industries, skills, occupations, relations)
    if not any(file.exists for file in (industries, skills, occupations)):
        raise SourceUnreadable(
            f"{directory} holds none of industries, skills and occupations (.ndjson.gz or .ndjson)"
        )
    return _lines(files, Report() if report is None else report)


class _Files(Struct, frozen=True):
    industries: SourceFile
    skills: SourceFile
    occupations: SourceFile
    relations: SourceFile


def _lines(files: _Files, report: Report) -> Iterator[Line]:
    industries = scan(files.industries, IndustryRow, fault, _industry_parents, report)
    skills = scan(files.skills, SkillRow, fault, _skill_parents, report)
    occupations = scan(files.occupations, OccupationRow, fault, _no_parents, report)
    if not files.relations.exists:
        report.found("file-absent", files.relations.name)
    report.expected.update(
        industry=len(industries.parents),
        skill=len(skills.parents),
        job_role=len(occupations.parents),
    )
    mapper = Mapper(report)
    for industry in _industries(files.industries, industries, mapper, report):
        yield _counted("industry", industry, report)
    for skill in _skills(files.skills, skills, mapper, report):
        yield _counted("skill", skill, report)
    for job_role in _job_roles(files, skills, occupations, mapper, report):
        yield _counted("job_role", job_role, report)


def _counted(kind: str, line: Line, report: Report) -> Line:
    report.written[kind] += 1
    if line.parent_ids:
        report.links[f"parents of {kind} lines"] += len(line.parent_ids)
    return line


def _industries(
    file: SourceFile, seen: Scan, mapper: Mapper, report: Report
) -> Iterator[IndustryLine]:
    hierarchy = Hierarchy(seen.parents, file.name, report)
    for number, row in seen.kept(file, IndustryRow):
        yield mapper.industry(row, hierarchy.of(row.id, number), file.name, number)


def _skills(file: SourceFile, seen: Scan, mapper: Mapper, report: Report) -> Iterator[SkillLine]:
    hierarchy = Hierarchy(seen.parents, file.name, report)
    for number, row in seen.kept(file, SkillRow):
        yield mapper.skill(row, hierarchy.of(row.id, number), file.name, number)


def _job_roles(
    files: _Files, skills: Scan, occupations: Scan, mapper: Mapper, report: Report
) -> Iterator[JobRoleLine]:
    file, relations = files.occupations, files.relations
    kept = occupations.kept(file, OccupationRow)
    if not (relations.exists and files.skills.exists):
        # Absent fields stay in the registry: better than lists emptied for want of a file.
        for number, row in kept:
            yield mapper.job_role(row, UNSET, file.name, number)
        return
    for number, row, found in with_relations(
        kept, relations, report, in_order=occupations.in_order
    ):
        required = required_skills(found, skills.parents, relations.name, report)
        yield mapper.job_role(row, required, file.name, number)


def _industry_parents(row: IndustryRow) -> list[str]:
    return [row.parent] if row.parent else []


def _skill_parents(row: SkillRow) -> list[str]:
    return row.broader


def _no_parents(_: OccupationRow) -> list[str]:
    return []
