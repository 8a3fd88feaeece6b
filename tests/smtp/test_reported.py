"""Phishing that is passed on to the address for reports from a mail program: filed as the web's button files it."""

import base64
import shutil
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from mailserver.model.messages.provenance import Door
from mailserver.outbound.submission.reported import MAX_ATTACHED, attached
from mailserver.store.engine.transactions import Tx
from mailserver.store.schema.mail.withdrawal import phishing_report
from mailserver.store.withdrawal import reports
from tests.smtp.dialogues import tls_context
from tests.smtp.house import DOMAIN, PASSWORD, House

WATCH = f"zoe@{DOMAIN}"
ADA = f"ada@{DOMAIN}"
PHISH = b"From: Banque <x@evil.test>\r\nSubject: Compte\r\nMessage-ID: <p1@evil.test>\r\n\r\nCliquez.\r\n"
ANSWER = b"From: b@evil.test\r\nSubject: Re\r\nMessage-ID: <p2@evil.test>\r\nReferences: <a@b> <c@d>\r\n\r\nx\r\n"


@pytest.fixture(scope="module")
def shared(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("reported") / "dir"
    shutil.copytree(instance_template, directory)
    house = House(directory, web={"phishing": WATCH})
    yield house
    house.stop()


@pytest.fixture
def house(shared: House) -> House:
    shared.empty()
    shared.store.write_now(lambda tx: tx.execute(delete(phishing_report)))
    return shared


def arrive(house: House, octets: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.sendmail("x@evil.test", to or [ADA], octets)


def pass_on(house: House, *parts: bytes, login: str = "ada", to: str = WATCH) -> None:
    """A letter with attachments, by submission."""
    head = f"From: {login}@{DOMAIN}\r\nTo: {to}\r\nSubject: Fwd\r\n".encode()
    kind = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b"\r\n\r\n'
    body = b"".join(b"--=b\r\n" + part + b"\r\n" for part in parts)
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login(login, PASSWORD)
        client.sendmail(f"{login}@{DOMAIN}", [to], head + kind + body + b"--=b--\r\n")


def message(octets: bytes, kind: bytes = b"message/rfc822") -> bytes:
    return b"Content-Type: " + kind + b"\r\nContent-Disposition: attachment\r\n\r\n" + octets


def encoded(octets: bytes) -> bytes:
    name = b'Content-Disposition: attachment; filename="Message.EML"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return b"Content-Type: application/octet-stream\r\n" + name + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def filed(house: House) -> list[tuple[int, str, str]]:
    """Who reported what, and how it stands."""

    def read(tx: Tx) -> list[tuple[int, str, str]]:
        row = phishing_report.c
        rows = tx.execute(select(row.account_id, row.message_id, row.state).order_by(row.id))
        return [(one.account_id, one.message_id, one.state) for one in rows]

    return house.read(read)


def test_attached_messages_that_one_has_are_reports(house: House) -> None:
    """Thunderbird attaches them opened, others encoded; whoever gets mail for the address gets the letter, too."""
    ada = house.people["ada"].account_id
    arrive(house, PHISH)
    arrive(house, ANSWER)
    pass_on(house, b"Content-Type: text/plain\r\n\r\nVu ?", message(PHISH), encoded(ANSWER))
    assert filed(house) == [(ada, "<p1@evil.test>", "new"), (ada, "<p2@evil.test>", "new")]
    assert len(house.mail("zoe")) == 1
    pass_on(house, message(PHISH))
    assert len(filed(house)) == 2, "it was reported already"
    found = house.read(lambda tx: reports.campaigns(tx, decided=False))
    assert [(one.newest.likeness.came.door, one.count) for one in found] == [(Door.SMTP, 1), (Door.SMTP, 1)]


@pytest.mark.parametrize("part", [message(PHISH), message(PHISH.replace(b"p1@", b"p9@")), message(b"x"), b"\r\nx"])
def test_what_somebody_does_not_have_is_no_report(house: House, part: bytes) -> None:
    arrive(house, PHISH, f"bob@{DOMAIN}")
    pass_on(house, part)
    assert filed(house) == []
    assert len(house.mail("zoe")) == 1


def test_to_others_it_is_a_letter(house: House) -> None:
    arrive(house, PHISH)
    pass_on(house, message(PHISH), to=f"bob@{DOMAIN}")
    assert filed(house) == []


def test_who_reports_too_much_sends_all_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_A_DAY", 1)
    arrive(house, PHISH)
    arrive(house, ANSWER)
    pass_on(house, message(PHISH), message(ANSWER))
    assert [one[1] for one in filed(house)] == ["<p1@evil.test>"]
    assert len(house.mail("zoe")) == 1


def test_attachments_are_bounded() -> None:
    head = b'Content-Type: multipart/mixed; boundary="=b"\r\n\r\n'
    many = (message(PHISH.replace(b"p1@", f"p{number}@".encode())) for number in range(100))
    body = b"".join(b"--=b\r\n" + part + b"\r\n" for part in many)
    assert len(attached(head + body + b"--=b--\r\n")) == MAX_ATTACHED


@given(st.lists(st.sampled_from((PHISH, b"\r\n", b"--=b\r\n", b"\0", message(ANSWER), encoded(PHISH))), max_size=9))
def test_any_letter_is_read(pieces: list[bytes]) -> None:
    head = b'Content-Type: multipart/mixed; boundary="=b"\r\n\r\n'
    assert {one.message_id for one in attached(head + b"".join(pieces))} <= {"<p1@evil.test>", "<p2@evil.test>"}
