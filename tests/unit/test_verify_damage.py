"""The committed list of damages, and what a page says of each."""

import re
from pathlib import Path

import pytest

from service.verify.damage import DAMAGES, Finding, Place, found
from service.verify.verdict import FINDINGS_MAX, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
ROW = re.compile(r"\| `([a-z]+)` \| (.+?) \| (.+?) \| (.+?) \|")


def test_the_page_has_every_kind() -> None:
    """docs/audit.md has a row for each, in the order of the list and in its words."""
    table = PAGE.read_text(encoding="utf-8").partition("## Kinds of damage")[2]
    rows = ROW.findall(table.partition("\n## ")[0])

    assert list(DAMAGES.items()) == [(kind, (words, who)) for kind, words, who, _ in rows]
    assert all(way_out.strip() for *_, way_out in rows)


class TestFinding:
    """One line."""

    def test_says_where_and_who(self) -> None:
        """Tenant, entity, version and both places, as far as they are known."""
        place = Place(tenant="t", kind="skill", entity="e", version=2, position=3, log_index=4)

        assert (
            "document: tenant t, skill e version 2, position 3, log index 4: The document or its "
            "salt is not what the entry names. It could have been the owner or a superuser of the "
            "database."
        ) == str(found("document", place))
        assert str(found("cluster")).startswith("cluster: The log was written in another cluster")
        assert "entity e" == str(Place(entity="e"))

    def test_is_of_the_list(self) -> None:
        """No other kind is made."""
        with pytest.raises(KeyError):
            found("something")


class TestVerdict:
    """What it comes to."""

    def test_is_intact_only_when_all_was_checked(self) -> None:
        """Findings come first, what was not checked second."""
        verdict = Verdict()
        assert ("intact", 0) == (verdict.word, verdict.exit_code)
        verdict.notes.append("something")
        assert ("intact", 0) == (verdict.word, verdict.exit_code)
        verdict.unchecked.append("something")
        assert ("unknown", 2) == (verdict.word, verdict.exit_code)
        verdict.add(found("tile"))
        assert ("tampered", 1) == (verdict.word, verdict.exit_code)

    def test_keeps_so_many(self) -> None:
        """The rest is counted, so that a log that is all wrong does not fill the memory."""
        verdict = Verdict()
        for number in range(FINDINGS_MAX + 7):
            verdict.add(Finding("tile", f"{number}", "somebody"))
        lines = verdict.lines()

        assert FINDINGS_MAX == len(verdict.findings)
        assert "… and 7 more" in lines
        assert f"TAMPERED: tile {FINDINGS_MAX + 7:,}." == lines[-1]

    def test_shows_nothing_that_a_terminal_obeys(self) -> None:
        """What stands in a database may have been written for the screen of who verifies it."""
        verdict = Verdict()
        verdict.add(found("lost", Place(kind="\x1b[2J\nINTACT", entity="e")))
        lines = verdict.lines()

        assert "\x1b" not in "".join(lines)
        assert all("\n" not in line for line in lines)

    def test_tells_rates(self) -> None:
        """Of what took measurable time."""
        verdict = Verdict()
        verdict.counts |= {"entries": 1_000, "not_sealed_yet": 3}
        verdict.seconds["entries"] = 0.5

        assert "Looked at 1,000 entries (2,000 a second), 3 not sealed yet." in verdict.lines()
        assert {"entries": 0.5} == verdict.document()["seconds"]

    def test_one_is_told_as_one(self) -> None:
        """Whatever was counted."""
        verdict = Verdict()
        verdict.counts |= {"histories": 1, "tiles": 1, "roots": 0, "checkpoints_held": 1}

        assert "Looked at 1 history, 1 tile, 0 roots, 1 checkpoint held." in verdict.lines()


def test_words_of_others_end_as_a_sentence() -> None:
    """Whatever a finding says, one period stands before who it could have been."""
    for words in ("no line of this witness", "It is gone.", "sealed.."):
        said = str(found("cosignature", message=words))

        assert f"{words.rstrip('.')}. It could have been " in said
