"""What every refusal has in common: slug, title, status and the members of a problem (RFC 9457).

Knows neither HTTP framework nor database driver. Nothing in here may carry a row, a statement or
a stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

SHOWN_MAX = 100
"""Characters of a client's own text that an answer repeats at most."""

EMPTY: Final = "it is empty"
"""What is said of a client's text where there is nothing to show."""


def shown(text: str) -> str:
    """Cut a client's text for showing and make sure that it can be encoded."""
    cut = text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")


class FieldError(msgspec.Struct, frozen=True):
    """One field of a body against one rule; the pointer is RFC 6901."""

    pointer: str
    rule: str
    message: str


BY_SLUG: dict[str, type[Problem]] = {}
"""Every problem by its slug: what statement headers and docs/errors.md are compared with."""


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Something went wrong.

    A subclass names its slug and status; the first line of its docstring is the default detail,
    safe to show to a client.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]
    retry_after_s: int | None = None

    def __init_subclass__(cls, *, slug: str, status: int, retry_after_s: int | None = None) -> None:
        super().__init_subclass__()
        cls.slug, cls.status, cls.retry_after_s = slug, status, retry_after_s
        BY_SLUG[slug] = cls
        cls.title = slug.replace("-", " ").capitalize().replace(" json", " JSON")

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: int | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").partition("\n")[0]
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    def members(self) -> dict[str, object]:
        """Name the members of the problem in the order in which they are shown."""
        known: dict[str, object] = {
            "type": f"/docs/errors#{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            known["errors"] = self.errors
        if self.retry_after_s is not None:
            known["retry_after_s"] = self.retry_after_s
        return known | {k: v for k, v in self.extensions.items() if k not in known}
