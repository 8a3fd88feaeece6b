"""Leaving a list from the message it sent: the ways it names itself (RFC 2369, RFC 8058), taken only when asked to.

By mail it is a letter of the reader's own; by one click, a POST of ours that says nothing of the reader beyond what the
address itself says. A page where one has to click is only ever offered as a link.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from starlette.responses import Response

from mailserver import address
from mailserver.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.mime import Part, compose, headers, unpack
from mailserver.mime.compose import NewMessage
from mailserver.mime.fields import Correspondent
from mailserver.outside import MAX_ADDRESS, Unreachable
from webui import plain
from webui.compose.letters import author
from webui.reader import reading
from webui.reader.said import back
from webui.visit import Services, Visit

log = structlog.get_logger("webui")

MAX_SUBJECT = 200
MAX_BODY = 2000
_ENTRY = re.compile(r"<\s*([^<>\s]{1,4000})\s*>")
_ONE_CLICK = "list-unsubscribe=one-click"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a `mailto:` asks to be written (RFC 6068)."""

    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a list is left: one of the three, the best that its message names."""

    one_click: str = ""
    """An address to be posted to."""
    letter: Letter | None = None
    page: str = ""
    """An address for the reader to visit."""

    @property
    def where(self) -> str:
        """Whom it leads to, for the question before it is taken."""
        return self.letter.to if self.letter else urlsplit(self.one_click or self.page).hostname or ""


def way(octets: bytes, root: Part) -> Way | None:
    """The best way a message names; None when it names none that can be taken."""
    found: dict[str, str] = {}
    for one in headers.named(octets, root.start, root.body, "list-unsubscribe", "list-unsubscribe-post"):
        if one.name not in found:
            found[one.name] = headers.as_text(octets[one.value : one.end])
    entries = _ENTRY.findall(found.get("list-unsubscribe", "")[: 4 * MAX_ADDRESS])[:10]
    page = next((entry for entry in entries if entry[:8].lower() == "https://" and _has_host(entry)), "")
    if page and _ONE_CLICK in found.get("list-unsubscribe-post", "").replace(" ", "").lower():
        return Way(one_click=page)
    letters = (letter(entry) for entry in entries if entry[:7].lower() == "mailto:")
    if (first := next(filter(None, letters), None)) is not None:
        return Way(letter=first)
    return Way(page=page) if page else None


def letter(mailto: str) -> Letter | None:
    """The letter a `mailto:` asks for: one recipient, a subject, a text. Everything else it says is left out."""
    target, _, query = mailto[7:].partition("?")
    try:
        to = str(address.parse(unquote(target)))
        asked = {name.lower(): values[0] for name, values in parse_qs(query, max_num_fields=20).items()}
    except (BadSyntax, ValueError):
        return None
    subject = plain.line(headers.clean(asked.get("subject", "")), MAX_SUBJECT)
    return Letter(to, subject or "unsubscribe", asked.get("body", "")[:MAX_BODY])


def _has_host(entry: str) -> bool:
    try:
        return bool(urlsplit(entry).hostname)
    except ValueError:
        return False


async def leave(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/desabonner. Raises Refused(NOT_FOUND) where the message names no way of its own."""
    found, octets = await reading.load(services, visit, upto=reading.TEXT_OCTETS)
    chosen = way(octets, unpack(found.parts))
    if chosen is None or chosen.page:
        raise Refused(Reason.NOT_FOUND)
    try:
        if chosen.letter is not None:
            await _write(services, visit, chosen.letter)
            done = True
        else:
            body = b"List-Unsubscribe=One-Click"
            status = await services.outside.post(chosen.one_click, body, "application/x-www-form-urlencoded")
            done = 200 <= status < 300
    except (Unreachable, Refused, Temporary) as why:
        log.info("not unsubscribed", account=visit.account_id, why=str(why))
        done = False
    return back(visit, found.id, found.box.id, "desabonne" if done else "desabonne-echec")


async def _write(services: Services, visit: Visit, wanted: Letter) -> None:
    message = NewMessage(
        author=author(visit.principal),
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        to=(Correspondent("", wanted.to),),
        subject=wanted.subject,
        text=wanted.body or wanted.subject,
        zone=visit.language.offset(visit.now),
    )
    await services.submission.submit(visit.principal, visit.principal.address, (wanted.to,), compose.build(message))
