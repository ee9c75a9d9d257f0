"""How each documented size is asked for, as large as it is told: over HTTP."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

from service.http.clock import Clock
from service.usecases.keys import admit_tokens
from tests.api import PATHS, Answer
from tests.factories import Actor, skill_body, unique
from tests.provoking import Ground

Probe = Callable[[Ground, int], Awaitable[Answer]]

SKILLS = PATHS["skill"]
NEVER = "01900000-0000-7000-8000-000000000000"
WIDE = "\ufdfa"
"""A character of which NFKC makes 33 bytes."""
ISSUER, AUDIENCE = "https://id.example", "plant"


def _ids(count: int) -> list[str]:
    """Give ids of nothing."""
    return [f"01900000-0000-7000-8000-{number:012}" for number in range(count)]


def _named(length: int) -> str:
    """Make a text of this length that nothing else is."""
    return secrets.token_hex(8) + "x" * (length - 16)


async def _raw(on: Ground, target: str, *lines: str) -> Answer:
    """Send a request of these lines as it is, and read its answer."""
    parts = urlsplit(on.api.url)
    head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: plant", *lines, "", ""])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode())
        first, *told = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.split(": ", 1) for line in told if line)
        body = await reader.readexactly(int(headers["Content-Length"]))
    finally:
        writer.close()
    return Answer(int(first.split()[1]), headers, body)


async def target(on: Ground, most: int) -> Answer:
    """Ask for a path of this length; the health looks at no parameter."""
    return await _raw(on, "/livez?" + "x" * (most - len("/livez?")))


async def header(on: Ground, most: int) -> Answer:
    """Send a header of this length."""
    return await _raw(on, "/livez", "X-Long: " + "x" * most)


async def headers(on: Ground, most: int) -> Answer:
    """Send so many headers."""
    return await _raw(on, "/livez", *(f"X-{number}: x" for number in range(most - 1)))


async def parameters(on: Ground, most: int) -> Answer:
    """Give so many parameters, in ten filters."""
    spread = ("status=draft", "name=a", "tag=a", "external_id=a", "category=technical",
              "industry_id=" + NEVER)  # fmt: skip
    given = [spread[number % 4] + (str(number // 4) if number % 4 else "") for number in range(80)]
    # Empty ones count as well.
    return await on.api.get(f"{SKILLS}?" + "&".join(given + [""] * (most - len(given))))


async def query(path: str, on: Ground, most: int) -> Answer:
    """Give a parameter this number."""
    return await on.api.get(path + str(most))


async def repeated(path: str, values: Callable[[int], str], on: Ground, most: int) -> Answer:
    """Give a parameter so many times."""
    return await on.api.get(path + "&".join(map(values, range(most))))


async def filtered(names: str, on: Ground, most: int) -> Answer:
    """Filter by values of this length, by one filter after the other; gives the last answer."""
    answers = []
    for name in names.split():
        kind = "industry" if name == "scheme" else "skill"
        answers.append(await on.api.get(f"{PATHS[kind]}?{name}={'x' * most}"))
    assert 1 == len({answer.status for answer in answers})
    return answers[-1]


async def version(on: Ground, most: int) -> Answer:
    """Ask for a version with this number; 404 says that it might be."""
    made = await on.api.made("skill")
    answer = await on.api.get(f"{on.at(made)}?version={most}")
    return _taken() if answer.status == 404 else answer


async def wait(on: Ground, most: int) -> Answer:
    """Wait so long for what is sealed already."""
    made = await on.api.made("skill")
    await on.sealer.seal()
    return await on.api.get(f"{on.at(made)}/receipt?wait={most}")


async def since(on: Ground, most: int) -> Answer:
    """Want a proof of growth from so many sizes."""
    await on.api.made("skill")
    size = await on.sealer.seal()
    assert size > 0
    return await on.api.get("/v1/exports?format=proof&" + "&".join(["since=1"] * most))


class Still(Clock):
    """A clock that stands until it is set."""

    at = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return what it shows."""
        return self.at


async def age(on: Ground, most: int) -> Answer:
    """Come back with a cursor after so many seconds."""
    clock = Still()
    async with on.serving(clock) as api:
        for _ in range(2):
            await api.made("skill")
        cursor = (await api.get(f"{SKILLS}?limit=1")).json["next_cursor"]
        clock.at += timedelta(seconds=most)
        return await api.get(f"{SKILLS}?limit=1&cursor={cursor}")


async def idempotency_key(on: Ground, most: int) -> Answer:
    """Send a key of this length."""
    return await on.api.post(SKILLS, skill_body(), Idempotency_Key="k" * most)


async def token(on: Ground, most: int) -> Answer:
    """Send a token of this length."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
    source = Path(on.behind.settings.data_dir) / "jwks.json"
    source.write_text(json.dumps({"keys": [public | {"kid": "k", "alg": "EdDSA"}]}))
    await admit_tokens(on.owner, ISSUER, on.tenant.name, "author", ["read"])
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "author", "tenant": on.tenant.name,
        "scope": "read", "exp": datetime.now(UTC) + timedelta(minutes=5),
    }  # fmt: skip
    made = next(
        one
        for filling in range(most)
        for more in range(4)
        if len(
            one := jwt.encode(
                claims | {"filling": "x" * (most * 3 // 4 - 300 + filling)},
                key,
                "EdDSA",
                headers={"kid": "k", "more": "x" * more},
            )
        )
        == most
    )
    told = {"jwks": str(source), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with on.serving(**told) as api:
        return await api.by(Actor("author", made, on.tenant.author.context)).get("/v1/me")


def _padded(value: Any, size: int) -> bytes:
    """Write JSON of so many bytes, blanks before its last brace."""
    raw = json.dumps(value).encode()
    return raw[:-1] + b" " * (size - len(raw)) + raw[-1:]


async def body(on: Ground, most: int) -> Answer:
    """Send a body of so many bytes."""
    return await on.api.send("POST", SKILLS, raw=_padded(skill_body(), most))


def _creating(kind: str = "skill", **fields: Any) -> dict[str, Any]:
    return {"op": "create", "kind": kind, "body": skill_body(**fields)}


async def batch_body(on: Ground, most: int) -> Answer:
    """Send a batch of so many bytes."""
    return await on.api.send("POST", "/v1/batch", raw=_padded({"operations": [_creating()]}, most))


async def operations(on: Ground, most: int) -> Answer:
    """Send so many operations."""
    return await on.api.post("/v1/batch", {"operations": [_creating() for _ in range(most)]})


async def operation(on: Ground, most: int) -> Answer:
    """Send an operation of so many bytes."""
    raw = b'{"operations":[' + _padded(_creating(), most) + b"]}"
    return await on.api.send("POST", "/v1/batch", raw=raw)


async def referred(on: Ground, most: int) -> Answer:
    """Refer to so many entities in a batch."""
    skills = await _made(on, 500)
    roles = []
    for first in range(0, most, 500):
        wanted = [{"id": one} for one in skills[: min(500, most - first)]]
        role = {"name": unique("role"), "description": "x", "required_skills": wanted}
        roles.append({"op": "create", "kind": "job_role", "body": role})
    return await on.api.post("/v1/batch", {"operations": roles})


async def ref(on: Ground, most: int) -> Answer:
    """Name an operation by so many characters."""
    return await on.api.post("/v1/batch", {"operations": [_creating() | {"ref": "r" * most}]})


async def line(on: Ground, most: int) -> Answer:
    """Import a line of so many bytes; gives what is said of it."""
    raw = _padded({"kind": "skill", "external_id": unique("x"), **skill_body()}, most)
    answer = await on.api.send(
        "POST", "/v1/imports", raw=raw, headers={"Content-Type": "application/x-ndjson"}
    )
    told = json.loads(answer.body.splitlines()[0])
    if "problem" not in told:
        return answer
    problem = told["problem"]
    return Answer(problem["status"], PROBLEM_HEADERS, json.dumps(problem).encode())


PROBLEM_HEADERS = {"Content-Type": "application/problem+json"}


async def field(name: str, value: Callable[[int], Any], on: Ground, most: int) -> Answer:
    """Create a skill, or an industry for what only they have, with a field so large."""
    kind = "industry" if name in {"scheme", "code", "level"} else "skill"
    more = {"scheme": unique("s"), "code": "1", "level": 1} if kind == "industry" else {}
    return await on.api.create(kind, **{**more, name: value(most)})


async def classification(on: Ground, most: int) -> Answer:
    """Classify an industry by texts of this length."""
    one = await field("scheme", _named, on, most)
    other = await field("code", _named, on, most)
    assert one.status == other.status
    return other


async def external_path(on: Ground, most: int) -> Answer:
    """Put under an external id of this length."""
    path = f"{SKILLS}/by-external-id/{_named(most)}"
    return await on.api.send("PUT", path, skill_body(), headers={"If-None-Match": "*"})


async def normalized(on: Ground, most: int) -> Answer:
    """Give a name of which NFKC makes so many bytes."""
    full, rest = divmod(most - 16, len(normalize("NFKC", WIDE).casefold().encode()))
    return await on.api.create("skill", name=secrets.token_hex(8) + WIDE * full + "x" * rest)


def attributes(size: int) -> dict[str, str]:
    """Make an object of so many bytes."""
    return {"a": "x" * (size - len('{"a":""}'))}


def nested(levels: int) -> dict[str, Any]:
    """Make an object of so many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


async def _made(on: Ground, count: int) -> list[str]:
    """Create skills; gives their ids."""
    ids: list[str] = []
    while len(ids) < count:
        wanted = [_creating() for _ in range(min(500, count - len(ids)))]
        answer = await on.api.post("/v1/batch", {"operations": wanted})
        ids += [one["id"] for one in answer.json["results"]]
    return ids


async def parents(on: Ground, most: int) -> Answer:
    """Have so many parents."""
    return await on.api.create("skill", parent_ids=await _made(on, most))


async def required(on: Ground, most: int) -> Answer:
    """Need so many skills."""
    wanted = [{"id": one} for one in await _made(on, most)]
    return await on.api.create("job_role", required_skills=wanted)


async def had(on: Ground, most: int) -> Answer:
    """Have so many skills."""
    return await on.api.create("agent", skill_ids=await _made(on, most))


async def reason(on: Ground, most: int) -> Answer:
    """Give a reason of this length."""
    made = await on.api.made("skill")
    return await on.api.step(on.at(made), "under_review", "*", reason="r" * most)


async def asked(path: str, body: Callable[[int], Any], on: Ground, most: int) -> Answer:
    """Search, or match, for something of this size."""
    return await on.api.post(path, body(most))


async def one_of_many(on: Ground, most: int) -> Answer:
    """Search by so many values of each filter."""
    tags = await on.api.post("/v1/search", {"text": "x", "tag": [f"t{n}" for n in range(most)]})
    ids = await on.api.post("/v1/search", {"text": "x", "industry_id": _ids(most)})
    assert tags.status == ids.status
    return ids


async def as_many(on: Ground, most: int) -> Answer:
    """Ask for so many items of a search and of a match."""
    found = await on.api.post("/v1/search", {"text": "x", "limit": most})
    fits = await on.api.post("/v1/match", {"skills": [{"text": "x"}], "limit": most})
    assert found.status == fits.status
    return fits


def _taken() -> Answer:
    return Answer(200, {}, b"")


SEARCH, PAIRS, MATCH = "/v1/search", "/v1/search/duplicates", "/v1/match"
PROBES: dict[str, Probe] = {
    "the path with its query": target,
    "the value of a header": header,
    "headers, `Host` included": headers,
    "parameters of a query": parameters,
    "`limit` of a list": partial(query, f"{SKILLS}?limit="),
    "values of a filter": partial(repeated, f"{SKILLS}?", lambda n: f"tag=t{n}"),
    "`name` or `external_id` to filter by": partial(filtered, "name external_id"),
    "`tag` or `scheme` to filter by": partial(filtered, "tag scheme"),
    "ids of `GET /v1/entities`": partial(
        repeated, "/v1/entities?", lambda n: f"id={_ids(n + 1)[n]}"
    ),
    "`version`": version,
    "`wait` for a receipt": wait,
    "`since` of an export for proof": since,
    "the age of a cursor": age,
    "`Idempotency-Key`": idempotency_key,
    "a token": token,
    "a body": body,
    "the body of a batch": batch_body,
    "operations of a batch": operations,
    "one operation of a batch": operation,
    "entities that a batch refers to": referred,
    "`ref` in a batch": ref,
    "a line of an import": line,
    "`name`": partial(field, "name", _named),
    "`name` in Unicode form NFKC": normalized,
    "`external_id`": partial(field, "external_id", _named),
    "an external id in a path": external_path,
    "`description`": partial(field, "description", lambda n: "x" * n),
    "`governance_notes`": partial(field, "governance_notes", lambda n: "x" * n),
    "`aliases`": partial(field, "aliases", lambda n: [f"a{one}" for one in range(n)]),
    "an alias": partial(field, "aliases", lambda n: ["x" * n]),
    "`tags`": partial(field, "tags", lambda n: [f"a{one}" for one in range(n)]),
    "a tag": partial(field, "tags", lambda n: ["x" * n]),
    "`custom_attributes` as compact JSON": partial(field, "custom_attributes", attributes),
    "`custom_attributes`, nested": partial(field, "custom_attributes", nested),
    "`parent_ids`": parents,
    "`required_skills`": required,
    "`skill_ids`": had,
    "`scheme`, `code`": classification,
    "`level`": partial(field, "level", int),
    "`embedding_384`": partial(field, "embedding_384", lambda n: [1.0] * n),
    "`reason` of a step": reason,
    "`text` of a search": partial(asked, SEARCH, lambda n: {"text": "x" * n}),
    "`kinds` of a search": partial(
        asked, SEARCH, lambda n: {"text": "x", "kinds": [*PATHS, *PATHS][:n]}
    ),
    "`status` of a search": partial(
        asked, SEARCH, lambda n: {"text": "x", "status": ["draft"] * n}
    ),
    "`category` of a search": partial(
        asked, SEARCH, lambda n: {"text": "x", "category": ["technical"] * n}
    ),
    "`tag` or `industry_id` of a search": one_of_many,
    "`limit` of a search or match": as_many,
    "`limit` of the pairs of a kind": partial(
        asked, PAIRS, lambda n: {"kind": "skill", "limit": n}
    ),
    "`skills` of a match": partial(
        asked, MATCH, lambda n: {"skills": [{"text": f"t{one}"} for one in range(n)]}
    ),
    "`text` of a match": partial(asked, MATCH, lambda n: {"skills": [{"text": "x" * n}]}),
}
"""By what docs/api.md calls the limit."""
