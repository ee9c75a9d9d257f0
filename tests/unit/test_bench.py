"""What the benchmarks make of what they have measured."""

from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec import structs

from bench import __main__ as everything
from bench.audit.catchup import Caught, Look
from bench.audit.delay import Watched, delays
from bench.audit.inserts import quartiles
from bench.page import Title, page
from bench.result import Row, percentile, shown, table
from bench.running import written
from bench.search import __main__ as search
from tests.measured import MACHINE

ROW = Row(what="catch-up", value=26_000.0, unit="entries/s", least=25_000, how="By the clock.")
TITLE = Title("Benchmark", "Of something.")


class TestRow:
    """A number against its goal."""

    @pytest.mark.parametrize(
        "least,most,met", [(26_000, None, True), (26_001, None, False), (None, 25_999, False)]
    )
    def test_meets_its_goal_up_to_the_very_number(
        self, least: float | None, most: float | None, *, met: bool
    ) -> None:
        """At least and at most include the goal."""
        assert met is structs.replace(ROW, least=least, most=most).met

    def test_without_a_goal_has_no_verdict(self) -> None:
        """It is neither met nor missed."""
        row = structs.replace(ROW, least=None)

        assert (None, "", "") == (row.met, row.goal, row.verdict)

    def test_a_missed_goal_catches_the_eye(self) -> None:
        """The table for a terminal says NO."""
        lines = table([ROW, structs.replace(ROW, value=24_999.0)])

        assert [
            "what     |         measured |               goal | met?",
            "catch-up | 26,000 entries/s | ≥ 25,000 entries/s | yes",
            "catch-up | 24,999 entries/s | ≥ 25,000 entries/s | NO",
        ] == lines

    @pytest.mark.parametrize(
        "value,text", [(0.7512, "0.751"), (0.5, "0.5"), (12.345, "12.3"), (123_456.7, "123,457")]
    )
    def test_is_written_with_three_digits_or_whole(self, value: float, text: str) -> None:
        """Small numbers have three digits, large ones no fractions."""
        assert text == shown(value, "")


class TestPage:
    """docs/benchmark.md and its like."""

    def test_has_the_number_its_goal_and_how_it_was_measured(self) -> None:
        """Each row stands in the table and in the list below."""
        text = page(TITLE, [ROW], MACHINE, 600.0)

        assert text.startswith("# Benchmark\n\nOf something.\n")
        assert "| catch-up | 26,000 entries/s | ≥ 25,000 entries/s | yes |  |" in text
        assert "- **catch-up.** By the clock." in text
        assert "quick" not in text

    def test_what_was_missed_stands_first_with_its_cause(self) -> None:
        """Before every other number, and once more at the head of them."""
        met = Row(what="met", value=2, least=1, how="By hand.")
        missed = Row(what="missed", value=1, least=2, how="By hand.", cause="It is late.")
        text = page(Title("T", "I"), [met, missed], MACHINE, 60.0)

        assert "- **missed**: 1, goal ≥ 2. It is late." in text
        assert text.index("## Missed") < text.index("| missed |") < text.index("| met |")
        assert "## Missed" not in page(Title("T", "I"), [met], MACHINE, 60.0)

    def test_says_once_how_several_were_measured(self) -> None:
        """What they have in common is not said again for each of them."""
        text = page(TITLE, [ROW, structs.replace(ROW, what="another")], MACHINE, 600.0)

        assert "- **catch-up (and 1 more).** By the clock." in text
        assert 1 == text.count("By the clock.")

    def test_a_part_has_its_headings_further_down(self) -> None:
        """Two parts make one page."""
        text = page(TITLE, [ROW], MACHINE, 600.0, depth=2)

        assert text.startswith("## Benchmark\n")
        assert "\n### Machine\n" in text

    def test_a_busy_machine_is_told_of(self) -> None:
        """Nobody takes the rates of a machine that was at other work for what it can do."""
        busy = structs.replace(MACHINE, load=3.0)

        assert "at other work too (load 3.0)" in page(TITLE, [ROW], busy, 600.0)
        assert "other work" not in page(TITLE, [ROW], MACHINE, 600.0)

    def test_a_quick_run_says_so(self) -> None:
        """Nobody takes smaller sizes for the real ones."""
        assert "A quick run" in page(TITLE, [ROW], MACHINE, 60.0, quick=True)


def test_a_percentile_is_one_of_the_values() -> None:
    """The 99th of a hundred is the second largest at most."""
    values = [float(number) for number in range(100, 0, -1)]

    assert (51.0, 100.0, 100.0) == tuple(percentile(values, share) for share in (0.5, 0.99, 1.0))


def test_ratios_are_taken_within_each_round() -> None:
    """A round in which the machine was slow counts like any other."""
    rates = {"with": [80.0, 8.0, 8.0], "without": [100.0, 10.0, 10.0]}

    assert [0.8, 0.8, 0.8] == quartiles(rates, "with", "without")


def test_a_delay_ends_with_the_first_checkpoint_that_covers_the_entry() -> None:
    """A checkpoint of size 5 covers the index 4 and not the index 5."""
    watched = Watched({UUID(int=1): 1.0, UUID(int=2): 1.5}, [(3, 0.5), (5, 2.0), (9, 3.0)])

    assert [1.0, 1.5] == delays(watched, {UUID(int=1): 4, UUID(int=2): 5})


def test_catching_up_begins_with_the_last_look_that_saw_nothing_placed() -> None:
    """The start of the process does not count, the sealing of the last entry does."""
    looks = [Look(0.0, 0, 0), Look(1.0, 0, 0), Look(2.0, 60, 30), Look(3.0, 100, 100)]

    caught = Caught(looks)
    assert 50.0 == caught.rate
    assert [40.0] == caught.between()


def test_numbers_of_a_list_stand_in_one_line() -> None:
    """So that a person can read the file; what was not found is among them."""
    text = written({"places": [1, None, 3], "names": ["a", "b"]}).decode()

    assert '"places": [ 1, null, 3 ]' in text
    assert '"names": [\n' in text


@pytest.mark.parametrize("main", [everything.main, search.main], ids=["all", "search"])
@pytest.mark.parametrize(
    "more,said",
    [
        (["--rows", "0"], "--rows: '0' is no whole number from 1 on"),
        (["--write", "/nowhere"], "--write: '/nowhere' is no directory that one can write to"),
    ],
)
def test_what_would_fail_after_an_hour_is_refused_at_once(
    capsys: pytest.CaptureFixture[str],
    main: Callable[[list[str]], int],
    more: list[str],
    said: str,
) -> None:
    """By the command that does all, and by that of search."""
    with pytest.raises(SystemExit) as ended:
        # What is not refused ends with the help, and measures nothing.
        main(["--cache", "x", *more, "--help"])

    assert 2 == ended.value.code
    assert said in capsys.readouterr().err
