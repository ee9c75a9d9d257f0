"""POST /v1/batch: several operations, all of them or none."""

from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from service.database.turns import Turns
from service.errors import (
    HIDDEN,
    POINTING,
    Conflict,
    FieldError,
    InvalidBody,
    MalformedJson,
    PreconditionFailed,
    Problem,
    ScopeMissing,
)
from service.http.answers import JSON, PRIVATE, entry_named
from service.http.caller import Caller, caller, lacking
from service.http.conflicts import Refused, explained, stepping
from service.http.reading import REPOSITORY
from service.http.request import JSON as JSON_BODY
from service.http.request import check_media, raw_query, read_body
from service.http.room import Room
from service.http.writing import Write
from service.model.batch import Batch, prepare, within
from service.model.batch_operation import Prepared
from service.model.etag import WEAK, quoted
from service.model.kinds import BY_NAME
from service.model.query import parameters
from service.repository.base import Repository
from service.repository.batch import BatchDone, BatchRun
from service.sqlstate import operation_of
from service.usecases.large import in_thread

BODY_MAX: Final = 16 * 1024 * 1024
AT_ONCE: Final = 2
"""Batches of one process that are read and done at a time; each takes a connection."""

PLACES: Final = 16
"""Batches that are there and wait for their turn, those included that have it."""

ROOM_BYTES: Final = PLACES * BODY_MAX
"""For bodies that are taken in, wait, or are done."""
HERE: Final = " You cannot see it: an earlier operation makes it, or it is another's draft."
MOVED: Final = (
    "An earlier operation {} the entity, and no tag that was read before is that of what it "
    "leaves: send *."
)

TURNS: Final = web.AppKey("batches", Turns)
ROOM: Final = web.AppKey("bodies_of_batches", Room)


class Result(Struct, frozen=True):
    """What became of one operation."""

    ref: str | None
    status: int
    id: str
    version: int
    etag: str
    audit_entry: str | None


async def batch(request: web.Request) -> web.StreamResponse:
    """Do several operations in one transaction."""
    who = await caller(request, "write", "certify")
    parameters(raw_query(request))
    repository = request.app[REPOSITORY]
    write = Write(request, repository, who)
    if not request.can_read_body:
        raise MalformedJson("The body is empty.")
    check_media(request, JSON_BODY)
    whose = who.context.tenant_id
    with request.app[ROOM].share(whose) as take:
        body = await read_body(request, BODY_MAX, take=take)
        async with request.app[TURNS].turn(PLACES, whose):
            # In a thread: 16 MiB take longer to check than others should wait.
            batch, sent = await in_thread(partial(_prepared, body))
            operations = batch.operations
            query = BatchRun(sent.decode(), write.request_json(batch.canonical(sent)))
            try:
                done = await write.done(query)
            except Problem as problem:
                raise await _pointed(problem, repository, who, operations) from problem
    return _answer(write, operations, done)


def _prepared(body: bytes) -> tuple[Batch, bytes]:
    """Check the operations, and encode them."""
    batch = prepare(body)
    return batch, batch.encoded()


async def _pointed(
    problem: Problem, repository: Repository, who: Caller, operations: list[Prepared]
) -> Problem:
    """Say which operation it is about, and complete what it says as if it had come alone."""
    place = operation_of(problem)
    if place is None or not isinstance(problem, POINTING):
        return problem
    operation = operations[place]
    if isinstance(problem, Conflict | InvalidBody):
        problem = await _explained(problem, repository, who, operation)
        # What is undone with the batch is not there to be named.
        problem.detail = problem.detail.replace(HIDDEN, HERE)
    if isinstance(problem, PreconditionFailed):
        _unmet(problem, operations, place)
    scope = problem.extensions.get("required_scope")
    if isinstance(problem, ScopeMissing) and operation.op == "create" and scope:
        # The database takes a creation for a change.
        problem.detail = lacking(scope)
    problem.errors = tuple(within(fault, place, operation) for fault in problem.errors) or (
        FieldError(f"/operations/{place}", problem.slug, problem.detail),
    )
    problem.detail = f"/operations/{place}: {problem.detail}"
    return problem


def _unmet(problem: PreconditionFailed, operations: list[Prepared], place: int) -> None:
    """Say why the condition does not hold; a tag that is undone with the batch is none to name."""
    operation = operations[place]
    same = [one for one in operations[:place] if operation.id in {one.id, one.placeholder}]
    if same:
        problem.detail = MOVED.format("makes" if same[0].op == "create" else "changes")
        problem.extensions.pop("current_etag", None)
    elif operation.weak_only:
        problem.detail = WEAK


async def _explained(
    refused: Refused, repository: Repository, who: Caller, operation: Prepared
) -> Refused:
    kind = BY_NAME[operation.kind]
    if operation.content is not None:
        return await explained(
            refused, repository, who.context, kind, operation.content, operation.id
        )
    return await stepping(refused, repository, who, kind, operation.id or "")


def _answer(write: Write, operations: list[Prepared], done: BatchDone) -> web.Response:
    results = [
        Result(
            operation.ref,
            201 if operation.op == "create" else 200,
            str(done.ids[place]),
            done.versions[place],
            quoted(done.etags[place]),
            None if write.dry else entry_named(done.audit_ids[place], done.entry_hashes[place]),
        )
        for place, operation in enumerate(operations)
    ]
    headers = {"Cache-Control": PRIVATE}
    if write.dry:
        headers["Preference-Applied"] = "tx=rollback"
    if done.replayed:
        headers["Idempotency-Replayed"] = "true"
    return web.Response(
        body=msgspec.json.encode({"results": results}), content_type=JSON, headers=headers
    )


def routes() -> list[web.RouteDef]:
    """List the routes of batches."""
    return [web.post("/v1/batch", batch)]
