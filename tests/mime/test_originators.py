"""The strict reading of authors: what it takes is what every reader shows."""

from email import message_from_string, policy

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.mime.header import addresses, headers, originators
from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import NewMessage
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import BadSyntax
from tests.examples import examples

ME, OTHER = "me@a.fr", "recteur@a.fr"

WORDS = (
    f'{ME} {OTHER} <{ME}> <{OTHER}> < > ( ) " \\ , ; : @ . Jean é \u00a0 \uff1c \uff20'
    " =?utf-8?Q?=3Crecteur=40a.fr=3E?= =?utf-8?Q?a=40b=2C?= =?utf-8?Q?M._L=C3=A9a?= .?="
).split(" ")
pieces = st.lists(st.sampled_from([*WORDS, " ", "\t", "\r\n "]) | st.text(max_size=3), max_size=9).map("".join)


@settings(max_examples=examples(300), deadline=None)
@given(pieces)
@example(f"Jean <{ME}>")
@example(f'"Dupont, Jean" <{ME}>, {OTHER} (le recteur)')
@example(f'"a\\"" <{ME}>')
@example("=?utf-8?Q?a=40b=2C?=me@a.fr")
def test_what_is_taken_is_what_every_reader_shows(value: str) -> None:
    raw = b" " + value.encode("utf-8", "replace") + b"\r\n"
    try:
        found = originators.mailboxes("From", raw)
    except BadSyntax:
        return
    text = headers.as_text(raw)
    assert [person.address for person in addresses.people(addresses.parse(text))] == found
    header = message_from_string(f"From: {text}\n\n", policy=policy.default)
    assert [address.addr_spec for address in header["From"].addresses] == found
    if "<" in text:
        assert text.partition("<")[2].partition(">")[0] in found
        assert text.rpartition("<")[2].partition(">")[0] in found
    decoded = headers.decode_words(text)
    assert decoded.count("<") == text.count("<")
    assert {one.address for one in addresses.parse(decoded) if one.domain} <= set(found)


names = st.text(max_size=30) | st.sampled_from(
    ["<recteur@a.fr>", "\uff1crecteur@a.fr\uff1e", "a, b", 'l\'"autre"', "M. D"]
)


@settings(max_examples=300, deadline=None)
@example("Zoé", '@"¡')
@example("@(é", "@\\é")
@given(names, names)
def test_what_we_write_ourselves_is_taken(author: str, sender: str) -> None:
    """Whatever people, boxes and lists are called."""
    message = NewMessage(
        author=Correspondent(author, ME),
        sender=Correspondent(sender, OTHER),
        date=0.0,
        message_id="<1@a.fr>",
        to=(Correspondent(author, OTHER),),
        subject=sender,
        text="x",
    )
    header = compose.envelope_fields(message)
    found = originators.read(header)
    assert (found.authors, found.senders) == ((ME,), (OTHER,))


@pytest.mark.parametrize("size", [10_000, 16_000])
def test_long_fields_cost_no_more_than_their_length(size: int) -> None:
    for piece in ("a", "-", "a.", '"a" ', "(", "\\", "a@", "<", "a-"):
        for start in ("", f"{ME}, ", "a@", '"'):
            value = (start + piece * size)[:16_000]
            with pytest.raises(BadSyntax):
                originators.mailboxes("From", value.encode() + b"!<\r\n")


@pytest.mark.parametrize(
    ("header", "quick"),
    [
        (b"From: x@y.fr\r\nX: " + b"x" * 20_000 + b"\r\n", True),
        (b"From: x@y.fr\r\n" + b"X: y\r\n" * 6000, False),
        (b"From: " + b"a:;" * 1300 + b"\r\n", False),
        ((b"from: " + b";" * 600 + b"\r\nReply-To: " + b";" * 600 + b"\r\n") * 2, False),
        (b"", True),
    ],
)
def test_what_takes_long_to_read_is_not_for_the_event_loop(header: bytes, quick: bool) -> None:
    """Not only a long header: a few kilobytes of empty groups cost more than all that is around them."""
    assert originators.is_quick(header) is quick
