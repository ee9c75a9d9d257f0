"""Documented, or the build fails."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

import service
from service.__main__ import COMMANDS
from service.errors import Problem
from service.http.app import build_app
from service.http.metrics import METRICS
from service.model.kinds import KINDS
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
            if target.is_relative_to(root / "service"):
                # Tests of a wheel run where no service/ lies beside the documents.
                target = Path(service.__file__).parent / target.relative_to(root / "service")
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


def test_every_route_is_listed(root: Path) -> None:
    """docs/api.md has a row for each route that is served, and none for what is not."""
    kinds = "|".join(map(re.escape, KINDS))
    served = {
        f"{route.method} {re.sub(f'^/v1/(?:{kinds})', '/v1/{kinds}', route.resource.canonical)}"
        for route in build_app(Settings(), "postgresql://localhost/plant").router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    table = (root / "docs/api.md").read_text(encoding="utf-8").partition("## In every request")[0]

    assert served == set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", table))


def test_every_metric_is_explained(root: Path) -> None:
    """docs/operations.md has a row for each metric."""
    app = build_app(Settings(), "postgresql://localhost/plant")
    page = (root / "docs/operations.md").read_text(encoding="utf-8")
    # A counter is shown with the suffix that the text format gives it.
    counted = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in app[METRICS].registry.collect()
    }

    assert counted
    assert set() == {name for name in counted if f"| `{name}` |" not in page}


def test_commands_that_pages_name_are_there(root: Path, pages: list[Path]) -> None:
    """Each `tox -e …` and `plant …` that a page tells to type exists."""
    tox = ConfigParser(interpolation=None)
    tox.read(root / "tox.ini", encoding="utf-8")
    environments = {name.partition(":")[2] for name in tox.sections()}
    environments |= {"unit", *(f"py3{minor}" for minor in (11, 12, 13))}
    commands = {command.name for command in COMMANDS}
    wrong = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for kind, known in (("tox -e", environments), ("plant", commands)):
            named = re.findall(rf"(?:^|`|\$\(){kind} ([a-z0-9]+)\b", text, re.MULTILINE)
            wrong += [f"{page.name}: {kind} {name}" for name in named if name not in known]

    assert [] == wrong


def test_every_environment_is_explained(root: Path) -> None:
    """docs/testing.md names each tox environment."""
    tox = ConfigParser(interpolation=None)
    tox.read(root / "tox.ini", encoding="utf-8")
    names = {name.partition(":")[2] for name in tox.sections() if name.startswith("testenv:")}
    page = (root / "docs/testing.md").read_text(encoding="utf-8")

    assert set() == {name for name in names if f"`{name}`" not in page}


def test_the_map_has_every_page(root: Path, pages: list[Path]) -> None:
    """README.md names each page of docs/ in its map of the tree."""
    map_of = (root / "README.md").read_text(encoding="utf-8").partition("\ndocs/ ")[2]
    named = set(re.findall(r"[\w-]+", map_of.partition("\ndocker/")[0]))

    assert set() == {page.stem for page in pages if page.parent.name == "docs"} - named


def test_pages_that_run_are_named(root: Path) -> None:
    """docs/testing.md lists the pages that tests/docs types, wherever it lists them."""
    source = (root / "tests/docs/test_readme.py").read_text(encoding="utf-8")
    run = re.findall(r'"(docs/\w+\.md)"', source.partition("PAGES = [")[2].partition("]")[0])
    page = (root / "docs/testing.md").read_text(encoding="utf-8")
    lists = [line for line in page.splitlines() if "`docs/api.md`" in line]

    assert run
    assert len(lists) > 1
    assert [] == [name for line in lists for name in run if f"`{name}`" not in line]


def test_nothing_is_left_for_later(root: Path, tracked: list[Path]) -> None:
    """No page, module or statement says that something is still to be written."""
    looked_at = [path for path in tracked if path.suffix in {".md", ".py", ".sql", ".ini", ".toml"}]
    marked = [
        str(path.relative_to(root))
        for path in looked_at
        if path != Path(__file__).resolve() and UNFINISHED.search(path.read_text(encoding="utf-8"))
    ]

    assert [] == marked
