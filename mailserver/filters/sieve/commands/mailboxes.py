"""Tests of the account's mailboxes: `mailboxexists` (RFC 5490), `specialuse_exists` (RFC 8579), `mailboxidexists`
(RFC 9042), and annotations (RFC 5490)."""

from mailserver.filters.sieve.commands.actions import check_use
from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, TestOf
from mailserver.filters.sieve.machine import Machine, Test


def _mailboxexists(compiler: Compiler, call: Call) -> Test:
    names = compiler.strings(call.words(0))
    compiler.asks.update(names.constant or ())

    def test(machine: Machine) -> bool:
        return all(_exists(machine, name) for name in names.get(machine))

    return test


def _exists(machine: Machine, name: str) -> bool:
    machine.ask(("mailbox", name))
    return machine.host.mailbox_exists(name)


def _specialuse_exists(compiler: Compiler, call: Call) -> Test:
    """Without a mailbox: whether one has each flag; with one: whether it has them all (RFC 8579 section 3)."""
    words = call.words(-1)
    wanted = compiler.strings(words)
    for flag, at in zip(wanted.constant or (), words.places, strict=False):
        check_use(flag, at)
    mailbox = compiler.phrase(call.words(0)) if len(call.values) == 2 else None

    def test(machine: Machine) -> bool:
        flags = wanted.get(machine)
        machine.spend(len(flags))
        found = [machine.host.special_use(flag) for flag in flags]
        if mailbox is None:
            return all(name is not None for name in found)
        name = mailbox(machine)
        return all(one == name for one in found)

    return test


def _mailboxidexists(compiler: Compiler, call: Call) -> Test:
    ids = compiler.strings(call.words(0))

    def test(machine: Machine) -> bool:
        wanted = ids.get(machine)
        machine.spend(len(wanted))
        return all(machine.host.mailbox_by_id(one) is not None for one in wanted)

    return test


def _metadata(compiler: Compiler, call: Call) -> Test:
    """`metadata` of a mailbox, `servermetadata` of none: its value among the keys."""
    mailbox = compiler.phrase(call.words(0)) if call.node.name == "metadata" else None
    annotation = compiler.phrase(call.words(-2))
    match = matching.matcher(compiler, call, call.words(-1))

    def test(machine: Machine) -> bool:
        machine.spend(4)
        name = mailbox(machine) if mailbox is not None else None
        machine.ask(("metadata", name))
        value = machine.host.metadata(name, annotation(machine))
        return value is not None and match(machine, (value,))

    return test


def _metadataexists(compiler: Compiler, call: Call) -> Test:
    mailbox = compiler.phrase(call.words(0)) if call.node.name == "metadataexists" else None
    annotations = compiler.strings(call.words(-1))

    def test(machine: Machine) -> bool:
        name = mailbox(machine) if mailbox is not None else None
        wanted = annotations.get(machine)
        machine.spend(4 * len(wanted))
        machine.ask(("metadata", name))
        return all(machine.host.metadata(name, one) is not None for one in wanted)

    return test


TESTS = (
    TestOf("mailboxexists", _mailboxexists, (Kind.STRINGS,), extension="mailbox"),
    TestOf("specialuse_exists", _specialuse_exists, (Kind.STRING, Kind.STRINGS), extension="special-use", optional=1),
    TestOf("mailboxidexists", _mailboxidexists, (Kind.STRINGS,), extension="mailboxid"),
    TestOf("metadata", _metadata, (Kind.STRING, Kind.STRING, Kind.STRINGS), matching.TAGS, extension="mboxmetadata"),
    TestOf("metadataexists", _metadataexists, (Kind.STRING, Kind.STRINGS), extension="mboxmetadata"),
    TestOf("servermetadata", _metadata, (Kind.STRING, Kind.STRINGS), matching.TAGS, extension="servermetadata"),
    TestOf("servermetadataexists", _metadataexists, (Kind.STRINGS,), extension="servermetadata"),
)
EXTENSIONS = ("mboxmetadata", "servermetadata")
