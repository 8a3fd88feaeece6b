"""The page around one file of a message: what it shows, and the files beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from markupsafe import Markup
from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.mime.header import dates
from mailserver.model.errors import Reason, Refused
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.service import Converted
from webui.http import raster
from webui.http.forms import positive
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words import plain
from webui.reader import message_parts
from webui.reader.content import plain_text, preview_kinds
from webui.reader.place import Place, place
from webui.reader.previews import preview_items

MAX_PICTURE = 10 * 1024 * 1024
MAX_PDF = 40 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is attached to another."""

    subject: str
    head: Sequence[tuple[str, str]]
    """Fields by their name in the reader's language."""
    body: Markup
    cut: bool
    pieces: Sequence[message_parts.Piece]


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """A file, and those beside it."""

    frame: MailShell
    place: Place
    piece: message_parts.Piece
    number: int
    """Its place among those that can be shown, from 1 on."""
    count: int
    before: message_parts.Piece | None
    after: message_parts.Piece | None
    said: str
    fault: str = ""
    """Why it cannot be shown, in words."""
    cut: bool = False
    """It goes on beyond what is shown."""
    items: preview_items.Items | None = None
    letter: Letter | None = None


async def show(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/apercu/{number}: the page around an attachment."""
    found, _ = await message_parts.load(services, visit, upto=0)
    root = unpack(found.parts)
    as_pages = bool(services.settings.previews.libreoffice)
    pieces = [piece for piece in message_parts.pieces(root, as_pages=as_pages) if piece.preview]
    number = visit.request.path_params["number"]
    at = next((at for at, piece in enumerate(pieces) if piece.number == number), None)
    part = root.find(number)
    if at is None or part is None:
        raise Refused(Reason.NOT_FOUND)
    page = PreviewPage(
        await surroundings(services, visit, found.box.id),
        place(visit, found),
        pieces[at],
        at + 1,
        len(pieces),
        pieces[at - 1] if at else None,
        pieces[at + 1] if at + 1 < len(pieces) else None,
        _said(visit),
    )
    page = await _filled(services, visit, page, part)
    return services.pages.answer(visit, "reader/preview.html", page)


async def _filled(services: Services, visit: Visit, page: PreviewPage, part: Part) -> PreviewPage:
    """The page with what has to be read of the file beforehand."""
    kind = page.piece.preview
    if kind in (preview_kinds.IMAGE, preview_kinds.PDF):
        async with message_parts.load_whole(services, visit) as (_, octets):
            good = await computed(part.size, _is_what_it_says, octets, part, kind)
        return page if good else replace(page, fault=_not_it(visit))
    if kind == preview_kinds.OFFICE:
        try:
            return replace(page, cut=(await office(services, visit, part)).cut)
        except Unreadable as why:
            return replace(page, fault=spoken(visit, why.fault))
    if kind == preview_kinds.PAGES:
        try:
            await pages(services, visit, part)
        except Unreadable as why:
            return replace(page, fault=spoken(visit, why.fault))
        return page
    if kind == preview_kinds.MESSAGE:
        async with message_parts.load_whole(services, visit) as (_, octets):
            return replace(page, letter=await computed(part.size, _letter, visit, octets, part.children[0]))
    if kind in (preview_kinds.EVENTS, preview_kinds.CARDS):
        read = preview_items.events if kind == preview_kinds.EVENTS else preview_items.cards
        items = await read(services, visit, partial(_taken, services, visit, part, _content))
        return replace(page, items=items, fault="" if items.count else _not_it(visit))
    return page


async def _taken(services: Services, visit: Visit, part: Part, read: Callable[[bytes, Part], bytes]) -> bytes:
    """What is converted, once its message has been let go of: that takes a while, and large messages have few turns."""
    async with message_parts.load_whole(services, visit) as (_, octets):
        return await computed(part.size, read, octets, part)


def _is_what_it_says(octets: bytes, part: Part, kind: str) -> bool:
    start = part.content(octets, 4096)
    if kind == preview_kinds.PDF:
        return start.startswith(b"%PDF-") and part.size < MAX_PDF * 2
    return bool(raster.sniffed(start)) and part.size < MAX_PICTURE * 2


async def office(services: Services, visit: Visit, part: Part) -> Converted:
    """An office file as HTML that nobody has cleaned yet. Raises Unreadable, Temporary."""
    kind = preview_kinds.CONVERTERS[preview_kinds.ending(part)]
    take = partial(_taken, services, visit, part, _text if kind == "csv" else _content)
    return await services.previews.convert(visit.account_id, kind, visit.language.code, take)


async def pages(services: Services, visit: Visit, part: Part) -> bytes:
    """An old office file as PDF. Raises Unreadable, Temporary."""
    program = Path(services.settings.previews.libreoffice)
    take = partial(_taken, services, visit, part, _content)
    return await services.previews.pages(visit.account_id, program, preview_kinds.ending(part), take)


def _content(octets: bytes, part: Part) -> bytes:
    return part.content(octets)


def _text(octets: bytes, part: Part) -> bytes:
    return text(octets, part).encode("utf-8", "replace")


def text(octets: bytes, part: Part, limit: int = 4_000_000) -> str:
    """A text file: by the mark at its start, else by the charset it names, else by what its octets allow."""
    start = part.content(octets, 8)
    for mark, charset in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if start.startswith(mark):
            return part.content(octets, limit)[len(mark) :].decode(charset, "replace").replace("\r\n", "\n")
    return part.text(octets, limit)


def _letter(visit: Visit, octets: bytes, message: Part) -> Letter:
    """An attached message as text: nothing of it is fetched, and its links are those one can read."""
    _ = visit._
    named = (("from", _("De")), ("to", _("À")), ("cc", _("Cc")))
    head = []
    for name, word in named:
        people = message_parts.addressed(octets, message, name)[: message_parts.MAX_PEOPLE_SHOWN]
        if people:
            shown = (f"{one.display} <{one.address}>" if one.display else one.address for one in people)
            head.append((word, plain.line(", ".join(shown), 2000)))
    moment = dates.parse(message.header(octets, "date"))
    if moment:
        head.append((_("Date"), visit.language.long_date(moment.instant)))
    text = plain_text.readable(octets, message)
    return Letter(
        plain.line(message.header(octets, "subject"), 1000),
        head,
        plain_text.render(text, f"{visit.base}/ecrire?a="),
        len(text) > plain_text.MAX_SHOWN,
        message_parts.pieces(message),
    )


# ---------------------------------------------------------------------- in words


def _not_it(visit: Visit) -> str:
    return visit._("Ce fichier n’est pas ce que son type annonce, ou il est abîmé : il ne peut qu’être enregistré.")


def spoken(visit: Visit, fault: Fault) -> str:
    """Why a file cannot be shown."""
    _ = visit._
    return {
        Fault.BROKEN: _not_it(visit),
        Fault.ENCRYPTED: _("Ce fichier est protégé par un mot de passe : enregistrez-le pour l’ouvrir."),
        Fault.UNOPENED: _("Ce fichier est abîmé, ou protégé par un mot de passe : enregistrez-le pour l’ouvrir."),
        Fault.NO_PROGRAM: _("L’aperçu de ces fichiers ne marche pas en ce moment : enregistrez-le pour l’ouvrir."),
        Fault.TOO_BIG: _("Ce fichier est trop gros ou trop long à lire pour un aperçu : enregistrez-le pour l’ouvrir."),
    }[fault]


def _said(visit: Visit) -> str:
    """What was just done with what the file holds: only our own words, never the address's."""
    count = min(positive(visit.query("n")), 999_999)
    ngettext = visit.language.texts.ngettext
    sentences = {
        "agenda": ngettext("%(n)s événement ajouté à votre agenda.", "%(n)s événements ajoutés à votre agenda.", count),
        "contacts": ngettext("%(n)s contact ajouté.", "%(n)s contacts ajoutés.", count),
        "deja-agenda": visit._("Tout était déjà dans cet agenda : rien n’a changé."),
        "deja-contacts": visit._("Tout était déjà dans ce carnet : rien n’a changé."),
        "plein": visit._("Il n’y a plus de place : une partie seulement a été ajoutée, ou rien."),
        "refus": visit._("Le contenu de ce fichier n’a pas pu être ajouté."),
    }
    found = sentences.get(visit.query("dit"), "")
    return found % {"n": visit.language.number(count)} if found else ""
