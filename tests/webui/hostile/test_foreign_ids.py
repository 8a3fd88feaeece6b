"""Every id in every address, tried by somebody else: refused, and no otherwise than an id that nobody has.

The addresses are walked as the application has them, so that a new one is tried as well: a parameter that this file
does not know fails the test until it is told whose it is.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import func, select
from starlette.routing import BaseRoute, Mount, Route

from mailserver.mime.header.headers import clean
from mailserver.model.identity import Principal
from mailserver.store.account import bulletins, stored_preferences
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, known_senders, mailboxes
from mailserver.store.mail.access import Viewer
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.queue import list_posts
from mailserver.store.queue.spool import Options
from mailserver.store.record.audit import Origin
from mailserver.store.schema.account.push import push_subscription
from mailserver.store.schema.account.sessions import picture_sender, preference, trusted_sender
from mailserver.store.schema.agendas import item
from mailserver.store.schema.mail.messages import message
from mailserver.store.schema.mail.writing import model, outbox, signature
from mailserver.store.schema.service.bulletins import bulletin_closed
from mailserver.store.web import push_subscriptions, signatures
from mailserver.store.web.push_subscriptions import NewSubscription
from mailserver.store.web.signatures import Model, Signature
from tests.outbound.mailings.rows import keep
from tests.webui.hostile.envelopes import PNG, TEXT, file, html, multipart
from tests.webui.hostile.envelopes import message as written
from tests.webui.house import House, Visitor
from webui.app import asgi as app
from webui.page.agenda_links import item_id

NOBODY = "987654321"
PUBLIC = frozenset({"file", "section", "view", "day", "token"})
"""Parameters that name nothing of anybody's."""
PUBLIC_PATHS = re.compile(r"/contacts/annuaire/|/static/")
"""The directory is everybody's; who sees whom in it has tests of its own."""
ALIKE = re.compile(r"/depuis$|/etat$")
"""One's own messages beside a draft, and what no longer waits: answers that depend on nothing of anybody else's."""
DEEDS = ("", "supprimer", "envoyer", "oui", "toujours", "sur")
"""What buttons say: one of them is what a form does."""


def routes(found: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str, frozenset[str]]]:
    """Every address with parameters: its method, its path, its parameters."""
    for one in found:
        if isinstance(one, Mount):
            yield from routes(one.routes, prefix + one.path)
        elif isinstance(one, Route) and one.param_convertors:
            for method in sorted((one.methods or set()) - {"HEAD"}):
                yield method, prefix + one.path, frozenset(one.param_convertors)


@pytest.fixture(scope="module")
def addresses(house: House) -> list[tuple[str, str, frozenset[str]]]:
    front = app.create(
        settings=house.settings,
        store=house.store,
        clock=house.clock,
        directory=house.directory,
        login=house.login,
        delivery=house.delivery,
        submission=house.submission,
    )
    return list(routes(front.routes))


@pytest.fixture(scope="module")
def hers(house: House, emma: Principal) -> Mapping[str, str]:
    """Something of Emma's for each parameter."""
    events = file(_EVENT.encode(), "text/calendar", 'attachment; filename="x.ics"')
    cards = file(_CARD.encode(), "text/vcard", 'attachment; filename="x.vcf"')
    parts = (html(b"<b>secret</b>"), file(PNG, "image/png"), TEXT, events, cards)
    content = house.deliver(emma, written(multipart(*parts), subject="secret"))
    write = house.store.write_now
    box = write(mailboxes.create, emma.account_id, "Secret")
    made = write(personal_lists.create, emma.account_id, "secret", ["x@exemple.org"])
    write(agendas.provision, emma.account_id)
    shelf = house.store.read_now(agendas.find, emma.account_id, "agenda")
    book = house.store.read_now(agendas.find, emma.account_id, "contacts")
    chores = house.store.read_now(agendas.find, emma.account_id, "taches")
    assert shelf is not None
    assert book is not None
    assert chores is not None
    event = agenda_items.NewItem("e.ics", "e", "etag", "e", "VEVENT", 1_800_000_000, 1_800_003_600, _EVENT)
    card = agenda_items.NewItem("c.vcf", "c", "etag", "c", "VCARD", 0, 0, _CARD)
    write(agenda_items.put, emma.account_id, shelf.id, event, None)
    write(agenda_items.put, emma.account_id, book.id, card, None)
    task = agenda_items.NewItem("t.ics", "t", "etag", "t", "VTODO", 0, 0, _TASK)
    write(agenda_items.put, emma.account_id, chores.id, task, None)
    browser = house.visitor()
    browser.log_in(emma.login)
    browser.get("/s/ecrire")
    letter = {"a": "x@exemple.org", "objet": "secret", "texte": "secret"}
    key = browser.field("cle")
    browser.post("/s/ecrire", {**letter, "cle": key, "faire": "enregistrer"})
    assert browser.page is not None
    draft = str(browser.page.url.path).rpartition("/")[2]
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", {**letter, "cle": browser.field("cle"), "quand": _LATER, "faire": "planifier"})
    waiting = house.store.read_now(_waiting, emma.account_id)
    return {
        "message": str(content),
        "box": str(box.id),
        "draft": draft,
        "list": str(made),
        "shelf": str(shelf.id),
        "item": item_id(shelf.id, "e.ics"),
        "task": item_id(chores.id, "t.ics"),
        "book": "contacts",
        "href": "c.vcf",
        "account": str(emma.account_id),
        "post": str(house.store.write_now(_posted, emma.account_id)),
        "address": "secret@ac-exemple.fr",
        "key": "secret",
        "name": "0" * 24,
        "number": str(waiting),
        "mailing": str(keep(house.store, emma, written(TEXT, subject="secret"))),
        "bulletin": str(_closed_by_her(house, emma)),  # everybody's; whether there is one is not told
        **dict.fromkeys(("job", "run", "uai"), "1"),  # the administration console's: nothing of it exists for others
    }


_LATER = time.strftime("%Y-%m-%dT08:00", time.localtime(time.time() + 20 * 86400))
_EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:e\r\nDTSTAMP:20261101T000000Z\r\n"
    "DTSTART:20270115T080000Z\r\nDTEND:20270115T090000Z\r\nSUMMARY:secret\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_TASK = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:t\r\nDTSTAMP:20261101T000000Z\r\n"
    "SUMMARY:secret\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
)
_CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c\r\nFN:secret\r\nN:secret;;;;\r\nEMAIL:s@exemple.org\r\nEND:VCARD\r\n"


def _posted(tx: Tx, account_id: int) -> int:
    """A message of a list that nobody here looks after."""
    posted = list_posts.Posted("secret@ac-exemple.fr", "A", account_id, "secret", "secret", 1)
    return list_posts.record(tx, posted, 0, lambda _: "", lifetime=1, options=Options())


def _waiting(tx: Tx, account_id: int) -> int:
    return int(tx.execute(select(func.max(outbox.c.id)).where(outbox.c.account_id == account_id)).scalar() or 0)


def _closed_by_her(house: House, emma: Principal) -> int:
    """An announcement to everybody; beside it what else is hers and has no address: a browser, texts, choices."""
    write, now = house.store.write_now, int(house.clock.now())
    draft = bulletins.Draft(bulletins.Kind.ANNOUNCEMENT, now, 0, "Panne vendredi.")
    number = write(bulletins.post, Origin("admin", "test"), draft)
    write(bulletins.close, emma.account_id, number, _written(house, number))
    told = NewSubscription("https://push.example.org/a", b"p" * 65, b"s" * 16, b"b" * 32, "Firefox", "fr")
    write(push_subscriptions.subscribe, emma.account_id, told)
    write(signatures.save_model, emma.account_id, Model(0, emma.account_id, "secret", "secret", "secret"))
    write(signatures.save_signature, emma.account_id, Signature(0, "secret", "secret"))
    write(stored_preferences.revise_preferences, emma.account_id, {"page_size": 25})
    write(known_senders.trust, emma.account_id, "s@exemple.org")
    write(known_senders.show_pictures, emma.account_id, "s@exemple.org")
    return number


def _written(house: House, number: int) -> int:
    return next(one.written for one in house.store.read_now(bulletins.listing) if one.id == number)


class State(NamedTuple):
    """What must be the same afterwards."""

    messages: list[tuple[int, ...]]
    """Every message's place and flags."""
    items: list[tuple[object, ...]]
    owned: dict[str, list[tuple[object, ...]]]
    """What is Emma's alone, by table."""


OWNED = (model, signature, outbox, push_subscription, bulletin_closed, preference, picture_sender, trusted_sender)


def _state(tx: Tx, account_id: int) -> State:
    messages = tx.execute(
        select(message.c.mailbox_id, message.c.uid, message.c.flags).order_by(message.c.mailbox_id, message.c.uid)
    ).all()
    items = tx.execute(select(item.c.collection_id, item.c.href, item.c.etag).order_by(item.c.href)).all()
    owned = {
        table.name: sorted(
            (tuple(row) for row in tx.execute(select(table).where(table.c.account_id == account_id))), key=repr
        )
        for table in OWNED
    }
    return State([tuple(row) for row in messages], [tuple(row) for row in items], owned)


PARTS = {"agenda": "4", "contacts": "5"}
"""The part of the message that is put there; the first is read."""


def _filled(path: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name == "item" and "/taches/" in path:
            return values["task"]
        return PARTS.get(path.rpartition("/")[2], "1") if name == "number" and "/envois/" not in path else values[name]

    return re.sub(r"\{(\w+)(?::\w+)?\}", value, path)


def _said(answer: httpx.Response, values: Mapping[str, str]) -> tuple[int, str, str]:
    """What an answer tells: its status, where it leads, its words without what differs each time or was asked for."""
    text = answer.text
    for value in sorted(values.values(), key=len, reverse=True):
        text = text.replace(value, "")
    words = re.sub(r'name="m_" value="[^"]+"|name="cle" value="[^"]+"|[0-9]+', "", text)
    return answer.status_code, re.sub(r"[0-9]+", "", answer.headers.get("location", "")), clean(words)


@pytest.fixture(scope="module")
def stranger(house: House, marc: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(marc.login)
    made.http.follow_redirects = False
    made.get("/s/reglages/affichage")
    return made


def test_every_parameter_is_known(addresses: list[tuple[str, str, frozenset[str]]], hers: Mapping[str, str]) -> None:
    unknown = {name for _, _, names in addresses for name in names} - hers.keys() - PUBLIC
    assert unknown == set()
    assert len(addresses) > 100
    assert [name for name, value in hers.items() if value in ("", "0")] == []


def test_what_is_tried_is_there_for_its_owner(house: House, emma: Principal, hers: Mapping[str, str]) -> None:
    """A part that is no file of events, or a task that is none, would be refused to everybody."""
    owner = house.visitor()
    owner.log_in(emma.login)
    assert "secret" in owner.get(f"/agenda/taches/{hers['task']}").text
    for where, number in PARTS.items():
        assert f"/apercu/{number}/{where}" in owner.get(f"/s/message/{hers['message']}/apercu/{number}").text
    owned = house.store.read_now(_state, emma.account_id).owned
    assert [name for name, rows in owned.items() if not rows] == []


def test_ids_of_others_are_refused_like_ids_of_nobody(
    house: House,
    stranger: Visitor,
    marc: Principal,
    emma: Principal,
    addresses: list[tuple[str, str, frozenset[str]]],
    hers: Mapping[str, str],
) -> None:
    nobodys = {
        **dict.fromkeys(hers, NOBODY),
        "item": item_id(int(NOBODY), "e.ics"),
        "task": item_id(int(NOBODY), "t.ics"),
        "address": "nobody@ac-exemple.fr",
        "book": "contacts",
        "href": "x.vcf",
    }
    mark = re.search(r'name="m_" value="([^"]+)"', stranger.text)
    assert mark
    house.store.write_now(agendas.provision, marc.account_id)
    shelf = house.store.read_now(agendas.find, marc.account_id, "agenda")
    assert shelf is not None
    faults = []
    before = house.store.read_now(_state, emma.account_id)
    for method, path, names in addresses:
        if names <= PUBLIC or PUBLIC_PATHS.search(path):
            continue
        if method == "POST" and path.startswith("/m/"):
            continue  # the handlers are those of /s/
        deeds = ("",) if method == "GET" else DEEDS
        for deed in deeds:
            said = []
            for values in (hers, nobodys):
                form = {
                    "m_": mark.group(1),
                    "faire": deed,
                    "m": hers["message"],
                    "vers": hers["box"],
                    "confirme": "1",
                    "etag": "etag",
                    "ecrite": str(_written(house, int(hers["bulletin"]))),
                    "ou": str(shelf.id) if path.endswith("/agenda") else "",
                }
                address = _filled(path, values)
                answer = stranger.http.get(address) if method == "GET" else stranger.http.post(address, data=form)
                said.append(_said(answer, values))
            where = f"{method} {path} {deed}"
            refused = said[0][0] in (403, 404) or ALIKE.search(path)
            if said[0][0] >= 500 or (method == "GET" and not refused):
                faults.append(f"{where}: {said[0][0]}")
            if said[0] != said[1]:
                faults.append(f"{where}: {said[0][:2]} for hers, {said[1][:2]} for nobody's")
            if "secret" in said[0][2].replace("secretariat", "") and "secret" not in path:
                faults.append(f"{where} tells")
    assert not faults, "\n".join(faults)
    assert house.store.read_now(_state, emma.account_id) == before
    assert int(hers["bulletin"]) in house.store.read_now(bulletins.closed, marc.account_id), "for himself alone"


def test_ids_in_forms_and_queries_are_refused_too(
    house: House, stranger: Visitor, marc: Principal, emma: Principal, hers: Mapping[str, str]
) -> None:
    """What is not in the path: messages ticked in one's own folder, folders to move to, messages to answer."""
    inbox = house.box(marc, "INBOX")
    mark = re.search(r'name="m_" value="([^"]+)"', stranger.text)
    assert mark
    before = house.store.read_now(_state, emma.account_id)
    own = house.deliver(marc, written(TEXT, subject="à moi"))
    for deed in ("lu", "supprimer", "archiver", "effacer"):
        form = {"m_": mark.group(1), "m": hers["message"], "faire": deed, "confirme": "1"}
        assert stranger.http.post(f"/s/dossier/{inbox.id}/agir", data=form).status_code in (303, 404)
    form = {"m_": mark.group(1), "m": str(own), "faire": "deplacer", "vers": hers["box"]}
    assert stranger.http.post(f"/s/dossier/{inbox.id}/agir", data=form).status_code == 404
    for query in ("repondre", "tous", "liste", "transferer", "joindre", "modifier"):
        theirs = stranger.http.get(f"/s/ecrire?{query}={hers['message']}")
        nobodys = stranger.http.get(f"/s/ecrire?{query}={NOBODY}")
        assert theirs.status_code == nobodys.status_code == 404, query
    inner, inbox_of_hers = hers["box"], str(house.box(emma, "INBOX").id)
    for query in ("repondre", "tous", "liste", "transferer", "joindre", "modifier", "a"):
        for box in (inner, inbox_of_hers):
            theirs = stranger.http.get(f"/s/ecrire?{query}={hers['message']}&boite={box}")
            nobodys = stranger.http.get(f"/s/ecrire?{query}={NOBODY}&boite={NOBODY}")
            assert theirs.status_code == nobodys.status_code == 404, (query, box)
        assert stranger.http.get(f"/s/ecrire?{query}={hers['message']}&boite={inbox.id}").status_code != 500
    for where in (inner, inbox_of_hers, NOBODY):
        assert stranger.http.get(f"/s/recherche?q=secret&d={where}").status_code == 404
    for where in ("-1", "-2", "-3", "partout"):
        found = stranger.http.get(f"/s/recherche?q=objet:secret&d={where}")
        assert found.status_code == 200
        assert "Aucun résultat" in found.text
    assert stranger.http.get(f"/s/message/{own}?d={hers['box']}").status_code == 200
    stranger.http.get(f"/s/recherche?q=secret&d={hers['box']}")
    after = house.store.read_now(_state, emma.account_id)
    assert [row for row in after.messages if row in before.messages] == before.messages


def test_rights_that_are_gone_are_gone_in_every_form(
    house: House, stranger: Visitor, marc: Principal, emma: Principal, hers: Mapping[str, str]
) -> None:
    """A mailbox one could read a moment ago: forms opened then, and every address, are as if it had never been."""
    inbox, box = house.box(emma, "INBOX"), str(house.box(emma, "INBOX").id)
    owner, origin = Viewer.of(emma.account_id, emma.login), Origin("self", "web")

    def let(rights: str) -> None:
        given = frozenset(rights)
        house.store.write_now(access.change, owner, "INBOX", marc.login, "=", given, origin, negative=False)

    let("lrswite")
    at = f"/s/partage/{box}/{hers['message']}"
    assert "secret" in stranger.http.get(at).text
    page = stranger.http.get(f"/s/ecrire?transferer={hers['message']}&boite={box}").text
    assert "secret" in page
    key = re.search(r'name="cle" value="([^"]+)"', page)
    mark = re.search(r'name="m_" value="([^"]+)"', page)
    assert key
    assert mark
    let("")
    before = house.store.read_now(_state, emma.account_id)
    for end in ("", "/eml", "/source", "/entetes", "/imprimer", "/pieces.zip", "/apercu/2", "/corps", "/piece/2"):
        assert stranger.http.get(at + end).status_code == 404, end
    for query in ("repondre", "tous", "liste", "transferer", "joindre", "modifier"):
        assert stranger.http.get(f"/s/ecrire?{query}={hers['message']}&boite={box}").status_code == 404
    form = {"m_": mark.group(1), "cle": key.group(1), "a": marc.address, "objet": "x", "texte": "x", "boite": box}
    for source in ({"transfere": hers["message"]}, {"repond": hers["message"]}):
        for taken in ({"citation": "on"}, {"reprise": "2"}, {"reprise": f"eml:{hers['message']}"}):
            for deed in ("envoyer", "citer", "enregistrer", "verifier", "format:html"):
                sent = {**form, **source, **taken, "faire": deed, "cle": f"{deed}{taken}{source}"[:60]}
                answer = stranger.http.post("/s/ecrire", data=sent)
                assert answer.status_code in (200, 303, 422), (source, taken, deed)
                if answer.status_code == 303:
                    answer = stranger.http.get(answer.headers["location"])
                assert "secret" not in answer.text, (source, taken, deed)
    for deed in ("lu", "supprimer", "archiver", "effacer", "transferer", "copier"):
        form = {"m_": mark.group(1), "m": hers["message"], "faire": deed, "confirme": "1", "vers": box}
        assert stranger.http.post(f"/s/dossier/{box}/agir", data=form).status_code == 404, deed
    after = house.store.read_now(_state, emma.account_id)
    assert [row for row in after.messages if row[0] == inbox.id] == [
        row for row in before.messages if row[0] == inbox.id
    ]
    for name in ("INBOX", "Sent"):
        assert not any("secret" in subject for subject in house.subjects(marc, name))
        for place in range(len(house.subjects(marc, name))):
            assert b"secret" not in house.octets(marc, name, place)
