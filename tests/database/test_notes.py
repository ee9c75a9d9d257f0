"""That a key was used is noted in passing: nobody waits for a row that somebody else holds."""

import asyncpg
import pytest

from service.repository.base import Repository
from service.repository.keys import KeyAuthenticate, KeysAuthenticate, TokenAuthenticate
from service.usecases.keys import key_hash
from tests.factories import Tenant, unique

pytestmark = pytest.mark.database

LONG_AGO = "UPDATE app.api_key SET last_used_at = now() - interval '1 hour' WHERE tenant_id = $1"
HOLD = "SELECT FROM app.api_key WHERE id = $1 FOR UPDATE"
NOTED = """
SELECT count(*) FROM app.api_key
WHERE tenant_id = $1 AND last_used_at > now() - interval '1 minute'
"""
TRUSTED = """
UPDATE app.api_key SET issuer = $2 WHERE id = $1
RETURNING (SELECT name FROM app.tenant WHERE tenant.tenant_id = api_key.tenant_id)
"""


async def test_keys_are_found_though_the_row_of_one_is_held(
    repository: Repository, superuser: asyncpg.Connection, tenant: Tenant
) -> None:
    """Alone and together; of the others it is noted, and of that one with its next look-up."""
    actors = tenant.author, tenant.certifier, tenant.reader
    digests = sorted(key_hash(actor.key) for actor in actors)
    await superuser.execute(LONG_AGO, tenant.id)
    async with superuser.transaction():
        await superuser.execute(HOLD, tenant.certifier.context.key_id)
        alone = await repository.maybe(KeyAuthenticate(key_hash(tenant.certifier.key)))
        together = await repository.many(KeysAuthenticate(digests))

    assert alone is not None
    assert tenant.certifier.context.key_id == str(alone.key_id)
    assert digests == [one.key_hash for one in together]
    assert 2 == await superuser.fetchval(NOTED, tenant.id)
    await repository.many(KeysAuthenticate(digests))
    assert 3 == await superuser.fetchval(NOTED, tenant.id)


async def test_a_token_stands_for_somebody_though_the_row_is_held(
    repository: Repository, superuser: asyncpg.Connection, tenant: Tenant
) -> None:
    """Noted with the next look-up."""
    issuer, key_id = unique("https://issuer.test/"), tenant.reader.context.key_id
    name = await superuser.fetchval(TRUSTED, key_id, issuer)
    asked = TokenAuthenticate(issuer, name, tenant.reader.name, ["read"])
    await superuser.execute(LONG_AGO, tenant.id)
    async with superuser.transaction():
        await superuser.execute(HOLD, key_id)
        found = await repository.maybe(asked)

    assert found is not None
    assert key_id == str(found.key_id)
    assert 0 == await superuser.fetchval(NOTED, tenant.id)
    await repository.maybe(asked)
    assert 1 == await superuser.fetchval(NOTED, tenant.id)
