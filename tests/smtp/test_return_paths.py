"""What goes on to somebody elsewhere leaves under a return path of ours, and reports on it reach whoever wrote."""

import smtplib
from collections.abc import Iterator

import pytest

from mailserver.delivery.returned_reports import MOST, ReturnedReports
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import spool
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import FRIEND, letter, send
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House
from tests.waiting import until

OWNER = "proprio@loin.fr"
OWNERS = LIST.replace("@", "-owner@")


@pytest.fixture
def smarthost() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def house(make_house: HouseMaker, smarthost: Elsewhere) -> House:
    """Its day does not end amid a test."""
    outbound = {"smarthost": smarthost.target, "retry": (1,), "timeout": 5}
    house = make_house(clock=StandingClock(), outbound=outbound)

    def unit(tx: Tx) -> None:
        lists.set_owners(tx, LIST, (OWNER,))

    house.store.write_now(unit)
    house.start_relay()
    return house


DSN = b"""From: mailer-daemon@loin.fr\r
Subject: Undelivered\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
\r
No such user.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; loin.fr\r
\r
Final-Recipient: rfc822; proprio@loin.fr\r
Action: failed\r
Status: 5.1.1\r
--b--\r
"""
AWAY = letter("Auto-Submitted: auto-replied", sender="proprio@loin.fr", subject="Absent")
OLD = letter(sender="mailer-daemon@loin.fr").replace(b"Bonjour.", b"Hi. This is the qmail-send program at loin.fr.")


def report(house: House, to: str, sender: str = "", octets: bytes = DSN) -> int:
    """The answer to a recipient, or to the message where that is taken."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo()
        client.mail(sender)
        code = client.rcpt(to)[0]
        return client.data(octets)[0] if code == 250 else code


def test_a_report_goes_back_and_nothing_else(house: House, smarthost: Elsewhere) -> None:
    send(house, letter(to=OWNERS), OWNERS)
    until(lambda: len(smarthost.inbox.taken) == 1)
    (passed,) = smarthost.inbox.taken
    path = str(passed.mail_from)
    assert passed.rcpt_tos == [OWNER]
    assert path.startswith("SRS0=")
    assert path.endswith(f"=ailleurs.fr=amie@{DOMAIN}")
    assert report(house, path, "somebody@loin.fr") == 550, "only reports"
    assert report(house, path.replace("ailleurs", "victime")) == 550
    assert report(house, path) == 250
    until(lambda: len(smarthost.inbox.taken) == 2)
    back = smarthost.inbox.taken[1]
    assert (back.mail_from, back.rcpt_tos) == ("<>", [FRIEND])
    assert report(house, path, octets=letter(sender="mailer-daemon@loin.fr")) == 550, "somebody wrote it"
    assert [report(house, path, octets=octets) for octets in (AWAY, OLD)] == [250, 250]
    house.delivery.returned = ReturnedReports(settings=house.settings, store=house.store, clock=house.clock)
    codes = [report(house, path) for _ in range(MOST - 2)]
    assert codes == [250] * (MOST - 3) + [550], "so many a day, whichever worker took them"
    until(lambda: not house.read(spool.show))


def test_nobody_who_logs_in_writes_there(house: House, smarthost: Elsewhere) -> None:
    send(house, letter(to=OWNERS), OWNERS)
    until(lambda: len(smarthost.inbox.taken) == 1)
    path = str(smarthost.inbox.taken[0].mail_from)
    with smtplib.SMTP_SSL("127.0.0.1", house.ports["submissions"], timeout=60) as client:
        client.login("ada", PASSWORD)
        client.mail("")
        assert client.rcpt(path)[0] == 550


def test_what_cannot_arrive_is_reported_to_whoever_wrote(house: House, smarthost: Elsewhere) -> None:
    """By ourselves, who know who that was."""
    smarthost.inbox.answers = {OWNER: "550 5.1.1 No such user"}
    send(house, letter(to=OWNERS), OWNERS)
    until(lambda: [one.rcpt_tos for one in smarthost.inbox.taken] == [[FRIEND]])
    assert smarthost.inbox.taken[0].mail_from == "<>"
