"""Requests that change the tree: on the wire, and applied to attributes (RFC 4511 sections 4.6 to 4.9)."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.schema import names
from directory.server import controls
from directory.server.controls import Wishes
from directory.server.faults import Fault
from directory.server.passwords import NewPassword
from directory.server.wire import ber, messages, updates
from directory.server.wire.filters import Equality
from directory.server.wire.messages import Code, Control, Malformed, Request, Tag
from directory.server.wire.updates import Add, Delete, Edit, Modification, Modify, Rename, Update
from directory.server.writing import constraints, modifying
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax
from tests.directory.server.test_ldap_messages import octets, texts, write_filter, write_request

# ---------------------------------------------------------------------------- the wire


def write_attribute(name: str, values: Iterable[bytes]) -> bytes:
    return ber.sequence((ber.octets(name), ber.sequence(map(ber.octets, values), ber.SET)))


def write_update(update: Update) -> bytes:
    """The other direction of `updates`, for tests only."""
    match update:
        case Add(entry, attributes):
            listed = ber.sequence(write_attribute(name, values) for name, values in attributes)
            return ber.sequence((ber.octets(entry), listed), Tag.ADD)
        case Modify(entry, changes):
            listed = ber.sequence(
                ber.sequence((ber.integer(one.edit, ber.ENUMERATED), write_attribute(one.attribute, one.values)))
                for one in changes
            )
            return ber.sequence((ber.octets(entry), listed), Tag.MODIFY)
        case Rename(entry, relative, delete_old, superior):
            parts = [ber.octets(entry), ber.octets(relative), ber.boolean(delete_old)]
            parts += [ber.octets(superior, 0x80)] if superior is not None else []
            return ber.sequence(parts, Tag.MODIFY_DN)
        case Delete(entry):
            return ber.octets(entry, Tag.DELETE)


values = st.lists(octets, max_size=3).map(tuple)
some_update: st.SearchStrategy[Update] = st.one_of(
    st.builds(Add, texts, st.lists(st.tuples(texts, st.lists(octets, min_size=1, max_size=3).map(tuple))).map(tuple)),
    st.builds(
        Modify, texts, st.lists(st.builds(Modification, st.sampled_from(Edit), texts, values), max_size=4).map(tuple)
    ),
    st.builds(Rename, texts, texts, st.booleans(), st.none() | texts),
    st.builds(Delete, texts),
)
TAGS = {Add: Tag.ADD, Modify: Tag.MODIFY, Rename: Tag.MODIFY_DN, Delete: Tag.DELETE}


@given(st.integers(1, messages.MAX_ID), some_update)
def test_updates_round_trip(message_id: int, update: Update) -> None:
    expected = Request(message_id, TAGS[type(update)], update)
    assert messages.decode(write_request(message_id, write_update(update))) == expected


@settings(max_examples=300)
@given(some_update, st.data())
def test_damaged_updates_do_no_more_than_fail(update: Update, data: st.DataObject) -> None:
    damaged = bytearray(write_request(1, write_update(update)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadSyntax, Malformed):
        messages.decode(bytes(damaged))


@settings(max_examples=300)
@given(st.sampled_from([Tag.ADD, Tag.MODIFY, Tag.MODIFY_DN, Tag.DELETE]), st.binary(max_size=80))
def test_random_updates_do_no_more_than_fail(tag: Tag, content: bytes) -> None:
    with contextlib.suppress(BadSyntax, Malformed):
        messages.decode(write_request(1, ber.element(tag, content)))


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_random_values_of_controls_and_passwords_do_no_more_than_fail(value: bytes) -> None:
    for kind in controls.SERVED:
        for tag in controls.SERVED[kind]:
            with contextlib.suppress(BadSyntax):
                controls.wishes([Control(kind, True, value)], tag)
    with contextlib.suppress(BadSyntax):
        NewPassword.read(value)


@pytest.mark.parametrize(
    "operation",
    [
        ber.sequence((ber.octets("dc=x"), ber.sequence((write_attribute("cn", ()),))), Tag.ADD),
        ber.sequence(
            (
                ber.octets("dc=x"),
                ber.sequence((ber.sequence((ber.integer(4, ber.ENUMERATED), write_attribute("cn", ()))),)),
            ),
            Tag.MODIFY,
        ),
        ber.sequence((ber.octets("dc=x"), ber.octets("cn=y")), Tag.MODIFY_DN),
        ber.sequence(
            (ber.octets("dc=x"), ber.octets("cn=y"), ber.boolean(True), ber.octets(b"z", 0x81)), Tag.MODIFY_DN
        ),
        ber.octets(b"\xff", Tag.DELETE),
        ber.sequence(
            (
                ber.octets("dc=x"),
                ber.sequence(write_attribute("cn", (b"x",)) for _ in range(updates.MAX_CHANGES + 1)),
            ),
            Tag.ADD,
        ),
        ber.sequence(
            (ber.octets("dc=x"), ber.sequence((write_attribute("cn", (b"x" for _ in range(updates.MAX_VALUES + 1))),))),
            Tag.ADD,
        ),
        ber.sequence(
            (
                ber.octets("dc=x"),
                ber.sequence(write_attribute("cn", (b"x" for _ in range(updates.MAX_VALUES // 2))) for _ in range(3)),
            ),
            Tag.ADD,
        ),
    ],
)
def test_malformed_and_excessive_updates(operation: bytes) -> None:
    with pytest.raises(Malformed):
        messages.decode(write_request(1, operation))


@given(st.none() | texts, st.none() | texts, st.none() | texts)
def test_new_passwords_round_trip(identity: str | None, old: str | None, new: str | None) -> None:
    given_values = ((identity, 0x80), (old, 0x81), (new, 0x82))
    value = ber.sequence(ber.octets(text, tag) for text, tag in given_values if text is not None)
    expected = NewPassword(identity, Secret(old) if old is not None else None, Secret(new) if new is not None else None)
    assert NewPassword.read(value) == expected
    assert NewPassword.read(None) == NewPassword(None, None, None)


def test_controls() -> None:
    selection = ber.sequence((ber.octets("cn"), ber.octets("+")))
    given_controls = [
        Control(controls.ASSERTION, True, write_filter(Equality("cn", b"x"))),
        Control(controls.PRE_READ, False, selection),
        Control(controls.POST_READ, True, ber.sequence(())),
    ]
    assert controls.wishes(given_controls, Tag.MODIFY) == Wishes(Equality("cn", b"x"), ("cn", "+"), ())
    assert controls.wishes(given_controls, Tag.ADD) == Wishes(Equality("cn", b"x"), None, ())
    assert controls.wishes(given_controls, Tag.BIND) == Wishes()
    for wrong in ([given_controls[1]] * 2, [Control(controls.PRE_READ, False, None)]):
        with pytest.raises(BadSyntax):
            controls.wishes(wrong, Tag.MODIFY)


# ---------------------------------------------------------------------------- modifications (RFC 4511 section 4.6)

HELD = {"cn": ("Zoé Martin", "Zoé"), "sn": ("Martin",), "mail": ("z@ailleurs.example",), "acadAccountId": ("7",)}


def change(edit: Edit, attribute: str, *given_values: str | bytes) -> Modification:
    return Modification(edit, attribute, tuple(v.encode() if isinstance(v, str) else v for v in given_values))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([change(Edit.ADD, "description", "x")], {"description": ("x",)}),
        ([change(Edit.ADD, "cn", "Z. Martin")], {"cn": ("Zoé Martin", "Zoé", "Z. Martin")}),
        ([change(Edit.DELETE, "2.5.4.3", "ZOE\u0301")], {"cn": ("Zoé Martin",)}),
        ([change(Edit.DELETE, "mail")], {"mail": None}),
        ([change(Edit.DELETE, "mail", "Z@AILLEURS.example")], {"mail": None}),
        ([change(Edit.REPLACE, "rfc822Mailbox", "a@b", "c@d")], {"mail": ("a@b", "c@d")}),
        ([change(Edit.REPLACE, "mail")], {"mail": None}),
        ([change(Edit.REPLACE, "description")], {}),
        ([change(Edit.DELETE, "mail"), change(Edit.ADD, "mail", "z@ailleurs.example")], {}),
        ([change(Edit.INCREMENT, "acadAccountId", "-3")], {"acadAccountId": ("4",)}),
    ],
)
def test_modifications(changes: list[Modification], expected: Mapping[str, tuple[str, ...] | None]) -> None:
    whole = {name: found for name, found in {**HELD, **expected}.items() if found is not None}
    assert modifying.applied(HELD, changes) == whole


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([change(Edit.ADD, "cn", "zoé  MARTIN")], Code.ATTRIBUTE_OR_VALUE_EXISTS),
        ([change(Edit.ADD, "description", "x", "X")], Code.ATTRIBUTE_OR_VALUE_EXISTS),
        ([change(Edit.REPLACE, "description", "x", "X")], Code.ATTRIBUTE_OR_VALUE_EXISTS),
        ([change(Edit.ADD, "description")], Code.PROTOCOL_ERROR),
        ([change(Edit.DELETE, "description")], Code.NO_SUCH_ATTRIBUTE),
        ([change(Edit.DELETE, "description", "x")], Code.NO_SUCH_ATTRIBUTE),
        ([change(Edit.DELETE, "cn", "Zoé", "x")], Code.NO_SUCH_ATTRIBUTE),
        ([change(Edit.DELETE, "mail"), change(Edit.DELETE, "mail")], Code.NO_SUCH_ATTRIBUTE),
        ([change(Edit.ADD, "nothing", "x")], Code.UNDEFINED_ATTRIBUTE_TYPE),
        ([change(Edit.ADD, "cn;lang-fr", "x")], Code.UNDEFINED_ATTRIBUTE_TYPE),
        ([change(Edit.REPLACE, "createTimestamp", "20260101000000Z")], Code.CONSTRAINT_VIOLATION),
        ([change(Edit.ADD, "cn", "")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.ADD, "cn", b"\xff")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.ADD, "cn", "a\0b")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.ADD, "mail", "é@x")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.ADD, "seeAlso", "no name")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.ADD, "objectClass", "noSuchClass")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.INCREMENT, "cn", "1")], Code.CONSTRAINT_VIOLATION),
        ([change(Edit.INCREMENT, "acadAccountId")], Code.PROTOCOL_ERROR),
        ([change(Edit.INCREMENT, "acadAccountId", "1", "2")], Code.PROTOCOL_ERROR),
        ([change(Edit.INCREMENT, "acadAccountId", "x")], Code.INVALID_ATTRIBUTE_SYNTAX),
        ([change(Edit.INCREMENT, "acadAccountId", str(2**63))], Code.CONSTRAINT_VIOLATION),
        (
            [change(Edit.DELETE, "acadAccountId"), change(Edit.INCREMENT, "acadAccountId", "1")],
            Code.NO_SUCH_ATTRIBUTE,
        ),
    ],
)
def test_refused_modifications(changes: list[Modification], code: Code) -> None:
    with pytest.raises(Fault) as caught:
        modifying.applied(HELD, changes)
    assert caught.value.code is code
    assert caught.value.text


def test_ten_thousand_changes_of_one_attribute_cost_little() -> None:
    """Members that come one by one do not build the index of the others each time."""
    held = {"member": tuple(f"uid=a{number},dc=x" for number in range(5000))}
    changes = [change(Edit.ADD, "member", f"uid=b{number},dc=x") for number in range(1000)]
    assert len(modifying.applied(held, changes)["member"]) == 6000


# ---------------------------------------------------------------------------- the schema

CONTACT = {"objectClass": ("inetOrgPerson",), "cn": ("Zoé",), "sn": ("Martin",)}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"objectClass": ()}, Code.OBJECT_CLASS_VIOLATION),
        ({"objectClass": ("top",)}, Code.OBJECT_CLASS_VIOLATION),
        ({"objectClass": ("inetOrgPerson", "organization")}, Code.OBJECT_CLASS_VIOLATION),
        ({"sn": ()}, Code.OBJECT_CLASS_VIOLATION),
        ({"dc": ("x",)}, Code.OBJECT_CLASS_VIOLATION),
        ({"preferredLanguage": ("fr", "en")}, Code.CONSTRAINT_VIOLATION),
        ({"objectClass": ("2.999.1",)}, Code.INVALID_ATTRIBUTE_SYNTAX),
    ],
)
def test_entries_that_break_the_schema(more: Mapping[str, Sequence[str]], code: Code) -> None:
    constraints.check(CONTACT)
    with pytest.raises(Fault) as caught:
        constraints.check({name: found for name, found in {**CONTACT, **more}.items() if found})
    assert caught.value.code is code


def test_the_naming_value_is_held() -> None:
    (rdn,) = names.parse("cn=ZOÉ+mail=z@x")
    whole = constraints.with_naming(rdn, CONTACT)
    assert whole == {**CONTACT, "mail": ("z@x",)}
    constraints.check_naming(rdn, whole)
    with pytest.raises(Fault) as caught:
        constraints.check_naming(rdn, CONTACT)
    assert caught.value.code is Code.NOT_ALLOWED_ON_RDN
    assert constraints.without(rdn, whole) == {"objectClass": ("inetOrgPerson",), "sn": ("Martin",)}
