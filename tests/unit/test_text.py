"""Texts: what a line and what prose may hold, for every character there is."""

import unicodedata

import pytest

from service.model.text import BLANK, TRIMMED, line_fault, notes_fault, prose_fault

EVERY_CHARACTER = [chr(code) for code in range(0x110000)]
BARRED = {c for c in EVERY_CHARACTER if unicodedata.category(c) in {"Cc", "Cs"}}


def test_a_line_takes_every_character_but_controls_and_surrogates() -> None:
    """Between two letters exactly the categories Cc and Cs are refused."""
    refused = {c for c in EVERY_CHARACTER if line_fault(f"a{c}b")}

    assert refused == BARRED


def test_prose_takes_tab_and_newline_too() -> None:
    """Description, notes and reasons may have tabs and newlines, no carriage returns."""
    refused = {c for c in EVERY_CHARACTER if notes_fault(f"a{c}b")}

    assert refused == BARRED - {"\t", "\n"}


def test_a_line_is_trimmed_of_every_space() -> None:
    """No white space of Unicode stands at either end of a line."""
    spaces = {c for c in EVERY_CHARACTER if c.isspace()} - BARRED
    untrimmed = {c for c in EVERY_CHARACTER if line_fault(f"{c}a") == TRIMMED}

    assert len(spaces) > 15
    assert spaces == untrimmed
    assert spaces == {c for c in EVERY_CHARACTER if line_fault(f"a{c}") == TRIMMED}


@pytest.mark.parametrize("text", ["", " ", "\u00a0\u2003", "   "])
def test_a_line_that_says_nothing_is_blank(text: str) -> None:
    """White space alone is no name."""
    assert line_fault(text) == BLANK


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\u00a0"])
def test_prose_that_says_nothing_is_blank(text: str) -> None:
    """White space alone is no description; notes may be empty."""
    assert prose_fault(text) == BLANK
    assert notes_fault(text) is None


@pytest.mark.parametrize("text", ["Go", "C++ / C#", "naïve Bayes", "数据", "👩‍💻 lead", "a b", "é"])
def test_ordinary_names_pass(text: str) -> None:
    """Letters of any script, signs and emoji are fine."""
    assert line_fault(text) is None
    assert prose_fault(f"{text}\n\t{text}\n") is None


def test_the_message_says_which_character_and_where() -> None:
    """A reader finds the character without a hex dump."""
    fault = line_fault("ab\x07")

    assert fault is not None
    assert fault.rule == "control-character"
    assert fault.message == "has a control character: U+0007 at character 3"


def test_half_a_surrogate_pair_is_named_as_such() -> None:
    """A lone surrogate has a rule of its own."""
    faults = [line_fault("\ud800"), prose_fault("a\udfff"), notes_fault("\udc00")]

    assert [fault and fault.rule for fault in faults] == ["surrogate"] * 3
