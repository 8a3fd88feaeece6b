"""One card: to read, to make, to change, to delete; and the page when somebody else was faster."""

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from starlette.responses import Response

from mailserver.addressbook import card as reading
from mailserver.addressbook import merging, pictures, rewriting
from mailserver.addressbook.books import Entry, Stored, href_of
from mailserver.addressbook.card import Card, Value
from mailserver.addressbook.contentlines import Line
from mailserver.model.errors import Reason, Refused
from webui.contacts import card_form, groups
from webui.contacts.card_form import Draft
from webui.contacts.page_context import Around, address_of, around, book_to_fill, home, kinds, over
from webui.http import headers
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.avatars import initials
from webui.page.shell.mail_shell import MailShell, surroundings

LOOKED_UP = 3
"""Addresses of a card that are looked for in the directory."""
MAX_ELSEWHERE = 50
"""Cards of the same person in other books that are told."""
SPARE = 2
"""Empty lines for further addresses and numbers."""


@dataclass(frozen=True, slots=True)
class CardPage:
    """A card to read."""

    frame: MailShell
    around: Around
    stored: Stored
    card: Card
    initials: str
    birthday: str
    changed: str
    groups: tuple[Entry, ...]
    """Those that the contact is in."""
    all_groups: tuple[Entry, ...]
    members: tuple[Entry, ...]
    elsewhere: tuple[tuple[Entry, str], ...]
    """Cards of other books with an address of this one."""
    listed: str
    """Their address in the directory, as far as one sees it."""
    missing: int
    """Members of a group whose cards are gone."""
    everyone: str
    kinds: dict[str, str]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FormPage:
    """A card to write."""

    frame: MailShell
    around: Around
    action: str
    back: str
    title: str
    draft: Draft
    book: str
    etag: str
    is_new: bool
    kinds: tuple[tuple[str, str], ...]
    spare: int = SPARE
    fault: str = ""
    conflict: tuple[tuple[str, str, str], ...] = ()
    """What is different in the version that somebody else has saved: field, mine, theirs."""
    overtaken: bool = False
    """Somebody else saved it meanwhile."""
    gone: bool = False
    """Somebody else has deleted it."""
    has_photo: bool = False


# ---------------------------------------------------------------------- reading


async def show_card(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /contacts/fiche/{book}/{href}."""
    stored = await _stored(services, visit)
    card = stored.card
    entries = await services.books.entries(visit.account_id)
    near = await over(lambda: _near(entries, stored), entries)
    addresses = dict.fromkeys(member.card.emails[0].text for member in near.members if member.card.emails)
    place = await around(services, visit, "contacts")
    titles = {book.name: book.title for book in place.books}
    page = CardPage(
        frame=await surroundings(services, visit),
        around=place,
        stored=replace(stored, book=place.titled(stored.book)),
        card=card,
        initials=initials(card.name),
        birthday=card_form.shown_birthday(card.birthday),
        changed=visit.language.long_date(stored.changed),
        groups=near.groups,
        all_groups=near.all_groups,
        members=near.members,
        elsewhere=tuple((one, titles.get(one.book, "")) for one in near.elsewhere),
        listed=await _listed(services, visit, card),
        missing=len(card.members) - len(near.members) if card.is_group else 0,
        everyone=", ".join(addresses) if len(addresses) <= groups.MAX_TOGETHER else "",
        kinds=dict(kinds(visit)),
        fault=fault,
    )
    return services.pages.answer(visit, "contacts/card.html", page, 422 if fault else 200)


@dataclass(frozen=True, slots=True)
class _Near:
    """What other cards have to do with one."""

    groups: tuple[Entry, ...]
    """That it is in."""
    all_groups: tuple[Entry, ...]
    """Of its book."""
    members: tuple[Entry, ...]
    """Of the group that it is."""
    elsewhere: tuple[Entry, ...]
    """The same person's cards in other books."""


def _near(entries: Sequence[Entry], stored: Stored) -> _Near:
    card = stored.card
    by_uid = {entry.card.uid: entry for entry in entries} if card.is_group else {}
    members = [by_uid[uid] for uid in card.members if uid in by_uid]
    every = (entry for entry in entries if entry.card.is_group and entry.book == stored.book.name)
    all_groups = tuple(islice(every, groups.MAX_GROUPS))
    here = next((entry for entry in entries if (entry.book, entry.href) == (stored.book.name, stored.href)), None)
    return _Near(
        tuple(group for group in all_groups if card.uid in group.card.members),
        all_groups,
        tuple(sorted(members, key=lambda entry: entry.key)),
        tuple(merging.beside(entries, here)[:MAX_ELSEWHERE]) if here is not None else (),
    )


async def _listed(services: Services, visit: Visit, card: Card) -> str:
    """The first address of a card that is somebody's in the directory."""
    ours = tuple(f"@{domain}" for domain in services.settings.domains)
    for email in card.emails[:LOOKED_UP]:
        if email.text.casefold().endswith(ours):
            with contextlib.suppress(Refused):
                return (await services.browsing.person(visit.principal, email.text)).principal.address
    return ""


async def photo(services: Services, visit: Visit) -> Response:
    """GET /contacts/fiche/{book}/{href}/photo: the picture, drawn anew. Nothing of the card's octets is sent."""
    stored = await _stored(services, visit)
    try:
        octets = await services.pictures.small(visit.account_id, reading.photo(stored.lines))
    except ValueError:
        raise Refused(Reason.NOT_FOUND) from None
    fields = headers.page(visit.secure, "default-src 'none'; sandbox")
    return Response(octets, headers=fields, media_type="image/jpeg")


# ---------------------------------------------------------------------- a new one


async def begin(services: Services, visit: Visit) -> Response:
    """GET /contacts/nouveau?nom=&adresse=: the form, with what another page knows of somebody."""
    name = " ".join(visit.query("nom").split())[:200]
    given, _, family = name.rpartition(" ") if " " in name else (name, "", "")
    emails = tuple(Value(one) for one in visit.query("adresse").split(",")[:3] if one.strip())
    organisation = " ".join(visit.query("organisation").split())[:200]
    card = Card(full_name=name, given=given, family=family, emails=emails, organisation=organisation)
    return await _form(services, visit, card_form.draft_of(card), None)


async def create(services: Services, visit: Visit) -> Response:
    """POST /contacts/nouveau."""
    uid = str(uuid.uuid4())
    draft = card_form.posted(visit, Card(uid=uid))
    book = (await book_to_fill(services, visit, visit.form.text("carnet")[:300])).name
    if draft.faults:
        return await _form(services, visit, draft, None, book=book)
    try:
        lines = await _with_picture(services, visit, rewriting.rewrite((), draft.card, visit.now))
        await services.books.put(visit.account_id, book, href_of(uid), lines)
    except Refused as refusal:
        return await _form(services, visit, draft, None, book=book, fault=_fault(visit, refusal))
    return redirect(visit, address_of(visit, book, href_of(uid)), **done("contact-garde"))


# ---------------------------------------------------------------------- changing


async def edit(services: Services, visit: Visit) -> Response:
    """GET /contacts/fiche/{book}/{href}/modifier."""
    stored = await _stored(services, visit)
    if not stored.book.writable:
        raise Refused(Reason.READ_ONLY)
    if stored.card.is_group:
        return redirect(visit, address_of(visit, stored.book.name, stored.href))
    return await _form(services, visit, card_form.draft_of(stored.card), stored)


async def change(services: Services, visit: Visit) -> Response:
    """POST /contacts/fiche/{book}/{href}/modifier: save what is typed over the version that the form showed."""
    book, href = _path(visit)
    seen = visit.form.text("etag")[:100] or None
    try:
        stored: Stored | None = await services.books.get(visit.account_id, book, href)
    except Refused:
        stored = None
    if stored is None:
        draft = card_form.posted(visit, Card(uid=_uid_of(href)))
        if seen is not None or draft.faults:
            return await _form(services, visit, draft, None, book=book, gone=seen is not None, action=_action(visit))
        return await _recreate(services, visit, draft, book, href)
    draft = card_form.posted(visit, stored.card)
    if draft.faults:
        return await _form(services, visit, draft, stored, etag=seen or "")
    if seen != stored.etag:
        return await _overtaken(services, visit, draft, stored)
    try:
        lines = await _with_picture(services, visit, rewriting.rewrite(stored.lines, draft.card, visit.now))
        await services.books.put(visit.account_id, book, href, lines, seen)
    except Refused as refusal:
        if refusal.reason is Reason.CONFLICT:
            return await _overtaken(services, visit, draft, await services.books.get(visit.account_id, book, href))
        return await _form(services, visit, draft, stored, fault=_fault(visit, refusal))
    return redirect(visit, address_of(visit, book, href), **done("contact-garde"))


async def _recreate(services: Services, visit: Visit, draft: Draft, book: str, href: str) -> Response:
    """Somebody deleted the card, and the person wants theirs all the same."""
    lines = rewriting.rewrite((), draft.card, visit.now)
    await services.books.put(visit.account_id, book, href, lines)
    return redirect(visit, address_of(visit, book, href), **done("contact-garde"))


async def _overtaken(services: Services, visit: Visit, draft: Draft, stored: Stored) -> Response:
    """Somebody else saved another version meanwhile: both are shown, and the next save goes over theirs."""
    conflict = tuple(card_form.differences(visit, draft.card, stored.card))
    return await _form(services, visit, draft, stored, conflict=conflict, status=409)


async def act(services: Services, visit: Visit) -> Response:
    """POST /contacts/fiche/{book}/{href}: delete, or put into groups and take out of them."""
    stored = await _stored(services, visit)
    match visit.form.text("faire"):
        case "supprimer":
            return await _delete(services, visit, stored)
        case "groupes":
            return await groups.put_in(services, visit, stored)
        case _ if stored.card.is_group:
            return await groups.change(services, visit, stored, show_card)
    return await show_card(services, visit)


async def _delete(services: Services, visit: Visit, stored: Stored) -> Response:
    if not visit.form.has("confirme"):
        return await show_card(services, visit, visit._("Cochez la case pour confirmer la suppression."))
    try:
        await services.books.remove(visit.account_id, stored.book.name, stored.href, visit.form.text("etag")[:100])
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        return await show_card(
            services, visit, visit._("Cette fiche a changé entre-temps : relisez-la avant de supprimer.")
        )
    return redirect(visit, home(visit), **done("contact-supprime"))


# ---------------------------------------------------------------------- shared


async def _stored(services: Services, visit: Visit) -> Stored:
    book, href = _path(visit)
    return await services.books.get(visit.account_id, book, href)


def _path(visit: Visit) -> tuple[str, str]:
    return str(visit.request.path_params["book"])[:300], str(visit.request.path_params["href"])[:600]


def _action(visit: Visit) -> str:
    return address_of(visit, *_path(visit)) + "/modifier"


def _uid_of(href: str) -> str:
    return href.removesuffix(".vcf")


async def _with_picture(services: Services, visit: Visit, lines: Sequence[Line]) -> Sequence[Line]:
    """The card with the picture that was sent, or without the one it had. Raises Refused(INVALID)."""
    file = next(iter(visit.form.files), None)
    if file is not None:
        octets = await file.read(pictures.MAX_OCTETS + 1)
        try:
            return rewriting.with_photo(lines, await services.pictures.small(visit.account_id, octets))
        except ValueError:
            raise Refused(Reason.INVALID, "picture") from None
    if visit.form.oversize:
        raise Refused(Reason.INVALID, "picture")
    return rewriting.with_photo(lines, b"") if visit.form.has("sans_photo") else lines


async def _form(
    services: Services,
    visit: Visit,
    draft: Draft,
    stored: Stored | None,
    *,
    book: str = "",
    etag: str | None = None,
    fault: str = "",
    conflict: tuple[tuple[str, str, str], ...] = (),
    gone: bool = False,
    action: str = "",
    status: int = 0,
) -> Response:
    _ = visit._
    is_new = stored is None and not gone and not action
    if stored is not None:
        action = address_of(visit, stored.book.name, stored.href) + "/modifier"
    if visit.form.text("faire") == "lignes":
        draft = replace(draft, faults={})
    page = FormPage(
        frame=await surroundings(services, visit),
        around=await around(services, visit, "contacts"),
        action=action or f"{home(visit)}/nouveau",
        back=home(visit) if stored is None else address_of(visit, stored.book.name, stored.href),
        title=_("Nouveau contact") if is_new else _("Modifier %(name)s") % {"name": draft.card.name},
        draft=draft,
        book=book or (stored.book.name if stored else visit.query("carnet")),
        etag=(stored.etag if stored else "") if etag is None else etag,
        is_new=is_new,
        kinds=kinds(visit),
        fault=fault,
        conflict=conflict,
        overtaken=status == 409,
        gone=gone,
        has_photo=stored is not None and stored.card.has_photo,
    )
    code = status or (409 if gone else 422 if draft.faults or fault else 200)
    return services.pages.answer(visit, "contacts/form.html", page, code)


def _fault(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    if refusal.text == "picture":
        return _("Cette image n’a pas pu être lue. Choisissez une photo JPEG, PNG, GIF ou WebP de moins de 6 Mo.")
    texts = {
        Reason.INVALID: _("Cette fiche ne peut pas être enregistrée ainsi."),
        Reason.LIMIT: _("Ce carnet est plein : au plus 10 000 contacts et 32 Mo."),
        Reason.TOO_BIG: _("Cette fiche est trop volumineuse."),
    }
    if refusal.reason not in texts:
        raise refusal
    return texts[refusal.reason]
