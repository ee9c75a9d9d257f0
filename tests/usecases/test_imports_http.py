"""POST /v1/imports on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.api import Answer, Api
from tests.factories import ActorWith, Tenant
from tests.imports import Line, line, many, ndjson, ref, state, workshop

PATH = "/v1/imports"
NDJSON = {"Content-Type": "application/x-ndjson"}


async def sent(api: Api, lines: Sequence[Line | bytes], path: str = PATH, **headers: str) -> Answer:
    """Send lines."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.send("POST", path, raw=ndjson(lines), headers=NDJSON | more)


def told(answer: Answer) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Read the answer's lines and its totals, which come last."""
    assert 200 == answer.status
    assert "application/x-ndjson" == answer.headers["Content-Type"]
    *lines, last = [json.loads(one) for one in answer.body.splitlines()]
    assert ["totals"] == list(last)
    return lines, last["totals"]


async def active(api: Api, lines: Sequence[Line | bytes], certifier: str | None) -> Answer:
    """Import as active with a certifier's key."""
    more = {"Certifier_Authorization": f"Bearer {certifier}"} if certifier else {}
    return await sent(api, lines, f"{PATH}?as=active", **more)


async def test_a_line_of_outcome_for_each_line(api: Api, superuser: asyncpg.Connection) -> None:
    """Outcomes are 200 whatever they are; a rejected line carries its problem and its owner."""
    lines: Sequence[Line | bytes] = [
        line("skill", "b", parent_ids=[ref("a")]),
        b"",
        line("skill", "a") | {"x": 1},
        b"no json\r",
        line("skill", "c"),
    ]

    lines_told, totals = told(await sent(api, lines))

    assert {"created": 1, "amended": 0, "unchanged": 0, "rejected": 3} == totals
    by_line = {one["line"]: one for one in lines_told}
    assert {1: "rejected", 3: "rejected", 4: "rejected", 5: "created"} == {
        number: one["outcome"] for number, one in by_line.items()
    }
    assert {"line", "outcome", "id"} == set(by_line[5])
    assert {"line", "outcome", "id", "external_id", "problem"} == set(by_line[3])
    assert ("a", "/x") == (
        by_line[3]["external_id"],
        by_line[3]["problem"]["errors"][0]["pointer"],
    )
    assert ["c"] == list(await state(superuser, api.tenant))


async def test_as_active_with_a_second_identity(api: Api, superuser: asyncpg.Connection) -> None:
    """Everything enters force with one entry each."""
    _, totals = told(await active(api, [*workshop()], api.tenant.certifier.key))

    assert 7 == totals["created"]
    now = await state(superuser, api.tenant)
    assert {("active", ("import",))} == {
        (one.status, tuple(one.operations)) for one in now.values()
    }


async def test_as_active_refuses_a_wrong_second_identity(
    api: Api, other_tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Missing, unknown, another tenant's: 401; without the scope: 403; one's own agent: 403."""
    tenant = api.tenant
    answers = {
        "missing": await active(api, many(1), None),
        "unknown": await active(api, many(1), "plant_nonsense"),
        "foreign": await active(api, many(1), other_tenant.certifier.key),
        "scope": await active(api, many(1), tenant.reader.key),
        "same": await active(api.by(tenant.certifier), many(1), tenant.certifier.key),
    }

    assert {
        "missing": (401, "unauthenticated"),
        "unknown": (401, "unauthenticated"),
        "foreign": (401, "unauthenticated"),
        "scope": (403, "scope-missing"),
        "same": (403, "own-work"),
    } == {name: (answer.status, answer.problem) for name, answer in answers.items()}
    assert answers["scope"].json["detail"].endswith("certify in Certifier-Authorization.")
    for name in ("unknown", "foreign"):
        assert answers[name].json["detail"].endswith("makes one: `plant key create`.")
    assert {} == await state(superuser, tenant)


@pytest.mark.parametrize(
    "path,headers,status,problem",
    [
        (f"{PATH}?as=draft", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?sa=active", NDJSON, 400, "unknown-parameter"),
        (f"{PATH}?as=active&as=active", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=delete", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=ARCHIVE", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=archive%00", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=report%FF", NDJSON, 400, "malformed-request"),
        (f"{PATH}?absent=report&absent=archive", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent=archive,report", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?absent={'9' * 5000}", NDJSON, 400, "invalid-parameter"),
        (f"{PATH}?archive_absent=true", NDJSON, 400, "unknown-parameter"),
        (PATH, {"Content-Type": "application/json"}, 415, "unsupported-media-type"),
        (PATH, NDJSON | {"Authorization": "Bearer plant_x"}, 401, "unauthenticated"),
        (PATH, NDJSON | {"Certifier-Authorization": "Bearer x"}, 400, "malformed-request"),
        (
            f"{PATH}?absent=report",
            NDJSON | {"Certifier-Authorization": ""},
            400,
            "malformed-request",
        ),
    ],
)
async def test_requests_that_are_refused_whole(
    api: Api,
    superuser: asyncpg.Connection,
    path: str,
    headers: dict[str, str],
    status: int,
    problem: str,
) -> None:
    """What is wrong with the request itself is a problem of its own, before any line."""
    answer = await api.send("POST", path, raw=ndjson(many(2)), headers=headers)

    assert (status, problem) == (answer.status, answer.problem)
    assert {} == await state(superuser, api.tenant)


@pytest.mark.parametrize("query", ["", "?absent=report", "?absent=archive"])
async def test_a_key_without_write(api: Api, query: str) -> None:
    """The scope is asked for before the body is read, also where only a report is wanted."""
    answer = await sent(api.by(api.tenant.reader), many(1), PATH + query)

    assert (403, "scope-missing") == (answer.status, answer.problem)


@pytest.mark.parametrize("handling", ["report", "archive"])
async def test_what_is_absent_is_named_to_who_may_read(
    api: Api, actor_with: ActorWith, handling: str
) -> None:
    """With write alone one imports, and is told nothing of what is not in the lines."""
    blind = api.by(await actor_with("write"))
    refused = await sent(blind, [line("skill", "a")], f"{PATH}?absent={handling}")
    done = await sent(blind, [line("skill", "a")])

    assert (403, "scope-missing") == (refused.status, refused.problem)
    assert "read" == refused.json["required_scope"]
    assert 200 == done.status


async def test_what_is_absent_comes_after_the_lines(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """Listed or archived, as active or not; each has no line, and the totals count them."""
    lines = [line("skill", f"s:{name}") for name in "abc"]
    role = line("job_role", "r:role", required_skills=[
        {"external_id": "s:b", "relation": "essential"}
    ])  # fmt: skip
    await active(api, [*lines, role], api.tenant.certifier.key)
    now = await state(superuser, api.tenant)
    second = {"Certifier_Authorization": f"Bearer {api.tenant.certifier.key}"}

    found = [
        told(await sent(api, lines[:1], f"{PATH}?{query}", **more))
        for query, more in (
            ("absent=report", {}),
            ("as=active&absent=report", second),
            ("absent=archive&as=active", second),
        )
    ]

    listed = {"absent", now["s:b"].id, "s:b"}, {"absent", now["s:c"].id, "s:c"}
    for report, totals in found[:2]:
        assert [1] == [one["line"] for one in report if "line" in one]
        assert "line" in report[0]
        assert list(listed) == sorted(
            ({*one.values()} for one in report[1:]), key=lambda one: "s:c" in one
        )
        assert {"unchanged": 1, "absent": 2} == {
            name: count for name, count in totals.items() if count
        }
    archived, totals = found[2]
    assert {"archived": 1, "kept": 1} == {name: totals[name] for name in ("archived", "kept")}
    by_id = {one["external_id"]: one for one in archived[1:]}
    assert {"outcome": "archived", "id": now["s:c"].id, "external_id": "s:c"} == by_id["s:c"]
    assert [now["r:role"].id] == [one["id"] for one in by_id["s:b"]["problem"]["dependents"]]


async def test_a_line_that_was_cut_off_may_be_about_anything(api: Api) -> None:
    """A line beyond 1 MiB is not kept whole, so nobody knows whose it is."""
    await sent(api, [line("skill", "s:a"), line("skill", "s:b")])
    long = line("skill", "s:b", description="x" * 2 * 2**20)

    lines, totals = told(await sent(api, [line("skill", "s:a"), long], f"{PATH}?absent=archive"))

    assert (1, 0, 1) == (totals["rejected"], totals["archived"], totals["kept"])
    assert "/docs/errors#import-incomplete" == lines[-1]["problem"]["type"]


async def test_no_line(api: Api) -> None:
    """An empty body is an import of nothing."""
    for body in ([], [b"", b" \r"]):
        lines, totals = told(await sent(api, body))
        assert ([], 0) == (lines, sum(totals.values()))


@pytest.mark.parametrize("over", [0, 1])
async def test_how_long_a_line_may_be(api: Api, over: int) -> None:
    """1 MiB without its end goes in; a byte more is rejected, and the next line is found."""
    room = 2**20 - len(json.dumps(line("skill", "long", custom_attributes={})))
    # Blanks between members make a line long that holds little.
    long = json.dumps(line("skill", "long", custom_attributes={})).encode()
    long = b"{" + b" " * (room + over) + long[1:]
    assert 2**20 + over == len(long)

    lines, totals = told(await sent(api, [long + b"\r", line("skill", "next")]))

    assert ["rejected" if over else "created", "created"] == [
        one["outcome"] for one in sorted(lines, key=lambda one: one["line"])
    ]
    assert over == totals["rejected"]


async def test_lines_cut_anywhere(api: Api, superuser: asyncpg.Connection) -> None:
    """Pieces of any size make the same lines; the last one needs no end."""
    body = ndjson(workshop()).rstrip(b"\n")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            api.url + PATH,
            data=pieces(),
            headers=NDJSON | {"Authorization": f"Bearer {api.tenant.author.key}"},
        ) as answer,
    ):
        last = (await answer.read()).splitlines()[-1]

    assert 7 == json.loads(last)["totals"]["created"]
    assert 7 == len(await state(superuser, api.tenant))


async def test_an_upload_that_breaks_off_leaves_nothing(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """Lines that came are not imported when the rest does not come."""
    some = ndjson(many(2500))
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.tenant.author.key}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(some) + 1}\r\n\r\n"
    )
    staged = "SELECT count(*) FROM app.import_line WHERE tenant_id = $1"

    writer.write(head.encode() + some)
    await writer.drain()
    while await superuser.fetchval(staged, api.tenant.id) == 0:
        pass  # each look is a round trip to the server
    writer.transport.abort()
    while await superuser.fetchval(staged, api.tenant.id) > 0:
        pass

    assert {} == await state(superuser, api.tenant)
    assert reader is not None


async def test_a_reader_who_goes_away_loses_no_line_half(
    api: Api, superuser: asyncpg.Connection
) -> None:
    """Whoever stops reading the answer has whole chunks in the registry, or none."""
    lines = many(3000)
    async with aiohttp.ClientSession() as session:
        answer = await session.post(
            api.url + PATH,
            data=ndjson(lines),
            headers=NDJSON | {"Authorization": f"Bearer {api.tenant.author.key}"},
        )
        first = json.loads(await answer.content.readline())
        answer.close()
    staged = "SELECT count(*) FROM app.import_line WHERE tenant_id = $1"
    while await superuser.fetchval(staged, api.tenant.id) > 0:
        pass

    now = await state(superuser, api.tenant)
    assert first["id"] in {one.id for one in now.values()}
    _, totals = told(await sent(api, lines))
    assert (len(now), 3000 - len(now)) == (totals["unchanged"], totals["created"])
