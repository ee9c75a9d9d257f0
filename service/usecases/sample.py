"""The sample: imported once into the tenant `sample` by two identities, its keys kept.

What was begun and killed is taken up again: imports repeat without harm, and an entity's version
says how many of its steps were taken.
"""

import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from service.model.kinds import BY_NAME
from service.refusal import Refusal
from service.repository.base import Context, Repository
from service.repository.entities import EntityById, EntityIdByExternalId, EntityStep
from service.repository.keys import KeyAuthenticate
from service.sample.packaged import SampleStep, load_sample
from service.usecases.importing import Import
from service.usecases.keys import create_key, key_hash

TENANT: Final = "sample"
SCOPES: Final = {
    "author": ["read", "write", "audit"],
    "certifier": ["read", "write", "certify", "audit"],
}


class SampleIncomplete(Refusal):
    """The sample could not be loaded."""


class SampleKeys(Struct, frozen=True, kw_only=True):
    """The keys of the sample's two governance agents; kept in the data directory."""

    author: str
    certifier: str
    complete: bool = False


class _Version(Struct, frozen=True):
    version: int


async def ensure_sample(
    repository: Repository,
    owner: Repository,
    path: Path,
    progress: Callable[[str, int, int], None],
) -> SampleKeys:
    """Have the sample loaded and return working keys; `path` keeps them between starts.

    `repository` runs as plant_app, `owner` as plant_owner; `progress` hears of what, how many lines
    are done, and of how many.

    Raises: SampleIncomplete, Problem.
    """
    keys = _read(path)
    contexts = await _contexts(repository, keys) if keys else None
    if keys is None or contexts is None:
        author = await create_key(owner, TENANT, "author", SCOPES["author"])
        certifier = await create_key(owner, TENANT, "certifier", SCOPES["certifier"])
        keys = SampleKeys(author=author.key, certifier=certifier.key)
        _write(path, keys)
        contexts = await _contexts(repository, keys)
        if contexts is None:
            raise SampleIncomplete("The new keys of the sample do not work.", "Try again.")
    if keys.complete:
        return keys
    sample = load_sample()
    as_active = msgspec.structs.replace(
        contexts["author"], certifier_key_id=contexts["certifier"].key_id
    )
    active, drafts = (partial(progress, what) for what in ("sample", "sample drafts"))
    await _import(repository, as_active, sample.active, active, as_active=True)
    await _import(repository, contexts["author"], sample.drafts, drafts, as_active=False)
    await _steps(repository, contexts, sample.steps)
    keys = msgspec.structs.replace(keys, complete=True)
    _write(path, keys)
    return keys


async def _contexts(repository: Repository, keys: SampleKeys) -> dict[str, Context] | None:
    """Find the identities behind the keys; None when one of them is not known here."""
    contexts = {}
    for agent, key in (("author", keys.author), ("certifier", keys.certifier)):
        identity = await repository.maybe(KeyAuthenticate(key_hash(key)))
        if identity is None:
            return None
        contexts[agent] = Context(
            tenant_id=str(identity.tenant_id),
            governance_agent_id=str(identity.governance_agent_id),
            key_id=str(identity.key_id),
            request_id="sample",
        )
    return contexts


async def _import(
    repository: Repository,
    context: Context,
    text: bytes,
    progress: Callable[[int, int], None],
    *,
    as_active: bool,
) -> None:
    run = Import(repository, context, as_active=as_active)
    async for outcomes in run.run(_lines(text), progress):
        for outcome in outcomes:
            if outcome.outcome == "rejected":
                detail = (outcome.problem or {}).get("detail", "")
                raise SampleIncomplete(
                    f"Line {outcome.line} of the sample was rejected: {detail}",
                    "Remove what is in its way from tenant sample.",
                )


async def _lines(text: bytes) -> AsyncIterator[bytes]:
    for line in text.splitlines():
        yield line


async def _steps(
    repository: Repository, contexts: dict[str, Context], steps: list[SampleStep]
) -> None:
    """Take the steps that have not been taken: each made one version."""
    place: dict[tuple[str, str], int] = {}
    taken: dict[tuple[str, str], int] = {}
    for step in steps:
        entity = (step.kind, step.external_id)
        context = contexts[step.by]
        identity = await _id(repository, contexts["author"], *entity)
        if entity not in taken:
            taken[entity] = await _version(repository, contexts["author"], step.kind, identity) - 1
        place[entity] = place.get(entity, 0) + 1
        if place[entity] <= taken[entity]:
            continue
        successor = None
        if step.successor_external_id is not None:
            successor = await _id(repository, context, step.kind, step.successor_external_id)
        await repository.one(
            EntityStep(step.kind, identity, None, step.to, step.reason, successor),
            context,
            writes=True,
        )


async def _id(repository: Repository, context: Context, kind: str, external_id: str) -> str:
    found = await repository.maybe(EntityIdByExternalId(kind, external_id), context)
    if found is None:
        raise SampleIncomplete(
            f"The sample's {BY_NAME[kind].title} {external_id} is not there.", "Import it again."
        )
    return str(found.id)


async def _version(repository: Repository, context: Context, kind: str, identity: str) -> int:
    found = await repository.maybe(EntityById(kind, identity), context)
    return msgspec.json.decode(found.document, type=_Version).version if found else 1


def _read(path: Path) -> SampleKeys | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=SampleKeys)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError):
        return None  # new keys are made; the old ones are of no use to anybody


def _write(path: Path, keys: SampleKeys) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(keys))
