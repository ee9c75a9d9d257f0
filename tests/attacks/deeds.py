"""Attacks on a log, each as whoever can do it; docs/audit.md has the list.

Superusers take triggers away first: what they try without that is refused like everybody's.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from service.proof.keys import new_seed
from tests.attacks.forging import LOG, STATE, reforge, regrow, replace, resign
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.sessions import Connection

Deed = Callable[[Site, Prepared], Awaitable[None]]

# The entry of a version of an entity.
OF: Final = "entity_id = $1 AND version = $2"
BY_ENTRY: Final = f"audit_id IN (SELECT audit_id FROM audit.entry WHERE {OF})"


# -- Entries and documents.


async def document_edited(site: Site, prepared: Prepared) -> None:
    """A word in the document of a version."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(
            "UPDATE audit.payload SET body = replace(body, 'What it is.', 'What it was.')"
            f" WHERE {BY_ENTRY}",
            prepared.victim,
            2,
        )


async def document_edited_by_owner(site: Site, prepared: Prepared) -> None:
    """The same as plant_owner, who is no superuser: policies and triggers are its own to lift."""
    owner = await site.connect("owner")
    async with owner.transaction():
        for table in ("audit.entry", "audit.payload"):
            await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        await owner.execute("ALTER TABLE audit.payload DISABLE TRIGGER USER")
        await owner.execute(
            "UPDATE audit.payload SET body = replace(body, 'What it is.', 'What it was.')"
            f" WHERE {BY_ENTRY}",
            prepared.victim,
            2,
        )
        await owner.execute("ALTER TABLE audit.payload ENABLE TRIGGER USER")
        for table in ("audit.entry", "audit.payload"):
            await owner.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


async def salt_edited(site: Site, prepared: Prepared) -> None:
    """Another salt, which makes a document unprovable."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(
            f"UPDATE audit.payload SET salt = uuid_send(uuidv7()) WHERE {BY_ENTRY}",
            prepared.victim,
            2,
        )


async def document_emptied(site: Site, prepared: Prepared) -> None:
    """As an erasure does it, without one."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(
            f"UPDATE audit.payload SET salt = NULL, body = NULL WHERE {BY_ENTRY}",
            prepared.victim,
            2,
        )


async def document_brought_back(site: Site, prepared: Prepared) -> None:
    """Something in the place of what was erased."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(
            "UPDATE audit.payload SET salt = uuid_send(uuidv7()), body = '{}' WHERE audit_id = ("
            "SELECT entry.audit_id FROM audit.entry INNER JOIN audit.entry AS erasure"
            " USING (tenant_id, entity_id) WHERE erasure.operation = 'erase'"
            " AND entry.version = 1 ORDER BY entry.at LIMIT 1)"
        )


async def document_removed(site: Site, prepared: Prepared) -> None:
    """Its whole row."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(f"DELETE FROM audit.payload WHERE {BY_ENTRY}", prepared.victim, 2)


async def document_added(site: Site, prepared: Prepared) -> None:
    """One that belongs to no entry."""
    async with site.untriggered("audit.payload") as superuser:
        await superuser.execute(
            "INSERT INTO audit.payload (tenant_id, audit_id, salt, body)"
            " VALUES ($1, uuidv7(), uuid_send(uuidv7()), '{}')",
            prepared.other.id,
        )


async def actor_edited(site: Site, prepared: Prepared) -> None:
    """Who did it."""
    await _edited(site, prepared, "actor = 'nobody'")


async def time_edited(site: Site, prepared: Prepared) -> None:
    """When it was done."""
    await _edited(site, prepared, "at = at - interval '30 days'")


async def time_infinite(site: Site, prepared: Prepared) -> None:
    """A time that no calendar has, at which a careless verifier stumbles."""
    await _edited(site, prepared, "at = '-infinity'")


async def _edited(site: Site, prepared: Prepared, change: str) -> None:
    async with site.untriggered("audit.entry") as superuser:
        await superuser.execute(
            f"UPDATE audit.entry SET {change} WHERE {OF}",
            prepared.victim,
            2,
        )


async def entry_removed(site: Site, prepared: Prepared) -> None:
    """A version in the middle, its document too."""
    async with site.untriggered("audit.entry", "audit.payload") as superuser:
        await superuser.execute(f"DELETE FROM audit.payload WHERE {BY_ENTRY}", prepared.victim, 3)
        await superuser.execute(f"DELETE FROM audit.entry WHERE {OF}", prepared.victim, 3)


async def entry_forged(site: Site, prepared: Prepared) -> None:
    """A version more, hashed and linked as a trigger would, that never was in the queue."""
    async with site.untriggered("audit.entry", "audit.payload", "audit.pending") as superuser:
        await superuser.execute(
            "SELECT audit.append_entry(tenant_id, entity_type, entity_id, version + 1, 'amend',"
            " actor, key, clock_timestamp(), '{}', entry_hash, NULL)"
            f" FROM audit.entry WHERE {OF}",
            prepared.victim,
            5,
        )
        await superuser.execute("DELETE FROM audit.pending")


async def version_doubled(site: Site, prepared: Prepared) -> None:
    """Two second versions, once the rule against that was dropped."""
    await site.superuser.execute("ALTER TABLE audit.entry DROP CONSTRAINT entry_version_key")
    async with site.untriggered("audit.entry", "audit.payload", "audit.pending") as superuser:
        await superuser.execute(
            "SELECT audit.append_entry(tenant_id, entity_type, entity_id, version, 'amend',"
            " actor, key, at, '{}', prev_hash, NULL)"
            f" FROM audit.entry WHERE {OF}",
            prepared.victim,
            2,
        )
        await superuser.execute("DELETE FROM audit.pending")


# -- History made anew.


async def _rewritten(site: Site, prepared: Prepared) -> Connection:
    """Change the last document of the victim and all that names it, down to the entity."""
    superuser = site.superuser
    await superuser.execute(
        "UPDATE audit.payload SET body = replace(body, 'What it is.', 'What it was.')"
        f" WHERE {BY_ENTRY}",
        prepared.victim,
        5,
    )
    await superuser.execute(
        "UPDATE app.base_entity SET description = 'What it was.',"
        " document = replace(document, 'What it is.', 'What it was.') WHERE id = $1",
        prepared.victim,
    )
    return superuser


async def last_version_rewritten(site: Site, prepared: Prepared) -> None:
    """Entity, document and entry consistently, hashes included; its place stays as it was."""
    async with site.untriggered(*LOG, *STATE):
        superuser = await _rewritten(site, prepared)
        await superuser.execute(
            "UPDATE audit.entry SET payload_hash = sha256(salt || convert_to(body, 'UTF8'))"
            " FROM audit.payload WHERE payload.audit_id = entry.audit_id"
            " AND entry.entity_id = $1 AND entry.version = 5",
            prepared.victim,
        )
        await superuser.execute(
            "UPDATE audit.entry SET entry_hash = sha256(audit.entry_bytes(tenant_id, entity_type,"
            " entity_id, version, operation, actor, key, at, payload_hash, prev_hash))"
            f" WHERE {OF}",
            prepared.victim,
            5,
        )
        await superuser.execute(
            "UPDATE app.base_entity SET version_hash = entry_hash FROM audit.entry"
            " WHERE audit_id = last_entry_id AND id = $1",
            prepared.victim,
        )


async def last_version_and_places_rewritten(site: Site, prepared: Prepared) -> None:
    """And the places behind it, so that all rows agree with each other."""
    await last_version_rewritten(site, prepared)
    async with site.untriggered("audit.position") as superuser:
        await replace(superuser)


async def tree_rewritten(site: Site, prepared: Prepared) -> None:
    """And the tiles, so that nothing but what was signed disagrees."""
    await last_version_and_places_rewritten(site, prepared)
    async with site.untriggered("audit.tile") as superuser:
        await regrow(superuser)


async def signed_anew(site: Site, prepared: Prepared) -> None:
    """And every checkpoint, with a key of the attacker's own."""
    await tree_rewritten(site, prepared)
    async with site.untriggered("audit.checkpoint", "audit.cosignature") as superuser:
        await resign(superuser, [new_seed()])


async def signed_with_stolen_key(site: Site, prepared: Prepared) -> None:
    """With the log's own key, whose file the attacker has read."""
    async with site.untriggered(*LOG, *STATE) as superuser:
        await superuser.execute(
            "UPDATE audit.payload SET body = replace(body, 'What it is.', 'What it was.')"
            f" WHERE {BY_ENTRY}",
            prepared.victim,
            2,
        )
        await reforge(site, superuser)
        await regrow(superuser)
        await resign(superuser, site.keyring.seeds())


async def signed_and_state_replaced(site: Site, prepared: Prepared) -> None:
    """As the host: with the key, and the sealer's state made to fit."""
    await signed_with_stolen_key(site, prepared)
    row = await site.superuser.fetchrow("SELECT * FROM audit.checkpoint ORDER BY size DESC LIMIT 1")
    assert row
    said = json.loads(site.process.file.path.read_text(encoding="utf-8"))
    said |= {"root": row["root"].hex(), "note": row["note"]}
    site.process.file.path.write_text(json.dumps(said), encoding="utf-8")
