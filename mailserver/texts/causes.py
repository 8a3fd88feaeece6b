"""Why something was refused, passed over or left: a sentence by its name, and what is filled into it.

A cause is made where something is decided; whoever shows it says it in the reader's language. Answers of remote
servers and errors of the system have none of ours: they stay as they are.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from mailserver.texts.catalogue import translate
from mailserver.texts.languages import ENGLISH, FRENCH, LanguageCode
from mailserver.texts.names import NAMES, ONES
from mailserver.texts.sentences import SENTENCES
from mailserver.texts.text import Translated

MAX_VALUE = 500
"""Characters of a value that a cause keeps: some come out of hostile files."""
MAX_PARAMETERS = 2000
"""Characters of JSON that a row keeps of a cause's values."""
MOMENTS = frozenset(("start", "end"))
"""Values that are seconds."""
UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a damaged row, or one of another version, may raise."""


def utc(seconds: int) -> str:
    """A moment as logs and the command line write it; none is a dash."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else "-"


class Cause(str, Translated):
    """A sentence of `sentences.SENTENCES`, filled in. As a text it is English: logs, command line, protocols.

    A value is a text, a number, another cause, or a tuple of causes and of names that `names.NAMES` knows.
    """

    __slots__ = ("name", "values")

    name: str
    values: Mapping[str, Any]

    def __new__(cls, name: str, /, **values: Any) -> Self:
        """Raises KeyError for a sentence that nobody has written, or a value that it wants and does not get."""
        short = {key: value[:MAX_VALUE] if type(value) is str else value for key, value in values.items()}
        made = super().__new__(cls, _filled(name, short, ENGLISH, utc))
        made.name = name
        made.values = short
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.name, dict(self.values))

    def to(self, language: LanguageCode, moment: Callable[[int], str] = utc) -> str:
        """In the language of this code; `moment` writes the seconds of MOMENTS."""
        return _filled(self.name, self.values, language, moment)

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"code": self.name, "values": {key: _fact(value) for key, value in self.values.items()}}


def plain(text: str) -> Cause:
    """A text that is no sentence of ours, or one already."""
    return text if isinstance(text, Cause) else Cause("plain", text=text)


def whole(text: str) -> Cause:
    """A text of an operator, which a row keeps as long as its door let it be. Raises TypeError when it is none."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} is no text")
    made = str.__new__(Cause, text)
    made.name, made.values = NOTHING.name, {"text": text}
    return made


def of(error: Exception) -> Cause:
    """What an error says: the cause it was raised with, or its text."""
    return plain(error.args[0] if error.args and isinstance(error.args[0], str) else str(error))


def read(facts: Mapping[str, Any]) -> Cause:
    """A cause as `facts` has kept it. Raises KeyError when it is none, or of another version."""
    return Cause(str(facts["code"]), **{str(key): _kept(value) for key, value in facts["values"].items()})


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return read(value)
    return tuple(map(_kept, value)) if isinstance(value, list) else value


def _fact(value: Any) -> Any:
    if isinstance(value, Cause):
        return value.facts
    return list(map(_fact, value)) if isinstance(value, tuple) else value


def _made_again(name: str, values: dict[str, Any]) -> Cause:
    return Cause(name, **values)


class _Counted:
    """A value in a sentence; `{count:membre|membres}` puts the noun behind a number, as the language has it."""

    __slots__ = ("_ones", "_value")

    def __init__(self, value: Any, language: LanguageCode) -> None:
        self._value = value
        self._ones = ("0", "1") if language == FRENCH else ("1",)

    def __repr__(self) -> str:
        return repr(self._value)

    def __format__(self, nouns: str) -> str:
        one, has_two, many = nouns.partition("|")
        if not has_two:
            return format(self._value, nouns)
        text = str(self._value)
        return f"{text} {one if text in self._ones else many}"


def _filled(name: str, values: Mapping[str, Any], language: LanguageCode, moment: Callable[[int], str]) -> str:
    told = {
        key: moment(value)
        if key in MOMENTS and isinstance(value, int)
        else _Counted(_told(value, language, moment), language)
        for key, value in values.items()
    }
    return translate(SENTENCES[name], language).format_map(told)


def _told(value: Any, language: LanguageCode, moment: Callable[[int], str]) -> Any:
    if isinstance(value, Cause):
        return value.to(language, moment)
    if isinstance(value, tuple):
        return ", ".join(
            one.to(language, moment) if isinstance(one, Cause) else _named(str(one), language) for one in value
        )
    return value


def _named(word: str, language: LanguageCode) -> str:
    """A name of ours, or a number of what has one: `12 created`."""
    count, _, rest = word.rpartition(" ")
    if language == FRENCH and rest in NAMES and (not count or count.isdecimal()):
        said = ONES.get(rest, NAMES[rest]) if count == "1" else NAMES[rest]
        return f"{count} {said}".strip()
    return word


NOTHING = plain("")
"""Nothing to say."""


# ---------------------------------------------------------------------- kept in rows


def parameters(cause: Cause, most: int = MAX_VALUE) -> str:
    """The values of a cause as rows keep them beside its name: JSON of at most MAX_PARAMETERS characters.

    `most`: characters of each value.
    """
    text = _dumped(cause.values, most)
    while len(text) > MAX_PARAMETERS and most:
        most //= 2
        text = _dumped(cause.values, most)
    return text


def in_one_line(cause: Cause) -> Cause:
    """The same in printable characters: answers of other servers are not to be trusted."""
    if all(map(_is_clean, cause.values.values())):
        return cause
    return read(_cut(cause.facts, MAX_VALUE, _printable))


def _is_clean(value: Any) -> bool:
    """Nothing of it would be cut or written otherwise."""
    if isinstance(value, Cause):
        return all(map(_is_clean, value.values.values()))
    if isinstance(value, str):
        return len(value) <= MAX_VALUE and value.isprintable()
    return isinstance(value, int | float)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def of_row(name: str, kept: str) -> Cause:
    """The cause that a row keeps; one of a later version, or damaged, is shown as it stands there."""
    try:
        return read({"code": name, "values": json.loads(kept)})
    except UNREADABLE:
        return Cause("unknown-code", code=name, values=kept)


def _dumped(values: Mapping[str, Any], most: int) -> str:
    facts = {key: _cut(_fact(value), most) for key, value in values.items()}
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _cut(fact: Any, most: int, clean: Callable[[str], str] = str) -> Any:
    """No text longer than that, no list of more."""
    if isinstance(fact, str):
        return clean(fact[:most])
    if isinstance(fact, list):
        return [_cut(one, most, clean) for one in fact[:most]]
    if isinstance(fact, Mapping):
        return {**fact, "values": {key: _cut(value, most, clean) for key, value in fact["values"].items()}}
    return fact
