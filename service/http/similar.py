"""`similar=refuse`: nothing is created that is near to what is there."""

from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct

from service.errors import InvalidParameter, SimilarExists
from service.http.caller import Caller, require
from service.http.duplicates import DUPLICATES
from service.http.reading import REPOSITORY
from service.http.request import raw_query
from service.model.kinds import Kind
from service.model.query import parameters
from service.model.search import rounded
from service.repository.search import Hit

REFUSE: Final = "refuse"
SHOWN_MAX: Final = 5


class _Named(Struct):
    name: str


def refuses_similar(request: web.Request, who: Caller, body: type[Struct]) -> bool:
    """Say whether a creation asks to be refused where something is near.

    Raises: UnknownParameter, InvalidParameter, ScopeMissing: the answer names what is there.
    """
    given = parameters(raw_query(request), single={"similar"}, body=body).get("similar")
    if given is None:
        return False
    if given != [REFUSE]:
        raise InvalidParameter(
            f"similar must be {REFUSE}.", extensions={"parameter": "similar", "allowed": [REFUSE]}
        )
    require(who.identity, "read")
    return True


async def similar_to(
    request: web.Request, who: Caller, kind: Kind, body: Struct
) -> SimilarExists | None:
    """Make the problem that names what is near to a new entity, if anything is."""
    fields: dict[str, Any] = msgspec.structs.asdict(body)
    embedding = fields.get("embedding_384")
    found = await request.app[DUPLICATES].of_names(
        request.app[REPOSITORY],
        who.context,
        kind.name,
        [fields["name"], *fields["aliases"]],
        SHOWN_MAX,
        embedding=None if embedding is UNSET else embedding,
    )
    if not found:
        return None
    near = [_shown(hit) for hit in found]
    more = f" and {len(near) - 1} more" if len(near) > 1 else ""
    return SimilarExists(
        f"{near[0]['name']}{more} may be the same. Leave `similar=refuse` out to create it "
        "anyway, under a name that is not taken.",
        extensions={"similar": near},
    )


def _shown(hit: Hit) -> dict[str, Any]:
    named = msgspec.json.decode(hit.document, type=_Named).name if hit.document else hit.label
    return {
        "id": str(hit.id),
        "name": named,
        "score": rounded(hit.score),
        "matched_label": hit.label,
    }
