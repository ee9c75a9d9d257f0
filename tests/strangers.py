"""The service as a stranger has it: a process of its own, and two keys that `plant` printed."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tests.servers import BARE, PLANT, room

START_S = 90
STOP_S = 30
SERVES = "Plant serves on "
ROOT = Path(__file__).resolve().parents[1]
DESCRIPTION = ROOT / "docs" / "openapi.json"


class Stranger(Struct, frozen=True):
    """Where the service is, and a folder to work in."""

    url: str
    folder: Path

    def says(self) -> str:
        """Give what the service has printed."""
        return (self.folder / "service.log").read_text(encoding="utf-8")

    def key(self, tenant: str, agent: str, scopes: str) -> str:
        """Make a key while the service runs, the tenant too when it is new."""
        made = subprocess.run(
            [*PLANT, "key", "create", "--tenant", tenant, "--agent", agent, "--scopes", scopes,
             "--json"],
            cwd=self.folder, env=_environment(self.url), check=True, capture_output=True,
        )  # fmt: skip
        return str(json.loads(made.stdout)["key"])


@contextmanager
def stranger(*words: str, **environ: str) -> Iterator[Stranger]:
    """Serve on a free port: an empty registry, unless more words for `plant serve` are given."""
    with room() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        with (folder / "service.log").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*PLANT, "serve", *words],
                cwd=folder,
                env=_environment(url) | environ,
                stderr=log,
                stdout=log,
            )
            try:
                _wait(process, folder / "service.log")
                yield Stranger(url, folder)
            finally:
                process.terminate()
                process.wait(STOP_S)


def _environment(url: str) -> dict[str, str]:
    return BARE | {"PLANT_PORT": url.rpartition(":")[2]}


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_S * 10):
        if SERVES in log.read_text(encoding="utf-8"):
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(log.read_text(encoding="utf-8"))
