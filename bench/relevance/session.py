"""What the measurements of a run share: a server with the whole of ESCO, loaded once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from bench.ground import Ground, embedded
from bench.relevance.stock import Stock, copy_labels, external_ids, import_files

Tell = Callable[[str], None]


class Session(Struct, frozen=True):
    """A run; `data` is the folder, `stock` what was loaded of it, `tell` hears how far it is."""

    ground: Ground
    data: Path
    stock: Stock
    tell: Tell


@contextmanager
def session(directory: Path, data: Path, cache: Path, tell: Tell) -> Iterator[Session]:
    """Begin a run in a directory; nothing of it runs on afterwards."""
    with embedded(directory) as ground:
        begun = time.perf_counter()
        tell("importing the files")
        context = import_files(ground, data)
        imported = time.perf_counter()
        labels = asyncio.run(copy_labels(ground, cache, tell))
        took = {"import": imported - begun, "labels": time.perf_counter() - imported}
        ids = asyncio.run(external_ids(ground))
        yield Session(ground, data, Stock(context, labels, ids, took), tell)
