"""How each problem type is brought about, over HTTP and against a real database.

What no request brings about alone has what an operator may have done standing behind it: a trigger
of their own, a backend that was ended, a document that was erased.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from msgspec import Struct, structs

from service.database.pool import Pool
from service.model.kinds import BY_NAME
from service.repository.base import Repository
from service.settings import Settings
from service.values import Rate
from tests.api import PATHS, Answer, Api, serving
from tests.bench import Bench
from tests.erasing import entry_of, erase
from tests.factories import Tenant, make_tenant, skill_body, unique
from tests.labels import Fake, embed, searching
from tests.leader import Sealer
from tests.moved import Moved
from tests.postgres import Server
from tests.pruning import prune
from tests.sessions import Connection

SKILLS = PATHS["skill"]
ROLES = PATHS["job_role"]
NEVER = "01900000-0000-7000-8000-000000000000"

PLANTED = (
    """
    CREATE FUNCTION app.planted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'planted' USING ERRCODE = split_part(new.name, ' ', 2),
            CONSTRAINT = split_part(new.name, ' ', 3);
    END
    $$
    """,
    "GRANT EXECUTE ON FUNCTION app.planted() TO PUBLIC",
    """
    CREATE TRIGGER planted AFTER INSERT ON app.base_entity
    FOR EACH ROW WHEN (new.name LIKE 'planted %') EXECUTE FUNCTION app.planted()
    """,
)
"""Refuse an entity that is named so, with an SQLSTATE and a constraint that its name says."""


class Behind(Struct, frozen=True):
    """What services are made of: a server, a migrated database to clone, the one of this module."""

    cluster: Server
    template: str
    database: str
    settings: Settings

    @property
    def url(self) -> str:
        """Give the address that a service connects to."""
        return self.cluster.url("app", self.database)


class Ground(Struct, frozen=True):
    """What a provocation may use: a service on a database, and what stands behind both."""

    api: Api
    behind: Behind
    owner: Repository
    repository: Repository
    superuser: Connection
    sealer: Sealer

    @property
    def tenant(self) -> Tenant:
        """Give the tenant of the client."""
        return self.api.tenant

    @property
    def certifier(self) -> Api:
        """Give the client of the certifier."""
        return self.api.by(self.tenant.certifier)

    def at(self, document: dict[str, Any]) -> str:
        """Give the path of an entity."""
        return f"/v1/{BY_NAME[document['entity_type']].path}/{document['id']}"

    def bench(self, **settings: Any) -> Any:
        """Serve with a small pool and what may stand in its way."""
        behind = self.behind
        return Bench.open(behind.cluster, behind.database, self.tenant, **settings)

    @asynccontextmanager
    async def serving(self, *args: Any, **told: Any) -> AsyncIterator[Api]:
        """Serve with other settings (`told`), a clock or a search of one's own (`args`)."""
        settings = structs.replace(self.behind.settings, **told)
        async with (
            serving(settings, self.behind.url, *args) as where,
            Api.open(where, self.tenant) as api,
        ):
            yield api


async def malformed_json(on: Ground) -> Answer:
    """Send what is no number of JSON."""
    return await on.api.send("POST", SKILLS, raw=b'{"name": "Go", "embedding_384": [NaN]}')


async def malformed_request(on: Ground) -> Answer:
    """Send an entity tag without quotes."""
    return await on.api.get(f"{SKILLS}/{NEVER}", If_None_Match="1")


async def unknown_parameter(on: Ground) -> Answer:
    """Slip in a filter."""
    return await on.api.get(f"{SKILLS}?nam=x")


async def invalid_parameter(on: Ground) -> Answer:
    """Ask for more than a page has."""
    return await on.api.get(f"{SKILLS}?limit=201")


async def invalid_cursor(on: Ground) -> Answer:
    """Make up a cursor."""
    return await on.api.get(f"{SKILLS}?cursor=x")


async def unauthenticated(on: Ground) -> Answer:
    """Send no key."""
    return await on.api.send("GET", SKILLS, headers={"Authorization": None})


async def scope_missing(on: Ground) -> Answer:
    """Write with a key that reads."""
    return await on.api.by(on.tenant.reader).post(SKILLS, skill_body())


async def own_work(on: Ground) -> Answer:
    """Certify what one wrote."""
    made = await on.certifier.create("skill")
    review = await on.certifier.step(on.at(made.json), "under_review", made.etag)
    return await on.certifier.step(on.at(made.json), "certified", review.etag)


async def not_found(on: Ground) -> Answer:
    """Ask for nothing."""
    return await on.api.get(f"{SKILLS}/{NEVER}")


async def unknown_path(on: Ground) -> Answer:
    """Ask for a path that is none."""
    return await on.api.get("/v1/nothing")


async def method_not_allowed(on: Ground) -> Answer:
    """Delete an entity."""
    return await on.api.send("DELETE", f"{SKILLS}/{NEVER}")


async def not_acceptable(on: Ground) -> Answer:
    """Want an export as a picture."""
    return await on.api.get("/v1/exports?format=entities", Accept="image/png")


async def name_taken(on: Ground) -> Answer:
    """Give a name twice."""
    made = await on.api.made("skill")
    return await on.api.create("skill", name=made["name"].upper())


async def external_id_taken(on: Ground) -> Answer:
    """Give an external id twice."""
    await on.api.made("skill", external_id="a/1")
    return await on.api.create("skill", external_id="a/1")


async def code_taken(on: Ground) -> Answer:
    """Give a code of a scheme twice."""
    await on.api.made("industry", scheme="S", code="1", level=1)
    return await on.api.create("industry", scheme="S", code="1", level=2)


async def similar_exists(on: Ground) -> Answer:
    """Create what means the same, and ask not to."""
    async with on.serving(None, searching(Fake())) as api:
        await api.made("skill", name="mend boat")
        await embed(on.superuser, on.tenant.id)
        return await api.post(f"{SKILLS}?similar=refuse", skill_body(name="repairs vessel"))


async def reference_not_found(on: Ground) -> Answer:
    """Need a skill that is not there."""
    return await on.api.create("job_role", required_skills=[{"id": NEVER}])


async def step_not_allowed(on: Ground) -> Answer:
    """Leave out two steps."""
    made = await on.api.create("skill")
    return await on.api.step(on.at(made.json), "active", made.etag)


async def certified_is_immutable(on: Ground) -> Answer:
    """Change the name of what is in force."""
    made = await on.api.made("skill", "active")
    return await on.api.patch(on.at(made), {"name": unique("other")}, "*")


async def amendment_open(on: Ground) -> Answer:
    """Propose what another proposes too."""
    made = await on.api.made("skill", "active")
    await on.api.patch(f"{on.at(made)}/amendment", {"description": "One."}, "*")
    return await on.certifier.patch(f"{on.at(made)}/amendment", {"description": "Two."}, "*")


async def amendment_outdated(on: Ground) -> Answer:
    """Submit what an entity has moved on from."""
    made = await on.api.made("skill", "active")
    path = f"{on.at(made)}/amendment"
    proposed = await on.api.patch(path, {"description": "Other."}, "*")
    await on.api.patch(on.at(made), {"tags": ["new"]}, "*")
    return await on.api.step(path, "under_review", proposed.etag)


async def not_in_force(on: Ground) -> Answer:
    """Amend a draft."""
    made = await on.api.made("skill")
    return await on.api.patch(f"{on.at(made)}/amendment", {"description": "Other."}, "*")


async def immutable_field(on: Ground) -> Answer:
    """Move an agent to another industry."""
    agent = await on.api.made("agent")
    other = await on.api.made("industry")
    return await on.api.patch(on.at(agent), {"industry_id": other["id"]}, "*")


async def rule_violated(on: Ground) -> Answer:
    """Certify a job role that needs nothing."""
    role = await on.api.made("job_role", "under_review", required_skills=[])
    return await on.certifier.step(on.at(role), "certified", "*")


async def in_use(on: Ground) -> Answer:
    """Archive what a role in force needs."""
    return await on.api.step(on.at((await on.api.world())["skill"]), "archived", "*")


async def import_incomplete(on: Ground) -> Answer:
    """Archive what is absent from an import that could not be read: of a line of its answer."""
    await on.api.made("skill", external_id="absent")
    answer = await on.api.send(
        "POST",
        "/v1/imports?absent=archive",
        raw=json.dumps({"kind": "skill", "external_id": "there", **skill_body()}).encode() + b"\n{",
        headers={"Content-Type": "application/x-ndjson"},
    )
    lines = [json.loads(line) for line in answer.body.splitlines()]
    (kept,) = [line for line in lines if line.get("outcome") == "kept"]
    problem = kept["problem"]
    return Answer(problem["status"], {}, json.dumps(problem).encode())


async def parent_cycle(on: Ground) -> Answer:
    """Become one's own grandparent."""
    one = await on.api.made("skill")
    other = await on.api.made("skill", parent_ids=[one["id"]])
    return await on.api.patch(on.at(one), {"parent_ids": [other["id"]]}, "*")


async def idempotency_in_progress(on: Ground) -> Answer:
    """Send again what is still running."""
    async with on.bench() as bench:
        made = await bench.api.create("skill")
        headers = {"If-Match": made.etag, "Idempotency-Key": "k"}
        request = "PATCH", on.at(made.json), {"tags": ["a"]}
        async with bench.locked(made.json["id"]) as session:
            writer = asyncio.create_task(bench.api.send(*request, headers=headers))
            await bench.waiting_backends(session, 1)
            answer: Answer = await bench.api.send(*request, headers=headers)
        assert 200 == (await writer).status
    return answer


async def conflict(on: Ground) -> Answer:
    """Break a constraint that is not ours."""
    return await on.api.create("skill", name="planted 23P01 operators_own")


async def not_sealed(on: Ground) -> Answer:
    """Want a proof from a log that has not begun."""
    name = await asyncio.to_thread(on.behind.cluster.clone, on.behind.template)
    try:
        there = await _elsewhere(on, name)
        async with (
            serving(on.behind.settings, on.behind.cluster.url("app", name)) as url,
            Api.open(url, there) as api,
        ):
            return await api.get("/v1/exports?format=proof")
    finally:
        await asyncio.to_thread(on.behind.cluster.drop, name)


async def cursor_expired(on: Ground) -> Answer:
    """Come back after a day."""
    clock = Moved()
    async with on.serving(clock) as api:
        for _ in range(2):
            await api.made("skill")
        cursor = (await api.get(f"{SKILLS}?limit=1")).json["next_cursor"]
        clock.ahead = timedelta(hours=24, seconds=60)
        return await api.get(f"{SKILLS}?limit=1&cursor={cursor}")


async def erased(on: Ground) -> Answer:
    """Ask for a version whose content is gone."""
    made = await on.api.create("skill")
    later = await on.api.patch(on.at(made.json), {"tags": ["x"]}, made.etag)
    assert 200 == later.status
    await erase(on.superuser, entry_of(made))
    return await on.api.get(f"{on.at(made.json)}?version=1")


async def pruned(on: Ground) -> Answer:
    """Ask for a version that lies in an archive."""
    made = await on.api.create("skill")
    await on.api.patch(on.at(made.json), {"tags": ["x"]}, made.etag)
    await on.sealer.seal()
    await prune(on.superuser, on.tenant.id, 1)
    return await on.api.get(f"{on.at(made.json)}?version=1")


async def precondition_failed(on: Ground) -> Answer:
    """Change what has changed."""
    made = await on.api.create("skill")
    await on.api.patch(on.at(made.json), {"tags": ["x"]}, made.etag)
    return await on.api.patch(on.at(made.json), {"tags": ["y"]}, made.etag)


async def body_too_large(on: Ground) -> Answer:
    """Send a byte too many."""
    return await on.api.send("POST", SKILLS, raw=b" " * (1024 * 1024 + 1))


async def unsupported_media_type(on: Ground) -> Answer:
    """Send a table."""
    return await on.api.send("POST", SKILLS, raw=b"a,b", headers={"Content-Type": "text/csv"})


async def invalid_body(on: Ground) -> Answer:
    """Be wrong twice."""
    return await on.api.create("skill", name=" x", colour="red")


async def idempotency_key_reused(on: Ground) -> Answer:
    """Mean something else by a key."""
    await on.api.post(SKILLS, skill_body(), Idempotency_Key="again")
    return await on.api.post(SKILLS, skill_body(), Idempotency_Key="again")


async def precondition_required(on: Ground) -> Answer:
    """Change something, whatever it is."""
    made = await on.api.made("skill")
    return await on.api.send("PATCH", on.at(made), {"tags": ["x"]})


async def rate_limited(on: Ground) -> Answer:
    """Ask twice where once is allowed."""
    async with on.serving(rate_limit=Rate(1, 60)) as api:
        await api.get("/v1/me")
        return await api.get("/v1/me")


async def defect(on: Ground) -> Answer:
    """Meet what nobody thought of."""
    return await on.api.create("skill", name="planted P0001")


async def unavailable(on: Ground) -> Answer:
    """Wait for a table that is locked."""
    async with on.bench(statement_timeout_ms=100) as bench, bench.closed():
        answer: Answer = await bench.api.get(SKILLS)
    return answer


async def outcome_unknown(on: Ground) -> Answer:
    """Lose the backend of a write."""
    async with on.bench() as bench:
        made = await bench.api.create("skill")
        async with bench.locked(made.json["id"]) as session:
            patch = bench.api.patch(on.at(made.json), {"tags": ["a"]}, made.etag)
            writer = asyncio.create_task(patch)
            (pid,) = await bench.waiting_backends(session, 1)
            await session.execute("SELECT pg_terminate_backend($1)", pid)
            answer: Answer = await writer
    return answer


async def _elsewhere(on: Ground, database: str) -> Tenant:
    """Make a tenant in another database."""
    pool = Pool(on.behind.cluster.url("owner", database), on.behind.settings, name="owner")
    await pool.open()
    try:
        return await make_tenant(Repository(on.owner.catalog, pool))
    finally:
        await pool.close()


Provocation = Callable[[Ground], Awaitable[Answer]]
PROVOCATIONS: dict[str, Provocation] = {
    made.__name__.replace("_", "-"): made
    for made in (
        malformed_json, malformed_request, unknown_parameter, invalid_parameter, invalid_cursor,
        unauthenticated, scope_missing, own_work, not_found, unknown_path, method_not_allowed,
        not_acceptable, name_taken, external_id_taken, code_taken, similar_exists,
        reference_not_found, step_not_allowed, certified_is_immutable, amendment_open,
        amendment_outdated, not_in_force, immutable_field, rule_violated, in_use,
        import_incomplete, parent_cycle, idempotency_in_progress, conflict, not_sealed,
        cursor_expired, erased, pruned, precondition_failed, body_too_large,
        unsupported_media_type, invalid_body, idempotency_key_reused, precondition_required,
        rate_limited, defect, unavailable, outcome_unknown,
    )
}  # fmt: skip
"""By the slug of the problem that each brings about."""
