"""Every operation there is: what is served and is not here, or the other way, breaks the build."""

from typing import Final

from service.openapi import compliance, entities, exports, imports, service
from service.openapi.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *entities.operations(),
    *compliance.operations(),
    *imports.operations(),
    *exports.operations(),
    *service.operations(),
)
