"""What each tenant has, and how a row of another is known wherever it turns up."""

import re
from typing import Any
from urllib.parse import quote

from tests.api import PATHS, Api
from tests.factories import Tenant
from tests.reads import Place

MARK = re.compile(r"t-[0-9a-f]{12}")
"""The name of a tenant, with which everything begins that it calls something."""

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DRAFTS = 8
TAG = "stocked"
"""Of what is there from the beginning, and of nothing else."""


class Stock:
    """The rows of every tenant: where they are, and whose each name and id is.

    The external ids are the same for all: `own-3` of one tenant is not that of another.
    """

    def __init__(self, tenants: list[Tenant]) -> None:
        self.tenants = tenants
        self.places: dict[str, list[Place]] = {tenant.name: [] for tenant in tenants}
        self._whose: dict[str, str] = {}
        for tenant in tenants:
            self._whose[str(tenant.id)] = tenant.name
            for actor in (tenant.author, tenant.certifier, tenant.reader):
                self._whose[actor.context.governance_agent_id] = tenant.name
                self._whose[actor.context.key_id] = tenant.name

    async def fill(self, api: Api) -> None:
        """Give the tenant of a client its rows: one of each kind, and drafts of skills."""
        mark = api.tenant.name
        made = [await api.made("skill", "active", **_words(mark, 0))]
        industry = await api.made("industry", "active", **_words(mark, 1))
        needs = [{"id": made[0]["id"], "relation": "essential"}]
        role = await api.made("job_role", "active", **_words(mark, 2), required_skills=needs)
        shared = {"job_role_id": role["id"], "industry_id": industry["id"]}
        team = await api.made("team", **_words(mark, 3), **shared)
        own = {**shared, "team_id": team["id"], "skill_ids": [made[0]["id"]]}
        made += [industry, role, team, await api.made("agent", **_words(mark, 4), **own)]
        made += [await api.made("skill", **_words(mark, 5 + n)) for n in range(DRAFTS)]
        for document in made:
            # Two versions of each, so that there is something between them.
            if document["status"] == "draft":
                path = f"{PATHS[document['entity_type']]}/{document['id']}"
                etag = (await api.get(path)).etag
                assert 200 == (await api.patch(path, {"governance_notes": mark}, etag)).status
            self._whose[document["id"]] = mark
            place = Place(
                kind=document["entity_type"],
                id=document["id"],
                external_id=document["external_id"],
                name=document["name"],
                at=quote(document["updated_at"], safe=""),
                agent=document["governance_agent_id"],
                job_role=role["id"],
                tag=TAG,
            )
            self.places[mark].append(place)

    def foreign(self, tenant: Tenant, text: str, asked: str = "") -> set[str]:
        """Name what is in a text and another tenant's; what was asked for is only said again."""
        names = set(MARK.findall(text))
        names |= {self._whose[one] for one in UUID.findall(text) if self._others(one, asked)}
        return names - {tenant.name}

    def _others(self, identity: str, asked: str) -> bool:
        return identity in self._whose and identity not in asked


def _words(mark: str, number: int) -> dict[str, Any]:
    return {"name": f"{mark} {number}", "external_id": f"own-{number}", "tags": [TAG]}
