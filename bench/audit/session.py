"""What the benchmarks of a run share: a server, tenants, and a history that is made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from bench.audit.catchup import Caught, catch_up
from bench.audit.history import fill
from bench.ground import Actor, Ground, embedded, make_actors
from bench.scale import Scale

Tell = Callable[[str], None]


class Session:
    """A run at a scale; `tell` hears how far it is."""

    def __init__(
        self, directory: Path, ground: Ground, scale: Scale, tell: Tell, stack: ExitStack
    ) -> None:
        self.directory = directory
        self.ground = ground
        self.scale = scale
        self.tell = tell
        self._stack = stack
        self.actors: list[Actor] = make_actors(ground, scale.tenants)

    @cached_property
    def history(self) -> tuple[Ground, Caught]:
        """Have a database with a long history, sealed by a leader that had to catch up."""
        made = self._stack.enter_context(self.ground.copy("history"))
        fill(made, self.actors, self.scale, self.tell)
        self.tell(f"sealing {self.scale.entries:,} entries")
        caught = catch_up(made, self.scale.entries)
        # As autovacuum does a minute later.
        made.run("VACUUM (ANALYZE)")
        made.run("CHECKPOINT")
        return made, caught


@contextmanager
def session(directory: Path, scale: Scale, tell: Tell) -> Iterator[Session]:
    """Begin a run in a directory; nothing of it runs on afterwards."""
    with embedded(directory) as ground, ExitStack() as stack:
        yield Session(directory, ground, scale, tell, stack)
