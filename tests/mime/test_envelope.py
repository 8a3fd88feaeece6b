"""ENVELOPE, base subject, message ids."""

from mailserver.mime import scan
from mailserver.mime.header.envelope import MAX_REFERENCES, message_id, references
from tests.mime.imap_values import Value, read
from tests.mime.samples import crlf


def envelope(octets: bytes) -> list[Value]:
    value = read(scan(octets).envelope)
    assert isinstance(value, list)
    return value


def test_example_of_rfc_3501_section_8() -> None:
    octets = crlf(
        "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\nFrom: Terry Gray <gray@cac.washington.edu>\n"
        "Subject: IMAP4rev1 WG mtg summary and minutes\nTo: imap@cac.washington.edu\n"
        "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\n"
        "Message-Id: <B27397-0100000@cac.washington.edu>\n"
        "MIME-Version: 1.0\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\n"
    )
    gray = [["Terry Gray", None, "gray", "cac.washington.edu"]]
    assert envelope(octets) == [
        "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
        "IMAP4rev1 WG mtg summary and minutes",
        gray,
        gray,
        gray,
        [[None, None, "imap", "cac.washington.edu"]],
        [[None, None, "minutes", "CNRI.Reston.VA.US"], ["John Klensin", None, "KLENSIN", "MIT.EDU"]],
        None,
        None,
        "<B27397-0100000@cac.washington.edu>",
    ]


def test_sender_and_reply_to_of_their_own() -> None:
    value = envelope(crlf("From: a@x\nSender: b@x\nReply-To: c@x\n\n"))
    assert [field[0][2] for field in value[2:5]] == ["a", "b", "c"]  # type: ignore[index]
    value = envelope(crlf("From: a@x\nSender:\nReply-To: ,\n\n"))
    assert [field[0][2] for field in value[2:5]] == ["a", "a", "a"]  # type: ignore[index]


def test_nothing_known_is_nil() -> None:
    assert envelope(b"\r\nbody") == [None] * 10


def test_empty_subject_is_not_nil() -> None:
    assert envelope(b"Subject:\r\n\r\n")[1] == ""


def test_groups() -> None:
    assert envelope(crlf("To: Team:a@x;\n\n"))[5] == [
        [None, None, "Team", None],
        [None, None, "a", "x"],
        [None, None, None, None],
    ]


def test_repeated_fields_are_one_list() -> None:
    assert len(envelope(crlf("To: a@x\nTo: b@x\n\n"))[5] or []) == 2  # type: ignore[arg-type]


def test_strings_are_legal_whatever_came() -> None:
    value = envelope(
        b'Subject: a "quoted" \\ \xe9\0\r\n\tb\r\nFrom: \xc3\xa9\xc3\xa9 <\xc3\xa9@\xc3\xa9t\xc3\xa9.fr>\r\n\r\n'
    )
    assert value[1] == "=?utf-8?Q?a_=22quoted=22_=5C_=C3=A9_=20b?=" or str(value[1]).startswith("=?utf-8?Q?a_")
    assert value[2] == [["=?utf-8?B?w6nDqQ==?=", None, "=?utf-8?B?w6k=?=", "xn--t-9fab.fr"]]
    assert envelope(b'Subject: "a" \\b\r\n\r\n')[1] == '"a" \\b'


def test_message_ids() -> None:
    assert message_id(b" <a@b> <c@d>") == "<a@b>"
    assert message_id(b" bare@word") == "<bare@word>"
    assert message_id(b"") == ""
    assert message_id(None) == ""
    assert references(b"<a@b>\r\n <c@d> junk <a@b>") == "<a@b> <c@d>"


def test_bound_on_references() -> None:
    ids = references(b" ".join(b"<%d@x>" % number for number in range(5 * MAX_REFERENCES))).split()
    assert len(ids) == MAX_REFERENCES
    assert (ids[0], ids[-1]) == ("<0@x>", f"<{5 * MAX_REFERENCES - 1}@x>")
