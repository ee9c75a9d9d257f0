"""One small world that every example is taken from: a pottery, with an entity of each kind."""

import json
from typing import Any, Final

from service.model.kinds import BY_NAME


def _id(number: int) -> str:
    return f"0190a1b2-0000-7000-8000-{number:012x}"


SKILL, INDUSTRY, JOB_ROLE, TEAM, AGENT = map(_id, range(1, 6))
AUTHOR, KEY, TENANT, SUCCESSOR, AMENDED, ENTRY = map(_id, range(0xA1, 0xA7))
ABSENT: Final = "01900000-0000-7000-8000-000000000000"
CURSOR: Final = "q1vXk0lN0q2h8sT3Wn5cJw"
IDS: Final = {
    "skill": SKILL,
    "job_role": JOB_ROLE,
    "team": TEAM,
    "agent": AGENT,
    "industry": INDUSTRY,
}

CREATE: Final[dict[str, dict[str, Any]]] = {
    "skill": {
        "name": "Wheel throwing",
        "description": "Shape clay on a wheel.",
        "category": "technical",
        "external_id": "pottery/wheel",
        "tags": ["clay", "pottery"],
    },
    "job_role": {
        "name": "Potter",
        "description": "Makes pots.",
        "seniority_level": "mid",
        "required_skills": [{"external_id": "pottery/wheel", "relation": "essential"}],
    },
    "team": {
        "name": "Workshop",
        "description": "Throws and glazes.",
        "job_role_id": JOB_ROLE,
        "industry_id": INDUSTRY,
    },
    "agent": {
        "name": "Thrower",
        "description": "Throws pots.",
        "job_role_id": JOB_ROLE,
        "industry_id": INDUSTRY,
        "team_id": TEAM,
        "skill_ids": [SKILL],
    },
    "industry": {
        "name": "Manufacture of ceramic household articles",
        "scheme": "NACE2",
        "code": "23.41",
        "level": 4,
    },
}
"""A body that creates an entity of each kind."""

_HEAD: Final[dict[str, Any]] = {
    "external_id": None,
    "description": None,
    "aliases": [],
    "tags": [],
    "custom_attributes": {},
    "governance_notes": None,
    "parent_ids": [],
}
_OWN: Final[dict[str, dict[str, Any]]] = {
    "skill": {"embedding_sha256": None},
    "job_role": {
        "industry_id": None,
        "required_skills": [{"id": SKILL, "relation": "essential"}],
    },
    "team": {},
    "agent": {},
    "industry": {"embedding_sha256": None},
}


def amendment(kind: str) -> dict[str, Any]:
    """Give the amendment that the example of a patch makes of an active entity."""
    members = document(kind, version=1) | PATCH[kind]
    return members | {"amendment_id": AMENDED, "base_version": 4}


def document(kind: str, status: str = "draft", version: int = 1) -> dict[str, Any]:
    """Give the document that the example of a create makes."""
    members = {
        **(_HEAD | CREATE[kind] | _OWN[kind]),
        "id": IDS[kind],
        "entity_type": kind,
        "status": status,
        "version": version,
        "created_at": "2026-03-01T09:30:00.123456Z",
        "updated_at": "2026-03-01T09:30:00.123456Z",
        "governance_agent_id": AUTHOR,
    }
    return {name: members[name] for name in BY_NAME[kind].document.__struct_fields__}


PATCH: Final[dict[str, dict[str, Any]]] = {
    "skill": {"aliases": ["Throwing"], "custom_attributes": {"tools": {"wheel": True}}},
    "job_role": {"seniority_level": "senior", "governance_notes": "Reviewed in spring."},
    "team": {"tags": ["ground floor"]},
    "agent": {"team_id": None},
    "industry": {"aliases": ["Pottery"]},
}
"""A merge patch for each kind."""

STEPS: Final[dict[str, dict[str, Any]]] = {
    "submit": {"to": "under_review", "reason": "Ready."},
    "certify": {"to": "certified", "reason": "Checked against the sources."},
    "activate": {"to": "active", "reason": "In use."},
    "deprecate": {
        "to": "deprecated",
        "reason": "Replaced.",
        "successor_id": SUCCESSOR,
    },
}

AMENDMENT_STEPS: Final[dict[str, dict[str, Any]]] = {
    "submit": {"to": "under_review", "reason": "Clearer."},
    "certify": {"to": "certified", "reason": "Checked against the sources."},
}
VERSIONS: Final[dict[str, Any]] = {
    "items": [
        {
            "version": 1,
            "operation": "create",
            "status": "draft",
            "at": "2026-03-01T09:30:00.123456Z",
            "governance_agent_id": AUTHOR,
            "key_id": KEY,
            "certified_by": None,
            "audit_id": ENTRY,
            "entry_hash": "9f" * 32,
        }
    ],
    "next_cursor": None,
}
DIFFERENCE: Final[dict[str, Any]] = {
    "from": 1,
    "to": 2,
    "patch": [{"op": "replace", "path": "/aliases", "value": ["Throwing"]}],
}

LINE: Final[dict[str, Any]] = {
    "kind": "skill",
    "external_id": "pottery/slip",
    "name": "Slip casting",
    "description": "Cast clay.",
    "category": "technical",
}
OUTCOMES: Final = (
    f'{{"line":1,"outcome":"created","id":"{SKILL}"}}\n'
    '{"totals":{"created":1,"amended":0,"unchanged":0,"rejected":0}}\n'
)

EXPORT: Final = (
    json.dumps(document("skill", "active", 4))
    + "\n"
    + json.dumps({"count": 1, "digest": "sha256:" + "9f" * 32})
    + "\n"
)
COMPLIANCE: Final[dict[str, Any]] = {
    "compliant": False,
    "checked_at": "2026-03-01T09:30:00.123456Z",
    "checks": [
        {"id": "L0-01", "passed": True, "violations": []},
        {
            "id": "L1-REF-1",
            "passed": False,
            "violations": [{"message": "It refers to what is archived.", "entity_id": ABSENT}],
        },
    ],
}

ME: Final[dict[str, Any]] = {
    "tenant": {"id": TENANT, "name": "pottery"},
    "governance_agent": {"id": AUTHOR, "name": "alice"},
    "key": {"id": KEY, "expires_at": None, "last_used_at": "2026-03-01T09:30:00.000000Z"},
    "scopes": ["read", "write"],
    "rate_limit": None,
}
