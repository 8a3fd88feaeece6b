"""Groups of contacts: cards of kind `group` (RFC 6350 section 6.1.4) whose members are other cards by UID."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.addressbook import rewriting
from mailserver.addressbook.books import Entry, Stored, href_of
from mailserver.addressbook.card import Card
from mailserver.model.folding import search_key
from webui.compose.message.message_form import commas
from webui.contacts import card_form
from webui.contacts.page_context import Around, address_of, around, book_to_fill
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_MEMBERS = 1000
MAX_GROUPS = 100
"""That one form puts a contact into."""
MAX_TOGETHER = 50
"""Addresses that a link to write to all of them carries."""
MAX_TYPED = 20_000

Show = Callable[[Services, Visit, str], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A new group."""

    frame: MailShell
    around: Around
    name: str
    typed: str
    fault: str = ""


async def begin(services: Services, visit: Visit, name: str = "", typed: str = "", fault: str = "") -> Response:
    """GET /contacts/groupe."""
    page = GroupPage(await surroundings(services, visit), await around(services, visit, "contacts"), name, typed, fault)
    return services.pages.answer(visit, "contacts/group.html", page, 422 if fault else 200)


async def create(services: Services, visit: Visit) -> Response:
    """POST /contacts/groupe: a name, and contacts by name or address."""
    book = await book_to_fill(services, visit, visit.form.text("carnet"))
    uid = str(uuid.uuid4())
    draft = card_form.posted_group(visit, Card(uid=uid))
    typed = visit.form.text("ajouter")[:MAX_TYPED]
    entries = await services.books.entries(visit.account_id, book.name)
    found, unknown = await asyncio.to_thread(_found, entries, typed)
    fault = draft.faults.get("full_name", "") or _unknown(visit, unknown)
    if fault:
        return await begin(services, visit, draft.card.full_name, typed, fault)
    card = replace(draft.card, members=tuple(found)[:MAX_MEMBERS])
    await services.books.put(visit.account_id, book.name, href_of(uid), rewriting.rewrite((), card, visit.now))
    return redirect(visit, address_of(visit, book.name, href_of(uid)), **done("groupe-garde"))


async def change(services: Services, visit: Visit, stored: Stored, show: Show) -> Response:
    """A group gets another name, further contacts, or loses some."""
    form, card = visit.form, stored.card
    if form.has("retirer"):
        gone = set(form.every("retirer"))
        wanted = replace(card, members=tuple(uid for uid in card.members if uid not in gone))
    else:
        draft = card_form.posted_group(visit, card)
        entries = await services.books.entries(visit.account_id, stored.book.name)
        found, unknown = await asyncio.to_thread(_found, entries, form.text("ajouter")[:MAX_TYPED])
        fault = draft.faults.get("full_name", "") or _unknown(visit, unknown)
        if fault:
            return await show(services, visit, fault)
        members = tuple(dict.fromkeys((*card.members, *(uid for uid in found if uid != card.uid))))[:MAX_MEMBERS]
        wanted = replace(draft.card, members=members)
    await _save(services, visit, stored, wanted)
    return redirect(visit, address_of(visit, stored.book.name, stored.href), **done("groupe-garde"))


async def put_in(services: Services, visit: Visit, stored: Stored) -> Response:
    """A contact stands in the groups that are ticked and in no other of its book."""
    ticked, uid = set(visit.form.every("groupe")[:MAX_GROUPS]), stored.card.uid
    entries = await services.books.entries(visit.account_id, stored.book.name)
    for entry in [one for one in entries if one.card.is_group][:MAX_GROUPS]:
        if (uid in entry.card.members) == (entry.card.uid in ticked):
            continue
        group = await services.books.get(visit.account_id, entry.book, entry.href)
        others = tuple(member for member in group.card.members if member != uid)
        members = (*others, uid)[:MAX_MEMBERS] if entry.card.uid in ticked else others
        await _save(services, visit, group, replace(group.card, members=members))
    return redirect(visit, address_of(visit, stored.book.name, stored.href), **done("contact-garde"))


async def _save(services: Services, visit: Visit, stored: Stored, card: Card) -> None:
    """Raises Refused(CONFLICT) when a client was faster: the page says so, and nothing is lost."""
    lines = rewriting.rewrite(stored.lines, card, visit.now)
    await services.books.put(visit.account_id, stored.book.name, stored.href, lines, stored.etag)


def _found(entries: list[Entry], typed: str) -> tuple[list[str], list[str]]:
    """UIDs of the contacts that were named, one a line or between commas, and what names nobody, or several."""
    by_key: dict[str, list[str]] = {}
    for entry in entries:
        if not entry.card.is_group:
            for key in {search_key(entry.name), *(search_key(email.text) for email in entry.card.emails)}:
                by_key.setdefault(key, []).append(entry.card.uid)
    found: list[str] = []
    unknown: list[str] = []
    for piece in commas(typed).split(","):
        if piece.strip():
            uids = by_key.get(search_key(piece.strip()), [])
            (found if len(uids) == 1 else unknown).append(uids[0] if len(uids) == 1 else piece.strip())
    return found, unknown


def _unknown(visit: Visit, unknown: list[str]) -> str:
    if not unknown:
        return ""
    text = visit._("Aucun contact de ce carnet, ou plusieurs : %(names)s. Écrivez le nom entier ou l’adresse.")
    return text % {"names": ", ".join(one[:60] for one in unknown[:5])}
