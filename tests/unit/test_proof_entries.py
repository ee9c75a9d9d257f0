"""Entries and leaves have one spelling."""

from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from service.proof.entry import (
    NOTHING,
    Entry,
    Leaf,
    entry_bytes,
    entry_hash,
    leaf_bytes,
    parse_entry,
    parse_leaf,
    payload_hash,
)
from service.proof.fault import Malformed
from service.proof.tree import leaf_hash

TENANT = "0190a1b2-0000-7000-8000-000000000001"
ENTITY = "0190a1b2-0000-7000-8000-000000000002"
AGENT = "0190a1b2-0000-7000-8000-000000000003"
ENTRY = Entry(
    tenant=TENANT,
    kind="job_role",
    entity=ENTITY,
    version=2,
    operation="certify",
    actor=f"{AGENT}+{ENTITY}",
    key=AGENT,
    time_us=1_763_800_000_123_456,
    payload_hash=payload_hash(b"\x01" * 16, b'{"name":"x"}'),
    prev_hash=NOTHING,
)
WRITTEN = entry_bytes(ENTRY)


def test_entry_both_ways() -> None:
    """An entry is a JSON array without white space, as the database concatenates it."""
    array = [
        "plant-entry/v1",
        TENANT,
        "job_role",
        ENTITY,
        2,
        "certify",
        f"{AGENT}+{ENTITY}",
        AGENT,
        1_763_800_000_123_456,
        sha256(b"\x01" * 16 + b'{"name":"x"}').hexdigest(),
        "0" * 64,
    ]

    assert msgspec.json.encode(array) == WRITTEN
    assert ENTRY == parse_entry(WRITTEN)
    assert sha256(WRITTEN).digest() == entry_hash(WRITTEN)


def test_leaf_both_ways() -> None:
    """A leaf is a JSON array too; its hash begins with a zero byte."""
    leaf = leaf_bytes(TENANT, 7, b"\xab" * 32, NOTHING)

    assert msgspec.json.encode(["plant-leaf/v1", TENANT, 7, "ab" * 32, "0" * 64]) == leaf
    assert Leaf(TENANT, 7, b"\xab" * 32, NOTHING) == parse_leaf(leaf)
    assert sha256(b"\x00" + leaf).digest() == leaf_hash(leaf)


@pytest.mark.parametrize(
    "before,after",
    [
        (b"plant-entry/v1", b"plant-entry/v2"),
        (b"plant-entry/v1", b"plant-leaf/v1"),
        (b'",', b'", '),
        (b"0190a1b2", b"0190A1B2"),
        (b"0190a1b2-0000", b"0190a1b20000"),
        (b",2,", b",02,"),
        (b",2,", b",0,"),
        (b",2,", b",-2,"),
        (b",2,", b",2.0,"),
        (b",2,", b',"2",'),
        (b",2,", b",9223372036854775808,"),
        (b"job_role", b"Job Role"),
        (b"job_role", b""),
        (b"certify", b"c\\u0065rtify"),
        (b"+", b"\\u002b"),
        (b"+", b'"'),
        (b"+", "é".encode()),
        (b"+", b"\x7f"),
        (b"+", b"\xff"),
        (b"+", b"\t"),
        (b"0" * 64, b"0" * 63),
        (b"0" * 64, b"A" * 64),
        (b'"]', b'"]\n'),
        (b'"]', b'",1]'),
        (b'"]', b'"'),
        (b"+", b"+" * 2048),
    ],
)
def test_no_entry(before: bytes, after: bytes) -> None:
    """What another spelling says is not what was hashed."""
    altered = WRITTEN.replace(before, after)
    assert altered != WRITTEN

    with pytest.raises(Malformed, match="entry"):
        parse_entry(altered)


def test_unknown_format_is_named() -> None:
    """A format of the future is refused as such."""
    with pytest.raises(Malformed, match="the only one known here"):
        parse_entry(WRITTEN.replace(b"entry/v1", b"entry/v2"))
    with pytest.raises(Malformed, match="an element"):
        parse_entry(WRITTEN.replace(b"certify", b"CERTIFY"))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ENTRY, tenant=TENANT.upper()),
        replace(ENTRY, operation="a b"),
        replace(ENTRY, actor='"'),
        replace(ENTRY, version=0),
        replace(ENTRY, time_us=2**63),
        replace(ENTRY, prev_hash=b"short"),
    ],
)
def test_no_entry_is_made_of_it(wrong: Entry) -> None:
    """What could not be read again is not written."""
    with pytest.raises(Malformed):
        entry_bytes(wrong)


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        leaf_bytes(TENANT, 0, NOTHING, NOTHING),
        leaf_bytes(TENANT, 2**63, NOTHING, NOTHING),
        leaf_bytes(TENANT.upper(), 1, NOTHING, NOTHING),
        leaf_bytes(TENANT, 1, NOTHING[1:], NOTHING),
        leaf_bytes(TENANT, 1, NOTHING, NOTHING) + b"\n",
        leaf_bytes(TENANT, 1, NOTHING, NOTHING).replace(b"v1", b"v3"),
    ],
)
def test_no_leaf(leaf: bytes) -> None:
    """What is not of the form is no leaf."""
    with pytest.raises(Malformed):
        parse_leaf(leaf)
