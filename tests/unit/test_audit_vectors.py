"""The test vectors of docs/audit-format.md, computed a second time without the service's code."""

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit_vectors import text_of, vectors
from tests.grown import path, subproof, tree_hash

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """Read the vectors as they are published."""
    content: dict[str, Any] = json.loads((DOCS / "audit-vectors.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def page() -> str:
    """Read the page."""
    return (DOCS / "audit-format.md").read_text(encoding="utf-8")


def digest(text: str) -> str:
    """Hash a text."""
    return sha256(text.encode()).hexdigest()


def hashes_of(shown: dict[str, Any]) -> list[bytes]:
    """Give the leaf hashes in the order of the log."""
    return [bytes.fromhex(entry["leaf_hash"]) for entry in shown["entries"]]


def line_of(name: str, kind: int, seed: str, message: bytes, stamp: bytes = b"") -> str:
    """Sign as c2sp.org/signed-note says."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    public = private.public_key().public_bytes_raw()
    key_id = sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]
    return f"— {name} {b64encode(key_id + stamp + private.sign(message)).decode()}\n"


def test_published_ones_are_those_of_the_code() -> None:
    """The file is what `python -m tests.audit_vectors docs/audit-vectors.json` writes."""
    published = (DOCS / "audit-vectors.json").read_text(encoding="utf-8")

    assert text_of(vectors()) == published


def test_entries_and_leaves(shown: dict[str, Any]) -> None:
    """Each hash is that of the bytes before it, and chains begin with zeros."""
    versions: dict[str, str] = {}
    leaves: dict[str, str] = {}
    for index, entry in enumerate(shown["entries"]):
        salted = bytes.fromhex(entry["salt"]) + entry["document"].encode()
        array = json.loads(entry["entry"])
        tenant, entity = array[1], array[3]
        leaf = [
            "plant-leaf/v1",
            tenant,
            entry["position"],
            digest(entry["entry"]),
            leaves.get(tenant, "0" * 64),
        ]

        assert index == entry["log_index"]
        assert sha256(salted).hexdigest() == entry["payload_hash"] == array[9]
        assert versions.get(entity, "0" * 64) == array[10]
        assert json.dumps(array, separators=(",", ":")) == entry["entry"]
        assert json.dumps(leaf, separators=(",", ":")) == entry["leaf"]
        assert digest("\0" + entry["leaf"]) == entry["leaf_hash"]
        versions[entity] = entry["entry_hash"]
        leaves[tenant] = entry["leaf_hash"]
    assert 2 == len(leaves)
    assert {"create", "amend", "certify", "erase"} == {
        json.loads(entry["entry"])[5] for entry in shown["entries"]
    }


def test_tree(shown: dict[str, Any]) -> None:
    """Roots and proofs are those of the RFC's definition, the tile is the leaves' hashes."""
    hashes = hashes_of(shown)
    for index, entry in enumerate(shown["entries"]):
        assert tree_hash(hashes[: index + 1]).hex() == entry["root_after"]
        assert [each.hex() for each in path(index, hashes)] == entry["inclusion"]
    for grown in shown["consistency"]:
        expected = subproof(grown["old_size"], hashes)
        assert [each.hex() for each in expected] == grown["proof"]

    assert {"0/000.p/7": b"".join(hashes).hex()} == shown["tiles"]


@pytest.mark.parametrize("name,size", [("checkpoint", 7), ("older_checkpoint", 4)])
def test_checkpoints(shown: dict[str, Any], name: str, size: int) -> None:
    """The note is the text and the seed's signature."""
    origin = shown["vkey"].partition("+")[0]
    root = b64encode(tree_hash(hashes_of(shown)[:size])).decode()
    text = f"{origin}\n{size}\n{root}\n"

    assert f"{text}\n{line_of(origin, 1, shown['seed'], text.encode())}" == shown[name]


def test_keys_and_cosignature(shown: dict[str, Any]) -> None:
    """Verifier keys are name, id and key; the witness signs time and text."""
    witness = shown["witness"]
    text = shown["checkpoint"].partition("\n\n")[0] + "\n"
    message = f"cosignature/v1\ntime {witness['time']}\n{text}".encode()
    for vkey, seed, kind in (
        (shown["vkey"], shown["seed"], 1),
        (witness["vkey"], witness["seed"], 4),
    ):
        name, key_id, material = vkey.split("+", 2)
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        raw = bytes([kind]) + private.public_key().public_bytes_raw()
        assert raw == b64decode(material)
        assert sha256(f"{name}\n".encode() + raw).hexdigest()[:8] == key_id

    name = witness["vkey"].partition("+")[0]
    stamp = witness["time"].to_bytes(8, "big")
    assert line_of(name, 4, witness["seed"], message, stamp) == witness["line"]


def test_receipt_and_proof(shown: dict[str, Any]) -> None:
    """The receipt repeats the entry's bytes; the text has the same proof in base64."""
    receipt, entry = shown["receipt"], shown["entries"][-1]
    same = ("entry", "salt", "document", "log_index", "position", "leaf")
    hashes = [f"{b64encode(bytes.fromhex(each)).decode()}\n" for each in entry["inclusion"]]

    assert {name: entry[name] for name in same} == {name: receipt[name] for name in same}
    assert entry["inclusion"] == receipt["proof"]
    assert shown["tlog_proof"] == (
        "c2sp.org/tlog-proof@v1\n"
        f"extra {b64encode(entry['leaf'].encode()).decode()}\n"
        f"index {entry['log_index']}\n{''.join(hashes)}\n{shown['checkpoint']}"
    )


def test_bundles(shown: dict[str, Any]) -> None:
    """A bundle's lines are the entries in order; what is not shown has a word for it."""
    for tenant, bundle in shown["bundles"].items():
        first, *lines, last = bundle.splitlines()
        of = [entry for entry in shown["entries"] if json.loads(entry["entry"])[1] == tenant]
        end = json.loads(last)

        assert (
            json.dumps({"format": "plant-proof/v1", "tenant_id": tenant}, separators=(",", ":"))
            == first
        )
        assert len(of) == len(lines) == end["count"]
        for entry, line in zip(of, lines, strict=True):
            written, salt, document, leaf_hash = line.split("\t")
            assert [entry["entry"], entry["leaf_hash"]] == [written, leaf_hash]
            assert (salt, document) in [
                (entry["salt"], entry["document"]),
                ("erased", ""),
                ("withheld", ""),
            ]
        assert [of[-1]["log_index"], of[-1]["inclusion"]] == [end["log_index"], end["proof"]]
        assert shown["checkpoint"] == end["checkpoint"]
    one, two = shown["bundles"].values()
    assert (2, 1) == (one.count("\terased\t\t"), two.count("\twithheld\t\t"))
    assert json.loads(one.splitlines()[-1])["consistency"] == [
        {"size": 4, "proof": shown["consistency"][3]["proof"]}
    ]


def test_page_shows_them(shown: dict[str, Any], page: str) -> None:
    """What the page shows byte for byte stands in the vectors, and its tables name all members."""
    blocks = re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    first, second = shown["entries"][0], shown["entries"][2]
    names = ("salt", "document", "payload_hash", "entry", "entry_hash")

    assert "".join(f"{first[name]}\n" for name in names) in blocks
    assert f"{second['leaf']}\n{second['leaf_hash']}\n" in blocks
    assert shown["checkpoint"] in blocks
    assert f"{shown['vkey']}\n" in blocks
    table = page.partition("## Test vectors")[2]
    assert set(shown) == set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    )
