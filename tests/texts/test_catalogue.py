"""English is complete and holds nothing old, wherever the French stands; it is compiled where it has to be."""

import io
import os
import re
import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from mailserver.texts import catalogue
from mailserver.texts.catalogue import LOCALES, translate
from tests.texts.extraction import Forms, everything, in_context

SOURCE = LOCALES / "en" / "LC_MESSAGES" / "messages.po"


def test_english_is_complete_and_has_nothing_old() -> None:
    with SOURCE.open("rb") as file:
        messages = read_po(file)
    translated: dict[str, Forms] = {}
    for message in messages:
        if message.id:
            forms = tuple(map(str, message.id if isinstance(message.id, tuple) else (message.id,)))
            strings = [str(one) for one in (message.string if isinstance(message.string, tuple) else (message.string,))]
            assert "fuzzy" not in message.flags, forms
            assert len(strings) == len(forms), forms
            assert all(strings), forms
            for form, english in zip(forms, strings, strict=True):
                places = re.compile(r"%\(\w+\)s")
                missing = set(places.findall(form)) ^ set(places.findall(english))
                assert missing <= {"%(n)s"}, forms
                assert gaps(english) <= gaps(form), forms
            forms = in_context(message.context, forms)
            translated[forms[0]] = forms
    wanted = everything()
    assert wanted.keys() - translated.keys() == set(), "these have no English"
    assert translated.keys() - wanted.keys() == set(), "these are of texts that are gone"
    assert translated == wanted


def test_it_is_written_as_make_texts_writes_it() -> None:
    """Else whoever adds one text by `make texts` changes ten thousand lines."""
    with SOURCE.open("rb") as file:
        messages = read_po(file, locale="en")
    written = io.BytesIO()
    write_po(written, messages, width=0, sort_output=True, ignore_obsolete=True, no_location=True)
    assert written.getvalue() == SOURCE.read_bytes(), "run `make texts`"


def gaps(text: str) -> set[str]:
    """The names in braces; a text for pages has braces for themselves."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}
    except ValueError:
        return set()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one text, not compiled."""
    folder = tmp_path / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    write(folder / "messages.po", "Send")
    monkeypatch.setattr(catalogue, "LOCALES", tmp_path)
    return folder / "messages.po"


def write(source: Path, english: str) -> None:
    source.write_text(
        f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Envoyer"\nmsgstr "{english}"\n'
    )


def test_a_source_tree_compiles_what_has_changed(elsewhere: Path) -> None:
    assert catalogue.load("en").gettext("Envoyer") == "Send"
    compiled = elsewhere.with_suffix(".mo")
    assert [path.name for path in elsewhere.parent.glob("*.mo*")] == [compiled.name]
    kept = compiled.read_bytes()
    assert catalogue.load("en").gettext("Envoyer") == "Send"
    assert compiled.read_bytes() == kept
    write(elsewhere, "Send it")
    os.utime(compiled, (1, 1))
    assert catalogue.load("en").gettext("Envoyer") == "Send it"
    assert catalogue.load("en").gettext("inconnu") == "inconnu"


def test_a_folder_that_cannot_be_written_stops_nothing(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_keep", refused)
    assert catalogue.load("en").gettext("Envoyer") == "Send"
    assert not elsewhere.with_suffix(".mo").exists()


def refused(*_: object) -> None:
    raise PermissionError


def test_french_is_the_source() -> None:
    assert translate("Envoyer", "fr") == "Envoyer"
    assert translate("Envoyer", "en") == "Send"
