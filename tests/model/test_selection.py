"""The language of living lists: what it says, what it refuses, and that it comes back the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Role
from mailserver.model.selection import (
    BOUND,
    MAX_DEPTH,
    MAX_TERMS,
    MAX_TEXT,
    MAX_VALUES,
    AnyOf,
    Every,
    Selection,
    Subject,
    Term,
    Without,
    parse,
    write,
)
from tests.examples import examples

TEACHER = Term(Subject.ROLE, ("teacher",))
CLASS = Term(Subject.CLASS, ("4e B",), uai="0210006T")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("role=teacher", TEACHER),
        ("  RÔLE = Enseignants ", TEACHER),
        ("role=teacher,pupil", Term(Subject.ROLE, ("teacher", "pupil"))),
        ("uai=0210006t", Term(Subject.SCHOOL, ("0210006T",))),
        ("departement=21,2A", Term(Subject.DEPARTMENT, ("021", "620"))),
        ("discipline~math*", Term(Subject.DISCIPLINE, ("math*",), like=True)),
        ('classe="4e B"@0210006T', CLASS),
        ('class="and"', Term(Subject.CLASS, ("and",))),
        (r'class="a\"b\\c"', Term(Subject.CLASS, ('a"b\\c',))),
        ("role=teacher kind=lycee", Every((TEACHER, Term(Subject.KIND, ("lycee",))))),
        ("role=teacher AND non kind=lycee", Every((TEACHER, Without(Term(Subject.KIND, ("lycee",)))))),
        ("role=teacher ou role=eleve", AnyOf((TEACHER, Term(Subject.ROLE, ("pupil",))))),
        (
            "(role=teacher or role=pupil) not (kind=lycee)",
            Every((AnyOf((TEACHER, Term(Subject.ROLE, ("pupil",)))), Without(Term(Subject.KIND, ("lycee",))))),
        ),
    ],
)
def test_what_it_says(text: str, value: Selection) -> None:
    assert parse(text) == value
    assert parse(write(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "role",
        "role=",
        "role=,teacher",
        "role~teach*",
        "role=dragon",
        "uai=123",
        "department=21000",
        "colour=red",
        '"role"=teacher',
        "role=teacher)",
        "(role=teacher",
        "()",
        "and role=teacher",
        "role=teacher or",
        "not",
        "role=teacher@0210006T",
        "class=4B@nowhere",
        'class="4B',
        "class=4B@",
        "role=teacher = pupil",
        'class="\x07"',
    ],
)
def test_what_it_refuses(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse(text)


def test_bounds() -> None:
    """Long texts, many terms or values, deep nesting (a stack of brackets must not become one of calls)."""
    for text in (
        "role=teacher ".ljust(MAX_TEXT + 1),
        " ".join(["role=teacher"] * (MAX_TERMS + 1)),
        "class=" + ",".join(f"{n}" for n in range(MAX_VALUES + 1)),
        "(" * (MAX_DEPTH + 2) + "role=teacher" + ")" * (MAX_DEPTH + 2),
        "not " * (MAX_DEPTH + 2) + "role=teacher",
        "class=" + "x" * 121,
    ):
        with pytest.raises(BadSyntax):
            parse(text)
    assert parse(" ".join(["role=teacher"] * MAX_TERMS))


VALUES = (
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: bool(text) and text.isprintable())
)
TERMS = st.one_of(
    st.builds(
        Term,
        st.just(Subject.ROLE),
        st.lists(st.sampled_from([role.value for role in Role]), min_size=1, unique=True).map(tuple),
    ),
    st.builds(
        Term,
        st.sampled_from(sorted(BOUND)),
        st.lists(VALUES, min_size=1, max_size=3, unique=True).map(tuple),
        st.booleans(),
        st.sampled_from(["", "0210006T"]),
    ),
)


def _grouped(inner: st.SearchStrategy[Selection]) -> st.SearchStrategy[Selection]:
    many = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Every, many), st.builds(AnyOf, many), st.builds(Without, inner))


@settings(max_examples=examples(80), deadline=None)
@given(st.recursive(TERMS, _grouped, max_leaves=6))
def test_every_value_comes_back_from_its_text(value: Selection) -> None:
    text = write(value)
    if len(text) <= MAX_TEXT:
        assert parse(text) == value


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = parse(text)
    except BadSyntax:
        return
    assert parse(write(value)) == value
