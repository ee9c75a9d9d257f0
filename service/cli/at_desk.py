"""What commands share that work on the log as plant_worker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.cli.background import desk_of
from service.cli.connected import existing_database, in_words
from service.cli.output import Output
from service.database.locks import Held
from service.database.roles import require_login
from service.refusal import Refusal
from service.sealing.desk import Desk
from service.sealing.sequencer import Changed
from service.settings import Settings

T = TypeVar("T")


class LogBusy(Refusal):
    """Somebody else works on the log at this moment."""


def at_desk(settings: Settings, output: Output, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do one thing as plant_worker, over one connection.

    Raises: LogBusy, and what the database or the log refuses.
    """

    async def done() -> T:
        desk = desk_of(settings, target)
        try:
            await desk.lone.open()
            return await work(desk)
        except Refusal:
            raise
        except (Held, Changed):
            raise LogBusy("Somebody else has just worked on the log.", "Try again.") from None
        except Exception as error:
            words = in_words(target, error)
            if words is None:
                raise
            raise words from error
        finally:
            await desk.lone.close()

    with existing_database(settings, output.say) as target:
        require_login(settings, target, "worker")
        return asyncio.run(done())
