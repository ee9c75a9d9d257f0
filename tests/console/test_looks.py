"""Every page in light, dark and on a narrow screen: readable, and loading nothing else."""

from pathlib import Path

import pytest

from tests.console.browser import LIGHT, Browser, Look
from tests.console.conftest import Sample
from tests.console.test_path import KEY

pytestmark = pytest.mark.console

LOOKS = {
    "light": LIGHT,
    "dark": Look("dark", dark=True),
    "narrow": Look("narrow", width=360),
}
PAGES = ["signin", "overview", "list", "search", "skill", "review", "step", "role", "log",
         "open", "proof", "tampered", "paste"]  # fmt: skip

SMALL = {"overview": 760, "skill": 960, "proof": 960}
"""What docs/console.md shows, from the top up to a height."""


@pytest.fixture(scope="module")
def addresses(sample: Sample) -> dict[str, str]:
    """Have an address for each page."""
    found = {
        state: sample.api("GET", f"/v1/skills?status={state}&tag=logistics&limit=1")["items"][0]
        for state in ("active", "under_review")
    }
    role = sample.api("GET", "/v1/job-roles?status=active&limit=1")["items"][0]["id"]
    skill = found["active"]["id"]
    versions = sample.api("GET", f"/v1/skills/{skill}/versions")["items"]
    (certified,) = [one["version"] for one in versions if one["operation"] == "certify"]
    proof = f"#/receipt?kind=skills&id={skill}&version={certified}"
    return {
        "overview": "#/",
        "list": "#/skills?status=active",
        "search": "#/search?text=make+furniture",
        "skill": f"#/skills/{skill}",
        "review": f"#/skills/{found['under_review']['id']}",
        "step": f"#/skills/{found['under_review']['id']}",
        "role": f"#/job-roles/{role}",
        "log": "#/log?after=2940",
        "open": proof,
        "proof": proof,
        "tampered": proof,
        "paste": "#/receipt",
    }


def prepared(tab: Browser, page: str, sample: Sample) -> None:
    """Do what a page is there for."""
    if page == "skill":
        tab.press("Show differences")
        tab.until(lambda: tab.all("del"))
    if page == "step":
        tab.press("Certify")
        tab.until(lambda: tab.all("dialog[open]"))
    if page in {"proof", "tampered"}:
        tab.put(KEY, sample.vkey)
        tab.press("Check")
        tab.until(lambda: "Proven" in tab.text(".outcome"))
    if page == "tampered":
        tab.press("Alter one letter of the document and check")
        tab.until(lambda: "This step fails" in tab.text(".outcome"))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_readable_and_fits(
    tab: Browser, sample: Sample, addresses: dict[str, str], page: str, look: str,
    pytestconfig: pytest.Config,
) -> None:  # fmt: skip
    """axe-core has nothing to say of it, contrast included, and it is no wider than the screen."""
    from axe_core_python.selenium import Axe

    tab.look(LOOKS[look])
    if page == "signin":
        tab.open()
    else:
        tab.enter(sample.keys["certifier"], addresses[page])
    prepared(tab, page, sample)
    folder: Path | None = pytestconfig.getoption("--screenshots")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        tab.picture(folder / f"{page}-{look}.png", LOOKS[look])
        if look == "light" and page in SMALL:
            tab.picture(folder / f"{page}.png", LOOKS[look], most=SMALL[page], scale=0.5)
    found = Axe().run(tab.driver)["violations"]
    wide = tab.run("return document.documentElement.scrollWidth")

    assert [] == [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
    assert wide <= LOOKS[look].width


def test_nothing_moves_for_whoever_asked_for_that(tab: Browser, sample: Sample) -> None:
    """With prefers-reduced-motion no element has a transition or an animation."""
    tab.enter(sample.keys["author"])
    moving = tab.run(
        "return [...document.querySelectorAll('*')].map((one) => getComputedStyle(one))"
        ".filter((one) => parseFloat(one.transitionDuration) || one.animationName !== 'none')"
        ".length"
    )

    assert 0 == moving


def test_the_policy_refuses_what_is_not_the_consoles(tab: Browser) -> None:
    """A script that got into the page would not run, and would reach no other address."""
    tab.open()
    found = tab.waited(
        """
        const seen = [];
        addEventListener("securitypolicyviolation", (one) => seen.push(one.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken'";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='1'>x</p>");
        const image = document.createElement("img");
        image.src = "http://127.0.0.1:1/x.png";
        document.body.append(image);
        await fetch("http://127.0.0.1:1/").catch(() => null);
        while (seen.length < 5) await new Promise(requestAnimationFrame);
        return [...new Set(seen)].sort().concat(document.title);
        """
    )
    tab.complaints()  # each refusal is one

    assert [
        "connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr",
        "Sign in with an API key · Plant",
    ] == found  # fmt: skip
