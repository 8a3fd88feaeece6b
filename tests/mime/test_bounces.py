"""What came back: RFC 3464, and what programs wrote before and beside it; absences and letters are none."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime.body.bounces import Bounce, Nature, classify, judge, read

HEAD = b"From: MAILER-DAEMON@mx.exemple.org\r\nTo: l-bounces+x@ac-exemple.fr\r\nSubject: %s\r\n"


def plain(subject: str, text: str, fields: str = "") -> bytes:
    return HEAD % subject.encode() + fields.encode() + b"\r\n" + text.replace("\n", "\r\n").encode()


def report(*groups: str, kind: str = "message/delivery-status", outer: str = "multipart/report") -> bytes:
    """RFC 3464, with what came back behind it."""
    status = "Reporting-MTA: dns; mx.exemple.org\n\n" + "\n\n".join(groups)
    text = (
        f'MIME-Version: 1.0\nContent-Type: {outer}; report-type=delivery-status; boundary="=_b"\n\n'
        "--=_b\nContent-Type: text/plain\n\nYour message could not be delivered: 5.7.1 or so.\n"
        f"--=_b\nContent-Type: {kind}\n\n{status}\n"
        "--=_b\nContent-Type: message/rfc822\n\nFrom: x@ac-exemple.fr\nSubject: 5.1.1 user unknown\n\nAction: failed\n"
        "--=_b--\n"
    )
    return HEAD % b"Undelivered Mail" + text.replace("\n", "\r\n").encode()


def group(status: str, said: str = "", action: str = "failed") -> str:
    lines = ["Final-Recipient: rfc822; amie@ailleurs.fr", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, f"Diagnostic-Code: smtp; {said}"] if said else lines)


POSTFIX = group("5.1.1", "550 5.1.1 <amie@ailleurs.fr>: Recipient address\n    rejected: User unknown in local table")
EXCHANGE = group("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup")


@pytest.mark.parametrize(
    ("octets", "nature", "status"),
    [
        pytest.param(report(POSTFIX), Nature.HARD, "5.1.1", id="postfix"),
        pytest.param(report(EXCHANGE), Nature.HARD, "5.1.10", id="exchange"),
        pytest.param(report(POSTFIX, kind="message/global-delivery-status"), Nature.HARD, "5.1.1", id="RFC 6533"),
        pytest.param(report(POSTFIX, outer="multipart/mixed"), Nature.HARD, "5.1.1", id="as mixed"),
        pytest.param(report(group("5.2.2", "552 5.2.2 Over quota")), Nature.SOFT, "5.2.2", id="full"),
        pytest.param(report(group("5.0.0", "550 Mailbox full")), Nature.SOFT, "5.0.0", id="full, vaguely"),
        pytest.param(report(group("5.7.1", "550 5.7.1 Blocked as spam")), Nature.SOFT, "5.7.1", id="policy"),
        pytest.param(report(group("5.0.0", "550 5.1.1 No such user")), Nature.HARD, "5.1.1", id="more in the words"),
        pytest.param(report(group("5.0.0", "554 No")), Nature.HARD, "5.0.0", id="for good, nobody says why"),
        pytest.param(report(group("4.4.7", "451 4.4.7 Timeout")), Nature.SOFT, "4.4.7", id="given up"),
        pytest.param(report(group("5.3.4", "552 too big")), Nature.MESSAGE, "5.3.4", id="too large"),
        pytest.param(report(group("5.6.1", "554 5.6.1 8BITMIME")), Nature.MESSAGE, "5.6.1", id="encoding"),
        pytest.param(report(group("4.4.1", action="delayed")), Nature.DELAYED, "", id="delayed"),
        pytest.param(report(group("2.1.5", action="delivered (to box)")), Nature.DELAYED, "", id="delivered"),
        pytest.param(report(group("2.0.0", action="relayed"), POSTFIX), Nature.HARD, "5.1.1", id="two recipients"),
        pytest.param(report(group("", "550 unknown user")), Nature.HARD, "", id="no status"),
        pytest.param(report("Action: failed"), Nature.SOFT, "", id="nothing said"),
    ],
)
def test_reports(octets: bytes, nature: Nature, status: str) -> None:
    found = read(octets)
    assert (found.nature, found.status) == (nature, status)
    assert found.is_bounce is (nature in (Nature.HARD, Nature.SOFT, Nature.MESSAGE))


QMAIL = """Hi. This is the qmail-send program at mx.exemple.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<amie@ailleurs.fr>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""
SENDMAIL = """   ----- The following addresses had permanent fatal errors -----
<amie@ailleurs.fr>
    (reason: 550 Unknown user)
   ----- Transcript of session follows -----
"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  amie@ailleurs.fr
    Unrouteable address
"""
POSTFIX_TEXT = """This is the Postfix program at host mx.exemple.org.

I'm sorry to have to inform you that your message could not be delivered.

<amie@ailleurs.fr>: host mail.ailleurs.fr[192.0.2.5] said: 552 5.2.2 Mailbox
    full (in reply to RCPT TO command)
"""
EXCHANGE_TEXT = """Your message did not reach some or all of the intended recipients.

      Subject:  Bonjour
      The following recipient(s) cannot be reached:
      amie@ailleurs.fr on 29/11/2026
            The e-mail account does not exist at the organization this message was sent to.
            <mx.exemple.org #5.1.1 smtp;550 5.1.1 RESOLVER.ADR.RecipNotFound; not found>
"""
DELAYED = """   **********************************************
   **      THIS IS A WARNING MESSAGE ONLY      **
   ----- The following addresses had transient non-fatal errors -----
<amie@ailleurs.fr>
   ----- Transcript of session follows -----
451 4.4.1 timeout
"""
FRENCH = """Votre message n’a pas pu être remis à amie@ailleurs.fr.
Motif : adresse introuvable.
"""
UNSAID = """This message was created automatically by mail delivery software.
Something went wrong with it.
"""


@pytest.mark.parametrize(
    ("text", "nature", "said"),
    [
        pytest.param(QMAIL, Nature.HARD, "no mailbox here", id="qmail"),
        pytest.param(SENDMAIL, Nature.HARD, "Unknown user", id="sendmail"),
        pytest.param(EXIM, Nature.HARD, "Unrouteable", id="exim"),
        pytest.param(POSTFIX_TEXT, Nature.SOFT, "5.2.2", id="postfix"),
        pytest.param(EXCHANGE_TEXT, Nature.HARD, "", id="exchange"),
        pytest.param(DELAYED, Nature.DELAYED, "", id="delayed"),
        pytest.param(FRENCH, Nature.HARD, "introuvable", id="french"),
        pytest.param(UNSAID, Nature.SOFT, "", id="nobody says why"),
    ],
)
def test_strays(text: str, nature: Nature, said: str) -> None:
    for octets in (
        plain("Mail delivery failed", text, "Auto-Submitted: auto-replied\r\n"),
        plain("failure notice", text),
    ):
        found = read(octets)
        assert found.nature is nature, found
        assert said in found.said


QUOTED = """Je suis absente jusqu’au 5 janvier.

> Votre contact : 550 5.1.1 user unknown est une erreur connue.
"""


@pytest.mark.parametrize(
    ("subject", "fields", "text", "nature"),
    [
        ("Re: Sortie", "Auto-Submitted: auto-replied\r\n", QUOTED, Nature.AUTOMATIC),
        ("Réponse automatique : Sortie", "", QUOTED, Nature.AUTOMATIC),
        ("Out of office", "", "Back on Monday.\n", Nature.AUTOMATIC),
        ("x", "Precedence: auto_reply\r\n", QUOTED, Nature.AUTOMATIC),
        ("x", "X-Autoreply: yes\r\n", QUOTED, Nature.AUTOMATIC),
        ("x", "Auto-Submitted: no\r\n", "J’ai reçu : 550 5.1.1 user unknown. Que faire ?\n", Nature.OTHER),
        ("Re: Sortie", "", "D’accord.\n", Nature.OTHER),
    ],
)
def test_absences_and_letters_are_none(subject: str, fields: str, text: str, nature: Nature) -> None:
    assert read(plain(subject, text, fields)) == Bounce(nature)


def test_words_may_be_encoded() -> None:
    octets = plain("x", "This is the mail system at host mx.\n=\n<a@b.fr>: user un=\nknown\n")
    octets = octets.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 1)
    assert read(octets).nature is Nature.HARD
    page = plain("x", "<p>Delivery has failed to these recipients<br>a@b.fr<br>address not found</p>")
    page = page.replace(b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n", 1)
    assert read(page).nature is Nature.HARD


@pytest.mark.parametrize(
    ("status", "nature"),
    [
        *((status, Nature.HARD) for status in ("5.1.1", "5.1.2", "5.1.6", "5.2.1", "5.5.0", "5.0.0")),
        *((status, Nature.SOFT) for status in ("4.1.1", "4.2.2", "5.2.2", "5.4.7", "5.7.26", "5.3.0")),
        *((status, Nature.MESSAGE) for status in ("5.2.3", "5.3.4", "5.6.7", "4.6.1")),
        ("2.0.0", Nature.DELAYED),
        *((status, Nature.OTHER) for status in ("", "5", "5.1", "9.1.1", "5.1.1.1")),
    ],
)
def test_codes(status: str, nature: Nature) -> None:
    assert classify(status) is nature


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_whatever_comes_is_read(octets: bytes) -> None:
    for one in (octets, report(octets.decode("latin-1")), HEAD % octets + b"\r\n" + octets):
        found = read(one)
        assert len(found.said) <= 300
        assert found.said.isprintable()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.lists(st.integers(0, 999), min_size=3, max_size=3))
def test_whatever_a_server_says_is_judged(said: str, digits: Sequence[int]) -> None:
    for first in (4, 5):
        found = judge(f"{first}.{digits[1]}.{digits[2]}", said)
        assert found.is_bounce


def test_a_report_of_any_size_is_read_soon() -> None:
    """Linear: a hostile one of 256 kB costs what its octets cost."""
    for piece in (b"Action: failed\r\n\r\n", b"user a ", b"--=_b\r\n", b"over exceeded quota ", b"> " * 40 + b"\r\n"):
        octets = report().replace(b"\r\n\r\n--=_b\r\nContent-Type: message/rfc822", b"\r\n" + piece * 40_000)
        read(octets)
        read(HEAD % b"x" + b"\r\nThis is the mail system at\r\n" + piece * 40_000)


@pytest.mark.parametrize(
    "piece",
    [
        b" ",
        b"\t",
        b"-",
        b"> - ",
        b"exceed",
        b"over ",
        b"quota ",
        b"user ",
        b"message to ",
        b"a" * 60 + b" \r\n",
        b"5.1.",
    ],
)
@pytest.mark.parametrize(
    "start", [b"", b"This is the mail system at\r\n", b"undeliverable mail\r\nexceed", b"message to "]
)
def test_words_that_are_none_cost_no_more_than_others(start: bytes, piece: bytes) -> None:
    """A letter of 16 kB is read by the event loop: one of spaces took twelve seconds."""
    begun = time.thread_time()
    read(HEAD % b"x" + b"\r\n" + start + piece * (16_000 // len(piece)) + b"\r\n")
    assert time.thread_time() - begun < 1
