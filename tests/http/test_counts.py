"""GET /v1/counts: what there is, as far as the caller sees it."""

from tests.api import Api
from tests.factories import Tenant


async def counts(api: Api) -> dict[tuple[str, str], int]:
    """Count: each kind and state once, in their order."""
    answer = await api.get("/v1/counts")
    assert (200, "private, no-cache") == (answer.status, answer.headers["Cache-Control"])
    found = {(one["entity_type"], one["status"]): one["count"] for one in answer.json["items"]}
    assert len(found) == len(answer.json["items"])
    assert sorted(found) == [*found]
    return found


async def test_counts_are_by_kind_and_state(api: Api) -> None:
    """What there is none of is left out."""
    for status in ("draft", "draft", "under_review", "certified", "active", "deprecated"):
        await api.made("skill", status)
    await api.made("industry", "archived")

    assert {
        ("industry", "archived"): 1,
        ("skill", "draft"): 2,
        ("skill", "under_review"): 1,
        ("skill", "certified"): 1,
        ("skill", "active"): 1,
        ("skill", "deprecated"): 1,
    } == await counts(api)


async def test_a_draft_counts_for_its_author_alone(api: Api) -> None:
    """Another governance agent of the tenant is not told that there is one."""
    await api.made("skill")
    await api.made("skill", "under_review")

    assert {("skill", "draft"): 1, ("skill", "under_review"): 1} == await counts(api)
    assert {("skill", "under_review"): 1} == await counts(api.by(api.tenant.certifier))


async def test_another_tenant_counts_its_own(api: Api, other_tenant: Tenant) -> None:
    """Where there is nothing there is no item."""
    await api.made("skill", "active")

    assert {} == await counts(api.of(other_tenant))
