"""The page of components: every piece of the look with what it is made of, in each way that people see it.

It is an artefact of this test (`tests/artefacts/webui/composants.html` and pictures with PICTURES=1), so that no school
has it: whoever designs opens it, and what is new in style.css is added to `components.html`.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Route

from mailserver.foundation.settings import Push, Web
from tests.webui.browser import ARTEFACTS, faults_in_looks, faults_of, narrow, visiting
from tests.webui.house import House
from webui.http.assets import STATIC, Assets
from webui.page.language import languages
from webui.page.rendering import Site, environment

pytestmark = pytest.mark.needs("chromium")
TEMPLATE = Path(__file__).parent / "components.html"
LARGE, CONTRAST = "tres-grand", "contraste"


def tokens() -> SimpleNamespace:
    """The names in the first block of the sheet: colours, and lengths with what they are."""
    block = (STATIC / "style.css").read_text().split("}", 1)[0]
    found = re.findall(r"--([a-z0-9-]+): ([^;]+);", block)
    colours = [name for name, value in found if value.startswith("#")]
    return SimpleNamespace(colours=colours, sizes=[f"{name} {value}" for name, value in found if value.endswith("rem")])


def page_of(looks: str = "") -> str:
    assets = Assets()
    site = Site(
        web=Web(academy="Académie d’Exemple", offline=False),
        push=Push(),
        domain="ac-exemple.fr",
        host="ac-exemple.fr",
        icons=assets.icons,
        favicon=assets.url("icon.svg"),
        version="",
    )
    spoken = languages("Europe/Paris")["fr"]
    template = environment(spoken, site, assets).from_string(TEMPLATE.read_text())
    text = template.render(v=SimpleNamespace(theme="auto"), tokens=tokens(), p=None, mark=lambda: "", board=None)
    return text.replace("<html ", f'<html class="{looks}" ', 1)


def test_every_component_in_every_look(house: House, chromium: Browser) -> None:
    """axe finds nothing and nothing is wider than the window: light, dark, forced colours, large text, contrast."""
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        shown = [page_of()]

        def give(route: Route) -> None:
            route.fulfill(body=shown[0], content_type="text/html; charset=utf-8")

        page.route("**/composants", give)
        for looks, forced in (("", False), (f"{LARGE} {CONTRAST} souligne", False), ("", True)):
            shown[0] = page_of(looks)
            page.emulate_media(forced_colors="active" if forced else "none")
            page.goto(f"{house.url}/composants")
            name = f"composants{'-grand' if looks else ''}{'-force' if forced else ''}"
            faults = faults_in_looks(watched, name, whole=True)
            # What is forced is the system's own choice of colours, which this engine does not report.
            assert [fault for fault in faults if not (forced and ": color-contrast" in fault)] == [], name
            with narrow(page):
                page.get_by_role("button", name="Plus", exact=True).click()
                assert page.locator("#menu").bounding_box() is not None
                # What the menu lies over in part is for whoever closes it: how much of it, scrolling decides.
                assert faults_of(page, ("target-size",), "#menu") == [], name


def test_the_page_names_every_token() -> None:
    """And is kept, for designers."""
    text = page_of()
    assert len(tokens().colours) > 20
    for name in tokens().colours:
        assert f"var(--{name})" in text
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    (ARTEFACTS / "composants.html").write_text(text)
