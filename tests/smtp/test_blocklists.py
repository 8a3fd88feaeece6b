"""Peers that are on blocklists: refused or put aside, by the settings, with a reason that can be read."""

import smtplib
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from mailserver.inbound.screening import dnsbl
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk, mailboxes, messages
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.mail.lessons import Said
from tests.inbound.authentication.name_server import NameServer
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, House
from tests.waiting import until
from webui.reader.trust.spam import sentences

ADA, POSTMASTER = f"ada@{DOMAIN}", f"postmaster@{DOMAIN}"
WORSE, BAD, GOOD = "127.0.0.3", "127.0.0.4", "127.0.0.5"


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    for zone, listed in {"secret.zen.dq.spamhaus.net": (WORSE, BAD), "other.fr": (WORSE,)}.items():
        for address in ("127.0.0.2", *listed):
            server[dnsbl.question(ip_address(address), zone), "A"] = ["127.0.0.2"]
    yield server
    server.stop()


@pytest.fixture
def house(make_house: HouseMaker, names: NameServer) -> House:
    made = make_house(
        smtp={"relays": ["127.0.0.1"]},
        dns={"nameservers": [names.setting]},
        blocklists={"lists": {"secret.zen.dq.spamhaus.net": 60, "other.fr": 40}},
    )
    # Only what was tried is asked, and that was begun when the door opened.
    until(lambda: arrive(made, WORSE)[0][0] == 550)
    made.empty()
    return made


def arrive(house: House, source: str, *to: str) -> list[tuple[int, bytes]]:
    """The answers to each recipient, and to the message where one was taken."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60, source_address=(source, 0)) as client:
        client.ehlo()
        client.mail("a@ailleurs.fr")
        answers = [client.rcpt(one) for one in to or (ADA,)]
        if any(code == 250 for code, _ in answers):
            answers.append(client.data(b"From: a@ailleurs.fr\r\nSubject: x\r\n\r\nx\r\n"))
    return answers


def verdict(house: House, login: str) -> tuple[Verdict | None, Said]:
    def read(tx: Tx) -> tuple[Verdict | None, Said]:
        account = house.people[login].account_id
        box = next(one for one in mailboxes.listing(tx, account) if one.name == "Junk")
        ((*_, content),) = messages.fetch_uids(tx, account, box.id, ("uid", "content_id"), [box.uidnext - 1])
        return junk.verdict(tx, account, content)

    return house.read(read)


def test_a_peer_with_enough_points_is_refused_with_the_lists(house: House) -> None:
    ((code, text),) = arrive(house, WORSE)
    assert (code, text) == (
        550,
        b"5.7.1 Your address 127.0.0.3 is listed by zen.dq.spamhaus.net, other.fr; "
        b"postmaster@ac-exemple.fr can be written to all the same",
    )
    assert [code for code, _ in arrive(house, WORSE, POSTMASTER, ADA)] == [250, 550, 250]
    assert len(house.mail("admin")) == 1, "nothing that goes to postmaster is junk"
    assert house.mail("ada") == []


def test_a_peer_with_fewer_points_goes_to_spam_and_its_reader_is_told_why(house: House) -> None:
    assert [code for code, _ in arrive(house, BAD, ADA, POSTMASTER)] == [250, 250, 250]
    assert house.mail("ada") == []
    assert len(house.mail("ada", "Junk")) == 1
    assert len(house.mail("admin")) == 1
    found, said = verdict(house, "ada")
    assert found == Verdict(Source.LISTED, 60, 50, ("zen.dq.spamhaus.net",))
    assert sentences(found, said, str) == [
        "Le serveur d’où vient ce message est signalé comme envoyant des indésirables.",
        "Par ces listes : zen.dq.spamhaus.net.",
    ]


def test_others_and_relays_come_in(house: House) -> None:
    for source in (GOOD, "127.0.0.1"):
        assert [code for code, _ in arrive(house, source)] == [250, 250]
    assert len(house.mail("ada")) == 2


def test_settings_say_what_points_do(house: House) -> None:
    section = house.settings.blocklists.__dict__
    section.update(reject=0, junk=0)
    assert [code for code, _ in arrive(house, WORSE)] == [250, 250]
    assert len(house.mail("ada")) == 1
    section.update(reject=60)
    assert [code for code, _ in arrive(house, BAD)] == [550]
