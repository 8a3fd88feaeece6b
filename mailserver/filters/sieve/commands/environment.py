"""What is known beside the message: `environment` (RFC 5183), `spamtest` and `virustest` (RFC 5235), `valid_ext_list`
(RFC 6134)."""

from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag, TestOf
from mailserver.filters.sieve.machine import Machine, Test

ITEMS = {"name": "mailserver", "version": "1", "location": "MS", "phase": "during"}
"""What every run knows of itself (RFC 5183 section 4.1): it runs while a message is delivered to a mail store."""


def _environment(compiler: Compiler, call: Call) -> Test:
    name = compiler.phrase(call.words(0))
    match = matching.matcher(compiler, call, call.words(1))
    count = call.has("count")

    def test(machine: Machine) -> bool:
        item = name(machine).lower()
        value = machine.facts.environment.get(item, ITEMS.get(item))
        return value is not None and match(machine, () if count and not value else (value,))

    return test


def _spamtest(compiler: Compiler, call: Call) -> Test:
    match = matching.matcher(compiler, call, call.words(0))
    percent, count = call.has("percent"), call.has("count")

    def test(machine: Machine) -> bool:
        found = machine.facts.spam
        if found is None:
            return match(machine, () if count else ("0",))
        score = max(1, min(10, found))
        return match(machine, (str((score - 1) * 100 // 9 if percent else score),))

    return test


def _virustest(compiler: Compiler, call: Call) -> Test:
    match = matching.matcher(compiler, call, call.words(0))
    count = call.has("count")

    def test(machine: Machine) -> bool:
        found = machine.facts.virus
        if found is None:
            return match(machine, () if count else ("0",))
        return match(machine, (str(max(1, min(5, found))),))

    return test


def _valid_ext_list(compiler: Compiler, call: Call) -> Test:
    names = compiler.strings(call.words(0))
    compiler.asks.update(names.constant or ())

    def test(machine: Machine) -> bool:
        wanted = names.get(machine)
        for name in wanted:
            machine.spend(1)
            machine.ask(("list", name))
            if machine.host.in_list(name, "") is None:
                return False
        return True

    return test


TESTS = (
    TestOf("environment", _environment, (Kind.STRING, Kind.STRINGS), matching.TAGS, extension="environment"),
    TestOf(
        "spamtest",
        _spamtest,
        (Kind.STRING,),
        (*matching.TAGS, Tag("percent", extension="spamtestplus")),
        extension="spamtest spamtestplus",
    ),
    TestOf("virustest", _virustest, (Kind.STRING,), matching.TAGS, extension="virustest"),
    TestOf("valid_ext_list", _valid_ext_list, (Kind.STRINGS,), extension="extlists"),
)
EXTENSIONS = ("environment", "spamtest", "spamtestplus", "virustest")
