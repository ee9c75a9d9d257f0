"""docs/verify.py agrees with the service's check in everything, and needs nothing of it."""

import ast
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature

from service.cli.output import Output
from service.proof.bundle import (
    ERASED,
    PRUNED,
    WITHHELD,
    Absent,
    header_line,
    shown_line,
    trailer_line,
)
from service.proof.bundle_check import check_bundle
from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import ERASE, NOTHING, entry_hash, leaf_bytes, payload_hash
from service.proof.fault import Damaged, Undecided
from service.proof.keys import Signer
from service.proof.note import Signature
from service.proof.tiles import Frontier, Tile, extend, prove_inclusion
from service.proof.tree import leaf_hash
from service.verify.bundle import verify_bundle
from service.verify.evidence import Evidence
from service.verify.pinned import Pinned
from tests.audit_vectors import receipt_of
from tests.sealed import ORIGIN, Log, Placed, identity, random_log

SCRIPT = Path(__file__).parents[2] / "docs" / "verify.py"
LINES_MAX = 200
SIGNER = Signer(ORIGIN, b"\x07" * 32)
KEYS = [SIGNER.vkey]
REFUSALS = (ValueError, TypeError, KeyError, InvalidSignature)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Load the script."""
    spec = spec_from_file_location("verify", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdicts(
    script: ModuleType,
    content: bytes,
    held: list[Checkpoint] | None = None,
    leaves: dict[int, bytes] | None = None,
) -> tuple[int, int]:
    """Give the exit codes of both verifiers."""
    held, leaves = held or [], leaves or {}
    try:
        check_bundle(BytesIO(content), KEYS, held, leaves)
        ours = 0
    except Damaged:
        ours = 1
    except Undecided:
        ours = 2
    keys = dict(script.read_key(str(key)) for key in KEYS)
    kept = {(identity(1), position, leaf.hex()) for position, leaf in leaves.items()}
    tuples = [(each.origin, each.size, each.root) for each in held]
    try:
        script.check(BytesIO(content), keys, tuples, kept)
        theirs = 0
    except script.ProofError as error:
        theirs = error.args[1]
    except REFUSALS:
        theirs = 1
    return ours, theirs


def history() -> Log:
    """Make a log with an erasure and several tenants."""
    log = Log([SIGNER])
    for tenant, entity in [(1, 11), (2, 21), (1, 12), (1, 11), (2, 22), (1, 12)]:
        log.append(tenant, entity)
    log.append(1, 11, ERASE)
    log.append(1, 13)
    return log


LOG = history()
BUNDLE = b"".join(LOG.bundle(1, since=[3], absent={2: WITHHELD, 4: PRUNED}))


def keep(folder: Path) -> None:
    """Keep a bundle in a folder, and what it may be held against."""
    log = history()
    receipts: dict[str, Placed] = {}
    for owner, name, second in ((1, "mine", "contrary"), (2, "other", "alien")):
        placed = log.tenants[identity(owner)]
        receipts[name], kept, first = placed[1], [*placed], placed[0]
        # What only who holds the key can make: a second leaf for the second position.
        del placed[1:]
        receipts[second] = log.place(identity(owner), first.entry, first.salt, first.document)
        placed[:] = kept
    written = {name: msgspec.json.encode(receipt_of(log, each)) for name, each in receipts.items()}
    mine = written["mine"]
    files = written | {
        "bundle": b"".join(log.bundle(1, since=[3])),
        "fork": random_log(1, 3, [SIGNER]).note().encode(),
        "unasked": log.note(5).encode(),
        "pretty": json.dumps(json.loads(mine), indent=1, sort_keys=True).encode(),
        "twice": mine.replace(b'"document":', b'"document":"FAKE","document":'),
        "more": mine.replace(b'"document":', b'"Document":"FAKE","document":'),
        "deep": b'{"x":' + b"[" * 100_000,
        "open": b"{" * 100_000,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


class TestScript:
    """The file itself."""

    def test_is_short(self) -> None:
        """A stranger reads it in one sitting."""
        assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) <= LINES_MAX

    def test_needs_nothing_of_the_service(self) -> None:
        """It imports the standard library and `cryptography`."""
        tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
        names = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

        assert {"cryptography"} == {
            name.partition(".")[0] for name in names
        } - sys.stdlib_module_names


class TestCommand:
    """What a stranger types, and is told."""

    @pytest.mark.parametrize(
        "spoil,trusted,code,words",
        [
            (b"", "", 0, f"Intact: 6 entries of tenant {identity(1)}; 4 documents not shown"),
            (b"", "checkpoint", 0, "Intact"),
            (b"", "receipt", 0, "Intact"),
            (b"", "both", 0, "Intact"),
            ("Zählen 13".encode(), "", 1, "position 6: the document was changed"),
            (b'"amend"', "", 1, "position 3: the entry was changed, or lines are elsewhere"),
            (b'"count":6', "", 1, "6 entries are there, 7 are counted"),
            (b"", "later", 1, "rolled back to 8"),
            (b"", "unasked", 2, "since=5"),
            (b"", "stranger", 2, "is not signed with your key"),
            (b"", "absent", 2, "FileNotFoundError"),
        ],
    )
    def test_exit_codes(
        self, tmp_path: Path, spoil: bytes, trusted: str, code: int, words: str
    ) -> None:
        """It exits with 0, 1 or 2 and says in one line what it found."""
        changed = {b'"amend"': b'"admen"', b'"count":6': b'"count":7'}.get(spoil, b"changed")
        content = BUNDLE.replace(spoil, changed, 1) if spoil else BUNDLE
        later = history()
        later.append(2, 23)
        stranger = Log([Signer(ORIGIN, bytes(32))])
        stranger.append(1, 11)
        receipt = receipt_of(LOG, LOG.tenants[identity(1)][2])
        files = {
            "checkpoint": LOG.note(3).encode(),
            "receipt": msgspec.json.encode(receipt),
            "later": later.note().encode(),
            "unasked": LOG.note(5).encode(),
            "stranger": stranger.note().encode(),
        }
        for name, text in (files | {"bundle": content}).items():
            (tmp_path / name).write_bytes(text)
        names = {"": [], "both": ["checkpoint", "receipt"]}.get(trusted, [trusted])
        command = [sys.executable, str(SCRIPT), "--key", str(KEYS[0]), "bundle"]
        told = subprocess.run(
            [*command, *(["--trust", *names] if names else [])],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
            check=False,
            capture_output=True,
            text=True,
        )

        assert (code, "") == (told.returncode, told.stderr)
        assert words in told.stdout
        assert 1 == told.stdout.count("\n")

    @pytest.mark.parametrize(
        "names,code",
        [
            (["mine"], 0),
            (["other"], 2),
            (["other", "mine"], 2),
            (["mine", "other"], 2),
            (["mine", "contrary"], 1),
            (["contrary", "mine"], 1),
            (["other", "contrary", "mine"], 1),
            (["other", "alien"], 1),
            (["alien", "other"], 1),
            (["alien"], 2),
            (["other", "fork"], 1),
            (["unasked", "fork"], 1),
            (["fork", "unasked"], 1),
            (["pretty"], 0),
            (["twice"], 2),
            (["more"], 2),
            (["deep"], 2),
            (["open"], 2),
        ],
    )
    def test_receipts(self, tmp_path: Path, names: list[str], code: int) -> None:
        """The order does not matter; both verifiers say the same of what cannot be used."""
        keep(tmp_path)
        files = [str(tmp_path / name) for name in names]
        command = [sys.executable, str(SCRIPT), "--key", str(KEYS[0]), str(tmp_path / "bundle")]
        told = subprocess.run(
            [*command, "--trust", *files], check=False, capture_output=True, text=True
        )
        evidence = Evidence(Pinned(KEYS))
        for file in files:
            is_note = file.endswith(("fork", "unasked"))
            (evidence.add_checkpoints if is_note else evidence.add_receipts)([Path(file)])

        assert (code, "") == (told.returncode, told.stderr)
        assert 1 == told.stdout.count("\n")
        verdict = verify_bundle(tmp_path / "bundle", evidence, Output(as_json=True).progress)
        assert code == verdict.exit_code
        if "other" in names:
            assert any(identity(2) in each for each in verdict.unchecked)

    @pytest.mark.parametrize(
        "vkey", ["", "x+y", str(KEYS[0])[:-1], str(KEYS[0]).replace("+", "+0", 1)]
    )
    def test_mistyped_key(self, tmp_path: Path, vkey: str) -> None:
        """With a key that was mistyped it could not tell."""
        (tmp_path / "bundle").write_bytes(BUNDLE)
        command = [sys.executable, str(SCRIPT), "--key", vkey, str(tmp_path / "bundle")]

        assert 2 == subprocess.run(command, check=False, capture_output=True).returncode


class TestAgreement:
    """Both verifiers say the same."""

    @pytest.mark.parametrize("seed", range(8))
    def test_on_random_histories(self, script: ModuleType, seed: int) -> None:
        """What is sound is accepted by both, with checkpoints of every size."""
        draw, log = random.Random(seed), random_log(seed, 50, [SIGNER])
        for tenant in range(3):
            size = draw.randint(0, log.size)
            content = b"".join(log.bundle(tenant, since=[size]))

            assert (0, 0) == verdicts(script, content, [log.checkpoint(size)])

    @pytest.mark.parametrize("seed", range(4))
    def test_on_every_byte(self, script: ModuleType, seed: int) -> None:
        """No byte can be changed to another, taken out or put in; neither verifier overlooks it."""
        draw = random.Random(seed)
        for at in range(seed, len(BUNDLE), 4):
            other = bytes(
                [draw.choice([byte for byte in b'aZ09{"[,:\\ \t\n\xe4' if byte != BUNDLE[at]])]
            )
            changed = [
                BUNDLE[:at] + other + BUNDLE[at + 1 :],
                BUNDLE[:at] + BUNDLE[at + 1 :],
                BUNDLE[:at] + other + BUNDLE[at:],
            ]
            for content in changed:
                ours, theirs = verdicts(script, content, [LOG.checkpoint(3)])
                assert ours == theirs > 0

    def test_on_every_cut(self, script: ModuleType) -> None:
        """No beginning and no end of a bundle is a bundle."""
        for length in range(len(BUNDLE)):
            assert (1, 1) == verdicts(script, BUNDLE[:length])
            assert (1, 1) == verdicts(script, BUNDLE[length + 1 :])

    def test_on_moved_lines(self, script: ModuleType) -> None:
        """Lines in another order, dropped or repeated are not accepted."""
        lines = BUNDLE.splitlines(keepends=True)
        for one in range(len(lines)):
            assert (1, 1) == verdicts(script, b"".join(lines[:one] + lines[one + 1 :]))
            for two in range(len(lines)):
                if one != two:
                    moved = [*lines]
                    moved.insert(two, moved.pop(one))
                    assert (1, 1) == verdicts(script, b"".join(moved))
                    assert (1, 1) == verdicts(
                        script, b"".join([*lines[:two], lines[one], *lines[two:]])
                    )

    def test_on_what_one_holds(self, script: ModuleType) -> None:
        """Rollback, fork, another log, another leaf, a proof that nobody asked for."""
        other = random_log(1, 8, [SIGNER])
        leaves = {each.position: leaf_hash(each.leaf) for each in LOG.tenants[identity(1)]}

        assert (0, 0) == verdicts(
            script, BUNDLE, [LOG.checkpoint(size) for size in (0, 3, 8)], leaves
        )
        assert (2, 2) == verdicts(script, BUNDLE, [LOG.checkpoint(4)])
        assert (1, 1) == verdicts(script, BUNDLE, [other.checkpoint(3)])
        assert (1, 1) == verdicts(script, BUNDLE, [other.checkpoint(8)])
        assert (1, 1) == verdicts(script, BUNDLE, [Checkpoint(ORIGIN, 9, NOTHING)])
        assert (2, 2) == verdicts(script, BUNDLE, [Checkpoint(f"{ORIGIN}/inc2", 3, NOTHING)])
        assert (1, 1) == verdicts(script, BUNDLE, leaves=leaves | {6: NOTHING})
        assert (1, 1) == verdicts(script, BUNDLE, leaves=leaves | {7: NOTHING})

    def test_on_signers(self, script: ModuleType) -> None:
        """Another key, another log's name, a shorter tree, and both keys of a rotation."""
        for signers in ([Signer(ORIGIN, b"\x08" * 32)], [Signer("other.example", b"\x07" * 32)]):
            forged = history()
            forged.signers = signers
            assert (1, 1) == verdicts(script, b"".join(forged.bundle(1)))
        rotated = history()
        rotated.signers = [Signer(ORIGIN, b"\x09" * 32), SIGNER]
        assert (0, 0) == verdicts(script, b"".join(rotated.bundle(1)))
        placed = LOG.tenants[identity(1)][-1]
        older = trailer_line(6, (placed.log_index, LOG.inclusion(placed)), LOG.note(7))
        lines = BUNDLE.splitlines(keepends=True)
        assert (1, 1) == verdicts(script, b"".join([*lines[:-1], older]))

    @pytest.mark.parametrize("why", [WITHHELD, PRUNED, ERASED])
    @pytest.mark.parametrize("position", range(1, 7))
    def test_on_absent_documents(self, script: ModuleType, why: Absent, position: int) -> None:
        """Withheld and pruned are accepted anywhere, erased before an erasure only."""
        content = b"".join(LOG.bundle(1, absent={position: why}))
        expected = int(why == ERASED and position not in (1, 3))

        assert (expected, expected) == verdicts(script, content)

    @pytest.mark.parametrize(
        "before,after",
        [
            (b"entry/v1", b"entry/v2"),
            (b'"team"', b'"Team"'),
            (b"000b", b"000B"),
            (b",1,", b",2,"),
            (b",1,", b", 1,"),
            (b'"]', b'",1]'),
        ],
    )
    def test_on_what_was_sealed_badly(
        self, script: ModuleType, before: bytes, after: bytes
    ) -> None:
        """An entry that is not well written is refused though its hash was sealed."""
        log = Log([SIGNER])
        right = log.append(1, 12)
        other = Log([SIGNER]).append(1, 11)
        written = (right if b"team" in before else other).entry.replace(before, after)
        assert written not in (right.entry, other.entry)
        log.place(identity(1), written, other.salt, other.document)

        assert (1, 1) == verdicts(script, b"".join(log.bundle(1, absent={2: WITHHELD})))


def with_note(text: str, others: str = "") -> bytes:
    """Give the bundle with a note of its own, whatever it says."""
    own = Signature(ORIGIN, SIGNER.vkey.key_id, SIGNER.sign(text.encode()))
    placed = LOG.tenants[identity(1)][-1]
    last = trailer_line(6, (placed.log_index, LOG.inclusion(placed)), f"{text}\n{own}{others}")
    return b"".join([*LOG.bundle(1)[:-1], last])


class TestStrictness:
    """Who holds the key cannot write anything that one verifier takes and the other does not."""

    @pytest.mark.parametrize(
        "before,after",
        [
            ("\n8\n", "\n08\n"),
            ("\n8\n", "\n+8\n"),
            ("\n8\n", "\n0_8\n"),
            ("\n8\n", "\n٨\n"),
            ("\n8\n", "\n 8\n"),
            ("\n8\n", "\n-8\n"),
            ("\n8\n", "\n8.0\n"),
            ("\n8\n", f"\n1{'0' * 18}\n"),
            ("=\n", "\n"),
            ("=\n", "=\n\nmore\n"),
            ("=\n", "=\nmo\tre\n"),
            ("=\n", "=\n\n"),
            (ORIGIN, f"{ORIGIN} "),
            (ORIGIN, f"\n{ORIGIN}"),
        ],
    )
    def test_on_the_text_of_a_checkpoint(self, script: ModuleType, before: str, after: str) -> None:
        """Each number has one spelling, and no line is empty."""
        text = LOG.checkpoint().text()

        assert (0, 0) == verdicts(script, with_note(text))
        assert (0, 0) == verdicts(script, with_note(text + "more\n"))
        assert (1, 1) == verdicts(script, with_note(text.replace(before, after, 1)))

    def test_on_the_signatures_of_a_note(self, script: ModuleType) -> None:
        """There are at most 64, under names that are printable, none of them too short."""
        text, other = LOG.checkpoint().text(), str(Signature("other", b"abcd", b"x"))

        assert (0, 0) == verdicts(script, with_note(text, 63 * other))
        for others in (
            64 * other,
            str(Signature("zero\u200bwidth", b"abcd", b"x")),
            str(Signature("two words", b"abcd", b"x")),
            str(Signature("no\u00a0break", b"abcd", b"x")),
            str(Signature("a+b", b"abcd", b"x")),
            str(Signature("", b"abcd", b"x")),
            str(Signature("short", b"abcd", b"")),
            "— other YWJjZHi=\n",
            "- other YWJjZHg=\n",
            "— other YWJjZHg=",
            "\n",
            63 * str(Signature("long", b"abcd", 1_000 * b"x")),
        ):
            assert (1, 1) == verdicts(script, with_note(text, others))

    def test_on_a_history_of_nothing(self, script: ModuleType) -> None:
        """Without entries nothing is proved, and an empty log has one root."""
        first, last = LOG.bundle(7)
        assert (0, 0) == verdicts(script, first + last)
        assert (0, 0) == verdicts(script, b"".join(Log([SIGNER]).bundle(7)))

        root = LOG.checkpoint().text().split("\n")[2]
        made = SIGNER.sign(f"{ORIGIN}\n0\n{root}\n".encode())
        note = f"{ORIGIN}\n0\n{root}\n\n{Signature(ORIGIN, SIGNER.vkey.key_id, made)}"
        for end in (
            trailer_line(0, (0, []), LOG.note()),
            trailer_line(0, None, LOG.note()).replace(b'"proof":[]', b'"proof":["%064d"]' % 0),
            trailer_line(0, None, note),
        ):
            assert (1, 1) == verdicts(script, first + end)

    @pytest.mark.parametrize("time", [f"1{'0' * 18}", f"{2**63}", f"1{'0' * 30}", f"-1{'0' * 18}"])
    def test_on_times(self, script: ModuleType, time: str) -> None:
        """No time has more than 18 digits, in an entry that is otherwise like one before it."""
        log = Log([SIGNER])
        log.append(1, 11)
        other = log.append(1, 16)
        del log.tenants[identity(1)][1:]
        log = Log([SIGNER])
        log.append(1, 11)
        written = other.entry.split(b",")
        written[8] = time.encode()
        log.place(identity(1), b",".join(written), other.salt, other.document)

        assert (1, 1) == verdicts(script, b"".join(log.bundle(1)))

    def test_on_sizes_that_nobody_asked_for(self, script: ModuleType) -> None:
        """Sizes of proofs in the last line have at most 18 digits, whether they are used or not."""
        for size, expected in ((10**18 - 1, 0), (10**18, 1)):
            content = BUNDLE.replace(b'{"size":3,', b'{"size":%d,' % size)
            assert (expected, expected) == verdicts(script, content)


def test_json_of_the_last_line_has_one_spelling(script: ModuleType) -> None:
    """The same last line, written otherwise, is refused by both."""
    *lines, last = BUNDLE.splitlines(keepends=True)
    content = json.loads(last)
    for written in (
        json.dumps(content, ensure_ascii=False),
        json.dumps(content, separators=(",", ":")),
        json.dumps(dict(reversed(content.items())), ensure_ascii=False, separators=(",", ":")),
        json.dumps(content | {"more": 1}, ensure_ascii=False, separators=(",", ":")),
    ):
        assert (1, 1) == verdicts(script, b"".join([*lines, f"{written}\n".encode()]))


MILLION = 1_000_000


def long_history(changed: int = 0) -> Iterator[bytes]:
    """Make the bundle of a million entries while it is read, one document changed if asked for."""
    owner, leaf, versions = identity(1), NOTHING, dict[int, tuple[int, bytes]]()
    salt, draw, grown = b"\x05" * 16, random.Random(1), Frontier()
    tiles: dict[Tile, bytes] = {}
    yield header_line(owner)
    for position in range(1, MILLION + 1):
        entity = draw.randrange(MILLION // 3)
        version, previous = versions.get(entity, (0, NOTHING))
        document = b'{"version":%d,"name":"%d"}' % (version + 1, entity)
        entry = (
            f'["plant-entry/v1","{owner}","skill","{identity(1_000 + entity)}",{version + 1},'
            f'"amend","{identity(900)}","{identity(901)}",{1_763_800_000_000_000 + position},'
            f'"{payload_hash(salt, document).hex()}","{previous.hex()}"]'
        ).encode()
        versions[entity] = version + 1, entry_hash(entry)
        leaf = leaf_hash(leaf_bytes(owner, position, versions[entity][1], leaf))
        grown, added = extend(grown, [leaf])
        tiles |= added
        yield shown_line(entry, salt, document + b" " * (position == changed), leaf)
    note = sign_checkpoint(Checkpoint(ORIGIN, MILLION, grown.root()), [SIGNER])
    last = MILLION - 1, prove_inclusion(MILLION - 1, MILLION, tiles)
    yield trailer_line(MILLION, last, note)


@pytest.mark.nightly
def test_a_million_entries(script: ModuleType) -> None:
    """Both verifiers confirm a long history, and name the one document that was changed in it."""
    keys = dict(script.read_key(str(key)) for key in KEYS)

    assert MILLION == check_bundle(long_history(), KEYS).count
    assert f"{MILLION} entries" in script.check(long_history(), keys, [], set())
    with pytest.raises(Damaged) as caught:
        check_bundle(long_history(changed=MILLION - 1), KEYS)
    assert ("document", MILLION - 1) == (caught.value.kind, caught.value.position)
    with pytest.raises(script.ProofError, match=f"position {MILLION - 1}: the document"):
        script.check(long_history(changed=MILLION - 1), keys, [], set())
