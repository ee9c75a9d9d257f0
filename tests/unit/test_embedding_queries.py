"""Vectors for whoever waits: shared, remembered, bounded, and never in the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import pytest
import pytest_asyncio

from service.embedding.embedder import EmbedderRefusal
from service.embedding.queries import SLICE_TEXTS, Vectors
from service.embedding.trigram import Trigram
from service.errors import Unavailable


class Slow:
    """An embedder that goes on when it is let, and notes what it was given, by which thread."""

    name: Final = "slow"
    version: Final = "1"

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.threads: set[str] = set()
        self.may = threading.Event()
        self.begun = threading.Event()
        self.fails: EmbedderRefusal | None = None

    def embed(self, texts: Sequence[str]) -> bytes:
        """Wait, and give the vectors of characters."""
        self.given.append(list(texts))
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        assert self.may.wait(20)
        if self.fails is not None:
            raise self.fails
        return Trigram().embed(texts)


class Held(Vectors):
    """Vectors with the embedder at hand."""

    def __init__(self, slow: Slow, **bounds: int) -> None:
        super().__init__(slow, **bounds)
        self.slow = slow


Make = Callable[..., Held]


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """Make vectors that are closed in the end."""
    made: list[Held] = []

    def held(**bounds: int) -> Held:
        made.append(Held(Slow(), **bounds))
        return made[-1]

    yield held
    for each in made:
        each.slow.may.set()
        await each.close()


async def asked(vectors: Vectors, *texts: str) -> list[asyncio.Task[bytes]]:
    """Ask for texts, one after the other, and let all of them come to wait."""
    tasks = [asyncio.create_task(vectors.vector(text)) for text in texts]
    await asyncio.sleep(0)
    return tasks


async def begun(slow: Slow) -> None:
    """Wait until the thread works."""
    assert await asyncio.to_thread(slow.begun.wait, 20)
    slow.begun.clear()


async def test_a_vector_is_that_of_the_embedder(make: Make) -> None:
    """One vector, made by a thread of its own."""
    vectors = make()
    vectors.slow.may.set()

    assert Trigram().embed(["SQL"]) == await vectors.vector("SQL")
    assert [True] == [name.startswith("embedder") for name in vectors.slow.threads]


async def test_the_loop_goes_on_meanwhile(make: Make) -> None:
    """While the embedder works whoever else is in the loop has a turn."""
    vectors = make()
    (task,) = await asked(vectors, "SQL")
    await begun(vectors.slow)
    assert not task.done()
    vectors.slow.may.set()

    assert Trigram().embed(["SQL"]) == await task


async def test_the_same_text_is_computed_once(make: Make) -> None:
    """By those who ask at once, and by those who ask later."""
    vectors = make()
    tasks = await asked(vectors, *["SQL"] * 50)
    assert 1 == vectors.waiting
    vectors.slow.may.set()
    made = set(await asyncio.gather(*tasks))

    assert {await vectors.vector("SQL")} == made
    assert [["SQL"]] == vectors.slow.given
    assert 0 == vectors.waiting


async def test_who_gives_up_takes_it_from_nobody(make: Make) -> None:
    """The first who asked goes; the second has the vector, of one computation."""
    vectors = make()
    first, second = await asked(vectors, "SQL", "SQL")
    first.cancel()
    vectors.slow.may.set()

    assert Trigram().embed(["SQL"]) == await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert [["SQL"]] == vectors.slow.given


async def test_what_was_asked_for_last_is_remembered(make: Make) -> None:
    """So many texts; the one that nobody has asked for the longest is computed again."""
    vectors = make(remembered=2)
    vectors.slow.may.set()
    for text in ("a", "b", "a", "c", "a", "b"):
        await vectors.vector(text)

    assert [["a"], ["b"], ["c"], ["b"]] == vectors.slow.given


async def test_too_many_are_refused_at_once(make: Make) -> None:
    """Of different texts; one that is being computed may be asked for by any number."""
    vectors = make(waiting_max=2)
    tasks = await asked(vectors, "a", "b", "a")
    with pytest.raises(Unavailable, match="Too many searches"):
        await vectors.vector("c")
    vectors.slow.may.set()
    await asyncio.gather(*tasks)

    assert Trigram().embed(["c"]) == await vectors.vector("c")


async def test_one_tenant_leaves_room_for_others(make: Make) -> None:
    """A quarter of the places is for each; what one has asked for is computed anew for another."""
    vectors = make(waiting_max=16)
    agents = ("one agent", "one other", "one agent", "one other")
    tasks = [
        asyncio.create_task(vectors.vector(text, whose))
        for text, whose in zip("abcd", agents, strict=True)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Too many searches"):
        await vectors.vector("e", "one third")
    other = asyncio.create_task(vectors.vector("a", "another agent"))
    await asyncio.sleep(0)
    waiting = vectors.waiting
    vectors.slow.may.set()
    await asyncio.gather(*tasks, other)

    assert 5 == waiting


async def test_tenants_come_in_turn(make: Make) -> None:
    """Whoever comes while another tenant has many texts in line is next; then they alternate."""
    vectors = make()
    given = [
        *((text, "one agent") for text in "abcd"),
        *((text, "two agent") for text in "ef"),
        ("g", "three agent"),
    ]
    tasks = [asyncio.create_task(vectors.vector(*each)) for each in given]
    await begun(vectors.slow)
    tasks[2].cancel()
    vectors.slow.may.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert [["a"], ["e"], ["b"], ["g"], ["f"], ["c"], ["d"]] == vectors.slow.given


async def test_the_background_has_a_turn_among_tenants(make: Make) -> None:
    """Behind one text of each who asks, not behind all of theirs."""
    vectors = make()
    before = [asyncio.create_task(vectors.vector(text, "one agent")) for text in "abcd"]
    await begun(vectors.slow)
    background = asyncio.create_task(vectors.vectors(["label"]))
    await asyncio.sleep(0)
    vectors.slow.may.set()
    await asyncio.gather(*before, background)

    assert [["a"], ["label"], ["b"], ["c"], ["d"]] == vectors.slow.given


async def test_a_failure_reaches_all_and_is_not_remembered(make: Make) -> None:
    """Who asks again has another try; nothing is left that the loop would complain of."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    vectors = make()
    vectors.slow.fails = EmbedderRefusal("It is broken.", "Mend it.")
    tasks = await asked(vectors, "a", "a")
    vectors.slow.may.set()
    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert [vectors.slow.fails] * 2 == failures
    vectors.slow.fails = None
    asyncio.get_running_loop().set_exception_handler(None)

    assert [] == complaints
    assert Trigram().embed(["a"]) == await vectors.vector("a")


async def test_many_texts_come_in_their_order(make: Make) -> None:
    """Whatever order they are computed in."""
    vectors = make()
    vectors.slow.may.set()
    texts = [f"{'long ' * (number * 37 % 90)}{number}" for number in range(90)]

    assert Trigram().embed(texts) == await vectors.vectors(texts)
    assert b"" == await vectors.vectors([])
    assert len(vectors.slow.given) > 10


async def test_a_query_waits_for_one_slice(make: Make) -> None:
    """The background has a thousand texts; who asks is next after the few that are computed."""
    vectors = make()
    background = asyncio.create_task(vectors.vectors([f"label {n}" for n in range(1_000)]))
    await begun(vectors.slow)
    (query,) = await asked(vectors, "SQL")
    vectors.slow.may.set()
    await asyncio.gather(query, background)

    assert SLICE_TEXTS <= 16
    assert [SLICE_TEXTS, 1] == [len(texts) for texts in vectors.slow.given[:2]]
    assert ["SQL"] == vectors.slow.given[1]


async def test_whoever_waits_at_the_end_is_refused(make: Make) -> None:
    """What is being computed is finished, what has not begun is not; nobody comes after that."""
    vectors = make()
    first, second = await asked(vectors, "a", "b")
    background = asyncio.create_task(vectors.vectors(["label"]))
    await begun(vectors.slow)
    closing = asyncio.create_task(vectors.close())
    with pytest.raises(Unavailable, match="ending"):
        await second
    vectors.slow.may.set()
    await closing

    assert Trigram().embed(["a"]) == await first
    for refused in (background, vectors.vector("c"), vectors.vectors(["d"])):
        with pytest.raises(Unavailable, match="ending"):
            await refused
    assert [["a"]] == vectors.slow.given


async def test_closing_leaves_no_thread(make: Make) -> None:
    """When `close` returns the thread is gone; once more does no harm."""
    vectors = make()
    vectors.slow.may.set()
    await vectors.vector("a")
    (name,) = vectors.slow.threads
    assert name in {each.name for each in threading.enumerate()}
    await vectors.close()
    await vectors.close()
    vectors.warm()

    assert name not in {each.name for each in threading.enumerate()}
    assert [["a"]] == vectors.slow.given


async def test_warming_waits_for_nothing(make: Make) -> None:
    """The model is loaded in the thread while the service starts."""
    vectors = make()
    vectors.warm()
    await begun(vectors.slow)

    assert [[""]] == vectors.slow.given
