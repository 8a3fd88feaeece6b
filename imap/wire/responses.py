"""Everything the server says but FETCH (`imap.wire.fetch.fetch_lines`), as octets (RFC 3501 section 7).

Each function gives whole lines with their CRLF, ready to write; those that take many numbers give many
lines in one string. Text for people is made safe here: whatever it holds, it stays within its line.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from imap.wire import codes, names, strings
from imap.wire.codes import Code, CodeName
from imap.wire.commands import ListSelect, StatusItem
from imap.wire.framing import Rejected
from imap.wire.grammar import BadCharset, BadCommand, BadMailbox
from imap.wire.sets import batched, ranges_of, spell

SEPARATOR = "/"
"""The hierarchy separator of every mailbox name."""

VANISHED_RANGES = 4000
"""Ranges on one VANISHED line: at most 88 KiB."""

_TEXT_LIMIT = 400
_PRINTABLE = bytes(octet if 32 <= octet < 127 else ord("?") for octet in range(256))


_MAILBOX_STATE = (
    b"* OK [UIDVALIDITY %d] Mailbox state\r\n"
    b"* OK [UIDNEXT %d] Mailbox state\r\n"
    b"* OK [HIGHESTMODSEQ %d] Mailbox state\r\n"
    b"* OK [MAILBOXID (%b)] Mailbox identifier\r\n"
)


class Condition(bytes, Enum):
    """How a command ended, or how the session stands (RFC 3501 section 7.1)."""

    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status response before it has its tag."""

    condition: Condition
    text: str
    code: Code | None = None

    def encode(self, tag: str | None = None) -> bytes:
        """The line; without a tag it is untagged."""
        start = b"*" if tag is None else tag.encode("ascii")
        code = b"%s " % self.code.encode() if self.code else b""
        return b"%s %s %s%s\r\n" % (start, self.condition, code, _text(self.text))


def ok(text: str, code: Code | None = None) -> Reply:
    return Reply(Condition.OK, text, code)


def no(text: str, code: Code | None = None) -> Reply:
    return Reply(Condition.NO, text, code)


def bad(text: str, code: Code | None = None) -> Reply:
    return Reply(Condition.BAD, text, code)


def bye(text: str, code: Code | None = None) -> Reply:
    return Reply(Condition.BYE, text, code)


def rejection(rejected: Rejected) -> bytes:
    """What the framer refused: NO with what is too much (RFC 7889 section 4, RFC 4469 section 4.2, RFC 5464 section
    4.3, RFC 9738 section 3.1), or BAD; and BYE when nothing can follow."""
    condition = Condition.NO if rejected.too_big or rejected.messages else Condition.BAD
    code = Code(CodeName.TOOBIG) if rejected.too_big else None
    if rejected.messages:
        code = codes.message_limit(rejected.messages)
    if rejected.annotation:
        code = codes.annotation_limit(rejected.annotation)
    line = Reply(condition, rejected.text, code).encode(rejected.tag)
    return line + bye("Too much to ignore").encode() if rejected.fatal else line


def malformed(error: BadCommand) -> bytes:
    """What the grammar refused: BAD, or NO for what only its meaning spoils (RFC 3501 section 7.1)."""
    if isinstance(error, BadCharset):
        return no(str(error), codes.bad_charset()).encode(error.tag)
    if isinstance(error, BadMailbox):
        return no(str(error), Code(CodeName.CANNOT)).encode(error.tag)
    return bad(str(error)).encode(error.tag)


def _text(text: str) -> bytes:
    """Response text: printable ASCII on one line (RFC 3501 section 9, resp-text), never empty."""
    return text[:_TEXT_LIMIT].encode("ascii", "replace").translate(_PRINTABLE) or b"-"


def continuation(text: str = "OK") -> bytes:
    """`+ text`: ready for a literal, or idling (RFC 3501 section 7.5)."""
    return b"+ %s\r\n" % _text(text)


def challenge(octets: bytes = b"") -> bytes:
    """`+` and a SASL challenge in base64 (RFC 3501 section 6.2.2)."""
    return b"+ %s\r\n" % b64encode(octets)


def mailbox_state(uidvalidity: int, uidnext: int, modseq: int, identifier: str) -> bytes:
    """A mailbox's numbers, for SELECT (RFC 3501 section 7.1, RFC 7162 section 3.1.2.1, RFC 8474 section 4.2)."""
    return _MAILBOX_STATE % (uidvalidity, uidnext, modseq, identifier.encode("ascii"))


def capability(capabilities: Iterable[str]) -> bytes:
    """RFC 3501 section 7.2.1."""
    return b"* CAPABILITY %s\r\n" % " ".join(capabilities).encode("ascii")


def enabled(capabilities: Iterable[str]) -> bytes:
    """What ENABLE turned on, maybe nothing (RFC 5161 section 3.2)."""
    return b"* %s\r\n" % " ".join(("ENABLED", *capabilities)).encode("ascii")


def identity(fields: Mapping[str, str] | None) -> bytes:
    """ID (RFC 2971 section 3.2)."""
    if not fields:
        return b"* ID NIL\r\n"
    pairs = (strings.string(name.encode()) + b" " + strings.string(value.encode()) for name, value in fields.items())
    return b"* ID (%s)\r\n" % b" ".join(pairs)


def flags(spelled: bytes) -> bytes:
    """FLAGS (RFC 3501 section 7.2.6); `spelled` as `FlagNames.every` gives it."""
    return b"* FLAGS (%s)\r\n" % spelled


def exists(count: int) -> bytes:
    """RFC 3501 section 7.3.1."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """RFC 3501 section 7.3.2."""
    return b"* %d RECENT\r\n" % count


def expunge(numbers: Iterable[int]) -> bytes:
    """RFC 3501 section 7.4.1, one line for each number in the order given.

    Each line renumbers what follows it: give the numbers descending, or already corrected.
    """
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished(uids: Iterable[int]) -> bytes:
    """VANISHED (RFC 7162 section 3.2.10.2), UIDs ascending; nothing when there are none."""
    return b"".join(_vanished(b"* VANISHED ", ranges_of(uids)))


def vanished_earlier(ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """VANISHED (EARLIER) (RFC 7162 section 3.2.10.1): UIDs as ascending ranges, on lines that stay readable."""
    return _vanished(b"* VANISHED (EARLIER) ", ranges)


def _vanished(start: bytes, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    for part in batched(ranges, VANISHED_RANGES):
        yield start + spell(part) + b"\r\n"


def mailbox_line(
    name: str,
    attributes: Iterable[str] = (),
    *,
    lsub: bool = False,
    below: Iterable[ListSelect] = (),
    old: str = "",
    utf8: bool = False,
) -> bytes:
    """LIST, or LSUB (RFC 3501 sections 7.2.2, 7.2.3); `attributes` with their backslash.

    `below` makes CHILDINFO: what was asked for that names below this one have (RFC 5258 section 3.5). `old` makes
    OLDNAME: the name the client knows it by (RFC 9051 section 7.3.1).
    """
    children = " ".join(f'"{option.value}"' for option in below).encode("ascii")
    more = [b"CHILDINFO (%s)" % children] if children else []
    if old:
        more.append(b'"OLDNAME" (%s)' % names.encode(old, utf8))
    return b'* %s (%s) "%s" %s%s\r\n' % (
        b"LSUB" if lsub else b"LIST",
        " ".join(attributes).encode("ascii"),
        SEPARATOR.encode("ascii"),
        names.encode(name, utf8),
        b" (%s)" % b" ".join(more) if more else b"",
    )


def separator_line() -> bytes:
    """The answer to `LIST "" ""`: the separator and the root (RFC 3501 section 6.3.8)."""
    return b'* LIST (\\Noselect) "%s" ""\r\n' % SEPARATOR.encode("ascii")


def status(mailbox: str, items: Iterable[tuple[StatusItem, int | str]], utf8: bool = False) -> bytes:
    """RFC 3501 section 7.2.4; an object identifier comes in parentheses (RFC 8474 section 7)."""
    pairs = " ".join(
        f"{item.value} {value}" if isinstance(value, int) else f"{item.value} ({value})" for item, value in items
    )
    return b"* STATUS %s (%s)\r\n" % (names.encode(mailbox, utf8), pairs.encode("ascii"))


def namespace(
    personal: Sequence[str] = ("",), others: Sequence[str] = (), shared: Sequence[str] = (), utf8: bool = False
) -> bytes:
    """RFC 2342 section 6, each namespace by its prefix; all use the one separator."""
    return b"* NAMESPACE %s\r\n" % b" ".join(_prefixes(kind, utf8) for kind in (personal, others, shared))


def _prefixes(prefixes: Sequence[str], utf8: bool) -> bytes:
    if not prefixes:
        return b"NIL"
    separator = SEPARATOR.encode("ascii")
    spelt = [strings.string(prefix.encode() if utf8 else names.encode_utf7(prefix), utf8) for prefix in prefixes]
    return b"(%s)" % b"".join(b'(%s "%s")' % (prefix, separator) for prefix in spelt)
