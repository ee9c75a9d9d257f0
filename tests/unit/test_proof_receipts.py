"""A receipt proves its entry, document and place; nothing in it can be changed."""

import json
import random
from typing import Any

import msgspec
import pytest

from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import leaf_bytes, parse_entry, parse_leaf
from service.proof.fault import Malformed, ProofError, Unproven
from service.proof.keys import Signer
from service.proof.receipt import (
    Proved,
    Receipt,
    check_receipt,
    check_tlog_proof,
    format_tlog_proof,
    parse_receipt,
    parse_tlog_proof,
)
from service.proof.tree import leaf_hash
from tests.sealed import ORIGIN, Placed, identity, random_log

SIGNER = Signer(ORIGIN, b"\x07" * 32)
KEYS = [SIGNER.vkey]
LOG = random_log(5, 300, [SIGNER])
PLACED = LOG.tenants[identity(1)]


def receipt_of(placed: Placed, *, erased: bool = False) -> Receipt:
    """Make the receipt of an entry."""
    return Receipt(
        audit_id=identity(77),
        entry=placed.entry.decode(),
        salt=None if erased else placed.salt.hex(),
        document=None if erased else placed.document.decode(),
        log_index=placed.log_index,
        position=placed.position,
        leaf=placed.leaf.decode(),
        proof=[each.hex() for each in LOG.inclusion(placed)],
        checkpoint=LOG.note(),
    )


RIGHT = receipt_of(PLACED[40])
DOCUMENT, SALT = PLACED[40].document.decode(), PLACED[40].salt.hex()
TEXT = format_tlog_proof(
    PLACED[40].log_index, LOG.inclusion(PLACED[40]), LOG.note(), PLACED[40].leaf
)


def altered(**members: Any) -> Receipt:
    """Change members of the receipt."""
    return msgspec.structs.replace(RIGHT, **members)


class TestReceipts:
    """The JSON receipt."""

    @pytest.mark.parametrize("erased", [False, True])
    def test_everything_is_proved(self, *, erased: bool) -> None:
        """Every entry of the log has a receipt, with its document or after its erasure."""
        for placed in PLACED:
            receipt = parse_receipt(msgspec.json.encode(receipt_of(placed, erased=erased)))

            assert check_receipt(receipt, KEYS) == Proved(
                leaf=parse_leaf(placed.leaf),
                leaf_hash=leaf_hash(placed.leaf),
                log_index=placed.log_index,
                checkpoint=LOG.checkpoint(),
                entry=parse_entry(placed.entry),
                document=receipt.document,
            )

    @pytest.mark.parametrize(
        "members,words",
        [
            ({"document": DOCUMENT.replace("ä", "a")}, "document with its salt"),
            ({"salt": "00" * 16}, "document with its salt"),
            ({"salt": SALT.upper()}, "salt is not 32 digits"),
            ({"salt": None}, "both"),
            ({"document": None}, "both"),
            ({"entry": PLACED[39].entry.decode(), "salt": None, "document": None}, "not that of"),
            ({"entry": RIGHT.entry.replace(identity(900), identity(902))}, "leaf is not that"),
            ({"entry": RIGHT.entry + " "}, "not an entry"),
            ({"entry": RIGHT.entry.replace("entry/v1", "entry/v9")}, "only one known"),
            ({"leaf": PLACED[39].leaf.decode()}, "leaf is not that"),
            ({"leaf": RIGHT.leaf.replace(",41,", ",42,")}, "position 42, not 41"),
            ({"leaf": RIGHT.leaf.replace(identity(1), identity(2))}, "leaf is not that"),
            ({"position": 42}, "position 41, not 42"),
            ({"log_index": RIGHT.log_index + 1}, "leads to another root"),
            ({"log_index": 300}, "no index 300"),
            ({"log_index": -1}, "-1 is no size or index"),
            ({"proof": RIGHT.proof[:-1]}, "too short"),
            ({"proof": [*RIGHT.proof, "00" * 32]}, "too long"),
            ({"proof": RIGHT.proof[::-1]}, "leads to another root"),
            ({"proof": ["00" * 31, *RIGHT.proof[1:]]}, "hash of the proof"),
            ({"checkpoint": LOG.note(299)}, "leads to another root|too short|too long"),
            ({"checkpoint": LOG.note().replace("300", "301")}, "not that of this text"),
            ({"checkpoint": ""}, "note is text"),
        ],
    )
    def test_what_is_wrong_is_named(self, members: dict[str, Any], words: str) -> None:
        """The refusal says which part does not fit."""
        with pytest.raises(ProofError, match=words):
            check_receipt(altered(**members), KEYS)

    def test_another_key(self) -> None:
        """A receipt of somebody else's log proves nothing."""
        with pytest.raises(Unproven, match="No pinned key"):
            check_receipt(RIGHT, [Signer(ORIGIN, bytes(32)).vkey])

    def test_every_character(self) -> None:
        """No character of a receipt can change, but for the handle, which proves nothing."""
        content = msgspec.json.encode(altered(audit_id="")).decode()
        draw = random.Random(3)
        for at, character in enumerate(content):
            other = draw.choice([each for each in 'aZ09{"[,:\\ —' if each != character])
            with pytest.raises(ProofError):
                check_receipt(parse_receipt(content[:at] + other + content[at + 1 :]), KEYS)

    @pytest.mark.parametrize(
        "content", ["", "[]", "{}", '{"audit_id":1}', "\ud800", r'{"entry":"\ud800"}', b"\xff"]
    )
    def test_no_receipt(self, content: str | bytes) -> None:
        """What is no receipt is refused as such."""
        with pytest.raises(Malformed):
            parse_receipt(content)

    def test_written_otherwise(self) -> None:
        """Whoever keeps JSON may order and indent it."""
        content = json.loads(msgspec.json.encode(RIGHT))

        assert RIGHT == parse_receipt(json.dumps(content, indent=2, sort_keys=True) + "\n")

    @pytest.mark.parametrize(
        "more",
        [
            b'"document":"FAKE",',
            b'"docu\\u006dent":"FAKE",',
            b'"document":null,',
            b'"Document":"FAKE",',
            b'"":1,',
            b'"verified_by":"me",',
            b'"log_index":7,',
        ],
    )
    def test_more_members(self, more: bytes) -> None:
        """Nothing stands in a receipt that another reader could take for what was proved."""
        content = msgspec.json.encode(RIGHT)

        for written in (b"{" + more + content[1:], content[:-1] + b"," + more[:-1] + b"}"):
            with pytest.raises(Malformed, match="no receipt"):
                parse_receipt(written)

    def test_deep(self) -> None:
        """However deep it is, it is no receipt."""
        for begin in ('{"more":', '{"proof":', '{"document":', ""):
            for bracket in ("[", '{"x":'):
                with pytest.raises(Malformed, match="no receipt"):
                    parse_receipt(begin + bracket * 100_000)

    def test_a_position_before_its_time(self) -> None:
        """The n-th entry of a tenant is not among the first n - 1 of the log."""
        leaf = leaf_bytes(identity(1), 2, bytes(32), bytes(32))
        root = leaf_hash(leaf)
        note = sign_checkpoint(Checkpoint(ORIGIN, 1, root), [SIGNER])

        with pytest.raises(Unproven, match="too early for position 2"):
            check_tlog_proof(format_tlog_proof(0, [], note, leaf), KEYS)


class TestTlogProofs:
    """The same proof as c2sp.org/tlog-proof."""

    def test_form(self) -> None:
        """The text has the lines of the specification, and the checkpoint verbatim."""
        lines = TEXT.split("\n")

        assert ["c2sp.org/tlog-proof@v1"] == lines[:1]
        assert lines[1].startswith("extra ")
        assert f"index {RIGHT.log_index}" == lines[2]
        assert len(RIGHT.proof) + 3 == lines.index("")
        assert TEXT.endswith(f"\n\n{LOG.note()}")

    def test_proves_the_leaf(self) -> None:
        """The leaf comes with the text, or from whoever has it."""
        without = TEXT.replace(TEXT.split("\n")[1] + "\n", "")

        proved = check_tlog_proof(TEXT, KEYS)
        assert parse_leaf(PLACED[40].leaf) == proved.leaf
        assert proved == check_tlog_proof(without, KEYS, leaf=PLACED[40].leaf)
        with pytest.raises(Malformed, match="Neither"):
            check_tlog_proof(without, KEYS)
        with pytest.raises(Unproven):
            check_tlog_proof(TEXT, KEYS, leaf=PLACED[39].leaf)

    def test_a_log_of_one(self) -> None:
        """Where there is one entry only, no hash is needed."""
        log = random_log(6, 0, [SIGNER])
        placed = log.append(1, 11)
        text = format_tlog_proof(0, [], log.note(), placed.leaf)

        assert 0 == check_tlog_proof(text, KEYS).log_index

    def test_every_character(self) -> None:
        """No character of the text can change."""
        draw = random.Random(4)
        for at, character in enumerate(TEXT):
            other = draw.choice([each for each in "aZ09 \n=+—" if each != character])
            with pytest.raises(ProofError):
                check_tlog_proof(TEXT[:at] + other + TEXT[at + 1 :], KEYS)

    @pytest.mark.parametrize(
        "before,after",
        [
            ("@v1", "@v2"),
            ("index ", "index 0"),
            ("index ", "index  "),
            ("index ", "Index "),
            ("index ", "index -"),
            ("extra ", "more "),
            ("extra ", "extra"),
            ("\n\n", "\n"),
            ("\n", "\r\n"),
        ],
    )
    def test_no_proof(self, before: str, after: str) -> None:
        """What is not of the form is no proof."""
        with pytest.raises(Malformed):
            parse_tlog_proof(TEXT.replace(before, after, 1))

    @pytest.mark.parametrize("rest", ["", "\n", "\nindex 0", "\nindex 0\n", "\nextra AA==\n\nx"])
    def test_no_end(self, rest: str) -> None:
        """Without index, empty line and checkpoint it is no proof."""
        with pytest.raises(Malformed):
            parse_tlog_proof(f"c2sp.org/tlog-proof@v1{rest}")

    def test_too_many_hashes(self) -> None:
        """No tree is so high."""
        line = TEXT.split("\n")[3] + "\n"
        rest = len(RIGHT.proof) - 1

        assert 63 == len(parse_tlog_proof(TEXT.replace(line, line * (63 - rest), 1)).proof)
        with pytest.raises(Malformed, match="so many"):
            parse_tlog_proof(TEXT.replace(line, line * 64, 1))
