"""The archive of a list for a member outside, behind the link of their own (`webui.lists.subscription`).

They read texts, in which addresses are masked (`mailserver.mime.body.masking`): whoever else gets hold of the link
harvests none. Attachments are named; they have come by mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from starlette.responses import Response

from directory.lists import archive_readers
from directory.lists.archive_readers import OpenArchive
from directory.lists.rosters import ListSettings
from mailserver.mime import Part, unpack
from mailserver.mime.body.masking import mask
from mailserver.model.errors import Reason, Refused
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_pages import Line
from webui.http.offload import computed
from webui.lists import archive_notes
from webui.lists.archives import Month, Row, chosen_month, months_of, row_of, rows
from webui.lists.subscription import key_of
from webui.page.context import Guest, Services
from webui.reader import message_parts
from webui.reader.content import plain_text


@dataclass(frozen=True, slots=True)
class OutsideArchivePage:
    """A month of a list."""

    key: str
    entry: ListEntry
    opening: str
    months: Sequence[Month]
    month: Month | None
    conversations: Sequence[Sequence[Row]]
    left_off: int


@dataclass(frozen=True, slots=True)
class OutsidePostPage:
    """One message as text."""

    key: str
    entry: ListEntry
    row: Row
    body: Markup
    cut: bool
    files: Sequence[message_parts.Piece]
    month: str


async def show_archive(services: Services, guest: Guest) -> Response:
    """GET /abonnement/{key}/archives, with `mois=2026-11`."""
    found = await _opened(services, guest)
    months = months_of(services, guest, await services.store.read(archive_pages.dates, found.view))
    month = chosen_month(guest, months)
    lines: Sequence[Line] = ()
    if month is not None:
        lines = await services.store.read(archive_pages.between, found.view, month.start, month.end)
    groups = archive_pages.conversations(map(_masked, lines))
    left_off = max(month.count - len(lines), 0) if month is not None else 0
    opening = archive_notes.opening(guest, found.entry)
    page = OutsideArchivePage(key_of(guest), found.entry, opening, months, month, rows(guest, groups), left_off)
    return services.pages.answer(guest, "lists/outside_archive.html", page)


async def show_post(services: Services, guest: Guest) -> Response:
    """GET /abonnement/{key}/archives/{post}."""
    found = await _opened(services, guest)
    number = int(guest.request.path_params["post"])
    post = await services.store.read(archive_pages.post, found.view, number)
    root = unpack(post.parts)
    upto = message_parts.TEXT_OCTETS
    octets = await services.store.read(archive_pages.octets, found.view, number, services.store.blobs, upto)
    body, cut = await computed(plain_text.weight(root), _text, octets, root, len(octets) >= upto)
    month = guest.language.day(post.line.date).strftime("%Y-%m")
    row = row_of(guest, _masked(post.line))
    files = [replace(one, name=mask(one.name)) for one in message_parts.pieces(root)]
    page = OutsidePostPage(key_of(guest), found.entry, row, body, cut, files, month)
    return services.pages.answer(guest, "lists/outside_post.html", page)


def _masked(line: Line) -> Line:
    """What is before the sign is half an address: it stands for no name here."""
    author = mask(line.author) if line.is_named else f"{line.author[:1]}…"
    return replace(line, subject=mask(line.subject), author=author)


def _text(octets: bytes, root: Part, is_cut: bool) -> tuple[Markup, bool]:
    text = plain_text.readable(octets, root)
    is_long = len(text) > plain_text.MAX_SHOWN or plain_text.reach(root) > len(octets)
    masked = mask(text[: plain_text.MAX_SHOWN], is_cut=is_cut or is_long)
    return plain_text.render(masked, ""), is_long


async def _opened(services: Services, guest: Guest) -> OpenArchive:
    """Raises Refused(NOT_FOUND): the link opens nothing, or no longer."""
    member = await services.delivery.members.find(key_of(guest)) if services.settings.ldap is None else None
    found = None
    if member is not None:
        list_settings = ListSettings.of(services.settings)
        found = await services.store.read(archive_readers.opened_outside, list_settings, member.id)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found
