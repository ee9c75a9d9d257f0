"""A member of the body that stands in the query: the refusal says where it belongs."""

import pytest

from tests.api import Api

ID = "0190a1b2-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "method,path,name,known",
    [
        ("POST", "/v1/search", "limit", []),
        ("POST", "/v1/search/duplicates", "kind", []),
        ("POST", "/v1/match", "limit", []),
        ("POST", "/v1/skills", "name", ["similar"]),
        ("PATCH", f"/v1/skills/{ID}", "name", []),
        ("POST", f"/v1/skills/{ID}/status", "to", []),
        ("PATCH", f"/v1/skills/{ID}/amendment", "name", []),
        ("POST", f"/v1/skills/{ID}/amendment/status", "reason", []),
        ("PUT", "/v1/skills/by-external-id/x", "category", []),
        ("PUT", f"/v1/job-roles/{ID}/skills/{ID}", "relation", []),
    ],
)
async def test_what_belongs_in_the_body_is_told_so(
    api: Api, method: str, path: str, name: str, known: list[str]
) -> None:
    """Wherever a resource reads a body with this member; what it knows is listed as ever."""
    answer = await api.send(method, f"{path}?{name}=1", {})

    assert (400, "unknown-parameter") == (answer.status, answer.problem)
    assert f" {name} belongs in the body." in answer.json["detail"]
    assert (name, known) == (answer.json["parameter"], answer.json["allowed"])


async def test_where_no_body_is_read_nothing_belongs_there(api: Api) -> None:
    """A link is removed without a body."""
    path = f"/v1/job-roles/{ID}/skills/{ID}"
    answer = await api.send("DELETE", f"{path}?relation=essential")

    assert (400, "unknown-parameter") == (answer.status, answer.problem)
    assert "belongs in the body" not in answer.json["detail"]
