"""Hostile HTML: a corpus of attacks, arbitrary input, and bounds on time and size."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webui.hostile.fragments import HOSTILE
from webui.reader.content import html_balance, html_view


def inline(name: str) -> str:
    return "/s/piece/7/1.2?image=1" if name == "logo" else ""


class Inspector(HTMLParser):
    """Reads the output as a browser would, and objects."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in html_view._TAGS, tag
        for name, value in attrs:
            value = value or ""
            assert not name.startswith("on"), name
            assert name in html_view._KNOWN_ATTRIBUTES | {"rel", "target"}, name
            if name == "href":
                assert re.match(r"\s*(https?:|mailto:|tel:)", value, re.IGNORECASE), value
            if name == "src":
                assert value == "/s/piece/7/1.2?image=1", value
            if name == "style":
                assert "url" not in value.lower()
                assert not re.search(r"\((?!\d)|position|expression|behavior|\\|@", value), value
            if name == "target":
                assert value == "_blank"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def inspect(html: str) -> None:
    inspector = Inspector(convert_charrefs=True)
    inspector.feed(html)
    inspector.close()


@pytest.mark.parametrize("html", HOSTILE)
def test_corpus(html: str) -> None:
    for variant in (html, html.upper(), f"<div>{html}</div>", html.replace("'", '"'), html * 3, f"<table>{html}"):
        inspect(html_view.clean(variant, inline).html)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, "<", ">", "'", '"', "&", "=", "/", "--", "<p>", "</p>", "x", " "]), max_size=8)
)
def test_mixtures(pieces: list[str]) -> None:
    inspect(html_view.clean("".join(pieces), inline).html)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("<>/=\"'&;#!-aAbBsSpPtT \n\0é()")))
def test_arbitrary_text(text: str) -> None:
    inspect(html_view.clean(text, inline).html)


def test_remote_images_are_counted_and_inline_ones_are_ours() -> None:
    done = html_view.clean("<img src=https://a.test/1><img src='//b.test/2'><img src=cid:logo><img src=cid:no>", inline)
    assert done.remote_images == 2
    assert done.html.count("<img") == 4
    assert done.html.count("/s/piece/7/1.2?image=1") == 1


def test_ordinary_mail_keeps_its_look() -> None:
    html = (
        '<table width="600" style="border:1px solid #ccc;color:rgb(1, 2, 3)"><tr><td align="center">'
        '<font face="Arial" size="2"><a href="https://ok.test/?a=1&amp;b=2">lien</a></font></td></tr></table>'
        "<blockquote><p>cité</p></blockquote><ul><li>un<li>deux</ul>"
    )
    done = html_view.clean(html, inline).html
    assert 'width="600"' in done
    assert "border:1px solid" in done
    assert "color:rgb(1, 2, 3)" in done
    assert 'href="https://ok.test/?a=1&amp;b=2"' in done
    assert "<ul><li>un</li><li>deux</li></ul>" in done


@pytest.mark.parametrize(
    "piece",
    [
        *("<div>", "<b>", "<table><td>", "<p>", "</b>", "<!--", '<x a="', "<li>", "<ul><li>", "</div>", "<b></p>", "<"),
        *("<script>", "<a ", "=", "='", "<style>x", "<font size=1><p>", "<i><b></i></b>", "<table><b>", "<h1>", "<!"),
        *("&", "&amp;", "&a;", "<br>", "<a href='&'>", "<p style='a:b;c:d'>", "<a href=http://x>", "\0", "<p " * 3),
    ],
)
def test_time_is_bounded(piece: str) -> None:
    """A message made to cost a parser minutes (nesting, formatting elements, references) costs a moment."""
    begun = time.process_time()
    done = html_view.clean(piece * (html_view.MAX_OCTETS // len(piece)), inline)
    assert time.process_time() - begun < 20
    inspect(done.html[:100_000].rpartition("<")[0])


def test_styles_take_no_longer_for_what_is_in_them() -> None:
    """A style that was made for it took the cube of its length: seconds each, and a message holds hundreds."""
    hostile = f"{'margin' * 40}:{' ' * 1500}-{' ' * 1500}x"
    begun = time.process_time()
    done = html_view.clean(f'<p style="{hostile}">x</p>' * 20, inline).html
    assert time.process_time() - begun < 3
    inspect(done)


@pytest.mark.parametrize("name", ["margin", "margin-left", "MARGIN-TOP", "text-indent"])
def test_nothing_leaves_its_place(name: str) -> None:
    for value in ("-1px", "0 -9px", "0 - 3em", "calc-2px", "-.9e3px", "0 -.5e3px"):
        style = f"color: red; {name}: {value}; padding: 1px"
        done = html_view.clean(f'<p style="{style}">x</p>', inline).html.lower()
        assert "color" in done
        assert name.lower() not in done
    assert "margin:1px" in html_view.clean('<p style="margin: 1px">x</p>', inline).html


def test_depth_tags_and_size_are_bounded() -> None:
    deep = html_view.clean("<div>" * 5000 + "x", inline).html
    assert deep.count("<div>") == html_balance.MAX_DEPTH
    many = html_view.clean("<br>" * (html_balance.MAX_TAGS * 2), inline).html
    assert many.count("<br>") <= html_balance.MAX_TAGS + 1
    assert len(html_view.clean("x" * (html_view.MAX_OCTETS + 100), inline).html) == html_view.MAX_OCTETS
    attributes = " ".join(f"title{number}=x" for number in range(1000)) + " title=y"
    html_view.clean(f"<p {attributes}>x</p>", inline)


def test_declarations_and_comments_vanish() -> None:
    html = (
        "<!DOCTYPE html><?xml version='1.0'?><!-- a --><![if x]></ p><html><head><title>t</title></head><p>x</p></html>"
    )
    assert html_view.clean(html, inline).html == "<p>x</p>"


def test_links_that_lie_are_named() -> None:
    def lies(html: str) -> tuple[tuple[str, str], ...]:
        found = html_view.suspicious_links(html_view.clean(html, inline).html)
        return tuple((one.shown, one.real) for one in found)

    assert lies('<a href="https://evil.test/x">https://www.ac-dijon.fr/login</a>') == (
        ("www.ac-dijon.fr", "evil.test"),
    )
    assert lies('<a href="https://evil.test"><b>ac-dijon.fr</b></a>') == (("ac-dijon.fr", "evil.test"),)
    assert lies('<a href="https://mail.ac-dijon.fr/x">www.ac-dijon.fr</a>') == ()
    assert lies('<a href="https://ac-dijon.fr">Cliquez ici. Merci.</a>') == ()
    assert lies('<a href="https://exemple.fr">document.pdf</a>') == ()
    assert lies('<a href="https://suivi.exemple.fr/x">boutique.exemple.fr</a>') == (), "somebody registered both"
    assert lies('<a href="https://evil.test">ac-\u200bdijon\u00ad.fr</a>') == (("ac-dijon.fr", "evil.test"),)
    assert html_view.host("https://[x") == ""
    assert len(lies('<a href="https://evil.test">www.a{0}.fr</a>' * 50)) <= 10
    begun = time.process_time()
    html_view.suspicious_links("<a href=" * 20_000 + '<a href="https://x.y">' * 5_000)
    assert time.process_time() - begun < 2


def test_links_that_lie_are_marked_once() -> None:
    def marked(html: str) -> str:
        cleaned = html_view.clean(html, inline).html
        return re.sub("<a [^>]*>|</a>", "", html_view.marked(cleaned, lambda lie: f"[{lie.real}]"))

    lying = '<a href="https://evil.test/x"><b>ac-dijon.fr</b></a>'
    assert marked(f"{lying} puis {lying}.") == "<b>ac-dijon.fr</b>[evil.test] puis <b>ac-dijon.fr</b>."
    assert marked(f'<p><a href="https://a.fr">a.fr</a> {lying}</p>') == "<p>a.fr <b>ac-dijon.fr</b>[evil.test]</p>"
    assert marked("<p>rien</p>") == "<p>rien</p>"
    assert html_view.marked("<a href=" * 20 + "<a ", lambda lie: "!") == "<a href=" * 20 + "<a "


@given(st.lists(st.sampled_from(("<a ", 'href="https://e.test"', ">", "</a>", "a.fr", "<b>", "x")), max_size=60))
def test_marks_change_nothing_else(pieces: list[str]) -> None:
    html = "".join(pieces)
    assert html_view.marked(html, lambda lie: "\0").replace("\0", "") == html


def test_document_is_ours_around_it() -> None:
    page = html_view.document("<p>x</p>", "fr", 'A "titre" <b>')
    assert "&lt;b&gt;" in page
    assert '<base target="_blank">' in page
