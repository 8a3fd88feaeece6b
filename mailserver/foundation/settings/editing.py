"""A settings file with one setting written anew or taken out; every other line, comments too, stays as it is."""

import tomllib
from collections.abc import Mapping

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable

from mailserver.foundation.settings import FILE_NAME, SettingsError
from mailserver.texts.text import Text, Untranslated

Section = AbstractTable | OutOfOrderTableProxy


def with_values(text: str, section: str, values: Mapping[str, str]) -> str:
    """A section's values, set. Raises SettingsError."""
    document = _read(text)
    if section not in document:
        document[section] = tomlkit.table()
    found = _section(document, section)
    for name, value in values.items():
        if found.get(name) != value:
            found[name] = value
    return _written(document, section)


def without(text: str, section: str, name: str) -> str:
    """A section without one of its values. Raises SettingsError."""
    document = _read(text)
    if section not in document or name not in _section(document, section):
        return text
    del _section(document, section)[name]
    return _written(document, section)


def has_value(text: str, section: str, name: str) -> bool:
    """Whether a section sets this. Raises SettingsError."""
    document = _read(text)
    return section in document and name in _section(document, section)


def _read(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise SettingsError(Untranslated(f"{FILE_NAME}: {error}")) from None


def _section(document: tomlkit.TOMLDocument, section: str) -> Section:
    found = document[section]
    if not isinstance(found, Section):
        raise _unchangeable(section)
    return found


def _written(document: tomlkit.TOMLDocument, section: str) -> str:
    """The file, which still says what it is meant to: it is read once more by the parser that services read it with.

    A section that only had this one value may be gone.
    """
    text, wanted = tomlkit.dumps(document), document.unwrap()
    try:
        if {section: {}, **tomllib.loads(text)} == {section: {}, **wanted}:
            return text
    except tomllib.TOMLDecodeError:
        pass
    raise _unchangeable(section)


def _unchangeable(section: str) -> SettingsError:
    return SettingsError(
        Text(
            "{file} : [{section}] ne peut pas être changé par un programme ; simplifiez-le",
            file=FILE_NAME,
            section=section,
        )
    )
