"""Every way a request can be refused: one class per problem type of docs/errors.md."""

from typing import Final

from service.problem import BY_SLUG, EMPTY, SHOWN_MAX, FieldError, Problem, shown

__all__ = ["BY_SLUG", "EMPTY", "SHOWN_MAX", "FieldError", "Problem", "shown"]
"""What comes from beneath and is asked for here; the classes of this file need no mention."""

# --- the request cannot be read ---------------------------------------------------------------


class MalformedJson(Problem, slug="malformed-json", status=400):
    """The body is not JSON."""


class MalformedRequest(Problem, slug="malformed-request", status=400):
    """The request line or a header cannot be read."""


class UnknownParameter(Problem, slug="unknown-parameter", status=400):
    """The query has a parameter that this resource does not know."""


class InvalidParameter(Problem, slug="invalid-parameter", status=400):
    """A query parameter has a value that is not allowed."""


class InvalidCursor(Problem, slug="invalid-cursor", status=400):
    """The cursor is none of ours, or it was made for another list."""


# --- who asks, and for what --------------------------------------------------------------------


class Unauthenticated(Problem, slug="unauthenticated", status=401):
    """Send a key as `Authorization: Bearer <key>`."""

    challenge = 'error="invalid_token"'
    """What RFC 6750 says of a key or token that came; nothing where none did."""

    @classmethod
    def unasked(cls, detail: str) -> "Unauthenticated":
        """Refuse where no key came in Authorization that could be wrong."""
        refusal = cls(detail)
        refusal.challenge = ""
        return refusal


class ScopeMissing(Problem, slug="scope-missing", status=403):
    """The key lacks the scope that this request needs."""


class OwnWork(Problem, slug="own-work", status=403):
    """Nobody certifies or rejects what their own governance agent wrote."""


class NotFound(Problem, slug="not-found", status=404):
    """There is no such thing, or it is not yours."""


class UnknownPath(Problem, slug="unknown-path", status=404):
    """No resource has this path."""


class MethodNotAllowed(Problem, slug="method-not-allowed", status=405):
    """This resource does not take this method."""


class NotAcceptable(Problem, slug="not-acceptable", status=406):
    """This resource has no representation that the Accept header takes."""


# --- conflicts with what is stored -------------------------------------------------------------


class Conflict(Problem, slug="conflict", status=409):
    """The change contradicts what is stored."""


class NameTaken(Conflict, slug="name-taken", status=409):
    """An entity of this kind that is not archived has this name."""


class ExternalIdTaken(Conflict, slug="external-id-taken", status=409):
    """An entity of this kind has this external_id."""


class CodeTaken(Conflict, slug="code-taken", status=409):
    """An industry has this scheme and code."""


HIDDEN: Final = " You cannot see it: it may be another governance agent's draft."
"""Goes behind what is taken where whoever asks may not be told by whom."""


class SimilarExists(Conflict, slug="similar-exists", status=409):
    """Entities of this kind are near to the new one, and it asks not to be created then."""


class ReferenceNotFound(Conflict, slug="reference-not-found", status=409):
    """An entity that this one refers to is not there, or not yours."""


class StepNotAllowed(Conflict, slug="step-not-allowed", status=409):
    """The life cycle has no such step from here."""


class CertifiedIsImmutable(Conflict, slug="certified-is-immutable", status=409):
    """What is certified changes only by an amendment."""


class AmendmentOpen(Conflict, slug="amendment-open", status=409):
    """Another governance agent's amendment of this entity is open."""


class AmendmentOutdated(Conflict, slug="amendment-outdated", status=409):
    """The entity has moved on from what the amendment is based on."""


class NotInForce(Conflict, slug="not-in-force", status=409):
    """Only what is in force is changed by an amendment."""


class ImmutableField(Conflict, slug="immutable-field", status=409):
    """A field never changes after the entity was created."""


class RuleViolated(Conflict, slug="rule-violated", status=409):
    """A rule of the registry does not hold for this entity."""


class InUse(Conflict, slug="in-use", status=409):
    """Others that are in force depend on this entity."""


class ImportIncomplete(Conflict, slug="import-incomplete", status=409):
    """Nothing is archived while it is not known which entities some lines are about."""


class ParentCycle(Conflict, slug="parent-cycle", status=409):
    """An entity cannot be its own ancestor."""


class IdempotencyInProgress(Conflict, slug="idempotency-in-progress", status=409, retry_after_s=1):
    """A request with this Idempotency-Key is still running."""


class NotSealed(Problem, slug="not-sealed", status=409, retry_after_s=1):
    """Nothing of the log is sealed yet: no checkpoint proves anything."""


class Erased(Problem, slug="erased", status=410):
    """The content of this version was erased; that it was there is still in the log."""


class Pruned(Problem, slug="pruned", status=410):
    """The content of this version was moved to an archive, which the answer names."""


class CursorExpired(Problem, slug="cursor-expired", status=410):
    """The cursor is older than 24 hours: start again without one."""


# --- preconditions, bodies, load and faults ----------------------------------------------------


class PreconditionFailed(Problem, slug="precondition-failed", status=412):
    """The entity has changed since you read it."""


class BodyTooLarge(Problem, slug="body-too-large", status=413):
    """The body is larger than this resource takes."""


class UnsupportedMediaType(Problem, slug="unsupported-media-type", status=415):
    """The body has a media type that this resource does not take."""


class InvalidBody(Problem, slug="invalid-body", status=422):
    """The body is JSON, but not what this resource takes."""


class IdempotencyKeyReused(Problem, slug="idempotency-key-reused", status=422):
    """This Idempotency-Key was used here for another request."""


class PreconditionRequired(Problem, slug="precondition-required", status=428):
    """A change needs If-Match with the ETag of the version it changes."""


class RateLimited(Problem, slug="rate-limited", status=429, retry_after_s=1):
    """This key has used up its requests."""


class Defect(Problem, slug="defect", status=500):
    """This is our mistake. Report it with the request id."""


class Unavailable(Problem, slug="unavailable", status=503, retry_after_s=1):
    """Nothing was done. Try again."""


class OutcomeUnknown(Problem, slug="outcome-unknown", status=504):
    """The change may or may not have been made: repeat it with the same Idempotency-Key."""


POINTING = (
    Conflict,
    InvalidBody,
    MalformedJson,
    NotFound,
    OwnWork,
    PreconditionFailed,
    ScopeMissing,
)
"""Problems that may say where: in a body, or at which operation of a batch."""
