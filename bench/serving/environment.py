"""The environment of the peers: their packages, pinned by hash, and nothing of Plant's."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

LOCK: Final = Path(__file__).parents[2] / "requirements" / "serving-peers.lock"


def python_of(directory: Path) -> Path:
    """Give the Python of the environment in a directory, which is made where it is not there."""
    python, stamp = directory / "bin" / "python", directory / "lock.sha256"
    wanted = sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        uv = [sys.executable, "-m", "uv"]
        made = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(directory)]
        subprocess.run(made, check=True)
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
        subprocess.run([*install, "--require-hashes", "--requirement", str(LOCK)], check=True)
        stamp.write_text(wanted, encoding="ascii")
    return python


def pins() -> dict[str, str]:
    """Give the version of each package of the lock."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    found = (line.partition(" ")[0].partition("==") for line in lines if line[:1].isalnum())
    return {name.partition("[")[0]: version for name, _, version in found}
