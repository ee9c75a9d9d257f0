"""`plant audit verify` as it is typed: words, exit codes, what it names."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.__main__ import main
from service.proof.keys import Signer, new_seed
from service.settings import Settings
from service.verify.held import read_receipt
from service.verify.pinned import Pinned
from tests.api import serving
from tests.attacks.deeds import Deed, actor_edited, document_edited
from tests.attacks.log_deeds import tail_cut
from tests.attacks.prepared import Prepared
from tests.attacks.site import Site, site_on
from tests.attacks.witness import WITNESS
from tests.factories import amend
from tests.postgres import Server

pytestmark = pytest.mark.database

Do = Callable[[Deed], None]
Read = pytest.CaptureFixture[str]


@pytest.fixture
def here(
    cluster: Server,
    copied: str,
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Work where the host of the copied log works; its data directory."""
    data_dir = tmp_path / "data"
    shutil.copytree(prepared.data_dir, data_dir)
    monkeypatch.chdir(tmp_path)
    for name, value in cluster.environ(copied).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLANT_DATA_DIR", str(data_dir))
    return data_dir


@pytest.fixture
def do(cluster: Server, copied: str, prepared: Prepared, here: Path) -> Do:
    """Attack the copied log."""

    async def done(deed: Deed) -> None:
        async with site_on(cluster, copied, here) as site:
            await deed(site, prepared)

    return lambda deed: asyncio.run(done(deed))


@pytest.fixture
def bundle(prepared: Prepared, here: Path) -> Path:
    """Have the bundle of the second tenant in a file, as it is exported."""
    path = here.with_name("history.proof")
    words = ["--key", prepared.other.author.key, "--format", "proof", "--output", str(path)]
    assert 0 == main(["export", *words])
    return path


def keep(name: str, text: str) -> None:
    """Keep something in a file."""
    Path(name).write_text(text, encoding="utf-8")


def kept(name: str) -> str:
    """Read what is kept in a file."""
    return Path(name).read_text(encoding="utf-8")


def verify(*words: str) -> int:
    """Run the command."""
    return main(["audit", "verify", *words])


@pytest.mark.usefixtures("here")
class TestOfADatabase:
    """Without arguments: what the settings name."""

    def test_intact(self, capsys: Read, prepared: Prepared) -> None:
        """Keys and state of the data directory are enough; rates and counts are told."""
        assert 0 == verify()
        said = capsys.readouterr()

        assert said.out.endswith("INTACT: everything is as it was sealed.\n")
        assert f"Looked at {prepared.sizes[2]} entries (" in said.out
        assert "verifying places: " in said.err

    def test_tampered(self, do: Do, capsys: Read, prepared: Prepared) -> None:
        """A line for each damage: kind, tenant, entity, version, place, and who it could be."""
        do(document_edited)
        assert 1 == verify()
        first, *_, last = capsys.readouterr().out.splitlines()

        assert first.startswith(
            f"tampered: document: tenant {prepared.other.id}, skill {prepared.victim} version 2, "
            "position 132, log index "
        )
        assert first.endswith("It could have been the owner or a superuser of the database.")
        assert "TAMPERED: document 1." == last

    def test_could_not_tell(self, here: Path, capsys: Read) -> None:
        """Without the state nothing shows whether the end was cut, without keys nothing counts."""
        (here / "sealer.json").unlink()
        assert 2 == verify()
        assert "nothing from outside the database" in capsys.readouterr().out
        (here / "signing.key").unlink()
        assert 2 == verify()
        assert "no key is pinned" in capsys.readouterr().out

    def test_what_was_kept(self, here: Path, do: Do, capsys: Read, prepared: Prepared) -> None:
        """A checkpoint and a receipt stand in for the state, and say what is gone."""
        (here / "sealer.json").unlink()
        Path("mine.checkpoint").write_text(prepared.held, encoding="utf-8")
        Path("mine.json").write_bytes(prepared.receipt)
        kept = ("--trust", "mine.checkpoint", "--receipt", "mine.json")

        assert 0 == verify(*kept)
        do(tail_cut)
        assert 2 == verify()
        capsys.readouterr()
        assert 1 == verify(*kept)
        said = capsys.readouterr().out
        for kept_in in ("The checkpoint in mine.checkpoint", "The receipt in mine.json"):
            assert f"rollback: {kept_in} is of {prepared.sizes[1]} entries" in said
        assert "receipt: tenant" in said

    def test_what_is_useless(self, capsys: Read, prepared: Prepared) -> None:
        """What cannot be read or is not signed by the log is said, and is no "intact"."""
        Path("cut.checkpoint").write_text(prepared.held[:-20], encoding="utf-8")
        Path("cut.json").write_bytes(prepared.receipt.replace(b"What it is.", b"What it was"))
        words = ("--trust", "nowhere", "cut.checkpoint", "--receipt", "cut.json")
        assert 2 == verify(*words)
        said = capsys.readouterr().out

        assert "not checked: The checkpoint in nowhere: No such file" in said
        assert "not checked: The checkpoint in cut.checkpoint: " in said
        assert "not checked: The receipt in cut.json: The document with its salt is not" in said

    def test_files_that_are_broken(self, here: Path, capsys: Read, prepared: Prepared) -> None:
        """Neither keys nor state are guessed, and a large file is none of ours."""
        Path("large").write_bytes(bytes(17 * 1024 * 1024))
        Path("binary").write_bytes(b"\xff")
        assert 2 == verify("--trust", "large", "binary")
        said = capsys.readouterr().out
        assert "in large: It has more than" in said
        assert "in binary: It is not UTF-8." in said
        (here / "sealer.json").write_text("{}", encoding="utf-8")
        assert 2 == verify()
        assert "not one that was written by Plant" in capsys.readouterr().out
        (here / "signing.key").write_text("nonsense", encoding="utf-8")
        assert 2 == verify()
        assert "cannot be read" in capsys.readouterr().err

    def test_with_a_pinned_key(
        self, here: Path, capsys: Read, pinned: Pinned, prepared: Prepared
    ) -> None:
        """The log's own is enough; another one has signed nothing here; nonsense is refused."""
        Path("mine.checkpoint").write_text(prepared.held, encoding="utf-8")
        (here / "signing.key").unlink()
        (key,) = pinned.keys
        stranger = Signer(key.name, new_seed()).vkey

        assert 0 == verify("--key", str(key), "--trust", "mine.checkpoint")
        assert 1 == verify("--key", str(stranger))
        assert "signature: The last checkpoint is not signed by a pinned key" in (
            capsys.readouterr().out
        )
        assert 64 == verify("--key", "nonsense")

    def test_with_a_pinned_witness(self, capsys: Read, pinned: Pinned, prepared: Prepared) -> None:
        """What it has signed is checked and told; others' are counted; a log's key is none."""
        assert 0 == verify()
        assert "1 cosignatures are of witnesses that are not pinned" in capsys.readouterr().out
        assert 0 == verify("--witness", str(WITNESS))
        assert f"signed that the log had {prepared.sizes[1]} entries" in capsys.readouterr().out
        assert 64 == verify("--witness", str(pinned.keys[0]))

    def test_with_a_wrong_setting(self, monkeypatch: pytest.MonkeyPatch, capsys: Read) -> None:
        """Before a server is asked or started; a key that is named stands in for the setting."""
        monkeypatch.setenv("PLANT_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
        monkeypatch.setenv("PLANT_WITNESSES", "x")
        assert 64 == verify()
        assert "'x': It takes a key and an address." in capsys.readouterr().err

    def test_of_one_tenant(self, do: Do, capsys: Read, prepared: Prepared) -> None:
        """By name or id: its own part with the whole tree; what is another's is not looked at."""
        do(actor_edited)

        assert 0 == verify("--tenant", prepared.tenant.name)
        assert 1 == verify("--tenant", str(prepared.other.id))
        assert 64 == verify("--tenant", "nobody")
        capsys.readouterr()
        assert 2 == verify("--tenant", "01900000-0000-7000-8000-000000000000")
        assert "has no entry" in capsys.readouterr().out

    def test_as_json(self, do: Do, capsys: Read, prepared: Prepared) -> None:
        """One document with everything that the lines say."""
        do(document_edited)
        assert 1 == verify("--json")
        said = json.loads(capsys.readouterr().out)

        assert "tampered" == said["verdict"]
        assert {"document": 1} == said["damages"]
        place = said["findings"][0]["place"]
        assert (prepared.victim, 2, 132) == (place["entity"], place["version"], place["position"])
        assert prepared.sizes[2] == said["counts"]["entries"]
        assert [] == said["not_checked"]

    def test_a_database_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It could not be told, which is not "tampered"."""
        for name in ("", "APP_", "WORKER_", "READONLY_"):
            url = "postgresql://nobody@127.0.0.1:9/none"
            monkeypatch.setenv(f"PLANT_{name}DATABASE_URL", url)

        assert 2 == verify()

    def test_a_defect(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What fails in an unforeseen way ends with 2 as well: Python's own code would be 1."""

        def fails(*_: object) -> Settings:
            raise ZeroDivisionError

        monkeypatch.setattr("service.cli.audit_verify.pinned_of", fails)

        assert 2 == verify()
        assert "the verification has failed" in caplog.text


class TestOfABundle:
    """A file, a key, and no database."""

    def test_intact_and_not(self, bundle: Path, pinned: Pinned, capsys: Read) -> None:
        """The key that was pinned is all it takes; any change is named."""
        key = ("--key", str(pinned.keys[0]))
        assert 0 == verify("--bundle", str(bundle), *key)
        assert "INTACT" in capsys.readouterr().out
        lines = bundle.read_bytes().splitlines(keepends=True)
        lines[5] = lines[5].replace(b"What it is.", b"What it was")
        bundle.write_bytes(b"".join(lines))
        assert 1 == verify("--bundle", str(bundle), *key)

        assert "tampered: document: position 5: The document" in capsys.readouterr().out

    def test_with_what_was_kept(
        self, bundle: Path, pinned: Pinned, prepared: Prepared, capsys: Read
    ) -> None:
        """A receipt brings its checkpoint along; the bundle has to prove growth from that."""
        key, size = ("--key", str(pinned.keys[0])), str(prepared.sizes[1])
        Path("mine.json").write_bytes(prepared.receipt)
        Path("latest.checkpoint").write_text(prepared.latest, encoding="utf-8")
        Path("mine.checkpoint").write_text(prepared.held, encoding="utf-8")

        assert 0 == verify("--bundle", str(bundle), *key, "--trust", "latest.checkpoint")
        assert 2 == verify("--bundle", str(bundle), *key, "--trust", "nowhere")
        assert 2 == verify("--bundle", str(bundle), *key, "--trust", "mine.checkpoint")
        assert f"since={size}" in capsys.readouterr().out
        since = ["--format", "proof", "--since", size, "--output", str(bundle)]
        assert 0 == main(["export", "--key", prepared.other.author.key, *since])
        kept = ("--trust", "mine.checkpoint", "latest.checkpoint", "--receipt", "mine.json")
        capsys.readouterr()
        assert 0 == verify("--bundle", str(bundle), *key, *kept)
        assert "3 checkpoints held" in capsys.readouterr().out

    def test_could_not_tell(self, bundle: Path, here: Path, pinned: Pinned, capsys: Read) -> None:
        """Without a key, or without a file."""
        (here / "signing.key").unlink()

        assert 2 == verify("--bundle", str(bundle))
        assert "no key is pinned" in capsys.readouterr().out
        assert 2 == verify("--bundle", "nowhere", "--key", str(pinned.keys[0]))
        assert "nowhere cannot be read" in capsys.readouterr().err
        assert 64 == verify("--bundle", str(bundle), "--key", "nonsense")


class TestReceipt:
    """`plant audit receipt` from the database."""

    def receipt(self, prepared: Prepared, *words: str) -> int:
        """Run the command for the victim."""
        key = prepared.other.author.key
        return main(["audit", "receipt", "skill", prepared.victim, "--key", key, *words])

    @pytest.mark.usefixtures("here")
    def test_is_what_was_kept(self, prepared: Prepared, capsys: Read) -> None:
        """Entry, document and leaf of the version, and a checkpoint of today; it verifies."""
        assert 0 == self.receipt(prepared, "--version", "2", "--output", "mine.json")
        assert "version 2 of the skill: position 132 of tenant" in capsys.readouterr().err
        made, kept = json.loads(Path("mine.json").read_bytes()), json.loads(prepared.receipt)
        same = ("audit_id", "entry", "salt", "document", "log_index", "position", "leaf")

        assert [kept[name] for name in same] == [made[name] for name in same]
        assert made["checkpoint"].startswith(prepared.latest)
        assert 0 == verify("--receipt", "mine.json")

    @pytest.mark.usefixtures("here")
    def test_as_a_tlog_proof(self, prepared: Prepared, capsys: Read) -> None:
        """The same in the form that other tools read; of the present version by default."""
        assert 0 == self.receipt(prepared, "--format", "tlog-proof")
        said = capsys.readouterr()
        Path("mine.proof").write_text(said.out, encoding="utf-8")

        assert said.out.startswith("c2sp.org/tlog-proof@v1\n")
        assert "version 5 of the skill" in said.err
        assert 0 == verify("--receipt", "mine.proof")

    @pytest.mark.usefixtures("here")
    def test_of_an_amendment(self, prepared: Prepared, capsys: Read) -> None:
        """The open one, or any by its id; it is of that and of nothing else."""
        of = ("receipt", "industries", prepared.world.industry, "--key", prepared.tenant.author.key)
        words = ["audit", *of, "--output", "mine.json", "--amendment"]
        assert 0 == main(words)
        assert "version 1 of the amendment of the industry" in capsys.readouterr().err
        made = json.loads(json.loads(Path("mine.json").read_bytes())["document"])
        assert 0 == main([*words, made["amendment_id"], "--version", "1"])
        assert 0 == verify("--receipt", "mine.json")
        assert 2 == main([*words, prepared.victim])
        assert "No amendment of this industry" in capsys.readouterr().err
        assert 2 == self.receipt(prepared, "--amendment")
        assert "No open amendment of this skill" in capsys.readouterr().err

    @pytest.mark.usefixtures("here")
    @pytest.mark.parametrize("kind", ["job_role", "job-role", "job_roles", "job-roles"])
    def test_spellings(self, prepared: Prepared, kind: str) -> None:
        """A kind is named as in documents, as in paths, or in between."""
        of = ["receipt", kind, prepared.world.job_role, "--key", prepared.tenant.author.key]
        assert 0 == main(["audit", *of, "--output", "mine.json"])

    @pytest.mark.usefixtures("here")
    @pytest.mark.parametrize(
        "words,said",
        [
            (["--wait", "31"], "from 0 to 30"),
            (["--wait", "-1"], "from 0 to 30"),
            (["--version", "0"], "from 1 to"),
            (["--version", "99999999999"], "from 1 to"),
            (["--amendment", "x"], "is no id"),
        ],
    )
    def test_usage(self, prepared: Prepared, capsys: Read, words: list[str], said: str) -> None:
        """What cannot be meant is refused before anything is asked."""
        with pytest.raises(SystemExit, match="64"):
            self.receipt(prepared, *words)
        assert said in capsys.readouterr().err

    @pytest.mark.usefixtures("here")
    def test_no_id(self, prepared: Prepared, capsys: Read) -> None:
        """An id that is none is wrong usage, as for `erase`."""
        with pytest.raises(SystemExit, match="64"):
            main(["audit", "receipt", "skill", "nouuid", "--key", prepared.tenant.author.key])
        assert "'nouuid' is no id" in capsys.readouterr().err

    def test_is_not_sealed_yet(self, do: Do, prepared: Prepared, capsys: Read) -> None:
        """It is waited for, as long as was said."""

        async def written(site: Site, _: Prepared) -> None:
            app = await site.repository("app")
            await amend(app, prepared.other.author, "skill", prepared.victim, {"tags": ["new"]})

        do(written)

        assert 2 == self.receipt(prepared, "--wait", "0")
        assert "not sealed yet" in capsys.readouterr().err

    def test_is_refused(self, here: Path, do: Do, prepared: Prepared, capsys: Read) -> None:
        """No such version, nothing sealed yet, no place for it, no key; and one that is wrong."""
        assert 2 == self.receipt(prepared, "--version", "77")
        assert "No version 77" in capsys.readouterr().err
        assert 2 == self.receipt(prepared, "--output", "no/such/place")
        do(document_edited)
        assert 1 == self.receipt(prepared, "--version", "2", "--output", "mine.json")
        assert "does not hold: The document with its salt" in capsys.readouterr().err
        assert not Path("mine.json").exists()
        (here / "signing.key").unlink()
        assert 2 == self.receipt(prepared)
        assert "No key is pinned" in capsys.readouterr().err


class TestOverHttp:
    """The same commands against a service that serves the log."""

    async def test_a_whole_round(
        self, cluster: Server, copied: str, here: Path, prepared: Prepared, pinned: Pinned
    ) -> None:
        """A client gets a receipt, watches, and compares what it kept with what is shown."""
        key = str(pinned.keys[0])
        keep("held.checkpoint", prepared.held)

        async def run(*words: str) -> int:
            return await asyncio.to_thread(main, ["audit", *words])

        settings = Settings(data_dir=here, pool_min=1, pool_max=13)
        async with serving(settings, cluster.url("app", copied)) as url:
            of = ("receipt", "skills", prepared.victim, "--url", url, "--vkey", key)
            theirs = ("--key", prepared.other.author.key)

            assert 0 == await run(*of, *theirs, "--version", "2", "--output", "mine.json")
            assert 2 == await run(*of, *theirs, "--version", "77")
            industry = ("receipt", "industry", prepared.world.industry, "--url", url, "--vkey", key)
            ours = ("--key", prepared.tenant.author.key)
            assert 0 == await run(*industry, *ours, "--amendment", "--output", "amended.json")
            assert 0 == await run("verify", "--offline", "--receipt", "amended.json", "--key", key)
            assert 2 == await run(*of, "--key", prepared.tenant.author.key)
            assert 0 == await run(
                "watch", url, "--key", key, "--once", "--state", "held.checkpoint"
            )
            assert prepared.latest == kept("held.checkpoint")
            keep("held.checkpoint", prepared.held)
            assert 0 == await run("compare", "held.checkpoint", url, "--key", key)
            assert 0 == await run("compare", "held.checkpoint", url, "--key", key, "--database")
        receipt = read_receipt("Mine", kept("mine.json"), pinned)

        assert receipt.leaf
        assert 132 == receipt.leaf.leaf.position
