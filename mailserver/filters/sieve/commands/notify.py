"""`notify` (RFC 5435) by mail (RFC 5436): no other method is known here."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from mailserver.filters.sieve.commands.actions import checked_address
from mailserver.filters.sieve.commands.fcc import FCC_TAGS, fcc
from mailserver.filters.sieve.compiling import matching
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.sources import is_name
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag, TestOf
from mailserver.filters.sieve.compiling.strings import Strings
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.interface import Fcc, Notify
from mailserver.filters.sieve.machine import Machine, Phrase, Step, Test
from mailserver.filters.sieve.message.fields import read_fields
from mailserver.filters.sieve.script import ANYWHERE
from mailserver.texts.text import Text

MAX_URI = 4096
MAX_RECIPIENTS = 8
MAX_BODY = 8192
MAX_FIELDS = 8
MAX_NAME = 76
"""Characters of a field's name that can be written (`mailserver.mime.writing.fields`)."""

_IGNORED = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc", "date", "message-id", "subject", "body", "auto-submitted",
    "received", "return-path", "resent-from", "resent-to", "resent-sender", "content-type",
    "content-transfer-encoding", "mime-version", "dkim-signature", "authentication-results",
})  # fmt: skip
"""Fields of the URI that say nothing here, or that only the service writes (RFC 5436 section 2.7)."""
_NOT_IN_URI = re.compile(r'[\x00-\x20"<>\\^`{|}\x7f]|%(?![0-9A-Fa-f]{2})')
"""What a URI has only encoded (RFC 3986 section 2, RFC 6068 section 2). Asked of constant ones alone: what the sender
of a message writes into a variable must not stop a filter."""
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*+=[^\x00\r\n]*+")
"""RFC 5435 section 3.6."""


@dataclass(frozen=True, slots=True)
class Mailto:
    """A `mailto:` URI (RFC 6068)."""

    to: tuple[str, ...]
    subject: str | None
    body: str
    headers: tuple[tuple[str, str], ...]


def parse_mailto(uri: str) -> Mailto | None:
    """What a URI says; None where it is of another kind, or wrong."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() != "mailto" or len(uri) > MAX_URI:
        return None
    path, _, query = rest.partition("?")
    found = [one.strip() for one in _decoded(path).split(",") if one.strip()]
    subject: str | None = None
    body = ""
    headers: list[tuple[str, str]] = []
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        name = _decoded(name).lower()
        if not equals or not is_name(name) or len(name) > MAX_NAME:
            return None
        value = _decoded(value)
        if name in ("to", "cc", "bcc"):
            found += [one.strip() for one in value.split(",") if one.strip()]
        elif name == "subject":
            subject = _one_line(value)
        elif name == "body":
            body = value[:MAX_BODY]
        elif name not in _IGNORED and len(headers) < MAX_FIELDS:
            headers.append((name, _one_line(value)))
    addresses = [checked_address(one) for one in found]
    to = tuple(dict.fromkeys(one for one in addresses if one is not None))
    if not to or None in addresses or len(to) > MAX_RECIPIENTS:
        return None
    return Mailto(to, subject, body, tuple(headers))


def _decoded(text: str) -> str:
    return unquote(text, "utf-8", "replace")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


@dataclass(frozen=True, slots=True)
class _Notice:
    """What a script says."""

    method: Phrase
    message: Phrase | None
    sender: Phrase | None
    importance: Phrase | None
    options: Strings


def _notify(compiler: Compiler, call: Call) -> Step:
    def optional(tag: str) -> Phrase | None:
        words = call.tag_words(tag)
        return compiler.phrase(words) if words is not None else None

    _check(compiler, call)
    options = call.tag_words("options")
    notice = _Notice(
        compiler.phrase(call.words(0)),
        optional("message"),
        optional("from"),
        optional("importance"),
        compiler.strings(options) if options is not None else Strings(()),
    )
    copy = fcc(compiler, call)
    return lambda machine: _run(machine, notice, copy(machine) if copy is not None else None)


def _check(compiler: Compiler, call: Call) -> None:
    """What is constant is judged when the script is read."""
    words = call.words(0)
    uri = compiler.string(words)
    mailto = parse_mailto(uri) if isinstance(uri, str) else None
    if isinstance(uri, str) and (mailto is None or _NOT_IN_URI.search(uri)):
        raise Fault(words.at, Text("« {name} » n’est pas une adresse « mailto: » valable.", name=uri[:60]))
    compiler.targets.update(mailto.to if mailto is not None else (ANYWHERE,))
    sender = call.tag_words("from")
    if sender is not None:
        text = compiler.string(sender)
        if isinstance(text, str) and checked_address(text) is None:
            raise Fault(sender.at, Text("« {name} » n’est pas une adresse.", name=text[:60]))
    _check_options(compiler, call.tag_words("options"))
    importance = call.tag_words("importance")
    if importance is not None:
        text = compiler.string(importance)
        if isinstance(text, str) and text not in ("1", "2", "3"):
            raise Fault(importance.at, Text("« {name} » attend « 1 », « 2 » ou « 3 ».", name=":importance"))


def _check_options(compiler: Compiler, words: Words | None) -> None:
    if words is None:
        return
    for text, at in zip(compiler.strings(words).constant or (), words.places, strict=False):
        if not _OPTION.fullmatch(text):
            raise Fault(at, Text("« {name} » attend « nom=valeur ».", name=":options"))


def _run(machine: Machine, notice: _Notice, copy: Fcc | None) -> None:
    machine.spend(20)
    uri = notice.method(machine)
    mailto = parse_mailto(uri)
    if mailto is None:
        raise RunError(Text("« {name} » n’est pas une adresse « mailto: » valable.", name=uri[:60]))
    if not may_notify(machine):
        return
    subject = _one_line(notice.message(machine)) if notice.message is not None else mailto.subject
    if subject is None:
        subject = next(iter(machine.message.values("subject")), "")
    sender = notice.sender(machine) if notice.sender is not None else ""
    importance = notice.importance(machine) if notice.importance is not None else "2"
    machine.effects.notify(
        Notify(
            to=mailto.to,
            subject=subject,
            body=mailto.body,
            sender=sender if checked_address(sender) is not None else "",
            importance=int(importance) if importance in ("1", "2", "3") else 2,
            options=tuple(notice.options.get(machine)[:MAX_FIELDS]),
            headers=mailto.headers,
            fcc=copy,
        )
    )


def may_notify(machine: Machine) -> bool:
    """What a program wrote tells nobody of itself (RFC 5436 section 2.7), whatever a script has made of it."""
    came = [one for one in read_fields(machine.facts.header) if one.name == "auto-submitted"]
    return all(one.decoded(machine.limits).lower().partition(";")[0].strip() == "no" for one in came)


def _valid_notify_method(compiler: Compiler, call: Call) -> Test:
    uris = compiler.strings(call.words(0))

    def test(machine: Machine) -> bool:
        wanted = uris.get(machine)
        machine.spend(10 * len(wanted))
        return all(parse_mailto(uri) is not None for uri in wanted)

    return test


def _notify_method_capability(compiler: Compiler, call: Call) -> Test:
    """Whether somebody reads their mail just now is not known (RFC 5436 section 2.2)."""
    uri, capability = compiler.phrase(call.words(0)), compiler.phrase(call.words(1))
    match = matching.matcher(compiler, call, call.words(2))

    def test(machine: Machine) -> bool:
        machine.spend(10)
        if capability(machine).lower() != "online" or parse_mailto(uri(machine)) is None:
            return False
        return match(machine, ("maybe",))

    return test


ACTIONS = (
    Action(
        "notify",
        _notify,
        (Kind.STRING,),
        (
            Tag("from", Kind.STRING),
            Tag("importance", Kind.STRING),
            Tag("options", Kind.STRINGS),
            Tag("message", Kind.STRING),
            *FCC_TAGS,
        ),
        extension="enotify",
    ),
)
TESTS = (
    TestOf("valid_notify_method", _valid_notify_method, (Kind.STRINGS,), extension="enotify"),
    TestOf(
        "notify_method_capability",
        _notify_method_capability,
        (Kind.STRING, Kind.STRING, Kind.STRINGS),
        matching.TAGS,
        extension="enotify",
    ),
)
EXTENSIONS = ("enotify",)
