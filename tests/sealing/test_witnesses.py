"""Witnesses sign what has only grown, hold nobody up, and are heard when they know better."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.proof.keys import Signer, new_seed
from service.proof.note import verify_cosignatures
from service.sealing import witnessing as module
from service.sealing.leader import Leader
from service.sealing.witness import BadWitnesses, parse_witnesses
from tests.sealing.ground import Ground, Process, critical
from tests.sealing.witness import LocalWitness, witnessing

COSIGNED = """
SELECT checkpoint.note || cosignature.line AS note, size FROM audit.cosignature
INNER JOIN audit.checkpoint USING (incarnation, size) ORDER BY size
"""
LOG = "log.example/watched"
SIGNER = "log.example+0a0b0c0d+AQID"


@pytest_asyncio.fixture(loop_scope="module")
async def witness(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalWitness]:
    """Have a witness that is asked whenever there is something new."""
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    async with witnessing() as found:
        yield found


async def watched(ground: Ground, witness: LocalWitness, *, known: bool = True) -> Process:
    """Begin a log that has a witness."""
    process = await ground.process(log_origin=LOG)
    shown = parse_witnesses(witness.setting)
    process.leader = Leader(
        process.desk, process.keyring, process.file, LOG, process.standing, shown
    )
    await process.until_sealed(0)
    if known:
        witness.trusted[LOG] = process.keyring.verifiers(LOG)
    return process


async def until_answered(process: Process, witness: LocalWitness, *answers: int) -> None:
    """Work until the witness has answered so."""
    async with asyncio.timeout(30):
        while witness.answers[-len(answers) :] != list(answers):
            await process.leader.turn()
            await asyncio.sleep(0.001)


async def until_cosigned(ground: Ground, process: Process, witness: LocalWitness) -> None:
    """Work until the newest checkpoint has the witness's signature."""
    async with asyncio.timeout(30):
        while True:
            await process.leader.turn()
            await asyncio.sleep(0.001)
            rows = await ground.superuser.fetch(COSIGNED)
            if rows and rows[-1]["size"] == process.standing.size:
                assert verify_cosignatures(rows[-1]["note"], [witness.key])
                return


@pytest.mark.database
class TestAsked:
    """A leader with one witness."""

    async def test_checkpoints_are_cosigned(self, ground: Ground, witness: LocalWitness) -> None:
        """The first without a proof, the next ones with one from what it has signed."""
        process = await watched(ground, witness)
        for size in (1, 7, 300):
            await ground.fill(size - process.standing.size)
            await process.until_sealed(size)
            await until_cosigned(ground, process, witness)

        known = process.standing.witness(witness.key.name)

        assert {200} == set(witness.answers)
        assert witness.seen[LOG][0] == 300
        assert (len(witness.answers), 300) == (known.asked, known.size)
        assert {"signed": known.asked} == known.answers

    async def test_a_witness_that_knows_another_size_is_asked_again(
        self, ground: Ground, witness: LocalWitness
    ) -> None:
        """It says which (409): another leader has asked it, or it has lost what it knew."""
        process = await watched(ground, witness)
        for size in (5, 9):
            await ground.fill(size - process.standing.size)
            await process.until_sealed(size)
            await until_cosigned(ground, process, witness)
        witness.seen.clear()
        await ground.fill(1)
        await process.until_sealed(10)
        await until_cosigned(ground, process, witness)

        known = process.standing.witness(witness.key.name)

        assert [409, 200] == witness.answers[-2:]
        assert (1, 10) == (known.answers["behind"], known.size)
        assert known.asked == known.answers.total()

    async def test_one_that_has_seen_more_is_an_alarm(
        self, ground: Ground, witness: LocalWitness, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nobody inside would know: entries are gone that somebody outside has seen."""
        process = await watched(ground, witness)
        witness.seen[LOG] = (50, bytes(32))
        await ground.fill(3)
        await process.until_sealed(3)
        await until_answered(process, witness, 409, 409, 409)

        known = process.standing.witness(witness.key.name)

        assert 1 == sum("has seen 50 entries" in one for one in critical(caplog.records))
        assert (True, {"refused"}, 0) == (
            known.asked >= 3,
            {*known.answers},
            known.size,
        )

    @pytest.mark.parametrize(
        "size,answers,words",
        [(3, (409, 409), "there are two histories"), (2, (409, 422), "it refuses: 422")],
    )
    async def test_one_that_has_seen_another_history_is_an_alarm(
        self,
        ground: Ground,
        witness: LocalWitness,
        caplog: pytest.LogCaptureFixture,
        size: int,
        answers: tuple[int, ...],
        words: str,
    ) -> None:
        """As many entries with another root, or fewer that these did not grow out of."""
        process = await watched(ground, witness)
        witness.seen[LOG] = (size, bytes(32))
        await ground.fill(3)
        await process.until_sealed(3)
        await until_answered(process, witness, *answers, answers[-1], answers[-1])

        known = process.standing.witness(witness.key.name)

        assert 1 == sum(words in one for one in critical(caplog.records))
        assert known.answers["refused"] >= 2
        assert [] == await ground.superuser.fetch(COSIGNED)

    @pytest.mark.parametrize("how", ["unknown", "wrong key", "away", "forged"])
    async def test_one_that_does_not_sign_holds_nobody_up(
        self, ground: Ground, witness: LocalWitness, caplog: pytest.LogCaptureFixture, how: str
    ) -> None:
        """What is wrong is said once; entries are sealed meanwhile, and it signs once it can."""
        process = await watched(ground, witness, known=how in {"away", "forged"})
        if how == "wrong key":
            witness.trusted[LOG] = [Signer(LOG, new_seed()).vkey]
        witness.forged = how == "forged"
        there = witness.url
        if how == "away":
            witness.url = "http://127.0.0.1:9"
            process.leader = Leader(
                process.desk, process.keyring, process.file, LOG, process.standing,
                parse_witnesses(witness.setting),
            )  # fmt: skip
        for size in (1, 2, 3):
            await ground.fill(1)
            await process.until_sealed(size)
        async with asyncio.timeout(30):
            while not any("signs nothing" in one for one in caplog.messages):
                await process.leader.turn()
                await asyncio.sleep(0.001)
        if how == "away":
            witness.url = there
            process.leader = Leader(
                process.desk, process.keyring, process.file, LOG, process.standing,
                parse_witnesses(witness.setting),
            )  # fmt: skip
        known = process.standing.witness(witness.key.name)
        wrong = {*known.answers}
        witness.forged = False
        witness.seen.clear()
        witness.trusted[LOG] = process.keyring.verifiers(LOG)
        await until_cosigned(ground, process, witness)

        assert 1 == sum("signs nothing" in one for one in caplog.messages)
        # One that forges has kept what it was shown, and says so when it is asked again.
        expected = {"failed"} if how in {"away", "forged"} else {"refused"}
        assert expected == wrong - {"behind"}
        assert (3, 1) == (known.size, known.answers["signed"])


async def test_a_leader_that_begins_knows_how_far_a_witness_is(
    ground: Ground, witness: LocalWitness
) -> None:
    """Its size is read from what is kept, before anything is asked."""
    process = await watched(ground, witness)
    await ground.fill(2)
    await process.until_sealed(2)
    await until_cosigned(ground, process, witness)
    await process.lone.close()
    again = await ground.process(log_origin=LOG)
    shown = parse_witnesses(witness.setting)
    again.leader = Leader(again.desk, again.keyring, again.file, LOG, again.standing, shown)
    await again.leader.turn()
    known = again.standing.witness(witness.key.name)

    assert (0, 2) == (known.asked, known.size)


def test_the_setting_names_keys_and_addresses() -> None:
    """Several stand on lines or between commas; a slash at the end of an address is nothing."""
    vkey = str(LocalWitness().key)
    text = f"{vkey} https://w.example/a/ , {vkey} http://127.0.0.1:1\n\n"

    assert ["https://w.example/a", "http://127.0.0.1:1"] == [w.url for w in parse_witnesses(text)]
    assert [] == parse_witnesses(None) == parse_witnesses(" ")


@pytest.mark.parametrize(
    "text", ["x", "x y", f"{SIGNER} https://w.example", "{vkey}", "{vkey} ftp://h", "{vkey} /a"]
)
def test_what_is_no_witness_is_refused(text: str) -> None:
    """The part that is wrong is shown; a log's key is no witness's."""
    with pytest.raises(BadWitnesses, match="PLANT_WITNESSES has no witness in") as caught:
        parse_witnesses(text.format(vkey=LocalWitness().key))
    assert "unpack" not in caught.value.wrong
    assert caught.value.wrong.endswith(".")
    assert not caught.value.wrong.endswith("..")
