"""Submission end to end: completed, signed, committed once, and only by who may."""

import re
import smtplib
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from mailserver.accounts.provision import provision
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door as ProvenanceDoor
from mailserver.model.messages.provenance import Provenance
from mailserver.outbound.submission.departure import Copy
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Notify, Signing, Target
from mailserver.store.schema.outgoing.spool import queued
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House

ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: {BOB}\r\nSubject: x\r\n\r\nBonjour\r\n".encode()


@pytest.fixture
def client(house: House) -> Iterator[smtplib.SMTP]:
    drop_queue(house)
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as one:
        one.starttls(context=tls_context())
        one.login("ada", PASSWORD)
        yield one


def drop_queue(house: House) -> None:
    rows = [entry.id for entry in house.read(spool.show)]
    house.store.write_now(spool.drop, rows)


def queue(house: House) -> list[spool.Entry]:
    return house.read(spool.show)


def octets_of(house: House, entry: spool.Entry) -> bytes:
    """What the relay would send."""
    (row,) = [one for one in house.store.write_now(spool.lease, 100) if one.id == entry.id]
    return house.read(spool.octets, row.content_id, house.settings.data / "blobs")


def test_missing_fields_are_added_and_blind_copies_dropped(house: House, client: smtplib.SMTP) -> None:
    client.sendmail(ADA, [BOB], b"Bcc: secret@ailleurs.fr,\r\n autre@ailleurs.fr\r\n" + MESSAGE)
    (octets,) = house.mail("bob")
    top, _, rest = octets.partition(b"Date: ")
    assert re.fullmatch(rb"Return-Path: <ada@ac-exemple\.fr>\r\nReceived: from [^\r]+\r\n(\t[^\r]+\r\n)+", top)
    assert re.match(rb"[^\r]+ [+]0[12]00\r\nMessage-ID: <[^\r<>@ ]+@ac-exemple\.fr>\r\nFrom: Ada", rest)
    assert rest.endswith(MESSAGE)
    assert b"secret" not in octets
    assert b"with ESMTPSA id" in octets
    assert queue(house) == []


def test_nobody_says_in_our_name_what_was_found_out(house: House, client: smtplib.SMTP) -> None:
    drop_queue(house)
    said = b"Authentication-Results: ac-exemple.fr;\r\n dmarc=pass header.from=banque.fr\r\n"
    client.sendmail(ADA, [BOB], said + MESSAGE)
    assert b"dmarc=pass" not in house.mail("bob")[0]
    received = said + b"From: x@banque.fr\r\nSubject: x\r\n\r\nx\r\n"
    to = [Correspondent("", "x@ailleurs.fr")]
    house.run(house.submission.resend(house.people["ada"], to, received, Provenance(ProvenanceDoor.SMTP)))
    (entry,) = queue(house)
    assert b"dmarc=pass" not in octets_of(house, entry)
    drop_queue(house)


def test_what_is_there_stays(house: House, client: smtplib.SMTP) -> None:
    whole = b"Message-Id: <1@x>\r\nDATE: Mon, 1 Jan 2024 00:00:00 +0000\r\n" + MESSAGE
    client.sendmail(ADA, [BOB], whole)
    (octets,) = house.mail("bob")
    assert octets.endswith(b"0000\r\n" + whole)
    assert octets.lower().count(b"message-id") == 1


@pytest.mark.parametrize("message", [b"Bonjour\r\n", b"\r\nBonjour\r\n", b"Subject: x\r\n"])
def test_message_without_author_gets_one(house: House, client: smtplib.SMTP, message: bytes) -> None:
    client.sendmail(ADA, [BOB], message)
    (octets,) = house.mail("bob")
    assert b"\r\nFrom: Ada Essai <ada.essai@ac-exemple.fr>\r\n" in octets
    header, blank, body = octets.partition(b"\r\n\r\n")
    assert blank
    assert b"Bonjour" not in header
    assert body == (b"" if message.startswith(b"Subject") else b"Bonjour\r\n")


def test_local_and_remote_in_one_unit(house: House, client: smtplib.SMTP) -> None:
    client.sendmail(ADA, [BOB, "x@ailleurs.fr", "y@AILLEURS.fr", "z@autre.fr"], MESSAGE)
    assert len(house.mail("bob")) == 1
    entries = queue(house)
    assert [(entry.domain, entry.recipients) for entry in entries] == [
        ("ailleurs.fr", ("x@ailleurs.fr", "y@ailleurs.fr")),
        ("autre.fr", ("z@autre.fr",)),
    ]
    assert {entry.name for entry in entries} == {entries[0].name}
    assert entries[0].sender == ADA
    assert octets_of(house, entries[0]) == house.mail("bob")[0], "one content for all"


def signing_of(tx: Tx, name: str) -> Signing:
    return Signing(tx.execute(select(queued.c.signing).where(queued.c.name == name)).scalar_one())


def test_what_is_passed_on_is_never_signed_as_its_authors(house: House) -> None:
    """Neither as the author's, who may be forged, nor as anybody's; who passes it on is the envelope's sender."""
    drop_queue(house)
    received = b"From: Le recteur <recteur@ac-exemple.fr>\r\nSubject: x\r\n\r\nPromotion\r\n"
    to = [Correspondent("", "x@ailleurs.fr")]
    house.run(house.submission.resend(house.people["ada"], to, received, Provenance(ProvenanceDoor.SMTP)))
    (entry,) = queue(house)
    octets = octets_of(house, entry)
    assert house.read(signing_of, entry.name) == Signing.NONE
    assert octets.endswith(received)
    assert b"Resent-From: Ada Essai <ada.essai@ac-exemple.fr>\r\n" in octets
    assert entry.sender == "ada.essai@ac-exemple.fr"
    drop_queue(house)


@pytest.mark.parametrize("door", [ProvenanceDoor.UNKNOWN, ProvenanceDoor.APPENDED, ProvenanceDoor.KEPT])
def test_only_what_a_door_delivered_is_passed_on_as_it_is(house: House, door: ProvenanceDoor) -> None:
    drop_queue(house)
    ada = house.people["ada"]
    with pytest.raises(Refused) as refused:
        house.run(
            house.submission.resend(ada, [Correspondent("", "x@y.fr")], MESSAGE, Provenance(door, ada.account_id))
        )
    assert refused.value.reason is Reason.CANNOT
    assert queue(house) == []


def test_dsn_parameters_reach_the_queue(house: House, client: smtplib.SMTP) -> None:
    client.mail(ADA, ["RET=FULL", "ENVID=Q1"])
    client.rcpt("x@ailleurs.fr", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;X@ailleurs.fr"])
    client.rcpt("y@ailleurs.fr", ["NOTIFY=NEVER"])
    client.data(MESSAGE)
    (row,) = house.store.write_now(spool.lease, 10)
    assert (row.ret, row.envid) == ("FULL", "Q1")
    assert [(recipient.notify, recipient.orcpt) for recipient in row.recipients] == [
        (Notify.SUCCESS | Notify.FAILURE, "rfc822;X@ailleurs.fr"),
        (Notify.NEVER, ""),
    ]


def test_success_report_for_a_local_recipient(house: House, client: smtplib.SMTP) -> None:
    client.mail(ADA, ["ENVID=Q2"])
    client.rcpt(BOB, ["NOTIFY=SUCCESS"])
    client.data(MESSAGE)
    assert len(house.mail("bob")) == 1
    (report,) = house.mail("ada")
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Action: delivered\r\n" in report
    assert b"Original-Envelope-Id: Q2\r\n" in report


def test_lists_reach_members_here_and_elsewhere(house: House, client: smtplib.SMTP) -> None:
    client.sendmail(ADA, [LIST], MESSAGE)
    assert len(house.mail("bob")) == len(house.mail("ada")) == 1
    assert [one.recipients for one in queue(house)] == [("amie@ailleurs.fr",)]


def test_internationalised_recipient_is_marked(house: House, client: smtplib.SMTP) -> None:
    client.command_encoding = "utf-8"
    client.docmd(f"MAIL FROM:<{ADA}> SMTPUTF8")
    client.docmd("RCPT TO:<élève@école.fr>")
    client.data(MESSAGE)
    (row,) = house.store.write_now(spool.lease, 10)
    assert row.utf8
    assert row.domain == "xn--cole-9oa.fr"


def test_suspension_is_felt_by_an_open_connection(make_house: HouseMaker) -> None:
    house = make_house()
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login("ada", PASSWORD)
        house.store.write_now(accounts.suspend, house.people["ada"].account_id, "test", False)
        code, text = client.mail(ADA)
        assert code == 550
        assert text.startswith(b"5.2.1 Compte suspendu depuis le ")
        assert b" / Account suspended since " in text
        assert text.endswith(b": call the help desk")


def test_suspension_is_felt_within_a_transaction(make_house: HouseMaker) -> None:
    house = make_house()
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login("ada", PASSWORD)
        assert client.mail(ADA)[0] == 250
        assert client.rcpt(BOB)[0] == 250
        house.store.write_now(accounts.suspend, house.people["ada"].account_id, "test", False)
        assert client.data(MESSAGE)[0] == 550


def test_a_new_password_ends_open_submissions(make_house: HouseMaker) -> None:
    house = make_house()
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login("ada", PASSWORD)
        house.store.write_now(accounts.password_chosen, house.people["ada"].account_id)
        code, text = client.mail(ADA)
        assert (code, text[:5]) == (535, b"5.7.8")


@pytest.mark.parametrize("state", [accounts.suspend, accounts.close])
def test_a_login_of_before_sends_nothing(make_house: HouseMaker, state: Callable[..., object]) -> None:
    """Whatever door the message came by: the account's state is asked for when it leaves."""
    house = make_house()
    more = (False,) if state is accounts.suspend else ()
    house.store.write_now(state, house.people["ada"].account_id, "test", *more)
    with pytest.raises(Refused) as caught:
        submit(house, BOB, "x@ailleurs.fr")
    assert caught.value.reason is Reason.SUSPENDED
    assert house.mail("bob") == []
    assert queue(house) == []


@pytest.mark.parametrize("login", ["gil", "luc", "nobody"])
def test_who_may_not_log_in(house: House, login: str) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login(login, PASSWORD)
        assert caught.value.smtp_code == 535


# ---------------------------------------------------------------------- the service itself, as the web calls it


def submit(house: House, *recipients: str | Target, octets: bytes = MESSAGE, **options: bool) -> str:
    return house.run(house.submission.submit(house.people["ada"], ADA, recipients, octets, **options)).name  # type: ignore[arg-type]


def test_copy_in_sent_keeps_blind_copies(house: House) -> None:
    drop_queue(house)
    name = submit(house, BOB, "x@ailleurs.fr", octets=b"Bcc: x@ailleurs.fr\r\n" + MESSAGE, save_to_sent=True)
    (sent,) = house.mail("ada", "Sent")
    assert sent.startswith(b"Date: ")
    assert sent.endswith(b"Bcc: x@ailleurs.fr\r\n" + MESSAGE)
    (received,) = house.mail("bob")
    assert b"Bcc" not in received
    assert f"\r\nReceived: by ac-exemple.fr with HTTP id {name};".encode() in received
    assert [one.name for one in queue(house)] == [name]


def test_the_copy_goes_into_no_mailbox_of_somebody_else(house: House) -> None:
    """A form may name any mailbox: what is not the sender's is passed over, and the copy lies in Sent."""
    eve = house.people["eve"].account_id
    for name in ("ada", "eve"):
        house.store.write_now(provision, house.people[name].account_id)
    theirs = house.read(mailboxes.get, eve, "INBOX").id
    own = house.read(mailboxes.get, house.people["ada"].account_id, "Archive").id
    for box_id in (theirs, own, 1 << 40):
        house.run(
            house.submission.submit(house.people["ada"], ADA, [BOB], MESSAGE, save_to_sent=True, copy=Copy(box_id))
        )
    assert house.mail("eve") == []
    assert [len(house.mail("ada", name)) for name in ("Sent", "Archive")] == [2, 1]


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        (f"nobody@{DOMAIN}", Reason.NO_SUCH_RECIPIENT),
        (f"gil@{DOMAIN}", Reason.SUSPENDED),
        (f"noe@{DOMAIN}", Reason.OVER_QUOTA),
    ],
)
def test_refused_recipient_is_named_and_nothing_leaves(house: House, recipient: str, reason: Reason) -> None:
    drop_queue(house)
    with pytest.raises(Refused) as caught:
        submit(house, BOB, "x@ailleurs.fr", recipient, save_to_sent=True)
    assert caught.value.reason is reason
    assert caught.value.text.startswith(f"{recipient}: ")
    assert house.mail("bob") == house.mail("ada", "Sent") == []
    assert queue(house) == []


@pytest.mark.parametrize(
    "header",
    [
        f"From: {BOB}",
        f"From: {ADA}, {BOB}",
        f"From: {ADA}\r\nSender: {BOB}",
        f"From: {ADA}\r\nFrom: {ADA}",
        f'From: "{ADA}" <{BOB}>',
        f"From: {ADA} <{BOB}>",
        f"From: (c) {BOB}",
        "From: undisclosed",
        "From:",
        f"From: <{ADA}@evil.fr>",
    ],
)
def test_authors_who_are_not_this_person(house: House, header: str) -> None:
    with pytest.raises(Refused) as caught:
        submit(house, BOB, octets=f"{header}\r\n\r\nx\r\n".encode())
    assert caught.value.reason is Reason.FORBIDDEN


def test_limits_of_submission(make_house: HouseMaker) -> None:
    house = make_house(limits={"message_size": 5000, "recipients": 100})
    for recipients, octets, reason in (
        ([], MESSAGE, Reason.INVALID),
        ([BOB] * 101, MESSAGE, Reason.TOO_MANY_RECIPIENTS),
        ([BOB], MESSAGE + b"x" * 5000, Reason.TOO_BIG),
    ):
        with pytest.raises(Refused) as caught:
            submit(house, *recipients, octets=octets)
        assert caught.value.reason is reason


def test_the_service_itself_may_write_as_it_likes(house: House) -> None:
    house.run(house.submission.submit(None, "", [BOB], f"From: agenda@{DOMAIN}\r\n\r\nx\r\n".encode()))
    (octets,) = house.mail("bob")
    assert octets.startswith(b"Return-Path: <>\r\n")
