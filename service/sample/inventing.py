"""Turn the invented part of the sample into lines and life-cycle steps."""

from collections.abc import Iterator

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from service.convert.lines import (
    AgentLine,
    IndustryLine,
    JobRoleLine,
    Line,
    Reference,
    RequiredSkill,
    SkillLine,
    TeamLine,
)
from service.sample.definitions import Agent, Definitions, Draft, Invented, Selection
from service.sample.packaged import SampleStep
from service.sample.stock import Stock

# What an invented id starts with, where that is not the kind itself.
_KINDS = {"role": "job_role"}


def teams_and_agents(stock: Stock, definitions: Definitions) -> Iterator[Line]:
    """Yield the active teams, then the active agents."""
    invented, selection = definitions.invented, definitions.selection
    for team in invented.teams:
        yield TeamLine(
            external_id=f"sample:{team.id}",
            name=team.name,
            description=team.description,
            tags=[team.domain],
            custom_attributes=_mark(),
            job_role_id=stock.refer(team.job_role),
            industry_id=stock.refer(selection.domains[team.domain].industry),
        )
    for team in invented.teams:
        for place, agent in enumerate(team.agents):
            member = replace(agent, job_role=team.job_role, domain=team.domain)
            yield _agent(stock, selection, member, stock.refer(team.id), place)
    for agent in invented.agents:
        yield _agent(stock, selection, agent, UNSET, 0)


def drafts(stock: Stock, invented: Invented) -> Iterator[Line]:
    """Yield the proposals as they are written down."""
    return (_draft(stock, draft) for draft in invented.drafts)


def steps(invented: Invented) -> Iterator[SampleStep]:
    """Yield the life-cycle steps that take proposals further, one by one."""
    for step in invented.steps:
        for invented_id in step.ids:
            prefix = invented_id.partition(":")[0]
            yield SampleStep(
                by=step.by,
                kind=_KINDS.get(prefix, prefix),
                external_id=f"sample:{invented_id}",
                to=step.to,
                reason=step.reason,
                successor_external_id=f"sample:{step.successor}" if step.successor else None,
            )


def _agent(
    stock: Stock, selection: Selection, agent: Agent, team: Reference | UnsetType, place: int
) -> AgentLine:
    job_role = stock.job_role(agent.job_role)
    needed = job_role.required_skills or []
    skills = [skill.external_id for skill in needed if skill.relation == "essential"]
    optional = [skill.external_id for skill in needed if skill.relation == "optional"]
    # Members of a team stand at different places, so that they do not all have the same skills.
    skills += optional[place * 4 :][: agent.optional_skills]
    return AgentLine(
        external_id=f"sample:{agent.id}",
        name=agent.name,
        description=agent.description,
        tags=[agent.domain],
        custom_attributes=_mark(),
        job_role_id=Reference(external_id=job_role.external_id),
        industry_id=stock.refer(selection.domains[agent.domain].industry),
        team_id=team,
        skill_ids=[Reference(external_id=skill) for skill in sorted(skills)],
    )


def _draft(stock: Stock, draft: Draft) -> Line:
    def reference(name: str) -> Reference | UnsetType:
        return stock.refer(name) if name else UNSET

    entity = Line(
        external_id=f"sample:{draft.id}",
        name=draft.name,
        description=draft.description,
        aliases=draft.aliases,
        tags=draft.tags,
        custom_attributes=_mark(),
        parent_ids=[stock.refer(parent) for parent in draft.parents],
    )
    common = {name: getattr(entity, name) for name in Line.__struct_fields__}
    match draft.kind:
        case "skill":
            return SkillLine(**common, category=draft.category)
        case "industry":
            return IndustryLine(**common)
        case "team":
            return TeamLine(
                **common,
                job_role_id=reference(draft.job_role),
                industry_id=reference(draft.industry),
            )
        case "agent":
            return AgentLine(
                **common,
                job_role_id=reference(draft.job_role),
                industry_id=reference(draft.industry),
                team_id=reference(draft.team),
                skill_ids=[stock.refer(skill) for skill in draft.skills],
            )
        case "job_role":
            return JobRoleLine(
                **common,
                seniority_level=draft.seniority_level or UNSET,
                industry_id=reference(draft.industry),
                required_skills=[
                    RequiredSkill(external_id=stock.refer(skill).external_id, relation=relation)
                    for relation, names in (
                        ("essential", draft.essential),
                        ("optional", draft.optional),
                    )
                    for skill in names
                ],
            )


def _mark() -> dict[str, object]:
    """Return the custom attributes by which everybody sees that an entity is made up."""
    return {
        "invented": True,
        "note": "Made up for the sample: no real organisation, person or product.",
    }
