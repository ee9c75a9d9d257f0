"""The gate in front of a pool, with a clock that is turned by hand."""

from contextlib import AbstractContextManager, ExitStack

import pytest

from service.database.gate import Gate

SOON_S = 0.5


class Queue:
    """A gate and those who wait at it, the first in front."""

    def __init__(self, waiting_max: int = 100, *, at_once: int = 0, stalls: bool = True) -> None:
        self.now = 0.0
        self.gate = Gate(waiting_max, SOON_S, lambda: self.now, stalls=stalls, at_once=at_once)
        self._waiters: list[AbstractContextManager[None]] = []

    def comes(self, count: int = 1) -> None:
        """Let somebody wait."""
        for _ in range(count):
            waiter = self.gate.queued()
            waiter.__enter__()
            self._waiters.append(waiter)

    def full(self) -> bool:
        """Say whether the next would be refused."""
        return self.gate.full

    def goes(self, count: int = 1, *, every_s: float = 0.0) -> None:
        """Let the first have their turn, one after the other."""
        for _ in range(count):
            self.now += every_s
            self._waiters.pop(0).__exit__(None, None, None)


def test_nobody_waits_at_an_open_gate() -> None:
    """Who comes first may wait, and a gate that lets nobody wait is full."""
    assert not Queue().full()
    assert Queue(waiting_max=0).full()


def test_so_many_wait_as_may() -> None:
    """The next is refused, until one has had its turn."""
    queue = Queue(waiting_max=3)
    queue.comes(2)
    assert not queue.full()
    queue.comes()
    assert (3, True) == (queue.gate.waiting, queue.full())
    queue.goes()
    assert (2, False) == (queue.gate.waiting, queue.full())


def test_who_would_come_too_late_is_refused() -> None:
    """At a tenth of a second for each, who comes as the seventh would wait for too long."""
    queue = Queue()
    for _ in range(60):
        # Two wait at most, so nobody waits for long: only the pace is learnt.
        queue.comes(2)
        queue.goes(2, every_s=0.1)
    queue.comes(5)
    assert not queue.full()
    queue.comes()
    assert queue.full()


def test_a_queue_that_moves_fast_may_be_long() -> None:
    """At a millisecond for each, ninety are served in time."""
    queue = Queue()
    queue.comes(99)
    queue.goes(50, every_s=0.001)
    queue.comes(40)
    assert (89, False) == (queue.gate.waiting, queue.full())


def test_who_comes_to_a_queue_that_stands_still_is_refused() -> None:
    """The first has waited for more than half of the time that one may wait."""
    queue = Queue()
    queue.comes()
    queue.now = 0.5
    assert not queue.full()
    queue.now = 0.51
    assert queue.full()
    queue.goes()
    assert not queue.full()


def test_a_quiet_hour_is_not_the_pace() -> None:
    """Time in which nobody waited says nothing of how fast the queue moves."""
    queue = Queue()
    for _ in range(50):
        queue.now += 3600
        queue.comes()
        queue.goes()
    queue.comes(90)
    assert not queue.full()


def test_who_gives_up_is_no_turn() -> None:
    """A wait that ends with an exception is over, and nothing is learnt from it."""
    queue = Queue(waiting_max=1)
    with pytest.raises(TimeoutError), queue.gate.queued():
        raise TimeoutError
    assert (0, False) == (queue.gate.waiting, queue.full())


def test_the_pace_of_another_day_is_forgotten() -> None:
    """What was slow when something was in the way says nothing of what comes an hour later."""
    queue = Queue()
    for _ in range(60):
        queue.comes(2)
        queue.goes(2, every_s=0.1)
    queue.comes(6)
    assert queue.full()
    queue.goes(6)
    queue.now += 3600
    queue.comes(90)
    assert not queue.full()
    queue.goes(10, every_s=0.001)
    assert not queue.full()


def test_as_many_as_are_served_at_once_do_not_wait() -> None:
    """However long they take: whoever comes next takes no longer than they."""
    queue = Queue(at_once=3, stalls=False)
    queue.comes(3)
    for _ in range(60):
        queue.comes()
        assert not queue.full() or queue.now > 1
        queue.goes(every_s=0.2)
    assert not queue.full()
    queue.comes()
    assert queue.full()


def test_their_pace_says_nothing_of_a_crowd() -> None:
    """Turns are slow when few come, and the next ninety may all be served in time."""
    queue = Queue(at_once=3, stalls=False)
    for _ in range(60):
        queue.comes(3)
        queue.goes(3, every_s=0.1)
    queue.comes(90)
    assert not queue.full()


def test_a_crowd_shows_the_pace_of_all() -> None:
    """At a tenth of a second for each, whoever comes as the seventh would be served too late."""
    queue = Queue(at_once=3, stalls=False)
    queue.comes(3)
    for _ in range(60):
        queue.comes()
        queue.goes(every_s=0.1)
    queue.comes(2)
    assert not queue.full()
    queue.comes()
    assert queue.full()


def test_who_stands_aside_is_no_queue() -> None:
    """Ninety who wait for something of their own are in nobody's way, however slow the others."""
    queue = Queue(waiting_max=300, at_once=3, stalls=False)
    with ExitStack() as stack:
        for _ in range(90):
            stack.enter_context(queue.gate.queued())
            stack.enter_context(queue.gate.aside())
        for _ in range(60):
            queue.comes(3)
            assert not queue.full()
            queue.goes(3, every_s=0.1)
        queue.comes(90)
        assert not queue.full()
    queue.goes(90)


def test_who_stands_aside_has_come_all_the_same() -> None:
    """So many wait as may, whatever they wait for; back in line they are a queue again."""
    queue = Queue(waiting_max=7, at_once=3, stalls=False)
    queue.comes(6)
    with queue.gate.aside():
        queue.comes()
        assert queue.full()
        queue.goes()
    for _ in range(60):
        queue.comes()
        queue.goes(every_s=0.1)
    assert queue.full()
    with queue.gate.aside(), queue.gate.aside(), queue.gate.aside():
        assert not queue.full()
