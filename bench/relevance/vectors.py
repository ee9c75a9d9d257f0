"""Vectors of very many texts: computed once by both cores, and kept in a file."""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from service.embedding.embedder import model_of
from service.embedding.minilm import MiniLM
from service.model.vector import SIZE, each

CHUNK: Final = 512
"""Texts that a process takes at a time, of nearly one length."""

_MODEL: Final = MiniLM(1)
MODEL: Final = model_of(_MODEL)


def meanings(texts: Iterable[str], cache: Path, tell: Callable[[str], None]) -> dict[str, bytes]:
    """Give the vector of each text by MiniLM, from the cache what was computed before.

    A file holds the texts of one call: its name has the model and a digest of them all.
    """
    ordered = sorted(set(texts))
    digest = hashlib.sha256("\0".join(ordered).encode()).hexdigest()[:16]
    path = cache / f"{MODEL.replace('/', '-')}-{digest}.vectors"
    if not path.is_file() or path.stat().st_size != SIZE * len(ordered):
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(_computed(ordered, tell))
        part.replace(path)
    return dict(zip(ordered, each(path.read_bytes()), strict=True))


def _computed(texts: Sequence[str], tell: Callable[[str], None]) -> bytes:
    places = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    chunks = [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]
    found = [b""] * len(texts)
    done = 0
    with multiprocessing.get_context("spawn").Pool() as pool:
        made = pool.imap(_MODEL_OF, ([texts[place] for place in chunk] for chunk in chunks))
        for chunk, vectors in zip(chunks, made, strict=True):
            for place, vector in zip(chunk, each(vectors), strict=True):
                found[place] = vector
            done += len(chunk)
            if done % (40 * CHUNK) < CHUNK:
                tell(f"embedded {done:,} of {len(texts):,} texts")
    return b"".join(found)


def _meant(texts: Sequence[str]) -> bytes:
    return _MODEL.embed(texts)


_MODEL_OF: Final = _meant
