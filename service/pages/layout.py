"""What every page has: head, style, navigation, and the policy that lets it load nothing."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from msgspec import Struct

_STYLE: Final = Path(__file__).with_name("style.css")


class Page(Struct, frozen=True):
    """A page as it is served."""

    body: bytes
    policy: str


class Group(Struct, frozen=True):
    """A part of a page in its navigation: title, fragment, and what stands below it."""

    title: str
    target: str
    entries: list[tuple[str, str]]


def page(title: str, groups: list[Group], main: str) -> Page:
    """Make a page; `main` and the titles of the entries are HTML."""
    style = _style()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    body = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header><a class="brand" href="/docs">Plant</a>
<nav aria-label="Pages"><a href="/docs">Reference</a> <a href="/docs/errors">Problems</a> \
<a href="/openapi.json">openapi.json</a></nav></header>
<div class="columns">
<nav class="contents" aria-label="Contents">
{"".join(map(_group, groups))}</nav>
<main>
{main}
</main>
</div>
</body>
</html>
"""
    return Page(body.encode(), policy)


def _group(group: Group) -> str:
    entries = "".join(
        f'<li><a href="#{escape(target)}">{words}</a></li>' for words, target in group.entries
    )
    listed = f"<ul>{entries}</ul>" if entries else ""
    return (
        f'<section><a class="part" href="#{escape(group.target)}">{escape(group.title)}</a>'
        f"{listed}</section>\n"
    )


@cache
def _style() -> str:
    return _STYLE.read_text(encoding="utf-8")
