"""Every operation there is: what is served and is not here, or the other way, breaks the build."""

from typing import Final

from service.openapi import (
    amendments,
    compliance,
    entities,
    exports,
    history,
    imports,
    service,
)
from service.openapi.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *entities.operations(),
    *history.operations(),
    *amendments.operations(),
    *compliance.operations(),
    *imports.operations(),
    *exports.operations(),
    *service.operations(),
)
