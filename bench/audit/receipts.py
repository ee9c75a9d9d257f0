"""Receipts over HTTP: one client that keeps its connection, the service as it is in production."""

import http.client
import random
import re
import time
from collections.abc import Callable
from typing import Final

from bench.audit.session import Session
from bench.ground import Command
from bench.pgbench import BenchError
from bench.result import Outcome, Row, percentile

ADDRESS: Final = re.compile(r"Plant serves on \S+:(\d+) ")
START_S: Final = 30.0
WARM: Final = 300
OF_EACH: Final = 500
"""Entities of each tenant that are asked for."""
ENTITIES: Final = "SELECT tenant_id::text, id::text FROM app.base_entity ORDER BY id"

Request = Callable[[], tuple[str, str]]
"""Gives a path and the key that it is asked with."""


def measure(session: Session) -> Outcome:
    """Measure the present version and one of any age, and beside them what a request costs."""
    ground, _ = session.history
    keys = {actor.tenant_id: actor.key for actor in session.actors}
    draw = random.Random(1)  # noqa: S311 - repeatable
    there = ground.run(ENTITIES)
    known = [(keys[tenant], entity) for tenant, entity in there if tenant in keys]
    known = draw.sample(known, min(len(known), OF_EACH * len(keys)))

    def latest() -> tuple[str, str]:
        key, entity = draw.choice(known)
        return f"/v1/skills/{entity}/receipt", key

    def of_any_age() -> tuple[str, str]:
        path, key = latest()
        return f"{path}?version={draw.randint(1, session.scale.versions)}", key

    asked: dict[str, Request] = {
        "nothing": lambda: ("/v1/me", known[0][0]),
        "latest": latest,
        "any": of_any_age,
    }
    session.tell("receipts over HTTP")
    with ground.plant("serve", PLANT_PROFILE="production").running() as service:
        port = _port(service)
        found = {
            name: _times_ms(port, request, session.scale.receipts)
            for name, request in asked.items()
        }
    return Outcome(_rows(session, found), {"times_ms": found})


def _port(service: Command) -> int:
    end = time.perf_counter() + START_S
    while time.perf_counter() < end and service.alive():
        if said := ADDRESS.search(service.said()):
            return int(said[1])
        time.sleep(0.05)
    raise BenchError(f"plant serve does not come up: {service.said()}")


def _times_ms(port: int, request: Request, count: int) -> list[float]:
    """Ask one after the other; gives the milliseconds of each, but for the first few.

    Raises: BenchError.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port)
    found = []
    try:
        for _ in range(WARM + count):
            path, key = request()
            begun = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            body = answer.read()
            found.append(round((time.perf_counter() - begun) * 1000, 3))
            if answer.status != http.client.OK:
                raise BenchError(f"GET {path} is answered {answer.status}: {body!r}")
    finally:
        connection.close()
    return found[WARM:]


def _rows(session: Session, found: dict[str, list[float]]) -> list[Row]:
    scale = session.scale
    nothing = percentile(found["nothing"], 0.5)
    names = {"latest": "the present version", "any": "a version of any age"}
    return [
        Row(
            what=f"receipt over HTTP, p50, {words}",
            value=percentile(found[name], 0.5),
            unit="ms",
            most=2.0,
            how=f"`plant serve` with the profile `production` at {scale.entries:,} entries; one "
            f"client, one connection, {scale.receipts:,} requests one after the other for "
            f"entities of {scale.tenants} tenants.",
            beside=f"p99 {percentile(found[name], 0.99):.2f} ms; `/v1/me` {nothing:.2f} ms",
        )
        for name, words in names.items()
    ]
