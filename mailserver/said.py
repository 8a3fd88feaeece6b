"""Texts of ours that are made below the doors, in both languages."""

from typing import NamedTuple


class Said(NamedTuple):
    """The same in both languages."""

    french: str
    english: str

    def to(self, language: str) -> str:
        """In the language of this code, French first."""
        return self.english if language == "en" else self.french
