"""The leader of a database's log: places and seals what there is, when a test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.catalog.load import load
from service.database.lone import Lone
from service.database.pool import Pool
from service.proof.keys import VerifierKey
from service.repository.base import Repository
from service.repository.sealing import LogFacts
from service.sealing.beginning import begin
from service.sealing.desk import Desk
from service.sealing.examination import examine, unsealed
from service.sealing.keys import Keyring
from service.sealing.sealer import Sealer as Growing
from service.sealing.sequencer import Sequencer
from service.sealing.state import StateFile
from service.settings import Settings
from tests.postgres import Server


class Sealer:
    """Works as `plant worker` does, in a session of its own each time."""

    def __init__(self, cluster: Server, database: str, settings: Settings) -> None:
        url = cluster.url("worker", database)
        self._lone = Lone(url, settings, name="worker of a test")
        self._desk = Desk(Repository(load(), Pool(url, settings)), self._lone)
        self._keyring = Keyring(settings)
        self._file = StateFile(settings.data_dir / "sealer.json")
        self._origin = ""

    @property
    def keys(self) -> list[VerifierKey]:
        """Give the keys that are to be pinned, once something is sealed."""
        return self._keyring.verifiers(self._origin)

    async def place(self) -> None:
        """Give a place to whatever has none."""
        async with self._at_work():
            await self._place()

    async def seal(self) -> int:
        """Place what has no place, and sign how much there is now."""
        async with self._at_work() as growing:
            await self._place()
            size = growing.tip.checkpoint.size
            if leaves := await unsealed(self._desk, size):
                await growing.seal(leaves)
            return growing.tip.checkpoint.size

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[Growing]:
        await self._lone.open()
        try:
            state = self._file.read()
            tip = await examine(self._desk, self._keyring, state, None)
            if tip is None:
                tip = await begin(self._desk, self._keyring, None)
            self._file.write(tip.state)
            self._origin = tip.checkpoint.origin
            yield Growing(self._desk, self._keyring, self._file, tip)
        finally:
            await self._lone.close()

    async def _place(self) -> None:
        positions = (await self._desk.one(LogFacts())).positions
        sequencer = Sequencer(self._desk, positions, [])
        while await sequencer.place(0.0):
            pass
