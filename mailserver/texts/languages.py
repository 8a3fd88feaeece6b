"""The languages that people are spoken to in."""

from typing import Final, Literal

LanguageCode = Literal["fr", "en"]

FRENCH: Final = "fr"
ENGLISH: Final = "en"
LANGUAGES: Final[tuple[LanguageCode, ...]] = (FRENCH, ENGLISH)
"""French first: it is what is written where nothing says which."""
