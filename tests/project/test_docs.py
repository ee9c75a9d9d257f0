"""Documented, or the build fails."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from service.errors import Problem
from service.settings import Settings

HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^]]+]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|TBD|XXX)\b")


@pytest.fixture(scope="module")
def pages(tracked: list[Path]) -> list[Path]:
    """Give the Markdown files."""
    return [path for path in tracked if path.suffix == ".md"]


def prose(page: Path) -> str:
    """Give a page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> list[str]:
    """Give the headings of a page without marks of code."""
    return [heading.replace("`", "") for heading in HEADING.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """Give the fragments that a link to a page may end in."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings(page))
    return {heading.replace(" ", "-") for heading in kept}


def slugs(problem: type[Problem]) -> set[str]:
    """Give the slugs of an error class and of all below it."""
    own = {problem.slug} if "slug" in vars(problem) else set()
    return own.union(*(slugs(below) for below in problem.__subclasses__()))


def test_links_lead_somewhere(root: Path, pages: list[Path]) -> None:
    """Each relative link names a file that is there, each fragment a heading of it."""
    broken = []
    for page in pages:
        for link in LINK.findall(prose(page)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, fragment = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (fragment and fragment not in anchors(target)):
                broken.append(f"{page.relative_to(root)}: {link}")

    assert pages
    assert [] == broken


def test_every_setting_has_its_heading(root: Path) -> None:
    """docs/settings.md has one heading for each setting, and none for what is no setting."""
    expected = {f"PLANT_{name.upper()}" for name in Settings.__struct_fields__}
    found = [heading for heading in headings(root / "docs/settings.md") if "PLANT_" in heading]

    assert sorted(expected) == sorted(found)


def test_every_problem_has_its_heading(root: Path) -> None:
    """docs/errors.md has one heading for each problem type: the anchor of its `type`."""
    assert slugs(Problem)
    assert slugs(Problem) <= anchors(root / "docs/errors.md")


def test_every_environment_is_explained(root: Path) -> None:
    """docs/testing.md names each tox environment."""
    tox = ConfigParser(interpolation=None)
    tox.read(root / "tox.ini", encoding="utf-8")
    names = {name.partition(":")[2] for name in tox.sections() if name.startswith("testenv:")}
    page = (root / "docs/testing.md").read_text(encoding="utf-8")

    assert set() == {name for name in names if f"`{name}`" not in page}


def test_nothing_is_left_for_later(root: Path, tracked: list[Path]) -> None:
    """No page, module or statement says that something is still to be written."""
    looked_at = [path for path in tracked if path.suffix in {".md", ".py", ".sql", ".ini", ".toml"}]
    marked = [
        str(path.relative_to(root))
        for path in looked_at
        if path != Path(__file__).resolve() and UNFINISHED.search(path.read_text(encoding="utf-8"))
    ]

    assert [] == marked
