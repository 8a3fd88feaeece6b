"""`allof`, `anyof`, `not`, `true`, `false` (RFC 5228 section 5)."""

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import TestOf, Tests
from mailserver.filters.sieve.machine import Machine, Test


def _read(compiler: Compiler, call: Call, decides: bool) -> tuple[Test, ...] | bool:
    """The tests that are not decided yet; what all of them decide where one does. What follows it is not looked at."""
    found: list[Test] = []
    for node in call.node.tests:
        test = compiler.test(node)
        if test is decides:
            return decides
        if not isinstance(test, bool):
            found.append(test)
    return tuple(found) or not decides


def _allof(compiler: Compiler, call: Call) -> Test | bool:
    tests = _read(compiler, call, decides=False)
    if isinstance(tests, bool):
        return tests

    def test(machine: Machine) -> bool:
        machine.spend(len(tests))
        return all(one(machine) for one in tests)

    return test


def _anyof(compiler: Compiler, call: Call) -> Test | bool:
    tests = _read(compiler, call, decides=True)
    if isinstance(tests, bool):
        return tests

    def test(machine: Machine) -> bool:
        machine.spend(len(tests))
        return any(one(machine) for one in tests)

    return test


def _not(compiler: Compiler, call: Call) -> Test | bool:
    test = compiler.test(call.node.tests[0])
    return not test if isinstance(test, bool) else lambda machine: not test(machine)


def _true(compiler: Compiler, call: Call) -> Test:
    return lambda machine: True


def _false(compiler: Compiler, call: Call) -> Test:
    return lambda machine: False


TESTS = (
    TestOf("allof", _allof, tests=Tests.LIST),
    TestOf("anyof", _anyof, tests=Tests.LIST),
    TestOf("not", _not, tests=Tests.ONE),
    TestOf("true", _true),
    TestOf("false", _false),
)
