"""`body` (RFC 5173): the message's text, its parts of some types, or its octets."""

from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag, TestOf
from mailserver.filters.sieve.compiling.strings import Strings
from mailserver.filters.sieve.machine import Machine, Test
from mailserver.filters.sieve.message.parts import Parts
from mailserver.mime.header import transfer_encoding


def _body(compiler: Compiler, call: Call) -> Test:
    match = matching.matcher(compiler, call, call.words(0), keeps=False)
    words = call.tag_words("content")
    if words is not None:
        return _of_types(compiler.strings(words), match)
    if call.has("raw"):
        return lambda machine: match(machine, machine.view.parts.raw())
    return _of_text(match)


def _of_text(match: matching.Match) -> Test:
    """What people read: text parts, HTML without its tags (RFC 5173 section 5.3)."""

    def test(machine: Machine) -> bool:
        parts = machine.view.parts
        machine.spend(1 + (len(parts.body) >> 6))
        texts = [parts.readable(place) for place in parts.leaves() if _is_text(parts, place)]
        return match(machine, texts if parts.body else ())

    return test


def _is_text(parts: Parts, place: int) -> bool:
    part = parts.all[place]
    known = transfer_encoding.is_known(part.encoding)
    return known and (part.type.startswith("text/") or part.type == "application/xhtml+xml")


def _of_types(types: Strings, match: matching.Match) -> Test:
    """RFC 5173 section 5.2."""

    def test(machine: Machine) -> bool:
        wanted = [_type(one) for one in types.get(machine)]
        parts = machine.view.parts
        machine.spend(len(wanted) * len(parts.all) + (len(parts.body) >> 6))
        if not parts.body:
            return match(machine, ())
        return match(
            machine,
            [
                parts.content(place)
                for place in range(len(parts.all))
                if any(_fits(parts.all[place].type, one) for one in wanted)
            ],
        )

    return test


def _type(text: str) -> str | None:
    """A type as it is compared; None for what can be none."""
    lower = text.lower()
    main, slash, sub = lower.partition("/")
    if lower and (not main or (slash and not sub) or "/" in sub):
        return None
    return lower


def _fits(kind: str, wanted: str | None) -> bool:
    if wanted is None:
        return False
    return not wanted or kind == wanted or ("/" not in wanted and kind.startswith(f"{wanted}/"))


TESTS = (
    TestOf(
        "body",
        _body,
        (Kind.STRINGS,),
        (
            *matching.TAGS,
            Tag("raw", group="transform"),
            Tag("content", Kind.STRINGS, group="transform"),
            Tag("text", group="transform"),
        ),
        extension="body",
    ),
)
EXTENSIONS = ("body",)
