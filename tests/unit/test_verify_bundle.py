"""What `plant audit verify --bundle` says of a file: of what kind, where, and by whom."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from service.__main__ import main
from service.proof.diagnosis import leaf_of
from service.proof.keys import Signer
from tests.sealed import ORIGIN, Log, identity

SIGNER = Signer(ORIGIN, b"\x07" * 32)
Read = pytest.CaptureFixture[str]
CARRIER = "whoever made the bundle or carried it"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory of its own, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANT_DATA_DIR", "none")


def made(*, hole: bool = False) -> list[bytes]:
    """Export a history of six versions, of which one may have been sealed in a false order."""
    log = Log([SIGNER])
    for version in range(1, 7):
        time_us = 1_763_800_000_000_000 if hole and version == 5 else None
        log.append(1, 10, time_us=time_us)
    return log.bundle(1)


def verify(content: bytes) -> int:
    """Run the command on a file."""
    Path("it.proof").write_bytes(content)
    return main(["audit", "verify", "--bundle", "it.proof", "--key", str(SIGNER.vkey)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\x17",
        b"Hello\n",
        b"{}\n",
        Log([SIGNER]).note().encode(),
        b'{"audit_id":"x","entry":"[\\"plant-entry/v1\\"]"}',
    ],
)
def test_no_bundle(capsys: Read, content: bytes) -> None:
    """A wrong file is nobody's deed."""
    assert 2 == verify(content)
    said = capsys.readouterr().out

    assert "not checked: it.proof: this is no bundle" in said
    assert "COULD NOT TELL" in said
    assert "Looked at" not in said


@pytest.mark.parametrize(
    "begin",
    [
        made()[0].replace(b"plant-proof/v1", b"plant-proof/v2") + made()[1],
        b"\n" + made()[1],
        made()[0][:10],
        made()[0],
    ],
)
def test_damaged_beginning(capsys: Read, begin: bytes) -> None:
    """What was a bundle is a damaged one."""
    assert 1 == verify(begin)
    assert CARRIER in capsys.readouterr().out


@pytest.mark.parametrize("left", [1, 2, 40, 500])
def test_cut_in_a_line(capsys: Read, left: int) -> None:
    """However much of the last line is there, also all but its end."""
    assert 1 == verify(b"".join(made())[:-left])
    assert "TAMPERED: cut 1." in capsys.readouterr().out


@pytest.mark.parametrize("left", [1, 20, 66, 100])
def test_cut_in_an_entry(capsys: Read, left: int) -> None:
    """The same of a line in the middle."""
    assert 1 == verify(b"".join(made()[:4])[:-left])
    said = capsys.readouterr().out

    assert "tampered: cut: position 3: The bundle ends here" in said


def test_history_as_it_was_sealed(capsys: Read) -> None:
    """The signed root says that the versions were in that order before anybody carried them."""
    assert 1 == verify(b"".join(made(hole=True)))
    said = capsys.readouterr().out

    assert "tampered: history: position 5" in said
    assert "with triggers disabled." in said
    assert CARRIER not in said


def test_history_that_was_rewritten(capsys: Read) -> None:
    """Whoever carries a bundle can write an entry and all leaves after it anew."""
    lines, leaf = made(), ""
    for at, line in enumerate(lines[1:-1], 1):
        entry, salt, document, sealed = line.rstrip(b"\n").split(b"\t")
        if at == 4:
            parts = msgspec.json.decode(entry)
            entry = msgspec.json.encode([*parts[:4], 9, *parts[5:]])
        before = leaf or "0" * 64
        leaf = leaf_of(identity(1), at, sha256(entry).hexdigest(), before)
        assert at >= 4 or leaf.encode() == sealed
        lines[at] = b"\t".join([entry, salt, document, leaf.encode()]) + b"\n"
    assert 1 == verify(b"".join(lines))
    said = capsys.readouterr().out

    assert "tampered: history: position 4" in said
    assert f"with triggers disabled, or {CARRIER}, and wrote the leaves after it anew." in said
