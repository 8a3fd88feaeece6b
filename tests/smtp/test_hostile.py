"""Arbitrary octets in every state: always well-formed answers, never a defect of ours, nobody else notices."""

import re
import socket

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.smtp.house import DOMAIN, House

ADA = f"ada@{DOMAIN}".encode()
STATES = {
    "greeted": b"",
    "named": b"EHLO bar.com\r\n",
    "sender": b"EHLO bar.com\r\nMAIL FROM:<a@bar.com> SMTPUTF8\r\n",
    "recipient": b"EHLO bar.com\r\nMAIL FROM:<>\r\nRCPT TO:<" + ADA + b">\r\n",
    "chunk": b"EHLO bar.com\r\nMAIL FROM:<>\r\nRCPT TO:<" + ADA + b">\r\nBDAT 1\r\nx",
}
WORDS = st.sampled_from(
    [
        b"MAIL FROM:",
        b"RCPT TO:",
        b"DATA\r\n",
        b"BDAT ",
        b"BDAT 3 LAST\r\n",
        b"RSET\r\n",
        b"EHLO ",
        b"LHLO ",
        b"AUTH PLAIN ",
        b"VRFY ",
        b"HELP",
        b"NOOP ",
        b"QUIT\r\n",
        b"<",
        b">",
        b"@",
        b"a@b.fr",
        ADA,
        b" SIZE=",
        b" NOTIFY=",
        b" ORCPT=",
        b";",
        b"postmaster",
        b'"',
        b"\\",
        b"[127.0.0.1]",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"\r\n.\r\n",
        b"\0",
        "é".encode(),
        b"\xff",
        b"=",
        b",",
        b"99999999999999999999",
    ]
)
NOISE = st.lists(st.one_of(WORDS, st.binary(max_size=8)), max_size=25).map(b"".join)
REPLIES = re.compile(rb"(?:\d{3}-[ -~]*\r\n)*\d{3} [ -~\x80-\xff]*\r\n")


def talk(house: House, door: str, octets: bytes) -> bytes:
    """Everything the server says to these octets."""
    with socket.create_connection(("127.0.0.1", house.ports[door]), 10) as one:
        one.sendall(octets)
        one.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while piece := one.recv(65_536):
                said += piece
        except ConnectionResetError:  # it hung up on octets it had not read
            pass
        return said


@pytest.mark.parametrize("state", STATES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(noise=NOISE)
@example(noise=b"STARTTLS \r\n")
@example(noise=b"MAIL FROM:<\xed\xa0\x80@b.fr> SMTPUTF8\r\n")
def test_every_answer_is_well_formed(shared_house: House, state: str, noise: bytes) -> None:
    said = talk(shared_house, "smtp", STATES[state] + noise + b"\r\n")
    assert b"".join(REPLIES.findall(said)) == said
    assert b"Local error" not in said
    assert said.startswith(b"220 ")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(noise=NOISE)
def test_submission_in_the_clear_gives_nothing_away(shared_house: House, noise: bytes) -> None:
    said = talk(shared_house, "submission", STATES["named"] + noise + b"\r\n")
    assert b"Local error" not in said
    assert b"\r\n235 " not in said
    assert b"\r\n354 " not in said


def test_somebody_else_is_still_served(house: House) -> None:
    said = talk(house, "smtp", STATES["recipient"] + b"DATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n")
    assert b"250 2.0.0 delivered as " in said
    assert len(house.mail("ada")) == 1
