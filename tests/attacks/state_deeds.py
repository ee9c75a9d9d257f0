"""Attacks on the registry as it is now, beside its log."""

from tests.attacks.prepared import Prepared
from tests.attacks.site import Site


async def column_edited(site: Site, prepared: Prepared) -> None:
    """The name by which an entity is found; what is served stays."""
    async with site.untriggered("app.base_entity") as superuser:
        await superuser.execute(
            "UPDATE app.base_entity SET name = 'another' WHERE id = $1", prepared.victim
        )


async def served_document_edited(site: Site, prepared: Prepared) -> None:
    """What is served, with the column that it is rendered from."""
    async with site.untriggered("app.base_entity") as superuser:
        await superuser.execute(
            "UPDATE app.base_entity SET description = 'What it was.',"
            " document = replace(document, 'What it is.', 'What it was.') WHERE id = $1",
            prepared.victim,
        )


async def tag_added(site: Site, prepared: Prepared) -> None:
    """A tag that no version has."""
    await site.superuser.execute(
        "INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag)"
        " VALUES ($1, $2, 'skill', 'secretly')",
        prepared.other.id,
        prepared.victim,
    )


async def kind_row_edited(site: Site, prepared: Prepared) -> None:
    """The seniority of a job role."""
    async with site.untriggered("app.job_role_entity") as superuser:
        await superuser.execute(
            "UPDATE app.job_role_entity SET seniority_level = 'senior' WHERE id = $1",
            prepared.world.job_role,
        )


async def link_edited(site: Site, prepared: Prepared) -> None:
    """A skill that a job role does not need so much any more."""
    await site.superuser.execute(
        "UPDATE app.job_role_skill SET relation = 'optional' WHERE job_role_id = $1",
        prepared.world.job_role,
    )


async def version_set_back(site: Site, prepared: Prepared) -> None:
    """An entity that claims to be what it was before."""
    async with site.untriggered("app.base_entity") as superuser:
        await superuser.execute(
            "UPDATE app.base_entity SET version = entry.version, version_hash = entry.entry_hash,"
            " last_entry_id = entry.audit_id, document = payload.body, status = 'active',"
            " updated_at = entry.at FROM audit.entry INNER JOIN audit.payload USING (audit_id)"
            " WHERE entry.entity_id = base_entity.id AND id = $1 AND entry.version = 4",
            prepared.victim,
        )


async def entity_unlogged(site: Site, prepared: Prepared) -> None:
    """A skill that is written while no trigger looks."""
    async with site.untriggered("app.base_entity", "app.skill_entity") as superuser:
        await superuser.execute(
            "INSERT INTO app.skill_entity (tenant_id, id, category)"
            " SELECT tenant_id, '01900000-0000-7000-8000-000000000001', category"
            " FROM app.skill_entity WHERE id = $1",
            prepared.victim,
        )
        await superuser.execute(
            "INSERT INTO app.base_entity (tenant_id, id, entity_type, name, description, status,"
            " created_at, updated_at, version, version_hash, last_entry_id, governance_agent_id,"
            " document) SELECT tenant_id, '01900000-0000-7000-8000-000000000001', entity_type,"
            " 'secret', description, 'active', created_at, updated_at, 1, version_hash,"
            " last_entry_id, governance_agent_id, document FROM app.base_entity WHERE id = $1",
            prepared.victim,
        )


async def entity_row_removed(site: Site, prepared: Prepared) -> None:
    """The entity itself; its log stays."""
    async with site.untriggered("app.base_entity", "app.skill_entity", "app.entity_tag") as own:
        await own.execute("DELETE FROM app.entity_tag WHERE entity_id = $1", prepared.victim)
        await own.execute("DELETE FROM app.skill_entity WHERE id = $1", prepared.victim)
        await own.execute("DELETE FROM app.base_entity WHERE id = $1", prepared.victim)


async def kind_row_left_behind(site: Site, prepared: Prepared) -> None:
    """Of a skill that is not there."""
    async with site.untriggered("app.skill_entity") as superuser:
        await superuser.execute(
            "INSERT INTO app.skill_entity (tenant_id, id, category)"
            " VALUES ($1, uuidv7(), 'technical')",
            prepared.other.id,
        )


async def tag_left_behind(site: Site, prepared: Prepared) -> None:
    """Of a skill that is not there."""
    async with site.untriggered("app.entity_tag") as superuser:
        await superuser.execute(
            "INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag)"
            " VALUES ($1, uuidv7(), 'skill', 'stray')",
            prepared.other.id,
        )


async def amendment_edited(site: Site, prepared: Prepared) -> None:
    """Who wrote an open amendment."""
    async with site.untriggered("app.amendment") as superuser:
        await superuser.execute(
            "UPDATE app.amendment SET governance_agent_id = $1 WHERE status = 'draft'",
            prepared.tenant.certifier.context.governance_agent_id,
        )


async def amendment_document_edited(site: Site, prepared: Prepared) -> None:
    """What an open amendment says."""
    async with site.untriggered("app.amendment") as superuser:
        await superuser.execute(
            "UPDATE app.amendment SET document = replace(document, 'Open.', 'Shut.')"
            " WHERE status = 'draft'"
        )
