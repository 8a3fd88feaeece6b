"""How a letter begins: new, as an answer, passing messages on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from mailserver.mime.replies import correspondents, forward_subject, reply
from mailserver.store import webmail
from webui.compose import drafts, identities, letters, signing
from webui.compose.letterpage import Desk, Original, desk
from webui.compose.letters import MAX_FORWARDS, Letter, listed
from webui.compose.recipients import clean_recipients
from webui.effort import computed
from webui.reader import plaintext, reading
from webui.reader.badges import origin
from webui.visit import COMPLETE, Services, Visit

Beginning = tuple[Letter, Original | None]


async def begin(services: Services, visit: Visit) -> Beginning:
    """The letter of the address: `repondre`, `tous`, `liste`, `transferer`, `joindre` (several), `modifier`, or a new
    one to `a`.

    Raises Refused(NOT_FOUND).
    """
    found = await services.store.read(desk, visit.account_id)
    query = visit.request.query_params
    for name, make in _BEGINNINGS.items():
        sources = letters.numbers(",".join(query.getlist(name)[:MAX_FORWARDS]))
        if sources:
            letter, original = await make(services, visit, sources)
            # A message that is written anew has its signature already.
            return (letter if name == "modifier" else _opened(visit, letter, found)), original
    return _opened(visit, Letter(to=clean_recipients(visit.query("a")), subject=visit.query("objet")), found), None


def _opened(visit: Visit, letter: Letter, found: Desk) -> Letter:
    formatted = visit.preferences.rich and visit.interface == COMPLETE
    return signing.begun(visit, letter, found.signatures, formatted=formatted)


async def _answer(services: Services, visit: Visit, source: int, *, everybody: bool) -> Beginning:
    octets, root = await drafts.message(services, visit, source, upto=0)
    found = reply(octets, root, visit.principal.owns, everybody=everybody)
    came_to = [one.address for name in ("To", "Cc") for one in correspondents(octets, root, name)]
    sender = await identities.of_recipient(services, visit, came_to)
    letter = Letter(
        to=listed(found.to), cc=listed(found.cc), subject=found.subject, answers=source, quotes=True, sender=sender
    )
    return letter, None


async def _reply(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    return await _answer(services, visit, sources[0], everybody=False)


async def _reply_all(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    return await _answer(services, visit, sources[0], everybody=True)


async def _reply_list(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    """To the address where a list takes messages (RFC 2369 section 3.4); where there is none, to everybody."""
    letter, original = await _answer(services, visit, sources[0], everybody=True)
    octets, root = await drafts.message(services, visit, sources[0], upto=0)
    address = origin(octets, root, "", services.settings.domains, "").list_address
    return (replace(letter, to=clean_recipients(address), cc="") if address else letter), original


async def _anew(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    """A message as a new letter: its recipients, subject, text and files; what our form notes in drafts is not asked,
    in a message that came anybody may have written it."""
    source = sources[0]
    octets, root = await drafts.message(services, visit, source, upto=reading.TEXT_OCTETS)
    to, cc = (listed(correspondents(octets, root, name)) for name in ("To", "Cc"))
    text = await computed(plaintext.weight(root), plaintext.readable, octets, root)
    letter = Letter(
        to=to, cc=cc, subject=root.header(octets, "Subject"), text=text[: letters.MAX_TEXT], forwards=(source,)
    )
    return letter, Original(reading.pieces(root))


async def _forward(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    source = sources[0]
    _, root = await drafts.message(services, visit, source, upto=reading.TEXT_OCTETS)
    stored = await services.store.read(webmail.stored, visit.account_id, source)
    letter = Letter(subject=forward_subject(stored.subject), forwards=(source,), quotes=True)
    return letter, Original(reading.pieces(root))


async def _enclose(services: Services, visit: Visit, sources: Sequence[int]) -> Beginning:
    pieces, subject = [], ""
    for source in sources:
        stored = await services.store.read(webmail.stored, visit.account_id, source)
        subject = subject or stored.subject
        name = f"{stored.subject or 'message'}.eml"
        pieces.append(reading.Piece(f"eml:{source}", name, "message/rfc822", stored.size))
    title = forward_subject(subject)
    if len(sources) > 1:
        title = visit._("%(n)s messages transférés") % {"n": len(sources)}
    return replace(Letter(), subject=title, forwards=tuple(sources)), Original(pieces)


_BEGINNINGS: dict[str, Callable[[Services, Visit, Sequence[int]], Awaitable[Beginning]]] = {
    "repondre": _reply,
    "tous": _reply_all,
    "transferer": _forward,
    "joindre": _enclose,
    "liste": _reply_list,
    "modifier": _anew,
}
