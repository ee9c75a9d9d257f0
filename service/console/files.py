"""The console's files, read once, and the policy that lets the page load these and nothing else."""

from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

START: Final = "index.html"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
MEDIA: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What is served, by its ending; whatever else lies in the folder is not."""


class File(Struct, frozen=True):
    """A file as it is served."""

    body: bytes
    media: str


@cache
def files() -> dict[str, File]:
    """Give every file by its name."""
    return {
        path.name: File(path.read_bytes(), MEDIA[path.suffix])
        for path in sorted(Path(__file__).parent.iterdir())
        if path.suffix in MEDIA
    }
