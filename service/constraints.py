"""What our own rules in PostgreSQL mean to a client: codes that are raised, constraints by name.

The names are API: a migration that renames one changes this table too. A test compares it with
the catalogue of a real database.
"""

from typing import Final, NamedTuple

from service import errors
from service.errors import Problem

HOUSE: Final[dict[str, type[Problem]]] = {
    "PL001": errors.NotFound,
    "PL002": errors.PreconditionFailed,
    "PL003": errors.StepNotAllowed,
    "PL004": errors.CertifiedIsImmutable,
    "PL005": errors.ReferenceNotFound,
    "PL006": errors.RuleViolated,
    "PL007": errors.ScopeMissing,
    "PL008": errors.OwnWork,
    "PL009": errors.InvalidBody,
    "PL010": errors.InUse,
    "PL011": errors.Unauthenticated,
    "PL012": errors.ParentCycle,
    "PL013": errors.Defect,
    "PL014": errors.PreconditionRequired,
    "PL015": errors.NameTaken,
    "PL016": errors.ExternalIdTaken,
    "PL017": errors.CodeTaken,
    "PL018": errors.ImmutableField,
    "PL019": errors.IdempotencyInProgress,
    "PL020": errors.IdempotencyKeyReused,
    "PL021": errors.AmendmentOutdated,
    "PL022": errors.AmendmentOpen,
    "PL023": errors.NotInForce,
    "PL024": errors.Conflict,
}
"""SQLSTATEs that our own functions raise: MESSAGE is the detail, DETAIL the extensions."""


class Violation(NamedTuple):
    """What breaking one constraint means; pointer names the field when there is one."""

    problem: type[Problem]
    message: str
    pointer: str | None = None
    rule: str | None = None


def _reference(pointer: str, what: str) -> Violation:
    message = f"It refers to a {what} that is not there."
    return Violation(errors.ReferenceNotFound, message, pointer, "exists")


_TWICE: Final = "A {} is named twice, once by its id and once by its external_id."
"""What is named twice in the same way is found before it is looked up."""


def _field(pointer: str, message: str, rule: str) -> Violation:
    return Violation(errors.InvalidBody, message, pointer, rule)


BY_CONSTRAINT: Final[dict[str, Violation]] = {
    # what is taken
    "base_entity_name_key_key": Violation(
        errors.NameTaken, "Another entity of this kind has this name.", "/name"
    ),
    "base_entity_external_id_key": Violation(
        errors.ExternalIdTaken, "Another entity of this kind has this external_id.", "/external_id"
    ),
    "industry_entity_code_key": Violation(
        errors.CodeTaken, "Another industry has this scheme and code.", "/code"
    ),
    # Another governance agent's draft: one's own is found before.
    "amendment_open_key": Violation(
        errors.AmendmentOpen, "Another governance agent's amendment of it is open."
    ),
    # what must be there
    "job_role_entity_industry_fkey": _reference("/industry_id", "industry"),
    "job_role_skill_skill_fkey": _reference("/required_skills", "skill"),
    "team_entity_job_role_fkey": _reference("/job_role_id", "job role"),
    "team_entity_industry_fkey": _reference("/industry_id", "industry"),
    "agent_entity_job_role_fkey": _reference("/job_role_id", "job role"),
    "agent_entity_industry_fkey": _reference("/industry_id", "industry"),
    "agent_entity_team_fkey": _reference("/team_id", "team"),
    "agent_skill_skill_fkey": _reference("/skill_ids", "skill"),
    "entity_parent_parent_fkey": _reference("/parent_ids", "parent"),
    # once only
    "job_role_skill_pkey": _field("/required_skills", _TWICE.format("skill"), "duplicate"),
    "agent_skill_pkey": _field("/skill_ids", _TWICE.format("skill"), "duplicate"),
    "entity_parent_pkey": _field("/parent_ids", _TWICE.format("parent"), "duplicate"),
    "entity_tag_pkey": _field("/tags", "A tag is given twice.", "duplicate"),
    "entity_parent_not_itself": Violation(
        errors.ParentCycle, "An entity cannot be its own parent.", "/parent_ids", "acyclic"
    ),
    # shapes and bounds
    "base_entity_name_shape": _field("/name", "The name breaks a bound.", "shape"),
    "base_entity_external_id_shape": _field(
        "/external_id", "The external_id breaks a bound.", "shape"
    ),
    "base_entity_description_shape": _field(
        "/description", "The description has 1 to 10,000 characters.", "max-length"
    ),
    "base_entity_description_present": _field(
        "/description", "A description is required for this kind.", "required"
    ),
    "base_entity_governance_notes_length": _field(
        "/governance_notes", "The notes have at most 10,000 characters.", "max-length"
    ),
    "base_entity_aliases_bounds": _field(
        "/aliases", "At most 200 aliases, each a line of 1 to 255 characters.", "max-length"
    ),
    "base_entity_custom_attributes_shape": _field(
        "/custom_attributes", "custom_attributes must be an object.", "type"
    ),
    "base_entity_custom_attributes_size": _field(
        "/custom_attributes", "custom_attributes take at most 32 KiB of compact JSON.", "size"
    ),
    "base_entity_custom_attributes_depth": _field(
        "/custom_attributes", "custom_attributes nest at most 16 levels deep.", "depth"
    ),
    "base_entity_status_known": _field("/to", "There is no such state.", "one-of"),
    "entity_tag_shape": _field("/tags", "A tag breaks a bound.", "shape"),
    "skill_entity_embedding_384_not_zero": _field(
        "/embedding_384", "The vector must not be zero.", "zero-vector"
    ),
    "industry_entity_embedding_384_not_zero": _field(
        "/embedding_384", "The vector must not be zero.", "zero-vector"
    ),
    "skill_entity_category_known": _field("/category", "There is no such category.", "one-of"),
    "job_role_entity_seniority_level_known": _field(
        "/seniority_level", "There is no such seniority level.", "one-of"
    ),
    "job_role_skill_relation_known": _field(
        "/required_skills", "The relation is essential or optional.", "one-of"
    ),
    "industry_entity_classified_whole": _field(
        "/scheme", "scheme, code and level are given together or not at all.", "all-or-none"
    ),
    "industry_entity_scheme_shape": _field("/scheme", "The scheme breaks a bound.", "shape"),
    "industry_entity_code_shape": _field("/code", "The code breaks a bound.", "shape"),
    "industry_entity_level_range": _field("/level", "The level is from 1 to 99.", "number-range"),
}
