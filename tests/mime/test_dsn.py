"""Delivery status notifications: what the sender gave as xtext is said in plain text."""

import email
import email.message
import email.policy
from zoneinfo import ZoneInfo

import pytest

from mailserver.mime.writing.dsn import Action, Fate, Report, build
from mailserver.texts.languages import LanguageCode

ORIGINAL = b"From: a@ac-exemple.fr\r\nSubject: x\r\n\r\nBonjour\r\n"


@pytest.mark.parametrize(
    ("orcpt", "said"),
    [
        ("rfc822;un+2Bdeux@ailleurs.fr", "rfc822;un+deux@ailleurs.fr"),
        ("rfc822;un+3Ddeux+7F@ailleurs.fr", "rfc822;un=deux+7F@ailleurs.fr"),
        ("utf-8;un+2Bdeux@ailleurs.fr", "utf-8;un+2Bdeux@ailleurs.fr"),
    ],
)
def test_xtext_is_decoded(orcpt: str, said: str) -> None:
    """RFC 3461 section 6.3; line ends stay encoded, so that none of them begins a field."""
    fate = Fate("un@ailleurs.fr", Action.FAILED, "5.1.1", orcpt=orcpt)
    report = Report(
        "ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 0, "<1@x>", (fate,), envid="id+2B1+0D+0AStatus: 2.0.0"
    )
    octets = build(report, ORIGINAL)
    assert b"\r\nOriginal-Envelope-Id: id+1+0D+0AStatus: 2.0.0\r\n" in octets
    assert f"\r\nOriginal-Recipient: {said}\r\n".encode() in octets


@pytest.mark.parametrize(
    ("language", "subject", "said", "unsaid"),
    [
        ("fr", "Message non remis : x", "n'a pas pu", "could not"),
        ("en", "Undelivered message : x", "could not", "n'a pas pu"),
        (None, "Message non remis / Undelivered message : x", "could not", ""),
    ],
)
def test_the_part_for_people_is_in_their_language(
    language: LanguageCode | None, subject: str, said: str, unsaid: str
) -> None:
    """To whom nobody knows in both, French first."""
    fate = Fate("un@ailleurs.fr", Action.FAILED, "5.1.1")
    report = Report("ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 0, "<1@x>", (fate,), language=language)
    message = email.message_from_bytes(build(report, ORIGINAL), policy=email.policy.default)
    text = next(part for part in message.walk() if part.get_content_type() == "text/plain").get_content()
    assert message["Subject"] == subject
    assert said in text
    assert not unsaid or unsaid not in text
    assert language or text.index("n'a pas pu") < text.index("could not")


def text_of(*fates: Fate, language: LanguageCode | None = "en") -> str:
    report = Report("ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 0, "<1@x>", fates, language=language)
    message = email.message_from_bytes(build(report, ORIGINAL), policy=email.policy.default)
    text: str = next(part for part in message.walk() if part.get_content_type() == "text/plain").get_content()
    return text.replace("\r\n", "\n")


def test_a_failure_is_explained_and_the_words_of_the_other_server_stay() -> None:
    said = "552 5.2.2 Le quota est dépassé\r\nStatus: 2.0.0"
    text = text_of(Fate("un@ailleurs.fr", Action.FAILED, "5.2.2", said, "mx.ailleurs.fr"))
    assert (
        "  un@ailleurs.fr\n"
        "      This recipient's mailbox is full.\n"
        "      Write to this person in another way, or try again later.\n"
        "      mx.ailleurs.fr answered: 552 5.2.2 Le quota est dépassé Status: 2.0.0\n"
    ) in text
    waits = text_of(Fate("un@ailleurs.fr", Action.DELAYED, "4.4.1", "Connection refused"))
    assert "      The other server does not answer.\n      Connection refused\n" in waits
    assert "another way" not in waits
    done = text_of(Fate("un@ailleurs.fr", Action.RELAYED, "2.0.0", "250 Ok", "mx.ailleurs.fr"))
    assert "  un@ailleurs.fr\n      mx.ailleurs.fr answered: 250 Ok\n" in done


def test_in_both_languages_where_nobody_knows_who_reads_it() -> None:
    text = text_of(Fate("un@ailleurs.fr", Action.FAILED, "5.1.1"), language=None)
    assert text.index("Cette adresse n’existe pas") < text.index("This address does not exist")


def status_of(fate: Fate) -> tuple[bytes, email.message.Message]:
    """A report's second part, whole, and its fields about the recipient."""
    report = Report("ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 0, "<1@x>", (fate,), envid="id")
    octets = build(report, ORIGINAL)
    part = octets[octets.index(b"Content-Type: message/") :].partition(b"\r\n--")[0]
    return part, email.message_from_bytes(part.rpartition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("550 5.1.1 No such user", "smtp; 550 5.1.1 No such user"),
        ("550", "smtp; 550"),
        ("Connection refused", "x-mailserver; Connection refused"),
        ("5000 things", "x-mailserver; 5000 things"),
    ],
)
def test_only_what_a_server_answered_is_said_to_be_smtp(said: str, written: str) -> None:
    """RFC 3464 section 2.3.6: the type says how to read the text; what we say ourselves begins with no code."""
    assert status_of(Fate("un@ailleurs.fr", Action.FAILED, "4.4.1", said))[1]["Diagnostic-Code"] == written


def test_a_status_part_has_seven_bits_unless_it_is_of_an_international_address() -> None:
    """RFC 3464 section 2.1, RFC 6533 section 4: accents of another server stand in the part for people alone."""
    words = "552 5.2.2 Le quota est d\u00e9pass\u00e9 \u20ac\udce9"
    part, fields = status_of(Fate("un@ailleurs.fr", Action.FAILED, "5.2.2", words))
    assert part.startswith(b"Content-Type: message/delivery-status\r\n\r\n")
    assert part.isascii()
    assert fields["Diagnostic-Code"] == "smtp; 552 5.2.2 Le quota est depasse ??"
    for fate in (
        Fate("\u00e9t\u00e9@ailleurs.fr", Action.FAILED, "5.2.2", words),
        Fate("un@ailleurs.fr", Action.FAILED, "5.2.2", words, orcpt="utf-8;\u00e9t\u00e9@ailleurs.fr"),
    ):
        part, _ = status_of(fate)
        assert part.startswith(b"Content-Type: message/global-delivery-status\r\n")
        assert "Le quota est d\u00e9pass\u00e9".encode() in part
        assert "\u00e9t\u00e9@ailleurs.fr".encode() in part


def test_what_another_server_took_is_not_said_to_be_delivered() -> None:
    """RFC 3461 section 5.2.2: `relayed` means that nobody will say whether it is."""
    fate = Fate("un@ailleurs.fr", Action.RELAYED, "2.0.0", "250 Ok", "mx.ailleurs.fr")
    assert "was handed to the server of the recipients below" in text_of(fate)
    assert "has been delivered" not in text_of(fate)
    delivered = text_of(Fate("un@ailleurs.fr", Action.DELIVERED, "2.1.5"))
    assert "was handed" not in delivered
    report = Report("ac-exemple.fr", "mx.x", "a@ac-exemple.fr", 0, "<1@x>", (fate,), language="fr")
    subject = email.message_from_bytes(build(report, ORIGINAL), policy=email.policy.default)["Subject"]
    assert subject == "Message transmis : x"


@pytest.mark.parametrize(("language", "day"), [("fr", "jusqu'au 02/12/2026 07:00."), ("en", "until 2026-12-02 07:00.")])
def test_people_read_until_when_it_is_tried_on_their_clock(language: LanguageCode, day: str) -> None:
    """Programs read it in the form of RFC 5322."""
    fate = Fate("un@ailleurs.fr", Action.DELAYED, "4.4.1", "Connection refused", retry_until=1796191200)
    report = Report(
        *("ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 1796104800, "<1@x>", (fate,)),
        language=language,
        zone=ZoneInfo("Europe/Paris"),
    )
    octets = build(report, ORIGINAL)
    message = email.message_from_bytes(octets, policy=email.policy.default)
    text = next(part for part in message.walk() if part.get_content_type() == "text/plain").get_content()
    assert day in text
    assert message["Date"] == "Tue, 01 Dec 2026 07:00:00 +0100"
    assert b"Will-Retry-Until: Wed, 02 Dec 2026 07:00:00 +0100\r\n" in octets
