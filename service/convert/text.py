"""What happens to source text on its way into a line.

Only what the registry refuses or nobody can see is touched; wording never is.
"""

import re
import unicodedata

# UTF-8 that was once read as Latin-1 and shows itself by C1 control characters. ESCO 1.1.1 has such
# descriptions ("studentsâ\x80\x99"); without a control character it could be meant and stays.
_MISREAD = re.compile(r"[\u00c2-\u00f4][\u0080-\u00bf]{1,3}")
_C1 = re.compile(r"[\u0080-\u009f]")
_LINE_END = re.compile(r"\r\n|[\r\u000b\u000c\u0085]")
_CONTROL = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")
# Zero-width space, word joiner, byte order mark, soft hyphen. Joiners that shape letters stay.
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")


def label(text: str) -> str:
    """Return one trimmed line of text without control or invisible characters."""
    spaced = " ".join(_repaired(text).split())
    return " ".join(_INVISIBLE.sub("", _CONTROL.sub("", spaced)).split())


def prose(text: str) -> str:
    r"""Return trimmed text whose only control characters are tab and \n."""
    return _CONTROL.sub("", _LINE_END.sub("\n", _repaired(text))).strip()


def caseless(text: str) -> str:
    """Return what two names or aliases share when they differ in case or width only."""
    return unicodedata.normalize("NFKC", text).casefold()


def _repaired(text: str) -> str:
    return _MISREAD.sub(_decoded, text) if _C1.search(text) else text


def _decoded(found: re.Match[str]) -> str:
    piece = found.group()
    if not _C1.search(piece):
        return piece
    try:
        return piece.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return piece
