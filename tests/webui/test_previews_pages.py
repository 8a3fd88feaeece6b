"""Old office files on the pages, where operators have LibreOffice: as PDF, or with the reason in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailserver.foundation.settings import Settings
from mailserver.model.identity import Principal
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Grade
from tests.previews.old_files import DOC, WORDS, rtf
from tests.webui.browser import log_in, visiting
from tests.webui.house import House, Visitor
from tests.webui.test_previews import OCTETS, attached

PROGRAM = "/usr/bin/soffice"
needs_program = pytest.mark.needs("soffice")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, previews={"libreoffice": PROGRAM})
    yield made
    made.close()


@needs_program
def test_old_files_are_shown_as_pdf(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(house, person, ("application/rtf", "ordre.rtf", rtf()), (OCTETS, "abime.doc", DOC[:2000]))
    piece = at.replace("/message/", "/piece/")
    assert f"{at}/apercu/2" in browser.get(at).text
    assert f'href="{piece}/2/voir"' in browser.get(f"{at}/apercu/2").text
    shown = browser.http.get(f"{piece}/2/voir")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/pdf")
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert shown.content.startswith(b"%PDF-")
    # The octets that arrived are what is saved.
    assert browser.http.get(f"{piece}/2").content == rtf()
    assert "abîmé, ou protégé par un mot de passe" in browser.get(f"{at}/apercu/3").text
    refused = browser.http.get(f"{piece}/3/voir")
    assert (refused.status_code, "abîmé" in refused.text) == (422, True)


@needs_program
@pytest.mark.needs("chromium")
def test_they_open_in_the_reader_of_pdf(house: House, chromium: Browser, person: Principal) -> None:
    at = attached(house, person, (OCTETS, "conseil.doc", DOC)).replace("/s/", "/m/")
    with visiting(chromium, script=True) as watched:
        log_in(watched.page, house, person.login, "complet", at=f"{at}/apercu/2")
        expect(watched.page.locator(".pdf-page[data-dessine]").first).to_contain_text(WORDS)
        watched.picture("apercu-doc")
        assert watched.complaints == []


def told(settings: Settings) -> list[tuple[Grade, str]]:
    found = [one for one in examine(settings, dns_too=False) if one.subject == "previews"]
    return [(one.grade, one.text.to("fr")) for one in found]


def test_the_doctor_says_whether_it_is_there(house: House, tmp_path: Path) -> None:
    values = house.settings.model_dump() | {"directory": house.settings.directory}
    missing = Settings.model_validate(values | {"previews": {"libreoffice": str(tmp_path / "soffice")}})
    ((grade, text),) = told(missing)
    assert (grade, "LibreOffice n’est pas à" in text) == (Grade.PROBLEM, True)
    assert told(Settings.model_validate(values | {"previews": {}})) == []


@needs_program
def test_the_doctor_finds_it(house: House) -> None:
    assert told(house.settings) == [(Grade.OK, "LibreOffice est là, et peut être isolé")]
