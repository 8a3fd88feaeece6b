"""The mark before a subject: once, and nothing else is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.inbound.impersonation import subject_mark
from mailserver.mime import scan
from mailserver.mime.header import headers, subjects

MARK = "[Attention : expéditeur imité]"
AROUND = b"From: x@y.fr\r\n", b"X: y\r\n"


def subject(header: bytes) -> str:
    return " ".join(scan(header + b"\r\n").subject.split())


@pytest.mark.parametrize("mark", [MARK, "[Attention]"])
@pytest.mark.parametrize(
    "value",
    [
        b" Votre compte\r\n",
        b"Votre compte\r\n",
        b" =?utf-8?q?Votre_compte_=C3=A9?=\r\n",
        b" =?utf-8?q?Votre?=\r\n =?utf-8?q?_compte?=\r\n",
        b"\r\n Votre compte\r\n",
        "Votre clé\r\n".encode(),
        b"[Autre] x\r\n",
        b" " + b"x " * 400 + b"\r\n",
        b"\r\n",
        b" \t\r\n",
    ],
)
def test_subjects(mark: str, value: bytes) -> None:
    header = AROUND[0] + b"Subject:" + value + AROUND[1]
    done = subject_mark.marked(header, mark)
    assert subject(done)[:900] == f"{mark} {subject(header)}".strip()[:900]
    assert done.startswith(AROUND[0])
    assert done.endswith(AROUND[1])
    assert value.strip() in done
    assert subject_mark.marked(done, mark) == done
    assert all(len(line) <= max(76 * 6, len(value) + 10) for line in done.split(b"\r\n"))
    if value.strip():
        assert subjects.base_subject(subject(done)) == subjects.base_subject(subject(header))


def test_a_header_without_a_subject_gets_one() -> None:
    assert subject(subject_mark.marked(AROUND[0], MARK)) == MARK


def test_every_subject_that_a_reader_may_show_is_marked() -> None:
    header = b"Subject: a\r\nX: y\r\nsubject : b\r\n"
    assert subject_mark.marked(header, "[!]") == b"Subject: [!]\r\n a\r\nX: y\r\nsubject : [!]\r\n b\r\n"


def test_of_many_subjects_the_first_ones_and_the_last_are_marked() -> None:
    """Programs show one or the other."""
    done = subject_mark.marked(b"Subject: a\r\n" * 100 + b"X: y\r\n", "[!]")
    one = b"Subject: [!]\r\n a\r\n"
    assert done == one * (subject_mark.MAX_SUBJECTS - 1) + b"Subject: a\r\n" * 95 + one + b"X: y\r\n"
    assert subject_mark.marked(done, "[!]") == done


@given(st.binary(max_size=200))
def test_nothing_else_changes(octets: bytes) -> None:
    header = b"From: a@b.fr\r\nSubject:" + octets.replace(b"\n", b"") + b"\r\nTo: c@d.fr\r\n"
    done = subject_mark.marked(header, "[!]")
    names = [one.name for one in headers.fields(header, 0, len(header))]
    assert [one.name for one in headers.fields(done, 0, len(done))] == names
    assert len(done) <= len(header) + len(" [!]\r\n ")
