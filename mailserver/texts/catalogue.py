"""The catalogue of texts: French message ids, and their English.

It is compiled when the project is built. In a source tree it is compiled when it is first read after a change, and kept
beside its source, as Python keeps its bytecode.
"""

import contextlib
import gettext
import io
import os
import shutil
from functools import cache
from pathlib import Path

from mailserver.texts.languages import ENGLISH, FRENCH, LanguageCode

LOCALES = Path(__file__).parent / "locale"
CONTEXT_END = "\4"
"""What gettext puts between the context of a message and its id."""


def N_(message: str) -> str:
    """Mark a message id that is translated where it is used."""
    return message


def NC_(context: str, message: str) -> str:
    """The same for a message whose English depends on where it stands."""
    return f"{context}{CONTEXT_END}{message}"


def translate(message: str, language: LanguageCode) -> str:
    """A message in a language."""
    return message.rpartition(CONTEXT_END)[2] if language == FRENCH else english().gettext(message)


@cache
def english() -> gettext.NullTranslations:
    """The English texts, read once in a process."""
    return load(ENGLISH)


def load(language: LanguageCode) -> gettext.NullTranslations:
    """Read the texts of a language that has a catalogue."""
    source = LOCALES / language / "LC_MESSAGES" / "messages.po"
    compiled = source.with_suffix(".mo")
    with contextlib.suppress(OSError):
        if compiled.stat().st_mtime >= source.stat().st_mtime:
            return gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    octets = _compile(source, language)
    with contextlib.suppress(OSError):  # an installation that others own
        _keep(compiled, source, octets)
    return gettext.GNUTranslations(io.BytesIO(octets))


def _compile(source: Path, language: LanguageCode) -> bytes:
    from babel.messages.mofile import write_mo  # only a source tree needs it, and it takes long to import
    from babel.messages.pofile import read_po

    made = io.BytesIO()
    with source.open("rb") as file:
        write_mo(made, read_po(file, locale=language))
    return made.getvalue()


def _keep(compiled: Path, source: Path, octets: bytes) -> None:
    """At once, for processes that start together."""
    part = compiled.with_name(f"{compiled.name}.{os.getpid()}")
    try:
        part.write_bytes(octets)
        shutil.copymode(source, part)
        part.replace(compiled)
    finally:
        part.unlink(missing_ok=True)
