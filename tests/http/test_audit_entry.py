"""Every write over HTTP says which entry of the log it has left."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.model.kinds import BY_NAME
from service.model.links import LINKED
from service.openapi.kinds import name_of
from service.openapi.registry import OPERATIONS
from tests.api import PATHS, Answer, Api
from tests.erasing import entry_of

HEADER = re.compile(
    r"id=([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}), hash=([0-9a-f]{64})"
)
MANY = {"importLines", "runBatch"}
"""Operations that leave an entry for each line or operation: each outcome stands for one."""

READING = {"findDuplicates", "match", "searchEntities"}
"""Operations that write nothing, and ask with a body."""

ENTRY = "SELECT entity_id, encode(entry_hash, 'hex') FROM audit.entry WHERE audit_id = $1"


async def writes(api: Api, kind: str) -> AsyncIterator[tuple[str, Answer]]:
    """Write over every route of a kind: the operation, and what it was answered with."""
    name, certifier = name_of(BY_NAME[kind]), api.by(api.tenant.certifier)
    document = (await api.world())[kind]
    path = f"{PATHS[kind]}/{document['id']}"
    yield f"create{name}", await api.create(kind)
    yield f"patch{name}", await api.patch(path, {"tags": ["x"]}, "*")
    for patch in ({"description": "Proposed."}, {"description": "Better."}):
        yield f"patch{name}Amendment", await api.patch(f"{path}/amendment", patch, "*")
    amendment = f"{path}/amendment"
    yield f"step{name}Amendment", await api.step(amendment, "under_review", "*")
    yield f"step{name}Amendment", await certifier.step(amendment, "certified", "*")
    await api.patch(amendment, {"description": "Again."}, "*")
    headers = {"If-Match": "*"}
    yield f"withdraw{name}Amendment", await api.send("DELETE", amendment, headers=headers)
    own = {"If-None-Match": "*"}
    body = await api.body(kind)
    by_own = f"{PATHS[kind]}/by-external-id/x"
    yield f"put{name}ByExternalId", await api.send("PUT", by_own, body, headers=own)
    async for link in links(api, kind):
        yield link
    yield f"step{name}", await api.step(path, "deprecated", "*", **await successor(api, kind))


async def links(api: Api, kind: str) -> AsyncIterator[tuple[str, Answer]]:
    """Make and remove each sort of link whose path begins with a kind."""
    made = [linked for linked in LINKED if linked.path.startswith(f"{PATHS[kind]}/")]
    for linked in made:
        whole = await api.create(linked.kind.name)
        target = await api.made(linked.target.name)
        ids = {linked.own_id: whole.json["id"], linked.target_id: target["id"]}
        names = re.findall(r"{(\w+)}", linked.path)
        kinds = [linked.kind if name == linked.own_id else linked.target for name in names]
        name = "".join(map(name_of, kinds))
        path, headers = linked.path.format_map(ids), {"If-Match": "*"}
        body: dict[str, str] = {}
        yield f"put{name}", await api.send("PUT", path, body, headers=headers)
        yield f"delete{name}", await api.send("DELETE", path, headers=headers)


async def successor(api: Api, kind: str) -> dict[str, str]:
    """Name what takes the place of an entity that others depend on."""
    return {"successor_id": (await api.world())[kind]["id"]}


@pytest.mark.parametrize("kind", BY_NAME)
async def test_every_write_names_its_entry(
    api: Api, superuser: asyncpg.Connection, kind: str
) -> None:
    """Id and hash are those of an entry that is there, and no two writes name the same."""
    wanted = {
        one.id
        for one in OPERATIONS
        if one.method != "GET" and one.path.startswith(f"/v1/{BY_NAME[kind].path}")
    }
    done, seen, times = set(), set(), 0
    async for operation, answer in writes(api, kind):
        assert answer.status in {200, 201, 204}, answer.body
        found = HEADER.fullmatch(answer.headers["Audit-Entry"])
        assert found
        row = await superuser.fetchrow(ENTRY, entry_of(answer))
        assert row
        assert found[2] == row[1]
        if answer.body:
            document = answer.json
            assert str(row[0]) == document.get("amendment_id", document["id"])
        seen.add(found[0])
        times += 1
        done.add(operation)

    assert wanted == done
    assert times == len(seen)


def test_no_other_route_writes() -> None:
    """What changes something and is of no kind leaves more than one entry, and says so."""
    kinds = tuple(f"/v1/{kind.path}" for kind in BY_NAME.values())
    others = {
        one.id for one in OPERATIONS if one.method != "GET" and not one.path.startswith(kinds)
    }

    assert MANY == others - READING
