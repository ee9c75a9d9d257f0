"""What an import reports of each line."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from service.errors import (
    HIDDEN,
    AmendmentOpen,
    CertifiedIsImmutable,
    FieldError,
    InvalidBody,
    Problem,
)
from service.model.kinds import BY_NAME
from service.repository.imports import Outcome
from service.sqlstate import from_diagnostics
from service.usecases.proposals import amendment_path, point_to_amendment

OUTCOMES: Final = ("created", "amended", "unchanged", "rejected")

PROPOSED: Final = "proposed"
"""What the database says of a line that opened or changed an amendment."""

SHOWN: Final = ("type", "title", "status", "detail", "errors")

LOOKED_UP: Final = frozenset(
    {"base_entity_name_key_key", "base_entity_external_id_key", "industry_entity_code_key"}
)
"""What the database names the holder of, as far as whoever imports may see it.

Source: app.import_explained.
"""

UNSEEN_DRAFT: Final = "amendment_open_key"
"""What an import meets where an amendment is open that it does not see: there is nothing to show.

Source: app.import_propose.
"""

Naming: TypeAlias = Callable[[int], str]
"""Says what a person calls a line, by its number."""


class Reported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line, as it is reported; a rejected one says whose line it is.

    Of an entity that no line was about there is no line, and always an external id. What is in
    force was amended as soon as its amendment is certified: `amendment` is where that lies.
    """

    line: int = 0
    outcome: str
    id: UUID | None
    amendment: str | None = None
    external_id: str | None = None
    problem: dict[str, Any] | None = None


_DECODER: Final = msgspec.json.Decoder(list[Reported])


def line_of_one_file(number: int) -> str:
    """Name a line where there is one file only."""
    return f"line {number}"


def reported(outcomes: str, naming: Naming) -> list[Reported]:
    """Make what is reported of the outcomes of a chunk, a JSON array.

    What went in well is reported as the database tells it; of the others it tells more.
    """
    return [
        one if one.problem is None else _told(one, one.problem, naming)
        for one in _DECODER.decode(outcomes)
    ]


def _told(outcome: Reported, stored: dict[str, Any], naming: Naming) -> Reported:
    """Make what is reported of an outcome of which the database has stored more."""
    if outcome.outcome == PROPOSED:
        path = amendment_path(BY_NAME[stored["kind"]], outcome.id)
        return Reported(line=outcome.line, outcome="amended", id=outcome.id, amendment=path)
    return Reported(
        line=outcome.line,
        outcome=outcome.outcome,
        id=outcome.id,
        external_id=outcome.external_id,
        problem=_members(stored, outcome.id, naming),
    )


def missing(outcome: Outcome, refusal: Problem | None = None) -> Reported:
    """Make what is reported of an entity that no line was about.

    `refusal`: nothing was archived, and why.
    """
    problem = None
    if refusal is not None:
        problem = refusal.members()
    elif outcome.problem is not None:
        problem = dict(from_diagnostics(msgspec.json.decode(outcome.problem)).members())
    return Reported(
        outcome=outcome.outcome if refusal is None else "kept",
        id=outcome.id,
        external_id=outcome.external_id,
        problem=problem,
    )


def _members(stored: dict[str, Any], identity: UUID | None, naming: Naming) -> dict[str, Any]:
    """Give the members of a problem: found when the line was read, or raised by the database."""
    if "members" in stored:
        return _in_order(stored["members"])
    problem = _repeated(stored, naming) or _absent_field(stored) or from_diagnostics(stored)
    if "pointer" in stored:
        problem.errors = tuple(
            msgspec.structs.replace(error, pointer=stored["pointer"]) for error in problem.errors
        )
    if "existing_id" in stored:
        problem.extensions["existing_id"] = stored["existing_id"]
    elif stored.get("constraint") in LOOKED_UP:
        problem.detail += HIDDEN
    to_see = isinstance(problem, CertifiedIsImmutable | AmendmentOpen) and identity is not None
    if to_see and stored.get("constraint") != UNSEEN_DRAFT:
        point_to_amendment(problem, BY_NAME[stored["kind"]], identity)
    return dict(problem.members())


def _in_order(members: dict[str, Any]) -> dict[str, Any]:
    """Give members as a problem shows them: jsonb has kept them in an order of its own."""
    if "errors" in members:
        members["errors"] = msgspec.convert(members["errors"], list[FieldError])
    return {name: members[name] for name in SHOWN if name in members} | members


def _repeated(stored: dict[str, Any], naming: Naming) -> Problem | None:
    if "first_line" not in stored:
        return None
    first = naming(stored["first_line"])
    return InvalidBody(
        f"{first[:1].upper()}{first[1:]} is about the same entity.",
        errors=[FieldError("/external_id", "duplicate", f"is also that of {first}")],
    )


def _absent_field(stored: dict[str, Any]) -> Problem | None:
    field = stored.get("column")
    if stored.get("sqlstate") != "23502" or not field:
        return None
    listed = [FieldError(f"/{field}", "required", "is required for a new entity")]
    return InvalidBody(f"/{field} is required for a new entity.", errors=listed)
