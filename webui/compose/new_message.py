"""How a letter begins: new, as an answer, passing messages on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from mailserver.mime.writing.replies import correspondents, forward_subject, reply
from mailserver.store.mail import required_tls
from mailserver.store.web.webmail import compose_data
from mailserver.store.web.webmail.compose_data import ComposeData
from webui.compose.addressing import identities
from webui.compose.addressing.identities import Answering
from webui.compose.addressing.recipients import clean_recipients
from webui.compose.form_page import Original
from webui.compose.message import message_form, quotation, signatures, sources
from webui.compose.message.message_form import MAX_FORWARDS, Letter, listed
from webui.compose.message.sources import Source
from webui.http.forms import positive
from webui.http.offload import computed
from webui.page.context import COMPLETE, Services, Visit
from webui.reader import message_parts
from webui.reader.content import plain_text
from webui.reader.trust.badges import origin

Beginning = tuple[Letter, Original | None]


@dataclass(frozen=True, slots=True)
class Start:
    """What the address of a new letter names."""

    sources: Sequence[int] = ()
    """Messages that are answered or passed on."""
    box: int = 0
    """The mailbox of others where they lie; 0: one's own mail."""
    author: Answering = field(kw_only=True)

    @property
    def source(self) -> int:
        return self.sources[0]


async def begin(services: Services, visit: Visit) -> Beginning:
    """The letter of the address: `repondre`, `tous`, `liste`, `transferer`, `joindre` (several), `modifier`, or a new
    one to `a`, `cc` and `cci`; with `boite` from a mailbox of others, in the name of the box if the person may.

    Raises Refused(NOT_FOUND | NO_SUCH_MAILBOX | FORBIDDEN).
    """
    found = await services.store.read(compose_data.find, visit.account_id, visit.principal.role)
    query, box = visit.request.query_params, positive(visit.query("boite"))
    author = await identities.answering(services, visit, box)
    for name, make in _BEGINNINGS.items():
        named = message_form.numbers(",".join(query.getlist(name)[:MAX_FORWARDS]))
        if named:
            letter, original = await make(services, visit, Start(named, box, author=author))
            # What came to go over TLS alone goes on so, unless its reader says otherwise (RFC 8689).
            bound = await services.store.read(required_tls.any_of, named)
            letter = replace(letter, require_tls=letter.require_tls or bound)
            # A message that is written anew has its signature already.
            letter = letter if name == "modifier" else _opened(services, visit, letter, found)
            return letter, _with_shown(letter, original)
    to, cc, bcc = (clean_recipients(visit.query(name)) for name in ("a", "cc", "cci"))
    letter = Letter(to=to, cc=cc, bcc=bcc, subject=visit.query("objet"), box=box, sender=author.sender)
    return _opened(services, visit, letter, found), None


def _with_shown(letter: Letter, original: Original | None) -> Original | None:
    """What is offered, and what the original shows that would be lost: all its pictures where the letter is plain."""
    if original is None:
        return None
    lost = [part for part in original.within if not (letter.html and quotation.carries(part))]
    return Original([*original.pieces, *message_parts.pieces_of(lost)])


def _opened(services: Services, visit: Visit, letter: Letter, found: ComposeData) -> Letter:
    chosen = visit.preferences.composing
    formatted = chosen == "forme" or (not chosen and services.settings.web.formatted)
    letter = replace(letter, language=visit.preferences.spelling)
    return signatures.begun(visit, letter, found.signatures, formatted=formatted and visit.interface == COMPLETE)


async def _source(services: Services, visit: Visit, start: Start, upto: int) -> Source:
    return await sources.message(services, visit, start.source, start.box, upto=upto)


async def _answer(services: Services, visit: Visit, start: Start, *, everybody: bool) -> Beginning:
    source = await _source(services, visit, start, 0)
    octets, root = source.octets, source.root
    found = reply(octets, root, start.author.owns, everybody=everybody)
    came_to = [correspondent.address for name in ("To", "Cc") for correspondent in correspondents(octets, root, name)]
    letter = Letter(
        to=listed(found.to),
        cc=listed(found.cc),
        subject=found.subject,
        answers=start.source,
        box=start.box,
        quotes=True,
        sender=start.author.sender or ("" if start.box else await identities.of_recipient(services, visit, came_to)),
    )
    return letter, None


async def _reply(services: Services, visit: Visit, start: Start) -> Beginning:
    return await _answer(services, visit, start, everybody=False)


async def _reply_all(services: Services, visit: Visit, start: Start) -> Beginning:
    return await _answer(services, visit, start, everybody=True)


async def _reply_list(services: Services, visit: Visit, start: Start) -> Beginning:
    """To the address where a list takes messages (RFC 2369 section 3.4); where there is none, to everybody."""
    letter, original = await _answer(services, visit, start, everybody=True)
    source = await _source(services, visit, start, 0)
    address = origin(source.octets, source.root, "", services.settings.domains, source.stored.provenance).list_address
    return (replace(letter, to=clean_recipients(address), cc="") if address else letter), original


async def _anew(services: Services, visit: Visit, start: Start) -> Beginning:
    """A message as a new letter: its recipients, subject, text and files; what our form notes in drafts is not asked,
    in a message that came anybody may have written it."""
    source = await sources.with_text(services, visit, start.source, start.box)
    octets, root = source.octets, source.root
    to, cc, bcc = (listed(correspondents(octets, root, name)) for name in ("To", "Cc", "Bcc"))
    text = await computed(plain_text.weight(root), plain_text.readable, octets, root)
    letter = Letter(
        to=to,
        cc=cc,
        bcc=bcc,
        subject=root.header(octets, "Subject"),
        text=text[: message_form.MAX_TEXT],
        forwards=(start.source,),
        box=start.box,
        sender=start.author.sender,
    )
    return letter, Original(message_parts.pieces(root), message_parts.within(root))


async def _forward(services: Services, visit: Visit, start: Start) -> Beginning:
    source = await sources.with_text(services, visit, start.source, start.box)
    within = message_parts.within(source.root)
    shown = await computed(plain_text.weight(source.root), message_parts.shown_ids, source.octets, source.root)
    files = message_parts.unshown(source.root, shown)
    letter = Letter(
        subject=forward_subject(source.stored.subject),
        forwards=(start.source,),
        box=start.box,
        quotes=True,
        sender=start.author.sender,
    )
    pieces = message_parts.pieces_of([*source.root.attachments(), *files])
    return letter, Original(pieces, [part for part in within if part not in files])


async def _enclose(services: Services, visit: Visit, start: Start) -> Beginning:
    pieces, subject = [], ""
    for number in start.sources:
        stored = (await sources.message(services, visit, number, start.box, upto=0)).stored
        subject = subject or stored.subject
        name = f"{stored.subject or 'message'}.eml"
        pieces.append(message_parts.Piece(f"eml:{number}", name, "message/rfc822", stored.size))
    title = forward_subject(subject)
    if len(start.sources) > 1:
        title = visit._("%(n)s messages transférés") % {"n": len(start.sources)}
    letter = Letter(subject=title, forwards=tuple(start.sources), box=start.box, sender=start.author.sender)
    return letter, Original(pieces)


_BEGINNINGS: dict[str, Callable[[Services, Visit, Start], Awaitable[Beginning]]] = {
    "repondre": _reply,
    "tous": _reply_all,
    "transferer": _forward,
    "joindre": _enclose,
    "liste": _reply_list,
    "modifier": _anew,
}
