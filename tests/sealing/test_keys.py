"""The keys that sign: one after the other, with an overlap, and never without one."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from service.proof.checkpoint import open_checkpoint
from service.proof.fault import ProofError
from service.proof.keys import new_seed, parse_seeds, parse_vkey
from service.sealing.keys import Keyring
from service.sealing.refused import LogRefused
from service.sealing.state import StateFile
from service.settings import Settings
from tests.sealing.checked import sound
from tests.sealing.ground import Ground, Process
from tests.sealing.test_refusals import three
from tests.servers import plant


async def key(ground: Ground, *words: str, code: int = 0, **environ: str) -> Any:
    """Run `plant audit key --json`; gives its answer, or what it said."""
    data_dir = ground.settings.data_dir
    given = ground.cluster.environ(ground.database) | {"PLANT_DATA_DIR": str(data_dir)} | environ
    done = await asyncio.to_thread(plant, data_dir, "audit", "key", "--json", *words, **given)
    assert code == done.returncode, done.stderr
    return done.stderr if code else json.loads(done.stdout)


def signed_by(process: Process, vkey: str) -> bool:
    """Tell whether a client that has pinned a key believes the last checkpoint."""
    assert process.state
    try:
        open_checkpoint(process.state.note, [parse_vkey(vkey)])
    except ProofError:
        return False
    return True


@pytest.mark.database
async def test_a_key_is_changed_with_an_overlap(ground: Ground) -> None:
    """A new one signs beside the old one until that is retired; the leader takes it by itself."""
    process = await ground.process()
    await three(ground, process)
    (first,) = (await key(ground))["keys"]
    assert (True, True) == (first["primary"], first["signs"])
    assert signed_by(process, first["vkey"])

    second, old = (await key(ground, "--rotate"))["keys"]
    assert (first["vkey"], True, False) == (old["vkey"], old["signs"], old["primary"])
    assert (True, False) == (second["primary"], second["signs"])
    early = await key(ground, "--retire", first["key_id"], code=1)
    assert "No other key has signed" in early

    # Nothing is written: there is one checkpoint for each size, and it stays as it is.
    await process.leader.turn()
    assert (True, False) == tuple(signed_by(process, one["vkey"]) for one in (first, second))

    await ground.write(1)
    await process.until_sealed(4)
    assert all(signed_by(process, one["vkey"]) for one in (first, second))
    (rest,) = (await key(ground, "--retire", first["key_id"]))["keys"]
    assert second["vkey"] == rest["vkey"]

    await ground.write(1)
    await process.until_sealed(5)
    assert (False, True) == tuple(signed_by(process, one["vkey"]) for one in (first, second))
    assert 5 == await sound(ground.superuser)
    assert "It is the only key" in await key(ground, "--retire", second["key_id"], code=1)
    assert "There is no key" in await key(ground, "--retire", "00000000", code=1)


@pytest.mark.database
async def test_a_log_that_has_not_begun_has_no_key_to_pin(ground: Ground) -> None:
    """Its name is drawn when it begins; nothing is made for the question."""
    assert "has not begun" in await key(ground, code=1)
    assert not (ground.settings.data_dir / "signing.key").exists()


@pytest.mark.database
async def test_a_seed_in_the_setting_signs(ground: Ground) -> None:
    """Then no file is made, and the change is made in the setting."""
    seed = base64.b64encode(new_seed()).decode()
    process = await ground.process(signing_key=seed)
    await process.until_sealed(0)
    (shown,) = (await key(ground, PLANT_SIGNING_KEY=seed))["keys"]
    said = await key(ground, "--rotate", code=1, PLANT_SIGNING_KEY=seed)

    assert signed_by(process, shown["vkey"])
    assert "PLANT_SIGNING_KEY itself" in said
    assert not (ground.settings.data_dir / "signing.key").exists()


def test_the_file_is_made_once(tmp_path: Path) -> None:
    """For its owner alone; what is there stays, and a changed file is read again."""
    keyring = Keyring(Settings(data_dir=tmp_path / "data"))
    assert [] == keyring.seeds()
    keyring.make()
    made = keyring.seeds()
    keyring.make()
    assert keyring.path

    assert made == keyring.seeds() == parse_seeds(keyring.path.read_text())
    assert 0o600 == keyring.path.stat().st_mode & 0o777
    keyring.replace([new_seed(), *made])
    assert 2 == len(keyring.seeds()) == len(Keyring(Settings(data_dir=tmp_path / "data")).seeds())


@pytest.mark.parametrize("content", [b"", b"x" * 44, b"\xff", b"AAAA\n"])
def test_what_is_no_key_is_refused_unseen(tmp_path: Path, content: bytes) -> None:
    """The message names the file and shows nothing of it."""
    path = tmp_path / "keys"
    path.write_bytes(content)

    with pytest.raises(LogRefused, match=r"keys in .*/keys cannot be read") as caught:
        Keyring(Settings(data_dir=tmp_path, signing_key=str(path))).seeds()

    assert "xxxx" not in str(caught.value)


def test_the_state_has_one_writer_at_a_time(tmp_path: Path) -> None:
    """Whoever comes second is told at once, and a directory that is not there is made."""
    file = StateFile(tmp_path / "deep" / "sealer.json")
    with file.turn():
        assert file.read() is None
        with pytest.raises(Exception, match="process"), StateFile(file.path).turn():
            pass
