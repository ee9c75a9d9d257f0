"""What the commands about keys share: the owner's session, expiry, refusals."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from service.cli.connected import database, repository
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE
from service.cli.times import MOMENT
from service.errors import InvalidBody
from service.refusal import Refusal
from service.repository.base import Repository
from service.settings import load
from service.usecases.keys import Absent

T = TypeVar("T")


class KeyRefusal(Refusal):
    """The key or its owner is not there."""

    exit_code = 1


class WrongKey(Refusal):
    """There is no such scope or name."""

    exit_code = WRONG_USAGE


def add_expiry(parser: argparse.ArgumentParser) -> None:
    """Add until when a key works."""
    parser.add_argument("--expires-at", metavar="TIME", help="RFC 3339; default: never")


def as_owner(output: Output, work: Callable[[Repository], Awaitable[T]], way_out: str = "") -> T:
    """Do one thing as the owner of the database.

    Raises: KeyRefusal, WrongKey, and what the database refuses.
    """
    settings = load()

    async def done() -> T:
        async with repository(settings, target, "owner") as owner:
            try:
                return await work(owner)
            except Absent as absent:
                raise KeyRefusal(str(absent), way_out) from None
            except InvalidBody as wrong:
                raise WrongKey(wrong.detail, "See plant key --help.") from None

    with database(settings, output.say) as target:
        return asyncio.run(done())


def shown(at: datetime | None) -> str:
    """Write a time for a person."""
    return f"{at.astimezone(UTC):{MOMENT}} UTC" if at else "never"
