"""The five kinds: how paths and bodies name them, their structs, and what lists filter by."""

from typing import Final

from msgspec import Struct

from service.model import documents, lines, puts

COMMON_FILTERS: Final = frozenset({"status", "name", "tag", "external_id", "parent_id"})


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of entity."""

    name: str
    path: str
    title: str
    create: type[Struct]
    put: type[Struct]
    patch: type[Struct]
    import_line: type[lines.Line]
    document: type[Struct]
    filters: frozenset[str]

    @property
    def absent(self) -> str:
        """Say that there is none with an id, or none that the caller may see."""
        return f"No {self.title} with this id is visible to you."


KINDS: Final[dict[str, Kind]] = {
    kind.path: kind
    for kind in (
        Kind(
            name="skill",
            path="skills",
            title="skill",
            create=documents.SkillCreate,
            put=puts.SkillPut,
            patch=documents.SkillPatch,
            import_line=lines.SkillLine,
            document=documents.SkillDocument,
            filters=COMMON_FILTERS | {"category"},
        ),
        Kind(
            name="job_role",
            path="job-roles",
            title="job role",
            create=documents.JobRoleCreate,
            put=documents.JobRoleCreate,
            patch=documents.JobRolePatch,
            import_line=lines.JobRoleLine,
            document=documents.JobRoleDocument,
            filters=COMMON_FILTERS | {"seniority_level", "industry_id", "skill_id"},
        ),
        Kind(
            name="team",
            path="teams",
            title="team",
            create=documents.TeamCreate,
            put=documents.TeamCreate,
            patch=documents.TeamPatch,
            import_line=lines.TeamLine,
            document=documents.TeamDocument,
            filters=COMMON_FILTERS | {"job_role_id", "industry_id"},
        ),
        Kind(
            name="agent",
            path="agents",
            title="agent",
            create=documents.AgentCreate,
            put=documents.AgentCreate,
            patch=documents.AgentPatch,
            import_line=lines.AgentLine,
            document=documents.AgentDocument,
            filters=COMMON_FILTERS | {"job_role_id", "industry_id", "team_id", "skill_id"},
        ),
        Kind(
            name="industry",
            path="industries",
            title="industry",
            create=documents.IndustryCreate,
            put=puts.IndustryPut,
            patch=documents.IndustryPatch,
            import_line=lines.IndustryLine,
            document=documents.IndustryDocument,
            filters=COMMON_FILTERS | {"scheme"},
        ),
    )
}
"""The kinds by their name in paths, in the order of the contract."""

BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in KINDS.values()}
"""The kinds by their name everywhere else."""
