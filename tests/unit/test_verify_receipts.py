"""What the commands make of receipts, of honest and of hostile servers."""

from pathlib import Path

import msgspec
import pytest

from service.__main__ import main
from service.proof.keys import Signer
from service.proof.receipt import format_tlog_proof
from tests import audit_vectors, sealed
from tests.shown import Log, Shown, serving

SIGNER = Signer(sealed.ORIGIN, b"\x07" * 32)
KEY = str(SIGNER.vkey)
DEEP = b'{"x":' + b"[" * 100_000


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory of its own, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANT_DATA_DIR", str(tmp_path / "none"))
    Path("key.txt").write_text("plant_secret\n", encoding="utf-8")


@pytest.fixture
def log() -> sealed.Log:
    """Make a log of one skill."""
    made = sealed.Log([SIGNER])
    made.append(1, 10)
    return made


def receipt(log: sealed.Log, *, shown: bool = True) -> bytes:
    """Make the receipt of its entry, with its document or without."""
    made = audit_vectors.receipt_of(log, log.tenants[sealed.identity(1)][0])
    return msgspec.json.encode(
        made if shown else msgspec.structs.replace(made, salt=None, document=None)
    )


def asked(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> int:
    """Ask a server for a receipt that answers so."""
    with serving(Shown(Log(0), 0)) as server:
        monkeypatch.setattr(server, "answer", lambda _: (status, body))
        words = ("skill", sealed.identity(10), "--url", server.url, "--key", "@key.txt")
        return main(["audit", "receipt", *words, "--vkey", KEY, "--output", "receipt.json"])


class TestReceiptCommand:
    """`plant audit receipt --url`."""

    @pytest.mark.parametrize("status,code", [(200, 1), (404, 2)])
    @pytest.mark.parametrize("body", [DEEP, b"[" * 100_000, b"{" * 100_000])
    def test_deep_answers(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        status: int,
        code: int,
        body: bytes,
    ) -> None:
        """However deep an answer is, what is said of it is a sentence."""
        assert code == asked(monkeypatch, status, body)
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert ("does not hold" if code == 1 else "gave 404") in said
        assert not Path("receipt.json").exists()

    def test_without_a_document(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: sealed.Log
    ) -> None:
        """A receipt that shows nothing is right, and nobody takes it for proof of a document."""
        words = "without its document, not what was said"

        assert 0 == asked(monkeypatch, 200, receipt(log))
        assert words not in capsys.readouterr().err
        assert 0 == asked(monkeypatch, 200, receipt(log, shown=False))
        assert words in capsys.readouterr().err


def test_receipts_without_a_document(log: sealed.Log, capsys: pytest.CaptureFixture[str]) -> None:
    """What is verified with one is told what it proves, of a tlog-proof too."""
    Path("mine.proof").write_bytes(b"".join(log.bundle(1)))
    placed = log.tenants[sealed.identity(1)][0]
    tlog = format_tlog_proof(0, log.inclusion(placed), log.note(), placed.leaf).encode()
    for content, said in (
        (receipt(log), False),
        (receipt(log, shown=False), True),
        (tlog, True),
    ):
        Path("kept").write_bytes(content)
        words = ("--bundle", "mine.proof", "--receipt", "kept", "--key", KEY)
        assert 0 == main(["audit", "verify", *words])
        note = "note: The receipt in kept proves the entry and not what was said: it is without"
        assert said == (note in capsys.readouterr().out)


def test_deep_answers_to_a_monitor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A problem and a proof of growth may be deep: the monitor could not tell."""
    log = Log(9)
    words = ("--once", "--key", str(log.signer.vkey), "--state", "seen")
    with serving(Shown(log, 3)) as server:
        assert 0 == main(["audit", "watch", server.url, *words])
        server.size, honest = 9, server.answer
        monkeypatch.setattr(
            server,
            "answer",
            lambda target: (200, DEEP) if "consistency" in target else honest(target),
        )
        assert 2 == main(["audit", "watch", server.url, *words])
        assert "no consistency proof" in capsys.readouterr().err
        monkeypatch.setattr(server, "answer", lambda _: (503, DEEP))
        assert 2 == main(["audit", "watch", server.url, *words])
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("last", [DEEP, b'{"checkpoint":' + b"[" * 100_000, b"[" * 100_000])
def test_deep_lines_of_a_bundle(
    log: sealed.Log, capsys: pytest.CaptureFixture[str], last: bytes
) -> None:
    """A bundle with a deep last line is not of the form; what begins with one is no bundle."""
    for lines, code, words in (
        ([last], 2, "this is no bundle"),
        ([*log.bundle(1)[:-1], last], 1, "TAMPERED: form 1."),
    ):
        Path("deep.proof").write_bytes(b"".join(lines) + b"\n")
        assert code == main(["audit", "verify", "--bundle", "deep.proof", "--key", KEY])
        assert words in capsys.readouterr().out
