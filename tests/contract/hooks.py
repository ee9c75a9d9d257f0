"""What schemathesis cannot know of the service from its description."""

import json
import re
from typing import Any
from uuid import uuid4

import schemathesis

IN_A_BATCH = re.compile("/operations/[0-9]+/")


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Describe NDJSON as a list of lines, for which OpenAPI 3.1 has no word."""
    for content in raw_schema["paths"]["/v1/imports"]["post"]["requestBody"]["content"].values():
        content["schema"] = {"type": "array", "items": content["x-line-schema"], "maxItems": 9}
    # Examples of all headers are sent together; of two conditions one may be sent.
    raw_schema["components"]["parameters"]["If-There"].pop("example", None)


@schemathesis.serializer("application/x-ndjson", "application/ndjson")
def ndjson(context: Any, value: Any) -> dict[str, Any]:
    """Write lines."""
    lines = value if isinstance(value, list) else [value]
    return {"data": "".join(f"{json.dumps(line)}\n" for line in lines).encode()}


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Make requests valid that only look so."""
    if case.meta is None or case.meta.generation.mode.value != "positive":
        return case
    headers = case.headers or {}
    if "Idempotency-Key" in headers:
        # The same key with another body is refused: every request has one of its own.
        headers["Idempotency-Key"] = uuid4().hex
    if sum(map(ord, case.id)) % 4:
        # Nothing would ever be done if the example of a dry run were always sent.
        headers.pop("Prefer", None)
    query = case.query or {}
    if case.meta.phase.name.value != "stateful":
        # A cursor is signed: only a page has one, and the stateful phase takes it from there.
        query.pop("cursor", None)
    if "as_of" in query:
        # With a time nothing but limit and status is asked for, which no schema can say.
        for name in query.keys() - {"as_of", "limit", "status"}:
            query.pop(name)
    if case.path == "/v1/exports" and query.get("format") != "proof":
        # Sizes go with a proof only, which no schema can say.
        query.pop("since", None)
    if case.path == "/v1/imports" and "as" not in query:
        # A second key goes with an import as active only, which no schema can say.
        headers.pop("Certifier-Authorization", None)
    if "cursor" in query:
        query.pop("after", None)
    _conditions(case)
    return case


def _conditions(case: Any) -> None:
    """Send conditions that can be read, and where there have to be some, one of the two."""
    headers = case.headers or {}
    for name in ("If-None-Match", "If-Match"):
        if headers.get(name) == "0":
            # For a text of one character the coverage phase forgets the pattern.
            headers[name] = '"0"'
    if case.method != "PUT" or not case.path.endswith("/by-external-id/{external_id}"):
        return
    if "If-Match" in headers:
        headers.pop("If-None-Match", None)
    else:
        headers["If-None-Match"] = "*"
    case.headers = headers
    if isinstance(case.body, dict):
        case.body.pop("external_id", None)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keep every failure but a refusal of what no schema can describe."""
    if failure.title != "Schema-valid request rejected":
        return True
    if case.path in {"/v1/entities", "/v1/governance-agents"} and not (case.query or {}).get("id"):
        # A link has filled it from an empty list: it is required, so this is not what is described.
        return False
    problem = response.json()
    if problem.get("parameter") in {"from", "to", "since"}:
        # How much is sealed, and which size is the larger, are no matters of form.
        return "whole number" in problem["detail"]
    if problem["type"] == "/docs/errors#invalid-cursor" or "now" in problem:
        # In the stateful phase too some cursors are made up; and some times have yet to come.
        return False
    return not all(map(_beyond_a_schema, problem.get("errors", ({},))))


def _beyond_a_schema(error: dict[str, str]) -> bool:
    if IN_A_BATCH.match(error.get("pointer", "")):
        # What a body holds goes by its kind, ids may be references, and tags have a pattern.
        return True
    if error.get("rule") in {"ref", "all-or-none", "path"} or error.get("pointer") == "/model":
        # What comes before, beside or in the path; which models the service has.
        return True
    if error.get("rule") == "duplicate":
        # That no two objects of a list name the same skill.
        return error["pointer"].startswith("/required_skills/")
    # To a schema 36.0 is a whole number.
    return error.get("message") == "must be a whole number without fraction or exponent"
