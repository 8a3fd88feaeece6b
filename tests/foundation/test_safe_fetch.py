"""Fetching for a reader: what must never be reached, with real name answers, real TLS and real sockets."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.foundation.network.safe_fetch import MAX_OCTETS, MAX_PIECES, SafeFetch, Unreachable, is_public
from mailserver.foundation.settings import NameService
from tests.examples import examples
from tests.inbound.authentication.name_server import NameServer
from tests.smtp.elsewhere import Names
from tests.webui.website import Website, page, slowly, world

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 50

INSIDE = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.7"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
    *("::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1"),
    *("2001:10::1", "2001:20::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1"),
    *("fe80::1", "fec0::1", "ff02::1", "ff0e::1", "fe80::1%eth0", "", "localhost", "127.1", "1.2.3.4.5"),
)


@pytest.mark.parametrize("address", INSIDE)
def test_the_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "185.75.143.24", "100.128.0.1", "172.32.0.1", "2001:4860:4860::8888", "2a01::1"]
)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture(scope="module")
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(tmp_path_factory.mktemp("site"), ["images.example.org", "other.example.org"])
    yield made
    made.stop()


@pytest.fixture
def outside(names: Names, site: Website) -> SafeFetch:
    names.known["images.example.org", "A"] = ["127.0.0.1"]
    names.known["other.example.org", "A"] = ["127.0.0.1"]
    site.answers["/a.png"] = page(PNG)
    return world(names, site)


@pytest.fixture
def strict(names: Names, site: Website) -> SafeFetch:
    """The same world for who takes only public addresses, as in service."""
    return SafeFetch(resolver=names.resolver(), trust=site.trust, ports=frozenset({443, site.port}), seconds=2)


async def test_a_picture_is_fetched_and_nobody_is_told_who_reads(outside: SafeFetch, site: Website) -> None:
    site.asked.clear()
    answer = await outside.get(f"https://images.example.org:{site.port}/a.png", "image/png")
    assert (answer.status, answer.octets) == (200, PNG)
    head = site.asked[0].decode().lower()
    assert head.startswith("get /a.png http/1.1\r\n")
    for told in ("cookie", "referer", "user-agent", "authorization", "origin", "accept-language"):
        assert told not in head


@pytest.mark.parametrize("address", [one for one in INSIDE if one.count(".") == 3 or (":" in one and "%" not in one)])
async def test_a_name_that_leads_inside_is_not_dialled(
    strict: SafeFetch, names: Names, site: Website, address: str
) -> None:
    """Rebinding, metadata services, routers: the name is judged by where it leads, alone or beside a public address."""
    before = site.connections
    kind = "AAAA" if ":" in address else "A"
    names.known["rebound.example.org", "A"] = ["185.75.143.24"]
    names.known.pop(("rebound.example.org", "AAAA"), None)
    names.known["rebound.example.org", kind] = ["185.75.143.24", address] if kind == "A" else [address]
    with pytest.raises(Unreachable, match="inside"):
        await strict.get(f"https://rebound.example.org:{site.port}/a.png")
    assert site.connections == before


@pytest.mark.parametrize(
    "address",
    [
        *("http://images.example.org/a.png", "ftp://images.example.org/", "file:///etc/passwd", "//x", "", "https://"),
        *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/", "https://localhost./", "https://a/"),
        *("https://images.example.org:25/", "https://images.example.org:99999/", "https://images.example.org:x/"),
        *("https://u@images.example.org/", "https://u:p@images.example.org/", "https://images.example.org@127.0.0.1/"),
        *(
            "https://images.example.org\\@127.0.0.1/",
            "https://images.example.org/\r\nHost: x",
            "https://[::1",
            "https:///x",
        ),
        *(
            "https://１２７.０.０.１/",
            "https://127。0。0。1/",
            "https://0x7f.0.0.1/",
            "https://1.2.3/",
            "https://x." + "a" * 300,
        ),
        "https://images.example.org/" + "x" * 5000,
    ],
)
async def test_addresses_that_are_refused_unasked(
    outside: SafeFetch, names: Names, site: Website, address: str
) -> None:
    names.asked.clear()
    before = site.connections
    with pytest.raises(Unreachable):
        await outside.get(address)
    assert names.asked == []
    assert site.connections == before


async def test_redirects_start_over_and_end(outside: SafeFetch, names: Names, site: Website) -> None:
    host = f"https://images.example.org:{site.port}"
    site.answers["/on"] = page(b"", status="302 x", more=f"Location: https://other.example.org:{site.port}/a.png\r\n")
    site.answers["/near"] = page(b"", status="301 x", more="Location: /a.png\r\n")
    site.answers["/round"] = page(b"", status="302 x", more="Location: /round\r\n")
    assert (await outside.get(f"{host}/on")).octets == PNG
    assert (await outside.get(f"{host}/near")).octets == PNG
    with pytest.raises(Unreachable, match="redirects"):
        await outside.get(f"{host}/round")
    names.known["metadata.example.org", "A"] = ["169.254.169.254"]
    targets = ("http://other.example.org/", "https://127.0.0.1/", "file:///etc/passwd", "https://metadata.example.org/")
    for target in targets:
        site.answers["/away"] = page(b"", status="307 x", more=f"Location: {target}\r\n")
        with pytest.raises(Unreachable):
            await outside.get(f"{host}/away")


async def test_time_and_size_are_bounded(outside: SafeFetch, site: Website) -> None:
    host = f"https://images.example.org:{site.port}"
    site.answers["/slow"] = slowly
    site.answers["/big"] = b"HTTP/1.1 200 x\r\n\r\n" + b"x" * (MAX_OCTETS + 1)
    site.answers["/packed"] = page(PNG, more="Content-Encoding: gzip\r\n")
    site.answers["/head"] = b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 20000 + b"\r\n"
    site.answers["/short"] = page(PNG)[:-10]
    site.answers["/noise"] = b"\0\1\2\r\n\r\n"
    begun = time.monotonic()
    for path in ("/slow", "/big", "/packed", "/head", "/short", "/noise"):
        with pytest.raises(Unreachable):
            await outside.get(host + path)
    assert time.monotonic() - begun < 100


async def test_an_answer_in_crumbs_is_not_picked_up(outside: SafeFetch, site: Website) -> None:
    """Five seconds of octets that come one by one, each an event of its own, would be five seconds of nobody else."""
    host = f"https://images.example.org:{site.port}"
    site.answers["/crumbs"] = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * MAX_PIECES
    site.answers["/patience"] = b"HTTP/1.1 103 x\r\n\r\n" * MAX_PIECES
    for path in ("/crumbs", "/patience"):
        with pytest.raises(Unreachable, match="pieces"):
            await outside.get(host + path)
    whole = PNG + b"x" * (MAX_OCTETS - len(PNG))
    site.answers["/whole"] = page(whole)
    pieces = [whole[at : at + 1024] for at in range(0, len(whole), 1024)]
    site.answers["/chunks"] = (
        b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n\r\n"
    )
    for path in ("/whole", "/chunks"):
        assert (await outside.get(host + path)).octets == whole


async def test_the_servers_of_the_settings_are_asked_and_a_huge_answer_is_none(site: Website) -> None:
    """A zone may list thousands of addresses for a picture: to read them would hold up everybody."""
    judged: list[str] = []

    def may_dial(address: str) -> bool:
        judged.append(address)
        return True

    server = NameServer()
    server["images.example.org", "A"] = ["127.0.0.1"]
    server["crowd.example.org", "A"] = [f"185.75.{n >> 8}.{n & 255}" for n in range(1500)]
    site.answers["/a.png"] = page(PNG)
    try:
        outside = SafeFetch(
            names=NameService(nameservers=(server.setting,)),
            trust=site.trust,
            may_dial=may_dial,
            ports=frozenset({443, site.port}),
        )
        assert (await outside.get(f"https://images.example.org:{site.port}/a.png")).octets == PNG
        with pytest.raises(Unreachable, match="looking up"):
            await outside.get(f"https://crowd.example.org:{site.port}/a.png")
    finally:
        server.stop()
    assert judged == ["127.0.0.1"]


async def test_the_certificate_is_of_the_name(outside: SafeFetch, names: Names, site: Website) -> None:
    names.known["false.example.org", "A"] = ["127.0.0.1"]
    with pytest.raises(Unreachable, match="dialling"):
        await outside.get(f"https://false.example.org:{site.port}/a.png")
    untrusting = SafeFetch(outside.resolver, may_dial=outside.may_dial, ports=outside.ports, seconds=2)
    with pytest.raises(Unreachable, match="dialling"):
        await untrusting.get(f"https://images.example.org:{site.port}/a.png")


async def test_a_post_follows_nothing(outside: SafeFetch, site: Website) -> None:
    site.asked.clear()
    site.answers["/leave"] = page(b"", status="302 x", more="Location: /a.png\r\n")
    address = f"https://images.example.org:{site.port}/leave"
    answer = await outside.post(address, b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")
    assert answer.status == 302
    assert len(site.asked) == 1


@pytest.mark.parametrize("more", ["Content-Encoding: gzip\r\nContent-Length: 9\r\n", "Content-Length: 99999999\r\n"])
async def test_a_post_needs_no_body_of_an_answer(outside: SafeFetch, site: Website, more: str) -> None:
    site.answers["/leave"] = f"HTTP/1.1 201 Created\r\nRetry-After: 7\r\n{more}\r\n".encode()
    answer = await outside.post(f"https://images.example.org:{site.port}/leave", b"x=1", "text/plain")
    assert (answer.status, answer.octets, answer.wait(0)) == (201, b"", 7)


NOWHERE = (
    *("https://[", "//[", "https://[::1", "https://]", "https://[x]/", "//[::1]]/", "https://", "https:", "//"),
    *("https://images.example.org:port/", "https://images.example.org:-1/", "https://images.example.org:99999/"),
    *(
        "https://u:p@images.example.org/",
        "https://images.example.org\\@x/",
        "https://\xe9\xe9\xe9/",
        "https://\xad.\xad/",
    ),
    *("https://a..b/", "https://.images.example.org/", "https://-.-/", "https://xn--.org/", "https://xn--a.b/", "\x01"),
    "https://" + "a" * 70 + ".org/",
    "https://images.example.org/" + "x" * 5000,
)
"""What a Location may hold that leads nowhere."""


@pytest.mark.parametrize("location", NOWHERE)
async def test_a_redirect_to_nowhere_is_unreachable(outside: SafeFetch, site: Website, location: str) -> None:
    """Whatever a stranger's answer names: the fetcher's own error and no other."""
    head = f"HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    site.answers["/on"] = head.encode("latin-1")
    with pytest.raises(Unreachable):
        await outside.get(f"https://images.example.org:{site.port}/on")
    answer = await outside.post(f"https://images.example.org:{site.port}/on", b"x=1", "text/plain")
    assert answer.status == 302


_PIECES = st.sampled_from(
    [
        "https:",
        "//",
        "/",
        "[",
        "]",
        ":",
        "@",
        "%",
        ".",
        "..",
        "::1",
        "443",
        "xn--",
        "é",
        "。",
        "a",
        "org",
        "?",
        "#",
        "\\",
        "",
    ]
)
_LOCATIONS = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40),
    st.lists(_PIECES, max_size=12).map("".join).filter(lambda text: "。" not in text),
)
_ADDRESSES = st.one_of(
    st.text(max_size=40).map("https://".__add__),
    st.text(st.characters(codec=None), max_size=20).map("https://images.example.org/".__add__),
    st.lists(_PIECES, max_size=12).map("".join).map("https://".__add__),
)
_QUIETLY = settings(
    max_examples=examples(100),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_QUIETLY
@given(location=_LOCATIONS)
def test_no_redirect_raises_anything_else(outside: SafeFetch, site: Website, location: str) -> None:
    head = f"HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    site.answers["/fuzz"] = head.encode("latin-1")
    with contextlib.suppress(Unreachable):
        asyncio.run(outside.get(f"https://images.example.org:{site.port}/fuzz"))


@_QUIETLY
@given(address=_ADDRESSES)
def test_no_address_raises_anything_else(strict: SafeFetch, address: str) -> None:
    with contextlib.suppress(Unreachable):
        asyncio.run(strict.get(address))
