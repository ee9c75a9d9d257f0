"""Attacks on places, tree, checkpoints and queue, and on the database as a whole."""

import re
from typing import Final

from tests.attacks.forging import LOG, STATE, regrow, replace
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site
from tests.attacks.witness import cosign, keep
from tests.factories import create, skill_body, step
from tests.sessions import Connection

ROWS: Final = (
    "app.base_entity",
    "app.amendment",
    "app.skill_entity",
    "app.industry_entity",
    "app.job_role_entity",
    "app.team_entity",
    "app.agent_entity",
    "app.job_role_skill",
    "app.agent_skill",
    "app.entity_parent",
    "app.entity_tag",
)


# -- Places.


async def place_removed(site: Site, prepared: Prepared) -> None:
    """One in the middle."""
    async with site.untriggered("audit.position") as superuser:
        await superuser.execute("DELETE FROM audit.position WHERE log_index = 200")


async def places_swapped(site: Site, prepared: Prepared) -> None:
    """Two entries change places; the hashes stay where they are."""
    await _swapped(site)


async def places_swapped_and_hashed(site: Site, prepared: Prepared) -> None:
    """Two entries change places, and all that follows is hashed anew."""
    await _swapped(site)
    async with site.untriggered("audit.position") as superuser:
        await replace(superuser)


async def _swapped(site: Site) -> None:
    async with site.untriggered("audit.position") as superuser:
        one, other = [
            await superuser.fetchval(
                "SELECT audit_id FROM audit.position WHERE log_index = $1", index
            )
            for index in (200, 201)
        ]
        await superuser.execute("SET CONSTRAINTS ALL DEFERRED")
        for index, entry in ((200, None), (201, one), (200, other)):
            await superuser.execute(
                "UPDATE audit.position SET audit_id = coalesce($2, uuidv7()) WHERE log_index = $1",
                index,
                entry,
            )


# -- The queue, before anything is sealed.


async def _written(site: Site, prepared: Prepared, count: int = 1) -> list[str]:
    """Write while the sealer stands still; gives the ids of skills."""
    app = await site.repository("app")
    made = [await create(app, prepared.tenant.author, "skill", skill_body()) for _ in range(count)]
    return [str(one.id) for one in made]


async def queue_emptied(site: Site, prepared: Prepared) -> None:
    """As plant_worker, which may take rows from the queue: nobody will ever place the entry."""
    await _written(site, prepared)
    worker = await site.connect("worker")
    await worker.execute("DELETE FROM audit.pending")
    await _written(site, prepared)
    await site.process.until_sealed(prepared.sizes[2] + 1)


async def queue_swapped(site: Site, prepared: Prepared) -> None:
    """The second version before the first: it is placed and sealed so."""
    (made,) = await _written(site, prepared)
    app = await site.repository("app")
    await step(app, prepared.tenant.author, "skill", made, "under_review")
    async with site.untriggered("audit.pending") as superuser:
        rows = await superuser.fetch("SELECT seq, audit_id FROM audit.pending ORDER BY seq")
        for row, other in (rows, rows[::-1]):
            await superuser.execute(
                "UPDATE audit.pending SET audit_id = $1 WHERE seq = $2",
                other["audit_id"],
                row["seq"],
            )
    await site.seal()


async def queue_filled(site: Site, prepared: Prepared) -> None:
    """With a row for an entry that does not exist."""
    await site.superuser.execute(
        "INSERT INTO audit.pending (tenant_id, audit_id) VALUES ($1, uuidv7())", prepared.other.id
    )


async def entry_edited_in_the_queue(site: Site, prepared: Prepared) -> None:
    """The actor of an entry that waits for its place."""
    (made,) = await _written(site, prepared)
    async with site.untriggered("audit.entry") as superuser:
        await superuser.execute(
            "UPDATE audit.entry SET actor = 'nobody' WHERE entity_id = $1", made
        )


async def entry_rewritten_in_the_queue(site: Site, prepared: Prepared) -> None:
    """Entity, document and entry consistently, before they are sealed: nothing can tell."""
    (made,) = await _written(site, prepared)
    await rewrite(site, made)
    await site.seal()


async def rewrite(site: Site, made: str) -> None:
    """Change the first version of an entity and all that names it but a place in the log."""
    async with site.untriggered(*LOG, *STATE) as superuser:
        await superuser.execute(
            "UPDATE audit.payload SET body = replace(body, 'What it is.', 'What it was.')"
            " FROM audit.entry WHERE entry.audit_id = payload.audit_id AND entity_id = $1",
            made,
        )
        await superuser.execute(
            "UPDATE app.base_entity SET description = 'What it was.',"
            " document = replace(document, 'What it is.', 'What it was.') WHERE id = $1",
            made,
        )
        await superuser.execute(
            "UPDATE audit.entry SET payload_hash = sha256(salt || convert_to(body, 'UTF8'))"
            " FROM audit.payload WHERE payload.audit_id = entry.audit_id AND entity_id = $1",
            made,
        )
        await superuser.execute(
            "UPDATE audit.entry SET entry_hash = sha256(audit.entry_bytes(tenant_id, entity_type,"
            " entity_id, version, operation, actor, key, at, payload_hash, prev_hash))"
            " WHERE entity_id = $1",
            made,
        )
        await superuser.execute(
            "UPDATE app.base_entity SET version_hash = entry_hash FROM audit.entry"
            " WHERE audit_id = last_entry_id AND id = $1",
            made,
        )


async def clock_set_back(site: Site, prepared: Prepared) -> None:
    """As the host: the server's time is 30 days behind when an entity is written.

    The trigger that asks for the time is replaced, since a test cannot turn the machine's clock.
    """
    source = await site.superuser.fetchval(
        "SELECT pg_get_functiondef('app.base_entity_guard'::regproc)"
    )
    behind = re.sub(r"clock_timestamp\(\)", "(clock_timestamp() - interval '30 days')", source)
    assert behind != source
    await site.superuser.execute(behind)
    await _written(site, prepared)
    await site.superuser.execute(source)
    await site.seal()


# -- Tree and checkpoints.


async def tile_flipped(site: Site, prepared: Prepared) -> None:
    """A bit of a leaf in the middle of a tile."""
    await _flipped(site, 0, 1000)


async def tile_above_flipped(site: Site, prepared: Prepared) -> None:
    """A bit of a hash above the leaves."""
    await _flipped(site, 1, 7)


async def _flipped(site: Site, level: int, at: int) -> None:
    async with site.untriggered("audit.tile") as superuser:
        await superuser.execute(
            "UPDATE audit.tile SET nodes = set_byte(nodes, $2, get_byte(nodes, $2) # 1)"
            " WHERE level = $1 AND index = 0",
            level,
            at,
        )


async def tile_removed(site: Site, prepared: Prepared) -> None:
    """The first tile of leaves."""
    async with site.untriggered("audit.tile") as superuser:
        await superuser.execute("DELETE FROM audit.tile WHERE level = 0 AND index = 0")


async def tile_added(site: Site, prepared: Prepared) -> None:
    """One more than the tree has, as plant_worker, which may add some."""
    worker = await site.connect("worker")
    await worker.execute("INSERT INTO audit.tile VALUES (0, 7, $1)", bytes(32))


async def checkpoint_edited(site: Site, prepared: Prepared) -> None:
    """The size that an early one claims."""
    async with site.untriggered("audit.checkpoint") as superuser:
        await superuser.execute(
            "UPDATE audit.checkpoint SET size = size + 1 WHERE size = $1", prepared.sizes[0]
        )


async def checkpoint_removed(site: Site, prepared: Prepared) -> None:
    """The last one, so that the log looks shorter."""
    async with site.untriggered("audit.checkpoint") as superuser:
        await superuser.execute("DELETE FROM audit.checkpoint WHERE size > $1", prepared.sizes[1])


async def cosignature_moved(site: Site, prepared: Prepared) -> None:
    """As plant_worker: what a witness has signed of one checkpoint stands beside a later one."""
    await keep(await site.connect("worker"), prepared.sizes[2], cosign(prepared.held))


async def incarnation_removed(site: Site, prepared: Prepared) -> None:
    """Where the log began."""
    async with site.untriggered("audit.incarnation") as superuser:
        await superuser.execute("DELETE FROM audit.incarnation")


async def incarnation_edited(site: Site, prepared: Prepared) -> None:
    """With how many entries the log began, as if there had been a restore."""
    async with site.untriggered("audit.incarnation") as superuser:
        await superuser.execute("UPDATE audit.incarnation SET size = 10")


async def moved_to_another_cluster(site: Site, prepared: Prepared) -> None:
    """Dumped and restored elsewhere: the log names the cluster that it was written in."""
    async with site.untriggered("audit.incarnation") as superuser:
        await superuser.execute(
            "UPDATE audit.incarnation SET system_identifier = system_identifier + 1"
        )


# -- The end of the log, and all of it.


async def tail_cut(site: Site, prepared: Prepared) -> None:
    """Everything after an index is taken away, entities too; tiles and checkpoints are repaired."""
    first, _, _ = prepared.sizes
    async with site.untriggered(*LOG, *ROWS) as superuser:
        gone = await superuser.fetch(
            "DELETE FROM audit.position WHERE log_index >= $1 RETURNING audit_id", first
        )
        ids = [row["audit_id"] for row in gone]
        for table in ("audit.payload", "audit.entry"):
            await superuser.execute(f"DELETE FROM {table} WHERE audit_id = ANY($1)", ids)
        for table in ("audit.checkpoint", "audit.cosignature"):
            await superuser.execute(f"DELETE FROM {table} WHERE size > $1", first)
        for table in ROWS:
            column = {"app.job_role_skill": "job_role_id", "app.agent_skill": "agent_id"}.get(
                table, "entity_id" if table in {"app.entity_parent", "app.entity_tag"} else "id"
            )
            await superuser.execute(
                f"DELETE FROM {table} WHERE NOT EXISTS (SELECT FROM audit.entry"
                f" WHERE entry.entity_id = {table}.{column})"
            )
        await regrow(superuser)


async def wiped_and_begun_again(site: Site, prepared: Prepared) -> None:
    """Everything is taken away, and the registry is filled again."""
    async with site.untriggered(*LOG, *ROWS) as superuser:
        for table in (*LOG, *ROWS):
            await superuser.execute(f"DELETE FROM {table}")
    await _written(site, prepared)


async def entity_removed(site: Site, prepared: Prepared) -> None:
    """One entity with all its entries and documents; the places stay."""
    async with site.untriggered(*LOG, *ROWS) as superuser:
        await _without_victim(superuser, prepared.victim)


async def entity_removed_with_places(site: Site, prepared: Prepared) -> None:
    """One entity with everything, its places too; all that follows is numbered and hashed anew."""
    async with site.untriggered(*LOG, *ROWS) as superuser:
        await superuser.execute(
            "DELETE FROM audit.position WHERE audit_id IN"
            " (SELECT audit_id FROM audit.entry WHERE entity_id = $1)",
            prepared.victim,
        )
        await _without_victim(superuser, prepared.victim)
        await superuser.execute(
            "UPDATE audit.position SET log_index = moved.at, pos = moved.pos FROM ("
            " SELECT audit_id, row_number() OVER (ORDER BY log_index) - 1 AS at,"
            " row_number() OVER (PARTITION BY tenant_id ORDER BY pos) AS pos FROM audit.position"
            ") AS moved WHERE moved.audit_id = position.audit_id"
        )
        await replace(superuser)


async def _without_victim(superuser: Connection, victim: str) -> None:
    await superuser.execute(
        "DELETE FROM audit.payload WHERE audit_id IN"
        " (SELECT audit_id FROM audit.entry WHERE entity_id = $1)",
        victim,
    )
    await superuser.execute("DELETE FROM audit.entry WHERE entity_id = $1", victim)
    await superuser.execute("DELETE FROM app.entity_tag WHERE entity_id = $1", victim)
    await superuser.execute("DELETE FROM app.skill_entity WHERE id = $1", victim)
    await superuser.execute("DELETE FROM app.base_entity WHERE id = $1", victim)


async def state_of_sealer_removed(site: Site, prepared: Prepared) -> None:
    """As the host: what was signed last is forgotten."""
    site.process.file.path.unlink()
