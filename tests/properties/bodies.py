"""A body of any kind, and what is wrong with one that refers to nothing."""

from collections.abc import Callable
from typing import Any, Final

from tests.factories import (
    World,
    agent_body,
    industry_body,
    job_role_body,
    skill_body,
    team_body,
)

NEVER: Final = "01900000-0000-7000-8000-000000000000"
"""An id that nothing has."""

# By the foreign key that refuses it: the kind, and the fields of its body.
DANGLING: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "job_role_entity_industry_fkey": ("job_role", {"industry_id": NEVER}),
    "job_role_skill_skill_fkey": (
        "job_role",
        {"required_skills": [{"id": NEVER, "relation": "essential"}]},
    ),
    "team_entity_job_role_fkey": ("team", {"job_role_id": NEVER}),
    "team_entity_industry_fkey": ("team", {"industry_id": NEVER}),
    "agent_entity_job_role_fkey": ("agent", {"job_role_id": NEVER}),
    "agent_entity_industry_fkey": ("agent", {"industry_id": NEVER}),
    "agent_entity_team_fkey": ("agent", {"team_id": NEVER}),
    "agent_skill_skill_fkey": ("agent", {"skill_ids": [NEVER]}),
    "entity_parent_parent_fkey": ("skill", {"parent_ids": [NEVER]}),
}


def body_of(kind: str, there: World) -> dict[str, Any]:
    """Make a body of a kind whose references are all there."""
    bodies: dict[str, Callable[[], dict[str, Any]]] = {
        "skill": skill_body,
        "industry": industry_body,
        "job_role": lambda: job_role_body([there.skill]),
        "team": lambda: team_body(there.job_role, there.industry),
        "agent": lambda: agent_body(there.job_role, there.industry, [there.skill]),
    }
    return bodies[kind]()
