"""Tasks and futures that take too long are ended, and no others."""

import asyncio

from service.http.overdue import Overdue


async def test_what_takes_too_long_is_cancelled() -> None:
    """And who ends it knows why: it is not there any more."""
    overdue, ends = Overdue(0.05), []

    async def slow() -> None:
        task = asyncio.current_task()
        assert task is not None
        overdue.begin(task)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append(overdue.end(task))

    async with asyncio.timeout(10):
        await asyncio.gather(slow(), slow())
        await slow()

    assert [False, False, False] == ends


async def test_what_ends_in_time_is_left_alone() -> None:
    """Also while others are watched, and when somebody else cancels it."""
    overdue = Overdue(0.05)
    task = asyncio.create_task(asyncio.Event().wait())
    other = asyncio.create_task(asyncio.sleep(0.3))
    overdue.begin(other)
    overdue.begin(task)
    in_time = overdue.end(task), overdue.end(other)
    await other
    task.cancel()

    assert (True, True) == in_time
    assert not task.cancelled()


async def test_what_is_done_instead_has_the_rest_of_the_time() -> None:
    """And none where the time was over already."""
    overdue = Overdue(0.05)
    loop = asyncio.get_running_loop()
    first, second, third = (loop.create_future() for _ in range(3))
    overdue.begin(first)
    overdue.go_on(first, second)
    async with asyncio.timeout(10):
        await asyncio.wait({second})
        overdue.begin(first)
        overdue.go_on(second, third)
        await asyncio.wait({third})
        await asyncio.wait({first})

    assert second.cancelled()
    assert third.cancelled()
    assert [False] * 3 == [overdue.end(one) for one in (first, second, third)]
