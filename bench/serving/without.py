"""Plant with one of its ways taken away: `python -m bench.serving.without NAME serve`.

What a way is worth is what is lost without it. Nothing of the service asks for any of this: it is
done to it from outside, when it begins.
"""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from service.__main__ import main
from service.database.batcher import Batcher
from service.database.connection import Connection
from service.http import caller, contents
from service.http.answers import Content, joined
from service.http.contents import Entity
from service.http.short_reads import ShortReads
from service.repository.entities import Document


def _put(owner: object, name: str, instead: object) -> None:
    setattr(owner, name, instead)


def _alone() -> None:
    """Let each call have a round trip and a transaction of its own."""
    _put(Batcher, "is_busy", property(lambda _: False))


def _long() -> None:
    """Let aiohttp read and write every request."""
    _put(ShortReads, "read", lambda *_: None)


def _looked_up() -> None:
    """Ask the database for the key of every request."""
    _put(caller, "CACHE_S", 0.0)
    _when_over()


def _when_over() -> None:
    """Ask for a key again when what is remembered of it is over, and somebody waits for it."""
    _put(caller, "RENEWED_S", 0.0)


def _slow_loop() -> None:
    """Go by the event loop of Python."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]


def _four_trips() -> None:
    """Begin, set the context, ask, commit: as it is done where no function sets the context."""
    fetch = Connection.fetch

    async def fetched(connection: Any, query: str, *arguments: Any, **how: Any) -> Any:
        if connection.is_in_transaction():
            return await fetch(connection, query, *arguments, **how)
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant_id', $1, TRUE)", "")
            return await fetch(connection, query, *arguments, **how)

    _put(Connection, "fetch", fetched)
    _alone()


def _parsed() -> None:
    """Read every document and write it again, as a mapper does."""
    content = Entity.content

    def one(entity: Entity, found: Document | None) -> Content:
        return content(entity, found and Document(_again(found.document), found.etag))

    def many(documents: Iterable[str | None], rest: bytes, link: str | None = None) -> Content:
        return joined((text and _again(text) for text in documents), rest, link)

    _put(Entity, "content", one)
    _put(contents, "joined", many)


def _again(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


AHEAD: Final = "keys asked for ahead"
WAYS: Final[dict[str, Callable[[], None]]] = {
    "calls together": _alone,
    "the short way": _long,
    "keys remembered": _looked_up,
    AHEAD: _when_over,
    "uvloop": _slow_loop,
    "one trip": _four_trips,
    "bytes as they are": _parsed,
}
"""By the names that they have on the page."""


if __name__ == "__main__":
    WAYS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
