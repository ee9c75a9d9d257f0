"""The log before its first checkpoint: nothing is proven, and every answer says what to do."""

import pytest

from tests.api import Api

pytestmark = pytest.mark.database


@pytest.mark.parametrize(
    "path",
    ["/v1/audit/checkpoint", "/v1/audit/tile/0/000.p/1", "/v1/audit/consistency?from=0"],
)
async def test_there_is_no_checkpoint(api: Api, path: str) -> None:
    """404 with the way out, for what is made from one, too."""
    await api.create("skill")
    answer = await api.send("GET", path, headers={"Authorization": None})

    assert (404, "not-found") == (answer.status, answer.problem)
    assert answer.json["detail"].startswith("Nothing is sealed yet. `plant serve`")
    assert "/readyz" in answer.json["detail"]
    assert "no-store" == answer.headers["Cache-Control"]


async def test_there_is_no_export_for_proof(api: Api) -> None:
    """409 that says when to come back; the documents can be exported as ever."""
    await api.create("skill")
    answer = await api.get("/v1/exports?format=proof")
    again = await api.get("/v1/exports?format=proof&since=0")

    assert (409, "not-sealed") == (answer.status, answer.problem)
    assert "1" == answer.headers["Retry-After"]
    assert 1 == answer.json["retry_after_s"]
    assert 409 == again.status
    assert 200 == (await api.get("/v1/exports")).status


async def test_there_is_no_receipt(api: Api) -> None:
    """The entry is there, and has no place."""
    made = await api.create("skill")
    answer = await api.get(f"/v1/skills/{made.json['id']}/receipt")

    assert (202, None) == (answer.status, answer.json["position"])
    assert answer.json["audit_id"] in made.headers["Audit-Entry"]
    assert [] == (await api.get("/v1/audit/entries")).json["items"]
