"""The page of one message: its text, and around it everything a reader is told and can do.

The same template part is the middle of a whole page, and alone the answer to the pane of the complete interface.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.model.account.preferences import NEVER
from mailserver.model.messages.provenance import DELIVERED, Door
from mailserver.store.mail import access, known_senders, urgent_letters
from mailserver.store.mail.flags import SEEN, names
from mailserver.store.mail.known_senders import Acquaintance
from mailserver.store.queue import mailings
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, Edge, Line, Stored, handling
from webui.compose.addressing import identities
from webui.compose.message.message_form import listed
from webui.http.offload import computed
from webui.mail import snooze_times, views
from webui.mail.allowed_actions import offered
from webui.mail.message_list import Label, labels, recent
from webui.mail.search import search_walk
from webui.page.context import COMPLETE, Services, Visit
from webui.page.rendering import redirect
from webui.page.shell.avatars import Avatar, avatar
from webui.page.shell.mail_shell import DRAFTS, JUNK, SENT, Folder, MailShell, surroundings
from webui.page.words import plain
from webui.reader import (
    addressees,
    assessment,
    conversations,
    correspondent,
    message_parts,
    recall,
    sent_outcome,
    trusted_senders,
)
from webui.reader.assessment import HeaderFacts
from webui.reader.content import html_dark, html_view, images, plain_text, shown_text
from webui.reader.content.shown_text import ShownText
from webui.reader.correspondent import Correspondent
from webui.reader.flash_texts import said
from webui.reader.place import Place, box_of, place
from webui.reader.requests import invitations, receipts, unsubscribe
from webui.reader.trust import badges, cautions, imitations, links, results, spam
from webui.reader.trust.badges import Badge

MAX_UNITS = 20
"""Units in which a conversation is marked as read: 10,000 messages."""
BESIDE = 20
"""Messages of the list shown on either side of the one that is read."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is to be said about remote pictures."""

    blocked: int
    shown: int
    always: bool
    """The reader wants those of this sender shown."""
    lasting: bool
    """There is a sender whose pictures could be shown from now on."""


@dataclass(frozen=True, slots=True)
class QuickReply:
    """What the box at the foot sends beside its text."""

    to: str
    subject: str
    sender: str
    key: str


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A message with its surroundings."""

    frame: MailShell
    folder: Folder
    place: Place
    offers: frozenset[str]
    """What may be done (`webui.mail.allowed_actions`)."""
    message: Stored
    head: message_parts.Letterhead
    pieces: Sequence[message_parts.Piece]
    attached: int
    """How many attachments there are."""
    seen: ShownText
    has_formatted: bool
    formatted: bool
    """Show the formatted version, in its frame."""
    paper: str
    """What that lies on in the dark (`html_dark`)."""
    pictures: Pictures
    caution: cautions.Caution | None
    spam: Sequence[str]
    """Why it stands in Spam."""
    trusted: bool
    """The reader has said that this sender's messages are safe."""
    badges: Sequence[Badge]
    avatar: Avatar
    addressees: addressees.Addressees
    labels: Sequence[Label]
    """All tags of the reader's."""
    tagged: frozenset[str]
    """Keywords of those that the message has."""
    moments: Sequence[tuple[str, str]]
    """When it may come back, once put off."""
    targets: Sequence[Folder]
    recent: Sequence[Folder]
    """Those last used."""
    list_address: str
    reply: QuickReply
    conversation: conversations.Conversation
    said: str
    """What has just been done."""
    recallable: bool
    """Its author may still take it back."""
    receipt: receipts.Note | None = None
    invitation: invitations.Card | None = None
    leaving: unsubscribe.Way | None = None
    reports_phishing: bool = False
    correspondent: Correspondent | None = None
    """Who wrote, in the complete interface."""
    outcome: sent_outcome.Outcome | None = None
    """What became of it, where its reader sent it."""
    beside: Sequence[Line] = ()
    """The messages around it, in the complete interface."""
    above: str = ""
    below: str = ""
    """The addresses of its neighbours in the list it was opened from, empty at the ends."""
    opens_whole: bool = False
    """That list is of conversations."""
    cancelled: str = ""
    """When its sender took it back, after it was read; empty: they did not."""
    urgent: bool = False
    """Its reader was told of it whatever their quiet hours were."""
    mark_after: int = 0
    """Seconds after which the script of the page marks it as read; NEVER: it stays unread; 0: it is read."""

    @property
    def seal(self) -> Badge | None:
        """What may be believed of the sender."""
        return badges.seal(self.badges)

    @property
    def authentication(self) -> str:
        """What was found out about who sent it, in the field's words; empty: nobody looked."""
        return results.in_short(self.message.provenance.results)

    @property
    def onward(self) -> str:
        """What the address of a neighbour says behind its id."""
        return f"{self.place.query}&fil=1" if self.opens_whole else self.place.query

    @property
    def for_paper(self) -> str:
        """The address at which it is printed as it is shown."""
        shown = "&images=1" if self.seen.shown else ""
        return f"{self.place.here}/imprimer?{self.place.query}&forme={int(self.formatted)}{shown}"


async def show_message(services: Services, visit: Visit) -> Response:
    """GET /message/{id}: the message as text, or (`forme=1`) its formatted version in a frame.

    `images=1` shows remote pictures this once; with `fil=1` it was opened as a conversation, which is read then.
    """
    found, octets = await message_parts.load(services, visit, upto=message_parts.TEXT_OCTETS)
    if found.box.special_use == DRAFTS and found.box.account_id == visit.account_id:
        return redirect(visit, f"{visit.base}/ecrire/{found.id}")
    whole = visit.query("fil") == "1" and visit.preferences.conversations
    unread = (whole or not found.seen) and "prefetch" not in visit.request.headers.get("sec-purpose", "")
    delay = _delay(visit)
    fresh = frozenset[int]()
    if unread and not delay:
        fresh = await conversations.unread(services, found) if whole else fresh
        found = await _seen(services, visit, found, whole=whole)
    if plain_text.is_beyond(unpack(found.parts), len(octets)):  # there is text behind a large attachment
        async with message_parts.load_whole(services, visit) as (_, octets):
            page = await _page(services, visit, found, octets, fresh)
    else:
        page = await _page(services, visit, found, octets, fresh)
    if unread and delay and "lu" in page.offers:
        page = replace(page, mark_after=delay)
    page = await _between(services, visit, page)
    if visit.interface == COMPLETE and not visit.fragment and not page.place.found:
        edge = Edge(found.date, found.uid)
        beside = await services.store.read(webmail.around, found.box.account_id, found.box.id, edge, BESIDE)
        page = replace(page, beside=beside)
    return services.pages.answer(visit, "reader/read.html", page)


def _delay(visit: Visit) -> int:
    """Seconds after which an open message counts as read, by the script of the complete interface; NEVER: it does not.

    Nothing counts seconds in the simplified one.
    """
    chosen = visit.preferences.mark_read
    return chosen if visit.interface == COMPLETE or chosen == NEVER else 0


async def _between(services: Services, visit: Visit, page: ReadPage) -> ReadPage:
    """The page with its neighbours in the list it was opened from."""
    found, at = page.message, page.place
    if at.found:
        edge = Edge(found.date, found.uid)
        above, below = await search_walk.neighbours(services, visit, at.view, found.box.id, edge)
        return replace(page, above=above, below=below)
    view = views.of_list(visit, page.folder, at.view, services.settings.domain)
    ids = await services.store.read(webmail.neighbours, found.box, view, found.uid)
    page = replace(page, opens_whole=view.shows_conversations)
    above, below = (f"{at.opening}{one}?{page.onward}" if one else "" for one in ids)
    return replace(page, above=above, below=below)


async def _seen(services: Services, visit: Visit, found: Stored, *, whole: bool) -> Stored:
    """The message, or its conversation in its mailbox, marked as read: for everybody there, by whoever may keep \\Seen
    (right "s")."""
    viewer = await services.sharing.viewer(visit.principal)
    _, rights = await services.store.read(access.require, viewer, found.box.id, "r")
    if "s" not in rights:
        return found
    chosen, after = (Chosen((), (found.id,)) if whole else Chosen((found.id,))), 0
    for _ in range(MAX_UNITS):
        step = await services.store.write(handling.mark, viewer, found.box.id, chosen, after, "+", ("\\Seen",))
        after = step.last
        if not after:
            break
    return replace(found, flags=found.flags | SEEN)


async def _page(
    services: Services, visit: Visit, found: Stored, octets: bytes, fresh: frozenset[int] = frozenset()
) -> ReadPage:
    root = unpack(found.parts)
    at = place(visit, found)
    known = await services.store.read(known_senders.acquaintance, visit.account_id, found.sender_address, found.id)
    if at.foreign:  # whom the others know is not told
        known = replace(known, first_time=False)
    trusting = trusted_senders.of(services, visit, found, given=known.trusted, foreign=at.foreign)
    _, formatted = plain_text.body_parts(root)
    wanted = visit.query("forme") or ("1" if visit.preferences.formatted else "0")
    show_formatted = bool(formatted) and wanted == "1"
    settings = services.settings
    author = await identities.answering(services, visit, box_of(visit))
    await imitations.ready()
    header = await computed(root.body - root.start, assessment.read, octets, root, found, settings, author.owns)
    if found.provenance.door is Door.RESENT:
        header = replace(header, origin=replace(header.origin, resent_by=await _resender(services, found)))
    origin = header.origin
    shown = found.box.special_use != JUNK and _shows_pictures(services, visit, found, known, origin)
    with_pictures = visit.query("images") == "1" or shown
    read = formatted if show_formatted else []
    seen = await _text(services, visit, found, octets, root, read, with_pictures=with_pictures)
    files = message_parts.unshown(root, seen.pictures) if show_formatted else []
    around = await surroundings(services, visit, found.box.id)
    folder = around.folder(found.box.id)
    offers, targets = offered(around, folder), around.targets(folder)
    newsletter = links.is_newsletter(header.sender.claim, found.provenance.results, known, foreign=at.foreign)
    looked_at = sum(map(len, seen.links)) * assessment.LINK_WORK
    noticed = await computed(looked_at, assessment.noticed, visit, found, root, seen, header, newsletter=newsletter)
    page = ReadPage(
        frame=around,
        folder=folder,
        place=at,
        offers=offers,
        message=found,
        head=header.letterhead,
        pieces=_pieces(services, root, files),
        attached=len(root.attachments()) + len(files),
        seen=seen,
        has_formatted=bool(formatted),
        formatted=show_formatted,
        paper=html_dark.chosen(visit),
        pictures=Pictures(seen.blocked, seen.shown, known.shows_pictures, _lasting(at, found)),
        caution=assessment.caution(services, visit, noticed, trusting),
        trusted=trusting.given,
        spam=await spam.why(services, visit, found),
        badges=assessment.badges_of(visit, found, origin, known),
        avatar=_avatar(header.letterhead),
        addressees=addressees.in_short(visit, header.letterhead),
        labels=labels(visit),
        tagged=frozenset(name.casefold() for name in names(found.flags, found.keywords)),
        moments=snooze_times.choices(visit.language, visit.now) if "reporter" in offers else (),
        targets=targets,
        recent=recent(visit, targets),
        list_address=origin.list_address,
        reply=QuickReply(listed(header.reply.to), header.reply.subject, author.sender, services.keys.new_token()),
        conversation=await conversations.around(services, visit, found, around, fresh),
        said=said(visit),
        recallable=await recall.is_open(services, visit, found),
        cancelled=await _cancelled(services, visit, found),
        urgent=found.provenance.verified and await services.store.read(urgent_letters.is_one, found.id),
    )
    return page if at.foreign else await _personal(services, visit, page, octets, root, header)


async def _text(
    services: Services,
    visit: Visit,
    found: Stored,
    octets: bytes,
    root: Part,
    formatted: Sequence[Part],
    *,
    with_pictures: bool,
) -> ShownText:
    """What is shown of the parts that are `formatted`; without any, of the plain text."""
    work = plain_text.weight(root)
    if not formatted:
        return await computed(work, shown_text.plain, octets, root, f"{visit.base}/ecrire?a=")
    remote = images.signed(services, visit) if with_pictures else html_view.nowhere
    inline = message_parts.inline(visit, found, root)
    return await computed(work, shown_text.formatted, octets, formatted, inline, remote)


async def _cancelled(services: Services, visit: Visit, found: Stored) -> str:
    """The day on which the mailing that brought it was taken back."""
    if found.provenance.door not in DELIVERED:
        return ""
    at = await services.store.read(mailings.taken_back, found.id)
    return visit.language.long_date(at) if at else ""


async def _personal(
    services: Services, visit: Visit, page: ReadPage, octets: bytes, root: Part, header: HeaderFacts
) -> ReadPage:
    """The page with what asks something of whoever the message came to: not of those who read along."""
    found, sent = page.message, page.message.box.special_use == SENT
    who: Correspondent | None = None
    if visit.interface == COMPLETE and not sent and page.caution is None and found.box.special_use != JUNK:
        verified = header.origin.verified
        who = await correspondent.beside(services, visit, found, page.head.sender, verified=verified)
    return replace(
        page,
        correspondent=who,
        receipt=await receipts.note(services, visit, found, octets, root),
        invitation=await invitations.card(services, visit, found, octets, root),
        outcome=await sent_outcome.of(services, visit, found),
        leaving=header.leaving,
        reports_phishing=not sent,
    )


def _lasting(at: Place, found: Stored) -> bool:
    """Whether the pictures of the sender could be shown from now on: a choice about one's own mail."""
    return bool(found.sender_address) and not at.foreign


async def _resender(services: Services, found: Stored) -> str:
    """The address of whoever passed a message on; empty: they are gone."""
    who = await services.directory.by_account(found.provenance.account_id)
    return plain.line(who.address, 200) if who is not None else ""


def _shows_pictures(
    services: Services, visit: Visit, found: Stored, known: Acquaintance, origin: badges.Origin
) -> bool:
    """Whether remote pictures are shown without being asked for; in junk they never are.

    A choice about a sender holds for what may be taken as theirs: who borrows their address learns nothing.
    """
    chosen = visit.preferences.images
    if chosen == "toujours" or (chosen == "internes" and origin.verified):
        return True
    domains = services.settings.domains
    credible = badges.is_credible(found.provenance, found.sender_address, domains, visit.account_id)
    return known.shows_pictures and credible and badges.is_authenticated(found.provenance)


def _pieces(services: Services, root: Part, files: Sequence[Part]) -> Sequence[message_parts.Piece]:
    """Its attachments, and after them the `files` that no text of it shows."""
    pieces = message_parts.pieces(root, as_pages=bool(services.settings.previews.libreoffice))
    more = [replace(one, preview="") for one in message_parts.pieces_of(files)]
    return [*pieces, *more][: message_parts.MAX_PIECES]


def _avatar(head: message_parts.Letterhead) -> Avatar:
    sender = head.sender[0] if head.sender else message_parts.Person("", "")
    return avatar(sender.name or sender.address, sender.address)
