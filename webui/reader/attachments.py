"""Attachments as octets: alone in an answer that runs nothing, to save, and all of them at once.

The page around one is `webui.reader.previews.preview`.
"""

import zipfile
from collections.abc import Sequence
from functools import partial
from typing import IO

from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.model.errors import Reason, Refused
from mailserver.previews.faults import Unreadable
from webui.http import headers, raster
from webui.http.offload import computed
from webui.page import large_files
from webui.page.context import Services, Visit
from webui.page.words import plain
from webui.reader import message_parts
from webui.reader.content import office_view, plain_text, preview_kinds
from webui.reader.place import place
from webui.reader.previews import preview

MAX_TEXT = 300_000
"""Characters of a text that are shown."""
_PACKED = frozenset({"application/zip", "application/pdf", "video/mp4", "audio/mpeg"}) | raster.TYPES
"""What another compression would only cost time."""


async def view(services: Services, visit: Visit) -> Response:
    """GET /piece/{id}/{number}/voir: the attachment alone, in a response that can run nothing.

    A text is decoded here and sent as UTF-8, so that no browser guesses an alphabet in which it would be a page.
    """
    found, _ = await message_parts.load(services, visit, upto=0)
    part = _attachment(visit, unpack(found.parts))
    if part is None or not part.number:
        raise Refused(Reason.NOT_FOUND)
    name = message_parts.file_name(part)
    match preview_kinds.kind(part, as_pages=bool(services.settings.previews.libreoffice)):
        case preview_kinds.OFFICE:
            return await _office(services, visit, part, name)
        case preview_kinds.PAGES:
            return await _pages(services, visit, part, name)
    async with message_parts.load_whole(services, visit) as (_, octets):
        return await _shown(services, visit, octets, part, name)


def _attachment(visit: Visit, root: Part) -> Part | None:
    """The one of the address."""
    number = visit.request.path_params["number"]
    return next((part for part in root.attachments() if part.number == number), None)


async def _shown(services: Services, visit: Visit, octets: bytes, part: Part, name: str) -> Response:
    kind = preview_kinds.kind(part)
    if kind == preview_kinds.TEXT:
        text = (await computed(part.size, preview.text, octets, part))[:MAX_TEXT]
        fields = headers.shown(visit.secure, "text/plain; charset=utf-8", name, headers.TEXT_POLICY)
        return Response(text.encode("utf-8", "replace"), headers=fields)
    data = await computed(part.size, part.content, octets)
    if kind in (preview_kinds.SOUND, preview_kinds.VIDEO):
        fields = headers.shown(visit.secure, preview_kinds.MEDIA[preview_kinds.ending(part)], name, headers.TEXT_POLICY)
        return await large_files.send_ranges(services, visit, data, fields)
    if kind == preview_kinds.PDF and data.startswith(b"%PDF-"):
        fields = headers.shown(visit.secure, "application/pdf", name, headers.PDF_POLICY)
    elif kind == preview_kinds.IMAGE and len(data) <= preview.MAX_PICTURE and (sniffed := raster.sniffed(data)):
        fields = headers.shown(visit.secure, sniffed, name, headers.TEXT_POLICY)
    else:
        fields = headers.download(visit.secure, part.type, name)
    return await large_files.send(services, visit, data, fields)


async def _office(services: Services, visit: Visit, part: Part, name: str) -> Response:
    """An office file as a page for its frame."""
    try:
        made = await preview.office(services, visit, part)
    except Unreadable as why:
        return _unreadable(visit, why, name)
    cleaned = await computed(len(made.html), office_view.clean, made.html)
    document = office_view.document(cleaned, visit.language.code, name, preview_kinds.family(part))
    return services.pages.html(visit, document, policy=headers.OFFICE_POLICY)


async def _pages(services: Services, visit: Visit, part: Part, name: str) -> Response:
    """An old office file as PDF, for our reader or the browser's own."""
    try:
        made = await preview.pages(services, visit, part)
    except Unreadable as why:
        return _unreadable(visit, why, name)
    fields = headers.shown(visit.secure, "application/pdf", f"{name}.pdf", headers.PDF_POLICY)
    return await large_files.send(services, visit, made, fields)


def _unreadable(visit: Visit, why: Unreadable, name: str) -> Response:
    fields = headers.shown(visit.secure, "text/plain; charset=utf-8", name, headers.TEXT_POLICY)
    return Response(preview.spoken(visit, why.fault).encode(), 422, fields)


async def save(services: Services, visit: Visit) -> Response:
    """GET /piece/{id}/{number}: an attachment to save, or (`image=1`) an inline picture to show."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        part = unpack(found.parts).find(visit.request.path_params["number"])
        if part is None or part.is_multipart or not part.number:
            raise Refused(Reason.NOT_FOUND)
        data = await computed(part.size, part.content, octets)
        wanted = visit.query("image") == "1" and len(data) <= message_parts.INLINE_OCTETS
        if wanted and (kind := raster.sniffed(data)):
            return await large_files.send(services, visit, data, headers.shown_image(visit.secure, kind))
        name = message_parts.file_name(part)
        return await large_files.send(services, visit, data, headers.download(visit.secure, part.type, name))


async def eml(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/eml: the message as it is stored."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        name = (found.subject or visit._("message")) + ".eml"
        return await large_files.send(services, visit, octets, headers.download(visit.secure, "message/rfc822", name))


async def content_of(services: Services, visit: Visit, kind: str) -> tuple[bytes, str]:
    """The octets of the file that the address names, and the address of the page that shows it. Raises
    Refused(NOT_FOUND): it is of another kind, too."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        part = _attachment(visit, unpack(found.parts))
        if part is None or preview_kinds.kind(part) != kind:
            raise Refused(Reason.NOT_FOUND)
        at = place(visit, found)
        return await computed(part.size, part.content, octets), f"{at.here}/apercu/{part.number}?{at.query}"


# ---------------------------------------------------------------------- all at once


async def archive(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/pieces.zip: every attachment, in one archive."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        root = unpack(found.parts)
        shown = await computed(plain_text.weight(root), message_parts.shown_ids, octets, root)
        parts = [*root.attachments(), *message_parts.unshown(root, shown)]
        if not parts:
            raise Refused(Reason.NOT_FOUND)
        name = f"{plain.line(found.subject, 80) or visit._('pieces')}.zip"
        fields = headers.download(visit.secure, "application/zip", name)
        return await large_files.send_made(services, visit, partial(_zip, octets, parts), fields)


def _zip(octets: bytes, parts: Sequence[Part], file: IO[bytes]) -> int:
    taken: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as made:
        for part in parts:
            how = zipfile.ZIP_STORED if part.type in _PACKED else zipfile.ZIP_DEFLATED
            made.writestr(member_name(part, taken), part.content(octets), how)
    return file.tell()


def member_name(part: Part, taken: dict[str, int]) -> str:
    """A name in the archive: never a path, never one that an earlier attachment has.

    `taken`: the names so far, each with the number that was put behind it last: ten thousand of one name are named
    without trying ten thousand numbers for each.
    """
    kept = "".join(char for char in plain.line(part.filename, 150) if char.isprintable() and char not in '/\\:*?"<>|')
    name = kept.strip(". ") or message_parts.file_name(part)
    stem, dot, ending = name.rpartition(".")
    first = name.casefold()
    number = taken.get(first, 1)
    while name.casefold() in taken:
        number += 1
        name = f"{stem} ({number}){dot}{ending}" if dot else f"{ending} ({number})"
    taken[first] = number
    taken.setdefault(name.casefold(), 1)
    return name
