"""Clients that cost little themselves: pgbench, from the wheel that brings the server."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from service.database.place import wheel_programs

TPS = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")
FAILED = re.compile(r"number of failed transactions: (\d+)")


class BenchError(Exception):
    """What was to be measured ended badly."""


class Load:
    """So many clients at work for some seconds, each running scripts in turn, in prepared mode.

    Units: `seconds`; `rate` in transactions a second, of all clients, None for as many as go.
    """

    def __init__(
        self,
        url: str,
        scripts: Sequence[Path],
        *,
        clients: int,
        seconds: int,
        rate: int | None = None,
    ) -> None:
        command = [
            *(str(wheel_programs() / "pgbench"), "--no-vacuum", "--protocol", "prepared"),
            *("--client", str(clients), "--jobs", "2", "--time", str(seconds)),
            *(("--rate", str(rate)) if rate else ()),
            *(word for script in scripts for word in ("--file", str(script))),
            url,
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def running(self) -> bool:
        """Say whether it goes on."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it early, if it still runs."""
        if self.running():
            self._process.terminate()
        self._process.wait()

    def end(self) -> float:
        """Wait for the end; gives transactions a second.

        Raises: BenchError, also where a single transaction failed.
        """
        try:
            output, error = self._process.communicate()
        finally:
            self.stop()
        tps, failed = TPS.search(output), FAILED.search(output)
        if self._process.returncode or not tps or (failed and failed[1] != "0"):
            raise BenchError(f"{output}\n{error}")
        return float(tps[1])
