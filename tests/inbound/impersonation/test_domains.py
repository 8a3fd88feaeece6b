"""Which domain could be read as which; and how many of other people's are taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.inbound.impersonation import domains

OURS = ("ac-exemple.fr",)


@pytest.mark.parametrize(
    ("host", "imitated"),
    [
        ("ac-exemple.fr", ""),
        ("AC-Exemple.fr.", ""),
        ("mail.ac-exemple.fr", ""),
        ("ac-exernple.fr", "ac-exemple.fr"),
        ("ac-exemp1e.fr", "ac-exemple.fr"),
        ("ac-exemples.fr", "ac-exemple.fr"),
        ("ac-exmeple.fr", "ac-exemple.fr"),
        ("ac-exampel.fr", "ac-exemple.fr"),
        ("acexemple.fr", "ac-exemple.fr"),
        ("ac-exemple.fr.evil.test", "ac-exemple.fr"),
        ("ac-exemple-fr.evil.test", "ac-exemple.fr"),
        ("ac-exemple-fr.com", "ac-exemple.fr"),
        ("ac-exemple.com", "ac-exemple.fr"),
        ("webmail-ac-exemple.test", "ac-exemple.fr"),
        ("ac-exemple.evil.test", "ac-exemple.fr"),
        ("xn--c-exemple-zyh.fr", "ac-exemple.fr"),
        ("аc-exemple.fr", "ac-exemple.fr"),
        ("ac-ехеmрlе.fr", "ac-exemple.fr"),
        ("ac-𝐞xemple.fr", "ac-exemple.fr"),
        ("ac‐exemple.fr", "ac-exemple.fr"),
        ("ac-èxémplë.fr", "ac-exemple.fr"),
        ("ac-dijon.fr", ""),
        ("ac-lille.fr", ""),
        ("ac-nice.fr", ""),
        ("ac-deco.fr", ""),
        ("ac-versaille.fr", "ac-versailles.fr"),
        ("ac-lyon.com", "ac-lyon.fr"),
        ("exemple.org", ""),
        ("education.gouv.fr", ""),
        ("educaton.gouv.fr", "education.gouv.fr"),
        ("education.gov.fr", "education.gouv.fr"),
        ("education-gouv.fr", "education.gouv.fr"),
        ("amendes-gouv.fr", "gouv.fr"),
        ("legifrance.gouv.fr", ""),
        ("education.fr", ""),
        ("amelie.fr", ""),
        ("ameli.fr.evil.test", "ameli.fr"),
        ("google.com", ""),
        ("xn--", ""),
        (".", ""),
        ("", ""),
    ],
)
def test_lookalikes(host: str, imitated: str) -> None:
    assert domains.imitates(host, OURS) == imitated


@pytest.mark.parametrize(
    ("host", "borrows"),
    [
        ("раураl.test", True),
        ("аррӏе.com", True),
        ("xn--80ak6aa92e.com", True),
        ("école.fr", False),
        ("почта.рф", False),
        ("xn--cole-9oa.fr", False),
        ("exemple.fr", False),
    ],
)
def test_letters_of_other_alphabets(host: str, borrows: bool) -> None:
    assert domains.borrows_alphabets(host) is borrows


def test_our_name_in_somebody_s_address() -> None:
    assert domains.names_house("assistance.ac-exemple", OURS) == "ac-exemple.fr"
    assert domains.names_house("ac-exemple+x", OURS) == "ac-exemple.fr"
    assert domains.names_house("jean.exemple", OURS) == ""


def test_one_letter_off() -> None:
    assert domains.is_near("marie", "maire")
    assert not domains.is_near("marie", "marie")
    assert not domains.is_near("marie", "jean")


@given(st.text(max_size=300), st.sampled_from([OURS, (), ("fr",), ("a.b",)]))
@example("xn--" + "9" * 60, OURS)
def test_any_host_is_judged(host: str, ours: tuple[str, ...]) -> None:
    found = domains.imitates(host, ours)
    assert found in ("", *ours, *domains.OFFICIAL, *domains.ACADEMIES, domains.GOVERNMENT)
    domains.borrows_alphabets(host)
    domains.names_house(host, ours)


@given(st.sampled_from(domains.ACADEMIES), st.sampled_from(["", "mail.", "webmail."]))
def test_other_academies_are_themselves(domain: str, before: str) -> None:
    assert domains.imitates(before + domain, OURS) == ""
