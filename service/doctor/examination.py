"""The order in which things are looked at: what this machine has first, then the server."""

from collections.abc import Callable, Iterator

from service.doctor import here, machine
from service.doctor.check import Check, unknown, unseen
from service.settings import Settings


def examine(settings: Settings, tell: Callable[[str], None]) -> Iterator[Check]:
    """Look at one thing after the other; `tell` hears what takes long.

    It blocks and runs an event loop of its own: from asynchronous code call it in a thread.
    """
    yield machine.settings()
    yield machine.python()
    packages = machine.packages()
    yield packages
    yield machine.embedder(settings)
    service = here.holder(settings)
    yield here.data_dir(settings, service)
    yield here.port(settings, service)
    if packages.status == "bad":
        # What follows imports them, and a stack would say less.
        yield from unseen(unknown("server", "not looked at: see packages"))
        yield machine.disk({machine.OURS: settings.data_dir})
        return
    from service.doctor.database import examine_server
    from service.doctor.issuer import tokens

    if settings.jwks is not None:
        yield tokens(settings, settings.jwks)
    yield from examine_server(settings, tell)
