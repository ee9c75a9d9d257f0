"""A receipt is checked in the browser as the other verifiers check it: no less, and no more."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.proof.fault import Malformed, Unproven
from service.proof.keys import Signer, VerifierKey, parse_vkey
from service.proof.receipt import check_receipt, parse_receipt
from tests.console.browser import Browser
from tests.console.conftest import Sample
from tests.console.test_path import KEY, held

pytestmark = pytest.mark.console

VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "audit-vectors.json").read_text(encoding="utf-8")
)
CHECK = "return await (await import('/console/proof.js')).check(arguments[0], arguments[1])"
OTHER = Signer(parse_vkey(VECTORS["vkey"]).name, bytes(32))
Change = Callable[[dict[str, Any]], object]


def flipped(text: str, at: int) -> str:
    """Change one letter of a text."""
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


def changed(member: str, change: Callable[[Any], Any]) -> Change:
    """Change one member."""
    return lambda receipt: receipt.update({member: change(receipt[member])})


def noted(old: str, new: str) -> Change:
    """Change the checkpoint."""
    return changed("checkpoint", lambda note: note.replace(old, new))


DAMAGE: dict[str, tuple[str, Change]] = {
    "a letter of the document": ("document", changed("document", partial(flipped, at=40))),
    "a digit of the salt": ("document", changed("salt", partial(flipped, at=3))),
    "the document left out": ("form", changed("document", lambda _: None)),
    "the payload's hash in the entry": ("document", changed("entry", partial(flipped, at=-80))),
    "the previous hash in the entry": ("entry", changed("entry", partial(flipped, at=-9))),
    "another format of the entry": ("form", changed("entry", lambda one: one.replace("v1", "v2"))),
    "white space in the entry": ("form", changed("entry", lambda one: one.replace(",", ", ", 1))),
    "the entry's hash in the leaf": ("entry", changed("leaf", partial(flipped, at=-80))),
    "the previous hash in the leaf": ("inclusion", changed("leaf", partial(flipped, at=-9))),
    "another position": ("entry", changed("position", lambda one: one + 1)),
    "another index": ("inclusion", changed("log_index", lambda one: one - 1)),
    "an index beyond the log": ("inclusion", changed("log_index", lambda _: 7)),
    "a hash of the proof": ("inclusion", changed("proof", lambda one: ["0" * 64, *one[1:]])),
    "a hash too many": ("inclusion", changed("proof", lambda one: [*one, "0" * 64])),
    "a hash too few": ("inclusion", changed("proof", lambda one: one[:-1])),
    "a proof in capitals": ("form", changed("proof", lambda one: [one[0].upper(), *one[1:]])),
    "another size": ("inclusion", noted("\n7\n", "\n8\n")),
    "another root": ("inclusion", noted("\nR", "\nS")),
    "a line of the text": ("signature", noted("\n\n", "\nx\n\n")),
    "a signature by another": ("signature", noted("— plant", "— plants")),
    "a letter of the signature": ("signature", noted("UHx5u4Lf", "UHx5u4Lg")),
    "no signature": ("form", changed("checkpoint", lambda one: one.partition("—")[0])),
    "a member too many": ("form", lambda receipt: receipt.update(more=1)),
    "a member too few": ("form", lambda receipt: receipt.pop("audit_id")),
    "a number as text": ("form", changed("position", str)),
}


@pytest.fixture
def receipt() -> dict[str, Any]:
    """Have the receipt of the test vectors."""
    return dict(VECTORS["receipt"])


def python_says(text: str, keys: list[VerifierKey]) -> bool:
    """Ask the service's own verifier."""
    try:
        check_receipt(parse_receipt(text), keys)
    except (Malformed, Unproven):
        return False
    return True


def told(tab: Browser, text: str, vkeys: str) -> Any:
    """Check a receipt in a page."""
    return tab.waited(CHECK, text, vkeys)


def test_the_vectors_hold(tab: Browser, receipt: dict[str, Any]) -> None:
    """Each step of the receipt in docs/audit-vectors.json holds."""
    found = told(tab, json.dumps(receipt, indent=4), VECTORS["vkey"])

    assert found["proven"] is True
    assert {"holds"} == {one["verdict"] for one in found["steps"]}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_where_it_is(tab: Browser, receipt: dict[str, Any], damage: str) -> None:
    """The step that looks at what was changed fails first, and the verifier in Python agrees."""
    step, change = DAMAGE[damage]
    change(receipt)
    text = json.dumps(receipt)
    found = told(tab, text, VECTORS["vkey"])

    assert (step, False) == (found["failed"], found["proven"]), found["steps"]
    assert not python_says(text, [parse_vkey(VECTORS["vkey"])])


def test_a_member_that_is_there_twice_is_found(tab: Browser, receipt: dict[str, Any]) -> None:
    """JSON.parse would keep the last of the two, and other readers the first."""
    text = json.dumps(receipt)
    text = text[:-1] + ', "document": "{}"}'

    assert "form" == told(tab, text, VECTORS["vkey"])["failed"]
    assert not python_says(text, [parse_vkey(VECTORS["vkey"])])


def test_an_erased_document_proves_the_entry_alone(tab: Browser, receipt: dict[str, Any]) -> None:
    """All else holds, and the step says what is not proved."""
    receipt |= {"salt": None, "document": None}
    found = told(tab, json.dumps(receipt), VECTORS["vkey"])

    verdicts = {one["id"]: one["verdict"] for one in found["steps"]}
    assert (True, "open") == (found["proven"], verdicts.pop("document"))
    assert {"holds"} == set(verdicts.values())


@pytest.mark.parametrize(
    "vkeys, verdict",
    [
        ("", "open"),
        (str(OTHER.vkey), "fails"),
        (VECTORS["witness"]["vkey"], "fails"),
        (flipped(VECTORS["vkey"], 40), "fails"),
        ("nonsense", "fails"),
        (f"{OTHER.vkey}\n{VECTORS['vkey']}", "holds"),
        (f"{VECTORS['vkey']}  primary, with the next entry", "holds"),
    ],
)
def test_only_a_key_of_ones_own_proves_whose_log_it_is(
    tab: Browser, receipt: dict[str, Any], vkeys: str, verdict: str
) -> None:
    """Without one nothing is proven; another's or an altered one fails; of several one does."""
    found = told(tab, json.dumps(receipt), vkeys)

    assert (verdict, verdict == "holds") == (found["steps"][-1]["verdict"], found["proven"])
    assert "signature" == found["steps"][-1]["id"]


def test_every_inclusion_proof_of_the_vectors_leads_to_the_root(tab: Browser) -> None:
    """Of all leaves of the log of seven, at the edge of the tree and within."""
    script = """
        const {rootOf} = await import('/console/proof.js');
        const {fromHex, toHex} = await import('/console/encoded.js');
        const hash = (one) => fromHex(one, '', 32);
        const [leaves, proofs] = arguments, size = BigInt(leaves.length);
        return await Promise.all(leaves.map(async (leaf, at) =>
            toHex(await rootOf(hash(leaf), BigInt(at), size, proofs[at].map(hash)))));
    """
    entries = VECTORS["entries"]
    roots = tab.waited(
        script, [one["leaf_hash"] for one in entries], [one["inclusion"] for one in entries]
    )

    assert {entries[-1]["root_after"]} == set(roots)
    assert 7 == len(roots)


def test_a_tampered_receipt_is_red(tab: Browser, sample: Sample) -> None:
    """The page names the step that fails, in words and in red; the others hold as before."""
    skill = sample.api("GET", "/v1/skills?status=active&limit=1")["items"][0]
    tab.enter(
        sample.keys["author"], f"#/receipt?kind=skills&id={skill['id']}&version={skill['version']}"
    )
    tab.fill(KEY, sample.vkey)
    tab.press("Alter one letter of the document and check")

    tab.until(
        lambda: "This step fails: The document is what the entry names" in tab.text(".outcome")
    )
    (failing,) = tab.all("ol.verdicts > .fails")
    assert "document" == failing.get_attribute("data-step")
    assert "does not hold" in failing.text
    red, green, blue, *_ = map(int, failing.value_of_css_property("color")[5:-1].split(", ")[:3])
    assert red > 2 * green
    assert red > 2 * blue
    assert "document" not in held(tab)


def test_a_receipt_of_something_else_is_refused(tab: Browser, sample: Sample) -> None:
    """A service that gives a sound receipt of another entity than was asked for proves nothing."""
    first, second = sample.api("GET", "/v1/skills?status=active&limit=2")["items"]
    given = sample.api("GET", f"/v1/skills/{second['id']}/receipt?wait=10")
    tab.enter(
        sample.keys["author"], f"#/receipt?kind=skills&id={first['id']}&version={first['version']}"
    )
    tab.fill(KEY, sample.vkey)
    tab.put("Receipt", json.dumps(given))
    tab.press("Check again")

    tab.until(lambda: "This step fails: It is of what was asked for" in tab.text(".outcome"))


def test_a_receipt_of_another_tenant_is_none_of_what_was_asked_for(
    tab: Browser, receipt: dict[str, Any]
) -> None:
    """Its entity may have the very id: whoever restores an export keeps them."""
    _, tenant, _, entity, version, *_ = json.loads(receipt["entry"])
    script = CHECK.replace("arguments[1])", "arguments[1], arguments[2])")
    verdicts = [
        tab.run(
            script,
            json.dumps(receipt),
            VECTORS["vkey"],
            {"entity": entity, "version": version, "tenant": whose},
        )["failed"]
        for whose in (tenant, "01900000-0000-7000-8000-000000000000")
    ]

    assert [None, "subject"] == verdicts


def test_a_receipt_that_was_kept_is_checked_without_asking(tab: Browser, sample: Sample) -> None:
    """Nothing is asked of the service but the names of who did it."""
    skill = sample.api("GET", "/v1/skills?status=active&limit=1")["items"][0]
    kept = sample.api("GET", f"/v1/skills/{skill['id']}/receipt?wait=10")
    tab.enter(sample.keys["author"])
    tab.follow("Receipt", "Check a receipt")
    tab.run("performance.clearResourceTimings()")
    tab.put("Receipt", json.dumps(kept))
    tab.fill(KEY, sample.vkey)
    tab.press("Check")

    tab.until(lambda: "Proven" in tab.text(".outcome"))
    asked = tab.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert {f"{sample.url}/v1/governance-agents"} == {one.partition("?")[0] for one in asked}


def test_a_key_that_held_is_kept_until_it_is_forgotten(tab: Browser, sample: Sample) -> None:
    """It is public, so it may outlive the tab."""
    skill = sample.api("GET", "/v1/skills?status=active&limit=1")["items"][0]
    address = f"#/receipt?kind=skills&id={skill['id']}&version={skill['version']}"
    tab.enter(sample.keys["author"], address)
    tab.fill(KEY, sample.vkey)
    tab.press("Check")
    tab.until(lambda: "Proven" in tab.text(".outcome"))
    tab.open(address)
    tab.until(lambda: "Proven" in tab.text(".outcome"))
    tab.press("Forget the key")
    tab.open(address)

    tab.until(lambda: "Not proven yet" in tab.text(".outcome"))
