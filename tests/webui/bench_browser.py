"""What a browser pays for the first inbox, ours and Roundcube's in one run: `python -m tests.webui.bench_browser`.

    --demo         the demo academy, made and served for this run, as it is
    --ours URL LOGIN PASSWORD HOST:PORT        the web address, somebody, the IMAP door
    --roundcube URL LOGIN PASSWORD HOST:PORT   the same of the peer (`peers/roundcube.sh` over any IMAP server)
    --messages N   that the INBOX of the last two is filled up to first (default 10,000; corpus-like, 1-20 KiB)
    --runs N       fresh profiles of each; medians are printed (default 15)
    --network NAME fast (default), slow (1.6 Mbit/s, 150 ms) or rural (400 kbit/s, 400 ms)

Each run: the login page in an empty profile, then from submit to the first rows, the same page again (warm), one
message, an empty message to write. Octets and requests are those on the wire, by the browser's own account; what comes
from its cache is free. The times to the first rows are the page's own, from the start of the navigation: what drives
the browser adds 100 ms a step. The machine's load stands above the figures: they are of a quiet one or of none.
"""

import argparse
import base64
import contextlib
import imaplib
import json
import os
import random
import socket
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.harness import DEMO_PASSWORD, Instance
from tests.webui.browser import Wire, launch

NETWORKS = {"fast": None, "slow": (1_600_000 / 8, 150.0), "rural": (400_000 / 8, 400.0)}
"""Octets a second and milliseconds of a round trip."""
STEPS = ("login page", "submit to rows", "warm", "a message", "compose")
WATCH = """
    const look = () => {
        if (document.querySelector(%s)?.getClientRects().length) console.debug(%s, window.shown = performance.now());
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
"""
"""Notes on each page when something is on it for the first time, and tells whoever drives the browser."""
SHOWN = "rows are shown"
WORDS = (
    *("réunion", "conseil", "classe", "élève", "note", "bulletin", "sortie", "examen", "rectorat", "absence"),
    *("projet", "langue", "stage", "brevet", "orientation", "internat", "cantine", "mutation", "vacances"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """One web interface, and where on its pages to click and look."""

    name: str
    url: str
    login: str
    password: str
    fields: tuple[str, str]
    submit: str
    choice: str
    """What is to be checked before, or nothing."""
    rows: str
    message: str
    opened: str
    compose: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step."""

    milliseconds: float
    requests: int
    octets: int
    nodes: int


class Meter:
    """What an act costs: by the network, and by the clock of whoever drives the browser."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._wire = Wire(page)

    def settle(self) -> None:
        """Wait until nothing has come for half a second; a stream of events stays open."""
        seen = None
        while seen != (now := (len(self._wire.requests), self._wire.octets)):
            seen = now
            self._page.wait_for_timeout(500)

    def of(self, act: Callable[[], None], seen: str) -> Cost:
        """Do something until `seen` is visible; what it cost until the page was idle."""
        self._wire.forget()
        began = time.perf_counter()
        act()
        self._page.locator(seen).first.wait_for(state="visible")
        return self._cost((time.perf_counter() - began) * 1000)

    def of_rows(self, act: Callable[[], None]) -> Cost:
        """The same until the rows are shown, by the page's own clock: it is left alone until it says so itself."""
        self._wire.forget()
        with self._page.expect_event("console", lambda message: message.text.startswith(SHOWN)):
            act()
        return replace(self._cost(0), milliseconds=self._page.evaluate("window.shown"))

    def _cost(self, milliseconds: float) -> Cost:
        self.settle()
        nodes = int(self._page.evaluate("document.getElementsByTagName('*').length"))
        return Cost(milliseconds, len(self._wire.requests), round(self._wire.octets), nodes)


def throttle(page: Page, speed: float, latency: float) -> None:
    """Octets a second, milliseconds."""
    limits = {"offline": False, "latency": latency, "downloadThroughput": speed, "uploadThroughput": speed}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)


def visit(browser: Browser, site: Site, network: str) -> dict[str, Cost]:
    """Every step in a fresh profile."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="fr-FR", ignore_https_errors=True)
    try:
        page = context.new_page()
        page.add_init_script(WATCH % (json.dumps(site.rows), json.dumps(SHOWN)))
        meter = Meter(page)
        if (speed := NETWORKS[network]) is not None:
            throttle(page, *speed)
        user, secret = site.fields
        costs = [meter.of(lambda: void(page.goto(site.url)), secret)]
        page.fill(user, site.login)
        page.fill(secret, site.password)
        if site.choice:
            page.check(site.choice)
        costs += [meter.of_rows(lambda: page.click(site.submit)), meter.of_rows(lambda: void(page.reload()))]
        inbox = page.url
        costs.append(meter.of(lambda: page.locator(site.message).first.click(), site.opened))
        page.goto(inbox)
        meter.settle()  # a click before its scripts have come does nothing in Roundcube
        costs.append(meter.of(lambda: page.locator(site.compose).first.click(), "textarea"))
        return dict(zip(STEPS, costs, strict=True))
    finally:
        context.close()


def void(_: object) -> None:
    """Forget a result."""


def fill(host: str, login: str, password: str, count: int) -> None:
    """Append to INBOX until it has so many messages."""
    name, _, port = host.rpartition(":")
    with imaplib.IMAP4(name, int(port)) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(login, password)
        there = int((client.select("INBOX")[1][0] or b"0").decode())
        chance = random.Random(1)
        for number in range(there, count):
            client.append("INBOX", "(\\Seen)" if number % 3 else "", "", letter(number, chance))


def letter(number: int, chance: random.Random) -> bytes:
    """A message of 1 to 20 KiB, every tenth with an attachment."""
    text = " ".join(chance.choices(WORDS, k=chance.randint(100, 2000)))
    subject = base64.b64encode(" ".join(chance.choices(WORDS, k=5)).encode()).decode()
    moment = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(1_780_000_000 + number * 600))
    head = [
        f"From: Camille Garnier {number % 50} <c{number % 50}@ac-exemple.fr>",
        "To: moi@ac-exemple.fr",
        f"Date: {moment}",
        f"Subject: =?utf-8?b?{subject}?=",
        f"Message-ID: <{number}@ac-exemple.fr>",
        "MIME-Version: 1.0",
    ]
    body = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", text, ""]
    if number % 10 == 0:
        attachment = [
            "Content-Type: application/pdf",
            'Content-Disposition: attachment; filename="note.pdf"',
            "Content-Transfer-Encoding: base64",
            "",
            *base64.encodebytes(chance.randbytes(6000)).decode().splitlines(),
        ]
        body = ['Content-Type: multipart/mixed; boundary="b"', "", "--b", *body, "--b", *attachment, "--b--", ""]
    return "\r\n".join([*head, *body]).encode()


def ours(interface: str, url: str, login: str, password: str) -> Site:
    return Site(
        name=f"ours, {interface}",
        url=url,
        login=login,
        password=password,
        fields=("[name=identifiant]", "[name=mot_de_passe]"),
        submit="form[action='/connexion'] button.principal",
        choice=f"[name=interface][value={interface}]",
        rows="[name=m]",
        message="a[href*='/message/']:visible",
        opened="#sujet",
        compose="a[href$='/ecrire']:visible",
    )


def roundcube(url: str, login: str, password: str) -> Site:
    return Site(
        name="Roundcube",
        url=url,
        login=login,
        password=password,
        fields=("[name=_user]", "[name=_pass]"),
        submit="#rcmloginsubmit",
        choice="",
        rows="#messagelist tbody tr.message",
        message="#messagelist tbody tr.message a",
        opened="#messagecontframe",
        compose="a.compose",
    )


@contextlib.contextmanager
def demo() -> Iterator[list[Site]]:
    """The demo academy's teacher in both interfaces."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "var")
        instance.init("--demo")
        instance.start("--workers", "1")
        try:
            url = f"http://127.0.0.1:{instance.ports['http']}/"
            yield [one(url, "edupont", DEMO_PASSWORD) for one in (simple, complete)]
        finally:
            instance.stop()


def measure(sites: list[Site], runs: int, network: str) -> dict[tuple[str, str], list[Cost]]:
    """What each step cost in each run, by site and step."""
    found: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for _ in range(runs):  # in turn: what else the machine does meets all of them
            for site in sites:
                for step, cost in visit(browser, site, network).items():
                    found[site.name, step].append(cost)
        browser.close()
    return found


def tell(found: dict[tuple[str, str], list[Cost]]) -> None:
    """The medians, and between which two the middle half of the times lies."""
    print(f"{'':24}{'':16}{'ms':>8}{'quartiles':>12}{'requests':>10}{'kB':>8}{'nodes':>8}")
    for (name, step), costs in found.items():
        spent, requests, octets, nodes = (
            statistics.median(getattr(cost, field) for cost in costs) for field in Cost.__slots__
        )
        times = [cost.milliseconds for cost in costs]
        low, _, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
        half = f"{low:.0f}-{high:.0f}"
        print(f"{name:24}{step:16}{spent:8.0f}{half:>12}{requests:10.0f}{octets / 1000:8.1f}{nodes:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--ours", nargs=4, metavar=("URL", "LOGIN", "PASSWORD", "IMAP"))
    parser.add_argument("--roundcube", nargs=4, metavar=("URL", "LOGIN", "PASSWORD", "IMAP"))
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--network", choices=NETWORKS, default="fast")
    given = parser.parse_args()
    sites: list[Site] = []
    for arguments, make in ((given.ours, (simple, complete)), (given.roundcube, (roundcube,))):
        if arguments:
            url, login, password, imap = arguments
            fill(imap, login, password, given.messages)
            sites += [one(url, login, password) for one in make]
    with demo() if given.demo else contextlib.nullcontext(list[Site]()) as academy:
        before = os.getloadavg()[0]
        found = measure(academy + sites, given.runs, given.network)
        print(f"{given.runs} runs, {os.cpu_count()} cores, load {before:.1f} before, {os.getloadavg()[0]:.1f} after")
    tell(found)


def simple(url: str, login: str, password: str) -> Site:
    return ours("simple", url, login, password)


def complete(url: str, login: str, password: str) -> Site:
    return ours("complet", url, login, password)


if __name__ == "__main__":
    main()
