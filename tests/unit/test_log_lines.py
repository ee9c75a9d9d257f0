"""How the lines of the request log are written."""

import io
import json
import logging
import re

import pytest

from service.http.log_lines import LOGGER, Form, Lines

MEMBERS = {"method": "GET", "status": 200, "ms": 0.5}
TEXT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO " + re.escape(LOGGER) + r": (.*)\n")


class Stream(io.StringIO):
    """Counts how often it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        """Count it."""
        self.writes += 1
        return super().write(text)


def test_a_line_of_text_is_as_other_lines_are() -> None:
    """Time, level and logger in front, as `logging` writes them."""
    mine, theirs = io.StringIO(), io.StringIO()
    Lines(mine, "text").put(MEMBERS)
    handler = logging.StreamHandler(theirs)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    words = "method=GET status=200 ms=0.5"
    handler.emit(logging.LogRecord(LOGGER, logging.INFO, "", 0, words, None, None))
    found = [TEXT.fullmatch(stream.getvalue()) for stream in (mine, theirs)]

    assert [words, words] == [one and one[1] for one in found]


def test_a_line_of_json_has_its_members() -> None:
    """Beside when, how grave and from where."""
    stream = io.StringIO()
    Lines(stream, "json").put(MEMBERS)
    said = json.loads(stream.getvalue())

    assert MEMBERS == {name: said[name] for name in MEMBERS}
    assert {"at", "level", "logger", *MEMBERS} == set(said)


@pytest.mark.parametrize("form", ["text", "json"])
async def test_the_lines_of_one_turn_of_the_loop_are_one_write(form: Form) -> None:
    """And each is one line."""
    stream = Stream()
    lines = Lines(stream, form)
    for _ in range(3):
        lines.put(MEMBERS)
    before = stream.writes
    lines.flush()

    assert (0, 1, 3) == (before, stream.writes, len(stream.getvalue().splitlines()))


def test_a_stream_that_takes_nothing_costs_no_request() -> None:
    """The line is lost, and nobody is told."""
    stream = io.StringIO()
    stream.close()
    lines = Lines(stream, "text")
    lines.put(MEMBERS)
    lines.flush()
