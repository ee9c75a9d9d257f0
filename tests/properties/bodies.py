"""A body of any kind."""

from collections.abc import Callable
from typing import Any

from tests.factories import (
    World,
    agent_body,
    industry_body,
    job_role_body,
    skill_body,
    team_body,
)


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
