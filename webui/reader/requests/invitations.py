"""The card of an invitation: when it is on the reader's clock, what it meets in their agenda, and the answer.

An answer is written to the agenda first and sent then: what is accepted is kept even when the organizer cannot be
reached, and the page says what became of the answer (RFC 5546, RFC 6047).
"""

import asyncio
import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.calendars import occurrences
from mailserver.calendars.icalendar import reading
from mailserver.calendars.invited import invitations, invited_occurrences
from mailserver.calendars.invited.invitations import Answer, Invitation, Method
from mailserver.calendars.invited.invited_occurrences import Known
from mailserver.calendars.own import own_events
from mailserver.calendars.own.own_events import OwnEvent
from mailserver.mime import Part, unpack
from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import NewMessage, Piece
from mailserver.mime.writing.fields import Correspondent, parameters
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.outbound.submission import became
from mailserver.outbound.submission.became import Became
from mailserver.store.agenda import agenda_items
from mailserver.store.web.webmail import Stored
from webui.page.agenda_turn import alone
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import DRAFTS, SENT
from webui.page.words import plain
from webui.page.words.became import parameter
from webui.reader import message_parts as messages
from webui.reader.flash_texts import back
from webui.reader.requests import counter_proposal
from webui.reader.requests.counter_proposal import Slot
from webui.reader.trust.badges import is_credible

MAX_CONFLICTS = 5
OTHER_TIME = "horaire"
CHOICES = {"oui": Answer.YES, "peut-etre": Answer.MAYBE, "non": Answer.NO}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that is in the agenda at the same time."""

    title: str
    when: str


@dataclass(frozen=True, slots=True)
class Card:
    """An invitation as it is shown."""

    kind: str
    """`request`, `cancel`, `reply`, `counter`."""
    title: str
    when: str
    zone: str
    """The zone of `when`, by name; empty for whole days."""
    elsewhere: str
    """The same on the organizer's clock, when that is another."""
    place: str
    description: str
    organizer: str
    attendees: Sequence[invitations.Attendee]
    recurs: bool
    conflicts: Sequence[Conflict]
    known: str
    """What the reader has answered so far, `oui`, `peut-etre`, `non`; empty for nothing."""
    invited: bool
    """The reader is among the attendees."""
    outdated: bool
    """A newer version is in the agenda."""
    in_agenda: bool
    answer: str
    """Of a reply: what the attendee says."""
    forged: bool
    """The message is not from the organizer it names (or, of a reply, not from the attendee)."""
    comment: str
    other_time: Slot | None
    """What the form for another time begins with; None: none can be proposed."""
    planned: str
    """When the event is in the agenda, where the message says another time."""
    changed: bool
    """Of an invitation: the agenda has an older version of it."""
    single: bool
    """It is about one occurrence of a series."""


async def card(services: Services, visit: Visit, found: Stored, octets: bytes, root: Part) -> Card | None:
    """The card of a message's invitation; None when it has none."""
    invitation = await _invitation(octets, root)
    if invitation is None or found.box.special_use == DRAFTS:
        return None
    zone = visit.language.zone
    start = occurrences.moment(invitation.start, zone)
    end = occurrences.moment(invitation.end, zone)
    held = await services.store.read(own_events.find, visit.account_id, invitation.uid)
    conflicts: Sequence[Conflict] = ()
    if invitation.method is Method.REQUEST and found.box.special_use != SENT:
        conflicts = await _conflicts(services, visit, invitation, start, end)
    me = invitation.invited((visit.principal.address, *visit.principal.aliases))
    answers = {str(answer): name for name, answer in CHOICES.items()}
    known = await _known(visit, invitation, held)
    who = invitation.attendees[0] if invitation.attendees else None
    forged = _is_forged(services, visit, invitation, found)
    return Card(
        kind=invitation.method.lower(),
        title=plain.line(invitation.summary) or visit._("(sans titre)"),
        when=visit.language.span(start, end, all_day=not isinstance(invitation.start, datetime.datetime)),
        zone=visit.language.zone_name if isinstance(invitation.start, datetime.datetime) else "",
        elsewhere=_elsewhere(invitation, start),
        place=plain.line(invitation.place),
        description=invitation.description,
        organizer=_person(invitation.organizer),
        attendees=invitation.attendees[:50],
        recurs=invitation.recurs,
        conflicts=conflicts,
        known=answers.get(known.answer, ""),
        invited=me is not None,
        outdated=known.is_newer,
        in_agenda=held is not None,
        answer=answers.get(who.answer, "") if who else "",
        forged=forged,
        comment=invitation.comment,
        other_time=None if forged else counter_proposal.offered(visit, invitation),
        planned=_planned(visit, invitation, known),
        changed=invitation.method is Method.REQUEST and known.is_older,
        single=invitation.single,
    )


async def _known(visit: Visit, invitation: Invitation, held: OwnEvent | None) -> Known:
    if held is None:
        return Known()
    return await asyncio.to_thread(invited_occurrences.known, held.text, invitation, _addresses(visit))


def _planned(visit: Visit, invitation: Invitation, known: Known) -> str:
    """When the event is in the agenda, where that is another time."""
    differs = known.times is not None and known.times != (invitation.start, invitation.end)
    asks = invitation.method is Method.COUNTER or (invitation.method is Method.REQUEST and known.is_older and differs)
    return counter_proposal.planned(visit, known.times) if asks else ""


def _elsewhere(invitation: Invitation, start: datetime.datetime) -> str:
    """The time as the organizer wrote it, when their clock shows another one."""
    written = invitation.start
    if not isinstance(written, datetime.datetime) or written.tzinfo is None or not invitation.zone:
        return ""
    if written.utcoffset() == start.utcoffset():
        return ""
    return f"{written:%H:%M} ({plain.line(invitation.zone, 60)})"


def _person(who: invitations.Attendee) -> str:
    name, address = plain.line(who.name, 200), plain.line(who.address, 320)
    return f"{name} <{address}>" if name and name != address else address


def _author(services: Services, visit: Visit, found: Stored) -> str:
    """The address of the message's author, folded; empty where it cannot be taken as theirs."""
    credible = is_credible(found.provenance, found.sender_address, services.settings.domains, visit.account_id)
    return found.sender_address.casefold() if credible else ""


def _is_forged(services: Services, visit: Visit, invitation: Invitation, found: Stored) -> bool:
    """Whether the message comes from somebody else than it says: then nothing is sent to whom it names, and nothing of
    it changes what is in the agenda."""
    expected = invitation.organizer.address
    if invitation.method in (Method.REPLY, Method.COUNTER):
        expected = invitation.attendees[0].address if invitation.attendees else ""
    return not expected or _author(services, visit, found) != expected.casefold()


def _addresses(visit: Visit) -> tuple[str, ...]:
    return (visit.principal.address, *visit.principal.aliases)


async def _invitation(octets: bytes, root: Part) -> Invitation | None:
    part = next((one for one in root.walk() if one.type == "text/calendar"), None)
    if part is None or part.size > 2 * invitations.MAX_OCTETS:
        return None
    text = part.text(octets).encode("utf-8", "replace")
    return await asyncio.to_thread(invitations.read, text)


async def _conflicts(
    services: Services, visit: Visit, invitation: Invitation, start: datetime.datetime, end: datetime.datetime
) -> list[Conflict]:
    """What else is in the reader's agenda then; a whole day's note and what leaves them free are none."""
    end = min(max(end, start + datetime.timedelta(minutes=1)), start + datetime.timedelta(days=31))
    async with alone(visit.account_id):
        rows = await services.store.read(own_events.around, visit.account_id, start, end)
        others = [(collection, item) for collection, item in rows if item.uid != invitation.uid]
        found = await asyncio.to_thread(occurrences.spread, others, start, end, visit.language.zone)
    busy = [
        occurrence
        for occurrence in found.occurrences
        if not (occurrence.free or occurrence.cancelled or occurrence.all_day)
    ]
    return [
        Conflict(plain.line(one.title) or visit._("(sans titre)"), visit.language.span(one.start, one.end))
        for one in busy[:MAX_CONFLICTS]
    ]


# ---------------------------------------------------------------------- answering


async def answer(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/invitation: accept, perhaps, decline; or take a cancellation or a reply into the agenda."""
    found, octets = await messages.load(services, visit)
    invitation = await _invitation(octets, unpack(found.parts))
    if invitation is None:
        raise Refused(Reason.NOT_FOUND)
    action = visit.form.text("faire")
    expected = {Method.REQUEST: {*CHOICES, OTHER_TIME}, Method.CANCEL: {"retirer"}, Method.REPLY: {"noter"}}
    if action not in expected.get(invitation.method, ()):
        raise BadSyntax("No such action")
    if invitation.method is not Method.REQUEST and _is_forged(services, visit, invitation, found):
        raise Refused(Reason.FORBIDDEN)
    held = await services.store.read(own_events.find, visit.account_id, invitation.uid)
    if held is not None and invited_occurrences.sequence(held.text, invitation) > invitation.sequence:
        return back(visit, found.id, found.box.id, "agenda-perime")
    if held is not None and not _may_change(services, visit, found, invitation, held):
        return back(visit, found.id, found.box.id, "agenda-autrui")
    try:
        done, letter = await _take(services, visit, found, invitation, held, action)
    except (Refused, ValueError, BadSyntax):
        return back(visit, found.id, found.box.id, "agenda-echec")
    return back(visit, found.id, found.box.id, done, **parameter(letter))


def _may_change(services: Services, visit: Visit, found: Stored, invitation: Invitation, held: OwnEvent) -> bool:
    """Whether the message may change this event: its organizer changes and cancels it, and notes the answers.

    A stranger who knows its UID moves nothing.
    """
    organizer = invitations.organizer(held.text)
    if invitation.method is Method.REPLY:
        return organizer in {address.casefold() for address in _addresses(visit)}
    return bool(organizer) and organizer == _author(services, visit, found)


async def _take(
    services: Services, visit: Visit, found: Stored, invitation: Invitation, held: OwnEvent | None, action: str
) -> tuple[str, Became]:
    """Do it; what the reader is told, and what became of the answer (LEFT where there is none)."""
    if action == "retirer":
        await _take_out(services, visit, invitation, held)
        return "agenda-retire", Became.LEFT
    if action == "noter":
        note = invited_occurrences.noted if invitation.single else invitations.noted
        text = note(held.text, invitation) if held else None
        if held is None or text is None:
            raise Refused(Reason.NOT_FOUND)
        await _store(services, visit, held, invitation.uid, text)
        return "agenda-note", Became.LEFT
    forged = _is_forged(services, visit, invitation, found)
    if action == OTHER_TIME:
        if forged:
            return "organisateur-autre", Became.LEFT
        return await _propose(services, visit, invitation, held)
    chosen = CHOICES[action]
    if chosen is not Answer.NO:
        await _put(services, visit, invitation, held, chosen)
    else:
        await _take_out(services, visit, invitation, held)
    if forged:
        return "organisateur-autre" if chosen is Answer.NO else "organisateur-autre-note", Became.LEFT
    return action, await tell(services, visit, invitation, chosen)


async def tell(services: Services, visit: Visit, invitation: Invitation, chosen: Answer) -> Became:
    """Send an answer to the organizer; what became of it."""
    _ = visit._
    words = {Answer.YES: _("Accepté"), Answer.MAYBE: _("Peut-être"), Answer.NO: _("Refusé")}
    name, now = visit.principal.name, _now(services)
    calendar = invitations.reply(invitation, name, _invited(visit, invitation), chosen, now)
    return await _send(services, visit, invitation, Said(words[chosen], Method.REPLY, calendar))


async def _put(services: Services, visit: Visit, invitation: Invitation, held: OwnEvent | None, chosen: Answer) -> None:
    """The event as it is now, with this answer, in the agenda; of a series that is there the rest stays."""
    text = invitations.event(invitation, _addresses(visit), chosen, held.text if held else "")
    if held is not None and invitation.single:
        text = invited_occurrences.requested(held.text, text)
    await _store(services, visit, held, invitation.uid, text)


async def _take_out(services: Services, visit: Visit, invitation: Invitation, held: OwnEvent | None) -> None:
    """The event leaves the agenda; of a series what the message is about, the rest stays."""
    if held is None:
        return
    text = invited_occurrences.left_out(held.text, invitation) if invitation.single else None
    if text is not None:
        await _store(services, visit, held, invitation.uid, text)
    else:
        await services.store.write(agenda_items.remove, visit.account_id, held.collection_id, held.href, held.etag)


async def _store(services: Services, visit: Visit, held: OwnEvent | None, uid: str, text: str) -> None:
    """Write the event in place of the one that is there, or into the first calendar that takes events."""
    href = held.href if held else f"{hashlib.sha256(uid.encode()).hexdigest()[:32]}.ics"
    item = await asyncio.to_thread(reading.read, href, text)
    await services.store.write(own_events.put, visit.account_id, held, item)


async def _propose(
    services: Services, visit: Visit, invitation: Invitation, held: OwnEvent | None
) -> tuple[str, Became]:
    """Another time: the reader comes perhaps until it is settled. What the reader is told."""
    proposal = (
        counter_proposal.proposed(visit, invitation)
        if counter_proposal.offered(visit, invitation) is not None
        else None
    )
    if proposal is None:
        return "horaire-inconnu", Became.LEFT
    await _put(services, visit, invitation, held, Answer.MAYBE)
    name, now = visit.principal.name, _now(services)
    calendar = invitations.counter(invitation, name, _invited(visit, invitation), proposal, now)
    start, end = (occurrences.moment(one, visit.language.zone) for one in (proposal.start, proposal.end))
    when = visit.language.span(start, end, all_day=not isinstance(proposal.start, datetime.datetime))
    said = Said(visit._("Autre horaire proposé"), Method.COUNTER, calendar, f"{when}\n\n{proposal.comment}".strip())
    return OTHER_TIME, await _send(services, visit, invitation, said)


def _now(services: Services) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(services.clock.now(), datetime.UTC)


def _invited(visit: Visit, invitation: Invitation) -> str:
    """The address by which the reader was invited."""
    me = invitation.invited(_addresses(visit))
    return me.address if me else visit.principal.address


@dataclass(frozen=True, slots=True)
class Said:
    """What goes to the organizer: in a word, in full, and for programs."""

    word: str
    method: Method
    calendar: str
    text: str = ""


async def _send(services: Services, visit: Visit, invitation: Invitation, said: Said) -> Became:
    """The answer to the organizer, as RFC 6047 section 4 wants it; what became of it."""
    to = invitation.organizer.address
    if not to or visit.principal.owns(to):
        return Became.NOBODY
    subject = f"{said.word} : {plain.line(invitation.summary, 200)}"
    own = _invited(visit, invitation)  # an answer from another address is not taken for the attendee's
    head = NewMessage(
        author=Correspondent(visit.principal.name, own),
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        to=(Correspondent(plain.line(invitation.organizer.name, 200), to),),
        subject=subject,
        zone=visit.language.offset(visit.now),
    )
    text = compose.text_part(f"{subject}\n\n{said.text}".strip())
    content = compose.multipart("alternative", [text, _calendar_part(said)], head.message_id)
    octets = compose.envelope_fields(head) + b"MIME-Version: 1.0\r\n" + content.octets
    return await became.told(services.submission.submit(visit.principal, own, (to,), octets))


def _calendar_part(said: Said) -> Piece:
    pairs = [("charset", "utf-8"), ("method", str(said.method))]
    header = parameters("Content-Type", "text/calendar", pairs) + b"Content-Transfer-Encoding: base64\r\n"
    return Piece(header, compose.base64(said.calendar.encode("utf-8")))
