"""Invitations in mail: answered, proposed anew, cancelled; what comes from others than it says changes nothing."""

import datetime
import time
from email import message_from_bytes
from email.policy import default

import icalendar
import pytest

from mailserver.calendars import invitations
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_items, agendas
from tests.webui.house import House, Visitor, mail, on_the_loop, opened, shown

EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n"
    "SEQUENCE:{sequence}\r\n"
    "DTSTAMP:20261101T000000Z\r\nDTSTART:20261201T090000Z\r\nDTEND:20261201T100000Z\r\nSUMMARY:Conseil\r\n"
    "LOCATION:Salle 12\r\nORGANIZER;CN=Marc:mailto:{organizer}\r\nATTENDEE;PARTSTAT={answer};"
    "RSVP=TRUE:mailto:{attendee}\r\n"
    "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nDESCRIPTION:x\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def itip(sender: str, method: str = "REQUEST", **fields: object) -> bytes:
    values = {"uid": "u1@x", "sequence": 0, "organizer": sender, "answer": "NEEDS-ACTION", **fields}
    calendar = EVENT.format(method=method, **values)
    head = mail("Réunion", sender=f"Marc <{sender}>").split(b"Content-Type")[0].decode()
    return f"{head}Content-Type: text/calendar; method={method}; charset=utf-8\r\n\r\n{calendar}".encode()


def invited(house: House, visitor: Visitor, author: Principal, person: Principal, octets: bytes) -> str:
    """The reader's page of an invitation that its author has submitted."""
    house.run(house.submission.submit(author, author.address, (person.address,), octets))
    visitor.get("/s/")
    return visitor.get(visitor.links(r"/s/message/\d+")[0]).text


def events(house: House, person: Principal) -> list[str]:
    def read(tx) -> list[str]:  # type: ignore[no-untyped-def]
        return [
            item.text or ""
            for one in agendas.listing(tx, person.account_id)
            if one.tag == agendas.CALENDAR
            for item in agenda_items.between(tx, person.account_id, one.id, 0, 4_000_000_000, "VEVENT")
        ]

    return house.store.read_now(read)


def test_an_invitation_is_accepted_changed_and_cancelled(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    text = invited(house, at_home, marc, emma, itip(marc.address, attendee=emma.address))
    content = opened(text)
    assert "mardi 1er décembre 2026, 10:00 – 11:00" in text
    assert "heure de Paris" in text
    assert "Rien d’autre dans votre agenda" in text
    text = at_home.post(f"/s/message/{content}/invitation", {"faire": "oui"}).text
    assert "Réunion acceptée" in text
    assert "Vous avez accepté" in text
    stored = events(house, emma)
    assert len(stored) == 1
    assert "PARTSTAT=ACCEPTED" in stored[0]
    assert "METHOD" not in stored[0]
    assert "VALARM" not in stored[0]
    reply = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
    part = next(one for one in reply.walk() if one.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REPLY"
    assert "PARTSTAT=ACCEPTED" in part.get_content().replace("\r\n ", "")
    meets = invited(house, at_home, marc, emma, itip(marc.address, uid="u2@x", attendee=emma.address))
    assert "Au même moment dans votre agenda" in meets
    assert "Réunion refusée" in at_home.post(f"/s/message/{opened(meets)}/invitation", {"faire": "non"}).text
    assert len(events(house, emma)) == 1
    forged = shown(
        house, at_home, emma, itip("x@evil.test", "CANCEL", organizer=marc.address, attendee=emma.address, sequence=1)
    )
    assert "n’a pas été envoyée par l’organisateur" in forged
    assert at_home.post(f"/s/message/{opened(forged)}/invitation", {"faire": "retirer"}).status_code == 403
    at_home.get("/s/")
    cancelled = invited(house, at_home, marc, emma, itip(marc.address, "CANCEL", attendee=emma.address, sequence=1))
    assert (
        "retirée de votre agenda"
        in at_home.post(f"/s/message/{opened(cancelled)}/invitation", {"faire": "retirer"}).text
    )
    assert events(house, emma) == []


def test_a_reply_is_noted_from_its_attendee_only(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    mine = itip(marc.address, uid="u3@x", attendee=emma.address)
    at_home.get("/s/")
    content = opened(invited(house, at_home, marc, emma, mine))
    at_home.post(f"/s/message/{content}/invitation", {"faire": "peut-etre"})
    assert "PARTSTAT=TENTATIVE" in events(house, emma)[-1]
    false = shown(
        house,
        at_home,
        emma,
        itip("x@evil.test", "REPLY", uid="u3@x", organizer=emma.address, attendee=emma.address, answer="DECLINED"),
    )
    assert at_home.post(f"/s/message/{opened(false)}/invitation", {"faire": "noter"}).status_code == 403


def test_another_time_is_proposed_and_shown_to_the_organizer(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    """The attendee comes perhaps until it is settled; the organizer sees what was planned and what is proposed."""
    content = opened(invited(house, at_home, marc, emma, itip(marc.address, uid="u4@x", attendee=emma.address)))
    path = f"/s/message/{content}/invitation"
    assert at_home.field("jour") == "2026-12-01"
    assert (at_home.field("debut"), at_home.field("fin")) == ("10:00", "11:00")
    typed = {
        "faire": "horaire",
        "jour": "2026-12-02",
        "debut": "15:30",
        "fin": "16:30",
        "message": "Je suis\nen cours.",
    }
    for wrong in ({"jour": ""}, {"debut": "25:00"}, {"fin": "15:30"}, {"jour": "9999-12-31"}, {"jour": "0001-01-01"}):
        assert "Rien n’est envoyé" in at_home.post(path, {**typed, **wrong}).text
    assert "Autre horaire proposé à l’organisateur" in at_home.post(path, typed).text
    assert "Vous avez répondu « peut-être »" in at_home.text.replace("\u202f", " ").replace("\xa0", " ")
    assert "PARTSTAT=TENTATIVE" in events(house, emma)[-1]
    octets = house.octets(marc, "INBOX")
    letter = message_from_bytes(octets, policy=default)
    assert "Autre horaire proposé" in letter["Subject"]
    part = next(one for one in letter.walk() if one.get_content_type() == "text/calendar")
    assert part.get_param("method") == "COUNTER"
    calendar = icalendar.Calendar.from_ical(part.get_content())
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "COUNTER"
    assert (event["UID"], event["SEQUENCE"], event["ATTENDEE"]) == ("u4@x", 0, f"mailto:{emma.address}")
    assert event["DTSTART"].to_ical() == b"20261202T143000Z"
    assert event["DTEND"].to_ical() == b"20261202T153000Z"
    assert event["COMMENT"] == "Je suis\nen cours."
    plain = letter.get_body(("plain",))
    assert plain is not None
    assert "mercredi 2 décembre 2026, 15:30 – 16:30" in plain.get_content()
    # The organizer's side: the same letter, in the box of somebody who has the event.
    at_home.get("/s/")
    itself = octets.replace(marc.address.encode(), emma.address.encode())
    text = shown(house, at_home, emma, itself)
    assert "Un participant propose un autre horaire" in text
    assert "mercredi 2 décembre 2026, 15:30 – 16:30" in text
    assert "mardi 1er décembre 2026, 10:00 – 11:00" in text
    assert "en cours." in text
    assert 'value="oui"' not in text
    at_home.get("/s/")
    false = octets.replace(b"From: ", b"From: x@evil.test\r\nX-From: ", 1)
    text = shown(house, at_home, emma, false)
    assert "ne vient pas de l’adresse du participant" in text
    assert at_home.post(f"/s/message/{opened(text)}/invitation", {"faire": "noter"}).status_code == 400


def test_no_other_time_for_a_series_nor_for_oneself(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    weekly = itip(marc.address, uid="u5@x", attendee=emma.address).replace(b"SUMMARY", b"RRULE:FREQ=WEEKLY\r\nSUMMARY")
    own = itip(marc.address, uid="u6@x", organizer=emma.address, attendee=marc.address)
    for octets in (weekly, own):
        text = invited(house, at_home, marc, emma, octets)
        assert "Proposer un autre horaire" not in text
        path = f"/s/message/{opened(text)}/invitation"
        typed = {"faire": "horaire", "jour": "2026-12-02", "debut": "15:30", "fin": "16:30"}
        assert "rien n’est envoyé" in at_home.post(path, typed).text.lower()


def test_another_day_for_whole_days(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    days = itip(marc.address, uid="u7@x", attendee=emma.address)
    days = days.replace(b"DTSTART:20261201T090000Z", b"DTSTART;VALUE=DATE:20261201")
    days = days.replace(b"DTEND:20261201T100000Z", b"DTEND;VALUE=DATE:20261203")
    content = opened(invited(house, at_home, marc, emma, days))
    assert (at_home.field("jour"), at_home.field("dernier_jour")) == ("2026-12-01", "2026-12-02")
    path = f"/s/message/{content}/invitation"
    typed = {"faire": "horaire", "jour": "2026-12-07", "dernier_jour": "2026-12-08"}
    assert "Rien n’est envoyé" in at_home.post(path, {**typed, "dernier_jour": "2026-12-06"}).text
    assert "Autre horaire proposé" in at_home.post(path, typed).text
    letter = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
    part = next(one for one in letter.walk() if one.get_content_type() == "text/calendar")
    (event,) = icalendar.Calendar.from_ical(part.get_content()).walk("VEVENT")
    assert event["DTSTART"].to_ical() == b"20261207"
    assert event["DTEND"].to_ical() == b"20261209"


# ---------------------------------------------------------------------- an organizer who is not the author

FRIEND, STRANGER = "amie@ailleurs.example", "x@evil.test"


@pytest.mark.parametrize(
    ("choice", "said", "kept"),
    [("oui", "aucune réponse ne lui est envoyée", 1), ("peut-etre", "aucune réponse", 1), ("non", "rien n’est", 0)],
)
def test_no_answer_goes_to_an_organizer_who_did_not_write(
    house: House, rose: Principal, browser: Visitor, choice: str, said: str, kept: int
) -> None:
    """A stranger who names somebody makes nobody write to them; what one notes for oneself stays one's own."""
    waiting = house.outgoing()
    text = shown(house, browser, rose, itip(STRANGER, uid="v1@x", organizer=FRIEND, attendee=rose.address))
    assert "aucune réponse ne lui sera envoyée" in text
    assert "Proposer un autre horaire" not in text
    path = f"/s/message/{opened(text)}/invitation"
    assert said in browser.post(path, {"faire": choice}).text
    typed = {"faire": "horaire", "jour": "2026-12-02", "debut": "15:30", "fin": "16:30"}
    browser.post(path, typed)
    assert house.outgoing() == waiting
    assert len(events(house, rose)) == kept


def test_an_address_of_the_academy_is_an_organizer_only_after_a_login(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    before = len(house.subjects(marc, "INBOX"))
    text = shown(house, browser, rose, itip(marc.address, uid="v2@x", attendee=rose.address))
    assert (
        "aucune réponse ne lui est envoyée"
        in browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"}).text
    )
    assert len(house.subjects(marc, "INBOX")) == before


def test_an_organizer_outside_who_wrote_is_answered(house: House, rose: Principal, browser: Visitor) -> None:
    text = shown(house, browser, rose, itip(FRIEND, uid="v3@x", attendee=rose.address))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    assert house.outgoing()[-1][0] == FRIEND


def test_a_stranger_who_knows_its_uid_changes_no_event(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """Who organizes a message is not who organizes the event that is in the agenda."""
    text = invited(house, browser, marc, rose, itip(marc.address, uid="v4@x", attendee=rose.address))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    (before,) = events(house, rose)
    waiting = house.outgoing()
    for method, choice in (("REQUEST", "oui"), ("REQUEST", "non"), ("CANCEL", "retirer")):
        browser.get("/s/")
        text = shown(house, browser, rose, itip(STRANGER, method, uid="v4@x", attendee=rose.address, sequence=5))
        answer = browser.post(f"/s/message/{opened(text)}/invitation", {"faire": choice}, page=browser.get("/s/").text)
        assert "votre agenda n’est pas modifié" in answer.text
        assert events(house, rose) == [before]
    reply = itip(STRANGER, "REPLY", uid="v4@x", organizer=rose.address, attendee=STRANGER, answer="DECLINED")
    text = shown(house, browser, rose, reply)
    answer = browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "noter"}, page=browser.get("/s/").text)
    assert "votre agenda n’est pas modifié" in answer.text
    assert events(house, rose) == [before]
    assert house.outgoing() == waiting


def test_an_invitation_that_takes_long_to_judge_holds_nobody_up(
    house: House, at_home: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred rules in 12 KB, each of which happens first in 300 years, were counted on the event loop for 20 s."""
    calls = on_the_loop(monkeypatch, invitations, "read")
    monkeypatch.setattr(invitations, "SECONDS", 0.2)
    begun = time.process_time()
    text = shown(house, at_home, emma, _counted_for_long())
    assert time.process_time() - begun < 5
    assert "Réunion" in text
    assert calls == [False]


def _counted_for_long() -> bytes:
    """The rules are looked at from a year like theirs on, 19 times 400 years later."""
    start, pace = datetime.datetime(9690, 1, 1), datetime.timedelta(seconds=3601)
    late = start + (datetime.datetime(9996, 2, 29, 12) - start) // pace * pace
    at = f"BYHOUR={late.hour};BYMINUTE={late.minute};BYSECOND={late.second}"
    rule = f"RRULE:FREQ=SECONDLY;INTERVAL=3601;BYMONTH=2;BYMONTHDAY=29;{at}\r\n"
    event = "BEGIN:VEVENT\r\nDTSTART:20900101\r\n" + rule * 3 + "END:VEVENT\r\n"
    head = mail("Réunion", sender="Marc <marc@example.org>").split(b"Content-Type")[0].decode()
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n{event * 34}END:VCALENDAR\r\n"
    return f"{head}Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{calendar}".encode()
