"""What stands beside a letter in wide windows: who wrote it, as the directory knows them, and what else came of them.

Nothing stands there where something is noticed about the message, or in a mailbox of others: a familiar face must not
vouch for what borrows it.
"""

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mailserver.calendars.own import common_events
from mailserver.mime import unpack
from mailserver.model.errors import Refused
from mailserver.store.web.webmail import Stored, sender_history
from mailserver.store.web.webmail.sender_history import Earlier
from webui.http.offload import computed
from webui.page.agenda_links import item_id
from webui.page.agenda_turn import alone
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import query_string
from webui.page.words import plain
from webui.page.words.role_labels import role_words
from webui.reader.message_parts import Person, Piece, pieces

LETTERS, FILES = 4, 4
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Way:
    """Something that came earlier, or is to come: what it is called, where it leads, and when."""

    name: str
    address: str
    date: int


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Who wrote, and what else of theirs one has."""

    name: str
    facts: Sequence[str]
    card: str
    """Their page in the directory; empty: they are not in it, or it is not proven that they wrote."""
    meeting: Way | None
    """The next event that they are to come to, or have called, of one's own agendas."""
    every: str
    """All messages of theirs."""
    files: Sequence[Way]
    letters: Sequence[Way]


async def beside(
    services: Services, visit: Visit, found: Stored, sender: Sequence[Person], *, verified: bool
) -> Correspondent | None:
    """Who wrote a message; None: nothing more is known of them than the message says."""
    address = found.sender_address
    if not address or not sender:
        return None
    earlier = await services.store.read(sender_history.earlier, visit.account_id, address, found.id)
    name, facts, card = sender[0].name or sender[0].address, list[str](), ""
    if verified:
        try:
            person = await services.browsing.person(visit.principal, address)
        except Refused:  # not to be known of by this reader
            pass
        else:
            name, card = person.principal.name, f"/contacts/annuaire/{quote(person.principal.address, safe='@')}"
            facts = [person.detail or role_words(visit, person.principal.role), ", ".join(person.schools)]
    meeting = await _meeting(services, visit, address)
    if not earlier and not card and meeting is None:
        return None
    files = await computed(sum(len(one.parts) for one in earlier), _files, visit.base, earlier)
    return Correspondent(
        name,
        [fact for fact in facts if fact],
        card,
        meeting,
        f"{visit.base}/recherche?{query_string(q=f'de:{address}')}",
        files,
        [Way(plain.line(one.subject, MAX_NAME), _letter(visit.base, one), one.date) for one in earlier[:LETTERS]],
    )


async def _meeting(services: Services, visit: Visit, address: str) -> Way | None:
    now = datetime.datetime.fromtimestamp(visit.now, visit.language.zone)
    own = (visit.principal.address, *visit.principal.aliases)
    async with alone(visit.account_id):
        found = await services.store.read(common_events.rows, visit.account_id, address, now)
        if not found:
            return None
        one = await asyncio.to_thread(common_events.following, found, address, own, now, visit.language.zone)
    if one is None:
        return None
    page = f"/agenda/evenement/{item_id(one.collection_id, one.href)}"
    name = plain.line(one.title, MAX_NAME) or visit._("(sans titre)")
    return Way(name, page + (f"?{query_string(le=one.key)}" if one.key else ""), int(one.start.timestamp()))


def _letter(base: str, one: Earlier) -> str:
    return f"{base}/message/{one.id}?{query_string(d=one.mailbox_id)}"


def _files(base: str, earlier: Sequence[Earlier]) -> Sequence[Way]:
    """The latest files that can be looked at here; others are found in their letters."""
    found = [
        Way(piece.name, _file(base, one, piece), one.date)
        for one in earlier
        if one.parts
        for piece in pieces(unpack(one.parts))
        if piece.preview and not piece.danger
    ]
    return found[:FILES]


def _file(base: str, one: Earlier, piece: Piece) -> str:
    return f"{base}/message/{one.id}/apercu/{piece.number}?{query_string(d=one.mailbox_id)}"
