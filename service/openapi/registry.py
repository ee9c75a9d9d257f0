"""Every operation there is: what is served and is not here, or the other way, breaks the build."""

from typing import Final

from msgspec import structs

from service.openapi import (
    amendments,
    batch,
    compliance,
    counts,
    entities,
    exports,
    external_ids,
    governance_agents,
    history,
    imports,
    links,
    log,
    match,
    search,
    service,
)
from service.openapi.headers import REPLICA
from service.openapi.operation import Operation


def _replicable(one: Operation) -> Operation:
    """Let what only reads, and so takes no other scope, be asked of a replica."""
    if one.scopes != ("read",):
        return one
    answers = tuple(
        structs.replace(each, headers=(*each.headers, "Replica-Applied")) for each in one.answers
    )
    return structs.replace(one, parameters=(*one.parameters, REPLICA), answers=answers)


OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    _replicable(one)
    for one in (
        *entities.operations(),
        *counts.operations(),
        *external_ids.operations(),
        *history.operations(),
        *amendments.operations(),
        *compliance.operations(),
        *batch.operations(),
        *links.operations(),
        *match.operations(),
        *search.operations(),
        *imports.operations(),
        *exports.operations(),
        *log.operations(),
        *governance_agents.operations(),
        *service.operations(),
    )
)
