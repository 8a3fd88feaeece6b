"""Texts that are made in one place and shown in another."""

import pickle

from mailserver.texts.catalogue import NC_
from mailserver.texts.languages import LANGUAGES
from mailserver.texts.text import NOTHING, Text, Untranslated, both, both_in_ascii


def test_values_are_filled_in_and_said_in_the_same_language() -> None:
    assert Text("{name} : {what}", name="{x}", what=Text("Envoyer")).to("fr") == "{x} : Envoyer"
    assert Text("{what}", what=Text("Envoyer")).to("en") == "Send"
    assert both(Text("Envoyer")) == "Envoyer / Send"
    assert pickle.loads(pickle.dumps(Text("Envoyer"))).to("en") == "Send"


def test_a_line_of_ascii_keeps_its_numbers() -> None:
    text = Text("{who} : été, « l’été »", who=Untranslated("03 80"))
    assert both_in_ascii(text) == "03 80: ete,  l'ete  / 03 80: ete,  l'ete "


def test_what_has_no_language_stays_as_it_is() -> None:
    assert {Untranslated("chmod {0}").to(code) for code in LANGUAGES} == {"chmod {0}"}
    assert NOTHING.to("en") == ""


def test_a_text_has_another_english_in_another_context() -> None:
    text = Text(NC_("report", "Message en attente"))
    assert (text.to("fr"), text.to("en")) == ("Message en attente", "Delayed message")
    assert Text("Message en attente").to("en") == "Message waiting"
