"""One mutant and the tests that are after it, until one catches it twice."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sabotage.choice import Choice
from tests.sabotage.controls import NOTHING
from tests.sabotage.fork import Say, forked, run
from tests.sabotage.ground import Ground, StillbornError, edited, inverse
from tests.sabotage.mutant import Edit, Mutant
from tests.sabotage.python_code import UnplaceableError, put_in_place
from tests.sabotage.results import Result

MARGIN_S = 150.0
UNSTEADY_MAX = 3


class Hunt:
    """Breaks one thing after another and runs the tests chosen for it."""

    def __init__(
        self, session: pytest.Session, ground: Ground, choice: Choice, tree: Path, log: Path
    ) -> None:
        self._session = session
        self._ground = ground
        self.choice = choice
        self._tree = tree
        self._log = log
        self._sounds: dict[str, bool] = {}
        self._repair: tuple[Edit, ...] = ()

    def end_of(self, mutant: Mutant, patience: float) -> Result:
        """Break it, and see who notices."""
        began = time.monotonic()
        result = Result(mutant.id, mutant.digest, mutant.what, "survived")
        self._repair = inverse(self._tree, mutant.edits)
        try:
            with edited(self._tree, mutant.edits), self._ground.planted(mutant) as database:
                for batch in self.choice.batches(mutant, patience):
                    caught = self._caught(mutant, batch, database, patience, result)
                    if caught:
                        result.outcome, result.caught_by = "caught", [caught]
                        self.choice.learn(mutant, [caught])
                        break
        except (StillbornError, UnplaceableError) as reason:
            result.outcome, result.why = "stillborn", str(reason)
        result.seconds = round(time.monotonic() - began, 1)
        return result

    def _caught(
        self,
        mutant: Mutant,
        batch: list[pytest.Item],
        database: str,
        patience: float,
        result: Result,
    ) -> str | None:
        """Name the test that fails, and fails again when it is alone."""
        left = batch
        for _ in range(UNSTEADY_MAX):
            failed, ran = self._first(mutant, left, database, patience)
            result.tests += ran
            if failed is None:
                return None
            alone = next(item for item in left if item.nodeid == failed)
            if self._sound(alone) and self._first(mutant, [alone], database, patience)[0]:
                return failed
            left = left[left.index(alone) + 1 :]
            if not left:
                return None
        return None

    def _sound(self, item: pytest.Item) -> bool:
        """Say whether a test passes here and now where nothing is broken; asked once for each."""
        if item.nodeid not in self._sounds:
            with edited(self._tree, self._repair):
                failed, _ = self._first(NOTHING, [item], self._ground.template, 0.0)
            self._sounds[item.nodeid] = failed is None
        return self._sounds[item.nodeid]

    def _first(
        self, mutant: Mutant, items: list[pytest.Item], database: str, patience: float
    ) -> tuple[str | None, int]:
        """Run tests up to the first that fails; its name, and how many were begun."""
        current, begun = "", 0
        for message in forked(
            self._work(mutant, items, database), log=self._log, seconds=patience + MARGIN_S
        ):
            if "started" in message:
                current, begun = message["started"], begun + 1
            elif message.get("outcome") == "failed":
                return message["test"], begun
            elif message.get("unplaceable"):
                raise UnplaceableError(message["unplaceable"])
            elif message.get("ended") in {"late", "died"}:
                # It hangs, or took the process with it: the test that was running shows that.
                return current or None, begun
        return None, begun

    def _work(
        self, mutant: Mutant, items: list[pytest.Item], database: str
    ) -> Callable[[Say], None]:
        def work(say: Say) -> None:
            os.environ["PLANT_TEST_TEMPLATE"] = database
            try:
                for edit in mutant.code:
                    put_in_place(self._tree, edit)
            except UnplaceableError as nowhere:
                say({"unplaceable": str(nowhere)})
                return
            run(self._session, items, say)

        return work
