"""Messages with NUL, which IMAP's strings cannot carry, made textual without loss (RFC 3516 section 4.4).

MIME lets NUL stand in one place only: in the body of a part that no transfer encoding was applied to (`binary`, RFC
2045 section 6.2). Such a body becomes base64, and its header says so; nothing else of the message changes. Where NUL
stands anywhere else no legal message says the same.
"""

from collections.abc import Iterator, Sequence

from mailserver.mime.body import parser
from mailserver.mime.body.parser import Entity
from mailserver.mime.header import headers, parameters
from mailserver.mime.writing import compose

NUL = b"\0"
_AS_IT_IS = frozenset(("7bit", "8bit", "binary"))
_ENCODING = b"Content-Transfer-Encoding: base64\r\n"
_VERSION = b"MIME-Version: 1.0\r\n"


def textual(octets: bytes) -> bytes | None:
    """The message without NUL, each part decoding to what it did; the message itself where it has none.

    None when there is no such message: NUL stands in a header, between parts, in octets that are encoded already, in a
    message/* part (RFC 2046 section 5.2) or in what was signed as it is (RFC 1847 section 2.1). Two passes over the
    octets: for a thread when they are many.
    """
    if NUL not in octets:
        return octets
    root = parser.parse(octets)
    written = b"".join(_written(octets, root))
    return written if NUL not in written and _same(octets, root, written, parser.parse(written)) else None


def _written(octets: bytes, root: Entity) -> Iterator[bytes]:
    """The message in pieces, with what holds NUL and may be encoded in base64."""
    last = 0
    for entity, is_message in _encodable(root, is_message=True):
        if octets.find(NUL, entity.body, entity.end) >= 0:
            yield octets[last : entity.start]
            yield _header(octets[entity.start : entity.body], is_message=is_message)
            yield compose.base64(octets[entity.body : entity.end])
            last = entity.end
    yield octets[last:]


def _encodable(entity: Entity, *, is_message: bool) -> Iterator[tuple[Entity, bool]]:
    """The parts that may be encoded, in order, each with whether its header is that of a message."""
    if entity.children:
        if not (entity.is_multipart and entity.subtype == "signed"):
            for child in entity.children:
                yield from _encodable(child, is_message=entity.is_message)
    elif entity.encoding in _AS_IT_IS and not _is_composite(entity):
        yield entity, is_message


def _is_composite(entity: Entity) -> bool:
    """Whether a part without parts says that it is made of some; past the bounds of `parser` it is not divided."""
    declared = entity.fields.get(b"content-type")
    media = parameters.media_type(headers.as_text(declared)) if declared is not None else None
    return (media[0] if media is not None else entity.main) in ("multipart", "message")


def _header(header: bytes, *, is_message: bool) -> bytes:
    """A header that says base64. New fields stand first: whatever else it holds, they are read."""
    kept: list[bytes] = []
    last = 0
    versioned = not is_message
    for field in headers.fields(header, 0, len(header)):
        versioned = versioned or field.name == "mime-version"
        if field.name == "content-transfer-encoding":
            kept.append(header[last : field.start])
            last = field.end
    return b"".join([b"" if versioned else _VERSION, _ENCODING, *kept, header[last:]])


def _same(one: bytes, old: Entity, other: bytes, new: Entity) -> bool:
    """Whether two messages have the same parts, each with the same content."""
    if _kind(old) != _kind(new) or len(old.children) != len(new.children):
        return False
    if old.children:
        return all(_same(one, a, other, b) for a, b in zip(old.children, new.children, strict=True))
    content = one[old.body : old.end]
    if old.encoding != new.encoding:
        content = compose.base64(content)
    return content == other[new.body : new.end]


def _kind(entity: Entity) -> Sequence[object]:
    return entity.main, entity.subtype, entity.parameters, entity.disposition
