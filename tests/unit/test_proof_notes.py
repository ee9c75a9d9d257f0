"""Notes, keys and checkpoints: what is signed is read, and nothing that is signed by others."""

import random
from base64 import b64decode, b64encode

import pytest

from service.proof.checkpoint import (
    Checkpoint,
    incarnation_of,
    open_checkpoint,
    origin_of,
    parse_checkpoint,
    sign_checkpoint,
)
from service.proof.fault import Malformed, ProofError, Unproven
from service.proof.keys import (
    COSIGNATURE,
    Signer,
    VerifierKey,
    format_seeds,
    new_seed,
    parse_seeds,
    parse_vkey,
)
from service.proof.note import (
    NOTE_LENGTH_MAX,
    SIGNATURES_MAX,
    Signature,
    add_signatures,
    cosigned,
    parse_note,
    sign,
    verify,
    verify_cosignatures,
)
from service.proof.tree import EMPTY_ROOT
from service.proof.witness import add_checkpoint, cosignature_lines

# The example of golang.org/x/mod/sumdb/note.
PETER_SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
BY_PETER = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTG"
    "wnWLox33WWd1RvMc+QQ=\n"
)
ORIGIN = "plant.local/0123456789abcdef"
SEEDS = [bytes([number]) * 32 for number in range(1, 5)]
OLD, NEW, WITNESS_KEY, STRANGER = (Signer(ORIGIN, seed) for seed in SEEDS)
WITNESS = VerifierKey("witness.example/w1", WITNESS_KEY.vkey.public, COSIGNATURE)
CHECKPOINT = Checkpoint(ORIGIN, 4711, bytes(range(32)))
NOTE = sign(TEXT, [OLD])


def cosignature(text: str, time_s: int, key: VerifierKey = WITNESS) -> str:
    """Cosign a text as the witness."""
    made = time_s.to_bytes(8) + WITNESS_KEY.sign(cosigned(text, time_s))
    return str(Signature(key.name, key.key_id, made))


class TestPublicExample:
    """The example that other implementations are tested with."""

    def test_same_key_and_signature(self) -> None:
        """The seed gives the published key and, byte for byte, the published note."""
        signer = Signer("PeterNeumann", PETER_SEED)

        assert PETER == str(signer.vkey)
        assert f"{TEXT}\n{BY_PETER}" == sign(TEXT, [signer])
        assert PETER_SEED.hex() not in repr(signer)

    @pytest.mark.parametrize("keys", [[PETER], [ENOCH], [PETER, ENOCH]])
    def test_either_key_will_do(self, keys: list[str]) -> None:
        """A note with two signatures is good for whoever knows one of the keys."""
        assert TEXT == verify(f"{TEXT}\n{BY_PETER}{BY_ENOCH}", [parse_vkey(key) for key in keys])

    def test_every_altered_byte_is_noticed(self) -> None:
        """No byte of the text can change; one of the signature line makes it no signature."""
        note = f"{TEXT}\n{BY_PETER}".encode()
        for at in range(len(note)):
            altered = note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]
            with pytest.raises((ProofError, UnicodeDecodeError)):
                verify(altered.decode(), [parse_vkey(PETER)])


class TestKeys:
    """Seeds and verifier keys."""

    @pytest.mark.parametrize("text", [PETER, ENOCH, str(WITNESS), str(OLD.vkey)])
    def test_text_both_ways(self, text: str) -> None:
        """A verifier key is read and written, a line's end is no part of it."""
        assert text == str(parse_vkey(f"{text}\n"))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "PeterNeumann",
            PETER.replace("+c7", "+C7"),
            PETER.replace("+c74f20a3", "+c74f20a4"),
            PETER.replace("PeterNeumann", "PeterNewmann"),
            PETER.replace("PeterNeumann", ""),
            PETER.replace("PeterNeumann", "Peter Neumann"),
            PETER[:-1],
            PETER[:-1] + "X",
            PETER[:-4],
            PETER + "AAAA",
            PETER.replace("+ARp", "+Aip"),
            f"PRIVATE+KEY+{PETER}",
        ],
    )
    def test_altered_text_is_refused(self, text: str) -> None:
        """A key that was mistyped is not another key."""
        with pytest.raises(Malformed):
            parse_vkey(text)

    @pytest.mark.parametrize("text", ["", "PeterNeumann", "PeterNeumann+c74f20a3"])
    def test_what_is_no_key_at_all(self, text: str) -> None:
        """Whoever pastes something else is told what a verifier key looks like."""
        with pytest.raises(Malformed, match=r"<name>\+<8 hex digits>\+<base64>"):
            parse_vkey(text)

    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "\ud800"])
    def test_names(self, name: str) -> None:
        """A name without which a note could not be read again is refused."""
        with pytest.raises(Malformed, match="name"):
            Signer(name, SEEDS[0])

    @pytest.mark.parametrize("kind", [0, 2, 3, 5, 6, 255])
    def test_other_kinds(self, kind: int) -> None:
        """Keys of other algorithms are refused by their number."""
        with pytest.raises(Malformed, match=f"type {kind} are not known"):
            VerifierKey(ORIGIN, bytes(32), kind)

    @pytest.mark.parametrize("length", [0, 31, 33])
    def test_lengths(self, length: int) -> None:
        """Seeds and keys have 32 bytes."""
        with pytest.raises(Malformed, match="32 bytes"):
            Signer(ORIGIN, bytes(length))
        with pytest.raises(Malformed, match="32 bytes"):
            VerifierKey(ORIGIN, bytes(length))

    def test_key_files(self) -> None:
        """A key file has a seed per line, comments and empty lines."""
        seeds = [new_seed(), new_seed()]
        first, second = format_seeds(seeds).splitlines()

        assert seeds == parse_seeds(f"# of 2025\n{first} # primary\n\n  {second}\r\n#{first}\n")
        assert seeds[:1] == parse_seeds(first)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "# nothing\n",
            "c2hvcnQ=\n",
            b64encode(bytes(33)).decode(),
            b64encode(bytes(32)).decode()[:-2] + "B=",
            bytes(32).hex(),
            format_seeds([SEEDS[0], SEEDS[1], SEEDS[0]]),
        ],
    )
    def test_bad_key_files(self, text: str) -> None:
        """What is no seed is refused, without repeating it: it may be half of a secret."""
        with pytest.raises(Malformed) as caught:
            parse_seeds(text)

        assert [] == [part for part in text.split() if len(part) > 1 and part in str(caught.value)]

    def test_bad_line_is_numbered(self) -> None:
        """The line with a bad seed is named by its number."""
        with pytest.raises(Malformed, match="line 3"):
            parse_seeds(f"# of 2025\n{format_seeds(SEEDS[:1])}nonsense\n")

    def test_another_name_is_another_key(self) -> None:
        """The same key under another name has another id."""
        renamed = OLD.vkey.named(f"{ORIGIN}/inc2")

        assert renamed == Signer(f"{ORIGIN}/inc2", SEEDS[0]).vkey
        assert renamed.key_id != OLD.vkey.key_id


class TestNotes:
    """What a signature is good for."""

    def test_rotation_overlaps(self) -> None:
        """Signed with both keys, a note is good for whoever pins either or both."""
        note = sign(TEXT, [OLD, NEW])

        for keys in ([OLD.vkey], [NEW.vkey], [NEW.vkey, OLD.vkey], [STRANGER.vkey, NEW.vkey]):
            assert TEXT == verify(note, keys)

    def test_unknown_keys_say_nothing(self) -> None:
        """Nobody's pinned key: the note says nothing, whoever else signed."""
        with pytest.raises(Unproven, match=f"signed it has {ORIGIN}"):
            verify(sign(TEXT, [STRANGER]), [OLD.vkey, NEW.vkey])
        with pytest.raises(Unproven):
            verify(sign(TEXT, [OLD]), [])

    def test_one_false_signature_spoils_it(self) -> None:
        """A signature with a pinned key's name and id that is not its own spoils the note."""
        forged = str(Signature(ORIGIN, NEW.vkey.key_id, STRANGER.sign(TEXT.encode())))

        with pytest.raises(Unproven, match="not that of this text"):
            verify(sign(TEXT, [OLD]) + forged, [OLD.vkey, NEW.vkey])
        assert TEXT == verify(sign(TEXT, [OLD]) + forged, [OLD.vkey])

    def test_text_ends_at_the_last_empty_line(self) -> None:
        """A text may have empty lines, and what looks like signatures, in it."""
        text = f"one\n\n{BY_PETER}\ntwo\n"

        assert text == verify(sign(text, [OLD]), [OLD.vkey])

    @pytest.mark.parametrize(
        "note",
        [
            NOTE[:-1],
            NOTE.replace("\n\n", "\n"),
            NOTE + "\n",
            NOTE + "x\n",
            NOTE.replace("— ", "- "),
            NOTE.replace("— ", "—  "),
            NOTE.replace("\n", "\r\n"),
            "\x00" + NOTE,
            "\ud800" + NOTE,
            NOTE + "— a+b AAAAAAAA\n",
            NOTE + "— name AAAA\n",
            NOTE + "— name AAAAAA==\n",
            NOTE + "— name AAAAAAA=\n\n",
            NOTE + "— name AAAAAAB=\n",
            NOTE + BY_PETER * 64,
            "x" * 70_000 + NOTE,
            "\n" + NOTE.partition("\n\n")[2],
            "",
        ],
    )
    def test_no_note(self, note: str) -> None:
        """What is not of the form is no note."""
        with pytest.raises(Malformed):
            parse_note(note)

    @pytest.mark.parametrize("text", ["", "no end", "a\tb\n", "a\r\n", "\ud800\n"])
    def test_what_is_not_signed(self, text: str) -> None:
        """A text that no note can have is not signed."""
        with pytest.raises(Malformed):
            sign(text, [OLD])

    def test_nobody_signs(self) -> None:
        """Without keys there is no note."""
        with pytest.raises(Malformed, match="at least one signature"):
            sign(TEXT, [])

    def test_bounds(self) -> None:
        """As long, and with as many signatures, as a note may be."""
        line = BY_PETER * (SIGNATURES_MAX - 1)
        longest = "x" * (NOTE_LENGTH_MAX - len(NOTE)) + NOTE

        assert SIGNATURES_MAX == len(parse_note(NOTE + line).signatures)
        assert NOTE_LENGTH_MAX == len(longest)
        assert longest.startswith(parse_note(longest).text)
        for wrong in (NOTE + line + BY_PETER, "x" + longest):
            with pytest.raises(Malformed, match="at most"):
                parse_note(wrong)

    def test_many_signatures(self) -> None:
        """At least the sixteen signatures of the specification are read."""
        signers = [Signer(f"name{number}", new_seed()) for number in range(16)]

        assert TEXT == verify(sign(TEXT, signers), [signers[-1].vkey])


class TestCosignatures:
    """What a witness adds."""

    def test_times(self) -> None:
        """Each witness's latest time is given; a log's signature is none of a witness's."""
        note = add_signatures(
            sign(TEXT, [OLD]), cosignature(TEXT, 1_679_315_147) + cosignature(TEXT, 5)
        )

        assert {WITNESS.name: 1_679_315_147} == verify_cosignatures(note, [WITNESS])
        assert {} == verify_cosignatures(sign(TEXT, [WITNESS_KEY]), [WITNESS])
        assert {WITNESS.name: 0} == verify_cosignatures(NOTE + cosignature(TEXT, 0), [WITNESS])
        assert TEXT == verify(note, [OLD.vkey])

    def test_signed_bytes(self) -> None:
        """The message is that of the specification's example."""
        text = (
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        )

        assert f"cosignature/v1\ntime 1679315147\n{text}".encode() == cosigned(text, 1_679_315_147)

    @pytest.mark.parametrize(
        "line",
        [
            cosignature("another text\n", 5),
            cosignature(TEXT, 5).replace("AAAAAA", "AAAAAB"),
            str(Signature(WITNESS.name, WITNESS.key_id, bytes(72))),
            str(Signature(WITNESS.name, WITNESS.key_id, bytes(71))),
            str(Signature(WITNESS.name, WITNESS.key_id, b"\xff" * 72)),
            str(Signature(WITNESS.name, WITNESS.key_id, WITNESS_KEY.sign(TEXT.encode()))),
        ],
    )
    def test_false_ones(self, line: str) -> None:
        """A cosignature of another text, time or length is refused."""
        with pytest.raises(Unproven, match="witness"):
            verify_cosignatures(sign(TEXT, [OLD]) + line, [WITNESS])

    def test_roles_are_kept_apart(self) -> None:
        """A witness does not stand in for the log, nor the log for a witness."""
        with pytest.raises(Malformed, match="witness"):
            verify(sign(TEXT, [OLD]), [WITNESS])
        with pytest.raises(Malformed, match="log"):
            verify_cosignatures(sign(TEXT, [OLD]), [OLD.vkey])

    def test_a_line_is_added_once(self) -> None:
        """What the note has already is not added; what is no line is refused."""
        line = cosignature(TEXT, 5)
        once = add_signatures(sign(TEXT, [OLD]), line + line)

        assert sign(TEXT, [OLD]) + line == once == add_signatures(once, line)
        for wrong in ("", line[:-1], line + "\n", "x" + line):
            with pytest.raises(Malformed):
                add_signatures(once, wrong)


class TestWitnesses:
    """The request to a witness, and its answer."""

    def test_request(self) -> None:
        """The body is old size, proof, an empty line and the checkpoint."""
        assert f"old 0\n\n{NOTE}" == add_checkpoint(0, [], NOTE)
        assert f"old 3\n{b64encode(bytes(32)).decode()}\n\n{NOTE}" == add_checkpoint(
            3, [bytes(32)], NOTE
        )

    def test_answer(self) -> None:
        """Of an answer the witness's own lines are taken."""
        mine, other = cosignature(TEXT, 5), BY_PETER
        assert mine == cosignature_lines(NOTE, other + mine, WITNESS)
        assert not cosignature_lines(NOTE, other, WITNESS)

    @pytest.mark.parametrize("answer", ["", "4711\n", "<html>", cosignature("x\n", 5)])
    def test_no_answer(self, answer: str) -> None:
        """What is no cosignature of this checkpoint is refused."""
        with pytest.raises(ProofError):
            cosignature_lines(NOTE, answer, WITNESS)


class TestCheckpoints:
    """The text of a checkpoint, and whose it is."""

    def test_both_ways(self) -> None:
        """A checkpoint is three lines, signed by keys that are named like the log."""
        note = sign_checkpoint(CHECKPOINT, [OLD, NEW])

        root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        assert note.startswith(f"{ORIGIN}\n4711\n{root}\n\n— {ORIGIN} ")
        assert CHECKPOINT == open_checkpoint(note, [NEW.vkey])

    def test_extensions_are_kept(self) -> None:
        """Further lines are part of what is signed."""
        extended = Checkpoint(ORIGIN, 1, bytes(32), ("one", "two"))

        assert extended == parse_checkpoint(extended.text())

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n",
            CHECKPOINT.text()[:-1],
            CHECKPOINT.text() + "\n",
            CHECKPOINT.text().replace("4711", "04711"),
            CHECKPOINT.text().replace("4711", "+4711"),
            CHECKPOINT.text().replace("4711", ""),
            CHECKPOINT.text().replace("4711", "-1"),
            CHECKPOINT.text().replace("4711", "٤٧١١"),
            CHECKPOINT.text().replace("4711", str(2**63)),
            CHECKPOINT.text().replace("4711", "0"),
            CHECKPOINT.text().replace("h8=\n", "h9=\n"),
            CHECKPOINT.text().replace("AAEC", ""),
            CHECKPOINT.text().replace(ORIGIN, ""),
            CHECKPOINT.text().replace(ORIGIN, "a b"),
            CHECKPOINT.text().replace(ORIGIN, "a+b"),
            "\n".join(CHECKPOINT.text().split("\n")[:2]) + "\n",
            CHECKPOINT.text() + "an extension that was cu",
        ],
    )
    def test_no_checkpoint(self, text: str) -> None:
        """What is not of the form is no checkpoint, even when it is signed."""
        with pytest.raises(Malformed):
            parse_checkpoint(text)

    @pytest.mark.parametrize(
        "size,root,extensions",
        [
            (-1, bytes(32), ()),
            (2**63, bytes(32), ()),
            (1, bytes(31), ()),
            (1, bytes(33), ()),
            (0, bytes(32), ()),
            (1, bytes(32), ("",)),
            (1, bytes(32), ("one\ntwo",)),
        ],
    )
    def test_nothing_else_is_made(
        self, size: int, root: bytes, extensions: tuple[str, ...]
    ) -> None:
        """What could not be read again is not written."""
        with pytest.raises(Malformed):
            Checkpoint(ORIGIN, size, root, extensions)

    def test_of_another_log(self) -> None:
        """A key vouches for the log of its own name only."""
        other = Signer("other.example/log", SEEDS[0])
        note = sign(CHECKPOINT.text(), [other])

        with pytest.raises(Unproven, match=r"another log's key signed it"):
            open_checkpoint(note, [other.vkey])
        with pytest.raises(Unproven, match=r"another log's key signed it"):
            open_checkpoint(note, [other.vkey, OLD.vkey])
        with pytest.raises(Malformed, match="signs for itself"):
            sign_checkpoint(CHECKPOINT, [other])

    def test_empty_log(self) -> None:
        """An empty log has the one root that it can have."""
        empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)

        assert empty == parse_checkpoint(empty.text())

    @pytest.mark.parametrize(
        "origin,base,number",
        [
            (ORIGIN, ORIGIN, 1),
            (f"{ORIGIN}/inc2", ORIGIN, 2),
            (f"{ORIGIN}/inc12", ORIGIN, 12),
        ],
    )
    def test_incarnations(self, origin: str, base: str, number: int) -> None:
        """From the second on an incarnation has its number in the origin."""
        assert origin == origin_of(base, number)
        assert (base, number) == incarnation_of(origin)

    @pytest.mark.parametrize("origin", [f"{ORIGIN}/inc1", f"{ORIGIN}/inc02", "/inc2", "a/inc"])
    def test_no_incarnation(self, origin: str) -> None:
        """Whatever nobody would write for a later incarnation is a bare name."""
        assert (origin, 1) == incarnation_of(origin)

    def test_every_altered_byte_is_noticed(self) -> None:
        """No byte of a checkpoint can change."""
        note = sign_checkpoint(CHECKPOINT, [OLD]).encode()
        draw = random.Random(6)
        for at in range(len(note)):
            altered = note[:at] + bytes([note[at] ^ 1 << draw.randrange(8)]) + note[at + 1 :]
            with pytest.raises((ProofError, UnicodeDecodeError)):
                open_checkpoint(altered.decode(), [OLD.vkey])
