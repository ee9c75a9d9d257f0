"""The checks of sql/compliance that read the log: of logs that are drawn, what is reckoned apart.

What the write path would refuse is planted beneath it: every operation after every other, by
whoever, and entries and bodies that were tampered with.
"""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import Struct

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.repository.compliance import statement_of
from tests.chain import NOTHING, entry_hash, payload_hash
from tests.factories import Actor, Tenant, make_actor, make_tenant, unique
from tests.sessions import Connection, acting
from tests.triggers import asleep

pytestmark = pytest.mark.database

Row = dict[str, Any]

LOGS = 250
ENTRIES_MAX = 9
BORN = datetime(2026, 1, 1, tzinfo=UTC)
IN_FORCE = ("certified", "active", "deprecated")
STATES = (*IN_FORCE, "draft", "under_review", "archived")
STEPS = {"submit": "write", "withdraw": "write", "reject": "certify", "certify": "certify",
         "activate": "write", "deprecate": "write", "archive": "write"}  # fmt: skip
SCOPES = {"create": "write", "amend": "write", "erase": "admin", "restore": "admin", **STEPS}
OPERATIONS = (*SCOPES, "import", "unheard", "certify", "import", "activate", "amend", "restore")
DRAFTED = {"create", "withdraw", "reject", "restore"}
SHOWN = {"submit", "certify", "activate", "deprecate", "archive", "import"}

BASE = """
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, governance_agent_id, version,
    version_hash, created_at, updated_at, archived_at, last_entry_id, document
) VALUES (
    $1, $2, 'skill', $3, 'What it is.', $4, $5, $6, sha256(''), now(), now(),
    CASE $4 WHEN 'archived' THEN now() END, $2, ''
)
"""
SKILL = "INSERT INTO app.skill_entity (tenant_id, id, category, private_to) VALUES ($1, $2, $3, $4)"
AMENDMENT = """
INSERT INTO app.amendment (
    tenant_id, id, entity_id, entity_type, base_version, patch, status, version_hash,
    last_entry_id, governance_agent_id, created_at, updated_at, document
) VALUES ($1, $2, $3, 'skill', $4, '{}', $5, sha256(''), $2, $6, now(), now(), '{}')
"""
RENDERED = """
UPDATE app.base_entity SET document = app.entity_document(base_entity) WHERE id = $1
RETURNING document
"""
SAID = """
UPDATE app.base_entity SET version = $2, last_entry_id = $3, version_hash = $4, document = $5
WHERE id = $1
"""


class Log(Struct):
    """A skill with its entries, their bodies, its amendments, and what its row says."""

    base: Row
    entries: list[Row]
    bodies: dict[UUID, Row]
    amendments: list[Row]


class Drawing:
    """Draws logs, always the same ones."""

    def __init__(self, tenant: Tenant, actors: list[Actor]) -> None:
        self._tenant = tenant
        self._contexts = [one.context for one in actors]
        self._chance = random.Random(20)

    def _id(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)

    def _often(self, share: float) -> bool:
        return self._chance.random() < share

    def log(self) -> Log:
        """Draw a log; its row says for now what the last entry should."""
        first = self._chance.choice(["create", "create", "import", "restore", "amend"])
        count = self._chance.randint(1, ENTRIES_MAX)
        operations = [first, *(self._chance.choice(OPERATIONS) for _ in range(count - 1))]
        begins = self._chance.choice([1, 1, 4])
        identity = self._id()
        entries = [
            self._entry(identity, "skill", begins + nth, operation)
            for nth, operation in enumerate(operations)
        ]
        if count > 2 and self._often(0.15):
            del entries[self._chance.randrange(1, count)]
        status = self._chance.choice(STATES)
        base = {
            "id": identity, "status": status, "version": entries[-1]["version"],
            "governance_agent_id": self._contexts[0].governance_agent_id,
        }  # fmt: skip
        amendments = [self._amendment(one) for one in entries if self._often(0.5)]
        # A version has one amendment at most that was certified.
        taken: set[int] = set()
        for one in amendments:
            if one["base_version"] in taken:
                one["status"] = "rejected"
            taken.add(one["base_version"])
        return Log(base, entries, {}, [one for one in amendments if one["base_version"] > 0])

    def _entry(self, identity: UUID, kind: str, version: int, operation: str) -> Row:
        who = [self._chance.choice(self._contexts) for _ in range(2)]
        count = 2 if operation == "import" and not self._often(0.2) else 1
        keys = [one.key_id for one in who[:count]]
        if self._often(0.1):
            keys[-1] = self._chance.choice(self._contexts).key_id
        return {
            "tenant_id": self._tenant.id, "audit_id": self._id(), "entity_type": kind,
            "entity_id": identity, "version": version, "operation": operation,
            "actor": "+".join(one.governance_agent_id for one in who[:count]),
            "key": "+".join(keys),
            "at": BORN + timedelta(microseconds=self._chance.randrange(10**12)),
        }  # fmt: skip

    def _amendment(self, entry: Row) -> Row:
        identity = self._id()
        operations = ["create", *self._chance.sample(["amend", "submit", "certify"], 2)]
        if self._often(0.3):
            # The certifier's own entry of another sort is no writing.
            operations = operations[1:]
        logged = [
            self._entry(identity, "amendment", nth, one) for nth, one in enumerate(operations, 1)
        ]
        return {
            "id": identity, "base_version": entry["version"] + self._chance.choice([-1, -1, 0]),
            "status": self._chance.choice(["certified", "certified", "rejected"]),
            "governance_agent_id": self._contexts[0].governance_agent_id, "entries": logged,
        }  # fmt: skip

    def finished(self, log: Log, document: str) -> None:
        """Give the entries their bodies and hashes, and the row what the last one says."""
        link = NOTHING
        for entry in log.entries:
            body = f'{{"status":"{self._chance.choice(STATES)}"}}'
            self._sealed(log, entry, link, document if entry is log.entries[-1] else body)
            link = entry["entry_hash"]
        last = log.entries[-1]
        log.base |= {
            "last_entry_id": last["audit_id"], "version_hash": last["entry_hash"],
            "document": document, "rendered": document,
        }  # fmt: skip
        for amendment in log.amendments:
            for entry in amendment["entries"]:
                self._sealed(log, entry, NOTHING, "{}")
        self._tampered(log, document)

    def _tampered(self, log: Log, document: str) -> None:
        others = [one.governance_agent_id for one in self._contexts]
        for entry in log.entries:
            body = log.bodies[entry["audit_id"]]
            if self._often(0.1):
                field = self._chance.choice(["entry_hash", "prev_hash", "at"])
                entry[field] = BORN if field == "at" else self._chance.randbytes(32)
            if self._often(0.1):
                body["body"] += " "
            elif self._often(0.3):
                body["salt"] = body["body"] = None
            elif self._often(0.2):
                body["private_to"] = self._chance.choice(others)
            elif self._often(0.1):
                del log.bodies[entry["audit_id"]]
        for field, other in (
            ("version", log.base["version"] + 1), ("last_entry_id", self._id()),
            ("version_hash", bytes(32)), ("document", f"{document} "),
        ):  # fmt: skip
            if self._often(0.1):
                log.base[field] = other

    def _sealed(self, log: Log, entry: Row, link: bytes, body: str) -> None:
        row = {"salt": self._chance.randbytes(16), "body": body, "private_to": None}
        log.bodies[entry["audit_id"]] = row
        entry |= {"payload_hash": payload_hash(row), "prev_hash": link}
        entry["entry_hash"] = entry_hash(entry)


async def planted(superuser: Connection, tenant: Tenant, drawing: Drawing) -> list[Log]:
    """Write logs that were drawn."""
    logs = [drawing.log() for _ in range(LOGS)]
    async with asleep(superuser, "app.base_entity"), asleep(superuser, "app.amendment"):
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
        for log in logs:
            base = log.base
            author = base["governance_agent_id"]
            private = author if base["status"] == "draft" else None
            await superuser.execute(
                BASE, tenant.id, base["id"], unique("skill"), base["status"], author,
                base["version"],
            )  # fmt: skip
            await superuser.execute(SKILL, tenant.id, base["id"], "technical", private)
            drawing.finished(log, await superuser.fetchval(RENDERED, base["id"]))
            said = (base[name] for name in ("version", "last_entry_id", "version_hash", "document"))
            await superuser.execute(SAID, base["id"], *said)
            for one in log.amendments:
                await superuser.execute(
                    AMENDMENT, tenant.id, one["id"], base["id"], one["base_version"],
                    one["status"], one["governance_agent_id"],
                )  # fmt: skip
            every = [*log.entries, *(e for one in log.amendments for e in one["entries"])]
            # The order in which rows lie is nobody's.
            every.sort(key=lambda one: one["audit_id"])
            bodies = [
                {"tenant_id": tenant.id, "audit_id": each} | row for each, row in log.bodies.items()
            ]
            for table, rows in (("entry", every), ("payload", bodies)):
                await superuser.copy_records_to_table(
                    table, schema_name="audit", columns=list(rows[0]),
                    records=[tuple(row.values()) for row in rows],
                )  # fmt: skip
    return logs


class Reckoned:
    """What each check should tell an actor of a log."""

    def __init__(self, scopes: dict[tuple[str, str], set[str]], actor: Actor) -> None:
        self._scopes = scopes
        self._agent = actor.context.governance_agent_id

    def of(self, check: str, log: Log) -> list[str]:
        """Give the messages in their order."""
        told: Iterator[str] = getattr(self, f"_{statement_of(check)}")(log)
        return list(told)

    def _l0_02(self, log: Log) -> Iterator[str]:
        for entry in log.entries:
            operation = entry["operation"]
            identities = zip_longest(entry["actor"].split("+"), entry["key"].split("+"))
            for place, identity in enumerate(identities):
                scope = SCOPES.get(operation, "of an operation that is known")
                if operation == "import":
                    scope = ("write", "certify")[place]
                if scope not in self._scopes.get(identity, set()):
                    yield (
                        f"Version {entry['version']} ({operation}) is by a key without scope"
                        f" {scope}."
                    )

    def _body(self, log: Log, entry: Row) -> Row:
        """Give a body as far as it is there and seen."""
        row = log.bodies.get(entry["audit_id"], {})
        return row if row.get("private_to") in {None, self._agent} else {}

    def _gone(self, log: Log, entry: Row) -> bool:
        return any(
            one["operation"] == "erase" and one["version"] > entry["version"] for one in log.entries
        )

    def _l0_04(self, log: Log) -> Iterator[str]:
        link = NOTHING
        first = log.entries[0]
        expected = first["version"] if first["operation"] == "restore" else 1
        drafted = shown = 0
        for entry in log.entries:
            drafted = entry["version"] if entry["operation"] in DRAFTED else drafted
            shown = entry["version"] if entry["operation"] in SHOWN else shown
            body = self._body(log, entry)
            seen = shown > drafted or self._agent == log.base["governance_agent_id"]
            found = {
                "follows a hole": entry["version"] != expected,
                "does not hash to its entry": entry["entry_hash"] != entry_hash(entry),
                "is not linked to the one before": entry["prev_hash"] != link,
                "has another body than was hashed": (
                    body.get("body") is not None and payload_hash(body) != entry["payload_hash"]
                ),
                "has no body": body.get("body") is None and seen and not self._gone(log, entry),
            }
            if entry is log.entries[-1]:
                found |= self._current(log, entry, body)
            for fault in sorted(f" {one}." for one, is_found in found.items() if is_found):
                yield f"Version {entry['version']}{fault}"
            link, expected = entry["entry_hash"], entry["version"] + 1

    def _current(self, log: Log, entry: Row, body: Row) -> dict[str, bool]:
        base = log.base
        return {
            "is the last, not the current": base["version"] != entry["version"],
            "is not what is current": base["last_entry_id"] != entry["audit_id"],
            "has another hash": base["version_hash"] != entry["entry_hash"],
            "is not what is served": body.get("body") not in {None, base["document"]},
            # A document has its version in it.
            "is served unlike the tables": (
                base["document"] != base["rendered"] or base["version"] != entry["version"]
            ),
        }

    def _l0_05(self, log: Log) -> Iterator[str]:
        told = []
        certified = restored = 0
        written: dict[str, int] = {}
        for entry in log.entries:
            version, operation = entry["version"], entry["operation"]
            one, _, two = entry["actor"].partition("+")
            author = two if operation == "import" else one
            since = max(
                written.get(author, 0),
                restored if one == log.base["governance_agent_id"] else 0,
            )
            if operation == "activate" and not certified:
                told.append(f"Version {version} was activated without a certification.")
            if (
                (operation == "import" and two in {"", one})
                or (operation in {"certify", "import"} and certified < since)
                or (operation == "certify" and self._amended(log, version, one))
            ):
                told.append(f"Version {version} was certified by who wrote it.")
            if operation in {"certify", "import"} or self._in_force(log, entry):
                certified = version
            if operation == "restore":
                restored = version
            if operation in {"create", "amend", "restore"}:
                written[author] = version
        status = log.base["status"]
        if status in IN_FORCE and not certified:
            told.append(f"It is {status} without a certification.")
        yield from sorted(told)

    def _in_force(self, log: Log, entry: Row) -> bool:
        if entry["operation"] != "restore":
            return False
        body = self._body(log, entry).get("body")
        if body is None:
            return self._gone(log, entry)
        return any(f'"status":"{one}"' in body for one in IN_FORCE)

    def _amended(self, log: Log, version: int, actor: str) -> bool:
        return any(
            one["base_version"] == version - 1
            and one["status"] == "certified"
            and any(
                each["operation"] in {"create", "amend"} and each["actor"] == actor
                for each in one["entries"]
            )
            for one in log.amendments
        )


class Drawn(Struct):
    """Logs of a tenant, who may ask, and what their keys have."""

    logs: list[Log]
    actors: list[Actor]
    scopes: dict[tuple[str, str], set[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def drawn(owner: Repository, superuser: Connection) -> Drawn:
    """Have logs of four agents, each with a key of other scopes."""
    tenant = await make_tenant(owner)
    _, both = await make_actor(owner, tenant.name, "both", ["write", "certify"])
    actors = [tenant.author, tenant.certifier, tenant.reader, both]
    rows = await superuser.fetch(
        "SELECT id, scopes FROM app.api_key WHERE tenant_id = $1", tenant.id
    )
    by_key = {str(row["id"]): set(row["scopes"]) for row in rows}
    scopes = {
        (one.context.governance_agent_id, one.context.key_id): by_key[one.context.key_id]
        for one in actors
    }
    logs = await planted(superuser, tenant, Drawing(tenant, actors))
    return Drawn(logs, actors, scopes)


@pytest.mark.parametrize("who", [0, 2], ids=["author", "reader"])
@pytest.mark.parametrize("check", ["L0-02", "L0-04", "L0-05"])
async def test_of_any_log_what_is_wrong_with_it_is_told_and_nothing_else(
    repository: Repository, catalog: Catalog, drawn: Drawn, check: str, who: int
) -> None:
    """In the order of versions and words, to whoever sees the entity and to nobody else."""
    actor = drawn.actors[who]
    reckoned = Reckoned(drawn.scopes, actor)
    wrong, told = [], set()
    async with repository.pool.connection() as app, acting(app, actor):
        for log in drawn.logs:
            hidden = who and log.base["status"] == "draft"
            if hidden and check == "L0-02":
                # The log itself is no secret, and of what is hidden nobody asks it.
                continue
            rows = await app.fetch(catalog[statement_of(check)].text, log.base["id"])
            expected = [] if hidden else reckoned.of(check, log)
            given = [row["message"] for row in rows]
            told |= {one.partition(" ")[2].lstrip("0123456789") for one in expected}
            if expected != given or any(row["entity_id"] for row in rows):
                wrong.append((log, expected, given))

    assert [] == wrong[:1]
    assert {"L0-02": 8, "L0-04": 10, "L0-05": 3}[check] <= len(told)


GUARDS = """
SELECT
    replace(tgrelid::regclass::text, '"', '') AS relation,
    tgname AS name,
    pg_get_triggerdef(oid) AS made,
    (SELECT attname FROM pg_attribute WHERE attrelid = tgrelid AND attnum = 1) AS first
FROM pg_trigger
WHERE
    NOT tgisinternal AND tgparentid = 0 AND tgrelid::regclass::text ~ '^(app|audit)[.]'
    AND tgname ~ '^(base_entity|amendment|payload|tile)_[129][01]_|_append_only$'
        '|_(parent|tag|skill)_no_truncate$'
"""
GONE, SOMETIMES, ANOTHER = " is gone.", " is not enabled ALWAYS.", " is another one."
OTHERWISE = (
    ("EXECUTE FUNCTION .*", "EXECUTE FUNCTION public.another()"),
    ("BEFORE", "AFTER"),
    (r"( WHEN \(.*\))? (?=EXECUTE)", " WHEN (current_user <> 'x') "),
    (r" WHEN \(.*\)(?= EXECUTE)", ""),
    ("UPDATE ", "UPDATE OF {first} "),
)
"""What of a trigger might be otherwise: parts of its definition, and what they become."""


def broken(guard: Row) -> Iterator[tuple[str, str]]:
    """Give the ways to break a trigger, with what is said of each."""
    relation, name, made = (guard[each] for each in ("relation", "name", "made"))
    table = f"ALTER TABLE {relation}"
    yield f"DROP TRIGGER {name} ON {relation}", GONE
    yield f"{table} DISABLE TRIGGER {name}", SOMETIMES
    yield f"{table} ENABLE TRIGGER {name}", SOMETIMES
    for part, other in OTHERWISE:
        text = re.sub(part, other.format(**guard), made, count=1)
        if text != made:
            anew = f"DROP TRIGGER {name} ON {relation}; {text}"
            yield f"{anew}; {table} ENABLE ALWAYS TRIGGER {name}", ANOTHER


async def test_a_trigger_that_is_not_as_it_was_is_told_by_its_name(
    superuser: Connection, catalog: Catalog, drawn: Drawn
) -> None:
    """Each of those that guard the log, in each way to break it, alone and with all others."""
    text = catalog["l0_03"].text
    seen = next(log.base["id"] for log in drawn.logs if log.base["status"] == "active")
    guards = [dict(row) for row in await superuser.fetch(GUARDS)]
    wrong = []
    undone = superuser.transaction()
    await undone.start()
    try:
        await superuser.execute(
            "CREATE FUNCTION public.another() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'"
        )
        for guard in guards:
            for way, said in broken(guard):
                inner = superuser.transaction()
                await inner.start()
                await superuser.execute(way)
                told = [row["message"] for row in await superuser.fetch(text, seen)]
                await inner.rollback()
                if told != [f"The trigger {guard['name']} on {guard['relation']}{said}"]:
                    wrong.append((way, told))
        # Last of all none is left.
        for guard in guards:
            await superuser.execute(f"DROP TRIGGER {guard['name']} ON {guard['relation']}")
        without = [row["message"] for row in await superuser.fetch(text, seen)]
        of_nothing = await superuser.fetch(text, UUID(int=1))
    finally:
        await undone.rollback()

    assert [] == wrong
    assert 35 == len(guards)
    ordered = sorted((guard["relation"], guard["name"]) for guard in guards)
    assert [f"The trigger {name} on {relation}{GONE}" for relation, name in ordered] == without
    assert [] == of_nothing
    assert [] == await superuser.fetch(text, seen)
