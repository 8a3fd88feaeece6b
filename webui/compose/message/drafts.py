"""A letter as a message: the octets that leave, and the draft it is kept as and read from again.

A draft is an ordinary message in Drafts, so other programs can go on with it. What only our form knows (recipients
that are not addresses yet, which message is answered, how it is to leave) travels in `X-Web-` fields, which a sent
message does not have. The quoted original is not in a draft: it is put in when the letter leaves.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from mailserver.mime import Part
from mailserver.mime.header import header_limit
from mailserver.mime.writing.compose import Attachment, NewMessage, build
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.replies import correspondents, thread, threading_of
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.submission.future_release import FIELD
from mailserver.policy.rules import urgent_letters
from mailserver.store.mail import messages
from mailserver.store.web import webmail
from webui.compose.message import sources
from webui.compose.message.message_form import (
    MAX_FORWARDS,
    MAX_TEXT,
    Letter,
    Quoted,
    addressees,
    author,
    listed,
    outgoing,
    plain,
    spoken,
)
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.reader import message_parts
from webui.reader.content import html_view, plain_text


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft that is stored: its letter, and its attachments with their octets."""

    letter: Letter
    attachments: tuple[Attachment, ...]
    authors: tuple[str, ...] = ()
    """In whose name it is, by the From of another program."""


# ---------------------------------------------------------------------- written


async def written(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    sender: Correspondent | None = None,
    quoted: Quoted | None = None,
    *,
    draft: bool,
) -> bytes:
    """The octets of a letter. As a draft it keeps what only the form knows. Raises Refused(TOO_BIG)."""
    everything = [*attachments, *(quoted.pictures if quoted else ())]
    if sum(len(one.octets) for one in everything) > services.attachment_octets:
        raise Refused(Reason.TOO_BIG)
    in_reply_to, references = await _threading(services, visit, letter)
    text, html = _bodies(letter, quoted, below=visit.preferences.answer_below)
    to, cc, bcc = addressees(letter.to), addressees(letter.cc), addressees(letter.bcc)
    if letter.apart and not draft:
        to, cc, bcc = (), (), (*to, *cc, *bcc)
    own = author(visit.principal)
    message = NewMessage(
        author=sender or own,
        sender=own if letter.behalf and sender and sender.address != own.address else None,
        date=services.clock.now(),
        message_id=message_id(services, letter),
        to=to,
        cc=cc,
        bcc=bcc,
        subject=letter.subject,
        text=text,
        html=html,
        attachments=tuple(everything),
        in_reply_to=in_reply_to,
        references=references,
        more=tuple((name, value) for name, value in _fields(visit, letter, draft=draft) if value),
        zone=visit.language.offset(visit.now),
    )
    size = len(text) + len(html) + sum(len(one.octets) for one in everything)
    octets = await computed(size, build, message, bcc=True)
    limits = services.settings.limits
    header_limit.check(octets, limits.header_size, limits.header_fields)
    return octets


def message_id(services: Services, letter: Letter) -> str:
    """The letter's message id: its own from the first save on."""
    name = services.keys.stored(letter.key or services.keys.new_token()).hex()[:32]
    return f"<{name}@{services.settings.domain}>"


def _bodies(letter: Letter, quoted: Quoted | None, *, below: bool) -> tuple[str, str]:
    """The plain and the HTML text of the message, with what it quotes; a plain letter has no HTML."""
    texts = [plain(letter.html) if letter.html else letter.text.rstrip("\n")]
    pages = [letter.html]
    if quoted is not None:
        texts.append(quoted.text.strip("\n"))
        pages.append(quoted.html)
    if below:
        texts.reverse()
        pages.reverse()
    text = "\n\n".join(filter(None, texts)) + "\n"
    page = "\n".join(filter(None, pages))
    language = f' lang="{letter.language}"' if letter.language else ""
    html = f'<!DOCTYPE html><html{language}><head><meta charset="utf-8"></head><body>{page}</body></html>'
    return text, html if letter.html else ""


def _fields(visit: Visit, letter: Letter, *, draft: bool) -> list[tuple[str, str]]:
    more: list[tuple[str, str]] = []
    if letter.urgent:
        more += [("X-Priority", "1 (Highest)"), ("Importance", "High")]
    if letter.alert:
        more.append((urgent_letters.FIELD, urgent_letters.VALUE))
    if letter.receipt:
        more.append(("Disposition-Notification-To", letter.sender or visit.principal.address))
    if draft:
        known = {
            "answers": letter.answers,
            "forwards": letter.forwards,
            "box": letter.box,
            "quotes": letter.quotes,
            "key": letter.key,
            "sender": letter.sender,
            "behalf": letter.behalf,
            "delivery": letter.delivery,
            "apart": letter.apart,
            "require_tls": letter.require_tls,
            "copy": letter.copy,
            "signature": letter.signature,
            "language": letter.language,
        }
        more += [
            (FIELD, json.dumps({name: value for name, value in known.items() if value})),
            ("X-Web-To", letter.to),
            ("X-Web-Cc", letter.cc),
            ("X-Web-Bcc", letter.bcc),
        ]
    return more


async def _threading(services: Services, visit: Visit, letter: Letter) -> tuple[str, tuple[str, ...]]:
    """In-Reply-To and References from the message that is answered, if it is still there; else those of the draft,
    which another program may have begun as an answer."""
    if letter.answers:
        with suppress(Refused):
            source = await sources.message(services, visit, letter.answers, letter.box, upto=0)
            return thread(source.octets, source.root)
    if not letter.draft:
        return "", ()
    try:
        source = await sources.message(services, visit, letter.draft, upto=0)
    except Refused:
        return "", ()
    return threading_of(source.octets, source.root)


# ---------------------------------------------------------------------- kept, and read again


async def keep(services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]) -> Letter:
    """Save a letter as a draft, in place of the one it was read from.

    Raises Refused(CONFLICT | OVER_QUOTA | TOO_BIG).
    """
    letter = letter if letter.key else replace(letter, key=services.keys.new_token())
    sender = Correspondent(visit.principal.name, letter.sender) if letter.sender else None
    octets = await written(services, visit, letter, attachments, sender, draft=True)
    prepared = await services.delivery.prepare(octets)
    quota = messages.Quota.of(services.settings.limits)
    draft_id = await services.store.write(webmail.replace_draft, visit.account_id, letter.draft, prepared, quota)
    return replace(letter, draft=draft_id)


async def kept(services: Services, visit: Visit, draft_id: int) -> Kept:
    """A draft of the person, also one that another program wrote. Raises Refused(NOT_FOUND)."""
    source = await sources.message(services, visit, draft_id)
    return await computed(len(source.octets), _kept, source.octets, source.root, draft_id)


def _kept(octets: bytes, root: Part, draft_id: int) -> Kept:
    letter, attachments = letter_of(octets, root, draft_id), _attachments(octets, root)
    if root.header(octets, FIELD):
        return Kept(letter, tuple(attachments))
    authors = correspondents(octets, root, "From")
    return Kept(letter, tuple(_as_files(letter, attachments)), tuple(one.address for one in authors))


def _as_files(letter: Letter, attachments: Sequence[Attachment]) -> list[Attachment]:
    """Pictures that another program put beside its page, which does not show them, are files; our own form keeps those
    that its page is about to show."""
    return [one if f"cid:{one.content_id}" in letter.html else replace(one, content_id="") for one in attachments]


def letter_of(octets: bytes, root: Part, draft_id: int) -> Letter:
    """The values of a stored draft."""
    ours = root.header(octets, FIELD)
    known = _known(ours)
    fields = {
        name: (root.header(octets, f"X-Web-{name}") if ours else "") or listed(correspondents(octets, root, name))
        for name in ("To", "Cc", "Bcc")
    }
    _, formatted = plain_text.body_parts(root)
    return Letter(
        to=fields["To"],
        cc=fields["Cc"],
        bcc=fields["Bcc"],
        subject=root.header(octets, "Subject"),
        text=plain_text.readable(octets, root)[:MAX_TEXT],
        html=_own_html(html_view.source_of(octets, formatted)),
        urgent=bool(root.header(octets, "X-Priority").startswith("1")),
        alert=root.header(octets, urgent_letters.FIELD).strip().lower() == urgent_letters.VALUE,
        receipt=bool(root.header(octets, "Disposition-Notification-To")),
        answers=_integer(known.get("answers")),
        forwards=tuple(map(_integer, _several(known.get("forwards")))),
        box=max(0, _integer(known.get("box"))),
        quotes=known.get("quotes") is True,
        draft=draft_id,
        key=str(known.get("key", ""))[:64],
        sender=str(known.get("sender", ""))[:320],
        behalf=known.get("behalf") is True,
        delivery=known.get("delivery") is True,
        apart=known.get("apart") is True,
        require_tls=known.get("require_tls") is True,
        copy=_integer(known.get("copy")),
        signature=_integer(known.get("signature")),
        language=spoken(str(known.get("language", ""))),
    )


def _own_html(page: str) -> str:
    """The body of a draft's HTML, without the page around it."""
    return outgoing(page[:MAX_TEXT])


def _known(ours: str) -> dict[str, object]:
    """What our form noted in a draft; another program may have written anything there."""
    try:
        found = json.loads(ours)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _integer(value: object) -> int:
    return value if isinstance(value, int) and -1 <= value < 10**18 else 0


def _several(value: object) -> list[object]:
    return value[:MAX_FORWARDS] if isinstance(value, list) else []


def _attachments(octets: bytes, root: Part) -> list[Attachment]:
    """Files, and the pictures that the HTML shows, or will once it is kept, too."""
    return [
        replace(message_parts.file(part, octets), content_id="" if part.is_attachment else part.content_id)
        if part.type.startswith("image/")
        else message_parts.file(part, octets)
        for part in (*root.attachments(), *message_parts.within(root))
    ]
