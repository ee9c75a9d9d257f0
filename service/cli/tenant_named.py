"""The tenant that a command is given by its name."""

from uuid import UUID

from service.cli.parser import WRONG_USAGE
from service.refusal import Refusal
from service.repository.base import Repository
from service.repository.keys import TenantByName


class NoTenant(Refusal):
    """Nobody has that name."""

    exit_code = WRONG_USAGE

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no tenant {name!r}.", "See `plant tenant list`.")


async def tenant_named(owner: Repository, name: str) -> UUID:
    """Find the id of a tenant.

    Raises: NoTenant.
    """
    found = await owner.maybe(TenantByName(name))
    if found is None:
        raise NoTenant(name)
    return found.tenant_id
