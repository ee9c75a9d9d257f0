"""The plot of the times of searches."""

import xml.etree.ElementTree as ET

from msgspec import structs

from bench.search.asked import Asked
from bench.search.causes import APART, COMPARED, FILTERED, MOSTLY_OWN, SHARED
from bench.search.plot import drawn, lines
from bench.search.tenants import beside_naive, rows

SVG = "{http://www.w3.org/2000/svg}"


def asked(what: str, ms: float, naive: float | None = None, **more: float) -> Asked:
    """Make what came of asking."""
    times = {} if naive is None else {"off": [0.1], "relaxed_order": [naive]}
    shares = {} if naive is None else {"off": [0.0], "relaxed_order": [1.0]}
    recall = more.get("recall", 1.0)
    return Asked(what, 100, [ms], [recall], int(more.get("short", 0)), 1, times, shares)


def test_a_line_for_each_question_and_one_for_the_naive_way() -> None:
    """Points go along the sizes, whatever order they came in."""
    found = lines({100_000: [asked("a", 2.0, 40.0)], 10_000: [asked("a", 1.0, 4.0)]})

    assert [
        ("a", False, [(10_000, 1.0), (100_000, 2.0)]),
        ("a", True, [(10_000, 4.0), (100_000, 40.0)]),
    ] == found


def test_larger_is_further_right_and_slower_further_up() -> None:
    """The axes are logarithmic, names are text and nothing else."""
    svg = ET.fromstring(drawn("<t>", [("a & b", False, [(10_000, 1.0), (100_000, 10.0)])]))  # noqa: S314 - our own
    dots = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in svg.iter(f"{SVG}circle")]
    texts = [one.text for one in svg.iter(f"{SVG}text")]

    assert dots[0][0] < dots[1][0]
    assert dots[0][1] > dots[1][1]
    assert {"<t>", "a & b", "10,000", "1 ms"} <= set(texts)


def test_a_goal_in_milliseconds_stands_where_it_was_set() -> None:
    """At 100,000 and 1,000,000 labels, and the ratio to the naive way at a million alone."""
    one = asked("a", 2.0, 40.0)
    found = {
        count: {
            row.what.partition(", ")[2]: row
            for row in (*rows(count, [one]), beside_naive(count, one))
        }
        for count in (10_000, 100_000, 1_000_000)
    }

    assert [None, 3.0, 8.0] == [one["a: p50"].most for one in found.values()]
    assert [None, None, 12.0] == [
        one["a: naive iterative scan / ours"].least for one in found.values()
    ]
    assert 20.0 == found[10_000]["a: naive iterative scan / ours"].value


def test_a_short_page_or_a_low_recall_misses_the_goal() -> None:
    """One page is enough."""
    bad = rows(10_000, [asked("a", 2.0, 40.0, recall=0.94, short=1)])

    assert [False, False] == [row.met for row in bad[:2]]


def test_a_time_that_misses_says_why_by_the_way_that_was_gone() -> None:
    """Compared whole, by the index of all, by a filter; of a table of its own nothing is known."""
    led = structs.replace(asked("a", 2.0, 40.0), exact=0)
    ways = [
        asked("a", 2.0, 40.0),
        led,
        structs.replace(led, filtered=True),
        structs.replace(led, apart=True),
        structs.replace(led, labels=8_890),
        structs.replace(asked("a", 2.0, 40.0), filtered=True),
    ]

    assert [COMPARED + APART, SHARED, FILTERED, "", "", COMPARED] == [
        row.cause for row in rows(10_000, ways) if row.what.endswith("p50")
    ]


def test_who_has_most_of_a_shared_table_is_slow_for_what_a_large_one_is_asked_for() -> None:
    """Of 100,000 labels it is asked for no more than an own table."""
    led = structs.replace(asked("a", 2.0, 40.0), exact=0)
    found = [rows(count, [structs.replace(led, labels=count)])[2] for count in (100_000, 1_000_000)]

    assert ["", MOSTLY_OWN] == [row.cause for row in found]
