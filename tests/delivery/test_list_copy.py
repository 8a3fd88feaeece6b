"""A list's copy: its fields on top, the octets below untouched, and a list that recognises itself."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.delivery.list_copy import Head, copy, fields, has_passed
from mailserver.model.identity import Answers

HEAD = Head("chorale@ac-exemple.fr", "Chorale")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_what_was_sent_stands_below_octet_by_octet(octets: bytes) -> None:
    made = copy(HEAD, b"Return-Path: <x@y.fr>\r\n" + octets)
    assert made == b"Return-Path: <chorale-bounces@ac-exemple.fr>\r\n" + fields(HEAD) + octets


def test_announcements_take_no_answers() -> None:
    assert b"List-Post: NO\r\n" in fields(Head("a@b.fr", "", announces=True))


def test_a_name_cannot_break_out_of_its_field() -> None:
    made = fields(Head("a@b.fr", "Nom\r\nBcc: x@y.fr <z> é"))
    assert made.count(b"\r\n") == 5
    assert made.startswith(b'List-Id: "Nom Bcc: x@y.fr z e" <a.b.fr>\r\n')


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Parents 3A", b"Parents 3A"),
        ("Parents (3e A, 3e B) : l'\u00e9cole", b'"Parents (3e A, 3e B) : l\'ecole"'),
        ('La "chorale', b'"La \\"chorale"'),
        ("=?utf-8?Q?x?=", b"= ?utf-8?Q?x?="),
        ("", b""),
    ],
)
def test_the_name_in_list_id_is_a_phrase(name: str, label: bytes) -> None:
    """RFC 2919 section 3: a parenthesis begins a comment elsewhere, a comma another list."""
    first = fields(Head("a@b.fr", name)).partition(b"\r\n")[0]
    assert first == b"List-Id: " + (label + b" " if label else b"") + b"<a.b.fr>"


def test_a_list_says_where_answers_go_unless_the_author_has() -> None:
    body = b"Subject: x\r\n\r\nReply-To: no field\r\n"
    for answers, expected in (
        (Answers.AUTHOR, b""),
        (Answers.LIST, b"Reply-To: <chorale@ac-exemple.fr>\r\n"),
        (Answers.OWNERS, b"Reply-To: <chorale-owner@ac-exemple.fr>\r\n"),
    ):
        head = replace(HEAD, answers=answers)
        assert copy(head, body).endswith(fields(head) + expected + body)
        for own in (b"Reply-To: a@b.fr\r\n", b"REPLY-TO :\r\n a@b.fr\r\n"):
            assert copy(head, own + body).endswith(fields(head) + own + body)


def test_a_list_recognises_itself_whole_and_nothing_else() -> None:
    body = b"Subject: x\r\n\r\n"
    assert has_passed(HEAD.address, copy(HEAD, body))
    for mark in (
        b"List-Id:\r\n Une chorale\r\n\t<CHORALE.ac-exemple.fr>\r\n",
        b"X-Loop: chorale@ac-exemple.fr\r\n",
        b"x-loop : <Chorale@AC-exemple.fr>\r\n",
    ):
        assert has_passed(HEAD.address, b"A: b\r\n" + mark + body)
    for other in (
        b"List-Id: <petite-chorale.ac-exemple.fr>\r\n",
        b"X-Loop: petite-chorale@ac-exemple.fr\r\n",
        b"X-List-Id: <chorale.ac-exemple.fr>\r\n",
        b"",
    ):
        assert not has_passed(HEAD.address, other + body)
    assert not has_passed(HEAD.address, body + b"List-Id: <chorale.ac-exemple.fr>\r\n\r\n"), "not in the body"
    assert not has_passed(HEAD.address, b"A: " + b"x" * 300_000 + b"\r\nX-Loop: chorale@ac-exemple.fr\r\n\r\n")
