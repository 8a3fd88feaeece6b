"""BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2) of a tree of entities, written once at delivery.

Types, subtypes, parameter names, encodings and dispositions are written in lower case; parameter values
as they stand in the header, RFC 2231 forms included: clients join and decode those themselves.
"""

from mailserver.mime import envelope, headers, parameters
from mailserver.mime.envelope import nstring, quote
from mailserver.mime.parsing import Entity


def structure(root: Entity) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE."""
    basic: list[str] = []
    extended: list[str] = []
    _entity(root, basic, extended)
    return "".join(basic).encode("ascii"), "".join(extended).encode("ascii")


def _entity(entity: Entity, basic: list[str], extended: list[str]) -> None:
    if entity.is_multipart:
        _multipart(entity, basic, extended)
        return
    fields = entity.fields
    head = (
        f"({quote(entity.main)} {quote(entity.subtype)} {_parameters(entity.parameters)} "
        f"{nstring(fields.get(b'content-id'))} {nstring(fields.get(b'content-description'))} "
        f"{quote(entity.encoding)} {entity.end - entity.body}"
    )
    basic.append(head)
    extended.append(head)
    if entity.main == "text":
        lines = f" {entity.lines}"
        basic.append(lines)
        extended.append(lines)
    elif entity.is_message:
        message = entity.children[0]
        inner = f" {envelope.render(message.fields, message.mailboxes or {})} "
        basic.append(inner)
        extended.append(inner)
        _entity(message, basic, extended)
        lines = f" {entity.lines}"
        basic.append(lines)
        extended.append(lines)
    basic.append(")")
    extended.append(f" {nstring(fields.get(b'content-md5'))} {_extension(entity)})")


def _multipart(entity: Entity, basic: list[str], extended: list[str]) -> None:
    basic.append("(")
    extended.append("(")
    for child in entity.children:
        _entity(child, basic, extended)
    subtype = quote(entity.subtype)
    basic.append(f" {subtype})")
    extended.append(f" {subtype} {_parameters(entity.parameters)} {_extension(entity)})")


def _parameters(raw: parameters.Raw) -> str:
    if not raw:
        return "NIL"
    return f"({' '.join([f'{quote(name)} {quote(value)}' for name, value in raw])})"


def _extension(entity: Entity) -> str:
    """Disposition, language and location."""
    if entity.disposition is None:
        disposition = "NIL"
    else:
        disposition = f"({quote(entity.disposition[0])} {_parameters(entity.disposition[1])})"
    fields = entity.fields
    location = nstring(fields.get(b"content-location"))
    return f"{disposition} {_language(fields.get(b'content-language'))} {location}"


def _language(raw: bytes | None) -> str:
    if raw is None:
        return "NIL"
    tags = [tag for tag in headers.as_text(raw[:1000]).replace(",", " ").split() if tag]
    if not tags:
        return "NIL"
    if len(tags) == 1:
        return quote(tags[0])
    return f"({' '.join(map(quote, tags))})"
