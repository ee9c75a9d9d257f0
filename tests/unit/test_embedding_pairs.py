"""The nearest of many vectors: the same as comparing each with each, however they are cut."""

import io
import struct

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from service.embedding import pairs
from service.embedding.pairs import COUNT, Compared, Near, compare

Vectors = npt.NDArray[np.float64]

FAMILIES = 30


def drawn(seed: int, count: int, far: float) -> Vectors:
    """Draw vectors that stand around a few others, each within so far."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(FAMILIES, 384))
    away = chance.uniform(0, far, (count, 1)) * chance.normal(size=(count, 384))
    return middles[chance.integers(FAMILIES, size=count)] + away


def sent(vectors: Vectors) -> bytes:
    """Write vectors as the database has them."""
    return vectors.astype(">f4").tobytes()


def slowly(owners: list[int], vectors: Vectors) -> dict[tuple[int, int], float]:
    """Compare each vector with each, of directions alone."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    products = unit @ unit.T
    best: dict[tuple[int, int], float] = {}
    for at, one in enumerate(owners):
        for other_at, other in enumerate(owners):
            if one < other:
                score = float(products[at, other_at])
                best[one, other] = max(best.get((one, other), -2.0), score)
    return best


def found(owners: list[int], vectors: Vectors, least: float, count: int) -> list[Near]:
    """Compare, the vectors coming in parts."""
    compared = Compared(least, count)
    for start in range(0, len(owners), 37):
        compared.add(owners[start : start + 37], sent(vectors[start : start + 37]))
    return compared.nearest()


@pytest.mark.parametrize("dense", [1, 64, 10**9])
@pytest.mark.parametrize("block", [1, 16, 512])
@pytest.mark.parametrize("least", [-1.0, 0.3, 0.7, 0.93])
def test_all_that_are_near_are_found(
    least: float, block: int, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair of owners once, the smaller first, by its best score; own vectors do not count."""
    monkeypatch.setattr(pairs, "BLOCK", block)
    monkeypatch.setattr(pairs, "DENSE", dense)
    owners = sorted(int(one) for one in np.random.default_rng(1).integers(60, size=150))
    vectors = drawn(2, 150, 0.4) * np.random.default_rng(3).uniform(0.999, 1.001, (150, 1))
    near = found(owners, vectors, least, 10_000)
    every = {pair: score for pair, score in slowly(owners, vectors).items() if score >= least}

    assert every
    assert {(one.one, one.other): one.score for one in near} == pytest.approx(every, abs=1e-5)
    assert len(near) == len(every)
    assert sorted(near, key=lambda one: -one.score) == near


@pytest.mark.parametrize("block", [1, 7, 512])
@pytest.mark.parametrize("count", [1, 5, 50])
def test_the_nearest_are_kept(count: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found on the way, and in whatever order."""
    monkeypatch.setattr(pairs, "BLOCK", block)
    owners = [at // 2 for at in range(300)]
    vectors = drawn(4, 300, 1.0)
    near = found(owners, vectors, -1.0, count)
    best = sorted(slowly(owners, vectors).items(), key=lambda pair: -pair[1])[:count]

    assert [pair for pair, _ in best] == [(one.one, one.other) for one in near[:count]]
    assert 2 * count >= len(near)


def test_the_same_vector_many_times_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many pairs as asked for, give or take, of a hundred thousand that are all alike."""
    monkeypatch.setattr(pairs, "BLOCK", 64)
    vectors = np.repeat(drawn(5, 1, 0), 450, axis=0)
    near = found(list(range(450)), vectors, 0.9, 20)

    assert 20 <= len(near) <= 40
    assert [pytest.approx(1, abs=1e-6)] * len(near) == [one.score for one in near]


def test_nothing_has_no_pairs() -> None:
    """No vector, and one."""
    assert [] == found([], drawn(6, 0, 1), 0.5, 10)
    assert [] == found([0], drawn(6, 1, 1), 0.5, 10)


def test_a_vector_within_the_directions_is_found() -> None:
    """Where nothing remains beside them, what remains is not less than nothing."""
    chance = np.random.default_rng(7)
    vectors = np.zeros((400, 384))
    vectors[:, :20] = chance.normal(size=(400, 20))
    vectors[1] = vectors[0] + 1e-3
    near = found(list(range(400)), vectors, 0.99, 1_000)

    assert (0, 1) in {(one.one, one.other) for one in near}


def test_what_is_sent_is_compared() -> None:
    """The program takes a line, then parts; it gives the pairs as JSON."""
    vectors = drawn(8, 50, 0.2)
    owners = [at % 25 for at in range(50)]
    parts = [msgspec.json.encode((0.8, 100)) + b"\n"]
    for start in (0, 30):
        part = owners[start : start + 30]
        parts.append(COUNT.pack(len(part)) + struct.pack(f"<{len(part)}I", *part))
        parts.append(sent(vectors[start : start + 30]))
    answer = msgspec.json.decode(compare(io.BytesIO(b"".join(parts))), type=list[Near])

    assert answer
    assert {one[:2] for one in found(owners, vectors, 0.8, 100)} == {one[:2] for one in answer}
