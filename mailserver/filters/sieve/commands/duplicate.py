"""`duplicate` (RFC 7352): whether a message with the same mark came before."""

from hashlib import sha256

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag, TestOf
from mailserver.filters.sieve.interface import Mark
from mailserver.filters.sieve.machine import Machine, Phrase, Test

WEEK = 7 * 24 * 3600
MOST = 90 * 24 * 3600
"""How long a mark is remembered at most."""


def _unique(compiler: Compiler, call: Call) -> Phrase:
    """What tells messages apart: a text, a field, or the Message-ID; empty where there is none."""
    words = call.tag_words("uniqueid")
    if words is not None:
        return compiler.phrase(words)
    words = call.tag_words("header")
    if words is None:
        return lambda machine: next(iter(machine.message.values("message-id")), "")
    name = compiler.phrase(words)  # one that cannot be names no field (RFC 7352 section 3.1)
    return lambda machine: next(iter(machine.message.values(name(machine).lower())), "")


def _duplicate(compiler: Compiler, call: Call) -> Test:
    unique = _unique(compiler, call)
    words = call.tag_words("handle")
    handle = compiler.phrase(words) if words is not None else None
    wanted = call.tag_number("seconds")
    seconds = WEEK if wanted is None else min(wanted, MOST)
    last = call.has("last")

    def test(machine: Machine) -> bool:
        value = unique(machine)
        if not value:
            return False
        name = handle(machine) if handle is not None else ""
        key = sha256(f"{len(name)} {name} {value}".encode("utf-8", "replace")).hexdigest()
        machine.spend(machine.limits.read)
        seen = machine.host.seen(key, seconds, last)
        if not seen or last:
            machine.effects.mark(Mark(key, seconds, last))
        return seen

    return test


TESTS = (
    TestOf(
        "duplicate",
        _duplicate,
        tags=(
            Tag("handle", Kind.STRING),
            Tag("header", Kind.STRING, group="what"),
            Tag("uniqueid", Kind.STRING, group="what"),
            Tag("seconds", Kind.NUMBER),
            Tag("last"),
        ),
        extension="duplicate",
    ),
)
EXTENSIONS = ("duplicate",)
