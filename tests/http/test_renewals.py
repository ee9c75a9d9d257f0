"""A key in use is asked for again before what is remembered of it is over; revocation stays bound.

Against a real server; only the clock of the service is set forward.
"""

import asyncio
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.errors import Unauthenticated
from service.http.caller import CACHE_S, RENEWED_S, Authenticator
from service.http.lookups import Answer
from service.repository.base import Repository
from service.repository.keys import Identity, KeyRevoke, KeysAuthenticate
from service.usecases.keys import key_hash
from tests.bench import until
from tests.factories import ActorWith, Tenant
from tests.moved import Moved

pytestmark = pytest.mark.database

LATE = timedelta(seconds=CACHE_S - RENEWED_S + 0.5)
"""After so long a key that is used is asked for again."""


class Asking:
    """A repository that remembers what keys it was asked for, alone and together."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.alone = 0
        self.together: list[list[bytes]] = []

    async def maybe(self, query: Any, **how: Any) -> Any:
        """Ask for one."""
        self.alone += 1
        return await self._repository.maybe(query, **how)

    async def many(self, query: KeysAuthenticate) -> Any:
        """Ask for several."""
        self.together.append(query.key_hashes)
        return await self._repository.many(query)


@pytest.fixture
def clock() -> Moved:
    """Have the clock of the service."""
    return Moved()


@pytest.fixture
def asking(repository: Repository) -> Asking:
    """Have what the database was asked."""
    return Asking(repository)


@pytest.fixture
def known(asking: Asking, clock: Moved) -> Authenticator:
    """Have what the service knows of keys: nothing yet."""
    return Authenticator(asking, clock)  # type: ignore[arg-type]


async def renewed(known: Authenticator, key: str) -> Identity:
    """Wait until a key is remembered, and give whose it is."""

    async def recalled() -> Identity | None:
        return known.recalled(key)

    found = await until(recalled, lambda identity: identity is not None)
    assert isinstance(found, Identity)
    return found


async def test_keys_in_use_are_asked_for_together_and_nobody_waits(
    known: Authenticator, asking: Asking, clock: Moved, tenant: Tenant
) -> None:
    """One statement for all of them; each is remembered for its time again, and still whose."""
    actors = tenant.author, tenant.certifier, tenant.reader
    first = [await known.identity(actor.key) for actor in actors]
    for _ in range(2):
        clock.ahead += LATE
        for actor in actors:
            assert known.recalled(actor.key) is not None
            assert await known.identity(actor.key) is not None
            await asyncio.sleep(0)
        clock.ahead += timedelta(seconds=RENEWED_S)
        again = [await renewed(known, actor.key) for actor in actors]
        assert [one.key_id for one in first] == [one.key_id for one in again]

    assert (3, [3, 3]) == (asking.alone, [len(keys) for keys in asking.together])
    assert 3 == len({one.key_id for one in first})


async def test_a_key_that_is_not_used_late_is_not_asked_for_again(
    known: Authenticator, asking: Asking, clock: Moved, tenant: Tenant
) -> None:
    """Early uses ask for nothing: over its time it is asked for by who uses it then, alone."""
    await known.identity(tenant.author.key)
    await known.identity(tenant.reader.key)
    clock.ahead += timedelta(seconds=CACHE_S - RENEWED_S - 0.5)
    assert known.recalled(tenant.author.key) == await known.identity(tenant.author.key)
    clock.ahead += timedelta(seconds=1)
    assert known.recalled(tenant.reader.key) is not None
    clock.ahead += timedelta(seconds=RENEWED_S)
    await renewed(known, tenant.reader.key)

    assert known.recalled(tenant.author.key) is None
    assert [[key_hash(tenant.reader.key)]] == asking.together
    await known.identity(tenant.author.key)
    assert 3 == asking.alone


async def test_a_renewal_finds_that_a_key_was_revoked(
    known: Authenticator, clock: Moved, owner: Repository, actor_with: ActorWith
) -> None:
    """Before the time is over: it is used until then, and is unknown from then on."""
    actor = await actor_with("read")
    await known.identity(actor.key)
    assert await owner.maybe(KeyRevoke(UUID(actor.context.key_id))) is not None
    clock.ahead += LATE
    assert known.recalled(actor.key) is not None

    async def forgotten() -> bool:
        return not known.remembers(actor.key)

    await until(forgotten, lambda gone: gone)
    with pytest.raises(Unauthenticated):
        await known.identity(actor.key)


async def test_a_revoked_key_reads_no_longer_than_it_may_whatever_renewals_find(
    known: Authenticator, clock: Moved, tenant: Tenant
) -> None:
    """The time counts from when a renewal asked; what was asked for before is not heard after."""
    key, digest = tenant.author.key, key_hash(tenant.author.key)
    early = clock.monotonic()
    await known.identity(key)
    clock.ahead += timedelta(seconds=1)
    identity = await known.identity(key, anew=True)
    known._renewed(digest, Answer(early, None))  # noqa: SLF001 - a slow answer
    assert identity == known.recalled(key)
    known._renewed(digest, Answer(early, identity))  # noqa: SLF001
    clock.ahead += timedelta(seconds=CACHE_S - 0.5)
    assert identity == known.recalled(key)

    asked = clock.monotonic()
    clock.ahead += timedelta(seconds=0.4)
    known._renewed(digest, Answer(asked, identity))  # noqa: SLF001
    clock.ahead += timedelta(seconds=CACHE_S - 0.2)
    assert known.recalled(key) is None
    known._renewed(key_hash("of nobody"), Answer(asked, identity))  # noqa: SLF001
    assert not known.remembers("of nobody")


async def test_each_key_is_found_once_and_what_is_no_key_not(
    repository: Repository, tenant: Tenant
) -> None:
    """In the order of their hashes, in which their rows are locked."""
    digests = [key_hash(actor.key) for actor in (tenant.author, tenant.reader)]
    found = await repository.many(
        KeysAuthenticate([*digests, secrets.token_bytes(32), *reversed(digests)])
    )

    assert sorted(digests) == [one.key_hash for one in found]
    scopes = {one.key_hash: sorted(one.scopes) for one in found}
    assert (["read"], 4) == (scopes[digests[1]], len(scopes[digests[0]]))
