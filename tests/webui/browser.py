"""A real Chromium, and what is watched while it visits."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect, sync_playwright

from tests.webui import contrast
from tests.webui.house import PASSWORD, House
from webui.page.context import BASES

CHROMIUM = Path("/usr/bin/chromium")
ENGINE = Path("/usr/bin/chromium-headless-shell")
"""Chromium without windows, viewers and settings: it shows, runs and refuses the same in less than half the time."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # nothing leaves the machine
]
expect.set_options(timeout=60_000)  # what a busy machine may need
SIZES = {"bureau": (1366, 768), "telephone": (390, 844)}
ARTEFACTS = Path(__file__).parent.parent / "artefacts" / "webui"
PICTURES = bool(os.environ.get("PICTURES"))
"""Whether pictures are taken for people to look at: no test reads them, and each costs as much as loading a page."""
LOOK = (contrast.RULE, "link-in-text-block", "target-size", "scrollable-region-focusable")
"""axe's rules about what is seen; all others are about the document, which is the same in every look."""

SETTLE = """async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  for (const animation of document.getAnimations())
    if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
}"""
"""Colours are examined when they have arrived: a change of scheme begins transitions with the next frame."""

EXAMINE = f"""async ([within, options, passed]) => {{
  if (typeof axe !== 'object') return null;
  await ({SETTLE})();
  const found = options ? (await axe.run(within, options)).violations : [];
  const [faint, good] = passed ? await ({contrast.EXAMINE})(within, passed) : [[], []];
  const {{ scrollWidth, clientWidth }} = document.documentElement;
  return [[...found, ...faint], good, scrollWidth - clientWidth];
}}"""
"""What is wrong, which texts passed, by how much the page is too wide. Only what was found is handed over: all that axe
tells costs as much as its examination."""


def launch(playwright: Playwright, *, whole: bool = False) -> Browser:
    """Chromium's engine, or the whole browser as people have it, and where there is no engine by itself."""
    path = CHROMIUM if whole or not ENGINE.exists() else ENGINE
    return playwright.chromium.launch(executable_path=str(path), args=FLAGS)


class Browsers:
    """What runs in this process: one Chromium of each kind for all tests that need it, which come in a row."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._found: dict[bool, Browser] = {}

    def get(self, *, whole: bool = False) -> Browser:
        if self._playwright is None:
            self._playwright = sync_playwright().start()
        found = self._found.get(whole)
        if found is None or not found.is_connected():
            found = self._found[whole] = launch(self._playwright, whole=whole)
        return found

    def close(self) -> None:
        """Once the last of them is done: playwright's loop would count as running in the tests that follow."""
        if self._playwright is not None:
            for browser in self._found.values():
                browser.close()
            self._found.clear()
            self._playwright.stop()
            self._playwright = None


browsers = Browsers()


def photograph(page: Page, path: Path, *, whole: bool = False) -> None:
    """A picture of a page; Chromium is asked again when its compositor had no frame to give, as when starved."""
    for patience in (0.5, 2, 5):
        try:
            page.screenshot(path=path, full_page=whole)
            return
        except Error as error:
            if "Unable to capture screenshot" not in error.message:
                raise
            time.sleep(patience)
    page.screenshot(path=path, full_page=whole)


@dataclass
class Watched:
    """A page, and every complaint of the browser about it."""

    page: Page
    script: bool
    """Whether scripts run in it."""
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture, if asked for: of what the screen shows, or of the whole page."""
        if not PICTURES:
            return
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        photograph(self.page, ARTEFACTS / f"{name}.png", whole=whole)

    def note_refusals(self) -> None:
        """From the next page on, what our policy refuses is a complaint, also where the browser would say nothing.

        Nothing can listen where no script runs. Not for pages that are a sandbox themselves: Chromium complains now and
        then that this script did not run there.
        """
        if not self.script:
            return
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
        )


@contextlib.contextmanager
def visiting(
    browser: Browser,
    *,
    size: str = "bureau",
    scheme: str = "light",
    script: bool = False,
    bypass_csp: bool = False,
    worker: bool = False,
) -> Iterator[Watched]:
    """A fresh profile at one size and scheme; console errors, refusals of our policy and failed loads are noted.

    `worker`: the service worker may be registered. What it fetches by itself a test can neither count nor hold up.
    """
    width, height = SIZES[size]
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
        bypass_csp=bypass_csp,
        locale="fr-FR",
        timezone_id="Europe/Paris",
        accept_downloads=True,
        service_workers="allow" if worker else "block",
    )
    context.set_default_timeout(60_000)
    watched = Watched(context.new_page(), script)
    page = watched.page
    page.on("console", lambda message: watched.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("request", lambda request: watched.requests.append(request.url))
    try:
        yield watched
    finally:
        context.close()


def let_in(page: Page, house: House, login: str, interface: str = "simple") -> None:
    """The browser has the session that the portal gave to a visitor without a browser, for what they sent to its form.

    With the portal's pages in the browser each test would take half a second longer: only those that are about them
    and about sessions go `through_portal`.
    """
    page.context.add_cookies(
        [
            {"name": name, "value": value, "url": house.url, "httpOnly": True, "sameSite": "Lax"}
            for name, value in house.session(login, interface).items()
        ]
    )


def log_in(page: Page, house: House, login: str, interface: str = "simple", at: str = "") -> None:
    """`let_in`, and to an address of ours; to the list of messages unless another is named."""
    let_in(page, house, login, interface)
    page.goto(house.url + (at or f"{BASES[interface]}/"))


def through_portal(page: Page, house: House, login: str, interface: str = "simple", password: str = PASSWORD) -> None:
    """By the form of the portal, at the address of an interface: `simple` or `complet`."""
    page.goto(f"{house.url}/{'login' if interface == 'complet' else 'roundcube'}")
    page.fill("#identifiant", login)
    page.fill("#mot_de_passe", password)
    page.click("text=Me connecter")
    page.wait_for_load_state()


def log_out(page: Page) -> None:
    """By the form of the page, which phones have beside the folders, or by the account's menu of the complete one."""
    menu = page.locator("[popovertarget=mon-compte]")
    leave = page.get_by_role("button", name="Déconnexion")
    if menu.count():
        menu.click()
    elif not leave.count():
        page.get_by_role("link", name="Dossiers et compte").click()
    leave.click()


class Wire:
    """What a page costs on the network from now on, as the browser counts; what comes from its cache is free."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Network.enable")
        self._session.send("Network.setBypassServiceWorker", {"bypass": True})
        self._session.on("Network.requestWillBeSent", self._sent)
        self._session.on("Network.requestServedFromCache", lambda event: self._free(event["requestId"]))
        self._session.on("Network.responseReceived", self._answered)
        self._session.on("Network.loadingFinished", self._finished)
        self.requests: list[tuple[str, str]] = []
        """Identity and address of each."""
        self.octets = 0.0

    def forget(self) -> None:
        """Count from here on."""
        self.requests, self.octets = [], 0.0

    @property
    def addresses(self) -> list[str]:
        """What was asked of the server."""
        return [address for _, address in self.requests]

    def _sent(self, event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append((event["requestId"], event["request"]["url"]))

    def _free(self, request: str) -> None:
        self.requests = [one for one in self.requests if one[0] != request]

    def _answered(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            self._free(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        self.octets += event["encodedDataLength"]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window, once it is there."""
    page.wait_for_load_state()
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextlib.contextmanager
def narrow(page: Page) -> Iterator[None]:
    """The window 320 pixels wide (WCAG 1.4.10), then as it was."""
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 320, "height": size["height"]})
    yield
    page.set_viewport_size(size)


LOOKS = (("bureau", "light"), ("telephone", "dark"))
"""In which every page is examined by every rule."""
ALL_LOOKS = (*LOOKS, ("bureau", "dark"), ("telephone", "light"))


def rules_of(size: str, scheme: str) -> Sequence[str]:
    """Of a page that is examined in all four looks: every rule at each size, those about the look in both schemes."""
    return () if (size, scheme) in LOOKS else LOOK


def wear(page: Page, size: str, scheme: str) -> None:
    """The window of that size, in that scheme."""
    width, height = SIZES[size]
    if page.viewport_size != {"width": width, "height": height}:
        page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")


def faults_in_looks(
    watched: Watched, name: str, looks: Sequence[tuple[str, str]] = ALL_LOOKS, *, whole: bool = False
) -> list[str]:
    """What is wrong with a page in each look, loaded once: to load it costs as much as to examine it. It ends in the
    first. `whole`: pictures are of the whole page."""
    found = []
    for size, scheme in looks:
        wear(watched.page, size, scheme)
        watched.picture(f"{name}-{size}-{scheme}", whole=whole)
        found += [f"{size} {scheme}: {fault}" for fault in faults_of(watched.page, rules_of(size, scheme))]
    wear(watched.page, *looks[0])
    return found


def faults_of(page: Page, rules: Sequence[str] = (), within: str = "html") -> list[str]:
    """What axe-core finds, by all its rules or these alone, on the page or in one part of it, and a page that is too
    wide. axe needs a browser with scripts and without our policy."""
    every, asked = not rules, [rule for rule in rules if rule != contrast.RULE]
    options: dict[str, Any] = {"resultTypes": ["violations"], "iframes": False}
    options |= {"rules": {contrast.RULE: {"enabled": False}}} if every else {"runOnly": asked}
    passed = [*contrast.passed] if every or contrast.RULE in rules else None
    given = (within, options if every or asked else None, passed)
    if (said := page.evaluate(EXAMINE, given)) is None:
        script = Axe().axe_script
        page.evaluate(script)
        page.add_init_script(script)  # the pages that follow have it at once: what the engine has read, it knows
        said = page.evaluate(EXAMINE, given)
    found, good, wide = said
    contrast.passed.update(good)
    faults = [
        f"{fault['id']} ({fault['impact']}): {[node['html'][:120] for node in fault['nodes'][:3]]}" for fault in found
    ]
    return faults + ([f"overflows by {wide}px"] if wide > 0 else [])
