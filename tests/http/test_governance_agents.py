"""GET /v1/governance-agents: names for the ids that documents and the log have."""

import pytest

from tests.api import Api
from tests.factories import Tenant

NEVER = "01900000-0000-7000-8000-000000000000"


def asked(*ids: str) -> str:
    """Ask for some."""
    return "/v1/governance-agents?" + "&".join(f"id={one}" for one in ids)


async def test_names_come_in_the_order_of_the_ids(api: Api) -> None:
    """Once each; what names nobody is missing."""
    author, certifier = (
        actor.context.governance_agent_id for actor in (api.tenant.author, api.tenant.certifier)
    )
    answer = await api.get(asked(certifier, NEVER, author.upper(), certifier))

    assert (200, "private, no-cache") == (answer.status, answer.headers["Cache-Control"])
    assert {
        "items": [{"id": certifier, "name": "certifier"}, {"id": author, "name": "author"}],
        "missing": [NEVER],
    } == answer.json


async def test_those_of_another_tenant_are_missing(api: Api, other_tenant: Tenant) -> None:
    """Their names are nobody else's business."""
    theirs = other_tenant.author.context.governance_agent_id
    answer = await api.get(asked(theirs))

    assert {"items": [], "missing": [theirs]} == answer.json


@pytest.mark.parametrize("query", ["", "?id=x", "?" + "&".join(["id=" + NEVER] * 101)])
async def test_one_to_a_hundred_ids_are_asked_for(api: Api, query: str) -> None:
    """None, one that is no id, and one too many are refused."""
    answer = await api.get(f"/v1/governance-agents{query}")

    assert (400, "invalid-parameter") == (answer.status, answer.problem)


async def test_a_hundred_are_answered(api: Api) -> None:
    """The bound itself is within."""
    ids = [f"01900000-0000-7000-8000-{number:012}" for number in range(100)]
    answer = await api.get(asked(*ids))

    assert ids == answer.json["missing"]
