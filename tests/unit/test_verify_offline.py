"""What one keeps of a log, checked where there is neither database nor service."""

import json
from pathlib import Path

import msgspec
import pytest

from service.__main__ import main
from service.proof.keys import Signer
from service.proof.receipt import Receipt, format_tlog_proof
from tests.sealed import ORIGIN, Log, Placed, identity, random_log

SIGNER = Signer(ORIGIN, b"\x07" * 32)
KEY = str(SIGNER.vkey)
LOG = random_log(5, 60, [SIGNER])
OTHER = random_log(6, 60, [SIGNER])
LATER = random_log(6, 70, [SIGNER])
STRANGE = random_log(5, 60, [Signer(ORIGIN, b"\x08" * 32)])
Read = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory of its own, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANT_DATA_DIR", "none")


def placed(log: Log, log_index: int) -> Placed:
    """Give the entry at an index."""
    return next(
        each for all_ in log.tenants.values() for each in all_ if each.log_index == log_index
    )


def receipt(log: Log, log_index: int = 20) -> bytes:
    """Make a receipt."""
    found = placed(log, log_index)
    return msgspec.json.encode(
        Receipt(
            audit_id=identity(77),
            entry=found.entry.decode(),
            salt=found.salt.hex(),
            document=found.document.decode(),
            log_index=found.log_index,
            position=found.position,
            leaf=found.leaf.decode(),
            proof=[each.hex() for each in log.inclusion(found)],
            checkpoint=log.note(),
        )
    )


def keep(name: str, content: str | bytes) -> str:
    """Keep something in a file."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def offline(*words: str) -> int:
    """Run the command with the key pinned."""
    return main(["audit", "verify", "--offline", "--key", KEY, *words])


class TestOffline:
    """`plant audit verify --offline`."""

    def test_whole_and_signed(self, capsys: Read) -> None:
        """Both forms of a receipt and a checkpoint; nothing is made and no server started."""
        found = placed(LOG, 21)
        text = format_tlog_proof(21, LOG.inclusion(found), LOG.note(), found.leaf)
        names = keep("one.json", receipt(LOG)), keep("two.proof", text)
        before = {path.name for path in Path().iterdir()} | {"kept"}

        assert 0 == offline("--receipt", *names, "--trust", keep("kept", LOG.note()))
        said = capsys.readouterr()
        assert said.out.endswith(
            "INTACT: each is whole, signed with a pinned key, and none contradicts another.\n"
        )
        assert "the receipt in one.json proves " in said.out
        assert f"log index 20 of the 60 entries of {ORIGIN}" in said.out
        assert "Looked at 2 receipts, 1 checkpoint." in said.out
        assert before == {path.name for path in Path().iterdir()}

    @pytest.mark.parametrize(
        "content,kind",
        [
            (receipt(LOG).replace(b'"document":"{', b'"document":"{ '), "receipt"),
            (receipt(LOG)[:200], "receipt"),
            (receipt(LOG).replace(b'"log_index":20', b'"log_index":19'), "receipt"),
            (receipt(LOG).replace(b"\\n60\\n", b"\\n61\\n"), "receipt"),
            (receipt(STRANGE), "signature"),
        ],
    )
    def test_damaged(self, capsys: Read, content: bytes, kind: str) -> None:
        """Any change is found, and who could have done it said."""
        assert content != receipt(LOG)
        assert 1 == offline("--receipt", keep("mine.json", content))
        said = capsys.readouterr().out

        assert f"tampered: {kind}: The receipt in mine.json does not hold: " in said
        assert "whoever made the file or carried it." in said

    def test_damaged_checkpoints(self, capsys: Read) -> None:
        """A note that was cut or is signed by somebody else."""
        cut = keep("cut", LOG.note()[:-20])
        assert 1 == offline("--trust", cut, keep("other", STRANGE.note()))
        said = capsys.readouterr().out

        assert "checkpoint: The checkpoint in cut does not hold: " in said
        assert "signature: The checkpoint in other does not hold: " in said

    @pytest.mark.parametrize("sort", ["--receipt", "--trust"])
    @pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"[1]", b"Hello\n"])
    def test_no_such_file(self, capsys: Read, sort: str, content: bytes) -> None:
        """Nothing is told by what is no receipt or no checkpoint at all."""
        assert 2 == offline(sort, keep("mine", content), "nowhere")
        said = capsys.readouterr().out

        assert "nowhere: No such file" in said
        assert "COULD NOT TELL" in said

    def test_taken_for_each_other(self, capsys: Read) -> None:
        """A checkpoint is no receipt and a receipt no checkpoint."""
        assert 2 == offline("--receipt", keep("note", LOG.note()))
        assert "it is no receipt" in capsys.readouterr().out
        assert 2 == offline("--trust", keep("mine.json", receipt(LOG)))
        assert "it is no checkpoint" in capsys.readouterr().out

    def test_of_another_log(self, capsys: Read) -> None:
        """Nothing is known of a log whose key is not pinned."""
        signer = Signer("elsewhere.example.org/log", b"\x09" * 32)

        assert 2 == offline("--trust", keep("note", Log([signer]).note()))
        assert "pinned are keys of" in capsys.readouterr().out

    def test_two_histories_of_one_size(self, capsys: Read) -> None:
        """Two roots of one size are the proof."""
        one, other = keep("one", LOG.note()), keep("mine.json", receipt(OTHER))

        assert 1 == offline("--trust", one, "--receipt", other)
        said = capsys.readouterr().out
        assert "tampered: fork: The receipt in mine.json and the checkpoint in one: " in said

    def test_two_entries_at_one_place(self, capsys: Read) -> None:
        """Sizes that nothing compares, and two entries that cannot both stand at the index."""
        one, other = keep("one.json", receipt(LOG)), keep("two.json", receipt(LATER))

        assert 1 == offline("--receipt", one, other)
        assert "have two entries for one place" in capsys.readouterr().out

    def test_two_sizes(self, capsys: Read) -> None:
        """One history as far as can be told; that it grew is not claimed."""
        one, other = keep("one.json", receipt(OTHER)), keep("two.json", receipt(LATER, 69))

        assert 0 == offline("--receipt", one, other)
        assert "takes a proof" in capsys.readouterr().out

    def test_as_json(self, capsys: Read) -> None:
        """The same as a document."""
        assert 0 == offline("--json", "--receipt", keep("mine.json", receipt(LOG)))
        said = json.loads(capsys.readouterr().out)

        assert ("intact", 1) == (said["verdict"], said["counts"]["receipts"])

    def test_usage(self, capsys: Read) -> None:
        """Something to check, and a key."""
        mine = keep("mine.json", receipt(LOG))

        assert 64 == offline()
        assert 64 == offline("--receipt", mine, "--witness", KEY)
        assert 2 == main(["audit", "verify", "--offline", "--receipt", mine])
        assert "no key is pinned" in capsys.readouterr().out
