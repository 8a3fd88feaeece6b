"""Plain text as HTML, search words, keys and marks: the small grammars of the web."""

import re
from datetime import date
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.messages.criteria import (
    And,
    Criterion,
    Flag,
    HasAttachment,
    Header,
    Larger,
    Not,
    Or,
    Received,
    Relation,
    Smaller,
    Text,
)
from tests.clocks import MovingClock
from webui.compose.addressing.recipients import entries
from webui.http import headers
from webui.http.forms import positive
from webui.http.keys import MAX_SEALED, Keys
from webui.mail.search import highlight, query
from webui.reader.content import plain_text


class Checker(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("a", "blockquote")
        if tag == "a":
            href = dict(attrs)["href"] or ""
            assert href.startswith(("http://", "https://", "/s/ecrire?a="))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("> <>\"'&@.:/hpst\na-é…)]"), max_size=200))
def test_text_never_becomes_markup(text: str) -> None:
    html = str(plain_text.render(text + " https://x.y/\"onclick='z'<b> <script>", "/s/ecrire?a="))
    Checker(convert_charrefs=True).feed(html)
    assert "<script" not in html
    assert html.count("<blockquote>") == html.count("</blockquote>")


def test_links_end_where_people_end_them() -> None:
    html = str(plain_text.render("Voir https://a.fr/x_(y), (https://b.fr/z). https://c.fr/é!", "/e?a="))
    assert ">https://a.fr/x_(y)</a>," in html or ">https://a.fr/x_(y),</a>" not in html
    assert ">https://b.fr/z</a>)." in html
    assert ">https://c.fr/é</a>!" in html


def test_bounds_of_shown_text() -> None:
    assert len(plain_text.render("x" * (plain_text.MAX_SHOWN + 10), "")) == plain_text.MAX_SHOWN
    assert str(plain_text.render("http://a.b " * 2000, "")).count("<a ") == plain_text.MAX_LINKS
    assert str(plain_text.render(">" * 40 + "x", "")).count("<blockquote>") == plain_text.MAX_DEPTH


def test_html_only_mail_has_a_text() -> None:
    assert (
        plain_text.from_html("<p>Un\n deux</p><p>trois</p><br><br><br><ul><li>a<li>b</ul>")
        == "Un deux\n\ntrois\n\na\nb"
    )


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("conseil", (Text("conseil"),)),
        ('"conseil de classe"', (Text("conseil de classe"),)),
        ('de:dupont objet:"4e B"', (Header("From", "dupont"), Header("Subject", "4e B"))),
        ("from:x subject:y", (Header("From", "x"), Header("Subject", "y"))),
        ("à:x", (Or((Header("To", "x"), Header("Cc", "x"))),)),
        ("to:x", (Or((Header("To", "x"), Header("Cc", "x"))),)),
        ("a:pj has:attachment", (HasAttachment(), HasAttachment())),
        ("est:nonlu is:unread est:Répondu", (Not(Flag("\\Seen")), Not(Flag("\\Seen")), Flag("\\Answered"))),
        ("avant:2026-11-01", (Received(Relation.BEFORE, date(2026, 11, 1)),)),
        ("après:24/11/26", (Received(Relation.SINCE, date(2026, 11, 24)),)),
        ("le:11/2026", (Received(Relation.ON, date(2026, 11, 1)),)),
        ("taille>2m taille<10ko", (Larger(2 * 1024**2), Smaller(10 * 1024))),
        ("-brouillon -de:x", (Not(Text("brouillon")), Not(Header("From", "x")))),
        ("étiquette:urgent", (Flag("urgent"),)),
        ("avant:jamais inconnu:x", (Text("avant:jamais"), Text("inconnu:x"))),
        ('"', ()),
        ("", ()),
    ],
)
def test_search_words(typed: str, terms: tuple[Criterion, ...]) -> None:
    assert query.parse(typed).criterion == And(terms)


def test_search_names_a_folder() -> None:
    found = query.parse('dossier:"Conseils de classe" x')
    assert found.folder == "Conseils de classe"
    assert found.criterion == And((Text("x"),))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_search_never_fails_and_is_bounded(typed: str) -> None:
    found = query.parse(typed)
    assert isinstance(found.criterion, And)
    assert len(found.criterion.terms) <= query.MAX_TERMS


def test_form_writes_the_same_words() -> None:
    typed = query.compose(
        {"mots": "a b", "de": "Marc Martin", "après": "2026-11-01", "a_pj": "oui", "est": "nonlu", "objet": 'x"y'}
    )
    assert typed == 'a b de:"Marc Martin" objet:"x y" après:2026-11-01 a:pj est:nonlu'


@pytest.mark.parametrize(
    "typed",
    [
        'conseil "de classe" de:"Marc Martin" à:emma cc:x objet:4e texte:bilan',
        "après:2026-11-01 avant:2026-12-01 pj:bulletin a:pj est:suivi étiquette:urgent taille>2m",
        "mot -brouillon -devoir",
        'liste:profs taille<10k -de:paul "est:nonlu" dossier:Archives a OU b',
    ],
)
def test_the_form_is_filled_from_the_words_and_writes_the_same_search(typed: str) -> None:
    again = query.parse(query.compose(query.described(typed)))
    first = query.parse(typed)
    assert sorted(map(repr, _terms(again))) == sorted(map(repr, _terms(first)))
    assert again.folder == first.folder


def _terms(found: query.Query) -> tuple[Criterion, ...]:
    assert isinstance(found.criterion, And)
    return found.criterion.terms


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_search_can_be_shown_in_the_form(typed: str) -> None:
    query.parse(query.compose(query.described(typed)))


def test_either_of_two() -> None:
    assert query.parse("conseil OU bulletin OR notes").criterion == And(
        (Or((Text("conseil"), Text("bulletin"), Text("notes"))),)
    )
    assert query.parse("x ou y OU").criterion == And((Text("x"), Text("ou"), Text("y")))
    assert query.parse("à:emma OU cc:x").criterion == And(
        (Or((Or((Header("To", "emma"), Header("Cc", "emma"))), Header("Cc", "x"))),)
    )


def test_tags_are_found_by_name() -> None:
    assert query.parse("étiquette:IMPORTANT", {"important": "$label1"}).criterion == And((Flag("$label1"),))
    assert query.parse("tag:autre").criterion == And((Flag("autre"),))


def test_words_are_marked_whatever_their_accents() -> None:
    assert highlight.mark("L’Éducation <b>", ["education", "EDU", ""]) == "L’<mark>Éducation</mark> &lt;b&gt;"
    assert highlight.mark("cœur de cœurs", ["coeur"]) == "<mark>cœur</mark> de <mark>cœur</mark>s"
    cut = highlight.mark("Bonjour à tous, voici la page que je présenterai au conseil.", ["conseil"], 48)
    assert cut == "… présenterai au <mark>conseil</mark>."
    cut = highlight.mark("x" * 900 + " mot " + "y" * 900, ["mot"], 100)
    assert "<mark>mot</mark>" in cut
    assert len(cut) < 150


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.lists(st.text(max_size=4), max_size=3))
def test_marking_keeps_the_text(text: str, words: list[str]) -> None:
    assert unescape(re.sub("</?mark>", "", str(highlight.mark(text, words)))) == text


def test_recipients_are_split_outside_quotes() -> None:
    assert entries('"Dupont, Emma" <e@x.fr>; b@y.fr,, c') == ['"Dupont, Emma" <e@x.fr>', "b@y.fr", "c"]
    assert entries(' ,; , "') in ([], ['"'])


def test_marks_are_masked_bound_and_checked() -> None:
    keys = Keys(b"k" * 32, MovingClock())
    one, other = keys.mark(b"a"), keys.mark(b"a")
    assert one != other
    assert keys.is_mark(one, b"a")
    assert keys.is_mark(other, b"a")
    assert not keys.is_mark(one, b"b")
    assert not Keys(b"l" * 32, MovingClock()).is_mark(one, b"a")
    for bad in ("", "x", "é", "A" * 43, one[:-1], one + "A" * 100):
        assert not keys.is_mark(bad, b"a")


def test_sealed_text_opens_with_its_token_only() -> None:
    keys = Keys(b"k" * 32, MovingClock())
    token = keys.new_token()
    sealed = keys.seal(token, "texte é".encode())
    assert keys.unseal(token, sealed) == "texte é".encode()
    assert keys.unseal(keys.new_token(), sealed) is None
    assert keys.unseal(token, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert keys.unseal(token, b"") is None
    bomb = keys.seal(token, b"0" * (MAX_SEALED * 2))
    assert len(keys.unseal(token, bomb) or b"") == MAX_SEALED


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "٣", "9" * 19, "1e3", " 1"])
def test_numbers_in_addresses_are_plain(text: str) -> None:
    assert positive(text) == 0


def test_file_names_cannot_leave_their_header() -> None:
    assert headers.disposition("attachment", 'a"b\r\nX: y/../é.txt') == (
        'attachment; filename="abX y..é.txt"'.replace("é", "_") + "; filename*=UTF-8''abX%20y..%C3%A9.txt"
    )
    assert headers.disposition("attachment", "...") == 'attachment; filename="piece-jointe"'
    assert len(headers.disposition("attachment", "x" * 5000)) < 300


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "x", "a/b;c=d"])
def test_types_that_may_run_are_octets(kind: str) -> None:
    assert headers.download(False, kind, "x")["Content-Type"] == "application/octet-stream"
