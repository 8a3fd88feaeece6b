"""Which messages are the same as one, and which are of its campaign."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.likeness import MIN_BODY, Facts, Likeness, body_hash
from mailserver.model.messages.provenance import UNKNOWN, Door, Provenance

SENDER, SUBJECT = "support@evil.example", "Votre compte expire"
BODY = b"x" * MIN_BODY
ONE = Facts("<a@evil.example>", SENDER, SUBJECT, len(BODY))
PASSED = AuthenticationResults(Outcome.PASS, Outcome.PASS, Alignment.PASS)
FAILED = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL)
PROVEN, FORGED = Provenance(Door.SMTP, results=PASSED), Provenance(Door.SMTP, results=FAILED)
ORIGINS = {
    "proven": PROVEN,
    "forged": FORGED,
    "unchecked": Provenance(Door.LMTP),
    "one account": Provenance(Door.SUBMISSION, 1),
    "another account": Provenance(Door.SUBMISSION, 2),
    "passed on": Provenance(Door.RESENT, 1),
    "the service": Provenance(Door.SERVICE),
}


def never() -> bytes:
    raise AssertionError("nothing is hashed where that decides nothing")


@pytest.mark.parametrize(
    ("came", "other", "body", "same", "alike"),
    [
        (FORGED, ONE, BODY, True, True),
        (PROVEN, ONE, BODY, True, True),
        (PROVEN, Facts("<a@evil.example>", "SUPPORT@evil.example", "Autre", 5), b"12345", True, True),
        (FORGED, Facts("<a@evil.example>", "SUPPORT@evil.example", "Autre", 5), b"12345", False, False),
        (FORGED, Facts("<a@evil.example>", "chef@ac-exemple.fr", SUBJECT, 5), b"12345", False, False),
        (FORGED, Facts("<b@evil.example>", "x@y.fr", "Autre", len(BODY)), BODY, True, True),
        (PROVEN, Facts("<b@evil.example>", "x@y.fr", "Autre", len(BODY)), BODY, False, False),
        (FORGED, Facts("<b@evil.example>", "x@y.fr", "Autre", len(BODY)), b"y" * len(BODY), False, False),
        (FORGED, Facts("<b@evil.example>", SENDER, " votre  COMPTE expire ", 5), b"12345", False, True),
        (FORGED, Facts("", "", "", 0), b"", False, False),
    ],
)
def test_what_is_meant(came: Provenance, other: Facts, body: bytes, same: bool, alike: bool) -> None:
    one = Likeness(ONE, body_hash(BODY), False, came)
    assert one.matches(other, came, lambda: body_hash(body)) is same
    assert replace(one, alike=True).matches(other, came, lambda: body_hash(body)) is alike


@pytest.mark.parametrize("mine", ORIGINS)
def test_origins_have_nothing_in_common_whatever_the_octets_say(mine: str) -> None:
    whole = Likeness(ONE, body_hash(BODY), True, ORIGINS[mine])
    assert [other for other in ORIGINS if whole.matches(ONE, ORIGINS[other], lambda: body_hash(BODY))] == [mine]
    assert len({replace(whole, came=one).group for one in ORIGINS.values()}) == len(ORIGINS)


@pytest.mark.parametrize("came", [UNKNOWN, Provenance(Door.APPENDED, 1), Provenance(Door.KEPT, 1)])
def test_what_no_door_brought_in_is_like_nothing(came: Provenance) -> None:
    assert not Likeness(ONE, body_hash(BODY), True, came).matches(ONE, came, never)


def test_a_short_body_says_nothing_without_its_author() -> None:
    short = Likeness(Facts("", SENDER, "A", 7), body_hash(b"Bonjour"), False, FORGED)
    assert not short.matches(Facts("", "x@y.fr", "A", 7), FORGED, never)
    assert short.matches(Facts("", SENDER, " a ", 7), FORGED, lambda: body_hash(b"Bonjour"))
    assert not short.matches(Facts("", SENDER, "B", 7), FORGED, never), "nor without its subject"


def test_what_its_author_takes_back_is_what_has_its_name() -> None:
    """The same text that they sent once more is another message; without a name the text decides."""
    came = Provenance(Door.SUBMISSION, 1)
    again = replace(ONE, message_id="<b@evil.example>")
    mine = Likeness(ONE, body_hash(BODY), False, came, by_name=True)
    assert mine.matches(ONE, came, never)
    assert not mine.matches(again, came, never)
    assert replace(mine, by_name=False).matches(again, came, lambda: body_hash(BODY))
    assert replace(mine, facts=replace(ONE, message_id="")).matches(again, came, lambda: body_hash(BODY))


def test_no_author_or_no_subject_is_no_campaign() -> None:
    for facts in (Facts("", "", SUBJECT, 9), Facts("", SENDER, " ", 9)):
        assert facts.campaign == b""
        assert not Likeness(facts, b"", True, FORGED).is_alike(facts)


TEXTS = st.text(max_size=20) | st.sampled_from(("", SENDER, SUBJECT, SENDER.upper()))
FACTS = st.builds(Facts, TEXTS, TEXTS, TEXTS, st.integers(0, 300))


@settings(max_examples=60)
@given(FACTS, FACTS, st.binary(max_size=4), st.binary(max_size=4), st.booleans(), st.sampled_from((PROVEN, FORGED)))
def test_it_holds_both_ways_and_of_itself(
    one: Facts, two: Facts, first: bytes, second: bytes, alike: bool, came: Provenance
) -> None:
    left, right = Likeness(one, body_hash(first), alike, came), Likeness(two, body_hash(second), alike, came)
    assert left.matches(two, came, lambda: right.body_hash) == right.matches(one, came, lambda: left.body_hash)
    if one.sender and (one.body_size >= MIN_BODY or (one.message_id and came is PROVEN)):
        assert left.matches(one, came, lambda: left.body_hash)
