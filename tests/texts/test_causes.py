"""Reasons are values: each sentence exists in both languages with the same gaps, and survives being kept."""

import pickle
import string

import pytest

from mailserver import causes
from mailserver.causes import Cause
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.recorded import RECORDED
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


RECORDS = [
    ("import 5 of csv begins: a.csv", "l’import 5 de csv commence : a.csv"),
    ("import 5 is done: 3 created, 1 refused", "l’import 5 est terminé : 3 créés, 1 refusés"),
    ("given_name surname", "prénom, nom"),
    ("liste@academie.example: 2 members added, 0 removed", "liste@academie.example : 2 membres ajoutés, 0 retirés"),
    ("retry 3: all", "relancer 3 : tout"),
    (
        "1 posted: announcement, 1795722182 to 0: Rentrée",
        "1 publiée : annonce, du 1795722182 au 0 : Rentrée",
    ),
    ("pupil -> outside: deny", "élève vers extérieur : interdit"),
    ("The domain a.example does not exist", "le domaine a.example n’existe pas"),
]


@pytest.mark.parametrize(("text", "french"), RECORDS)
def test_what_rows_keep_as_text_is_recognised(text: str, french: str) -> None:
    cause = causes.recognise(text)
    assert cause is not None
    assert cause.to("fr") == french


@pytest.mark.parametrize("text", ["", "550 5.1.1 No such user", "departure of our colleague", "x" * 3000, "2026 {0}"])
def test_what_others_say_stays_as_it_is(text: str) -> None:
    assert causes.recognise(text) is None


@pytest.mark.parametrize("name", [name for name in RECORDED if name != "words"])
def test_every_kept_sentence_is_found_again(name: str) -> None:
    said = RECORDED[name]
    words = {
        "start": "1790000000",
        "end": "1790000100",
        "source": "csv",
        "reason": "absence prévue",
        "files": "a.csv",
    }
    numbers = dict.fromkeys(("run", "count", "added", "gone", "first", "last", "limit", "number"), "12")
    lists = {
        "fields": "surname",
        "counts": "3 created",
        "sender": "pupil",
        "recipient": "staff",
        "verdict": "deny",
        "kind": "closed",
    }
    values = {gap: {**words, **numbers, **lists, "verb": "retry"}.get(gap, "a.example") for gap in gaps(said.english)}
    found = causes.recognise(Cause(name, **values))
    assert found is not None
    assert found.name == name
