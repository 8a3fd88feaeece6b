"""Addresses and domains: RFC 5321, 5322, 6531."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.address import Address, check_domain, parse, parse_path, quote_phrase, unicode_domain
from mailserver.model.errors import BadSyntax


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("edupont@ac-exemple.fr", "edupont", "ac-exemple.fr"),
        ("E.Dupont+tag@AC-Exemple.FR", "E.Dupont+tag", "ac-exemple.fr"),
        ('"e dupont"@b.fr', "e dupont", "b.fr"),
        ('"a\\"b"@b.fr', 'a"b', "b.fr"),
        ('"a@b"@c.fr', "a@b", "c.fr"),
        ("é@été.fr", "é", "xn--t-9fab.fr"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("a@[IPv6:2001:DB8::1]", "a", "[IPv6:2001:db8::1]"),
        ("a@localhost", "a", "localhost"),
    ],
)
def test_parse(text: str, local: str, domain: str) -> None:
    address = parse(text)
    assert (address.local, address.domain) == (local, domain)
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a@-b",
        "a@b-",
        "a@b..c",
        "a@b.",
        "a@[1.2.3]",
        "a@[x:1]",
        "a@[IPv6:fe80::1%eth0]",
        '"a@b',
        '""@b',
        "a\r\n@b",
        "a@b\r\n",
        "a@b c",
        "a" * 257 + "@b",
        "a@" + "b" * 64,
        "a@" + "b." * 200 + "c",
        "a@b_c",
        "a\u0085@b",
        "<a@b>",
        "a@b>",
        "x" * 5000,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse(text)


def test_paths() -> None:
    assert parse_path("<a@b.fr> SIZE=10") == (Address("a", "b.fr"), " SIZE=10")
    assert parse_path("<>") == (None, "")
    assert parse_path("<@x.fr,@y.fr:a@b.fr>") == (Address("a", "b.fr"), "")
    assert parse_path("<Postmaster>") == (Address("Postmaster", ""), "")
    assert parse_path('<"a>b"@c.fr>')[0] == Address("a>b", "c.fr")
    for text in (
        "a@b",
        "<a@b",
        "<a>",
        "<@x:>",
        "<@x,y:a@b>",
        "< a@b>",
        "<a@b >",
        "",
        "<",
        "<@-x:a@b>",
        "<" + "a" * 5000 + "@b>",
    ):
        with pytest.raises(BadSyntax):
            parse_path(text)


def test_comparison() -> None:
    assert parse("E.Dupont@b.fr").key == parse("e.dupont@B.FR").key
    assert parse("a@été.fr").key == parse("a@xn--t-9fab.fr").key
    assert parse("a@b.fr").key != parse("a@c.fr").key
    assert parse('"a"@b.fr').key == parse("A@B.fr").key
    assert parse("e\u0301@b.fr").key == parse("é@b.fr").key


def test_display() -> None:
    assert quote_phrase("Jean Dupont") == "Jean Dupont"
    assert quote_phrase("Dupont, Jean") == '"Dupont, Jean"'
    assert quote_phrase("") == ""
    assert quote_phrase('a "b"\r\nc') == '"a \\"b\\" c"'
    assert parse("a@xn--t-9fab.fr").display == "a@été.fr"
    assert unicode_domain("xn--a") == "xn--a"
    assert check_domain("ÉTÉ.fr") == "xn--t-9fab.fr"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab.@"\\<>[]:, é\u200d\x00\ud800', max_size=30))
def test_any_text(text: str) -> None:
    """Refused, or read back as it was written."""
    try:
        address = parse(text)
    except BadSyntax:
        return
    assert parse(str(address)) == address
