"""Leaving a list from the message it sent: the ways it names itself (RFC 2369, RFC 8058), taken only when asked to.

Nobody reads what leaves so, thus it never says a stranger's words. By mail it is a sentence of ours in the reader's
name, with at most the mark by which the list knows them, to one address that is not of this house; its copy is in
Sent. By one click it is a POST of ours that says nothing of the reader beyond what the address itself says. A page
where one has to click is only ever offered as a link.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import structlog
from starlette.responses import Response

from mailserver.foundation.network.safe_fetch import MAX_ADDRESS, Unreachable
from mailserver.foundation.settings import Settings
from mailserver.mime import Part, unpack
from mailserver.mime.header import headers
from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import NewMessage
from mailserver.mime.writing.fields import Correspondent
from mailserver.model import address
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.outbound.submission import became
from mailserver.outbound.submission.became import Became
from mailserver.store.web.webmail import Stored
from webui.compose.message.message_form import author
from webui.page.context import Services, Visit
from webui.page.words.became import parameter
from webui.reader import message_parts
from webui.reader.flash_texts import back

log = structlog.get_logger("webui")

MAX_HEADERS = 20
"""Header fields of a `mailto:` that are looked at."""
WORD = "unsubscribe"
SENTENCE = (
    "Demande de désabonnement : merci de retirer mon adresse de votre liste de diffusion.\n\n"
    "Request to unsubscribe: please remove my address from your mailing list.\n"
)
_MARK = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9._=+-]{1,64}")
"""A list's mark for a reader; it has a digit, for words in the reader's name are ours."""
_ENTRY = re.compile(r"<\s*([^<>\s]{1,4000})\s*>")
_ONE_CLICK = "list-unsubscribe=one-click"


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter for a `mailto:` (RFC 6068)."""

    to: str
    mark: str
    """By which the list knows the reader; empty: it says none."""

    @property
    def subject(self) -> str:
        return f"{WORD} {self.mark}".rstrip()


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


def way(octets: bytes, root: Part, own: Collection[str], may_click: bool) -> Way | None:
    """The best way a message names; None when it names none that can be taken.

    `own`: the names of this house, lower case: nothing is sent there. `may_click`: one click may be enough.
    """
    found: dict[str, str] = {}
    for one in headers.named(octets, root.start, root.body, "list-unsubscribe", "list-unsubscribe-post"):
        if one.name not in found:
            found[one.name] = headers.as_text(octets[one.value : one.end])
    entries = _ENTRY.findall(found.get("list-unsubscribe", "")[: 4 * MAX_ADDRESS])[:10]
    page = next((entry for entry in entries if entry[:8].lower() == "https://" and _is_elsewhere(entry, own)), "")
    if may_click and page and _ONE_CLICK in found.get("list-unsubscribe-post", "").replace(" ", "").lower():
        return Way(one_click=page)
    letters = (letter(entry, own) for entry in entries if entry[:7].lower() == "mailto:")
    if (first := next(filter(None, letters), None)) is not None:
        return Way(letter=first)
    return Way(page=page) if page else None


def may_click(found: Stored) -> bool:
    """Whether a valid signature covers the way of one click (RFC 8058 section 4), as far as anybody looked."""
    results = found.provenance.results
    return results.one_click or not results.checked


def letter(mailto: str, own: Collection[str]) -> Letter | None:
    """The letter a `mailto:` gives rise to, to its one address; None where that is ours, a literal, or none.

    Of all else that it says, only a mark alone in its subject, or behind the word that asks, is kept.
    """
    target, _, query = mailto[7:].partition("?")
    try:
        to = address.parse(unquote(target))
    except BadSyntax:
        return None
    if to.domain in own or to.domain.startswith("["):
        return None
    subject = ""
    for header in query.split("&")[:MAX_HEADERS]:
        name, _, value = header.partition("=")
        if name.lower() == "subject":
            subject = unquote(value)
            break
    words = subject.split()
    if words and words[0].lower() == WORD:
        words = words[1:]
    return Letter(str(to), words[0] if len(words) == 1 and _MARK.fullmatch(words[0]) else "")


def own_names(settings: Settings) -> frozenset[str]:
    """The domains and hosts of this house."""
    host = urlsplit(settings.public_url).hostname or ""
    return frozenset(name.lower() for name in (*settings.domains, settings.name, host) if name)


def _is_elsewhere(entry: str, own: Collection[str]) -> bool:
    try:
        host = (urlsplit(entry).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    return bool(host) and host not in own


async def leave(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/desabonner. Raises Refused(NOT_FOUND) where the message names no way of its own."""
    found, octets = await message_parts.load(services, visit, upto=message_parts.TEXT_OCTETS)
    chosen = way(octets, unpack(found.parts), own_names(services.settings), may_click(found))
    if chosen is None or chosen.page:
        raise Refused(Reason.NOT_FOUND)
    if chosen.letter is not None:
        letter = await _write(services, visit, chosen.letter)
        return back(visit, found.id, found.box.id, "desabonne", **parameter(letter))
    body = b"List-Unsubscribe=One-Click"
    try:
        answer = await services.outside.post(chosen.one_click, body, "application/x-www-form-urlencoded")
        done = 200 <= answer.status < 300
    except (Unreachable, Refused) as why:
        log.info("not unsubscribed", account=visit.account_id, why=str(why))
        done = False
    return back(visit, found.id, found.box.id, "desabonne" if done else "desabonne-echec")


async def _write(services: Services, visit: Visit, wanted: Letter) -> Became:
    message = NewMessage(
        author=author(visit.principal),
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        to=(Correspondent("", wanted.to),),
        subject=wanted.subject,
        text=SENTENCE,
        zone=visit.language.offset(visit.now),
    )
    own = visit.principal.address
    return await became.told(
        services.submission.submit(visit.principal, own, (wanted.to,), compose.build(message), save_to_sent=True)
    )
