"""Delivery status notifications: what the sender gave as xtext is said in plain text."""

import email
import email.policy

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
