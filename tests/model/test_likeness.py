"""Which messages are the same as one, and which are of its campaign."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.messages.likeness import MIN_BODY, Facts, Likeness, body_hash

SENDER, SUBJECT = "support@evil.example", "Votre compte expire"
BODY = b"x" * MIN_BODY
ONE = Facts("<a@evil.example>", SENDER, SUBJECT, len(BODY))
SAME = Likeness(ONE, body_hash(BODY), alike=False)
CAMPAIGN = Likeness(ONE, body_hash(BODY), alike=True)


def never() -> bytes:
    raise AssertionError("nothing is hashed where that decides nothing")


@pytest.mark.parametrize(
    ("other", "body", "same", "alike"),
    [
        (ONE, BODY, True, True),
        (Facts("<a@evil.example>", "SUPPORT@evil.example", "Autre", 5), b"12345", True, True),
        (Facts("<a@evil.example>", "chef@ac-exemple.fr", SUBJECT, 5), b"12345", False, False),
        (Facts("<b@evil.example>", "x@y.fr", "Autre", len(BODY)), BODY, True, True),
        (Facts("<b@evil.example>", "x@y.fr", "Autre", len(BODY)), b"y" * len(BODY), False, False),
        (Facts("<b@evil.example>", SENDER, " votre  COMPTE expire ", 5), b"12345", False, True),
        (Facts("", "", "", 0), b"", False, False),
    ],
)
def test_what_is_meant(other: Facts, body: bytes, same: bool, alike: bool) -> None:
    assert SAME.matches(other, lambda: body_hash(body)) is same
    assert CAMPAIGN.matches(other, lambda: body_hash(body)) is alike


def test_a_short_body_says_nothing_without_its_author() -> None:
    short = Likeness(Facts("", SENDER, "A", 7), body_hash(b"Bonjour"), alike=False)
    assert not short.matches(Facts("", "x@y.fr", "A", 7), never)
    assert short.matches(Facts("", SENDER, "B", 7), lambda: body_hash(b"Bonjour"))


def test_no_author_or_no_subject_is_no_campaign() -> None:
    for facts in (Facts("", "", SUBJECT, 9), Facts("", SENDER, " ", 9)):
        assert facts.campaign == b""
        assert not Likeness(facts, b"", alike=True).is_alike(facts)


TEXTS = st.text(max_size=20) | st.sampled_from(("", SENDER, SUBJECT, SENDER.upper()))
FACTS = st.builds(Facts, TEXTS, TEXTS, TEXTS, st.integers(0, 300))


@settings(max_examples=60)
@given(FACTS, FACTS, st.binary(max_size=4), st.binary(max_size=4), st.booleans())
def test_it_holds_both_ways_and_of_itself(one: Facts, two: Facts, first: bytes, second: bytes, alike: bool) -> None:
    left, right = Likeness(one, body_hash(first), alike), Likeness(two, body_hash(second), alike)
    assert left.matches(two, lambda: right.body_hash) == right.matches(one, lambda: left.body_hash)
    if one.body_size >= MIN_BODY or (one.message_id and one.sender):
        assert left.matches(one, lambda: left.body_hash)
