"""The books themselves: make, rename, delete, share, leave; and contacts that may be one person, to be merged."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.addressbook import alike
from mailserver.addressbook.books import MAX_TITLE, Book, Entry
from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_grants, agendas
from webui import granting
from webui.contacts.page_context import Around, address_of, around, home
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.avatars import initials
from webui.page.shell.mail_shell import MailShell, surroundings

SETS = 20
"""Sets of one page: merging one shows the next."""


@dataclass(frozen=True, slots=True)
class BooksPage:
    """Every book."""

    frame: MailShell
    around: Around
    others: Mapping[int, int]
    """With how many people each is shared, by id."""
    limit: int = MAX_TITLE
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SharePage:
    """Who else sees one book, and a form to let others in."""

    frame: MailShell
    around: Around
    shelf: Book
    sharing: granting.Sharing


@dataclass(frozen=True, slots=True)
class Alike:
    """Contacts that may be the same."""

    entries: tuple[tuple[Entry, str], ...]
    """Each with its initials."""


@dataclass(frozen=True, slots=True)
class AlikePage:
    """Sets of contacts that may be the same."""

    frame: MailShell
    around: Around
    sets: tuple[Alike, ...]
    total: int
    fault: str = ""


async def show_books(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /contacts/carnets."""
    others = await services.store.read(agenda_grants.counts, visit.account_id)
    place = await around(services, visit, "carnets")
    page = BooksPage(await surroundings(services, visit), place, others, fault=fault)
    return services.pages.answer(visit, "contacts/books.html", page, 422 if fault else 200)


async def change(services: Services, visit: Visit) -> Response:
    """POST /contacts/carnets."""
    form, _, account_id = visit.form, visit._, visit.account_id
    name = form.text("carnet")[:300]
    try:
        match form.text("faire"):
            case "creer":
                await services.books.create(account_id, form.text("titre"))
            case "renommer":
                await services.books.rename(account_id, name, form.text("titre"))
            case "supprimer":
                if not form.has("confirme"):
                    return await show_books(services, visit, _("Cochez la case pour confirmer la suppression."))
                await services.books.drop(account_id, name, form.number("version"))
                return redirect(visit, f"{home(visit)}/carnets", **done("carnet-supprime"))
            case "quitter":
                await services.store.write(agenda_grants.leave, account_id, form.number("numero"), visit.origin)
                return redirect(visit, f"{home(visit)}/carnets", **done("carnet-quitte"))
    except Refused as refusal:
        texts = {
            Reason.INVALID: _("Donnez un nom d’une à cent lettres."),
            Reason.LIMIT: _("Vous avez déjà trop de carnets et d’agendas."),
            Reason.CONFLICT: _("Ce carnet a changé entre-temps : il n’est pas supprimé. Relisez-le d’abord."),
        }
        if refusal.reason not in texts:
            raise
        return await show_books(services, visit, texts[refusal.reason])
    return redirect(visit, f"{home(visit)}/carnets", **done("carnet-garde"))


async def shared(services: Services, visit: Visit, asked: granting.Asked = granting.NOTHING) -> Response:
    """GET /contacts/carnets/{shelf}/partage."""
    book = await _own(services, visit)
    sharing = await granting.sharing(services, visit, book.id, asked, granting.FOR_BOOKS)
    page = SharePage(await surroundings(services, visit), await around(services, visit, "carnets"), book, sharing)
    return services.pages.answer(visit, "contacts/share.html", page, 422 if asked.fault else 200)


async def share(services: Services, visit: Visit) -> Response:
    """POST /contacts/carnets/{shelf}/partage."""
    book = await _own(services, visit)
    held = await services.store.read(agendas.by_id, visit.account_id, book.id)
    if held is None:
        raise Refused(Reason.NOT_FOUND)
    asked, did = await granting.change(services, visit, held)
    if asked is not None:
        return await shared(services, visit, asked)
    return redirect(visit, f"{home(visit)}/carnets/{book.id}/partage", **done(did))


async def _own(services: Services, visit: Visit) -> Book:
    """The book of one's own that the address names. Raises Refused(NOT_FOUND)."""
    wanted = int(visit.request.path_params["shelf"])
    books = await services.books.books(visit.account_id)
    found = next((book for book in books if book.id == wanted and not book.owner), None)
    if found is None:
        raise Refused(Reason.NOT_FOUND, "No such address book")
    return found


async def alike_ones(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /contacts/doublons."""
    entries = await services.books.entries(visit.account_id, own=True)
    found = await asyncio.to_thread(alike.sets, entries)
    page = AlikePage(
        await surroundings(services, visit),
        await around(services, visit, "doublons"),
        tuple(Alike(tuple((one, initials(one.name)) for one in group[: alike.MAX_TOGETHER])) for group in found[:SETS]),
        len(found),
        fault,
    )
    return services.pages.answer(visit, "contacts/alike.html", page, 422 if fault else 200)


async def merge(services: Services, visit: Visit) -> Response:
    """POST /contacts/doublons: the ticked cards become the first of them."""
    _ = visit._
    ticked = [tuple(one.split("|", 2)) for one in visit.form.every("fiche")[: alike.MAX_TOGETHER]]
    cards = [(one[0], one[1], one[2]) for one in ticked if len(one) == 3]
    if len(cards) < 2:
        return await alike_ones(services, visit, _("Cochez au moins deux fiches à réunir."))
    try:
        stored = [await services.books.get(visit.account_id, book, href) for book, _etag, href in cards]
        if any(one.etag != etag for one, (_book, etag, _href) in zip(stored, cards, strict=True)):
            raise Refused(Reason.CONFLICT)
        lines = alike.merged([one.lines for one in stored], visit.now)
        first, *others = stored
        gone = [(other.book.name, other.href, other.etag) for other in others]
        await services.books.merge(visit.account_id, first.book.name, (first.href, lines, first.etag), gone)
    except Refused as refusal:
        if refusal.reason not in (Reason.CONFLICT, Reason.NOT_FOUND, Reason.TOO_BIG, Reason.INVALID):
            raise
        text = _("Une de ces fiches a changé entre-temps, ou elles ne tiennent pas en une seule. Rien n’est changé.")
        return await alike_ones(services, visit, text)
    return redirect(visit, address_of(visit, first.book.name, first.href), **done("fusion"))
