"""The two hand-written files behind the sample, as structs."""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct


class Domain(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of selection.toml: its name is the tag that its entities carry."""

    industry: str
    job_roles: list[str]


class Selection(Struct, frozen=True, forbid_unknown_fields=True):
    """What the sample takes from the classifications."""

    industries: list[str]
    domains: dict[str, Domain]


class Agent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One agent; inside a team it takes job role and domain from there."""

    id: str
    name: str
    description: str
    optional_skills: int
    job_role: str = ""
    domain: str = ""


class Team(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One team with its members."""

    id: str
    name: str
    description: str
    job_role: str
    domain: str
    agents: list[Agent]


class Draft(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One proposal, of any kind."""

    kind: Literal["skill", "job_role", "team", "agent", "industry"]
    id: str
    name: str
    description: str
    aliases: list[str] = []
    tags: list[str] = []
    parents: list[str] = []
    category: str = ""
    seniority_level: str = ""
    industry: str = ""
    job_role: str = ""
    team: str = ""
    essential: list[str] = []
    optional: list[str] = []
    skills: list[str] = []


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One life-cycle step, taken for each of its ids in order."""

    by: Literal["author", "certifier"]
    to: Literal["draft", "under_review", "certified", "active", "deprecated", "archived"]
    reason: str
    ids: list[str]
    successor: str = ""


class Invented(Struct, frozen=True, forbid_unknown_fields=True):
    """What was made up for the sample."""

    teams: list[Team]
    agents: list[Agent]
    drafts: list[Draft]
    steps: list[Step]


class Definitions(Struct, frozen=True):
    """Both files together."""

    selection: Selection
    invented: Invented


def read(directory: Path) -> Definitions:
    """Read selection.toml and invented.toml of a folder."""
    return Definitions(
        selection=msgspec.toml.decode((directory / "selection.toml").read_bytes(), type=Selection),
        invented=msgspec.toml.decode((directory / "invented.toml").read_bytes(), type=Invented),
    )
