"""A mailbox in the complete interface: its items page by page, filtered, sorted, as conversations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.store.mail import snooze
from mailserver.store.mail.flags import names
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web.webmail import Item, Listed, Sort, View, mailbox_pages
from mailserver.store.web.webmail.mailbox_pages import ItemsPage
from webui.mail import snooze_times, views
from webui.mail.allowed_actions import offered, opening
from webui.mail.views import FILTERS, Asked
from webui.page import mail_shell
from webui.page.context import Services, Visit
from webui.page.mail_shell import Folder, MailShell, surround
from webui.page.rendering import redirect


@dataclass(frozen=True, slots=True)
class Label:
    """A tag as pages show it."""

    keyword: str
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An item of the list."""

    item: Item
    labels: Sequence[Label]
    date: str
    back: str
    """When it comes back, of a message that was put off."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter: what it does to the address, and whether it is on."""

    title: str
    query: str
    on: bool


@dataclass(frozen=True, slots=True)
class SortChoice:
    """An order of the list."""

    title: str
    query: str
    on: bool


@dataclass(frozen=True, slots=True)
class MailboxPage:
    """A page of a mailbox with all that can be done to it."""

    frame: MailShell
    folder: Folder
    shown: Sequence[Shown]
    total: int
    caption: str
    conversations: bool
    here: str
    """This page's parameters: where an action returns to, and what `everything` means."""
    newer: str
    older: str
    chips: Sequence[Chip]
    sorts: Sequence[SortChoice]
    is_filtered: bool
    all: bool
    all_query: str
    targets: Sequence[Folder]
    labels: Sequence[Label]
    moments: Sequence[tuple[str, str]]
    offers: frozenset[str]
    """What may be done (`webui.mail.allowed_actions`)."""
    waits: bool
    """The mailbox of what was put off."""
    next_uid: int
    emptiable: bool
    open: str
    """Address before a message's id."""


async def show_message_list(services: Services, visit: Visit) -> Response:
    """GET /m/dossier/{box}: a page of a mailbox; without a number INBOX."""
    box_id = int(visit.request.path_params.get("box", 0))
    wanted = views.asked(visit.request.query_params, visit.preferences)
    viewer = await services.sharing.viewer(visit.principal)
    size = visit.preferences.page_size

    def view_of(box: Mailbox) -> View:
        return views.view(wanted, mail_shell.folder(visit, box, 0), visit.preferences, services.settings.domain)

    found = await services.store.read(mailbox_pages.items, viewer, box_id, view_of, size, (wanted.page - 1) * size)
    if not found.listed.items and wanted.page > 1:
        return redirect(visit, f"{visit.base}/dossier/{found.opened.box.id}?{wanted.query(page='')}")
    return services.pages.answer(visit, "mail/mailbox.html", _page(visit, found, wanted))


def _page(visit: Visit, found: ItemsPage, wanted: Asked) -> MailboxPage:
    opened = found.opened
    box = opened.box
    around = surround(visit, opened.boxes, box.id, shared=opened.shared)
    folder = around.folder(box.id)
    size, total = visit.preferences.page_size, found.listed.total
    first = (wanted.page - 1) * size + 1
    last = first + len(found.listed.items) - 1
    known = {label.keyword.casefold(): label for label in labels(visit)}
    own = not folder.foreign
    every = visit.query("tout") == "1"
    here = wanted.query()
    return MailboxPage(
        around,
        folder,
        [_shown(visit, found, item, known) for item in found.listed.items],
        total,
        _caption(visit, found.listed, first, last),
        found.listed.conversations,
        here,
        wanted.query(page=wanted.page - 1) if wanted.page > 1 else "",
        wanted.query(page=wanted.page + 1) if last < total else "",
        _chips(visit, wanted),
        _sorts(visit, wanted, folder),
        bool(wanted.filters or wanted.tag),
        every,
        here if every else f"{here}&tout=1",
        around.targets(folder),
        list(known.values()),
        snooze_times.choices(visit.language, visit.now) if own else (),
        offered(around, folder),
        box.name == snooze.PLACE and own,
        box.uidnext,
        own and folder.use in (mail_shell.TRASH, mail_shell.JUNK) and box.messages > 0,
        opening(visit, folder),
    )


def labels(visit: Visit) -> list[Label]:
    """The person's tags."""
    name = views.tag_name
    return [
        Label(tag.keyword, name(visit.language, tag.keyword, tag.name), tag.colour) for tag in visit.preferences.tags
    ]


def _shown(visit: Visit, found: ItemsPage, item: Item, known: dict[str, Label]) -> Shown:
    flags = names(item.line.flags, found.keywords) if item.line.flags >> 5 else ()
    marks = [known[flag.casefold()] for flag in flags if flag.casefold() in known]
    until = found.wakes.get(item.line.uid, 0)
    back = visit._("Revient le %(date)s") % {"date": visit.language.long_date(until)} if until else ""
    return Shown(item, marks, visit.language.short_date(item.line.date, visit.now), back)


def _caption(visit: Visit, listed: Listed, first: int, last: int) -> str:
    if not listed.items:
        return ""
    number = visit.language.number
    return visit._("%(first)s–%(last)s sur %(total)s") % {
        "first": number(first),
        "last": number(last),
        "total": number(listed.total),
    }


def _chips(visit: Visit, wanted: Asked) -> list[Chip]:
    _ = visit._
    titles = (_("Non lus"), _("Suivis"), _("Pièces jointes"), _("Internes"))
    chips = [
        Chip(title, wanted.toggled(name), name in wanted.filters) for name, title in zip(FILTERS, titles, strict=True)
    ]
    if wanted.tag:
        tag = visit.preferences.tag(wanted.tag)
        name = views.tag_name(visit.language, wanted.tag, tag.name if tag else "")
        chips.append(Chip(name, wanted.query(etiquette="", page=""), True))
    return chips


def _sorts(visit: Visit, wanted: Asked, folder: Folder) -> list[SortChoice]:
    _ = visit._
    person = _("Destinataire") if folder.outgoing else _("Expéditeur")
    offered = (
        (Sort.DATE, False, _("Plus récents d’abord")),
        (Sort.DATE, True, _("Plus anciens d’abord")),
        (Sort.PERSON, True, person),
        (Sort.SUBJECT, True, _("Objet")),
        (Sort.SIZE, False, _("Plus gros d’abord")),
    )
    found = []
    for sort, ascending, title in offered:
        query = replace(wanted, sort=sort, ascending=ascending, page=1).query()
        found.append(SortChoice(title, query, (sort, ascending) == (wanted.sort, wanted.ascending)))
    return found
