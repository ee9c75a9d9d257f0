"""The whole life of a skill, by a client that was generated from docs/openapi.json."""

import json
import os
import sys
from io import BytesIO
from typing import Any

from plant_client import AuthenticatedClient
from plant_client.api.all_kinds import get_entities
from plant_client.api.identity import me
from plant_client.api.import_and_export import export_lines, import_lines
from plant_client.api.skills import create_skill, get_skill, list_skills, patch_skill, step_skill
from plant_client.models import (
    Category,
    NameTakenProblem,
    PreconditionFailedProblem,
    SkillCreate,
    SkillDocument,
    SkillPatch,
    Status,
    StatusStep,
)
from plant_client.types import File

URL = os.environ["PLANT_URL"]


def client(name: str) -> AuthenticatedClient:
    """Make a client for a key."""
    return AuthenticatedClient(base_url=URL, token=os.environ[name])


author, certifier = client("AUTHOR"), client("CERTIFIER")


def step(by: AuthenticatedClient, skill: SkillDocument, etag: str, to: Status) -> Any:
    """Take a step; gives the document and its entity tag."""
    body = StatusStep(to=to, reason="For the smoke test.")
    done = step_skill.sync_detailed(skill.id, client=by, body=body, if_match=etag)
    assert isinstance(done.parsed, SkillDocument), done.content
    return done.parsed, done.headers["ETag"]


known = me.sync(client=author)
assert ["read", "write"] == [scope.value for scope in known.scopes]

wanted = SkillCreate(
    name="Kiln firing", description="Fire pottery in a kiln.", category=Category.TECHNICAL
)
created = create_skill.sync_detailed(client=author, body=wanted)
skill, etag = created.parsed, created.headers["ETag"]
assert 201 == created.status_code
assert isinstance(skill, SkillDocument)
assert Status.DRAFT == skill.status
assert created.headers["Location"] == f"/v1/skills/{skill.id}"

read = get_skill.sync_detailed(skill.id, client=author)
assert skill == read.parsed
unchanged = get_skill.sync_detailed(skill.id, client=author, if_none_match=etag)
assert 304 == unchanged.status_code

page = list_skills.sync(client=author, name=["kiln"], status=[Status.DRAFT, Status.ACTIVE])
assert [skill.id] == [each.id for each in page.items]
assert page.next_cursor is None

patch = SkillPatch(aliases=["Firing"])
patched = patch_skill.sync_detailed(skill.id, client=author, body=patch, if_match=etag)
assert ["Firing"] == patched.parsed.aliases
stale = patch_skill.sync(skill.id, client=author, body=patch, if_match=etag)
assert isinstance(stale, PreconditionFailedProblem)
assert patched.headers["ETag"] == stale.current_etag

skill, etag = step(author, skill, patched.headers["ETag"], Status.UNDER_REVIEW)
skill, etag = step(certifier, skill, etag, Status.CERTIFIED)
skill, etag = step(author, skill, etag, Status.ACTIVE)
assert (Status.ACTIVE, 5) == (skill.status, skill.version)

again = create_skill.sync(
    client=author,
    body=SkillCreate(name="KILN FIRING", description="The same.", category=Category.TECHNICAL),
)
assert isinstance(again, NameTakenProblem)
assert (409, skill.id) == (again.status, again.existing_id)

many = get_entities.sync(client=certifier, id=[skill.id])
assert isinstance(many.items[0], SkillDocument)

line = {"kind": "skill", "external_id": "pottery/slip", "name": "Slip casting",
        "description": "Cast clay.", "category": "technical"}  # fmt: skip
imported = import_lines.sync_detailed(client=author, body=File(BytesIO(json.dumps(line).encode())))
outcome, totals = map(json.loads, imported.content.splitlines())
assert "created" == outcome["outcome"]
assert {"created": 1, "amended": 0, "unchanged": 0, "rejected": 0} == totals["totals"]

exported = export_lines.sync_detailed(client=author)
*documents, closing = map(json.loads, exported.content.splitlines())
assert {"Kiln firing", "Slip casting"} == {document["name"] for document in documents}
assert 2 == closing["count"]

sys.stdout.write("lived\n")
