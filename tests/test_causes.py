"""Reasons are values: each sentence exists in both languages with the same gaps, and survives being kept."""

import pickle
import string

import pytest

from mailserver import causes
from mailserver.causes import Cause
from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.sentences import SENTENCES


def gaps(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_whole_in_both_languages(name: str) -> None:
    said = SENTENCES[name]
    assert gaps(said.french) <= gaps(said.english)
    assert said.french.strip()
    cause = Cause(name, **dict.fromkeys(gaps(said.english), "{0.__class__}"))
    assert cause == cause.to("en")
    again = causes.read(cause.facts)
    assert (again, again.to("fr")) == (cause, cause.to("fr"))
    assert pickle.loads(pickle.dumps(cause)).to("fr") == cause.to("fr")


def test_a_cause_holds_causes_and_names_of_ours() -> None:
    cause = Cause("in-file", file="a.xml", why=Cause("at-line", line=3, why=Cause("no-category")))
    assert str(cause) == "a.xml: line 3: without a category"
    assert causes.read(cause.facts).to("fr") == "a.xml : ligne 3 : sans catégorie"
    left = Cause("fields-changed-since", fields=("surname", "unheard-of"))
    assert causes.read(left.facts).to("fr").endswith("nom, unheard-of")
    assert str(left) == "changed since: surname, unheard-of"


def test_errors_carry_the_cause_they_were_raised_with() -> None:
    for error in (Refused(Reason.INVALID, Cause("not-numen")), BadSyntax(Cause("not-numen"))):
        assert causes.of(error).name == "not-numen"
        assert str(error) == "numen: not the shape of a NUMEN"
    assert causes.of(BadSyntax("else")).facts == {"code": "plain", "values": {"text": "else"}}


def test_values_out_of_files_are_bounded() -> None:
    assert len(Cause("not-identifier", login="x" * 10_000)) < 600
