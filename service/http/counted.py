"""Whether the request on a connection is one of those that are under way, which the door counts.

It is from its last byte to the first of its answer, but not while it stands aside: who waits for
something of their own is no queue in which whoever comes next would stand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from aiohttp import web

from service.database.gate import Gate


class Counted:
    """A connection whose request is one of those that are under way, or is not yet."""

    _entrance: Gate | None = None  # of the request whose body is still to come
    _counted: tuple[Gate, object] | None = None
    _is_aside = False
    _back: Gate | None = None  # where it is counted again

    @property
    def is_counted(self) -> bool:
        """Say whether the request here is one of those that are under way."""
        return self._counted is not None

    def count(self, entrance: Gate) -> None:
        """Let the request here be one of those that are under way; one that is aside, after it."""
        if self._is_aside:
            self._back = entrance
        elif self._counted is None:
            self._counted = entrance, entrance.enter()

    def discount(self, *, served: bool) -> None:
        """Let it be none of them any more: it is done, or waits for its client."""
        self._entrance = self._back = None
        if self._counted is not None:
            entrance, waiter = self._counted
            self._counted = None
            entrance.leave(waiter, served=served)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let it be none of them while this lasts, nor after an exception: that is its answer."""
        if self._counted is not None:
            entrance, waiter = self._counted
            self._counted = None
            # That says nothing of how long others wait.
            entrance.leave(waiter, served=False)
            self._back = entrance
        self._is_aside = True
        try:
            yield
        except BaseException:
            self._back = None
            raise
        finally:
            self._is_aside = False
            back, self._back = self._back, None
            if back is not None:
                self.count(back)


def counted(request: web.BaseRequest) -> Counted:
    """Give what counts a request."""
    return cast("Counted", request.protocol)
