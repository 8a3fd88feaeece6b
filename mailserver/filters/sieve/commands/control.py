"""`require`, `stop` (RFC 5228 section 3), `error` and `ihave` (RFC 5463)."""

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, TestOf
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.machine import Machine, Step, Stopped
from mailserver.texts.text import Text, Untranslated

IMPLIED = {
    "vacation-seconds": ("vacation",),
    "spamtestplus": ("spamtest",),
    "mime": (),
    "extracttext": (),
}
"""Extensions that bring others (RFC 6131 section 2)."""


LEXICAL = frozenset(("encoded-character", "variables"))
"""What changes how strings are read cannot begin in the middle of a script (RFC 5463 section 4)."""


def _require(compiler: Compiler, call: Call) -> Step:
    words = call.words(0)
    for name, at in zip(words.values, words.places, strict=True):
        if name not in compiler.known:
            raise Fault(at, Text("L’extension « {name} » n’existe pas ici.", name=name[:60]))
        require(compiler, name)
    return _nothing


def require(compiler: Compiler, name: str) -> None:
    """Put an extension into force, with those that it brings."""
    compiler.required.add(name)
    compiler.required.update(IMPLIED.get(name, ()))


def _nothing(machine: Machine) -> None:
    """Decided when the script was read."""


def _stop(compiler: Compiler, call: Call) -> Step:
    def step(machine: Machine) -> None:
        raise Stopped

    return step


def _error(compiler: Compiler, call: Call) -> Step:
    phrase = compiler.phrase(call.words(0))

    def step(machine: Machine) -> None:
        said = Untranslated(phrase(machine)[:500])
        raise RunError(Text("Le filtre s’est arrêté lui-même : {text}", text=said))

    return step


def _ihave(compiler: Compiler, call: Call) -> bool:
    """Decided at once: what is asked for is in force from here on (RFC 5463 section 4)."""
    words = call.words(0)
    if compiler.strings(words).constant is None:
        raise Fault(words.at, Text("« {name} » attend un texte sans variables.", name="ihave"))
    if not all(name in compiler.known - LEXICAL for name in words.values):
        return False
    for name in words.values:
        require(compiler, name)
    return True


ACTIONS = (
    Action("require", _require, (Kind.STRINGS,)),
    Action("stop", _stop),
    Action("error", _error, (Kind.STRING,), extension="ihave"),
)
TESTS = (TestOf("ihave", _ihave, (Kind.STRINGS,), extension="ihave"),)
EXTENSIONS = ("ihave", "encoded-character")
