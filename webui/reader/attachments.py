"""Looking at an attachment without saving it, and saving all of them at once."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO

from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.model.errors import Reason, Refused
from mailserver.store.web.webmail import Stored
from webui.http import headers, raster
from webui.http.offload import computed
from webui.page import large_files, plain
from webui.page.context import Services, Visit
from webui.page.mail_shell import MailShell, surroundings
from webui.reader import message_parts
from webui.reader.place import Place, place

MAX_TEXT = 300_000
"""Characters of a text that are shown."""
MAX_PICTURE = 10 * 1024 * 1024
_PACKED = frozenset({"application/zip", "application/pdf", "video/mp4", "audio/mpeg"}) | raster.TYPES
"""What another compression would only cost time."""


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """An attachment, and those beside it."""

    frame: MailShell
    place: Place
    piece: message_parts.Piece
    kind: str
    """`image`, `pdf`, `texte`; empty when it is not what it says and cannot be shown."""
    before: message_parts.Piece | None
    after: message_parts.Piece | None


async def preview(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/apercu/{number}: the page around an attachment."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        return await _previewed(services, visit, found, octets)


async def _previewed(services: Services, visit: Visit, found: Stored, octets: bytes) -> Response:
    root = unpack(found.parts)
    all_pieces = [piece for piece in message_parts.pieces(root) if piece.preview]
    number = visit.request.path_params["number"]
    at = next((at for at, piece in enumerate(all_pieces) if piece.number == number), None)
    part = root.find(number)
    if at is None or part is None:
        raise Refused(Reason.NOT_FOUND)
    piece = all_pieces[at]
    kind = piece.preview if await computed(part.size, _is_what_it_says, octets, part, piece.preview) else ""
    page = PreviewPage(
        await surroundings(services, visit, found.box.id),
        place(visit, found),
        piece,
        kind,
        all_pieces[at - 1] if at else None,
        all_pieces[at + 1] if at + 1 < len(all_pieces) else None,
    )
    return services.pages.answer(visit, "reader/preview.html", page)


def _is_what_it_says(octets: bytes, part: Part, kind: str) -> bool:
    if kind == "texte":
        return True
    start = part.content(octets, 4096)
    return start.startswith(b"%PDF-") if kind == "pdf" else bool(raster.sniffed(start)) and part.size < MAX_PICTURE * 2


async def view(services: Services, visit: Visit) -> Response:
    """GET /piece/{id}/{number}/voir: the attachment alone, in a response that can run nothing.

    A text is decoded here and sent as UTF-8, so that no browser guesses an alphabet in which it would be a page.
    """
    async with message_parts.load_whole(services, visit) as (found, octets):
        return await _shown(services, visit, found, octets)


async def _shown(services: Services, visit: Visit, found: Stored, octets: bytes) -> Response:
    part = unpack(found.parts).find(visit.request.path_params["number"])
    if part is None or not part.is_attachment or not part.number:
        raise Refused(Reason.NOT_FOUND)
    kind = message_parts.preview_kind(part)
    name = plain.line(part.filename, 200) or f"piece-{part.number}"
    if kind == "texte":
        text = (await computed(part.size, part.text, octets, MAX_TEXT * 4))[:MAX_TEXT]
        fields = headers.shown(visit.secure, "text/plain; charset=utf-8", name, headers.TEXT_POLICY)
        return Response(text.encode("utf-8", "replace"), headers=fields)
    data = await computed(part.size, part.content, octets)
    if kind == "pdf" and data.startswith(b"%PDF-"):
        fields = headers.shown(visit.secure, "application/pdf", name, headers.PDF_POLICY)
    elif kind == "image" and len(data) <= MAX_PICTURE and (sniffed := raster.sniffed(data)):
        fields = headers.shown(visit.secure, sniffed, name, headers.TEXT_POLICY)
    else:
        fields = headers.download(visit.secure, part.type, name)
    return await large_files.send(services, visit, data, fields)


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
        name = plain.line(part.filename, 200) or f"piece-{part.number}"
        return await large_files.send(services, visit, data, headers.download(visit.secure, part.type, name))


async def eml(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/eml: the message as it is stored."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        name = (found.subject or visit._("message")) + ".eml"
        return await large_files.send(services, visit, octets, headers.download(visit.secure, "message/rfc822", name))


# ---------------------------------------------------------------------- all at once


async def archive(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/pieces.zip: every attachment, in one archive."""
    async with message_parts.load_whole(services, visit) as (found, octets):
        parts = unpack(found.parts).attachments()
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
    name = kept.strip(". ") or f"piece-{part.number}"
    stem, dot, ending = name.rpartition(".")
    first = name.casefold()
    number = taken.get(first, 1)
    while name.casefold() in taken:
        number += 1
        name = f"{stem} ({number}){dot}{ending}" if dot else f"{ending} ({number})"
    taken[first] = number
    taken.setdefault(name.casefold(), 1)
    return name
