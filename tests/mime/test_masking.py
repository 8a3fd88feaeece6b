"""No address survives, however it is written; what is none stays."""

import html
import re
import unicodedata
from email.header import Header
from email.utils import getaddresses
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime.body.masking import mask
from mailserver.mime.header import headers
from tests.examples import examples

LOCAL = st.from_regex(r"[a-z][a-z0-9]{1,8}([.+_-][a-z0-9]{2,8}){0,2}", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z]{2,8}(-[a-z]{2,5})?\.(fr|example|museum)", fullmatch=True)
AROUND = st.text(st.sampled_from("abé ,.;:()<>\"'«»\n\t/?=&%#@\u200b…"), max_size=20)


def references(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


WAYS = {
    "as it is": lambda local, domain: f"{local}@{domain}",
    "mailto": lambda local, domain: f"mailto:{local}@{domain}?subject=x",
    "mailto with octets": lambda local, domain: f"mailto:{local}%40{domain}",
    "all octets": lambda local, domain: "mailto:" + "".join(f"%{ord(char):02X}" for char in f"{local}@{domain}"),
    "octets of octets": lambda local, domain: f"https://x.fr/?a={local}%2540{domain}",
    "a second recipient": lambda local, domain: f"mailto:autre@x.fr?cc={quote(f'{local}@{domain}')}",
    "references": lambda local, domain: references(f"{local}@{domain}"),
    "a reference to the sign": lambda local, domain: f"{local}&commat;{domain}",
    "references to references": lambda local, domain: html.escape(references(f"{local}@{domain}")),
    "quoted": lambda local, domain: f'"{local}"@{domain}',
    "quoted with blanks": lambda local, domain: f'"x {local}"@{domain}',
    "quoted with a quote": lambda local, domain: f'"{local} \\" x"@{domain}',
    "a quoted sign": lambda local, domain: f'"{local}@{domain}"@relais.fr',
    "a quoted name": lambda local, domain: f'"Moi, {local}@{domain}" <autre@x.fr>',
    "a comment": lambda local, domain: f"Jean Dupont ({local}@{domain})",
    "comments around the sign": lambda local, domain: f"{local}(chez moi) @ (ici){domain}",
    "blanks around the sign": lambda local, domain: f"{local} @\n {domain}",
    "encoded words": lambda local, domain: Header(f"é {local}@{domain}", "utf-8").encode(),
    "an encoded word in quotes": lambda local, domain: f'"=?utf-8?q?{local}=40{domain}?="',
    "a wide sign": lambda local, domain: f"{local}＠{domain}",
    "the octets of a wide sign": lambda local, domain: f"{local}{quote('＠')}{domain}",
    "unseen characters": lambda local, domain: f"{local[0]}\u200b{local[1:]}\u00ad@\u2060{domain}",
    "nothing but a label": lambda local, domain: f"{local}@{domain.partition('.')[0]}",
    "a sign in brackets": lambda local, domain: f"{local}[@]{domain}",
    "a sign in parentheses": lambda local, domain: f"{local} (@) {domain}",
    "a sign between signs": lambda local, domain: f"{local} < @ > {domain}",
    "comments within comments": lambda local, domain: f"{local}(chez (moi (ici)))@(ou (là)){domain}",
    "quoted after a dot": lambda local, domain: f'x."{local} y"@{domain}',
    "a quote that nothing opens": lambda local, domain: f'{"x " * 300}{local}"@{domain}',
    "quoted in two lines": lambda local, domain: f'"x\r\n {local}"@{domain}',
    "in a link": lambda local, domain: f"https://x.fr/desabonner/{local}@{domain}",
    "in a link without its kind": lambda local, domain: f"x.fr/{local}@{domain}/fin",
    "in a link, with octets": lambda local, domain: f"https://www.x.fr/a/{local}%40{domain}?b=1",
    "in a link, with a comment": lambda local, domain: f"https://x.fr/{local}@{domain.replace('.', '(ici).')}",
    "in a query": lambda local, domain: f"https://x.fr/a?b={local}@{domain.partition('.')[0]}",
    "a literal": lambda local, domain: f"{local}@[192.0.2.1]",
}


def readings(text: str) -> set[str]:
    """What programs and people could make of a text."""
    found = {text}
    for _ in range(4):
        found |= {html.unescape(one) for one in found} | {unquote(one) for one in found}
        found |= {unicodedata.normalize("NFKC", one) for one in found} | {headers.decode_words(one) for one in found}
    seen = {"".join(char for char in one if unicodedata.category(char) != "Cf") for one in found}
    seen |= {re.sub(r"[\[(<]\s*@\s*[\])>]", "@", one) for one in seen}
    bare = seen
    for _ in range(3):
        bare = {re.sub(r"\([^()]*\)|\s|\"", "", one) for one in bare}
    parsed = {address for one in seen for _, address in getaddresses([one.replace("\n", " ")])}
    return found | seen | bare | parsed


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=examples(20))
@given(local=LOCAL, domain=DOMAIN, before=AROUND, after=AROUND)
def test_no_address_survives(way: str, local: str, domain: str, before: str, after: str) -> None:
    shown = mask(f"{before} {WAYS[way](local, domain)} {after}")
    for one in readings(shown):
        assert f"{local}@{domain}" not in one
        assert f"{local}@{domain.partition('.')[0]}" not in one
        assert f"{local}@[192" not in one


@pytest.mark.parametrize(
    "text",
    [
        "Rendez-vous @ la salle 12, à 100 % de l’effectif &amp; plus.",
        "@marc dit : 3 @ 4",
        "Dupont & fils ; prix : 12 % ; voir https://x.fr/?a=1&b=%20",
        "=?pas un mot codé",
        'Suivez "@college" !',
        f'{"Un long paragraphe. " * 40}Suivez "@college" !',
        'Il a dit "oui", puis\n"@college" et "@lycee" !',
        'Il a dit " oui " et "@college", puis \'@lycee\'.',
        "https://www.youtube.com/@college",
        "https://annuel.framapad.org/p/@college-2026",
        "https://www.google.com/maps/place/Nantes/@47.2382,-1.63,12z?entry=ttu",
        "https://mastodon.example/%40college",
        "https://x.fr/jean@college et la suite.",
        "Voir x.fr/groupes/jean@college, puis <https://x.fr/jean%40college/page.html>.",
        "https://x.fr/jean@college",
        "",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert mask(text, is_cut=False) == text


def test_a_text_that_is_cut_in_an_address_shows_none() -> None:
    for text in ("https://x.fr/jean@", "https://x.fr/jean@coll", "https://x.fr/jean@college.", "jean@coll"):
        assert "jean" not in mask(text)


def test_a_letter_and_the_domain_are_left_and_of_short_ones_no_letter() -> None:
    assert mask("Écrire à awa.diallo@x.fr.") == "Écrire à a…@x.fr."
    assert mask("<mailto:.b%40x.fr>") == "<mailto:…%40x.fr>"
    assert mask('"Awa D" @ x.fr; al@x.fr') == "A… @ x.fr; …@x.fr"


@pytest.mark.parametrize(
    "piece",
    ["a@", "@", "(@", '"@', "@ (", "a@b.c ", "x.fr/a@b ", "a./", '"a', "%40", "&#64;", "(a)@", '\\"@'],
)
def test_it_is_linear(piece: str) -> None:
    long = mask(piece * 60_000)
    assert len(long) < 60_000 * max(len(piece), 6) + 40_000
