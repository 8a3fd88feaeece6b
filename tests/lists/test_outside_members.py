"""Members outside: what leaves for them and how it is signed, what comes back and what it counts for, limits."""

import re
import smtplib
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message

import dkim  # type: ignore[import-untyped]
import pytest
from sqlalchemy import select

from directory.lists import rosters
from mailserver.delivery.lists.member_keys import MemberKeys
from mailserver.model.clock import DAY
from mailserver.model.identity import Population
from mailserver.outbound.submission.signatures.dkim import Signer
from mailserver.store.account import rules
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.people.mailing_lists.outside_members import OutsideMember, Reason
from mailserver.store.queue import list_posts, spool
from mailserver.store.queue.list_posts import Departure, Fate, Post
from mailserver.store.schema.people.rosters import list_post
from tests.clocks import MovingClock
from tests.lists.house import (
    AMI,
    AMIE,
    ORIGIN,
    arrive,
    at,
    change,
    letter,
    make_list,
    queue,
    send,
)
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, House
from tests.waiting import until


def leave(house: House, sink: Elsewhere, count: int) -> dict[str, bytes]:
    """What the queue holds, taken by the world: by recipient."""
    house.start_relay()
    until(lambda: not queue(house))
    house.stop_relays()
    assert len(sink.inbox.taken) == count
    return {one.rcpt_tos[0]: bytes(one.original_content or b"") for one in sink.inbox.taken}


def bounce(house: House, to: str, status: str = "5.1.1", said: str = "550 5.1.1 No such user") -> dict[str, object]:
    """Another server's report, as RFC 3464 has it; what was refused."""
    octets = (
        "From: MAILER-DAEMON@ailleurs.fr\r\nTo: x\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.ailleurs.fr\r\n\r\nFinal-Recipient: rfc822; {AMIE}\r\nAction: failed\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; {said}\r\n\r\n--b--\r\n"
    ).encode()
    return dict(arrive(house, "", to, octets=octets))


def post(house: House, address: str) -> Post:
    """The list's last message."""
    return house.read(list_posts.posts, address, 1)[0]


def troubled(house: House, address: str) -> list[OutsideMember]:
    return house.read(outside_members.troubled, address)


def returning(house: House) -> str:
    """The return address of what waits in the queue."""
    return queue(house)[0].sender


# ---------------------------------------------------------------------- what leaves


def test_each_outside_gets_a_signed_copy_with_a_way_out_of_their_own(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE, AMI], name="Chorale")
    assert send(house, "ines", address) == {}
    copies = leave(house, sink, 2)
    record = Signer("s1", house.settings.secret("dkim-s1.pem")).record.encode()
    pages = set()
    for octets in copies.values():
        message = message_from_bytes(octets)
        assert message.get_all("From") == [at("ines")], "what is ours keeps its author"
        assert len(message.get_all("List-Unsubscribe") or []) == 1
        page = re.search(r"<https://\S+/abonnement/([a-z2-7]{32})>", message["List-Unsubscribe"])
        assert page
        pages.add(page[1])
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["X-Loop"] == address
        first = octets[: octets.index(b"\r\nList-Unsubscribe:")].decode()
        signed = re.search(r"h=([^;]+);", first)
        assert signed
        names = {name.strip() for name in signed[1].split(":")}
        assert {"from", "list-unsubscribe", "list-unsubscribe-post", "list-id"} <= names
        assert f"d={DOMAIN};" in first
        assert dkim.verify(octets, dnsfunc=lambda name, timeout=5: record)
    assert len(pages) == 2
    assert len({one.mail_from for one in sink.inbox.taken}) == 2
    (tom,) = house.mail("tom")
    assert b"/abonnement/" not in tom
    assert b"List-Unsubscribe: <mailto:chorale-owner@" in tom
    (name,) = house.read(lambda tx: tx.execute(select(list_post.c.name)).scalars().all())
    assert f"id {name}".encode() in house.mail("tom")[0], "the name that its author was told"
    seen = post(house, address)
    assert (seen.people, seen.outside, seen.fates) == (1, 2, {Fate.TAKEN: 2})


def test_nobody_leaves_by_themselves_where_the_list_says_so(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "dues", [at("tom"), AMIE])
    change(house, address, may_leave=False)
    assert arrive(house, "x@exemple.org", address) == {}
    (octets,) = leave(house, sink, 1).values()
    for field in (b"List-Unsubscribe", b"List-Subscribe"):
        assert field not in octets
        assert field not in house.mail("tom")[0]
    assert b"List-Help: " in octets


def written_for(house: House, sink: Elsewhere, sender: str, octets: bytes) -> tuple[Message, bytes]:
    """What a member outside gets of a message, and one of the house."""
    address = make_list(house, "cercle", [at("tom"), AMIE], name="Le cercle")
    assert arrive(house, sender, address, octets=octets) == {}
    (outside,) = leave(house, sink, 1).values()
    return message_from_bytes(outside), house.mail("tom")[0]


def test_what_the_authors_domain_may_have_refused_is_written_in_the_lists_name(house: House, sink: Elsewhere) -> None:
    """Nobody looked at who wrote it, so nobody knows what its domain wants."""
    octets = letter('"Zoé Du\\"pont" <zoe@exemple.org>', "x").replace(
        b"\r\n\r\n", b"\r\nSender: <z@exemple.org>\r\nList-Unsubscribe: <https://exemple.org/x>\r\n\r\n", 1
    )
    outside, here = written_for(house, sink, "zoe@exemple.org", octets)
    assert here.endswith(octets), "who is here gets it as it came"
    assert outside.get_all("From") == [f"=?utf-8?Q?Zo=C3=A9_Dupont_via_Le_cercle?= <cercle@{DOMAIN}>"]
    assert outside["Reply-To"].endswith("<zoe@exemple.org>")
    assert "zoe@exemple.org" in str(outside["X-Original-From"])
    assert outside["Sender"] is None
    assert outside["X-Original-List-Unsubscribe"] == "<https://exemple.org/x>"
    assert len(outside.get_all("List-Unsubscribe") or []) == 1


@pytest.mark.parametrize(
    "octets",
    [
        lambda whole: whole,
        lambda whole: whole.partition(b"\r\n\r\n")[0] + b"\r\n",
        lambda whole: b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(300)) + whole,
    ],
    ids=["as usual", "a header alone", "a long header"],
)
def test_a_signed_in_author_may_not_be_borrowed_from_outside(
    house: House, sink: Elsewhere, octets: Callable[[bytes], bytes]
) -> None:
    """Our signature would vouch for an author of ours whom nobody has proved."""
    outside, _ = written_for(house, sink, "x@exemple.org", octets(letter(f"Rose <{at('rose')}>", "x")))
    (author,) = outside.get_all("From") or []
    assert at("rose") not in author
    assert f"<cercle@{DOMAIN}>" in author


def test_many_outside_are_one_unit_of_few_statements(house: House, sink: Elsewhere) -> None:
    members = [f"m{number}@d{number % 7}.fr" for number in range(2_300)]
    address = make_list(house, "grande", [at("tom"), *members])
    assert arrive(house, "x@exemple.org", address) == {}
    entries = house.read(lambda tx: spool.show(tx, 5_000))
    assert sorted(one.recipients for one in entries) == sorted((member,) for member in members)
    assert len({one.sender for one in entries}) == len(members)
    assert {one.domain for one in entries} == {f"d{number}.fr" for number in range(7)}
    assert post(house, address).fates == {Fate.WAITING: 2_300}
    house.store.write_now(spool.drop, [one.id for one in entries])
    later = int(house.clock.now()) + 1
    assert house.store.write_now(list_posts.prune, later) == list_posts.PRUNED, "there is more, for another unit"
    assert sum(post(house, address).fates.values()) >= 2_300 - list_posts.PRUNED_DELIVERIES
    house.store.write_now(list_posts.prune, later)
    assert house.read(list_posts.posts, address, 1) == []
    number = next(iter(house.store.write_now(outside_members.ids, address, [members[0]]).values()))
    assert house.store.write_now(outside_members.prune, [number]) == 0, "they stand in the list"
    house.store.write_now(rosters.edit, address, [], members[:1])
    assert number in house.read(outside_members.forgettable)
    assert house.store.write_now(outside_members.prune, [number]) == 1


# ---------------------------------------------------------------------- what comes back


def test_what_comes_back_counts_once_and_the_owners_are_not_bothered(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE], owners=(at("paul"),))
    send(house, "ines", address)
    path = returning(house)
    leave(house, sink, 1)
    for _ in range(5):
        assert bounce(house, path) == {}
    assert post(house, address).fates == {Fate.BOUNCED: 1}
    (one,) = troubled(house, address)
    assert (one.member, one.hard, one.status, one.ended) == (AMIE, 1, "5.1.1", 0)
    assert "No such user" in one.said
    assert house.mail("paul") == []


def test_what_comes_back_counts_whomever_a_rule_keeps_from_its_owners(house: House, sink: Elsewhere) -> None:
    pairs = ((Population.OUTSIDE, Population.PUPIL), (Population.PUPIL, Population.OUTSIDE))
    address = make_list(house, "chorale", [at("ines"), AMIE], owners=(at("tom"),))
    send(house, "ines", address)
    path = returning(house)
    for sender, other in pairs:
        house.store.write_now(rules.forbid, ORIGIN, sender, other, denied=True)
    try:
        assert bounce(house, path) == {}
        assert [one.hard for one in troubled(house, address)] == [1]
        assert house.mail("tom") == []
    finally:
        for sender, other in pairs:
            house.store.write_now(rules.forbid, ORIGIN, sender, other, denied=False)


def test_a_list_stops_sending_where_nobody_is_and_begins_again(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE])
    sink.inbox.answers[AMIE] = "550 5.1.1 No such user"
    for count in range(3):
        send(house, "ines", address)
        house.start_relay()
        until(lambda: not queue(house))
        house.stop_relays()
        assert troubled(house, address)[0].hard == count + 1
    assert troubled(house, address)[0].reason is Reason.HARD
    assert house.mail("ines") == [], "the author hears nothing of members"
    send(house, "ines", address)
    assert queue(house) == []
    assert (post(house, address).people, post(house, address).ended) == (1, 1)
    assert house.store.write_now(outside_members.clear, address) == 1
    send(house, "ines", address)
    assert [one.recipients for one in queue(house)] == [(AMIE,)]


def test_a_full_mailbox_stops_a_list_after_weeks_only(house: House, sink: Elsewhere, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE])
    for day in (0, 8, 8, 8):
        clock.ahead += day * DAY
        assert not troubled(house, address) or not troubled(house, address)[0].ended
        send(house, "ines", address)
        assert bounce(house, queue(house)[-1].sender, "5.2.2", "552 5.2.2 Mailbox full") == {}
    (one,) = troubled(house, address)
    assert (one.hard, one.reason) == (0, Reason.SOFT)


def test_a_forged_return_address_is_nobodys(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE])
    send(house, "ines", address)
    path = returning(house)
    forged = MemberKeys(b"another key").return_address(address, Departure(1, 1))
    broken = path.replace("+", "+a", 1)
    for wrong in (forged, broken, path[: path.index("+") + 5] + "2" + path[path.index("+") + 6 :]):
        assert wrong in bounce(house, wrong)
    assert troubled(house, address) == []
    upper = path.partition("@")
    assert bounce(house, f"{upper[0].upper()}@{upper[2]}") == {}, "local parts change their case on the way"
    assert troubled(house, address)[0].hard == 1


def test_an_old_message_counts_for_nothing(house: House, sink: Elsewhere, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE])
    send(house, "ines", address)
    path = returning(house)
    clock.ahead += 31 * DAY
    assert bounce(house, path) == {}
    assert troubled(house, address) == []


def test_an_absence_counts_for_nothing_and_a_letter_comes_to_the_owners(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom"), AMIE], owners=(at("paul"),))
    send(house, "ines", address)
    path = returning(house)
    away = letter(AMIE, path, "Absence").replace(b"\r\n\r\n", b"\r\nAuto-Submitted: auto-replied\r\n\r\n", 1)
    assert arrive(house, "", path, octets=away) == {}
    assert house.mail("paul") == []
    assert arrive(house, AMIE, path, octets=letter(AMIE, path, "Une question")) == {}
    (paul,) = house.mail("paul")
    assert b"Une question" in paul
    assert troubled(house, address) == []


# ---------------------------------------------------------------------- limits, circles


def test_a_list_has_a_size_of_its_own(house: House, sink: Elsewhere) -> None:
    address = make_list(house, "chorale", [at("tom")])
    change(house, address, max_size=20_000)
    large = letter("x@exemple.org", address) + b"x" * 70 + b"\r\n" * 12_000
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("x@exemple.org", [address], large)
        assert refused.value.recipients[address][0] == 552
        client.mail("x@exemple.org")  # who does not say how large it is hears it afterwards
        assert client.rcpt(address)[0] == 250
        assert client.data(large)[0] == 552
    assert house.mail("tom") == []
    assert arrive(house, "x@exemple.org", address) == {}


def test_a_list_has_a_rate_of_its_own(house: House, sink: Elsewhere, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("tom")])
    change(house, address, max_hourly=2)
    for _ in range(2):
        assert send(house, "ines", address) == {}
    code, text = send(house, "ines", address)[address]
    assert code == 550
    assert b"hour" in text
    assert arrive(house, "x@exemple.org", address)[address][0] // 100 == 4, "another server keeps it"
    clock.ahead += 3601
    assert send(house, "ines", address) == {}
    assert len(house.mail("tom")) == 3


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: auto-replied (vacation)",
        b'Content-Type: multipart/report; boundary="b";\r\n report-type=delivery-status',
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
    ],
)
def test_no_list_sends_on_what_a_program_answered(house: House, sink: Elsewhere, field: bytes) -> None:
    address = make_list(house, "chorale", [at("tom")])
    octets = letter("x@exemple.org", address).replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n", 1)
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        with pytest.raises(smtplib.SMTPResponseException):
            client.sendmail("x@exemple.org", [address], octets)
        client.sendmail("x@exemple.org", [address, at("lea")], octets)
    assert house.mail("tom") == []
    assert len(house.mail("lea")) == 1
    said = octets.replace(b"auto-replied", b"auto-generated")
    if said != octets:
        assert arrive(house, "x@exemple.org", address, octets=said) == {}, "what a program writes by itself is mail"
        assert len(house.mail("tom")) == 1
