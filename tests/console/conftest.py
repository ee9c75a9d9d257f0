"""The sample's service as a process, a browser in front of it, and what the API says beside it."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.console.browser import LIGHT, Browser, browser
from tests.servers import plant
from tests.strangers import Stranger, stranger

REFUSED = re.compile(r"/v1/\S* - Failed to load resource: the server responded with a status of 4")
"""What the browser says of each refusal of the API; the page says more of it."""

KEYS = re.compile(r"^ +(author|certifier) +(plant_\S+)$", re.MULTILINE)


class Sample(Struct, frozen=True):
    """The service with its sample: the two keys that it printed, and the key of its log."""

    service: Stranger
    keys: dict[str, str]
    vkey: str

    @property
    def url(self) -> str:
        """Say where it is."""
        return self.service.url

    def key(self, agent: str, scopes: str) -> str:
        """Make a key of the sample's tenant."""
        return self.service.key("sample", agent, scopes)

    def api(
        self, method: str, path: str, body: Any = None, *, by: str = "author", key: str = ""
    ) -> Any:
        """Send a request as one of the sample's two identities, or with a key; give the answer."""
        key = key or self.keys[by]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if method != "GET":
            headers["If-Match"] = "*"
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - of this machine
            self.url + path, data=sent, headers=headers, method=method
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def skill(self, *states: str, by: str = "author", **more: Any) -> Any:
        """Make a skill and lead it through states, certified by the certifier; give it."""
        body = {"description": "For a test.", "category": "technical"} | more
        made = self.api("POST", "/v1/skills", body, by=by)
        for state in states:
            who = "certifier" if state == "certified" else by
            step = {"to": state, "reason": "For a test."}
            made = self.api("POST", f"/v1/skills/{made['id']}/status", step, by=who)
        return made

    def grow(self, skill: str, versions: int, *, key: str = "") -> None:
        """Give a skill as many versions more, of other tags, by batches."""
        one = {"op": "amend", "kind": "skill", "id": skill, "if_match": "*"}
        while versions:
            some = min(versions, 200)
            versions -= some
            tags = [{**one, "patch": {"tags": [str(number)]}} for number in range(some)]
            self.api("POST", "/v1/batch", {"operations": tags}, key=key)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a folder for pictures."""
    parser.addoption("--screenshots", type=Path, help="keep a picture of every page in this folder")


@pytest.fixture(scope="session")
def sample() -> Iterator[Sample]:
    """Serve the sample; it is searched by spelling, which takes no time to be ready."""
    with stranger("--sample", PLANT_EMBEDDER="trigram") as service:
        told: subprocess.CompletedProcess[str] = plant(service.folder, "audit", "key")
        yield Sample(service, dict(KEYS.findall(service.says())), told.stdout.split()[0])


@pytest.fixture(scope="session")
def chromium(sample: Sample) -> Iterator[Browser]:
    """Open a browser."""
    with browser(sample.url) as found:
        yield found


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Browser]:
    """Have a tab of somebody who was never here; nothing that its pages do is complained of."""
    chromium.look(LIGHT)
    chromium.forget()
    chromium.complaints()
    yield chromium

    assert [] == [one for one in chromium.complaints() if not REFUSED.search(one)]
