"""Who opens the console with the sample finds what is certified, and proves it."""

import pytest

from tests.console.browser import Browser
from tests.console.conftest import Sample

pytestmark = pytest.mark.console

KEY = "The log's verifier key, from somebody you trust"


def held(tab: Browser) -> list[str]:
    """Name the steps of the proof that hold."""
    return [str(one.get_attribute("data-step")) for one in tab.all("ol.verdicts > .holds")]


def test_a_stranger_finds_who_certified_a_skill_and_proves_it(tab: Browser, sample: Sample) -> None:
    """From the first page on every step is a link of the page before."""
    tab.open()
    tab.fill("API key", sample.keys["author"])
    tab.press("Sign in")
    tab.heading("Overview")
    tab.follow("Find an active skill", "Skills")
    name = tab.text("tbody th a")
    tab.follow(name, name)
    assert "Certified by certifier on" in tab.text(".certified")
    tab.press("Prove it in this browser")
    tab.whole()
    tab.until(lambda: "Not proven yet" in tab.text(".outcome"))
    assert ["form", "subject", "document", "entry", "inclusion"] == held(tab)

    tab.fill(KEY, sample.vkey)
    tab.press("Check")

    tab.until(lambda: "Proven: this stands in the log" in tab.text(".outcome"))
    assert ["form", "subject", "document", "entry", "inclusion", "signature"] == held(tab)
    assert f"certified the skill “{name}”" in tab.text(".outcome")


def test_the_keyboard_is_enough(tab: Browser, sample: Sample) -> None:
    """The same way with Tab and Enter alone; each page puts the focus on its heading."""
    from selenium.webdriver import Keys

    tab.open()
    tab.tab_to("API key")
    tab.keys(sample.keys["author"], Keys.ENTER)
    tab.heading("Overview")
    tab.whole()
    assert "Overview" == tab.focused()
    tab.tab_to("Find an active skill")
    tab.keys(Keys.ENTER)
    tab.heading("Skills")
    tab.whole()
    assert "Skills" == tab.focused()
    name = tab.text("tbody th a")
    tab.tab_to(name)
    tab.keys(Keys.ENTER)
    tab.heading(name)
    tab.whole()
    assert name == tab.focused()
    tab.tab_to("Prove it in this browser")
    tab.keys(Keys.ENTER)
    tab.until(lambda: tab.text("h1").startswith("Proof of version"))
    tab.whole()
    tab.tab_to(KEY)
    tab.keys(sample.vkey)
    tab.tab_to("Check")
    tab.keys(Keys.ENTER)

    tab.until(lambda: "Proven: this stands in the log" in tab.text(".outcome"))


def test_what_has_the_focus_is_seen(tab: Browser, sample: Sample) -> None:
    """Everything that the tab key reaches is outlined."""
    from selenium.webdriver import Keys

    tab.enter(sample.keys["author"])
    plain = []
    for _ in range(40):
        tab.keys(Keys.TAB)
        style = "getComputedStyle(document.activeElement).outlineStyle"
        if tab.run(f"return document.activeElement !== document.body && {style} === 'none'"):
            plain.append(tab.focused())

    assert [] == plain


def test_the_skip_button_leads_past_the_menu(tab: Browser, sample: Sample) -> None:
    """It is the first thing that the tab key reaches."""
    from selenium.webdriver import Keys

    tab.enter(sample.keys["author"])
    tab.run("document.activeElement.blur(); document.body.focus()")
    tab.open("#/search")
    tab.tab_to("Skip to the content", most=1)
    tab.keys(Keys.ENTER)

    assert "Search" == tab.focused()


def test_the_key_stays_in_the_tab(tab: Browser, sample: Sample) -> None:
    """It is in no address and no lasting store, and gone after signing out."""
    key = sample.keys["author"]
    tab.enter(key)
    tab.follow("Skills", "Skills")

    assert key not in tab.driver.current_url
    assert key not in tab.run("return JSON.stringify({...localStorage}) + document.cookie")
    tab.press("Sign out")
    tab.heading("Sign in with an API key")
    assert 0 == tab.run("return sessionStorage.length")


def test_a_key_that_nobody_knows_is_refused(tab: Browser) -> None:
    """The page says so, in the words of the service."""
    tab.open()
    tab.fill("API key", "plant_nobody")
    tab.press("Sign in")

    tab.until(lambda: "unknown, expired or revoked" in tab.text(".problem"))
    assert "API key" == tab.focused()


def test_a_key_that_is_refused_later_ends_the_session(tab: Browser, sample: Sample) -> None:
    """Whoever goes on is asked for a key again."""
    tab.enter(sample.keys["author"])
    tab.run("sessionStorage.setItem('plant-key', 'plant_nobody')")
    tab.press("Teams")

    tab.heading("Sign in with an API key")
    assert "not taken any more" in tab.text(".problem")
