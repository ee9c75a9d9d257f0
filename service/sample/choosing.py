"""Choose the real part of the sample: job roles with all their skills, and industries.

Skills and industries stay the converter's own lines, job roles too but for an industry, and all
get tags at most. So an import of the whole source afterwards changes none of them.
"""

from msgspec.structs import replace

from service.convert.lines import IndustryLine, JobRoleLine, Line, Reference, SkillLine
from service.sample.definitions import Selection
from service.sample.stock import Stock

INDUSTRY_NOTE = "The industry was chosen for the sample; ESCO names none."
# Classifications come whole down to these levels, so that every branch stands in its place.
_WHOLE_LEVELS = {"NACE Rev.2": 2, "NAICS 2022": 1}


def chosen_lines(stock: Stock, selection: Selection) -> list[Line]:
    """Return the chosen industries, skills and job roles in the order of the source."""
    job_roles = _job_roles(stock, selection)
    tags = _skill_tags(job_roles)
    skills = stock.with_ancestors(tags)
    industries = _industries(stock, selection)
    chosen: list[Line] = []
    for line in stock.lines:
        if isinstance(line, IndustryLine) and line.external_id in industries:
            chosen.append(line)
        elif isinstance(line, SkillLine) and line.external_id in skills:
            chosen.append(replace(line, tags=sorted(tags.get(line.external_id, ()))))
        elif isinstance(line, JobRoleLine) and line.external_id in job_roles:
            chosen.append(job_roles[line.external_id])
    return chosen


def _job_roles(stock: Stock, selection: Selection) -> dict[str, JobRoleLine]:
    found: dict[str, JobRoleLine] = {}
    for tag, domain in selection.domains.items():
        for name in domain.job_roles:
            line = stock.job_role(name)
            found[line.external_id] = replace(
                line,
                tags=[tag],
                governance_notes=INDUSTRY_NOTE,
                industry_id=Reference(external_id=domain.industry),
            )
    return found


def _skill_tags(job_roles: dict[str, JobRoleLine]) -> dict[str, set[str]]:
    """Return the skills of the job roles, each with the domains that need it."""
    tags: dict[str, set[str]] = {}
    for line in job_roles.values():
        for skill in line.required_skills or ():
            tags.setdefault(skill.external_id, set()).update(line.tags or ())
    return tags


def _industries(stock: Stock, selection: Selection) -> set[str]:
    whole = {
        line.external_id
        for line in stock.lines
        if isinstance(line, IndustryLine)
        and (line.level or 0) <= _WHOLE_LEVELS.get(line.scheme or "", 0)
    }
    named = {domain.industry for domain in selection.domains.values()}
    return stock.with_ancestors(whole | named | stock.industries_below(selection.industries))
