"""Which representation a client gets: that of those offered which it likes best.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

import re
from functools import lru_cache
from typing import Final

from aiohttp import web

from service.errors import NotAcceptable

_QUALITY: Final = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def accepted(request: web.BaseRequest, *offered: str) -> str:
    """Choose the media type that the client likes best; of those that it likes the same the first.

    Raises: NotAcceptable.
    """
    ranges = ",".join(request.headers.getall("Accept", ()))
    chosen = _chosen(ranges, offered) if ranges else offered[0]
    if chosen is None:
        raise NotAcceptable(
            f"This resource answers with {' or '.join(offered)}.", extensions={"offered": offered}
        )
    return chosen


@lru_cache(maxsize=64)
def _chosen(ranges: str, offered: tuple[str, ...]) -> str | None:
    """Choose by the quality of the range that names a type most exactly; zero refuses it."""
    taken: dict[str, float] = {}
    for part in ranges.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        taken[name] = max(taken.get(name, 0.0), _quality(parameters))
    liked = [(_liked(taken, media), media) for media in offered]
    best = max(quality for quality, _ in liked)
    return next((media for quality, media in liked if quality == best > 0), None)


def _liked(taken: dict[str, float], media: str) -> float:
    ranges = (media, f"{media.partition('/')[0]}/*", "*/*")
    return next((taken[name] for name in ranges if name in taken), 0.0)


def _quality(parameters: list[str]) -> float:
    """Read what a range is worth: all of it where nothing is said, or nothing that can be read."""
    found = (_QUALITY.fullmatch(one) for one in parameters)
    return next((float(one[1]) for one in found if one is not None), 1.0)
