"""Turns: who comes next when one ends, and who is told to come again."""

import asyncio
from collections.abc import Callable

import pytest

from service.database.turns import Turns
from service.errors import Unavailable

PLACES = 16


class Crowd:
    """Those who ask for turns, in the order in which they had theirs."""

    def __init__(self, at_once: int) -> None:
        self._turns = Turns(at_once)
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._at_end: dict[str, Callable[[], bool]] = {}
        self.had: list[str] = []

    async def comes(self, *names: str) -> None:
        """Let some ask one after the other; the first letter of each says whose they are."""
        for name in names:
            self._leave[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._stays(name))
            await settled()

    async def comes_in_vain(self, name: str) -> None:
        """Let one ask who is refused.

        Raises: Unavailable.
        """
        await asyncio.create_task(self._stays(name))

    async def goes(self, *names: str) -> None:
        """Let some end their turns one after the other, and those have theirs who come next."""
        for name in names:
            self._leave.pop(name).set()
            await self._tasks.pop(name)
            await settled()

    async def gives_up(self, name: str) -> None:
        """Let one wait no longer."""
        self._tasks.pop(name).cancel()
        await settled()

    async def goes_while_one_gives_up(self, name: str, other: str) -> None:
        """End a turn; who is given it has gone before they know."""
        self._at_end[name] = self._tasks.pop(other).cancel
        await self.goes(name)

    async def _stays(self, name: str) -> None:
        async with self._turns.turn(PLACES, name[0]):
            self.had.append(name)
            await self._leave[name].wait()
        self._at_end.get(name, bool)()


async def settled() -> None:
    """Let everybody do what they can do."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_so_many_are_in_at_a_time() -> None:
    """Of one alone too; the others come in their order."""
    crowd = Crowd(2)
    await crowd.comes("a1", "a2", "a3", "a4")
    assert ["a1", "a2"] == crowd.had
    await crowd.goes("a2", "a1")

    assert ["a1", "a2", "a3", "a4"] == crowd.had


async def test_who_has_no_turn_comes_before_who_has_one() -> None:
    """However many of the other came before."""
    crowd = Crowd(2)
    await crowd.comes("a1", "a2", "a3", "a4", "b1", "b2")
    await crowd.goes("a1")
    assert "b1" == crowd.had[-1]
    # Now each has one, and both wait: the turns go round.
    await crowd.goes("a2", "b1", "a3")

    assert ["a1", "a2", "b1", "a3", "b2", "a4"] == crowd.had


async def test_turns_go_round() -> None:
    """Those who have as many take one after the other, each in their own order."""
    crowd = Crowd(1)
    await crowd.comes("a1", "a2", "a3", "b1", "c1", "c2", "b2")
    await crowd.goes("a1", "a2", "b1", "c1", "a3", "b2")

    assert ["a1", "a2", "b1", "c1", "a3", "b2", "c2"] == crowd.had


async def test_who_gives_up_is_left_out() -> None:
    """Their turn is the next one's; whose they are lose nothing by it."""
    crowd = Crowd(1)
    await crowd.comes("a1", "b1", "b2", "c1")
    await crowd.gives_up("b1")
    await crowd.goes("a1", "b2", "c1")
    await crowd.comes("b3")

    assert ["a1", "b2", "c1", "b3"] == crowd.had


async def test_a_turn_that_nobody_takes_is_the_next_ones() -> None:
    """It is given, and its owner is gone before they know."""
    crowd = Crowd(1)
    await crowd.comes("a1", "b1", "c1")
    await crowd.goes_while_one_gives_up("a1", "b1")

    assert ["a1", "c1"] == crowd.had


async def test_of_the_places_a_quarter_is_ones_own() -> None:
    """Who is one more is told to come again; others are let in until there is no place."""
    crowd = Crowd(1)
    everybody = [f"{whose}{number}" for whose in "abcd" for number in range(PLACES // 4)]
    await crowd.comes(*everybody[:-1])
    with pytest.raises(Unavailable):
        await crowd.comes_in_vain("a9")
    await crowd.comes(everybody[-1])
    with pytest.raises(Unavailable):
        await crowd.comes_in_vain("e1")
    await crowd.goes("a0")
    # The place that came free.
    await crowd.comes("a9")

    assert ["a0", "a1"] == crowd.had


async def test_where_nobody_is_told_apart_all_places_are_anybodys() -> None:
    """So many may be there, and no more."""
    turns = Turns(1)
    async with turns.turn(3):
        others = [asyncio.create_task(turns.turn(3).__aenter__()) for _ in range(2)]
        await settled()
        with pytest.raises(Unavailable):
            await turns.turn(3).__aenter__()
        for other in others:
            other.cancel()
        await settled()
        assert {True} == {other.cancelled() for other in others}


async def test_who_waits_too_long_is_told_so() -> None:
    """As if they had given up; others have their turns, and who waits is counted."""
    turns = Turns(1, late=lambda: Unavailable("Late."))
    async with turns.turn(PLACES, "a"):
        with pytest.raises(Unavailable, match=r"Late\."):
            async with turns.turn(PLACES, "b", within_s=0):
                pass
        assert 0 == turns.waiting
        third = asyncio.create_task(_had(turns))
        await settled()
        assert 1 == turns.waiting
    await third


async def _had(turns: Turns) -> None:
    async with turns.turn(PLACES, "c", within_s=None):
        pass
