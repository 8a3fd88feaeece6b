"""The relay against real servers: sent, put off, refused, reported, over restarts, by several workers."""

import email
import email.policy
import re
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from sqlalchemy import select, update

from mailserver.foundation import tls
from mailserver.store.account import forwards, stored_preferences
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Notify, Target
from mailserver.store.queue.traces import Step
from mailserver.store.schema.mail.messages import blob
from mailserver.store.schema.outgoing.spool import queued
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.house import DOMAIN, LIST, House
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: x@ailleurs.fr\r\nSubject: x\r\n\r\n.Bonjour\r\n..\r\n".encode()
PROVEN = MESSAGE.replace(b"Subject: x\r\n\r\n", b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n")
PROVEN += "é\r\n--b\r\n\r\nx\r\n--b--\r\n".encode()


def submit(house: House, *recipients: str | Target, octets: bytes = MESSAGE, sender: str = ADA, **options: str) -> str:
    return house.run(house.submission.submit(house.people["ada"], sender, recipients, octets, **options)).name  # type: ignore[arg-type]


def queue(house: House) -> list[spool.Entry]:
    return house.read(spool.show)


def report_in(octets: bytes) -> tuple[EmailMessage, str]:
    """A report: the message, and its machine-readable part as text."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    status = next(part for part in message.walk() if part.get_content_type().endswith("delivery-status"))
    return message, status.as_string()


@pytest.fixture
def smarthost() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def relayed(make_house: HouseMaker, smarthost: Elsewhere) -> House:
    """A house whose mail leaves through the smarthost."""
    house = make_house(outbound={"smarthost": smarthost.target, "retry": (1,), "timeout": 5})
    house.start_relay()
    return house


def test_a_message_leaves_signed_and_exact(relayed: House, smarthost: Elsewhere) -> None:
    submit(relayed, "x@ailleurs.fr", "y@ailleurs.fr", "z@autre.fr")
    until(lambda: len(smarthost.inbox.taken) == 2)
    until(lambda: not queue(relayed))
    envelopes = {tuple(one.rcpt_tos): one for one in smarthost.inbox.taken}
    assert set(envelopes) == {("x@ailleurs.fr", "y@ailleurs.fr"), ("z@autre.fr",)}
    for octets in smarthost.inbox.octets:
        assert octets.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
        assert octets.partition(b"\r\nReceived: ")[2].startswith(b"by ac-exemple.fr")
        assert b"Return-Path" not in octets
        assert octets.endswith(MESSAGE)
    assert smarthost.inbox.said[0] == f"EHLO {DOMAIN}"


def test_per_recipient_answers(relayed: House, smarthost: Elsewhere) -> None:
    smarthost.inbox.answers = {
        "bad@ailleurs.fr": "550 5.1.1 No such\tuser",
        "slow@ailleurs.fr": "450 4.2.1 Greylisted",
    }
    submit(relayed, "good@ailleurs.fr", "bad@ailleurs.fr", "slow@ailleurs.fr", envid="Q1")
    until(lambda: relayed.mail("ada"))
    message, status = report_in(relayed.mail("ada")[0])
    assert message["To"] == ADA
    assert message["From"].addresses[0].addr_spec == f"postmaster@{DOMAIN}"
    assert "Original-Envelope-Id: Q1" in status
    assert "Final-Recipient: rfc822; bad@ailleurs.fr" in status
    assert "Action: failed" in status
    assert "Status: 5.1.1" in status
    assert "Diagnostic-Code: smtp; 550 5.1.1 No such user" in status
    assert "good@" not in status
    assert "slow@" not in status
    until(lambda: [one.recipients for one in queue(relayed)] == [("slow@ailleurs.fr",)])
    traced = relayed.store.read_now(traces.find, traces.Wanted(0, 1 << 40, recipient="@ailleurs.fr"), 10).rows
    told = {(one.step, one.recipients) for one in traced if one.count == 1}
    assert {(Step.SENT, ("good@ailleurs.fr",)), (Step.FAILED, ("bad@ailleurs.fr",))} <= told
    assert (Step.DEFERRED, ("slow@ailleurs.fr",)) in told
    assert {one.name for one in traced if one.sender == ADA} >= {queue(relayed)[0].name}
    assert any("550 5.1.1 No such user" in one.detail for one in traced)
    assert {one.detail.name for one in traced if one.step is not Step.SUBMITTED} == {"attempt-at"}
    assert queue(relayed)[0].error == "450 4.2.1 Greylisted"
    del smarthost.inbox.answers["slow@ailleurs.fr"]
    until(lambda: not queue(relayed))
    assert [one.rcpt_tos for one in smarthost.inbox.taken] == [["good@ailleurs.fr"], ["slow@ailleurs.fr"]]
    assert len(relayed.mail("ada")) == 1


@pytest.mark.parametrize("command", ["MAIL", "DATA"])
def test_whole_message_refused(relayed: House, smarthost: Elsewhere, command: str) -> None:
    smarthost.inbox.answers = {command: "554 5.7.1 Not from you"}
    submit(relayed, "x@ailleurs.fr", ret="FULL")
    until(lambda: relayed.mail("ada"))
    message, status = report_in(relayed.mail("ada")[0])
    assert "Status: 5.7.1" in status
    (returned,) = [part for part in message.walk() if part.get_content_type() == "message/rfc822"]
    assert "Bonjour" in returned.as_string()
    assert relayed.mail("ada")[0].startswith(b"Return-Path: <>\r\n")


@pytest.mark.parametrize(
    ("language", "said", "unsaid"), [("en", "could not", "n'a pas pu"), ("fr", "n'a pas pu", "could")]
)
def test_a_report_speaks_its_reader_s_language(
    relayed: House, smarthost: Elsewhere, language: str, said: str, unsaid: str
) -> None:
    found = relayed.run(relayed.directory.find("ada"))
    assert found is not None
    relayed.store.write_now(stored_preferences.revise_preferences, found.account_id, {"language": language})
    smarthost.inbox.answers = {"x@ailleurs.fr": "550 5.1.1 No such user"}
    submit(relayed, "x@ailleurs.fr")
    until(lambda: relayed.mail("ada"))
    message, _ = report_in(relayed.mail("ada")[-1])
    body = message.get_body()
    assert body is not None
    text = body.get_content()
    assert said in text
    assert unsaid not in text
    relayed.store.write_now(stored_preferences.revise_preferences, found.account_id, {"language": ""})


def test_no_report_where_none_is_wanted(relayed: House, smarthost: Elsewhere) -> None:
    smarthost.inbox.answers = {"x@ailleurs.fr": "550 no", "y@ailleurs.fr": "550 no"}
    submit(relayed, Target("x@ailleurs.fr", Notify.NEVER), Target("y@ailleurs.fr", Notify.SUCCESS))
    until(lambda: not queue(relayed))
    assert relayed.mail("ada") == []


def test_whether_the_address_that_mail_is_sent_on_to_takes_it(relayed: House, smarthost: Elsewhere) -> None:
    account_id = relayed.people["ada"].account_id
    relayed.run(relayed.store.write(forwards.ask, account_id, "x@ailleurs.fr", b"t" * 32, 2**40))
    relayed.run(relayed.store.write(forwards.agree, b"t" * 32))

    def refusals() -> int:
        agreed, _asked = relayed.read(forwards.of_account, account_id)
        return agreed.refusals if agreed is not None else -1

    smarthost.inbox.answers = dict.fromkeys(("x@ailleurs.fr", "y@ailleurs.fr"), "550 5.1.1 No")
    submit(relayed, "y@ailleurs.fr")
    until(lambda: not queue(relayed))
    assert refusals() == 0
    for count in (1, 2):
        submit(relayed, "x@ailleurs.fr")
        until(lambda: not queue(relayed))
        assert refusals() == count
    smarthost.inbox.answers = {}
    submit(relayed, "x@ailleurs.fr")
    until(lambda: not queue(relayed))
    assert refusals() == 0


def test_a_report_is_never_reported_on(relayed: House, smarthost: Elsewhere) -> None:
    smarthost.inbox.answers = {"x@ailleurs.fr": "550 no"}
    submit(relayed, "x@ailleurs.fr", sender="")
    until(lambda: not queue(relayed))
    assert relayed.mail("ada") == []
    assert smarthost.inbox.said[1].startswith("MAIL <>")


def test_success_is_reported_where_the_next_server_will_not(relayed: House, smarthost: Elsewhere) -> None:
    submit(relayed, Target("x@ailleurs.fr", Notify.SUCCESS, "rfc822;X@ailleurs.fr"), "y@ailleurs.fr")
    until(lambda: relayed.mail("ada"))
    _, status = report_in(relayed.mail("ada")[0])
    assert "Action: relayed" in status
    assert "Original-Recipient: rfc822;X@ailleurs.fr" in status
    assert "y@" not in status


def test_dsn_parameters_are_handed_on(relayed: House, smarthost: Elsewhere) -> None:
    smarthost.inbox.extensions = ("DSN",)
    submit(
        relayed,
        Target("x@ailleurs.fr", Notify.SUCCESS | Notify.FAILURE, "rfc822;X@ailleurs.fr"),
        "y@ailleurs.fr",
        ret="HDRS",
        envid="Q3",
    )
    until(lambda: not queue(relayed))
    assert f"MAIL {ADA} SIZE=" in smarthost.inbox.said[1]
    assert smarthost.inbox.said[1].endswith("RET=HDRS ENVID=Q3")
    assert smarthost.inbox.said[2:] == [
        "RCPT x@ailleurs.fr NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;X@ailleurs.fr",
        "RCPT y@ailleurs.fr",
    ]
    assert relayed.mail("ada") == []


@pytest.mark.parametrize(
    ("options", "octets", "recipient", "status"),
    [
        ({"enable_SMTPUTF8": False}, MESSAGE, "élève@ailleurs.fr", "5.6.7"),
        ({"decode_data": True}, PROVEN, "x@ailleurs.fr", "5.6.3"),
        ({"data_size_limit": 300}, MESSAGE + b"x" * 400, "x@ailleurs.fr", "5.3.4"),
    ],
)
def test_what_the_next_server_lacks(
    make_house: HouseMaker, options: dict[str, bool], octets: bytes, recipient: str, status: str
) -> None:
    elsewhere = Elsewhere().start(**options)
    house = make_house(outbound={"smarthost": elsewhere.target})
    house.start_relay()
    submit(house, recipient, octets=octets)
    until(lambda: house.mail("ada"))
    assert f"Status: {status}" in report_in(house.mail("ada")[0])[1]
    assert elsewhere.inbox.taken == []
    elsewhere.stop()


def test_internationalised_and_8bit_go_where_they_are_taken(relayed: House, smarthost: Elsewhere) -> None:
    submit(relayed, "élève@ailleurs.fr", octets=MESSAGE + "été\r\n".encode())
    until(lambda: smarthost.inbox.taken)
    assert smarthost.inbox.said[1].endswith("BODY=8BITMIME SMTPUTF8")
    assert smarthost.inbox.taken[0].rcpt_tos == ["élève@ailleurs.fr"]


def test_retries_until_the_server_is_back(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere()
    house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,)})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: queue(house) and queue(house)[0].attempts >= 2)
    assert "refuses the connection" in queue(house)[0].error
    elsewhere.start()
    until(lambda: elsewhere.inbox.taken)
    elsewhere.stop()


def test_given_up_after_its_life(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere()
    house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,), "lifetime": 60, "delay_warning": 60})
    submit(house, "x@ailleurs.fr")
    house.store.write_now(_age, 61)
    house.start_relay()
    until(lambda: house.mail("ada") and not queue(house))
    (report,) = house.mail("ada")
    _, status = report_in(report)
    assert "Action: failed" in status
    assert "Status: 5.4.7" in status


def test_a_damaged_message_waits_and_is_never_sent(make_house: HouseMaker) -> None:
    """Its time over, its author is told; what cannot be read is not quoted."""
    elsewhere = Elsewhere().start()
    house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,), "lifetime": 3600})
    submit(house, "x@ailleurs.fr")
    house.store.write_now(_damage)
    house.start_relay()
    until(lambda: queue(house)[0].attempts >= 2)
    assert "damaged" in queue(house)[0].error
    house.store.write_now(_age, 3601)
    until(lambda: house.mail("ada") and not queue(house))
    (report,) = house.mail("ada")
    assert "Status: 5.4.7" in report_in(report)[1]
    assert not elsewhere.inbox.taken
    elsewhere.stop()


def _damage(tx: Tx) -> None:
    """Change an octet of what is queued, where the disk might have."""
    chosen = select(blob.c.content_id, blob.c.octets).join(queued, queued.c.content_id == blob.c.content_id)
    for row in tx.execute(chosen).all():
        frame = bytearray(row.octets)
        frame[-6] ^= 0x55
        tx.execute(update(blob).where(blob.c.content_id == row.content_id).values(octets=bytes(frame)))


def test_delay_warning_comes_once(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere()
    house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,), "delay_warning": 60})
    submit(house, "x@ailleurs.fr", Target("y@ailleurs.fr", Notify.FAILURE))
    house.store.write_now(_age, 100)
    house.start_relay()
    until(lambda: queue(house)[0].attempts >= 3)
    (report,) = house.mail("ada")
    _, status = report_in(report)
    assert "Action: delayed" in status
    assert "Will-Retry-Until:" in status
    assert "y@" not in status


def _age(tx: Tx, seconds: int) -> None:
    """Make everything in the queue older."""
    tx.execute(update(queued).values(created=queued.c.created - seconds, expires=queued.c.expires - seconds))


def test_restart_continues_and_a_stop_gives_back(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    elsewhere.inbox.holds = "RCPT"
    elsewhere.inbox.hold.clear()
    house = make_house(outbound={"smarthost": elsewhere.target})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: len(elsewhere.inbox.said) == 3)
    house.stop_relays()  # nobody says the word that the other side waits for
    assert [(one.sending, one.attempts) for one in queue(house)] == [(False, 0)]
    elsewhere.inbox.hold.set()
    house.stop()
    again = make_house(outbound={"smarthost": elsewhere.target})
    again.start_relay()
    until(lambda: not queue(again))
    elsewhere.stop()


def test_a_worker_that_died_is_taken_over(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    house = make_house(outbound={"smarthost": elsewhere.target})
    submit(house, "x@ailleurs.fr")
    assert len(house.store.write_now(spool.lease, 10, 1)) == 1, "leased by a worker that will say no more"
    house.start_relay()
    until(lambda: elsewhere.inbox.taken)
    elsewhere.stop()


def test_several_workers_send_each_message_once(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    house = make_house(outbound={"smarthost": elsewhere.target, "concurrency": 3})
    for _ in range(3):
        house.start_relay()
    for number in range(30):
        submit(house, f"x@d{number}.fr")
    until(lambda: not queue(house))
    assert sorted(one.rcpt_tos[0] for one in elsewhere.inbox.taken) == sorted(f"x@d{n}.fr" for n in range(30))
    elsewhere.stop()


def test_many_recipients_in_groups(relayed: House, smarthost: Elsewhere) -> None:
    submit(relayed, *(f"x{n}@ailleurs.fr" for n in range(250)))
    until(lambda: not queue(relayed))
    assert [len(one.rcpt_tos) for one in smarthost.inbox.taken] == [100, 100, 50]


def test_large_message_leaves_in_pieces(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    house = make_house(outbound={"smarthost": elsewhere.target})
    house.start_relay()
    body = b"".join(b".%070d\r\n" % n for n in range(40_000))
    submit(house, "x@ailleurs.fr", octets=MESSAGE + body)
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.octets[0].endswith(MESSAGE + body)
    elsewhere.stop()


# ---------------------------------------------------------------------- TLS


def test_tls_is_taken_where_it_is_offered(make_house: HouseMaker) -> None:
    house = make_house()
    context = tls.read_pair(house.settings.certificate, house.settings.private_key).context
    elsewhere = Elsewhere(tls=context).start()
    other = make_house("other", outbound={"smarthost": elsewhere.target})
    other.start_relay()
    submit(other, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]
    elsewhere.stop()


def test_broken_tls_is_done_without(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    elsewhere.inbox.extensions = ("STARTTLS",)
    house = make_house(outbound={"smarthost": elsewhere.target})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [False]
    house.stop_relays()  # a connection is kept
    elsewhere.stop()


# ---------------------------------------------------------------------- exchangers


@pytest.fixture
def names() -> Iterator[Names]:
    server = Names()
    yield server
    server.stop()


def open_house(make_house: HouseMaker, names: Names, port: int, **outbound: object) -> House:
    house = make_house(outbound={"port": port, "retry": (1,), **outbound})
    house.start_relay(resolver=names.resolver())
    return house


def test_exchangers_by_preference_and_the_next_when_one_is_down(make_house: HouseMaker, names: Names) -> None:
    elsewhere = Elsewhere().start()
    names.known = {
        ("ailleurs.fr", "MX"): ["20 second.fr.", "10 first.fr."],
        ("first.fr", "A"): ["127.0.0.9"],
        ("second.fr", "A"): ["127.0.0.1"],
    }
    house = open_house(make_house, names, elsewhere.port)
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert names.asked.index("first.fr A") < names.asked.index("second.fr A")
    elsewhere.stop()


def test_domain_without_mx_is_its_own_exchanger(make_house: HouseMaker, names: Names) -> None:
    elsewhere = Elsewhere().start()
    names.known = {("ailleurs.fr", "A"): ["127.0.0.1"]}
    house = open_house(make_house, names, elsewhere.port)
    submit(house, "x@ailleurs.fr", "y@[127.0.0.1]")
    until(lambda: len(elsewhere.inbox.taken) == 2)
    elsewhere.stop()


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ({}, "5.1.2"),
        ({("ailleurs.fr", "TXT"): ['"x"']}, "5.1.2"),
        ({("ailleurs.fr", "MX"): ["0 ."]}, "5.1.10"),
        ({("ailleurs.fr", "MX"): [f"10 {DOMAIN}."]}, "5.4.6"),
        ({("ailleurs.fr", "MX"): [f"10 {DOMAIN}.", "20 worse.fr."], ("worse.fr", "A"): ["127.0.0.1"]}, "5.4.6"),
    ],
)
def test_domains_that_take_no_mail(
    make_house: HouseMaker, names: Names, known: dict[tuple[str, str], list[str]], status: str
) -> None:
    names.known = known
    house = open_house(make_house, names, 1)
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert f"Status: {status}" in report_in(house.mail("ada")[0])[1]


def test_better_exchangers_than_we(make_house: HouseMaker, names: Names) -> None:
    elsewhere = Elsewhere().start()
    names.known = {
        ("ailleurs.fr", "MX"): ["10 best.fr.", f"20 {DOMAIN}.", "30 worse.fr."],
        ("best.fr", "A"): ["127.0.0.1"],
    }
    house = open_house(make_house, names, elsewhere.port)
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    elsewhere.stop()


def test_a_zone_that_points_at_our_own_port(make_house: HouseMaker, names: Names) -> None:
    names.known = {("ailleurs.fr", "MX"): ["10 trap.fr."], ("trap.fr", "A"): ["127.0.0.1"]}
    house = open_house(make_house, names, 2525)
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert "Status: 5.4.6" in report_in(house.mail("ada")[0])[1]


def test_name_server_trouble_is_put_off(make_house: HouseMaker, names: Names) -> None:
    elsewhere = Elsewhere().start()
    names.broken.add("ailleurs.fr")
    house = open_house(make_house, names, elsewhere.port)
    submit(house, "x@ailleurs.fr")
    until(lambda: queue(house) and queue(house)[0].error)
    assert queue(house)[0].error.startswith("Looking up ailleurs.fr: ")
    names.broken.clear()
    names.known = {("ailleurs.fr", "A"): ["127.0.0.1"]}
    until(lambda: elsewhere.inbox.taken)
    elsewhere.stop()


def test_static_routes_come_first(make_house: HouseMaker, names: Names, smarthost: Elsewhere) -> None:
    special = Elsewhere().start()
    house = open_house(
        make_house, names, 1, smarthost=smarthost.target, routes={"Intra.Ailleurs.fr": f"localhost:{special.port}"}
    )
    submit(house, "x@intra.ailleurs.fr", "y@ailleurs.fr")
    until(lambda: special.inbox.taken and smarthost.inbox.taken)
    assert special.inbox.taken[0].rcpt_tos == ["x@intra.ailleurs.fr"]
    assert names.asked == []
    special.stop()


def test_mail_of_a_stranger_to_a_list_goes_on_to_members_elsewhere(relayed: House, smarthost: Elsewhere) -> None:
    with smtplib.SMTP("127.0.0.1", relayed.ports["smtp"]) as client:
        client.sendmail("a@dehors.fr", [LIST], b"Subject: x\r\n\r\nx\r\n")
    until(lambda: smarthost.inbox.taken)
    assert smarthost.inbox.taken[0].rcpt_tos == ["amie@ailleurs.fr"]
    path = smarthost.inbox.taken[0].mail_from or ""
    assert re.fullmatch(LIST.replace("@", r"-bounces\+[a-z2-7]{32}@"), path)
    assert smarthost.inbox.octets[0].startswith(b"DKIM-Signature: ")
    assert b"\r\nList-Id: " in smarthost.inbox.octets[0]
    assert len(relayed.mail("ada")) == 1
