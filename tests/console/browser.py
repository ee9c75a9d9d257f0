"""A person with a browser: pages by address, fields by label, buttons by their words."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")

WAIT_S = 20
HEIGHT_MAX = 6000
DOUBLE = """, '"', """
FIELD = "//label[normalize-space()={0}]/following-sibling::*[1]"


class Look(Struct, frozen=True):
    """How a page is looked at; the width in CSS pixels."""

    name: str
    width: int = 1200
    dark: bool = False


LIGHT: Final = Look("light")


class Browser:
    """One tab."""

    def __init__(self, driver: "Chrome", url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, address: str = "#/") -> None:
        """Go to a page of the console and wait until it is whole."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/console{address}")
        self.whole()

    def forget(self) -> None:
        """Be somebody who was never here."""
        if not self.driver.current_url.startswith(f"{self.url}/console"):
            self.driver.get(f"{self.url}/console")
        self.run("sessionStorage.clear(); localStorage.clear()")

    def enter(self, key: str, address: str = "#/") -> None:
        """Come to a page as somebody who has signed in with a key before."""
        self.run("sessionStorage.setItem('plant-key', arguments[0])", key)
        self.open(address)

    def whole(self) -> None:
        """Wait until nothing is being fetched for the page."""
        self.waited(
            "const body = () => document.querySelector('main .body');"
            "while (!body() || body().hasAttribute('aria-busy'))"
            " await new Promise(requestAnimationFrame);"
        )

    def heading(self, words: str) -> None:
        """Wait for the heading of a page."""
        self.until(lambda: words == self.text("h1"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def waited(self, script: str, *arguments: Any) -> Any:
        """Run an asynchronous script, whose last line is an expression that is awaited."""
        done = "arguments[arguments.length - 1]"
        return self.driver.execute_async_script(
            f"(async () => {{ {script} }})().then({done}, (e) => {done}(String(e)))", *arguments
        )

    def all(self, selector: str) -> "list[WebElement]":
        """Give the elements that a selector finds."""
        found: list[WebElement] = self.driver.find_elements("css selector", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """Give what the elements read, all at one moment."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map("
            "(one) => (one.innerText ?? one.textContent).trim())",
            selector,
        )
        return found

    def text(self, selector: str) -> str:
        """Give what the first element reads."""
        return str(self.run(
            "return document.querySelector(arguments[0])?.innerText.trim() ?? ''", selector
        ))  # fmt: skip

    def by_words(self, words: str, tags: str = "self::a or self::button") -> "WebElement":
        """Wait for the link or button that says these words."""
        path = f"//*[{tags}][normalize-space()={quoted(words)}]"
        return self.until(
            lambda: next(
                (one for one in self.driver.find_elements("xpath", path) if one.is_displayed()),
                None,
            )
        )

    def press(self, words: str) -> None:
        """Press a link or button."""
        self.by_words(words).click()

    def send(self, words: str) -> None:
        """Press the button of a form, where a link says the same."""
        self.by_words(words, "self::button").click()

    def follow(self, words: str, heading: str) -> None:
        """Press a link and wait for the page that it leads to."""
        self.press(words)
        self.heading(heading)
        self.whole()

    def field(self, label: str) -> "WebElement":
        """Find a field by its label."""
        return self.driver.find_element("xpath", FIELD.format(quoted(label)))

    def fill(self, label: str, value: str) -> None:
        """Type into a field, or choose of it."""
        field = self.field(label)
        if field.tag_name != "select":
            field.clear()
        field.send_keys(value)

    def put(self, label: str, value: str) -> None:
        """Paste into a field."""
        self.run("arguments[0].value = arguments[1]", self.field(label), value)

    def focused(self) -> str:
        """Tell what has the focus: its words, or the label of a field."""
        return str(self.run(
            "const one = document.activeElement;"
            "return (one.labels?.[0] ?? one).innerText?.trim() || one.getAttribute('aria-label')"
        ))  # fmt: skip

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, words: str, most: int = 60) -> None:
        """Go on with the tab key until something of these words has the focus."""
        from selenium.webdriver import Keys

        passed = []
        for _ in range(most):
            self.keys(Keys.TAB)
            passed.append(self.focused())
            if passed[-1] == words:
                return
        raise AssertionError(passed)

    def until(self, found: Callable[[], T | None]) -> T:
        """Wait for something that is there."""
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT_S, poll_frequency=0.05)
        result: T = wait.until(lambda _: found())
        assert result
        return result

    def complaints(self) -> list[str]:
        """Take what the browser has to say of the page: errors, refusals of its policy."""
        return [str(one["message"]) for one in self.driver.get_log("browser")]

    def look(self, look: Look) -> None:
        """See the page in another width and light."""
        light = {"name": "prefers-color-scheme", "value": "dark" if look.dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.tell("Emulation.setEmulatedMedia", {"features": [light, still]})
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            {"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )

    def tell(self, command: str, arguments: dict[str, Any]) -> Any:
        """Send a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def picture(self, path: Path, look: Look, *, most: int = HEIGHT_MAX, scale: float = 1) -> None:
        """Take a picture of a page from its top, up to a height."""
        height = min(most, self.run("return document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": look.width, "height": height, "scale": scale}
        taken = self.tell("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser(url: str) -> Iterator[Browser]:
    """Open Chromium, as Debian has it, without a window."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "`chromium` is not on the PATH: `tox -e console` installs it as root."
    assert driver, "`chromedriver` is not on the PATH: Debian's package is chromium-driver."
    options = ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"):
        options.add_argument(word)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=ChromeService(driver))
    try:
        chrome.set_script_timeout(WAIT_S)
        yield Browser(chrome, url)
    finally:
        chrome.quit()


def quoted(words: str) -> str:
    """Write a text in XPath, which has no escape for quotes."""
    parts = [f'"{part}"' for part in words.split('"')]
    return f"concat('', {DOUBLE.join(parts)})"
