"""How much of the answers of all clients may wait."""

import asyncio
from typing import cast

import pytest

from service.http import patience
from service.http.patience import Unread


class Client:
    """A transport with so many bytes that its client has not taken."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.cut = False

    def get_write_buffer_size(self) -> int:
        """Give the size."""
        return self._size

    def abort(self) -> None:
        """Notice."""
        self.cut = True


def cut(*clients: tuple[int, int], gone: int | None = None) -> list[bool]:
    """Let clients with what they have not taken, and what is held for them, wait one by one."""
    unread = Unread()
    made = [Client(size) for size, _ in clients]
    for number, (client, (_, held)) in enumerate(zip(made, clients, strict=True)):
        if gone is not None and number == gone + 1:
            unread.remove(cast("asyncio.WriteTransport", made[gone]))
        unread.add(cast("asyncio.WriteTransport", client), held)
    return [client.cut for client in made]


@pytest.fixture(autouse=True)
def hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hundred bytes wait in all."""
    monkeypatch.setattr(patience, "UNREAD_MAX", 100)


def test_what_has_waited_longest_gives_way() -> None:
    """As many as it takes, and no more."""
    assert [False, False] == cut((60, 0), (40, 0))
    assert [True, False, False] == cut((60, 0), (40, 0), (1, 0))
    assert [True, True, False] == cut((60, 0), (40, 0), (100, 0))


def test_what_is_held_counts_whole() -> None:
    """The kernel may have most of an answer that is in memory all the same."""
    assert [True, False] == cut((1, 60), (1, 60))


def test_who_has_taken_everything_counts_no_longer() -> None:
    """Nor who has gone."""
    assert [False, False] == cut((100, 0), (100, 0), gone=0)
