"""Messages of eight bits in seven (RFC 6152 section 3, RFC 2045 section 6), for servers that take no others.

Bodies become quoted-printable or base64, header fields of raw UTF-8 what ASCII has for them (`ascii_header`). Every
part decodes to what it did: that is read back before anything is given out. What is signed as it is (RFC 1847), and
what no encoding may be applied to (RFC 2046 section 5.2), is never written again.
"""

from collections.abc import Iterator

from mailserver.mime.body import parser
from mailserver.mime.body.parser import Entity
from mailserver.mime.header import headers, parameters
from mailserver.mime.header.transfer_encoding import decode
from mailserver.mime.writing import ascii_header, compose
from mailserver.mime.writing.ascii_header import CannotBeAscii

PIECE = 64 * 1024
SIGNED = ("dkim-signature", "arc-message-signature", "arc-seal")
"""Fields that stop being true when the message is written anew."""
_AS_IT_IS = frozenset(("7bit", "8bit", "binary"))
_LONGEST = 1.4
_ANYWAY = 60
"""How many times longer than its text, and octets besides, quoted-printable may be: beyond it is no easier to read."""
_VERSION = b"MIME-Version: 1.0\r\n"
_ABOVE_ASCII = bytes(range(128)) + b"?" * 128


def downgrade(octets: bytes) -> bytes | None:
    """The message in ASCII, each part decoding to what it did; the message itself where it is that.

    None: there is no such message, or something in it is signed. Two passes over the octets: for a thread.
    """
    if octets.isascii():
        return octets
    root = parser.parse(octets)
    if any(True for _ in headers.named(octets, root.start, root.body, *SIGNED)):
        return None
    try:
        written = b"".join(_entity(octets, root, is_message=True))
    except CannotBeAscii:
        return None
    return written if written.isascii() and _same(octets, root, written, parser.parse(written)) else None


def _entity(octets: bytes, entity: Entity, *, is_message: bool) -> Iterator[bytes]:
    """An entity in pieces. Raises CannotBeAscii."""
    whole = octets[entity.start : entity.end]
    if whole.isascii():
        yield whole
    elif entity.children:
        yield from _composite(octets, entity, is_message=is_message)
    else:
        yield from _leaf(octets, entity, is_message=is_message)


def _composite(octets: bytes, entity: Entity, *, is_message: bool) -> Iterator[bytes]:
    """What stands before, between and behind parts is for nobody (RFC 2046 section 5.1.1)."""
    if entity.is_multipart and entity.subtype == "signed":
        raise CannotBeAscii
    if entity.encoding not in _AS_IT_IS:
        raise CannotBeAscii
    yield _header(octets[entity.start : entity.body], "", is_message=is_message)
    last = entity.body
    for child in entity.children:
        yield octets[last : child.start].translate(_ABOVE_ASCII)
        yield from _entity(octets, child, is_message=entity.is_message)
        last = child.end
    yield octets[last : entity.end].translate(_ABOVE_ASCII)


def _leaf(octets: bytes, entity: Entity, *, is_message: bool) -> Iterator[bytes]:
    header, body = octets[entity.start : entity.body], octets[entity.body : entity.end]
    if body.isascii():
        yield _header(header, None, is_message=is_message)
        yield body
        return
    if entity.encoding not in _AS_IT_IS or _is_composite(entity):
        raise CannotBeAscii
    encoding, encoded = _encoded(entity, body)
    yield _header(header, encoding, is_message=is_message)
    yield encoded


def _encoded(entity: Entity, body: bytes) -> tuple[str, bytes]:
    """Text stays readable where it is text: lines that CRLF ends."""
    if entity.main == "text" and body.count(b"\r\n") == body.count(b"\n") == body.count(b"\r"):
        quoted = b"".join([compose.quoted_printable(piece.replace(b"\r\n", b"\n")) for piece in _pieces(body)])
        if len(quoted) <= _LONGEST * len(body) + _ANYWAY:
            return "quoted-printable", quoted
    return "base64", compose.base64(body)


def _is_composite(entity: Entity) -> bool:
    """Whether a part without parts says that it is made of some."""
    declared = entity.fields.get(b"content-type")
    media = parameters.media_type(headers.as_text(declared)) if declared is not None else None
    return (media[0] if media is not None else entity.main) in ("multipart", "message")


def _header(header: bytes, encoding: str | None, *, is_message: bool) -> bytes:
    """A header in ASCII that names an encoding; empty: none is said, and seven bits are meant; None: as it is said."""
    kept: list[bytes] = []
    last = 0
    versioned = not is_message
    for field in headers.fields(header, 0, len(header)):
        kept.append(header[last : field.start])
        versioned = versioned or field.name == "mime-version"
        if encoding is None or field.name != "content-transfer-encoding":
            kept.append(
                ascii_header.written(field.name, header[field.start : field.end], header[field.value : field.end])
            )
        last = field.end
    said = f"Content-Transfer-Encoding: {encoding}\r\n".encode() if encoding else b""
    # New fields stand first: whatever else the header holds, they are read.
    return b"".join([_VERSION if encoding and not versioned else b"", said, *kept, header[last:]])


def _same(one: bytes, old: Entity, other: bytes, new: Entity) -> bool:
    """Whether two messages have the same parts, each with the same content."""
    if _kind(old) != _kind(new) or len(old.children) != len(new.children):
        return False
    if old.children:
        return all(_same(one, a, other, b) for a, b in zip(old.children, new.children, strict=True))
    content, again = one[old.body : old.end], other[new.body : new.end]
    if old.encoding == new.encoding and content == again:
        return True
    return _decoded(content, old.encoding) == _decoded(again, new.encoding)


def _decoded(octets: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return b"".join([decode(piece, encoding) for piece in _pieces(octets)])
    return decode(octets, encoding)


def _pieces(octets: bytes) -> Iterator[bytes]:
    """Whole lines, as many as are encoded or decoded at once: other threads run in between."""
    start = 0
    while start < len(octets):
        end = octets.rfind(b"\n", start, start + PIECE) + 1 or octets.find(b"\n", start) + 1 or len(octets)
        yield octets[start:end]
        start = end


def _kind(entity: Entity) -> tuple[object, ...]:
    disposition = entity.disposition
    return (
        entity.main,
        entity.subtype,
        parameters.decode(entity.parameters),
        disposition and (disposition[0], parameters.decode(disposition[1])),
    )
