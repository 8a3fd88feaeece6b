"""Fields of models: filled in once, bounded, escaped where the text is HTML."""

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.sending.letter_fields import FIELDS, MAX_VALUE, fields, filled

_NAMES = st.sampled_from(FIELDS)
_PLAIN = st.text(st.characters(exclude_characters="{}<>&\"'"), max_size=20)
_TEXTS = st.lists(st.one_of(_PLAIN, _NAMES.map(lambda name: f"{{{name}}}")), max_size=20).map("".join)


def test_fields_are_filled_in_and_others_stay() -> None:
    values = {"prenom": "Rose", "nom": "Petit", "etablissement": ""}
    text = "{prenom} {nom}, {etablissement}, {inconnu}, {date du jour}, {}, {{prenom}}"
    assert filled(text, values) == "Rose Petit, {etablissement}, {inconnu}, {date du jour}, {}, {Rose}"
    assert fields(text) == ["prenom", "nom", "etablissement", "inconnu", "prenom"]


def test_what_a_value_says_is_one_line_and_no_field() -> None:
    hostile = {"prenom": "{nom}\r\nBcc: x@y.fr\x00", "nom": "N" * 5000}
    assert filled("{prenom}|{nom}", hostile) == "{nom} Bcc: x@y.fr|" + "N" * MAX_VALUE


@given(_TEXTS, st.dictionaries(_NAMES, st.text(max_size=2 * MAX_VALUE)))
def test_whatever_the_names_are_they_are_no_markup_and_bounded(text: str, values: dict[str, str]) -> None:
    shown = filled(text, values, escape)
    assert not set("<>\"'") & set(shown)
    assert len(shown) <= len(text) + len(fields(text)) * MAX_VALUE * len("&quot;")
