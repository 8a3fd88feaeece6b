"""From a script's octets to what runs."""

from mailserver.filters.sieve.commands.table import ACTIONS, EXTENSIONS, TESTS
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.errors import Fault, SieveError
from mailserver.filters.sieve.grammar.parser import parse
from mailserver.filters.sieve.limits import LIMITS, Limits
from mailserver.filters.sieve.script import Script
from mailserver.texts.text import Text

_KNOWN = frozenset(EXTENSIONS)


def compile_script(source: bytes, *, limits: Limits = LIMITS) -> Script:
    """Read a script, check all of it, and make it ready to run. Raises SieveError."""
    if len(source) > limits.script:
        raise SieveError(1, 1, Text("Ce script est trop grand : {most} octets au plus.", most=limits.script))
    try:
        text = source.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8", "replace")
        raise _placed(before, len(before), Text("Le script n’est pas en UTF-8.")) from None
    text = text.removeprefix("\ufeff")
    try:
        if "\0" in text:
            raise Fault(text.index("\0"), Text("Le caractère « {character} » n’a pas sa place ici.", character="NUL"))
        compiler = Compiler(ACTIONS, TESTS, _KNOWN, limits)
        nodes, depth = parse(text, limits)
        steps = compiler.block(nodes)
    except Fault as fault:
        raise _placed(text, fault.at, fault.text) from None
    return Script(
        steps,
        frozenset(compiler.required),
        limits,
        depth,
        tuple(compiler.includes),
        frozenset(compiler.asks),
        targets=frozenset(compiler.targets),
        answers=tuple(compiler.answers),
        regexes=compiler.expressions,
        size=len(source),
        needs=tuple(key for key, needed in compiler.includes.items() if needed),
    )


def _placed(text: str, at: int, said: Text) -> SieveError:
    line = text.count("\n", 0, at) + 1
    return SieveError(line, at - text.rfind("\n", 0, at), said)
