"""Headers: what requests may carry and what answers bring, each described once."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from service.openapi.operation import Parameter

_TAG: Final = r'(W/)?"[!#-~]*"'
_TAGS: Final = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"
_KEY: Final = r"""^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"""
_EXAMPLE_TAG: Final = '"1-3f2a9c0d41b7"'

IF_MATCH: Final = Parameter(
    name="If-Match",
    where="header",
    type=Annotated[str, Meta(min_length=1, extra_json_schema={"pattern": _TAGS})],
    required=True,
    example=_EXAMPLE_TAG,
    description="The ETag of the version that is to change, several with commas, or `*` for "
    "whatever it is. Without it: 428; when the entity has another one: 412.",
)
IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    where="header",
    type=Annotated[str, Meta(min_length=1, extra_json_schema={"pattern": _TAGS})],
    example=_EXAMPLE_TAG,
    description="The ETag that you have, several with commas, or `*`: 304 while it is still that.",
)
IF_NEW: Final = Parameter(
    name="If-None-Match",
    where="header",
    type=Literal["*"],
    component="If-New",
    example="*",
    description="`*` creates it, and is 412 where it is there already. Without it `If-Match` says "
    "which version is to change; without either: 428.",
)
IF_THERE: Final = Parameter(
    name="If-Match",
    where="header",
    type=Annotated[str, Meta(min_length=1, extra_json_schema={"pattern": _TAGS})],
    component="If-There",
    example=_EXAMPLE_TAG,
    description="The ETag of the version that is to change, several with commas, or `*` for "
    "whatever it is; 412 when it has another one. Not together with `If-None-Match`.",
)
REQUEST_ID: Final = Parameter(
    name="Request-Id",
    where="header",
    type=str,
    example="order-4711",
    description="Your own name for the request, echoed in the answer and quoted in the log: up to "
    '128 visible ASCII characters, none of `"`, `,`, `;`, `\\`. '
    "With anything else, or without, the service makes one.",
)

IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    type=Annotated[str, Meta(extra_json_schema={"pattern": _KEY})],
    example="8e03978e-40d5-43dd-bc93-6894a57f9324",
    description="A key of your own for this change, new for each one that you mean: 1 to 255 "
    "visible ASCII characters, bare or as a string between quotation marks. For 24 hours the same "
    "request under it is answered with the first answer, byte for byte, instead of being done "
    "again; it is looked at before `If-Match`. Only what was done is remembered.",
)
PREFER: Final = Parameter(
    name="Prefer",
    where="header",
    type=str,
    example="tx=rollback",
    description="`tx=rollback` tries it without doing it: everything is checked and then undone; "
    "200 with `Preference-Applied`. It takes scope `read`, too. Any other preference is ignored.",
)
REPLICA: Final = Parameter(
    name="Prefer",
    where="header",
    type=str,
    component="Prefer-Replica",
    example="replica",
    description="`replica` lets a read replica answer, whose answers may be some seconds old; "
    "`Preference-Applied` says that one did. It never has an entity older than the one whose ETag "
    "stands in `If-None-Match`, nor 404 for what is there. Where it cannot answer, the primary "
    "does. Any other preference is ignored.",
)
KEYED: Final = (IDEMPOTENCY_KEY, PREFER)
"""What a write takes, unless it is a DELETE, which repeats without harm."""

SHARED: Final = (IF_MATCH, IF_NONE_MATCH, IF_NEW, IF_THERE, REQUEST_ID, *KEYED, REPLICA)
"""Parameters that are components."""


def _text(description: str, example: str, **schema: Any) -> dict[str, Any]:
    return {
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


_IN_FULL: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Request-Id": {
        **_text(
            "The id of the request: yours, or one that was made. Quote it in questions.",
            "order-4711",
            minLength=1,
            maxLength=128,
        ),
        "required": True,
    },
    "ETag": {
        **_text(
            "The strong entity tag of this version, for `If-Match` and `If-None-Match`.",
            _EXAMPLE_TAG,
            pattern='^"[!#-~]+"$',
        ),
        "required": True,
    },
    "Location": {
        **_text(
            "The path of what was created.",
            "/v1/skills/0190a1b2-0000-7000-8000-000000000001",
            format="uri-reference",
        ),
        "required": True,
    },
    "Audit-Entry": _text(
        "The log entry that this change left, exactly one: its id and its SHA-256. Absent from a "
        "dry run.",
        "id=0190a1b2-0000-7000-8000-0000000000ff, hash=" + "9f" * 32,
        pattern=f"^id={_IN_FULL}, hash=[0-9a-f]{{64}}$",
    ),
    "Idempotency-Replayed": _text(
        "That this is the first answer to the same request under its `Idempotency-Key`.",
        "true",
        const="true",
    ),
    "Preference-Applied": _text(
        "That this was a dry run: nothing is done.", "tx=rollback", const="tx=rollback"
    ),
    "Replica-Applied": _text("That a read replica gave this answer.", "replica", const="replica"),
    "Link": _text(
        'The next page, with `rel="next"`; absent on the last one (RFC 8288).',
        '</v1/skills?limit=50&cursor=AbC>; rel="next"',
        pattern='^<[^>]+>; rel="next"$',
    ),
    "Cache-Control": {
        **_text(
            "How long an answer may be kept: documents belong to whoever holds a key.",
            "private, no-cache",
        ),
        "required": True,
    },
    "Vary": _text(
        "What of a request decides the form of the answer (RFC 9110).", "Accept", const="Accept"
    ),
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
        "required": True,
    },
    "Optional-Retry-After": {
        "description": "Of `idempotency-in-progress`: after how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "RateLimit": _text(
        "What is left of the limit, where there is one: `r` requests, and in `t` seconds all of "
        "them are back.",
        '"key";r=599;t=1',
        pattern='^"(key|address)";r=[0-9]+;t=[0-9]+$',
    ),
    "RateLimit-Policy": _text(
        "The limit, where there is one (PLANT_RATE_LIMIT): `q` requests in `w` seconds.",
        '"key";q=600;w=60',
        pattern='^"(key|address)";q=[0-9]+;w=[0-9]+$',
    ),
    "WWW-Authenticate": {
        **_text(
            "How to authenticate, and `invalid_token` where a key or token came (RFC 6750).",
            'Bearer realm="plant", error="invalid_token"',
        ),
        "required": True,
    },
    "Scope-Challenge": _text(
        "Of `scope-missing`: the scope that is needed (RFC 6750).",
        'Bearer realm="plant", error="insufficient_scope", scope="certify"',
    ),
    "Accept": {**_text("The media types that are taken.", "application/json"), "required": True},
    "Accept-Patch": _text(
        "The media types that PATCH takes (RFC 5789).",
        "application/merge-patch+json, application/json",
    ),
    "Current-ETag": _text(
        "Of a 412: the entity tag that the entity has now.",
        _EXAMPLE_TAG,
        pattern='^"[!#-~]+"$',
    ),
    "Entity-ETag": _text(
        "Of a certified amendment: the entity's own new tag, beside the amendment's in `ETag`.",
        _EXAMPLE_TAG,
        pattern='^"[!#-~]+"$',
    ),
    "Content-Security-Policy": {
        **_text("That the page loads nothing from anywhere.", "default-src 'none'"),
        "required": True,
    },
    "Referrer-Policy": {
        **_text("That links tell nobody where they stood.", "no-referrer", const="no-referrer"),
        "required": True,
    },
    "X-Content-Type-Options": {
        **_text("That the page is what its type says.", "nosniff", const="nosniff"),
        "required": True,
    },
}
"""Headers of answers by the name of their component; NAMES has those that are named otherwise."""

NAMES: Final = {
    "Current-ETag": "ETag",
    "Optional-Retry-After": "Retry-After",
    "Replica-Applied": "Preference-Applied",
    "Scope-Challenge": "WWW-Authenticate",
}

LIMITED: Final = ("RateLimit", "RateLimit-Policy")
"""What every answer may have, but those about health."""

OF_STATUS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    403: ("Scope-Challenge",),
    412: ("Current-ETag",),
    415: ("Accept", "Accept-Patch"),
}
"""What a refusal has besides Request-Id and Cache-Control, by its status."""
