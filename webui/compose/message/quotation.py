"""The message that a letter answers or passes on, as the letter quotes it: made here, not in the browser.

A quotation stays out of the editor: the form shows it folded, and it is put in when the letter leaves, so typing is
quick and what other programs wrote does not come apart in an editor. "Modifier la citation" puts it in the text.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape

from mailserver.mime import Part
from mailserver.mime.writing.compose import Attachment
from mailserver.mime.writing.replies import quote
from mailserver.model.errors import Refused
from webui.compose.message import sources
from webui.compose.message.message_form import Letter, Quoted
from webui.compose.message.sources import Source
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.reader import message_parts
from webui.reader.content import html_view, plain_text

MAX_SHOWN = 4000
"""Characters of a quotation that the form shows."""
PICTURE_OCTETS = 2 * 1024 * 1024
"""Of one picture that is quoted along."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9!$*+/=?^_{|}~.@-]+")
"""A content id that means the same in a header and in an address (RFC 2392)."""


async def quoted(services: Services, visit: Visit, letter: Letter) -> Quoted | None:
    """What the letter quotes; None: nothing, or the message is not there any more."""
    source = await _source(services, visit, letter)
    if source is None:
        return None
    return await computed(plain_text.weight(source.root), _quoted, visit, letter, source)


async def shown(services: Services, visit: Visit, letter: Letter) -> str:
    """The beginning of the quotation as text, for the form; empty: there is none."""
    found = await quoted(services, visit, replace(letter, html=""))
    return found.text[:MAX_SHOWN] if found else ""


async def imported(services: Services, visit: Visit, letter: Letter) -> tuple[Letter, Sequence[Attachment]]:
    """The letter with the quotation in its text, to be changed there; and the pictures that come along."""
    found = await quoted(services, visit, letter)
    if found is None:
        return replace(letter, quotes=False), ()
    below = visit.preferences.answer_below
    own = letter.text.strip("\n")
    text = f"{found.text}\n{own}" if below else f"{own}\n\n{found.text}"
    html = ""
    if letter.html:
        html = found.html + letter.html if below else letter.html + found.html
    return replace(letter, quotes=False, text=text, html=html), found.pictures


async def _source(services: Services, visit: Visit, letter: Letter) -> Source | None:
    if not letter.source:
        return None
    try:
        if letter.html:
            return await sources.message(services, visit, letter.source, letter.box)
        return await sources.with_text(services, visit, letter.source, letter.box)
    except Refused:
        return None


def _quoted(visit: Visit, letter: Letter, source: Source) -> Quoted:
    text = plain_text.readable(source.octets, source.root)[: plain_text.MAX_SHOWN]
    head = _forwarded(visit, source) if not letter.answers else [_introduction(visit, source)]
    if letter.answers:
        plain = f"{head[0]}\n{quote(text)}"
    else:
        plain = "\n".join([*head, "", text])
    if not letter.html:
        return Quoted(plain)
    html, pictures = _html(source, text)
    lines = "<br>".join(escape(line) for line in head)
    mark = ' style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"'
    body = f"<blockquote{mark}>{html}</blockquote>" if letter.answers else f"<div>{html}</div>"
    return Quoted(plain, f"<div><div>{lines}</div>{body}</div>", pictures)


def _html(source: Source, text: str) -> tuple[str, tuple[Attachment, ...]]:
    """The original as cleaned HTML, with the pictures of its own that it shows."""
    _, formatted = plain_text.body_parts(source.root)
    if not formatted:
        return "<div>" + "<br>".join(escape(line) for line in text.split("\n")) + "</div>", ()
    named = {part.content_id: part for part in source.root.walk() if part.content_id and part.number}
    wanted: dict[str, Part] = {}

    def inline(name: str) -> str:
        part = named.get(name)
        if part is None or not carries(part):
            return ""
        own = name if _PLAIN_ID.fullmatch(name) else f"{hashlib.sha256(name.encode()).hexdigest()[:32]}@quotation"
        wanted[own] = part
        return f"cid:{own}"

    cleaned = html_view.clean_parts(source.octets, formatted, inline)
    pictures = tuple(
        Attachment(part.filename or f"image-{part.number}", part.type, part.content(source.octets), name)
        for name, part in wanted.items()
    )
    return cleaned.html, pictures


def carries(part: Part) -> bool:
    """Whether a quotation in HTML takes a picture along."""
    return part.type.startswith("image/") and part.size <= PICTURE_OCTETS


def _introduction(visit: Visit, source: Source) -> str:
    stored = source.stored
    return visit._("Le %(date)s, %(sender)s a écrit :") % {
        "date": visit.language.long_date(stored.sent_at or stored.date),
        "sender": stored.sender or stored.sender_address,
    }


def _forwarded(visit: Visit, source: Source) -> list[str]:
    _ = visit._
    head = message_parts.letterhead(source.octets, source.root, source.stored)
    to = [_("À : %(value)s") % {"value": _people(head.to)}] if head.to else []  # blind copies and lists name nobody
    return [
        _("---------- Message transféré ----------"),
        _("De : %(value)s") % {"value": _people(head.sender)},
        _("Date : %(value)s") % {"value": visit.language.long_date(head.date)},
        _("Objet : %(value)s") % {"value": head.subject},
        *to,
    ]


def _people(those: Sequence[message_parts.Person]) -> str:
    return ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in those)
