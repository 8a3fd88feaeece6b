"""Files of messages looked at in a real Chromium: over the message and on pages of their own, within the policy."""

import io
import wave
from pathlib import Path

import pypdf
import pytest
import typst
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from tests.previews.files import docx, picture, word, xlsx
from tests.webui.browser import faults_of, let_in, log_in, narrow, overflow, rules_of, visiting
from tests.webui.hostile.envelopes import file, multipart
from tests.webui.house import House, mail
from tests.webui.test_previews import CALENDAR, CARD

pytestmark = pytest.mark.needs("chromium")
WORDS = "Conseil de classe de la 4e B"


def pdf(folder: Path) -> bytes:
    source = folder / "page.typ"
    source.write_text(
        f'= Ordre du jour\n\n{WORDS}\n\n#link("https://www.exemple.org/londres")[Londres]\n#pagebreak()\nFin'
    )
    return bytes(typst.compile(str(source)))


def locked(octets: bytes) -> bytes:
    """The same under a password."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(octets))
    writer.encrypt("secret")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file_:
        file_.setnchannels(1)
        file_.setsampwidth(1)
        file_.setframerate(8000)
        file_.writeframes(bytes(8000))
    return out.getvalue()


@pytest.fixture(scope="module")
def message(house: House, emma: Principal, tmp_path_factory: pytest.TempPathFactory) -> int:
    """One with a file of each kind, from number 2 on."""
    order = pdf(tmp_path_factory.mktemp("pdf"))
    files = {
        "ordre-du-jour.pdf": order,
        "secret.pdf": locked(order),
        "compte-rendu.docx": docx(word("Présents", "<w:b/>")),
        "notes.xlsx": xlsx([["Élève", "Note"], ["Léa", 12.5]]),
        "plan.png": picture(),
        "dictee.wav": sound(),
        "conseils.ics": CALENDAR.encode(),
        "awa.vcf": CARD.encode(),
        "virus.exe": b"MZ",
    }
    parts = [
        file(octets, "application/octet-stream", f'attachment; filename="{name}"') for name, octets in files.items()
    ]
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\nVoir ci-joint.\r\n"
    return house.deliver(emma, mail("Conseil").split(b"Content-Type")[0] + multipart(text, *parts))


def test_files_open_over_the_message_and_arrows_lead_on(
    house: House, chromium: Browser, emma: Principal, message: int
) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        watched.note_refusals()
        log_in(page, house, emma.login, "complet")
        page.click(".courriels a:has-text('Conseil')")
        tile = page.locator("#lecteur a.piece[href*='/apercu/2?']")
        tile.click()
        drawn = page.locator("dialog .pdf-page[data-dessine]").first
        expect(drawn).to_contain_text(WORDS)
        assert drawn.locator("a").get_attribute("href") == "https://www.exemple.org/londres"
        assert [worker.url for worker in page.workers if "pdf-worker" in worker.url]
        before = drawn.bounding_box()
        page.keyboard.press("+")
        expect(page.locator("dialog output")).to_have_text("125 %")
        expect(page.locator("dialog .pdf-page[data-dessine]").first).to_be_visible()
        after = drawn.bounding_box()
        assert before is not None
        assert after is not None
        assert after["width"] > before["width"] * 1.2
        page.keyboard.press("ArrowRight")
        expect(page.locator("dialog h2")).to_have_text("secret.pdf")
        expect(page.get_by_role("alert").filter(has_text="protégé par un mot de passe")).to_be_visible()
        page.keyboard.press("ArrowRight")
        shown = page.frame_locator("dialog iframe")
        expect(shown.locator("strong")).to_have_text("Présents")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("dialog h2")).to_have_text("secret.pdf")
        expect(page.locator("dialog h2")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        expect(tile).to_be_focused()
        assert watched.complaints == []
        assert all(url.startswith(house.url) for url in watched.requests)


def test_events_are_added_without_leaving(house: House, chromium: Browser, emma: Principal, message: int) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        watched.note_refusals()
        log_in(page, house, emma.login, "complet", at=f"/m/message/{message}")
        page.click("a[title='Ajouter à mon agenda']")
        page.click("dialog button.principal")
        expect(page.locator("dialog .avis.bon")).to_contain_text("2 événements ajoutés")
        assert page.url.endswith(f"/m/message/{message}")
        assert watched.complaints == []


def opened(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_role("heading", name=name).wait_for()
    if name.endswith("jour.pdf") and "/m/" in address:
        page.locator(".pdf-page[data-dessine]").first.wait_for()


@pytest.mark.parametrize(("size", "scheme"), [("bureau", "light"), ("telephone", "dark")])
def test_pages_of_files_are_accessible(
    house: House, chromium: Browser, emma: Principal, message: int, size: str, scheme: str
) -> None:
    names = {2: "ordre-du-jour.pdf", 4: "compte-rendu.docx", 6: "plan.png", 7: "dictee.wav", 8: "conseils.ics"}
    found = {}
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, emma.login, "complet")
        for number, name in names.items():
            opened(page, f"{house.url}/m/message/{message}/apercu/{number}", name)
            watched.picture(f"piece-{name}-{size}-{scheme}")
            found[name] = faults_of(page, rules_of(size, scheme))
            with narrow(page):
                found[f"{name} 320"] = [f"overflows by {wide}"] if (wide := overflow(page)) > 0 else []
        if size == "bureau":
            page.goto(f"{house.url}/m/message/{message}")
            page.click("a.piece[href*='/apercu/6?']")
            page.locator("dialog img").wait_for()
            found["over the message"] = faults_of(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_without_a_script_everything_is_a_link(house: House, chromium: Browser, emma: Principal, message: int) -> None:
    with visiting(chromium) as watched:
        page = watched.page
        log_in(page, house, emma.login, at=f"/s/message/{message}")
        page.click("a.piece[href*='/apercu/2?']")
        expect(page.get_by_role("link", name="Ouvrir le PDF dans un nouvel onglet")).to_be_visible()
        expect(page.locator("[data-zoom]")).to_be_hidden()
        for name in ("secret.pdf", "compte-rendu.docx", "notes.xlsx", "plan.png"):
            page.click("a[rel=next]")
            expect(page.locator("h1")).to_have_text(name)
        expect(page.locator(".image-seule img")).to_have_js_property("naturalWidth", 40)
        page.click("a[rel=next]")
        expect(page.locator("audio")).to_be_visible()
        page.click("[data-fermer]")
        expect(page).to_have_url(f"{house.url}/s/message/{message}?d={house.box(emma, 'INBOX').id}")
        assert watched.complaints == []
