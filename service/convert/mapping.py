"""Map one source row to one import line, and report what could not go along."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from service.convert.lines import (
    ALIASES_MAX,
    CUSTOM_ATTRIBUTES_BYTES_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    ENCODER,
    NAME_CHARACTERS_MAX,
    IndustryLine,
    JobRoleLine,
    Reference,
    RequiredSkill,
    SkillLine,
)
from service.convert.report import Report
from service.convert.source import IndustryRow, OccupationRow, SkillRow
from service.convert.text import caseless, label, prose

# ISCO-08 major groups: 1 managers, 2 professionals, 3 technicians, 0 armed forces, 4 to 9 the rest.
SENIORITY = {"0": "mid", "1": "senior", "2": "senior", "3": "mid"} | dict.fromkeys(
    "456789", "junior"
)


class Place(Struct, frozen=True):
    """Where a row stands and what its entity will be called."""

    file: str
    line: int
    external_id: str


def fault(row: SkillRow | OccupationRow | IndustryRow) -> str:
    """Return why a row cannot become an entity, or nothing."""
    name, description = label(row.name), prose(_description(row))
    if not name:
        return "the name is empty"
    if len(name) > NAME_CHARACTERS_MAX:
        return f"the name has {len(name)} characters"
    if len(description) > DESCRIPTION_CHARACTERS_MAX:
        return f"the description has {len(description)} characters"
    if not description and not isinstance(row, IndustryRow):
        return "the description is empty"
    return ""


class Mapper:
    """Map the rows of one conversion."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._names: set[tuple[str, ...]] = set()

    def skill(self, row: SkillRow, parents: list[str], file: str, line: int) -> SkillLine:
        """Map an ESCO skill; its category follows from type and reuse level."""
        at = Place(file, line, f"esco:skill:{row.id}")
        if row.type is None:
            self._report.found("type-absent", file, line, at.external_id)
        if row.type == "knowledge":
            category = "domain_expertise"
        else:
            category = "soft_skill" if row.reuse_level == "transversal" else "technical"
        name = self._name(at, row.name, "skill")
        origin = {
            "uri": row.uri,
            "type": row.type,
            "reuse_level": row.reuse_level,
            "groups": row.groups,
        }
        derived = {"category": "from ESCO type and reuse level"}
        return SkillLine(
            external_id=at.external_id,
            name=name,
            description=self._prose(at, _description(row)),
            aliases=self._aliases(at, name, row.alt_labels),
            custom_attributes=self._attributes(at, {"esco": _present(origin), "derived": derived}),
            parent_ids=[Reference(external_id=f"esco:skill:{parent}") for parent in parents],
            category=category,
        )

    def job_role(
        self,
        row: OccupationRow,
        required_skills: list[RequiredSkill] | UnsetType,
        file: str,
        line: int,
    ) -> JobRoleLine:
        """Map an ESCO occupation; its seniority follows from the ISCO major group."""
        at = Place(file, line, f"esco:occupation:{row.id}")
        seniority = SENIORITY.get((row.isco_group or "")[:1])
        if seniority is None:
            self._report.found("seniority-underivable", file, line, at.external_id)
        name = self._name(at, row.name, "job_role")
        origin = {
            "uri": row.uri,
            "code": row.code,
            "isco_group": row.isco_group,
            "isco_name": label(row.isco_name) if row.isco_name else None,
            "regulated": row.regulated,
        }
        derived = {"seniority_level": "from the ISCO major group"} if seniority else {}
        return JobRoleLine(
            external_id=at.external_id,
            name=name,
            description=self._prose(at, _description(row)),
            aliases=self._aliases(at, name, row.alt_labels),
            custom_attributes=self._attributes(at, {"esco": _present(origin), "derived": derived}),
            seniority_level=seniority or UNSET,
            required_skills=required_skills,
        )

    def industry(self, row: IndustryRow, parents: list[str], file: str, line: int) -> IndustryLine:
        """Map a NACE or NAICS node; names repeat from level to level, so these bound the clash."""
        at = Place(file, line, row.id)
        origin = {"excludes": prose(row.excludes or "") or None, "isic4": row.isic4}
        return IndustryLine(
            external_id=at.external_id,
            name=self._name(at, row.name, "industry", row.scheme, str(row.level)),
            description=self._prose(at, _description(row)) or None,
            custom_attributes=self._attributes(at, {"classification": _present(origin)}),
            parent_ids=[Reference(external_id=parent) for parent in parents],
            scheme=row.scheme,
            code=row.code,
            level=row.level,
        )

    def _name(self, at: Place, text: str, *scope: str) -> str:
        name = label(text)
        if name != text:
            self._found("text-cleaned", at, "name")
        key = (*scope, caseless(name))
        if key in self._names:
            self._found("name-taken", at, name)
        self._names.add(key)
        return name

    def _prose(self, at: Place, text: str) -> str:
        description = prose(text)
        if description != text:
            self._found("text-cleaned", at, "description")
        return description

    def _aliases(self, at: Place, name: str, labels: list[str]) -> list[str]:
        own = caseless(name)
        kept: dict[str, str] = {}
        for text in labels:
            alias = label(text)
            key = caseless(alias)
            if alias != text:
                self._found("alias-cleaned", at, alias)
            if not alias:
                self._found("alias-empty", at)
            elif len(alias) > NAME_CHARACTERS_MAX:
                self._found("alias-too-long", at, alias[:40])
            elif key == own:
                self._found("alias-equals-name", at, alias)
            elif key in kept:
                self._found("alias-repeated", at, alias)
            elif len(kept) == ALIASES_MAX:
                self._found("aliases-too-many", at, alias)
            else:
                kept[key] = alias
        return list(kept.values())

    def _attributes(
        self, at: Place, attributes: Mapping[str, Mapping[str, object]]
    ) -> dict[str, object]:
        kept: dict[str, object] = {part: held for part, held in attributes.items() if held}
        if len(ENCODER.encode(kept)) <= CUSTOM_ATTRIBUTES_BYTES_MAX:
            return kept
        self._found("attributes-too-large", at)
        return {}

    def _found(self, rule: str, at: Place, detail: str = "") -> None:
        self._report.found(rule, at.file, at.line, at.external_id, detail)


def _description(row: SkillRow | OccupationRow | IndustryRow) -> str:
    """Return what an entity covers; what an industry excludes would mislead a search for it."""
    if isinstance(row, IndustryRow):
        return "\n\n".join(part for part in (row.description, row.also_includes) if part)
    return row.description or ""


def _present(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
