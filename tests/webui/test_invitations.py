"""Invitations in mail: answered, proposed anew, cancelled; what comes from others than it says changes nothing."""

import datetime
import time
from email import message_from_bytes
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from mailserver.calendars import occurrences
from mailserver.calendars.icalendar import reading
from mailserver.calendars.invited import invitations
from mailserver.calendars.own import own_events
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_items, agendas
from tests.webui.house import House, Visitor, mail, on_the_loop, opened, shown

PARIS = ZoneInfo("Europe/Paris")
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


def test_who_is_invited_by_another_of_their_addresses_answers_from_it(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """From the first one it was nobody's answer: the organizer could not note it."""
    alias = rose.aliases[0]
    text = invited(house, browser, marc, rose, itip(marc.address, uid="v5@x", attendee=alias))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    organizer = house.visitor()
    organizer.log_in(marc.login)
    text = organizer.get(organizer.links(r"/s/message/\d+")[0]).text
    assert "Réponse à votre invitation" in text
    assert "ne vient pas de l’adresse du participant" not in text


# ---------------------------------------------------------------------- one occurrence of a series

WEEKLY = b"RRULE:FREQ=WEEKLY;COUNT=4\r\nSUMMARY"


def series(author: Principal, person: Principal, uid: str, **fields: Any) -> bytes:
    """An invitation to four Tuesdays, from 1 December on."""
    octets = itip(author.address, uid=uid, attendee=person.address, **fields)
    return octets.replace(b"SUMMARY", WEEKLY, 1)


def one_of(day: int, hour: int, octets: bytes) -> bytes:
    """The same about the Tuesday of that day alone, at that hour (UTC)."""
    octets = octets.replace(b"20261201T090000Z", b"202612%02dT%02d0000Z" % (day, hour))
    octets = octets.replace(b"20261201T100000Z", b"202612%02dT%02d0000Z" % (day, hour + 1))
    return octets.replace(b"SUMMARY", b"RECURRENCE-ID:202612%02dT090000Z\r\nSUMMARY" % day, 1)


def hours(house: House, person: Principal) -> list[str]:
    """When something happens in December, on the clock of Paris."""
    begin, end = (datetime.datetime(2026, month, 1, tzinfo=PARIS) for month in (11, 12))

    def read(tx) -> list[tuple[int, agenda_items.Item]]:  # type: ignore[no-untyped-def]
        return own_events.around(tx, person.account_id, begin, end + datetime.timedelta(days=31))

    spread = occurrences.spread(house.store.read_now(read), begin, end + datetime.timedelta(days=31), PARIS)
    return [f"{one.start:%d %H:%M}" for one in spread.occurrences]


def test_one_occurrence_is_moved_cancelled_and_declined_and_the_rest_of_the_series_stays(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """What organizers send when they change one Tuesday (RFC 5546 section 3.2.2): the others are not in it."""

    def answer(octets: bytes, choice: str) -> str:
        text = invited(house, browser, marc, rose, octets)
        return browser.post(f"/s/message/{opened(text)}/invitation", {"faire": choice}).text

    answer(series(marc, rose, "w1@x"), "oui")
    assert hours(house, rose) == ["01 10:00", "08 10:00", "15 10:00", "22 10:00"]
    moved = one_of(8, 13, itip(marc.address, uid="w1@x", attendee=rose.address, sequence=1))
    text = invited(house, browser, marc, rose, moved)
    assert "cette fois seulement, d’une réunion qui se répète" in text
    assert "mardi 8 décembre 2026, 10:00 – 11:00" in text
    assert "Vous avez accepté" not in text
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    assert hours(house, rose) == ["01 10:00", "08 14:00", "15 10:00", "22 10:00"]
    assert "Vous avez accepté" in browser.text
    cancelled = itip(marc.address, "CANCEL", uid="w1@x", attendee=rose.address, sequence=1)
    assert "retirée de votre agenda" in answer(one_of(15, 9, cancelled), "retirer")
    assert hours(house, rose) == ["01 10:00", "08 14:00", "22 10:00"]
    again = itip(marc.address, uid="w1@x", attendee=rose.address, sequence=1)
    answer(one_of(22, 9, again), "non")
    assert hours(house, rose) == ["01 10:00", "08 14:00"]
    reply = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
    said = next(part for part in reply.walk() if part.get_content_type() == "text/calendar").get_content()
    assert "RECURRENCE-ID:20261222T090000Z" in said
    assert "PARTSTAT=DECLINED" in said.replace("\r\n ", "")
    # It takes place after all: with another number, as one that comes back.
    back = itip(marc.address, uid="w1@x", attendee=rose.address, sequence=2)
    answer(one_of(22, 15, back), "peut-etre")
    assert hours(house, rose) == ["01 10:00", "08 14:00", "22 16:00"]
    # Nothing of an old version.
    assert "dépassée" in answer(one_of(8, 9, itip(marc.address, uid="w1@x", attendee=rose.address)), "oui")
    # The others are at the version of the series still: each occurrence counts for itself.
    answer(one_of(1, 7, itip(marc.address, uid="w1@x", attendee=rose.address, sequence=0)), "oui")
    assert hours(house, rose) == ["01 08:00", "08 14:00", "22 16:00"]
    # All that is left goes with the series.
    gone = itip(marc.address, "CANCEL", uid="w1@x", attendee=rose.address, sequence=3)
    answer(gone, "retirer")
    assert hours(house, rose) == []


def test_another_time_for_one_occurrence_leaves_the_series(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    text = invited(house, browser, marc, rose, series(marc, rose, "w2@x"))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    moved = one_of(8, 13, itip(marc.address, uid="w2@x", attendee=rose.address, sequence=1))
    text = invited(house, browser, marc, rose, moved)
    typed = {"faire": "horaire", "jour": "2026-12-09", "debut": "15:30", "fin": "16:30"}
    assert "Autre horaire proposé" in browser.post(f"/s/message/{opened(text)}/invitation", typed).text
    assert hours(house, rose) == ["01 10:00", "08 14:00", "15 10:00", "22 10:00"]


def test_an_answer_to_one_occurrence_is_noted_for_it_alone(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """The organizer's side: who cannot come on one Tuesday comes on the others."""
    mine = series(rose, marc, "w3@x", answer="ACCEPTED").partition(b"\r\n\r\n")[2].replace(b"METHOD:REQUEST\r\n", b"")
    item = reading.read("w3.ics", mine.decode())
    house.store.write_now(own_events.put, rose.account_id, None, item)
    reply = itip(marc.address, "REPLY", uid="w3@x", organizer=rose.address, attendee=marc.address, answer="DECLINED")
    text = invited(house, browser, marc, rose, one_of(8, 9, reply))
    answer = browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "noter"})
    assert "notée dans votre agenda" in answer.text
    (stored,) = events(house, rose)
    noted: list[Any] = icalendar.Calendar.from_ical(stored).walk("VEVENT")
    said = {
        str(event["RECURRENCE-ID"].dt.day) if "RECURRENCE-ID" in event else "": event["ATTENDEE"].params["PARTSTAT"]
        for event in noted
    }
    assert said == {"": "ACCEPTED", "8": "DECLINED"}
    assert hours(house, rose) == ["01 10:00", "08 10:00", "15 10:00", "22 10:00"]


def test_a_meeting_that_has_changed_is_not_taken_for_accepted(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """Who accepted ten o'clock has not accepted three: the page says what the agenda still has. An alarm of one's own
    stays."""
    text = invited(house, browser, marc, rose, itip(marc.address, uid="w4@x", attendee=rose.address))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    held = house.store.read_now(own_events.find, rose.account_id, "w4@x")
    assert held is not None
    alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT30M\r\nDESCRIPTION:mien\r\nEND:VALARM\r\nEND:VEVENT"
    item = reading.read(held.href, held.text.replace("END:VEVENT", alarm))
    house.store.write_now(own_events.put, rose.account_id, held, item)
    later = itip(marc.address, uid="w4@x", attendee=rose.address, sequence=1)
    later = later.replace(b"T090000Z", b"T140000Z").replace(b"T100000Z", b"T150000Z")
    text = invited(house, browser, marc, rose, later)
    assert "Vous avez accepté" not in text
    assert "Cette réunion a changé" in text
    assert "mardi 1er décembre 2026, 10:00 – 11:00" in text
    assert "mardi 1er décembre 2026, 15:00 – 16:00" in text
    text = browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"}).text
    assert "Vous avez accepté" in text
    assert "Cette réunion a changé" not in text
    (stored,) = events(house, rose)
    assert "TRIGGER:-PT30M" in stored
    assert "TRIGGER:-PT5M" not in stored


def test_occurrences_taken_out_by_an_attendee_do_not_outdate_what_the_organizer_sends(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """SEQUENCE is the organizer's (RFC 5545 section 3.8.7.4)."""
    text = invited(house, browser, marc, rose, series(marc, rose, "w5@x"))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    for day in ("2026-12-08", "2026-12-15"):
        browser.get(f"/s/agenda/{day}")
        path, _, query = browser.links("/evenement/")[0].partition("?")
        browser.get(f"{path}/supprimer?{query}")
        browser.post(f"{path}/supprimer", {"etag": browser.field("etag"), "le": browser.field("le"), "portee": "cette"})
        browser.get("/s/")
    assert hours(house, rose) == ["01 10:00", "22 10:00"]
    later = series(marc, rose, "w5@x", sequence=1).replace(b"T090000Z", b"T140000Z").replace(b"T100000Z", b"T150000Z")
    text = invited(house, browser, marc, rose, later)
    assert "dépassée" not in browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"}).text
    assert hours(house, rose)[0] == "01 15:00"


def test_an_answer_from_the_agenda_is_about_one_occurrence_unless_all_are_meant(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """Not coming on one Tuesday took the whole series out of the agenda, and told the organizer so."""
    text = invited(house, browser, marc, rose, series(marc, rose, "w6@x"))
    browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})

    def answer(day: str, choice: str, scope: str) -> None:
        browser.get(f"/s/agenda/{day}")
        address = browser.links("/evenement/")[0]
        browser.get(address)
        form = {name: browser.field(name) for name in ("etag", "le", "vue")}
        browser.post(f"{address.partition('?')[0]}/repondre", {**form, "faire": choice, "portee": scope})

    def told() -> str:
        letter = message_from_bytes(house.octets(marc, "INBOX"), policy=default)
        part = next(part for part in letter.walk() if part.get_content_type() == "text/calendar")
        return str(part.get_content()).replace("\r\n ", "")

    answer("2026-12-08", "non", "cette")
    assert hours(house, rose) == ["01 10:00", "15 10:00", "22 10:00"]
    assert "RECURRENCE-ID:20261208T090000Z" in told()
    assert "PARTSTAT=DECLINED" in told()
    answer("2026-12-15", "peut-etre", "cette")
    assert "RECURRENCE-ID:20261215T090000Z" in told()
    (stored,) = events(house, rose)
    assert stored.count("PARTSTAT=ACCEPTED") == stored.count("PARTSTAT=TENTATIVE") == 1
    answer("2026-12-22", "non", "toutes")
    assert "RECURRENCE-ID" not in told().partition("RECURRENCE-ID:20261215")[0]
    assert hours(house, rose) == []
