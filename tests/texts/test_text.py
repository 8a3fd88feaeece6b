"""Texts that are made in one place and shown in another."""

import pickle

from mailserver.texts.languages import LANGUAGES, language_code
from mailserver.texts.text import NOTHING, Text, Untranslated, both


def test_values_are_filled_in_and_said_in_the_same_language() -> None:
    assert Text("{name} : {what}", name="{x}", what=Text("Envoyer")).to("fr") == "{x} : Envoyer"
    assert Text("{what}", what=Text("Envoyer")).to("en") == "Send"
    assert both(Text("Envoyer")) == "Envoyer / Send"
    assert pickle.loads(pickle.dumps(Text("Envoyer"))).to("en") == "Send"


def test_what_has_no_language_stays_as_it_is() -> None:
    assert {Untranslated("chmod {0}").to(code) for code in LANGUAGES} == {"chmod {0}"}
    assert NOTHING.to("en") == ""


def test_any_other_language_is_french() -> None:
    assert [language_code(text) for text in ("fr", "en", "", "de")] == ["fr", "en", "fr", "fr"]
