"""What claims from outside to be of our domain is refused, but from the relays of the academy; nobody there is told of
success."""

import smtplib

import pytest

from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_submission import queue

ADA, RECTOR = f"ada@{DOMAIN}", f"recteur@{DOMAIN}"
OUTSIDE = {"relays": ["127.0.0.1"]}
"""This machine's other addresses are then as good as any other's."""


def arrive(
    house: House,
    reverse_path: str,
    header: str,
    *to: str,
    source: str = "127.0.0.2",
    port: str = "smtp",
    options: tuple[str, ...] = (),
) -> list[tuple[int, bytes]]:
    """The answers to each recipient and, where one was taken, to the message."""
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], timeout=60, source_address=(source, 0)) as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail(reverse_path)[0] == 250
        answers = [client.rcpt(one, options) for one in to or (ADA,)]
        if any(code == 250 for code, _ in answers):
            answers.append(client.data(f"{header}\r\nSubject: x\r\n\r\nx\r\n".encode()))
    return answers


@pytest.fixture
def house(make_house: HouseMaker) -> House:
    return make_house(smtp=OUTSIDE, aliases=("lycee-exemple.fr",))


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
@pytest.mark.parametrize("reverse_path", [RECTOR, "recteur@LYCEE-exemple.fr", "RECTEUR@Ac-Exemple.fr"])
def test_an_envelope_sender_of_ours_from_outside_is_refused(house: House, port: str, reverse_path: str) -> None:
    ((code, text),) = arrive(house, reverse_path, "From: a@ailleurs.fr", port=port)
    assert (code, text[:5]) == (550, b"5.7.1")
    assert b"n'ecrit pas depuis un autre serveur" in text
    assert b"does not write from another server" in text
    assert house.mail("ada") == []


FORGED = [
    f"From: {RECTOR}",
    f"From: Le Recteur <{RECTOR.upper()}>",
    f"From: a@ailleurs.fr, {RECTOR}",
    f"From: a@ailleurs.fr\r\nFrom: {RECTOR}",
    f"From: <{RECTOR}> <a@ailleurs.fr>",
    f"From: <a@ailleurs.fr> <{RECTOR}>",
    f"From: Rectorat: {RECTOR};",
    f"From: <@ailleurs.fr:{RECTOR}>",
    "From: recteur@ac-(le)exemple.fr",
    "From: recteur@ac-\r\n exemple.fr",
    "From: recteur @ ac-exemple . fr",
    f"From: {RECTOR}.",
    "From: =?utf-8?Q?recteur=40ac-exemple=2Efr?=",
    "From: recteur@ac-exemple\uff0efr",
    f"From: \u00a0<{RECTOR}>",
    f"X: y\r\nfrom : {RECTOR}",
    "From: <recteur@lycee-exemple.fr>",
    "From: a@ailleurs.fr\r\n" + "X: y\r\n" * 9000 + f"From: {RECTOR}",
    f"Sender: {RECTOR}",
    f"From: a@ailleurs.fr\r\nSender: {RECTOR}",
    f'From: "{RECTOR}"',
    f"From: ({RECTOR})",
    f'From: "Le Recteur {RECTOR}" <>',
    "From: recteur\uff20ac-exemple.fr",
    f"From: {RECTOR} a@ailleurs.fr",
    "From: recteur@[ac-exemple.fr]",
]


@pytest.mark.parametrize("header", FORGED)
def test_an_author_of_ours_from_outside_is_refused(house: House, header: str) -> None:
    recipient, (code, text) = arrive(house, "a@ailleurs.fr", header)
    assert recipient[0] == 250
    assert (code, text[:5]) == (550, b"5.7.1")
    assert house.mail("ada") == []


TRUE = [
    ("a@ailleurs.fr", f"From: a@ailleurs.fr\r\nTo: {ADA}"),
    ("", "From: MAILER-DAEMON@ailleurs.fr"),
    ("a@sub.ac-exemple.fr", "From: a@sub.ac-exemple.fr"),
    ("l@liste.fr", f'From: "{ADA} via Liste" <l@liste.fr>'),
    ("l@liste.fr", f"From: {ADA} via Liste <l@liste.fr>"),
    ("l@liste.fr", "From: =?utf-8?Q?ada=40ac-exemple=2Efr_via_Liste?= <l@liste.fr>"),
    ("l@liste.fr", f"From: l@liste.fr ({ADA})"),
    ("l@liste.fr", f"From: Liste <l@liste.fr>\r\nReply-To: {ADA}"),
    ("a@ac-exemple.fr.evil.fr", "From: a@ac-exemple.fr.evil.fr"),
]


@pytest.mark.parametrize(("reverse_path", "header"), TRUE)
def test_what_does_not_claim_to_be_ours_is_taken(house: House, reverse_path: str, header: str) -> None:
    assert [code for code, _ in arrive(house, reverse_path, header)] == [250, 250]
    assert len(house.mail("ada")) == 1


def test_relays_of_the_academy_pass_on_what_its_people_wrote(house: House) -> None:
    assert [code for code, _ in arrive(house, RECTOR, f"From: {RECTOR}", source="127.0.0.1")] == [250, 250]
    assert len(house.mail("ada")) == 1


def test_postmaster_stays_open_and_nobody_else_through_it(house: House) -> None:
    postmaster, abuse = f"postmaster@{DOMAIN}", f"abuse@{DOMAIN}"
    assert [code for code, _ in arrive(house, RECTOR, f"From: {RECTOR}", postmaster, abuse)] == [250] * 3
    assert [code for code, _ in arrive(house, RECTOR, f"From: {RECTOR}", postmaster, ADA)] == [250, 550, 250]
    assert len(house.mail("admin")) == 2
    assert [code for code, _ in arrive(house, "", f"From: {RECTOR}", postmaster, ADA, abuse)] == [250, 250, 250, 550]
    assert house.mail("ada") == []
    assert len(house.mail("admin")) == 3, "both are the same people, who get it once, whatever the others do"


def test_over_lmtp_each_recipient_has_an_answer_of_its_own(house: House) -> None:
    postmaster = f"postmaster@{DOMAIN}"
    with smtplib.LMTP("127.0.0.1", house.ports["lmtp"], timeout=60, source_address=("127.0.0.2", 0)) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        assert [client.rcpt(one)[0] for one in (ADA, postmaster)] == [250, 250]
        first = client.data(f"From: {RECTOR}\r\nSubject: x\r\n\r\nx\r\n".encode())
        second = client.getreply()
    assert first[0] == 550
    assert b"n'ecrit pas depuis un autre serveur" in first[1]
    assert second[0] == 250
    assert house.mail("ada") == []
    assert len(house.mail("admin")) == 1


@pytest.mark.parametrize(
    ("smtp", "codes"), [({"relays": []}, [550]), ({"own_domain_from_outside": "accept"}, [250] * 2)]
)
def test_settings_decide(make_house: HouseMaker, smtp: dict[str, object], codes: list[int]) -> None:
    house = make_house(smtp=smtp)
    assert [code for code, _ in arrive(house, RECTOR, f"From: {RECTOR}", source="127.0.0.1")] == codes


# ---------------------------------------------------------------------- reports


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_nobody_is_told_of_success_for_a_stranger(house: House, port: str, source: str) -> None:
    """Neither somebody elsewhere nor one of ours, whom the stranger names as the sender; relays are no exception."""
    senders = ["victime@ailleurs.fr", f"bob@{DOMAIN}"][: 2 if source == "127.0.0.1" else 1]
    for reverse_path in senders:
        answers = arrive(
            house, reverse_path, "From: a@x.fr", port=port, source=source, options=("NOTIFY=SUCCESS,FAILURE,DELAY",)
        )
        assert [code for code, _ in answers] == [250, 250]
    assert len(house.mail("ada")) == len(senders)
    assert house.mail("bob") == []
    assert queue(house) == []


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_reports_are_not_promised_to_strangers(house: House, port: str) -> None:
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        assert not client.has_extn("dsn")
        assert client.has_extn("chunking")
