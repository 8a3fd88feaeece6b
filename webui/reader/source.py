"""A message as it travelled: its octets, and its header as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime import unpack
from mailserver.mime.header import headers
from mailserver.model.messages.provenance import Door
from mailserver.store.web.webmail import Stored
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words import plain
from webui.reader import message_parts
from webui.reader.place import Place, place

SOURCE_OCTETS = 256 * 1024
MAX_FIELDS = 500
MAX_VALUE = 4000


@dataclass(frozen=True, slots=True)
class SourcePage:
    """The message as octets, the beginning of it."""

    frame: MailShell
    place: Place
    subject: str
    source: str
    cut: bool


@dataclass(frozen=True, slots=True)
class HeaderPage:
    """The fields of the header in their order: names and decoded values."""

    frame: MailShell
    place: Place
    subject: str
    fields: Sequence[tuple[str, str]]
    cut: bool
    told: str
    """Which of them can be believed."""


async def show_source(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/source: header and body as they travelled."""
    found, octets = await message_parts.load(services, visit, upto=SOURCE_OCTETS)
    text = octets[:SOURCE_OCTETS].decode("utf-8", "replace").replace("\r\n", "\n")
    around = await surroundings(services, visit, found.box.id)
    page = SourcePage(around, place(visit, found), plain.line(found.subject), text, found.size > SOURCE_OCTETS)
    return services.pages.answer(visit, "reader/source.html", page)


async def header(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/entetes: the header as a table, for whoever looks where a message came from."""
    found, octets = await message_parts.load(services, visit, upto=0)
    root = unpack(found.parts)
    fields: list[tuple[str, str]] = []
    for field in headers.fields(octets, root.start, root.body):
        if len(fields) == MAX_FIELDS:
            break
        name = octets[field.start : field.value].split(b":")[0].decode("ascii", "replace").strip()
        value = headers.clean(headers.decode(octets[field.value : field.end]))
        fields.append((name, value[:MAX_VALUE]))
    around = await surroundings(services, visit, found.box.id)
    page = HeaderPage(
        around, place(visit, found), plain.line(found.subject), fields, len(fields) == MAX_FIELDS, _told(visit, found)
    )
    return services.pages.answer(visit, "reader/header.html", page)


def _told(visit: Visit, found: Stored) -> str:
    """What is known of who wrote the fields; empty: nothing."""
    if found.provenance.delivered:
        return visit._(
            "Les champs les plus hauts sont écrits par notre service ; ce qui est sous le premier « Received » vient "
            "de l’expéditeur."
        )
    if found.provenance.door is Door.UNKNOWN:
        return ""
    return visit._("Ce message a été mis dans ce dossier sans passer par le courrier : ses champs ne prouvent rien.")
