"""The base subject and the collation of SORT and THREAD (RFC 5256 section 2.1, RFC 5051)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mime.header.casemap import collate, collate_all
from mailserver.mime.header.subjects import base_subject, is_reply_or_forward


@pytest.mark.parametrize(
    ("subject", "base", "marked"),
    [
        ("Re: a", "a", True),
        ("RE:  a", "a", True),
        ("RE : a", "a", True),
        ("Re\u00a0: a", "a", True),
        ("re [x]: a", "a", True),
        ("[list] Re: a", "a", True),
        ("[list] a", "a", False),
        ("Re: [list] Re: a", "a", True),
        ("Re[2]: a", "a", True),
        ("Fwd: a (fwd)", "a", True),
        ("a (FWD) (fwd)  ", "a", True),
        ("a(fwd)", "a", True),
        ("fw: a", "a", True),
        ("fwdd: a", "fwdd: a", False),
        ("[fwd: Re: a]", "a", True),
        ("[fwd: a]", "a", True),
        ("[Fwd: [fwd: a] (fwd)]", "a", True),
        ("[fwd: a] b", "b", False),
        ("[fwd:]", "", True),
        ("[a] [fwd: b]", "b", True),
        ("a  b\tc", "a b c", False),
        ("[list]", "[list]", False),
        ("[a] [b]", "[b]", False),
        ("[a][b] c", "c", False),
        ("[a [b] c", "[a [b] c", False),
        ("[a] Re:", "", True),
        ("Re:", "", True),
        ("Re: (fwd)", "", True),
        ("(fwd)", "", True),
        ("a (fwd) b", "a (fwd) b", False),
        ("Recherche: a", "Recherche: a", False),
        ("TR: a", "TR: a", False),
        ("", "", False),
        ("   ", "", False),
    ],
)
def test_base_subject(subject: str, base: str, marked: bool) -> None:
    assert base_subject(subject) == base
    assert is_reply_or_forward(subject) is marked


@given(st.lists(st.sampled_from(["Re:", "fwd:", "[", "]", "(fwd)", " ", "a", "[b]", "[fwd:", "é"]), max_size=30))
def test_nothing_is_left_to_remove(parts: list[str]) -> None:
    base = base_subject("".join(parts))
    assert base_subject(base) == base


def test_hostile_subjects_end() -> None:
    for piece in ("[a]", "[fwd:", "Re:", "(fwd)", "[", "re [a]", " "):
        subject = piece * (1000 // len(piece))
        assert len(base_subject(subject)) <= len(subject)


@pytest.mark.parametrize(
    ("one", "other"),
    [("école", "ÉCOLE"), ("E\u0301cole", "école"), ("ǆ", "Ǆ"), ("σς", "ΣΣ"), ("Å", "\u212b")],
)
def test_equal_but_for_case_and_form(one: str, other: str) -> None:
    assert collate(one) == collate(other)


def test_accents_count_and_order_is_by_code_point() -> None:
    words = ["zoo", "école", "Eze", "ecole", "Œuvre", "abc", "ABD", "éa", ""]
    assert sorted(words, key=collate) == ["", "abc", "ABD", "ecole", "Eze", "éa", "école", "zoo", "Œuvre"]
    assert collate("e") != collate("é")


def test_many_collate_as_each() -> None:
    """Every character, few and many different ones at once; and those that become what others are."""
    every = [chr(code) for code in range(0x30000)]
    for size in (7, 60, 1000):
        for start in range(0, len(every), size * (50 if size < 1000 else 7)):
            some = [f"a{one}b{one}" for one in every[start : start + size]]
            assert collate_all(some) == [collate(one).encode("utf-8", "surrogatepass") for one in some]
    odd = ["", "été", "ETE\u0301", "e\u0301 é", "\U0001d6fc", "αβ \U0001d6fc", "ß", "ǆ ǅ", "a\0b", "\0", "ŉ", "ª"]
    for one in odd:
        for other in odd:
            assert collate_all([one, other, one]) == [collate(text).encode() for text in (one, other, one)]
    assert collate_all([]) == []
