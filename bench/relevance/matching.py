"""Whether job roles are found by what some of their skills are also called."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from bench.relevance.asking import Asker, asking
from bench.relevance.session import Session
from bench.result import Outcome, Row
from service.convert.esco import convert
from service.convert.lines import JobRoleLine, SkillLine
from service.convert.text import caseless
from service.model.match import GivenSkill
from service.usecases.match import match_job_roles

SEED: Final = 20
PROFILES: Final = 300
NOISE: Final = 0.25
LEAST: Final = 4
"""Essential skills with another name that a job role has at least, to be asked for."""
FIRST: Final = 10


class Profile(Struct, frozen=True):
    """A job role by its external id, and what is asked with: a skill's and its other name."""

    job_role: str
    phrases: list[tuple[str, str]]


def measure(session: Session) -> Outcome:
    """Ask with other names of half the essential skills, and a quarter of strange ones."""
    return asyncio.run(_measured(session))


async def _measured(session: Session) -> Outcome:
    profiles = list(drawn(session.data))
    session.tell(f"matching {len(profiles)} job roles")
    async with asking(session.ground) as asker:
        places = [await _place(session, asker, profile) for profile in profiles]
    recalls = {
        first: sum(place is not None and place <= first for place in places) / len(places)
        for first in (1, FIRST)
    }
    how = (
        f"{len(profiles)} job roles drawn at random of those with {LEAST} essential skills or more "
        "that have other names. Asked is, through `service.usecases.match`, with another name of "
        f"each of half of these, and of {NOISE:.0%} more skills drawn from all; the labels that "
        "are asked with are left out. The sets of skills that roles need stay as they are."
    )
    rows = [
        Row(what="job roles by synonyms: recall@1", value=recalls[1], how=how),
        Row(what="job roles by synonyms: recall@10", value=recalls[FIRST], least=0.95, how=how),
    ]
    return Outcome(rows, {"places": places})


async def _place(session: Session, asker: Asker, profile: Profile) -> int | None:
    stock = session.stock
    wanted = stock.ids[profile.job_role]
    given = [GivenSkill(text=phrase) for _, phrase in profile.phrases]
    gone = [(stock.ids[skill], phrase) for skill, phrase in profile.phrases]
    async with asker.without(stock.context, *gone):
        fits, _ = await match_job_roles(
            asker.near_skills(), asker.repository, stock.context, given, FIRST
        )
    found = [msgspec.json.decode(fit.document or "{}").get("id") == str(wanted) for fit in fits]
    return found.index(True) + 1 if True in found else None


def drawn(directory: Path) -> Iterator[Profile]:
    """Draw job roles, half of what each needs, and noise."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    lines = list(convert(directory))
    aliases = {
        line.external_id: list(line.aliases)
        for line in lines
        if isinstance(line, SkillLine) and line.aliases is not UNSET and line.aliases
    }
    everyone = sorted(aliases)
    roles = [line for line in lines if isinstance(line, JobRoleLine)]
    count = 0
    for role in chance.sample(roles, len(roles)):
        essential = [
            need.external_id
            for need in ([] if role.required_skills is UNSET else role.required_skills)
            if need.relation == "essential" and need.external_id in aliases
        ]
        if len(essential) < LEAST or count == PROFILES:
            continue
        count += 1
        known = chance.sample(essential, len(essential) // 2)
        known += chance.sample(everyone, max(1, round(NOISE * len(known))))
        phrases = {
            caseless(alias): (skill, alias)
            for skill, alias in ((one, chance.choice(aliases[one])) for one in known)
        }
        yield Profile(role.external_id, list(phrases.values()))
