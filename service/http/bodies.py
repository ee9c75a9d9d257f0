"""Bodies of JSON: small ones are read where they come, large ones in a thread, in turns."""

from functools import partial
from typing import Final, TypeVar

from aiohttp import web
from msgspec import Struct

from service.database.turns import NOBODY
from service.errors import MalformedJson
from service.http.counted import counted
from service.http.request import BODY_MAX, JSON, check_media, read_body
from service.http.request_log import WHO
from service.model.decode import decode
from service.usecases.large import SMALL_BYTES, Large

T = TypeVar("T", bound=Struct)

LARGE: Final = web.AppKey("large", Large)


async def read_json(
    request: web.Request, wanted: type[T], media: tuple[str, ...] = JSON, limit: int = BODY_MAX
) -> T:
    """Read a JSON body as one struct.

    Raises: UnsupportedMediaType, BodyTooLarge, MalformedRequest, MalformedJson, InvalidBody,
    Unavailable.
    """
    if not request.can_read_body:
        raise MalformedJson("The body is empty.")
    check_media(request, media)
    body = await read_body(request, limit)
    work = partial(decode, body, wanted)
    if len(body) <= SMALL_BYTES:
        return work()
    who = request.get(WHO)
    # What waits here waits for its tenant's own: it says nothing of how long others would.
    with counted(request).aside():
        return await request.app[LARGE].read(len(body), work, who.tenant_id if who else NOBODY)
