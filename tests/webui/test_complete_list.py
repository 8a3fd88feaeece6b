"""The list of the complete interface: filters, orders, conversations, what is chosen, everything that acts on it."""

import io
import re
import zipfile
from datetime import datetime
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from mailserver.model.identity import Principal, Role
from mailserver.store.account import stored_preferences
from mailserver.store.mail import access, mailboxes, messages, muting, snooze
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.flags import names
from mailserver.store.record.audit import Origin
from mailserver.store.schema.mail.messages import message
from mailserver.store.web.webmail import Chosen, handling
from tests.webui.house import House, Visitor, mail

_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody with an empty mailbox."""
    _counter.append(0)
    return house.person("Alice", f"Liste-{len(_counter)}")


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login, interface="complet")
    return made


def shown(browser: Visitor) -> list[str]:
    """Subjects of the items, in order."""
    found = re.findall(
        r'<li[^>]*>\s*<input type="checkbox"\s+name="[mc]" value="\d+"\s+aria-label="([^"]*)"', browser.text
    )
    return [unescape(one) for one in found]


def ids(browser: Visitor, kind: str = "m") -> dict[str, str]:
    """Subject -> value of the checkbox."""
    found = re.findall(rf'name="{kind}"\s+value="(\d+)"\s+aria-label="([^"]*)"', browser.text)
    return {unescape(subject): value for value, subject in found}


def flags(house: House, person: Principal, name: str = "INBOX") -> dict[str, set[str]]:
    box = house.box(person, name)
    keywords = house.store.read_now(mailboxes.keywords, box.id)
    rows = house.store.read_now(messages.fetch, person.account_id, box.id, ("uid", "subject", "flags"))
    return {row[1]: set(names(row[2], keywords)) for row in rows}


def act(house: House, browser: Visitor, person: Principal, name: str = "INBOX", **form: object) -> None:
    browser.post(f"/m/dossier/{house.box(person, name).id}/agir", {"retour": "tri=date", **form})


def test_filters_are_tabs_and_combine_in_an_address(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    written = mail("Interne", sender=f"Zoé <{zoe.address}>")
    house.run(house.submission.submit(zoe, zoe.address, (person.address,), written))
    house.deliver(person, mail("Faux", sender=f"Zoé <{zoe.address}>"))
    house.deliver(person, mail("Piège", sender="X <x@faux-ac-exemple.fr>"))
    house.deliver(person, mail("Externe suivi"))
    box = house.box(person, "INBOX").id
    browser.get("/m/")
    act(house, browser, person, m=[ids(browser)["Externe suivi"]], faire="suivre")
    act(house, browser, person, m=[ids(browser)["Externe suivi"]], faire="lu")
    assert shown(browser) == ["Externe suivi", "Piège", "Faux", "Interne"]
    browser.get(f"/m/dossier/{box}?f=nonlus")
    assert shown(browser) == ["Piège", "Faux", "Interne"]
    assert re.findall(r"aria-current=true>([^<]+)</a>", unescape(browser.text))[:1] == ["Non lus"]
    assert f'href="/m/dossier/{box}?f=internes&tri=date"' in unescape(browser.text)
    browser.get(f"/m/dossier/{box}?f=nonlus,internes")
    assert shown(browser) == ["Interne"]
    browser.get(f"/m/dossier/{box}?f=suivis")
    assert shown(browser) == ["Externe suivi"]
    browser.get(f"/m/dossier/{box}?f=pj,nonsens,../..")
    assert shown(browser) == []
    assert "Aucun message ne répond à ces filtres" in browser.text


def test_orders_and_pages(house: House, person: Principal, browser: Visitor) -> None:
    for subject, sender in (("Zèbre", "Éric <e@x.fr>"), ("abricot", "Anne <a@x.fr>"), ("Midi", "zoé <z@x.fr>")):
        house.deliver(person, mail(subject, sender=sender, body="x" * (100 if subject == "Midi" else 1)))
    box = house.box(person, "INBOX").id
    orders = {
        "tri=date": ["Midi", "abricot", "Zèbre"],
        "tri=date&sens=haut": ["Zèbre", "abricot", "Midi"],
        "tri=objet&sens=haut": ["abricot", "Midi", "Zèbre"],
        "tri=de&sens=haut": ["abricot", "Zèbre", "Midi"],
        "tri=taille": ["Midi", "abricot", "Zèbre"],
        "tri=nonsens": ["Midi", "abricot", "Zèbre"],
    }
    for query, wanted in orders.items():
        browser.get(f"/m/dossier/{box}?{query}")
        assert sorted(shown(browser)) == sorted(wanted)
        if "taille" not in query:
            assert shown(browser) == wanted, query
    assert shown(browser)[0] == "Midi"
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"page_size": 25})
    for number in range(30):
        house.deliver(person, mail(f"Lot {number}"))
    browser.get(f"/m/dossier/{box}?tri=date")
    assert len(shown(browser)) == 25
    browser.get(browser.rel("next"))
    assert len(shown(browser)) == 8
    assert browser.rel("next") == ""
    browser.get(f"/m/dossier/{box}?tri=date&page=99")
    assert len(shown(browser)) == 25  # beyond the end: the first page


def test_one_walks_in_the_list_one_came_from(house: House, person: Principal, browser: Visitor) -> None:
    """A letter opened from a filtered list leads to the next one that the filter shows, and so does putting it away."""
    ids = [house.deliver(person, mail(f"Sujet {number}", body=f"{number}\n")) for number in range(5)]
    box = house.box(person, "INBOX").id
    browser.get(f"/m/dossier/{box}")
    for number in (0, 2, 4):
        browser.post(f"/m/dossier/{box}/agir", {"m": str(ids[number]), "faire": "suivre"})
    browser.get(f"/m/dossier/{box}?f=suivis")
    (newest,) = browser.links(rf"/m/message/{ids[4]}\?")
    browser.get(newest)
    assert not browser.rel("prev")
    following = browser.rel("next")
    assert f"/m/message/{ids[2]}?" in following
    browser.get(following)
    form = {name: browser.field(name) for name in ("m", "lecteur", "retour", "vue")}
    done = browser.post(f"/m/dossier/{box}/agir", {**form, "faire": "supprimer"})
    assert f"/m/message/{ids[0]}" in str(done.url), "not Sujet 1, which the filter hides"
    assert "1 message mis à la corbeille" in browser.text
    form = {name: browser.field(name) for name in ("m", "lecteur", "retour", "vue")}
    done = browser.post(f"/m/dossier/{box}/agir", {**form, "faire": "archiver"})
    assert f"/m/dossier/{box}?f=suivis" in str(done.url), "nothing is left below: the same list"
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"after_action": "precedent"})
    browser.get(f"/m/message/{ids[3]}?d={box}")
    form = {name: browser.field(name) for name in ("m", "lecteur", "retour", "vue")}
    done = browser.post(f"/m/dossier/{box}/agir", {**form, "faire": "supprimer"})
    assert f"/m/message/{ids[4]}" in str(done.url)


def test_conversations_are_one_item_and_act_whole(house: House, person: Principal, browser: Visitor) -> None:
    first = "Message-ID: <racine@exemple.org>\r\n"
    house.deliver(
        person, mail("Projet").replace(b"Message-ID: <", b"X-Old: <").replace(b"MIME", first.encode() + b"MIME")
    )
    reply = "In-Reply-To: <racine@exemple.org>\r\nReferences: <racine@exemple.org>\r\n"
    house.deliver(person, mail("Autre"))
    house.deliver(person, mail("Re: Projet", more=reply))
    browser.get("/m/")
    assert shown(browser) == ["Re: Projet", "Autre"]
    assert re.search(r"<small>2 <span class=\"vh\">messages</span>", browser.text)
    act(house, browser, person, c=[ids(browser, "c")["Re: Projet"]], faire="archiver")
    assert house.subjects(person, "Archive") == ["Projet", "Re: Projet"]
    assert "2 messages archivés" in browser.text
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"conversations": False})
    browser.get(f"/m/dossier/{house.box(person, 'Archive').id}")
    assert shown(browser) == ["Re: Projet", "Projet"]


def test_all_of_the_folder_is_chosen_on_the_server(house: House, person: Principal, browser: Visitor) -> None:
    """214 messages are moved by one word of the form, and come back by one undo; filters limit what all means."""
    for number in range(214):
        house.deliver(person, mail(f"Lot {number % 40}", body=f"{number}\n"))
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"conversations": False})
    browser.get("/m/")
    assert "Choisir les 214 messages du dossier" in unescape(browser.text)
    some = list(ids(browser).values())[:3]
    act(house, browser, person, m=some, faire="suivre")
    act(house, browser, person, tout="dossier", vue="f=suivis&tri=date", faire="archiver")
    assert "3 messages archivés" in browser.text
    act(house, browser, person, tout="dossier", vue="tri=date", faire="supprimer")
    assert "211 messages mis à la corbeille" in browser.text
    assert house.box(person, "Trash").messages == 211
    browser.post("/m/annuler", {"jeton": browser.field("jeton")})
    assert house.box(person, "INBOX").messages == 211
    browser.post(
        f"/m/dossier/{house.box(person, 'INBOX').id}/agir", {"faire": "effacer", "tout": "dossier", "vue": "tri=date"}
    )
    assert "211 messages du dossier" in unescape(browser.text)
    browser.post(
        f"/m/dossier/{house.box(person, 'INBOX').id}/agir",
        {"faire": "effacer", "tout": "dossier", "vue": "tri=date", "confirme": "1"},
    )
    assert house.box(person, "INBOX").messages == 0


def test_what_came_after_the_list_was_shown_is_not_among_all_of_it(
    house: House, person: Principal, browser: Visitor
) -> None:
    """Nobody has seen it: neither the whole folder nor a conversation takes it along, and none is erased."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"conversations": False})
    for number in range(3):
        house.deliver(person, mail(f"Vu {number}"))
    page = browser.get("/m/").text
    shown_to = browser.field("avant")
    house.deliver(person, mail("Venu depuis"))
    box = house.box(person, "INBOX").id
    everything = {"tout": "dossier", "vue": "tri=date", "avant": shown_to}
    browser.post(f"/m/dossier/{box}/agir", {**everything, "faire": "lu"}, page=page)
    assert house.box(person, "INBOX").unseen == 1
    browser.post(f"/m/dossier/{box}/agir", {**everything, "faire": "effacer"})
    assert "3 messages du dossier" in unescape(browser.text)
    assert browser.field("avant") == shown_to
    browser.post(f"/m/dossier/{box}/agir", {**everything, "faire": "effacer", "confirme": "1"})
    assert house.subjects(person, "INBOX") == ["Venu depuis"]


def test_an_answer_that_came_meanwhile_is_not_put_away_with_its_conversation(
    house: House, person: Principal, browser: Visitor
) -> None:
    first = mail("Projet").replace(b"Message-ID: <", b"Message-ID: <racine@exemple.org>\r\nX-Old: <")
    house.deliver(person, first)
    reply = "In-Reply-To: <racine@exemple.org>\r\nReferences: <racine@exemple.org>\r\n"
    house.deliver(person, mail("Re: Projet", body="un\n", more=reply))
    browser.get("/m/")
    (chosen,) = ids(browser, "c").values()
    shown_to = browser.field("avant")
    house.deliver(person, mail("Re: Projet", body="et deux\n", more=reply))
    act(house, browser, person, c=[chosen], faire="supprimer", avant=shown_to)
    assert house.subjects(person, "INBOX") == ["Re: Projet"]
    assert len(house.subjects(person, "Trash")) == 2


def test_last_acts_can_be_undone_from_their_page(
    house: House, person: Principal, browser: Visitor, emma: Principal
) -> None:
    house.deliver(person, mail("Un"))
    browser.get("/m/")
    act(house, browser, person, m=list(ids(browser).values()), faire="supprimer")
    browser.get("/m/annuler")
    assert "1 message, de « Boîte de réception » vers « Corbeille »" in unescape(browser.text).replace("\u202f", " ")
    act_id = re.search(r'name="acte"\s+value="([0-9a-f]{64})"', browser.text)
    assert act_id
    stranger = house.visitor()
    stranger.log_in(emma.login, interface="complet")
    stranger.get("/m/")
    stranger.get("/m/reglages")
    stranger.post("/m/annuler", {"acte": act_id[1]})
    assert house.subjects(person, "Trash") == ["Un"]
    browser.post("/m/annuler", {"acte": act_id[1]})
    assert house.subjects(person, "INBOX") == ["Un"]
    browser.get("/m/annuler")
    assert "Rien à annuler" in browser.text
    browser.get("/m/reglages")
    browser.post("/m/annuler", {"acte": "zz"})
    assert "trop tard" in browser.text


def test_tags_copies_and_flags(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Un"))
    archive = house.box(person, "Archive").id
    browser.get("/m/")
    chosen = list(ids(browser).values())
    act(house, browser, person, m=chosen, faire="etiqueter", etiquette="$label1")
    assert flags(house, person)["Un"] == {"$label1"}
    assert '<em class="t-rouge">Important</em>' in browser.text
    browser.get(f"/m/dossier/{house.box(person, 'INBOX').id}?etiquette=$label1")
    assert shown(browser) == ["Un"]
    act(house, browser, person, m=chosen, faire="etiqueter", etiquette="$inconnue")
    assert "Choisissez une étiquette" in browser.text
    act(house, browser, person, m=chosen, faire="desetiqueter", etiquette="$label1")
    assert flags(house, person)["Un"] == set()
    act(house, browser, person, m=chosen, faire="copier", vers=str(archive))
    assert house.subjects(person, "Archive") == house.subjects(person, "INBOX") == ["Un"]
    act(house, browser, person, m=chosen, faire="suivre")
    act(house, browser, person, m=chosen, faire="plussuivre")
    assert flags(house, person)["Un"] == set()
    act(house, browser, person, faire="archiver")
    assert "Aucun message n’était coché" in browser.text


def test_messages_are_put_off_and_come_back_on_top(house: House, person: Principal, browser: Visitor) -> None:
    """A message leaves the inbox, waits where other programs see it, and comes back unread at its time, once."""
    house.deliver(person, mail("Patience"))
    browser.get("/m/")
    act(house, browser, person, m=list(ids(browser).values()), faire="reporter", quand="", quand_le="2001-01-01T08:00")
    assert "moment à venir" in browser.text
    act(house, browser, person, m=list(ids(browser).values()), faire="reporter", quand="demain")
    assert re.search(r"1.message reporté.: il reviendra le \w+ (?:1er|\d+) \S+ \d{4}, 08:00\.", browser.text)
    assert house.subjects(person, "INBOX") == []
    assert house.subjects(person, snooze.PLACE) == ["Patience"]
    browser.get(f"/m/dossier/{house.box(person, snooze.PLACE).id}")
    assert "Revient le" in browser.text
    house.deliver(person, mail("Entre-temps"))
    assert not house.store.read_now(snooze.is_due)
    house.clock.ahead = 3 * 86400
    try:
        assert house.store.write_now(snooze.wake) == 1
        assert house.store.write_now(snooze.wake) == 0
        assert flags(house, person) == {"Patience": set(), "Entre-temps": set()}
        assert house.subjects(person, snooze.PLACE) == []
        browser.log_in(person.login, interface="complet")
        assert shown(browser) == ["Patience", "Entre-temps"]
    finally:
        house.clock.ahead = 0


@pytest.mark.parametrize(
    ("at", "names"),
    [
        ("2027-01-09T10:00", ["Ce soir", "Demain matin", "Lundi matin", "Dans une semaine"]),
        ("2027-01-10T10:00", ["Ce soir", "Lundi matin", "Dans une semaine"]),  # a Sunday
        ("2027-01-11T19:00", ["Demain matin", "Dans une semaine"]),
    ],
)
def test_a_moment_to_come_back_is_offered_once(
    house: House, person: Principal, browser: Visitor, at: str, names: list[str]
) -> None:
    house.clock.ahead += (
        datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() - house.clock.now()
    )
    try:
        house.deliver(person, mail("Patience"))
        browser.log_in(person.login, interface="complet")
        menu = browser.text.partition('id="menu-reporter"')[2].partition("</ul>")[0]
        assert re.findall(r'<button name="revient" value="\w+">(.*?) \(', menu) == names
    finally:
        house.clock.ahead = 0


def test_what_one_took_back_oneself_is_not_brought_back_twice(
    house: House, person: Principal, browser: Visitor
) -> None:
    house.deliver(person, mail("Repris"))
    browser.get("/m/")
    act(house, browser, person, m=list(ids(browser).values()), faire="reporter", quand="semaine")
    browser.post("/m/annuler", {"jeton": browser.field("jeton")})
    assert house.subjects(person, "INBOX") == ["Repris"]
    house.clock.ahead = 30 * 86400
    try:
        while house.store.write_now(snooze.wake):
            pass
        assert house.subjects(person, "INBOX") == ["Repris"]
    finally:
        house.clock.ahead = 0


def test_muted_conversations_go_to_the_archive(house: House, person: Principal, browser: Visitor) -> None:
    reply = "In-Reply-To: <bruit@exemple.org>\r\nReferences: <bruit@exemple.org>\r\n"
    house.deliver(person, mail("Bruit 1", more=reply))
    browser.get("/m/")
    act(house, browser, person, m=list(ids(browser).values()), faire="masquer")
    assert house.subjects(person, "Archive") == ["Bruit 1"]
    house.deliver(person, mail("Bruit 2", more=reply))
    house.deliver(person, mail("Musique"))
    assert person.account_id in house.store.read_now(muting.behind)
    assert house.store.write_now(muting.silence, person.account_id) == 1
    assert person.account_id not in house.store.read_now(muting.behind)
    assert house.subjects(person, "INBOX") == ["Musique"]
    assert flags(house, person, "Archive")["Bruit 2"] == {"\\Seen"}
    browser.get(f"/m/dossier/{house.box(person, 'Archive').id}")
    chosen = [*ids(browser).values(), *ids(browser, "c").values()]
    act(house, browser, person, "Archive", c=chosen, faire="demasquer")
    house.deliver(person, mail("Bruit 3", more=reply))
    assert house.store.write_now(muting.silence, person.account_id) == 0
    assert house.subjects(person, "INBOX") == ["Musique", "Bruit 3"]


def test_files_of_what_is_chosen(house: House, person: Principal, browser: Visitor) -> None:
    octets = mail("Éléments : a/b", body="From moi\n")
    midnight = house.clock.forward_to(0, 10)  # in UTC it is yesterday
    house.deliver(person, octets)
    far = update(message).where(message.c.content_id == house.deliver(person, mail("Deux")))
    house.store.write_now(lambda tx: tx.execute(far.values(internal_date=1 << 37)))  # no zip file tells of that year
    box = house.box(person, "INBOX").id
    browser.log_in(person.login, interface="complet")
    browser.get("/m/")
    page, chosen = browser.text, list(ids(browser).values())
    answer = browser.post(f"/m/dossier/{box}/emporter", {"m": chosen, "sous": "zip"}, page)
    assert answer.headers["content-disposition"].endswith(f'"messages-{midnight:%Y-%m-%d}.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert [name[6:] for name in file.namelist()] == ["Éléments   a b.eml", "Deux.eml"]
        assert file.read(file.namelist()[0]).endswith(octets[-30:])
        day = (midnight.year, midnight.month, midnight.day)
        assert [one.date_time[:4] for one in file.infolist()] == [(*day, 0), (2107, 12, 30, 1)]
    answer = browser.post(f"/m/dossier/{box}/emporter", {"tout": "dossier", "vue": "tri=date", "sous": "mbox"}, page)
    assert answer.content.count(b"\nFrom MAILER-DAEMON ") + answer.content.startswith(b"From MAILER-DAEMON ") == 2
    assert b"\n>From moi" in answer.content
    browser.post(f"/m/dossier/{box}/emporter", {"sous": "zip"}, page)
    assert "Aucun message n’était coché" in browser.text


def test_forwarding_leads_to_a_letter_with_the_messages(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, mail("À joindre"))
    browser.get("/m/")
    box = house.box(person, "INBOX").id
    mark = re.search(r'name="m_"\s+value="([^"]+)"', browser.text)
    assert mark
    form = {"m_": mark[1], "m": str(content), "faire": "transferer"}
    answer = browser.http.post(f"/m/dossier/{box}/agir", data=form, follow_redirects=False)
    assert answer.headers["location"] == f"/m/ecrire?joindre={content}"


def test_panes_get_fragments(house: House, person: Principal, browser: Visitor) -> None:
    """What a script asks for is the content of a pane; caches are told."""
    content = house.deliver(person, mail("Volet"))
    asks = {"hx-request": "true", "hx-request-type": "partial"}
    for path, there in (("/m/", 'id="liste"'), (f"/m/message/{content}", "À demain.")):
        page, part = browser.get(path), browser.get(path, headers=asks)
        assert "<html" in page.text
        assert "<html" not in part.text
        assert there in page.text
        assert there in part.text
        assert 'id="lecteur"' not in part.text
        assert 'class="applis"' not in part.text
        assert "HX-Request-Type" in part.headers["vary"]
    browser.http.cookies.clear()
    assert browser.get("/m/", headers=asks).status_code == 401


def share(house: House, owner: Principal, reader: Principal, rights: str) -> int:
    """The owner's INBOX, which the reader now reaches with these rights."""
    viewer, origin = Viewer.of(owner.account_id, owner.login), Origin("self", "web")
    house.store.write_now(access.change, viewer, "INBOX", reader.login, "=", frozenset(rights), origin, negative=False)
    return house.box(owner, "INBOX").id


def test_mailboxes_of_others_open_by_rights(
    house: House, person: Principal, browser: Visitor, marc: Principal, emma: Principal
) -> None:
    house.deliver(marc, mail("Chez Marc"))
    box = share(house, marc, person, "lr")
    browser.get("/m/")
    assert "Partagés avec moi" in browser.text
    assert f"<bdi>{marc.login}</bdi>" in browser.text
    assert f'data-boite="{box}"' in browser.text
    browser.get(f"/m/dossier/{box}")
    assert shown(browser) == ["Chez Marc"]
    assert 'value="supprimer"' not in browser.text
    assert 'value="suivre"' not in browser.text
    chosen = list(ids(browser).values())
    page = browser.text
    for action in ("supprimer", "lu", "suivre", "effacer"):
        answer = browser.post(f"/m/dossier/{box}/agir", {"m": chosen, "faire": action, "confirme": "1"}, page)
        assert answer.status_code == 403, action
    for action in ("reporter", "masquer"):
        form = {"m": chosen, "faire": action, "quand": "demain"}
        assert browser.post(f"/m/dossier/{box}/agir", form, page).status_code in (403, 404), action
    archive = house.box(person, "Archive").id
    browser.post(f"/m/dossier/{box}/agir", {"m": chosen, "faire": "copier", "vers": str(archive)}, page)
    assert house.subjects(person, "Archive") == ["Chez Marc"]
    share(house, marc, person, "lrswite")
    browser.get(f"/m/dossier/{box}")
    browser.post(f"/m/dossier/{box}/agir", {"m": chosen, "faire": "supprimer"})
    assert house.subjects(person, "Trash") == ["Chez Marc"]
    assert house.subjects(marc, "INBOX") == []
    share(house, marc, person, "")
    assert browser.get(f"/m/dossier/{box}").status_code == 404
    assert browser.get(f"/m/dossier/{house.box(emma, 'INBOX').id}").status_code == 404


def test_messages_of_others_are_read_by_rights(
    house: House, person: Principal, browser: Visitor, emma: Principal
) -> None:
    """Reading without the right to keep \\Seen leaves a message new; nothing else of the owner's is reached."""
    rich = (
        mail("Chez Emma", more="X: 1\r\n").replace(b"text/plain", b"text/html").replace(b"Bonjour", b"<b>Bonjour</b>")
    )
    content = house.deliver(emma, rich)
    kept = house.deliver(emma, mail("Rangé"))
    archive = house.box(emma, "Archive").id
    everything = Chosen((kept,))
    viewer = Viewer.of(emma.account_id, emma.login)
    house.store.write_now(
        handling.put,
        viewer,
        house.box(emma, "INBOX").id,
        archive,
        everything,
        0,
        (b"z" * 32, 9),
        ((), ()),
        messages.NO_QUOTA,
    )
    box = share(house, emma, person, "lr")
    browser.get(f"/m/dossier/{box}")
    assert f'href="/m/partage/{box}/{content}?d={box}"' in browser.text
    browser.get(f"/m/partage/{box}/{content}")
    assert "Chez Emma" in browser.text
    assert "À demain" in browser.text
    assert 'value="supprimer"' not in browser.text
    assert "\\Seen" not in flags(house, emma)["Chez Emma"]
    assert "<b>Bonjour</b>" in browser.get(f"/m/partage/{box}/{content}/corps").text
    assert browser.get(f"/m/partage/{box}/{content}/eml").content.endswith(rich[-20:])
    for path in (f"/m/partage/{box}/{kept}", f"/m/partage/{archive}/{kept}", f"/m/message/{content}?d={box}"):
        assert browser.get(path).status_code == 404, path
    share(house, emma, person, "lrs")
    browser.get(f"/m/partage/{box}/{content}")
    assert "\\Seen" in flags(house, emma)["Chez Emma"]
    share(house, emma, person, "")
    for end in ("", "/corps", "/eml", "/piece/1"):
        assert browser.get(f"/m/partage/{box}/{content}{end}").status_code == 404


def test_shortcuts_have_a_page_and_can_be_turned_off(browser: Visitor) -> None:
    assert "raccourcis" in re.findall(r'<body class="([^"]*)"', browser.get("/m/").text)[0].split()
    browser.get("/m/raccourcis")
    assert "Annuler la dernière action" in browser.text
    browser.post("/m/raccourcis", {"faire": "desactiver"})
    assert "Les raccourcis sont désactivés" in browser.text
    assert "raccourcis" not in re.findall(r'<body class="([^"]*)"', browser.get("/m/").text)[0].split()


def test_the_rail_shows_what_a_role_may_open(house: House, browser: Visitor) -> None:
    assert 'href="/secretariat"' not in browser.get("/m/").text
    office = house.person("Odile", "Rail", Role.SECRETARIAT)
    theirs = house.visitor()
    text = theirs.log_in(office.login, interface="complet").text
    assert 'href="/secretariat"' in text
    assert 'href="/admin"' not in text
    assert re.search(r'<a href="/m/" aria-current=page>', text)
