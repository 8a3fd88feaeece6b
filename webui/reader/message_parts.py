"""What a message is made of: its header for people, its attachments, its formatted version, its source.

The page around it is `webui.reader.page`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.mime.header import addresses
from mailserver.mime.header.addresses import Mailbox
from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.submission.header_completion import without_secrets
from mailserver.store.mail import known_senders
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Stored, handling
from webui.http import headers
from webui.http.forms import positive
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.page.words import plain
from webui.reader.content import html_dark, html_view, images, plain_text, preview_kinds
from webui.reader.place import box_of, place
from webui.reader.trust import cautions, imitations, links

TEXT_OCTETS = 4 * 1024 * 1024
"""Of a message's octets, what its text is looked for in: text comes before attachments."""
MAX_PEOPLE_SHOWN = 100
MAX_ENDING = 5
MAX_PIECES = 100
"""Attachments on one page; a message may bring ten thousand. All of them are in the archive."""
INLINE_OCTETS = 10 * 1024 * 1024


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
    preview: str = ""
    """How it can be looked at here (`webui.reader.content.preview_kinds`); empty: only saved."""
    family: str = ""
    """What people would call it."""
    danger: str = ""
    """Its ending, when opening it may run something."""

    @property
    def kind(self) -> str:
        """What people call it, by the ending that their computer goes by; else the type it claims."""
        ending = self.name.rpartition(".")[2]
        return ending.upper() if ending != self.name and ending.isalnum() and len(ending) <= MAX_ENDING else self.type


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


# ---------------------------------------------------------------------- parts of a message


async def load(services: Services, visit: Visit, *, upto: int | None = None) -> tuple[Stored, bytes]:
    """The message of the address and its octets (no more than the first `upto`). Raises Refused(NOT_FOUND).

    An address that names the mailbox, too, may be about a message in a mailbox of others (`webui.reader.place`): then
    also Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    content_id = int(visit.request.path_params["message"])
    if box := box_of(visit):
        return await load_from(services, visit, content_id, box, upto=upto)
    hint = positive(visit.query("d"))
    found = await services.store.read(webmail.stored, visit.account_id, content_id, hint)
    folder = services.store.blobs
    return found, await services.store.read(webmail.octets, visit.account_id, content_id, folder, upto)


@contextlib.asynccontextmanager
async def load_whole(services: Services, visit: Visit) -> AsyncIterator[tuple[Stored, bytes]]:
    """`load` of all octets; a large message when it is its turn, until the end. Raises as `load`, and Temporary.

    What is answered from it holds none of its octets (`webui.page.large_files`): slow readers of one would hold it in
    memory once each.
    """
    found, _ = await load(services, visit, upto=0)
    async with services.large.turn(visit.account_id, found.size):
        yield await load(services, visit)


async def load_from(
    services: Services, visit: Visit, content_id: int, box_id: int, *, upto: int | None = None
) -> tuple[Stored, bytes]:
    """The same of a message in a mailbox that the person may read. Raises as `load`."""
    viewer = await services.sharing.viewer(visit.principal)
    folder = services.store.blobs
    found, octets, _ = await services.store.read(handling.read, viewer, box_id, content_id, folder, upto)
    return found, octets


def letterhead(octets: bytes, root: Part, found: Stored) -> Letterhead:
    """The header for people; at most MAX_PEOPLE_SHOWN of each field."""
    lists = {name: addressed(octets, root, name) for name in ("from", "to", "cc", "bcc")}
    more = sum(max(0, len(lists[name]) - MAX_PEOPLE_SHOWN) for name in ("to", "cc", "bcc"))
    shown = {
        name: [
            Person(plain.line(entry.display, 200), plain.line(entry.address, 320))
            for entry in entries[:MAX_PEOPLE_SHOWN]
        ]
        for name, entries in lists.items()
    }
    date = found.sent_at or found.date
    return Letterhead(plain.line(found.subject), shown["from"], shown["to"], shown["cc"], shown["bcc"], more, date)


def addressed(octets: bytes, root: Part, name: str) -> list[Mailbox]:
    """The people in the fields of this name."""
    return addresses.of(octets, root.start, root.body, name)


def pieces(root: Part, *, as_pages: bool = False) -> list[Piece]:
    """The first attachments, with the size they will have once decoded. `as_pages` as in `preview_kinds.kind`."""
    return pieces_of(root.attachments(), as_pages=as_pages)


def within(root: Part) -> list[Part]:
    """What a message shows beside its text and its attachments: pictures in the text, and an invitation that is an
    alternative to it."""
    known = {id(part) for part in root.attachments()}
    return [part for part in root.walk() if part.number and id(part) not in known and _is_shown(part)]


def shown_ids(octets: bytes, root: Part) -> set[str]:
    """The content ids of what its page in HTML shows. Computes: call it in a thread."""
    _, formatted = plain_text.body_parts(root)
    found: set[str] = set()

    def asked(name: str) -> str:
        found.add(name)
        return ""

    html_view.clean_parts(octets, formatted, asked)
    return found


def unshown(root: Part, shown: Collection[str]) -> list[Part]:
    """Pictures that belong to a page in HTML which shows other content ids: nobody would see them but as files."""
    named = {part.content_id: part for part in root.walk() if part.content_id and part.number}
    pictures = [part for part in within(root) if part.type.startswith("image/")]
    return [part for part in pictures if part.content_id not in shown or named[part.content_id] is not part]


def _is_shown(part: Part) -> bool:
    return part.type == "text/calendar" or bool(part.content_id and part.type.startswith("image/"))


def file_name(part: Part) -> str:
    """What a part is called as a file, with the ending of its type where its sender did not name it."""
    if name := plain.line(part.filename, 200):
        return name
    ending = preview_kinds.ending(part)
    return f"piece-{part.number}.{ending}" if ending else f"piece-{part.number}"


def file(part: Part, octets: bytes) -> Attachment:
    """A part as a file of a new message."""
    charset = part.charset if part.type.startswith("text/") else ""
    return Attachment(file_name(part), part.type, part.content(octets), charset=charset)


async def for_others(found: Stored, octets: bytes) -> bytes:
    """A whole message as somebody else may have it: what was received as it came, one's own copy without what is in it
    for its author alone."""
    return octets if found.provenance.delivered else await computed(len(octets), without_secrets, octets)


def pieces_of(parts: Sequence[Part], *, as_pages: bool = False) -> list[Piece]:
    """The first of these parts."""
    found = []
    for part in parts[:MAX_PIECES]:
        octets = part.size * 57 // 78 if part.encoding == "base64" else part.size
        name = file_name(part)
        found.append(
            Piece(
                part.number,
                name,
                part.type,
                octets,
                preview_kinds.kind(part, as_pages=as_pages),
                preview_kinds.family(part),
                cautions.danger(part.filename, part.type),
            )
        )
    return found


def inline(visit: Visit, found: Stored, root: Part) -> Callable[[str], str]:
    """Where the part that a `cid:` names is served; empty for a name that no part has."""
    return served(place(visit, found).file, root)


def inline_of(visit: Visit, found: Stored, root: Part) -> Callable[[str], str]:
    """The same of a message that the address of the page does not name."""
    if found.box.account_id == visit.account_id:
        return served(f"{visit.base}/piece/{found.id}/", root)
    return served(f"{visit.base}/partage/{found.box.id}/{found.id}/piece/", root)


def served(before: str, root: Part) -> Callable[[str], str]:
    """The address of the part that a `cid:` names: what stands before its number, and the number."""
    numbers = {part.content_id: part.number for part in root.walk() if part.content_id and part.number}

    def address(name: str) -> str:
        number = numbers.get(name)
        return f"{before}{number}?image=1" if number else ""

    return address


# ---------------------------------------------------------------------- what is not a page of ours


async def body(services: Services, visit: Visit) -> Response:
    """GET /corps/{id}: the formatted version, for the sandboxed frame; with `images=1`, remote pictures through us."""
    async with load_whole(services, visit) as (found, octets):
        return await _formatted(services, visit, found, octets)


async def _formatted(services: Services, visit: Visit, found: Stored, octets: bytes) -> Response:
    root = unpack(found.parts)
    _, formatted = plain_text.body_parts(root)
    if not formatted:
        raise Refused(Reason.NOT_FOUND)
    weight = plain_text.weight(root)
    remote = images.signed(services, visit) if visit.query("images") == "1" else html_view.nowhere
    source = await computed(weight, html_view.source_of, octets, formatted)
    served_at = inline(visit, found, root)
    cleaned = await computed(weight, html_view.clean_parts, octets, formatted, served_at, remote)
    html = await computed(weight, html_view.marked, cleaned.html, await link_marks(services, visit, found, octets))
    dark = await computed(weight, html_dark.style, visit, source)
    document = html_view.document(html, visit.language.code, visit._("Message mis en forme"), dark)
    return services.pages.html(visit, document, policy=headers.BODY_POLICY)


async def link_marks(services: Services, visit: Visit, found: Stored, octets: bytes) -> Callable[[html_view.Lie], str]:
    """What is said behind links that lie, to this reader."""
    await imitations.ready()
    root = unpack(found.parts)
    sender = await computed(root.body, imitations.read, octets, root, found.provenance, services.settings)
    foreign = found.box.account_id != visit.account_id
    known = await services.store.read(known_senders.acquaintance, visit.account_id, found.sender_address, found.id)
    newsletter = links.is_newsletter(sender.claim, found.provenance.results, known, foreign=foreign)
    return links.mark(sender.protected.domains, visit._, newsletter=newsletter)
