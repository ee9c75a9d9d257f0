"""How the benchmark of serving compares tables of several sizes: in turns, each served by Plant.

What stands for wrk, which tests do not have, sends the first request once, and notes that it did.
"""

import json
import os
import sys

import pytest
from msgspec import Struct

from bench.ground import Ground
from bench.serving.growth import Grown, measured, rows
from bench.serving.load import MARK
from bench.serving.parts import UNSEARCHED, Growth
from bench.serving.table import PENDING
from service.database.address import Role
from service.database.target import Target
from service.settings import Settings
from tests.postgres import Server

SIZES = (8, 16)
ROUNDS = 2
LEFT_OUT = [16, "amend"]
"""The table and the operation of which an answer is no 2xx."""

WRK = """\
#!{python}
import http.client, json, os, sys
from pathlib import Path
from urllib.parse import urlsplit

url, _, path, unique = sys.argv[-4:]
rows, operation = Path(path).parent.name.split("_")[1], Path(path).stem


def stopped(process):
    try:
        words = (process / "cmdline").read_bytes().split(b"\\0")
        state, parent = (process / "stat").read_text().rpartition(") ")[2].split()[:2]
    except OSError:
        return ""
    if b"serve" not in words or int(parent) != os.getppid():
        return ""
    return "stopped" if state == "T" else "at work"


states = sorted(filter(None, map(stopped, Path("/proc").glob("[0-9]*"))))
with Path({log!r}).open("a") as out:
    out.write(json.dumps([operation, int(rows), states]) + "\\n")
method, where, headers, body = Path(path).read_text().split("\\n")[:4]
sender = http.client.HTTPConnection(urlsplit(url).netloc)
headers = dict(one.split(": ", 1) for one in headers.split("\\t"))
sender.request(method, where, body.replace({mark!r}, unique), headers)
good = sender.getresponse().status < 300 and [int(rows), operation] != {left_out!r}
print(json.dumps(dict(
    requests=10, seconds=1.0, p50_ms=float(rows), p99_ms=99.0, refused=int(not good), lost=0
)))
"""


class Turns(Struct):
    """What was measured, who was asked for what one after the other, and what others did then.

    `waiting`: entries of both tables without a place in the log, after each operation.
    """

    grown: Grown
    asked: list[tuple[str, int]]
    states: set[tuple[str, ...]]
    waiting: list[int]


class Ours(Target):
    """The server that tests have."""

    def __init__(self, cluster: Server) -> None:
        super().__init__(Settings(database_url=cluster.url("owner", "postgres")))
        self._cluster = cluster

    def url(self, role: Role) -> str:
        """Give the address of a role."""
        return self._cluster.url(role, "postgres")


@pytest.fixture(scope="module")
def turns(cluster: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Turns:
    """Have two sizes measured, two rounds of each operation."""
    directory = tmp_path_factory.mktemp("growth")
    log, wrk = directory / "log", directory / "wrk"
    given = {"python": sys.executable, "log": str(log), "left_out": LEFT_OUT, "mark": MARK}
    wrk.write_text(WRK.format(**given), encoding="utf-8")
    wrk.chmod(0o755)
    waiting = []

    def say(line: str) -> None:
        if "1 connection: " in line:
            tables = (f"grown_{size}_1" for size in SIZES)
            waiting.append(sum(cluster.run(PENDING, table)[0][0] for table in tables))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
        ground = Ground(directory, Ours(cluster), template)
        grown = measured(ground, Growth(rows=SIZES, tenants=1, rounds=ROUNDS), say)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    asked = [(operation, size) for operation, size, _ in lines]
    return Turns(grown, asked, {tuple(states) for _, _, states in lines}, waiting)


def test_sizes_take_turns_round_by_round_in_every_operation(turns: Turns) -> None:
    """Each is sent to twice, once to be warm, then the other; the order is turned about.

    What was left out is asked no more.
    """
    small, large = (8, 8), (16, 16)
    expected = [
        (operation, size)
        for operation in UNSEARCHED
        for turn in (
            (small, large, small) if operation == LEFT_OUT[1] else (small, large, large, small)
        )
        for size in turn
    ]

    assert expected == turns.asked


def test_whoever_is_not_asked_stands_still(turns: Turns) -> None:
    """Of two processes that serve one is at work and one is stopped, whenever something is sent."""
    assert {("at work", "stopped")} == turns.states


def test_what_was_written_is_sealed_before_the_next_has_its_turn(turns: Turns) -> None:
    """After each operation no entry waits for its place, while both processes stand still."""
    assert [0] * len(UNSEARCHED) == turns.waiting


def test_drafts_are_drafts_again_before_every_turn(turns: Turns) -> None:
    """The same one is submitted each time, which nobody refuses."""
    steps = [turns.grown.of(size, "step") for size in SIZES]

    assert [ROUNDS, ROUNDS] == [len(one.rounds) for one in steps if one]


def test_growth_is_the_ratio_of_what_was_measured_in_turns(turns: Turns) -> None:
    """Of the larger table to the smallest, in each operation; without what was left out."""
    measured_of = [one for one in UNSEARCHED if one != LEFT_OUT[1]]

    assert [
        (f"1 tenant, {one}, 1 connection: p50 at 16 rows / at 8", 2.0) for one in measured_of
    ] == [(row.what, row.value) for row in rows(turns.grown)]


def test_a_size_that_is_left_out_is_told(turns: Turns) -> None:
    """With the operation and the table; nothing of it counts."""
    (told,) = turns.grown.failed

    assert told.startswith("amend, 1 connection, Plant over 16 rows: 1 of 10 answers were no 2xx")
    assert [True, False] == [bool(turns.grown.of(size, "amend")) for size in SIZES]
    assert ROUNDS == len(turns.grown.results[8][0].rounds)
