"""The converter on folders that are damaged, out of order, or hostile."""

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from service.convert.esco import convert_lines
from service.convert.report import FINDINGS_KEPT_MAX, Report
from service.convert.source import LINE_BYTES_MAX, SourceUnreadable
from service.convert.text import label, prose
from tests.import_lines import Line, faults, faults_between, parsed
from tests.source_folders import CUT, Row, occupation, read, relation, skill, write

STEMS = ("occupations", "occupation_skills", "skills", "industries")


def converted(directory: Path) -> tuple[list[Line], Report]:
    """Convert a folder; whatever it holds, every line that comes out is a good one."""
    report = Report()
    lines = parsed(convert_lines(directory, report))

    assert [] == [fault for line in lines for fault in faults(line)]
    return lines, report


def places(report: Report, rule: str) -> list[tuple[int, str]]:
    """Give line and detail of the findings of a rule."""
    return [(finding.line, finding.detail) for finding in report.findings[rule]]


class TestFolder:
    """What is read, and what cannot be."""

    def test_without_any_file_is_refused(self, tmp_path: Path) -> None:
        """An empty folder is named in the refusal, before any line is drawn."""
        with pytest.raises(SourceUnreadable, match="holds none of industries"):
            convert_lines(tmp_path)

    def test_damaged_file_is_named(self, tmp_path: Path) -> None:
        """A gzip file that ends early stops the conversion and is named."""
        write(tmp_path, "skills", [skill(f"skill {n}") for n in range(2000)])
        file = tmp_path / "skills.ndjson.gz"
        file.write_bytes(file.read_bytes()[:-100])

        with pytest.raises(SourceUnreadable, match=r"skills\.ndjson\.gz cannot be read"):
            list(convert_lines(tmp_path))

    def test_may_be_unpacked(self, tmp_path: Path) -> None:
        """Files without compression give the same lines."""
        for packed in CUT.glob("*.gz"):
            (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))

        assert list(convert_lines(CUT)) == list(convert_lines(tmp_path))

    @pytest.mark.parametrize("shuffled", [STEMS, STEMS[:1], STEMS[1:2]], ids=str)
    def test_order_of_lines_does_not_matter(
        self, tmp_path: Path, shuffled: tuple[str, ...]
    ) -> None:
        """Shuffled files give the same entities and links, whichever of them are shuffled."""
        for stem in STEMS:
            rows = read(CUT, stem)
            if stem in shuffled:
                random.Random(7).shuffle(rows)
            write(tmp_path, stem, rows)
        lines, report = converted(tmp_path)
        sorted_lines, sorted_report = converted(CUT)

        assert canonical(sorted_lines) == canonical(lines)
        assert sorted_report.counts == report.counts

    def test_without_skills_says_nothing_about_required_ones(self, tmp_path: Path) -> None:
        """Relations to skills that nobody can check are left to the registry."""
        for stem in ("occupations", "occupation_skills"):
            shutil.copy(CUT / f"{stem}.ndjson.gz", tmp_path)
        lines, _ = converted(tmp_path)

        assert len(lines) == 7
        assert not [line for line in lines if "required_skills" in line]


def canonical(lines: list[Line]) -> list[str]:
    """Give lines in an order of their own, their lists too."""
    ordered = [
        line
        | {
            "required_skills": sorted(
                line.get("required_skills", []), key=lambda item: str(item["external_id"])
            )
        }
        for line in lines
    ]
    return sorted(json.dumps(line, sort_keys=True) for line in ordered)


class TestBadLines:
    """A line that cannot be used is reported with its number; the rest goes in."""

    @pytest.mark.parametrize(
        "bad",
        [
            b"not JSON",
            b'{"id": "x"',
            b"[]",
            b'"text"',
            b'{"id": "x", "name": "\xff", "description": "d"}',
            b'{"id": "x", "name": "\\ud800", "description": "d"}',
            b'{"id": 5, "name": "n", "description": "d"}',
            b'{"id": "", "name": "n", "description": "d"}',
            b'{"id": "a b", "name": "n", "description": "d"}',
            b'{"id": "x\\n", "name": "n", "description": "d"}',
            b'{"name": "n", "description": "d"}',
            b'{"id": "x", "description": "d"}',
            b'{"id": "x", "name": "n", "description": "d", "alt_labels": "one"}',
            b'{"id": "x", "name": "n", "description": "d", "broader": [1]}',
            b'{"id": "x", "name": "n", "description": "d", "extra": ' + b"[" * 100_000,
            b'{"id": "x", "name": "' + b"n" * LINE_BYTES_MAX * 3 + b'", "description": "d"}',
        ],
        ids=lambda bad: bad[:50].decode("latin-1"),
    )
    def test_unreadable(self, tmp_path: Path, bad: bytes) -> None:
        """It is counted and left out, and the line after it keeps its number."""
        write(tmp_path, "skills", [skill("first"), bad, b"", skill("first"), skill("last")])
        lines, report = converted(tmp_path)

        assert ["first", "last"] == [line["name"] for line in lines]
        assert [2] == [line for line, _ in places(report, "line-unreadable")]
        assert [(4, "")] == places(report, "line-repeated")
        assert report.read["skills.ndjson.gz"] == 4

    @pytest.mark.parametrize(
        "fields,why",
        [
            ({"name": ""}, "the name is empty"),
            ({"name": " \u200b\t\x00 "}, "the name is empty"),
            ({"name": "n" * 256}, "the name has 256 characters"),
            ({"description": None}, "the description is empty"),
            ({"description": " \n "}, "the description is empty"),
            ({"description": "d" * 10_001}, "the description has 10001 characters"),
        ],
    )
    def test_out_of_bounds(self, tmp_path: Path, fields: dict[str, Any], why: str) -> None:
        """It is left out with the reason, and so are references to it."""
        write(tmp_path, "skills", [skill("bad") | fields, skill("good", broader=["bad"])])
        write(tmp_path, "occupations", [occupation("work")])
        write(tmp_path, "occupation_skills", [relation("work", "bad"), relation("work", "good")])
        lines, report = converted(tmp_path)

        assert [(1, why)] == places(report, "text-out-of-bounds")
        assert ["good", "work"] == [line["name"] for line in lines]
        assert [] == faults_between(lines)
        assert [(2, "bad")] == places(report, "parent-unknown")
        assert [(1, "bad")] == places(report, "relation-unknown-skill")

    def test_largest_allowed_go_in(self, tmp_path: Path) -> None:
        """A name of 255 and a description of 10,000 characters are no fault."""
        write(tmp_path, "skills", [skill("s", name="ä" * 255, description="ö" * 10_000)])

        assert len(converted(tmp_path)[0]) == 1

    def test_many_findings_are_counted_but_not_kept(self, tmp_path: Path) -> None:
        """Bad input cannot fill the memory with findings about it."""
        write(tmp_path, "skills", [b"bad"] * (FINDINGS_KEPT_MAX + 5) + [skill("good")])
        _, report = converted(tmp_path)

        assert report.counts["line-unreadable"] == FINDINGS_KEPT_MAX + 5
        assert len(report.findings["line-unreadable"]) == FINDINGS_KEPT_MAX
        assert "1,005 line-unreadable" in report.text()
        assert report.text().count("skills.ndjson.gz:") == 3

    def test_equal_names_are_said(self, tmp_path: Path) -> None:
        """Names that differ in case or width alone are written and reported."""
        names = ["Weld", "weld", "\uff37eld"]
        write(tmp_path, "skills", [skill(f"s{n}", name=name) for n, name in enumerate(names)])
        lines, report = converted(tmp_path)

        assert names == [line["name"] for line in lines]
        assert [(2, "weld"), (3, "\uff37eld")] == places(report, "name-taken")


class TestAliases:
    """Labels beside the name."""

    def test_each_reason_to_leave_one_out(self, tmp_path: Path) -> None:
        """Empty, too long, the name again, another again: each is reported as such."""
        labels = ["B  C", "\u200b", "x" * 256, "A", "b c", "d\x00\x9fe\u00ad", "y" * 255]
        write(tmp_path, "skills", [skill("a", alt_labels=labels)])
        lines, report = converted(tmp_path)
        rules = ("alias-empty", "alias-too-long", "alias-equals-name", "alias-repeated")

        assert ["B C", "de", "y" * 255] == lines[0]["aliases"]
        assert [1, 1, 1, 1] == [report.counts[rule] for rule in rules]
        assert report.counts["alias-cleaned"] == 3

    def test_more_than_two_hundred(self, tmp_path: Path) -> None:
        """The first 200 stay."""
        write(tmp_path, "skills", [skill("a", alt_labels=[f"label {n}" for n in range(205)])])
        lines, report = converted(tmp_path)

        assert [f"label {n}" for n in range(200)] == lines[0]["aliases"]
        assert report.counts["aliases-too-many"] == 5


class TestParents:
    """Who stands above whom."""

    def test_cycles_are_opened(self, tmp_path: Path) -> None:
        """Of each cycle one link is left out and reported; all other links stay."""
        above = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["d", "e"], "e": []}
        write(tmp_path, "skills", [skill(name, broader=up) for name, up in above.items()])
        lines, report = converted(tmp_path)

        assert [] == faults_between(lines)
        assert [(3, "a"), (4, "d")] == places(report, "parent-cycle")
        assert sum(len(line["parent_ids"]) for line in lines) == 4

    def test_long_chains_need_no_recursion(self, tmp_path: Path) -> None:
        """A chain of 5,000 that bites its tail loses one link."""
        size = 5000
        rows = [skill(f"s{n}", broader=[f"s{(n + 1) % size}"]) for n in range(size)]
        write(tmp_path, "skills", rows)
        _, report = converted(tmp_path)

        assert [(size, "s0")] == places(report, "parent-cycle")

    def test_more_than_fifty(self, tmp_path: Path) -> None:
        """The first 50 stay; one named twice counts once."""
        names = [f"s{n}" for n in range(52)]
        rows = [*map(skill, names), skill("child", broader=["s0", *names])]
        lines, report = converted(write(tmp_path, "skills", rows))

        assert names[:50] == [
            item["external_id"].removeprefix("esco:skill:") for item in lines[-1]["parent_ids"]
        ]
        assert report.counts["parents-too-many"] == 2


class TestRelations:
    """Job roles and what they need."""

    def test_dangling_ones_are_skipped(self, tmp_path: Path) -> None:
        """Relations of unknown occupations or to unknown skills are reported by line."""
        write(tmp_path, "skills", [skill("s")])
        write(tmp_path, "occupations", [occupation("b"), occupation("d")])
        pairs = [("a", "s"), ("b", "s"), ("b", "t"), ("c", "s"), ("d", "s"), ("e", "s")]
        write(tmp_path, "occupation_skills", [relation(*pair) for pair in pairs])
        lines, report = converted(tmp_path)

        assert [1, 1] == [len(line["required_skills"]) for line in lines[1:]]
        assert [(3, "t")] == places(report, "relation-unknown-skill")
        assert [(1, "s"), (4, "s"), (6, "s")] == places(report, "relation-unknown-occupation")

    def test_dangling_ones_are_skipped_in_any_order(self, tmp_path: Path) -> None:
        """The same holds where the files are not sorted."""
        write(tmp_path, "skills", [skill("s")])
        write(tmp_path, "occupations", [occupation("d"), occupation("b")])
        pairs = [("e", "s"), ("b", "s"), ("d", "s"), ("b", "t")]
        write(tmp_path, "occupation_skills", [relation(*pair) for pair in pairs])
        lines, report = converted(tmp_path)

        assert [1, 1] == [len(line["required_skills"]) for line in lines[1:]]
        assert [(4, "t")] == places(report, "relation-unknown-skill")
        assert [(1, "s")] == places(report, "relation-unknown-occupation")

    def test_none_is_an_empty_list(self, tmp_path: Path) -> None:
        """An occupation without relations needs no skills, and the line says so."""
        write(tmp_path, "skills", [skill("s")])
        write(tmp_path, "occupations", [occupation("a")])
        write(tmp_path, "occupation_skills", [])

        assert converted(tmp_path)[0][1]["required_skills"] == []

    def test_repeated_and_unreadable_ones_are_said(self, tmp_path: Path) -> None:
        """The same relation twice is one; a line that is none is reported."""
        write(tmp_path, "skills", [skill("s")])
        write(tmp_path, "occupations", [occupation("a")])
        twice, unfit = relation("a", "s"), relation("a", "s", "needed")
        rows: list[Row] = [twice, b"{}", twice, unfit]
        lines, report = converted(write(tmp_path, "occupation_skills", rows))

        assert len(lines[1]["required_skills"]) == 1
        assert [(3, "s")] == places(report, "relation-repeated")
        assert [2, 4] == [line for line, _ in places(report, "line-unreadable")]

    def test_more_than_five_hundred(self, tmp_path: Path) -> None:
        """Essential skills stay before optional ones."""
        names = [f"s{n:03}" for n in range(510)]
        kinds = ["optional" if n < 20 else "essential" for n in range(510)]
        write(tmp_path, "skills", [*map(skill, names)])
        write(tmp_path, "occupations", [occupation("a")])
        rows = [relation("a", name, kind) for name, kind in zip(names, kinds, strict=True)]
        lines, report = converted(write(tmp_path, "occupation_skills", rows))
        needed = [item["relation"] for item in lines[-1]["required_skills"]]

        assert (needed.count("essential"), needed.count("optional")) == (490, 10)
        assert report.counts["relations-too-many"] == 10


class TestDerived:
    """What ESCO does not say."""

    @pytest.mark.parametrize(
        "seniority,groups", [("senior", "12"), ("mid", "03"), ("junior", "456789")]
    )
    def test_seniority_follows_the_major_group(
        self, tmp_path: Path, seniority: str, groups: str
    ) -> None:
        """The first digit of the ISCO group decides."""
        rows = [occupation(f"work {group}", isco_group=f"{group}110") for group in groups]
        lines, _ = converted(write(tmp_path, "occupations", rows))

        assert [seniority] * len(groups) == [line["seniority_level"] for line in lines]

    @pytest.mark.parametrize("group", [None, "", "X1"])
    def test_no_seniority_without_a_major_group(self, tmp_path: Path, group: str | None) -> None:
        """The field and its mark stay out of the line, and the report says so."""
        row = occupation("a") | {"isco_group": group}
        if group == "":
            row.pop("isco_group")
        lines, report = converted(write(tmp_path, "occupations", [row]))

        assert "seniority_level" not in lines[0]
        assert "derived" not in lines[0]["custom_attributes"]
        assert report.counts["seniority-underivable"] == 1

    def test_too_many_attributes_are_left_out(self, tmp_path: Path) -> None:
        """More than 32 KiB of groups are not kept."""
        rows = [skill("a", groups=["g" * 100] * 400)]
        lines, report = converted(write(tmp_path, "skills", rows))

        assert lines[0]["custom_attributes"] == {}
        assert report.counts["attributes-too-large"] == 1


@pytest.mark.parametrize(
    "text,expected",
    [
        ("  a \t b\n", "a b"),
        ("a\u00a0b\u2003c", "a b c"),
        ("\u200bpublic\ufeff \u2060relations\u00ad", "public relations"),
        ("a\x00b\x7fc", "abc"),
        ("caf\u00c3\u00a9", "caf\u00c3\u00a9"),
        ("\u0646\u200c\u0645", "\u0646\u200c\u0645"),
    ],
)
def test_label(text: str, expected: str) -> None:
    """A label is one trimmed line of what can be seen; joiners within words stay."""
    assert expected == label(text)


@pytest.mark.parametrize(
    "text,expected",
    [
        (" a\r\nb\rc\x0bd\x0ce\n", "a\nb\nc\nd\ne"),
        ("a\tb\x00c\x1fd\x7fe", "a\tbcde"),
        ("students\u00e2\u0080\u0099 work", "students\u2019 work"),
        ("a\u00e2\u0080b", "a\u00e2b"),
        ("in\u200bWelsh", "in\u200bWelsh"),
    ],
)
def test_prose(text: str, expected: str) -> None:
    """Prose keeps its lines and loses what the registry refuses."""
    assert expected == prose(text)


def test_any_text_becomes_a_good_line(tmp_path: Path) -> None:
    """Whatever characters names, descriptions and labels are made of, lines keep the bounds."""
    chance = random.Random(20)
    pieces = [*map(chr, range(0x180)), "\u200b", "\u2028", "\ufeff", "\U0001f600", "\r\n", "ﬁ"]

    def text(most: int) -> str:
        return "".join(chance.choices(pieces, k=chance.randrange(most)))

    rows = [
        skill(f"s{n}", name=text(260), description=text(400), broader=[f"s{chance.randrange(300)}"])
        | {"alt_labels": [text(12) for _ in range(chance.randrange(20))]}
        for n in range(300)
    ]
    lines, report = converted(write(tmp_path, "skills", rows))

    assert len(lines) + report.counts["text-out-of-bounds"] == 300
    assert len(lines) > 250
