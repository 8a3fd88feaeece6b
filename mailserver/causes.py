"""Why something was refused, passed over or left: a sentence by its name, and what is filled into it.

A cause is made where something is decided; whoever shows it says it in the reader's language. Answers of remote
servers and errors of the system have none of ours: they stay as they are.
"""

import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Self

from mailserver.recorded import RECORDED
from mailserver.sentences import NAMES, SENTENCES

MAX_VALUE = 500
"""Characters of a value that a cause keeps: some come out of hostile files."""


class Cause(str):
    """A sentence of `sentences.SENTENCES`, filled in. As a text it is English: logs, command line, protocols.

    A value is a text, a number, another cause, or a tuple of names that `sentences.NAMES` knows.
    """

    __slots__ = ("name", "values")

    name: str
    values: Mapping[str, Any]

    def __new__(cls, name: str, /, **values: Any) -> Self:
        """Raises KeyError for a sentence that nobody has written, or a value that it wants and does not get."""
        short = {key: value[:MAX_VALUE] if type(value) is str else value for key, value in values.items()}
        made = super().__new__(cls, _filled(name, short, "en"))
        made.name = name
        made.values = short
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.name, dict(self.values))

    def to(self, language: str) -> str:
        """In the language of this code."""
        return _filled(self.name, self.values, language)

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "code": self.name,
            "values": {
                key: value.facts if isinstance(value, Cause) else list(value) if isinstance(value, tuple) else value
                for key, value in self.values.items()
            },
        }


def plain(text: str) -> Cause:
    """A text that is no sentence of ours, or one already."""
    return text if isinstance(text, Cause) else Cause("plain", text=text)


def of(error: Exception) -> Cause:
    """What an error says: the cause it was raised with, or its text."""
    return plain(error.args[0] if error.args and isinstance(error.args[0], str) else str(error))


def read(facts: Mapping[str, Any]) -> Cause:
    """A cause as `facts` has kept it. Raises KeyError when it is none, or of another version."""
    return Cause(str(facts["code"]), **{str(key): _kept(value) for key, value in facts["values"].items()})


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return read(value)
    return tuple(map(str, value)) if isinstance(value, list) else value


def _made_again(name: str, values: dict[str, Any]) -> Cause:
    return Cause(name, **values)


def _filled(name: str, values: Mapping[str, Any], language: str) -> str:
    told = {key: _told(value, language) for key, value in values.items()}
    return SENTENCES[name].to(language).format_map(told)


def _told(value: Any, language: str) -> Any:
    if isinstance(value, Cause):
        return value.to(language)
    if isinstance(value, tuple):
        return ", ".join(_named(one, language) for one in value)
    return value


def _named(word: str, language: str) -> str:
    """A name of ours, or a number of what has one: `12 created`."""
    count, _, rest = word.rpartition(" ")
    if rest in NAMES and (not count or count.isdecimal()):
        return f"{count} {NAMES[rest].to(language)}".strip()
    return word


# ---------------------------------------------------------------------- kept as text


_GAPS = {
    **dict.fromkeys(("start", "end"), r"0|\d{9,11}|\d{4}-\d\d-\d\d|released"),
    **dict.fromkeys(("run", "count", "added", "gone", "first", "last", "limit", "number"), r"\d+"),
    **dict.fromkeys(("sender", "recipient", "verdict", "verb", "domain", "error", "address", "kind"), r"\S+"),
}
_LISTS = frozenset(("fields", "counts", "sender", "recipient", "verdict", "verb", "kind"))
"""Gaps that names of ours fill."""
MAX_RECOGNISED = 2000
"""Characters: a longer text is a stranger's."""


def recognise(text: str) -> Cause | None:
    """The sentence that a row keeps as text (`recorded`); None: it is none of ours."""
    if not text or len(text) > MAX_RECOGNISED:
        return None
    if all(word in NAMES for word in text.replace(",", " ").split()):
        return Cause("words", fields=tuple(text.replace(",", " ").split()))
    for name, pattern in _patterns():
        if (found := pattern.fullmatch(text)) is not None:
            values = found.groupdict()
            lists = {key: tuple(values[key].split(", ")) for key in _LISTS & values.keys()}
            if all(_is_named(one) for key in lists for one in lists[key]):
                return Cause(name, **values | lists)
    return None


def _is_named(word: str) -> bool:
    count, _, rest = word.rpartition(" ")
    return word in NAMES or (rest in NAMES and count.isdecimal())


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those that say most first, by the length of what is not a gap."""
    plain = sorted(RECORDED, key=lambda name: -len(re.sub(r"\{\w+\}", "", RECORDED[name].english)))
    return tuple(
        (name, re.compile("".join(_pieces(RECORDED[name].english)), re.S)) for name in plain if name != "words"
    )


def _pieces(template: str) -> Iterator[str]:
    for text, gap, _, _ in string.Formatter().parse(template):
        yield re.escape(text)
        if gap:
            yield f"(?P<{gap}>{_GAPS.get(gap, '.+')})"
