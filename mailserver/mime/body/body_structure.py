"""BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2) of a tree of entities, written once at delivery.

Types, subtypes, parameter names, encodings and dispositions are written in lower case; parameter values as they stand
in the header, but for continuations, which are joined (RFC 2231 section 6). Clients decode charsets themselves.
"""

import re

from mailserver.mime.body.parser import Entity
from mailserver.mime.header import envelope, headers, parameters
from mailserver.mime.header.envelope import Quote, nstring, quote

_COMMENT = re.compile(r"\([^()]*+\)")
"""In a list of languages (RFC 3282 section 2)."""


def structure(root: Entity, spell: Quote = quote) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE."""
    basic: list[str] = []
    extended: list[str] = []
    _entity(root, basic, extended, spell)
    return "".join(basic).encode("utf-8"), "".join(extended).encode("utf-8")


def _entity(entity: Entity, basic: list[str], extended: list[str], spell: Quote) -> None:
    if entity.is_multipart:
        _multipart(entity, basic, extended, spell)
        return
    fields = entity.fields
    head = (
        f"({spell(entity.main)} {spell(entity.subtype)} {_parameters(entity.parameters, spell)} "
        f"{nstring(fields.get(b'content-id'), spell)} {nstring(fields.get(b'content-description'), spell)} "
        f"{spell(entity.encoding)} {entity.end - entity.body}"
    )
    basic.append(head)
    extended.append(head)
    if entity.main == "text":
        lines = f" {entity.lines}"
        basic.append(lines)
        extended.append(lines)
    elif entity.is_message and (entity.subtype == "rfc822" or spell is not quote):
        # message/global is shown as a message to whoever takes UTF-8 (RFC 9051 section 7.5.2), to others as a file.
        message = entity.children[0]
        inner = f" {envelope.render(message.fields, message.mailboxes or {}, spell)} "
        basic.append(inner)
        extended.append(inner)
        _entity(message, basic, extended, spell)
        lines = f" {entity.lines}"
        basic.append(lines)
        extended.append(lines)
    basic.append(")")
    extended.append(f" {nstring(fields.get(b'content-md5'), spell)} {_extension(entity, spell)})")


def _multipart(entity: Entity, basic: list[str], extended: list[str], spell: Quote) -> None:
    basic.append("(")
    extended.append("(")
    for child in entity.children:
        _entity(child, basic, extended, spell)
    subtype = spell(entity.subtype)
    basic.append(f" {subtype})")
    extended.append(f" {subtype} {_parameters(entity.parameters, spell)} {_extension(entity, spell)})")


def _parameters(raw: parameters.Raw, spell: Quote) -> str:
    if not raw:
        return "NIL"
    return f"({' '.join([f'{spell(name)} {spell(value)}' for name, value in parameters.joined(raw)])})"


def _extension(entity: Entity, spell: Quote) -> str:
    """Disposition, language and location."""
    if entity.disposition is None:
        disposition = "NIL"
    else:
        disposition = f"({spell(entity.disposition[0])} {_parameters(entity.disposition[1], spell)})"
    fields = entity.fields
    location = nstring(fields.get(b"content-location"), spell)
    return f"{disposition} {_language(fields.get(b'content-language'), spell)} {location}"


def _language(raw: bytes | None, spell: Quote) -> str:
    if raw is None:
        return "NIL"
    tags = _COMMENT.sub(" ", headers.as_text(raw[:1000])).replace(",", " ").split()
    if not tags:
        return "NIL"
    if len(tags) == 1:
        return spell(tags[0])
    return f"({' '.join(map(spell, tags))})"
