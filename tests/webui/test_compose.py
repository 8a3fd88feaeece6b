"""Writing: drafts, answers, attachments, checks before sending, sending once, text that outlives its session."""

import re
import threading
from html import unescape
from typing import Any

import httpx
import pytest

from mailserver.mime import scan, unpack
from mailserver.model.identity import Principal
from mailserver.store.account import accounts
from mailserver.store.mail import messages
from tests.webui.house import PASSWORD, House, Visitor, mail

Files = list[tuple[str, tuple[str, bytes, str]]]


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Leroy")


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody with an empty mailbox."""
    _counter.append(0)
    return house.person("Rose", f"Petit-{len(_counter)}")


_counter: list[int] = []


def form(browser: Visitor, **values: str) -> dict[str, str]:
    """The form on the page with some values changed."""
    text = browser.text
    area = re.search(r'<textarea id="texte"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL)
    data = {
        name: browser.field(name)
        for name in ("cle", "brouillon", "repond", "transfere", "signature", "a", "cc", "cci", "objet")
    }
    data["texte"] = unescape(area[1]) if area else ""
    if 'name="citation" checked' in text:
        data["citation"] = "on"
    return {**data, **values}


def send(browser: Visitor, files: Files | None = None, **values: str) -> httpx.Response:
    more: dict[str, Any] = {"files": files} if files else {}
    return browser.post("/s/ecrire", form(browser, **{"faire": "envoyer", **values}), **more)


def parts(octets: bytes) -> list[tuple[str, bytes]]:
    """Attachments of a message: name and content."""
    root = unpack(scan(octets).parts)
    return [(part.filename, part.content(octets)) for part in root.attachments()]


# ---------------------------------------------------------------------- sending


def test_letter_is_sent_stored_and_its_draft_is_gone(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/s/ecrire")
    answer = send(
        browser, a=zoe.login, cc="", cci="Emile <emile@ailleurs.org>", objet="Été", texte="Ça va ?\nÀ bientôt\n"
    )
    assert answer.url.path == "/s/"
    assert "Message envoyé" in answer.text
    assert house.subjects(person, "Drafts") == []
    received, kept = house.octets(zoe, "INBOX"), house.octets(person, "Sent")
    assert b"emile" not in received.lower()
    assert b"Emile <emile@ailleurs.org>" in kept
    for octets in (received, kept):
        root = unpack(scan(octets).parts)
        assert root.text(octets) == "Ça va ?\nÀ bientôt\n"
        assert scan(octets).subject == "Été"
        assert scan(octets).sender_address == person.address
        assert b"X-Web" not in octets
        assert re.search(rb"^Date: [^\r\n]+ \+0[12]00\r\n", octets, re.MULTILINE), "the academy's time (RFC 5322 3.3)"
    assert house.box(person, "Sent").unseen == 0


def test_pressing_twice_sends_once(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """Two posts of the same form, together or one after the other: one message."""
    before = len(house.subjects(zoe, "INBOX"))
    browser.get("/s/ecrire")
    data = form(browser, a=zoe.login, objet="Une fois", texte="x", faire="envoyer")
    page = browser.text
    mark = re.search(r'name="m_"\s+value="([^"]+)"', page)
    assert mark
    answers: list[httpx.Response] = []

    def press() -> None:
        answers.append(browser.http.post("/s/ecrire", data={"m_": mark[1], **data}))

    threads = [threading.Thread(target=press) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    press()
    assert all("Message envoyé" in answer.text for answer in answers)
    assert len(house.subjects(zoe, "INBOX")) == before + 1
    assert house.subjects(person, "Sent") == ["Une fois"]
    assert house.subjects(person, "Drafts") == []


def test_answer_threads_quotes_and_marks(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    source = house.deliver(
        person, mail("Sortie", sender=f"Zoé <{zoe.address}>", body="Qui vient ?\n", more="Cc: tiers@exemple.org\r\n")
    )
    browser.get(f"/s/ecrire?repondre={source}")
    data = form(browser)
    assert data["a"] == f"Zoé <{zoe.address}>"
    assert data["cc"] == ""
    assert data["objet"] == "Re: Sortie"
    assert data["texte"].strip() == ""
    assert "a écrit" in browser.text
    assert "&gt; Qui vient ?" in browser.text
    assert (
        form(Visitor_at(browser, f"/s/ecrire?tous={source}"))["cc"]
        == "Emma Dupont <emma.dupont@ac-exemple.fr>, tiers@exemple.org"
    )
    browser.get(f"/s/ecrire?repondre={source}")
    send(browser, texte="Moi.")
    text = house.octets(person, "Sent").decode()
    assert text.index("Moi.") < text.index("> Qui vient ?")
    sent = scan(house.octets(person, "Sent"))
    original = scan(house.octets(person, "INBOX"))
    assert sent.in_reply_to == original.message_id
    assert original.message_id in sent.references
    assert "Répondu" in browser.get("/s/").text


def test_lines_that_flow_are_whole_when_read_and_when_quoted(house: House, person: Principal, browser: Visitor) -> None:
    """format=flowed (RFC 3676), in the reader and in the answer."""
    octets = mail("Long", body="Une phrase \ntrès longue.\n> Dit \n> avant\n-- \nZoé\n")
    source = house.deliver(person, octets.replace(b'charset="utf-8"', b"charset=utf-8; format=flowed"))
    assert "Une phrase très longue.<blockquote>Dit avant</blockquote>-- " in browser.get(f"/s/message/{source}").text
    browser.get(f"/s/ecrire?repondre={source}")
    send(browser, a=person.address, texte="Oui.")
    sent = house.octets(person, "Sent")
    text = unpack(scan(sent).parts).text(sent)
    assert "> Une phrase très longue.\n>> Dit avant\n> -- \n> Zoé" in text


def Visitor_at(browser: Visitor, path: str) -> Visitor:
    browser.get(path)
    return browser


def test_forward_takes_attachments_along(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    original = (
        "From: a@exemple.org\r\nSubject: Planning\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=M\r\n\r\n"
        "--M\r\nContent-Type: text/plain\r\n\r\nVoir ci-joint.\r\n--M\r\nContent-Type: text/csv\r\n"
        'Content-Disposition: attachment; filename="a.csv"\r\n\r\n1;2\r\n--M\r\n'
        'Content-Type: text/csv\r\nContent-Disposition: attachment; filename="b.csv"\r\n\r\n3;4\r\n--M--\r\n'
    )
    source = house.deliver(person, original.encode())
    text = browser.get(f"/s/ecrire?transferer={source}").text
    assert "Message transféré" in text
    numbers = re.findall(r'name="reprise"\s+value="([^"]+)"\s+checked', text)
    assert len(numbers) == 2
    send(browser, a=zoe.login, reprise=numbers[1])
    assert parts(house.octets(zoe, "INBOX")) == [("b.csv", b"3;4")]
    browser.get(f"/s/ecrire?joindre={source}")
    send(browser, a=zoe.login, reprise=f"eml:{source}")
    attached = unpack(scan(house.octets(zoe, "INBOX")).parts).attachments()
    assert [part.type for part in attached] == ["message/rfc822"]


@pytest.mark.parametrize("how", ["joindre", "rediriger"])
def test_ones_own_copy_names_no_blind_recipient_to_others(
    house: House, person: Principal, browser: Visitor, zoe: Principal, how: str
) -> None:
    """The copy in Sent says to its author alone whom they wrote to in secret."""
    browser.get("/s/ecrire")
    send(browser, a=zoe.login, cci="Emile <emile@ailleurs.org>", objet="Secret", texte="x")
    box = house.box(person, "Sent")
    ((source,),) = house.store.read_now(messages.fetch, person.account_id, box.id, ("content_id",))
    kept = house.octets(person, "Sent")
    assert b"Bcc: Emile <emile@ailleurs.org>" in kept
    if how == "joindre":
        browser.get(f"/s/ecrire?joindre={source}")
        send(browser, a=zoe.login, reprise=f"eml:{source}")
    else:
        browser.get(f"/s/message/{source}/rediriger")
        browser.post(f"/s/message/{source}/rediriger", {"a": zoe.login})
    received = house.octets(zoe, "INBOX")
    (attached,) = unpack(scan(received).parts).attachments()
    assert attached.type == "message/rfc822"
    blind = kept[kept.index(b"Bcc:") : kept.index(b"\r\n", kept.index(b"Bcc:")) + 2]
    assert received[attached.body : attached.end] == kept.replace(blind, b""), "but for that it is as it was"
    assert house.octets(person, "Sent", 0) == kept


def test_a_draft_that_is_passed_on_leaves_its_forms_fields_behind(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/s/ecrire")
    send(browser, a=zoe.login, cci="emile@ailleurs.org", objet="\u00c9bauche", texte="x", faire="enregistrer")
    box = house.box(person, "Drafts")
    ((source,),) = house.store.read_now(messages.fetch, person.account_id, box.id, ("content_id",))
    browser.get(f"/s/ecrire?joindre={source}")
    send(browser, a=zoe.login, reprise=f"eml:{source}")
    received = house.octets(zoe, "INBOX")
    assert scan(received).subject.startswith("Fwd: ")
    assert b"X-Web-" not in received
    assert b"emile" not in received


PICTURED = (
    "From: a@exemple.org\r\nBcc: cache@exemple.org\r\nSubject: Plan\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/related; boundary=M\r\n\r\n--M\r\nContent-Type: text/html\r\n\r\n"
    '<p>Voici <img src="cid:plan@x"></p>\r\n--M\r\nContent-Type: image/png; name=plan.png\r\nContent-ID: <plan@x>\r\n'
    "Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--M--\r\n"
)


def test_a_picture_within_the_text_is_not_lost_on_the_way(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """Plain text cannot show it: it goes along as a file, of a message that is passed on and of one written anew."""
    source = house.deliver(person, PICTURED.encode())
    for how in ("transferer", "modifier"):
        text = browser.get(f"/s/ecrire?{how}={source}").text
        (number,) = re.findall(r'name="reprise"\s+value="([^"]+)"\s+checked', text)
        send(browser, a=zoe.login, cci="", reprise=number)
        assert parts(house.octets(zoe, "INBOX")) == [("plan.png", b"\x89PNG\r\n\x1a\n")], how
    browser.get(f"/s/ecrire?modifier={source}")
    assert form(browser)["cci"] == "cache@exemple.org"


CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR"
SHOWN = (
    "From: a@exemple.org\r\nSubject: Tout\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=M\r\n\r\n"
    "--M\r\nContent-Type: multipart/alternative; boundary=A\r\n\r\n"
    "--A\r\nContent-Type: text/plain\r\n\r\nVenez.\r\n"
    "--A\r\nContent-Type: multipart/related; boundary=R\r\n\r\n"
    '--R\r\nContent-Type: text/html\r\n\r\n<p>Venez. <img src="cid:logo"></p>\r\n'
    "--R\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n\r\nlogo\r\n"
    "--R\r\nContent-Type: application/pdf\r\nContent-ID: <pdf>\r\n\r\npdf\r\n--R--\r\n"
    f"--A\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{CALENDAR}\r\n--A--\r\n"
    "--M\r\nContent-Type: text/csv; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "=E9t=E9;1\r\n"
    "--M\r\nContent-Type: image/jpeg\r\nContent-Disposition: inline\r\nContent-ID: <photo>\r\n\r\nphoto\r\n"
    "--M\r\nContent-Type: message/rfc822\r\n\r\nSubject: dedans\r\n\r\nx\r\n--M--\r\n"
)


def test_all_that_a_message_shows_is_passed_on(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """An invitation beside the text, a table without a name, a photograph between texts, with their charsets."""
    source = house.deliver(person, SHOWN.encode())
    page = browser.get(f"/s/message/{source}").text
    for name in ("piece-1.2.3.pdf", "piece-2.csv", "piece-3.jpg", "piece-4.eml"):
        assert name in page
    text = browser.get(f"/s/ecrire?transferer={source}").text
    numbers = re.findall(r'name="reprise"\s+value="([^"]+)"\s+checked', text)
    browser.post("/s/ecrire", form(browser, a=zoe.login, faire="enregistrer") | {"reprise": numbers})
    send(browser)
    octets = house.octets(zoe, "INBOX")
    root = unpack(scan(octets).parts)
    found = {part.filename: part for part in root.attachments()}
    assert {name: part.content(octets) for name, part in found.items()} == {
        "piece-1.2.3.pdf": b"pdf",
        "piece-1.2.2.png": b"logo",
        "piece-1.3.ics": CALENDAR.encode(),
        "piece-2.csv": b"\xe9t\xe9;1",
        "piece-3.jpg": b"photo",
        "piece-4.eml": b"Subject: dedans\r\n\r\nx",
    }
    assert found["piece-2.csv"].text(octets) == "été;1"
    assert found["piece-1.3.ics"].charset == "utf-8"


# ---------------------------------------------------------------------- attachments


def test_attachments_are_added_kept_removed_and_sent(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/s/ecrire")
    files: Files = [
        ("piece", ("résumé.txt", b"un\x00deux", "text/plain")),
        ("piece", ("..\\..\\x/passwd", b"x", "text/html")),
    ]
    browser.post(
        "/s/ecrire", form(browser, a=zoe.login, objet="Pièces", texte="ci-joint", faire="joindre"), files=files
    )
    assert "résumé.txt" in browser.text
    assert "<span>passwd <small>" in browser.text
    assert form(browser)["texte"].strip() == "ci-joint"
    browser.post("/s/ecrire", form(browser, faire="retirer:1"))
    assert "passwd" not in browser.text
    big = bytes(range(256)) * 4096
    send(browser, [("piece", ("image.png", big, "image/png"))])
    assert parts(house.octets(zoe, "INBOX")) == [("résumé.txt", b"un\x00deux"), ("image.png", big)]
    assert house.subjects(person, "Drafts") == []


def test_a_text_that_is_attached_says_what_its_letters_are(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """Without a charset ASCII is meant (RFC 2046 section 4.1.2); of what is no UTF-8 nobody knows."""
    files = [
        ("piece", ("a.txt", "\u00e9t\u00e9".encode(), "text/plain")),
        ("piece", ("b.csv", b"a;b", "text/csv")),
        ("piece", ("c.txt", b"\xe9t\xe9", "text/plain")),
        ("piece", ("d.html", "<p>\u00e9".encode(), "text/html;charset=x")),
        ("piece", ("e.bin", "\u00e9".encode(), "application/x")),
    ]
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, a=zoe.login, objet="Textes", texte="x", faire="joindre"), files=files)
    send(browser)
    octets = house.octets(zoe, "INBOX")
    found = {part.filename: (part.type, part.charset) for part in unpack(scan(octets).parts).attachments()}
    assert found == {
        "a.txt": ("text/plain", "utf-8"),
        "b.csv": ("text/csv", ""),
        "c.txt": ("text/plain", ""),
        "d.html": ("text/html", "utf-8"),
        "e.bin": ("application/x", ""),
    }
    assert [content for _, content in parts(octets)] == [file[1] for _, file in files]


def test_too_much_is_said_and_the_text_stays(house: House, person: Principal, browser: Visitor) -> None:
    """Limits on attachments: together, per form, and far beyond."""
    room = house.settings.limits.message_size
    browser.get("/s/ecrire")
    answer = browser.post(
        "/s/ecrire",
        form(browser, objet="Gros", texte="gardé", faire="joindre"),
        files=[("piece", ("x.bin", b"x" * room, "application/octet-stream"))],
    )
    assert answer.status_code == 413
    assert "dépassent" in answer.text
    assert "gardé</textarea>" in answer.text
    assert house.subjects(person, "Drafts") == ["Gros"]
    half = b"y" * (room // 2)
    browser.post("/s/ecrire", form(browser, faire="joindre"), files=[("piece", ("1.bin", half, "x/y"))])
    answer = browser.post("/s/ecrire", form(browser, faire="joindre"), files=[("piece", ("2.bin", half, "x/y"))])
    assert answer.status_code == 413
    assert "1.bin" in answer.text
    browser.get("/s/ecrire")
    far = [("piece", ("z.bin", b"z" * (room * 3), "x/y"))]  # four times would end the connection
    assert browser.post("/s/ecrire", form(browser, faire="joindre"), files=far).status_code == 413
    many = [("piece", (f"{number}.txt", b"x", "text/plain")) for number in range(25)]
    browser.get("/s/ecrire")
    assert browser.post("/s/ecrire", form(browser, faire="joindre"), files=many).status_code == 400


def test_files_are_welcome_in_letters_only(browser: Visitor) -> None:
    browser.get("/s/reglages")
    answer = browser.post("/s/reglages/affichage", {"page_size": "25"}, files=[("x", ("a", b"b", "c/d"))])
    assert answer.status_code == 400


# ---------------------------------------------------------------------- drafts


def test_draft_is_one_message_replaced(house: House, person: Principal, browser: Visitor) -> None:
    browser.get("/s/ecrire")
    for count in range(4):
        answer = browser.post(
            "/s/ecrire", form(browser, a="martin, x@y.fr", objet=f"Essai {count}", faire="enregistrer")
        )
        assert "Brouillon enregistré" in answer.text
    assert house.subjects(person, "Drafts") == ["Essai 3"]
    assert form(browser)["a"] == "martin, x@y.fr"  # not an address yet, and kept as typed
    ids = {scan(house.octets(person, "Drafts")).message_id}
    browser.post("/s/ecrire", form(browser, texte="suite", faire="enregistrer"))
    assert {scan(house.octets(person, "Drafts")).message_id} == ids
    browser.get("/s/")
    assert "brouillon</span>" in browser.text
    drafts = house.box(person, "Drafts")
    browser.get(f"/s/dossier/{drafts.id}")
    browser.get(browser.links(r"/s/ecrire/\d+")[0].partition("?")[0])
    assert form(browser)["texte"].strip() == "suite"
    assert "mis à la corbeille" in browser.post("/s/ecrire", form(browser, faire="abandonner")).text
    assert house.subjects(person, "Drafts") == []


def test_stale_draft_is_a_conflict_and_nothing_is_lost(house: House, person: Principal, browser: Visitor) -> None:
    """Two windows on one draft: the second save is refused and kept apart (409); what is sent leaves
    (`test_sent_letters`)."""
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, objet="Deux fenêtres", texte="début", faire="enregistrer"))
    stale = form(browser)
    page = browser.text
    browser.post("/s/ecrire", form(browser, texte="première fenêtre", faire="enregistrer"))
    answer = browser.post(
        "/s/ecrire", {**stale, "texte": "seconde fenêtre", "faire": "enregistrer", "a": "x@y.fr"}, page=page
    )
    assert answer.status_code == 409
    assert "modifié, envoyé ou supprimé" in answer.text
    assert "seconde fenêtre</textarea>" in answer.text
    assert len(house.subjects(person, "Drafts")) == 2
    assert house.subjects(person, "Sent") == []


def test_draft_of_another_program_can_be_finished(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    from mailserver.store.mail import messages

    octets = mail("Ailleurs", sender=person.address, to=f"Zoé <{zoe.address}>", body="suite ici\n")
    prepared = house.run(house.delivery.prepare(octets))
    drafts = house.box(person, "Drafts")
    house.store.write_now(messages.append, person.account_id, drafts.id, prepared, ("\\Draft",))
    browser.get(f"/s/dossier/{drafts.id}")
    browser.get(browser.links(r"/s/ecrire/\d+")[0])
    assert form(browser)["a"] == f"Zoé <{zoe.address}>"
    send(browser)
    assert house.subjects(zoe, "INBOX")[-1] == "Ailleurs"
    assert house.subjects(person, "Drafts") == []


def test_an_answer_that_another_program_began_stays_one(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """The conversation, and in whose name it is: both stand in the draft's own fields."""
    from mailserver.store.mail import messages

    alias = person.aliases[0]
    more = "In-Reply-To: <deux@exemple.org>\r\nReferences: <un@exemple.org> <deux@exemple.org>\r\n"
    octets = mail("Re: Projet", sender=f"Rose <{alias}>", to=f"Zoé <{zoe.address}>", body="suite\n", more=more)
    prepared = house.run(house.delivery.prepare(octets))
    drafts = house.box(person, "Drafts")
    house.store.write_now(messages.append, person.account_id, drafts.id, prepared, ("\\Draft",))
    browser.get(f"/s/dossier/{drafts.id}")
    browser.get(browser.links(r"/s/ecrire/\d+")[0])
    assert re.search(rf'<option value="{re.escape(alias)}"[^>]*\sselected', browser.text)
    browser.post("/s/ecrire", form(browser, texte="suite et fin", de=alias, faire="enregistrer"))
    send(browser, de=alias)
    root = unpack(scan(octets := house.octets(zoe, "INBOX")).parts)
    assert root.header(octets, "In-Reply-To") == "<deux@exemple.org>"
    assert root.header(octets, "References") == "<un@exemple.org> <deux@exemple.org>"
    assert alias in root.header(octets, "From")


# ---------------------------------------------------------------------- recipients


def test_recipients_are_recognised_or_asked_about(house: House, browser: Visitor, zoe: Principal) -> None:
    house.person("Léa", "Bernard", password="")
    house.person("Léo", "Bernard", password="")
    browser.get("/s/ecrire")
    browser.post(
        "/s/ecrire", form(browser, a=f"{zoe.login}; Leroy", cc="bernard", cci="nulle@ac-exemple.fr", faire="verifier")
    )
    data = form(browser)
    assert data["a"] == f"Zoé Leroy <{zoe.address}>"
    assert "plusieurs personnes correspondent" in browser.text
    assert "n’existe pas dans l’académie" in browser.text
    choices = re.findall(r'name="choix"\s+value="([^"]+)"', browser.text)
    assert len(choices) == 2
    browser.post("/s/ecrire", form(browser, faire="verifier", cci="", choix=choices[0]))
    assert re.fullmatch(r"Lé[ao] Bernard <le[ao]\.bernard@ac-exemple\.fr>", form(browser)["cc"])
    assert "plusieurs" not in browser.text


def test_a_letter_is_looked_at_before_it_leaves(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """What is shown is what would leave: names recognised, text as it is, the original quoted."""
    content = house.deliver(person, mail("Question", body="Qui vient <demain> ?\n"))
    browser.get(f"/s/ecrire?repondre={content}")
    written = form(browser, cc=zoe.login, texte="Moi.\n\nEt <b>Zoé</b>.", faire="apercu")
    seen = browser.post("/s/ecrire", written).text.partition('class="apercu"')[2].partition("</section>")[0]
    assert f"<dd>Zoé Leroy &lt;{zoe.address}&gt;" in seen
    assert "Moi.\n\nEt &lt;b&gt;Zoé&lt;/b&gt;." in seen
    assert "Qui vient &lt;demain&gt; ?" in seen
    assert form(browser)["texte"] == "Moi.\n\nEt <b>Zoé</b>."
    assert (house.subjects(person, "Sent"), house.subjects(person, "Drafts")) == ([], ["Re: Question"])
    browser.post("/s/ecrire", form(browser, cc="Personne Dutout", faire="apercu"))
    assert "apercu" not in browser.text.partition("<form class=")[0]
    assert "n’est pas dans l’annuaire" in browser.text


@pytest.mark.parametrize("typed", ["pas une adresse", "a@b@c", "x@", "<script>@x", "a" * 400])
def test_bad_recipient_stops_the_letter(house: House, person: Principal, browser: Visitor, typed: str) -> None:
    browser.get("/s/ecrire")
    answer = send(browser, a=typed, objet="Non", texte="x")
    assert answer.status_code == 422
    assert "<script>@" not in answer.text
    assert house.subjects(person, "Sent") == []
    assert house.subjects(person, "Drafts") == ["Non"]


def test_nobody_and_too_many(browser: Visitor) -> None:
    browser.get("/s/ecrire")
    assert "au moins un destinataire" in send(browser, a=" , ;", objet="x", texte="x").text
    browser.get("/s/ecrire")
    crowd = ", ".join(f"p{number}@exemple.org" for number in range(501))
    assert send(browser, a=crowd, objet="x", texte="x").status_code == 422


# ---------------------------------------------------------------------- questions before sending


def test_missing_subject_and_attachment_are_asked(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/s/ecrire")
    text = send(browser, a=zoe.login, texte="Vous trouverez ci-joint le planning.").text
    assert "pas d’objet" in text
    assert "annonce une pièce jointe" in text
    assert house.subjects(person, "Sent") == []
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    assert "Message envoyé" in browser.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "envoyer"}).text
    assert house.subjects(person, "Sent") == [""]
    quoted = "> le document ci-joint\nMerci"
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, a=zoe.login, objet="o", texte=quoted).text


def test_crowd_can_be_hidden(house: House, person: Principal, browser: Visitor) -> None:
    crowd = ", ".join(f"p{number}@exemple.org" for number in range(12))
    browser.get("/s/ecrire")
    text = send(browser, a=crowd, objet="Parents", texte="x").text
    assert "12 destinataires verront" in text
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    browser.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "cci"})
    octets = house.octets(person, "Sent")
    root = unpack(scan(octets).parts)
    assert "p11@exemple.org" in root.header(octets, "Bcc")
    assert "exemple.org" not in root.header(octets, "To")


def test_options_become_header_fields(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    browser.get("/s/ecrire")
    send(browser, a=zoe.login, objet="Vite", texte="x", urgent="on", accuse="on")
    octets = house.octets(zoe, "INBOX")
    assert b"X-Priority: 1" in octets
    assert f"Disposition-Notification-To: {person.address}".encode() in octets


def test_header_cannot_be_injected(house: House, browser: Visitor, zoe: Principal) -> None:
    browser.get("/s/ecrire")
    send(browser, a=f"{zoe.login}", objet="Un\r\nBcc: x@evil.test\r\n\r\ncorps", texte="x")
    octets = house.octets(zoe, "INBOX")
    root = unpack(scan(octets).parts)
    assert root.header(octets, "Bcc") == ""
    assert root.header(octets, "Subject") == "Un Bcc: x@evil.test corps"


# ---------------------------------------------------------------------- text and sessions


def _expired(house: House, browser: Visitor, **values: str) -> httpx.Response:
    browser.get("/s/ecrire")
    data = form(browser, objet="Long texte", texte="Une heure de travail", faire="envoyer", **values)
    house.clock.ahead += 13 * 3600
    return browser.post("/s/ecrire", data)


def test_text_of_an_expired_session_comes_back_as_a_draft(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    answer = _expired(house, browser, a=zoe.login)
    assert answer.status_code == 401
    assert "Votre texte est conservé" in answer.text
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("texte="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    for path in house.settings.data.glob("mail.db*"):
        assert b"Une heure de travail" not in path.read_bytes()
    data = {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple"}
    answer = browser.post("/connexion", data)
    assert re.fullmatch(r"/s/ecrire/\d+", answer.url.path)
    assert "Une heure de travail</textarea>" in answer.text
    assert "Votre texte est là" in answer.text
    assert house.subjects(person, "Sent") == []
    assert house.subjects(person, "Drafts") == ["Long texte"]


def test_another_person_gets_nothing_of_it(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    _expired(house, browser)
    data = {"identifiant": zoe.login, "mot_de_passe": PASSWORD, "interface": "simple"}
    answer = browser.post("/connexion", data)
    assert answer.url.path == "/s/"
    assert "Une heure" not in answer.text
    assert house.subjects(zoe, "Drafts") == []
    browser.post("/deconnexion", {})
    answer = browser.post("/connexion", {**data, "identifiant": person.login})
    assert "Une heure de travail</textarea>" in answer.text


def test_text_of_an_expired_session_is_shown_where_no_draft_has_room(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """The mailbox is full: the text came back nowhere, and nobody was told."""
    _expired(house, browser, a=zoe.login)
    house.store.write_now(accounts.set_quota, person.account_id, 1)
    data = {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple"}
    answer = browser.post("/connexion", data)
    assert "Une heure de travail</textarea>" in answer.text
    assert "Votre boîte est pleine" in answer.text
    house.store.write_now(accounts.set_quota, person.account_id, 0)
    send(browser)
    assert house.subjects(zoe, "INBOX")[-1] == "Long texte"


def test_two_windows_on_one_draft_of_a_full_mailbox_lose_nothing(
    house: House, person: Principal, browser: Visitor
) -> None:
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, texte="début", faire="enregistrer"))
    stale, page = form(browser), browser.text
    browser.post("/s/ecrire", form(browser, texte="première fenêtre", faire="enregistrer"))
    house.store.write_now(accounts.set_quota, person.account_id, 1)
    answer = browser.post("/s/ecrire", {**stale, "texte": "seconde fenêtre", "faire": "enregistrer"}, page=page)
    assert answer.status_code == 409
    assert "seconde fenêtre</textarea>" in answer.text
    assert "Votre boîte est pleine" in answer.text


def test_parked_text_ends(house: House, person: Principal, browser: Visitor) -> None:
    _expired(house, browser)
    house.clock.ahead += 31 * 60
    data = {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple"}
    assert browser.post("/connexion", data).url.path == "/s/"
    assert house.subjects(person, "Drafts") == []


def test_text_after_logout_elsewhere_is_given_back_to_be_copied(browser: Visitor) -> None:
    browser.get("/s/ecrire")
    data, page = form(browser, texte="Pas perdu", faire="envoyer"), browser.text
    browser.post("/deconnexion", {})
    answer = browser.post("/s/ecrire", data, page=page)
    assert answer.status_code == 401
    assert "Rien n’a été envoyé" in answer.text


def test_suspended_while_writing_keeps_the_text(house: House, person: Principal, browser: Visitor) -> None:
    browser.get("/s/ecrire")
    data = form(browser, texte="Texte d’un suspendu", faire="envoyer")
    house.store.write_now(accounts.suspend, person.account_id, "", False)
    answer = browser.post("/s/ecrire", data)
    assert answer.status_code == 403
    assert "conservé 30 minutes" in answer.text
    house.store.write_now(accounts.resume, person.account_id)
    assert "Texte d’un suspendu</textarea>" in browser.log_in(person.login).text
