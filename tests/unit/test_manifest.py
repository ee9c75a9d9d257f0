"""The manifest of the rules: what is written is read, and nothing else is taken for one."""

from pathlib import Path

import pytest

from service.migrate.manifest import NAMED, Manifest, digest, read, written
from service.migrate.refusals import BadMigrations
from service.migrate.release import release
from service.migrate.rules import SHOWN_MAX, differences

MADE = {"table app.a": "owner x", "policy p on app.a": "r permissive"}
HEX = "00000000000070008000000000000001"
SHARED = {
    "table app.entity_label_default": "in app.entity_label DEFAULT",
    "index app.i on app.entity_label_default": "i",
}
OWN = {
    f"table app.entity_label_{HEX}": (
        "in app.entity_label FOR VALUES IN ('00000000-0000-7000-8000-000000000001')"
    ),
    f"index app.i on app.entity_label_{HEX}": "i",
}


def known(*databases: dict[str, str]) -> Manifest:
    """Give the manifest of databases."""
    digests: dict[str, set[str]] = {}
    for found in databases:
        for name, text in found.items():
            digests.setdefault(name, set()).add(digest(text))
    return Manifest(18, "0001.x", digests)


def said(found: dict[str, str], *databases: dict[str, str]) -> list[str]:
    """Compare a database with the manifest of others."""
    return [str(finding) for finding in differences(found, known(*databases))]


class TestFile:
    """What lies beside the migrations."""

    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        """Each rule with the digests that it may have, by versions of PostgreSQL."""
        restored = MADE | {"table app.a": "owner  x"}
        (tmp_path / NAMED.format(18)).write_text(written("0001.x", MADE, restored))
        (tmp_path / NAMED.format(19)).write_text(written("0001.x", MADE))
        eighteen, nineteen = read(tmp_path)

        assert known(MADE, restored) == eighteen
        assert (19, known(MADE).digests) == (nineteen.major, nineteen.digests)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "# something else\n",
            written("0001.x"),
            written("0001.x", MADE) + "<<<<<<< ours\n",
            written("0001.x", MADE).replace("# newest", "# oldest"),
        ],
        ids=["empty", "another", "no rule", "half merged", "no migration"],
    )
    def test_what_is_none_is_refused(self, tmp_path: Path, text: str) -> None:
        """It is named, with the command that writes it again."""
        (tmp_path / NAMED.format(18)).write_text(text)

        with pytest.raises(BadMigrations, match=r"rules\.18\.manifest: is no .* tox -e rules"):
            read(tmp_path)

    def test_this_release_has_one_for_its_newest_migration(self) -> None:
        """Of the version that the embedded server has."""
        brings = release()

        assert [(18, brings.migrations[-1].id)] == [
            (one.major, one.newest) for one in brings.manifests
        ]

    def test_a_release_that_lost_it_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing would be compared, and nobody told."""
        monkeypatch.setattr("service.migrate.release.place", lambda _: tmp_path)

        with pytest.raises(BadMigrations, match=r"rules\.\*\.manifest: is missing"):
            release()


class TestDifferences:
    """What is said of a database."""

    def test_agreement_is_silent(self) -> None:
        """As made or as restored, each rule by itself."""
        assert [] == said(MADE, MADE, {"table app.a": "owner  x"})
        assert [] == said(MADE | {"table app.a": "owner  x"}, MADE, {"table app.a": "owner  x"})

    def test_each_is_named_with_what_is_wrong(self) -> None:
        """Missing, additional and different, in the order of names."""
        found = {"table app.a": "owner y", "policy q on app.a": "w"}

        assert [
            "policy p on app.a: is missing",
            "policy q on app.a: is not of this release",
            "table app.a: is not as this release makes it; there it is: owner y",
        ] == said(found, MADE)

    @pytest.mark.parametrize("text", ["two\nlines", "x" * (SHOWN_MAX + 1), ""])
    def test_what_is_long_is_not_shown(self, text: str) -> None:
        """Nor what is nothing."""
        assert ["table app.a: is not as this release makes it"] == said(
            MADE | {"table app.a": text}, MADE
        )

    @pytest.mark.parametrize("kind", ["table", "view", "materialized view", "sequence", "type"])
    def test_parts_of_what_is_not_there_are_not_named(self, kind: str) -> None:
        """A table stands for its columns, policies and privileges; what is there does not."""
        parts = {
            f"{kind} app.b": "",
            "column c of app.b": "",
            "policy p on app.b": "",
            f"privileges of PUBLIC on {kind} app.b": "",
        }

        assert [f"{kind} app.b: is missing"] == said(MADE, MADE | parts)
        assert [f"{kind} app.b: is not of this release"] == said(MADE | parts, MADE)

    def test_nothing_else_hides_a_rule(self) -> None:
        """An object of another kind may have a table's name."""
        found = MADE | {"collation app.a": "", "policy leak on app.a": "r"}

        assert ["collation app.a", "policy leak on app.a"] == [
            finding.subject for finding in differences(found, known(MADE))
        ]

    def test_a_tenants_table_of_labels_is_as_that_of_all(self) -> None:
        """Made at run time, once or twice, it is sound; its faults have its own name."""
        second = {name.replace(HEX, f"{HEX}_2"): text for name, text in OWN.items()}
        lacking = dict(list(OWN.items())[:1])

        assert [] == said(SHARED | OWN, SHARED)
        assert [] == said(SHARED | second, SHARED)
        assert [f"index app.i on app.entity_label_{HEX}: is missing"] == said(
            SHARED | lacking, SHARED
        )
        assert [f"policy p on app.entity_label_{HEX}: is not of this release"] == said(
            SHARED | OWN | {f"policy p on app.entity_label_{HEX}": "r"}, SHARED
        )

    def test_a_table_that_has_another_tenants_rows_is_named(self) -> None:
        """Its name says whose it is."""
        moved = {name: text.replace("0001'", "0002'") for name, text in OWN.items()}

        assert [f"table app.entity_label_{HEX}"] == [
            finding.subject for finding in differences(SHARED | moved, known(SHARED))
        ]
