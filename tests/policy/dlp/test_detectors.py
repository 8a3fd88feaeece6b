"""Numbers in a text: those that are right are found however they are grouped, and nothing else is."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.policy.dlp.detectors import Finding, Kind, is_iban, is_nir, numbers

GAPS = st.sampled_from(("", " ", "\u00a0", "\u202f", "-", "."))
NIR_PARTS = st.tuples(
    *(st.sampled_from("123478"), st.integers(0, 99), st.sampled_from((*range(1, 13), *range(20, 43), *range(50, 100)))),
    *(st.one_of(st.integers(1, 99).map("{:02}".format), st.sampled_from(("2A", "2B"))), st.integers(0, 999)),
    st.integers(0, 999),
)
BBANS = st.sampled_from((("FR", 23), ("DE", 18), ("BE", 12), ("MT", 27), ("NO", 11)))


def kinds(text: str) -> list[Kind]:
    return [one.kind for one in numbers(text)]


def nir_groups(sex: str, year: int, month: int, department: str, town: int, order: int) -> list[str]:
    groups = [sex, f"{year:02}", f"{month:02}", department, f"{town:03}", f"{order:03}"]
    digits = int("".join(groups).replace("2A", "19").replace("2B", "18"))
    return [*groups, f"{97 - digits % 97:02}"]


@given(NIR_PARTS, GAPS, st.integers(1, 96))
def test_a_nir_is_found_by_its_key(parts: tuple[str, int, int, str, int, int], gap: str, off: int) -> None:
    groups = nir_groups(*parts)
    assert [one.value for one in numbers(f"Son numéro : {gap.join(groups)}.")] == ["".join(groups)]
    key = (int(groups[-1]) - 1 + off) % 97 + 1
    assert kinds(f"Son numéro : {gap.join([*groups[:-1], f'{key:02}'])}.") == []


@given(country=BBANS, seed=st.integers(), gap=GAPS, small=st.booleans())
def test_an_iban_is_found_by_its_check_digits(country: tuple[str, int], seed: int, gap: str, *, small: bool) -> None:
    code, length = country
    bban = "".join(random.Random(seed).choices("0123456789ABCXYZ", k=length))
    check = 98 - int("".join(str(int(char, 36)) for char in f"{bban}{code}00")) % 97
    number = f"{code}{check:02}{bban}"
    assert is_iban(number)
    grouped = gap.join(number[at : at + 4] for at in range(0, len(number), 4))
    text = f"Compte {grouped.lower() if small else grouped} BIC AGRIFRPP882"
    assert [one.value for one in numbers(text) if one.kind is Kind.IBAN] == [number]
    wrong = f"{code}{check % 97 + 2:02}{bban}"
    assert Kind.IBAN not in kinds(f"Compte {wrong} fin")


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    for one in numbers(text):
        assert one.masked.count("•") >= 1
        assert one.value not in repr(one)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Mon NUMEN est 21E2600123ABC.", [Kind.NUMEN]),
        ("21E2600123ABC", [Kind.NUMEN]),
        ("numen 21e2600123abc", [Kind.NUMEN]),
        ("référence 21e2600123abc", []),
        ("INE : 0123456789A", [Kind.INE]),
        ("nom;ine\nKaci;123456789AB\n", [Kind.INE]),
        ("commande 0123456789A", []),
        ("la ligne 0123456789A", []),
        ("185057800608491", [Kind.NIR]),
        ("1 85 05 78 006 084 91", [Kind.NIR]),
        ("2 90 01 2A 004 006 27", []),
        ("x185057800608491", []),
        ("1850578006084910", []),
        ("https://exemple.fr/185057800608491", [Kind.NIR]),
        ("03 00 00 00 00, SIRET 110 043 015 00012, le 24/11/2026", []),
        ("FR76 3000 6000 0112 3456 7890 189", [Kind.IBAN]),
        ("FR76 3000 6000 0112 3456 7890 188", []),
        ("FR76 3000 6000 0112 3456 7890", []),
        ("ZZ76 3000 6000 0112 3456 7890 189", []),
        ("GB82WEST12345698765432", [Kind.IBAN]),
    ],
)
def test_what_is_found_and_what_is_not(text: str, wanted: list[Kind]) -> None:
    assert kinds(text) == wanted


def test_what_is_shown_is_too_little_to_use() -> None:
    assert Finding(Kind.NIR, "185057800608491").masked == "1850•••••••••91"
    assert set(Finding(Kind.PASSWORD, "Academie#2026").masked) == {"•"}
    assert not is_nir("18505780060849A")


def test_a_text_made_to_take_long_is_read_soon() -> None:
    """What looks like a number is computed with so often and no more."""
    assert kinds("FR76 3000 " * 200_000) == []
    assert len(kinds("185057800608491 " * 20_000)) == 5000
