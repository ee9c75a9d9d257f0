"""What the pages show of the registry is what the API says, as text, found by name."""

from pathlib import Path

import pytest

from tests.console.browser import Browser
from tests.console.conftest import Sample
from tests.servers import plant

pytestmark = pytest.mark.console

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"

MARKUP = "main img, main script, main b b, main i, main u, main s"


def names(tab: Browser) -> list[str]:
    """Give the names in the list."""
    return tab.texts("tbody th a")


def test_markup_in_data_is_text(tab: Browser, sample: Sample) -> None:
    """In lists, on the page of the entity, in its differences and in the proof of it."""
    made = sample.skill(
        name=HOSTILE, tags=["<b>t</b>"], aliases=["<i>a</i>"], custom_attributes={"<u>": "<s>"}
    )
    sample.api("PATCH", f"/v1/skills/{made['id']}", {"description": "<img src=y>"})
    tab.enter(sample.keys["author"], "#/skills?status=draft")
    tab.follow(HOSTILE, HOSTILE)
    tab.press("Show differences")
    tab.until(lambda: "<img src=y>" in tab.text("ins"))
    shown = tab.text("main")
    assert [] == tab.all(MARKUP)
    tab.open(f"#/receipt?kind=skills&id={made['id']}&version=2")

    assert f"“{HOSTILE}”" in tab.text(".outcome")
    assert all(one in shown for one in ("<b>t</b>", "<i>a</i>", '"<u>": "<s>"'))
    assert [] == tab.all(MARKUP)
    assert "taken" not in tab.driver.title


def test_counts_are_those_of_the_api(tab: Browser, sample: Sample) -> None:
    """The table has each number, and each leads to the list that it counts."""
    told = {
        (one["entity_type"], one["status"]): one["count"]
        for one in sample.api("GET", "/v1/counts")["items"]
    }
    tab.enter(sample.keys["author"])
    rows = tab.run(
        "return [...document.querySelectorAll('.counts tbody tr')].map((row) =>"
        " [...row.cells].slice(1).map((cell) => Number(cell.innerText.replaceAll(',', ''))))"
    )
    kinds = ["skill", "job_role", "team", "agent", "industry"]
    states = ["draft", "under_review", "certified", "active", "deprecated", "archived"]
    expected = [[told.get((kind, state), 0) for state in states] for kind in kinds]
    assert [[*row, sum(row)] for row in expected] == rows

    tab.driver.find_element("css selector", "a[aria-label$='draft teams']").click()
    tab.heading("Teams")
    tab.whole()
    assert told["team", "draft"] == len(names(tab))


def test_a_list_is_filtered_and_goes_on(tab: Browser, sample: Sample) -> None:
    """By state, name and tag together; the pages have all of it, once."""
    tab.enter(sample.keys["author"])
    tab.follow("Skills", "Skills")
    tab.fill("State", "active")
    tab.fill("Tag", "kitchen")
    tab.press("Filter")
    tab.until(lambda: "tag=kitchen" in tab.driver.current_url)
    tab.whole()
    found = names(tab)
    while tab.all("a[rel=next]"):
        last = found[-1]
        tab.press("Next page")
        tab.until(lambda last=last: names(tab)[-1:] not in ([], [last]))  # type: ignore[misc]
        tab.whole()
        found += names(tab)
    listed = sample.api("GET", "/v1/skills?status=active&tag=kitchen&limit=200")["items"]

    assert len(listed) > 25
    assert sorted(one["name"] for one in listed) == sorted(found)


def test_a_name_is_found_by_its_beginning(tab: Browser, sample: Sample) -> None:
    """Whatever the case."""
    tab.enter(sample.keys["author"])
    tab.follow("Skills", "Skills")
    tab.fill("Name begins with", "sql")
    tab.press("Filter")
    tab.until(lambda: "name=sql" in tab.driver.current_url)
    tab.whole()

    assert names(tab)
    assert {"sql"} == {one[:3].lower() for one in names(tab)}


def test_search_says_how_it_found(tab: Browser, sample: Sample) -> None:
    """Its mode, whether all was compared, and by which label it was found."""
    key = sample.service.key("pottery", "alice", "read,write")
    body = {"name": "Wheel throwing", "description": "x", "aliases": ["Potter at the wheel"]}
    sample.api("POST", "/v1/skills", body | {"category": "technical"}, key=key)
    asked = {"text": "pottr at the wheel", "status": ["draft"], "limit": 20}
    # Labels get their vectors behind the log.
    tab.until(lambda: sample.api("POST", "/v1/search", asked, key=key)["items"])
    tab.enter(key, "#/search")
    tab.fill("Look for", "pottr at the wheel")
    tab.fill("Kind", "Skills")
    tab.fill("State", "draft")
    tab.send("Search")
    tab.until(lambda: "nearest to “pottr at the wheel”" in tab.text("main"))
    tab.whole()
    told = sample.api("POST", "/v1/search", asked, key=key)

    assert f"mode {told['mode']}, model {told['model']}" in tab.text("main")
    assert ("Everything was compared" in tab.text("main")) is told["exact"]
    assert ["Wheel throwing"] == names(tab)
    assert "“Potter at the wheel”" in tab.text("tbody tr")


def test_links_lead_by_names_in_both_directions(tab: Browser, sample: Sample) -> None:
    """From a job role to a skill that it needs, and from the skill back to what depends on it."""
    role = sample.api("GET", "/v1/job-roles?status=active&limit=1")["items"][0]
    needed = sample.api("GET", f"/v1/skills/{role['required_skills'][0]['id']}")
    tab.enter(sample.keys["author"], f"#/job-roles/{role['id']}")
    tab.follow(needed["name"], needed["name"])
    assert "needs it" in tab.text("main")
    tab.follow(role["name"], role["name"])

    assert role["description"] in tab.text("main")


def test_differences_show_before_and_after(tab: Browser, sample: Sample) -> None:
    """Of two versions that are chosen."""
    made = sample.skill(name="Before and after", tags=["old"])
    sample.api("PATCH", f"/v1/skills/{made['id']}", {"tags": ["new"]})
    tab.enter(sample.keys["author"], f"#/skills/{made['id']}")
    tab.press("Show differences")
    tab.until(lambda: tab.all("del"))
    row = tab.driver.find_element("xpath", "//tr[th[normalize-space()='/tags']]").text

    assert ["/tags", "changed", '["old"]', '["new"]'] == row.split()


CARD = "section[aria-label=Certification]"


def test_a_certification_of_long_ago_is_not_denied(tab: Browser, sample: Sample) -> None:
    """Behind 500 versions it is not found at once, which the page says, and leads on to it."""
    made = sample.skill("under_review", "certified", name="Long since certified")
    sample.grow(made["id"], 500)
    tab.enter(sample.keys["author"], f"#/skills/{made['id']}")
    told = tab.text(CARD)
    tab.press("Look at older versions")
    tab.until(lambda: "Certified by certifier on" in tab.text(CARD))

    assert "Not certified in the newest 500 versions that this key sees; older ones" in told
    assert "as version 3" in tab.text(CARD)
    assert "Prove it in this browser" == tab.focused()


def test_what_was_never_certified_is_called_so(tab: Browser, sample: Sample) -> None:
    """Once all of its versions were looked at, be it at the second time."""
    short = sample.skill(name="Never certified")
    long = sample.skill(name="Never certified in long")
    sample.grow(long["id"], 500)
    told = []
    for skill in (short, long):
        tab.enter(sample.keys["author"], f"#/skills/{skill['id']}")
        told.append(tab.text(CARD))
    tab.press("Look at older versions")
    tab.until(lambda: "in any version" in tab.text(CARD))

    assert ["Not certified in any version", "Not certified in the newest"] == [
        " ".join(one.split()[:5]) for one in told
    ]
    assert "Look at older" not in tab.text(CARD)


def test_a_restoration_is_found_behind_many_versions(
    tab: Browser, sample: Sample, tmp_path: Path
) -> None:
    """Whoever restored it is named however often it has changed since."""
    file, folder = tmp_path / "all.ndjson", sample.service.folder
    key = sample.service.key("kiln", "alice", "read,write")
    body = {"name": "Stoking", "description": "x", "category": "technical"}
    made = sample.api("POST", "/v1/skills", body, key=key)
    plant(folder, "export", "--key", key, "--output", str(file))
    restored = plant(
        folder, "import", "--key", sample.service.key("again", "keeper", "read,admin"),
        "--restore", str(file), "--agent", f"{made['governance_agent_id']}=alice",
    )  # fmt: skip
    assert 0 == restored.returncode, restored.stderr
    again = sample.service.key("again", "alice", "read,write")
    sample.grow(made["id"], 60, key=again)
    tab.enter(again, f"#/skills/{made['id']}")

    assert "Restored by keeper on" in tab.text(CARD)


def test_compliance_names_what_fails(tab: Browser, sample: Sample) -> None:
    """A job role whose skill is a draft: the checks that fail come first, with the skill."""
    skill = sample.skill(name="Not in force yet")
    role = sample.api(
        "POST", "/v1/job-roles",
        {"name": "Role of a draft", "description": "x", "required_skills": [{"id": skill["id"]}]},
    )  # fmt: skip
    told = sample.api("GET", f"/v1/job-roles/{role['id']}/compliance")
    failing = [one["id"] for one in told["checks"] if not one["passed"]]
    tab.enter(sample.keys["author"], f"#/job-roles/{role['id']}")
    shown = tab.texts(".verdicts > .fails > code")

    assert "L1-ROLE-2" in failing
    assert failing == shown
    assert "Not in force yet" in tab.text(".verdicts > .fails ul")


def test_the_log_shows_who_did_what(tab: Browser, sample: Sample) -> None:
    """The newest entries by names, for a key with scope audit."""
    made = sample.skill("under_review", name="Seen in the log")
    tab.enter(sample.keys["certifier"])
    tab.follow("Log", "The log")
    tab.press("Newest")
    tab.until(lambda: "after=" in tab.driver.current_url)
    tab.whole()
    row = tab.driver.find_elements("xpath", f"//tr[td/a[normalize-space()='{made['name']}']]")[-1]

    assert "skill submitted for review author" in " ".join(row.text.split())


def test_the_log_says_which_scope_is_missing(tab: Browser, sample: Sample) -> None:
    """To a key without audit; the checkpoint is for everyone."""
    tab.enter(sample.key("reader", "read"))
    tab.follow("Log", "The log")

    assert "This key has no scope audit" in tab.text(".problem")
    assert sample.vkey.partition("+")[0] in tab.text("dl")


def test_a_page_that_is_not_there_says_so(tab: Browser, sample: Sample) -> None:
    """An entity that there is not is told as the service tells it; so is an address of nothing."""
    tab.enter(sample.keys["author"], "#/skills/01900000-0000-7000-8000-000000000000")
    assert "No skill with this id" in tab.text(".problem")
    tab.run("location.hash = '#/nothing'")

    tab.heading("Nothing here")
