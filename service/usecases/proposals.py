"""Where a change that is refused can be proposed instead."""

from typing import Final
from uuid import UUID

from service.errors import Problem
from service.model.kinds import Kind

_NO_AMENDMENTS: Final = "under_review"


def amendment_path(kind: Kind, identity: UUID | str | None) -> str:
    """Give the path of the amendment of an entity."""
    return f"/v1/{kind.path}/{identity}/amendment"


def point_to_amendment(problem: Problem, kind: Kind, identity: UUID | str | None) -> None:
    """Add `amendment` to a refusal; what is under review has none: it goes back to draft."""
    if problem.extensions.get("current_status") != _NO_AMENDMENTS:
        problem.extensions["amendment"] = amendment_path(kind, identity)
