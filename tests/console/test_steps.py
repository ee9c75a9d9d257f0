"""The life cycle as the page shows it, and the steps that are taken from there."""

import pytest

from tests.console.browser import Browser
from tests.console.conftest import Sample

pytestmark = pytest.mark.console


def buttons(tab: Browser) -> list[str]:
    """Give the steps that can be taken."""
    return tab.texts(".steps button")


def drawn(tab: Browser, look: str) -> list[str]:
    """Give the states that the picture draws in a way."""
    return [one.removeprefix("● ") for one in tab.texts(f".cycle .{look} text")]


def test_a_step_is_taken_with_its_reason(tab: Browser, sample: Sample) -> None:
    """Who has the scope certifies from the page, which then shows the new state and version."""
    made = sample.skill("under_review", name="To be certified")
    tab.enter(sample.keys["certifier"], f"#/skills/{made['id']}")
    assert (["under review"], ["draft", "certified", "archived"]) == (
        drawn(tab, "now"),
        sorted(drawn(tab, "next"), key=["draft", "certified", "archived"].index),
    )
    assert ["Reject", "Certify", "Archive"] == buttons(tab)
    tab.press("Certify")
    tab.fill("Reason", "Looked at in the console.")
    tab.driver.find_element("css selector", "dialog button.main").click()
    tab.until(lambda: ["certified"] == drawn(tab, "now"))
    tab.whole()

    assert "Certified by certifier" in tab.text(".card.certified")
    assert "To be certified" == tab.focused()
    assert ("certified", 3) == (
        (now := sample.api("GET", f"/v1/skills/{made['id']}"))["status"],
        now["version"],
    )


def test_a_step_on_what_has_changed_is_refused(tab: Browser, sample: Sample) -> None:
    """The dialogue shows the problem and leads to the entity as it is now."""
    made = sample.skill("under_review", name="Changed meanwhile")
    tab.enter(sample.keys["certifier"], f"#/skills/{made['id']}")
    sample.api("PATCH", f"/v1/skills/{made['id']}", {"tags": ["meanwhile"]})
    tab.press("Certify")
    tab.fill("Reason", "Too late.")
    tab.driver.find_element("css selector", "dialog button.main").click()
    tab.until(lambda: "(412)" in tab.text("dialog .problem"))
    tab.press("Close, and show it as it is now")
    tab.until(lambda: "version 3" in tab.text(".subtitle"))

    assert "meanwhile" in tab.text(".tags")


def test_a_step_against_a_rule_says_which(tab: Browser, sample: Sample) -> None:
    """The problem's errors are listed, with a link to what it means."""
    skill = sample.skill(name="Draft of a rule")
    role = sample.api(
        "POST", "/v1/job-roles",
        {"name": "Role of a rule", "description": "x", "required_skills": [{"id": skill["id"]}]},
    )  # fmt: skip
    step = {"to": "under_review", "reason": "r"}
    sample.api("POST", f"/v1/job-roles/{role['id']}/status", step)
    tab.enter(sample.keys["certifier"], f"#/job-roles/{role['id']}")
    tab.press("Certify")
    tab.fill("Reason", "Will not do.")
    tab.driver.find_element("css selector", "dialog button.main").click()
    tab.until(lambda: "(409)" in tab.text("dialog .problem"))
    link = tab.driver.find_element("css selector", "dialog .problem a").get_attribute("href")

    assert f"{sample.url}/docs/errors#rule-violated" == link
    assert "essential skill" in tab.text("dialog .problem ul")
    tab.press("Cancel")
    tab.until(lambda: not tab.all("dialog"))


def test_a_key_that_only_reads_has_no_buttons(tab: Browser, sample: Sample) -> None:
    """It sees which steps there are, and which scope each needs."""
    made = sample.skill("under_review", name="Only read")
    tab.enter(sample.key("reader", "read"), f"#/skills/{made['id']}")

    assert [] == buttons(tab)
    assert ["Reject", "Certify", "Archive"] == tab.texts(".steps .off")
    assert "Certify to certified needs a key with scope certify" in " ".join(
        tab.text(".steps").split()
    )


def test_nobody_is_offered_to_certify_their_own_work(tab: Browser, sample: Sample) -> None:
    """Though the key has the scope; the way back is a withdrawal."""
    made = sample.skill("under_review", by="certifier", name="Own work")
    tab.enter(sample.keys["certifier"], f"#/skills/{made['id']}")

    assert ["Withdraw", "Archive"] == buttons(tab)
    assert "nobody certifies their own work" in tab.text(".steps")


@pytest.mark.parametrize(
    "state, following",
    [
        ("draft", {"under review", "archived"}),
        ("certified", {"active", "archived"}),
        ("active", {"deprecated", "archived"}),
        ("deprecated", {"archived"}),
        ("archived", set()),
    ],
)
def test_the_picture_is_the_life_cycle(
    tab: Browser, sample: Sample, state: str, following: set[str]
) -> None:
    """From each state the steps of docs/api.md; the words for screen readers say the same."""
    roads = {
        "draft": (),
        "certified": ("under_review", "certified"),
        "active": ("under_review", "certified", "active"),
        "deprecated": ("under_review", "certified", "active", "deprecated"),
        "archived": ("archived",),
    }
    made = sample.skill(*roads[state], name=f"Drawn {state}")
    tab.enter(sample.keys["author"], f"#/skills/{made['id']}")
    words = str(tab.driver.find_element("css selector", ".cycle").get_attribute("aria-label"))

    assert ([state], following) == (drawn(tab, "now"), set(drawn(tab, "next")))
    assert f"It is {state} now." in words
    assert all(f" to {one}, scope write" in words for one in following)
