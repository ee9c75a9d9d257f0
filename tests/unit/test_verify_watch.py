"""A monitor that keeps what a log has shown, and ends at the first contradiction."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.__main__ import main
from tests.shown import ORIGIN, Log, Shown, serving

KEY = str(Log(0).signer.vkey)
LOG = Log(300)
FORK = Log(300, "other", common=200)
STATE = Path("seen.checkpoint")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory of its own, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLANT_DATA_DIR", str(tmp_path / "none"))


@pytest.fixture
def shown() -> Iterator[Shown]:
    """Have a service that shows a log."""
    with serving(Shown(LOG, 100)) as found:
        yield found


def watch(shown: Shown, *words: str) -> int:
    """Look once, with the key pinned."""
    words = ("--once", "--key", KEY, "--state", str(STATE), *words)
    return main(["audit", "watch", shown.url, *words])


class TestWatch:
    """`plant audit watch --once`."""

    def test_keeps_what_it_sees(self, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
        """First, the same, and grown: each time the last note lies in the file."""
        for size, words in (
            (100, "seen first"),
            (100, "the same 100"),
            (300, "grew out of the 100"),
        ):
            shown.size = size

            assert 0 == watch(shown)
            assert words in capsys.readouterr().out
            assert LOG.note(size) == STATE.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        "log, size, words",
        [
            (FORK, 300, "cannot show that its 300 entries grew out of the 250"),
            (FORK, 250, "two histories of 250 entries"),
            (LOG, 249, "was rolled back"),
            (Log(300, origin=f"{ORIGIN}/inc2"), 240, "was rolled back"),
            (Log(300, origin="another.example.org"), 300, "not the log's"),
        ],
        ids=["fork", "fork of one size", "rollback", "taken up again with less", "another log"],
    )
    def test_ends_at_a_contradiction(
        self, shown: Shown, capsys: pytest.CaptureFixture[str], log: Log, size: int, words: str
    ) -> None:
        """Both notes are shown, and what was kept stays: it is the evidence."""
        shown.size = 250
        assert 0 == watch(shown)
        shown.log, shown.size = log, size
        assert 1 == watch(shown)
        said = capsys.readouterr().out

        assert words in said
        assert LOG.note(250) in said
        assert log.note(size) in said
        assert LOG.note(250) == STATE.read_text(encoding="utf-8")

    def test_goes_on_with_a_log_that_was_taken_up_again(
        self, shown: Shown, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Under its next name, when nothing is lost: that is said."""
        assert 0 == watch(shown)
        shown.log, shown.size = Log(300, origin=f"{ORIGIN}/inc2"), 200

        assert 0 == watch(shown)
        assert "taken up again" in capsys.readouterr().out
        # And not back under the former one.
        shown.log, shown.size = LOG, 300
        assert 1 == watch(shown)

    def test_could_not_tell(self, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
        """No key, no answer, and a file that is none or that nobody pinned has signed."""
        assert 2 == main(["audit", "watch", shown.url, "--once"])
        assert "No key is pinned" in capsys.readouterr().err
        shown.status = 503
        assert 2 == watch(shown)
        shown.status = 200
        STATE.write_text(Log(9, origin="another.example.org").note(9), encoding="utf-8")
        assert 2 == watch(shown)
        assert "not signed by a key that is pinned" in capsys.readouterr().err
        STATE.write_bytes(b"\xff")
        assert 2 == watch(shown)
        assert 2 == watch(shown, "--state", "no/such/directory")
        assert "cannot be written" in capsys.readouterr().err

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_closed_log(
        self, shown: Shown, capsys: pytest.CaptureFixture[str], status: int
    ) -> None:
        """It is said with what it opens, in whole sentences."""
        shown.status = status
        assert 2 == watch(shown)
        assert f"gave {status}: It is broken. The log is not open" in capsys.readouterr().err
        assert 2 == main(["audit", "compare", shown.url, shown.url, "--key", KEY])
        assert "a key with scope audit (--api-key)." in capsys.readouterr().err

    @pytest.mark.parametrize("interval", ["0", "-1", "x", "nan", "inf"])
    def test_no_interval(self, shown: Shown, interval: str) -> None:
        """A service is not asked without a pause, or never again."""
        with pytest.raises(SystemExit, match="64"):
            watch(shown, "--interval", interval)

    def test_the_default_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The help says where the last checkpoint lies."""
        with pytest.raises(SystemExit, match="0"):
            main(["audit", "watch", "--help"])
        assert "default:HOST-PORT.checkpoint" in "".join(capsys.readouterr().out.split())

    def test_does_not_obey_what_it_is_shown(
        self, shown: Shown, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Letters that a terminal would obey are not passed on, from notes and problems neither."""
        assert 0 == watch(shown)
        monkeypatch.setattr(shown, "answer", lambda _: (200, b"\x1b[2J\x1b[H all is well\n"))
        assert 1 == watch(shown)
        monkeypatch.setattr(shown, "answer", lambda _: (503, b'{"detail": "\\u001b[2J well"}'))
        assert 2 == watch(shown)
        said = capsys.readouterr()

        assert "\x1b" not in said.out + said.err
        assert "all is well" in said.out
        assert "[2J well" in said.err

    def test_follows_nobody_elsewhere(self, shown: Shown) -> None:
        """A redirection is no answer: the key would go along."""
        Path("key.txt").write_text("plant_secret\n", encoding="utf-8")
        with serving(Shown(LOG, 100)) as other:
            shown.status, shown.elsewhere = 302, f"{other.url}/v1/audit/checkpoint"

            assert 2 == watch(shown, "--api-key", "@key.txt")
            assert [] == other.keys

    def test_speaks_for_an_auditor(self, shown: Shown) -> None:
        """A key goes along where the log is not open to everybody, and only then."""
        Path("key.txt").write_text("plant_secret\n", encoding="utf-8")

        assert 0 == watch(shown) == watch(shown, "--api-key", "@key.txt")
        assert [None, "Bearer plant_secret"] == shown.keys

    def test_names_its_file(self, shown: Shown) -> None:
        """Without --state it lies here, named for the service."""
        assert 0 == main(["audit", "watch", shown.url, "--once", "--key", KEY])
        assert [f"127.0.0.1-{shown.url.rpartition(':')[2]}.checkpoint"] == [
            path.name for path in Path.cwd().iterdir()
        ]

    def test_as_json(self, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
        """One document."""
        assert 0 == watch(shown, "--json")
        assert {"word": "first", "size": 100}.items() <= json.loads(capsys.readouterr().out).items()


def test_watches_until_something_is_wrong(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It looks again and again, tells of growth, outlives silence, and ends at the fork."""
    shows = ((LOG, 100, 200), (LOG, 200, 200), (LOG, 220, 503), (LOG, 250, 200), (FORK, 260, 200))
    then = iter(shows)
    pauses: list[float] = []

    def passes(seconds: float) -> None:
        pauses.append(seconds)
        shown.log, shown.size, shown.status = next(then)

    monkeypatch.setattr("service.cli.audit_watch.time.sleep", passes)
    passes(0)
    words = ["--key", KEY, "--state", str(STATE), "--interval", "7.5"]

    assert 1 == main(["audit", "watch", shown.url, *words])
    assert [7.5] * 4 == pauses[1:]
    said = capsys.readouterr()
    told = ("seen first", "grew out of the 100", "gave 503", "grew out of the 200")
    for what, line in zip(told, said.err.splitlines(), strict=True):
        assert what in line
    assert "cannot show" in said.out
