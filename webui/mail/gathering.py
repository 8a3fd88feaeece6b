"""Chosen messages as one file: a zip of .eml files, or an mbox."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response

from mailserver.errors import Damaged, Refused
from mailserver.store import mailboxes, messages
from mailserver.store.access import Viewer
from mailserver.store.transactions import Store, Tx
from mailserver.store.webmail import Chosen, handling
from mailserver.store.webmail.choosing import BATCH
from mailserver.takeaway import mbox
from mailserver.takeaway.zipping import FIRST_MOMENT, Zip
from webui import headers
from webui.announcing import done
from webui.mail import acting
from webui.rendering import redirect
from webui.turns import Turns
from webui.visit import Services, Visit

AT_ONCE = 2
"""Files that one worker makes at the same time: each keeps a thread busy."""
MAX_MESSAGES = 20_000
MAX_NAME = 80
STAND_IN = (
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject: message abime\r\n\r\n"
    "Ce message est abîmé dans le stockage du service et n'a pas pu être emporté.\r\n"
    "This message is damaged in the service's storage and could not be taken along.\r\n"
).encode()
"""In the place of a message that cannot be read."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


class Gathering:
    """One per worker."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE)

    async def fetch(self, services: Services, visit: Visit) -> Response:
        """POST /dossier/{box}/emporter: the file, as it is made."""
        box_id = int(visit.request.path_params["box"])
        viewer = await services.sharing.viewer(visit.principal)
        chosen = await acting.read_chosen(services, visit, viewer, box_id)
        if chosen is None:
            return redirect(visit, acting.return_address(visit, box_id), **done("rien"))
        await services.store.read(handling.chosen_messages, viewer, box_id, chosen)  # refused before it begins
        as_mbox = visit.form.text("sous") == "mbox"
        name = f"messages-{time.strftime('%Y-%m-%d', time.gmtime(visit.now))}.{'mbox' if as_mbox else 'zip'}"
        kind = "application/mbox" if as_mbox else "application/zip"
        make = _mbox if as_mbox else _zip
        pieces = make(_read(services.store, viewer, box_id, chosen))
        return self._turns.answer(visit.account_id, pieces, headers.download(visit.secure, kind, name))


_Message = tuple[bytes, int, int, tuple[str, ...], str]
"""Octets, INTERNALDATE, flags, the mailbox's keywords, subject."""


def _read(store: Store, viewer: Viewer, box_id: int, chosen: Chosen) -> Iterator[_Message]:
    """The messages, one after the other; those that go meanwhile are left out."""
    after = count = 0
    while count < MAX_MESSAGES:
        owner, uids = store.read_now(handling.chosen_messages, viewer, box_id, chosen, after)
        for uid in uids:
            found = store.read_now(_message, owner, box_id, uid, store.blobs)
            if found is not None:
                yield found
        count += len(uids)
        if (chosen.everything is None and len(uids) < BATCH) or not uids:
            return
        after = uids[-1]


def _message(tx: Tx, owner: int, box_id: int, uid: int, folder: Path) -> _Message | None:
    rows = messages.fetch_uids(tx, owner, box_id, ("uid", "internal_date", "flags", "subject"), [uid])
    try:
        octets = messages.octets(tx, owner, box_id, uid, folder) if rows else b""
    except Damaged:
        octets = STAND_IN
    except Refused:
        return None
    if not rows:
        return None
    _, received, mask, subject = rows[0]
    return octets, received, mask, mailboxes.keywords(tx, box_id), subject


def _mbox(found: Iterator[_Message]) -> Iterator[bytes]:
    for octets, received, mask, keywords, _ in found:
        yield mbox.entry(octets, received, mask, keywords)


def _zip(found: Iterator[_Message]) -> Iterator[bytes]:
    made = Zip(FIRST_MOMENT)
    for number, (octets, received, _, _, subject) in enumerate(found, 1):
        name = _UNSAFE.sub(" ", subject).strip(". ")[:MAX_NAME] or "message"
        made.add(f"{number:05} {name}.eml", octets, max(time.gmtime(received)[:6], FIRST_MOMENT))
        if made.is_due:
            yield made.take()
    yield made.close()
