"""Compliance over HTTP: each check turns red under a planted violation and green after repair.

What the rules would refuse is planted by a superuser with the triggers out of the way.
"""

import json
import re
from typing import Any

import asyncpg
import pytest
from msgspec import Struct

from service.repository.base import Repository
from service.repository.compliance import CHECKS
from tests.api import PATHS, Api
from tests.erasing import erase, erased
from tests.factories import ActorWith, skill_body, unique

pytestmark = pytest.mark.database

World = dict[str, dict[str, Any]]
Connection = asyncpg.Connection
NEVER = "01900000-0000-7000-8000-000000000000"
BLANK = "\u2003"  # an em space: neither trimmed by btrim nor a control character

TRIGGERS = """
SELECT tgrelid::regclass AS relation, tgname AS name FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid = ANY('{app.base_entity,app.agent_entity,app.skill_entity,
audit.entry,audit.payload}'::regclass[])
"""


class Plant(Struct, frozen=True):
    """A violation: of which check, seen on which kind, made and mended how.

    `{kind}` in a statement is the id of the world's entity of that kind, `{other}` that of a second
    entity of the checked kind, `{author}` and `{certifier}` ids of governance agents, `{key}` the
    author's key.
    """

    check: str
    kind: str
    plant: tuple[str, ...]
    repair: tuple[str, ...]


def archived(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make an entity archived beneath its rules, and active again."""
    where = f"WHERE id = '{{{kind}}}'"
    return (
        (f"UPDATE app.base_entity SET status = 'archived', archived_at = now() {where}",),
        (f"UPDATE app.base_entity SET status = 'active', archived_at = NULL {where}",),
    )


def parents(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make two entities parents of each other, and not any more."""
    rows = [
        "INSERT INTO app.entity_parent (tenant_id, entity_id, parent_id, entity_type)"
        f" SELECT tenant_id, '{{{one}}}', '{{{two}}}', entity_type"
        f" FROM app.base_entity WHERE id = '{{{one}}}'"
        for one, two in ((kind, "other"), ("other", kind))
    ]
    return (tuple(rows), (("DELETE FROM app.entity_parent WHERE entity_id IN"
                          f" ('{{{kind}}}', '{{other}}')"),))  # fmt: skip


def swapped(table: str, column: str, value: str, kind: str, key: str = "id") -> tuple[Any, Any]:
    """Set a column to an SQL value and keep what was there to put it back."""
    where = f"WHERE {key} = '{{{kind}}}'"
    return (
        (
            f"CREATE TABLE kept AS SELECT ctid AS place, {column} AS value FROM {table} {where}",
            f"UPDATE {table} SET {column} = {value} {where}",
        ),
        (
            f"UPDATE {table} SET {column} = (SELECT value FROM kept LIMIT 1) {where}",
            "DROP TABLE kept",
        ),
    )


def removed(table: str, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take rows away, and put them back."""
    return (
        (
            f"CREATE TABLE kept AS SELECT * FROM {table} WHERE {where}",
            f"DELETE FROM {table} WHERE {where}",
        ),
        (f"INSERT INTO {table} SELECT * FROM kept", "DROP TABLE kept"),
    )


def replaced(name: str, table: str, made: str, planted: str) -> tuple[tuple[str, ...], ...]:
    """Have another trigger of the same name, and again the one that belongs there."""
    return tuple(
        (
            f"DROP TRIGGER {name} ON {table}",
            f"CREATE TRIGGER {name} {trigger}",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        )
        for trigger in (planted, made)
    )


LOG = (
    "BEFORE INSERT OR UPDATE ON app.base_entity FOR EACH ROW"
    " WHEN (new.status IS DISTINCT FROM 'erased') EXECUTE FUNCTION"
)
LOGGED = ("base_entity_90_log", "app.base_entity", f"{LOG} audit.base_entity_log()")
REFUSED = (
    "entry_append_only", "audit.entry", ("BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()"),
)  # fmt: skip
ENTRY = "entity_id = '{skill}' AND version = "
SHOWN = {
    "status": "'deprecated'",
    "name": "'Another'",
    "description": "'Another.'",
    "external_id": "'another'",
    "governance_notes": "'Another.'",
    "aliases": "'{{another}}'",
    "custom_attributes": """'{{"another": 1}}'""",
    "created_at": "created_at - interval '1 s'",
}
"""Columns of app.base_entity that the document shows, and what they might be made."""
PLANTS = (
    Plant("L0-01", "skill", *swapped("app.base_entity", "governance_agent_id",
                                     "gen_random_uuid()", "skill")),
    Plant("L0-02", "skill", *swapped("app.api_key", "scopes", "'{{read}}'", "key")),
    Plant("L0-02", "skill", *swapped("app.api_key", "governance_agent_id", "'{certifier}'", "key")),
    Plant(
        "L0-03", "skill",
        ("ALTER TABLE app.base_entity ENABLE TRIGGER base_entity_90_log",),
        ("ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_90_log",),
    ),
    Plant(
        "L0-03", "team",
        ("DROP TRIGGER entry_append_only ON audit.entry",),
        (("CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry"
         " FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()"),
         "ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only"),
    ),
    Plant(
        "L0-03", "skill",
        ("ALTER TABLE app.amendment DISABLE TRIGGER amendment_10_guard",),
        ("ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_10_guard",),
    ),
    Plant("L0-03", "skill", *replaced(*LOGGED, LOGGED[2].replace("erased", "active"))),
    Plant("L0-03", "skill", *replaced(*LOGGED, re.sub(r"WHEN \(.*\) E", "E", LOGGED[2]))),
    Plant("L0-03", "skill", *replaced(*LOGGED, LOGGED[2].replace("UPDATE", "UPDATE OF name"))),
    Plant("L0-03", "skill", *replaced(*LOGGED, f"{LOG} app.base_entity_guard()")),
    Plant("L0-03", "skill", *replaced(*REFUSED, REFUSED[2].replace("UPDATE OR DELETE", "DELETE"))),
    Plant("L0-03", "skill", *replaced(*REFUSED, REFUSED[2].replace("audit.refuse_change",
                                                                   "app.agent_entity_guard"))),
    Plant("L0-04", "skill", *removed("audit.entry", ENTRY + "2")),
    Plant("L0-04", "skill", *removed("audit.entry", ENTRY + "4")),
    Plant("L0-04", "skill", *removed("audit.entry", "entity_id = '{skill}'")),
    Plant("L0-04", "skill", *swapped("app.base_entity", "document", "document || ' '", "skill")),
    Plant("L0-04", "skill", *swapped("app.base_entity", "version", "5", "skill")),
    Plant("L0-04", "skill", *swapped("audit.payload", "body", "body || ' '", "entry", "audit_id")),
    Plant("L0-04", "skill", *swapped("audit.entry", "at", "at + interval '1 s'", "entry",
                                     "audit_id")),
    Plant("L0-04", "skill", *removed("audit.payload", "audit_id = '{certified}'")),
    Plant(
        "L0-04", "skill",
        ("CREATE TABLE kept AS SELECT * FROM audit.payload WHERE audit_id = '{certified}'",
         "UPDATE audit.payload SET salt = NULL, body = NULL WHERE audit_id = '{certified}'"),
        (("UPDATE audit.payload SET salt = kept.salt, body = kept.body FROM kept"
         " WHERE payload.audit_id = kept.audit_id"), "DROP TABLE kept"),
    ),
    Plant("L0-04", "skill", *swapped("audit.payload", "private_to", "'{author}'", "certified",
                                     "audit_id")),
    Plant("L0-04", "skill", *swapped("app.base_entity", "last_entry_id", "'{certified}'", "skill")),
    *(
        Plant("L0-04", "skill", *swapped("app.base_entity", column, value, "skill"))
        for column, value in SHOWN.items()
    ),
    Plant("L0-04", "skill", *swapped("app.skill_entity", "category", "'soft_skill'", "skill")),
    Plant("L0-04", "skill", *removed("app.skill_entity", "id = '{skill}'")),
    Plant("L0-04", "agent", *removed("app.agent_skill", "agent_id = '{agent}'")),
    Plant("L0-05", "skill", *swapped("audit.entry", "operation", "'submit'", "certified",
                                     "audit_id")),
    Plant("L0-05", "skill", *swapped("audit.entry", "actor", "'{author}'", "certified",
                                     "audit_id")),
    Plant("L1-SKILL-1", "skill", *swapped("app.base_entity", "description", "' '", "skill")),
    Plant("L1-SKILL-1", "skill", *swapped("app.base_entity", "name", f"'{BLANK}'", "skill")),
    Plant(
        "L1-SKILL-2", "skill",
        ("ALTER TABLE app.skill_entity ALTER category DROP NOT NULL",
         "UPDATE app.skill_entity SET category = NULL WHERE id = '{skill}'"),
        ("UPDATE app.skill_entity SET category = 'technical' WHERE id = '{skill}'",
         "ALTER TABLE app.skill_entity ALTER category SET NOT NULL"),
    ),
    Plant("L1-ROLE-1", "job_role", *removed("app.job_role_skill", "job_role_id = '{job_role}'")),
    Plant("L1-ROLE-2", "job_role", *archived("skill")),
    Plant("L1-ROLE-3", "job_role", *swapped("app.job_role_entity", "seniority_level", "NULL",
                                            "job_role")),
    Plant("L1-TEAM-1", "team", *archived("job_role")),
    Plant("L1-TEAM-2", "team", *archived("industry")),
    Plant("L1-TEAM-3", "team", *archived("agent")),
    Plant("L1-TEAM-3", "team", *swapped("app.agent_entity", "job_role_id", "gen_random_uuid()",
                                        "agent")),
    Plant("L1-TEAM-3", "team", *swapped("app.agent_entity", "industry_id", "gen_random_uuid()",
                                        "agent")),
    Plant("L1-AGENT-1", "agent", *archived("job_role")),
    Plant("L1-AGENT-2", "agent", *archived("industry")),
    Plant("L1-AGENT-3", "agent", *archived("skill")),
    Plant("L1-AGENT-3", "agent", *removed("app.agent_skill", "agent_id = '{agent}'")),
    Plant("L1-IND-1", "industry", *swapped("app.base_entity", "name", f"'{BLANK}'", "industry")),
    Plant("L1-IND-2", "industry", *parents("industry")),
    Plant(
        "L1-IND-2", "industry",
        ("ALTER TABLE app.industry_entity DROP CONSTRAINT industry_entity_classified_whole",
         "UPDATE app.industry_entity SET scheme = 'X' WHERE id = '{industry}'"),
        ("UPDATE app.industry_entity SET scheme = NULL WHERE id = '{industry}'",
         ("ALTER TABLE app.industry_entity ADD CONSTRAINT industry_entity_classified_whole"
         " CHECK (num_nulls(scheme, code, level) IN (0, 3))")),
    ),
    Plant("L1-PARENT-1", "skill", *parents("skill")),
    Plant("L1-REF-1", "agent", *archived("team")),
)  # fmt: skip


async def beneath(superuser: Connection, statements: tuple[str, ...], names: Any) -> None:
    """Run statements with foreign keys and triggers out of the way, and put these back."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        for row in await superuser.fetch(TRIGGERS):
            await superuser.execute(f"ALTER TABLE {row['relation']} DISABLE TRIGGER {row['name']}")
        for text in statements:
            if "TRIGGER" not in text:
                await superuser.execute(text.format(**names))
        for row in await superuser.fetch(TRIGGERS):
            await superuser.execute(
                f"ALTER TABLE {row['relation']} ENABLE ALWAYS TRIGGER {row['name']}"
            )
        # What is done to a trigger itself has to stay.
        for text in statements:
            if "TRIGGER" in text:
                await superuser.execute(text)


async def failed(api: Api, document: dict[str, Any]) -> set[str]:
    """Ask for the checks that an entity does not meet."""
    answer = await api.get(f"{PATHS[document['entity_type']]}/{document['id']}/compliance")
    assert 200 == answer.status, answer.body
    checks = answer.json["checks"]
    assert answer.json["compliant"] == all(check["passed"] for check in checks)
    assert all(check["passed"] == (not check["violations"]) for check in checks)
    return {check["id"] for check in checks if not check["passed"]}


async def guarded(superuser: Connection, identity: str) -> set[str]:
    """Ask the guard's own rules about an entity."""
    async with superuser.transaction():
        await superuser.execute(
            "SELECT set_config('app.tenant_id', tenant_id::text, TRUE) FROM app.base_entity"
            " WHERE id = $1",
            identity,
        )
        rows = await superuser.fetch(
            "SELECT violation.rule FROM app.base_entity"
            " CROSS JOIN LATERAL app.rule_violations(base_entity) AS violation"
            " WHERE base_entity.id = $1",
            identity,
        )
    return {row["rule"] for row in rows}


@pytest.mark.parametrize("case", PLANTS, ids=[f"{n}-{one.check}" for n, one in enumerate(PLANTS)])
async def test_each_check_is_red_under_its_violation_and_green_after_repair(
    api: Api, superuser: Connection, case: Plant
) -> None:
    """What is planted beneath the rules is found by the check it breaks, and by no other's name."""
    beside = (await api.world())[case.kind]
    world = await api.world()
    subject = world[case.kind]
    names = {kind: document["id"] for kind, document in world.items()}
    names["other"] = (await api.made(case.kind, "draft"))["id"]
    entries = await superuser.fetch(
        "SELECT audit_id, operation FROM audit.entry WHERE entity_id = $1 ORDER BY version",
        names["skill"],
    )
    names["entry"] = str(entries[1]["audit_id"])
    names["certified"] = next(str(r["audit_id"]) for r in entries if r["operation"] == "certify")
    names["author"] = api.tenant.author.context.governance_agent_id
    names["certifier"] = api.tenant.certifier.context.governance_agent_id
    names["key"] = api.tenant.author.context.key_id

    assert set() == await failed(api, subject)
    await beneath(superuser, case.plant, names)
    # By then a key is remembered as it was: planted scopes say nothing of this caller.
    reader = api.by(api.tenant.reader)
    red = await failed(reader, subject)
    others = await failed(reader, beside)
    agreed = await guarded(superuser, subject["id"])
    await beneath(superuser, case.repair, names)

    assert case.check in red
    if case.check.startswith("L1"):
        # What L0 looks at one beside it may share with it.
        assert set() == others
        # Where a row is not what its document says, L0-04 says so too.
        assert {case.check} == red - {"L0-04"}
        assert agreed <= {case.check}
    assert set() == await failed(reader, subject)


@pytest.mark.parametrize("kind", CHECKS)
async def test_a_world_in_force_meets_every_check(api: Api, kind: str) -> None:
    """Each check of the kind is there, in order, and passed, with the time it was asked."""
    world = await api.world()
    answer = await api.get(f"{PATHS[kind]}/{world[kind]['id']}/compliance")

    assert list(CHECKS[kind]) == [check["id"] for check in answer.json["checks"]]
    assert answer.json["compliant"]
    assert answer.json["checked_at"] > world[kind]["updated_at"]


async def test_a_long_life_meets_every_check_of_the_log(api: Api) -> None:
    """Sent back, taken back, tagged, amended, retired: at each step, asked by whoever sees it."""
    certifier, reader = api.by(api.tenant.certifier), api.by(api.tenant.reader)
    answer = await api.create("skill")
    skill = answer.json
    path = f"{PATHS['skill']}/{skill['id']}"
    for who, what in (
        (api, {"description": "Better."}),
        (api, "under_review"), (api, {"tags": ["seen"]}), (certifier, "draft"),
        (api, {"name": unique("better")}), (api, "under_review"), (api, "draft"),
        (api, "under_review"), (certifier, "certified"), (certifier, {"tags": ["in force"]}),
        (api, "active"), (api, "deprecated"), (api, "archived"),
    ):  # fmt: skip
        answer = await (
            who.step(path, what, answer.etag)
            if isinstance(what, str)
            else who.patch(path, what, answer.etag)
        )
        assert 200 == answer.status, answer.body
        assert set() == await failed(api, skill)
        found = await reader.get(f"{path}/compliance")
        assert (404 if answer.json["status"] == "draft" else 200) == found.status
        assert 404 == found.status or found.json["compliant"]


@pytest.mark.parametrize("kind", CHECKS)
async def test_an_erasure_meets_every_check(api: Api, repository: Repository, kind: str) -> None:
    """In force, and blank when it is archived: what is empty was erased, by a key that might."""
    world = await api.world()
    document = world[kind]
    await erased(repository, api.tenant.author, kind, document["id"])
    in_force = await failed(api, document)
    last = await api.create(kind)
    archived = await api.step(f"{PATHS[kind]}/{last.json['id']}", "archived", last.etag)
    await erased(repository, api.tenant.author, kind, archived.json["id"])
    checks = {check for check in await failed(api, archived.json) if check.startswith("L0")}

    assert (set(), set()) == (in_force, checks)


async def test_a_draft_that_was_erased_is_told_like_any_other(
    api: Api, repository: Repository
) -> None:
    """Before it is shown, and after it was, by whoever sees it."""
    made = await api.create("skill")
    path = f"{PATHS['skill']}/{made.json['id']}"
    await erased(repository, api.tenant.author, "skill", made.json["id"])
    alone = await failed(api, made.json)
    shown = await api.step(path, "under_review", "*")
    sent_back = await api.by(api.tenant.certifier).step(path, "draft", shown.etag)
    await erased(repository, api.tenant.author, "skill", made.json["id"])
    again = await api.step(path, "under_review", "*")

    assert (200, 200) == (sent_back.status, again.status)
    assert set() == alone
    for who in (api.tenant.author, api.tenant.certifier, api.tenant.reader):
        assert set() == await failed(api.by(who), again.json)


async def test_what_an_erasure_does_not_account_for_is_told(
    api: Api, superuser: Connection, repository: Repository
) -> None:
    """A body that went after it, and an erasure by a key that might not."""
    skill = await api.made("skill", "active")
    done = await erased(repository, api.tenant.author, "skill", skill["id"])
    later = await api.patch(f"{PATHS['skill']}/{skill['id']}", {"tags": ["x"]}, f'"{done.etag}"')
    await api.step(f"{PATHS['skill']}/{skill['id']}", "archived", later.etag)
    await erase(superuser, done.audit_id)
    emptied = await told(api, skill, "L0-04")
    await superuser.execute(
        "UPDATE app.api_key SET scopes = '{read,write}' WHERE id = $1",
        api.tenant.author.context.key_id,
    )
    unscoped = await told(api.by(api.tenant.reader), skill, "L0-02")

    assert [f"Version {done.version} has no body."] == emptied
    assert [f"Version {done.version} (erase) is by a key without scope admin."] == unscoped


async def told(api: Api, document: dict[str, Any], check: str) -> list[str]:
    """Ask for what violates a check."""
    answer = await api.get(f"{PATHS[document['entity_type']]}/{document['id']}/compliance")
    found = {one["id"]: one["violations"] for one in answer.json["checks"]}
    return [violation["message"] for violation in found[check]]


async def test_what_another_refers_to_is_its_own_matter(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """An archived team is told to its member, by its id, and not to an agent beside it."""
    world = await api.world()
    beside = await api.made("agent")
    await beneath(superuser, archived("team")[0], {"team": world["team"]["id"]})
    told = [
        await api.get(f"{PATHS['agent']}/{agent['id']}/compliance")
        for agent in (world["agent"], beside)
    ]

    assert [
        [{"message": "Its team is archived.", "entity_id": world["team"]["id"]}],
        [],
    ] == [
        next(check["violations"] for check in one.json["checks"] if check["id"] == "L1-REF-1")
        for one in told
    ]


async def test_a_draft_is_told_what_it_lacks(api: Api) -> None:
    """Drafts are checked as they are, before anybody is asked to certify them."""
    skill = await api.made("skill")
    role = await api.made("job_role", required_skills=[{"id": skill["id"]}], seniority_level=None)
    answer = await api.get(f"{PATHS['job_role']}/{role['id']}/compliance")
    found = {check["id"]: check["violations"] for check in answer.json["checks"]}

    assert not answer.json["compliant"]
    assert [{"message": "The essential skill is draft.", "entity_id": skill["id"]}] == found[
        "L1-ROLE-2"
    ]
    assert [{"message": "The seniority level must be set.", "entity_id": None}] == found[
        "L1-ROLE-3"
    ]


async def test_a_code_is_taken_within_its_scheme_only(api: Api) -> None:
    """Neither another code of the scheme nor the same code of another scheme is in the way."""
    industry, *_ = [
        await api.made("industry", scheme=scheme, code=code, level=1)
        for scheme, code in (("A", "1"), ("A", "2"), ("B", "1"))
    ]

    assert set() == await failed(api, industry)


async def test_a_code_that_another_has_is_told_with_whose_it_is(
    api: Api, superuser: Connection
) -> None:
    """Each of the two is told of the other; the constraint that rules it out is put back."""
    one, other = [(await api.made("industry"))["id"] for _ in range(2)]
    where = f"WHERE id IN ('{one}', '{other}')"
    table = "ALTER TABLE app.industry_entity"
    await beneath(
        superuser,
        (f"{table} DROP CONSTRAINT industry_entity_code_key",
         f"UPDATE app.industry_entity SET scheme = 'X', code = '1', level = 1 {where}"),
        {},
    )  # fmt: skip
    answer = await api.get(f"{PATHS['industry']}/{one}/compliance")
    await beneath(
        superuser,
        (f"UPDATE app.industry_entity SET scheme = NULL, code = NULL, level = NULL {where}",
         f"{table} ADD CONSTRAINT industry_entity_code_key UNIQUE (tenant_id, scheme, code)"),
        {},
    )  # fmt: skip

    told = {check["id"]: check["violations"] for check in answer.json["checks"]}
    assert [{"message": "Another industry has its scheme and code.", "entity_id": other}] == told[
        "L1-IND-2"
    ]


async def test_an_optional_skill_binds_nobody(api: Api) -> None:
    """It may be a draft, and an agent of the job role need not have it."""
    world = await api.world()
    skills = [
        {"id": world["skill"]["id"], "relation": "essential"},
        {"id": (await api.made("skill"))["id"], "relation": "optional"},
    ]
    role = await api.made("job_role", required_skills=skills)
    agent = await api.made("agent", job_role_id=role["id"], skill_ids=[world["skill"]["id"]])

    assert "L1-ROLE-2" not in await failed(api, role)
    assert "L1-AGENT-3" not in await failed(api, agent)


@pytest.mark.parametrize("mend", ["rejected", "taken out", "archived"])
async def test_who_is_submitted_for_a_team_counts(
    api: Api, actor_with: ActorWith, mend: str
) -> None:
    """Another's agent of another job role breaks a team in force, which others can mend."""
    world = await api.world()
    other = api.by(await actor_with("read", "write", name="other"))
    role = await api.made("job_role", "active", required_skills=[
        {"id": world["skill"]["id"], "relation": "essential"}])  # fmt: skip
    agent = await other.create("agent", job_role_id=role["id"], team_id=world["team"]["id"])
    path = f"{PATHS['agent']}/{agent.json['id']}"
    before = await failed(api, world["team"])
    submitted = await other.step(path, "under_review", agent.etag)
    broken = await failed(api, world["team"])
    if mend == "rejected":
        answer = await api.by(api.tenant.certifier).step(path, "draft", submitted.etag)
    elif mend == "archived":
        answer = await api.step(path, "archived", submitted.etag)
    else:
        answer = await api.patch(path, {"team_id": None}, submitted.etag)

    assert 200 == answer.status, answer.body
    assert [set(), {"L1-TEAM-3"}] == [before, broken]
    assert set() == await failed(api, world["team"])


async def test_nothing_is_told_of_what_the_caller_may_not_see(api: Api) -> None:
    """Another tenant's entity, another agent's draft, another kind and no UUID are absent."""
    draft = await api.made("skill")
    path = f"{PATHS['skill']}/{draft['id']}/compliance"
    paths = [f"{PATHS['team']}/{draft['id']}/compliance", f"{PATHS['skill']}/{NEVER}/compliance",
             f"{PATHS['skill']}/x/compliance"]  # fmt: skip

    assert 200 == (await api.get(path)).status
    assert 404 == (await api.by(api.tenant.certifier).get(path)).status
    answers = [await api.get(one, Request_Id="same") for one in paths]
    assert [404, 404, 404] == [one.status for one in answers]
    assert answers[1].body == answers[2].body
    assert 400 == (await api.get(f"{path}?version=1")).status


async def test_a_body_that_is_gone_is_told_to_whoever_would_see_it(
    api: Api, superuser: Connection
) -> None:
    """What a draft said is its author's: to others it is hidden, whether it is there or not."""
    draft = await api.made("skill")
    skill = await api.made("skill", "active")
    for one in (draft, skill):
        await beneath(
            superuser,
            (("DELETE FROM audit.payload USING audit.entry WHERE payload.audit_id = entry.audit_id"
             " AND entry.entity_id = '{id}' AND entry.version = 1"),),
            one,
        )  # fmt: skip

    assert {"L0-04"} == await failed(api, draft)
    assert {"L0-04"} == await failed(api, skill)
    assert set() == await failed(api.by(api.tenant.reader), skill)


async def test_a_tag_given_in_force_leaves_a_body_that_everybody_sees(
    api: Api, superuser: Connection
) -> None:
    """A change is hidden only while the entity is a draft."""
    skill = await api.made("skill", "active")
    path = f"{PATHS['skill']}/{skill['id']}"
    assert 200 == (await api.patch(path, {"tags": ["t"]}, "*")).status
    assert 200 == (await api.patch(path, {"tags": ["u"]}, "*")).status
    reader = api.by(api.tenant.reader)
    before = await failed(reader, skill)
    await beneath(
        superuser,
        (("DELETE FROM audit.payload USING audit.entry WHERE payload.audit_id = entry.audit_id"
         " AND entry.entity_id = '{id}' AND entry.version = 5"),),
        skill,
    )  # fmt: skip

    assert set() == before
    assert {"L0-04"} == await failed(reader, skill)


async def test_who_wrote_an_amendment_does_not_certify_it(api: Api, superuser: Connection) -> None:
    """Its own log names who wrote it, and that is not who certified it into its entity."""
    skill = await api.made("skill", "active")
    path = f"{PATHS['skill']}/{skill['id']}/amendment"
    answer = await api.patch(path, {"description": "Amended."}, "*")
    amendment = {"amendment": answer.json["amendment_id"]}
    answer = await api.step(path, "under_review", answer.etag)
    answer = await api.by(api.tenant.certifier).step(path, "certified", answer.etag)
    assert 200 == answer.status
    before = await failed(api, skill)
    where = "WHERE entity_id = '{amendment}' AND version = 1"
    one, other = (
        actor.context.governance_agent_id for actor in (api.tenant.author, api.tenant.certifier)
    )
    await beneath(superuser, (f"UPDATE audit.entry SET actor = '{other}' {where}",), amendment)
    red = await failed(api, skill)
    await beneath(superuser, (f"UPDATE audit.entry SET actor = '{one}' {where}",), amendment)

    assert set() == before
    assert {"L0-05"} == red
    assert set() == await failed(api, skill)


async def test_two_may_certify_what_the_other_wrote(api: Api, actor_with: ActorWith) -> None:
    """What one wrote for another version, or in vain for this one, does not keep it from that."""
    certifier = await actor_with("read", "write", "certify", name="certifier")
    author = await actor_with("read", "write", "certify", name="author")
    skill = await api.made("skill", "active")
    path = f"{PATHS['skill']}/{skill['id']}/amendment"
    vain = await api.by(certifier).patch(path, {"description": "In vain."}, "*")
    await api.by(certifier).step(path, "withdrawn", vain.etag)
    for writes, certifies in ((author, certifier), (certifier, author)):
        answer = await api.by(writes).patch(path, {"description": f"By {writes.name}."}, "*")
        answer = await api.by(writes).step(path, "under_review", answer.etag)
        answer = await api.by(certifies).step(path, "certified", answer.etag)
        assert 200 == answer.status, answer.body

    # Who wrote it in vain sees that too.
    assert set() == await failed(api.by(certifier), skill)


async def test_an_import_is_not_certified_by_who_wrote_before(
    api: Api, superuser: Connection
) -> None:
    """The second identity of an import wrote no version since the last certification."""
    skill = await api.made("skill", external_id="c:2")
    actors = {
        "author": api.tenant.author.context.governance_agent_id,
        "certifier": api.tenant.certifier.context.governance_agent_id,
    }
    await imported_at_once(api, skill_body(name=skill["name"], external_id="c:2"))
    before = await failed(api, skill)
    await beneath(
        superuser,
        (("UPDATE audit.entry SET actor = '{certifier}'"
         " WHERE entity_id = '{id}' AND operation = 'create'"),),
        skill | actors,
    )  # fmt: skip

    assert set() == before
    assert {"L0-02", "L0-04", "L0-05"} == await failed(api, skill)


async def imported_at_once(api: Api, body: dict[str, Any]) -> str:
    """Import a skill as active, the author and the certifier together; its id."""
    answer = await api.send(
        "POST", "/v1/imports?as=active", raw=json.dumps({"kind": "skill"} | body).encode(),
        headers={"Content-Type": "application/x-ndjson",
                 "Certifier-Authorization": f"Bearer {api.tenant.certifier.key}"},
    )  # fmt: skip
    return str(json.loads(answer.body.splitlines()[0])["id"])


async def test_an_import_by_one_identity_is_no_certification(
    api: Api, superuser: Connection
) -> None:
    """Where the second of its identities is missing, nobody certified."""
    identity = await imported_at_once(api, skill_body(external_id="c:3"))
    subject = {"entity_type": "skill", "id": identity}
    await beneath(
        superuser,
        ("UPDATE audit.entry SET actor = split_part(actor, '+', 1) WHERE entity_id = '{id}'",),
        subject,
    )

    assert "L0-05" in await failed(api, subject)


async def test_an_import_at_once_stands_for_the_steps(api: Api, superuser: Connection) -> None:
    """Its one entry names both identities and both had the scope."""
    identity = await imported_at_once(api, skill_body(external_id="c:1"))
    found = await failed(api, {"entity_type": "skill", "id": identity})
    await beneath(
        superuser,
        (("UPDATE audit.entry SET actor = replace(actor, '{certifier}', '{author}')"
         " WHERE entity_id = '{skill}'"),),
        {"skill": identity, "author": api.tenant.author.context.governance_agent_id,
         "certifier": api.tenant.certifier.context.governance_agent_id},
    )  # fmt: skip

    assert set() == found
    assert {"L0-02", "L0-04", "L0-05"} == await failed(
        api, {"entity_type": "skill", "id": identity}
    )
