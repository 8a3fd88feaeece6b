"""Lists through real sessions: who may write, who receives what, reports, loops, standing lists."""

import re
import smtplib
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Answers, ListKind, Writers
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access import boxes
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import spool, traces
from mailserver.store.queue.traces import Step
from tests.lists.house import (
    ORIGIN,
    UAI,
    arrive,
    at,
    letter,
    make_list,
    moderation,
    queue,
    school_in,
    send,
    waiting,
    without_mail,
)
from tests.smtp.house import DOMAIN, House


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with school_in(tmp_path_factory.mktemp("lists") / "dir", instance_template) as house:
        yield house


@pytest.fixture
def house(school: House) -> House:
    without_mail(school)
    return school


def test_members_get_one_copy_with_the_lists_fields_on_top_of_what_was_sent(house: House) -> None:
    address = make_list(house, "chorale", [at("tom"), at("lea"), "amie@ailleurs.fr"], name="Chorale de l’été")
    message = letter("x@exemple.org", address)
    assert arrive(house, "x@exemple.org", address, octets=message) == {}
    (tom,), (lea,) = house.mail("tom"), house.mail("lea")
    assert tom == lea
    top, _, rest = tom.partition(b"Received:")
    assert top == (
        b"Return-Path: <chorale-bounces@ac-exemple.fr>\r\n"
        b"List-Id: Chorale de l?ete <chorale.ac-exemple.fr>\r\n"
        b"List-Post: <mailto:chorale@ac-exemple.fr>\r\n"
        b"List-Owner: <mailto:chorale-owner@ac-exemple.fr>\r\n"
        b"List-Help: <mailto:chorale-owner@ac-exemple.fr?subject=help>\r\n"
        b"List-Subscribe: <mailto:chorale-owner@ac-exemple.fr?subject=subscribe>\r\n"
        b"List-Unsubscribe: <mailto:chorale-owner@ac-exemple.fr?subject=unsubscribe>\r\n"
        b"Precedence: list\r\n"
    )
    assert rest.endswith(message)
    (entry,) = queue(house)
    assert re.fullmatch(rf"chorale-bounces\+[a-z2-7]{{32}}@{re.escape(DOMAIN)}", entry.sender)
    assert entry.recipients == ("amie@ailleurs.fr",)


def test_direct_recipients_do_not_see_the_list_and_nobody_gets_two(house: House) -> None:
    address = make_list(house, "chorale", [at("tom"), at("lea")])
    arrive(house, "x@exemple.org", at("tom"), address)
    (tom,), (lea,) = house.mail("tom"), house.mail("lea")
    assert b"List-Id" not in tom
    assert b"Return-Path: <x@exemple.org>" in tom
    assert b"List-Id" in lea


@pytest.mark.parametrize(
    ("writers", "may"),
    [
        (Writers.ANYONE, {"out", "tom", "ines", "rose", "lea"}),
        (Writers.HOUSE, {"tom", "ines", "rose", "lea"}),
        (Writers.PERSONNEL, {"ines", "rose"}),
        (Writers.STAFF, {"rose"}),
        (Writers.MEMBERS, {"tom"}),
        (Writers.OWNERS, set()),
    ],
)
def test_who_may_write(house: House, writers: Writers, may: set[str]) -> None:
    address = make_list(house, "cercle", [at("tom")], writers=writers, owners=(at("paul"),), named=(at("max"),))
    for login in ("tom", "ines", "rose", "lea"):
        refused = send(house, login, address)
        assert (not refused) is (login in may), login
        if refused:
            code, text = refused[address]
            assert (code, text[:5]) == (550, b"5.7.1")
            assert b"may write to this list" in text
            assert text.isascii()
    assert (not arrive(house, "x@exemple.org", address)) is ("out" in may)
    assert send(house, "paul", address) == {}, "owners always"
    assert send(house, "max", address) == {}, "named writers always"


def test_a_forged_member_stays_outside_and_a_member_outside_may_write(house: House) -> None:
    address = make_list(
        house,
        "cercle",
        [at("tom"), "amie@ailleurs.fr"],
        writers=Writers.MEMBERS,
        owners=(at("paul"),),
        named=(at("max"),),
    )
    for forged in (at("tom"), at("paul"), at("max"), address):
        assert address in arrive(house, forged, address)
    assert arrive(house, "amie@ailleurs.fr", address) == {}
    assert len(house.mail("tom")) == 1


def test_a_member_whose_mailbox_is_full_may_still_write(house: House) -> None:
    by_hand = make_list(house, "cercle", [at("noe"), at("tom")], writers=Writers.MEMBERS)
    living = make_list(house, "enseignants", query="role=teacher", writers=Writers.MEMBERS)
    for address in (by_hand, living):
        assert send(house, "noe", address) == {}
        assert address in send(house, "lea", address)


def test_lists_within_lists_keep_their_own_policies(house: House) -> None:
    inner = make_list(house, "interne", [at("max")], writers=Writers.STAFF)
    outer = make_list(house, "externe", [at("tom"), inner])
    arrive(house, "x@exemple.org", outer)
    assert len(house.mail("tom")) == 1
    assert house.mail("max") == []
    send(house, "rose", outer)
    assert len(house.mail("max")) == 1
    large = make_list(house, "grande", [at("lea")])
    trusted = make_list(house, "confiee", [at("max")], writers=Writers.STAFF, named=(large,))
    house.store.write_now(lists.add_members, large, [trusted])
    arrive(house, "x@exemple.org", large)
    assert len(house.mail("max")) == 2


def test_lists_that_contain_one_another_end(house: House) -> None:
    one = make_list(house, "une", [at("tom")])
    other = make_list(house, "autre", [at("lea"), one])
    house.store.write_now(lists.add_members, one, [other])
    arrive(house, "x@exemple.org", one)
    assert len(house.mail("tom")) == len(house.mail("lea")) == 1


def test_what_has_been_through_the_list_is_refused(house: House) -> None:
    address = make_list(house, "ronde", [at("tom"), "boucle@ailleurs.fr"])
    arrive(house, "x@exemple.org", address)
    (row,) = house.store.write_now(spool.lease, 10)
    copy = house.read(spool.octets, row.content_id, house.settings.data / "blobs")
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.4\.6"):
        arrive(house, "boucle@ailleurs.fr", address, octets=copy.partition(b"\r\n")[2])
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.4\.6"):
        arrive(house, "a@b.fr", address, octets=f"X-Loop: {address}\r\n".encode() + letter("a@b.fr", address))
    assert arrive(house, "a@b.fr", address, at("lea"), octets=b"X-Loop: " + address.encode() + b"\r\n\r\nx\r\n") == {}
    assert len(house.mail("tom")) == 1
    assert len(house.mail("lea")) == 1


def test_reports_go_to_the_owners_and_never_to_the_list(house: House) -> None:
    address = make_list(house, "chorale", [at("tom")], owners=(at("ines"), at("rose")))
    assert address in arrive(house, "", address)
    assert arrive(house, "", f"chorale-bounces@{DOMAIN}", octets=b"Subject: echec\r\n\r\nx\r\n") == {}
    assert len(house.mail("ines")) == len(house.mail("rose")) == 1
    assert house.mail("tom") == []
    orphan = make_list(house, "orpheline", [at("tom")])
    arrive(house, "", orphan.replace("@", "-owner@"), octets=b"Subject: x\r\n\r\nx\r\n")
    assert len(house.mail("admin")) == 1, "administrators stand in"


def test_an_owner_that_is_a_list_stands_for_its_members(house: House) -> None:
    office = make_list(house, "secretariat", [at("rose"), "aide@ailleurs.fr"])
    address = make_list(house, "parents", [at("tom")], owners=(office,), moderated=True)
    assert arrive(house, "amie@ailleurs.fr", address) == {}
    assert arrive(house, "", address.replace("@", "-bounces@"), octets=b"Subject: echec\r\n\r\nx\r\n") == {}
    assert len(house.mail("rose")) == 2, "what waits, and the report"
    assert house.mail("admin") == house.mail("tom") == []
    assert {entry.recipients for entry in queue(house)} == {("aide@ailleurs.fr",)}


def test_an_owner_that_is_a_functional_box_is_told_in_its_mailbox(house: House) -> None:
    box = make_list(house, "vie-scolaire", [at("rose")], kind=ListKind.FUNCTION)
    address = make_list(house, "parents", [at("tom")], owners=(box,), moderated=True)
    assert arrive(house, "amie@ailleurs.fr", address) == {}
    assert arrive(house, "", address.replace("@", "-bounces@"), octets=b"Subject: echec\r\n\r\nx\r\n") == {}
    inbox = house.read(lambda tx: mailboxes.get(tx, boxes.find(tx, box), "INBOX"))
    assert inbox.messages == 2, "what waits, and the report"
    assert house.mail("rose") == house.mail("admin") == house.mail("tom") == []


def test_a_receipt_asked_for_in_the_name_of_a_list_reaches_nobody(house: House) -> None:
    address = make_list(house, "chorale", [at("tom")])
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo()
        client.mail(address)
        client.rcpt(at("lea"), ["NOTIFY=SUCCESS"])
        client.data(b"Subject: x\r\n\r\nx\r\n")
    assert len(house.mail("lea")) == 1
    assert house.mail("tom") == []


def test_living_lists_are_resolved_at_delivery(house: House) -> None:
    address = make_list(house, "profs", query=f"role=teacher uai={UAI}", writers=Writers.HOUSE)
    assert send(house, "tom", address) == {}
    assert len(house.mail("ines")) == 1
    assert house.mail("paul") == []


@pytest.mark.parametrize(
    ("local", "receivers"),
    [
        (f"enseignants.{UAI.lower()}", {"ines"}),
        (f"eleves.{UAI}", {"tom", "lea", "max"}),
        (f"personnels.{UAI.lower()}", {"ines", "rose", "paul"}),
        (f"secretariat.{UAI.lower()}", {"rose"}),
        (f"direction.{UAI.lower()}", {"paul"}),
        (f"4b.{UAI.lower()}", {"tom", "lea"}),
        (f"4e-b.{UAI.lower()}", {"tom", "lea"}),
        (f"enseignants.4b.{UAI.lower()}", {"ines"}),
    ],
)
def test_lists_that_are_there_without_being_made(house: House, local: str, receivers: set[str]) -> None:
    assert send(house, "rose", at(local)) == {}
    assert {login for login in ("tom", "lea", "max", "ines", "rose", "paul") if house.mail(login)} == receivers
    assert at(local) in send(house, "tom", at(local)), "pupils may not"
    assert at(local) in arrive(house, "x@exemple.org", at(local))


def test_standing_lists_of_nobody_do_not_exist(house: House) -> None:
    for local in ("enseignants.0010001a", f"5z.{UAI}", f"x.4b.{UAI}", f"enseignants.5z.{UAI}"):
        code, text = send(house, "rose", at(local))[at(local)]
        assert (code, text[:5]) == (550, b"5.1.1")


def test_a_moderated_list_holds_and_tells_its_owners(house: House) -> None:
    address = make_list(house, "debat", [at("tom")], moderated=True, owners=(at("ines"), "dehors@ailleurs.fr"))
    assert send(house, "lea", address, subject="Ma demande") == {}
    assert house.mail("tom") == []
    (one,) = waiting(house)
    assert (one.list, one.account_id, one.subject) == (address, house.people["lea"].account_id, "Ma demande")
    (notice,) = house.mail("ines")
    assert b"Auto-Submitted: auto-generated" in notice
    assert re.search(rb"/moderation/[0-9a-f=\r\n]{40}", notice)
    assert [entry.recipients for entry in queue(house)] == [("dehors@ailleurs.fr",)]
    assert send(house, "ines", address) == {}
    assert len(house.mail("tom")) == 1, "owners pass"


@pytest.mark.parametrize("verdict", ["approved", "rejected"])
def test_what_waits_for_owners_keeps_its_name_in_the_trace(house: House, verdict: str) -> None:
    address = make_list(house, "suivi", ["dehors@ailleurs.fr"], moderated=True, owners=(at("ines"),))
    octets = b"From: x@exemple.org\r\nMessage-ID: <held@x>\r\nSubject: x\r\n\r\nx\r\n"
    octets = octets.replace(b"held@", verdict.encode() + b"@")
    assert arrive(house, "x@exemple.org", address, octets=octets) == {}
    (one,) = waiting(house)
    if verdict == "approved":
        house.run(moderation(house).approve(one.id, ORIGIN))
    else:
        house.run(moderation(house).reject(one.id, ORIGIN))
    (way,) = house.read(traces.ways, traces.Wanted(0, 1 << 40, message_id=f"{verdict}@x"), 5).messages
    assert [(step.step, str(step.detail)) for step in way.steps] == [
        (Step.RECEIVED, f"waits for the owners of the lists: {address}"),
        (Step.RECEIVED, f"accepted by an owner of the list {address}")
        if verdict == "approved"
        else (Step.DROPPED, f"rejected by an owner of the list {address}"),
    ]
    assert {entry.name for entry in queue(house)} == ({way.name} if verdict == "approved" else set())


def test_owners_are_told_the_address_of_a_name_that_could_be_one(house: House) -> None:
    address = make_list(house, "tribune", [at("tom")], moderated=True, owners=(at("ines"),))
    octets = b'From: "recteur@ac-exemple.fr" <mallory@evil.test>\r\nSubject: x\r\n\r\nx\r\n'
    assert arrive(house, "mallory@evil.test", address, octets=octets) == {}
    (notice,) = (message_from_bytes(one).get_payload(decode=True) for one in house.mail("ines"))
    assert isinstance(notice, bytes)
    assert b"De : mallory@evil.test (recteur@ac-exemple.fr)" in notice


def test_answers_go_where_the_owners_say(house: House) -> None:
    address = make_list(house, "projet", [at("tom")], answers=Answers.LIST)
    send(house, "ines", address)
    own = b"From: x@exemple.org\r\nReply-To: secretariat@exemple.org\r\nSubject: Sortie\r\n\r\nTexte\r\n"
    arrive(house, "x@exemple.org", address, octets=own)
    first, second = (message_from_bytes(one) for one in house.mail("tom"))
    assert first.get_all("Reply-To") == [f"<{address}>"]
    assert second.get_all("Reply-To") == ["secretariat@exemple.org"]


def test_a_list_that_has_ended_takes_nothing_of_nobody(house: House) -> None:
    day = datetime(2026, 7, 4, tzinfo=ZoneInfo("Europe/Paris"))
    address = make_list(house, "voyage", [at("tom"), at("ines")], owners=(at("ines"),), ends=int(day.timestamp()))
    outer = make_list(house, "sorties", [address, at("lea")])
    for refused in (send(house, "ines", address), arrive(house, "x@exemple.org", address)):
        ((code, text),) = refused.values()
        assert (code, text.decode()) == (
            550,
            "5.7.1 Cette liste ne recoit plus de messages depuis le 04/07/2026. / "
            "This list takes no more messages since 2026-07-04.",
        )
    assert send(house, "ines", outer) == {}
    assert (len(house.mail("tom")), len(house.mail("lea"))) == (0, 1), "nor through another list"
    change = ListChange(ends=int(house.clock.now()) + 60)
    house.store.write_now(rosters.change, rosters.ListSettings.of(house.settings), address, change, ORIGIN)
    assert send(house, "ines", address) == {}
    assert len(house.mail("tom")) == 1


def test_a_functional_box_does_not_end(house: House) -> None:
    with pytest.raises(Refused) as refused:
        make_list(house, "intendance", [at("rose")], kind=ListKind.FUNCTION, ends=4_000_000_000)
    assert refused.value.reason is Reason.INVALID
