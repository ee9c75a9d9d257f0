"""What the measurements of relevance ask with, and how they count."""

import random
from uuid import UUID

import pytest

from bench.relevance import matching, named, queries
from bench.relevance.finding import Places
from bench.relevance.rivals import fused, standard_error
from bench.relevance.typos import mistyped
from tests.source_folders import CUT

TEXTS = ["operate a forklift", "SQL", "x", "überwachen"]


def distance(one: str, other: str) -> int:
    """Count the fewest characters to insert, leave out or replace."""
    row = list(range(len(other) + 1))
    for i, mine in enumerate(one, start=1):
        last, row = row, [i]
        for j, theirs in enumerate(other):
            row.append(min(row[j] + 1, last[j + 1] + 1, last[j] + (mine != theirs)))
    return row[-1]


class TestTypos:
    """Slips of the pen."""

    @pytest.mark.parametrize("text", TEXTS)
    def test_two_slips_and_no_more(self, text: str) -> None:
        """Two characters that were swapped are two away; nothing is left that is empty."""
        made = [mistyped(text, seed) for seed in range(300)]

        assert all(one.strip() for one in made)
        assert max(distance(text, one) for one in made) <= 4
        assert min(distance(text, one) for one in made) < 2

    def test_the_same_seed_makes_the_same_slips(self) -> None:
        """Whatever was asked before, and wherever."""
        first = [mistyped(text, 7) for text in TEXTS]
        random.seed(1)

        assert first == [mistyped(text, 7) for text in reversed(TEXTS)][::-1]
        assert first != [mistyped(text, 8) for text in TEXTS]

    def test_every_slip_is_made(self) -> None:
        """Texts get longer and shorter, lose letters and get new ones, and are only reordered."""
        text = "operate a forklift"
        made = [mistyped(text, seed) for seed in range(300)]
        lengths = {len(one) - len(text) for one in made}

        assert {-2, -1, 0, 1, 2} == lengths
        assert any(one != text and sorted(one) == sorted(text) for one in made)


class TestQueries:
    """The committed queries."""

    def test_are_as_many_as_were_to_be_drawn(self) -> None:
        """Of each kind, those that are shared left aside, each once."""
        drawn = queries.load()
        counts = {
            kind: sum(one.kind == kind and not one.shared for one in drawn)
            for kind in queries.COUNTS
        }

        assert queries.COUNTS == counts
        assert len(drawn) == len(set(drawn))

    def test_who_shares_an_alias_is_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a folder everything is drawn at last, and what two bear is marked."""
        monkeypatch.setattr(queries, "COUNTS", {"skill": 10**6, "job_role": 10**6})
        drawn = queries.draw(CUT)
        again = queries.draw(CUT)

        assert drawn == again
        assert {"skill", "job_role"} == {one.kind for one in drawn}
        assert len(drawn) == len({(one.id, one.alias) for one in drawn})

    def test_each_text_of_a_person_names_what_has_to_be_found(self) -> None:
        """With a reason, five at most."""
        texts = named.load()

        assert 4 == len(texts)
        assert all(0 < len(text.named) <= named.FIRST for text in texts)
        assert all(one.reason and one.name for text in texts for one in text.named)


def test_profiles_have_half_of_what_is_needed_and_noise() -> None:
    """Every phrase is another name of its skill; the same ones each time."""
    drawn = list(matching.drawn(CUT))

    assert drawn
    assert drawn == list(matching.drawn(CUT))
    assert all(len(profile.phrases) >= matching.LEAST // 2 for profile in drawn)


def test_recall_counts_those_that_stood_among_the_first() -> None:
    """What was nowhere counts as not found."""
    found = Places(["a", "b", "c", "d"], [1, 2, None, 10])

    assert [0.25, 0.5, 0.75] == [found.recall(1), found.recall(2), found.recall(10)]


def test_ranks_are_fused_by_their_reciprocals() -> None:
    """1/61 + 1/62 is more than 1/61; of two that are as good the lower id comes first."""
    one, two, three = (UUID(int=number) for number in (1, 2, 3))

    assert [two, one, three] == fused([[one, two], [two], [three]])[:3]
    assert [one, three] == fused([[three], [one]])


def test_a_difference_of_the_same_questions_is_surer_than_of_others() -> None:
    """Questions that both answer say nothing of how sure it is."""
    one = Places([], [1, 1, 1, None])
    other = Places([], [1, 2, None, None])

    assert 0 == standard_error(one, one)
    assert standard_error(one, other) == pytest.approx((1 / 3) ** 0.5 / 2)
