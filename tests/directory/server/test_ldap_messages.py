"""LDAP on the wire: what ldap3 writes is read, what we write ldap3 reads, and nothing hostile gets through."""

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.utils.asn1 import decode_message_fast
from pyasn1.codec.ber.encoder import encode

from directory.server.wire import ber, filters, messages
from directory.server.wire.filters import (
    And,
    Approximate,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
)
from directory.server.wire.messages import (
    Abandon,
    Bind,
    Code,
    Compare,
    Control,
    Extended,
    Malformed,
    Page,
    Request,
    Scope,
    Search,
    Tag,
    Unbind,
)
from directory.server.wire.updates import Add, Delete
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax

# ---------------------------------------------------------------------------- a writer for requests


def write_filter(wanted: Filter) -> bytes:
    """The other direction of `filters.read`, for tests only: a server never sends filters."""
    match wanted:
        case And(items) | Or(items):
            return ber.sequence(map(write_filter, items), 0xA0 if isinstance(wanted, And) else 0xA1)
        case Not(item):
            return ber.element(0xA2, write_filter(item))
        case Present(attribute):
            return ber.octets(attribute, 0x87)
        case Equality(attribute, value):
            return ber.sequence((ber.octets(attribute), ber.octets(value)), 0xA3)
        case GreaterOrEqual(attribute, value):
            return ber.sequence((ber.octets(attribute), ber.octets(value)), 0xA5)
        case LessOrEqual(attribute, value):
            return ber.sequence((ber.octets(attribute), ber.octets(value)), 0xA6)
        case Approximate(attribute, value):
            return ber.sequence((ber.octets(attribute), ber.octets(value)), 0xA8)
        case Substrings(attribute, initial, middle, final):
            pieces = [ber.octets(initial, 0x80)] if initial else []
            pieces += [ber.octets(piece, 0x81) for piece in middle]
            pieces += [ber.octets(final, 0x82)] if final else []
            return ber.sequence((ber.octets(attribute), ber.sequence(pieces)), 0xA4)
        case Extensible(rule, attribute, value, dn_attributes):
            parts = [ber.octets(rule, 0x81)] if rule else []
            parts += [ber.octets(attribute, 0x82)] if attribute else []
            parts += [ber.octets(value, 0x83)]
            parts += [ber.boolean(True, 0x84)] if dn_attributes else []
            return ber.sequence(parts, 0xA9)


def write_search(search: Search) -> bytes:
    return ber.sequence(
        (
            ber.octets(search.base),
            ber.integer(search.scope, ber.ENUMERATED),
            ber.integer(3, ber.ENUMERATED),
            ber.integer(search.size_limit),
            ber.integer(search.time_limit),
            ber.boolean(search.types_only),
            write_filter(search.filter),
            ber.sequence(map(ber.octets, search.attributes)),
        ),
        Tag.SEARCH,
    )


def write_request(message_id: int, operation: bytes, *controls: bytes) -> bytes:
    parts = [ber.integer(message_id), operation]
    return ber.sequence([*parts, ber.sequence(controls, 0xA0)] if controls else parts)


def search_for(wanted: Filter) -> bytes:
    return write_request(1, write_search(Search("", Scope.SUBTREE, 0, 0, False, wanted, ())))


# ---------------------------------------------------------------------------- round trips

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
octets = st.binary(min_size=1, max_size=12)
assertions: st.SearchStrategy[Filter] = st.one_of(
    *(st.builds(kind, texts, octets) for kind in (Equality, GreaterOrEqual, LessOrEqual, Approximate)),
    st.builds(Present, texts),
    st.builds(Substrings, texts, octets, st.lists(octets, max_size=3).map(tuple), st.binary(max_size=5)),
    st.builds(Extensible, st.just("caseIgnoreMatch"), texts, octets, st.booleans()),
)
any_filter: st.SearchStrategy[Filter] = st.recursive(
    assertions,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: And(tuple(items))),
        st.lists(inner, max_size=4).map(lambda items: Or(tuple(items))),
        st.builds(Not, inner),
    ),
    max_leaves=12,
)
searches = st.builds(
    Search,
    texts,
    st.sampled_from(Scope),
    st.integers(0, messages.MAX_ID),
    st.integers(0, messages.MAX_ID),
    st.booleans(),
    any_filter,
    st.lists(texts, max_size=5).map(tuple),
)


@given(st.integers(1, messages.MAX_ID), searches)
def test_searches_round_trip(message_id: int, search: Search) -> None:
    assert messages.decode(write_request(message_id, write_search(search))) == Request(message_id, Tag.SEARCH, search)


SIMPLE = ber.sequence((ber.integer(3), ber.octets("cn=a"), ber.octets("pw", 0x80)), Tag.BIND)
ASSERTION = ber.sequence((ber.octets("cn"), ber.octets(b"x")))
OTHERS = [
    (SIMPLE, Bind(3, "cn=a", Secret("pw"), "")),
    (
        ber.sequence((ber.integer(3), ber.octets(""), ber.sequence((ber.octets("PLAIN"),), 0xA3)), Tag.BIND),
        Bind(3, "", None, "PLAIN"),
    ),
    (ber.element(Tag.UNBIND, b""), Unbind()),
    (ber.sequence((ber.octets("dc=x"), ASSERTION), Tag.COMPARE), Compare("dc=x", "cn", b"x")),
    (ber.element(Tag.ABANDON, b"\x05"), Abandon(5)),
    (ber.sequence((ber.octets("1.2", 0x80),), Tag.EXTENDED), Extended("1.2", None)),
    (ber.sequence((ber.octets("1.2", 0x80), ber.octets(b"v", 0x81)), Tag.EXTENDED), Extended("1.2", b"v")),
    (ber.element(Tag.DELETE, b"dc=x"), Delete("dc=x")),
    (ber.sequence((ber.octets("dc=x"), ber.sequence(())), Tag.ADD), Add("dc=x", ())),
]


@pytest.mark.parametrize(("operation", "expected"), OTHERS, ids=lambda value: type(value).__name__)
def test_other_operations(operation: bytes, expected: messages.Operation) -> None:
    assert messages.decode(write_request(7, operation)).operation == expected


def test_controls() -> None:
    page = Page(50, b"cookie").control()
    critical = ber.sequence((ber.octets("1.2.3"), ber.boolean(True)))
    plain = ber.sequence((ber.octets(page.type), ber.octets(page.value or b"")))
    request = messages.decode(write_request(7, SIMPLE, critical, plain))
    assert request.controls == (Control("1.2.3", True, None), page)
    assert Page.read(request.controls[1].value) == Page(50, b"cookie")


def test_four_octet_lengths_are_read() -> None:
    """Microsoft's clients always write lengths in four octets."""
    inner = ber.integer(7) + SIMPLE
    padded = b"\x30\x84" + len(inner).to_bytes(4, "big") + inner
    assert messages.decode(padded) == messages.decode(write_request(7, SIMPLE))
    assert ber.frame(bytearray(padded), 1000) == len(padded)


def test_ldap3_reads_our_answers() -> None:
    entry = messages.entry(3, "uid=a,dc=fr", [("cn", ["Hélène", "x" * 300]), ("mail", ())])
    decoded = decode_message_fast(entry)  # type: ignore[no-untyped-call]
    assert decoded["messageID"] == 3
    assert decoded["protocolOp"] == 4
    done = messages.result(3, Tag.SEARCH_DONE, Code.SIZE_LIMIT_EXCEEDED, "text", "dc=fr", [Page(0, b"c").control()])
    decoded = decode_message_fast(done)  # type: ignore[no-untyped-call]
    assert decoded["protocolOp"] == 5
    assert decoded["controls"]


# ---------------------------------------------------------------------------- hostile input


def nested(depth: int) -> bytes:
    """A search whose filter is so many NOTs around one item."""
    wanted = ber.octets("cn", 0x87)
    for _ in range(depth):
        wanted = ber.element(0xA2, wanted)
    whole = write_search(Search("", Scope.SUBTREE, 0, 0, False, Present("cn"), ()))
    head = ber.Reader(whole).inside(Tag.SEARCH)
    kept = [ber.element(*head.element()) for _ in range(6)]
    return write_request(1, ber.sequence((*kept, wanted, ber.sequence(())), Tag.SEARCH))


def refuses(read: Callable[[], object]) -> str:
    with pytest.raises((BadSyntax, Malformed)) as caught:
        read()
    return str(caught.value)


def test_deep_nesting_is_refused() -> None:
    messages.decode(nested(filters.MAX_DEPTH))
    assert "nested" in refuses(lambda: messages.decode(nested(filters.MAX_DEPTH + 1)))
    assert "nested" in refuses(lambda: messages.decode(nested(20_000)))


def test_many_items_are_refused() -> None:
    assert "items" in refuses(lambda: messages.decode(search_for(Or((Present("cn"),) * 300))))
    pieces = Substrings("cn", b"", (b"a",) * 300, b"")
    assert "items" in refuses(lambda: messages.decode(search_for(pieces)))


def test_many_attributes_and_controls_are_refused() -> None:
    search = Search("", Scope.BASE, 0, 0, False, Present("cn"), ("cn",) * 300)
    assert "attributes" in refuses(lambda: messages.decode(write_request(1, write_search(search))))
    control = ber.sequence((ber.octets("1.2"),))
    assert "controls" in refuses(lambda: messages.decode(write_request(1, SIMPLE, *[control] * 17)))


@pytest.mark.parametrize(
    "announced", [b"\x30\x84\xff\xff\xff\xff", b"\x30\x88" + b"\xff" * 8, b"\x30\x80", b"\x30\xff"]
)
def test_huge_lengths_are_refused_at_the_announcement(announced: bytes) -> None:
    with pytest.raises(BadSyntax):
        ber.frame(bytearray(announced), 1 << 20)


def test_frames_wait_for_their_octets() -> None:
    whole = write_request(7, SIMPLE)
    assert [ber.frame(whole[:size], 1000) for size in range(len(whole))] == [0] * len(whole)
    assert ber.frame(whole + b"more", 1000) == len(whole)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"\x00"])
def test_other_protocols_are_refused_at_the_first_octet(first: bytes) -> None:
    with pytest.raises(BadSyntax):
        ber.frame(bytearray(first), 1000)


MALFORMED = [
    ber.sequence((ber.integer(3), ber.octets("cn=a")), Tag.BIND),
    ber.sequence((ber.integer(3), ber.octets(b"\xff"), ber.octets("pw", 0x80)), Tag.BIND),
    SIMPLE[:2] + ber.integer(3) + b"\x04\x7fcn=a",
    ber.sequence((ber.octets("dc=x"),), Tag.COMPARE),
    ber.sequence((), Tag.EXTENDED),
    ber.sequence((ber.octets("x"),), Tag.SEARCH),
]


@pytest.mark.parametrize("operation", MALFORMED)
def test_a_bad_operation_is_told_apart_from_a_bad_envelope(operation: bytes) -> None:
    with pytest.raises((Malformed, BadSyntax)):
        messages.decode(write_request(9, operation))
    with pytest.raises(Malformed) as caught:
        messages.decode(write_request(9, MALFORMED[0]))
    assert caught.value.message_id == 9


@pytest.mark.parametrize("wanted", [Substrings("cn", b"", (), b""), Substrings("cn", b"a", (b"",), b"")])
def test_empty_substrings_are_refused(wanted: Substrings) -> None:
    refuses(lambda: messages.decode(search_for(wanted)))


def test_unknown_operations_and_ids_end_the_session() -> None:
    for message in (
        write_request(1, ber.element(0x7F, b"")),
        write_request(0, SIMPLE),
        write_request(-1, SIMPLE),
        ber.sequence((ber.integer(1),)),
        write_request(1, messages.result(1, Tag.SEARCH_DONE, Code.SUCCESS)),
    ):
        with pytest.raises(BadSyntax):
            messages.decode(message)


@settings(max_examples=400)
@given(st.binary(max_size=300))
def test_random_octets_never_do_more_than_fail(octets: bytes) -> None:
    try:
        size = ber.frame(octets, 1000)
        if size:
            messages.decode(octets[:size])
    except (BadSyntax, Malformed):
        pass


@settings(max_examples=400)
@given(searches, st.data())
def test_damaged_requests_never_do_more_than_fail(search: Search, data: st.DataObject) -> None:
    octets = bytearray(write_request(1, write_search(search)))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        if ber.frame(octets, 100_000):
            messages.decode(bytes(octets))
    except (BadSyntax, Malformed):
        pass


def bombs() -> Iterator[bytes]:
    """A quarter of a megabyte of the cheapest elements, in each place that takes many."""
    many = 120_000
    yield write_request(1, ber.element(0xA1, b"\x87\x00" * many))
    yield search_for(Present("cn"))[:-2] + ber.element(ber.SEQUENCE, b"\x04\x00" * many)
    search = ber.sequence((ber.octets(""), *[ber.integer(0, ber.ENUMERATED)] * 2, *[ber.integer(0)] * 2), Tag.SEARCH)
    yield write_request(1, ber.element(Tag.SEARCH, search[2:] + ber.boolean(False) + b"\xa0\x00" * many))


def test_bombs_cost_little() -> None:
    for bomb in bombs():
        tracemalloc.start()
        with pytest.raises((BadSyntax, Malformed)):
            messages.decode(bomb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * len(bomb)


def test_ldap3_is_an_independent_writer() -> None:
    """What another implementation encodes is what we decode."""
    from ldap3.operation.bind import bind_operation
    from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp

    message = LDAPMessage()
    message["messageID"] = MessageID(5)
    request = bind_operation(3, "SIMPLE", "cn=a,dc=fr", "secret", auto_encode=False)
    message["protocolOp"] = ProtocolOp().setComponentByName("bindRequest", request)
    assert messages.decode(bytes(encode(message))).operation == Bind(3, "cn=a,dc=fr", Secret("secret"), "")
