"""Which words of a text are compared with a password: few, those that are named as one first."""

from hypothesis import given
from hypothesis import strategies as st

from mailserver.policy.dlp.passwords import MAX_WORDS, candidates

SECRET = "Craie-Bleue#31"


def found(text: str) -> list[str]:
    return candidates(text)


def test_a_password_is_among_them() -> None:
    for text in (
        f"Mon mot de passe : {SECRET}",
        f"mdp={SECRET}",
        f"Mon mot de passe est « {SECRET} ».",
        f"Mot de passe\n\n{SECRET}",
        f"Tape {SECRET}, puis entre.",
        f"({SECRET})",
        SECRET,
    ):
        assert SECRET in found(text), text
    assert "cheval agrafe pile bleue" in found("Mot de passe : cheval agrafe pile bleue")
    assert "chevalagrafe42" in found("password: chevalagrafe42")


def test_prose_costs_nothing() -> None:
    text = "Bonjour,\n\nLa réunion du 24/11/2026 est en salle B-204 (2e étage).\nJean-Paul, jp@ailleurs.fr, https://A.b/C1?d"
    assert found(text) == []


def test_what_is_named_comes_first() -> None:
    others = " ".join(f"Aa1#{n:06}" for n in range(50))
    words = found(f"{others}\nMot de passe : {SECRET}\n{others}")
    assert words[0] == SECRET
    assert len(words) == MAX_WORDS


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert len(found(text)) <= MAX_WORDS
