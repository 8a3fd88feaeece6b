"""Letters that wait: planned, called back, sent once whatever happens, given back with the reason if they cannot go."""

import threading
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import select

from mailserver.mime import scan, unpack
from mailserver.model.errors import Refused, Temporary
from mailserver.model.identity import ListKind, Principal
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.store.account import accounts, stored_preferences
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import collect
from mailserver.store.mail.access import Viewer, boxes
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import outbox
from mailserver.store.schema.outgoing.spool import queued_recipient
from tests.webui.house import House, Visitor
from tests.webui.test_compose import form, send

PARIS = ZoneInfo("Europe/Paris")
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    made = house.person("Nadia", f"Envoi-{len(_counter)}")
    house.store.write_now(stored_preferences.revise_preferences, made.account_id, {"undo_send": 10})
    return made


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Destin")


@pytest.fixture
def worker(house: House) -> ScheduledMail:
    """What another worker runs."""
    return house.outbox()


def write(browser: Visitor, **fields: str) -> httpx.Response:
    """A new letter, and its button Send."""
    browser.get("/s/ecrire")
    return send(browser, None, **fields)


def let_leave(house: House, worker: ScheduledMail, seconds: int = 11) -> None:
    """Time passes, the ten seconds at least; then a worker looks."""
    house.clock.ahead += seconds
    house.run(worker.round())


def received(house: House, person: Principal, subject: str) -> int:
    return house.subjects(person, "INBOX").count(subject)


def number_of(house: House, person: Principal) -> int:
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    return waiting.id


# ---------------------------------------------------------------------- ten seconds


def test_letter_leaves_when_its_seconds_are_over(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    text = write(browser, a=zoe.login, objet="Dix secondes", texte="x").text
    assert "Envoi dans 10 secondes" in text
    assert house.subjects(person, "Drafts") == []
    house.run(worker.round())
    assert received(house, zoe, "Dix secondes") == 0
    let_leave(house, worker)
    assert received(house, zoe, "Dix secondes") == 1
    assert house.subjects(person, "Sent") == ["Dix secondes"]
    sent = scan(house.octets(person, "Sent"))
    assert abs(sent.sent_at - house.clock.now()) < 5  # the date is that of its departure
    house.run(worker.round())
    assert received(house, zoe, "Dix secondes") == 1


def test_called_back_is_the_latest_draft(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, a=zoe.login, objet="Non", texte="ancien", faire="enregistrer"))
    send(browser, texte="dernier", a=f"{zoe.login}, Inconnu <ailleurs@exemple.org>")
    answer = browser.post(f"/s/envois/{number_of(house, person)}", {"faire": "annuler"})
    assert "de nouveau un brouillon" in answer.text
    assert "dernier</textarea>" in answer.text
    assert "ailleurs@exemple.org" in form(browser)["a"]
    let_leave(house, worker, 60)
    assert received(house, zoe, "Non") == 0
    assert house.subjects(person, "Drafts") == ["Non"]
    send(browser)  # and it may be sent after all, once
    let_leave(house, worker, 60)
    assert received(house, zoe, "Non") == 1


def test_too_late_to_call_back(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    write(browser, a=zoe.login, objet="Trop tard", texte="x")
    number = number_of(house, person)
    let_leave(house, worker)
    answer = browser.post(f"/s/envois/{number}", {"faire": "annuler"})
    assert "trop tard" in answer.text
    state = browser.http.get(f"/s/envois/{number}/etat?brouillon=1").json()
    assert state["etat"] == "parti"


def test_nobody_calls_back_anothers_letter(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    write(browser, a=zoe.login, objet="À moi", texte="x")
    number = number_of(house, person)
    other = house.visitor()
    other.log_in(zoe.login)
    other.post(f"/s/envois/{number}", {"faire": "annuler"})
    assert number_of(house, person) == number
    assert "À moi" not in other.get("/s/envois").text


# ---------------------------------------------------------------------- later


def test_planned_letter_is_listed_moved_and_leaves(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """In the person's own zone, whatever the server's is."""
    noon = datetime.fromtimestamp(house.clock.now() + 86400, PARIS).replace(hour=12, minute=30, second=0, microsecond=0)
    browser.get("/s/ecrire")
    data = form(browser, a=zoe.login, objet="Demain midi", texte="x", faire="planifier", quand=f"{noon:%Y-%m-%dT%H:%M}")
    text = browser.post("/s/ecrire", data).text
    assert "Envoi programmé" in text
    assert "Demain midi" in text
    assert "12:30" in text
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    assert waiting.due == int(noon.timestamp())
    assert waiting.planned
    later = noon.replace(hour=18)
    browser.post(f"/s/envois/{waiting.id}", {"faire": "planifier", "quand": f"{later:%Y-%m-%dT%H:%M}"})
    assert "18:30" in browser.text
    house.clock.ahead += noon.timestamp() - house.clock.now() + 60
    house.run(worker.round())
    assert received(house, zoe, "Demain midi") == 0
    let_leave(house, worker, 6 * 3600)
    assert received(house, zoe, "Demain midi") == 1


@pytest.mark.parametrize("when", ["", "hier", "2001-01-01T10:00", "9999-12-31T23:59", "2026-13-45T99:99"])
def test_impossible_time_is_said(house: House, person: Principal, browser: Visitor, zoe: Principal, when: str) -> None:
    browser.get("/s/ecrire")
    answer = browser.post(
        "/s/ecrire", form(browser, a=zoe.login, objet="Quand", texte="gardé", faire="planifier", quand=when)
    )
    assert answer.status_code == 422
    assert "date et une heure à venir" in answer.text
    assert "gardé</textarea>" in answer.text
    assert house.subjects(person, "Drafts") == ["Quand"]


def test_planned_letter_may_leave_now(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    when = datetime.fromtimestamp(house.clock.now() + 86400, PARIS)
    browser.get("/s/ecrire")
    browser.post(
        "/s/ecrire",
        form(browser, a=zoe.login, objet="Vite", texte="x", faire="planifier", quand=f"{when:%Y-%m-%dT%H:%M}"),
    )
    answer = browser.post(f"/s/envois/{number_of(house, person)}", {"faire": "maintenant"})
    assert "Message envoyé" in answer.text
    assert received(house, zoe, "Vite") == 1


# ---------------------------------------------------------------------- once, whatever happens


def test_several_workers_send_once(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    write(browser, a=zoe.login, objet="Course", texte="x")
    house.clock.ahead += 11
    threads = [threading.Thread(target=lambda: house.run(house.outbox().round())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received(house, zoe, "Course") == 1
    assert house.subjects(person, "Sent") == ["Course"]


def test_worker_that_dies_leaves_the_letter_to_another(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """Killed before the commit: nothing has happened, and when its lease is over somebody else sends it, once."""
    write(browser, a=zoe.login, objet="Orphelin", texte="x")
    number = number_of(house, person)
    house.clock.ahead += 11
    assert house.store.write_now(outbox.take, number) is not None  # and no more is heard of it
    house.run(worker.round())
    assert received(house, zoe, "Orphelin") == 0
    let_leave(house, worker, outbox.LEASE + 1)
    assert received(house, zoe, "Orphelin") == 1


def test_worker_that_was_only_slow_does_not_send_again(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """Two hold the same letter: the unit of the second finds no row, and does nothing."""
    write(browser, a=zoe.login, objet="Lent", texte="x")
    house.clock.ahead += 11
    slow = house.store.write_now(outbox.take, number_of(house, person))
    assert slow is not None
    let_leave(house, worker, outbox.LEASE + 1)
    with pytest.raises(Refused):
        house.run(worker._send(slow))
    assert received(house, zoe, "Lent") == 1


def test_call_back_and_departure_at_once_do_one_of_the_two(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    write(browser, a=zoe.login, objet="Ou bien", texte="x")
    house.clock.ahead += 11
    waiting = house.store.write_now(outbox.take, number_of(house, person))
    assert waiting is not None
    house.store.write_now(outbox.call_back, person.account_id, waiting.id)
    with pytest.raises(Refused):
        house.run(worker._send(waiting))
    assert received(house, zoe, "Ou bien") == 0
    assert house.subjects(person, "Drafts") == ["Ou bien"]


@pytest.mark.parametrize("turn", range(8))
def test_sent_now_and_called_back_together(
    house: House, person: Principal, browser: Visitor, zoe: Principal, turn: int
) -> None:
    """Sent now and called back in two windows at the same moment: one of them is first, and both pages say which."""
    subject = f"Ensemble {turn}"
    when = datetime.fromtimestamp(house.clock.now() + 86400, PARIS)
    browser.get("/s/ecrire")
    data = form(browser, a=zoe.login, objet=subject, texte="x", faire="planifier", quand=f"{when:%Y-%m-%dT%H:%M}")
    browser.post("/s/ecrire", data)
    address = f"/s/envois/{number_of(house, person)}"
    fields = {"m_": browser.field("m_"), "brouillon": browser.field("brouillon")}
    start = threading.Barrier(2)
    said: dict[str, str] = {}

    def press(what: str) -> None:
        start.wait()
        said[what] = browser.http.post(address, data={**fields, "faire": what}).text

    threads = [threading.Thread(target=press, args=(what,)) for what in ("maintenant", "annuler")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = received(house, zoe, subject)
    assert house.subjects(person, "Drafts") == ([] if left else [subject])
    assert house.store.read_now(outbox.listing, person.account_id) == []
    if left:
        assert "Message envoyé" in said["maintenant"]
        assert "le message est parti" in said["annuler"]
    else:
        assert "nvoi annulé" in said["maintenant"] or "déjà annulé" in said["maintenant"]
        assert "Envoi annulé" in said["annuler"]
        assert "Message envoyé" not in said["maintenant"]


@pytest.mark.parametrize("left", [False, True])
def test_a_page_of_letters_that_is_old_tells_the_truth(
    house: House, person: Principal, browser: Visitor, zoe: Principal, left: bool
) -> None:
    """Its letter has left, or is a draft again, by another window: each button says so."""
    subject = f"Vieille page {left}"
    when = datetime.fromtimestamp(house.clock.now() + 86400, PARIS)
    browser.get("/s/ecrire")
    data = form(browser, a=zoe.login, objet=subject, texte="x", faire="planifier", quand=f"{when:%Y-%m-%dT%H:%M}")
    browser.post("/s/ecrire", data)
    address, page = f"/s/envois/{number_of(house, person)}", browser.text
    fields = {"brouillon": browser.field("brouillon")}
    browser.post(address, {**fields, "faire": "maintenant" if left else "annuler"})
    for button in ("maintenant", "annuler", "planifier"):
        answer = browser.post(address, {**fields, "faire": button, "quand": f"{when:%Y-%m-%dT%H:%M}"}, page=page)
        assert ("le message est parti" if left else "déjà annulé") in answer.text
        assert "Message envoyé" not in answer.text
    assert received(house, zoe, subject) == left


def test_a_letter_that_is_on_its_way_is_not_announced_as_sent(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """While a worker has it, it has neither left nor stayed."""
    write(browser, a=zoe.login, objet="En chemin", texte="x")
    house.clock.ahead += 11
    assert house.store.write_now(outbox.take, number_of(house, person)) is not None
    answer = browser.post(f"/s/envois/{number_of(house, person)}", {"faire": "maintenant"})
    assert answer.status_code == 409
    assert "en train de partir" in answer.text
    assert received(house, zoe, "En chemin") == 0


def test_content_of_a_waiting_letter_is_not_collected(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """It is in no mailbox; the row keeps it alive, and lets go of it afterwards."""
    write(browser, a=zoe.login, objet="Gardé", texte="x")
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    house.store.write_now(collect.collect, int(house.clock.now()) + 10)
    assert house.store.read_now(outbox.octets, waiting, house.settings.data / "blobs")
    let_leave(house, worker)
    assert received(house, zoe, "Gardé") == 1


# ---------------------------------------------------------------------- what cannot leave


def test_letter_that_cannot_leave_is_a_draft_again_and_its_author_is_told(
    house: House, person: Principal, browser: Visitor, worker: ScheduledMail
) -> None:
    gone = house.person("Léon", f"Parti-{len(_counter)}")
    write(browser, a=gone.login, objet="Perdu", texte="mon texte")
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    house.store.write_now(accounts.suspend, gone.account_id, "", False)
    let_leave(house, worker)
    assert house.store.read_now(outbox.listing, person.account_id) == []
    assert house.subjects(person, "Drafts") == ["Perdu"]
    notice = house.octets(person, "INBOX")
    text = unpack(scan(notice).parts).text(notice)
    assert "n'a pas pu partir" in text
    assert "could not leave" not in text, "the author's pages are French"
    state = browser.http.get(f"/s/envois/{waiting.id}/etat?brouillon={waiting.draft_id}").json()
    assert state["etat"] == "brouillon"
    assert "mon texte</textarea>" in browser.get(state["adresse"]).text


def test_letter_waits_while_the_directory_is_out_of_reach(
    house: House,
    person: Principal,
    browser: Visitor,
    zoe: Principal,
    worker: ScheduledMail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(browser, a=zoe.login, objet="Patience", texte="x")
    house.clock.ahead += 11

    async def away(account_id: int) -> Principal | None:
        raise Temporary("The directory is out of reach")

    with monkeypatch.context() as patch:
        patch.setattr(house.directory, "by_account", away)
        house.run(worker.round())
    assert received(house, zoe, "Patience") == 0
    assert len(house.store.read_now(outbox.listing, person.account_id)) == 1
    let_leave(house, worker, 61)
    assert received(house, zoe, "Patience") == 1


# ---------------------------------------------------------------------- one copy each, copies, in whose name


def test_one_copy_for_each_recipient(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    marc = house.person("Marc", f"Second-{len(_counter)}")
    write(browser, a=f"{zoe.login}, {marc.login}", objet="Chacun", texte="x", separes="on")
    let_leave(house, worker)
    for one, other in ((zoe, marc), (marc, zoe)):
        octets = house.octets(one, "INBOX")
        root = unpack(scan(octets).parts)
        assert root.header(octets, "To") == one.address
        assert other.address.encode() not in octets
        assert root.header(octets, "Bcc") == ""
    assert house.subjects(person, "Sent") == ["Chacun"]
    kept = house.octets(person, "Sent")
    assert zoe.address in unpack(scan(kept).parts).header(kept, "Bcc")


def test_copies_that_have_left_are_not_sent_again(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """Killed between two copies: the next worker goes on with those who have none."""
    marc = house.person("Marc", f"Tiers-{len(_counter)}")
    write(browser, a=f"{zoe.login}, {marc.login}", objet="À moitié", texte="x", separes="on")
    house.clock.ahead += 11
    waiting = house.store.write_now(outbox.take, number_of(house, person))
    assert waiting is not None

    def half(tx: Tx) -> None:
        viewer = Viewer(person.account_id)
        outbox.departed(tx, waiting=waiting, reached=waiting.terms.recipients[:1], viewer=viewer)

    house.store.write_now(half)
    with pytest.raises(Refused):
        house.store.write_now(outbox.call_back, person.account_id, waiting.id)
    let_leave(house, worker, outbox.LEASE + 1)
    assert received(house, zoe, "À moitié") == 0  # it counted as reached
    assert received(house, marc, "À moitié") == 1


def test_copy_goes_where_its_author_wants(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    archive = house.box(person, "Archive")
    for folder, subject in ((archive.id, "Rangé"), (-1, "Sans copie")):
        browser.get("/m/ecrire")
        browser.post(
            "/m/ecrire", form(browser, a=zoe.login, objet=subject, texte="x", copie=str(folder), faire="envoyer")
        )
        let_leave(house, worker)
        assert received(house, zoe, subject) == 1
    assert house.subjects(person, "Archive") == ["Rangé"]
    assert house.subjects(person, "Sent") == []


def test_letter_of_a_functional_box(
    house: House, person: Principal, browser: Visitor, zoe: Principal, worker: ScheduledMail
) -> None:
    """From the box, or on its behalf; who sent it is on record, and the copy is the box's."""
    address = f"secretariat-{len(_counter)}@ac-exemple.fr"
    house.store.write_now(_box, address, person.address)
    browser.get("/s/ecrire")
    assert f'value="{address} part"' in browser.text
    send(browser, a=zoe.login, objet="Du secrétariat", texte="x", de=f"{address} part")
    let_leave(house, worker)
    octets = house.octets(zoe, "INBOX")
    root = unpack(scan(octets).parts)
    assert root.header(octets, "From") == f"Secrétariat <{address}>"
    assert person.address in root.header(octets, "Sender")
    assert house.subjects(person, "Sent") == []
    other = house.visitor()
    other.log_in(zoe.login)
    other.get("/s/ecrire")
    answer = send(other, a=person.login, objet="Usurpé", texte="x", de=address)
    assert answer.status_code == 422
    assert "ne pouvez pas écrire avec cette adresse" in answer.text


def _box(tx: Tx, address: str, member: str) -> None:
    lists.create(tx, address, "Secrétariat", "", {"kind": ListKind.FUNCTION.value})
    lists.add_members(tx, address, [member])
    boxes.ensure(tx, address)


def test_report_of_delivery_is_asked_for(
    house: House, person: Principal, browser: Visitor, worker: ScheduledMail
) -> None:
    write(browser, a="loin@exemple.org", objet="Remise", texte="x", remise="on")
    let_leave(house, worker)

    def notify(tx: Tx) -> int:
        wanted = select(queued_recipient.c.notify).where(queued_recipient.c.address == "loin@exemple.org")
        return int(tx.execute(wanted.order_by(queued_recipient.c.id.desc())).scalars().first() or 0)

    assert house.store.read_now(notify) == 2 + 4 + 8


# ---------------------------------------------------------------------- how much waits


def test_what_waits_does_not_go_beyond_the_mailbox(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    """A letter that waits is in no folder: else whoever plans them would have ten gigabytes beside their own."""
    house.store.write_now(accounts.set_quota, person.account_id, 60_000)
    when = datetime.fromtimestamp(house.clock.now() + 86400, PARIS)

    def plan(subject: str) -> str:
        browser.get("/s/ecrire")
        text = "mot " * 5000
        data = form(browser, a=zoe.login, objet=subject, texte=text, faire="planifier", quand=f"{when:%Y-%m-%dT%H:%M}")
        return browser.post("/s/ecrire", data).text

    for number in range(1, 5):
        answer = plan(f"Lourd {number}")
        if "Trop de messages attendent" in answer:
            break
    waiting = house.store.read_now(outbox.listing, person.account_id)
    assert 1 <= len(waiting) == number - 1 < 4
    assert sum(one.size for one in waiting) <= 60_000
    assert len(house.subjects(person, "Drafts")) == 1  # what was refused is still there


def test_letters_that_wait_are_few(
    house: House, person: Principal, browser: Visitor, zoe: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 1)
    for subject in ("Première", "Seconde"):
        browser.get("/s/ecrire")
        send(browser, a=zoe.login, objet=subject, texte="x")
    assert "Trop de messages attendent" in browser.text
    assert house.subjects(person, "Drafts") == ["Seconde"]
