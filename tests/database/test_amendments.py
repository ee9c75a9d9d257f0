"""Amendments in the database: the log, the one door to content in force, and two at once."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import datetime
from random import Random
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.errors import Problem
from service.repository.base import Repository
from service.repository.entities import Written
from tests.amending import PROPOSE, TAKE, amended, propose, reviewed, take
from tests.chain import LOG, NOTHING, counted, entry_hash, history, payload_hash
from tests.database.test_races import Act, Pair, changing, stepping
from tests.factories import (
    Actor,
    ActorWith,
    Tenant,
    active_skill,
    agent_body,
    amend,
    create,
    document,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
    unique,
)
from tests.postgres import Server
from tests.sessions import (
    Connect,
    Connection,
    Savepoint,
    acting,
    connections,
    until_blocked,
)
from tests.triggers import asleep

pytestmark = pytest.mark.database

KINDS = ("skill", "industry", "job_role", "team", "agent")
PATCH = {"description": "Amended."}
UPDATE = "UPDATE app.base_entity SET {} WHERE id = $1"
# A superuser's way to plant what no function makes.
PLANT = """
INSERT INTO app.amendment (
    tenant_id, entity_id, entity_type, base_version, patch, status, version_hash,
    last_entry_id, governance_agent_id, created_at, updated_at, document
) VALUES ($1, $2, 'skill', $3, '{}', $4, sha256(''), uuidv7(), $5, now(), now(), $6)
"""


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def pair(connect: Connect, superuser: Connection) -> Pair:
    """Have two sessions of the service's role, and one that watches them."""
    first, second = await connect(), await connect()
    for session in (first, second):
        await session.execute("SET lock_timeout = '20s'")
    return Pair(first, second, superuser)


def proposing(actor: Actor, identity: object, patch: dict[str, Any], etag: str | None) -> Act:
    """Patch the amendment of a skill."""
    return Act(actor, PROPOSE, ("skill", str(identity), etag, json.dumps(patch)))


def taking(
    actor: Actor, identity: object, to: str, etag: str | None = None, kind: str = "skill"
) -> Act:
    """Take a step of an amendment."""
    return Act(actor, TAKE, (kind, str(identity), etag, to))


async def own_history(superuser: Connection, identity: object) -> list[asyncpg.Record]:
    """Read the log of an amendment and check every link of it."""
    rows = await superuser.fetch(LOG, identity)
    before = NOTHING
    for version, row in enumerate(rows, 1):
        shown = json.loads(row["body"])
        assert ("amendment", version, version) == (
            row["entity_type"],
            row["version"],
            shown["version"],
        )
        assert row["payload_hash"] == payload_hash(row)
        assert row["prev_hash"] == before
        before = entry_hash(row)
        assert row["entry_hash"] == before
        assert datetime.fromisoformat(shown["updated_at"]) == row["at"]
        assert shown["amendment_id"] == str(identity)
        hidden = shown["status"] in {"draft", "withdrawn"}
        assert (shown["governance_agent_id"] if hidden else None) == (
            row["private_to"] and str(row["private_to"])
        )
    row = await superuser.fetchrow("SELECT * FROM app.amendment WHERE id = $1", identity)
    assert row
    last = rows[-1]
    assert (row["document"], row["version"], row["version_hash"], row["last_entry_id"]) == (
        last["body"],
        last["version"],
        last["entry_hash"],
        last["audit_id"],
    )
    return rows


def merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7396 spells it."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def drawn(random: Random, depth: int = 3) -> Any:
    """Draw a JSON object of few names, so that patches meet."""
    found: dict[str, Any] = {}
    for name in random.sample("abcd", random.randrange(4)):
        deeper = random.random() < 0.5 and depth
        found[name] = (
            drawn(random, depth - 1) if deeper else random.choice([None, 1, 1.5, "x", [None], [{}]])
        )
    return found


class TestLog:
    """An amendment is logged as an entity of its own; certifying it, in both logs."""

    @pytest.mark.parametrize("kind", KINDS)
    async def test_each_change_has_one_entry(
        self, repository: Repository, superuser: Connection, tenant: Tenant, kind: str
    ) -> None:
        """Each link is there, each hash can be recomputed, each actor is named."""
        identity = getattr(await make_world(repository, tenant), kind)
        author, judge = tenant.author, tenant.certifier
        counts = [await counted(superuser, tenant)]
        writes: list[Written] = []

        async def done(write: Written) -> None:
            writes.append(write)
            counts.append(await counted(superuser, tenant))

        await done(await propose(repository, author, kind, identity, PATCH))
        await done(await propose(repository, author, kind, identity, {"tags": ["t"]}))
        await done(await take(repository, author, kind, identity, "under_review"))
        await done(await take(repository, author, kind, identity, "draft"))
        await done(await take(repository, author, kind, identity, "under_review"))
        await done(await take(repository, judge, kind, identity, "certified"))
        rows = await own_history(superuser, writes[0].id)

        # The last one changed the entity too.
        grown = [
            [two - one for one, two in zip(*pair, strict=True)]
            for pair in itertools.pairwise(counts)
        ]
        assert [*[[1, 1, 1]] * 5, [2, 2, 2]] == grown
        assert ["create", "amend", "submit", "take_back", "submit", "certify"] == [
            row["operation"] for row in rows
        ]
        assert [(one.audit_id, one.entry_hash, one.document) for one in writes] == [
            (row["audit_id"], row["entry_hash"], row["body"]) for row in rows
        ]
        actors = [author] * 5 + [judge]
        assert [(one.context.governance_agent_id, one.context.key_id) for one in actors] == [
            (row["actor"], row["key"]) for row in rows
        ]
        assert [None, None, *["for the test"] * 4] == [row["reason"] for row in rows]
        last = (await history(superuser, identity))[-1]
        assert ("certify", judge.context.governance_agent_id, "for the test") == (
            last["operation"],
            last["actor"],
            last["reason"],
        )

    async def test_other_ends_are_logged_and_leave_the_entity_alone(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """A rejection and a withdrawal have an entry each."""
        made = await active_skill(repository, tenant)
        for actor, to, operation in (
            (tenant.certifier, "rejected", "reject"),
            (tenant.author, "withdrawn", "withdraw"),
        ):
            await reviewed(repository, tenant, "skill", made.id, PATCH)
            end = await take(repository, actor, "skill", made.id, to)
            rows = await own_history(superuser, end.id)
            assert ["create", "submit", operation] == [row["operation"] for row in rows]
            assert end.entity_etag is None
        found = await document(repository, tenant.author, "skill", made.id)
        assert json.loads(made.document) == found

    async def test_changes_that_are_no_certification_are_not_called_so(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Before, while and after an amendment is there, tags are an amend of the entity."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, PATCH)
        await amend(repository, tenant.author, "skill", made.id, {"tags": ["one"]})
        await take(repository, tenant.author, "skill", made.id, "withdrawn")
        await amended(repository, tenant, "skill", made.id, PATCH)
        await amend(repository, tenant.author, "skill", made.id, {"tags": ["two"]})
        rows = await history(superuser, made.id)

        assert ["amend", "certify", "amend"] == [row["operation"] for row in rows[4:]]

    async def test_a_refusal_leaves_no_entry(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """A certification that fails in the entity is none in the amendment either."""
        taken = unique("n")
        await active_skill(repository, tenant, name=taken)
        made = await active_skill(repository, tenant)
        before = await reviewed(repository, tenant, "skill", made.id, {"name": taken})
        count = await counted(superuser, tenant)
        with pytest.raises(Problem):
            await take(repository, tenant.certifier, "skill", made.id, "certified")
        with pytest.raises(Problem):
            await propose(repository, tenant.certifier, "skill", made.id, PATCH)

        assert count == await counted(superuser, tenant)
        assert before.version == len(await own_history(superuser, before.id))


class TestDoor:
    """Content in force changes to what was certified, and to nothing else."""

    async def test_sql_by_hand_changes_nothing_in_force(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """Without an amendment, with one of each state, whatever settings say: PL004."""
        # A second key is the door of imports as active: tests/usecases/test_imports_amending.py.
        states: dict[str, str | None] = {}
        flags = ("app.certified", "app.amending", "app.importing")
        for state in ("none", "draft", "under_review", "certified", "rejected", "withdrawn"):
            made = await active_skill(repository, tenant)
            if state != "none":
                await propose(repository, tenant.author, "skill", made.id, PATCH)
            if state in {"under_review", "certified", "rejected"}:
                await take(repository, tenant.author, "skill", made.id, "under_review")
            if state in {"certified", "rejected"}:
                await take(repository, tenant.certifier, "skill", made.id, state)
            if state == "withdrawn":
                await take(repository, tenant.author, "skill", made.id, state)
            async with acting(await connect(), tenant.certifier) as app:
                for flag in flags:
                    key = tenant.certifier.context.key_id
                    await app.execute("SELECT set_config($1, $2, TRUE)", flag, key)
                for change in ("description = 'Amended!'", "custom_attributes = '{\"a\": 1}'"):
                    found = await Savepoint(app).state(UPDATE.format(change), made.id)
                    states[f"{state}: {change}"] = found
                states[f"{state}: amend"] = await Savepoint(app).state(
                    "SELECT app.skill_amend($1, '{NULL}', $2, TRUE, NULL)",
                    [made.id],
                    ['{"description": "Amended!"}'],
                )

        assert 18 == len(states)
        assert {"PL004"} == set(states.values())

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO app.amendment DEFAULT VALUES",
            "UPDATE app.amendment SET status = 'certified'",
            "UPDATE app.amendment SET patch = '{}'",
            "UPDATE app.amendment SET document = ''",
            "DELETE FROM app.amendment",
            "TRUNCATE app.amendment",
            "INSERT INTO app.amendment_step VALUES ('draft', 'certified', 'x', 'write', NULL)",
            "UPDATE app.amendment_step SET scope = 'write'",
            "SELECT app.amended_etag('skill', uuidv7(), '{}')",
            "SELECT app.amendment_document(NULL, '{}', '{}')",
            "SELECT audit.append_entry(NULL, NULL, NULL, 1, '', '', '', now(), '', '', NULL)",
            "ALTER TABLE app.amendment DISABLE TRIGGER ALL",
        ],
    )
    async def test_the_service_s_role_may_not(
        self, connect: Connect, tenant: Tenant, statement: str
    ) -> None:
        """Amendments are written by two functions, of which it may call no part."""
        async with acting(await connect(), tenant.certifier) as app:
            assert "42501" == await Savepoint(app).state(statement)

    async def test_what_stands_certified_is_all_that_gets_through(
        self,
        repository: Repository,
        superuser: Connection,
        tenant: Tenant,
        connect: Connect,
        actor_with: ActorWith,
    ) -> None:
        """Even planted beneath the triggers: its content exactly, its version, scope certify."""
        made = await active_skill(repository, tenant)
        wanted = json.loads(made.document) | {"description": "Planted."}
        writer = await actor_with("write", "read", name="writer")
        judge = await actor_with("certify", name="judge")
        planted = UPDATE.format("description = 'Planted.'")
        found: dict[str, str | None] = {}
        for state, version in (
            ("certified", made.version),
            ("certified", made.version - 1),
            ("certified", made.version + 1),
            ("under_review", made.version),
        ):
            undone = superuser.transaction()
            await undone.start()
            author = tenant.author.context.governance_agent_id
            async with asleep(superuser, "app.amendment"):
                await superuser.execute(
                    PLANT, tenant.id, made.id, version, state, author, json.dumps(wanted)
                )
            for actor in (writer, judge):
                async with acting(superuser, actor):
                    await superuser.execute("SET LOCAL ROLE plant_app")
                    for name, change in (
                        ("it", planted),
                        ("more", UPDATE.format("description = 'Planted.', name = 'x'")),
                        ("tags", UPDATE.format("governance_notes = 'x'")),
                    ):
                        key = f"{state} {version - made.version} {actor.name} {name}"
                        found[key] = await Savepoint(superuser).state(change, made.id)
            await undone.rollback()

        passed = {key for key, state in found.items() if state is None}
        assert {
            "certified 0 judge it",
            *(f"{one} writer tags" for one in ("certified -1", "certified 1", "under_review 0")),
        } == passed
        assert {"PL004", "PL007"} == set(found.values()) - {None}
        assert "PL007" == found["certified 0 writer it"]
        assert "PL004" == found["certified 0 judge more"] == found["certified 0 judge tags"]

    async def test_a_superuser_s_values_are_replaced_by_the_truth(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """Document, hashes, times and base version are the guard's, steps those of the table."""
        made = await active_skill(repository, tenant)
        opened = await propose(repository, tenant.author, "skill", made.id, PATCH)
        async with acting(superuser, tenant.author):
            await superuser.execute(
                "UPDATE app.amendment SET document = '{}', base_version = 99, version = 7,"
                " version_hash = sha256('x'), updated_at = '1999-01-01' WHERE id = $1",
                opened.id,
            )
            states = [
                await Savepoint(superuser).state(
                    f"UPDATE app.amendment SET {change} WHERE id = $1", opened.id
                )
                for change in (
                    "status = 'certified'",
                    "status = 'under_review', patch = '{\"name\": \"x\"}'",
                    "governance_agent_id = uuidv7()",
                    "entity_id = uuidv7()",
                    "created_at = now()",
                )
            ]
        async with acting(superuser, tenant.certifier):
            states += [
                await Savepoint(superuser).state(
                    f"UPDATE app.amendment SET {change} WHERE id = $1", opened.id
                )
                for change in ("patch = '{}'", "status = 'under_review'")
            ]
        rows = await own_history(superuser, opened.id)

        assert ["PL003", "PL013", "PL013", "PL013", "PL013", "PL013", "PL003"] == states
        assert ["create", "amend"] == [row["operation"] for row in rows]
        assert made.version == json.loads(rows[-1]["body"])["base_version"]

    async def test_what_was_certified_of_one_entity_concerns_no_other(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Whoever may write changes one that has the version that was certified."""
        one, other = [await active_skill(repository, tenant) for _ in "ab"]
        await amended(repository, tenant, "skill", one.id, PATCH)
        changed = await amend(repository, tenant.author, "skill", other.id, {"tags": ["x"]})

        assert one.version == other.version
        assert ["x"] == json.loads(changed.document)["tags"]

    async def test_who_writes_what_is_under_review_is_told_what_is_left(
        self, repository: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """By hand, as through the service: the steps of its author."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, PATCH)
        write = "UPDATE app.amendment SET patch = '{}' WHERE entity_id = $1"
        async with acting(superuser, tenant.author):
            error = await Savepoint(superuser).error(write, made.id)

        assert isinstance(error, asyncpg.PostgresError)
        assert ("PL003", {"allowed": ["draft", "withdrawn"]}) == (
            error.sqlstate,
            json.loads(str(error.detail)),
        )

    async def test_an_older_snapshot_writes_nothing(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """What has moved on meanwhile must be seen: READ COMMITTED or nothing."""
        made = await active_skill(repository, tenant)
        app = await connect()
        async with app.transaction(isolation="repeatable_read"):
            for setting, value in (
                ("tenant_id", tenant.author.context.tenant_id),
                ("governance_agent_id", tenant.author.context.governance_agent_id),
                ("key_id", tenant.author.context.key_id),
            ):
                await app.execute("SELECT set_config($1, $2, TRUE)", f"app.{setting}", value)
            state = await Savepoint(app).state(PROPOSE, "skill", made.id, None, "{}")

        assert "PL013" == state

    async def test_odd_patches_by_hand_are_refused(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """A direct call with members that no request may have opens no amendment."""
        made = await active_skill(repository, tenant)
        async with acting(await connect(), tenant.author) as app:
            states = {
                await Savepoint(app).state(PROPOSE, "skill", made.id, None, json.dumps(patch))
                for patch in (
                    {"id": str(tenant.id), "entity_type": "team", "nonsense": 1},
                    {"status": "active", "version": 99, "created_at": "x", "updated_at": "x"},
                    {"governance_agent_id": "x", "amendment_id": "x", "base_version": 9},
                    {"embedding_sha256": "forged"},
                    {"tags": ["a", "a"]},
                    ["name"],
                )
            }

        assert {"PL009"} == states


class TestMerge:
    """Merge patches of attributes, one after the other."""

    async def test_patches_are_joined_as_if_each_were_applied(self, superuser: Connection) -> None:
        """Drawn by hand of chance: what is stored makes of the object what both made of it."""
        random = Random(7)
        for _ in range(300):
            before, one, two = drawn(random), drawn(random), drawn(random)
            expected = merged(merged(before, one), two)
            row = await superuser.fetchrow(
                """
                SELECT patch, app.merge_patch($1 -> 'custom_attributes',
                    patch -> 'custom_attributes')::text AS after
                FROM app.amendment_patch($1::jsonb::text, app.amendment_patch(
                    $1::jsonb::text, '{}', $2::jsonb), $3::jsonb) AS patch
                """,
                *(json.dumps({"custom_attributes": value}) for value in (before, one, two)),
            )
            assert row
            assert json.dumps(expected, sort_keys=True) == json.dumps(
                json.loads(row["after"]), sort_keys=True
            ), (before, one, two, row["patch"])

    async def test_other_fields_replace_each_other(self, superuser: Connection) -> None:
        """The later one counts, null as well; what was given once stays given."""
        found = await superuser.fetchval(
            "SELECT app.amendment_patch('{\"custom_attributes\": {}}', $1, $2)",
            '{"name": "a", "description": "d", "external_id": null, "tags": ["t"]}',
            '{"name": "b", "description": null, "external_id": "e"}',
        )

        assert {"name": "b", "description": None, "external_id": "e", "tags": ["t"]} == json.loads(
            found
        )

    async def test_what_it_refers_to_is_shown_in_the_order_of_ids(
        self, superuser: Connection
    ) -> None:
        """However the patch has it: as the entity will be shown."""
        given = [f"0000000{digit}-0000-7000-8000-000000000000" for digit in (2, 3, 1)]
        source: dict[str, list[str]] = {"parent_ids": [], "skill_ids": []}
        found = await superuser.fetchval(
            "SELECT app.amendment_document(NULL, $1, $2)",
            json.dumps(source),
            json.dumps(dict.fromkeys(source, given)),
        )

        shown = json.loads(found)
        assert [sorted(given)] * 2 == [shown["parent_ids"], shown["skill_ids"]]


class TestRaces:
    """Two at once: one wins, the other finds what it left."""

    @pytest.mark.parametrize("with_tag", [True, False])
    async def test_two_certifiers(
        self, repository: Repository, tenant: Tenant, pair: Pair, *, with_tag: bool
    ) -> None:
        """The second finds another version, or no such step; the entity changed once."""
        made = await active_skill(repository, tenant)
        before = await reviewed(repository, tenant, "skill", made.id, PATCH)
        etag = before.etag if with_tag else None
        act = taking(tenant.certifier, made.id, "certified", etag)
        state = await pair.race(act, act)
        found = await document(repository, tenant.author, "skill", made.id)

        assert ("PL002" if with_tag else "PL003") == state
        assert found
        assert (made.version + 1, "Amended.") == (found["version"], found["description"])

    async def test_certify_and_take_back(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """What was taken back is a draft, which a certifier does not see."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, PATCH)
        state = await pair.race(
            taking(tenant.author, made.id, "draft"), taking(tenant.certifier, made.id, "certified")
        )

        assert "PL001" == state

    async def test_take_back_and_certify(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """What was certified meanwhile is not taken back."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, PATCH)
        state = await pair.race(
            taking(tenant.certifier, made.id, "certified"), taking(tenant.author, made.id, "draft")
        )

        assert "PL003" == state

    async def test_certify_and_archive(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """The one that comes second waits; what was archived does not change any more."""
        for first in ("archived", "certified"):
            made = await active_skill(repository, tenant)
            await reviewed(repository, tenant, "skill", made.id, PATCH)
            acts = [
                stepping(tenant.author, "skill", made.id, "archived"),
                taking(tenant.certifier, made.id, "certified"),
            ]
            state = await pair.race(*(acts if first == "archived" else reversed(acts)))
            found = await document(repository, tenant.author, "skill", made.id)
            assert found
            expected = "What it is." if first == "archived" else "Amended."
            assert ("PL021" if first == "archived" else None) == state
            assert ("archived", expected) == (found["status"], found["description"])

    async def test_certify_and_a_patch_of_tags(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """A version that came first outdates the amendment; a certification makes a tag stale."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, PATCH)
        tags = changing(tenant.author, "skill", [made.id], {"tags": ["t"]}, made.etag)
        certify = taking(tenant.certifier, made.id, "certified")
        outdated = await pair.race(tags, certify)
        other = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", other.id, PATCH)
        stale = await pair.race(
            taking(tenant.certifier, other.id, "certified"),
            changing(tenant.author, "skill", [other.id], {"tags": ["t"]}, other.etag),
        )

        assert ("PL021", "PL002") == (outdated, stale)

    @pytest.mark.parametrize("commit", [True, False])
    @pytest.mark.parametrize("who", ["author", "certifier"])
    async def test_two_first_patches(
        self, repository: Repository, tenant: Tenant, pair: Pair, who: str, *, commit: bool
    ) -> None:
        """One opens it; for its own author the second is stale, for another it is in the way."""
        made = await active_skill(repository, tenant)
        state = await pair.race(
            proposing(tenant.author, made.id, {"description": "one"}, made.etag),
            proposing(getattr(tenant, who), made.id, {"description": "two"}, made.etag),
            commit=commit,
        )
        refused = {"author": "PL002", "certifier": "23505"}[who]

        assert (refused if commit else None) == state

    async def test_two_later_patches(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Nobody's change is lost: the second is stale."""
        made = await active_skill(repository, tenant)
        opened = await propose(repository, tenant.author, "skill", made.id, PATCH)
        acts = [
            proposing(tenant.author, made.id, {"description": text}, opened.etag)
            for text in ("one", "two")
        ]

        assert "PL002" == await pair.race(*acts)

    async def test_certify_and_archive_what_it_newly_refers_to(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Never both: the rule fails, or the target is in use."""
        for first in ("archived", "certified"):
            world = await make_world(repository, tenant)
            target = await active_skill(repository, tenant)
            needs = [{"id": one, "relation": "essential"} for one in (world.skill, str(target.id))]
            await reviewed(
                repository, tenant, "job_role", world.job_role, {"required_skills": needs}
            )
            acts = [
                stepping(tenant.author, "skill", target.id, "archived"),
                taking(tenant.certifier, world.job_role, "certified", kind="job_role"),
            ]
            state = await pair.race(*(acts if first == "archived" else reversed(acts)))
            assert {"archived": "PL006", "certified": "PL010"}[first] == state

    async def test_a_cycle_from_an_amendment_and_a_draft(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Writers of parents wait for each other before they hold a row: PL012, no deadlock."""
        made = await active_skill(repository, tenant)
        draft = await create(repository, tenant.author, "skill", skill_body())
        await reviewed(repository, tenant, "skill", made.id, {"parent_ids": [str(draft.id)]})
        state = await pair.race(
            taking(tenant.certifier, made.id, "certified"),
            changing(tenant.author, "skill", [draft.id], {"parent_ids": [str(made.id)]}),
        )

        assert "PL012" == state

    async def test_the_turn_of_parents_comes_before_the_entity(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Who patches an entity's parents takes it first too: a row in hand would be a circle."""
        parent, made = (
            await active_skill(repository, tenant),
            await active_skill(repository, tenant),
        )
        await reviewed(repository, tenant, "skill", made.id, {"parent_ids": [str(parent.id)]})
        async with acting(pair.first, tenant.author):
            await pair.first.execute(
                "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE", made.id
            )
            waiting = asyncio.ensure_future(
                pair.sent(taking(tenant.certifier, made.id, "certified"))
            )
            await until_blocked(pair.watcher, pair.second, pair.first, waiting)
            free = await pair.first.fetchval(
                "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))",
                f"plant parents {tenant.id}",
            )

        assert (False, None) == (free, await waiting)

    async def test_an_agent_is_amended_while_its_team_enters_force(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """The team is locked before its member, here too: they wait in a line, not in a circle."""
        world = await make_world(repository, tenant)
        team = await create(
            repository, tenant.author, "team", team_body(world.job_role, world.industry)
        )
        body = agent_body(world.job_role, world.industry, [world.skill], team_id=str(team.id))
        agent = await create(repository, tenant.author, "agent", body)
        await raise_to(repository, tenant, "agent", agent.id, "active")
        await raise_to(repository, tenant, "team", team.id, "certified")
        await reviewed(repository, tenant, "agent", agent.id, PATCH)
        other = Pair(await connect(), await connect(), pair.watcher)
        async with acting(pair.first, tenant.author):
            # Both meet at the member, which somebody else has in hand.
            await pair.first.execute(
                "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE", agent.id
            )
            member = asyncio.ensure_future(
                pair.sent(taking(tenant.certifier, agent.id, "certified", kind="agent"))
            )
            await until_blocked(pair.watcher, pair.second, pair.first, member)
            whole = asyncio.ensure_future(
                other.sent(stepping(tenant.author, "team", team.id, "active"))
            )
            await until_blocked(pair.watcher, other.second, pair.second, whole)

        assert (None, None) == (await member, await whole)

    async def test_an_agent_is_amended_into_a_team_that_enters_force(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """The team that it will be in is locked first as well."""
        world = await make_world(repository, tenant)
        await amend(repository, tenant.author, "agent", world.agent, {"team_id": None})
        await reviewed(repository, tenant, "agent", world.agent, {"team_id": world.team} | PATCH)
        async with acting(pair.first, tenant.author):
            await pair.first.execute(
                "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE", world.team
            )
            member = asyncio.ensure_future(
                pair.sent(taking(tenant.certifier, world.agent, "certified", kind="agent"))
            )
            await until_blocked(pair.watcher, pair.second, pair.first, member)
            # It waits for the team with nothing in hand.
            await pair.first.execute("SET LOCAL lock_timeout = '2s'")
            await pair.first.execute(
                "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE", world.agent
            )

        assert await member is None


async def test_an_amendment_keeps_nobody_from_stepping_the_entity(
    repository: Repository, tenant: Tenant
) -> None:
    """Deprecating and archiving need no look at what is proposed."""
    made = await active_skill(repository, tenant)
    await propose(repository, tenant.author, "skill", made.id, PATCH)
    for to in ("deprecated", "archived"):
        assert (
            to
            == json.loads((await step(repository, tenant.author, "skill", made.id, to)).document)[
                "status"
            ]
        )
    end = await take(repository, tenant.author, "skill", made.id, "withdrawn")

    assert "withdrawn" == json.loads(end.document)["status"]
