"""`/compte/export`: a person takes along everything their account holds."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from mailserver.accounts.data_export import archive
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts
from mailserver.store.mail import messages
from webui.account.security.overview import origin
from webui.http import headers
from webui.http.turns import Turns
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings

log = structlog.get_logger("webui")

AT_ONCE = 2
"""Archives that one worker makes at the same time: each keeps a thread busy."""


@dataclass(frozen=True, slots=True)
class TakeawayPage:
    """How much there is."""

    frame: MailShell
    octets: int
    messages: int
    closing: str


class DataExport:
    """The page and the archive. One per worker."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE)

    async def show(self, services: Services, visit: Visit) -> Response:
        """GET /compte/export."""
        octets, count = await services.store.read(messages.usage, visit.account_id)
        frame = await surroundings(services, visit)
        page = TakeawayPage(frame, octets, count, frame.closing)
        return services.pages.answer(visit, "account/settings/takeaway.html", page)

    async def fetch(self, services: Services, visit: Visit) -> Response:
        """POST /compte/export: the archive, as it is made."""
        standing = await services.store.read(accounts.get, visit.account_id)
        if standing is None:
            raise Refused(Reason.NOT_FOUND)
        self._turns.check(visit.account_id)
        await services.store.write(archive.record, origin(visit), visit.account_id)
        day = visit.language.day(visit.now)
        pieces = _told(archive.stream(services.store, visit.principal, standing, visit.language.zone), visit.account_id)
        fields = headers.download(visit.secure, "application/zip", f"{visit.principal.login}-{day}.zip")
        return self._turns.answer(visit.account_id, pieces, fields)


def _told(pieces: Iterator[bytes], account_id: int) -> Iterator[bytes]:
    yield from pieces
    log.info("archive taken", account=account_id)
