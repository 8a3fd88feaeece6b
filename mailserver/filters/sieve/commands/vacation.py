"""`vacation` (RFC 5230) and `vacation-seconds` (RFC 6131), with `:fcc` (RFC 8580): whether this message may be
answered, and with what."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from hashlib import sha256

from mailserver.filters.sieve.commands.actions import checked_address
from mailserver.filters.sieve.commands.fcc import FCC_TAGS, CopyOf, fcc
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.compiling.strings import Strings
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.interface import Vacation
from mailserver.filters.sieve.machine import Machine, Phrase, Step
from mailserver.filters.sieve.script import Answer
from mailserver.texts.text import Text

DAY = 24 * 3600
DAYS = 7
"""Between two answers to one sender, where the script does not say (RFC 5230 section 4.1)."""
MOST_DAYS = 365
MAX_ADDRESSES = 100
MAX_SUBJECT = 256

_LIST_FIELDS = (
    "list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-post", "list-owner", "list-archive",
)  # fmt: skip
_RECIPIENT_FIELDS = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
_ROBOTS = frozenset(
    ("mailer-daemon", "listserv", "majordomo", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply")
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a script says."""

    reason: Phrase
    subject: Phrase | None
    sender: Phrase | None
    handle: Phrase | None
    addresses: Strings
    mime: bool
    seconds: int
    copy: CopyOf | None


def _vacation(compiler: Compiler, call: Call) -> Step:
    def optional(tag: str) -> Phrase | None:
        words = call.tag_words(tag)
        return compiler.phrase(words) if words is not None else None

    words = call.tag_words("addresses")
    _check_sender(compiler, call)
    said = compiler.string(call.words(0))
    if isinstance(said, str):
        compiler.answers[Answer(said, call.has("mime"))] = None
        if len(compiler.answers) > compiler.limits.answers:
            raise Fault(call.at, Text("Ce script a plus de {most} réponses.", most=compiler.limits.answers))
    answer = _Answer(
        compiler.phrase(call.words(0)),
        optional("subject"),
        optional("from"),
        optional("handle"),
        compiler.strings(words) if words is not None else Strings(()),
        call.has("mime"),
        _seconds(call),
        fcc(compiler, call),
    )
    return lambda machine: _run(machine, answer)


def _check_sender(compiler: Compiler, call: Call) -> None:
    words: Words | None = call.tag_words("from")
    text = compiler.string(words) if words is not None else None
    if words is not None and isinstance(text, str) and checked_address(text) is None:
        raise Fault(words.at, Text("« {name} » n’est pas une adresse.", name=text[:60]))


def _seconds(call: Call) -> int:
    seconds = call.tag_number("seconds")
    if seconds is None:
        days = call.tag_number("days")
        seconds = DAY * (DAYS if days is None else max(1, days))
    return min(seconds, MOST_DAYS * DAY)


def _run(machine: Machine, answer: _Answer) -> None:
    machine.spend(20)
    reason = answer.reason(machine)
    subject = answer.subject(machine) if answer.subject is not None else ""
    sender = answer.sender(machine) if answer.sender is not None else ""
    handle = _handle(
        answer.handle(machine) if answer.handle is not None else None, reason, subject, sender, answer.mime
    )
    if not may_answer(machine, answer.addresses.get(machine)):
        machine.effects.vacation(None)
        return
    machine.effects.vacation(
        Vacation(
            recipient=machine.facts.envelope_from,
            reason=reason,
            mime=answer.mime,
            subject=_one_line(subject or f"Auto: {_subject_of(machine)}"),
            sender=sender if checked_address(sender) is not None else "",
            seconds=answer.seconds,
            handle=handle,
            fcc=answer.copy(machine) if answer.copy is not None else None,
        )
    )


def _subject_of(machine: Machine) -> str:
    return next(iter(machine.message.values("subject")), "")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_SUBJECT]


def _handle(given: str | None, reason: str, subject: str, sender: str, mime: bool) -> str:
    """Answers without a handle are one where all that they say is the same (RFC 5230 section 4.2)."""
    parts = ("handle", given) if given is not None else ("answer", reason, subject, sender, str(mime))
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def may_answer(machine: Machine, more: Sequence[str]) -> bool:
    """Whether an answer would go to a person who wrote to this one (RFC 5230 section 4.5 and 4.6, RFC 3834)."""
    sender = machine.facts.envelope_from.lower()
    own = {*machine.facts.addresses, machine.facts.envelope_to.lower()}
    own.update(address.lower() for address in more[:MAX_ADDRESSES])
    if not sender or sender in own or _is_robot(sender):
        return False
    message = machine.message
    if any(message.named(name) for name in _LIST_FIELDS):
        return False
    if any(value.lower().partition(";")[0].strip() != "no" for value in message.values("auto-submitted")):
        return False
    if any(value.lower() in ("bulk", "list", "junk") for value in message.values("precedence")):
        return False
    if any(message.named(name) for name in ("x-autorespond", "x-autoreply", "x-loop")):
        return False
    suppressed = ",".join(message.values("x-auto-response-suppress")).lower().replace(" ", "").split(",")
    return "all" not in suppressed and "oof" not in suppressed and _is_named(machine, own)


def _is_robot(sender: str) -> bool:
    local = sender.rpartition("@")[0]
    return (
        local in _ROBOTS
        or local.startswith(("owner-", "bounce-", "bounces-", "bounce+"))
        or local.endswith(("-request", "-owner", "-bounces"))
    )


def _is_named(machine: Machine, own: Set[str]) -> bool:
    """The message says that it is to this person: blind copies and lists are not answered."""
    for name in _RECIPIENT_FIELDS:
        for field in machine.message.named(name):
            found = field.mailboxes(machine.limits)
            machine.spend(1 + len(found))
            if any(mailbox.address.lower() in own for mailbox in found):
                return True
    return False


ACTIONS = (
    Action(
        "vacation",
        _vacation,
        (Kind.STRING,),
        (
            Tag("days", Kind.NUMBER, group="time"),
            Tag("seconds", Kind.NUMBER, group="time", extension="vacation-seconds"),
            Tag("subject", Kind.STRING),
            Tag("from", Kind.STRING),
            Tag("addresses", Kind.STRINGS),
            Tag("mime"),
            Tag("handle", Kind.STRING),
            *FCC_TAGS,
        ),
        extension="vacation",
    ),
)
EXTENSIONS = ("vacation", "vacation-seconds")
