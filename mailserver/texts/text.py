"""A text that is made where something is decided, and shown elsewhere, in a language that is known only there."""

import unicodedata
from collections.abc import Mapping

from mailserver.texts.catalogue import translate
from mailserver.texts.languages import ENGLISH, FRENCH, LanguageCode


class Translated:
    """What can be said in both languages."""

    __slots__ = ()

    def to(self, language: LanguageCode) -> str:
        """In the language of this code."""
        raise NotImplementedError


class Text(Translated):
    """A French message id of the catalogue, and what is filled into it: `Text("{count} messages", count=3)`.

    A value is a number, a text that has no language, or one that has: it is shown in the same.
    """

    __slots__ = ("message", "values")

    def __init__(self, message: str, /, **values: object) -> None:
        self.message = message
        self.values = values

    def __repr__(self) -> str:
        return f"Text({self.message!r}, {self.values!r})"

    def to(self, language: LanguageCode) -> str:
        """In the language of this code."""
        return fill(self.message, self.values, language)


class Untranslated(Text):
    """What has no language of its own: a command, a name, an error of the system."""

    __slots__ = ()

    def to(self, language: LanguageCode) -> str:
        return self.message


class Several(Text):
    """Texts one after the other."""

    __slots__ = ("texts",)

    def __init__(self, *texts: Translated) -> None:
        super().__init__("")
        self.texts = texts

    def to(self, language: LanguageCode) -> str:
        return "".join(text.to(language) for text in self.texts)


NOTHING = Untranslated("")


def fill(message: str, values: Mapping[str, object], language: LanguageCode) -> str:
    """A message in a language, with its values."""
    text = translate(message, language)
    return text.format_map({name: shown(value, language) for name, value in values.items()}) if values else text


def shown(value: object, language: LanguageCode) -> object:
    """A value as it is filled in."""
    return value.to(language) if isinstance(value, Translated) else value


def both(text: Translated, between: str = " / ") -> str:
    """In both languages, French first: for whom no language is known."""
    return text.to(FRENCH) + between + text.to(ENGLISH)


def spoken(text: Translated, language: LanguageCode | None, between: str = " / ") -> str:
    """In a reader's language, in both where it is not known."""
    return text.to(language) if language else both(text, between)


def both_in_ascii(text: Translated) -> str:
    """The same where nothing else may stand: replies of SMTP and response texts of IMAP (RFC 5321 section 4.2, RFC 3501
    section 9). Accents go: a telephone number in it matters more than they do."""
    plain = both(text).replace("’", "'").replace(" : ", ": ")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode("ascii")
