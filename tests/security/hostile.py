"""Hostile requests, drawn from valid ones by a seeded hand."""

import json
from random import Random
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from tests.api import PATHS

NEVER = "01900000-0000-7000-8000-000000000000"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"]
TEXTS = [
    "", " ", "\x00", "a\x00b", "\x1b[2J", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "ﷺ" * 255,
    "\U0010ffff", "\ud7ff", "ß", "İ", "e\u0301" * 100, "n" * 255, "n" * 256, "n" * 10_000,
    "𝄞" * 255, "' OR 1=1 --", "'; DROP TABLE app.tenant; --", "$1", "$$", "%s", "{0}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>", "../../etc/passwd", "..\\..\\", "null", "NaN", "true", "-1",
    "1e400", "\\", '"', "\\u0000", "%00", "%", "\r\nX: y", "*", 'W/"a"', "'a'", NEVER,
    NEVER.upper(),
    "0" * 36, "{" + NEVER + "}", "draft", "archived", "skill", "plant_" + "A" * 43,
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308,
    -0.0, 5e-324, [], {}, [[]], [None], [""], {"": ""}, {"id": NEVER},
    {"id": NEVER, "external_id": ""}, {"$ref": "a"}, {"__proto__": {"a": 1}}, [0.0] * 384,
    [1.0] * 384, [1e-300] * 384, ["a"] * 1000,
    {str(n): n for n in range(1000)},
]  # fmt: skip
HEADERS = [
    "Authorization", "Content-Type", "Content-Length", "Transfer-Encoding", "Content-Encoding",
    "Accept", "If-Match", "If-None-Match", "Request-Id", "Expect", "Host", "Connection",
    "Upgrade", "Cookie",
    "Idempotency-Key", "Prefer", "X-Forwarded-For", "X-HTTP-Method-Override", "Range", "TE",
    "Trailer", "Certifier-Authorization", "Accept-Encoding", "Origin",
]  # fmt: skip
MOMENTS = [
    "1", "2", "0", "-1", "1.5", "2147483647", "2147483648", "9" * 400, "2025-03-01T12:00:00Z",
    "2025-03-01T12:00:00+01:00", "2025-03-01T12:00:00.123456-23:59", "2025-03-01T12:00:00.1234567Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z", "2016-12-31T23:59:60Z",
    "2025-02-30T00:00:00Z", "2025-03-01T12:00:00Z\x00", "position:1", "position:-1", "infinity",
    "now", "today", "epoch",
]  # fmt: skip
SIZES = ["0", "1", "2", "5", "20", "256", "9223372036854775807", "9223372036854775808"]
WAITS = ["0", "00", "-1", "31", "0.5", "1e0", "", "0x0", "+0", "\u0660"]
TILES = [
    "0/000", "0/000.p/1", "0/000.p/7", "0/000.p/256", "1/000", "1/000.p/1", "63/000", "0/x001/000",
    "0/x000/001", "0/..", "0/%2e%2e/000", "0/000.p/%31", "0/000/", "/0/000", "0/000.p/1/000",
]  # fmt: skip
IDEMPOTENCY_KEYS = [
    "a", '"a"', '"', '""', "a b", "k" * 255, "k" * 256, "é", r'"\""', "a,b", '"a";x=1',
]  # fmt: skip
PREFERENCES = [
    "tx=rollback", 'tx="rollback"', "TX=Rollback, wait=1", "tx=commit", "tx", ",;=", '"', "tx=\xff",
]  # fmt: skip
PARAMETERS = [
    "limit", "cursor", "status", "name", "tag", "external_id", "category", "seniority_level",
    "industry_id", "job_role_id", "team_id", "skill_id", "parent_id", "scheme", "as_of",
    "version", "from", "to", "id", "as", "x", "after", "since",
]  # fmt: skip


class Known(Struct, frozen=True):
    """An entity to aim at."""

    kind: str
    id: str
    etag: str
    in_force: bool = False


class Request(Struct, frozen=True, kw_only=True):
    """A request before it is bytes."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def bytes(self) -> bytes:
        """Write it as it goes over the wire, with no check of anything."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + self.body


class Hand:
    """Draws requests."""

    def __init__(
        self, random: Random, keys: list[str], known: list[Known], amendments: dict[str, str]
    ) -> None:
        self._random = random
        self._keys = keys
        self.known = known
        self.amendments = amendments
        self._last: Request | None = None

    def request(self) -> Request:
        """Draw a request: valid, or with up to three things wrong with it, or the last again."""
        if self._last is not None and self._random.random() < 0.25:
            return self._last
        self._last = self._drawn()
        return self._last

    def _drawn(self) -> Request:
        method, path, body = self._valid()
        tree = body
        for _ in range(self._random.choice([0, 0, 0, 1, 1, 2])):
            tree = self._bent(tree)
        raw = self._encoded(tree)
        headers = self._headers(path)
        changes = [self._method, self._path, self._header, self._body]
        request = Request(method=method, path=path, headers=headers, body=raw)
        for _ in range(self._random.choice([0, 0, 0, 1, 1, 2])):
            request = self._random.choice(changes)(request)
        length = [("Content-Length", str(len(request.body)))]
        named = {name.lower() for name, _ in request.headers}
        if named & {"content-length", "transfer-encoding"} or not request.body:
            length = []
        return Request(
            method=request.method,
            path=request.path,
            headers=[*request.headers, *length],
            body=request.body,
        )

    def damaged(self, data: bytes) -> bytes:
        """Draw what becomes of bytes on a bad way."""
        found = bytearray(data)
        for _ in range(self._random.choice([1, 1, 2, 8])):
            at = self._random.randrange(len(found) + 1)
            match self._random.randrange(5):
                case 0:
                    found[at : at + 1] = bytes([self._random.randrange(256)])
                case 1:
                    found[at:at] = self._random.randbytes(self._random.choice([1, 2, 50]))
                case 2:
                    del found[at : at + self._random.choice([1, 2, 50])]
                case 3:
                    found[at:at] = found[at : at + 50]
                case _:
                    found[at:at] = self._random.choice([b"\r\n", b"\r\n\r\n", b"\x00", b": ", b"%"])
        return bytes(found)

    def _valid(self) -> tuple[str, str, Any]:
        target = self._random.choice(self.known)
        path = PATHS[target.kind]
        one = f"{path}/{target.id}"
        match self._random.randrange(9):
            case 0 | 1:
                return "POST", path, self._create(target.kind)
            case 2 | 3:
                change = ("PATCH", one, self._patch())
                return self._random.choice([change, self._amending(target)])
            case 4:
                to = self._random.choice(
                    ["under_review", "certified", "active", "draft", "archived"]
                )
                return "POST", f"{one}/status", {"to": to, "reason": "fuzz"}
            case 5:
                named = {"kind": target.kind, "external_id": f"i{self._random.randrange(50)}"}
                query = self._random.choice(["", "", "?absent=report", "?absent=archive"])
                return "POST", f"/v1/imports{query}", self._create(target.kind) | named
            case 6 | 7:
                asked = [f"{path}?{self._query()}", self._past(path, one), self._log(one)]
                return "GET", self._random.choice(asked), None
            case _:
                plain = [one, one, f"/v1/entities?id={target.id}", "/v1/me", "/metrics", "/"]
                return "GET", self._random.choice(plain), None

    def _amending(self, target: Known) -> tuple[str, str, Any]:
        one = self._random.choice([one for one in self.known if one.in_force] or [target])
        path = f"{PATHS[one.kind]}/{one.id}/amendment"
        match self._random.randrange(6):
            case 0 | 1:
                return "PATCH", path, self._patch() | {"description": "Amended."}
            case 2 | 3:
                to = self._random.choice(["under_review", "certified", "rejected", "draft"])
                return "POST", f"{path}/status", {"to": to, "reason": "fuzz"}
            case 4:
                return "DELETE", path, None
            case _:
                return "GET", path, None

    def _log(self, one: str) -> str:
        """Draw what is asked of the log and its proofs; nobody waits for a receipt."""
        given, other = (
            quote(
                self._random.choice([*SIZES, *SIZES, *MOMENTS, *TEXTS]).encode(
                    "utf-8", "surrogatepass"
                )
            )
            for _ in range(2)
        )
        return self._random.choice(
            [
                f"{one}/receipt",
                f"{one}/receipt?version={given}",
                f"{one}/receipt?version={given}&wait=0",
                f"{one}/receipt?wait={self._random.choice(WAITS)}",
                f"{one}/amendment/receipt?amendment_id={given}&version={other}",
                "/v1/audit/checkpoint",
                f"/v1/audit/checkpoint?size={given}",
                f"/v1/audit/tile/{self._random.choice(TILES)}",
                f"/v1/audit/tile/{given}/{other}",
                f"/v1/audit/consistency?from={given}",
                f"/v1/audit/consistency?from={given}&to={other}",
                "/v1/audit/entries",
                f"/v1/audit/entries?after={given}&limit={other}",
                f"/v1/audit/entries?cursor={given}",
                f"/v1/exports?format=proof&since={given}",
            ]
        )

    def _past(self, path: str, one: str) -> str:
        """Draw what is asked of the past: mostly what may be asked, seldom with good values."""
        then, other = (
            quote(
                self._random.choice([*MOMENTS, *MOMENTS, *TEXTS]).encode("utf-8", "surrogatepass")
            )
            for _ in range(2)
        )
        query = self._random.choice(
            [
                f"{one}?version={then}",
                f"{one}?as_of={then}",
                f"{one}?version={then}&as_of={other}",
                f"{one}/versions",
                f"{one}/versions?limit={then}&cursor={other}",
                f"{one}/diff?from={then}&to={other}",
                f"{one}/diff?from=1&to=1",
                f"{path}?as_of={then}",
                f"{path}?as_of={then}&status=draft&limit={other}",
                f"{path}?as_of={then}&cursor={other}",
            ]
        )
        return query + (f"&{self._query()}" if self._random.randrange(4) == 0 else "")

    def _create(self, kind: str) -> dict[str, Any]:
        ids = {one.kind: one.id for one in self.known}
        body: dict[str, Any] = {"name": f"fuzz {self._random.randrange(10**9)}", "description": "d"}
        if kind == "skill":
            body |= {"category": "technical", "embedding_384": [0.1] * 384}
        if kind == "job_role":
            body |= {"seniority_level": "mid", "required_skills": [{"id": ids["skill"]}]}
        if kind in {"team", "agent"}:
            body |= {"job_role_id": ids["job_role"], "industry_id": ids["industry"]}
        if kind == "agent":
            body |= {"skill_ids": [ids["skill"]], "team_id": ids["team"]}
        if kind == "industry":
            body |= {"scheme": "s", "code": str(self._random.randrange(10**9)), "level": 1}
        return body | self._patch()

    def _patch(self) -> dict[str, Any]:
        every = {
            "tags": ["a", "b"],
            "aliases": ["x"],
            "governance_notes": "n",
            "custom_attributes": {"a": {"b": [1, None, "c"]}},
            "parent_ids": [self._random.choice(self.known).id],
            "external_id": f"e{self._random.randrange(10**9)}",
        }
        return dict(self._random.sample(sorted(every.items()), self._random.randrange(3)))

    def _query(self) -> str:
        pairs = []
        for _ in range(self._random.randrange(4)):
            value = self._random.choice(
                [*TEXTS, self._random.choice(self.known).id, "7", "s", "fu"]
            )
            safe = quote(value.encode("utf-8", "surrogatepass"))
            pairs.append(f"{self._random.choice(PARAMETERS)}={safe}")
        return "&".join(pairs)

    def _bent(self, tree: Any) -> Any:
        """Change one place of a JSON value."""
        if not isinstance(tree, dict | list) or not tree or self._random.random() < 0.1:
            return self._random.choice([*VALUES, *TEXTS])
        if isinstance(tree, list):
            at = self._random.randrange(len(tree))
            return [self._bent(one) if n == at else one for n, one in enumerate(tree)]
        key = self._random.choice(list(tree))
        match self._random.randrange(6):
            case 0:
                return {name: value for name, value in tree.items() if name != key}
            case 1:
                return tree | {self._random.choice([*TEXTS, *PARAMETERS]): tree[key]}
            case _:
                return tree | {key: self._bent(tree[key])}

    def _encoded(self, tree: Any) -> bytes:
        if tree is None:
            return b""
        text = json.dumps(tree)
        match self._random.randrange(20):
            case 0:
                text = json.dumps(tree, ensure_ascii=False)
            case 1:
                depth = self._random.choice([20, 2000, 50_000])
                text = '{"custom_attributes":' + "[" * depth + "]" * depth + "}"
            case 2:
                return text.encode("utf-16")
            case _:
                pass
        return text.encode("utf-8", "surrogatepass")

    def _headers(self, path: str) -> list[tuple[str, str]]:
        media = "application/x-ndjson" if path.startswith("/v1/imports") else "application/json"
        found = [("Host", "fuzz"), ("Connection", "close"), ("Content-Type", media)]
        found.append(("Authorization", f"Bearer {self._random.choice(self._keys)}"))
        tags = [one.etag for one in self.known if one.id in path] or ['"1-0"']
        if "/amendment" in path:
            tags += [tag for one, tag in self.amendments.items() if one in path]
        found.append(("If-Match", self._random.choice([*tags * 3, '"1-0"', "*"])))
        if self._random.random() < 0.5:
            fresh = [f"key-{self._random.randrange(10**9)}"] * len(IDEMPOTENCY_KEYS)
            key = self._random.choice([*IDEMPOTENCY_KEYS, *fresh])
            found.append(("Idempotency-Key", key))
        if self._random.random() < 0.2:
            rehearsal = ["tx=rollback"] * len(PREFERENCES)
            found.append(("Prefer", self._random.choice([*PREFERENCES, *rehearsal])))
        return found

    def _method(self, request: Request) -> Request:
        return self._with(request, method=self._random.choice(METHODS))

    def _path(self, request: Request) -> Request:
        parts = request.path.split("/")
        text = self._random.choice(TEXTS).encode("utf-8", "surrogatepass")
        odd = (
            quote(text, safe="") if self._random.random() < 0.8 else quote(text, safe="/%\\'*{}<>")
        )
        parts[self._random.randrange(len(parts))] = odd
        return self._with(request, path="/".join(parts)[:9000] or "/")

    def _header(self, request: Request) -> Request:
        headers = list(request.headers)
        match self._random.randrange(3):
            case 0:
                headers.pop(self._random.randrange(len(headers)))
            case 1:
                headers.append(self._random.choice(headers))
            case _:
                value = self._random.choice(
                    [*TEXTS, "chunked", "100-continue", "gzip", "text/plain", "0"]
                )
                headers.append((self._random.choice(HEADERS), value.replace("\r\n", " ")))
        return self._with(request, headers=headers)

    def _body(self, request: Request) -> Request:
        if not request.body:
            return self._with(request, body=self._random.choice([b"{}", b"\x00", b"null"]))
        return self._with(request, body=self.damaged(request.body))

    def _with(self, request: Request, **change: Any) -> Request:
        members = {name: getattr(request, name) for name in request.__struct_fields__}
        return Request(**(members | change))
