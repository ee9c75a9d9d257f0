"""`plant migrate` under faults: whatever happens, the next run ends with the same catalogue.

Over the whole history of this release, however long that is.
"""

import itertools
import json
import random
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from service.migrate.release import Release
from service.migrate.runner import apply, roll_back
from service.migrate.survey import verify
from tests.migrations.catalogue import catalogue, roles
from tests.migrations.conftest import Cluster
from tests.migrations.dying import HOWS, Deployers, How, Order, steps
from tests.servers import BARE, PLANT

# The history is walked several times; slow machines need their time.
pytestmark = [pytest.mark.database, pytest.mark.migrations, pytest.mark.timeout(300)]

M = TypeVar("M")

SAMPLED = 10
# Each worker may take one.
PARTS = 2
BARE_SAMPLED = 5
DEPLOYERS = 5
AFTER_FUNCTIONS = 11
# Functions stay after a rollback; the last step installs them.
FUNCTIONS = "q"
CHANGES = (
    "COMMENT ON COLUMN app.base_entity.name IS 'Another.'",
    "GRANT SELECT ON app.secret TO plant_readonly",
    "ALTER TABLE app.base_entity ENABLE TRIGGER base_entity_90_log",
    "ALTER FUNCTION app.tenant_id() PARALLEL UNSAFE",
    "ALTER TABLE app.secret NO FORCE ROW LEVEL SECURITY",
    "INSERT INTO app.secret (name, value) VALUES ('more', 'x')",
    "UPDATE plant_migrate.ledger SET finished_at = NULL WHERE migration_id ~ '^0000'",
)


class Boundary(msgspec.Struct, frozen=True):
    """A moment at which a deployer may die: at its n-th exchange in applying one migration."""

    step: int
    exchange: int


class History(msgspec.Struct, frozen=True):
    """This release's migrations applied one after the other, undisturbed.

    `catalogues[n]` is what the first n of them make, themselves alone, `exchanges[n]` how often a
    deployer and the server speak to bring a database one further, `complete` the end with them.
    """

    steps: list[Release]
    catalogues: list[str]
    exchanges: list[int]
    complete: str

    @property
    def last(self) -> int:
        """The number of migrations."""
        return len(self.steps) - 1

    def boundaries(self) -> list[Boundary]:
        """List every moment between two statements, from the first to the last."""
        return [
            Boundary(step, exchange)
            for step, count in enumerate(self.exchanges)
            for exchange in range(1, count + 1)
        ]


class Walk:
    """A database on its way through the history."""

    def __init__(self, cluster: Cluster, database: str, history: list[Release]) -> None:
        self._cluster = cluster
        self.database = database
        self.history = history
        self.url = cluster.url("plant_owner", database)

    def catalogue(self) -> str:
        """Write down what is there, what comes after the migrations aside: functions, access."""
        return catalogue(self._cluster, self.database, FUNCTIONS, access=False)

    def complete(self) -> str:
        """Write down all that is there."""
        return catalogue(self._cluster, self.database)

    def functions(self) -> list[str]:
        """Name the functions that are installed."""
        rows = self._cluster.run(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = to_regnamespace('q')",
            self.database,
        )
        return [signature for (signature,) in rows]

    def to(self, step: int) -> None:
        """Apply the first so many migrations."""
        apply(self.url, brings=self.history[step])

    def back(self, step: int) -> None:
        """Roll back the one migration that leads from a step to the next."""
        roll_back(self.url, brings=self.history[step + 1])

    def forget_functions(self) -> None:
        """Drop what a rollback leaves, so that the next run has all of its statements to run."""
        if named := ", ".join(self.functions()):
            self._cluster.run(f"DROP FUNCTION {named}", self.database)

    def order(self, step: int, at: int = 0, how: How = "unsent") -> Order:
        """Order the next step of a deployer, and where it dies."""
        superuser = self._cluster.url("postgres", "postgres")
        return Order(url=self.url, superuser=superuser, count=step, at=at, how=how)


@pytest.fixture(scope="module")
def deployers() -> Iterator[Deployers]:
    """Have deployers that die on demand."""
    with Deployers.ready() as found:
        yield found


@pytest.fixture(scope="module")
def history(cluster: Cluster, deployers: Deployers) -> History:
    """Apply one migration after the other, and write down each state."""
    cluster.make_roles()
    walk = Walk(cluster, cluster.database(), steps())
    walk.to(0)
    catalogues, exchanges = [walk.catalogue()], []
    for step in range(1, len(walk.history)):
        done = deployers.send(walk.order(step))
        assert (done.code, done.said) == (0, "")
        exchanges.append(done.exchanges)
        catalogues.append(walk.catalogue())
    found = History(walk.history, catalogues, exchanges, walk.complete())
    cluster.drop()
    return found


@pytest.fixture
def bare(history: History, cluster: Cluster) -> Iterator[Cluster]:
    """Give a server without any role of ours; the history first, which needs them."""
    yield cluster
    cluster.drop()
    cluster.drop_roles()


@pytest.fixture
def walk(history: History, cluster: Cluster, database: str) -> Walk:
    """Give an empty database; the history first, which makes and drops one of its own."""
    return Walk(cluster, database, history.steps)


class TestHistory:
    """This release's migrations, each forwards and back."""

    def test_each_can_be_rolled_back_and_applied_again(self, walk: Walk, history: History) -> None:
        """Step by step down to nothing and up again, each state is the one that it was.

        On the way down each is applied once more at once: nothing of it may be left to trip over.
        """
        walk.to(history.last)
        down = []
        for step in reversed(range(history.last)):
            walk.back(step)
            walk.to(step + 1)
            walk.back(step)
            down.append(walk.catalogue() == history.catalogues[step])
        up = []
        for step in range(1, history.last + 1):
            walk.to(step)
            up.append(walk.catalogue() == history.catalogues[step])

        assert [True] * history.last == down
        assert [True] * history.last == up

    def test_all_at_once_can_too(self, walk: Walk, history: History, cluster: Cluster) -> None:
        """Everything rolled back and applied again: the same catalogue, the same roles."""
        walk.to(history.last)
        before = roles(cluster)
        roll_back(walk.url, everything=True)
        nothing = walk.catalogue()
        report = apply(walk.url)

        assert history.catalogues[0] == nothing
        assert [item.id for item in history.steps[-1].migrations] == list(report.applied)
        assert history.complete == walk.complete()
        assert before == roles(cluster)
        assert () == verify(walk.url)

    def test_a_catalogue_tells_small_differences(self, walk: Walk, cluster: Cluster) -> None:
        """What is compared above can differ: a comment, a grant, a trigger, a row."""
        walk.to(len(walk.history) - 1)
        seen = {walk.complete()}
        for statement in CHANGES:
            cluster.run(statement, walk.database)
            seen.add(walk.complete())

        assert 1 + len(CHANGES) == len(seen)


class TestTogether:
    """Several deployers of this release at once."""

    def test_five_commands_on_an_empty_database(
        self, walk: Walk, history: History, tmp_path: Path
    ) -> None:
        """All end with 0, one of them has applied everything, and the catalogue is the same."""
        environment = BARE | {"PLANT_DATABASE_URL": walk.url, "PLANT_DATA_DIR": str(tmp_path)}
        pipe = subprocess.PIPE
        deploying = [
            subprocess.Popen(
                [*PLANT, "migrate", "apply", "--json"],
                cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True,
            )
            for _ in range(DEPLOYERS)
        ]  # fmt: skip
        said = [each.communicate(timeout=100) for each in deploying]

        assert [0] * DEPLOYERS == [each.returncode for each in deploying], said
        applied = sorted(json.loads(out)["applied"] for out, _ in said)
        assert [[]] * (DEPLOYERS - 1) == applied[:-1]
        assert [item.id for item in history.steps[-1].migrations] == applied[-1]
        assert history.complete == walk.complete()


class TestKilled:
    """A deployer that dies between two statements of this release's history."""

    def test_at_some_statements(self, walk: Walk, history: History, deployers: Deployers) -> None:
        """At the first, the last, a function and ten drawn between: the next run mends it."""
        first, *between, last = history.boundaries()
        drawn = [(each, random.choice(HOWS)) for each in random.sample(between, SAMPLED)]
        # The last exchanges commit the functions, compare the rules and give back the lock.
        function = Boundary(last.step, last.exchange - AFTER_FUNCTIONS)
        named = [(each, how) for each in (first, function, last) for how in HOWS]

        assert [] == faults(walk, history, deployers, named + drawn)

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize("part", range(PARTS))
    def test_at_every_statement(
        self, walk: Walk, history: History, deployers: Deployers, part: int
    ) -> None:
        """As above, at every statement that there is, the ways to die in turn."""
        deaths = in_turn(history.boundaries())

        assert [] == faults(walk, history, deployers, deaths[part::PARTS])

    def test_on_a_server_without_roles(self, bare: Cluster, deployers: Deployers) -> None:
        """The very first run makes owner, roles and extension: died at any moment, it is mended."""
        alive = bare_order(bare, 0, "unsent")
        count = deployers.send(alive).exchanges
        drawn = random.sample(range(2, count), BARE_SAMPLED)

        assert [] == [
            fault
            for at in (1, *drawn, count)
            for fault in survived_bare(bare, deployers, at, random.choice(HOWS))
        ]

    @pytest.mark.nightly
    @pytest.mark.timeout(3600)
    def test_on_a_server_without_roles_at_every_statement(
        self, bare: Cluster, deployers: Deployers
    ) -> None:
        """As above, at every moment of it, the ways to die in turn."""
        count = deployers.send(bare_order(bare, 0, "unsent")).exchanges

        assert [] == [
            fault
            for at, how in in_turn(range(1, count + 1))
            for fault in survived_bare(bare, deployers, at, how)
        ]

    def test_statements_are_all_counted(self, history: History) -> None:
        """Each step has more moments than its migration has statements."""
        files = history.steps[-1].migrations

        assert len(files) == len(history.exchanges)
        assert all(
            len(migration.forward.parts) < count
            for migration, count in zip(files, history.exchanges, strict=True)
        )


def in_turn(moments: Iterable[M]) -> list[tuple[M, How]]:
    """Give each moment one way to die, beginning with any: night by night all come round."""
    ways = itertools.cycle(HOWS)
    first = itertools.islice(ways, random.randrange(len(HOWS)), None)
    return list(zip(moments, first, strict=False))


def bare_order(bare: Cluster, at: int, how: How) -> Order:
    """Order the first migration on a server on which nothing of ours is, as its superuser."""
    bare.drop()
    bare.drop_roles()
    url = bare.url("postgres", bare.database("postgres", vector=False))
    return Order(url=url, superuser=bare.url("postgres", "postgres"), count=1, at=at, how=how)


def survived_bare(bare: Cluster, deployers: Deployers, at: int, how: How) -> Iterator[str]:
    """Let the first deployer of a server die and the next one finish; say what is wrong."""
    order = bare_order(bare, at, how)
    died = deployers.send(order)
    again = deployers.send(msgspec.structs.replace(order, at=0))
    wrong = verify(order.url, brings=steps()[1])
    if (how == "terminated") == bool(died.signal) or again.code or again.signal or wrong:
        yield f"{at}, {how}: {died}, then {again}, then {wrong}"


def faults(
    walk: Walk, history: History, deployers: Deployers, deaths: list[tuple[Boundary, How]]
) -> list[str]:
    """Walk through the history, dying each of these deaths; collect what was wrong."""
    found = []
    walk.to(0)
    for step in range(history.last):
        for boundary, how in deaths:
            if boundary.step == step:
                wrong = survived(walk, history, deployers, boundary, how)
                found += [f"{boundary}, {how}: {fault}" for fault in wrong]
                walk.back(step)
                walk.forget_functions()
        walk.to(step + 1)
    return found


def survived(
    walk: Walk, history: History, deployers: Deployers, boundary: Boundary, how: How
) -> Iterator[str]:
    """Let a deployer die at a boundary and the next one finish; say what is not as it should be."""
    step = boundary.step
    died = deployers.send(walk.order(step + 1, boundary.exchange, how))
    if how != "terminated" and died.signal != signal.SIGKILL:
        yield f"it lived, and ended with {died.code}: {died.said}"
    # Told that it may run again; or all was done and it had only its lock to give back.
    told = (died.code, "Run the same command again" in died.said)
    if how == "terminated" and told not in {(2, True), (0, False)}:
        yield f"it ended with {died.code}: {died.said}"
    left, whole = walk.catalogue(), history.catalogues[step : step + 2]
    if history.steps[-1].migrations[step].forward.transactional and left not in whole:
        yield "it left a migration half-done"
    if len(walk.functions()) not in {0, len(history.steps[-1].catalog.functions())}:
        yield "it left some functions only"
    again = deployers.send(walk.order(step + 1))
    if again.code or again.signal:
        yield f"the next run ended with {again.code}: {again.said}"
    end = walk.complete() if step + 1 == history.last else walk.catalogue()
    if end != (history.complete if step + 1 == history.last else history.catalogues[step + 1]):
        yield "the next run made another catalogue"
