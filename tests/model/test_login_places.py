"""Which logins are told: networks, blocks, programs, pace."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.network.peers import counted
from mailserver.model.account import programs
from mailserver.model.account.login_places import Kind, Place, Sign, networks, signs
from mailserver.model.clock import DAY

NOW = 1_800_000_000
HERE, BLOCK = "192.0.2.0/24", "192.0.0.0/16"


def past(first: int = 30 * DAY, last: int = 3600) -> list[Place]:
    """An account that came from `HERE` with a mail program and Firefox."""
    names = {HERE: Kind.NETWORK, BLOCK: Kind.BLOCK, programs.MAIL: Kind.PROGRAM, "Firefox Windows": Kind.PROGRAM}
    return [Place(kind, name, NOW - first, NOW - last) for name, kind in names.items()]


@pytest.mark.parametrize(
    ("places", "network", "block", "program", "found"),
    [
        ([], "198.51.100.0/24", "198.51.0.0/16", programs.MAIL, Sign(0)),
        (past(), HERE, BLOCK, programs.MAIL, Sign(0)),
        (past(), "198.51.100.0/24", "198.51.0.0/16", programs.MAIL, Sign.NETWORK),
        (past(last=60), "198.51.100.0/24", "198.51.0.0/16", programs.MAIL, Sign.NETWORK | Sign.PACE),
        (past(), "192.0.77.0/24", BLOCK, programs.MAIL, Sign(0)),
        (past(first=6 * DAY), "192.0.77.0/24", BLOCK, programs.MAIL, Sign.NETWORK),
        (past(first=6 * DAY, last=60), "192.0.77.0/24", BLOCK, programs.MAIL, Sign.NETWORK),
        (past(), HERE, BLOCK, "Chrome Windows", Sign.PROGRAM),
        (past(), HERE, BLOCK, programs.AGENDA, Sign.PROGRAM),
        ([*past(), Place(Kind.PROGRAM, programs.WEB, NOW - DAY, NOW - DAY)], HERE, BLOCK, "Chrome Linux", Sign(0)),
        (past(200 * DAY, 91 * DAY), HERE, BLOCK, programs.MAIL, Sign.NETWORK | Sign.PROGRAM),
    ],
    ids=[
        "first",
        "usual",
        "elsewhere",
        "elsewhere at once",
        "a block that is the account's",
        "a young block",
        "a young block at once",
        "another browser",
        "another door",
        "some browser was used",
        "an account that slept",
    ],
)
def test_what_is_told(places: list[Place], network: str, block: str, program: str, found: Sign) -> None:
    assert signs(places, network, block, program, NOW) == found


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_every_peer_has_a_network_within_a_block(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    peer = counted(str(address))
    if peer:
        network, block = map(ipaddress.ip_network, networks(peer))
        assert network.subnet_of(block)  # type: ignore[arg-type]
        assert len(str(network)) <= 64


@given(st.text(max_size=80))
def test_a_strange_peer_has_none(peer: str) -> None:
    for one in networks(peer):
        assert one == "" or ipaddress.ip_network(one)


@given(st.text(max_size=300), st.sampled_from(["web", "imap", "submission", "dav", "ldap", "managesieve"]))
def test_kinds_of_programs_are_words_of_ours(agent: str, service: str) -> None:
    kind = programs.kind(service, agent)
    assert 0 < len(kind) <= 40
    assert kind.isascii()
    assert programs.is_browser(kind) == (service == "web")
