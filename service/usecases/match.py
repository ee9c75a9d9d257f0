"""Matching: agents that fit a job role, job roles that fit skills; what is near counts in part.

What is needed and what is there are compared by ids. Where these differ, each skill that is given
or needed stands for the few that are nearest to it by what they are called, and so does a phrase.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from service.errors import FieldError, NotFound
from service.model.match import GivenSkill
from service.repository.base import Context, Repository
from service.repository.entities import EntityById
from service.repository.match import (
    MatchAgents,
    MatchJobRoles,
    MatchSkills,
    NamedSkill,
    NearSkill,
)
from service.usecases.near_skills import NearSkills


class Covered(Struct, frozen=True):
    """A skill that is needed, what covers it, and how alike the two are."""

    skill_id: UUID
    by: UUID
    similarity: float


class Fit(Struct, frozen=True):
    """What fits; no document where there is no room for it."""

    document: str | None
    score: float
    covered: list[Covered]
    missing: list[UUID]


class Taken(Struct, frozen=True):
    """A phrase, and the skills that it was taken for, nearest first."""

    text: str
    skills: list[NearSkill]


class Given(Struct, frozen=True):
    """What was given (by its place) stands for a skill, by itself or by a skill that is near."""

    place: int
    skill_id: UUID
    by: UUID
    similarity: float


async def match_agents(
    skills: NearSkills, repository: Repository, context: Context, job_role_id: str, count: int
) -> list[Fit]:
    """Find the agents that fit a job role best.

    Raises: NotFound.
    """
    role = await repository.maybe(EntityById("job_role", job_role_id), context)
    if role is None:
        raise _absent("job role", ["/job_role_id"])
    links: list[dict[str, Any]] = msgspec.json.decode(role.document)["required_skills"]
    named = await repository.many(MatchSkills([link["id"] for link in links]), context)
    needed = [one for one in named if one.in_force]
    pairs = [(one.id, one.id, 1.0) for one in needed]
    found = await skills.near(repository, context, [skills.skill(one) for one in needed])
    for one, near in zip(needed, found, strict=True):
        pairs += [(one.id, other.skill_id, other.similarity) for other in near]
    rows = await repository.many(
        MatchAgents(
            job_role_id,
            [need for need, _, _ in pairs],
            [held for _, held, _ in pairs],
            [similarity for _, _, similarity in pairs],
            count,
        ),
        context,
    )
    return [
        Fit(
            row.document,
            row.score,
            [
                Covered(skill, by, similarity)
                for skill, by, similarity in zip(
                    row.needed, row.by_ids, row.similarities, strict=True
                )
                if by is not None and similarity is not None
            ],
            [skill for skill, by in zip(row.needed, row.by_ids, strict=True) if by is None],
        )
        for row in rows
    ]


async def match_job_roles(
    skills: NearSkills,
    repository: Repository,
    context: Context,
    given: Sequence[GivenSkill],
    count: int,
) -> tuple[list[Fit], list[Taken]]:
    """Find the job roles that fit what was given best, and what phrases were taken for.

    Raises: NotFound, Unavailable.
    """
    known = [one for one in await _known(repository, context, given) if one.in_force]
    texts = [str(one.text) for one in given if one.text is not UNSET]
    probes = [skills.skill(one) for one in known] + await skills.phrases(context, texts)
    found = await skills.near(repository, context, probes)
    stands = [Given(place, one.id, one.id, 1.0) for place, one in enumerate(known)]
    for place, (probe, near) in enumerate(zip(probes, found, strict=True)):
        stands += [
            Given(place, one.skill_id, probe.skill_id or one.skill_id, one.similarity)
            for one in near
        ]
    covers = _covers(stands)
    rows = await repository.many(
        MatchJobRoles(
            [one.place for one in stands],
            [one.skill_id for one in stands],
            [one.similarity for one in stands],
            list(covers),
            [one.similarity for one in covers.values()],
            count,
        ),
        context,
    )
    fits = [
        Fit(
            row.document,
            row.score,
            [covers[skill] for skill in row.by_weight if skill in covers],
            [skill for skill in row.by_weight if skill not in covers],
        )
        for row in rows
    ]
    return fits, [Taken(*one) for one in zip(texts, found[len(known) :], strict=True)]


def _covers(stands: Iterable[Given]) -> dict[UUID, Covered]:
    """Choose what covers each skill best; of two that are as alike the lower id."""
    best: dict[UUID, Covered] = {}
    for one in sorted(stands, key=lambda given: (-given.similarity, given.by)):
        best.setdefault(one.skill_id, Covered(one.skill_id, one.by, one.similarity))
    return best


async def _known(
    repository: Repository, context: Context, given: Sequence[GivenSkill]
) -> list[NamedSkill]:
    """Find the skills that were given by their ids, in the order of these.

    Raises: NotFound, naming each that is not there.
    """
    places = {one.id: place for place, one in enumerate(given) if one.id is not UNSET}
    if not places:
        return []
    rows = await repository.many(MatchSkills([str(one) for one in places]), context)
    there = {row.id for row in rows}
    absent = [place for identity, place in places.items() if identity not in there]
    if absent:
        raise _absent("skill", [f"/skills/{place}/id" for place in absent])
    return rows


def _absent(what: str, pointers: Sequence[str]) -> NotFound:
    message = f"no {what} with this id is visible to you"
    return NotFound(
        f"{pointers[0]}: {message}.",
        errors=[FieldError(pointer, "exists", message) for pointer in pointers],
    )
