"""The links that are made and removed one at a time: whose they are, and to what."""

from typing import Final, NamedTuple

from msgspec import Struct

from service.model.kinds import BY_NAME, Kind
from service.model.puts import Membership, SkillNeed


class Linked(NamedTuple):
    """One sort of link: whose document has it, to what, and how the path names the two."""

    path: str
    kind: Kind
    target: Kind
    own_id: str
    target_id: str
    body: type[Struct] = Membership


LINKED: Final = (
    Linked(
        "/v1/job-roles/{id}/skills/{skill_id}",
        BY_NAME["job_role"],
        BY_NAME["skill"],
        "id",
        "skill_id",
        SkillNeed,
    ),
    Linked(
        "/v1/agents/{id}/skills/{skill_id}", BY_NAME["agent"], BY_NAME["skill"], "id", "skill_id"
    ),
    Linked("/v1/teams/{id}/agents/{agent_id}", BY_NAME["agent"], BY_NAME["team"], "agent_id", "id"),
)
