"""Policies of RFC 8461 and the records that announce them: what is one, what is none, and that nothing else happens."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.sending.mta_sts import MAX_AGE, MAX_EXCHANGERS, MAX_OCTETS, BadPolicy, Mode, Policy, record_id

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


def test_the_policy_of_the_rfc() -> None:
    assert Policy.read(GOOD) == Policy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604_800)


@pytest.mark.parametrize(
    ("octets", "policy"),
    [
        (GOOD.replace(b"\r\n", b"\n").rstrip(), Policy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604_800)),
        (b"version:STSv1\nmode:none\nmax_age:1", Policy(Mode.NONE, (), 1)),
        (
            b"max_age: 9999999999\nmx: MX.Example.COM.\nmode: testing\nversion: STSv1",
            Policy(Mode.TESTING, ("mx.example.com",), MAX_AGE),
        ),
        (GOOD + b"mode: none\nmax_age: 1\nversion: 2\n", Policy.read(GOOD)),  # the first of each holds
        (GOOD + "x-note: été, à deux\n".encode(), Policy.read(GOOD)),
        (GOOD + b"mx: *.example.net\n", Policy.read(GOOD)),
    ],
)
def test_what_is_a_policy(octets: bytes, policy: Policy) -> None:
    assert Policy.read(octets) == policy


def test_blanks_within_a_line_take_no_longer_to_read() -> None:
    """They took the square of their number, in the relay, for whoever publishes a policy for that."""
    begun = time.process_time()
    assert Policy.read(GOOD + b"x: a" + b" " * (MAX_OCTETS - 1000) + b"b\r\n") == Policy.read(GOOD)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"enforce", b"Enforce"),
        GOOD.replace(b"mode: enforce\r\n", b""),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"99999999999"),
        GOOD.replace(b"604800", "١".encode()),
        GOOD.replace(b"max_age: 604800\r\n", b""),
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
        GOOD.replace(b"*.example.net", b"*"),
        GOOD.replace(b"*.example.net", b"mx.*.net"),
        GOOD.replace(b"*.example.net", b"[192.0.2.1]"),
        GOOD.replace(b"*.example.net", b"a b"),
        GOOD + b"no colon\n",
        GOOD + b"\n\n",
        GOOD + b"x: \xff\n",
        GOOD + b"x: " + b"x" * MAX_OCTETS,
        GOOD + b"".join(b"mx: m%d.example.com\n" % number for number in range(MAX_EXCHANGERS)),
        b"<html>404</html>",
    ],
)
def test_what_is_none(octets: bytes) -> None:
    with pytest.raises(BadPolicy):
        Policy.read(octets)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.Com.", True),
        ("x.mail.example.com", False),
        ("mx1.example.net", True),
        ("example.net", False),
        ("a.mx1.example.net", False),
        ("net", False),
        ("", False),
        ("*.example.net", True),  # no host of DNS has that name
        ("badexample.net", False),
    ],
)
def test_which_servers_a_policy_names(host: str, named: bool) -> None:
    assert Policy.read(GOOD).names(host) is named


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; a=b ;\tid = 7 ; id=8"], "7"),
        ([b"v=spf1 -all", b"v=STSv1; id=1;"], "1"),
        ([], ""),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=1;"], ""),
        ([b"v=STSv1; id=;"], ""),
        ([b"v=STSv1; id=a-b;"], ""),
        ([b"v=STSv1; id=" + b"a" * 33], ""),
        ([b"v=STSv1"], ""),
        ([b"v=STSv12; id=1"], ""),
        ([b" v=STSv1; id=1"], ""),
        ([b"v=STSv1; id=\xe9;"], ""),
    ],
)
def test_which_record_announces_one(texts: list[bytes], found: str) -> None:
    assert record_id(texts) == found


_LINES = st.sampled_from(
    [b"version: STSv1", b"mode: enforce", b"mode: none", b"mx: a.fr", b"max_age: 5", b"mx: *.b.fr"]
)


@given(st.one_of(st.binary(max_size=200), st.lists(st.one_of(_LINES, st.binary(max_size=20))).map(b"\n".join)))
def test_any_octets_are_a_policy_or_none(octets: bytes) -> None:
    try:
        policy = Policy.read(octets)
    except BadPolicy:
        return
    assert 0 <= policy.max_age <= MAX_AGE
    assert policy.exchangers or policy.mode is Mode.NONE
    assert all(policy.names(one.replace("*", "x", 1)) for one in policy.exchangers)


@given(st.lists(st.binary(max_size=60).map(lambda rest: b"v=STSv1;" + rest), max_size=3))
def test_any_record_has_an_id_or_none(texts: list[bytes]) -> None:
    found = record_id(texts)
    assert len(found) <= 32
    assert not found or (found.isascii() and found.isalnum())
