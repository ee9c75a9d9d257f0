"""The line that each request leaves in the log: what it came to, and nobody's text."""

import logging
from typing import Any

import pytest

from service.cli.logs import JsonLines
from service.http.log_lines import LOGGER
from service.http.request_log import traced
from tests.api import Api
from tests.factories import skill_body

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Have the log of requests on."""
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


def lines(told: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Give the members of each line."""
    return [vars(record)["members"] for record in told.records if record.name == LOGGER]


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


async def test_text_and_members_say_the_same(api: Api, told: pytest.LogCaptureFixture) -> None:
    """Of answers, problems, strangers and traces."""
    await api.get("/v1/me", traceparent=f"00-{TRACE}-{PARENT}-01")
    await api.get("/v1/skills/x")
    await api.send("GET", "/nowhere", headers={"Authorization": None})
    records = [record for record in told.records if record.name == LOGGER]
    told.clear()

    assert 3 == len(records)
    for record in records:
        members = vars(record)["members"]
        said = [word for word in record.getMessage().split() if not word.startswith("span_id=")]
        assert said == [f"{name}={value}" for name, value in members.items() if name != "span_id"]


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


PLACES = (
    *("method", "path", "query-name", "query-value", "external-id", "body", "member", "accept"),
    *("agent", "cookie", "forwarded", "etag", "key", "certifier", "idempotency", "media", "trace"),
    *("request-id", "prefer"),
)
"""Where a client may put text of its own."""


@pytest.mark.parametrize("form", [logging.Formatter("%(message)s"), JsonLines()])
async def test_it_has_nobodys_text(
    api: Api, told: pytest.LogCaptureFixture, form: logging.Formatter
) -> None:
    """Neither key, body, header, query nor what a path or a method has of a client's own."""
    marked = {place: f"marked{number}x" for number, place in enumerate(PLACES)}
    headers: dict[str, str | None] = {
        "Accept": marked["accept"],
        "User-Agent": marked["agent"],
        "Cookie": marked["cookie"],
        "X-Forwarded-For": marked["forwarded"],
        "Idempotency-Key": marked["idempotency"],
        "traceparent": marked["trace"],
        "Prefer": marked["prefer"],
        "Certifier-Authorization": f"Bearer {marked['certifier']}",
        "Request-Id": f'"{marked["request-id"]}"',  # one that is none: else it is echoed
    }
    body = skill_body(name=marked["body"], description=marked["body"])
    external = f"/v1/skills/by-external-id/{marked['external-id']}"
    requests: list[tuple[str, str, Any, dict[str, str | None]]] = [
        ("POST", "/v1/skills", body, {}),
        ("POST", "/v1/skills", {marked["member"]: marked["body"]}, {}),
        ("POST", "/v1/skills", body, {"Content-Type": marked["media"]}),
        ("GET", f"/v1/skills?{marked['query-name']}={marked['query-value']}", None, {}),
        ("GET", f"/v1/skills?name={marked['query-value']}", None, {}),
        ("PUT", external, body, {"If-Match": marked["etag"]}),
        ("GET", external, None, {}),
        ("GET", f"/{marked['path']}", None, {}),
        ("GET", f"/v1/skills/{marked['path']}", None, {}),
        ("GET", "/v1/me", None, {"Authorization": f"Bearer {marked['key']}"}),
        (marked["method"].upper(), "/v1/skills", None, {}),
        ("POST", "/v1/imports", None, {"Content-Type": "application/x-ndjson"}),
    ]
    for method, path, sent, more in requests:
        await api.send(method, path, sent, headers={**headers, **more})
    written = "\n".join(form.format(record) for record in told.records)

    # A method that HTTP does not know ends before there is a request.
    assert len(requests) - 1 == len(lines(told))
    assert [] == [place for place, mark in marked.items() if mark in written.lower()]
    assert api.actor.key not in written


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
    caplog.set_level(logging.WARNING, LOGGER)
    await api.get("/v1/me")

    assert [] == lines(caplog)
