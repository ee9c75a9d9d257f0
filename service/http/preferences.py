"""What a client would like (Prefer, RFC 7240); what is not understood is ignored."""

import re
from collections.abc import Iterable
from typing import Final

_PREFERENCE: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


def preferred(values: Iterable[str], name: str) -> str | None:
    """Give the value of a preference in lower case, empty when it has none; None: not there.

    Source: https://www.rfc-editor.org/rfc/rfc7240#section-2: of one preference the first counts.
    """
    preferences: list[str] = _PREFERENCE.findall(",".join(values))
    for preference in preferences:
        known, _, value = preference.partition(";")[0].partition("=")
        if known.strip(" \t").lower() == name:
            return value.strip(' \t"').lower()
    return None
