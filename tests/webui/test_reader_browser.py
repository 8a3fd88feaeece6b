"""The reader in a real Chromium: accessible at both sizes and schemes, within its policy, as tall as its text."""

import pytest
from playwright.sync_api import Browser

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.browser import faults_in_looks, let_in, log_in, overflow, visiting
from tests.webui.hostile.envelopes import PNG, file, html, multipart
from tests.webui.house import House, mail
from tests.webui.test_invitations import EVENT

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def addresses(house: House, emma: Principal, marc: Principal) -> dict[str, str]:
    """Messages with everything a reader can meet."""
    calendar = EVENT.format(
        method="REQUEST", uid="u@x", sequence=0, organizer=marc.address, attendee=emma.address, answer="NEEDS-ACTION"
    ).encode()
    paragraphs = "".join(f"<p>Paragraphe {number} de la lettre d’information.</p>" for number in range(40))
    letter = f"<h1>Lettre</h1><img src=https://images.exemple.org/a.png>{paragraphs}<a href=https://evil.test>www.ac-exemple.fr</a>"
    head = mail(
        "Réunion parents-professeurs du 3 décembre : salles et horaires",
        sender="Secrétariat du collège Les Allobroges <secretariat@ac-exernple.fr>",
        more="Message-ID: <racine@x.example>\r\nDisposition-Notification-To: x@ac-exernple.fr\r\n"
        "List-Id: Parents <parents.exemple.org>\r\nList-Post: <mailto:parents@exemple.org>\r\n"
        "List-Unsubscribe: <mailto:sortir@exemple.org>\r\nReply-To: ailleurs@evil.test\r\n",
    ).split(b"Content-Type")[0]
    files = (
        file(PNG, "image/png", 'attachment; filename="plan des salles.png"'),
        file(b"%PDF-1.4", "application/pdf", 'attachment; filename="horaires.pdf"'),
        file(b"MZ", "application/x-msdownload", 'attachment; filename="inscription.pdf.exe"'),
        file("à lire".encode(), "text/plain; charset=utf-8", 'attachment; filename="notes.txt"'),
    )
    meeting = b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + calendar
    rich = house.deliver(emma, head + multipart(html(letter.encode()), meeting, *files))
    for number in range(2):
        more = "References: <racine@x.example>\r\nDisposition-Notification-To: awa.diallo@exemple.org\r\n"
        last = house.deliver(emma, mail("Re: Réunion", body=f"Réponse {number}\n\n> cité\n", more=more))
    return {
        "texte": f"/message/{last}",
        "forme": f"/message/{rich}?forme=1",
        "entetes": f"/message/{rich}/entetes",
        "apercu": f"/message/{rich}/apercu/3",
        "rediriger": f"/message/{rich}/rediriger",
    }


def test_axe_finds_nothing(house: House, chromium: Browser, emma: Principal, addresses: dict[str, str]) -> None:
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, emma.login)
        found = {}
        for name, path in addresses.items():
            page.goto(f"{house.url}{'/m' if name in ('texte', 'forme') else '/s'}{path}")
            page.evaluate("for (const d of document.querySelectorAll('.lecture details')) d.open = true")
            found[name] = faults_in_looks(watched, f"lecteur-{name}", whole=name == "forme")
        assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("kind", "limit"), [("texte", 210), ("forme", 256), ("mefiance", 320)])
def test_the_text_begins_in_the_upper_third(
    house: House, chromium: Browser, marc: Principal, kind: str, limit: int
) -> None:
    """Of a window of 1366x768, beside the list, whatever is to be said of the letter."""
    reader = house.person("Léa", f"Tiers-{kind}")
    head = mail("Lettre", sender="Canopé <lettre@exemple.org>", to=reader.address).split(b"Content-Type")[0]
    if kind == "texte":
        octets = mail(
            "Lettre", sender=f"Marc Martin <{marc.address}>", to=f"{reader.address}, a@exemple.org, b@exemple.org"
        )
        house.run(house.submission.submit(marc, marc.address, [reader.address], octets))
    elif kind == "forme":
        house.deliver(reader, head + multipart(html(b"<p>Bonjour</p><img src=https://images.exemple.org/a.png>")))
    else:
        head = head.replace(b"exemple.org>", b"ac-exernple.fr>")
        text = "<p>Votre mot de passe expire, cliquez : <a href=https://evil.test/>www.ac-exemple.fr</a></p>"
        house.deliver(reader, head + multipart(html(text.encode())))
    house.store.write_now(stored_preferences.revise_preferences, reader.account_id, {"formatted": True})
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet")
        page.click(".courriels a:has-text('Lettre')")
        shown = page.locator("#lecteur .lettre > div, #lecteur iframe.feuille")
        shown.wait_for()
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] <= limit
        assert page.locator("#lecteur .mefiance").count() == (kind == "mefiance"), "one notice for all that is noticed"


@pytest.mark.parametrize("size", ["bureau", "telephone"])
def test_icons_have_their_words_by_choice_and_on_phones(
    house: House, chromium: Browser, marc: Principal, size: str
) -> None:
    reader = house.person("Léo", f"Mots-{size}")
    number = house.deliver(reader, mail("Mots"))
    with visiting(chromium, size=size, script=True) as watched:
        page = watched.page
        let_in(page, house, reader.login, "complet")
        for named in (False, True):
            house.store.write_now(stored_preferences.revise_preferences, reader.account_id, {"named_icons": named})
            page.goto(f"{house.url}/m/message/{number}")
            word = page.locator(".outils-lecture").get_by_role("button", name="Archiver").locator(".mot")
            width = word.evaluate("one => one.getBoundingClientRect().width")
            assert (width > 20) is (named or size == "telephone")
            assert overflow(page) == 0


def test_the_frame_grows_within_the_policy(
    house: House, chromium: Browser, emma: Principal, addresses: dict[str, str]
) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        watched.note_refusals()
        log_in(page, house, emma.login, at=f"/m{addresses['forme']}")
        frame = page.locator("iframe.feuille")
        inner = page.frame_locator("iframe.feuille").locator("html").evaluate("page => page.scrollHeight")
        outer = frame.evaluate("frame => frame.clientHeight")
        assert inner <= outer < inner + 40
        # Formatted mail is on white paper, in the dark as well.
        assert frame.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
        page.set_viewport_size({"width": 320, "height": 600})
        for path in addresses.values():
            page.goto(f"{house.url}/s{path}")
            wide = overflow(page)
            assert wide <= 0, path
        assert watched.complaints == []
        assert all(url.startswith(house.url) for url in watched.requests)
