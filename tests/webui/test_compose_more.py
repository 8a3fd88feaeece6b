"""Writing beyond plain letters: formatted text, quotations, signatures and models, what is asked before sending, drafts
that a script keeps, attachments from elsewhere, several messages passed on."""

import io
import re
import zipfile
from html import unescape
from typing import Any

import httpx
import pytest

from mailserver.mime import Part, scan, unpack
from mailserver.model.account import preferences
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.mail import messages
from mailserver.store.people.mailing_lists import lists
from mailserver.store.web import signatures, webmail
from mailserver.store.web.signatures import Model
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.test_compose import form, send
from tests.webui.test_mail import formatted


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Lectrice")


_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Ines", f"Plume-{len(_counter)}")


def parsed(octets: bytes) -> Part:
    return unpack(scan(octets).parts)


def part(octets: bytes, kind: str) -> str:
    return next(one for one in parsed(octets).walk() if one.type == kind).text(octets)


# ---------------------------------------------------------------------- formatted text


HOSTILE = (
    '<p onclick="x()">Bonjour <b>Zoé</b><script>alert(1)</script><img src="https://espion.test/p.gif">'
    '<img src="cid:autre@x"><a href="javascript:alert(1)">ici</a><style>p{}</style>'
    '<span style="position:fixed;color:red">rouge</span></p>'
)


def test_html_is_cleaned_again_and_goes_with_its_plain_text(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/m/ecrire")
    send(browser, a=zoe.login, objet="Mis en forme", texte="ignoré", html=HOSTILE, editeur="1")
    octets = house.octets(zoe, "INBOX")
    assert [one.type for one in parsed(octets).walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html, text = part(octets, "text/html"), part(octets, "text/plain")
    for bad in ("onclick", "script", "espion", "javascript", "position", "<style"):
        assert bad not in html
    assert "<b>Zoé</b>" in html
    assert "color:" in html
    assert "Bonjour Zoé" in text
    assert "ignoré" not in text


def test_without_the_editor_changed_text_wins_and_unchanged_text_keeps_its_form(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """A formatted draft opened in a page without script: nothing is lost that was not changed."""
    browser.get("/m/ecrire")
    data = form(browser, a=zoe.login, objet="Deux formes", html="<div>Bonjour <b>à tous</b></div>", editeur="1")
    browser.post("/m/ecrire", {**data, "faire": "enregistrer"})
    assert "Si vous modifiez le texte ici" in browser.text
    assert form(browser)["texte"].strip() == "Bonjour à tous"
    kept = re.search(r'<textarea name="html" hidden>\n(.*?)</textarea>', browser.text, re.DOTALL)
    assert kept
    page = {"html": "<div>Bonjour <b>à tous</b></div>"}
    browser.post("/m/ecrire", form(browser, **page, faire="enregistrer"))
    assert "<b>à tous</b>" in part(house.octets(person, "Drafts"), "text/html")
    browser.post("/m/ecrire", form(browser, **page, texte="Bonjour à toutes", faire="enregistrer"))
    assert parsed(house.octets(person, "Drafts")).type == "text/plain"
    browser.post("/m/ecrire", form(browser, faire="format:html"))
    assert 'name="html"' in browser.text
    browser.post("/m/ecrire", form(browser, html="<div>Bonjour à toutes</div>", faire="format:texte"))
    assert 'name="html"' not in browser.text
    assert form(browser)["texte"].strip() == "Bonjour à toutes"


WRITTEN = (
    '<div style="text-align: center"><span style="color: rgb(163, 25, 28)">rouge</span> '
    '<span style="font-size: large">grand</span> <b>gras</b> <i>italique</i> <u>souligné</u> <s>barré</s></div>'
    "<ul><li>un</li></ul><ol><li>deux</li></ol><blockquote>cité</blockquote>"
    '<table border="1" cellpadding="6" cellspacing="0" width="100%" style="border-collapse: collapse">'
    "<tbody><tr><td><div>a</div></td><td><div>b</div></td></tr></tbody></table>"
    '<div><a href="https://ac-exemple.fr/">lien</a> <a href="mailto:a@ac-exemple.fr">écrire</a></div>'
)
"""What the editor's bars make."""


def test_what_the_editor_makes_goes_round(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """Kept as a draft, opened and kept again, sent: the cleaner takes nothing of it away."""
    browser.get("/m/ecrire")
    for _ in range(2):
        html = browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]
        data = form(browser, a=zoe.login, objet="En forme", html=unescape(html).strip() or WRITTEN, editeur="1")
        browser.post("/m/ecrire", {**data, "texte": "texte", "langue": "en", "faire": "enregistrer"})
    browser.post("/m/ecrire", {**form(browser), "html": unescape(
        browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]).strip(),
        "editeur": "1", "langue": "en", "faire": "envoyer"})  # fmt: skip
    sent = part(house.octets(zoe, "INBOX"), "text/html")
    spaced = re.sub(r"\s*([:;])\s*", r"\1", sent)
    for piece in WRITTEN.split("<"):
        tag = re.sub(r"\s*([:;])\s*", r"\1", piece.partition(">")[0])
        assert all(one in spaced for one in re.findall(r'[a-z-]+="[^"]*"', tag)), piece
    for tag in ("b", "i", "u", "s", "ul", "ol", "blockquote", "td"):
        assert f"<{tag}>" in sent
    assert '<html lang="en">' in sent


@pytest.mark.parametrize(
    ("academy", "chosen", "begins"),
    [(False, "", False), (True, "", True), (True, "texte", False), (False, "forme", True)],
)
def test_letters_begin_as_the_academy_has_it_unless_somebody_chose(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch,
    academy: bool, chosen: str, begins: bool,
) -> None:  # fmt: skip
    monkeypatch.setitem(house.settings.web.__dict__, "formatted", academy)
    house.store.write_now(
        stored_preferences.revise_preferences, person.account_id, {"composing": chosen, "spelling": "es"}
    )
    assert ('name="html"' in browser.get("/m/ecrire").text) == begins
    assert 'lang="es" spellcheck="true"' in browser.text
    assert 'name="html"' not in browser.get("/s/ecrire").text


def test_who_wrote_formatted_before_still_does() -> None:
    assert preferences.read('{"version": 1, "rich": true}').composing == "forme"
    assert preferences.read('{"version": 1, "rich": 1}').composing == ""


# ---------------------------------------------------------------------- quotations


UNSHOWN = formatted("<p>Bonjour</p>")


@pytest.mark.parametrize(
    ("identifier", "named"),
    [
        ("plan d'été@x", "plan d'été@x"),
        ("plan%25@x", "plan%2525@x"),
        ("a&b@x", "a&amp;b@x"),
        ("p" * 200 + "@x", "p" * 200 + "@x"),
        ("plan@x", "plan@x"),
    ],
)
def test_a_picture_is_quoted_whatever_its_program_calls_it(
    house: House, person: Principal, browser: Visitor, zoe: Principal, identifier: str, named: str
) -> None:
    """Content-ID is a message id (RFC 2392, RFC 5322 section 3.6.4), in ASCII and without blanks, in what we write."""
    source = (
        "From: a@exemple.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=M\r\n\r\n"
        f'--M\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Voici <img src="cid:{named}"></p>\r\n'
        f"--M\r\nContent-Type: image/png\r\nContent-ID: <{identifier}>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "iVBORw0KGgo=\r\n--M--\r\n"
    )
    browser.get(f"/m/ecrire?repondre={house.deliver(person, source.encode())}")
    send(browser, a=zoe.login, html="<div>Ma réponse</div>", editeur="1")
    octets = house.octets(zoe, "INBOX")
    assert octets.isascii()
    (shown,) = re.findall(r'src="cid:([^"]+)"', part(octets, "text/html"))
    (picture,) = [one for one in parsed(octets).walk() if one.type == "image/png"]
    assert picture.content_id == unescape(shown)
    assert re.fullmatch(r"[!-~]+", shown)
    assert (shown == identifier) == (identifier == "plan@x" or len(identifier) > 100)


def test_a_picture_that_the_text_does_not_show_is_a_file(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """Belonging to a page in HTML it is passed on, read, saved and kept in a draft of another program all the same."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    source = house.deliver(person, UNSHOWN)
    assert "piece-1.2.png" in browser.get(f"/m/message/{source}?forme=1").text
    assert "piece-1.2.png" in browser.get(f"/m/message/{source}/imprimer?forme=1").text
    with zipfile.ZipFile(io.BytesIO(browser.get(f"/m/message/{source}/pieces.zip").content)) as saved:
        assert "piece-1.2.png" in saved.namelist()
    browser.get(f"/m/ecrire?transferer={source}")
    offered = re.findall(r'name="reprise"\s+value="([^"]+)"\s+checked', browser.text)
    data = form(browser, a=zoe.login, html="<div>Pour vous</div>", editeur="1", faire="envoyer")
    browser.post("/m/ecrire", {**data, "reprise": offered})
    octets = house.octets(zoe, "INBOX")
    assert {one.filename for one in parsed(octets).attachments()} == {"page.html", "résumé.pdf", "piece-1.2.png"}
    assert part(octets, "text/html").count("Bonjour") == 1
    # Where the page shows it, it goes with the page.
    browser.get(f"/m/ecrire?transferer={house.deliver(person, formatted())}")
    assert len(re.findall(r'name="reprise"', browser.text)) == len(offered) - 1


def test_a_picture_beside_the_page_of_a_draft_is_kept(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    place = house.run(house.delivery.prepare(UNSHOWN))
    quota = messages.Quota.of(house.settings.limits)
    draft = house.store.write_now(webmail.replace_draft, person.account_id, 0, place, quota)
    browser.get(f"/m/ecrire/{draft}")
    html = browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]
    assert "Bonjour" in html
    browser.post("/m/ecrire", form(browser, a=zoe.login, html=unescape(html), editeur="1", faire="envoyer"))
    found = [one.type for one in parsed(house.octets(zoe, "INBOX")).attachments()]
    assert sorted(found) == ["application/pdf", "image/png", "text/html"]


def test_quotation_keeps_the_form_and_pictures_of_the_original(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    source = house.deliver(person, formatted())
    browser.get(f"/m/ecrire?repondre={source}")
    send(browser, a=zoe.login, html="<div>Ma réponse</div>", editeur="1")
    octets = house.octets(zoe, "INBOX")
    html = part(octets, "text/html")
    assert html.index("Ma réponse") < html.index("<blockquote")
    for name in re.findall(r'src="cid:([^"]+)"', html):
        assert any(one.content_id == name for one in parsed(octets).walk())


def test_quotation_may_be_left_out_or_changed(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    source = house.deliver(person, mail("Cité", body="première ligne\nseconde ligne\n"))
    browser.get(f"/s/ecrire?repondre={source}")
    data = form(browser, a=zoe.login, texte="sans")
    del data["citation"]
    browser.post("/s/ecrire", {**data, "faire": "envoyer"})
    assert "première ligne" not in house.octets(zoe, "INBOX").decode()
    browser.get(f"/s/ecrire?repondre={source}")
    browser.post("/s/ecrire", form(browser, a=zoe.login, texte="avec", faire="citer"))
    text = form(browser)["texte"]
    assert text.startswith("avec")
    assert "> première ligne" in text
    assert 'name="citation"' not in browser.text
    send(browser, texte=text.replace("> seconde ligne", ""))
    assert b"seconde" not in house.octets(zoe, "INBOX")


def test_nothing_is_passed_on_without_what_its_page_showed(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """The original was removed for good meanwhile: what was passed on was an empty message."""
    source = house.deliver(person, mail("À transmettre", body="le contenu\n"))
    browser.get(f"/s/ecrire?transferer={source}")
    data, before = form(browser, a=zoe.login), house.box(zoe, "INBOX").messages
    house.store.write_now(webmail.erase, person.account_id, house.box(person, "INBOX").id, [source])
    answer = browser.post("/s/ecrire", {**data, "faire": "envoyer"})
    assert answer.status_code == 422
    assert "plus accès au message d’origine" in unescape(answer.text)
    assert house.box(zoe, "INBOX").messages == before
    send(browser, texte="de tête, alors")
    assert house.box(zoe, "INBOX").messages == before + 1


def test_answer_below_the_quotation(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"answer_below": True})
    source = house.deliver(person, mail("Dessous", body="question\n"))
    browser.get(f"/s/ecrire?repondre={source}")
    send(browser, a=zoe.login, texte="réponse")
    text = part(house.octets(zoe, "INBOX"), "text/plain")
    assert text.index("> question") < text.index("réponse")


def test_quotation_of_a_message_that_is_gone_is_no_fault(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    source = house.deliver(person, mail("Bientôt effacé"))
    browser.get(f"/s/ecrire?repondre={source}")
    data = form(browser, a=zoe.login, texte="quand même")
    inbox = house.box(person, "INBOX")
    house.store.write_now(webmail.erase, person.account_id, inbox.id, [source])
    assert "Message envoyé" in browser.post("/s/ecrire", {**data, "faire": "envoyer"}).text


# ---------------------------------------------------------------------- signatures and models


def keep_habit(browser: Visitor, **values: str) -> httpx.Response:
    browser.get("/s/reglages/ecriture")
    return browser.post("/s/reglages/ecriture", values)


def test_signatures_belong_to_purposes_and_can_be_changed(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"signature": "Inès, habituelle"})
    keep_habit(browser, quoi="signature", nom="Réponses", texte="I. P., en bref", usage="reply")
    assert "Réponses" in keep_habit(browser, quoi="signature", nom="Longue", texte="Inès Plume\nLycée", usage="x").text
    source = house.deliver(person, mail("À signer"))
    browser.get(f"/s/ecrire?repondre={source}")
    assert "I. P., en bref" in form(browser)["texte"]
    browser.get("/s/ecrire")
    assert "Inès Plume\nLycée" in form(browser)["texte"]  # for all letters, so before the usual one
    browser.post("/s/ecrire", form(browser, texte="Corps" + form(browser)["texte"], signe="0", faire="signature"))
    text = form(browser)["texte"]
    assert text.strip() == "Corps\n\n-- \nInès, habituelle"
    browser.post("/s/ecrire", form(browser, texte=text.replace("Corps", "Corps changé"), signe="-1", faire="signature"))
    assert form(browser)["texte"].strip() == "Corps changé"


def test_a_letter_is_kept_as_a_model(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """Formatted, without its signature and pictures; under the same name it takes the other's place."""
    house.store.write_now(
        stored_preferences.revise_preferences, person.account_id, {"signature": "Inès, usuelle", "composing": "forme"}
    )
    for words in ("Première version", "Vous êtes <b>convoqué</b>.<script>x</script><img src='cid:a@b'>"):
        browser.get("/m/ecrire")
        html = browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]
        data = form(browser, html=f"<div>{words}</div>{unescape(html).strip()}", editeur="1", objet="Réunion")
        said = browser.post("/m/ecrire", {**data, "nom_modele": "Convocation", "faire": "retenir"}).text
        assert "Modèle enregistré" in said
    (model,) = house.store.read_now(signatures.models, person.account_id)
    assert (model.name, model.subject, model.text) == ("Convocation", "Réunion", "Vous êtes convoqué.")
    assert "<b>convoqué</b>" in model.html
    assert not any(word in model.html for word in ("usuelle", "script", "img"))
    browser.get("/m/ecrire")
    html = browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]
    data = form(browser, html=unescape(html).strip(), editeur="1", faire=f"modele:{model.id}")
    browser.post("/m/ecrire", data)
    assert "<b>convoqué</b>" in unescape(browser.text)
    assert unescape(browser.text).index("convoqué") < unescape(browser.text).index("Inès, usuelle")
    # Changed where there is no editor it is plain; with the same words it stays as it is.
    keep_habit(browser, quoi="modele", numero=str(model.id), nom="Autre nom", texte="Vous êtes convoqué.")
    (model,) = house.store.read_now(signatures.models, person.account_id)
    assert (model.name, bool(model.html)) == ("Autre nom", True)
    keep_habit(browser, quoi="modele", numero=str(model.id), nom="Autre nom", texte="Venez.")
    (model,) = house.store.read_now(signatures.models, person.account_id)
    assert (model.text, model.html) == ("Venez.", "")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"texte": "x"}, "Donnez un nom et un texte"),
        ({"texte": " ", "nom_modele": "Vide"}, "Donnez un nom et un texte"),
        ({"texte": "x" * 20_001, "nom_modele": "Long"}, "trop long pour un modèle"),
    ],
)
def test_what_is_no_model(house: House, person: Principal, browser: Visitor, fields: dict[str, str], says: str) -> None:
    browser.get("/s/ecrire")
    answer = browser.post("/s/ecrire", form(browser, **{**fields, "faire": "retenir"}))
    assert answer.status_code == 422
    assert says in answer.text
    assert house.store.read_now(signatures.models, person.account_id) == []


def test_too_many_models(house: House, person: Principal, browser: Visitor) -> None:
    for number in range(signatures.MAX_KEPT):
        model = Model(0, person.account_id, f"M{number}", "", "x")
        house.store.write_now(signatures.save_model, person.account_id, model)
    browser.get("/s/ecrire")
    answer = browser.post("/s/ecrire", form(browser, texte="x", nom_modele="Un de trop", faire="retenir"))
    assert (answer.status_code, "déjà cent" in answer.text) == (422, True)
    browser.get("/s/ecrire")
    answer = browser.post("/s/ecrire", form(browser, texte="autre", nom_modele="M7", faire="retenir"))
    assert "Modèle enregistré" in answer.text


def test_models_are_inserted_and_are_ones_own(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    keep_habit(browser, quoi="modele", nom="Convocation", objet="Réunion du {date}", texte="Vous êtes convoqué.")
    browser.get("/s/ecrire")
    number = re.search(r'value="modele:(\d+)">.*?<span>Convocation', browser.text)
    assert number
    browser.post("/s/ecrire", form(browser, texte="PS", faire=f"modele:{number[1]}"))
    data = form(browser)
    assert data["objet"] == "Réunion du {date}"
    assert data["texte"].startswith("Vous êtes convoqué.\n\nPS")
    other = house.visitor()
    other.log_in(zoe.login)
    assert "Convocation" not in other.get("/s/ecrire").text
    other.post("/s/ecrire", form(other, texte="PS", faire=f"modele:{number[1]}"))
    assert form(other)["texte"].strip() == "PS"
    other.get("/s/reglages/ecriture")
    forged = {"quoi": "modele", "numero": number[1], "nom": "Volé", "texte": "x"}
    assert other.post("/s/reglages/ecriture", forged).status_code == 404
    other.get("/s/reglages/ecriture")
    planted = {**forged, "numero": "", "proprietaire": str(person.account_id)}
    assert other.post("/s/reglages/ecriture", planted).status_code == 403
    assert "Volé" not in browser.get("/s/ecrire").text
    assert keep_habit(browser, quoi="modele", nom="", texte="x").status_code == 422
    keep_habit(browser, quoi="modele", numero=number[1], faire="supprimer")
    assert "Convocation" not in browser.get("/s/ecrire").text


# ---------------------------------------------------------------------- what is asked before sending


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Veuillez trouver ci-joint le document", True),
        ("Je vous joins les copies", True),
        ("en pièce jointe", True),
        ("Please find attached the file", True),
        ("Bonne journée\n\n-- \nVoir la pièce jointe de ma signature", False),
        ("> ci-joint\nMerci", False),
        ("Rejoins-nous demain", False),
    ],
)
def test_announced_attachment(
    house: House, person: Principal, browser: Visitor, zoe: Principal, text: str, asked: bool
) -> None:
    browser.get("/s/ecrire")
    answer = send(browser, a=zoe.login, objet="o", texte=text)
    assert ("annonce une pièce jointe" in answer.text) is asked


def test_strangers_in_a_conversation_of_the_house(house: House, person: Principal, browser: Visitor) -> None:
    source = house.deliver(person, mail("Interne", sender="Z <zoe.lectrice@ac-exemple.fr>", to=person.address))
    browser.get(f"/s/ecrire?repondre={source}")
    text = send(browser, cc="dehors@exemple.org", texte="x").text
    assert "part aussi à l’extérieur" in text
    assert "dehors@exemple.org" in text
    outside = house.deliver(person, mail("Externe", to=person.address))
    browser.get(f"/s/ecrire?repondre={outside}")
    assert "Message envoyé" in send(browser, texte="x").text


def test_answer_to_a_whole_list_and_blind_copies_only(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    address = f"amis-{len(_counter)}@ac-exemple.fr"
    house.store.write_now(lists.create, address, "Amis", "")
    house.store.write_now(lists.add_members, address, [zoe.address])
    source = house.deliver(person, mail("À la liste", to=f"{person.address}, {address}"))
    browser.get(f"/s/ecrire?tous={source}")
    assert f"toute la liste {address}" in send(browser, texte="x").text
    browser.get("/s/ecrire")
    assert "copie cachée" in send(browser, cci=zoe.login, objet="o", texte="x").text


def test_crowd_gets_a_copy_each(house: House, person: Principal, browser: Visitor) -> None:
    crowd = ", ".join(f"p{number}@exemple.org" for number in range(12))
    browser.get("/s/ecrire")
    text = send(browser, a=crowd, objet="Chacun", texte="x").text
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    before = len(house.outgoing())
    browser.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "separes"})
    gone = house.outgoing()[before:]
    assert len(gone) == 12
    assert all(parsed(octets).header(octets, "To") == address for address, octets in gone)


# ---------------------------------------------------------------------- drafts that a script keeps


def kept(browser: Visitor, path: str = "garder", files: Any = None, **values: str) -> httpx.Response:
    mark = re.search(r'name="m_"\s+value="([^"]+)"', browser.text)
    assert mark
    return browser.http.post(f"/m/ecrire/{path}", data={"m_": mark[1], **values}, files=files)


def test_script_keeps_one_draft_and_hears_of_others(house: House, person: Principal, browser: Visitor) -> None:
    browser.get("/m/ecrire")
    data = form(browser, objet="Au fil de l’eau")
    one = kept(browser, **{**data, "texte": "un"}).json()
    two = kept(browser, **{**data, "texte": "deux", "brouillon": str(one["brouillon"])}).json()
    assert house.subjects(person, "Drafts") == ["Au fil de l’eau"]
    stale = kept(browser, **{**data, "texte": "trois", "brouillon": str(one["brouillon"])})
    assert stale.status_code == 409
    assert stale.json()["autre"] == two["brouillon"]
    assert stale.json()["autre_texte"].strip() == "deux"
    assert house.subjects(person, "Drafts") == ["Au fil de l’eau"]
    assert part(house.octets(person, "Drafts"), "text/plain").strip() == "deux"


def test_form_that_did_not_hear_of_its_draft_goes_on_with_it(house: House, person: Principal, browser: Visitor) -> None:
    """The page was left while the first save was answered: no second draft, no file twice."""
    source = house.deliver(person, formatted())
    browser.get(f"/m/ecrire?transferer={source}")
    data = form(browser, objet="Quitté", reprise=re.findall(r'name="reprise"\s+value="([^"]+)"', browser.text)[0])
    first = kept(browser, **{**data, "texte": "un"}).json()
    assert first["repris"]
    again = kept(browser, **{**data, "texte": "un, deux"}).json()
    assert again["repris"]
    assert len(first["pieces"]) == len(again["pieces"]) == 1
    assert house.subjects(person, "Drafts") == ["Quitté"]
    assert part(house.octets(person, "Drafts"), "text/plain").strip() == "un, deux"
    file = [("piece", ("a.txt", b"un", "text/plain"))]
    assert len(kept(browser, "piece", file, cle=data["cle"]).json()["pieces"]) == 2
    assert house.subjects(person, "Drafts") == ["Quitté"]


def test_files_passed_on_that_are_too_many_stay_with_the_form(
    house: House, person: Principal, browser: Visitor
) -> None:
    """The text is kept without them; sending says why."""
    source = house.deliver(person, formatted())
    browser.get(f"/m/ecrire?transferer={source}")
    data = form(browser, reprise=re.findall(r'name="reprise"\s+value="([^"]+)"', browser.text)[0])
    room = int((house.settings.limits.message_size - 512 * 1024) / 1.37)
    file = [("piece", ("a.bin", b"x" * room, "x/y"))]
    full = kept(browser, "piece", file, cle=data["cle"]).json()
    answer = kept(browser, **{**data, "texte": "gardé", "brouillon": str(full["brouillon"])})
    assert answer.status_code == 200
    assert not answer.json()["repris"]
    assert [one["nom"] for one in answer.json()["pieces"]] == ["a.bin"]
    again = {**data, "texte": "gardé", "brouillon": str(answer.json()["brouillon"]), "faire": "envoyer"}
    assert browser.post("/m/ecrire", again).status_code == 413


def test_letter_is_found_by_its_key(house: House, person: Principal, browser: Visitor) -> None:
    """By our script alone: what a link says is not the name by which a letter is sent."""
    browser.get("/m/ecrire")
    data = form(browser, objet="Retrouvé", texte="un")
    first = kept(browser, **data).json()
    last = kept(browser, **{**data, "texte": "deux", "brouillon": str(first["brouillon"])}).json()
    partial = {"HX-Request-Type": "partial"}
    assert browser.get(f"/m/ecrire/{first['brouillon']}").status_code == 404
    browser.get(f"/m/ecrire/{first['brouillon']}?cle={data['cle']}", headers=partial)
    assert form(browser)["brouillon"] == str(last["brouillon"])
    assert "<h1>" not in browser.text
    assert "panneau-barre" in browser.text
    browser.get(f"/m/ecrire?cle={data['cle']}", headers=partial)
    assert form(browser)["texte"].strip() == "deux"
    browser.get("/m/ecrire?cle=choisie", headers=partial)
    assert browser.field("cle") == "choisie"
    browser.get("/m/ecrire?cle=choisie")
    assert browser.field("cle") != "choisie"
    assert "panneau-barre" not in browser.text


def test_script_sends_one_file_a_request(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    browser.get("/m/ecrire")
    data = form(browser)
    first = kept(browser, "piece", [("piece", ("a.txt", b"un", "text/plain"))], cle=data["cle"]).json()
    both = kept(
        browser,
        "piece",
        [("piece", ("b.txt", b"deux", "text/plain"))],
        cle=first["cle"],
        brouillon=str(first["brouillon"]),
    ).json()
    assert [one["nom"] for one in both["pieces"]] == ["a.txt", "b.txt"]
    assert " sur 4\xa0Mo" in both["place"]
    less = kept(browser, **{**data, "brouillon": str(both["brouillon"]), "retirer": both["pieces"][0]["numero"]}).json()
    assert [one["nom"] for one in less["pieces"]] == ["b.txt"]
    room = house.settings.limits.message_size
    big = kept(
        browser,
        "piece",
        [("piece", ("c.bin", b"x" * room, "x/y"))],
        cle=data["cle"],
        brouillon=str(less["brouillon"]),
    )
    assert big.status_code == 413
    assert "dépassent" in big.json()["texte"]


def test_pictures_of_a_text_are_shown_to_their_author_only(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/m/ecrire")
    data = form(browser)
    picture = b"\x89PNG\r\n\x1a\n" + b"x" * 20
    one = kept(browser, "piece", [("piece", ("p.png", picture, "image/png"))], cle=data["cle"], cid="c1@x").json()
    assert one["pieces"] == []
    html = '<div><img src="cid:c1@x" alt="un point"></div>'
    data = {**data, "brouillon": str(one["brouillon"]), "html": html, "editeur": "1"}
    two = kept(browser, **data).json()
    path = f"/m/ecrire/{two['brouillon']}/image?cid=c1@x"
    shown = browser.http.get(path)
    assert shown.content == picture
    assert shown.headers["content-type"] == "image/png"
    assert (
        f'src="{path.replace("&", "&amp;")}"'.replace('"', "&#34;") in browser.get(f"/m/ecrire/{two['brouillon']}").text
    )
    other = house.visitor()
    other.log_in(zoe.login)
    assert other.get(path).status_code == 404
    three = kept(browser, **{**data, "brouillon": str(two["brouillon"]), "html": "<div>sans</div>"}).json()
    assert browser.http.get(f"/m/ecrire/{three['brouillon']}/image?cid=c1@x").status_code == 404


def test_session_is_renewed_in_place_by_its_own_person(house: House, person: Principal, zoe: Principal) -> None:
    browser = house.visitor()
    browser.log_in(person.login)
    browser.get("/m/ecrire")
    page = browser.text
    assert browser.http.get("/session/etat").json()["reste"] > 0
    house.clock.ahead += 13 * 3600
    assert browser.http.get("/session/etat").json()["reste"] == 0
    wrong = browser.post("/session/renouveler", {"mot_de_passe": "faux"}, page=page)
    assert wrong.status_code == 401
    answer = browser.post("/session/renouveler", {"mot_de_passe": PASSWORD}, page=page).json()
    saved = browser.http.post("/m/ecrire/garder", data={"m_": answer["marque"], "cle": "k", "texte": "suite"})
    assert saved.status_code == 200
    stranger = house.visitor()
    stranger.get("/")
    assert stranger.http.post("/session/renouveler", data={"mot_de_passe": PASSWORD}).status_code == 403


# ---------------------------------------------------------------------- from elsewhere


def with_file(name: str, octets: bytes) -> bytes:
    return (
        (
            f"From: a@exemple.org\r\nSubject: Avec {name}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=M\r\n\r\n--M\r\nContent-Type: text/plain\r\n\r\nVoilà.\r\n"
            f'--M\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
        ).encode()
        + octets
        + b"\r\n--M--\r\n"
    )


def test_attachment_of_another_message(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    house.deliver(person, with_file("notes.csv", b"1;2"))
    theirs = house.deliver(zoe, with_file("secret.csv", b"3;4"))
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, a=zoe.login, objet="Emprunt", texte="x", faire="depuis"))
    assert "Avec notes.csv" in browser.text
    ticked = re.search(r'name="prendre"\s+value="([^"]+)"', browser.text)
    assert ticked
    path = str(browser.page.url.path) if browser.page else ""
    browser.post(path, {"prendre": [ticked[1], f"0:{theirs}:2"]})
    assert "notes.csv" in browser.text
    assert "secret.csv" not in browser.text
    send(browser)
    octets = house.octets(zoe, "INBOX")
    assert [attachment.filename for attachment in parsed(octets).attachments()] == ["notes.csv"]


def test_several_messages_are_passed_on(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    sources = [house.deliver(person, mail(f"Numéro {number}")) for number in range(3)]
    browser.get(f"/s/ecrire?joindre={sources[0]},{sources[1]}&joindre={sources[2]}")
    assert form(browser)["objet"] == "3 messages transférés"
    ticked = re.findall(r'name="reprise"\s+value="([^"]+)"\s+checked', browser.text)
    browser.post("/s/ecrire", {**form(browser, a=zoe.login, texte="x", faire="envoyer"), "reprise": ticked})
    octets = house.octets(zoe, "INBOX")
    assert [attachment.type for attachment in parsed(octets).attachments()] == ["message/rfc822"] * 3


def test_answer_comes_from_the_address_that_was_written_to(house: House, person: Principal, browser: Visitor) -> None:
    alias = f"{person.login}@ac-exemple.fr"
    source = house.deliver(person, mail("Alias", to=alias))
    browser.get(f"/s/ecrire?repondre={source}")
    assert re.search(rf'value="{alias}"[^>]* selected>', browser.text)
    send(browser, a="x@exemple.org", texte="x", de=alias)
    octets = house.octets(person, "Sent")
    assert alias in parsed(octets).header(octets, "From")
