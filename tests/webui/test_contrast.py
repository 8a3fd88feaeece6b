"""What is asked once for what looks alike is found all the same wherever it looks otherwise."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.webui import contrast
from tests.webui.browser import faults_of, visiting

pytestmark = pytest.mark.needs("chromium")

GREY = "color: #999"
AROUND = "<main style='background: {behind}'><p id='a' style='{style}'>Bonjour</p><p>Noir sur clair</p>{more}</main>"


@pytest.fixture
def page(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(contrast, "passed", set())
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        yield watched.page


def found(page: Page, style: str = "", behind: str = "white", more: str = "") -> int:
    """How many texts are said to be too faint."""
    page.set_content(AROUND.format(style=style, behind=behind, more=more))
    return sum(fault.count("<p") for fault in faults_of(page, (contrast.RULE,)))


def test_what_passed_once_is_found_where_it_is_on_another_ground(page: Page) -> None:
    assert found(page) == 0
    assert contrast.passed
    assert found(page, "color: black", "#222") == 2
    assert found(page, "opacity: .3") == 1
    assert found(page) == 0


def test_what_was_found_is_found_each_time_and_everywhere_on_a_page(page: Page) -> None:
    for _ in range(2):
        assert found(page, GREY, more=f"<p style='{GREY}'>Encore</p>" * 2) == 3
    assert found(page, f"{GREY}; font-size: 3rem; font-weight: 700") == 1, "2.8 where large text needs 3"


def test_what_lies_over_something_else_is_asked_each_time(page: Page) -> None:
    text = "<p style='position: absolute; bottom: 1em; margin: 0'>Dessus</p>"
    over = f"<div style='background: {{0}}; height: 3em'></div>{text}"
    around = "<section style='position: relative'>" + over + "</section>"
    assert found(page, more=around.format("white")) == 0
    assert found(page, more=around.format("#222")) == 1
