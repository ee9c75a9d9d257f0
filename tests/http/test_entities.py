"""Entities over HTTP: create, read, change, step, on all five kinds."""

from tests.api import Api
from tests.factories import skill_body


class TestCreate:
    """POST /v1/{kinds}."""

    async def test_answers_201_with_location_etag_and_audit_entry(self, api: Api) -> None:
        """A created entity says where it is, which version it is, and which entry logged it."""
        answer = await api.post("/v1/skills", skill_body(name="SQL", tags=["b", "a"]))

        assert 201 == answer.status
        assert f"/v1/skills/{answer.json['id']}" == answer.headers["Location"]
        assert ["a", "b"] == answer.json["tags"]
        assert answer.headers["Audit-Entry"].startswith("id=")
        found = await api.get(answer.headers["Location"])
        assert answer.body == found.body
        assert answer.etag == found.etag
