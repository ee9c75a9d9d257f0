"""The environment of the peers: their packages, pinned by hash, and nothing of Plant's.

Modules are compiled before anything is measured, theirs and Plant's: what is compiled as a server
starts is left in its memory, the more the more it imports.
"""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

from bench.ground import environment
from service.refusal import Refusal

LOCK: Final = Path(__file__).parents[2] / "requirements" / "serving-peers.lock"

COMPILED: Final = "--compile-bytecode"


class PeersMissing(Refusal):
    """The packages of the peers cannot be had."""


def python_of(directory: Path) -> Path:
    """Give the Python of the environment in a directory, which is made where it is not there.

    Raises: PeersMissing.
    """
    python, stamp = directory / "bin" / "python", directory / "lock.sha256"
    wanted = sha256(LOCK.read_bytes()).hexdigest() + COMPILED
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        uv = [sys.executable, "-m", "uv"]
        made = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(directory)]
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
        _run(made)
        _run([*install, COMPILED, "--require-hashes", "--requirement", str(LOCK)])
        stamp.write_text(wanted, encoding="ascii")
    return python


def compile_plant() -> None:
    """Have the modules of `plant serve` compiled, where Python may write beside them."""
    command = [sys.executable, "-c", "import service.cli.serve"]
    subprocess.run(command, check=True, env=environment())


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        last = ran.stderr.strip().rpartition("\n")[2]
        raise PeersMissing(
            f"The environment of the peers could not be made: {last}",
            "Give a directory that may be written (--peers), and a package index.",
        )


def pins() -> dict[str, str]:
    """Give the version of each package of the lock."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    found = (line.partition(" ")[0].partition("==") for line in lines if line[:1].isalnum())
    return {name.partition("[")[0]: version for name, _, version in found}
