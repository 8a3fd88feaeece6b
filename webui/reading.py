"""One message: its text, its formatted version in a frame, its attachments, its source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.mime import Part, unpack
from mailserver.mime.addresses import Mailbox, people
from mailserver.mime.addresses import parse as parse_addresses
from mailserver.mime.headers import as_text, fields
from mailserver.store import webmail
from mailserver.store.flags import SEEN
from mailserver.store.webmail import Edge, Line, Stored
from webui import frame, headers, htmlview, plaintext
from webui.effort import computed
from webui.forms import positive
from webui.frame import DRAFTS, Folder, Frame, surround
from webui.rendering import redirect
from webui.visit import COMPLETE, Services, Visit

TEXT_OCTETS = 4 * 1024 * 1024
"""Of a message's octets, what its text is looked for in: text comes before attachments."""
SOURCE_OCTETS = 256 * 1024
BESIDE = 20
"""Messages of the list shown on either side of the one that is read."""
MAX_PEOPLE_SHOWN = 100
INLINE_OCTETS = 10 * 1024 * 1024
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/bmp": (b"BM",),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a header field, as shown."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Piece:
    """An attachment."""

    number: str
    name: str
    type: str
    octets: int


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who, to whom, when, about what."""

    subject: str
    sender: Sequence[Person]
    to: Sequence[Person]
    cc: Sequence[Person]
    bcc: Sequence[Person]
    more: int
    """Recipients that are not listed."""
    date: float


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A message with its surroundings."""

    frame: Frame
    folder: Folder
    message: Stored
    head: Letterhead
    pieces: Sequence[Piece]
    body: Markup
    cut: bool
    has_formatted: bool
    formatted: bool
    """Show the formatted version, in its frame."""
    remote_images: int
    warnings: Sequence[str]
    targets: Sequence[Folder]
    list_query: str
    beside: Sequence[Line] = ()
    """The messages around it, in the complete interface."""


async def show(services: Services, visit: Visit) -> Response:
    """GET /message/{id}: the message as text, or (`forme=1`) its formatted version in a frame."""
    found, octets = await load(services, visit, upto=TEXT_OCTETS, neighbours=True)
    if found.box.special_use == DRAFTS:
        return redirect(visit, f"{visit.base}/ecrire/{found.id}")
    if not found.flags & SEEN and "prefetch" not in visit.request.headers.get("sec-purpose", ""):
        await services.store.write(webmail.flag, visit.account_id, found.box.id, [found.id], "+", ("\\Seen",))
        found = await services.store.read(webmail.stored, visit.account_id, found.id, found.box.id, neighbours=True)
    page = await _page(visit, found, octets)
    if visit.interface == COMPLETE:
        beside = await services.store.read(
            webmail.around, visit.account_id, found.box.id, Edge(found.date, found.uid), BESIDE
        )
        page = replace(page, beside=beside)
    return services.pages.answer(visit, "mail/read.html", page)


async def _page(visit: Visit, found: Stored, octets: bytes) -> ReadPage:
    root = unpack(found.parts)
    _, formatted = plaintext.body_parts(root)
    wanted = visit.query("forme") or ("1" if visit.preferences.formatted else "0")
    show_formatted = formatted is not None and wanted == "1"
    body, cut = Markup(), False
    remote, warnings = 0, list(_warnings(visit, octets, root, found))
    if show_formatted and formatted is not None:
        cleaned, lies = await computed(formatted.size, _cleaned, octets, formatted, _inline(visit, found.id, root))
        remote = cleaned.remote_images
        for shown, real in lies:
            warnings.append(
                visit._("Un lien affiche « %(shown)s » mais mène à « %(real)s ».") % {"shown": shown, "real": real}
            )
    else:
        body, cut = await computed(plaintext.weight(root), _text, octets, root, f"{visit.base}/ecrire?a=")
    around = surround(visit, found.boxes, found.box.id)
    folder = around.folder(found.box.id)
    targets = [other for other in around.folders if other.id != folder.id and other.use != DRAFTS]
    return ReadPage(
        around,
        folder,
        found,
        letterhead(octets, root, found),
        pieces(root),
        body,
        cut,
        formatted is not None,
        show_formatted,
        remote,
        warnings,
        targets,
        frame.query_string(d=found.box.id),
    )


def _text(octets: bytes, root: Part, compose: str) -> tuple[Markup, bool]:
    """The message as text for a page, and whether there is more of it."""
    text = plaintext.readable(octets, root)
    return plaintext.render(text, compose), len(text) > plaintext.MAX_SHOWN


def _cleaned(
    octets: bytes, part: Part, inline: Callable[[str], str]
) -> tuple[htmlview.Cleaned, tuple[tuple[str, str], ...]]:
    """The formatted version made safe, and its links that lie."""
    cleaned = htmlview.clean(part.text(octets, 3 * htmlview.MAX_OCTETS), inline)
    return cleaned, htmlview.suspicious_links(cleaned.html)


def _inline(visit: Visit, message: int, root: Part) -> Callable[[str], str]:
    """Where the part that a `cid:` names is served; empty for a name that no part has."""
    numbers = {part.content_id: part.number for part in root.walk() if part.content_id and part.number}

    def address(name: str) -> str:
        number = numbers.get(name)
        return f"{visit.base}/piece/{message}/{number}?image=1" if number else ""

    return address


def _warnings(visit: Visit, octets: bytes, root: Part, found: Stored) -> Sequence[str]:
    """What a careful reader would notice."""
    warnings = []
    answers = [mailbox.address.casefold() for mailbox in _field(octets, root, "reply-to")]
    if answers and found.sender_address.casefold() not in answers:
        warnings.append(
            visit._("Une réponse partira à %(address)s, qui n’est pas l’adresse de l’expéditeur.")
            % {"address": answers[0]}
        )
    if found.box.special_use == frame.JUNK:
        warnings.append(visit._("Ce message a été classé indésirable. Ne donnez jamais votre mot de passe en réponse."))
    return warnings


# ---------------------------------------------------------------------- parts of a message


async def load(
    services: Services, visit: Visit, *, upto: int | None = None, neighbours: bool = False
) -> tuple[Stored, bytes]:
    """The message of the address and its octets (no more than the first `upto`). Raises Refused(NOT_FOUND)."""
    content_id = int(visit.request.path_params["message"])
    hint = positive(visit.query("d"))
    found = await services.store.read(webmail.stored, visit.account_id, content_id, hint, neighbours=neighbours)
    folder = services.settings.data / "blobs"
    return found, await services.store.read(webmail.octets, visit.account_id, content_id, folder, upto)


def letterhead(octets: bytes, root: Part, found: Stored) -> Letterhead:
    """The header for people; at most MAX_PEOPLE_SHOWN of each field."""
    lists = {name: _field(octets, root, name) for name in ("from", "to", "cc", "bcc")}
    more = sum(max(0, len(lists[name]) - MAX_PEOPLE_SHOWN) for name in ("to", "cc", "bcc"))
    shown = {
        name: [Person(one.display, one.address) for one in entries[:MAX_PEOPLE_SHOWN]]
        for name, entries in lists.items()
    }
    date = found.sent_at or found.date
    return Letterhead(found.subject, shown["from"], shown["to"], shown["cc"], shown["bcc"], more, date)


def _field(octets: bytes, root: Part, name: str) -> list[Mailbox]:
    return [
        mailbox
        for field in fields(octets, root.start, root.body)
        if field.name == name
        for mailbox in people(parse_addresses(as_text(octets[field.value : field.end])))
    ]


def pieces(root: Part) -> list[Piece]:
    """The attachments, with the size they will have once decoded."""
    found = []
    for part in root.attachments():
        octets = part.size * 57 // 78 if part.encoding == "base64" else part.size
        found.append(Piece(part.number, part.filename or f"piece-{part.number}", part.type, octets))
    return found


# ---------------------------------------------------------------------- what is not a page of ours


async def body(services: Services, visit: Visit) -> Response:
    """GET /corps/{id}: the formatted version, for the sandboxed frame."""
    found, octets = await load(services, visit)
    root = unpack(found.parts)
    _, formatted = plaintext.body_parts(root)
    if formatted is None:
        raise Refused(Reason.NOT_FOUND)
    cleaned, _ = await computed(formatted.size, _cleaned, octets, formatted, _inline(visit, found.id, root))
    document = htmlview.document(cleaned.html, visit.language.code, visit._("Message mis en forme"))
    return services.pages.html(visit, document, policy=headers.BODY_POLICY)


async def piece(services: Services, visit: Visit) -> Response:
    """GET /piece/{id}/{number}: an attachment to save, or (`image=1`) an inline picture to show."""
    found, octets = await load(services, visit)
    part = unpack(found.parts).find(visit.request.path_params["number"])
    if part is None or part.is_multipart or not part.number:
        raise Refused(Reason.NOT_FOUND)
    data = await computed(part.size, part.content, octets)
    if visit.query("image") == "1" and len(data) <= INLINE_OCTETS and is_raster(part.type, data):
        return Response(data, headers=dict(headers.shown_image(visit.secure, part.type)))
    name = part.filename or f"piece-{part.number}"
    return Response(data, headers=headers.download(visit.secure, part.type, name))


def is_raster(media_type: str, data: bytes) -> bool:
    """True when the octets are what the type says: a picture that no browser takes for something else."""
    if media_type == "image/webp":
        return data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith(_MAGIC.get(media_type, ())) if media_type in _MAGIC else False


async def eml(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/eml: the message as it is stored."""
    found, octets = await load(services, visit)
    name = (found.subject or visit._("message")) + ".eml"
    return Response(octets, headers=headers.download(visit.secure, "message/rfc822", name))


@dataclass(frozen=True, slots=True)
class SourcePage:
    """The message as octets, the beginning of it."""

    frame: Frame
    message: Stored
    source: str
    cut: bool


async def source(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/source: header and body as they travelled."""
    found, octets = await load(services, visit, upto=SOURCE_OCTETS)
    text = octets[:SOURCE_OCTETS].decode("utf-8", "replace").replace("\r\n", "\n")
    page = SourcePage(surround(visit, found.boxes, found.box.id), found, text, found.size > SOURCE_OCTETS)
    return services.pages.answer(visit, "mail/source.html", page)


async def printable(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/imprimer: the message alone, for paper."""
    found, octets = await load(services, visit, upto=TEXT_OCTETS)
    return services.pages.answer(visit, "mail/print.html", await _page(visit, found, octets))
