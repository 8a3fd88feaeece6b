"""`set` and `string` (RFC 5229)."""

from collections.abc import Callable
from urllib.parse import quote as quote_url

from mailserver.filters.sieve.commands.flags import variable_name
from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag, TestOf
from mailserver.filters.sieve.machine import Machine, Step, Test
from mailserver.filters.sieve.matching.regexes import quote as quote_expression

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code + 32: code for code in range(ord("A"), ord("Z") + 1)}
_WILDCARDS = {ord(one): f"\\{one}" for one in "*?\\"}


def _encode_url(text: str) -> str:
    """RFC 5435 section 6: all but the unreserved characters of RFC 3986."""
    return quote_url(text, safe="-._~", errors="replace")


MODIFIERS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("lower", "case", lambda text: text.translate(_LOWER)),
    ("upper", "case", lambda text: text.translate(_UPPER)),
    ("lowerfirst", "first", lambda text: text[:1].translate(_LOWER) + text[1:]),
    ("upperfirst", "first", lambda text: text[:1].translate(_UPPER) + text[1:]),
    ("quotewildcard", "quote", lambda text: text.translate(_WILDCARDS)),
    ("quoteregex", "quote", quote_expression),
    ("encodeurl", "encode", _encode_url),
    ("length", "length", lambda text: str(len(text))),
)
"""In their order of precedence (RFC 5229 section 4.1); those of one group exclude each other. Letters are
those of ASCII."""


_EXTENSIONS = {"quoteregex": "regex", "encodeurl": "enotify"}
MODIFIER_TAGS = tuple(Tag(name, group=group, extension=_EXTENSIONS.get(name, "")) for name, group, _ in MODIFIERS)


def modifiers(call: Call) -> Callable[[str], str]:
    """What the modifiers of a command do to a value."""
    changes = [change for tag, _, change in MODIFIERS if call.has(tag)]

    def changed(text: str) -> str:
        for change in changes:
            text = change(text)
        return text

    return changed


def _set(compiler: Compiler, call: Call) -> Step:
    words = call.words(0)
    name = variable_name(compiler, compiler.constant(words, "set").lower(), words.at)
    if not name.startswith("global."):
        compiler.own.add(name)
    phrase = compiler.phrase(call.words(1))
    change = modifiers(call)

    def step(machine: Machine) -> None:
        text = change(phrase(machine))
        machine.spend(1 + (len(text) >> 6))
        machine.set_variable(name, text)

    return step


def _string(compiler: Compiler, call: Call) -> Test:
    sources = compiler.strings(call.words(0))
    match = matching.matcher(compiler, call, call.words(1))
    if call.has("count"):
        return lambda machine: match(machine, [text for text in sources.get(machine) if text])
    return lambda machine: match(machine, sources.get(machine))


ACTIONS = (
    Action(
        "set",
        _set,
        (Kind.STRING, Kind.STRING),
        MODIFIER_TAGS,
        extension="variables",
    ),
)
TESTS = (TestOf("string", _string, (Kind.STRINGS, Kind.STRINGS), matching.TAGS, extension="variables"),)
EXTENSIONS = ("variables",)
