"""FETCH answers, many messages a call (RFC 3501 section 7.4.2).

Attributes come as rows and leave as one string: formatting one long template does 10,000 lines in a few
milliseconds, where a call for each line would cost several times that. ENVELOPE, BODY and BODYSTRUCTURE
arrive rendered (they were at delivery) and are only put in their place. Body sections are literals whose
octets are handed on as they are, uncopied, as chunks of their own.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from time import gmtime

from imap.wire import strings
from imap.wire.fetch.fetch_items import Attribute, Coding, Octets, OnDisk, Section, Unknown
from imap.wire.flags import FlagNames
from mailserver.model.messages import objectids

Row = Sequence[int | bytes | str]
"""One message: its number, then one value for each attribute in the order asked."""

NAMES = (b"FETCH", b"UIDFETCH")
_DAY = 86_400
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

FORMS = {
    Attribute.UID: b"UID %d",
    Attribute.FLAGS: b"FLAGS (%b)",
    Attribute.INTERNALDATE: b"INTERNALDATE %b",
    Attribute.RFC822_SIZE: b"RFC822.SIZE %d",
    Attribute.MODSEQ: b"MODSEQ (%d)",
    Attribute.ENVELOPE: b"ENVELOPE %b",
    Attribute.BODY: b"BODY %b",
    Attribute.BODYSTRUCTURE: b"BODYSTRUCTURE %b",
    Attribute.SAVEDATE: b"SAVEDATE %b",
    Attribute.PREVIEW: b"PREVIEW %b",
    Attribute.EMAILID: b"EMAILID (%b)",
    Attribute.THREADID: b"THREADID %b",
}


@lru_cache(maxsize=4096)
def _day(days: int) -> bytes:
    """The date of a day counted from 1970: a mailbox holds far fewer days than messages."""
    year, month, day = gmtime(days * _DAY)[:3]
    return b"%2d-%b-%04d" % (day, _MONTHS[month - 1], year)


_MINUTES = [b"%02d:%02d" % divmod(minute, 60) for minute in range(24 * 60)]


def date_time(seconds: int) -> bytes:
    """A date-time in UTC, quoted (RFC 3501 section 9, date-time)."""
    rest = seconds % _DAY
    return b'"%b %b:%02d +0000"' % (_day(seconds // _DAY), _MINUTES[rest // 60], rest % 60)


def lines(attributes: Sequence[Attribute], rows: Sequence[Row], names: FlagNames, *, uid_only: bool = False) -> bytes:
    """One FETCH line for each row: (number, a value for each attribute); UIDFETCH and UIDs instead of numbers for a
    client that enabled UIDONLY (RFC 9586 section 3.3).

    Values: UID, RFC822.SIZE, MODSEQ are integers; FLAGS a mask; INTERNALDATE and SAVEDATE seconds since 1970; PREVIEW
    text; EMAILID the content's hash; THREADID message ids (`objectids.thread_id`); the others rendered octets.
    """
    if not rows:
        return b""
    template = _opening(tuple(attributes), uid_only) + b")\r\n"
    return (template * len(rows)) % _values(attributes, rows, names)


@lru_cache(maxsize=256)
def _opening(attributes: tuple[Attribute, ...], uid_only: bool) -> bytes:
    """A line's form up to its last attribute."""
    return b"* %%d %b (%b" % (NAMES[uid_only], b" ".join(FORMS[attribute] for attribute in attributes))


def _values(attributes: Sequence[Attribute], rows: Sequence[Row], names: FlagNames) -> tuple[int | bytes | str, ...]:
    """The rows' values one after the other, as their forms take them."""
    if not any(attribute is Attribute.FLAGS or attribute in _CONVERSIONS for attribute in attributes):
        return tuple(chain.from_iterable(rows))
    return tuple(chain.from_iterable(zip(*_columns(attributes, rows, names), strict=True)))


def _columns(
    attributes: Sequence[Attribute], rows: Sequence[Row], names: FlagNames
) -> list[tuple[int | bytes | str, ...]]:
    """The rows' values, all of an attribute together, as their forms take them."""
    columns = list(zip(*rows, strict=True))
    for place, attribute in enumerate(attributes, 1):
        convert = conversion(attribute)
        if attribute is Attribute.FLAGS:
            columns[place] = tuple(names.spell_all(columns[place]))
        elif convert is not None:
            columns[place] = tuple(map(convert, columns[place]))
    return columns


def conversion(attribute: Attribute) -> Callable[..., bytes] | None:
    """How a column's values, flags apart, become what its form takes; None when they are that already."""
    return _CONVERSIONS.get(attribute)


def _preview(text: str) -> bytes:
    """RFC 8970 section 3.2: UTF-8, whatever the client enabled, so a literal unless it is ASCII."""
    return strings.string(text.encode("utf-8"))


def _email_id(content_hash: bytes) -> bytes:
    return objectids.email_id(bytes(content_hash)).encode("ascii")


def _thread_id(ids: str) -> bytes:
    found = objectids.thread_id(ids)
    return b"NIL" if found is None else b"(%s)" % found.encode("ascii")


_CONVERSIONS: dict[Attribute, Callable[..., bytes]] = {
    Attribute.INTERNALDATE: date_time,
    Attribute.SAVEDATE: date_time,
    Attribute.PREVIEW: _preview,
    Attribute.EMAILID: _email_id,
    Attribute.THREADID: _thread_id,
}


def with_sections(
    attributes: Sequence[Attribute],
    row: Row,
    sections: Sequence[tuple[Section, Octets]],
    names: FlagNames,
    *,
    uid_only: bool = False,
) -> list[bytes | OnDisk]:
    """The FETCH line of one message with body sections, as chunks to write in order.

    `row` is as for `lines`. A section is given with its octets, already cut to its partial range; None says
    that the message has no such part, and is written as NIL. What cannot be decoded is left out, and of a message of
    which nothing else was asked there is no line (RFC 3516 section 4.3: the tagged NO tells).
    """
    head = _opening(tuple(attributes), uid_only) % _values(attributes, (row,), names)
    chunks: list[bytes | OnDisk] = []
    space = b" " if attributes else b""
    for section, octets in sections:
        if octets is Unknown.CTE:
            continue
        if section.coding is Coding.MEASURED:
            head += b"%b%b %d" % (space, section.label, len(octets or b""))
        elif octets is None:
            head += b"%b%b NIL" % (space, section.label)
        else:
            mark = b"~" if section.coding is Coding.UNDONE and _has_nul(octets) else b""
            chunks.append(b"%b%b%b %b{%d}\r\n" % (head, space, section.label, mark, len(octets)))
            chunks.append(octets)
            head = b""
        space = b" "
    if not space:
        return []
    chunks.append(head + b")\r\n")
    return chunks


def _has_nul(octets: bytes | OnDisk) -> bool:
    return octets.has_nul if isinstance(octets, OnDisk) else b"\0" in octets
