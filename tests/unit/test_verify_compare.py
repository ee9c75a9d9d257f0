"""Two checkpoints: one history, two, or nothing to tell."""

import json
from pathlib import Path

import pytest

from service.__main__ import main
from tests.shown import ORIGIN, Log, Shown, serving

KEY = str(Log(0).signer.vkey)
LOG = Log(300)
FORK = Log(300, "other", common=200)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory of its own, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANT_DATA_DIR", str(tmp_path / "none"))


def kept(log: Log, size: int, name: str = "kept.checkpoint") -> str:
    """Keep a checkpoint in a file."""
    Path(name).write_text(log.note(size), encoding="utf-8")
    return name


def compare(*words: str) -> int:
    """Run the command with the key pinned."""
    return main(["audit", "compare", *words, "--key", KEY])


class TestCompare:
    """`plant audit compare`."""

    def test_of_one_size(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The same, or the proof that there are two histories, with both notes."""
        one, other = kept(LOG, 300, "one"), kept(FORK, 300, "other")

        assert 0 == compare(one, one)
        assert "the same 300 entries" in capsys.readouterr().out
        assert 1 == compare(one, other)
        said = capsys.readouterr().out
        assert "two histories of 300 entries" in said
        assert LOG.note(300) in said
        assert FORK.note(300) in said

    def test_before_they_parted(self) -> None:
        """What both have in common is one history."""
        assert 0 == compare(kept(LOG, 200, "one"), kept(FORK, 200, "other"))

    def test_without_a_proof(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Of two sizes something has to be proved: it is not guessed."""
        assert 2 == compare(kept(LOG, 100, "one"), kept(LOG, 300, "other"))
        assert "nothing proves" in capsys.readouterr().out

    def test_by_a_service(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The service proves its growth, from what it has shown and not from another history."""
        with serving(Shown(LOG, 300)) as shown:
            assert 0 == compare(kept(LOG, 7), shown.url)
            assert 0 == compare(kept(FORK, 150), f"{shown.url}/v1/audit/checkpoint")
            assert 1 == compare(kept(FORK, 250), shown.url)
            assert 1 == compare(kept(FORK, 250), kept(LOG, 300, "other"), "--log", shown.url)
            assert 0 == compare(shown.url, shown.url)
        said = capsys.readouterr().out
        assert "The 300 entries grew out of the 7" in said
        assert "cannot show that its 300 entries grew out of the 250" in said

    def test_behind_what_it_has_signed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A service that shows less than it has signed was rolled back."""
        with serving(Shown(LOG, 100)) as shown, serving(Shown(LOG, 200)) as other:
            for words in ((kept(LOG, 300), shown.url), (shown.url, kept(LOG, 300))):
                assert 1 == compare(*words, "--json")
                said = json.loads(capsys.readouterr().out)
                assert "rollback" == said["verdict"]
                assert "shows 100 entries and has shown 300 signed ones" in said["message"]
            assert 1 == compare(kept(LOG, 300), shown.url)
            assert LOG.note(300) in capsys.readouterr().out
            # Of two services one may be behind the other.
            assert 0 == compare(shown.url, other.url, "--api-key", "plant_x")
            assert {"Bearer plant_x"} == set(other.keys)

    def test_by_a_proof_in_a_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A right one proves it; a wrong one proves nothing, whoever has written it."""
        one, other = kept(LOG, 100, "one"), kept(LOG, 300, "other")
        hashes = [each.hex() for each in LOG.growth(100, 300)]
        proof = Path("growth.json")
        proof.write_text(json.dumps({"from": 100, "to": 300, "proof": hashes}), encoding="utf-8")

        assert 0 == compare(one, other, "--proof", "growth.json")
        assert 2 == compare(kept(FORK, 250, "fork"), other, "--proof", "growth.json")
        assert "proves nothing" in capsys.readouterr().out
        for content in (
            "{}",
            '{"x":' + "[" * 100_000,
            '{"from": 1, "to": 2, "proof": ["zz"]}',
            "no JSON",
        ):
            proof.write_text(content, encoding="utf-8")
            assert 2 == compare(one, other, "--proof", "growth.json")
            said = capsys.readouterr().err
            assert "no consistency proof" in said
            assert ". It is what" in said
        assert 2 == compare(one, other, "--proof", "nowhere.json")

    def test_of_two_logs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Two names are two logs; two lives of one name are one log."""
        elsewhere, later = Log(300, origin="another.example.org"), Log(300, origin=f"{ORIGIN}/inc2")
        key = str(elsewhere.signer.vkey)

        assert 2 == compare(kept(LOG, 300, "one"), kept(elsewhere, 300, "other"), "--key", key)
        assert "two logs" in capsys.readouterr().out
        assert 0 == compare("one", kept(later, 300, "later"))
        assert "taken up again between them" in capsys.readouterr().out

    def test_what_cannot_be_believed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """No key, another's key, no note, no file, no answer, no verifier key."""
        one, other = kept(LOG, 300, "one"), Path("other")
        other.write_text("not a note", encoding="utf-8")

        assert 2 == main(["audit", "compare", one, one])
        assert "No key is pinned" in capsys.readouterr().err
        assert 2 == compare(one, "other")
        assert "cannot be believed" in capsys.readouterr().err
        assert 2 == compare(one, kept(Log(300, origin="another.example.org"), 300, "third"))
        assert "pinned are keys of" in capsys.readouterr().err
        assert 2 == compare(one, "nowhere")
        assert 2 == compare(one, "http://127.0.0.1:9/")
        assert 2 == compare(one, "http:///")
        with serving(Shown(LOG, 300)) as shown:
            shown.status = 503
            assert 2 == compare(one, shown.url)
        assert "gave 503: It is broken." in capsys.readouterr().err
        assert 64 == main(["audit", "compare", one, one, "--key", KEY[:-3]])

    def test_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One document: verdict, words, whether the notes alone convince, and the notes."""
        assert 1 == compare(kept(LOG, 300, "one"), kept(FORK, 300, "other"), "--json")
        said = json.loads(capsys.readouterr().out)

        assert ("forked", True) == (said["verdict"], said["transferable"])
        assert [LOG.note(300), FORK.note(300)] == said["notes"]
