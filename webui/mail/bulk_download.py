"""Chosen messages as one file: a zip of .eml files, or an mbox."""

import re
from collections.abc import Iterator

from starlette.responses import Response

from mailserver.accounts.data_export import chosen as chosen_messages
from mailserver.accounts.data_export import mbox
from mailserver.accounts.data_export.chosen import ChosenMessage
from mailserver.accounts.data_export.zipping import Zip
from mailserver.store.web.webmail import handling
from webui.http import headers
from webui.http.turns import Turns
from webui.mail.after_action import return_address
from webui.mail.chosen_messages import read_chosen
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect

AT_ONCE = 2
"""Files that one worker makes at the same time: each keeps a thread busy."""
MAX_NAME = 80
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


class Gathering:
    """One per worker."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE)

    async def fetch(self, services: Services, visit: Visit) -> Response:
        """POST /dossier/{box}/emporter: the file, as it is made."""
        box_id = int(visit.request.path_params["box"])
        viewer = await services.sharing.viewer(visit.principal)
        chosen = await read_chosen(services, visit, viewer, box_id)
        if chosen is None:
            return redirect(visit, return_address(visit, box_id), **done("rien"))
        await services.store.read(handling.chosen_messages, viewer, box_id, chosen)  # refused before it begins
        as_mbox = visit.form.text("sous") == "mbox"
        name = f"messages-{visit.language.day(visit.now)}.{'mbox' if as_mbox else 'zip'}"
        kind = "application/mbox" if as_mbox else "application/zip"
        messages = chosen_messages.read(services.store, viewer, box_id, chosen)
        pieces = _mbox(messages) if as_mbox else _zip(messages, Zip(visit.now, visit.language.zone))
        return self._turns.answer(visit.account_id, pieces, headers.download(visit.secure, kind, name))


def _mbox(found: Iterator[ChosenMessage]) -> Iterator[bytes]:
    for message in found:
        yield mbox.entry(message.octets, message.received, message.flags, message.keywords)


def _zip(found: Iterator[ChosenMessage], made: Zip) -> Iterator[bytes]:
    for number, message in enumerate(found, 1):
        name = _UNSAFE.sub(" ", message.subject).strip(". ")[:MAX_NAME] or "message"
        made.add(f"{number:05} {name}.eml", message.octets, message.received)
        if made.is_due:
            yield made.take()
    yield made.close()
