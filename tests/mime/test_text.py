"""Words for search, HTML to text, the form in which texts are compared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime import scan, unpack
from mailserver.mime.body.text import MAX_TEXT, body_text, fold, header_text, html_to_text
from tests.mime.samples import NESTED, crlf


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><p>b</p>", "a b"),
        ("fac<b>tu</b>re", "facture"),
        ("a<br>b", "a b"),
        ("a &lt;b&gt; &eacute;&#233;&amp;", "a <b> éé&"),
        ("<style>p{}</style>a<script>if (a<b) c()</script>b", "ab"),
        ("a<!-- <p> no --> b", "a b"),
        ("a < b", "a < b"),
        ("a<!DOCTYPE html>b", "ab"),
        ("<p title='x'>a", "a"),
        ("a<p", "a"),
        ("a<!-- never closed", "a"),
        ("<td>a</td><td>b</td>", "a b"),
    ],
)
def test_html(source: str, text: str) -> None:
    assert " ".join(html_to_text(source).split()) == text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Élève ÉTÉ", "eleve ete"),
        ("Œuvre cœur Æ", "oeuvre coeur ae"),
        ("Straße", "strasse"),
        ("l’école", "l'ecole"),
        ("a\r\n b\t\u00a0c", "a b c"),
        (" a ", " a "),
        ("\n", " "),
        ("", ""),
        ("ﬁn", "fin"),
        ("İ", "i"),
        ("Ο Σ", "ο σ"),
        ("co\u00adop", "coop"),
        ("e\u0301", "e"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=50))
def test_fold_twice_is_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_header_and_every_text() -> None:
    root = unpack(scan(NESTED).parts)
    body = body_text(NESTED, root)
    for words in ("first", "subject: inner", "inner text", "inner page", "plain inside", "only text"):
        assert words in body
    assert "JVBERg" not in body
    assert "preamble" not in body
    assert "outer" not in body
    assert "subject: outer" in header_text(NESTED, root)


def test_text_is_decoded() -> None:
    octets = crlf(
        "Subject: =?utf-8?q?=C3=A9t=C3=A9?=\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nfa=E7a=\nde\n"
    )
    root = unpack(scan(octets).parts)
    assert "subject: été" in header_text(octets, root)
    assert "façade" in body_text(octets, root)


def test_bound_on_searchable_text() -> None:
    octets = b"Subject: x\r\n\r\n" + b"a " * MAX_TEXT
    assert len(body_text(octets, unpack(scan(octets).parts))) == MAX_TEXT


@given(st.text(alphabet=bytes(range(256)).decode("cp1252", "ignore") + "\u0301\u0081", max_size=12))
def test_fold_by_table_is_fold(text: str) -> None:
    """Windows-1252 has a way of its own: a text folds the same with a character that bars it."""
    assert fold(f"x{text}x") + "\u4e00" == fold(f"x{text}x\u4e00")
