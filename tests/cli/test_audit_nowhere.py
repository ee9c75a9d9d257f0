"""`plant audit` where there is no database: it says so, and makes none."""

from pathlib import Path

import pytest

from service.__main__ import main
from service.proof.keys import Signer
from tests.sealed import Log

SIGNER = Signer("plant.local/0123456789abcdef", bytes(range(32)))
KEY = ["--key", str(SIGNER.vkey)]
ID = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory in which no service was ever started."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA_DIR", "DATABASE_URL", "WORKER_DATABASE_URL", "APP_DATABASE_URL"):
        monkeypatch.delenv(f"PLANT_{name}", raising=False)


@pytest.mark.parametrize("made", ["nothing", "an empty directory"])
@pytest.mark.parametrize(
    "words",
    [
        ["verify"],
        ["verify", *KEY],
        ["verify", "--tenant", "pottery"],
        ["compare", "one", "other", "--database", *KEY],
        ["key"],
        ["key", "--rotate"],
        ["rebase", "--yes"],
        ["erase", "--key", "plant_x", "--yes", "skill", ID],
        ["prune", "--tenant", "pottery", "--through", "1", "--to", "early.proof", "--yes"],
        ["receipt", "skill", ID, "--key", "plant_x", "--vkey", KEY[1]],
    ],
)
def test_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], made: str
) -> None:
    """A wrong working directory is enough for that; nothing is told of the log that was meant."""
    log = Log([SIGNER])
    for name in ("one", "other"):
        log.append(1, 10)
        Path(name).write_text(log.note(), encoding="utf-8")
    if made != "nothing":
        Path(".plant").mkdir()
    before = sorted(tmp_path.rglob("*"))

    assert 2 == main(["audit", *words])
    said = capsys.readouterr()
    assert f"There is no database in {tmp_path / '.plant'}." in said.err
    assert "PLANT_DATA_DIR" in said.err
    assert "" == said.out
    assert before == sorted(tmp_path.rglob("*"))
