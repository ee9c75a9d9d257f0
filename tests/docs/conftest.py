"""A service as a reader of the documents has it: `plant serve --sample`, its keys, a shell."""

import json
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import Struct

from tests.servers import BARE, PLANT, room

START_S = 90
PAGE_S = 240
"""A page types dozens of commands, each a process of its own: this ends what hangs."""
STOP_S = 30


class Reader(Struct, frozen=True):
    """Where a reader stands: a folder with .venv/bin/plant, and what the service has printed."""

    folder: Path
    environment: dict[str, str]
    url: str
    keys: dict[str, str]

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run what the reader types, in one bash that ends at the first command that fails."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-s"],
            input=script,
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=PAGE_S,
        )


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the folder that holds README.md."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reader(root: Path) -> Iterator[Reader]:
    """Start the service as `make run` does, and stop it as Ctrl-C does."""
    with room() as folder:
        script = folder / ".venv" / "bin" / "plant"
        script.parent.mkdir(parents=True)
        script.write_text(f'#!/bin/sh\nexec {shlex.join(PLANT)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        for name in ("sql", "docs"):
            (folder / name).symlink_to(root / name)
        port = _free_port()
        path = f"{Path(sys.executable).parent}:{BARE['PATH']}:/usr/local/bin"
        environment = BARE | {"PLANT_PORT": str(port), "PATH": path, "LC_ALL": "C.UTF-8"}
        with (folder / "service.log").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(
                [script, "serve", "--sample"], cwd=folder, env=environment, stderr=log
            )
            try:
                keys = _keys(process, folder / "service.log")
                _until_placed(process, port)
                yield Reader(folder, environment, f"http://127.0.0.1:{port}", keys)
            finally:
                process.terminate()
                process.wait(STOP_S)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _until_placed(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until every entry of the sample has its place in the log, as pages show it."""
    for _ in range(START_S * 10):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=START_S) as answer:
            log = json.load(answer)["log"]
        if log["positions"] and log["waiting_s"] is None:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            break
    pytest.fail("The sample has no places in the log.")


def _keys(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """Wait for the two keys that the service prints when it serves."""
    for _ in range(START_S * 10):
        found = dict(
            re.findall(r"^ +(author|certifier) +(plant_\S+)$", log.read_text(), re.MULTILINE)
        )
        if len(found) == 2:
            return found
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(log.read_text())
