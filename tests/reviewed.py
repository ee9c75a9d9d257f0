"""The schema as it was reviewed: columns, what may be absent, what refers to what."""

from tests.sessions import Connection

BASE_ENTITY = {
    "tenant_id": "uuid NOT NULL",
    "id": "uuid NOT NULL",
    "entity_type": "text NOT NULL",
    "external_id": "text",
    "name": "text NOT NULL",
    "name_key": "text COLLATE C",
    "name_scope": "text",
    "description": "text",
    "status": "text NOT NULL",
    "created_at": "timestamp with time zone NOT NULL",
    "updated_at": "timestamp with time zone NOT NULL",
    "archived_at": "timestamp with time zone",
    "private_to": "uuid",
    "version": "integer NOT NULL",
    "version_hash": "bytea NOT NULL",
    "last_entry_id": "uuid NOT NULL",
    "aliases": "text[] NOT NULL",
    "custom_attributes": "jsonb NOT NULL",
    "governance_notes": "text",
    "governance_agent_id": "uuid NOT NULL",
    "document": "text NOT NULL",
}
SECTIONS = {"identity", "life cycle", "versioning", "alignment", "audit", "metadata", "relations"}
# Foreign keys that stand only between the service's own rows are waived above, all are here:
# (table, columns after the tenant, table they refer to, columns after the tenant).
TYPED = "base_entity(entity_type, id)"
FOREIGN_KEYS = {
    "governance_agent_tenant_fkey": "governance_agent() tenant()",
    "api_key_governance_agent_fkey": "api_key(governance_agent_id) governance_agent(id)",
    "idempotency_governance_agent_fkey": "idempotency(governance_agent_id) governance_agent(id)",
    "import_line_governance_agent_fkey": "import_line(governance_agent_id) governance_agent(id)",
    "base_entity_governance_agent_fkey": "base_entity(governance_agent_id) governance_agent(id)",
    "entity_parent_entity_fkey": f"entity_parent(entity_type, entity_id) {TYPED}",
    "entity_parent_parent_fkey": f"entity_parent(entity_type, parent_id) {TYPED}",
    "entity_tag_entity_fkey": f"entity_tag(entity_type, entity_id) {TYPED}",
    "entity_label_entity_fkey": "entity_label(entity_id) base_entity(id)",
    "label_cursor_tenant_fkey": "label_cursor() tenant()",
    "amendment_entity_fkey": f"amendment(entity_type, entity_id) {TYPED}",
    "amendment_governance_agent_fkey": "amendment(governance_agent_id) governance_agent(id)",
    **{
        f"{kind}_entity_base_fkey": f"{kind}_entity(id) base_entity(id)"
        for kind in ("skill", "job_role", "team", "agent", "industry")
    },
    "job_role_entity_industry_fkey": "job_role_entity(industry_id) industry_entity(id)",
    "team_entity_job_role_fkey": "team_entity(job_role_id) job_role_entity(id)",
    "team_entity_industry_fkey": "team_entity(industry_id) industry_entity(id)",
    "agent_entity_job_role_fkey": "agent_entity(job_role_id) job_role_entity(id)",
    "agent_entity_industry_fkey": "agent_entity(industry_id) industry_entity(id)",
    "agent_entity_team_fkey": "agent_entity(team_id) team_entity(id)",
    "job_role_skill_job_role_fkey": "job_role_skill(job_role_id) job_role_entity(id)",
    "job_role_skill_skill_fkey": "job_role_skill(skill_id) skill_entity(id)",
    "agent_skill_agent_fkey": "agent_skill(agent_id) agent_entity(id)",
    "agent_skill_skill_fkey": "agent_skill(skill_id) skill_entity(id)",
}
# Every column that may be NULL, but private_to; staged lines hold what was given.
NULLABLE = {
    "api_key": "expires_at issuer last_used_at revoked_at",
    "base_entity": "archived_at description external_id governance_notes name_key name_scope",
    "skill_entity": "embedding_384",
    "industry_entity": "code embedding_384 level scheme",
    "job_role_entity": "industry_id seniority_level",
    "agent_entity": "team_id",
    "life_cycle_step": "by_author",
    "amendment_step": "by_author",
    "incarnation": "given_up",
    "payload": "body reason salt successor_id",
    "tenant": "similar_min",
}
REFERENCES = """
SELECT conname::text AS name, regexp_replace(pg_get_constraintdef(pg_constraint.oid),
    '^FOREIGN KEY \\(tenant_id,? ?(.*)\\) REFERENCES \\w+\\.(\\w+)\\(tenant_id,? ?(.*?)\\).*$',
    relname || '(\\1) \\2(\\3)') AS what
FROM pg_constraint INNER JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'f' AND connamespace = 'app'::regnamespace AND conparentid = 0
    AND convalidated AND conenforced
"""


async def foreign_keys(superuser: Connection) -> dict[str, str]:
    """Read what the catalogue has of what refers to what, in the form of FOREIGN_KEYS."""
    return {row["name"]: row["what"] for row in await superuser.fetch(REFERENCES)}
