"""Folders, lists, reading, acting: a day in the simplified interface, without a browser."""

import re
from pathlib import Path

import pytest

from mailserver.model.identity import Principal
from mailserver.store.mail import mailboxes
from mailserver.store.web import webmail
from tests.webui.house import House, Visitor, mail


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody with an empty mailbox."""
    number = len(house.store.read_now(_all_logins))
    return house.person("Inès", f"Moreau-{number}")


def _all_logins(tx) -> list[str]:  # type: ignore[no-untyped-def]
    from sqlalchemy import select

    from mailserver.store.schema.account.accounts import account

    return [row[0] for row in tx.execute(select(account.c.login))]


def rows(text: str) -> list[str]:
    """Subjects of the list on a page, in order."""
    return [
        re.sub(r"<[^>]+>", "", found).replace("Non lu", "", 1).strip()
        for found in re.findall(r'<td class="o">\s*<a [^>]*>(.*?)</a>', text)
    ]


def ids(text: str) -> list[str]:
    return re.findall(r'name="m"\s+value="(\d+)"', text)


def fill(house: House, person: Principal, count: int) -> list[int]:
    return [house.deliver(person, mail(f"Message {number:03}", body=f"corps {number}\n")) for number in range(count)]


# ---------------------------------------------------------------------- lists


def test_pages_are_found_by_key_in_both_directions(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 120)
    first = browser.get("/s/").text
    assert rows(first) == [f"Message {n:03}" for n in range(119, 69, -1)]
    assert "Messages 1 à 50 sur 120" in first
    assert "(120)" in first
    older = browser.get(browser.rel("next")).text
    assert rows(older)[0] == "Message 069"
    assert "Messages 51 à 100 sur 120" in older
    last = browser.get(browser.rel("next")).text
    assert rows(last) == [f"Message {n:03}" for n in range(19, -1, -1)]
    assert not browser.rel("next")
    back = browser.get(browser.rel("prev")).text
    assert rows(back) == rows(older)
    browser.get(browser.rel("prev"))
    assert rows(browser.text) == rows(first)


def test_page_is_light(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 60)
    for path in ("/s/", "/m/", "/s/ecrire", "/s/reglages", "/s/dossiers", "/s/recherche"):
        assert browser.get(path).num_bytes_downloaded < 10_000
    assert len(re.findall(r"<(?!/)", browser.get("/s/").text)) <= 700


def test_empty_folder_says_so(browser: Visitor) -> None:
    assert "Aucun message dans ce dossier" in browser.get("/s/").text


def test_date_orders_the_list_not_arrival(house: House, person: Principal, browser: Visitor) -> None:
    """A message that was moved away and back stands where it stood."""
    fill(house, person, 3)
    house.clock.ahead += 60
    fill(house, person, 1)
    browser.get("/s/")
    second = ids(browser.text)[1]
    browser.post(f"/s/dossier/{house.box(person, 'INBOX').id}/agir", {"m": second, "faire": "supprimer"})
    browser.post("/s/annuler", {"jeton": browser.field("jeton")})
    assert ids(browser.text)[1] == second


# ---------------------------------------------------------------------- acting


def act(house: House, person: Principal, browser: Visitor, action: str, chosen: list[str], **more: str) -> str:
    box = house.box(person, more.pop("box", "INBOX"))
    return browser.post(f"/s/dossier/{box.id}/agir", {"m": chosen, "faire": action, **more}).text


def test_delete_goes_to_trash_and_can_be_undone_for_five_minutes(
    house: House, person: Principal, browser: Visitor
) -> None:
    fill(house, person, 3)
    browser.get("/s/")
    text = act(house, person, browser, "supprimer", ids(browser.text)[:2])
    assert "2 messages mis à la corbeille" in text
    assert browser.page is not None
    assert house.subjects(person, "INBOX") == ["Message 000"]
    assert house.subjects(person, "Trash") == ["Message 001", "Message 002"]
    token = browser.field("jeton")
    assert "2 messages remis à leur place" in browser.post("/s/annuler", {"jeton": token}).text
    assert sorted(house.subjects(person, "INBOX")) == ["Message 000", "Message 001", "Message 002"]
    assert "trop tard" in browser.post("/s/annuler", {"jeton": token}).text


def test_undo_belongs_to_its_owner_and_ends(house: House, person: Principal, browser: Visitor, marc: Principal) -> None:
    fill(house, person, 1)
    browser.get("/s/")
    act(house, person, browser, "supprimer", ids(browser.text))
    token = browser.field("jeton")
    other = house.visitor()
    other.log_in(marc.login)
    assert "trop tard" in other.post("/s/annuler", {"jeton": token}).text
    house.clock.ahead += 301
    assert "trop tard" in browser.post("/s/annuler", {"jeton": token}).text
    assert house.subjects(person, "Trash") == ["Message 000"]


def test_erasing_from_trash_asks_first(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 2)
    browser.get("/s/")
    act(house, person, browser, "supprimer", ids(browser.text))
    trash = house.box(person, "Trash")
    browser.get(f"/s/dossier/{trash.id}")
    chosen = ids(browser.text)[:1]
    text = act(house, person, browser, "effacer", chosen, box="Trash")
    assert "Effacer définitivement" in text
    assert len(house.subjects(person, "Trash")) == 2
    act(house, person, browser, "effacer", chosen, box="Trash", confirme="1")
    assert len(house.subjects(person, "Trash")) == 1
    page = browser.get(f"/s/dossier/{trash.id}/vider").text
    assert re.search(r"sera effacé\. +Vous avez ensuite", " ".join(page.split()))
    assert "1 message effacé" in browser.post(f"/s/dossier/{trash.id}/vider", {}).text
    assert house.subjects(person, "Trash") == []


def test_only_trash_and_junk_can_be_emptied(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 1)
    inbox = house.box(person, "INBOX")
    browser.get("/s/")
    assert browser.http.get(f"/s/dossier/{inbox.id}/vider").status_code == 403
    assert browser.post(f"/s/dossier/{inbox.id}/vider", {}).status_code == 403
    assert house.subjects(person, "INBOX") == ["Message 000"]


def test_flags_archive_junk_and_move(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 4)
    browser.get("/s/")
    newest = ids(browser.text)
    assert "1 message marqué comme lu" in act(house, person, browser, "lu", newest[:1])
    assert house.box(person, "INBOX").unseen == 3
    act(house, person, browser, "nonlu", newest[:1])
    assert house.box(person, "INBOX").unseen == 4
    assert "Suivi" in act(house, person, browser, "suivre", newest[:1])
    act(house, person, browser, "archiver", newest[:1])
    assert house.subjects(person, "Archive") == ["Message 003"]
    act(house, person, browser, "indesirable", newest[1:2])
    assert house.subjects(person, "Junk") == ["Message 002"]
    assert _keywords(house, person, "Junk") == ["$Junk"]
    act(house, person, browser, "desirable", newest[1:2], box="Junk")
    assert "Message 002" in house.subjects(person, "INBOX")
    assert "$NotJunk" in _keywords(house, person, "INBOX")
    target = house.store.write_now(mailboxes.create, person.account_id, "Mutations")
    act(house, person, browser, "deplacer", newest[2:3], vers=str(target.id))
    assert house.subjects(person, "Mutations") == ["Message 001"]
    assert "Choisissez un dossier" in act(house, person, browser, "deplacer", newest[3:4])
    assert "rien n’a changé" in act(house, person, browser, "lu", [])


def _keywords(house: House, person: Principal, name: str) -> list[str]:
    """Keywords set on the last message of a mailbox."""
    from mailserver.store.mail import flags, messages

    box = house.box(person, name)
    rows = house.store.read_now(messages.fetch, person.account_id, box.id, ("uid", "flags"))
    names = house.store.read_now(mailboxes.keywords, box.id)
    return [flag for flag in flags.names(rows[-1][1], names) if not flag.startswith("\\")]


def test_unknown_action_and_too_many_are_refused(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 1)
    browser.get("/s/")
    inbox = house.box(person, "INBOX")
    assert browser.post(f"/s/dossier/{inbox.id}/agir", {"m": "1", "faire": "exploser"}).status_code == 400
    browser.get("/s/")
    chosen = [str(number) for number in range(1, 200)]
    assert browser.post(f"/s/dossier/{inbox.id}/agir", {"m": chosen, "faire": "lu"}).status_code == 400


def test_return_address_stays_inside(house: House, person: Principal, browser: Visitor) -> None:
    fill(house, person, 1)
    for back in ("https://evil.test/?a=b", "//evil.test?x=1", "recherche?q=x\r\nX: y", "message/../../x?a"):
        browser.get("/s/")
        chosen = ids(browser.text)
        browser.post(
            f"/s/dossier/{house.box(person, 'INBOX').id}/agir",
            {"m": chosen, "faire": "suivre", "retour": back},
            follow_redirects=False,
        )
        assert browser.page is not None
        location = browser.page.headers["location"]
        assert location.startswith("/s/")
        assert "//" not in location
        assert "\n" not in location


# ---------------------------------------------------------------------- reading


def test_reading_shows_text_marks_seen_and_names_neighbours(house: House, person: Principal, browser: Visitor) -> None:
    body = (
        "Voir https://exemple.org/a?b=1&c=2. <script>alert(1)</script>\n> cité\n>> deux fois\nécrire à x@exemple.org\n"
    )
    content = fill(house, person, 1)[0]
    middle = house.deliver(person, mail("Au milieu", body=body))
    last = house.deliver(person, mail("Après"))
    text = browser.get(f"/s/message/{middle}").text
    assert '<a href="https://exemple.org/a?b=1&amp;c=2" rel="noopener noreferrer nofollow"' in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "<blockquote>cité<blockquote>deux fois</blockquote></blockquote>" in text
    assert 'href="/s/ecrire?a=x%40exemple.org"' in text
    assert house.box(person, "INBOX").unseen == 2
    assert browser.links(f"/s/message/{last}")
    assert browser.links(f"/s/message/{content}")
    act_on = browser.post(
        f"/s/dossier/{house.box(person, 'INBOX').id}/agir",
        {"m": str(middle), "faire": "nonlu", "retour": "message/1?d=1"},
    )
    assert act_on.url.path.startswith("/s/dossier/")
    assert house.box(person, "INBOX").unseen == 3


def test_address_of_a_message_survives_its_move(house: House, person: Principal, browser: Visitor) -> None:
    content = fill(house, person, 1)[0]
    inbox, archive = house.box(person, "INBOX"), house.box(person, "Archive")
    house.store.write_now(webmail.move, person.account_id, inbox.id, archive.id, [content], (b"x" * 32, 300))
    text = browser.get(f"/s/message/{content}?d={inbox.id}").text
    assert "Message 000" in text
    assert f'/s/dossier/{archive.id}" aria-current' in text


HTML = (
    "<h1>Bonjour</h1><p onclick='x()'>Du <b>gras</b><script>alert(1)</script> "
    '<img src="cid:logo@x"> <img src="https://tracker.test/p.gif"> '
    '<a href="https://evil.test/">www.ac-dijon.fr</a></p>'
)


def formatted(html: str = HTML) -> bytes:
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    text = (
        "From: Lettre <n@exemple.org>\nReply-To: autre@exemple.net\nTo: x@ac-exemple.fr\nSubject: Lettre\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=M\n\n--M\n"
        "Content-Type: multipart/related; boundary=R\n\n--R\n"
        f"Content-Type: text/html; charset=utf-8\n\n{html}\n--R\n"
        "Content-Type: image/png\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\n"
        f"{picture}\n--R--\n--M\n"
        'Content-Type: text/html; name="page.html"\nContent-Disposition: attachment; filename="page.html"\n\n'
        "<script>alert(1)</script>\n--M\n"
        "Content-Type: application/pdf\nContent-Disposition: attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf\n"
        "Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--M--\n"
    )
    return text.replace("\n", "\r\n").encode()


def test_formatted_version_is_framed_and_cleaned(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, formatted())
    plain = browser.get(f"/s/message/{content}").text
    assert "Du gras" in plain
    assert "<iframe" not in plain
    text = browser.get(f"/s/message/{content}?forme=1").text
    assert 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in text
    assert "1 image distante bloquée" in text
    assert "www.ac-dijon.fr" in text
    assert "evil.test" in text
    assert "autre@exemple.net, qui n’est pas l’adresse de l’expéditeur" in text
    answer = browser.get(f"/s/corps/{content}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "<script" not in answer.text
    assert "onclick" not in answer.text
    assert "tracker.test" not in answer.text
    picture = browser.get(browser_src(answer.text))
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["content-disposition"] == "inline"


def browser_src(text: str) -> str:
    found = re.search(r'src="(/s/piece/[^"]+)"', text)
    assert found
    return found[1].replace("&amp;", "&")


def test_attachments_are_saved_never_shown(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, formatted())
    browser.get(f"/s/message/{content}")
    names = re.findall(r'class="nom"><bdi>([^<]+)</bdi>', browser.text)
    assert names == ["page.html", "résumé.pdf"]
    page, pdf = browser.links(r"/s/piece/")
    answer = browser.http.get(page)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    answer = browser.http.get(pdf)
    assert answer.content == b"%PDF-1.4\n"
    assert answer.headers["content-type"] == "application/pdf"
    assert "r%C3%A9sum%C3%A9.pdf" in answer.headers["content-disposition"]
    assert browser.http.get(page + "?image=1").headers["content-disposition"].startswith("attachment")
    for number in ("1.9", "0", "x", "1.1.1.1.1", "99999999999"):
        assert browser.http.get(f"/s/piece/{content}/{number}").status_code == 404


def test_picture_type_is_believed_only_with_its_octets(house: House, person: Principal, browser: Visitor) -> None:
    """A script that calls itself a picture is a download."""
    liar = (
        "From: a@b.fr\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=M\r\n\r\n--M\r\n"
        "Content-Type: image/png\r\nContent-ID: <a@b>\r\n\r\n<script>alert(1)</script>\r\n--M\r\n"
        "Content-Type: image/svg+xml\r\nContent-ID: <c@b>\r\n\r\n<svg onload=alert(1)/>\r\n--M--\r\n"
    )
    content = house.deliver(person, liar.encode())
    for number in ("1", "2"):
        answer = browser.get(f"/s/piece/{content}/{number}?image=1")
        assert answer.headers["content-disposition"].startswith("attachment")


def test_source_eml_and_print(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, formatted())
    assert "Content-Type: multipart/mixed" in browser.get(f"/s/message/{content}/source").text
    assert "&lt;script&gt;" in browser.text
    answer = browser.get(f"/s/message/{content}/eml")
    assert answer.content == house.octets(person, "INBOX")
    assert answer.headers["content-disposition"] == 'attachment; filename="Lettre.eml"'
    assert "Pièces jointes" in browser.get(f"/s/message/{content}/imprimer").text


def test_nobody_reaches_another_persons_mail(
    house: House, person: Principal, browser: Visitor, marc: Principal
) -> None:
    """Every address with an id, tried from another account."""
    secret = house.deliver(marc, formatted("<p>secret de Marc</p>"))
    box = house.box(marc, "INBOX")
    reading = [
        f"/s/message/{secret}",
        f"/s/message/{secret}?d={box.id}",
        f"/s/message/{secret}/eml",
        f"/s/message/{secret}/source",
        f"/s/message/{secret}/imprimer",
        f"/s/corps/{secret}",
        f"/s/piece/{secret}/2",
        f"/s/ecrire/{secret}",
        f"/s/ecrire?repondre={secret}",
        f"/s/ecrire?tous={secret}",
        f"/s/ecrire?transferer={secret}",
        f"/s/ecrire?joindre={secret}",
        f"/s/dossier/{box.id}",
        f"/s/dossier/{box.id}/vider",
        f"/s/dossier/{box.id}/modifier",
        f"/s/recherche?q=secret&d={box.id}",
    ]
    for path in reading + [path.replace("/s/", "/m/", 1) for path in reading]:
        answer = browser.get(path)
        assert answer.status_code in (403, 404), path
        assert "secret de Marc" not in answer.text
    writing = [
        (f"/s/dossier/{box.id}/agir", {"m": str(secret), "faire": "supprimer"}),
        (f"/s/dossier/{box.id}/agir", {"m": str(secret), "faire": "lu"}),
        (f"/s/dossier/{box.id}/agir", {"m": str(secret), "faire": "effacer", "confirme": "1"}),
        (f"/s/dossier/{box.id}/vider", {}),
        (f"/s/dossier/{box.id}/modifier", {"faire": "supprimer", "confirme": "1"}),
        (f"/s/ecrire/{secret}/envoyer", {}),
    ]
    for path, data in writing:
        browser.get("/s/")
        assert browser.post(path, data).status_code in (403, 404), path
    mine = house.box(person, "INBOX")
    fill(house, person, 1)
    browser.get("/s/")
    browser.post(f"/s/dossier/{mine.id}/agir", {"m": ids(browser.text), "faire": "deplacer", "vers": str(box.id)})
    assert browser.page is not None
    assert browser.page.status_code == 404
    assert "Lettre" in house.subjects(marc, "INBOX")
    assert len(house.subjects(person, "INBOX")) == 1


def test_complete_interface_keeps_the_list_beside(house: House, person: Principal, browser: Visitor) -> None:
    content = fill(house, person, 60)[30]
    text = browser.get(f"/m/message/{content}").text
    beside = re.search(r'<nav class="cote-liste".*?</nav>', text, re.DOTALL)
    assert beside
    assert beside[0].count("<li") == 41
    assert f"/m/message/{content}?d=" in beside[0]
    assert "corps" in browser.get("/m/").text  # the excerpt


# ---------------------------------------------------------------------- folders


def test_folders_are_made_renamed_removed(house: House, person: Principal, browser: Visitor) -> None:
    browser.get("/s/dossiers")
    assert "Dossier créé" in browser.post("/s/dossiers", {"nom": "Conseils de classe"}).text
    parent = house.box(person, "Conseils de classe")
    browser.post("/s/dossiers", {"nom": "4e B", "dans": str(parent.id)})
    assert house.box(person, "Conseils de classe/4e B").messages == 0
    for bad in ("", "a/b", "Conseils de classe", "x\u0001y"):
        answer = browser.post("/s/dossiers", {"nom": bad})
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
    browser.get(f"/s/dossier/{parent.id}/modifier")
    browser.post(f"/s/dossier/{parent.id}/modifier", {"faire": "renommer", "nom": "Conseils"})
    child = house.box(person, "Conseils/4e B")
    browser.get(f"/s/dossier/{child.id}/modifier")
    assert "Cochez la case" in browser.post(f"/s/dossier/{child.id}/modifier", {"faire": "supprimer"}).text
    browser.post(f"/s/dossier/{child.id}/modifier", {"faire": "supprimer", "confirme": "1"})
    names = [box.name for box in house.store.read_now(mailboxes.listing, person.account_id)]
    assert "Conseils/4e B" not in names
    assert "Conseils" in names
    inbox = house.box(person, "INBOX")
    assert "Supprimer le dossier" not in browser.get(f"/s/dossier/{inbox.id}/modifier").text


# ---------------------------------------------------------------------- search, settings


def test_search_finds_by_words_and_form(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Conseil de classe", body="Rendez-vous à l’éducation\n"))
    house.deliver(person, mail("Autre chose", sender="Marc <marc@exemple.org>"))
    house.deliver(person, formatted())
    assert "1 message trouvé" in browser.get("/s/recherche", params={"q": "education"}).text
    assert rows(browser.text) == ["Conseil de classe"]
    assert rows(browser.get("/s/recherche", params={"q": "de:marc"}).text) == ["Autre chose"]
    assert rows(browser.get("/s/recherche", params={"q": "a:pj"}).text) == ["Lettre"]
    assert len(rows(browser.get("/s/recherche", params={"q": "-conseil"}).text)) == 2
    browser.get("/s/recherche", params={"objet": "conseil classe", "est": "nonlu", "mots": ""})
    assert "objet:&#34;conseil classe&#34; est:nonlu" in browser.text
    box = house.box(person, "Archive")
    answer = browser.get("/s/recherche", params={"q": "conseil", "d": str(box.id)})
    assert "Aucun résultat" in answer.text
    assert "Chercher dans tous les dossiers" in answer.text
    assert rows(browser.get("/s/recherche", params={"q": "conseil dossier:archives"}).text) == []
    chosen = ids(browser.get("/s/recherche", params={"q": "conseil"}).text)
    back = browser.field("retour")
    act(house, person, browser, "archiver", chosen, retour=back)
    assert browser.page is not None
    assert browser.page.url.path == "/s/recherche"
    assert "1 message archivé" in browser.text


def test_full_mailbox_is_announced(house: House, browser: Visitor, person: Principal) -> None:
    from mailserver.store.account import accounts

    fill(house, person, 2)
    house.store.write_now(accounts.set_quota, person.account_id, 500)
    text = browser.get("/s/").text
    assert "Votre boîte est pleine" in text
    browser.get("/s/ecrire")
    answer = browser.post("/s/ecrire", {"a": "", "texte": "x", "faire": "enregistrer"})
    assert answer.status_code == 507
    assert "x</textarea>" in answer.text


def test_store_functions_are_scoped(house: House, person: Principal, marc: Principal, tmp_path: Path) -> None:
    from mailserver.model.errors import Refused

    content = house.deliver(marc, mail("À Marc"))
    box = house.box(marc, "INBOX")
    read, write = house.store.read_now, house.store.write_now
    for attempt in (
        lambda: webmail.pick(read(mailboxes.listing, person.account_id), box.id),
        lambda: read(webmail.stored, person.account_id, content),
        lambda: read(webmail.octets, person.account_id, content, tmp_path),
        lambda: read(webmail.around, person.account_id, box.id, webmail.Edge(0, 1), 5),
        lambda: write(webmail.erase, person.account_id, box.id, [content]),
        lambda: write(webmail.empty, person.account_id, box.id),
        lambda: write(webmail.flag, person.account_id, box.id, [content], "+", ["\\Seen"]),
        lambda: write(webmail.move, person.account_id, box.id, box.id + 1, [content], (b"t" * 32, 9)),
    ):
        with pytest.raises(Refused):
            attempt()
