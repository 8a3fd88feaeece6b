"""Tests of the message: `header`, `address`, `envelope`, `exists`, `size` (RFC 5228 section 5)."""

from collections.abc import Sequence

from mailserver.filters.sieve.compiling import addresses, matching, sources
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag, TestOf
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.machine import Machine, Test
from mailserver.texts.text import Text

ADDRESSED = frozenset({
    "from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc", "resent-bcc",
    "resent-sender", "resent-reply-to", "return-path", "delivered-to", "x-original-to", "x-original-from",
    "apparently-to", "envelope-to", "errors-to", "disposition-notification-to", "return-receipt-to",
    "read-receipt-to", "x-confirm-reading-to", "mail-followup-to", "mail-reply-to", "abuse-reports-to",
    "x-beenthere", "x-complaints-to", "x-report-abuse-to", "for-approval", "for-handling", "for-comment", "x-admin",
    "return-receipt-requested", "registered-mail-reply-requested-by", "x-forwarded-to", "x-forwarded-for",
})  # fmt: skip
"""Fields that `address` may be asked about (RFC 5228 section 5.1)."""

ENVELOPE_PARTS = frozenset(("from", "to"))


def _header(compiler: Compiler, call: Call) -> Test:
    names = sources.names(compiler, call, 0)
    values = sources.values(compiler, call)
    match = matching.matcher(compiler, call, call.words(1))
    if names.constant is not None and len(names.constant) == 1:
        name = names.constant[0]
        return lambda machine: match(machine, values(machine, name))
    return lambda machine: match(
        machine, [value for name in names.get(machine) for value in values(machine, name.lower())]
    )


def _address(compiler: Compiler, call: Call) -> Test:
    words = call.words(0)
    names = sources.names(compiler, call, 0)
    for name, at in zip(names.constant or (), words.places, strict=False):
        if name not in ADDRESSED:
            raise Fault(at, Text("« {name} » n’est pas un champ d’adresses.", name=name[:60]))
    fields = sources.source(call)
    part, whole = addresses.part_of(call), addresses.is_whole(call)
    match = matching.matcher(compiler, call, call.words(1))

    def test(machine: Machine) -> bool:
        separator = machine.facts.subaddress
        found: list[str] = []
        for name in names.get(machine):
            for one in fields(machine, name.lower()):
                machine.spend(1 + (len(one.value) >> 6))
                for mailbox in one.mailboxes(machine.limits):
                    if not (whole or (mailbox.local and mailbox.domain)):
                        continue
                    value = part(mailbox.address, mailbox.local or "", mailbox.domain or "", separator)
                    if value is not None:
                        found.append(value)
        machine.spend(len(found))
        return match(machine, found)

    return test


def _envelope(compiler: Compiler, call: Call) -> Test:
    words = call.words(0)
    names = compiler.strings(words)
    for name, at in zip(names.constant or (), words.places, strict=False):
        if name.lower() not in ENVELOPE_PARTS:
            raise Fault(at, Text("« {name} » n’est pas une partie de l’enveloppe.", name=name[:60]))
    part = addresses.part_of(call)
    match = matching.matcher(compiler, call, call.words(1))

    def test(machine: Machine) -> bool:
        found: list[str] = []
        for name in names.get(machine):
            found += _envelope_values(machine, name.lower(), part)
        return match(machine, found)

    return test


def _envelope_values(machine: Machine, name: str, part: addresses.Part) -> Sequence[str]:
    facts = machine.facts
    if name == "from":
        whole = facts.envelope_from
        if not whole:  # the null reverse-path is empty in all its parts (RFC 5228 section 5.4)
            return ("",)
    elif name == "to":
        whole = facts.envelope_to
    else:
        return ()
    value = _cut(whole, part, facts.subaddress)
    return () if value is None else (value,)


def _cut(whole: str, part: addresses.Part, separator: str) -> str | None:
    local, at, domain = whole.rpartition("@")
    if not at:
        local, domain = whole, ""
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        local = local[1:-1].replace("\\", "")
    return part(whole, local, domain, separator)


def _exists(compiler: Compiler, call: Call) -> Test:
    names = sources.names(compiler, call, 0)
    fields = sources.source(call)

    def test(machine: Machine) -> bool:
        wanted = names.get(machine)
        machine.spend(len(wanted))
        return all(fields(machine, name.lower()) for name in wanted)

    return test


def _size(compiler: Compiler, call: Call) -> Test:
    limit = call.number(0)
    if call.has("over"):
        return lambda machine: machine.view.size > limit
    if call.has("under"):
        return lambda machine: machine.view.size < limit
    raise Fault(call.at, Text("« {name} » attend « {tag} » ou « {other} ».", name="size", tag=":over", other=":under"))


TESTS = (
    TestOf(
        "header",
        _header,
        (Kind.STRINGS, Kind.STRINGS),
        (*matching.TAGS, *sources.INDEX_TAGS, *sources.MIME_TAGS, *sources.OPTION_TAGS),
    ),
    TestOf(
        "address",
        _address,
        (Kind.STRINGS, Kind.STRINGS),
        (*matching.TAGS, *addresses.PART_TAGS, *sources.INDEX_TAGS, *sources.MIME_TAGS),
    ),
    TestOf(
        "envelope",
        _envelope,
        (Kind.STRINGS, Kind.STRINGS),
        (*matching.TAGS, *addresses.PART_TAGS),
        extension="envelope",
    ),
    TestOf("exists", _exists, (Kind.STRINGS,), (*sources.MIME_TAGS,)),
    TestOf("size", _size, (Kind.NUMBER,), (Tag("over", group="size"), Tag("under", group="size"))),
)
EXTENSIONS = ("envelope", "subaddress", "index", "relational", "regex", "mime")
