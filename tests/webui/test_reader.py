"""The reader: what it notices, what it offers, what it sends; each over a real store and through the front door."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select, update

from mailserver.mime import scan, unpack
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.account.preferences import Preferences, revise
from mailserver.model.identity import PersonChange, Principal, Role
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.account import stored_preferences
from mailserver.store.mail import known_senders, mailboxes, messages
from mailserver.store.mail.flags import names
from mailserver.store.schema.mail.messages import blob, message
from mailserver.store.schema.mail.withdrawal import phishing_report
from mailserver.store.withdrawal import reports
from tests.outbound.withdrawal.mail import put
from tests.smtp.elsewhere import Names
from tests.webui.house import House, Visitor, mail, opened, shown
from tests.webui.website import Website, page, world
from webui.reader import message_parts
from webui.reader.requests import unsubscribe
from webui.reader.trust import badges, cautions

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 50


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(tmp_path_factory.mktemp("site"), ["images.example.org"])
    yield made
    made.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, site: Website) -> Iterator[House]:
    names = Names()
    names.known["images.example.org", "A"] = ["127.0.0.1"]
    made = House(
        tmp_path_factory.mktemp("house"),
        sqlite_template,
        world(names, site, seconds=3),
        web={"academy": "Académie d’Exemple", "phishing": "veille.securite@ac-exemple.fr"},
    )
    yield made
    made.close()
    names.stop()


@pytest.fixture(scope="module")
def watch(house: House) -> Principal:
    """Whoever is sent phishing."""
    return house.person("Veille", "Sécurité")


def choose(house: House, person: Principal, **changes: object) -> None:
    """Set preferences."""
    house.store.write_now(stored_preferences.save_preferences, person.account_id, revise(Preferences(), changes))


def html(body: str, sender: str = "Awa Diallo <awa.diallo@exemple.org>") -> bytes:
    return (
        f"From: {sender}\r\nSubject: page\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}"
    ).encode()


# ---------------------------------------------------------------------- where it comes from


def test_badges_follow_what_our_own_door_wrote(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    outside = shown(house, at_home, emma, mail(sender="Inès <ines@ailleurs.example>"))
    assert ">externe<" in outside
    assert ">première fois<" in outside
    again = shown(house, at_home, emma, mail("Encore", sender="Inès <ines@ailleurs.example>"))
    assert ">première fois<" not in again
    trace = f"Received: by {house.settings.name} with HTTP id x; x\r\n".encode()
    forged = shown(house, at_home, emma, trace + mail("Faux", sender=f"Marc <{marc.address}>"))
    assert "interne vérifié" not in forged
    assert ">interne non vérifié<" in forged
    house.run(
        house.submission.submit(
            marc, marc.address, (emma.address,), mail("De Marc", sender=f"Marc <{marc.address}>", to=emma.address)
        )
    )
    at_home.get("/s/")
    assert ">interne vérifié<" in at_home.get(at_home.links(r"/s/message/")[0]).text
    said = "List-Id: {name} <{name}.{domain}>\r\nList-Post: <mailto:{name}@{domain}>\r\n"
    listed = shown(house, at_home, emma, mail("Liste", more=said.format(name="Profs", domain="ailleurs.example")))
    assert "liste\u202f: Profs" in listed
    assert "Répondre à la liste" in listed
    quoted = r'List-Id: "Profs \"6e\" (A, B)" <p.ailleurs.example>' + "\r\n"
    assert 'liste\u202f: Profs "6e" (A, B)' in unescape(shown(house, at_home, emma, mail("Liste", more=quoted)))
    forged = shown(house, at_home, emma, mail("Liste", more=said.format(name="Faux", domain="ac-exemple.fr")))
    assert "liste\u202f: Faux" not in forged, "no list of ours sent it"


PROVEN = AuthenticationResults(Outcome.PASS, Outcome.PASS, Alignment.PASS, one_click=True)
FALSE = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL)


@pytest.mark.parametrize("interface", ["/s", "/m"])
def test_what_was_found_out_is_one_sign_and_a_line_of_the_details(
    house: House, at_home: Visitor, emma: Principal, interface: str
) -> None:
    author = "Inès <ines@ailleurs.example>"

    def seen(results: AuthenticationResults) -> str:
        number = house.deliver(emma, mail(f"{interface} {results.packed}", sender=author), results)
        return str(at_home.get(f"{interface}/message/{number}").text)

    proven = seen(PROVEN)
    assert ">externe" in proven
    assert "son domaine confirme l’avoir envoyé" in proven
    assert "SPF pass, DKIM pass, DMARC pass" in proven
    false = seen(FALSE)
    assert ">externe non vérifié" in false
    assert "SPF fail, DKIM none, DMARC fail" in false
    assert "Authentification" not in seen(AuthenticationResults())
    own = f"Marc <marc@{house.settings.domain}>"
    number = house.deliver(emma, mail(f"{interface} own", sender=own), PROVEN)
    assert ">interne, autre serveur" in at_home.get(f"{interface}/message/{number}").text


def test_who_is_put_aside_is_told_why(house: House, at_home: Visitor, emma: Principal) -> None:
    number = house.deliver(emma, mail(), replace(FALSE, quarantined=True))
    assert "demande de s’en méfier (DMARC)" in at_home.get(f"/s/message/{number}").text
    assert house.subjects(emma, "Junk")


def test_one_borrowed_address_is_believed_nowhere() -> None:
    def credible(results: AuthenticationResults, sender: str = "a@b.fr") -> bool:
        return badges.is_credible(Provenance(Door.SMTP, results=results), sender, ["ac.fr"], 1)

    assert credible(PROVEN)
    assert credible(AuthenticationResults())
    assert not credible(FALSE)
    assert not credible(AuthenticationResults(), "a@ac.fr")
    assert credible(PROVEN, "a@ac.fr")
    unsure = AuthenticationResults(Outcome.TEMPERROR, Outcome.NONE, Alignment.TEMPERROR)
    assert not badges.is_authenticated(Provenance(Door.SMTP, results=unsure))
    assert not credible(unsure)
    assert not credible(AuthenticationResults(Outcome.NONE, Outcome.NONE, Alignment.PERMERROR))
    assert badges.is_authenticated(Provenance(Door.SMTP))


def test_one_click_is_offered_where_a_signature_covers_it() -> None:
    header = b"List-Unsubscribe: <https://l.fr/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
    root = unpack(scan(header + b"x").parts)
    found = unsubscribe.way(header, root, (), may_click=True)
    assert found is not None
    assert found.one_click
    found = unsubscribe.way(header, root, (), may_click=False)
    assert found is not None
    assert (found.one_click, found.page) == ("", "https://l.fr/u")


@pytest.mark.parametrize("zone", ["+0000", "-1200", "-9959"])
def test_a_message_of_the_last_day_there_is_can_be_read(
    house: House, at_home: Visitor, emma: Principal, zone: str
) -> None:
    """Whoever writes chooses the date: one that is beyond the calendar on the reader's clock keeps nobody from it."""
    content = house.deliver(emma, mail(f"Au bout du temps {zone}", date=f"Fri, 31 Dec 9999 23:59:59 {zone}"))
    for address in ("message/{}", "message/{}/imprimer", "message/{}/entetes", "ecrire?repondre={}"):
        page = at_home.get(f"/s/{address.format(content)}")
        assert page.status_code == 200, address
        assert "Au bout du temps" in page.text, address
    assert at_home.get(f"/s/ecrire?transferer={content}").status_code == 200


def test_a_damaged_message_has_a_plain_page(house: House, at_home: Visitor, emma: Principal) -> None:
    """And its neighbours theirs."""
    shown(house, at_home, emma, mail("Voisin"))
    shown(house, at_home, emma, mail("Blessé"))
    damaged, neighbour = at_home.links(r"/s/message/")[:2] if at_home.get("/s/") else ("", "")
    number = int(damaged.rsplit("/", 1)[1].partition("?")[0])
    house.store.write_now(
        lambda tx: tx.execute(update(blob).where(blob.c.content_id == number).values(octets=b"x" * 20))
    )
    answer = at_home.get(damaged)
    assert answer.status_code == 500
    assert "Ce message est abîmé" in answer.text
    assert at_home.get(neighbour).status_code == 200
    assert at_home.get("/s/").status_code == 200


# ---------------------------------------------------------------------- what is noticed


def test_cautions_are_said_and_ordinary_mail_has_none(house: House, at_home: Visitor, emma: Principal) -> None:
    quiet = shown(house, at_home, emma, mail("Sortie", body="Voici le lien : https://www.exemple.org/sortie\n"))
    assert "Méfiance" not in quiet
    phish = shown(
        house,
        at_home,
        emma,
        mail(
            "Compte",
            sender="Assistance <x@ac-exernple.fr>",
            body="Votre mot de passe expire, cliquez : https://evil.test/x\n",
        ),
    )
    assert "ressemble à ac-exemple.fr" in phish
    assert "parle de mot de passe" in phish
    assert phish.count("mefiance") == 1, "one notice for all that was noticed"
    assert "L’adresse imite ac-exemple.fr et il demande un mot de passe." in phish
    assert "reponse-rapide" in quiet
    assert "reponse-rapide" not in phish, "nobody is led to answer in haste"
    named = shown(house, at_home, emma, mail("Nom", sender='"drh@ac-exemple.fr" <x@evil.test>'))
    assert "Le nom affiché contient drh@ac-exemple.fr" in named
    lies = shown(house, at_home, emma, html('<a href="https://evil.test/">https://www.ac-exemple.fr/</a>'), "?forme=1")
    assert "mais mène à" in lies
    for path in ("/s/corps/{}", "/m/corps/{}", "/s/message/{}/imprimer?forme=1"):
        body = at_home.get(path.format(opened(lies))).text
        assert body.count("⚠ mène à <bdi>evil.test</bdi></span>") == 1, path
    mixed = shown(house, at_home, emma, html('<a href="https://раураl.test/">x</a>'), "?forme=1")
    assert "plusieurs alphabets" in mixed


@pytest.mark.parametrize("interface", ["/s", "/m"])
def test_who_borrows_a_name_is_told_of_in_one_notice(
    house: House, at_home: Visitor, emma: Principal, interface: str
) -> None:
    school = "0210006T"
    house.run(house.directory.change(emma.account_id, PersonChange(uai=school)))
    for given, surname in (("Anne", "Voisine"), ("Luc", f"Admin{interface[1]}")):
        role = Role.ADMIN if given == "Luc" else Role.TEACHER
        house.person(given, surname, role, "", uai=school)

    def read(octets: bytes) -> str:
        return str(at_home.get(f"{interface}/message/{house.deliver(emma, octets)}").text)

    text = read(mail("Compte", sender="Messagerie académique <x@evil.test>", more="Reply-To: y@gmail.com\r\n"))
    assert "Méfiance\u202f: ce message n’est sans doute pas de l’académie." in text
    assert "Le nom est celui d’un service de l’académie et une réponse partirait à une autre adresse." in text
    assert text.count('class="avis mefiance') == 1
    text = read(mail("Virement", sender=f"Luc Admin{interface[1]} <luc@fai.test>"))
    assert "est le nom d’un responsable que vous connaissez" in text
    assert "avis mefiance erreur" in text
    text = read(mail("Sortie", sender="Anne Voisine <anne@fai.test>"))
    assert "Quelqu’un de votre établissement s’appelle Anne Voisine\u202f; ce message vient de anne@fai.test" in text
    assert "avis mefiance attention" in text
    assert "C’est un message sûr" in text
    text = read(mail("Aide", sender="Assistance <x@editeur.test>"))
    assert "n’est pas de l’académie\u202f: ce message vient de x@editeur.test" in text
    assert "avis mefiance" not in read(mail("Cours", sender="Anne Ailleurs <anne@fai.test>"))
    text = read(mail("Cours", sender="An\u200bne Ailleurs <anne@fai.test>"))
    assert "Le nom de l’expéditeur cache des caractères invisibles\u202f: Anne Ailleurs." in text


LETTER = '<p>Voir <a href="https://clic.suivi.test/1">www.boutique.example</a>.</p>'
BULK = "List-Id: <lettre.boutique.example>"


def test_a_known_newsletter_may_count_who_follows_its_links(house: House, at_home: Visitor, emma: Principal) -> None:
    """A remark instead of an alarm; not where nobody proved who sent it, nor where it shows an address of ours."""

    def read(author: str, body: str, results: AuthenticationResults = PROVEN) -> tuple[str, str]:
        octets = html(body, author).replace(b"Subject:", f"{BULK}\r\nSubject:".encode())
        number = house.deliver(emma, octets, results)
        page = str(at_home.get(f"/s/message/{number}?forme=1").text)
        return page, str(at_home.get(f"/s/corps/{number}").text)

    page, body = read("lettre@boutique.example", LETTER)
    assert "avis mefiance erreur" in page, "nobody knows it yet"
    assert "⚠ mène à <bdi>clic.suivi.test</bdi>" in body
    page, body = read("lettre@boutique.example", LETTER + "w")
    assert "avis mefiance erreur" in page, "whoever lies sends two"
    assert "⚠" in body
    old = update(message).values(saved=message.c.saved - known_senders.READER_SECONDS)
    house.store.write_now(lambda tx: tx.execute(old))
    page, body = read("lettre@boutique.example", LETTER + "x")
    assert "Des liens de cette lettre d’information passent par clic.suivi.test." in page
    assert "avis mefiance attention" in page
    assert "C’est un message sûr" in page
    assert "⚠" not in body
    assert "par <bdi>clic.suivi.test</bdi></span>" in body
    page, body = read("lettre@boutique.example", LETTER + "y", AuthenticationResults())
    assert "avis mefiance erreur" in page
    assert "⚠" in body
    for shown_host in ("webmail.ac-exemple.fr", "impots.gouv.fr"):
        page, body = read("lettre@boutique.example", LETTER.replace("www.boutique.example", shown_host))
        assert "avis mefiance erreur" in page
        assert "C’est un message sûr" not in page
        assert "⚠" in body
    at_home.post(f"/s/message/{opened(page)}/confiance", {"faire": "sur"}, page)
    house.store.write_now(known_senders.trust, emma.account_id, "lettre@boutique.example")
    assert "avis mefiance" not in read("lettre@boutique.example", LETTER + "z")[0]
    assert (
        "avis mefiance erreur" in read("lettre@boutique.example", LETTER.replace("www.boutique.example", "gouv.fr"))[0]
    )


def test_what_was_kept_when_it_came_is_what_is_said(house: House, at_home: Visitor, emma: Principal) -> None:
    """Of what was not kept the header tells; what was kept is believed, whatever it would tell today."""
    octets = mail("Ancien", sender="Rectorat <x@evil.test>")
    number = house.deliver(emma, octets)

    def keep(signs: Signs) -> str:
        new = update(message).where(message.c.content_id == number).values(impersonation=int(signs))
        house.store.write_now(lambda tx: tx.execute(new))
        return str(at_home.get(f"/s/message/{number}").text)

    assert "d’un service de l’académie" in keep(Signs.NOT_JUDGED)
    assert "avis mefiance" not in keep(Signs.JUDGED)
    assert "ressemble à …" in keep(Signs.JUDGED | Signs.DOMAIN)
    assert keep(~Signs.NOT_JUDGED).count('class="avis mefiance') == 1


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("rapport.pdf", ""),
        ("rapport.pdf.exe", "exe"),
        ("page.HTML", "html"),
        ("x.docm", "docm"),
        ("a.exe. .", "exe"),
        ("facture\u202egnp.exe", "exe"),
        ("x\u202etxt.pdf", "pdf"),
        ("photo.png\u200b.scr", "scr"),
        ("image.svg", "svg"),
        ("", ""),
    ],
)
def test_dangerous_files(name: str, ending: str) -> None:
    assert cautions.danger(name, "application/octet-stream") == ending


# ---------------------------------------------------------------------- remote pictures


def test_remote_pictures_wait_to_be_asked_for(house: House, at_home: Visitor, emma: Principal, site: Website) -> None:
    site.answers["/logo.png"] = page(PNG)
    site.answers["/x.svg"] = page(b"<svg onload=alert(1)>", "image/png")
    address = f"https://images.example.org:{site.port}"
    octets = html(
        f"<img src='{address}/logo.png'><img src='http://images.example.org/b.png'><img src='{address}/x.svg'>"
    )
    text = shown(house, at_home, emma, octets, "?forme=1")
    content = opened(text)
    assert "3 images distantes bloquées" in text
    assert "<img src" not in at_home.get(f"/s/corps/{content}").text
    assert site.asked == []
    text = at_home.get(f"/s/message/{content}?forme=1&images=1").text
    assert "1 image distante bloquée" in text
    body = at_home.get(f"/s/corps/{content}?images=1").text
    signed = [one.replace("&amp;", "&") for one in re.findall(r'src="(/image\?[^"]+)"', body)]
    assert len(signed) == 2
    good = at_home.http.get(signed[0])
    assert (good.status_code, good.headers["content-type"], good.content) == (200, "image/png", PNG)
    assert good.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert at_home.http.get(signed[1]).status_code == 404  # its octets are no picture
    asked = len(site.asked)
    assert at_home.http.get(signed[0]).content == PNG
    assert at_home.http.get(signed[1]).status_code == 404
    assert len(site.asked) == asked  # kept, and the failure too


def test_a_signed_address_is_for_one_person_one_picture_and_a_while(
    house: House, at_home: Visitor, emma: Principal, marc: Principal, site: Website
) -> None:
    site.answers["/c.png"] = page(PNG)
    text = shown(house, at_home, emma, html(f"<img src='https://images.example.org:{site.port}/c.png'>"), "?forme=1")
    body = at_home.get(f"/s/corps/{opened(text)}?images=1").text
    signed = re.findall(r'src="(/image\?[^"]+)"', body)[0].replace("&amp;", "&")
    other = house.visitor()
    other.log_in(marc.login)
    assert other.http.get(signed).status_code == 404
    assert at_home.http.get(signed.replace("c.png", "d.png")).status_code == 404
    assert at_home.http.get(re.sub(r"e=\d+", "e=99999999999", signed)).status_code == 404
    assert at_home.http.get("/image").status_code == 404
    house.clock.ahead += 3 * 86400
    assert at_home.log_in(emma.login)
    assert at_home.http.get(signed).status_code == 404
    house.clock.ahead -= 3 * 86400


def test_pictures_of_a_sender_can_be_shown_for_good(
    house: House, at_home: Visitor, emma: Principal, site: Website
) -> None:
    octets = html(f"<img src='https://images.example.org:{site.port}/c.png'>", "Lettre <lettre@exemple.org>")
    text = shown(house, at_home, emma, octets, "?forme=1")
    content = opened(text)
    text = at_home.post(f"/s/message/{content}/images", {"faire": "toujours"}).text
    assert "1 image distante affichée" in text
    assert "1 image distante affichée" in at_home.get(f"/s/message/{content}?forme=1").text
    text = at_home.post(f"/s/message/{content}/images", {"faire": "demander"}).text
    assert "1 image distante bloquée" in text


# ---------------------------------------------------------------------- attachments


def test_previews_and_the_archive(house: House, at_home: Visitor, emma: Principal) -> None:
    parts = [
        ("text/plain; charset=utf-8", "notes.txt", "héhé <script>alert(1)</script>".encode()),
        ("image/png", "photo.png", PNG),
        ("image/png", "fausse.png", b"<html>"),
        ("application/pdf", "doc.pdf", b"%PDF-1.4 x"),
        ("text/html", "page.html", b"<script>alert(1)</script>"),
        ("image/png", "photo.png", PNG),
    ]
    octets = mail("Pièces").split(b"Content-Type")[0] + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    for kind, name, data in parts:
        octets += (
            f'--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'.encode()
            + data
            + b"\r\n"
        )
    text = shown(house, at_home, emma, octets + b"--b--\r\n")
    content = opened(text)
    assert len(re.findall(r'href="[^"]+/apercu/\d', text)) == 5
    kinds = re.findall(r"<small>\s*<bdi>(\w+)</bdi>,", text)
    assert kinds == ["Texte", "Image", "Image", "PDF", "HTML", "Image"]
    view = at_home.http.get(f"/s/piece/{content}/1/voir")
    assert view.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in view.headers["content-security-policy"]
    assert "héhé" in view.text
    assert "2 sur 5" in at_home.get(f"/s/message/{content}/apercu/2").text
    assert "image?" not in at_home.text
    assert (at_home.rel("prev"), at_home.rel("next")) != ("", "")
    assert f"/s/piece/{content}/2?image=1" in at_home.text
    assert "<script" not in at_home.text
    assert "n’est pas ce que son type annonce" in at_home.get(f"/s/message/{content}/apercu/3").text
    assert at_home.http.get(f"/s/piece/{content}/4/voir").headers["content-type"] == "application/pdf"
    assert at_home.http.get(f"/s/piece/{content}/5/voir").headers["content-disposition"].startswith("attachment")
    assert at_home.http.get(f"/s/message/{content}/apercu/5").status_code == 404
    archive = zipfile.ZipFile(io.BytesIO(at_home.http.get(f"/s/message/{content}/pieces.zip").content))
    assert archive.namelist() == ["notes.txt", "photo.png", "fausse.png", "doc.pdf", "page.html", "photo (2).png"]
    assert archive.read("photo (2).png") == PNG


# ---------------------------------------------------------------------- receipts

ASKS = "Return-Path: <{who}>\r\nDisposition-Notification-To: {who}\r\n"


def test_a_receipt_is_sent_once_and_when_asked(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    text = shown(house, at_home, emma, mail("Convocation", more=ASKS.format(who=marc.address)))
    content = opened(text)
    assert "demande un accusé de lecture" in text
    assert "Accusé de lecture envoyé" in at_home.post(f"/s/message/{content}/accuse", {"faire": "envoyer"}).text
    assert "déjà donnée" in at_home.post(f"/s/message/{content}/accuse", {"faire": "envoyer"}).text
    assert house.subjects(marc, "INBOX").count("Lu : Convocation") == 1
    receipt = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
    assert receipt.get_content_type() == "multipart/report"
    assert receipt.get_param("report-type") == "disposition-notification"
    assert receipt["Return-Path"] == "<>"
    _, fields, original = receipt.iter_parts()
    written = fields.as_string()
    assert fields.get_content_type() == "message/disposition-notification"
    assert f"Final-Recipient: rfc822;{emma.address}" in written
    assert "Disposition: manual-action/MDN-sent-manually; displayed" in written
    assert original.get_content_type() == "text/rfc822-headers"


def test_receipts_by_setting(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    choose(house, emma, receipts="jamais")
    assert "accusé" not in shown(house, at_home, emma, mail("Un", more=ASKS.format(who=marc.address))).lower()
    choose(house, emma, receipts="toujours")
    friend = "awa.diallo@exemple.org"
    assert "selon vos réglages" in shown(house, at_home, emma, mail("Deux", more=ASKS.format(who=friend)))
    to, octets = house.outgoing()[-1]
    assert to == friend
    assert b"automatic-action" in octets
    elsewhere = "Return-Path: <x@evil.test>\r\nDisposition-Notification-To: " + friend + "\r\n"
    assert "demande un accusé" in shown(house, at_home, emma, mail("Trois", more=elsewhere))
    other = mail("Trois bis", sender="x <x@evil.test>", more=ASKS.format(who=friend))
    assert "demande un accusé" in shown(house, at_home, emma, other), "it would go to whom the author is not"
    forged = mail("Trois ter", sender=f"Marc <{marc.address}>", more=ASKS.format(who=marc.address))
    assert "demande un accusé" in shown(house, at_home, emma, forged), "nobody logged in as Marc"
    bulk = ASKS.format(who=marc.address) + "List-Id: <a.b>\r\n"
    assert "demande un accusé" not in shown(house, at_home, emma, mail("Quatre", more=bulk))
    choose(house, emma)


# ---------------------------------------------------------------------- passing on, reporting, leaving


def test_a_message_is_redirected_as_it_is(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    text = shown(house, at_home, emma, mail("À toi", sender="Awa <awa@exemple.org>"))
    content = opened(text)
    at_home.get(f"/s/message/{content}/rediriger")
    assert at_home.post(f"/s/message/{content}/rediriger", {"a": "personne du tout"}).status_code == 422
    assert "Message redirigé" in at_home.post(f"/s/message/{content}/rediriger", {"a": marc.address}).text
    passed = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
    assert passed["From"] == "Awa <awa@exemple.org>"
    assert emma.address in passed["Resent-From"]
    assert marc.address in passed["Resent-To"]
    assert passed["Resent-Message-ID"] != passed["Message-ID"]
    reader = house.visitor()
    reader.log_in(marc.login)
    reader.get("/s/")
    text = reader.get(reader.links(r"/s/message/")[0]).text
    assert f"redirigé par {emma.address}" in text


def test_redirection_does_not_lend_the_badge(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    """A message that claims another colleague and is redirected is not verified as that colleague's."""
    octets = mail("Faux", sender=f"Marc <{marc.address}>")
    house.run(house.submission.resend(emma, [Correspondent("", marc.address)], octets, Provenance(Door.SMTP)))
    reader = house.visitor()
    reader.log_in(marc.login)
    reader.get("/s/")
    assert "interne vérifié" not in reader.get(reader.links(r"/s/message/")[0]).text


def test_phishing_goes_to_who_watches_and_to_junk(
    house: House, at_home: Visitor, emma: Principal, watch: Principal
) -> None:
    content = opened(shown(house, at_home, emma, mail("Votre compte", sender="x <x@evil.test>")))
    assert "Merci" in at_home.post(f"/s/message/{content}/hameconnage", {}).text
    assert "Votre compte" in house.subjects(emma, "Junk")
    report = message_from_bytes(house.octets(watch, "INBOX"), policy=default)
    attached = next(part for part in report.walk() if part.get_content_type() == "message/rfc822")
    assert attached.get_content()["From"] == "x <x@evil.test>"


def reported(house: House) -> list[int]:
    """Contents that somebody has reported to IT, the oldest first."""
    row = phishing_report.c
    return house.store.read_now(lambda tx: list(tx.execute(select(row.content_id).order_by(row.id)).scalars()))


@pytest.mark.parametrize("interface", ["/s", "/m"])
def test_phishing_is_reported_by_one_click_and_that_is_undone_by_another(
    house: House, at_home: Visitor, emma: Principal, interface: str
) -> None:
    """The button stands in the bar of what can be done, in no menu; not where one has written the message oneself."""
    subject = f"Signalé {interface}"
    content = house.deliver(emma, mail(subject, sender="x <x@evil.test>"), PROVEN)
    address = f"{interface}/message/{content}"
    at_home.get(address)
    bar = at_home.text.partition('class="barre-lecture"' if interface == "/m" else 'class="agir"')[2]
    assert re.search(rf'<button[^>]*formaction="{address}/hameconnage[^>]*>', bar.partition("popover ")[0])
    text = at_home.post(f"{address}/hameconnage", {}).text
    assert "Merci\u202f: le message est signalé à l’équipe informatique et rangé dans les indésirables." in text
    assert house.subjects(emma, "Junk")[-1] == subject
    assert reported(house)[-1] == content
    (campaign, *_) = house.store.read_now(lambda tx: reports.campaigns(tx, decided=False))
    assert campaign.newest.likeness.came.results == PROVEN, "the console shows what was found out"
    again = at_home.post(f"{address}/hameconnage", {}).text
    assert "Merci" in again
    assert reported(house).count(content) == 1
    assert 'name="jeton"' not in again, "it lies there already"
    token = re.search(r'name="jeton" value="([^"]+)"', text)
    assert token
    at_home.post(f"{interface}/annuler", {"jeton": token[1]}, text)
    assert house.subjects(emma, "INBOX")[-1] == subject
    assert subject not in house.subjects(emma, "Junk")
    assert content not in reported(house), "it was a mistake"
    box = house.box(emma, "INBOX")
    rows = house.store.read_now(messages.fetch, emma.account_id, box.id, ("uid", "flags"))
    keywords = house.store.read_now(mailboxes.keywords, box.id)
    assert not {"$Phishing", "$Junk"} & set(names(rows[-1][1], keywords))


def test_what_one_wrote_and_what_one_does_not_have_is_not_reported(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    octets = mail("De moi", sender=f"Emma <{emma.address}>", to=marc.address)
    house.run(house.submission.submit(emma, emma.address, (marc.address,), octets, save_to_sent=True))
    at_home.get(f"/s/dossier/{house.box(emma, 'Sent').id}")
    address = at_home.links(r"/s/message/")[0].partition("?")[0]
    text = at_home.get(address).text
    assert "hameconnage" not in text
    assert at_home.post(f"{address}/hameconnage", {}, text).status_code == 403
    theirs = house.deliver(marc, mail("À Marc"))
    assert at_home.post(f"/s/message/{theirs}/hameconnage", {}, text).status_code == 404
    assert theirs not in reported(house)


def test_a_copy_made_in_a_mailbox_is_not_reported(house: House, at_home: Visitor, emma: Principal) -> None:
    """Whoever writes a message into their own mailbox accuses nobody by it."""
    octets = mail("Forgé", sender="Le recteur <recteur@ac-exemple.fr>")
    content = house.store.write_now(put, house.settings.data / "blobs", octets, [emma.account_id], door=Door.APPENDED)
    before = reported(house)
    text = at_home.post(f"/s/message/{content}/hameconnage", {}).text
    assert "Il n’est pas signalé" in text
    assert house.subjects(emma, "Junk")[-1] == "Forgé"
    assert reported(house) == before


def test_who_reports_too_much_is_told(
    house: House, at_home: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_A_DAY", 0)
    content = house.deliver(emma, mail("De trop", sender="x <x@evil.test>"))
    text = at_home.post(f"/s/message/{content}/hameconnage", {}).text
    assert "autant de messages que possible" in text
    assert house.subjects(emma, "Junk")[-1] == "De trop"


def test_lists_are_left_by_mail_or_by_one_click(house: House, at_home: Visitor, emma: Principal, site: Website) -> None:
    site.answers["/leave"] = page(b"ok", "text/plain")
    address = f"https://images.example.org:{site.port}/leave"
    post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    content = opened(
        shown(house, at_home, emma, mail("Clic", more=f"List-Unsubscribe: <mailto:a@b.example>, <{address}>\r\n{post}"))
    )
    site.asked.clear()
    assert "désabonnement envoyée" in at_home.post(f"/s/message/{content}/desabonner", {}).text
    assert site.asked[0].startswith(b"POST /leave ")
    inside = f"List-Unsubscribe: <https://127.0.0.1:{site.port}/leave>\r\n{post}"
    content = opened(shown(house, at_home, emma, mail("Dedans", more=inside)))
    site.asked.clear()
    assert "n’a pas abouti" in at_home.post(f"/s/message/{content}/desabonner", {}).text
    assert site.asked == []
    content = opened(shown(house, at_home, emma, mail("Page", more=f"List-Unsubscribe: <{address}>\r\n")))
    assert f'href="{address}" target="_blank"' in at_home.text
    assert at_home.post(f"/s/message/{content}/desabonner", {}).status_code == 404


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        ("", "unsubscribe"),
        ("subject=unsubscribe", "unsubscribe"),
        ("subject=Je%20d%C3%A9missionne&body=Je%20d%C3%A9missionne", "unsubscribe"),
        ("subject=demission", "unsubscribe"),
        ("subject=" + "9" * 65, "unsubscribe"),
        ("subject=stop%0d%0aBcc:%20x@y.z", "unsubscribe"),
        ("subject=a1+b=c._-", "unsubscribe a1+b=c._-"),
        ("subject=Unsubscribe%20a1&cc=y@z.example&bcc=y@z.example&to=y@z.example&from=y@z.example", "unsubscribe a1"),
    ],
)
def test_what_leaves_a_list_unread_says_our_own_sentence(
    house: House, rose: Principal, browser: Visitor, asked: str, subject: str
) -> None:
    """In the person's name no stranger says anything; the copy is in Sent."""
    more = f"List-Unsubscribe: <mailto:out@liste.example?{asked}>\r\n"
    content = opened(shown(house, browser, rose, mail("Lettre", more=more)))
    before = len(house.outgoing())
    assert "désabonnement envoyée" in browser.post(f"/s/message/{content}/desabonner", {}).text
    ((to, octets),) = house.outgoing()[before:]
    assert to == "out@liste.example"
    letter = message_from_bytes(octets, policy=default)
    assert (letter["Subject"], letter["To"], letter["Cc"], letter["Bcc"]) == (subject, to, None, None)
    assert letter.get_content().replace("\r\n", "\n") == unsubscribe.SENTENCE
    assert house.subjects(rose, "Sent")[-1:] == [subject]


@pytest.mark.parametrize(
    "named",
    [
        "mailto:marc.martin@ac-exemple.fr?subject=x",
        "mailto:marc.martin@AC-Exemple.FR",
        "mailto:marc.martin%40ac-exemple%2Efr",
        "mailto:marc.martin@ac-exemple%E3%80%82fr",
        "mailto:marc@[127.0.0.1]",
        "mailto:a@liste.example,b@liste.example",
        "https://ac-exemple.fr/moderation/x",
        "https://AC-exemple.fr./moderation/x",
    ],
)
def test_nobody_of_this_house_is_written_to_unread(house: House, rose: Principal, browser: Visitor, named: str) -> None:
    more = f"List-Unsubscribe: <{named}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    text = shown(house, browser, rose, mail("Piège", more=more))
    assert "Se désabonner" not in text
    assert browser.post(f"/s/message/{opened(text)}/desabonner", {}).status_code == 404


# ---------------------------------------------------------------------- conversations


def test_a_conversation_is_around_its_message(house: House, at_home: Visitor, emma: Principal) -> None:
    house.deliver(emma, mail("Sortie", more="Message-ID: <s1@x.example>\r\n", body="premier\n"))
    text = shown(house, at_home, emma, mail("Re: Sortie", more="References: <s1@x.example>\r\n", body="second\n"))
    content = opened(text)
    assert "2 messages, 1 personne" not in text  # the first one has two Message-IDs: its own comes first
    first = (
        mail("Conseil").replace(b"Message-ID: <", b"X-Id: <").replace(b"MIME-", b"Message-ID: <c1@x.example>\r\nMIME-")
    )
    house.deliver(emma, first)
    text = shown(house, at_home, emma, mail("Re: Conseil", more="References: <c1@x.example>\r\n", body="second\n"))
    content = opened(text)
    assert "2 messages, 1 personne" in text
    assert text.index('class="lettre"') < text.index('id="fil"'), "the others stand below the one that is open"
    assert "1 message plus ancien" in text
    assert "deplie" in at_home.get(f"/s/message/{content}?deplier=1").text
    third = house.deliver(emma, mail("Re: Conseil", more="References: <c1@x.example>\r\n", body="troisième\n"))
    whole = at_home.get(f"/s/message/{content}").text
    assert "2 autres messages de la conversation, 2 non lus" in " ".join(whole.split())
    assert at_home.links(rf"/s/message/{third}\?")[0] in whole[: whole.index("Tout déplier")], "the way to the newest"
    assert whole.index("troisième") < whole.index("À demain")
    choose(house, emma, newest_first=False)
    whole = at_home.get(f"/s/message/{content}").text
    assert whole.index("À demain") < whole.index("troisième")
    choose(house, emma, conversations=False)
    assert 'id="fil"' not in at_home.get(f"/s/message/{content}").text
    choose(house, emma)


# ---------------------------------------------------------------------- the page


def test_pane_page_and_quick_reply(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    content = house.deliver(emma, mail("Volet", sender=f"Marc <{marc.address}>"))
    pane = at_home.http.get(f"/m/message/{content}", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert "HX-Request-Type" in pane.headers["vary"]
    assert "<html" not in pane.text
    assert '<h2 class="sujet" id="sujet" tabindex="-1">' in pane.text
    whole = at_home.get(f"/m/message/{content}").text
    assert '<h1 class="sujet" id="sujet" tabindex="-1">' in whole
    form = dict(re.findall(r'<input type="hidden"\s+name="(cle|repond|a|objet)"\s+value="([^"]*)"', whole))
    sent = at_home.post("/m/ecrire", {**form, "a": marc.address, "texte": "Bien reçu.", "faire": "envoyer"})
    assert sent.status_code == 200


def test_answers_to_a_list_and_letters_written_anew(house: House, at_home: Visitor, emma: Principal) -> None:
    listed = mail(
        "Liste",
        more="List-Id: <a.b>\r\nList-Post: <mailto:profs@exemple.org>\r\nX-Web-Letter: {}\r\n",
        body="texte à reprendre\n",
    )
    content = house.deliver(emma, listed)
    assert "profs@exemple.org" in at_home.get(f"/s/ecrire?liste={content}").text
    anew = at_home.get(f"/s/ecrire?modifier={content}").text
    assert "texte à reprendre" in anew
    assert 'value="Liste"' in anew


def test_header_and_source_are_shown_as_text(house: House, at_home: Visitor, emma: Principal) -> None:
    content = house.deliver(emma, mail("<b>x</b>", more="X-A: =?utf-8?q?=E2=80=AE<i>?=\r\n"))
    for what in ("entetes", "source", "imprimer"):
        text = at_home.get(f"/s/message/{content}/{what}").text
        assert "&lt;b&gt;x" in text
        assert "<b>x</b>" not in text


def test_ten_thousand_attachments_are_a_page(house: House, emma: Principal, at_home: Visitor) -> None:
    """All of one name: the first are shown, all are in the archive, each under a name of its own."""
    count = 5000
    part = b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nx\r\n'
    head = mail("Beaucoup").split(b"Content-Type")[0] + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    number = house.deliver(emma, head + part * count + b"--b--\r\n")
    page = at_home.get(f"/s/message/{number}")
    assert page.text.count("/piece/") == message_parts.MAX_PIECES
    assert "5000 pièces jointes" in page.text.replace("\u202f", "")
    assert f"et {count - message_parts.MAX_PIECES} autres" in page.text.replace("\u202f", "")
    assert len(page.content) < 100_000
    archive = zipfile.ZipFile(io.BytesIO(at_home.get(f"/s/message/{number}/pieces.zip").content))
    assert len(set(archive.namelist())) == count


@pytest.mark.parametrize("fill", [b",", b"a ", b'"', b"a@b.fr,"], ids=["commas", "words", "quotes", "addresses"])
def test_endless_recipients_are_a_page(house: House, emma: Principal, at_home: Visitor, fill: bytes) -> None:
    """They were read again and again on the loop: five seconds for one page."""
    field = fill * (300_000 // len(fill))
    head = b"".join(b"%s: %s\r\n" % (name, field) for name in (b"To", b"Cc", b"Reply-To"))
    number = house.deliver(emma, b"From: a@exemple.org\r\nSubject: Sans fin\r\n" + head + b"\r\nx\r\n")
    for path in (f"/s/message/{number}", f"/s/ecrire?repondre={number}"):
        answer = at_home.get(path)
        assert answer.status_code == 200
        assert "Sans fin" in answer.text
        assert len(answer.content) < 200_000


# ---------------------------------------------------------------------- text in several parts


def parted(kind: str, *parts: tuple[str, bytes]) -> bytes:
    """A message of these parts: their header, and what they hold."""
    head = mail("En morceaux").split(b"Content-Type")[0]
    return head + together(kind, "b", *parts)


def together(kind: str, boundary: str, *parts: tuple[str, bytes]) -> bytes:
    mark = boundary.encode()
    pieces = b"".join(b"--" + mark + b"\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + pieces + b"--" + mark + b"--\r\n"


def inner(kind: str, *parts: tuple[str, bytes]) -> tuple[str, bytes]:
    head, _, body = together(kind, "c", *parts).partition(b"\r\n\r\n")
    return head.decode(), body


PLAIN, HTML = "Content-Type: text/plain; charset=utf-8", "Content-Type: text/html; charset=utf-8"
PICTURE = ("Content-Type: image/png\r\nContent-Disposition: inline; filename=a.png", PNG)


def test_what_stands_behind_a_picture_is_read(house: House, at_home: Visitor, emma: Principal) -> None:
    """Apple Mail divides HTML where a file stands; the second half was nowhere."""
    halves = inner("mixed", (HTML, b"<p>avant <b>la photo"), PICTURE, (HTML, "<p>après la photo".encode()))
    text = shown(house, at_home, emma, parted("alternative", (PLAIN, "avant, après".encode()), halves))
    content = opened(text)
    assert "avant, après" in text
    frame = at_home.http.get(f"/s/corps/{content}").text
    assert "avant <b>la photo" in frame
    assert "après la photo" in frame
    assert "après la photo" in at_home.http.get(f"/s/message/{content}/imprimer?forme=1").text
    alone = house.deliver(emma, parted("mixed", (HTML, b"<p>un"), PICTURE, (HTML, b"<p>deux")))
    at_home.get("/s/")
    assert re.search(r"<div>\s*un\s+deux", at_home.get(f"/s/message/{alone}").text)
    answer = at_home.get(f"/s/ecrire?repondre={alone}").text
    assert "&gt; un" in answer
    assert "&gt; deux" in answer


def test_a_footer_does_not_stand_for_the_message(house: House, at_home: Visitor, emma: Principal) -> None:
    """List managers put a plain part behind HTML; it was taken for the text of all of it."""
    octets = parted("mixed", (HTML, "<p>La réunion est déplacée".encode()), (PLAIN, b"-- \r\nSe desinscrire"))
    text = shown(house, at_home, emma, octets)
    assert "La réunion est déplacée" in text
    assert "Se desinscrire" in text
    assert "Se desinscrire" in at_home.http.get(f"/s/corps/{opened(text)}").text
    assert "réunion est déplacée" in at_home.get("/m/").text.replace("\N{NO-BREAK SPACE}", " ")  # its first words
    empty = shown(house, at_home, emma, parted("alternative", (PLAIN, b" \r\n"), (HTML, b"<p>Lettre du mois")))
    assert "Lettre du mois" in empty


def test_text_behind_a_large_attachment_is_read(house: House, at_home: Visitor, emma: Principal) -> None:
    large = (PICTURE[0], b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (message_parts.TEXT_OCTETS // 72 + 1))
    content = house.deliver(emma, parted("mixed", (PLAIN, b"avant"), large, (PLAIN, b"apres la photo")))
    at_home.get("/s/")
    assert "apres la photo" in at_home.get(f"/s/message/{content}").text
    assert "&gt; apres la photo" in at_home.get(f"/s/ecrire?repondre={content}").text
    assert "apres la photo</textarea>" in at_home.get(f"/s/ecrire?modifier={content}").text
