"""Bad input over HTTP, on every route that takes any: 4xx as a problem, and nothing written."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.model.kinds import BY_NAME
from tests.api import PATHS, Answer, Api
from tests.counts import rows
from tests.factories import skill_body
from tests.sockets import answers, exchange

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
MIB = 1024 * 1024
DEEP = 100_000


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_written(superuser: asyncpg.Connection, api: Api) -> AsyncIterator[dict[str, Any]]:
    """Make one entity of each kind to aim at, and find afterwards that nothing else is there."""
    made = {kind: await api.create(kind) for kind in NAMES}
    before = await rows(superuser)
    yield made
    assert before == await rows(superuser)
    for answer in made.values():
        kind, identity = answer.json["entity_type"], answer.json["id"]
        assert answer.body == (await api.get(f"{PATHS[kind]}/{identity}")).body


Made = dict[str, Answer]


def refused(answer: Answer, status: int, slug: str) -> dict[str, Any]:
    """Make sure that an answer is this problem, complete and with nothing that leaks."""
    assert (status, slug) == (answer.status, answer.problem), answer.body[:500]
    members: dict[str, Any] = answer.json
    assert status == members["status"]
    assert members["detail"]
    assert answer.headers["Request-Id"] == members["request_id"]
    assert "no-store" == answer.headers["Cache-Control"]
    text = answer.body.decode()
    assert not re.search(r"Traceback|asyncpg|SELECT|base_entity|SQLSTATE|q\.[a-z]", text)
    for error in members.get("errors", ()):
        assert {"pointer", "rule", "message"} == set(error)
    return members


def routes(made: Made) -> list[tuple[str, str, dict[str, str]]]:
    """Give every route that takes a JSON body, with what a good request to it needs."""
    found: list[tuple[str, str, dict[str, str]]] = []
    for kind, answer in made.items():
        path, tag = f"{PATHS[kind]}/{answer.json['id']}", {"If-Match": answer.etag}
        found += [("POST", PATHS[kind], {}), ("PATCH", path, tag), ("POST", f"{path}/status", tag)]
    return found


RAW = {
    "nothing": b"",
    "blanks": b" \n\t",
    "cut off": b'{"name": "x"',
    "two values": b"{}{}",
    "trailing comma": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "comment": b"{} // x",
    "byte order mark": b"\xef\xbb\xbf{}",
    "latin-1": b'{"name": "\xe9"}',
    "overlong": b'{"name": "\xc0\x80"}',
    "encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "utf-16": "{}".encode("utf-16"),
    "raw control": b'{"name": "a\x01b"}',
    "raw nul": b'{"name": "a\x00b"}',
    "nan": b'{"level": NaN}',
    "infinity": b'{"level": -Infinity}',
    "leading zero": b'{"level": 01}',
    "hexadecimal": b'{"level": 0x1}',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"custom_attributes":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep and open": b'{"custom_attributes":' + b"[" * DEEP,
}

WRONG = {
    "null": (b"null", ""),
    "array": (b"[]", ""),
    "text": (b'"x"', ""),
    "number": (b"1", ""),
    "large number": (b"9" * 400, ""),
    "overflow": (b"1e400", ""),
    "empty name of a member": (b'{"": 1}', "/"),
    "unknown member": (b'{"colour": "red"}', "/colour"),
    "member with a slash": (b'{"a/b~c": 1}', "/a~1b~0c"),
    "prototype": (b'{"__proto__": {}, "constructor": 1}', "/__proto__"),
}

FIELDS: list[tuple[str, bytes, str, str]] = [
    ("name", b"1", "", "type"),
    ("name", b"true", "", "type"),
    ("name", b"[]", "", "type"),
    ("name", b'""', "", "blank"),
    ("name", b'"  "', "", "blank"),
    ("name", b'" x"', "", "trimmed"),
    ("name", b'"x\\u00a0"', "", "trimmed"),
    ("name", b'"a\\u0000b"', "", "control-character"),
    ("name", b'"a\\tb"', "", "control-character"),
    ("name", b'"a\\u0085b"', "", "control-character"),
    ("name", b'"a\\ud800b"', "", "surrogate"),
    ("name", b'"\\udfff"', "", "surrogate"),
    ("name", b'"' + b"n" * 10_000 + b'"', "", "max-length"),
    ("external_id", b'"\\u007f"', "", "control-character"),
    ("description", b'"a\\u0000b"', "", "control-character"),
    ("description", b'"a\\r\\nb"', "", "control-character"),
    ("description", b'"\\n"', "", "blank"),
    ("governance_notes", b'"\\ud83d"', "", "surrogate"),
    ("aliases", b'"x"', "", "type"),
    ("aliases", b'["a", 1]', "/1", "type"),
    ("aliases", b'["a", "a"]', "/1", "duplicate"),
    ("tags", b'["a\\u0000"]', "/0", "control-character"),
    ("tags", b'{"0": "a"}', "", "type"),
    ("tags", b'["a", null]', "/1", "type"),
    ("custom_attributes", b"[]", "", "type"),
    ("custom_attributes", b'{"a": "\\u0000"}', "/a", "control-character"),
    ("custom_attributes", b'{"a\\u0001": 1}', "/a\x01", "control-character"),
    ("custom_attributes", b'{"a": ["\\ud800"]}', "/a/0", "surrogate"),
    ("custom_attributes", b'{"a": 9223372036854775808}', "/a", "number-range"),
    ("custom_attributes", b'{"a": -9223372036854775809}', "/a", "number-range"),
    ("custom_attributes", b'{"a": 1e400}', "/a", "number-range"),
    ("custom_attributes", b'{"a": 1e19}', "/a", "number-range"),
    ("custom_attributes", b'{"a": ' + b"9" * 5000 + b"}", "/a", "number-range"),
    ("parent_ids", b'["x"]', "/0", "uuid"),
    ("parent_ids", b"[1]", "/0", "type"),
    ("parent_ids", b'["' + NEVER.encode() + b'","' + NEVER.encode() + b'"]', "/1", "duplicate"),
    ("category", b'"Technical"', "", "one-of"),
    ("category", b"1", "", "type"),
    ("embedding_384", b"[" + b",".join([b"0"] * 384) + b"]", "", "zero-vector"),
    ("embedding_384", b"[" + b",".join([b"1e39"] * 384) + b"]", "/0", "number-range"),
    ("embedding_384", b"[" + b",".join([b"1e400"] * 384) + b"]", "/0", "number-range"),
    ("embedding_384", b"[" + b",".join([b'"1"'] * 384) + b"]", "/0", "type"),
    ("embedding_384", b'"AAAA"', "", "type"),
]


class TestBodies:
    """What a body may not be."""

    @pytest.mark.parametrize("body", RAW.values(), ids=RAW)
    async def test_what_is_no_json_is_400(
        self, api: Api, nothing_written: Made, body: bytes
    ) -> None:
        """Every route that takes a body says where it stops being JSON."""
        for method, path, headers in routes(nothing_written):
            answer = await api.send(method, path, raw=body, headers=headers)
            refused(answer, 400, "malformed-json")

    @pytest.mark.parametrize("body,pointer", WRONG.values(), ids=WRONG)
    async def test_what_is_no_body_of_ours_is_422(
        self, api: Api, nothing_written: Made, body: bytes, pointer: str
    ) -> None:
        """Another JSON value, or a member that is not known, is pointed at."""
        for method, path, headers in routes(nothing_written):
            answer = await api.send(method, path, raw=body, headers=headers)
            members = refused(answer, 422, "invalid-body")
            assert pointer in {error["pointer"] for error in members["errors"]}

    @pytest.mark.parametrize(
        "field,value,pointer,rule",
        FIELDS,
        ids=[f"{name} {value[:16]!r}" for name, value, *_ in FIELDS],
    )
    async def test_each_field_is_checked_in_creates_and_patches(
        self, api: Api, nothing_written: Made, field: str, value: bytes, pointer: str, rule: str
    ) -> None:
        """Type, characters and bounds of every field; the pointer leads to the place."""
        made = nothing_written["skill"]
        good = json.dumps({**skill_body(), field: "HERE"}).encode()
        body = good.replace(b'"HERE"', value)
        patch = b'{"' + field.encode() + b'": ' + value + b"}"
        for answer in (
            await api.send("POST", "/v1/skills", raw=body),
            await api.send(
                "PATCH",
                f"/v1/skills/{made.json['id']}",
                raw=patch,
                headers={"If-Match": made.etag},
            ),
        ):
            members = refused(answer, 422, "invalid-body")
            error = members["errors"][0]
            assert (f"/{field}{pointer}", rule) == (error["pointer"], error["rule"])

    async def test_many_faults_are_listed_together_but_not_without_end(self, api: Api) -> None:
        """One answer names up to 50 places."""
        answer = await api.post("/v1/skills", skill_body(tags=[" "] * 50, aliases=[" "] * 50))

        assert 50 == len(refused(answer, 422, "invalid-body")["errors"])

    async def test_a_body_over_a_mebibyte_is_413(self, api: Api, nothing_written: Made) -> None:
        """Announced or grown, on every route; the limit is named."""
        for method, path, headers in routes(nothing_written):
            answer = await api.send(method, path, raw=b" " * (MIB + 1), headers=headers)
            assert MIB == refused(answer, 413, "body-too-large")["limit_bytes"]

    async def test_a_body_of_a_mebibyte_is_read(self, api: Api) -> None:
        """The limit itself is no reason to refuse."""
        refused(await api.send("POST", "/v1/skills", raw=b" " * MIB), 400, "malformed-json")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "application/json; charset=utf-16"},
            {"Content-Type": "application/problem+json"},
            {"Content-Type": "json"},
            {"Content-Type": ""},
            {"Content-Encoding": "gzip"},
            {"Content-Encoding": "br, gzip"},
        ],
        ids=str,
    )
    async def test_another_type_is_415(
        self, api: Api, nothing_written: Made, headers: dict[str, str]
    ) -> None:
        """What is not JSON in plain UTF-8 is not guessed at."""
        for method, path, own in routes(nothing_written):
            answer = await api.send(method, path, raw=b"{}", headers=own | headers)
            members = refused(answer, 415, "unsupported-media-type")
            assert answer.headers["Accept"] == ", ".join(members["accepted"])


class TestPaths:
    """What a path may not be."""

    @pytest.mark.parametrize(
        "path",
        ["/", "/v1", "/v1/", "/v1/skill", "/v1/Skills", "/v1/skills/", "/v1//skills", "/v2/skills",
         "/v1/job_roles", "/v1/skills/%2e%2e/teams", "/v1/skills%00", "/v1/skills/a/b/c",
         "/v1/skills%2F" + NEVER, "/etc/passwd", "/%F0%9F%92%A9", "/%ff", "/v1/skills;x=1"],
    )  # fmt: skip
    async def test_an_unknown_path_is_404_whoever_asks(self, api: Api, path: str) -> None:
        """No resource, no method, no key: the path comes first."""
        for method in ("GET", "POST", "PATCH", "DELETE"):
            refused(await api.send(method, path, raw=b"{}"), 404, "unknown-path")

    @pytest.mark.parametrize(
        "odd", ["1", "x", NEVER[:-1], NEVER + "0", NEVER.replace("-", ""),
                "%00", "..%2f..", "%F0%9F%92%A9", "*", "null", NEVER[:-1] + "g", "%7Bid%7D",
                "urn:uuid:" + NEVER],
    )  # fmt: skip
    async def test_an_id_that_is_none_is_404(self, api: Api, odd: str) -> None:
        """Before the body is looked at, on every route of every kind."""
        for base in PATHS.values():
            for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/status")):
                answer = await api.send(
                    method, f"{base}/{odd}{path}", raw=b"{", headers={"If-Match": "*"}
                )
                refused(answer, 404, "not-found")

    async def test_other_methods_are_405_with_allow(self, api: Api) -> None:
        """Each resource says what it takes, in a header and a member."""
        for path, allowed in {
            "/v1/skills": {"GET", "HEAD", "POST"},
            f"/v1/teams/{NEVER}": {"GET", "HEAD", "PATCH"},
            f"/v1/agents/{NEVER}/status": {"POST"},
            "/v1/entities": {"GET", "HEAD"},
            "/v1/me": {"GET", "HEAD"},
            "/v1/imports": {"POST"},
            "/livez": {"GET", "HEAD"},
            "/readyz": {"GET", "HEAD"},
            "/metrics": {"GET", "HEAD"},
        }.items():
            for method in {
                "GET",
                "POST",
                "PUT",
                "PATCH",
                "DELETE",
                "OPTIONS",
                "PROPFIND",
            } - allowed:
                answer = await api.send(method, path, raw=b"{}")
                members = refused(answer, 405, "method-not-allowed")
                assert allowed == set(answer.headers["Allow"].split(", "))
                assert sorted(allowed) == members["allowed"]

    async def test_unknown_parameters_are_400_on_every_route(
        self, api: Api, nothing_written: Made
    ) -> None:
        """A parameter that does nothing is a mistake of the caller."""
        for method, path, headers in routes(nothing_written):
            answer = await api.send(method, f"{path}?verbose=1", raw=b"{}", headers=headers)
            assert "verbose" == refused(answer, 400, "unknown-parameter")["parameter"]
        for path in ("/v1/me", "/v1/entities", "/v1/skills", f"/v1/skills/{NEVER}"):
            answer = await api.get(f"{path}?verbose=1")
            assert "verbose" == refused(answer, 400, "unknown-parameter")["parameter"]


HEADERS = {
    "two keys": ["Authorization: Bearer {key}"],
    "two types": ["Content-Type: text/plain"],
    "two tags": ["If-Match: *", "If-Match: *"],
    "two lengths": ["Content-Length: 3"],
    "two hosts": ["Host: b"],
    "two ids": ["Request-Id: a", "Request-Id: b"],
}


class TestHeaders:
    """What headers may not be."""

    @pytest.mark.parametrize("added", HEADERS.values(), ids=HEADERS)
    async def test_a_header_given_twice_is_400(self, api: Api, added: list[str]) -> None:
        """Of two, one part of a chain may read the other: neither is believed."""
        body = json.dumps(skill_body())
        lines = [
            "POST /v1/skills HTTP/1.1",
            "Host: a",
            "Connection: close",
            f"Authorization: Bearer {api.actor.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(line.format(key=api.actor.key) for line in added),
        ]
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        answer = answers(await exchange(api.url, data))[0]

        refused(answer, 400, "malformed-request")

    @pytest.mark.parametrize(
        "given", ["x", '"a', "W/a", '"a""b"', 'w/"a"', '"a b"', "\x7f", '"é"', ",", "* , *"]
    )
    async def test_a_tag_that_is_none_is_400(
        self, api: Api, nothing_written: Made, given: str
    ) -> None:
        """If-Match and If-None-Match are lists of quoted tags, or a star."""
        path = f"/v1/skills/{nothing_written['skill'].json['id']}"
        for method, header in (("PATCH", "If-Match"), ("GET", "If-None-Match")):
            data = (
                f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                f"Authorization: Bearer {api.actor.key}\r\n{header}: {given}\r\n"
                "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            )
            answer = answers(await exchange(api.url, data.encode()))[0]
            refused(answer, 400, "malformed-request")

    async def test_changes_need_a_precondition(self, api: Api, nothing_written: Made) -> None:
        """428 without If-Match, 412 with a stale or weak one, with the tag that is current."""
        for kind, made in nothing_written.items():
            path = f"{PATHS[kind]}/{made.json['id']}"
            step = {"to": "under_review", "reason": "r"}
            for method, where, body in (("PATCH", path, {}), ("POST", f"{path}/status", step)):
                bare = await api.send(method, where, body)
                refused(bare, 428, "precondition-required")
                for given in ('"1-0000000000000000"', f"W/{made.etag}", f'"{NEVER}"'):
                    answer = await api.send(method, where, body, headers={"If-Match": given})
                    members = refused(answer, 412, "precondition-failed")
                    assert made.etag == members["current_etag"] == answer.headers["ETag"]

    async def test_an_odd_request_id_is_replaced(self, api: Api) -> None:
        """What could break a log or a header does not come back."""
        for odd in ("a b", "x" * 129, '"x"', "a,b", "é", ""):
            answer = await api.get("/v1/nothing", Request_Id=odd)
            refused(answer, 404, "unknown-path")
            assert odd != answer.headers["Request-Id"]


class TestLimits:
    """Queries with numbers and lists out of bounds."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_limits_of_every_list(self, api: Api, kind: str) -> None:
        """Negative, huge, no number: 400 names the parameter."""
        for odd in ("-1", "0", "201", str(2**63), str(2**64), "9" * 1000, "1.0", "NaN", "٣"):
            answer = await api.get(f"{PATHS[kind]}?limit={quoted(odd)}")
            assert "limit" == refused(answer, 400, "invalid-parameter")["parameter"]

    async def test_a_long_address_is_400(self, api: Api) -> None:
        """A request line has an end."""
        refused(await api.get("/v1/skills?name=" + "n" * 9000), 400, "malformed-request")

    async def test_the_longest_address_and_header_are_told(self, api: Api) -> None:
        """An address and a value may have 8,190 bytes; who sends one more is told so."""
        begun = "/v1/skills?name="
        taken = [
            await api.get(begun + "n" * (8190 - len(begun))),
            await api.get("/v1/me", X_Any="n" * 8190),
        ]
        passed = [
            await api.get(begun + "n" * (8191 - len(begun))),
            await api.get("/v1/me", X_Any="n" * 8191),
        ]

        assert all("8,190" not in answer.body.decode() for answer in taken)
        assert 200 == taken[1].status
        for answer in passed:
            members = refused(answer, 400, "malformed-request")
            assert "longer than 8,190 bytes" in members["detail"]


def quoted(text: str) -> str:
    """Encode every byte of a text for an address."""
    return "".join(f"%{byte:02X}" for byte in text.encode())
