"""Which problems may leave an operation: those that follow from its form, and those it names."""

from typing import Final

from service import errors
from service.errors import Problem
from service.openapi.operation import NDJSON, Operation

UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What may be asked as often as one likes: a service that is looked after too often is no less
healthy."""


def refusals(operation: Operation) -> list[type[Problem]]:
    """List the problem types of an operation by status, each once."""
    found = [errors.MalformedRequest, errors.Defect]
    found += _query(operation) + _caller(operation) + _body(operation)
    if "{" in operation.path:
        found.append(errors.NotFound)
    if operation.takes("Idempotency-Key"):
        # Not found: the first answer, when its content was erased.
        found += [errors.IdempotencyInProgress, errors.IdempotencyKeyReused, errors.NotFound]
    if operation.takes("If-Match"):
        found += [errors.PreconditionFailed, errors.PreconditionRequired]
    order = list(errors.BY_SLUG.values())
    return sorted({*found, *operation.problems}, key=lambda one: (one.status, order.index(one)))


def by_status(operation: Operation) -> dict[int, list[type[Problem]]]:
    """Group the problem types of an operation by their status."""
    found: dict[int, list[type[Problem]]] = {}
    for problem in refusals(operation):
        found.setdefault(problem.status, []).append(problem)
    return found


def _query(operation: Operation) -> list[type[Problem]]:
    found: list[type[Problem]] = []
    if operation.scopes is not None:
        found.append(errors.UnknownParameter)
    if any(parameter.where == "query" for parameter in operation.parameters):
        found.append(errors.InvalidParameter)
    if operation.takes("cursor"):
        found += [errors.InvalidCursor, errors.CursorExpired]
    return found


def _caller(operation: Operation) -> list[type[Problem]]:
    """List what a key may lack; whatever asks for a key also asks the database."""
    if operation.scopes is None:
        return [] if operation.path in UNLIMITED else [errors.RateLimited]
    found: list[type[Problem]] = [
        errors.Unauthenticated,
        errors.RateLimited,
        errors.Unavailable,
    ]
    if operation.scopes:
        found.append(errors.ScopeMissing)
    if operation.method != "GET" and operation.scopes != ("read",):
        found.append(errors.OutcomeUnknown)
    return found


def _body(operation: Operation) -> list[type[Problem]]:
    if operation.body is None:
        return []
    if NDJSON in operation.body.media:  # each line is refused for itself
        return [errors.UnsupportedMediaType]
    return [
        errors.MalformedJson,
        errors.BodyTooLarge,
        errors.UnsupportedMediaType,
        errors.InvalidBody,
    ]
