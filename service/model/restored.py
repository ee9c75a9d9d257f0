"""One line of an export that is restored: a document, and the vector that only its digest shows."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from service.errors import FieldError, MalformedJson
from service.model.decode import codec_of, refusal
from service.model.documents import (
    AgentDocument,
    IndustryDocument,
    JobRoleDocument,
    SkillDocument,
    TeamDocument,
)
from service.model.fields import Embedding
from service.model.parsing import parse
from service.model.rules import classification_faults
from service.model.strict import is_doubtful


class SkillRestored(SkillDocument, frozen=True, kw_only=True):
    """A skill with its vector, where the export was told to have it."""

    embedding_384: Embedding | UnsetType = UNSET


class IndustryRestored(IndustryDocument, frozen=True, kw_only=True):
    """An industry with its vector, where the export was told to have it."""

    embedding_384: Embedding | UnsetType = UNSET


Document = SkillRestored | JobRoleDocument | TeamDocument | AgentDocument | IndustryRestored
"""What `document` returns."""

KINDS: Final[dict[str, type[Document]]] = {
    "skill": SkillRestored,
    "job_role": JobRoleDocument,
    "team": TeamDocument,
    "agent": AgentDocument,
    "industry": IndustryRestored,
}

VERSION_MAX: Final = 1_000_000_000
"""What is restored goes on from its version."""

ENDS: Final = {0: "nil", 2**128 - 1: "max"}
"""By their names in RFC 9562: between them lies every id, and lists begin at them."""

_AT: Final = re.compile(r" - at `\$\.?([a-z0-9_]*)[^`]*`$")


class _Kind(Struct, frozen=True):
    entity_type: str


def document(line: bytes) -> Document:
    """Read one line of an export by its member `entity_type`.

    Raises: MalformedJson, InvalidBody.
    """
    wanted = _wanted(line)
    codec = codec_of(wanted)
    try:
        value: Document = codec.decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        codec.examine(parse(line, "line"), "")
        found = _AT.search(str(error))
        if found is None:
            raise MalformedJson("The line is not JSON.") from None
        words = str(error)[: found.start()]
        raise refusal([FieldError(f"/{found[1]}", "type", f"is refused: {words}")]) from None
    if is_doubtful(line):
        codec.examine(parse(line, "line"), "")
    if not 1 <= value.version <= VERSION_MAX:
        message = f"must be 1 to {VERSION_MAX:,}"
        raise refusal([FieldError("/version", "number-range", message)])
    codec.check(value, "")
    faults = list(_own_faults(value))
    if faults:
        raise refusal(faults)
    return value


def _own_faults(value: Document) -> Iterator[FieldError]:
    """Find what no entity is, though each of its members could be one's."""
    if value.id.int in ENDS:
        named = ENDS[value.id.int]
        yield FieldError("/id", "type", f"is the {named} UUID, which no entity has")
    if value.updated_at < value.created_at:
        yield FieldError("/updated_at", "past", "is earlier than created_at")
    if isinstance(value, IndustryRestored):
        yield from classification_faults(value, "")


def _wanted(line: bytes) -> type[Document]:
    """Find the struct of a line.

    Raises: MalformedJson, InvalidBody.
    """
    try:
        kind = msgspec.json.decode(line, type=_Kind).entity_type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = parse(line, "line")
        there = isinstance(tree, dict) and "entity_type" in tree
        fault = ("one-of", "is no kind") if there else ("required", "is missing")
        raise refusal([FieldError("/entity_type", *fault)]) from None
    if kind not in KINDS:
        message = f"must be one of {', '.join(KINDS)}"
        raise refusal([FieldError("/entity_type", "one-of", message)])
    return KINDS[kind]
