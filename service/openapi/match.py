"""The operation of matching."""

from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from service import errors
from service.model.match import MatchBody
from service.openapi import examples
from service.openapi.operation import Answer, Body, Operation
from service.openapi.shapes import AnyDocument

_Share = Annotated[float, Meta(ge=0, le=1)]
_Similarity = Annotated[float, Meta(ge=0, le=1, description="1: the very same skill.")]


class CoveredShown(Struct):
    """A skill that the job role needs and that is covered."""

    skill_id: UUID
    by: Annotated[
        UUID,
        Meta(
            description="The skill that covers it: the agent's, or the one whose id was given; of "
            "a phrase the skill that it was taken for, which is `skill_id`."
        ),
    ]
    similarity: _Similarity


class FitShown(Struct):
    """An agent or job role that fits."""

    entity: AnyDocument
    score: _Share
    covered: Annotated[
        list[CoveredShown], Meta(description="What the job role needs and is covered, by weight.")
    ]
    missing: Annotated[
        list[UUID],
        Meta(description="What the job role needs, or takes as optional, besides, by weight."),
    ]


class TakenSkill(Struct):
    """A skill that a phrase was taken for."""

    skill_id: UUID
    matched_label: Annotated[str, Meta(description="The name or alias that is nearest.")]
    similarity: _Similarity


class TakenShown(Struct):
    """A phrase, and the skills that it was taken for."""

    text: str
    skills: Annotated[list[TakenSkill], Meta(max_length=5, description="Nearest first.")]


class MatchAnswer(Struct):
    """What fits, best first."""

    items: list[FitShown]
    taken: Annotated[
        list[TakenShown], Meta(description="The phrases of the request, in their order.")
    ]
    model: Annotated[
        str, Meta(description="Whose vectors are compared; `trigram/1`: there is no model.")
    ]


_COVERED: Final[dict[str, Any]] = {
    "skill_id": examples.SKILL,
    "by": examples.SKILL,
    "similarity": 0.913,
}


def operations() -> tuple[Operation, ...]:
    """List the operations of matching."""
    taken = {"skill_id": examples.SKILL, "matched_label": "Wheel throwing", "similarity": 0.913}
    item = {
        "entity": examples.document("job_role", "active", 4),
        "score": 0.852,
        "covered": [_COVERED],
        "missing": [],
    }
    return (
        Operation(
            id="match",
            method="POST",
            path="/v1/match",
            tag="Search",
            summary="Match agents or job roles",
            description="With `job_role_id` the agents in force that fit a job role, with `skills` "
            "the job roles in force that fit what somebody can do: give one of the two. A skill "
            "weighs the more the fewer job roles need it, an optional one 0.3 of that; what is "
            "near but not the same counts by its similarity to the fourth power. What has nothing "
            "in common is left out. It repeats without harm: `Idempotency-Key` is ignored.",
            scopes=("read",),
            body=Body(
                type=MatchBody,
                examples={
                    "agents": {"job_role_id": examples.JOB_ROLE, "limit": 5},
                    "job_roles": {
                        "skills": [{"id": examples.SKILL}, {"text": "glaze and fire pots"}]
                    },
                },
            ),
            answers=(
                Answer(
                    status=200,
                    description="What fits.",
                    type=MatchAnswer,
                    headers=("Cache-Control",),
                    example={
                        "items": [item],
                        "taken": [{"text": "glaze and fire pots", "skills": [taken]}],
                        "model": "minilm-l6-v2-int8/1",
                    },
                ),
            ),
            problems=(errors.NotFound,),
        ),
    )
