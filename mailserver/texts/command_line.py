"""Texts of the command line, in the language of whoever types: that of the locale, English where it is not French."""

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from mailserver.texts.languages import ENGLISH, FRENCH, LanguageCode
from mailserver.texts.text import Text, Translated


def language_of(environment: Mapping[str, str], encoding: str) -> LanguageCode:
    """The language of a locale (POSIX, XBD section 8.2); French needs an output that takes its letters."""
    names = (environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    spoken = next((name for name in names if name), "")
    return FRENCH if re.split("[_.@]", spoken)[0] == FRENCH and encoding.lower().startswith("utf") else ENGLISH


LANGUAGE: Final = language_of(os.environ, getattr(sys.stdout, "encoding", None) or "")


def _(message: str, /, **values: object) -> str:
    """A message of the command line, its values filled in."""
    return Text(message, **values).to(LANGUAGE)


def of_error(error: Exception) -> str:
    """What an error says."""
    text = error.args[0] if error.args else ""
    return text.to(LANGUAGE) if isinstance(text, Translated) else str(error)
