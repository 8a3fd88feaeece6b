"""How identifiers and addresses follow from names, and what those of the State look like."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.issuing import identifiers
from mailserver.model.errors import Reason, Refused


@pytest.mark.parametrize(
    ("given_name", "surname", "login", "local"),
    [
        ("Émilie", "Dupont", "edupont", "emilie.dupont"),
        ("Marc", "Le Dupond", "mle-dupond", "marc.le-dupond"),
        ("Jean-Pierre", "de La Tour", "jde-la-tour", "jean-pierre.de-la-tour"),
        ("Françoise", "D’Œuvre", "fdoeuvre", "francoise.doeuvre"),
        ("Loïc", "L'Hôte", "llhote", "loic.lhote"),
        ("Ægir", "Straße", "astrasse", "aegir.strasse"),
        ("Łukasz", "Đurić", "lduric", "lukasz.duric"),
        ("Øyvind", "Sørensen", "osorensen", "oyvind.sorensen"),
        ("ZOÉ", "ÇELİK", "zcelik", "zoe.celik"),
        ("Anne", "Dupont--Durand ", "adupont-durand", "anne.dupont-durand"),
        ("Anne", "St. Martin", "ast-martin", "anne.st-martin"),
        ("", "Administration", "administration", "administration"),
        ("Administration", "", "administration", "administration"),
        ("Wang", "王", "wang", "wang"),
        ("É", "N'Guyễn", "enguyen", "e.nguyen"),
    ],
)
def test_the_rules(given_name: str, surname: str, login: str, local: str) -> None:
    assert identifiers.identifier(given_name, surname) == login
    assert identifiers.local_part(given_name, surname) == local


def test_a_name_we_cannot_write_needs_an_identifier() -> None:
    with pytest.raises(Refused) as refused:
        identifiers.identifier("王", "伟")
    assert refused.value.reason is Reason.INVALID


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_issued_is_ascii_bounded_and_an_identifier(given_name: str, surname: str) -> None:
    local = identifiers.local_part(given_name, surname)
    assert len(local) <= 61
    if local:
        login = identifiers.identifier(given_name, surname)
        assert len(login) <= 31
        assert identifiers.is_login(login)
        assert identifiers.is_login(local)


@pytest.mark.parametrize("uai", ["9720963P", "0370884K", "0451526P", "0751717J", "0690078K", "0210006T"])
def test_uai_check_letters(uai: str) -> None:
    assert identifiers.is_uai(uai)
    assert identifiers.uai_letter(uai[:7]) == uai[7]


@pytest.mark.parametrize("uai", ["", "0210006", "0210006t", "0210006TT", "٠٢١٠٠٠٦T", "0450000AA"])
def test_what_is_no_uai(uai: str) -> None:
    assert not identifiers.is_uai(uai)


def test_shapes_of_numen_and_ine() -> None:
    assert identifiers.is_numen("21E2600123ABC")
    assert not any(map(identifiers.is_numen, ("21E2600123AB", "21e2600123abc", "21E260012٣ABC", "21E2600123ABCD")))
    assert all(map(identifiers.is_ine, ("1234567890A", "123456789AB")))
    assert not any(map(identifiers.is_ine, ("12345678901", "12345678ABC", "1234567890a", "1234567890AB")))
