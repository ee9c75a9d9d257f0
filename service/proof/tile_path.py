"""The path of a tile as c2sp.org/tlog-tiles writes it: `<level>/<index>[.p/<width>]`."""

import re
from typing import Final

from msgspec import Struct

from service.proof.fault import Malformed
from service.proof.tiles import HEIGHT, WIDTH
from service.proof.tree import SIZE_MAX

# Groups of three digits, all but the last behind an x, none of them needless.
_PATH: Final = re.compile(
    r"(0|[1-9][0-9]?)/((?:x(?!000)[0-9]{3}/(?:x[0-9]{3}/)*)?[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?",
    re.ASCII,
)
_LEVEL_MAX: Final = 63
# A tree of 2**63 leaves has no longer index.
_PATH_LENGTH_MAX: Final = 64


class TilePath(Struct, frozen=True):
    """A tile, and how many of its hashes are meant (256: the full tile)."""

    level: int
    index: int
    width: int = WIDTH

    def __str__(self) -> str:
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        index = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
        return f"{self.level}/{index}" + (f".p/{self.width}" if self.width < WIDTH else "")


def parse_tile_path(text: str) -> TilePath:
    """Read what stands behind `tile/`.

    Raises: Malformed.
    """
    found = _PATH.fullmatch(text) if len(text) <= _PATH_LENGTH_MAX else None
    if found is None:
        raise Malformed("A tile's path is <level>/<index>, as 0/x001/x234/067 or 1/002.p/17.")
    path = TilePath(
        int(found[1]), int(found[2].replace("x", "").replace("/", "")), int(found[3] or WIDTH)
    )
    if path.level > _LEVEL_MAX or path.index << HEIGHT > SIZE_MAX:
        raise Malformed(f"No log has a tile {text}.")
    if found[3] and path.width >= WIDTH:
        raise Malformed(f"A partial tile has 1 to {WIDTH - 1} hashes, not {found[3]}.")
    return path
