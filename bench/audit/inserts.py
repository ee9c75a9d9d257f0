"""Creates with the whole log and without it, by many tenants and by one: interleaved rounds.

Without it `audit.append_entry` gives an id and a hash and does nothing: no hash is computed, no
entry, payload or pending row is written. Everything else is the same: the guard, the document,
tags, keys, row security.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.audit.session import Session
from bench.ground import Actor, Ground
from bench.pgbench import BenchError, Load
from bench.result import Outcome, Row
from service.catalog.function import signature
from service.catalog.load import load as load_catalog

WITHOUT: Final = """
CREATE OR REPLACE FUNCTION audit.append_entry(
    p_tenant_id uuid, p_entity_type text, p_entity_id uuid, p_version integer,
    p_operation text, p_actor text, p_key text, p_at timestamptz,
    p_document text, p_prev_hash bytea, p_private_to uuid,
    OUT audit_id uuid, OUT entry_hash bytea
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    audit_id := uuidv7();
    entry_hash := p_prev_hash;
END
$$
"""
# A create as the service sends it, with three tags.
CREATE: Final = """\
\\set n random(1, 1000000000000)
SELECT document FROM {function}(
    jsonb_build_object(
        'name', 'skill ' || :n::bigint, 'description', 'What somebody who has it can do.',
        'category', 'technical', 'tags', jsonb_build_array('one', 'two', 'three')
    ),
    NULL, {context}
);
"""
PROBE: Final = "SELECT audit_id FROM {function}($1::jsonb, NULL, $2, $3, $4, $5, $6)"
LOGGED: Final = "SELECT count(*) FROM audit.entry"
WARM_S: Final = 2


class Case(Struct, frozen=True):
    """One of the things that are compared."""

    name: str
    ground: Ground
    scripts: list[Path]


def probe() -> str:
    """Name the function that creates a skill."""
    return signature(load_catalog()["skill_create"]).partition("(")[0]


def scripts(directory: Path, actors: Sequence[Actor]) -> list[Path]:
    """Write what the clients of each tenant send."""
    paths = []
    for actor in actors:
        context = ", ".join(f"'{one}'" for one in actor.context)
        path = directory / f"create-{actor.tenant_id}.sql"
        path.write_text(CREATE.format(function=probe(), context=context), encoding="utf-8")
        paths.append(path)
    return paths


def measure(session: Session) -> Outcome:
    """Measure each case in every round, in an order that turns."""
    scale = session.scale
    with session.ground.copy("with_log") as logged, session.ground.copy("without_log") as bare:
        bare.run(WITHOUT)
        all_of = scripts(logged.directory, session.actors)
        cases = [
            Case("with the log", logged, all_of),
            Case("without it", bare, all_of),
            Case("one tenant", logged, all_of[:1]),
        ]
        rates: dict[str, list[float]] = {case.name: [] for case in cases}
        with logged.working():
            for case in cases:
                _rate(case, scale.clients, WARM_S)
            for number in range(scale.rounds):
                turn = number % len(cases)
                for case in cases[turn:] + cases[:turn]:
                    rates[case.name].append(_rate(case, scale.clients, scale.round_s))
                shown = ", ".join(f"{name} {found[-1]:,.0f}" for name, found in rates.items())
                session.tell(f"round {number + 1} of {scale.rounds}: {shown} creates/s")
        _require_difference(logged, bare)
    return Outcome(_rows(rates, session), {"creates_s": rates})


def _require_difference(logged: Ground, bare: Ground) -> None:
    """Make sure that one database has a log and the other has none.

    Raises: BenchError.
    """
    ((entries,),), ((none,),) = (each.run(LOGGED) for each in (logged, bare))
    if not entries or none:
        raise BenchError(f"With the log there are {entries} entries, without it {none}.")


def _rate(case: Case, clients: int, seconds: int) -> float:
    return Load(case.ground.url("app"), case.scripts, clients=clients, seconds=seconds).end()


def quartiles(rates: dict[str, list[float]], one: str, other: str) -> list[float]:
    """Give the quartiles of the ratio of two cases within each round."""
    ratios = [a / b for a, b in zip(rates[one], rates[other], strict=True)]
    return statistics.quantiles(ratios, n=4, method="inclusive")


def _rows(rates: dict[str, list[float]], session: Session) -> list[Row]:
    scale = session.scale
    how = (
        f"pgbench, {scale.clients} clients, {{}}; {scale.rounds} rounds of {scale.round_s} s each, "
        "in an order that turns; the median of the ratios within each round. Creates of a skill "
        "with three tags, by the function that the service calls; `plant worker` places and seals "
        "beside them."
    )
    middle = {name: statistics.median(found) for name, found in rates.items()}
    made = [
        ("with the log", "without it", 0.75, f"{scale.tenants} tenants"),
        ("one tenant", "with the log", 0.95, "all of one tenant"),
    ]
    rows = []
    for one, other, least, who in made:
        low, ratio, high = quartiles(rates, one, other)
        rows.append(
            Row(
                what=f"creates: {one} / {'many' if one == 'one tenant' else other}",
                value=ratio,
                least=least,
                how=how.format(who),
                beside=f"{middle[one]:,.0f} against {middle[other]:,.0f} creates/s; "
                f"quartiles {low:.2f} and {high:.2f}",
            )
        )
    return rows
