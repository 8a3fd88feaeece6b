"""The academy's password rules."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.identity import Principal, Role, State
from mailserver.login import words
from mailserver.login.policy import LONGEST, Weakness, weaknesses
from mailserver.proofs import Proofs
from mailserver.sasl import Secret
from mailserver.store.accounts import Marks

PROOFS = Proofs(b"k" * 32)
MARKS = Marks(
    numen=PROOFS.numen("21E2600123ABC"), ine=PROOFS.ine("1234567890A"), birth_date=PROOFS.birth_date("1985-07-14")
)
PERSON = Principal(
    account_id=1,
    login="mle-dupond",
    address="marc.le-dupond@ac-exemple.fr",
    aliases=(),
    given_name="Marc",
    surname="Le Dupond",
    role=Role.TEACHER,
    state=State.PENDING,
    uai="0210006T",
)


def found(password: str) -> set[Weakness]:
    return set(weaknesses(Secret(password), PERSON, MARKS, PROOFS))


@pytest.mark.parametrize(
    "password",
    ["kT9#vbRe!mq", "xQ7_pZ2-wV", "Hr4 gbz%WnK", "ÉkT9#vbR", "bR7!tgV2#kwnX9$zLq4&pHs8"],
)
def test_good_passwords(password: str) -> None:
    assert found(password) == set()


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("kT9#vbR", Weakness.TOO_SHORT),
        ("", Weakness.TOO_SHORT),
        ("kT9#vbRe" * 17, Weakness.TOO_LONG),
        ("KT9#VBRE!MQ", Weakness.NO_LOWER),
        ("kt9#vbre!mq", Weakness.NO_UPPER),
        ("kTx#vbRe!mq", Weakness.NO_DIGIT),
        ("kT9xvbRexmq", Weakness.NO_SPECIAL),
        ("Maison#2026", Weakness.WORD),
        ("Soleil2024!", Weakness.WORD),
        ("P@ssw0rd1!", Weakness.WORD),
        ("Pa$$w0rd#1", Weakness.WORD),
        ("Azerty123!", Weakness.WORD),
        ("S0leil#12", Weakness.WORD),
        ("Été#maison1", Weakness.WORD),
        ("Élèves#12a", Weakness.WORD),
        ("house!42Xy", Weakness.WORD),
        ("1#Dragon99", Weakness.WORD),
        ("kT9#Dup0nd", Weakness.OWN),
        ("marc#K9zqT", Weakness.OWN),
        ("m.a.r.c#K9zqT", Weakness.OWN),
        ("Mle-Dup0nd#9", Weakness.OWN),
        ("zQ#0210006T", Weakness.OWN),
        ("zQ#14071985", Weakness.OWN),
        ("zQ#14/07/85", Weakness.OWN),
        ("zQ#19850714", Weakness.OWN),
        ("zQk1985#wx", Weakness.OWN),
        ("#21e2600123ABC", Weakness.OWN),
    ],
)
def test_weak_passwords(password: str, weakness: Weakness) -> None:
    assert weakness in found(password)


def test_a_word_lost_in_a_long_password_is_not_what_it_is_built_on() -> None:
    assert found("kT9#vbRe!mq-soir-W4z&Hn7") == set()


def test_dictionaries_are_french_and_english() -> None:
    dictionary = words.dictionary()
    assert {"maison", "eleves", "house", "garden", "azerty", "soleil"} <= dictionary
    assert len(dictionary) > 200_000
    assert all(len(word) >= words.SHORTEST for word in dictionary)


def test_work_is_bounded() -> None:
    """The longest password, all digits: every date reading and every substring."""
    words.dictionary()
    began = time.perf_counter()
    found("19" * (LONGEST // 2))
    found("a" * LONGEST)
    found("9" * 100_000)
    assert time.perf_counter() - began < 1.0


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=LONGEST + 5))
def test_any_text_is_judged(password: str) -> None:
    found(password)
