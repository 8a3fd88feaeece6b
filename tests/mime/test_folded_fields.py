"""Header fields as they are searched: addresses in both forms, and what a hostile header may cost."""

import pytest

from mailserver.mime.body import folded_fields
from mailserver.mime.header.addresses import MAX_ADDRESSES


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (b" Anne (home) <a (x) @ example.org>", b"a@example.org"),
        (b" a (home)@ example.org", b"a@example.org"),
    ],
)
def test_a_tangled_address_is_found_as_it_is(written: bytes, found: bytes) -> None:
    assert found in folded_fields.value(b"from", written).split()
    assert folded_fields.value(b"subject", written) == b" ".join(written.lower().split())


def test_an_address_that_stands_there_is_not_added() -> None:
    assert folded_fields.value(b"to", b" A (b) <a@b.c>, <a@b.c>") == b"a (b) <a@b.c>, <a@b.c>"


def test_a_header_of_tangled_addresses_is_read_at_once() -> None:
    """Each address was looked for in all of the value: five seconds for one header."""
    for number in range(8):
        some = [b"a%d.%d @ example.org" % (number, one) for one in range(MAX_ADDRESSES)]
        value = folded_fields.value(b"to", b" " + b" , ".join(some) + b" " * 700_000)
        assert value.endswith(b" a%d.%d@example.org" % (number, MAX_ADDRESSES - 1))
