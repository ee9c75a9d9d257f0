"""How long the two commands take that bring the files in: `plant import`, and `plant embed`."""

import time
from typing import Final

import msgspec

from bench.ground import Command, Ground, embedded
from bench.pgbench import BenchError
from bench.relevance.session import Session
from bench.relevance.stock import TENANT, import_files
from bench.result import Outcome, Row
from bench.running import room

GOAL_S: Final = 300.0
"""What is promised of embedding: about five minutes on two cores."""
PHASES: Final = ("computing vectors", "building indexes", "putting them in place")
"""What the command says it does, one after the other."""
LOOK_S: Final = 0.1


def measure(session: Session) -> Outcome:
    """Have the commands fill an empty server, which runs beside that of the session."""
    session.tell("the files imported and their labels embedded by the commands")
    with room() as directory, embedded(directory) as ground:
        begun = time.perf_counter()
        import_files(ground, session.data)
        imported = time.perf_counter() - begun
        took, phases, labels = _embedded(ground)
        entities = ground.run("SELECT count(*) FROM app.base_entity")[0][0]
    if labels != len(session.stock.labels):
        raise BenchError(f"{labels} labels were embedded, of {len(session.stock.labels)}.")
    rows = [
        Row(
            what="the files imported: `plant import --from esco`",
            value=imported,
            unit="s",
            how="The command, as active, into an empty database, with the start of its process.",
            beside=f"{entities:,} entities",
        ),
        Row(
            what="their labels embedded: `plant embed`",
            value=took,
            unit="s",
            most=GOAL_S,
            how="The command, with MiniLM, where no label is embedded, with the start of its "
            "process. Phases are those that it tells of.",
            beside=f"{labels:,} labels; "
            + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in phases.items()),
        ),
    ]
    return Outcome(rows, {"took_s": {"import": imported, "embed": took, "phases": phases}})


def _embedded(ground: Ground) -> tuple[float, dict[str, float], int]:
    begun = time.perf_counter()
    with ground.plant("embed", "--tenant", TENANT, "--json").running() as command:
        phases = _phases(command)
        code, answer = command.end()
    took = time.perf_counter() - begun
    if code:
        raise BenchError(f"plant embed ends with {code}: {answer[:2000]}{command.said()}")
    return took, phases, msgspec.json.decode(answer)["items"][0]["labels"]


def _phases(command: Command) -> dict[str, float]:
    """Watch what the command says until its end; gives the seconds of each phase."""
    begun: dict[str, float] = {}
    while command.alive():
        said = command.said()
        for phase in PHASES:
            if phase in said:
                begun.setdefault(phase, time.perf_counter())
        time.sleep(LOOK_S)
    ends = [*list(begun.values())[1:], time.perf_counter()]
    return {phase: end - start for (phase, start), end in zip(begun.items(), ends, strict=True)}
