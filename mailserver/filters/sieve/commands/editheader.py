"""`addheader` and `deleteheader` (RFC 5293)."""

from mailserver.filters.sieve.compiling import matching, sources
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.machine import Machine, Phrase, Step
from mailserver.filters.sieve.message.fields import HeaderField
from mailserver.mime.header import headers
from mailserver.texts.text import Text

PROTECTED = frozenset({
    "received", "auto-submitted", "return-path", "authentication-results", "arc-seal", "arc-message-signature",
    "arc-authentication-results", "delivered-to", "from", "sender", "reply-to", "resent-from", "resent-sender",
    "resent-to", "resent-cc", "resent-bcc", "resent-date", "resent-message-id", "dkim-signature", "received-spf",
    "x-sieve-redirected-from",
})  # fmt: skip
"""What tells where a message comes from, who wrote it and through whose filters it went stays as it is (RFC 5293
section 6): neither added nor deleted, silently."""
_TRACE = ("return-path", "authentication-results", "received", "received-spf", "x-sieve-redirected-from")
"""Fields that whoever took a message puts on top; what a script adds stands below."""

MAX_LINE = 78
"""Characters after which a value goes on in the next line."""
LONGEST = 700
"""Characters of a word that has room in a line (RFC 5322 section 2.1.1), behind the name of its field, too."""


def _name(compiler: Compiler, words: Words) -> Phrase:
    name = compiler.string(words)
    if isinstance(name, str) and not sources.is_name(name):
        raise Fault(words.at, Text("« {name} » n’est pas le nom d’un champ d’en-tête.", name=name[:60]))
    return compiler.phrase(words)


def _addheader(compiler: Compiler, call: Call) -> Step:
    name = _name(compiler, call.words(0))
    value = compiler.phrase(call.words(1))
    last = call.has("last")

    def step(machine: Machine) -> None:
        shown = name(machine)
        if not sources.is_name(shown):
            raise RunError(Text("« {name} » n’est pas le nom d’un champ d’en-tête.", name=shown[:60]))
        if shown.lower() not in PROTECTED:
            _add(machine, shown, value(machine), last)

    return step


def _add(machine: Machine, name: str, value: str, last: bool) -> None:
    machine.added += 1
    if machine.added > machine.limits.added:
        raise RunError(Text("Le filtre ajoute plus de {most} champs d’en-tête.", most=machine.limits.added))
    written = write_field(name, value[: machine.limits.edited])
    fields = list(machine.message.fields)
    field = HeaderField(name.lower(), written, written[len(name) + 1 :])
    fields.insert(len(fields) if last else _below_trace(fields), field)
    machine.spend(1 + len(fields) + (len(written) >> 6))
    machine.edited += len(written)
    if machine.edited > machine.limits.edited:
        raise RunError(Text("Les champs d’en-tête que le filtre ajoute sont trop longs."))
    mend_end(fields)
    machine.message.replace(fields)


def _below_trace(fields: list[HeaderField]) -> int:
    return next((place for place, field in enumerate(fields) if field.name not in _TRACE), len(fields))


def mend_end(fields: list[HeaderField]) -> None:
    """A field that ended with the message has a line end before another follows it."""
    for place, field in enumerate(fields[:-1]):
        if not field.written.endswith(b"\n"):
            fields[place] = HeaderField(field.name, field.written + b"\r\n", field.value + b"\r\n")


def write_field(name: str, value: str) -> bytes:
    """A field as it stands in a message: encoded where it must be, folded at blanks (RFC 5322 section 2.2.3)."""
    text = " ".join(headers.clean(value).split())
    words = text.split(" ")
    if not text.isascii() or any(len(word) > LONGEST for word in words):
        words = headers.encode_words(text)
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > MAX_LINE and lines[-1].strip() != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join([*lines, ""]).encode("ascii", "replace")


def _deleteheader(compiler: Compiler, call: Call) -> Step:
    index, last = call.tag_number("index"), call.has("last")
    if last and index is None:
        raise Fault(call.places["last"], Text("« {tag} » ne va pas sans « {other} ».", tag=":last", other=":index"))
    if index == 0:
        raise Fault(call.places["index"], Text("« {name} » attend un nombre à partir de 1.", name=":index"))
    name = _name(compiler, call.words(0))
    match = matching.matcher(compiler, call, call.words(1), keeps=False) if len(call.values) == 2 else None

    def step(machine: Machine) -> None:
        lower = name(machine).lower()
        if lower not in PROTECTED:
            _delete(machine, lower, index, last, match)

    return step


def _delete(machine: Machine, name: str, index: int | None, last: bool, match: matching.Match | None) -> None:
    found = list(machine.message.named(name))
    machine.spend(len(machine.message.fields))
    if index is not None:
        found = found[-index:][:1] if last else found[index - 1 :][:1]
        if last and index > len(machine.message.named(name)):
            found = []
    if match is not None:
        found = [one for one in found if match(machine, (one.decoded(machine.limits),))]
    gone = {id(one) for one in found}
    if gone:
        machine.message.replace([one for one in machine.message.fields if id(one) not in gone])


ACTIONS = (
    Action("addheader", _addheader, (Kind.STRING, Kind.STRING), (Tag("last"),), extension="editheader"),
    Action(
        "deleteheader",
        _deleteheader,
        (Kind.STRING, Kind.STRINGS),
        (*matching.TAGS, Tag("index", Kind.NUMBER), Tag("last")),
        extension="editheader",
        optional_last=1,
    ),
)
EXTENSIONS = ("editheader",)
