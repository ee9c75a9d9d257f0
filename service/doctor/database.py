"""The server and all in it, as far as it lets itself be asked."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from service.database.check import LoginRefused, ServerUnreachable
from service.database.target import Target
from service.doctor import history, log, machine, replica, schema, server
from service.doctor.check import Check, bad, unknown, unseen
from service.doctor.look import Seen, Unseen, look, passwords
from service.doctor.standing import NEXT_START, Standing, standing
from service.refusal import Refusal
from service.settings import Settings


def examine_server(settings: Settings, tell: Callable[[str], None]) -> list[Check]:
    """Look at the server, what is in it and what it lies on."""
    try:
        with standing(settings, tell) as found:
            return [*_asked(settings, found)]
    except Refusal as refusal:
        return [
            *unseen(_closed(settings, refusal)),
            machine.disk({machine.OURS: settings.data_dir}),
        ]


def _asked(settings: Settings, found: Standing) -> Iterator[Check]:
    places, beside = {machine.OURS: settings.data_dir}, ""
    if found.target is not None:
        seen = asyncio.run(look(settings, found.target))
        yield found.check or server.given(found.target.url("owner"), seen)
        yield from _database(settings, found.target, seen)
        beside = f"the database has {machine.size(seen.facts.database_bytes)}"
        if data := _data(found.target, seen):
            places[machine.SERVERS] = data
        else:
            beside += ", on disks that this command cannot see"
    elif found.check is not None:
        yield from unseen(found.check) if found.made else [found.check]
    yield machine.disk(places, beside)


def _database(settings: Settings, target: Target, seen: Seen) -> Iterator[Check]:
    facts = seen.facts
    yield server.version(facts)
    yield server.encoding(facts)
    yield server.vector(facts)
    yield from history.compared(target.url("owner"), embedded=target.embedded)
    if seen.tables:  # else nothing was migrated here, which is said
        yield schema.roles(seen)
        yield schema.logins(seen)
        yield schema.row_security(seen.tables)
        yield schema.triggers(seen.tables)
        yield schema.keys(seen)
        yield log.log(seen.log)
    yield server.connections(settings, facts)
    if seen.replica is not None:
        yield replica.replica(seen.replica, seen.primary)
    yield server.clock(seen)


def _data(target: Target, seen: Seen) -> Path | None:
    """Find the server's files where they can be seen from here."""
    if target.server is not None:
        return target.server.place.data
    told = seen.facts.data_directory
    if told is None or not server.is_near(target.url("owner")):
        return None
    # A container's server has the path of its own file system.
    seen_here = os.path.isfile(Path(told) / "PG_VERSION")  # noqa: PTH113 - never raises
    return Path(told) if seen_here else None


def _closed(settings: Settings, refusal: Refusal) -> Check:
    """Say why the server cannot be asked, and whether that is broken or only not to be seen."""
    way_out = refusal.way_out
    if isinstance(refusal, LoginRefused) and settings.database_url is None:
        path = passwords(settings).path
        way_out = f"Bring {path} back; or stop the server and remove it: {NEXT_START}."
    if isinstance(refusal, ServerUnreachable | Unseen):
        return unknown("server", refusal.wrong.removesuffix("."), way_out)
    return bad("server", refusal.wrong.removesuffix("."), way_out)
