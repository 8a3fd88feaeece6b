"""The message beside its list in a real Chromium: whatever is done to it, list and message stay where they are."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from tests.webui.browser import Watched, faults_of, log_in, visiting
from tests.webui.hostile.envelopes import PNG, file, html, multipart
from tests.webui.house import House, mail
from tests.webui.test_invitations import EVENT

pytestmark = pytest.mark.needs("chromium")

MEETING = "Conseil de classe du 3 décembre"


@pytest.fixture(scope="module")
def reader(house: House, marc: Principal) -> Principal:
    """Somebody whose inbox has two pages' worth of letters, and one message with everything to press."""
    made = house.person("Odile", "Volets")
    for number in range(8):
        house.deliver(made, mail(f"Lettre {number}", body=f"Texte {number}\n"))
    calendar = EVENT.format(
        method="REQUEST",
        uid="volets@x",
        sequence=0,
        organizer=marc.address,
        attendee=made.address,
        answer="NEEDS-ACTION",
    ).encode()
    head = mail(
        MEETING,
        sender=f"Marc <{marc.address}>",
        more="Disposition-Notification-To: " + marc.address + "\r\nList-Unsubscribe: <mailto:sortir@exemple.org>\r\n",
    ).split(b"Content-Type")[0]
    letter = b"<h1>Bonjour</h1><img src=https://images.exemple.org/a.png><p>La salle est prise.</p>"
    meeting = b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + calendar
    files = (
        file(PNG, "image/png", 'attachment; filename="plan.png"'),
        file("à lire".encode(), "text/plain; charset=utf-8", 'attachment; filename="notes.txt"'),
    )
    octets = head + multipart(html(letter), meeting, *files)
    house.run(house.submission.submit(marc, marc.address, [made.address], octets))
    house.deliver(made, mail("Lettre 9", body="Texte 9\n"))
    return made


@pytest.fixture
def pane(house: House, chromium: Browser, reader: Principal) -> Iterator[Watched]:
    """The message open beside a list with a filter, and a mark that a whole new page would lose."""
    with visiting(chromium, script=True) as watched:
        inbox = house.box(reader, "INBOX").id
        log_in(watched.page, house, reader.login, "complet", at=f"/m/dossier/{inbox}?tri=objet&sens=haut")
        expect(watched.page.locator("#cocher input")).to_have_count(1)
        open_meeting(watched.page)
        watched.page.evaluate("window.same = true")
        yield watched


def open_meeting(page: Page) -> None:
    page.click(f".courriels a:has-text('{MEETING}')")
    expect(page.locator("#lecteur h2.sujet")).to_have_text(MEETING)


def more(page: Page) -> None:
    """The menu of everything else that can be done with the message."""
    page.locator(".lecture").get_by_role("button", name="Plus", exact=True).click()


def same(page: Page) -> None:
    """The page was never left: the list as it was, the message open in it."""
    assert page.evaluate("window.same") is True
    expect(page.locator(".courriels a[aria-current]")).to_contain_text(MEETING)
    assert page.evaluate("document.scrollingElement.scrollHeight - innerHeight") <= 0


def faults(watched: Watched) -> list[str]:
    """Complaints, but for what is refused on purpose, and for the picture of a host that does not answer."""
    return [complaint for complaint in watched.complaints if not complaint.startswith("Failed to load resource")]


def test_answers_to_the_message_stay_in_the_pane(pane: Watched) -> None:
    page = pane.page
    pane.picture("volet-invitation")
    lecteur = page.locator("#lecteur")
    for button, told in (
        ("Accepter", "Réunion acceptée"),
        ("Refuser", "Réunion refusée"),
        ("Envoyer l’accusé", "Accusé de lecture envoyé"),
        ("Toujours pour cet expéditeur", "seront affichées"),
    ):
        if button.startswith("Toujours"):
            lecteur.get_by_role("link", name="Version mise en forme").click()
        lecteur.get_by_role("button", name=button).first.click()
        expect(page.locator("#dit")).to_contain_text(told)
        expect(lecteur.locator("h2.sujet")).to_have_text(MEETING)
        same(page)
    pane.picture("volet-repondu")
    more(page)
    lecteur.get_by_role("button", name="Se désabonner").click()
    expect(page.locator("#dit")).to_contain_text("désabonnement")
    same(page)
    assert faults(pane) == []


def test_pages_about_the_message_open_in_the_pane_and_lead_back(pane: Watched) -> None:
    page, lecteur = pane.page, pane.page.locator("#lecteur")
    for link, heading in (
        ("Source", "Source du message"),
        ("En-têtes", "En-têtes du message"),
        ("Rediriger", "Rediriger ce message"),
    ):
        more(page)
        lecteur.get_by_role("link", name=link, exact=True).click()
        expect(lecteur.get_by_role("heading", name=heading)).to_be_visible()
        pane.picture(f"volet-{heading[:5].strip().lower()}")
        same(page)
        lecteur.get_by_role("link", name="Retour au message").click()
        expect(lecteur.locator("h2.sujet")).to_have_text(MEETING)
    lecteur.locator("a.piece:has-text('plan.png')").click()
    file = page.get_by_role("dialog")
    expect(file.locator(".image-seule img")).to_be_visible()
    pane.picture("volet-apercu")
    file.get_by_role("link", name="Pièce suivante").click()
    expect(file.get_by_role("heading", name="notes.txt")).to_be_visible()
    same(page)
    file.get_by_role("link", name="Retour au message").click()
    expect(file).to_be_hidden()
    expect(lecteur.locator("h2.sujet")).to_have_text(MEETING)
    more(page)
    lecteur.get_by_role("link", name="Rediriger", exact=True).click()
    lecteur.get_by_role("button", name="Rediriger").click()
    expect(lecteur.locator("#faute, .faute").first).to_be_visible()
    lecteur.get_by_label("À").fill("quelqu.un@exemple.org")
    lecteur.get_by_role("button", name="Rediriger").click()
    expect(page.locator("#dit")).to_contain_text("Message redirigé")
    same(page)
    assert faults(pane) == []


def test_a_quick_answer_comes_back_to_the_same_list_and_message(pane: Watched) -> None:
    page = pane.page
    page.locator("#lecteur .rapide summary").click()
    page.locator("#texte-rapide").fill("Entendu.")
    page.locator("#lecteur .reponse-rapide").get_by_role("button", name="Envoyer").click()
    expect(page.locator("#dit")).to_contain_text(re.compile("Annuler|Message envoyé"))
    expect(page.locator("#lecteur h2.sujet")).to_have_text(MEETING)
    assert "tri=objet" in page.url
    pane.picture("volet-reponse-partie")
    page.reload()
    expect(page.locator("#lecteur h2.sujet")).to_have_text(MEETING)


def test_coming_back_from_a_letter_or_print_shows_what_was_open(pane: Watched) -> None:
    """From the page of a letter, too: where letters open in panels its address leads there still."""
    page = pane.page
    link = page.locator("#lecteur").get_by_role("link", name="Transférer", exact=True).first
    page.goto(f"{page.url.partition('/m/')[0]}{link.get_attribute('href')}")
    expect(page.locator("#objet")).to_be_visible()
    page.go_back()
    expect(page.locator("#lecteur h2.sujet")).to_have_text(MEETING)
    assert "tri=objet" in page.url


def test_several_messages_are_printed_on_one_page(pane: Watched) -> None:
    page = pane.page
    for number in (0, 1, 2):
        page.locator(".courriels input").nth(number).check()
    page.locator(".barre").get_by_role("button", name="Plus").click()
    page.locator("#menu-plus").get_by_role("button", name="Imprimer").click()
    expect(page.locator("h1")).to_have_text("3 messages à imprimer")
    expect(page.locator("article.feuille h2")).to_have_text([MEETING, "Lettre 1", "Lettre 0"])
    expect(page.locator("article.feuille").first).to_contain_text("La salle est prise.")
    pane.picture("imprimer-plusieurs")
    page.emulate_media(media="print")
    pane.picture("imprimer-papier")
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    page.emulate_media(media="screen")
    assert not [request for request in pane.requests if "/image?" in request or "exemple.org" in request]
    page.get_by_role("link", name="Retour aux messages").click()
    expect(page.locator("#liste h1")).to_have_text("Boîte de réception")
    assert "tri=objet" in page.url
    assert faults(pane) == []


@pytest.mark.parametrize("size", ["bureau", "telephone"])
def test_what_the_pane_holds_is_accessible(house: House, chromium: Browser, reader: Principal, size: str) -> None:
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet")
        page.click(f".courriels a:has-text('{MEETING}')")
        expect(page.locator(".sujet")).to_have_text(MEETING)
        watched.picture(f"volet-{size}")
        watched.picture(f"volet-entier-{size}", whole=True)
        found = faults_of(page)
        more(page)
        page.get_by_role("link", name="Rediriger", exact=True).click()
        expect(page.get_by_role("heading", name=re.compile("Rediriger"))).to_be_visible()
        watched.picture(f"volet-rediriger-{size}")
        found += faults_of(page)
        page.goto(f"{house.url}/s/")
        for box in page.locator("table.messages input").all()[:3]:
            box.check()
        watched.picture(f"simple-imprimer-{size}")
        if size == "telephone":  # behind what the bar at the foot opens
            page.get_by_role("button", name="Plus", exact=True).click()
        edge = page.get_by_role("button", name="Imprimer").bounding_box()
        assert edge is not None
        assert edge["x"] + edge["width"] <= page.evaluate("innerWidth")
        found += faults_of(page)
        page.get_by_role("button", name="Imprimer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("3 messages à imprimer")
        watched.picture(f"imprimer-plusieurs-{size}")
        assert found + faults_of(page) == []
