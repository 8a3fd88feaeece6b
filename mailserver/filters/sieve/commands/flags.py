"""Flags of messages: `setflag`, `addflag`, `removeflag`, `hasflag`, `:flags` (RFC 5232)."""

import re
from collections.abc import Callable, Iterable

from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag, TestOf
from mailserver.filters.sieve.compiling.strings import NAME
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.limits import Limits
from mailserver.filters.sieve.machine import Machine, Step, Test
from mailserver.texts.text import Text

FLAGS_TAG = Tag("flags", Kind.STRINGS, extension="imap4flags")

_SYSTEM = {name.lower(): name for name in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")}
_KEYWORD = re.compile(r"[!#$&'+\-./0-9:;<=>?@A-Z\[^_`a-z|}~,]{1,100}")
"""An atom of IMAP (RFC 3501 section 9)."""

Flags = tuple[str, ...]
Set = Callable[[Machine], Flags]


def clean(texts: Iterable[str], limits: Limits) -> Flags:
    """The flags that these texts name, each once; those that IMAP cannot set are left out (RFC 5232 section 2)."""
    found: dict[str, str] = {}
    for text in texts:
        for flag in text[: limits.value].split():
            shown = _SYSTEM.get(flag.lower()) if flag.startswith("\\") else _keyword(flag)
            if shown and len(found) < limits.flags:
                found.setdefault(shown.lower(), shown)
    return tuple(found.values())


def _keyword(flag: str) -> str | None:
    return flag if _KEYWORD.fullmatch(flag) else None


def flags_of(compiler: Compiler, call: Call) -> Set:
    """What `:flags` says, or the internal variable without it."""
    words = call.tag_words("flags")
    if words is None:
        return lambda machine: machine.effects.flags
    strings = compiler.strings(words)
    if strings.constant is not None:
        flags = clean(strings.constant, compiler.limits)
        return lambda machine: flags
    return lambda machine: clean(strings.get(machine), machine.limits)


def _variable(compiler: Compiler, words: Words) -> str:
    """The name of a variable that holds flags. Raises Fault."""
    if "variables" not in compiler.required:
        raise Fault(words.at, Text('« {name} » demande « require "{extension}" ».', name="…", extension="variables"))
    name = compiler.constant(words, "…").lower()
    return variable_name(compiler, name, words.at)


def variable_name(compiler: Compiler, name: str, at: int) -> str:
    """A name under which something is kept. Raises Fault (RFC 5229 section 4)."""
    space, dot, rest = name.rpartition(".")
    if dot and space == "global" and "include" in compiler.required and NAME.fullmatch(rest):
        return name
    if not NAME.fullmatch(name) or len(name) > compiler.limits.name:
        raise Fault(at, Text("« {name} » n’est pas le nom d’une variable.", name=name[:60]))
    return f"global.{name}" if name in compiler.globals else name


def _read(machine: Machine, name: str) -> Flags:
    return clean((machine.variable(name),), machine.limits) if name else machine.effects.flags


def _write(machine: Machine, name: str, flags: Flags) -> None:
    if name:
        machine.set_variable(name, " ".join(flags))
    else:
        machine.effects.flags = flags


def _added(before: Flags, flags: Flags, limits: Limits) -> Flags:
    return clean((*before, *flags), limits)


def _removed(before: Flags, flags: Flags, limits: Limits) -> Flags:
    gone = {flag.lower() for flag in flags}
    return tuple(flag for flag in before if flag.lower() not in gone)


def _set(before: Flags, flags: Flags, limits: Limits) -> Flags:
    return flags


def _changing(change: Callable[[Flags, Flags, Limits], Flags]) -> Callable[[Compiler, Call], Step]:
    def build(compiler: Compiler, call: Call) -> Step:
        name = _variable(compiler, call.words(0)) if len(call.values) == 2 else ""
        strings = compiler.strings(call.words(-1))

        def step(machine: Machine) -> None:
            flags = clean(strings.get(machine), machine.limits)
            machine.spend(len(flags))
            _write(machine, name, change(_read(machine, name) if change is not _set else (), flags, machine.limits))

        return step

    return build


def _hasflag(compiler: Compiler, call: Call) -> Test:
    names = [""]
    if len(call.values) == 2:
        words = call.words(0)
        if "variables" not in compiler.required:
            raise Fault(
                words.at, Text('« {name} » demande « require "{extension}" ».', name="…", extension="variables")
            )
        names = [variable_name(compiler, name.lower(), words.at) for name in compiler.strings(words).constant or ()]
    keys = call.words(-1)
    match = matching.matcher(compiler, call, _split(keys) if "${" not in "".join(keys.values) else keys)

    def test(machine: Machine) -> bool:
        return match(machine, [flag for name in names for flag in _read(machine, name)])

    return test


def _split(keys: Words) -> Words:
    """Keys apart: `"a b"` means `["a", "b"]` (RFC 5232 section 2)."""
    pairs = [
        (flag, at)
        for text, at in zip(keys.values, keys.places, strict=True)
        for flag in (text.split() if " " in text.strip() else [text])
    ]
    return Words(tuple(flag for flag, _ in pairs), keys.at, tuple(at for _, at in pairs), True)


_TAKES = (Kind.STRING, Kind.STRINGS)
ACTIONS = (
    Action("setflag", _changing(_set), _TAKES, extension="imap4flags", optional=1),
    Action("addflag", _changing(_added), _TAKES, extension="imap4flags", optional=1),
    Action("removeflag", _changing(_removed), _TAKES, extension="imap4flags", optional=1),
)
TESTS = (TestOf("hasflag", _hasflag, (Kind.STRINGS, Kind.STRINGS), matching.TAGS, extension="imap4flags", optional=1),)
EXTENSIONS = ("imap4flags",)
