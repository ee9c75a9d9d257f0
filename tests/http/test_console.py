"""The console's files: there for anyone, complete, and made so that no data becomes code."""

import re
from html.parser import HTMLParser

import pytest

from service.console.files import files
from tests.api import Answer, Api

ADDRESSES = ["/console", *(f"/console/{name}" for name in files())]
SCRIPTS = [name for name in files() if name.endswith(".js")]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
LINES_MAX = 250


class Page(HTMLParser):
    """Reads what a page loads, and what in it would be code or style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what an element loads, and of attributes that are code or style."""
        given = dict(attrs)
        self.open = tag
        if tag in {"script", "link"}:
            self.loads.append(str(given.get("src") or given.get("href")))
        self.inline += [name for name in given if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        """Take note of code or style between tags."""
        if self.open in {"script", "style"} and data.strip():
            self.inline.append(data)


async def get(api: Api, path: str) -> Answer:
    """Ask without a key."""
    return await api.send("GET", path, headers={"Authorization": None})


async def test_a_stroke_too_many_leads_to_the_page(api: Api) -> None:
    """Files have names relative to /console, which a stroke behind it would change."""
    answer = await get(api, "/console/")

    assert (308, "/console") == (answer.status, answer.headers["Location"])


@pytest.mark.parametrize("path", ADDRESSES)
async def test_files_are_for_anyone_under_one_policy(api: Api, path: str) -> None:
    """Without a key; none may be framed, and none loads from elsewhere."""
    answer = await get(api, path)
    again = await api.get(path, If_None_Match=answer.etag)

    assert (200, POLICY) == (answer.status, answer.headers["Content-Security-Policy"])
    assert ("nosniff", "no-referrer", "public, no-cache") == (
        answer.headers["X-Content-Type-Options"],
        answer.headers["Referrer-Policy"],
        answer.headers["Cache-Control"],
    )
    assert (304, b"", POLICY) == (
        again.status,
        again.body,
        again.headers["Content-Security-Policy"],
    )


@pytest.mark.parametrize("name", ["files.py", "__init__.py", "none.js", "..", "%2e%2e%2ffiles.py"])
async def test_nothing_else_of_the_folder_is_served(api: Api, name: str) -> None:
    """Only what the page is made of."""
    answer = await get(api, f"/console/{name}")

    assert 404 == answer.status


async def test_media_types_are_those_of_browsers(api: Api) -> None:
    """With nosniff a script of another type would not run."""
    found = {name: (await get(api, f"/console/{name}")).headers["Content-Type"] for name in files()}

    assert {"text/javascript; charset=utf-8"} == {found[name] for name in SCRIPTS}
    assert "text/css; charset=utf-8" == found["style.css"]
    assert "image/svg+xml" == found["icon.svg"]


@pytest.mark.parametrize("path", ["/console", "/console/app.js"])
async def test_a_parameter_is_refused(api: Api, path: str) -> None:
    """A key that somebody puts into an address is not taken, and not silently ignored."""
    answer = await get(api, f"{path}?key=plant_x")

    assert (400, "unknown-parameter") == (answer.status, answer.problem)


async def test_the_page_has_no_code_of_its_own(api: Api) -> None:
    """It loads one script and one style; no element has code or style in it."""
    read = Page((await get(api, "/console")).body.decode())

    assert ["/console/icon.svg", "/console/style.css", "/console/app.js"] == read.loads
    assert [] == read.inline


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_code_of_data(name: str) -> None:
    """What reads HTML or code out of text is not used, nor what the policy would refuse."""
    text = files()[name].body.decode()
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|"
        r"srcdoc|setAttribute\(.style|javascript:|https?://(?!www.w3.org/2000/svg)|cookie",
        text,
    )

    assert [] == found
    assert len(text.splitlines()) <= LINES_MAX


def test_every_import_is_there_and_every_script_is_imported() -> None:
    """From app.js all scripts are reached, and nothing that is not served."""
    imports = {
        name: set(re.findall(r'from "\./([^"]+)"', files()[name].body.decode())) for name in SCRIPTS
    }
    reached, left = set[str](), {"app.js"}
    while left:
        reached |= left
        left = {each for name in left for each in imports[name]} - reached

    assert set(SCRIPTS) == reached
