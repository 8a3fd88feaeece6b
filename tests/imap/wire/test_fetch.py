"""What FETCH asks for, and the label each section has in the answer."""

import pytest

from imap.wire.commands import Fetch
from imap.wire.fetch.fetch_items import MAX_PART_DEPTH, Attribute, FetchItem, Section, SectionText
from imap.wire.framing import CommandLine
from imap.wire.grammar import BadCommand
from imap.wire.syntax import parse


def items(octets: bytes) -> tuple[FetchItem, ...]:
    command = parse(CommandLine(b"a FETCH 1 " + octets)).command
    assert isinstance(command, Fetch)
    return command.items


@pytest.mark.parametrize(
    ("octets", "names"),
    [
        (b"ALL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE"),
        (b"fast", "FLAGS INTERNALDATE RFC822.SIZE"),
        (b"FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"),
        (b"(UID uid MODSEQ BODYSTRUCTURE BODY)", "UID MODSEQ BODYSTRUCTURE BODY"),
    ],
)
def test_attributes_and_macros(octets: bytes, names: str) -> None:
    assert items(octets) == tuple(map(Attribute, names.split()))


@pytest.mark.parametrize(
    ("octets", "section"),
    [
        (b"BODY[]", Section()),
        (b"BODY.PEEK[]", Section(peek=True)),
        (b"body.peek[text]", Section(text=SectionText.TEXT, peek=True, label=b"BODY[TEXT]")),
        (b"BODY[HEADER]", Section(text=SectionText.HEADER, label=b"BODY[HEADER]")),
        (b"BODY[1]", Section((1,), label=b"BODY[1]")),
        (b"BODY[4.2.MIME]", Section((4, 2), SectionText.MIME, label=b"BODY[4.2.MIME]")),
        (b"BODY[4.1.HEADER]", Section((4, 1), SectionText.HEADER, label=b"BODY[4.1.HEADER]")),
        (b"BODY[]<0.2048>", Section(start=0, length=2048, label=b"BODY[]<0>")),
        (
            b"BODY[3.TEXT]<9.1>",
            Section((3,), SectionText.TEXT, start=9, length=1, label=b"BODY[3.TEXT]<9>"),
        ),
        (
            b'BODY.PEEK[HEADER.FIELDS (From "to" X-y)]',
            Section(
                text=SectionText.HEADER_FIELDS,
                fields=("FROM", "TO", "X-Y"),
                peek=True,
                label=b"BODY[HEADER.FIELDS (From to X-y)]",
            ),
        ),
        (
            b"BODY[2.HEADER.FIELDS.NOT (Received)]<5.7>",
            Section(
                (2,),
                SectionText.HEADER_FIELDS_NOT,
                ("RECEIVED",),
                5,
                7,
                label=b"BODY[2.HEADER.FIELDS.NOT (Received)]<5>",
            ),
        ),
        (b"RFC822", Section(label=b"RFC822")),
        (b"RFC822.HEADER", Section(text=SectionText.HEADER, peek=True, label=b"RFC822.HEADER")),
        (b"RFC822.TEXT", Section(text=SectionText.TEXT, label=b"RFC822.TEXT")),
    ],
)
def test_sections(octets: bytes, section: Section) -> None:
    assert items(octets) == (section,)
    assert items(b"(UID " + octets + b" " + octets + b")") == (Attribute.UID, section)


def test_label_asked_again_is_the_same_section() -> None:
    # Known-answer-inverse: what the answer calls a section is a question for the same section.
    for octets in (b"BODY[]", b"BODY[1.2.MIME]", b"BODY[HEADER.FIELDS (A B)]", b"BODY[1.HEADER.FIELDS.NOT (A)]"):
        (section,) = items(octets)
        assert isinstance(section, Section)
        assert items(section.label) == (section,)


@pytest.mark.parametrize(
    "octets",
    [
        b"BODY[",
        b"BODY[0]",
        b"BODY[1.]",
        b"BODY[.1]",
        b"BODY[1..2]",
        b"BODY[FOO]",
        b"BODY[MIME]",
        b"BODY[1.0.MIME]",
        b"BODY[TEXT.1]",
        b"BODY[HEADER.FIELDS]",
        b"BODY[HEADER.FIELDS ()]",
        b"BODY[HEADER.FIELDS (a:b)]",
        b'BODY[HEADER.FIELDS ("a b")]',
        b'BODY[HEADER.FIELDS ("\xc3\xa9")]',
        b'BODY[HEADER.FIELDS ("")]',
        b"BODY[]<0.0>",
        b"BODY[]<1>",
        b"BODY[]<1.>",
        b"BODY[]<9223372036854775808.1>",
        b"BODY []",
        b"ENVELOPE[]",
        b"RFC822[]",
        b"RFC822.PEEK",
        b"BODY.PEEK",
        b"UID)",
        b"(UID  FLAGS)",
    ],
)
def test_wrong_items(octets: bytes) -> None:
    with pytest.raises(BadCommand):
        items(octets)


def test_part_number_bomb() -> None:
    items(b"BODY[" + b".".join([b"1"] * MAX_PART_DEPTH) + b"]")
    with pytest.raises(BadCommand):
        items(b"BODY[" + b".".join([b"1"] * (MAX_PART_DEPTH + 1)) + b"]")


def test_field_list_bomb() -> None:
    with pytest.raises(BadCommand):
        items(b"BODY[HEADER.FIELDS (" + b" ".join([b"a"] * 1001) + b")]")
