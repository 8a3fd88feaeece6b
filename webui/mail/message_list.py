"""A mailbox in the complete interface: its items page by page, filtered, sorted, as conversations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from starlette.responses import Response

from mailserver.store.account import stored_preferences
from mailserver.store.mail import snooze
from mailserver.store.mail.flags import names
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web.webmail import Item, Listed, Sort, View, mailbox_pages
from mailserver.store.web.webmail.mailbox_pages import ItemsPage
from webui.mail import snooze_times, views
from webui.mail.allowed_actions import offered, opening
from webui.mail.views import FILTERS, Asked
from webui.page.context import Services, Visit
from webui.page.language import NO_BREAK
from webui.page.rendering import redirect
from webui.page.shell import mail_shell
from webui.page.shell.mail_shell import Folder, MailShell, surround

PREVIEW = 120
"""Characters of a message's text in a row, at most."""
LEAST = 15
"""Of which a row shows so many, or none."""


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
    preview: str
    """Its first words; of a message that was put off, when it comes back."""


@dataclass(frozen=True, slots=True)
class Days:
    """Items of a day or of a longer time."""

    title: str
    """Empty where the list is in another order."""
    shown: Sequence[Shown]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter: the address that shows what it lets through, and whether it is on."""

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
    groups: Sequence[Days]
    total: int
    caption: str
    told: str
    """What is new in it, beside its name."""
    conversations: bool
    here: str
    """This page's parameters: where an action returns to, and what `everything` means."""
    newer: str
    older: str
    chips: Sequence[Chip]
    sorts: Sequence[SortChoice]
    densities: Sequence[tuple[str, str]]
    is_filtered: bool
    is_top: bool
    """New messages come in above its first item."""
    all: bool
    all_query: str
    targets: Sequence[Folder]
    recent: Sequence[Folder]
    """Those of them that messages were last moved to."""
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
    about: str
    """What it says behind the id: this mailbox, and this list where it is not the usual one."""


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
    filtered = bool(wanted.filters or wanted.tag)
    shown = [_shown(visit, found, item, known) for item in found.listed.items]
    targets = around.targets(folder)
    return MailboxPage(
        around,
        folder,
        shown,
        _by_day(visit, shown) if wanted.sort is Sort.DATE else [Days("", shown)],
        total,
        _caption(visit, found.listed, first, last),
        f"{visit.language.number(folder.count)} {folder.counted}" if folder.count else "",
        found.listed.conversations,
        here,
        wanted.query(page=wanted.page - 1) if wanted.page > 1 else "",
        wanted.query(page=wanted.page + 1) if last < total else "",
        _chips(visit, wanted),
        _sorts(visit, wanted, folder),
        densities(visit),
        filtered,
        wanted.page == 1 and not filtered and wanted.sort is Sort.DATE and not wanted.ascending,
        every,
        here if every else f"{here}&tout=1",
        targets,
        recent(visit, targets),
        list(known.values()),
        snooze_times.choices(visit.language, visit.now) if own else (),
        offered(around, folder),
        box.name == snooze.PLACE and own,
        box.uidnext,
        own and folder.use in (mail_shell.TRASH, mail_shell.JUNK) and box.messages > 0,
        opening(visit, folder),
        mail_shell.query_string(d=box.id, vue=views.kept(visit, here)),
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
    return Shown(item, marks, visit.language.row_date(item.line.date, visit.now), back or preview(item.line.preview))


def preview(text: str) -> str:
    """The first words of a message as a row shows them. Their beginning has no room to break: a row that cannot show
    that much of it shows none."""
    words = text[:PREVIEW] if len(text) <= PREVIEW else text[:PREVIEW].rpartition(" ")[0] or text[:PREVIEW]
    return words[:LEAST].replace(" ", NO_BREAK) + words[LEAST:]


def _by_day(visit: Visit, shown: Sequence[Shown]) -> list[Days]:
    """In the order of the list, with a title above each day or longer time."""
    groups = groupby(shown, lambda one: visit.language.period(one.item.line.date, visit.now))
    return [Days(title, list(those)) for title, those in groups]


def recent(visit: Visit, targets: Sequence[Folder]) -> list[Folder]:
    """Those of the folders that the person moved messages to last."""
    there = {folder.id: folder for folder in targets}
    return [there[number] for number in visit.preferences.recent_folders if number in there]


def densities(visit: Visit) -> tuple[tuple[str, str], ...]:
    """How many lines an item may have: what the preference says, and what people read."""
    _ = visit._
    return (
        ("auto", _("Selon la hauteur de la fenêtre")),
        ("confort", _("Trois lignes")),
        ("normale", _("Deux lignes")),
        ("compacte", _("Une ligne")),
    )


async def change_view(services: Services, visit: Visit) -> Response:
    """POST /m/dossier/{box}/affichage: how the list is shown, here and in every folder."""
    changes = {"density": visit.form.text("densite")}
    await services.store.write(stored_preferences.revise_preferences, visit.account_id, changes)
    return redirect(visit, views.list_address(visit, int(visit.request.path_params["box"]), visit.form.text("retour")))


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
    everything = wanted.query(f="", etiquette="", page="")
    chips = [Chip(_("Tous"), everything, not wanted.filters and not wanted.tag)]
    for name, title in zip(FILTERS, titles, strict=True):
        chips.append(Chip(title, wanted.query(f=name, page=""), name in wanted.filters))
    if wanted.tag:
        tag = visit.preferences.tag(wanted.tag)
        name = views.tag_name(visit.language, wanted.tag, tag.name if tag else "")
        chips.append(Chip(name, wanted.query(page=""), True))
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
