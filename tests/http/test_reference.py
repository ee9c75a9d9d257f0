"""What the service says about itself: to anyone, complete, and without loading anything."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import pytest

from service.errors import BY_SLUG
from service.openapi.document import described
from service.openapi.registry import OPERATIONS
from service.pages.markup import inline, prose
from tests.api import Answer, Api

PAGES = ["/docs", "/docs/errors"]
VOID = {"meta"}
COPIED = re.compile(r"<pre[^>]*><code>(curl .*?)</code></pre>", re.DOTALL)


class Reader(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what an element has."""
        given = dict(attrs)
        self.tags.add(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        self.loads += [f"{tag} {name}" for name in given if name in {"src", "srcset", "style"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """Keep what people read."""
        if not {"style", "code"} & set(self.open):
            self.words.append(data)


async def page(api: Api, path: str) -> Reader:
    """Read a page without a key."""
    answer = await api.send("GET", path, headers={"Authorization": None})
    assert 200 == answer.status
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
    return Reader(answer.body.decode())


class TestDescription:
    """GET /openapi.json."""

    async def test_needs_no_key(self, api: Api) -> None:
        """Whoever has no key yet can read it, and it is the whole of it."""
        answer = await api.send("GET", "/openapi.json", headers={"Authorization": None})

        assert 200 == answer.status
        assert "application/json" == answer.headers["Content-Type"]
        assert json.loads(json.dumps(described())) == answer.json

    @pytest.mark.parametrize("path", ["/openapi.json", *PAGES])
    async def test_is_not_sent_twice(self, api: Api, path: str) -> None:
        """Who has it is told so; HEAD has the same headers."""
        first = await api.get(path)
        again = await api.get(path, If_None_Match=first.etag)
        head = await api.send("HEAD", path)

        assert (304, b"", first.etag) == (again.status, again.body, again.etag)
        assert (200, b"", first.etag) == (head.status, head.body, head.etag)
        assert len(first.body) == int(head.headers["Content-Length"])

    @pytest.mark.parametrize("path", ["/openapi.json", *PAGES])
    @pytest.mark.parametrize(
        "query, header, problem",
        [
            ("?pretty=1", {}, "unknown-parameter"),
            ("?%00", {}, "unknown-parameter"),
            ("?%f", {}, "malformed-request"),
            ("", {"If-None-Match": "1"}, "malformed-request"),
        ],
    )
    async def test_takes_nothing_else(
        self, api: Api, path: str, query: str, header: dict[str, str], problem: str
    ) -> None:
        """Unknown parameters and conditions that are none are refused here too."""
        answer = await api.send("GET", f"{path}{query}", headers=header)

        assert (400, problem) == (answer.status, answer.problem)

    @pytest.mark.parametrize("path", ["/openapi.json", *PAGES])
    async def test_does_not_change(self, api: Api, path: str) -> None:
        """It is read only."""
        answer = await api.send("POST", path, {})

        assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])


@pytest.mark.parametrize("path", PAGES)
class TestPages:
    """GET /docs and /docs/errors."""

    async def test_are_well_formed(self, api: Api, path: str) -> None:
        """Every element is closed, no id stands twice, and no mark of Markdown is left."""
        read = await page(api, path)
        words = "".join(read.words)

        assert [] == read.open
        assert len(set(read.ids)) == len(read.ids)
        assert None is re.search(r"`|\*\*|\]\(|\|--|^#", words, re.MULTILINE)

    async def test_load_nothing(self, api: Api, path: str) -> None:
        """There is no script, and nothing comes from anywhere else; the policy says so."""
        answer = await api.get(path)
        read = Reader(answer.body.decode())
        style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)

        assert style is not None
        digest = b64encode(sha256(style[1].encode()).digest()).decode()
        assert [] == read.loads
        assert set() == read.tags & {"script", "link", "img", "iframe", "object", "embed", "form"}
        assert None is re.search(r"url\(|@import|https?://(?!127\.0\.0\.1)", answer.body.decode())
        assert (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        ) == answer.headers["Content-Security-Policy"]
        assert "nosniff" == answer.headers["X-Content-Type-Options"]

    async def test_links_lead_somewhere(self, api: Api, path: str) -> None:
        """Every link names a page that is served and a place that it has."""
        pages = {each: await page(api, each) for each in PAGES}
        broken = []
        for link in pages[path].links:
            target, _, fragment = link.partition("#")
            if target == "/openapi.json":
                continue
            there = pages.get(target or path)
            if there is None or (fragment and fragment not in there.ids):
                broken.append(link)

        assert pages[path].links
        assert [] == broken


async def test_reference_has_every_operation_and_schema(api: Api) -> None:
    """Each has its place, which the navigation names."""
    read = await page(api, "/docs")
    wanted = {one.id for one in OPERATIONS}
    schemas = described()["components"]["schemas"]
    wanted |= {f"schema-{name}" for name in schemas if not name.endswith("Problem")}

    assert wanted <= set(read.ids)
    assert wanted <= {link.removeprefix("#") for link in read.links}


async def test_every_problem_has_its_place(api: Api) -> None:
    """The `type` of whatever goes wrong can be followed."""
    read = await page(api, "/docs/errors")
    refusal = await api.get("/v1/nothing")
    path, _, fragment = str(refusal.json["type"]).partition("#")

    assert set(BY_SLUG) <= set(read.ids)
    assert ("/docs/errors", True) == (path, fragment in read.ids)


def requests(answer: Answer) -> Iterator[str]:
    """Give the requests of the reference that can be copied."""
    for found in COPIED.finditer(answer.body.decode()):
        yield unescape(found[1])


async def test_every_operation_has_a_request_to_copy(api: Api) -> None:
    """Method, path and headers are those of the operation."""
    copied = list(requests(await api.get("/docs")))

    assert len(OPERATIONS) == len(copied)
    for one, request in zip(
        sorted(OPERATIONS, key=lambda each: list(described()["tags"]).index(_tag(each.tag))),
        copied,
        strict=True,
    ):
        assert f'"$URL{one.path.partition("{")[0]}' in request
        assert (one.scopes is not None) == ("Bearer $KEY" in request)
        asked = "If-None-Match: *" if one.takes("external_id") else "If-Match: "
        assert one.takes("If-Match") == (asked in request)
        assert (one.body is not None) == ("Content-Type: " in request)


async def test_every_operation_names_its_answers(api: Api) -> None:
    """Each status that an operation answers with stands in its article, with what it means."""
    text = (await api.get("/docs")).body.decode()
    articles = dict(re.findall(r'<article id="([^"]+)">(.*?)</article>', text, re.DOTALL))

    lacking = [
        (one.id, answer.status)
        for one in OPERATIONS
        for answer in one.answers
        if f"<b>{answer.status}</b> {inline(answer.description)}" not in articles[one.id]
    ]
    assert [] == lacking


def _tag(name: str) -> dict[str, str]:
    (found,) = [tag for tag in described()["tags"] if tag["name"] == name]
    return dict(found)


class TestMarkup:
    """Markdown becomes HTML, and nothing else does."""

    def test_text_is_text(self) -> None:
        """What looks like HTML is shown as it was written."""
        assert "a &lt;b&gt; &amp; &quot;c&quot;" == inline('a <b> & "c"')
        assert "<code>&lt;/code&gt;</code>" == inline("`</code>`")

    def test_marks_become_elements(self) -> None:
        """Code, bold and links; marks within code are code."""
        assert "<code>**a**</code> <strong>b</strong>" == inline("`**a**` **b**")
        assert '<a href="#x&quot;">a <code>b</code></a>' == inline('[a `b`](#x")')

    def test_blocks_become_elements(self) -> None:
        """Headings have anchors, tables and lists are what they are."""
        written = prose(
            "## A `b` c\n\n- one\n  more\n- two\n\n| a | b |\n|---|---|\n| c \\| d | e |"
        )

        assert '<h2 id="a-b-c">A <code>b</code> c ' in written
        assert "<ul><li>one more</li><li>two</li></ul>" in written
        assert "<td>c | d</td><td>e</td>" in written
