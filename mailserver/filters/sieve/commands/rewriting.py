"""`replace` and `enclose` (RFC 5703 sections 5 and 6): other parts, another message. What is stored is then a copy of
the account's own; what is sent on is not changed by them."""

import base64
from collections.abc import Sequence
from email.utils import format_datetime
from hashlib import sha256

from mailserver.filters.sieve.commands.actions import checked_address
from mailserver.filters.sieve.commands.editheader import mend_end, write_field
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.sources import is_name
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.compiling.strings import Strings
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.machine import Machine, Phrase, Step
from mailserver.filters.sieve.message.fields import HeaderField, read_fields
from mailserver.mime.writing.entity import entity
from mailserver.texts.text import Text

_PLAIN = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
_KEPT = ("received", "return-path", "authentication-results", "received-spf", "x-sieve-redirected-from")
"""Trace of how a message came, which an enclosed one leaves to the one around it."""


def _replace(compiler: Compiler, call: Call) -> Step:
    mime = call.has("mime")
    subject, sender = _optional(compiler, call, "subject"), _optional(compiler, call, "from")
    _check_sender(compiler, call)
    text = compiler.phrase(call.words(0))

    def step(machine: Machine) -> None:
        octets = _entity(text(machine), mime)
        _count(machine, octets)
        if machine.view is not machine.message:
            raise RunError(Text("Un script inclus dans une boucle ne peut pas réécrire le message."))
        place = machine.parts[-1] if machine.parts else 0
        if place:
            _check_boundaries(machine, octets)
            if machine.message.is_cut(place):
                machine.spend(machine.facts.size >> 6)
                machine.message.read_whole()
            machine.message.replace_part(place, octets)
            return
        new = _Fields(machine)
        if subject is not None:
            new.put("Subject", subject(machine), kept="Original-Subject")
        if sender is not None and _is_own(machine, asked := sender(machine)):
            new.put("From", asked, kept="Original-From")
        header, _, body = octets.partition(b"\r\n\r\n") if not octets.startswith(b"\r\n") else (b"", b"", octets[2:])
        new.describe(header)
        _rewrite(machine, new.fields, (body,))

    return step


def _enclose(compiler: Compiler, call: Call) -> Step:
    subject = _optional(compiler, call, "subject")
    words = call.tag_words("headers")
    names = compiler.strings(words) if words is not None else Strings(())
    text = compiler.phrase(call.words(0))

    def step(machine: Machine) -> None:
        said = _entity(text(machine), False)
        _count(machine, said)
        if machine.view is not machine.message:
            raise RunError(Text("Un script inclus dans une boucle ne peut pas réécrire le message."))
        message = machine.message
        wanted = {name.lower() for name in names.get(machine) if is_name(name)} | set(_KEPT)
        shown = subject(machine) if subject is not None else next(iter(message.values("subject")), "")
        fields = [one for one in message.fields if one.name in wanted and not _is_of_mime(one)]
        if "date" not in wanted:
            fields.append(_field("Date", format_datetime(machine.facts.now)))
        if "from" not in wanted:
            fields.append(_field("From", min(machine.facts.addresses, default=machine.facts.envelope_to)))
        if "subject" not in wanted or subject is not None:
            fields = [one for one in fields if one.name != "subject"] + [_field("Subject", shown)]
        boundary = sha256(message.header + said).hexdigest()[:32].encode()
        fields += [
            _field("MIME-Version", "1.0"),
            _field("Content-Type", f'multipart/mixed; boundary="{boundary.decode()}"'),
        ]
        header = message.header if message.header.endswith(b"\n") else message.header + b"\r\n"
        start = b"--%b\r\n%b\r\n--%b\r\nContent-Type: message/rfc822\r\n\r\n%b\r\n" % (boundary, said, boundary, header)
        _rewrite(machine, fields, (start, *message.body, b"\r\n--%b--\r\n" % boundary))

    return step


def _optional(compiler: Compiler, call: Call, tag: str) -> Phrase | None:
    words = call.tag_words(tag)
    return compiler.phrase(words) if words is not None else None


def _check_sender(compiler: Compiler, call: Call) -> None:
    words = call.tag_words("from")
    text = compiler.string(words) if words is not None else None
    if words is not None and isinstance(text, str) and checked_address(text) is None:
        raise Fault(words.at, Text("« {name} » n’est pas une adresse.", name=text[:60]))


def _is_own(machine: Machine, sender: str) -> bool:
    """Nobody else's name is put on what they did not write; what asks for it is ignored (RFC 5703 section 5)."""
    address = checked_address(sender)
    return address is not None and address.lower() in machine.facts.addresses


def _entity(text: str, mime: bool) -> bytes:
    """As text it is base64, so that no line of it is the boundary of anything."""
    if mime:
        return entity(text)
    octets = text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
    return _PLAIN + b"\r\n" + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _check_boundaries(machine: Machine, octets: bytes) -> None:
    """A part that says where the next one begins would be several. Raises RunError."""
    lines = {line.rstrip() for line in octets.split(b"\n") if line.startswith(b"--")}
    whole = machine.message.parts.octets
    machine.spend(len(lines) * (1 + (len(whole) >> 10)))
    if any(b"\n" + line in whole for line in lines):
        raise RunError(Text("Le texte que le filtre écrit contient une limite de partie du message."))


def _count(machine: Machine, octets: bytes) -> None:
    machine.added += 1
    machine.edited += len(octets)
    machine.spend(100 + (len(octets) >> 6) + (machine.facts.size >> 10))
    if machine.added > machine.limits.added or machine.edited > machine.limits.edited:
        raise RunError(Text("Le filtre réécrit trop de choses dans ce message."))


def _rewrite(machine: Machine, fields: list[HeaderField], body: Sequence[bytes | range]) -> None:
    mend_end(fields)
    machine.message.rewrite(fields, tuple(body))
    if not machine.loops:
        machine.message.settle()


def _field(name: str, value: str) -> HeaderField:
    written = write_field(name, value)
    return HeaderField(name.lower(), written, written[len(name) + 1 :])


def _is_of_mime(field: HeaderField) -> bool:
    return field.name.startswith("content-") or field.name == "mime-version"


class _Fields:
    """The header of a message whose body is replaced: all fields but those that say what the body was."""

    def __init__(self, machine: Machine) -> None:
        self.fields = [one for one in machine.message.fields if not _is_of_mime(one)]

    def put(self, name: str, value: str, *, kept: str) -> None:
        """Another value; what was there before keeps its own under another name."""
        low = name.lower()
        self.fields = [_renamed(one, kept) if one.name == low else one for one in self.fields]
        self.fields.append(_field(name, value))

    def describe(self, header: bytes) -> None:
        """What the body is now."""
        self.fields += [_field("MIME-Version", "1.0"), *read_fields(header + b"\r\n" if header else b"")]


def _renamed(field: HeaderField, name: str) -> HeaderField:
    return HeaderField(name.lower(), name.encode() + b":" + field.value, field.value)


ACTIONS = (
    Action(
        "replace",
        _replace,
        (Kind.STRING,),
        (Tag("mime", extension="mime"), Tag("subject", Kind.STRING), Tag("from", Kind.STRING)),
        extension="replace",
    ),
    Action(
        "enclose",
        _enclose,
        (Kind.STRING,),
        (Tag("subject", Kind.STRING), Tag("headers", Kind.STRINGS)),
        extension="enclose",
    ),
)
EXTENSIONS = ("replace", "enclose")
