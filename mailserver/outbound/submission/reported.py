"""Phishing reported from a mail program: passed on as an attachment to the address for reports (`[web] phishing`).

Whoever has no button for it does what every program can. An attached message that its sender has in a mailbox is filed
as the button would file it, in the unit that sends the message; what they do not have here is read by nobody but
whoever gets mail for the address.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.foundation.settings import Settings
from mailserver.mime import scan, unpack
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.model.messages import objectids
from mailserver.model.messages.likeness import Likeness
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.octets.files import BlobFolder
from mailserver.store.withdrawal import finding, reports

MAX_ATTACHED = 20
"""Messages of one letter that are looked for."""
MAX_OCTETS = 128 * 1024
"""Of an attached message that are read: what names it stands in its header."""
_KINDS = ("message/rfc822", "message/global")


@dataclass(frozen=True, slots=True)
class Attached:
    """What an attached message is found by."""

    message_id: str
    thread: int


Within = Callable[[Tx], None]


class Reported:
    """Reads them. One per worker."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def filing(self, principal: Principal | None, recipients: Sequence[str], octets: bytes) -> Within | None:
        """What files the reports that a letter brings, within its unit; None: it brings none. Raises Temporary."""
        to = self._settings.web.phishing.casefold()
        if not to or principal is None or to not in (one.casefold() for one in recipients):
            return None
        named = await asyncio.to_thread(attached, octets)
        account_id, folder = principal.account_id, self._store.blobs
        found = await self._store.read(_held, account_id, named, folder) if named else ()
        if not found:
            return None

        def within(tx: Tx) -> None:
            for content_id, likeness in found:
                with contextlib.suppress(Refused):  # gone meanwhile, or as many as may be: the letter itself goes
                    reports.file(tx, account_id, content_id, likeness)

        return within


def attached(octets: bytes) -> list[Attached]:
    """The messages attached to one: opened ones, and those that a program encoded or called just a file."""
    found: dict[Attached, None] = {}
    for part in unpack(scan(octets).parts).walk():
        if part.is_message:
            child = part.children[0]
            inner = octets[child.start : min(child.end, child.start + MAX_OCTETS)]
        elif part.type in _KINDS or part.filename.lower().endswith(".eml"):
            inner = part.content(octets, MAX_OCTETS)
        else:
            continue
        said = scan(inner)
        if said.message_id:
            thread = objectids.thread_number(said.references or said.in_reply_to or said.message_id)
            found[Attached(said.message_id, thread)] = None
        if len(found) == MAX_ATTACHED:
            break
    return list(found)


def _held(tx: Tx, account_id: int, named: Sequence[Attached], folder: BlobFolder) -> list[tuple[int, Likeness]]:
    """Those that the account has."""
    found = []
    for one in named:
        with contextlib.suppress(Refused):
            content_id = finding.held_by(tx, account_id, one.message_id, one.thread)
            found.append((content_id, finding.likeness_of(tx, content_id, folder, alike=True, account_id=account_id)))
    return found
