"""Commands as values; arbitrary text never raises anything but the declared errors."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.errors import BadSyntax
from smtp.wire import grammar
from smtp.wire.grammar import BadAddress, Bdat, Mail, Rcpt, UnknownParameter, Utf8NotAnnounced

DECLARED = (BadSyntax, BadAddress, UnknownParameter, Utf8NotAnnounced)
NOISE = st.text(alphabet='<>@:=; "\\.+,é[]azAZ09%\t', max_size=60)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("FROM:<>", Mail("")),
        ("from:<A.b@Exemple.FR>", Mail("A.b@exemple.fr")),
        ("FROM: <a@b.fr>  SIZE=12", Mail("a@b.fr", size=12)),
        ("FROM:<@x.fr,@y.fr:a@b.fr>", Mail("a@b.fr")),
        ('FROM:<"a b"@b.fr>', Mail('"a b"@b.fr')),
        ("FROM:<a@[192.0.2.1]>", Mail("a@[192.0.2.1]")),
        ("FROM:<a@bücher.de> SMTPUTF8", Mail("a@xn--bcher-kva.de", utf8=True)),
        ("FROM:<> RET=full ENVID=x+2By", Mail("", ret="FULL", envid="x+2By")),
        ("FROM:<> requiretls", Mail("", require_tls=True)),
        ("FROM:<a@b.fr> holdfor=86400", Mail("a@b.fr", hold_for=86400)),
        ("FROM:<a@b.fr> HOLDUNTIL=2026-11-30T06:30:00z", Mail("a@b.fr", hold_until=1796020200)),
    ],
)
def test_mail(text: str, value: Mail) -> None:
    assert grammar.mail(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TO:<postmaster>", Rcpt("postmaster")),
        ("TO:<a@b.fr> NOTIFY=success,delay", Rcpt("a@b.fr", frozenset(("SUCCESS", "DELAY")))),
        ("TO:<a@b.fr> ORCPT=utf-8;é@b.fr", None),
        ("TO:<a@b.fr> ORCPT=rfc822;a+40b", Rcpt("a@b.fr", orcpt="rfc822;a+40b")),
    ],
)
def test_rcpt(text: str, value: Rcpt | None) -> None:
    if value is None:
        with pytest.raises(Utf8NotAnnounced):
            grammar.rcpt(text, utf8=False)
        assert grammar.rcpt(text, utf8=True).orcpt == "utf-8;é@b.fr"
    else:
        assert grammar.rcpt(text, utf8=False) == value


@pytest.mark.parametrize(("text", "value"), [("0", Bdat(0, False)), ("12 last", Bdat(12, True))])
def test_bdat(text: str, value: Bdat) -> None:
    assert grammar.bdat(text) == value


@pytest.mark.parametrize("text", ["", "-1", "1 LATE", "1  LAST", "x", "9" * 30, "١", "1 LAST x"])
def test_bdat_refused(text: str) -> None:
    with pytest.raises(BadSyntax):
        grammar.bdat(text)


def test_bounds() -> None:
    """ENVID, ORCPT, the number of parameters, the length of a path."""
    assert grammar.mail("FROM:<> ENVID=" + "x" * grammar.ENVID_OCTETS).envid
    for text in (
        "FROM:<> ENVID=" + "x" * (grammar.ENVID_OCTETS + 1),
        "FROM:<> " + " ".join(f"A{n}=1" for n in range(grammar.MAX_PARAMETERS + 1)),
    ):
        with pytest.raises(BadSyntax):
            grammar.mail(text)
    with pytest.raises(BadSyntax):
        grammar.rcpt("TO:<a@b.fr> ORCPT=rfc822;" + "x" * grammar.ORCPT_OCTETS, utf8=False)
    with pytest.raises(BadAddress):
        grammar.rcpt(f"TO:<{'x' * 300}@b.fr>", utf8=False)
    with pytest.raises(BadAddress):
        grammar.rcpt(f"TO:<x@{'y' * 300}.fr>", utf8=False)


@given(NOISE)
def test_noise_is_refused_as_declared(text: str) -> None:
    for parse in (grammar.mail, lambda one: grammar.rcpt(one, utf8=True), grammar.bdat, grammar.host_name):
        for prefix in ("", "FROM:", "TO:", "FROM:<a@b.fr> ", "TO:<a@b.fr> "):
            with contextlib.suppress(*DECLARED):
                parse(prefix + text)


@pytest.mark.parametrize("name", ["bar.com", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "my_pc.local", "a."])
def test_host_names(name: str) -> None:
    assert grammar.host_name(name) == name


@pytest.mark.parametrize("name", ["", "-", "a b", "a\tb", "é.fr", "(x)", "x" * 300, "[]", "a;b"])
def test_host_names_refused(name: str) -> None:
    with pytest.raises(BadSyntax):
        grammar.host_name(name)
