"""What this machine brings: Python, packages, settings, room on its disks."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Final

from service.doctor.check import Check, bad, good, unknown, warning
from service.embedding.choose import choose
from service.embedding.embedder import EmbedderRefusal, model_of
from service.settings import Settings, given

DISTRIBUTION: Final = "plant-registry"
OURS: Final = "the data directory"
SERVERS: Final = "the server's data"
FREE_BYTES_MIN: Final = 1024**3
FREE_SHARE_MIN: Final = 0.05
UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")

_REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*])? *[>=]= *(?P<least>[0-9.]+)(?P<marker> *;.*)?"
)


def python() -> Check:
    """Compare the Python that runs with what the distribution asks for."""
    found = f"{platform.python_version()} at {sys.executable}"
    try:
        least = (distribution(DISTRIBUTION).metadata["Requires-Python"] or "").removeprefix(">=")
    except PackageNotFoundError:
        return good("python", found)
    if below(platform.python_version(), least):
        way_out = f"Install Python {least} or newer and make the environment with it."
        return bad("python", f"{found}; {least} or newer is needed", way_out)
    return good("python", f"{found} ({least} or newer is needed)")


def packages() -> Check:
    """Compare the installed packages with those that the distribution asks for."""
    try:
        lines = distribution(DISTRIBUTION).requires or []
    except PackageNotFoundError:
        way_out = "Install it: pip install --no-deps --editable . in the clone."
        return unknown("packages", f"{DISTRIBUTION} is not installed here", way_out)
    there, wrong, without = [], [], []
    for line in lines:
        name, least = requirement(line)
        try:
            installed = version(name)
        except PackageNotFoundError:
            if "extra ==" in line:
                without.append(name)
            else:
                wrong.append(f"{name} is missing ({least} or newer is needed)")
            continue
        there.append(f"{name} {installed}")
        if below(installed, least):
            wrong.append(f"{name} is {installed} ({least} or newer is needed)")
    if wrong:
        way_out = "Install what this release was tested with: pip install --no-deps "
        way_out += "--require-hashes -r requirements/run.lock"
        return bad("packages", "; ".join(wrong), way_out)
    found = f"{DISTRIBUTION} {version(DISTRIBUTION)} with {', '.join(there)}"
    return good("packages", f"{found}; without {', '.join(without)}" if without else found)


def requirement(line: str) -> tuple[str, str]:
    """Read a requirement of ours: its name and the least version."""
    found = _REQUIREMENT.fullmatch(line)
    if found is None:
        raise ValueError(line)
    return found["name"], found["least"]


def below(installed: str, least: str) -> bool:
    """Compare two versions by their leading numbers."""
    return _numbers(installed) < _numbers(least)


def _numbers(text: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in leading[0].split(".")] if leading else []
    while numbers and numbers[-1] == 0:  # 3.0 is 3
        numbers.pop()
    return tuple(numbers)


def settings() -> Check:
    """Name the variables that are set and where they stand; all of them have been read."""
    by_source: dict[str, list[str]] = {}
    for name, (text, source) in given(None, None).items():
        if text.strip():
            by_source.setdefault(source, []).append(name)
    dotenv = Path.cwd() / ".env"
    parts = [f"{', '.join(sorted(names))} from {source}" for source, names in by_source.items()]
    if not dotenv.is_file():
        parts.append(f"there is no {dotenv}")
    if not by_source:
        return good("settings", f"all are the defaults; {parts[0] if parts else 'none in .env'}")
    return good("settings", f"{'; '.join(parts)}; the others are the defaults")


def embedder(chosen: Settings) -> Check:
    """Look whether the embedder that the setting means is installed; it is not loaded."""
    try:
        found = choose(chosen)
    except EmbedderRefusal as refusal:
        return bad("embedder", f"{refusal.wrong} No service starts so.", refusal.way_out)
    if found is not None:
        return good("embedder", f"{model_of(found)}: texts are compared by what they mean")
    words = "texts are compared by their characters alone"
    if chosen.embedder == "trigram":
        return good("embedder", f"PLANT_EMBEDDER is trigram: {words}")
    return good("embedder", f"the extra minilm is not installed: {words}")


def disk(places: Mapping[str, Path], beside: str = "") -> Check:
    """Look for room where things lie; `beside` is said with it."""
    whose: dict[int, list[str]] = {}
    roots: dict[int, Path] = {}
    for what, path in places.items():
        there = existing(path)
        device = there.stat().st_dev
        whose.setdefault(device, []).append(what)
        roots.setdefault(device, there)
    parts, scarce = [], []
    for device, path in roots.items():
        room = shutil.disk_usage(path)
        share = room.free / room.total if room.total else 0.0
        what = " and ".join(whose[device])
        parts.append(f"{size(room.free)} of {size(room.total)} ({share:.0%}) free for {what}")
        if room.free < FREE_BYTES_MIN or share < FREE_SHARE_MIN:
            scarce.append(str(path))
    found = "; ".join([*parts, *([beside] if beside else [])])
    if scarce:
        way_out = f"Make room below {' and '.join(scarce)}: a full disk stops every write."
        return warning("disk", found, way_out)
    return good("disk", found)


def existing(path: Path) -> Path:
    """Give the path or the nearest directory above it that is there."""
    while not os.path.exists(path) and path != path.parent:  # noqa: PTH110 - never raises
        path = path.parent
    return path


def size(count: int) -> str:
    """Write a number of bytes for a person."""
    power = min(max(count.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    scaled = count / 1024**power
    return f"{scaled:.{1 if power else 0}f} {UNITS[power]}"
