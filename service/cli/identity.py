"""Whom a command works for: the key that it was given, and the identity behind it."""

from pathlib import Path
from typing import Final

from service.refusal import Refusal
from service.repository.base import Context, Repository
from service.repository.keys import Identity, KeyAuthenticate
from service.usecases.keys import key_hash

KEY_HELP: Final = "; @FILE reads it from there"
KEY_BYTES_MAX: Final = 1024


class KeyRefusal(Refusal):
    """A key cannot be read, or may not do this."""


def key_given(text: str, option: str) -> str:
    """Give a key as the command line has it, or as it stands in the file that @ names.

    Others on the machine see a command's arguments, and shells remember them.

    Raises: KeyRefusal.
    """
    if not text.startswith("@"):
        return text
    path = text[1:]
    try:
        with Path(path).open("rb") as file:
            words = file.read(KEY_BYTES_MAX + 1).split()
    except OSError as error:
        raise KeyRefusal(
            f"{option} names the file {path!r}, which cannot be read: {error.strerror or error}.",
            "Check the path behind @.",
        ) from None
    if len(words) != 1 or len(words[0]) > KEY_BYTES_MAX or not words[0].isascii():
        raise KeyRefusal(
            f"{option} names the file {path!r}, which does not hold one key.",
            "It has to hold the key and nothing else.",
        )
    return words[0].decode()


async def identity(app: Repository, key: str, option: str, scope: str) -> Identity:
    """Find who is behind a key and make sure that it has a scope.

    Raises: KeyRefusal.
    """
    found = await app.maybe(KeyAuthenticate(key_hash(key)))
    if found is None:
        raise KeyRefusal(
            f"The key given with {option} is unknown here, expired or revoked.",
            "See `plant key list`.",
        )
    if scope not in found.scopes:
        raise KeyRefusal(
            f"The key given with {option}, of {found.governance_agent_name}, lacks the scope "
            f"{scope}.",
            "Make one that has it: plant key create.",
        )
    return found


def context_of(found: Identity, command: str) -> Context:
    """Make what statements run for; the command stands in for the id of a request."""
    return Context(
        tenant_id=str(found.tenant_id),
        governance_agent_id=str(found.governance_agent_id),
        key_id=str(found.key_id),
        request_id=command,
    )
