"""Receipts that senders ask for: by the reader's setting, and each request answered once (RFC 8098, RFC 3503)."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver import __version__
from mailserver.mime import Part, unpack
from mailserver.mime.writing import compose, mdn
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import BadSyntax
from mailserver.outbound.submission import became
from mailserver.outbound.submission.became import Became
from mailserver.outbound.submission.departure import Outcome
from mailserver.store.mail import required_tls
from mailserver.store.mail.flags import known_mask
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Stored
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import DRAFTS, JUNK, SENT, TRASH
from webui.page.words import plain
from webui.page.words.became import parameter, sentence
from webui.reader import message_parts
from webui.reader.flash_texts import back
from webui.reader.trust.badges import is_credible

KEYWORD = "$MDNSent"
ALWAYS, NEVER = "toujours", "jamais"


@dataclass(frozen=True, slots=True)
class Note:
    """What the reader is told about a receipt."""

    to: str
    ask: bool
    """Offer to send it."""
    sent: bool = False
    """It has just been sent, as the reader's setting wants."""
    waits: str = ""
    """It was to be, and this is what became of it instead."""
    asks: bool = False
    """It waits for the reader's confirmation."""


async def note(services: Services, visit: Visit, found: Stored, octets: bytes, root: Part) -> Note | None:
    """What to say; sends the receipt where the reader's setting says always and the request is plain."""
    request = await computed(root.body - root.start, wanted, visit, found, octets, root)
    if request is None or visit.preferences.receipts == NEVER:
        return None
    to = plain.line(request.to, 320)
    prefetched = "prefetch" in visit.request.headers.get("sec-purpose", "")
    plainly = request.plain and _is_authors(services, visit, found, request)
    if visit.preferences.receipts == ALWAYS and plainly and not prefetched:
        return _noted(visit, to, await _send(services, visit, found, octets, root, request, automatic=True))
    return Note(to, ask=True)


def _noted(visit: Visit, to: str, letter: Became | None) -> Note:
    """What is said of a receipt that was to leave by itself."""
    if letter is None or letter.is_on_its_way:
        return Note(to, ask=False, sent=letter is not None)
    said = sentence(visit, letter, visit._("L’accusé de lecture"))
    return Note(to, ask=letter.is_lost, waits=said, asks=letter is Became.ASKS)


def _is_authors(services: Services, visit: Visit, found: Stored, request: mdn.Request) -> bool:
    """Whether the receipt goes to who wrote the message, as far as that is known: then it may leave unasked.

    The return path counts where one of our doors wrote it. For anybody else the reader decides (RFC 8098 section 2.1).
    """
    domains = services.settings.domains
    credible = is_credible(found.provenance, found.sender_address, domains, visit.account_id)
    return found.provenance.delivered and credible and request.to.casefold() == found.sender_address.casefold()


def wanted(visit: Visit, found: Stored, octets: bytes, root: Part) -> mdn.Request | None:
    """The request that still waits for an answer; none in folders whose messages nobody answers."""
    if found.box.special_use in (SENT, DRAFTS, JUNK, TRASH):
        return None
    mask, missing = known_mask([KEYWORD], found.keywords)
    if not missing and found.flags & mask:
        return None
    request = mdn.requested(octets, root)
    return None if request is None or visit.principal.owns(request.to) else request


async def answer(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/accuse: send the receipt, or decide that none is sent."""
    found, octets = await message_parts.load(services, visit, upto=message_parts.TEXT_OCTETS)
    root = unpack(found.parts)
    action = visit.form.text("faire")
    if action not in ("envoyer", "refuser"):
        raise BadSyntax("No such action")
    request = wanted(visit, found, octets, root)
    if request is None:
        return back(visit, found.id, found.box.id, "accuse-deja")
    if action == "refuser":
        await services.store.write(webmail.flag_once, visit.account_id, found.id, KEYWORD)
        return back(visit, found.id, found.box.id, "accuse-refuse")
    letter = await _send(services, visit, found, octets, root, request, automatic=False)
    if letter is None:
        return back(visit, found.id, found.box.id, "accuse-deja")
    return back(visit, found.id, found.box.id, "accuse", **parameter(letter))


async def _send(
    services: Services,
    visit: Visit,
    found: Stored,
    octets: bytes,
    root: Part,
    request: mdn.Request,
    *,
    automatic: bool,
) -> Became | None:
    """Send a receipt; what became of it, and where it is lost it may be tried again. None: one was sent already.

    The mark comes first: of two windows that open the message at once, one sends.
    """
    if not await services.store.write(webmail.flag_once, visit.account_id, found.id, KEYWORD):
        return None
    _ = visit._
    subject = plain.line(found.subject, 300)
    text = _(
        "Votre message « %(subject)s » a été affiché par %(reader)s le %(date)s.\n\nCet accusé dit que le message a "
        "été affiché à l’écran ; il ne dit pas qu’il a été lu ou compris."
    )
    reader = Correspondent(visit.principal.name, visit.principal.address)
    receipt = mdn.Receipt(
        reader=reader,
        to=request.to,
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        subject=_("Lu : %(subject)s") % {"subject": subject},
        text=text % {"subject": subject, "reader": reader.name, "date": visit.language.long_date(visit.now)},
        agent=f"{services.settings.name}; mailserver {__version__}",
        automatic=automatic,
        zone=visit.language.offset(visit.now),
    )

    async def submitted() -> Outcome:
        written = mdn.build(receipt, octets, root)
        bound = await services.store.read(required_tls.any_of, [found.id])
        return await services.submission.submit(visit.principal, "", (request.to,), written, require_tls=bound)

    letter = await became.told(submitted())
    if letter.is_lost:
        await services.store.write(webmail.flag, visit.account_id, found.box.id, [found.id], "-", (KEYWORD,))
    return letter
