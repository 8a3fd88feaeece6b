"""Takes the README's pictures of the product anew: `python -m tests.webui.pictures`.

The demo academy of `mailserver init --demo`, served on free ports, seen by Chromium in a window of 1366x768 pixels.
They go to `deploy/pictures/`, and are of this day's mail and agenda, because the academy's dates follow from the clock.
Where Chromium's translations are installed (`chromium-l10n`) the dates in fields are French, too.
"""

import datetime
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.harness import DEMO_PASSWORD, Instance
from tests.hatchery import ROOT
from tests.webui.browser import launch, photograph, visiting

FOLDER = ROOT / "deploy" / "pictures"
COLOURS = 256
"""What is kept of a picture: enough for a page, and a third of the octets."""


def portal(page: Page, url: str) -> None:
    """Where everybody comes in."""
    page.goto(f"{url}/")


def simplified(page: Page, url: str) -> None:
    """Webmail simplifié: the folders and the list, without a script."""
    _log_in(page, f"{url}/roundcube")
    page.goto(f"{url}/s/")


def complete(page: Page, url: str) -> None:
    """Webmail complet: folders, list, and a message beside it."""
    _log_in(page, f"{url}/login")
    page.goto(f"{url}/m/")
    page.click(".courriels a:has-text('conseil de classe')")
    page.locator("#lecteur .lettre").wait_for()
    page.locator(".courriels a[aria-current]:has-text('conseil de classe')").wait_for()


def agenda(page: Page, url: str) -> None:
    """A week of courses: this one, or the next one from Friday on."""
    _log_in(page, f"{url}/login")
    day = datetime.date.today() + datetime.timedelta(3)
    page.goto(f"{url}/agenda/semaine/{day}")
    page.get_by_label("Agenda (Marc Martin)").uncheck()
    page.get_by_text("Mathématiques 4e B").first.wait_for(state="detached")


PICTURES: dict[str, tuple[Callable[[Page, str], None], bool]] = {
    "portail": (portal, False),
    "webmail-simplifie": (simplified, False),
    "webmail-complet": (complete, True),
    "agenda": (agenda, True),
}
"""What leads to each, and whether scripts run."""


def _log_in(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#identifiant", "edupont")
    page.fill("#mot_de_passe", DEMO_PASSWORD)
    page.click("text=Me connecter")
    page.wait_for_load_state()


def shrink(path: Path) -> None:
    """The same picture in a palette."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def take(url: str, folder: Path) -> None:
    """All four of a served demo academy."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright, whole=True)
        for name, (lead, script) in PICTURES.items():
            with visiting(browser, script=script) as watched:
                lead(watched.page, url)
                watched.page.wait_for_load_state("networkidle" if not script else "load")
                path = folder / f"{name}.png"
                photograph(watched.page, path)
                shrink(path)
                print(f"{path} {path.stat().st_size} octets")
        browser.close()


def main() -> None:
    os.environ["LANGUAGE"] = "fr"  # of the browser itself, which writes the dates in fields
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "var")
        instance.init("--demo")
        instance.start("--workers", "1")
        try:
            take(f"http://127.0.0.1:{instance.ports['http']}", FOLDER)
        finally:
            instance.stop()


if __name__ == "__main__":
    main()
