"""A letter being written: its values, its form, and the draft it is kept as.

A draft is an ordinary message in Drafts, so other programs can go on with it. What only our form knows (recipients
that are not addresses yet, which message is answered) travels in `X-Web-` fields, which a sent message does not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.errors import Reason, Refused
from mailserver.identity import Principal
from mailserver.mime import Part, unpack
from mailserver.mime.addresses import parse as parse_addresses
from mailserver.mime.addresses import people
from mailserver.mime.compose import Attachment, NewMessage, build
from mailserver.mime.fields import Correspondent
from mailserver.mime.replies import correspondents, thread
from mailserver.store import messages, webmail
from webui import plaintext
from webui.effort import computed
from webui.forms import Form, positive
from webui.visit import Services, Visit

MAX_SUBJECT = 500
MAX_TEXT = 1_000_000
MAX_RECIPIENTS_TEXT = 60_000
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """What the form holds."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    urgent: bool = False
    receipt: bool = False
    answers: int = 0
    """The message this one answers, 0 for none."""
    forwards: int = 0
    """The message this one passes on."""
    draft: int = 0
    """The draft this letter was read from; 0 before it was first saved."""
    key: str = ""
    """Made with the form: the same letter keeps it through every save, and is sent once."""

    @property
    def recipients(self) -> str:
        return f"{self.to}{self.cc}{self.bcc}"


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that is in the draft already."""

    number: str
    name: str
    octets: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft that is stored: its letter, and its attachments with their octets."""

    letter: Letter
    attachments: tuple[Attachment, ...]


def from_form(form: Form) -> Letter:
    """The letter as posted; over-long values are cut, which the form's own limits make impossible by hand."""
    return Letter(
        to=_line(form.text("a"), MAX_RECIPIENTS_TEXT),
        cc=_line(form.text("cc"), MAX_RECIPIENTS_TEXT),
        bcc=_line(form.text("cci"), MAX_RECIPIENTS_TEXT),
        subject=_line(form.text("objet"), MAX_SUBJECT),
        text=form.text("texte").replace("\r\n", "\n")[:MAX_TEXT],
        urgent=form.has("urgent"),
        receipt=form.has("accuse"),
        answers=form.number("repond"),
        forwards=form.number("transfere"),
        draft=form.number("brouillon"),
        key=form.text("cle")[:64],
    )


def _line(text: str, limit: int) -> str:
    return " ".join(text.split())[:limit]


# ---------------------------------------------------------------------- a letter as a message


def author(principal: Principal) -> Correspondent:
    """Who a person's letters are from."""
    return Correspondent(principal.name, principal.address)


async def written(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], *, draft: bool
) -> bytes:
    """The octets of a letter. As a draft it keeps what only the form knows. Raises Refused(TOO_BIG)."""
    if sum(len(one.octets) for one in attachments) > services.attachment_octets:
        raise Refused(Reason.TOO_BIG)
    in_reply_to, references = await _threading(services, visit, letter)
    more: list[tuple[str, str]] = []
    if letter.urgent:
        more += [("X-Priority", "1 (Highest)"), ("Importance", "High")]
    if letter.receipt:
        more.append(("Disposition-Notification-To", visit.principal.address))
    if draft:
        more += [
            ("X-Web-Letter", f"{letter.answers}.{letter.forwards}.{letter.key}"),
            ("X-Web-To", letter.to),
            ("X-Web-Cc", letter.cc),
            ("X-Web-Bcc", letter.bcc),
        ]
    name = services.keys.stored(letter.key or services.keys.new_token()).hex()[:32]
    message = NewMessage(
        author=author(visit.principal),
        date=services.clock.now(),
        message_id=f"<{name}@{services.settings.domain}>",
        to=addressees(letter.to),
        cc=addressees(letter.cc),
        bcc=addressees(letter.bcc),
        subject=letter.subject,
        text=letter.text,
        attachments=tuple(attachments),
        in_reply_to=in_reply_to,
        references=references,
        more=tuple((name, value) for name, value in more if value),
        zone=visit.language.offset(visit.now),
    )
    size = len(letter.text) + sum(len(one.octets) for one in attachments)
    return await computed(size, build, message, bcc=True)


async def _threading(services: Services, visit: Visit, letter: Letter) -> tuple[str, tuple[str, ...]]:
    """In-Reply-To and References from the message that is answered, if it is still there."""
    if not letter.answers:
        return "", ()
    try:
        octets, root = await message(services, visit, letter.answers, upto=0)
    except Refused:
        return "", ()
    return thread(octets, root)


def addressees(text: str) -> tuple[Correspondent, ...]:
    """The addresses in a recipients field; words that are no address yet are left out."""
    found: dict[str, Correspondent] = {}
    for mailbox in people(parse_addresses(commas(text))):
        found.setdefault(mailbox.address.casefold(), Correspondent(mailbox.display, mailbox.address))
    return tuple(found.values())


def commas(text: str) -> str:
    """Semicolons outside quotes as commas: people separate addresses with either."""
    pieces = text.split('"')
    pieces[::2] = [piece.replace(";", ",").replace("\n", ",") for piece in pieces[::2]]
    return '"'.join(pieces)


# ---------------------------------------------------------------------- drafts


async def message(services: Services, visit: Visit, content_id: int, *, upto: int | None = None) -> tuple[bytes, Part]:
    """Octets and parts of a message of the person. Raises Refused(NOT_FOUND)."""
    found = await services.store.read(webmail.stored, visit.account_id, content_id)
    folder = services.settings.data / "blobs"
    octets = await services.store.read(webmail.octets, visit.account_id, content_id, folder, upto)
    return octets, unpack(found.parts)


async def keep(services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]) -> Letter:
    """Save a letter as a draft, in place of the one it was read from.

    Raises Refused(CONFLICT | OVER_QUOTA | TOO_BIG).
    """
    letter = letter if letter.key else replace(letter, key=services.keys.new_token())
    octets = await written(services, visit, letter, attachments, draft=True)
    prepared = await services.delivery.prepare(octets)
    quota = messages.Quota.of(services.settings.limits)
    draft_id = await services.store.write(webmail.replace_draft, visit.account_id, letter.draft, prepared, quota)
    return replace(letter, draft=draft_id)


async def kept(services: Services, visit: Visit, draft_id: int) -> Kept:
    """A draft of the person, also one that another program wrote. Raises Refused(NOT_FOUND)."""
    octets, root = await message(services, visit, draft_id)
    return await computed(len(octets), _kept, octets, root, draft_id)


def _kept(octets: bytes, root: Part, draft_id: int) -> Kept:
    return Kept(letter_of(octets, root, draft_id), tuple(_attachments(octets, root)))


def letter_of(octets: bytes, root: Part, draft_id: int) -> Letter:
    """The values of a stored draft."""
    ours = root.header(octets, "X-Web-Letter")
    answers, forwards, key = [*ours.split(".", 2), "", ""][:3]
    fields = {
        name: (root.header(octets, f"X-Web-{name}") if ours else "") or listed(correspondents(octets, root, name))
        for name in ("To", "Cc", "Bcc")
    }
    return Letter(
        to=fields["To"],
        cc=fields["Cc"],
        bcc=fields["Bcc"],
        subject=root.header(octets, "Subject"),
        text=plaintext.readable(octets, root)[:MAX_TEXT],
        urgent=bool(root.header(octets, "X-Priority").startswith("1")),
        receipt=bool(root.header(octets, "Disposition-Notification-To")),
        answers=positive(answers),
        forwards=positive(forwards),
        draft=draft_id,
        key=key,
    )


def _attachments(octets: bytes, root: Part) -> list[Attachment]:
    return [
        Attachment(part.filename or f"piece-{part.number}", part.type, part.content(octets))
        for part in root.attachments()
    ]


def listed(those: Sequence[Correspondent]) -> str:
    """People as a recipients field shows them."""
    return ", ".join(_shown(one) for one in those)


def _shown(person: Correspondent) -> str:
    name = person.name.replace('"', "").strip()
    if not name:
        return person.address
    plain = all(char.isalnum() or char in " '-.’" for char in name)
    return f"{name} <{person.address}>" if plain else f'"{name}" <{person.address}>'
