"""The work behind a service, over one connection of plant_worker: the log, and tidying.

Any number of processes may do it. One of them leads the log: it holds a lock that ends with its
session. The others wait for that lock and say how far the log is.
"""

import asyncio
import logging
import time
from typing import Final

from service.repository.sealing import LogLead, LogReport
from service.sealing.desk import Desk
from service.sealing.keys import Keyring
from service.sealing.leader import Leader, pause
from service.sealing.standing import Standing
from service.sealing.state import StateFile, state_path
from service.sealing.witness import parse_witnesses
from service.settings import Settings
from service.sqlstate import classify
from service.usecases.tidying import tidy_batch

log = logging.getLogger(__name__)

TRY_S: Final = 1.0
"""How often a follower asks whether it is to lead, and a lost connection is made again."""

LOCKED_OUT_S: Final = 30.0
TIDY_S: Final = 300.0
LOGIN: Final = "28"
"""SQLSTATEs of a login that is refused."""


class Background:
    """One process's part in it; `standing` says how it goes."""

    def __init__(
        self, desk: Desk, settings: Settings, standing: Standing, tidy_every_s: float = TIDY_S
    ) -> None:
        self._desk = desk
        self._standing = standing
        self._keyring = Keyring(settings)
        self._file = StateFile(state_path(settings))
        self._base = settings.log_origin
        self._witnesses = parse_witnesses(settings.witnesses)
        self._said: str | None = None
        self._tidy_at = float("-inf")
        self._tidy_every_s = tidy_every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Work until it is time to stop; whatever is lost on the way is made again."""
        while not stop.is_set():
            wait_s = TRY_S
            try:
                await self._desk.lone.open()
                await self._session(stop)
            except Exception as error:  # noqa: BLE001 - nothing that fails here ends a service
                wait_s = self._failed(error)
            finally:
                self._standing.role = "off"
                await self._desk.lone.close()
            await pause(stop, wait_s)

    async def _session(self, stop: asyncio.Event) -> None:
        """Follow until there is nobody who leads, then lead."""
        while not (await self._desk.one(LogLead())).ours:
            self._standing.role = "follower"
            self._standing.note(await self._desk.one(LogReport(0)))
            await self._tidied()
            await pause(stop, TRY_S)
            if stop.is_set():
                return
        leader = Leader(
            self._desk, self._keyring, self._file, self._base, self._standing, self._witnesses
        )
        self._standing.begin()
        # Whatever the first turns meet, how much waits is known.
        self._standing.note(await self._desk.one(LogReport(0)))
        self._standing.role = "leader"
        while not stop.is_set():
            await pause(stop, await leader.turn())
            self._said = None
            await self._tidied()
        await leader.finish()

    async def _tidied(self) -> None:
        """Remove a batch of what has expired, every few minutes, and the next ones after it."""
        now = time.monotonic()
        if now < self._tidy_at:
            return
        more = False
        try:
            more = await tidy_batch(self._desk.repository, self._desk.lone.connection)
        except Exception as error:
            if not self._desk.lone.is_open:
                raise
            log.warning("expired rows are not removed: %s", type(error).__name__)
        self._tidy_at = now if more else now + self._tidy_every_s

    def _failed(self, error: Exception) -> float:
        """Say, once, what is in the way; gives the seconds until it is tried again."""
        problem = classify(error)
        state = str(getattr(error, "sqlstate", ""))
        said = f"{problem.slug} ({type(error).__name__}{f' {state}' if state else ''})"
        refused = state.startswith(LOGIN)
        if said != self._said:
            self._said = said
            if refused:
                log.warning(
                    "the log is not continued by this process: plant_worker is not let in. Set "
                    "PLANT_WORKER_DATABASE_URL, or run `plant worker` elsewhere (%s)", said,
                )  # fmt: skip
            else:
                log.warning("no work on the log just now: %s", said)
        return LOCKED_OUT_S if refused else TRY_S
