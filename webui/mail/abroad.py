"""A message in a mailbox of somebody else, or of a function: read, and acted on by the rights one has there.

What belongs to one's own mail (conversations, invitations, answers) is not offered. `webui.reader.reading` reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mailserver.mime import Part, unpack
from mailserver.store import access, mailboxes, webmail
from mailserver.store.flags import SEEN
from mailserver.store.webmail import Chosen, Stored, handling
from webui.doors import Doors
from webui.effort import computed
from webui.frame import DRAFTS, Folder, Frame, surround
from webui.reader import plaintext, reading
from webui.visit import Services, Visit


@dataclass(frozen=True, slots=True)
class AbroadPage:
    """A message, and what one may do to it."""

    frame: Frame
    folder: Folder
    message: Stored
    head: reading.Letterhead
    pieces: Sequence[reading.Piece]
    attached: int
    """How many attachments there are."""
    body: Markup
    cut: bool
    has_formatted: bool
    formatted: bool
    here: str
    """The message's address."""
    may: frozenset[str]
    targets: Sequence[Folder]


def routes(doors: Doors) -> Sequence[BaseRoute]:
    """Addresses below `/s` and `/m`: the mailbox is part of them."""
    visit = doors.visit
    place = "/partage/{box:key}/{message:key}"
    return [
        Route(place, visit(show)),
        Route(f"{place}/corps", visit(reading.body)),
        Route(f"{place}/eml", visit(reading.eml)),
        Route(f"{place}/piece/{{number}}", visit(reading.piece)),
    ]


async def show(services: Services, visit: Visit) -> Response:
    """GET /partage/{box}/{message}: who may keep \\Seen (right "s") marks it so by reading, for everybody there."""
    box_id, content_id = (int(visit.request.path_params[name]) for name in ("box", "message"))
    viewer = await services.sharing.viewer(visit.principal)
    found, rights = await services.store.read(handling.reached, viewer, box_id, content_id)
    if "s" in rights and not found.flags & SEEN:
        await services.store.write(handling.mark, viewer, box_id, Chosen((content_id,)), 0, "+", ("\\Seen",))
    blobs = services.settings.data / "blobs"
    octets = await services.store.read(webmail.octets, found.box.account_id, content_id, blobs, reading.TEXT_OCTETS)
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    shared = await services.store.read(access.listing, viewer)
    around = surround(visit, boxes, box_id, shared=shared)
    root = unpack(found.parts)
    _, rich = plaintext.body_parts(root)
    formatted = rich is not None and visit.query("forme") == "1"
    body, cut = await computed(plaintext.weight(root), _text, octets, root, f"{visit.base}/ecrire?a=")
    folder = around.folder(box_id)
    page = AbroadPage(
        around,
        folder,
        found,
        reading.letterhead(octets, root, found),
        reading.pieces(root),
        len(root.attachments()),
        Markup() if formatted else body,
        cut and not formatted,
        rich is not None,
        formatted,
        f"{visit.base}/partage/{box_id}/{content_id}",
        rights,
        [one for one in (*around.folders, *around.shared) if one.id != box_id and one.use != DRAFTS and one.open],
    )
    return services.pages.answer(visit, "mail/abroad.html", page)


def _text(octets: bytes, root: Part, compose: str) -> tuple[Markup, bool]:
    """The message as text for a page, and whether there is more of it."""
    text = plaintext.readable(octets, root)
    return plaintext.render(text, compose), len(text) > plaintext.MAX_SHOWN
