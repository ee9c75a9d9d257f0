"""The line that each request leaves in the log: what it came to, and nobody's text."""

import logging
from typing import Any

import pytest

from service.cli.logs import REQUESTS
from service.http.request_log import traced
from tests.api import Api
from tests.factories import skill_body, unique

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Have the log of requests on."""
    caplog.set_level(logging.INFO, REQUESTS)
    return caplog


def lines(told: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Give the members of each line."""
    return [vars(record)["members"] for record in told.records if record.name == REQUESTS]


async def test_a_request_leaves_a_line(api: Api, told: pytest.LogCaptureFixture) -> None:
    """Route, outcome, and whose it was, by ids."""
    made = await api.post("/v1/skills", skill_body(), Request_Id="order-1")
    (line,) = lines(told)

    context = api.actor.context
    wanted = {
        "method": "POST",
        "route": "/v1/skills",
        "status": 201,
        "request_id": "order-1",
        "tenant_id": context.tenant_id,
        "governance_agent_id": context.governance_agent_id,
        "key_id": context.key_id,
    }
    assert 201 == made.status
    assert wanted == {name: line[name] for name in wanted}
    assert {*wanted, "ms"} == set(line)
    assert line["ms"] > 0


async def test_a_refusal_says_what_it_was(api: Api, told: pytest.LogCaptureFixture) -> None:
    """The slug of its problem; of nobody known no ids."""
    await api.get("/v1/skills/x")
    await api.send("GET", "/v1/skills", headers={"Authorization": "Bearer plant_wrong"})
    await api.send("GET", "/nowhere")
    absent, unknown, nowhere = lines(told)

    assert ("/v1/skills/{id}", 404, "not-found") == (
        absent["route"], absent["status"], absent["problem"],
    )  # fmt: skip
    assert (401, "unauthenticated", False) == (
        unknown["status"], unknown["problem"], "tenant_id" in unknown,
    )  # fmt: skip
    assert ("unknown", 404, "unknown-path") == (
        nowhere["route"], nowhere["status"], nowhere["problem"],
    )  # fmt: skip


async def test_it_has_nobodys_text(api: Api, told: pytest.LogCaptureFixture) -> None:
    """Neither key, body, query nor what a path has of a client's own."""
    secret = unique("secret").replace(" ", "-")
    await api.post("/v1/skills", skill_body(name=secret, description=secret))
    await api.post("/v1/skills", {secret: 1})
    await api.get(f"/v1/skills?name={secret}")
    await api.get(f"/v1/skills/by-external-id/{secret}")
    await api.get(f"/{secret}")
    await api.send(
        "GET", "/v1/me", headers={"X-Secret": secret, "Authorization": f"Bearer {secret}"}
    )

    assert 6 == len(lines(told))
    assert secret not in told.text
    assert api.actor.key not in told.text


async def test_a_trace_goes_on(api: Api, told: pytest.LogCaptureFixture) -> None:
    """The trace and the span that asked, and a span of its own."""
    header = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    for _ in range(2):
        await api.send("GET", "/v1/me", headers=header)
    first, second = lines(told)

    assert [(TRACE, PARENT)] * 2 == [(one["trace_id"], one["parent_id"]) for one in (first, second)]
    assert first["span_id"] != second["span_id"]


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        f"00-{TRACE}-{PARENT}",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_what_is_no_trace_is_passed_over(traceparent: str) -> None:
    """As the recommendation asks; a later version may have more behind it."""
    assert {} == traced(traceparent)
    assert TRACE == traced(f"01-{TRACE}-{PARENT}-01-more")["trace_id"]


async def test_it_can_be_off(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is written."""
    caplog.set_level(logging.WARNING, REQUESTS)
    await api.get("/v1/me")

    assert [] == lines(caplog)
