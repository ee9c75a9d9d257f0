"""Markdown of ours as HTML: whatever comes in is escaped, whatever goes out is well formed."""

import re
from html import escape
from typing import Final

from service.openapi.markdown import Block, Code, Heading, Items, Paragraph, Table, blocks

_INLINE: Final = re.compile(r"(`+)(.+?)\1|\*\*(.+?)\*\*|\[([^]]+)]\(([^)\s]+)\)")
_NO_ANCHOR: Final = re.compile(r"[^\w\- ]")


def anchor(heading: str) -> str:
    """Name the fragment of a heading, as readers of Markdown do."""
    return _NO_ANCHOR.sub("", heading.lower()).replace(" ", "-")


def code(text: str) -> str:
    """Write code within a line."""
    return f"<code>{escape(text)}</code>"


def link(target: str, inner: str) -> str:
    """Write a link around HTML."""
    return f'<a href="{escape(target)}">{inner}</a>'


def inline(text: str) -> str:
    """Write a line: code, bold and links become elements, all else is text."""
    parts, end = [], 0
    for found in _INLINE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        _, quoted, bold, words, target = found.groups()
        if quoted is not None:
            parts.append(code(quoted))
        elif bold is not None:
            parts.append(f"<strong>{inline(bold)}</strong>")
        else:
            parts.append(link(target, inline(words)))
        end = found.end()
    parts.append(escape(text[end:]))
    return "".join(parts)


def prose(text: str) -> str:
    """Write Markdown as elements."""
    return "\n".join(map(element, blocks(text)))


def element(block: Block) -> str:
    """Write one block."""
    match block:
        case Heading(level, text):
            name = anchor(text)
            return (
                f'<h{level} id="{escape(name)}">{inline(text)} '
                f'<a class="self" href="#{escape(name)}" aria-label="Link to this">#</a></h{level}>'
            )
        case Paragraph(text):
            return f"<p>{inline(text)}</p>"
        case Items(items):
            return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>"
        case Code(_, text):
            return pre(text)
        case Table(rows):
            return table(
                [inline(cell) for cell in rows[0]],
                [[inline(cell) for cell in row] for row in rows[1:]],
            )


def pre(text: str) -> str:
    """Write a block of code that one click selects."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def table(head: list[str], rows: list[list[str]]) -> str:
    """Write a table of HTML cells; on a narrow screen it scrolls within itself."""
    first = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    rest = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return (
        '<div class="wide"><table>\n'
        f"<thead><tr>{first}</tr></thead>\n<tbody>\n{rest}</tbody></table></div>"
    )
