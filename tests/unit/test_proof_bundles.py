"""A bundle is accepted as it was made, and whatever is changed in it is named."""

import json
import random
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest

from service.proof.bundle import ERASED, PRUNED, WITHHELD, header_line, shown_line, trailer_line
from service.proof.bundle_check import Report, check_bundle
from service.proof.checkpoint import Checkpoint, sign_checkpoint
from service.proof.entry import ERASE, entry_hash, leaf_bytes, parse_entry
from service.proof.fault import Damaged, ProofError, Undecided
from service.proof.keys import Signer
from service.proof.tiles import Frontier, extend, prove_inclusion
from service.proof.tree import leaf_hash
from tests.sealed import ORIGIN, Log, identity, random_log

SIGNER = Signer(ORIGIN, b"\x07" * 32)
KEYS = [SIGNER.vkey]
Lines = list[bytes]


def small_log() -> Log:
    """Make a log in which a tenant has eight entries of three entities among others'."""
    log = Log([SIGNER])
    for tenant, entity in [(1, 11), (2, 21), (1, 12), (1, 11), (2, 21), (1, 13), (1, 12), (2, 22)]:
        log.append(tenant, entity)
    for entity in (12, 13, 11):
        log.append(1, entity)
    log.append(2, 22)
    return log


LOG = small_log()
BUNDLE = LOG.bundle(1)


def damage(lines: Lines, **others: Any) -> Damaged:
    """Check what is damaged and give what was found."""
    with pytest.raises(Damaged) as caught:
        check_bundle(lines, KEYS, **others)
    assert caught.value.who
    return caught.value


def trailer(lines: Lines, **members: Any) -> Lines:
    """Change members of the last line, which stays well written."""
    content = json.loads(lines[-1]) | members
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return [*lines[:-1], f"{written}\n".encode()]


def columns(line: bytes, **parts: bytes) -> bytes:
    """Change columns of a line."""
    names = ("entry", "salt", "document", "leaf")
    taken = dict(zip(names, line.removesuffix(b"\n").split(b"\t"), strict=True)) | parts
    return b"\t".join(taken.values()) + b"\n"


def resealed(lines: Lines, place: int, entry: bytes, **parts: bytes) -> Lines:
    """Change the entry of a line and compute every leaf hash after it anew."""
    changed = [*lines[:place], columns(lines[place], entry=entry, **parts), *lines[place + 1 :]]
    previous = bytes(32)
    for position, line in enumerate(changed[1:-1], 1):
        owner = json.loads(changed[0])["tenant_id"]
        written = line.split(b"\t")[0]
        previous = leaf_hash(leaf_bytes(owner, position, entry_hash(written), previous))
        changed[position] = columns(line, leaf=previous.hex().encode())
    return changed


def split(content: bytes) -> Lines:
    """Cut bytes into lines as a file does."""
    return BytesIO(content).readlines()


class TestIntact:
    """What is accepted."""

    def test_report(self) -> None:
        """The report says what was shown and which checkpoint proves it."""
        assert check_bundle(BUNDLE, KEYS) == Report(
            tenant=identity(1),
            count=8,
            entities=3,
            withheld=0,
            erased=0,
            pruned=0,
            log_index=10,
            last_leaf=leaf_hash(LOG.tenants[identity(1)][-1].leaf),
            checkpoint=LOG.checkpoint(),
            held=0,
        )

    @pytest.mark.parametrize("seed", range(12))
    def test_random_histories(self, seed: int) -> None:
        """Whatever was done in whatever order, each tenant's bundle is accepted and complete."""
        log = random_log(seed, 60, [SIGNER])
        for number in range(3):
            placed = log.tenants.get(identity(number), [])
            report = check_bundle(iter(log.bundle(number)), KEYS)

            assert len(placed) == report.count
            assert len(log.erased(identity(number))) == report.erased

    def test_a_tenant_without_entries(self) -> None:
        """An empty history is proved by the checkpoint alone."""
        report = check_bundle(LOG.bundle(7), KEYS)

        assert (0, None) == (report.count, report.log_index)

    def test_documents_that_are_not_shown(self) -> None:
        """Withheld and pruned documents are counted: their hashes are proved all the same."""
        report = check_bundle(LOG.bundle(1, absent={2: WITHHELD, 3: WITHHELD, 8: PRUNED}), KEYS)

        assert (2, 1, 0) == (report.withheld, report.pruned, report.erased)

    def test_documents_are_any_bytes_without_tabs(self) -> None:
        """The document is not read: its bytes are hashed."""
        log = Log([SIGNER])
        for document in (b"{}", "ü\u2028☃".encode(), b"", b'{"a":"\\t"}', b"x" * 100_000):
            log.append(1, 11, document=document)

        assert 5 == check_bundle(log.bundle(1), KEYS).count


class TestChanged:
    """What is named."""

    def test_every_byte(self) -> None:
        """No bit of any line can be turned, and in an entry's line its position is named."""
        draw = random.Random(11)
        for number, line in enumerate(BUNDLE):
            for at in range(len(line)):
                turned = bytes([line[at] ^ 1 << draw.randrange(8)])
                changed = line[:at] + turned + line[at + 1 :]
                lines = b"".join([*BUNDLE[:number], changed, *BUNDLE[number + 1 :]])
                found = damage(split(lines))
                if 0 < number < len(BUNDLE) - 1:
                    assert found.position == number

    @pytest.mark.parametrize("place", range(1, 9))
    def test_dropped_lines(self, place: int) -> None:
        """A line that is missing is named, the last one by the count."""
        found = damage(BUNDLE[:place] + BUNDLE[place + 1 :])

        assert place == found.position
        assert ("cut" if place == 8 else "entry" if place == 7 else "missing") == found.kind

    def test_several_dropped_lines(self) -> None:
        """As many as are missing are counted."""
        assert "Position 2: A line is missing here." == str(damage(BUNDLE[:2] + BUNDLE[3:]))
        assert "Position 2: 2 lines are missing here." == str(damage(BUNDLE[:2] + BUNDLE[4:]))
        assert "Position 2: 3 lines are missing here." == str(damage(BUNDLE[:2] + BUNDLE[5:]))

    @pytest.mark.parametrize("place", range(1, 7))
    def test_swapped_lines(self, place: int) -> None:
        """Two lines that changed places are named."""
        one, two = BUNDLE[place], BUNDLE[place + 1]
        found = damage([*BUNDLE[:place], two, one, *BUNDLE[place + 2 :]])

        assert ("order", place) == (found.kind, found.position)
        assert "changed places" in str(found)

    def test_an_added_line(self) -> None:
        """A line that was never sealed is named, a repeated one too."""
        other = Log().append(1, 14)
        forged = shown_line(other.entry, other.salt, other.document, b"\x01" * 32)
        for extra in (forged, BUNDLE[3]):
            found = damage([*BUNDLE[:4], extra, *BUNDLE[4:]])

            assert ("order", 4) == (found.kind, found.position)
            assert "was added" in str(found)

    @pytest.mark.parametrize(
        "before,after",
        [
            (identity(900).encode(), identity(902).encode()),
            (b"1763800000003000", b"1763800000003001"),
            (b'"amend"', b'"certify"'),
        ],
    )
    def test_a_changed_entry(self, before: bytes, after: bytes) -> None:
        """Another actor, time or operation is a change of the entry."""
        written = BUNDLE[3].split(b"\t")[0].replace(before, after, 1)
        found = damage([*BUNDLE[:3], columns(BUNDLE[3], entry=written), *BUNDLE[4:]])

        assert "Position 3: The entry was changed after it was sealed." == str(found)
        assert "superuser" in found.who

    def test_a_changed_document(self) -> None:
        """Another document or salt is a change of the document."""
        document = BUNDLE[5].split(b"\t")[2].replace(b"Z", b"z")
        for parts in ({"document": document}, {"salt": b"00" * 16}):
            found = damage([*BUNDLE[:5], columns(BUNDLE[5], **parts), *BUNDLE[6:]])

            assert ("document", 5) == (found.kind, found.position)

    def test_a_changed_leaf_hash(self) -> None:
        """The hash in a line may be what was changed."""
        found = damage([*BUNDLE[:4], columns(BUNDLE[4], leaf=b"0" * 64), *BUNDLE[5:]])

        assert "Position 4: The leaf hash in the line was changed." == str(found)

    def test_written_anew(self) -> None:
        """Whoever computes the hashes anew has the signed tree against them."""
        written = BUNDLE[8].split(b"\t")[0].replace(identity(900).encode(), identity(902).encode())
        found = damage(resealed(BUNDLE, 8, written))

        assert ("proof", None) == (found.kind, found.position)
        assert "not with the signed tree" in str(found)

    def test_another_tenants_lines(self) -> None:
        """Under another tenant's name the lines are not accepted."""
        found = damage([header_line(identity(2)), *BUNDLE[1:]])

        assert ("tenant", 1) == (found.kind, found.position)
        assert identity(1) in str(found)

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"\n",
            b"{}\n",
            b'{"format":"plant-proof/v2","tenant_id":"x"}\n',
            b'{"format":"plant-proof/v1", "tenant_id":"x"}\n',
            b'{"format":"plant-proof/v1","tenant_id":"x","more":1}\n',
            b'{"format":"plant-proof/v1"}\n',
            b'{"format":"plant-proof/v1","tenant_id":"x"}\n',
            header_line(identity(1).upper()),
            b"\xff\n",
        ],
    )
    def test_no_header(self, line: bytes) -> None:
        """A bundle begins with its format."""
        assert "form" == damage([line, *BUNDLE[1:]]).kind

    @pytest.mark.parametrize(
        "part",
        [
            {"salt": b"ERASED"},
            {"salt": b"withheld"},
            {"salt": b""},
            {"salt": b"zz" * 16},
            {"entry": b"[]"},
            {"entry": b"["},
            {"entry": b'["\xff"]'},
            {"document": b"{}\t"},
        ],
    )
    def test_no_line(self, part: dict[str, bytes]) -> None:
        """What is no line of an entry is named as such, or as changed."""
        found = damage([*BUNDLE[:2], columns(BUNDLE[2], **part), *BUNDLE[3:]])

        assert ("form", 2) == (found.kind, found.position)


class TestEnds:
    """Headers, ends and counts."""

    @pytest.mark.parametrize("kept", range(1, 9))
    def test_cut(self, kept: int) -> None:
        """Without its last line a bundle is cut, wherever it ends."""
        found = damage(BUNDLE[:kept])

        assert ("cut", kept) == (found.kind, found.position)

    def test_cut_inside_a_line(self) -> None:
        """Half a line is no line."""
        content = b"".join(BUNDLE)
        for length in range(len(BUNDLE[0]), len(content)):
            damage(split(content[:length]))

    def test_lines_behind_the_last(self) -> None:
        """Nothing stands behind the last line."""
        for extra in (b"\n", b"x\n", BUNDLE[1], BUNDLE[-1]):
            assert "form" == damage([*BUNDLE, extra]).kind

    @pytest.mark.parametrize(
        "members,kind",
        [
            ({"count": 7}, "cut"),
            ({"count": 9}, "cut"),
            ({"count": -1}, "form"),
            ({"log_index": 9}, "proof"),
            ({"log_index": 3}, "proof"),
            ({"log_index": None}, "proof"),
            ({"log_index": -1}, "form"),
            ({"log_index": 10**18 - 1}, "proof"),
            ({"log_index": 10**18}, "form"),
            ({"proof": []}, "proof"),
            ({"proof": ["00" * 32] * 4}, "proof"),
            ({"proof": ["0" * 63] * 4}, "form"),
            ({"proof": ["x"]}, "form"),
            ({"checkpoint": ""}, "signature"),
            ({"checkpoint": LOG.note(11)}, "proof"),
            ({"log_index": "3"}, "form"),
            ({"more": 1}, "form"),
            ({"consistency": []}, "form"),
        ],
    )
    def test_changed_end(self, members: dict[str, Any], kind: str) -> None:
        """Another count, index, proof or checkpoint is noticed."""
        assert kind == damage(trailer(BUNDLE, **members)).kind

    def test_nothing_is_proved_of_nothing(self) -> None:
        """Without entries there is neither index nor proof."""
        empty = LOG.bundle(7)

        assert "form" == damage(trailer(empty, log_index=1)).kind
        assert "form" == damage(trailer(empty, proof=["00" * 32])).kind
        assert "cut" == damage([*empty[:1], BUNDLE[-1]]).kind

    def test_too_early(self) -> None:
        """The n-th entry is not among the first n - 1 of the log, though the tree says so."""
        log = Log([SIGNER])
        log.append(1, 11)
        lines = log.bundle(1)[:2]
        last = log.append(1, 12)
        grown, tiles = extend(Frontier(), [leaf_hash(last.leaf)])
        note = sign_checkpoint(Checkpoint(ORIGIN, 1, grown.root()), [SIGNER])
        lines += [log.bundle(1)[2], trailer_line(2, (0, prove_inclusion(0, 1, tiles)), note)]

        assert "Index 0 is too early for 2 entries" in str(damage(lines))

    def test_count_tells_where(self) -> None:
        """The first position that is too many, or that is not there, is named."""
        assert 7 == damage(trailer(BUNDLE, count=6)).position
        assert 9 == damage(trailer(BUNDLE, count=12)).position

    def test_signed_with_another_key(self) -> None:
        """A history that was written anew and signed by somebody else is not the log's."""
        other = small_log()
        other.signers = [Signer(ORIGIN, b"\x08" * 32)]
        found = damage(other.bundle(1))

        assert "signature" == found.kind
        assert "No pinned key has signed" in str(found)


class TestErasures:
    """A document may be gone when a later entry says so."""

    def test_erased_with_an_entry(self) -> None:
        """An erasure covers every earlier version of its entity."""
        log = small_log()
        log.append(1, 11, ERASE)

        assert 3 == check_bundle(log.bundle(1), KEYS).erased

    def test_erased_without_an_entry(self) -> None:
        """What is gone and was not erased by an entry is named, the first of it."""
        log = small_log()
        log.append(1, 12, ERASE)
        found = damage(log.bundle(1, absent={7: ERASED, 3: ERASED}))

        assert ("erasure", 3) == (found.kind, found.position)

    def test_erased_again_after_the_entry(self) -> None:
        """An erasure does not cover what comes after it, nor its own entry."""
        log = small_log()
        erasure = log.append(1, 11, ERASE)
        later = log.append(1, 11)

        for position in (erasure.position, later.position):
            found = damage(log.bundle(1, absent={position: ERASED}))
            assert ("erasure", position) == (found.kind, found.position)
        log.append(1, 11, ERASE)
        check_bundle(log.bundle(1), KEYS)


class TestHistories:
    """What was sealed, and was wrong before it was sealed."""

    @pytest.mark.parametrize(
        "before,after,words",
        [
            (b'",2,"amend"', b'",3,"amend"', "Version 3 of .* follows version 1"),
            (b'",2,"amend"', b'",1,"amend"', "Version 1 of .* follows version 1"),
            (b"1763800000003000", b"1763800000000000", "not younger"),
            (b"1763800000003000", b"1763799999999999", "not younger"),
        ],
    )
    def test_out_of_order(self, before: bytes, after: bytes, words: str) -> None:
        """Versions follow each other one by one, and times rise."""
        log, written = Log([SIGNER]), LOG.tenants[identity(1)][2].entry
        assert 2 == parse_entry(written).version
        first, second = log.append(1, 11), written.replace(before, after)
        log.place(identity(1), second, first.salt, first.document)
        with pytest.raises(Damaged, match=words) as caught:
            check_bundle(log.bundle(1), KEYS)

        assert ("history", 2) == (caught.value.kind, caught.value.position)
        assert "before it was sealed" in caught.value.who

    def test_chain_of_an_entity(self) -> None:
        """An entry names the one before it."""
        log = Log([SIGNER])
        log.append(1, 11)
        second = log.append(1, 11)
        broken = second.entry[:-3] + b'0"]'
        other = Log([SIGNER])
        other.append(1, 11)
        other.place(identity(1), broken, second.salt, second.document)

        assert "does not continue version 1" in str(damage(other.bundle(1)))

    def test_begins_with_the_first_version(self) -> None:
        """An entity whose beginning is not there is named."""
        log = Log([SIGNER])
        second = LOG.tenants[identity(1)][2]
        log.place(identity(1), second.entry, second.salt, second.document)

        assert "follows version 0" in str(damage(log.bundle(1)))

    @pytest.mark.parametrize(
        "before,after",
        [
            (b"plant-entry/v1", b"plant-entry/v2"),
            (identity(11).encode(), identity(11).upper().encode()),
            (b'"job_role"', b'"Job Role"'),
            (identity(900).encode(), "Zoë".encode()),
            (b'",2,"amend"', b'",2, "amend"'),
            (b'",2,"amend"', b'",2,"am\\u0065nd"'),
            (b'"]', b'",1]'),
        ],
    )
    def test_badly_written(self, before: bytes, after: bytes) -> None:
        """An entry that is not written as it must be is named, though it was sealed."""
        log, written = Log([SIGNER]), LOG.tenants[identity(1)][2].entry
        first, second = log.append(1, 11), written.replace(before, after)
        assert second != written
        log.place(identity(1), second, first.salt, first.document)
        found = damage(log.bundle(1))

        assert ("form", 2) == (found.kind, found.position)

    def test_of_another_tenant(self) -> None:
        """An entry of another tenant is named, though it was sealed."""
        log = Log([SIGNER])
        first, second = log.append(1, 11), Log().append(2, 21)
        log.place(identity(1), second.entry, first.salt, first.document)
        found = damage(log.bundle(1))

        assert ("tenant", 2) == (found.kind, found.position)

    @pytest.mark.parametrize("shown", [False, True])
    def test_badly_written_like_others(self, *, shown: bool) -> None:
        """Ids and hashes are looked at in every entry, though others said the same before."""
        log, one = Log([SIGNER]), Log([SIGNER]).append(1, 11)
        log.append(1, 16)
        name, hashed = identity(11), parse_entry(one.entry).payload_hash.hex()
        before, after = (name, name.upper()) if shown else (hashed, "none")
        written = one.entry.replace(before.encode(), after.encode())
        log.place(identity(1), written, one.salt, one.document)
        log.append(1, 12)
        found = damage(log.bundle(1, absent={} if shown else {2: WITHHELD}))

        assert ("form", 2) == (found.kind, found.position)


class TestHeld:
    """What somebody has kept from before."""

    @pytest.mark.parametrize("size", range(13))
    def test_the_log_grew_out_of_it(self, size: int) -> None:
        """With the proof that was asked for, each older checkpoint is compared."""
        report = check_bundle(LOG.bundle(1, since=[size]), KEYS, held=[LOG.checkpoint(size)])

        assert 1 == report.held

    def test_proof_was_not_asked_for(self) -> None:
        """Without the proof nothing is said of the older checkpoint."""
        for size in (1, 5, 11):
            with pytest.raises(Undecided, match=f"since={size}"):
                check_bundle(LOG.bundle(1, since=[4, 6]), KEYS, held=[LOG.checkpoint(size)])

    def test_rolled_back(self) -> None:
        """A log that was longer is named, though it is sound and signed."""
        longer = small_log()
        longer.append(2, 23)
        found = damage(BUNDLE, held=[longer.checkpoint()])

        assert "rollback" == found.kind
        assert "13 entries, and this log has 12" in str(found)

    def test_forked(self) -> None:
        """A history written anew and signed with the log's own key is named."""
        other = Log([SIGNER])
        other.append(2, 29)
        for _ in range(11):
            other.append(1, 11)

        for size in (1, 6, 12):
            found = damage(other.bundle(1, since=[size]), held=[LOG.checkpoint(size)])
            assert "fork" == found.kind
            assert "key" in found.who

    def test_changed_consistency_proof(self) -> None:
        """A proof that does not hold is as good as a fork."""
        for proof in (["00" * 32] * 3, []):
            lines = trailer(LOG.bundle(1), consistency=[{"size": 5, "proof": proof}])

            assert "fork" == damage(lines, held=[LOG.checkpoint(5)]).kind

    def test_another_log(self) -> None:
        """Checkpoints of two logs cannot be compared."""
        with pytest.raises(Undecided, match="cannot be compared"):
            check_bundle(BUNDLE, KEYS, held=[Checkpoint(f"{ORIGIN}/inc2", 1, bytes(32))])

    def test_receipts(self) -> None:
        """Leaf hashes of receipts and older bundles are found again, or what is wrong is named."""
        leaves = {at.position: leaf_hash(at.leaf) for at in LOG.tenants[identity(1)]}
        check_bundle(BUNDLE, KEYS, leaves=leaves)

        contradicted = damage(BUNDLE, leaves={5: leaves[5], 6: leaves[5]})
        assert ("receipt", 6) == (contradicted.kind, contradicted.position)
        ended = damage(BUNDLE, leaves={5: leaves[5], 9: leaves[5]})
        assert ("cut", 9) == (ended.kind, ended.position)

    def test_cut_at_the_end_with_a_proof(self) -> None:
        """A shorter history with a proof of its own is sound: only what one holds tells."""
        placed = LOG.tenants[identity(1)]
        cut = [
            *BUNDLE[:-2],
            trailer_line(7, (placed[6].log_index, LOG.inclusion(placed[6])), LOG.note()),
        ]

        assert 7 == check_bundle(cut, KEYS).count
        assert "cut" == damage(cut, leaves={8: leaf_hash(placed[7].leaf)}).kind


def mutations(draw: random.Random, lines: Lines) -> Iterator[Lines]:
    """Spoil a bundle in every way that needs no key, several at once."""
    ways: list[Callable[[Lines], Lines]] = [
        lambda it: it[:1] + it[2:],
        lambda it: [it[0], *draw.sample(it[1:-1], len(it) - 2), it[-1]],
        lambda it: it[:-2] + it[-1:],
        lambda it: [*it[:2], it[draw.randrange(1, len(it) - 1)], *it[2:]],
        lambda it: [line.replace(b"00", b"01", 1) for line in it],
        lambda it: trailer(it, count=len(it) - 3),
    ]
    for _ in range(8):
        changed = lines
        for way in draw.sample(ways, draw.randint(1, 3)):
            changed = way(changed)
        if changed != lines:
            yield changed


@pytest.mark.parametrize("seed", range(10))
def test_random_damage(seed: int) -> None:
    """Whatever is done to the lines of whatever history, it is not accepted."""
    draw, log = random.Random(seed), random_log(seed, 70, [SIGNER])
    for changed in mutations(draw, log.bundle(1)):
        with pytest.raises(ProofError):
            check_bundle(changed, KEYS)


def test_positions_rise() -> None:
    """The helper of these tests makes what the service makes: one chain for each tenant."""
    for placed in LOG.tenants.values():
        for one, two in pairwise(placed):
            assert two.position == one.position + 1
            assert leaf_hash(one.leaf).hex() in two.leaf.decode()
    assert sign_checkpoint(LOG.checkpoint(), [SIGNER]) == LOG.note()
