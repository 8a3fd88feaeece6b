"""Who a message says it is from, read by the letter of RFC 5322 section 3.6.2, its obsolete syntax left out.

Readers of mail differ in what they make of a broken header: the first address in angle brackets, the last one, what
stands before a comment. A message of this house is therefore taken only when all of them show the same author:

* each line of the header is a field or continues one, and fields of which there may be one stand there once;
* From, Sender, Resent-From and Resent-Sender hold plain mailboxes: no group, no route, no address without a domain, no
  blank within an address, one comment at the end of a mailbox at most;
* encoded words hide no address from whoever reads before decoding, nor show one to whoever decodes before reading;
* angle brackets stand around addresses only: in no quoted string, comment or encoded word, and in no other shape of
  theirs (RFC 5321 knows one, Unicode has several);
* of Unicode, no blanks, controls or invisible characters.

Pure. The lenient reading of what others wrote is `mailserver.mime.header.addresses`.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.mime.header import addresses, headers
from mailserver.model.address import ATEXT, check_domain
from mailserver.model.errors import BadSyntax
from mailserver.model.unicode import normalize

QUICK_HEADER = 32 * 1024
"""Octets of a header that the event loop may look through itself for who wrote it."""
QUICK_FIELDS = 2048
"""Octets of its fields that say so, for the same: a thousand marks between addresses take a few milliseconds."""
MAX_VALUE = 16 * 1024
"""Octets of a field that names originators."""
MAX_MAILBOXES = 50
"""Mailboxes of one field."""
MAX_SHOWN = 320
"""Characters of an address in a refusal."""

ONCE = frozenset(
    ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references")
)
"""Fields that a header has once at most (RFC 5322 section 3.6)."""
_RESENT = ("resent-from", "resent-sender")

_WELL_FORMED = re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+")
_ENCODED = r"=\?[A-Za-z0-9*_\-]++\?[BQbq]\?[A-Za-z0-9!#$%&'*+\-./=^_`{|}~]++\?="
"""An encoded word; with a dot, which RFC 2047 section 5 leaves out of names and programs in use do not."""
_WORD = rf'(?:{_ENCODED}|{ATEXT}++|"(?:[^"\\<>]|\\["\\])*+")'
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\-\u0080-\U0010ffff]*[A-Za-z0-9\u0080-\U0010ffff])?"
_ADDRESS = rf"{ATEXT}++(?:\.{ATEXT}++)*+@{_LABEL}(?:\.{_LABEL})*+"
_MAILBOX = re.compile(
    rf"[ \t]*+(?:(?:{_WORD}(?:[ \t]*+{_WORD})*+)?[ \t]*+<({_ADDRESS})>|({_ADDRESS}))[ \t]*+"
    r"(?:\([^()<>@\\,:;\"]*+\)[ \t]*+)?"
)

_ASIDE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|\((?:[^()\\]++|\\.)*+\)?', re.DOTALL)
"""Quoted strings and comments."""
_IN_BRACKETS = re.compile(r"<[^<>]*[^<>\s]")
_BRACKETED = re.compile(r"<([^<>]*+)(?=[<>]|\Z)")
_AFTER_AT = re.compile('[@\ufe6b\uff20]\\s*+\\[?([^\\s@<>()\\[\\],:;"\ufe6b\uff20]++)')


@dataclass(frozen=True, slots=True)
class Originators:
    """Addresses as they are written."""

    authors: tuple[str, ...]
    """From."""
    senders: tuple[str, ...]
    """Sender."""
    resenders: tuple[str, ...]
    """Resent-From and Resent-Sender of every block."""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.authors, *self.senders, *self.resenders)


def is_quick(header: bytes) -> bool:
    """Whether the event loop may find out itself who wrote: true of nearly every header there is."""
    if len(header) <= QUICK_FIELDS or len(header) > QUICK_HEADER:
        return len(header) <= QUICK_FIELDS
    fields = headers.named(header, 0, len(header), "from", "sender", "reply-to")
    return sum(field.end - field.value for field in fields) <= QUICK_FIELDS


def read(header: bytes) -> Originators:
    """The originators of a header, which is its fields with their line ends. Raises BadSyntax with what is wrong."""
    if _WELL_FORMED.fullmatch(header) is None:
        raise BadSyntax("The header has a line that is neither a field nor the continuation of one")
    found: dict[str, list[str]] = {"from": [], "sender": [], **{name: [] for name in _RESENT}}
    seen: set[str] = set()
    for field in headers.named(header, 0, len(header), *ONCE, *_RESENT):
        if header[field.value - 2 : field.value - 1] in (b" ", b"\t"):
            raise BadSyntax(f"A blank stands before the colon of {field.name.title()}")
        if field.name in ONCE and field.name in seen:
            raise BadSyntax(f"More than one {field.name.title()} field")
        seen.add(field.name)
        if field.name in found:
            found[field.name] += mailboxes(field.name.title(), header[field.value : field.end])
    if not found["from"]:
        raise BadSyntax("The message has no author")
    if len(found["sender"]) > 1:
        raise BadSyntax("Sender: more than one mailbox")
    if len(found["from"]) > 1 and not found["sender"]:
        raise BadSyntax("A message with several authors needs a Sender field")
    resenders = [*found["resent-from"], *found["resent-sender"]]
    return Originators(tuple(found["from"]), tuple(found["sender"]), tuple(resenders))


def mailboxes(name: str, raw: bytes) -> list[str]:
    """The addresses of a mailbox-list (RFC 5322 section 3.4), at least one. `name` is the field's, for the error.

    Raises BadSyntax.
    """
    text = _text(name, raw)
    found: list[str] = []
    at = 0
    while True:
        mailbox = _MAILBOX.match(text, at)
        if mailbox is None or text[mailbox.end() : mailbox.end() + 1] not in ("", ","):
            raise BadSyntax(f"{name}: not a list of mailboxes; a name with other characters than letters needs quotes")
        found.append(mailbox[1] or mailbox[2])
        at = mailbox.end() + 1
        if at > len(text):
            break
        if len(found) == MAX_MAILBOXES:
            raise BadSyntax(f"{name}: too many mailboxes")
    if not _encoded(text) <= set(found):
        raise BadSyntax(f"{name}: an address within encoded words")
    return found


def _encoded(text: str) -> set[str]:
    """The addresses that readers find who decode encoded words first; none where there are no such words."""
    decoded = headers.decode_words(text)
    return set() if decoded == text else {mailbox.address for mailbox in addresses.parse(decoded) if mailbox.domain}


def _text(name: str, raw: bytes) -> str:
    """The value in one line. Raises BadSyntax for characters that readers take for something else."""
    if len(raw) > MAX_VALUE:
        raise BadSyntax(f"{name}: too long")
    try:
        text = headers.unfold(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax(f"{name}: neither ASCII nor UTF-8") from None
    if any(character not in " \t" and unicodedata.category(character)[0] in "ZC" for character in text):
        raise BadSyntax(f"{name}: a control character, an invisible one, or another blank than space and tab")
    brackets = text.count("<"), text.count(">")
    shown = normalize("NFKC", headers.decode_words(text))
    if (shown.count("<"), shown.count(">")) != brackets:
        raise BadSyntax(f"{name}: angle brackets within a name")
    return text


def claimed(header: bytes, domains: frozenset[str]) -> str:
    """An address in one of these domains (in small letters) that some reader shows as an author; empty: none does.

    `header` is what others wrote, so every reading of it counts: each From field, and each Sender, which stands for
    an author where there is none and before them in some readers; ours, the one that decodes encoded words before it
    looks for addresses, those that take what stands in the first or the last angle brackets, and those that show a
    name where they find no address.
    """
    for field in headers.named(header, 0, len(header), "from", "sender"):
        value = headers.as_text(header[field.value : field.end])
        decoded = headers.decode_words(value)
        if not _may_name(decoded, domains):
            continue
        for address in _readings(value, decoded):
            if _domain(address) in domains:
                return headers.clean(address.strip())[:MAX_SHOWN]
    return ""


def _readings(value: str, decoded: str) -> Iterator[str]:
    """What readers may show as an address of a field: as it is written, and with its encoded words decoded."""
    for text in dict.fromkeys((value, decoded)):
        found = addresses.people(addresses.parse(text[: addresses.MAX_READ]))
        yield from (mailbox.address for mailbox in found)
        yield text.partition("<")[2].partition(">")[0]
        yield text.rpartition("<")[2].partition(">")[0]
    written = value[: addresses.MAX_READ]
    aside = _ASIDE.sub(" ", written)
    if not any(person.domain for person in addresses.people(addresses.parse(written))):
        yield from _AFTER_AT.findall(decoded[: addresses.MAX_READ])
    elif _IN_BRACKETS.search(aside) is None:  # one blank between two addresses: readers take either
        yield from _AFTER_AT.findall(aside)


def shown(value: str) -> list[str]:
    """The addresses that some reader shows as a field's, names left aside: every one that stands in brackets, whatever
    else does, and where there are no brackets whatever follows an at sign. One without a domain is one, too."""
    written = value[: addresses.MAX_READ]
    people = addresses.people(addresses.parse(written))
    found = [person.address for person in people]
    aside = _ASIDE.sub(" ", written)
    found += [one for one in _BRACKETED.findall(aside) if "@" in one]
    if _IN_BRACKETS.search(aside) is None or not any(person.domain for person in people):
        found += [f"@{one}" for one in _AFTER_AT.findall(aside)]
    return found


def _may_name(text: str, domains: frozenset[str]) -> bool:
    """False when no reading of a text can lead to these domains, as nearly always."""
    if not text.isascii() or "(" in text or "\\" in text or '"' in text.rpartition("@")[2]:
        return True
    squeezed = "".join(text.split()).casefold()
    return any(domain in squeezed for domain in domains)


def _domain(address: str) -> str:
    domain = "".join(address.rpartition("@")[2].split()).rstrip(".")
    try:
        return check_domain(domain)
    except BadSyntax:
        return domain.casefold()
