"""The page of all problem types: docs/errors.md, at the address that every `type` names."""

from functools import cache
from typing import Final

from service.openapi.markdown import Heading, blocks
from service.openapi.problems import page as source
from service.pages.layout import Group, Page, page
from service.pages.markup import anchor, code, element

_PART: Final = 2
_TYPE: Final = 3


@cache
def catalogue() -> Page:
    """Make the page, once for a process."""
    found = list(blocks(source().read_text(encoding="utf-8")))
    groups: list[Group] = []
    for block in found:
        if isinstance(block, Heading) and block.level == _PART:
            groups.append(Group(block.text, anchor(block.text), []))
        elif isinstance(block, Heading) and block.level == _TYPE:
            groups[-1].entries.append((code(block.text), anchor(block.text)))
    return page("Plant: problems", groups, "\n".join(map(element, found)))
