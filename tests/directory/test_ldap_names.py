"""Distinguished names: RFC 4514's own examples, comparison, and text from anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.schema import names
from mailserver.model.errors import BadSyntax

RFC_EXAMPLES = {
    "UID=jsmith,DC=example,DC=net": ((("uid", "jsmith"),), (("dc", "example"),), (("dc", "net"),)),
    "OU=Sales+CN=J.  Smith,DC=example,DC=net": (
        (("ou", "Sales"), ("cn", "J.  Smith")),
        (("dc", "example"),),
        (("dc", "net"),),
    ),
    r"CN=James \"Jim\" Smith\, III,DC=example,DC=net": (
        (("cn", 'James "Jim" Smith, III'),),
        (("dc", "example"),),
        (("dc", "net"),),
    ),
    r"CN=Before\0dAfter,DC=example,DC=net": ((("cn", "Before\rAfter"),), (("dc", "example"),), (("dc", "net"),)),
    r"CN=Lu\C4\8Di\C4\87": ((("cn", "Lučić"),),),
}


@pytest.mark.parametrize("text", RFC_EXAMPLES)
def test_rfc_4514_examples(text: str) -> None:
    assert names.parse(text) == RFC_EXAMPLES[text]


def test_spaces_around_separators_are_tolerated() -> None:
    assert names.parse("uid = edupont , ou=people,  dc=fr") == names.parse("uid=edupont,ou=people,dc=fr")


def test_escaped_spaces_stay() -> None:
    assert names.parse(r"cn=\ a b\ ,dc=fr")[0] == (("cn", " a b "),)


@pytest.mark.parametrize(
    "text",
    [
        *("uid", "uid=a,", ",uid=a", "uid=a,,dc=b", "=a", "uid=a;dc=b", 'uid="a"', "uid=a\\", "uid=a\\zz"),
        *("uid=#0401", "uid=a\0b", "1=a", "uid=a+", "uid=\\ff", "a b=c", "uid=<a>"),
    ],
)
def test_what_is_not_a_name(text: str) -> None:
    with pytest.raises(BadSyntax):
        names.parse(text)


def test_depth_is_bounded() -> None:
    names.parse(",".join(["dc=a"] * names.MAX_DEPTH))
    with pytest.raises(BadSyntax):
        names.parse(",".join(["dc=a"] * (names.MAX_DEPTH + 2)))
    with pytest.raises(BadSyntax):
        names.parse("+".join(["dc=a"] * (names.MAX_DEPTH + 2)))


def test_comparison_ignores_case_spaces_order_and_spelling_of_types() -> None:
    one = names.comparable(names.parse("UserID=EDupont+CN=Emma  Dupont,DomainComponent=FR"))
    other = names.comparable(names.parse("cn=emma dupont+0.9.2342.19200300.100.1.1=edupont,dc=fr"))
    assert one == other


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_survives_writing_and_reading(value: str) -> None:
    written = f"cn={names.escape(value)},dc=fr"
    assert names.parse(written) == ((("cn", value),), (("dc", "fr"),))


@given(st.text())
def test_any_text_is_a_name_or_bad_syntax(text: str) -> None:
    try:
        name = names.parse(text)
    except BadSyntax:
        return
    assert names.comparable(names.parse(names.write(name))) == names.comparable(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dupont", "DUPONT"),
        ("Straße", "STRASSE"),
        ("ﬁn", "FIN"),
        ("a\u00adb", "ab"),
        ("a\u00a0 b", "A B"),
        (" x ", "x"),
    ],
)
def test_strings_that_are_prepared_alike(one: str, other: str) -> None:
    assert names.fold(one) == names.fold(other)


def test_accents_are_letters_of_their_own() -> None:
    assert names.fold("Hélène") != names.fold("Helene")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    once = names.fold(text)
    assert names.fold(once) == once
