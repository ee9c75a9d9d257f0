"""What a match asks for: a job role that agents shall fit, or skills that job roles shall need."""

from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.errors import FieldError
from service.model.pointer import child
from service.model.query import LIMIT_MAX
from service.model.text import LINE_PATTERN, line_fault

LIMIT_DEFAULT: Final = 10
GIVEN_MAX: Final = 100
PHRASE_MAX: Final = 1_000

Phrase = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=PHRASE_MAX,
        description="What one can do, in one's own words: one line, trimmed.",
        examples=["write SQL queries"],
        extra_json_schema={"pattern": LINE_PATTERN},
    ),
]


class GivenSkill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill by its id, or in words: one of the two."""

    id: Annotated[UUID, Meta(description="A skill that you can see.")] | UnsetType = UNSET
    text: Phrase | UnsetType = UNSET


GivenSkills = Annotated[
    list[GivenSkill],
    Meta(
        min_length=1,
        max_length=GIVEN_MAX,
        extra_json_schema={"uniqueItems": True},
        description="What somebody can do: job roles in force that fit are answered.",
    ),
]
MatchedRole = Annotated[
    UUID,
    Meta(description="A job role that you can see: agents in force that fit it are answered."),
]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many items at most.")]


class MatchBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to match: `job_role_id` or `skills`."""

    job_role_id: MatchedRole | UnsetType = UNSET
    skills: GivenSkills | UnsetType = UNSET
    limit: Limit = LIMIT_DEFAULT


def match_faults(body: Struct, pointer: str) -> Iterator[FieldError]:
    """Check that there is either a job role or skills."""
    role, skills = (getattr(body, name, UNSET) is UNSET for name in ("job_role_id", "skills"))
    if role and skills:
        message = "is missing: give job_role_id or skills"
        yield FieldError(f"{pointer}/job_role_id", "required", message)
    elif not role and not skills:
        yield FieldError(f"{pointer}/skills", "exactly-one", "does not go with job_role_id")


def given_faults(values: list[GivenSkill], pointer: str) -> Iterator[FieldError]:
    """Check that each is an id or a phrase, and none stands twice."""
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        at = child(pointer, index)
        if (value.id is UNSET) == (value.text is UNSET):
            yield FieldError(at, "exactly-one", "needs either id or text")
            continue
        if isinstance(value.text, str):
            fault = line_fault(value.text)
            if fault is not None:
                yield FieldError(child(at, "text"), fault.rule, fault.message)
        stood = first.setdefault(value.text if value.id is UNSET else value.id, index)
        if stood != index:
            message = f"repeats what stands at {child(pointer, stood)}"
            yield FieldError(at, "duplicate", message)
