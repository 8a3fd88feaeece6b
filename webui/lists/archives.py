"""The archive of a list: its months with their conversations, a message, a search in it.

Every look asks who may read now (`directory.lists.archive_readers`); to others it is a page that does not exist.
Names stand for addresses, pictures of elsewhere stay away, and what a message does elsewhere in the reader (answers,
flags) is not offered: nobody has it here.
"""

import datetime
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.responses import Response

from directory.lists import archive_readers
from directory.lists.archive_readers import OpenArchive
from directory.lists.rosters import ListSettings
from mailserver.mime import Part, unpack
from mailserver.model.errors import Reason, Refused
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_pages import Line, Post
from webui.http import headers, raster
from webui.http.offload import computed
from webui.lists import archive_notes
from webui.page import large_files
from webui.page.context import Guest, Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words import plain
from webui.reader import message_parts
from webui.reader.content import html_dark, html_view, plain_text
from webui.reader.trust import links

MAX_QUERY = 200
MAX_MONTHS = 600
"""Fifty years."""


@dataclass(frozen=True, slots=True)
class Month:
    """Messages of a month."""

    key: str
    title: str
    count: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """A message in words."""

    line: Line
    at: str


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """A month of a list, or what a search found."""

    frame: MailShell
    entry: ListEntry
    readers: str
    opening: str
    days: int
    most: str
    """Octets that are kept."""
    months: Sequence[Month]
    month: Month | None
    """The one that is shown; None: a search."""
    conversations: Sequence[Sequence[Row]]
    left_off: int = 0
    query: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PostPage:
    """One message, and its conversation."""

    frame: MailShell
    entry: ListEntry
    row: Row
    here: str
    """Its address; what belongs to it lies below."""
    body: Markup
    cut: bool
    formatted: bool
    has_formatted: bool
    paper: str
    pieces: Sequence[message_parts.Piece]
    attached: int
    conversation: Sequence[Row]
    month: str
    may_remove: bool
    fault: str = ""


# ---------------------------------------------------------------------- the list's


async def show_archive(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}/archives, with `mois=2026-11` or `q=…`."""
    found = await _opened(services, visit)
    months = months_of(services, visit, await services.store.read(archive_pages.dates, found.view))
    query, fault = visit.query("q").strip()[:MAX_QUERY], ""
    month: Month | None = None
    lines: Sequence[Line] = ()
    if query:
        try:
            folder = services.store.blobs
            lines = await services.store.read_slow(visit.account_id, archive_pages.search, found.view, query, folder)
        except Refused as refusal:
            if refusal.reason is not Reason.LIMIT:
                raise
            fault = visit._("La recherche prend trop de temps : donnez des mots plus rares.")
        groups: Sequence[Sequence[Line]] = [[line] for line in lines]
    else:
        month = chosen_month(visit, months)
        if month is not None:
            lines = await services.store.read(archive_pages.between, found.view, month.start, month.end)
        groups = archive_pages.conversations(lines)
    page = ArchivePage(
        await surroundings(services, visit),
        found.entry,
        archive_notes.readers(visit)[found.entry.archive],
        archive_notes.opening(visit, found.entry),
        services.settings.lists.archive_days,
        visit.language.size(services.settings.lists.archive_size),
        months,
        month,
        rows(visit, groups),
        max(month.count - len(lines), 0) if month is not None else 0,
        query,
        fault,
    )
    return services.pages.answer(visit, "lists/archive.html", page, 422 if fault else 200)


async def lead(services: Services, visit: Visit) -> Response:
    """GET /archives/{address}: the address in List-Archive, to the interface of the session."""
    found = await _opened(services, visit)
    return redirect(visit, f"{visit.base}/liste/{found.entry.address}/archives")


async def lead_to_post(services: Services, visit: Visit) -> Response:
    """GET /archives/{address}/{name}: that in Archived-At."""
    found = await _opened(services, visit)
    name = str(visit.request.path_params["name"])[:100]
    number = await services.store.read(archive_pages.number_of, found.view, name)
    return redirect(visit, f"{visit.base}/liste/{found.entry.address}/archives/{number}")


# ---------------------------------------------------------------------- a message


async def show_post(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /liste/{address}/archives/{post}: as text, or (`forme=1`) its formatted version in a frame."""
    found, post = await _post(services, visit)
    address, line = found.entry.address, post.line
    root = unpack(post.parts)
    folder = services.store.blobs
    octets = await services.store.read(archive_pages.octets, found.view, line.id, folder, message_parts.TEXT_OCTETS)
    _, formatted = plain_text.body_parts(root)
    wanted = visit.query("forme") or ("1" if visit.preferences.formatted else "0")
    body, cut = Markup(), False
    if not formatted or wanted != "1":
        body, cut = await computed(plain_text.weight(root), _text, octets, root, f"{visit.base}/ecrire?a=")
    around = await services.store.read(archive_pages.thread, found.view, line.thread)
    page = PostPage(
        await surroundings(services, visit),
        found.entry,
        row_of(visit, line),
        f"{visit.base}/liste/{address}/archives/{line.id}",
        body,
        cut,
        bool(formatted) and wanted == "1",
        bool(formatted),
        html_dark.chosen(visit),
        message_parts.pieces(root),
        len(root.attachments()),
        tuple(row_of(visit, one) for one in around) if len(around) > 1 else (),
        visit.language.day(line.date).strftime("%Y-%m"),
        found.is_owner,
        fault,
    )
    return services.pages.answer(visit, "lists/archived.html", page, 422 if fault else 200)


async def remove(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}/archives/{post}: an owner takes it out of the archive, for good."""
    found, post = await _post(services, visit)
    if not found.is_owner:
        raise Refused(Reason.FORBIDDEN)
    if not visit.form.has("confirme"):
        return await show_post(services, visit, visit._("Cochez la case pour confirmer la suppression."))
    await services.store.write(archive_readers.take_out, found.entry.address, post.line.id, visit.origin)
    return redirect(visit, f"{visit.base}/liste/{found.entry.address}/archives", **done("archive-retiree"))


async def body(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}/archives/{post}/corps: the formatted version, for the sandboxed frame."""
    found, post = await _post(services, visit)
    root = unpack(post.parts)
    _, formatted = plain_text.body_parts(root)
    if not formatted:
        raise Refused(Reason.NOT_FOUND)
    weight = plain_text.weight(root)
    beyond = plain_text.is_beyond(root, message_parts.TEXT_OCTETS)
    octets = await _octets(services, found, post, plain_text.reach(root) if beyond else message_parts.TEXT_OCTETS)
    source = await computed(weight, html_view.source_of, octets, formatted)
    before = f"{visit.base}/liste/{found.entry.address}/archives/{post.line.id}/piece/"
    cleaned = await computed(weight, html_view.clean_parts, octets, formatted, message_parts.served(before, root))
    mark = links.mark(services.settings.domains, visit._, newsletter=False)
    html = await computed(weight, html_view.marked, cleaned.html, mark)
    dark = await computed(weight, html_dark.style, visit, source)
    document = html_view.document(html, visit.language.code, visit._("Message mis en forme"), dark)
    return services.pages.html(visit, document, policy=headers.BODY_POLICY)


async def piece(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}/archives/{post}/piece/{number}: an attachment to save, or (`image=1`) an inline picture."""
    found, post = await _post(services, visit)
    part = unpack(post.parts).find(str(visit.request.path_params["number"]))
    if part is None or part.is_multipart or not part.number:
        raise Refused(Reason.NOT_FOUND)
    async with services.large.turn(visit.account_id, post.size):
        data = await computed(part.size, part.content, await _octets(services, found, post))
    wanted = visit.query("image") == "1" and len(data) <= message_parts.INLINE_OCTETS
    if wanted and (kind := raster.sniffed(data)):
        return await large_files.send(services, visit, data, headers.shown_image(visit.secure, kind))
    name = message_parts.file_name(part)
    return await large_files.send(services, visit, data, headers.download(visit.secure, part.type, name))


# ---------------------------------------------------------------------- shared with those outside


def months_of(services: Services, guest: Guest, dates: Sequence[int]) -> list[Month]:
    """The months of these moments (the newest first), with how many of them are in each."""
    zone = ZoneInfo(services.settings.web.timezone)
    ascending = dates[::-1]
    months: list[Month] = []
    end = len(ascending)
    while end and len(months) < MAX_MONTHS:
        last = datetime.datetime.fromtimestamp(ascending[end - 1], zone)
        first = last.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        after = (first + datetime.timedelta(days=32)).replace(day=1)
        start = int(first.timestamp())
        begin = bisect_left(ascending, start, 0, end)
        title = guest.language.written(first.date(), "MMMM y")
        months.append(
            Month(f"{first:%Y-%m}", title[:1].upper() + title[1:], end - begin, start, int(after.timestamp()) - 1)
        )
        end = begin
    return months


def chosen_month(guest: Guest, months: Sequence[Month]) -> Month | None:
    """The month that the address asks for, else the newest; None: there is none."""
    wanted = guest.query("mois")
    return next((month for month in months if month.key == wanted), months[0] if months else None)


def row_of(guest: Guest, line: Line) -> Row:
    """A message in words."""
    return Row(line, guest.language.long_date(line.date))


def rows(guest: Guest, groups: Iterable[Iterable[Line]]) -> tuple[tuple[Row, ...], ...]:
    """Messages in conversations, in words."""
    return tuple(tuple(row_of(guest, line) for line in group) for group in groups)


def _text(octets: bytes, root: Part, compose: str) -> tuple[Markup, bool]:
    text = plain_text.readable(octets, root)
    return plain_text.render(text, compose), len(text) > plain_text.MAX_SHOWN or plain_text.reach(root) > len(octets)


# ---------------------------------------------------------------------- who may


def _address(visit: Visit) -> str:
    return plain.line(str(visit.request.path_params["address"]), 320)


async def _opened(services: Services, visit: Visit) -> OpenArchive:
    """Raises Refused(NOT_FOUND) for whoever may not read it."""
    list_settings = ListSettings.of(services.settings)
    found = None
    if services.settings.ldap is None:
        found = await services.store.read(archive_readers.opened, list_settings, visit.principal, _address(visit))
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found


async def _post(services: Services, visit: Visit) -> tuple[OpenArchive, Post]:
    found = await _opened(services, visit)
    number = int(visit.request.path_params["post"])
    return found, await services.store.read(archive_pages.post, found.view, number)


async def _octets(services: Services, found: OpenArchive, post: Post, upto: int | None = None) -> bytes:
    folder = services.store.blobs
    return await services.store.read(archive_pages.octets, found.view, post.line.id, folder, upto)
