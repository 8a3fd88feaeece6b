"""What a status code of another server means for whoever sent the message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.texts import delivery_reasons
from mailserver.texts.delivery_reasons import explain


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        ("5.1.1", "550 5.1.1 No such user", "This address does not exist"),
        ("5.1.10", "", "This domain does not exist"),
        ("5.1.2", "", "This domain does not exist"),
        ("5.2.1", "", "no longer receives mail"),
        ("5.2.2", "552 5.2.2 over quota", "mailbox is full"),
        ("4.2.2", "452 4.2.2 over quota", "mailbox is full"),
        ("5.3.4", "", "too large"),
        ("5.7.1", "550 5.7.1 Relaying denied", "does not allow"),
        ("5.7.1", "550 5.7.1 Message BLOCKED as Spam", "took the message for junk"),
        ("5.0.0", "554 rejected, listed by spamhaus", "took the message for junk"),
        ("5.0.0", "550 Requested action not taken: user unknown", "This address does not exist"),
        ("5.0.0", "550 mailbox of the person is over quota", "mailbox is full"),
        ("5.0.0", "550 Nein", "refused the message"),
        ("5.7.26", "", "did not recognise our domain"),
        ("4.7.28", "", "too many messages"),
        ("4.0.0", "450 Greylisted, come back", "asks to try again later"),
        ("4.7.1", "450 4.7.1 greylisting in action", "asks to try again later"),
        ("4.7.1", "", "does not take the message yet"),
        ("4.1.1", "", "does not take the message yet"),
        ("4.4.1", "", "does not answer"),
        ("4.4.3", "", "could not be found"),
        ("5.7.10", "", "encrypted connection"),
        ("5.4.6", "", "goes in circles"),
        ("5.6.7", "", "of this form"),
        ("5.4.7", "Connection refused", "waited as long as possible"),
        ("2.1.5", "", "took the message"),
        ("550", "", "refused the message"),
        ("", "", "refused the message"),
    ],
)
def test_a_code_is_explained(status: str, said: str, why: str) -> None:
    assert why in explain(status, said).why.to("en")


def test_what_waited_to_its_end_says_for_what() -> None:
    told = explain("5.4.7", "452 4.2.2 mailbox full").why.to("en")
    assert told.index("waited as long as possible") < told.index("mailbox is full")
    assert "réessayez" in explain("5.4.7", "452 4.2.2 mailbox full").advice.to("fr")


@given(st.text(max_size=20), st.text(max_size=2000))
def test_whatever_another_server_says(status: str, said: str) -> None:
    """Nothing of it is in our words, and nothing is read without end."""
    reason = explain(status, said)
    assert reason.why.to("fr")
    assert reason.why.to("en")
    assert (
        explain("5.7.1", "x" * delivery_reasons.MAX_READ + " spam")
        .why.to("en")
        .startswith("The other server does not allow")
    )
