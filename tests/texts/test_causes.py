"""Reasons are values: each sentence exists in both languages with the same gaps, and survives being kept."""

import ast
import pickle
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.texts import causes
from mailserver.texts.catalogue import translate
from mailserver.texts.causes import Cause, plain
from mailserver.texts.languages import LANGUAGES
from mailserver.texts.sentences import SENTENCES


def gaps(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_whole_in_both_languages(name: str) -> None:
    french, english = (translate(SENTENCES[name], language) for language in LANGUAGES)
    assert gaps(french) <= gaps(english)
    assert french.strip()
    cause = Cause(name, **dict.fromkeys(gaps(english), "{0.__class__}"))
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


def test_a_cause_holds_causes_in_a_list() -> None:
    asked = (Cause("looked-for-sender", sender="a@ex.fr"), Cause("looked-for-name", name="AB"))
    cause = Cause("looked-for", asked=asked)
    assert str(cause) == "from a@ex.fr, id AB"
    assert causes.read(cause.facts).to("fr") == "de a@ex.fr, identifiant AB"


def test_times_are_written_by_whoever_shows_them() -> None:
    cause = Cause("planned", end=1790000000, reason=plain("essai"))
    assert str(cause) == "2026-09-21T14:13:20+00:00 essai"
    assert cause.to("fr", lambda seconds: f"le {seconds}") == "le 1790000000 : essai"
    assert str(Cause("planned", end=0, reason="")) == "- "


# ---------------------------------------------------------------------- kept in rows


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_read_again_from_its_row(name: str) -> None:
    cause = Cause(name, **dict.fromkeys(gaps(translate(SENTENCES[name], "en")), ("pupil", "3 created")))
    again = causes.of_row(cause.name, causes.parameters(cause))
    assert (again.name, dict(again.values), again.to("fr")) == (name, dict(cause.values), cause.to("fr"))


@pytest.mark.parametrize("value", ["x" * 10_000, '"' * 10_000, "\0é\n" * 10_000, ("word " * 50,) * 5000])
def test_what_a_row_keeps_is_bounded(value: object) -> None:
    cause = Cause("in-file", file=value, why=Cause("at-line", line=3, why=Cause("cells", cells=value, columns=value)))
    kept = causes.parameters(cause)
    assert len(kept) <= causes.MAX_PARAMETERS
    assert causes.of_row(cause.name, kept).name == "in-file"


def test_what_other_servers_say_is_one_printable_line() -> None:
    said = Cause("attempt-at", server="mx\r.example", status="4.0.0", said=plain("450\r\nX\x1b[0m"))
    line = causes.in_one_line(said)
    assert (line.name, str(line)) == ("attempt-at", "mx .example: 4.0.0 450  X [0m")
    assert causes.parameters(line, 2) == '{"server":"mx","status":"4.","said":{"code":"plain","values":{"text":"45"}}}'


@pytest.mark.parametrize(
    ("name", "kept"),
    [("of-tomorrow", "{}"), ("device", "{}"), ("device", "[1]"), ("device", "{"), ("device", ""), ("words", "null")],
)
def test_a_row_of_another_version_is_shown_as_it_stands(name: str, kept: str) -> None:
    assert str(causes.of_row(name, kept)) == f"{name} {kept}"


SOURCE = Path(causes.__file__).parents[2]
BESIDE = {"mailbox-rights": {"number", "before"}}
"""What a row keeps and does not say: by what a place is found that has another name since, and what was there."""


def named_in_source() -> Iterator[tuple[str, ast.Call]]:
    for package in ("mailserver", "directory", "smtp", "imap", "calendar", "webui"):
        for path in (SOURCE / package).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if "Cause" in text else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
                    first = node.args[0] if node.args else None
                    for given in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                        if isinstance(given, ast.Constant) and isinstance(given.value, str):
                            yield f"{path.relative_to(SOURCE)}:{node.lineno} {given.value}", node


def test_every_code_that_the_source_gives_has_its_sentence_and_what_it_is_filled_with() -> None:
    found = list(named_in_source())
    assert len(found) > 100
    for place, node in found:
        name = place.rpartition(" ")[2]
        said = SENTENCES.get(name)
        assert said is not None, place
        given = {keyword.arg for keyword in node.keywords} - BESIDE.get(name, set())
        assert None in given or gaps(translate(said, "en")) == given, place


@pytest.mark.parametrize(
    ("cause", "french", "english"),
    [
        (Cause("list-members", address="l", added=1, gone=0), "l : 1 membre ajouté, 0 retiré", "1 member added, 0"),
        (Cause("list-members", address="l", added=2, gone=2), "l : 2 membres ajoutés, 2 retirés", "2 members added"),
        (Cause("list-members", address="l", added=0, gone=1), "l : 0 membre ajouté, 1 retiré", "0 members added, 1"),
        (
            Cause("secured", sessions=1, devices=0, count=3),
            "1 session fermée, 0 mot de passe d’application révoqué, 3 envois retenus",
            "1 session closed, 0 app passwords revoked, 3 deliveries held",
        ),
        (Cause("recalled", name="N", count="1"), "N rappelé par son auteur : 1 exemplaire non lu", ": 1 unread copy"),
        (
            Cause("import-done", run=7, counts=("1 created", "1 refused", "3 changed", "1 stands")),
            "l’import 7 est terminé : 1 créé, 1 refusé, 3 modifiés, 1 en vigueur",
            "import 7 is done: 1 created, 1 refused",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
def test_what_is_counted_is_one_or_several(cause: Cause, french: str, english: str) -> None:
    """Also what a row says whose numbers were kept as texts."""
    assert cause.to("fr").endswith(french)
    assert english in str(cause)
    assert causes.of_row(cause.name, causes.parameters(cause)).to("fr") == cause.to("fr")
